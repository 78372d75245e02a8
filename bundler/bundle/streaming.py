"""The files' bytes in consecutive frames as one stream, decoded while it is read: what is in the packs above all.

What isn't read isn't decoded: `seek` passes over a piece without opening it. Where a piece is read to its end, header,
padding and the frame's checksum have been found right before the next one begins. Memory: the decoder's window, which
is one pack at most. Left out: which frame is where, and every SHA-256.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable

from bundler.bundle.container import StreamedFrame
from bundler.bundle.expander import Recipes
from bundler.bundle.members import Piece
from bundler.errors import BundleFormatError

__all__ = ["BlobReader", "PieceStream", "data_of"]

_DROPPED = 1 << 20  # bytes read at once to be dropped


def data_of(piece: Piece, frame: StreamedFrame, subject: str) -> Generator[memoryview, None, None]:
    """Decode a frame and give the file's bytes in it; `subject` is the file's name in messages.

    Raises:
        BundleFormatError: the frame is damaged, or isn't what the manifest foretells.
        EnvironmentProblem: the file can't be read.
    """
    at, start = 0, len(piece.header)
    stop = start + piece.data_size
    for chunk in frame.content():
        n_before, n_data = max(start - at, 0), max(stop - at, 0)
        if chunk[:n_before] != piece.header[at : at + len(chunk)] or any(chunk[n_data:]):
            raise BundleFormatError(f"{subject} doesn't stand in the tar as it should")
        at += len(chunk)
        yield memoryview(chunk)[n_before:n_data]


class PieceStream:
    """The data of pieces, end to end.

    `open_piece` begins to give the data of one (see `data_of`); it is closed where the stream passes on before its end.
    After an error the stream can't be read, but `finish` goes on with the piece after the faulty one.
    """

    def __init__(
        self, pieces: Iterable[Piece], open_piece: Callable[[Piece], Generator[memoryview, None, None]]
    ) -> None:
        self._pieces = iter(pieces)
        self._open = open_piece
        self._chunks = _nothing()
        self._rest = memoryview(b"")
        # In the stream: where `_rest` begins, and where the data of this piece ends.
        self._position = self._end = 0
        #: The file that was read last.
        self.filename = ""
        self.is_finished = False

    def read(self, count: int) -> bytes:
        """Read exactly `count` bytes.

        Raises:
            BundleFormatError: a piece isn't what it should be, or there are fewer bytes.
            EnvironmentProblem: the file can't be read.
        """
        parts = []
        while count:
            while not self._rest:
                self._rest = self._next_chunk()
            part = self._rest[:count]
            self._rest = self._rest[len(part) :]
            self._position += len(part)
            count -= len(part)
            parts.append(part)
        return b"".join(parts)

    def seek(self, position: int) -> None:
        """Go forwards to a byte of the stream; raises as `read`."""
        while self._end <= position and self._next_piece():
            pass
        while self._position < position:
            self.read(min(position - self._position, _DROPPED))

    def finish(self) -> None:
        """Decode the rest of this piece and all pieces after it; raises as `read`."""
        while not self.is_finished:
            for _ in self._chunks:
                pass
            self.is_finished = not self._next_piece()

    def _next_chunk(self) -> memoryview:
        while (chunk := next(self._chunks, None)) is None:
            if not self._next_piece():
                raise BundleFormatError("the content ends too early")
        return chunk

    def _next_piece(self) -> bool:
        self._chunks.close()
        self._rest, self._position = memoryview(b""), self._end
        piece = next(self._pieces, None)
        if piece is None:
            return False
        self._chunks = self._open(piece)
        self._end += piece.data_size
        self.filename = piece.member.filename
        return True


class BlobReader:
    """The blobs of recipes, end to end, out of packs of which the rest is passed over."""

    def __init__(self, packs: PieceStream, recipes: Recipes) -> None:
        self._packs = packs
        self._ranges = ((start, size) for start, size, _ in recipes.blobs())
        self._left = 0

    def read(self, count: int) -> bytes:
        """Read exactly `count` bytes; raises as PieceStream."""
        parts = []
        while count:
            if not self._left:
                start, self._left = next(self._ranges)
                self._packs.seek(start)
            part = self._packs.read(min(count, self._left))
            self._left -= len(part)
            count -= len(part)
            parts.append(part)
        return b"".join(parts)


def _nothing() -> Generator[memoryview, None, None]:
    yield from ()
