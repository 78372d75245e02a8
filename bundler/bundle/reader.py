"""Reading a bundle: the manifest first, then every member that it names, in its order, and nothing else.

Works on a pipe as on a file: frames are walked one after the other and decoded ahead on threads, a few for each thread,
so memory doesn't depend on the bundle's size. What a frame must decode to is known from the manifest before it is
touched. The third door for hashes: a member counts only when header, padding, size and SHA-256 are as promised.

`expand_to` stops at the first fault; `verify` goes on and names each. Where the structure itself is broken, `verify`
takes the seek table's word for where the next frame begins, and believes what it finds there as little as ever.
Left out: final names. `expand_to` fills a directory that only `publication.publish_directory` may put in place.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import BinaryIO

from bundler.bundle.ahead import Turn, in_order
from bundler.bundle.container import CompressedFrame, FrameReader, checksum, decompress_frame
from bundler.bundle.expander import BLOCK, LARGEST_LIST, size_in_header
from bundler.bundle.manifest import MANIFEST_NAME, Manifest
from bundler.bundle.members import FRAME_SIZE, TAR_END, Member, Piece, members
from bundler.digests import Digest
from bundler.errors import BundleFormatError, BundlerError, EnvironmentProblem, IntegrityError, UsageError

__all__ = ["BundleReader", "Finding"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One fault of a bundle.

    `filename` is the member it was met in (TAR_END's name for the end of the tar), or None for what follows the tar.
    """

    filename: str | None
    error: BundlerError


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """What became of one piece: its frame's checksum, or -1 where the frame couldn't be read, and a fault if any."""

    piece: Piece
    checksum: int
    error: BundlerError | None


class BundleReader:
    """An open bundle, whose manifest has been read and checked."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        """Read the manifest from the start of a stream, a pipe perhaps; `name` is the bundle's in messages.

        Raises:
            BundleFormatError: not a bundle, a damaged one, or one of a format that this version doesn't read.
        """
        self.name = name
        self._stream = stream
        self._frames = FrameReader(stream, name)
        self._head_frames: list[CompressedFrame] = []
        self._head = self._read_head()
        try:
            self.manifest = Manifest.decode(self._head)
        except BundleFormatError as exc:
            raise BundleFormatError(f"{name}: {exc.message}", details=exc.details, hint=exc.hint) from exc
        self._head_member = Member.of(MANIFEST_NAME, len(self._head), self.identity)
        self._members = (*members(self.manifest.files), TAR_END)
        self._after_head = self._frames.position

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator[BundleReader]:
        """Open a bundle file.

        Raises:
            UsageError: there is no such file.
            BundleFormatError: as the constructor.
            EnvironmentProblem: the file can't be read.
        """
        with ExitStack() as stack:
            try:
                stream = stack.enter_context(open(path, "rb"))
            except (FileNotFoundError, IsADirectoryError) as exc:
                raise UsageError(f"{path} isn't a file") from exc
            except OSError as exc:
                raise EnvironmentProblem.from_os_error(exc, f"read {path}") from exc
            yield cls(stream, str(path))

    @property
    def identity(self) -> Digest:
        """The bundle's identity: the SHA-256 of its bundle.json."""
        return Digest.sha256(self._head)

    def expand_to(
        self, directory: Path, *, threads: int, progress: Callable[[int], object] = lambda size: None
    ) -> None:
        """Write every member into an empty directory that isn't yet under its final name; each file is fsynced.

        The directory's content means nothing until this returns. `progress` is told the bytes of each piece.

        Raises:
            IntegrityError, BundleFormatError: any fault, anywhere up to the last byte of the bundle.
            EnvironmentProblem: the file system refused.
        """
        _write(directory / MANIFEST_NAME, self._head, is_first=True, is_last=True)
        for finding in self._run(directory, threads, progress):
            raise finding.error

    def verify(self, *, threads: int, progress: Callable[[int], object] = lambda size: None) -> tuple[Finding, ...]:
        """Check every frame, size and hash, and name every fault, one for each member at most."""
        findings: dict[str | None, Finding] = {}
        for finding in self._run(None, threads, progress):
            findings.setdefault(finding.filename, finding)
        return tuple(findings.values())

    def read_member(self, filename: str) -> Iterator[bytes]:
        """Read one file out of a seekable bundle, decoding nothing else.

        The last piece comes only after the SHA-256 has been found right.

        Raises:
            KeyError: the manifest doesn't name it.
            BundleFormatError, IntegrityError: the seek table or the member's frames aren't as they should be.
        """
        listed = (self._head_member, *self._members)
        place = next((place for place, member in enumerate(listed) if member.filename == filename), None)
        if place is None or listed[place] is TAR_END:
            raise KeyError(filename)
        if self._offsets is None:
            raise BundleFormatError(f"{self.name} has no usable seek table")
        self._frames.seek(self._offsets[sum(1 for member in listed[:place] for _ in member.pieces())])
        unpacking = _Unpacking(listed[place], self.name, None)
        for piece in listed[place].pieces():
            data = unpacking.decode(piece, self._frames.frame(piece.size))
            unpacking.take(piece, data)
            yield bytes(data)

    def _run(self, directory: Path | None, threads: int, progress: Callable[[int], object]) -> Iterator[Finding]:
        """Read from behind the head to the bundle's end, and yield each fault as it is met."""
        self._frames.seek(self._after_head)
        owners = [MANIFEST_NAME] * len(self._head_frames)
        checksums = [checksum(frame.data) for frame in self._head_frames]
        entries = [(len(frame.data), frame.content_size) for frame in self._head_frames]
        with closing(in_order(self._jobs(directory, entries), threads)) as outcomes:
            for outcome in outcomes:
                owners.append(outcome.piece.member.filename)
                checksums.append(outcome.checksum)
                progress(outcome.piece.data_size)
                if outcome.error is not None:
                    yield Finding(filename=owners[-1], error=outcome.error)
        if len(entries) == len(checksums):
            yield from self._tail(owners, checksums, entries)

    def _jobs(self, directory: Path | None, entries: list[tuple[int, int]]) -> Iterator[Callable[[], _Outcome]]:
        """A job for each piece; `entries` grows by what the seek table must say of its frame."""
        for member in self._members:
            path = directory / member.filename if directory is not None and member is not TAR_END else None
            unpacking, turn = _Unpacking(member, self.name, path), None
            for piece in member.pieces():
                turn = Turn(turn)
                try:
                    frame = self._frames.frame(piece.size)
                except BundleFormatError as exc:
                    yield partial(unpacking.give_up, piece, exc, turn)
                    if self._offsets is None:
                        return
                    start, stop = self._offsets[len(entries) : len(entries) + 2]
                    self._frames.seek(stop)
                    entries.append((stop - start, piece.size))
                else:
                    entries.append((len(frame.data), frame.content_size))
                    yield partial(unpacking.run, piece, frame, turn)

    def _tail(self, owners: list[str], checksums: list[int], entries: list[tuple[int, int]]) -> Iterator[Finding]:
        try:
            contradicted = self._frames.tail(checksums, entries)
        except BundleFormatError as exc:
            yield Finding(filename=None, error=exc)
            return
        for place in contradicted:
            message = f"{owners[place]} in {self.name} is damaged: its frame isn't the one that was written"
            yield Finding(filename=owners[place], error=BundleFormatError(message))

    @cached_property
    def _offsets(self) -> tuple[int, ...] | None:
        listed = (self._head_member, *self._members)
        return self._frames.offsets([*(piece.size for member in listed for piece in member.pieces()), 0])

    def _read_head(self) -> bytes:
        frame = self._frames.frame(largest=FRAME_SIZE)
        content = self._decode_head(frame)
        size = size_in_header(content[:BLOCK])
        member = Member.of(MANIFEST_NAME, min(size, LARGEST_LIST), TAR_END.digest)
        parts = []
        for piece in member.pieces():
            content = content if piece.start == 0 else self._decode_head(self._frames.frame(piece.size))
            data = piece.data_in(content) if len(content) == piece.size else None
            if data is None:
                raise BundleFormatError(f"{self.name} isn't a bundle: its first file isn't {MANIFEST_NAME}")
            parts.append(data)
        return b"".join(parts)

    def _decode_head(self, frame: CompressedFrame) -> bytes:
        self._head_frames.append(frame)
        try:
            return decompress_frame(frame)
        except BundleFormatError as exc:
            raise BundleFormatError(f"{self.name} is damaged: {exc.message}") from exc


