"""A few artifacts out of a bundle, with no more decoding than they need.

What a few artifacts need: the index of the recipes and the frames with theirs, the frames of those kept whole, and the
packs that hold their blobs. Each is decoded once at most, and a pack only up to the last blob that is wanted. Frames in
between are passed over, by the seek table or, in a pipe, by walking through them. Every artifact's SHA-256 is checked;
that the recipes fit together as a whole isn't, since nothing here depends on those that nobody asked for.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from itertools import accumulate

from bundler.bundle.container import FrameReader, StreamedFrame
from bundler.bundle.expander import Recipes, Refusal, read_index
from bundler.bundle.manifest import Artifact, Content
from bundler.bundle.members import Member, Piece
from bundler.bundle.recipes import encode_number
from bundler.bundle.streaming import PieceStream, data_of

__all__ = ["FrameFinder", "read_recipes"]

_LONGEST_NUMBER = 9  # bytes in the index of the recipes, for each


class FrameFinder:
    """Gives the data of any piece, forwards.

    `listed` are all members from bundle.json on, `offsets` where their frames begin, if a seek table tells; otherwise
    the file must stand before the frame `number`.
    """

    def __init__(
        self, frames: FrameReader, listed: Sequence[Member], offsets: Sequence[int] | None, number: int, bundle: str
    ) -> None:
        self._frames = frames
        self._offsets = offsets
        self._number = number
        self._bundle = bundle
        self._pieces = tuple(piece for member in listed for piece in member.pieces())
        self._numbers = {(piece.member.filename, piece.start): place for place, piece in enumerate(self._pieces)}
        self._left: StreamedFrame | None = None

    def stream(self, *members: Member) -> PieceStream:
        """The data of members, end to end."""
        return PieceStream((piece for member in members for piece in member.pieces()), self._data)

    def _data(self, piece: Piece) -> Generator[memoryview, None, None]:
        self._go_to(self._numbers[piece.member.filename, piece.start])
        frame, subject = self._next_frame()
        self._left = frame
        yield from data_of(piece, frame, subject)

    def _go_to(self, number: int) -> None:
        if self._offsets is not None:
            self._frames.seek(self._offsets[number])
            self._number = number
            return
        if self._left is not None:
            self._left.skip()
        while self._number < number:
            self._next_frame()[0].skip()

    def _next_frame(self) -> tuple[StreamedFrame, str]:
        piece = self._pieces[self._number]
        subject = f"{piece.member.filename} in {self._bundle}"
        frame = self._frames.streamed_frame(piece.size, subject)
        self._number += 1
        return frame, subject


def read_recipes(stream: PieceStream, content: Content, rebuilt: Sequence[Artifact], wanted: set[str]) -> Recipes:
    """Read the recipes of some artifacts out of the member that holds those of all `rebuilt`.

    Raises:
        Refusal: they aren't as they must be.
        BundleFormatError: a frame isn't.
    """
    head = stream.read(min(_LONGEST_NUMBER * len(rebuilt), content.recipes.size))
    lengths, first = read_index(head, len(rebuilt))
    stops = [*accumulate(lengths, initial=first)][1:]
    if stops[-1] != content.recipes.size:
        raise Refusal("the recipes aren't as long as they say")
    found = [each for each in zip(rebuilt, lengths, stops, strict=True) if each[0].filename in wanted]
    data = b"".join(_member(stream, head, [(length, stop) for _, length, stop in found]))
    return Recipes(data, [(artifact.filename, artifact.size) for artifact, _, _ in found], content.size, has_gaps=True)


def _member(stream: PieceStream, head: bytes, found: Sequence[tuple[int, int]]) -> Iterator[bytes]:
    """The member as it would be with no recipes but those of these lengths and ends; `head` has been read already."""
    yield from (encode_number(length) for length, _ in found)
    for length, stop in found:
        begun = head[stop - length : stop]
        stream.seek(max(stop - length, len(head)))
        yield begun
        yield stream.read(length - len(begun))
