"""The content of the packs, read out of the artifacts that hold it.

Blobs are inflated piece by piece, so that memory doesn't depend on them, and each is held against the SHA-256 that its
recipe states. A blob that is larger than a pack crosses the border to the next one; packs that share one are a run,
which is read from front to back. Runs are read independently of each other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from typing import BinaryIO

from bundler.bundle.packs import PlacedBlob
from bundler.bundle.recipes import read_blob
from bundler.errors import IntegrityError

__all__ = ["RunOfPacks", "runs_of_packs"]

#: Artifacts that a run holds open: neighbouring blobs are often of the same few.
_OPEN = 8

_Open = Callable[[str], BinaryIO]


class RunOfPacks:
    """Packs that are filled one after the other, since blobs cross their borders; `blobs` are theirs."""

    def __init__(self, packs: Sequence[int], blobs: Sequence[PlacedBlob], open_artifact: _Open) -> None:
        self.packs = packs
        self._pieces = _pieces(blobs, open_artifact)
        self._rest = b""
        self._left = sum(packs)

    def take(self, count: int) -> Iterator[bytes]:
        """Give the next `count` bytes; what has been given counts only when all has.

        Raises:
            IntegrityError: an artifact isn't what its recipe was made from.
        """
        self._left -= count
        while count:
            piece = self._rest or next(self._pieces)
            part, self._rest = piece[:count], piece[count:]
            count -= len(part)
            yield part
        if not self._left:
            next(self._pieces, None)  # the last blob is checked, and all is closed


def runs_of_packs(packs: Sequence[int], blobs: Iterable[PlacedBlob], open_artifact: _Open) -> Iterator[RunOfPacks]:
    """Say what packs of these sizes are filled with; artifacts are opened by file name, for each run anew."""
    source = iter(blobs)
    first = end = filled = 0
    run: list[PlacedBlob] = []
    for number, size in enumerate(packs, 1):
        end += size
        while filled < end:
            run.append(next(source))
            filled += run[-1].size
        if filled == end:
            yield RunOfPacks(packs[first:number], run, open_artifact)
            first, run = number, []


def _pieces(blobs: Iterable[PlacedBlob], open_artifact: _Open) -> Iterator[bytes]:
    with closing(_Artifacts(open_artifact)) as artifacts:
        for blob in blobs:
            yield from _read(blob, artifacts.stream(blob.filename))


def _read(blob: PlacedBlob, stream: BinaryIO) -> Iterator[bytes]:
    state, size = hashlib.sha256(), 0
    for piece in read_blob(stream, blob.offset, blob.size, is_deflated=blob.is_deflated):
        state.update(piece)
        size += len(piece)
        if size > blob.size:
            break
        yield piece
    if size != blob.size or state.digest() != blob.digest:
        raise IntegrityError(
            f"{blob.filename} isn't what its recipe was made from",
            expected=f"{blob.size} bytes with the SHA-256 {blob.digest.hex()} behind byte {blob.offset}",
            actual=f"{size} bytes, {state.hexdigest()}",
        )


class _Artifacts:
    """Open artifacts, those that were asked for last."""

    def __init__(self, open_artifact: _Open) -> None:
        self._open = open_artifact
        self._streams: dict[str, BinaryIO] = {}

    def stream(self, filename: str) -> BinaryIO:
        stream = self._streams.pop(filename, None) or self._open(filename)
        self._streams[filename] = stream
        if len(self._streams) > _OPEN:
            self._streams.pop(next(iter(self._streams))).close()
        return stream

    def close(self) -> None:
        for stream in self._streams.values():
            stream.close()
