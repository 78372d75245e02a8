"""Where the cache lives, who owns it, and what to do when it can't be used.

    <cache>/v1/CACHEDIR.TAG     tells backup programs to pass by
    <cache>/v1/blobs/…          wheels and sdists (`cache.blobs`)
    <cache>/v1/pages/…          index answers (`cache.responses`)
    <cache>/v1/metadata/…       metadata of single wheels (`cache.responses`)
    <cache>/v1/checks/…         which wheels have been checked (`cache.responses`)
    <cache>/v1/recipes/…        how artifacts are put together of what is deflated in them (`cache.responses`)
    <cache>/v1/locks/…          what was locked, as long as nothing can have changed (`cache.responses`)

A cache that can't be used never fails the job: a temporary directory takes its place and is removed at the end, and
`notice` says why in one line. The default place is used only if it is ours and no home has to be made for it: under
sudo, in a chroot or for a user without a home nothing is left behind. A place that a person named is made with all its
parents. What anybody may write to isn't used. Another layout would be `v2`, beside this one.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bundler.cache.blobs import BlobStore
from bundler.cache.responses import ResponseStore
from bundler.errors import EnvironmentProblem
from bundler.publication import temporary_sibling

__all__ = ["KINDS", "Contents", "Store", "examine", "open_store"]

KINDS = ("blobs", "pages", "metadata", "checks", "recipes", "locks")

_LAYOUT = "v1"
_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# This directory is a cache of bundler. It can be removed.\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a cache holds of one kind; times are epoch seconds of the last change, None when there is nothing."""

    kind: str
    files: int
    bytes: int
    oldest: float | None
    newest: float | None


class Store:
    """An open cache, or its temporary stand-in; a context manager."""

    def __init__(self, root: Path, *, temporary: bool, notice: str | None = None) -> None:
        self.root = root
        self.temporary = temporary
        #: Why the cache that was asked for isn't used, in one line.
        self.notice = notice
        self.blobs = BlobStore(root / _LAYOUT / "blobs")
        self.responses = ResponseStore(root / _LAYOUT)

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the directory if it is a temporary one."""
        if self.temporary:
            shutil.rmtree(self.root, ignore_errors=True)

    def info(self) -> tuple[Contents, ...]:
        """What the cache holds, in the order of KINDS."""
        return examine(self.root)


def open_store(explicit: Path | None, *, default: Path, no_cache: bool = False) -> Store:
    """Open the cache that was named, or the default one, or with `no_cache` a temporary one.

    Raises:
        EnvironmentProblem: not even a temporary directory can be made.
    """
    if no_cache:
        return _temporary_store(None)
    root = explicit if explicit is not None else default
    try:
        reason = _obstacle(root, default=explicit is None)
        if reason is None:
            _prepare(root)
            return Store(root, temporary=False)
    except OSError as exc:
        reason = (exc.strerror or str(exc)).lower()
    return _temporary_store(f"the cache {root} isn't used: {reason}")


def examine(root: Path) -> tuple[Contents, ...]:
    """What a cache directory holds, in the order of KINDS; nothing where it isn't there or can't be read."""
    return tuple(_contents(root, kind) for kind in KINDS)


def _obstacle(root: Path, *, default: bool) -> str | None:
    """Why this directory can't be the cache, or None."""
    if root.exists():
        return _fault_of(root)
    if not default:
        return None
    # ~/.cache/bundler: that and its parent may be made, the home may not.
    existing = next((path for path in root.parents[:2] if path.exists()), None)
    if existing is None:
        return f"there is no {root.parents[1]}"
    return None if _is_ours(existing) else f"{existing} belongs to another user"


def _fault_of(root: Path) -> str | None:
    if not root.is_dir():
        return "it isn't a directory"
    if not _is_ours(root):
        return "it belongs to another user"
    if os.name != "nt" and root.stat().st_mode & stat.S_IWOTH:
        return "everybody may write to it"
    return None


def _is_ours(path: Path) -> bool:
    return os.name == "nt" or path.stat().st_uid == os.geteuid()


def _prepare(root: Path) -> None:
    """Make the directories, and find out whether they can be written to."""
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    for place in (root / _LAYOUT, *(root / _LAYOUT / kind for kind in KINDS)):
        place.mkdir(exist_ok=True)
        if place.is_symlink():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(place))
        probe = temporary_sibling(place / "probe")
        probe.touch()
        probe.unlink()
    tag = root / _LAYOUT / "CACHEDIR.TAG"  # not at the top, which may be a directory with other things in it
    if not tag.exists():
        tag.write_text(_TAG, encoding="ascii")


def _temporary_store(notice: str | None) -> Store:
    try:
        return Store(Path(tempfile.mkdtemp(prefix="bundler-cache-")), temporary=True, notice=notice)
    except OSError as exc:
        raise EnvironmentProblem.from_os_error(exc, "make a temporary directory") from exc


def _contents(root: Path, kind: str) -> Contents:
    found = list(_statuses(root / _LAYOUT / kind))
    times = [status.st_mtime for status in found]
    size = sum(status.st_size for status in found)
    return Contents(
        kind=kind, files=len(found), bytes=size, oldest=min(times, default=None), newest=max(times, default=None)
    )


def _statuses(directory: Path) -> Iterator[os.stat_result]:
    for place, _, names in os.walk(directory):
        for name in names:
            try:
                status = os.lstat(os.path.join(place, name))
            except FileNotFoundError:  # another process was quicker
                continue
            if stat.S_ISREG(status.st_mode):
                yield status
