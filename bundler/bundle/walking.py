"""One walk through all of a bundle, from behind its head to its last byte, on a pipe as on a file.

Small frames are decoded ahead on threads, a few for each thread; packs one after the other, while they are read. So
memory doesn't depend on the bundle's size. What a frame must decode to is known from the manifest before it is touched.
The walk yields each fault as it is met and goes on. Where the structure itself is broken, it takes the seek table's
word for where the next frame begins, and believes what it finds there as little as ever.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial

from bundler.bundle.ahead import Turn, in_order
from bundler.bundle.container import CompressedFrame, FrameReader, StreamedFrame, checksum, decompress_frame
from bundler.bundle.expander import Recipes, Refusal
from bundler.bundle.landing import Sink, wrong_digest
from bundler.bundle.manifest import MANIFEST_NAME, Content, Manifest
from bundler.bundle.members import TAR_END, Member, Piece, members
from bundler.bundle.rebuilding import refusals
from bundler.bundle.streaming import PieceStream, data_of
from bundler.digests import Digest
from bundler.errors import BundleFormatError, BundlerError, IntegrityError

__all__ = ["Finding", "Read", "Walk", "nowhere"]

#: Gives exactly so many bytes of the content.
Read = Callable[[int], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One fault of a bundle.

    `filename` is the member it was met in (TAR_END's name for the end of the tar), or None for what is no one member's:
    what follows the tar, and packs that together hold something else than they should.
    """

    filename: str | None
    error: BundlerError


def nowhere(piece: Piece, data: memoryview) -> None:
    """Take a piece that is only checked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one piece: its frame's checksum, or -1 where the frame couldn't be read, and a fault if any."""

    piece: Piece
    checksum: int
    error: BundlerError | None


class Unpacking:
    """A member's pieces, taken by a sink; `bundle` is the bundle's name in messages."""

    def __init__(self, member: Member, bundle: str, sink: Sink) -> None:
        self._member = member
        self._subject = f"{member.filename} in {bundle}"
        self._sink = sink
        self._state = hashlib.sha256()

    def run(self, piece: Piece, frame: CompressedFrame, turn: Turn) -> Outcome:
        """Decode a piece at once, and take it when those before it have been taken."""
        error = None
        with turn:
            try:
                data = self._decode(piece, frame)
                turn.wait()
                self._take(piece, data)
            except BundlerError as exc:
                error = exc
        return Outcome(piece=piece, checksum=checksum(frame.data), error=error)

    def give_up(self, piece: Piece, error: BundleFormatError, turn: Turn) -> Outcome:
        """Stand for a piece whose frame couldn't be read."""
        with turn:
            return Outcome(piece=piece, checksum=-1, error=error)

    def _decode(self, piece: Piece, frame: CompressedFrame) -> memoryview:
        try:
            data = piece.data_in(decompress_frame(frame))
        except BundleFormatError as exc:
            raise BundleFormatError(f"{self._subject} is damaged: {exc.message}") from exc
        if data is None:
            raise BundleFormatError(f"{self._subject} doesn't stand in the tar as it should")
        return data

    def _take(self, piece: Piece, data: memoryview) -> None:
        self._sink(piece, data)
        self._state.update(data)
        actual = Digest("sha256", self._state.hexdigest())
        if piece.is_last and self._member.digest is not None and actual != self._member.digest:
            raise wrong_digest(self._subject, self._member.digest, actual)


