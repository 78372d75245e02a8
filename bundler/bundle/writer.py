"""Writing a bundle: artifacts in, one stream of frames out.

The second door for hashes: what goes in is hashed while it is packed, files against the manifest, blobs against the
recipes, and what isn't as promised ends the writing with its name. The bytes depend on manifest, layout, files and
level alone: not on threads, clock or disk. Memory: one pack's window, what is inflated ahead, and a few frames for each
thread.

Writing a final name is the caller's business (`publication.publish_file`), and so are the choice of files and the
layout. What was written isn't read back here: whoever reads it checks all of it.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from functools import partial
from importlib import resources
from itertools import chain
from typing import BinaryIO

from bundler.bundle.ahead import Turn, in_order
from bundler.bundle.blob_sources import Cutting, blob_pieces
from bundler.bundle.container import PackCompressor, checksum, compress_frame, integrity_frame, seek_table
from bundler.bundle.expander import PORTABLE_NAME
from bundler.bundle.manifest import MANIFEST_NAME, Artifact, Manifest, Pack
from bundler.bundle.members import TAR_END, Member, Piece, members
from bundler.bundle.packs import Layout
from bundler.digests import Digest
from bundler.errors import IntegrityError

__all__ = ["EXPANDER_NAME", "carried_programs", "expander_program", "write_bundle"]

EXPANDER_NAME = "expand.py"

_Packed = tuple[Piece, bytes, int]
_Open = Callable[[Artifact], BinaryIO]


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
    level: int = 9,
    threads: int,
    progress: Callable[[int], object] = lambda size: None,
) -> int:
    """Write a bundle and give its size in bytes; `progress` is told the bytes of all members while they are packed.

    `layout` is what the manifest's content was made from. Where there is one, artifacts are opened on several threads.

    Raises:
        IntegrityError: a document or an artifact isn't what the manifest or its recipe states.
        BundleFormatError: the manifest is one that no reader would take.
    """
    frames = _Frames(stream, progress)
    if layout is not None and manifest.content is not None:
        documents = {**documents, manifest.content.recipes.filename: layout.recipes}
    frames.write_members(_sources(manifest, documents, open_artifact), threads)
    if layout is not None and manifest.content is not None:
        artifacts = {artifact.filename: artifact for artifact in manifest.rebuilt}
        with closing(blob_pieces(layout.placed, lambda name: open_artifact(artifacts[name]), threads)) as pieces:
            content = Cutting(pieces)
            packs = [next(member.pieces()) for member in members(manifest.content.packs)]
            compressor = PackCompressor(level=level, largest=max(pack.size for pack in packs), threads=threads)
            for pack in packs:
                frames.write_pack(pack, content.take(pack.data_size), compressor)
            content.finish()
    frames.write_members([(TAR_END, io.BytesIO())], threads)
    return frames.finish()


class _Frames:
    """The frames that have been written, and what the end of the file says of them."""

    def __init__(self, stream: BinaryIO, progress: Callable[[int], object]) -> None:
        self._stream = stream
        self._progress = progress
        self._checksums: list[int] = []
        self._entries: list[tuple[int, int]] = []

    def write_members(self, sources: Iterable[tuple[Member, BinaryIO]], threads: int) -> None:
        """Write members whose frames are small, several at once."""
        with closing(in_order(_jobs(sources), threads)) as packed:
            for piece, frame, crc in packed:
                self._stream.write(frame)
                self._add(crc, len(frame), piece)
                self._progress(piece.data_size)

    def write_pack(self, piece: Piece, content: Iterable[bytes], compressor: PackCompressor) -> None:
        """Write a pack: one frame."""
        crc = size = 0
        data = chain([piece.header], self._told(content), [piece.padding])
        for part in compressor.compress(data, piece.size):
            self._stream.write(part)
            crc = checksum(part, crc)
            size += len(part)
        self._add(crc, size, piece)

    def finish(self) -> int:
        """Write what follows the tar; give the size of it all."""
        integrity = integrity_frame(self._checksums)
        table = seek_table([*self._entries, (len(integrity), 0)])
        self._stream.write(integrity)
        self._stream.write(table)
        return sum(size for size, _ in self._entries) + len(integrity) + len(table)

    def _told(self, content: Iterable[bytes]) -> Iterator[bytes]:
        for part in content:
            self._progress(len(part))
            yield part

    def _add(self, crc: int, size: int, piece: Piece) -> None:
        self._checksums.append(crc)
        self._entries.append((size, piece.size))


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


def _jobs(sources: Iterable[tuple[Member, BinaryIO]]) -> Iterator[Callable[[], _Packed]]:
    for member, source in sources:
        state, turn = hashlib.sha256(), None
        for piece in member.pieces():
            data = source.read(piece.data_size)
            turn = Turn(turn)
            yield partial(_pack, piece, data, state, turn)
        if source.read(1):
            raise _wrong_size(member, "more")


def _pack(piece: Piece, data: bytes, state: hashlib._Hash, turn: Turn) -> _Packed:
    with turn:
        frame = compress_frame(b"".join((piece.header, data, piece.padding)))
        turn.wait()
        state.update(data)
        if len(data) != piece.data_size:
            raise _wrong_size(piece.member, "fewer")
        if piece.is_last and piece.member.digest is not None and state.hexdigest() != piece.member.digest.hexdigest:
            raise _wrong_digest(piece.member.filename, piece.member.digest, state.hexdigest())
    return piece, frame, checksum(frame)


def _wrong_size(member: Member, actual: str) -> IntegrityError:
    message = f"{member.filename} hasn't the size that was promised"
    return IntegrityError(message, expected=f"{member.size} bytes", actual=actual)


def _wrong_digest(filename: str, expected: Digest, actual: str) -> IntegrityError:
    message = f"{filename} hasn't the SHA-256 that was promised"
    return IntegrityError(message, expected=expected.hexdigest, actual=actual)
