"""The content of the packs, read out of the artifacts that hold it.

Blobs are inflated ahead on threads, a number of bytes in all, so that the compressor never waits; those that would fill
that alone come piece by piece when it is their turn. Memory depends on neither. Every blob is held against the SHA-256
that its recipe states; what has been given counts only when the end has been reached.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import BinaryIO

from bundler.bundle.packs import PlacedBlob
from bundler.bundle.recipes import read_blob
from bundler.errors import IntegrityError

__all__ = ["Cutting", "blob_pieces"]

_BATCH, _LARGE, _AHEAD = 1 << 20, 8 << 20, 32 << 20  # bytes, each less than the next

_Open = Callable[[str], BinaryIO]


def blob_pieces(placed: Iterable[PlacedBlob], open_artifact: _Open, threads: int) -> Generator[bytes, None, None]:
    """Give all blobs, end to end; artifacts are opened by file name, on several threads at once.

    Raises:
        IntegrityError: an artifact isn't what the recipe was made from.
    """
    waiting: deque[tuple[int, Future[Iterable[bytes]]]] = deque()
    held = 0
    with ThreadPoolExecutor(threads) as pool:
        try:
            for size, batch in _batches(placed):
                while waiting and held + size > _AHEAD:
                    done, pieces = waiting.popleft()
                    yield from pieces.result()
                    held -= done
                held += size
                waiting.append((size, pool.submit(_read_batch, batch, open_artifact)))
            while waiting:
                yield from waiting.popleft()[1].result()
        finally:
            pool.shutdown(cancel_futures=True)


class Cutting:
    """Pieces of bytes, cut elsewhere.

    Raises, from both methods: ValueError where the cuts aren't the pieces' sum, and whatever the source of the pieces.
    """

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def take(self, count: int) -> Iterator[bytes]:
        """Give the next `count` bytes."""
        while count:
            piece = self._rest or next(self._pieces, None)
            if piece is None:
                raise ValueError(f"{count} bytes are missing")
            part, self._rest = piece[:count], piece[count:]
            count -= len(part)
            yield part

    def finish(self) -> None:
        """Let the source come to its end: it may only find there that something was wrong."""
        if self._rest or next(self._pieces, None) is not None:
            raise ValueError("there are more bytes than were taken")


def _batches(placed: Iterable[PlacedBlob]) -> Iterator[tuple[int, list[PlacedBlob]]]:
    """Neighbouring blobs, and how many bytes they hold in memory; a large one is alone and holds none."""
    batch: list[PlacedBlob] = []
    size = 0
    for blob in placed:
        if batch and (size + blob.size > _BATCH):
            yield size if size < _LARGE else 0, batch
            batch, size = [], 0
        batch.append(blob)
        size += blob.size
    if batch:
        yield size if size < _LARGE else 0, batch


def _read_batch(batch: Sequence[PlacedBlob], open_artifact: _Open) -> Iterable[bytes]:
    if batch[0].size >= _LARGE:
        return _read(batch[0], open_artifact)  # a generator: not read yet
    return [piece for blob in batch for piece in _read(blob, open_artifact)]


def _read(blob: PlacedBlob, open_artifact: _Open) -> Iterator[bytes]:
    state, size = hashlib.sha256(), 0
    with open_artifact(blob.filename) as stream:
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