class Walk:
    """Goes through a bundle once.

    `sinks` gives what takes a member's data, `use` gets the recipes and what reads the content. `offsets` are where the
    frames begin by the seek table, if there is one.
    """

    def __init__(
        self,
        frames: FrameReader,
        head: Sequence[CompressedFrame],
        manifest: Manifest,
        offsets: Sequence[int] | None,
        name: str,
    ) -> None:
        self._frames = frames
        self._manifest = manifest
        self._offsets = offsets
        self._name = name
        # For each frame: whose it is, its checksum or -1, and what the seek table must say of it.
        self._owners = [MANIFEST_NAME] * len(head)
        self._checksums = [checksum(frame.data) for frame in head]
        self._entries = [(len(frame.data), frame.content_size) for frame in head]
        self._is_lost = False

    def run(
        self,
        sinks: Callable[[Member], Sink],
        use: Callable[[Recipes, Read], None],
        threads: int,
        progress: Callable[[int], object],
    ) -> Iterator[Finding]:
        """Read to the bundle's end and yield each fault.

        `use` isn't called where the recipes are faulty. `progress` is told the bytes of every member but packs.
        """
        listed, content = members(self._manifest.members), self._manifest.content
        small = [member for member in listed if member.digest is not None]
        recipes = bytearray()
        is_sound = True
        for finding in self._unpack(small, self._keeping(recipes, sinks), threads, progress):
            is_sound = is_sound and finding.filename != (content and content.recipes.filename)
            yield finding
        if content is not None and not self._is_lost:
            task: Callable[[Read], None] = _unused
            try:
                if is_sound:
                    task = partial(use, self._read_recipes(content, recipes))
            except BundleFormatError as exc:
                yield Finding(filename=content.recipes.filename, error=exc)
            yield from self._content(listed[len(small) :], task)
        yield from self._unpack([TAR_END], lambda member: nowhere, threads, progress)
        if not self._is_lost:
            yield from self._tail()

    def _keeping(self, recipes: bytearray, sinks: Callable[[Member], Sink]) -> Callable[[Member], Sink]:
        """The same sinks, but that the recipes are kept in memory."""
        content = self._manifest.content

        def keep(piece: Piece, data: memoryview) -> None:
            recipes.extend(data)

        return lambda member: keep if content and member.filename == content.recipes.filename else sinks(member)

    def _unpack(
        self,
        listed: Iterable[Member],
        sinks: Callable[[Member], Sink],
        threads: int,
        progress: Callable[[int], object],
    ) -> Iterator[Finding]:
        with closing(in_order(self._jobs(listed, sinks), threads)) as outcomes:
            for outcome in outcomes:
                self._owners.append(outcome.piece.member.filename)
                self._checksums.append(outcome.checksum)
                progress(outcome.piece.data_size)
                if outcome.error is not None:
                    yield Finding(filename=outcome.piece.member.filename, error=outcome.error)

    def _jobs(self, listed: Iterable[Member], sinks: Callable[[Member], Sink]) -> Iterator[Callable[[], Outcome]]:
        for member in listed:
            unpacking, turn = Unpacking(member, self._name, sinks(member)), None
            for piece in member.pieces():
                if self._is_lost:
                    return
                turn = Turn(turn)
                try:
                    frame = self._frames.frame(piece.size)
                except BundleFormatError as exc:
                    self._pass_over(piece)
                    yield partial(unpacking.give_up, piece, exc, turn)
                else:
                    self._entries.append((len(frame.data), frame.content_size))
                    yield partial(unpacking.run, piece, frame, turn)

    def _pass_over(self, piece: Piece) -> None:
        """Go on behind a frame that can't be walked, if the seek table tells where that is."""
        if self._offsets is None:
            self._is_lost = True
            return
        start, stop = self._offsets[len(self._entries) : len(self._entries) + 2]
        self._frames.seek(stop)
        self._entries.append((stop - start, piece.size))

    def _content(self, packs: Sequence[Member], task: Callable[[Read], None]) -> Iterator[Finding]:
        """Give a task the content, then read what it left; each bad pack is a finding, and so is the task's fault."""
        stream = PieceStream((piece for pack in packs for piece in pack.pieces()), self._pack_data)
        action: Callable[[], None] = partial(task, stream.read)
        while not self._is_lost and not stream.is_finished:
            try:
                action()
                stream.finish()
            except Refusal as exc:
                yield Finding(filename=None, error=BundleFormatError(f"{self._name}: {exc}"))
            except (BundleFormatError, IntegrityError) as exc:
                yield Finding(filename=stream.filename or None, error=exc)
            action = _nothing

    def _read_recipes(self, content: Content, data: bytearray) -> Recipes:
        artifacts = [(artifact.filename, artifact.size) for artifact in self._manifest.rebuilt]
        with refusals(f"{content.recipes.filename} in {self._name}"):
            member = bytes(data)
            data.clear()
            return Recipes(member, artifacts, content.size)

    def _pack_data(self, piece: Piece) -> Generator[memoryview, None, None]:
        frame, subject = None, f"{piece.member.filename} in {self._name}"
        try:
            frame = self._frames.streamed_frame(piece.size, subject)
            yield from data_of(piece, frame, subject)
        except BundleFormatError:
            self._leave(piece, frame)
            raise
        self._leave(piece, frame)

    def _leave(self, piece: Piece, frame: StreamedFrame | None) -> None:
        if frame is not None:
            with suppress(BundleFormatError):  # the first fault is told
                frame.skip()
        if frame is not None and frame.is_walked:
            self._entries.append((frame.size, frame.content_size))
        else:
            self._pass_over(piece)
        self._owners.append(piece.member.filename)
        self._checksums.append(frame.checksum if frame is not None and frame.is_walked else -1)

    def _tail(self) -> Iterator[Finding]:
        try:
            contradicted = self._frames.tail(self._checksums, self._entries)
        except BundleFormatError as exc:
            yield Finding(filename=None, error=exc)
            return
        for place in contradicted:
            message = f"{self._owners[place]} in {self._name} is damaged: its frame isn't the one that was written"
            yield Finding(filename=self._owners[place], error=BundleFormatError(message))


def _unused(read: Read) -> None:
    pass


def _nothing() -> None:
    pass
