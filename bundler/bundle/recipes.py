"""Recipes: an artifact as literals, copies and deflate streams.

    artifact = [literal … | copy(blob) | deflate(blob, level, mem_level) | …]    law: rebuild(dissect(x)) == x

How an artifact is taken apart is told in `dissection`; here are the nouns and their encodings. A cache keeps a recipe
with its blobs' digests, complete in itself; a bundle keeps it *placed*: a blob is a range of its content, and needs no
digest since the artifact has one. No blob and no step is empty. All numbers are LEB128:

    recipe = number of blobs, {sha256 (32 bytes), size} …, steps     blobs in the order of their first use
    placed = steps
    steps  = number of steps, step …, the literals' bytes end to end
    step   = 4·length                                                literal
           | 4·blob + 1                                              copy
           | 4·blob + 2, size of the stream, 2·level + mem_level - 8 deflate
    blob   = its number; placed: its start in the content, and after this first number of the step its size

A value has one encoding: others are refused. Left out: the way back. `expander`, which is on the far side too, reads
placed recipes and puts artifacts together by them.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from struct import Struct
from typing import Protocol

from bundler.bundle.soundness import CONTENT_RATIO, CONTENT_SLACK
from bundler.digests import Digest
from bundler.errors import BundleFormatError

__all__ = [
    "LOCAL_HEADER",
    "PIECE",
    "Blob",
    "Copy",
    "Deflated",
    "Inflating",
    "Literal",
    "Recipe",
    "Step",
    "encode_number",
    "read_blob",
]

PIECE = 256 << 10  # of content; a multiple of 64 KiB, where zlib's bytes don't depend on the cuts
#: A zip member's local header, as far as it is of fixed length (APPNOTE 4.3.7).
LOCAL_HEADER = Struct("<4s2xHH8xLLHH")
_PACKED = 32 << 10  # bytes read at once
_LITERAL, _COPY, _DEFLATED = range(3)


@dataclass(frozen=True, slots=True)
class Blob:
    """A piece of content: its SHA-256 and its size in bytes."""

    digest: Digest
    size: int


@dataclass(frozen=True, slots=True)
class Literal:
    """Bytes that stand in the recipe itself."""

    data: bytes

    @property
    def size(self) -> int:
        """The number of bytes in the artifact."""
        return len(self.data)


@dataclass(frozen=True, slots=True)
class Copy:
    """A blob as it is."""

    blob: Blob

    @property
    def size(self) -> int:
        """The number of bytes in the artifact."""
        return self.blob.size


@dataclass(frozen=True, slots=True)
class Deflated:
    """A blob, deflated by classic zlib to `size` bytes: window 15, no zlib header, the default strategy."""

    blob: Blob
    size: int
    level: int
    mem_level: int


Step = Literal | Copy | Deflated


@dataclass(frozen=True)
class Recipe:
    """How an artifact is put together; steps in the order of its bytes."""

    steps: tuple[Step, ...]

    @property
    def size(self) -> int:
        """The artifact's size in bytes."""
        return sum(step.size for step in self.steps)

    @cached_property
    def offsets(self) -> tuple[int, ...]:
        """Where in the artifact each step begins."""
        return tuple(accumulate((step.size for step in self.steps[:-1]), initial=0))[: len(self.steps)]

    @property
    def names(self) -> tuple[str, ...]:
        """For each step the name of the zip member that it is the content of, or ""; a hint for good neighbours."""
        before = (Literal(b""), *self.steps)
        return tuple(_member_name(step.data) if isinstance(step, Literal) else "" for step in before[: len(self.steps)])

    @cached_property
    def blobs(self) -> tuple[Blob, ...]:
        """Each blob once, in the order of first use."""
        return tuple(dict.fromkeys(step.blob for step in self.steps if not isinstance(step, Literal)))

    def fits(self, artifact: Source, size: int) -> bool:
        """Whether size and literals are those of an artifact, and the blobs, which aren't looked at, not too large."""
        content = sum(blob.size for blob in self.blobs)
        if self.size != size or content > CONTENT_SLACK + CONTENT_RATIO * size:
            return False
        steps = zip(self.offsets, self.steps, strict=True)
        literals = ((offset, step.data) for offset, step in steps if isinstance(step, Literal))
        return all(_bytes_at(artifact, offset, len(data)) == data for offset, data in literals)

    def encode(self) -> bytes:
        """Give the recipe's bytes, complete in themselves."""
        numbers = {blob: number for number, blob in enumerate(self.blobs)}
        table = b"".join(bytes.fromhex(blob.digest.hexdigest) + encode_number(blob.size) for blob in self.blobs)
        return (
            encode_number(len(numbers))
            + table
            + self._encode(lambda blob, kind: encode_number(4 * numbers[blob] + kind))
        )

    def encode_placed(self, start: Callable[[Blob], int]) -> bytes:
        """Give the bytes for a bundle; `start` tells where in its content a blob begins."""
        return self._encode(lambda blob, kind: encode_number(4 * start(blob) + kind) + encode_number(blob.size))

    def _encode(self, reference: Callable[[Blob, int], bytes]) -> bytes:
        parts = [encode_number(len(self.steps))]
        for step in self.steps:
            if isinstance(step, Literal):
                parts.append(encode_number(4 * step.size + _LITERAL))
            elif isinstance(step, Copy):
                parts.append(reference(step.blob, _COPY))
            else:
                setting = 2 * step.level + step.mem_level - 8
                parts += reference(step.blob, _DEFLATED), encode_number(step.size), encode_number(setting)
        return b"".join(parts + [step.data for step in self.steps if isinstance(step, Literal)])

    @classmethod
    def decode(cls, data: bytes) -> Recipe:
        """Read what `encode` gave.

        Raises:
            BundleFormatError: anything else; the message is a clause without a subject.
        """
        reading = _Reading(data)
        blobs = []
        for _ in range(reading.number()):
            blobs.append(Blob(Digest("sha256", reading.take(32).hex()), reading.number()))
        recipe = cls(tuple(reading.steps(blobs)))
        if not all(blob.size for blob in blobs) or not all(step.size for step in recipe.steps):
            raise BundleFormatError("the recipe has a blob or a step of no bytes")
        if recipe.encode() != data:
            raise BundleFormatError("the recipe isn't in its canonical form")
        return recipe


