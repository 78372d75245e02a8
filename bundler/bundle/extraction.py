"""A few artifacts out of a bundle, with no more decoding than they need.

What a few artifacts need: the index of the recipes and the frames with theirs, the frames of those kept whole, and the
packs that hold their blobs. Each is decoded once at most, and a pack only up to the last blob that is wanted. Frames in
between are passed over, by the seek table or, in a pipe, by walking through them. Every artifact's SHA-256 is checked;
that the recipes fit together as a whole isn't, since nothing here depends on those that nobody asked for.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from itertools import accumulate, groupby
from operator import itemgetter
from pathlib import Path

from bundler.bundle.container import FrameReader, StreamedFrame
from bundler.bundle.content import ContentStream, data_of
from bundler.bundle.expander import Recipes, Refusal, read_index, read_recipe
from bundler.bundle.manifest import Artifact, Content
from bundler.bundle.members import Member, Piece
from bundler.errors import EnvironmentProblem

__all__ = ["BlobReader", "Places", "copy_file", "read_recipes"]

_LONGEST_NUMBER = 9  # bytes in the index of the recipes, for each
_COPIED = 1 << 20  # bytes at once

_Use = tuple[int, int, int, int]


class Places:
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

    def stream(self, *members: Member) -> ContentStream:
        """The data of members, end to end."""
        return ContentStream((piece for member in members for piece in member.pieces()), self._data)

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


class _FewRecipes(Recipes):
    """Recipes of some artifacts, between whose blobs there are gaps."""

    def __init__(self, recipes: Sequence[tuple[Artifact, bytes]], content_size: int) -> None:
        self.artifacts = [(artifact.filename, artifact.size) for artifact, _ in recipes]
        self.content_size = content_size
        self._literals: list[list[tuple[int, bytes]]] = []
        self._blobs: list[tuple[int, int, _Use]] = []
        for number, (artifact, data) in enumerate(recipes):
            literals, uses = read_recipe(data, artifact.size, content_size)
            self._literals.append(literals)
            for use in uses:
                self._blobs.append((use.start, use.size, (use.setting, use.stream_size, number, use.offset)))
        self._blobs.sort()
        self._check_order()

    def literals(self, number: int) -> list[tuple[int, bytes]]:
        return self._literals[number]

    def blobs(self) -> Iterator[tuple[int, int, list[_Use]]]:
        for (start, size), uses in groupby(self._blobs, key=itemgetter(0, 1)):
            yield start, size, [use for _, _, use in uses]

    def _check_order(self) -> None:
        end = 0
        for start, size, _ in self.blobs():
            if start < end:
                raise Refusal("the recipes use ranges of the packs that overlap")
            end = start + size


def read_recipes(stream: ContentStream, content: Content, rebuilt: Sequence[Artifact], wanted: set[str]) -> Recipes:
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
    found = []
    for artifact, length, stop in zip(rebuilt, lengths, stops, strict=True):
        if artifact.filename in wanted:
            begun = head[stop - length : stop]
            stream.seek(max(stop - length, len(head)))
            found.append((artifact, begun + stream.read(length - len(begun))))
    return _FewRecipes(found, content.size)


class BlobReader:
    """The blobs of recipes, end to end, out of a content of which the rest is passed over."""

    def __init__(self, content: ContentStream, recipes: Recipes) -> None:
        self._content = content
        self._ranges = ((start, size) for start, size, _ in recipes.blobs())
        self._left = 0

    def read(self, count: int) -> bytes:
        """Read exactly `count` bytes; raises as ContentStream."""
        parts = []
        while count:
            if not self._left:
                start, self._left = next(self._ranges)
                self._content.seek(start)
            part = self._content.read(min(count, self._left))
            self._left -= len(part)
            count -= len(part)
            parts.append(part)
        return b"".join(parts)


def copy_file(content: ContentStream, size: int, path: Path) -> None:
    """Write a file of that size; it is still to be sealed.

    Raises:
        BundleFormatError, EnvironmentProblem: as ContentStream, or the file system refused.
    """
    try:
        with open(path, "xb") as sink:
            for start in range(0, size, _COPIED):
                sink.write(content.read(min(_COPIED, size - start)))
    except OSError as exc:
        raise EnvironmentProblem.from_os_error(exc, f"write {path}") from exc
