"""Writing a bundle: artifacts in, one stream of frames out.

The second door for hashes: every file is read once, hashed while it is packed, and a file that isn't what the manifest
promises ends the writing with its name. The bytes depend on manifest and files alone: not on threads, clock or disk.
Memory: a few frames for each thread. Writing a final name is the caller's business (`publication.publish_file`), and
so is the choice of files. What was written isn't read back here: whoever reads it checks all of it.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from functools import partial
from importlib import resources
from typing import BinaryIO

from bundler.bundle.ahead import Turn, in_order
from bundler.bundle.container import checksum, compress_frame, integrity_frame, seek_table
from bundler.bundle.manifest import MANIFEST_NAME, Artifact, Manifest
from bundler.bundle.members import TAR_END, Member, Piece, members
from bundler.digests import Digest
from bundler.errors import IntegrityError

__all__ = ["EXPANDER_NAME", "expander_program", "write_bundle"]

EXPANDER_NAME = "expand.py"

_Packed = tuple[Piece, bytes, int]


def expander_program() -> bytes:
    """The program that every bundle carries as its document EXPANDER_NAME."""
    return resources.files("bundler.bundle").joinpath("expander.py").read_bytes()


def write_bundle(
    stream: BinaryIO,
    manifest: Manifest,
    documents: Mapping[str, bytes],
    open_artifact: Callable[[Artifact], BinaryIO],
    *,
    threads: int,
    progress: Callable[[int], object] = lambda size: None,
) -> int:
    """Write a bundle and give its size in bytes; `progress` is told the bytes of every piece that has been written.

    Raises:
        IntegrityError: a document or an artifact isn't of the size or SHA-256 that the manifest states.
        BundleFormatError: the manifest is one that no reader would take.
    """
    checksums: list[int] = []
    entries: list[tuple[int, int]] = []
    jobs = _jobs(_sources(manifest, documents, open_artifact))
    with closing(in_order(jobs, threads)) as packed:
        for piece, frame, crc in packed:
            stream.write(frame)
            checksums.append(crc)
            entries.append((len(frame), piece.size))
            progress(piece.data_size)
    integrity = integrity_frame(checksums)
    stream.write(integrity)
    table = seek_table([*entries, (len(integrity), 0)])
    stream.write(table)
    return sum(size for size, _ in entries) + len(integrity) + len(table)


def _sources(
    manifest: Manifest, documents: Mapping[str, bytes], open_artifact: Callable[[Artifact], BinaryIO]
) -> Iterator[tuple[Member, BinaryIO]]:
    """Every member with an open stream of its data, in the order of the tar."""
    head = manifest.encode()
    Manifest.decode(head)
    yield Member.of(MANIFEST_NAME, len(head), Digest.sha256(head)), io.BytesIO(head)
    for member in members(manifest.documents):
        yield member, io.BytesIO(documents[member.filename])
    for member, artifact in zip(members(manifest.artifacts), manifest.artifacts, strict=True):
        with open_artifact(artifact) as source:
            yield member, source
    yield TAR_END, io.BytesIO()


def _jobs(sources: Iterator[tuple[Member, BinaryIO]]) -> Iterator[Callable[[], _Packed]]:
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
        if piece.is_last and state.hexdigest() != piece.member.digest.hexdigest:
            raise _wrong_digest(piece.member, state.hexdigest())
    return piece, frame, checksum(frame)


def _wrong_size(member: Member, actual: str) -> IntegrityError:
    message = f"{member.filename} hasn't the size that was promised"
    return IntegrityError(message, expected=f"{member.size} bytes", actual=actual)


def _wrong_digest(member: Member, actual: str) -> IntegrityError:
    message = f"{member.filename} hasn't the SHA-256 that was promised"
    return IntegrityError(message, expected=member.digest.hexdigest, actual=actual)
