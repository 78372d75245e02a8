"""Writing a bundle: artifacts in, one stream of frames out.

The second door for hashes: what goes in is hashed while it is packed, files against the manifest, blobs against the
recipes, and what isn't as promised ends the writing with its name. The bytes depend on manifest, layout, files and
level alone: not on threads, clock or disk. Several packs are made at once, each by one thread, which finds the most;
where no other pack can be made meanwhile, zstd's own threads take part. Memory: for each thread a compressor's window
and a pack that waits to be written, however many there are.

Writing a final name is the caller's business (`publication.publish_file`), and so are the choice of files and the
layout. What was written isn't read back here: whoever reads it checks all of it.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from importlib import resources
from itertools import chain
from typing import BinaryIO

from bundler.bundle.ahead import Turn, in_order
from bundler.bundle.blob_sources import RunOfPacks, runs_of_packs
from bundler.bundle.container import checksum, compress_frame, compress_pack, integrity_frame, seek_table
from bundler.bundle.expander import PORTABLE_NAME
from bundler.bundle.manifest import MANIFEST_NAME, Artifact, Manifest, Pack
from bundler.bundle.members import TAR_END, Member, Piece, members
from bundler.bundle.packs import Layout
from bundler.digests import Digest
from bundler.errors import IntegrityError

__all__ = ["DEFAULT_LEVEL", "EXPANDER_NAME", "carried_programs", "expander_program", "write_bundle"]

EXPANDER_NAME = "expand.py"
#: zstd's, for packs.
DEFAULT_LEVEL = 9

#: A piece's frame, in parts, and its checksum.
_Packed = tuple[Piece, list[bytes], int]
_Open = Callable[[Artifact], BinaryIO]
_Progress = Callable[[int], object]


def expander_program() -> bytes:
    """The program that every bundle carries as its document EXPANDER_NAME."""
    return _module("expander.py")


def carried_programs(*, with_packs: bool) -> dict[str, bytes]:
    """The programs that a bundle carries as documents: what expands it and, for packs, what deflates anywhere."""
    programs = {EXPANDER_NAME: expander_program()}
    return programs | {PORTABLE_NAME: _module("portable_deflate.py")} if with_packs else programs


def _module(filename: str) -> bytes:
    return resources.files("bundler.bundle").joinpath(filename).read_bytes()


def write_bundle(
    stream: BinaryIO,
    manifest: Manifest,
    documents: Mapping[str, bytes],
    open_artifact: _Open,
    *,
    layout: Layout | None = None,
    level: int = DEFAULT_LEVEL,
    threads: int,
    progress: _Progress = lambda size: None,
) -> int:
    """Write a bundle and give its size in bytes; `progress` is told the bytes of all members while they are packed.

    `layout` is what the manifest's content was made from. Artifacts are opened, and progress is told, on any thread.

    Raises:
        IntegrityError: a document or an artifact isn't what the manifest or its recipe states.
        BundleFormatError: the manifest is one that no reader would take.
    """
    frames = _Frames(stream)
    if layout is not None and manifest.content is not None:
        documents = {**documents, manifest.content.recipes.filename: layout.recipes}
    frames.write(in_order(_jobs(_sources(manifest, documents, open_artifact), progress), threads))
    if layout is not None and manifest.content is not None:
        artifacts = {artifact.filename: artifact for artifact in manifest.rebuilt}
        runs = runs_of_packs(layout.packs, layout.placed, lambda name: open_artifact(artifacts[name]))
        packing = _Packing(level=level, threads=threads, progress=progress)
        # No pack is begun while as many wait to be written as there are threads: they are large.
        frames.write(in_order(packing.jobs(members(manifest.content.packs), runs), threads, ahead=0))
    frames.write(in_order(_jobs([(TAR_END, io.BytesIO())], progress), threads))
    return frames.finish()


class _Frames:
    """The frames that have been written, and what the end of the file says of them."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._checksums: list[int] = []
        self._entries: list[tuple[int, int]] = []

    def write(self, frames: Generator[_Packed, None, None]) -> None:
        """Write frames in their order; whatever makes them has ended when this returns."""
        with closing(frames):
            for piece, parts, crc in frames:
                self._stream.writelines(parts)
                self._checksums.append(crc)
                self._entries.append((sum(map(len, parts)), piece.size))

    def finish(self) -> int:
        """Write what follows the tar; give the size of it all."""
        integrity = integrity_frame(self._checksums)
        table = seek_table([*self._entries, (len(integrity), 0)])
        self._stream.write(integrity)
        self._stream.write(table)
        return sum(size for size, _ in self._entries) + len(integrity) + len(table)


