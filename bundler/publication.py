"""A name means complete: the one helper that puts files under their final names.

Temporary file in the same directory → write → fsync → rename → fsync the directory. Whoever is killed at any moment
leaves the old file or the new one, and at worst a temporary file whose name starts with `.bundler-`. Nothing else in
bundler writes a final name. OSErrors leave as EnvironmentProblem.

`durable=False` skips both fsyncs: only for the cache, whose every read is checked against a digest, so that a file torn
by a power loss is dropped and fetched again.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from bundler.errors import EnvironmentProblem

__all__ = ["is_temporary", "publish_directory", "publish_file", "temporary_sibling"]

_TEMPORARY = re.compile(r"\.bundler-[0-9a-f]{16}")


def temporary_sibling(path: Path) -> Path:
    """A fresh name beside `path`, on the same file system."""
    return path.parent / f".bundler-{secrets.token_hex(8)}"


def is_temporary(name: str) -> bool:
    """Whether a file name is one that `temporary_sibling` gives: what a kill may leave."""
    return _TEMPORARY.fullmatch(name) is not None


@contextlib.contextmanager
def publish_file(path: Path, *, durable: bool = True) -> Iterator[BinaryIO]:
    """Give a stream to write; when the block ends well, its bytes stand under `path`, replacing a former file at once.

    Modes follow the umask. When the block raises, nothing stays.

    Raises:
        EnvironmentProblem: the file system refused.
    """
    temporary = temporary_sibling(path)
    try:
        with open(temporary, "xb") as stream:
            yield stream
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        os.replace(temporary, path)
        if durable:
            sync_directory(path.parent)
    except OSError as exc:
        raise EnvironmentProblem.from_os_error(exc, f"write {path}") from exc
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


@contextlib.contextmanager
def publish_directory(path: Path, *, replace: bool = False, last: str | None = None) -> Iterator[Path]:
    """Give a directory to fill; when the block ends well, it stands under `path`.

    `path` may be absent or an empty directory; with `replace` also a full one, which is then moved aside, and removed
    once the new one is in its place; a file or a link is never replaced. The files inside are the caller's to fsync.
    When the block raises, nothing stays.

    A directory that can't be exchanged (a mount point, the working directory, one in a place we may not write to) is
    filled file by file instead, each whole at once and the file named `last` at the very end.

    Raises:
        EnvironmentProblem: the file system refused.
    """
    staying = path.is_dir() and _must_stay(path)
    temporary = temporary_sibling(path / "new" if staying else path)
    try:
        temporary.mkdir()
        yield temporary
        sync_directory(temporary)
        if staying:
            _move_in(temporary, path, last)
        else:
            _put_in_place(temporary, path, replace=replace)
        sync_directory(path if staying else path.parent)
    except OSError as exc:
        raise EnvironmentProblem.from_os_error(exc, f"write the directory {path}") from exc
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _must_stay(path: Path) -> bool:
    return os.path.ismount(path) or path.samefile(os.curdir) or not os.access(path.parent, os.W_OK | os.X_OK)


def _move_in(temporary: Path, path: Path, last: str | None) -> None:
    new = sorted(os.listdir(temporary), key=lambda name: (name == last, name))
    for name in new:
        os.replace(temporary / name, path / name)
    for name in set(os.listdir(path)) - {*new, temporary.name}:  # of the former content
        (path / name).unlink()


def sync_directory(path: Path) -> None:
    """Make renames in a directory durable; a no-op where directories can't be opened (Windows)."""
    if os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _put_in_place(temporary: Path, path: Path, *, replace: bool) -> None:
    if not replace or not path.exists():
        if os.name == "nt" and path.exists():
            path.rmdir()  # POSIX renames over an empty directory, Windows doesn't
        os.rename(temporary, path)
        return
    if path.is_symlink() or not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    aside = temporary_sibling(path)
    os.rename(path, aside)
    try:
        os.rename(temporary, path)
    except BaseException:  # an interrupt too: the former directory must not stay away
        os.rename(aside, path)
        raise
    shutil.rmtree(aside, ignore_errors=True)
