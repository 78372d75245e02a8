"""Content-addressed files: the SHA-256 is the name, written once, checked on entry and on every use.

    <root>/sha256/ab/ab34…  (64 hexadecimal digits)

A blob appears only when its bytes are complete and have their hash, so two processes may write the same one. Links are
never followed. Whoever uses a blob calls `verify` first, in the same run: a bad one is dropped and counts as absent,
so that it is fetched again; the bundle's own check stands behind it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from bundler.digests import Digest
from bundler.errors import EnvironmentProblem, IntegrityError
from bundler.publication import publish_file

__all__ = ["BlobStore", "BlobWriter", "open_plain"]

_NO_LINKS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_GATHERED = 256 << 10


class BlobWriter:
    """Takes the bytes of a blob, hashing and counting them.

    Small pieces are put together first: hashing and writing each give up the interpreter's lock, and with several
    threads and pieces of 16 KiB getting it back took longer than the work.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._state = hashlib.sha256()
        self._pending: list[bytes] = []
        self._pending_size = 0
        self.size = 0

    def write(self, data: bytes) -> None:
        """Append some bytes."""
        self._pending.append(data)
        self._pending_size += len(data)
        self.size += len(data)
        if self._pending_size >= _GATHERED:
            self._flush()

    def restart(self) -> None:
        """Forget what was written."""
        self._flush()
        self._stream.seek(0)
        self._stream.truncate()
        self._state = hashlib.sha256()
        self.size = 0

    def digest(self) -> Digest:
        """The digest of what was written so far."""
        self._flush()
        return Digest("sha256", self._state.hexdigest())

    def _flush(self) -> None:
        data = b"".join(self._pending)
        self._pending, self._pending_size = [], 0
        self._state.update(data)
        self._stream.write(data)


class BlobStore:
    """The blobs below one directory, which is made when the first one comes."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, digest: Digest) -> Path:
        """Where a blob stands or would stand."""
        return self.root / digest.algorithm / digest.hexdigest[:2] / digest.hexdigest

    @contextlib.contextmanager
    def receive(self, digest: Digest, *, subject: str) -> Iterator[BlobWriter]:
        """Give a writer; when the block ends well and the bytes have that digest, they are the blob.

        Raises:
            IntegrityError: other bytes; nothing is kept. `subject` names the file in the message.
            EnvironmentProblem: the file system refused.
        """
        path = self.path(digest)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise EnvironmentProblem.from_os_error(exc, f"write {path}") from exc
        with publish_file(path, durable=False) as stream:
            writer = BlobWriter(stream)
            yield writer
            actual = writer.digest()
            if actual != digest:
                raise IntegrityError(f"{subject} has the wrong hash", expected=str(digest), actual=str(actual))

    def open(self, digest: Digest) -> BinaryIO:
        """Open a blob for reading.

        Raises:
            EnvironmentProblem: it isn't there or can't be read.
        """
        try:
            return open_plain(self.path(digest))
        except OSError as exc:
            raise EnvironmentProblem.from_os_error(exc, f"read {self.path(digest)}") from exc

    def verify(self, digest: Digest) -> bool:
        """Whether the blob is there with the bytes of its name; a bad one is dropped."""
        try:
            with open_plain(self.path(digest)) as stream:
                good = Digest.of(stream) == digest
        except FileNotFoundError:
            return False
        except OSError:  # a link, a directory, an I/O error: whatever it is, it isn't the blob
            good = False
        if not good:
            self.drop(digest)
        return good

    def size(self, digest: Digest) -> int:
        """The size in bytes of a blob, 0 if there is none."""
        try:
            return self.path(digest).lstat().st_size
        except OSError:
            return 0

    def drop(self, digest: Digest) -> None:
        """Remove a blob if it can be removed; the next `receive` replaces it in any case."""
        path = self.path(digest)
        with contextlib.suppress(OSError):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def open_plain(path: Path) -> BinaryIO:
    """Open a regular file for reading; a link or anything else is an OSError."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _NO_LINKS)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(f"not a regular file: {path}")
    return os.fdopen(descriptor, "rb")
