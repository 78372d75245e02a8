"""The files of a bundle as members of its tar, and the members cut into pieces, one for each zstd frame.

A member is its tar header, its data and zeros up to a multiple of 512 bytes. It is cut every FRAME_SIZE bytes, but a
pack isn't cut, and no piece holds parts of two members. All of this follows from name and size alone: a reader that has
the manifest knows every header and every border beforehand, compares, and parses nothing that a stranger wrote.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bundler.bundle.expander import END, padding_after, tar_header
from bundler.bundle.manifest import Artifact, Document, Pack
from bundler.digests import Digest

__all__ = ["FRAME_SIZE", "TAR_END", "Member", "Piece", "members"]

FRAME_SIZE = 4 << 20  # bytes: small enough to work on several at once, large enough to lose nothing in compression


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A file in the tar; `header` is what must stand before its data."""

    filename: str
    size: int
    #: The SHA-256; None for a pack, whose blobs are hashed one by one.
    digest: Digest | None
    header: bytes

    @classmethod
    def of(cls, filename: str, size: int, digest: Digest | None) -> Member:
        """The member for a file of that name, size and SHA-256."""
        return cls(filename=filename, size=size, digest=digest, header=tar_header(filename, size))

    def pieces(self) -> Iterator[Piece]:
        """The member's pieces, in order; at least one."""
        end = len(self.header) + self.size + padding_after(self.size)
        length = FRAME_SIZE if self.digest is not None else end
        for start in range(0, end, length):
            stop = min(start + length, end)
            yield Piece(member=self, start=start, size=stop - start, is_last=stop == end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What one frame holds: `size` bytes of a member, from `start` on."""

    member: Member
    start: int
    size: int
    is_last: bool

    @property
    def header(self) -> bytes:
        """The part of the header in this piece: all of it or, after the first piece, nothing."""
        return self.member.header if self.start == 0 else b""

    @property
    def data_size(self) -> int:
        """The number of bytes of the file itself in this piece, which follow the header."""
        before = self.start + len(self.header) - len(self.member.header)
        return max(0, min(self.size - len(self.header), self.member.size - before))

    @property
    def padding(self) -> bytes:
        """The zeros that follow the data in this piece."""
        return bytes(self.size - len(self.header) - self.data_size)

    def data_in(self, content: bytes) -> memoryview | None:
        """The file's bytes in a decoded frame, or None where header or padding aren't as they must be."""
        start = len(self.header)
        stop = start + self.data_size
        if not content.startswith(self.header) or content[stop:] != self.padding:
            return None
        return memoryview(content)[start:stop]


#: What follows the last file, as a member that is nothing but a header.
TAR_END = Member(filename="the end of the tar", size=0, digest=Digest.sha256(b""), header=END)


def members(files: Iterable[Document | Artifact | Pack]) -> tuple[Member, ...]:
    """The members for a manifest's files, in their order."""
    return tuple(Member.of(file.filename, file.size, None if isinstance(file, Pack) else file.digest) for file in files)
