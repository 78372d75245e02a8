"""Files on their way into the directory: the third door for hashes.

A file means something only once its size and SHA-256 are as the manifest states, and it is safely on the disk. Whoever
writes it in one go from front to back hashes it on the way (`walking`); what was put together is hashed by `seal`.
Left out: the directory's final name, which only `publication` gives.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

from bundler.bundle.ahead import in_order
from bundler.bundle.manifest import MANIFEST_NAME, Artifact
from bundler.bundle.members import Piece
from bundler.digests import Digest
from bundler.errors import EnvironmentProblem, IntegrityError

__all__ = ["Sink", "copy_file", "file_sink", "seal", "write_file", "writing", "wrong_digest"]

_COPIED = 1 << 20  # bytes at once

#: Takes a piece and the file's bytes in it.
Sink = Callable[[Piece, memoryview], object]


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Translate what the file system refuses while a file or directory is written."""
    try:
        yield
    except OSError as exc:
        raise EnvironmentProblem.from_os_error(exc, f"write {exc.filename or path}") from exc


def write_file(path: Path, data: bytes) -> None:
    """Write a file and see it onto the disk.

    Raises:
        EnvironmentProblem: the file system refused.
    """
    with writing(path), open(path, "xb") as stream:
        stream.write(data)
        _sync(stream)


def file_sink(path: Path) -> Sink:
    """Write a file that the first piece makes and the last one makes durable; raises as `write_file`."""

    def sink(piece: Piece, data: memoryview) -> None:
        # Opened anew for each piece, so that a fault leaves nothing open.
        with writing(path), open(path, "xb" if piece.start == 0 else "ab") as stream:
            stream.write(data)
            if piece.is_last:
                _sync(stream)

    return sink


def copy_file(read: Callable[[int], bytes], size: int, path: Path) -> None:
    """Write a file of so many bytes, which is still to be sealed; raises as `read` and `write_file`."""
    with writing(path), open(path, "xb") as stream:
        for start in range(0, size, _COPIED):
            stream.write(read(min(_COPIED, size - start)))


def seal(
    artifacts: Iterable[Artifact],
    directory: Path,
    *,
    bundle: str,
    threads: int,
    progress: Callable[[int], object] = lambda size: None,
) -> None:
    """Check the SHA-256 of files that were made, and see them onto the disk.

    Raises:
        IntegrityError: a file isn't what the manifest states.
        EnvironmentProblem: the file system refused.
    """
    jobs = (partial(_seal, artifact, directory, bundle) for artifact in artifacts)
    with closing(in_order(jobs, threads)) as sizes:
        for size in sizes:
            progress(size)


def wrong_digest(subject: str, expected: Digest, actual: Digest) -> IntegrityError:
    """The error for a file that isn't the one that the manifest promised."""
    message = f"{subject} hasn't the SHA-256 that {MANIFEST_NAME} states"
    return IntegrityError(message, expected=expected.hexdigest, actual=actual.hexdigest)


def _seal(artifact: Artifact, directory: Path, bundle: str) -> int:
    path = directory / artifact.filename
    with writing(path), open(path, "r+b") as stream:  # Windows syncs only what may be written
        actual = Digest.of(stream)
        os.fsync(stream.fileno())
    if actual != artifact.digest:
        raise wrong_digest(f"{artifact.filename} in {bundle}", artifact.digest, actual)
    return artifact.size


def _sync(stream: BinaryIO) -> None:
    stream.flush()
    os.fsync(stream.fileno())