def read_blob(stream: Source, offset: int, size: int, *, is_deflated: bool) -> Iterator[bytes]:
    """Give a blob's content out of an artifact, in pieces; `offset` is that of the step which is made of it."""
    if is_deflated:
        yield from Inflating(stream, offset)
        return
    for start in range(0, size, PIECE):
        yield _bytes_at(stream, offset + start, min(PIECE, size - start))


class Source(Protocol):
    """The part of a file that is used here."""

    def seek(self, offset: int, /) -> object:
        """Go to a byte."""

    def read(self, count: int, /) -> bytes:
        """Read so many bytes, or fewer at the end."""


class Inflating:
    """The content of the deflate stream at an offset, in pieces of PIECE bytes; the last may be shorter.

    `end` is where the stream ends; None until all has been read, and for ever where it is damaged or cut.
    """

    def __init__(self, stream: Source, offset: int) -> None:
        self._stream = stream
        self._at = offset
        self.end: int | None = None

    def __iter__(self) -> Iterator[bytes]:
        inflater, packed, content = zlib.decompressobj(-zlib.MAX_WBITS), b"", b""
        while not inflater.eof:
            if not packed:
                self._stream.seek(self._at)
                packed = self._stream.read(_PACKED)
                self._at += len(packed)
            try:
                more = inflater.decompress(packed, PIECE - len(content))
            except zlib.error:
                return
            if not packed and not more:
                return
            packed = inflater.unconsumed_tail
            content = content + more if content else more
            if len(content) == PIECE:
                yield content
                content = b""
        self.end = self._at - len(inflater.unused_data)
        if content:
            yield content


def _bytes_at(stream: Source, offset: int, count: int) -> bytes:
    stream.seek(offset)
    return stream.read(count)


def _member_name(header: bytes) -> str:
    """The name in the local header that some bytes end with, or ""."""
    at = header.rfind(b"PK\3\4")
    if at < 0 or len(header) < at + LOCAL_HEADER.size:
        return ""
    *_, n_name, n_extra = LOCAL_HEADER.unpack_from(header, at)
    start = at + LOCAL_HEADER.size
    return header[start : start + n_name].decode("utf-8", "replace") if start + n_name + n_extra == len(header) else ""


def encode_number(number: int) -> bytes:
    """Give a number as LEB128, in its shortest form."""
    data = bytearray()
    while number > 127:
        data.append(number & 127 | 128)
        number >>= 7
    data.append(number)
    return bytes(data)


class _Reading:
    """A recipe's bytes from front to back; raises BundleFormatError for what can't be read."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        part = self._data[self._at : self._at + count]
        if len(part) != count:
            raise BundleFormatError("the recipe is cut short")
        self._at += count
        return part

    def number(self) -> int:
        number = 0
        for shift in range(0, 63, 7):
            byte = self.take(1)[0]
            number |= (byte & 127) << shift
            if byte < 128:
                return number
        raise BundleFormatError("the recipe holds a number that is too large")

    def steps(self, blobs: Sequence[Blob]) -> Iterator[Step]:
        heads = [self._head(blobs) for _ in range(self.number())]
        for head in heads:
            yield head if not isinstance(head, int) else Literal(self.take(head))

    def _head(self, blobs: Sequence[Blob]) -> Copy | Deflated | int:
        """A step without the bytes of a literal, of which only the length stands here."""
        number, kind = divmod(self.number(), 4)
        if kind == _LITERAL:
            return number
        if kind > _DEFLATED or number >= len(blobs):
            raise BundleFormatError("the recipe has a step that doesn't exist")
        if kind == _COPY:
            return Copy(blobs[number])
        size, (level, mem_level) = self.number(), divmod(self.number(), 2)
        if not 1 <= level <= 9:
            raise BundleFormatError("the recipe has a step that doesn't exist")
        return Deflated(blobs[number], size, level, mem_level + 8)