class _Unpacking:
    """One member on its way from frames to a file, or to nowhere when it is only checked."""

    def __init__(self, member: Member, bundle: str, path: Path | None) -> None:
        self._member = member
        self._subject = f"{member.filename} in {bundle}"
        self._path = path
        self._state = hashlib.sha256()

    def run(self, piece: Piece, frame: CompressedFrame, turn: Turn) -> _Outcome:
        """Decode a piece at once, and take it when those before it have been taken."""
        error = None
        with turn:
            try:
                data = self.decode(piece, frame)
                turn.wait()
                self.take(piece, data)
            except BundlerError as exc:
                error = exc
        return _Outcome(piece=piece, checksum=checksum(frame.data), error=error)

    def give_up(self, piece: Piece, error: BundleFormatError, turn: Turn) -> _Outcome:
        """Stand for a piece whose frame couldn't be read."""
        with turn:
            return _Outcome(piece=piece, checksum=-1, error=error)

    def decode(self, piece: Piece, frame: CompressedFrame) -> memoryview:
        """The file's bytes in a frame; raises BundleFormatError where it isn't what the manifest foretells."""
        try:
            data = piece.data_in(decompress_frame(frame))
        except BundleFormatError as exc:
            raise BundleFormatError(f"{self._subject} is damaged: {exc.message}") from exc
        if data is None:
            raise BundleFormatError(f"{self._subject} doesn't stand in the tar as it should")
        return data

    def take(self, piece: Piece, data: memoryview) -> None:
        """Hash and write the next bytes; after the last ones the SHA-256 must be the promised one."""
        if self._path is not None:
            _write(self._path, data, is_first=piece.start == 0, is_last=piece.is_last)
        self._state.update(data)
        if piece.is_last and self._state.hexdigest() != self._member.digest.hexdigest:
            message = f"{self._subject} hasn't the SHA-256 that {MANIFEST_NAME} states"
            raise IntegrityError(message, expected=self._member.digest.hexdigest, actual=self._state.hexdigest())


def _write(path: Path, data: bytes | memoryview, *, is_first: bool, is_last: bool) -> None:
    """Append to a file that the first piece makes; opened anew each time, so that a fault leaves nothing open."""
    try:
        with open(path, "xb" if is_first else "ab") as sink:
            sink.write(data)
            if is_last:
                sink.flush()
                os.fsync(sink.fileno())
    except OSError as exc:
        raise EnvironmentProblem.from_os_error(exc, f"write {path}") from exc