def _sources(
    manifest: Manifest, documents: Mapping[str, bytes], open_artifact: _Open
) -> Iterator[tuple[Member, BinaryIO]]:
    """Every member that is cut into small frames, with an open stream of its data, in the order of the tar."""
    head = manifest.encode()
    Manifest.decode(head)
    yield Member.of(MANIFEST_NAME, len(head), Digest.sha256(head)), io.BytesIO(head)
    listed = [file for file in manifest.members if not isinstance(file, Pack)]
    for file, member in zip(listed, members(listed), strict=True):
        with open_artifact(file) if isinstance(file, Artifact) else io.BytesIO(documents[file.filename]) as source:
            yield member, source


def _jobs(sources: Iterable[tuple[Member, BinaryIO]], progress: _Progress) -> Iterator[Callable[[], _Packed]]:
    for member, source in sources:
        state, turn = hashlib.sha256(), None
        for piece in member.pieces():
            data = source.read(piece.data_size)
            turn = Turn(turn)
            yield partial(_pack, piece, data, state, turn, progress)
        if source.read(1):
            raise _wrong_size(member, "more")


def _pack(piece: Piece, data: bytes, state: hashlib._Hash, turn: Turn, progress: _Progress) -> _Packed:
    with turn:
        frame = compress_frame(b"".join((piece.header, data, piece.padding)))
        turn.wait()
        state.update(data)
        if len(data) != piece.data_size:
            raise _wrong_size(piece.member, "fewer")
        if piece.is_last and piece.member.digest is not None and state.hexdigest() != piece.member.digest.hexdigest:
            raise _wrong_digest(piece.member.filename, piece.member.digest, state.hexdigest())
    progress(len(data))
    return piece, [frame], checksum(frame)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Packing:
    level: int
    threads: int
    progress: _Progress

    def jobs(self, packs: Sequence[Member], runs: Iterable[RunOfPacks]) -> Iterator[Callable[[], _Packed]]:
        left = [next(member.pieces()) for member in reversed(packs)]
        for run in runs:
            turn = None
            for _ in run.packs:
                turn, piece = Turn(turn), left.pop()
                is_alone = len(run.packs) > 1 or not left
                yield partial(self._pack, piece, run, turn, workers=self.threads if is_alone else 0)

    def _pack(self, piece: Piece, run: RunOfPacks, turn: Turn, *, workers: int) -> _Packed:
        parts, crc = [], 0
        with turn:
            turn.wait()
            content = chain([piece.header], self._told(run.take(piece.data_size)), [piece.padding])
            for part in compress_pack(content, piece.size, level=self.level, workers=workers):
                parts.append(part)
                crc = checksum(part, crc)
        return piece, parts, crc

    def _told(self, content: Iterable[bytes]) -> Iterator[bytes]:
        for part in content:
            yield part
            self.progress(len(part))


def _wrong_size(member: Member, actual: str) -> IntegrityError:
    message = f"{member.filename} hasn't the size that was promised"
    return IntegrityError(message, expected=f"{member.size} bytes", actual=actual)


def _wrong_digest(filename: str, expected: Digest, actual: str) -> IntegrityError:
    message = f"{filename} hasn't the SHA-256 that was promised"
    return IntegrityError(message, expected=expected.hexdigest, actual=actual)
