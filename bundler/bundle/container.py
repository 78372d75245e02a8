"""The container: zstd frames, end to end, whose decompressed concatenation is one POSIX tar.

    frame …              the pieces of the tar's members, in order (`bundle.members`)
    frame                the end of the tar: 1024 zero bytes
    skippable 184D2A5B   the integrity frame: the CRC-32 of each frame before it, u32 each
    skippable 184D2A5E   the seek table of zstd's seekable format, one entry for each frame before it

All numbers are little-endian. Each zstd frame is a single segment with content size and checksum, without dictionary.
The reader takes exactly this form: it walks from block header to block header, needs no seek table, and knows how much
a frame will decode to, and that this is no more than was allowed, before it decodes or allocates anything.

The integrity frame is there because a flipped bit in a zstd frame may decode to the same content (bits that nobody
reads, two spellings of one match), and every flip must be found. It finds accidents; what a stranger may have changed
is found by the SHA-256s of the manifest. The seek table is a hint for random access and nothing is believed for it.

This is the one module that knows zstandard; its errors leave as BundleFormatError. Not used: its stream reader, which
takes a cut frame for a normal end, and `decompress` on a frame that hasn't been walked, which allocates what it claims.
"""

from __future__ import annotations

import os
import struct
import threading
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from typing import BinaryIO, NoReturn

import zstandard

from bundler.errors import BundleFormatError, EnvironmentProblem

__all__ = [
    "CompressedFrame",
    "FrameReader",
    "PackCompressor",
    "StreamedFrame",
    "checksum",
    "compress_frame",
    "decompress_frame",
    "integrity_frame",
    "seek_table",
]

_LEVEL = 1  # whole wheels are deflated already: level 3 takes three times as long to save another 0.3 %

_MAGIC = b"\x28\xb5\x2f\xfd"
#: RFC 8878, 3.1.1.1.1: single segment, checksum, no dictionary; the two bits above tell the content size's length.
_DESCRIPTOR, _DESCRIPTOR_MASK = 0x24, 0x3F
#: By those two bits: the length of the content size, what is added to it, and the least that needs this length.
_CONTENT_SIZES = ((1, 0, 0), (2, 256, 256), (4, 0, 65792), (8, 0, 1 << 32))
_RLE_BLOCK, _RESERVED_BLOCK = 1, 3
_BLOCK_HEADER, _CHECKSUM, _LARGEST_BLOCK = 3, 4, 128 << 10
_WINDOW_LOG = 27  # the largest that a stock decoder takes without a flag
_LARGEST_FRAME = 1 << _WINDOW_LOG
_CHUNK = 1 << 20  # bytes of a pack's frame that are given at once
_FRAME = {"write_content_size": 1, "write_checksum": 1, "write_dict_id": 0}

_SKIPPABLE = struct.Struct("<II")
_INTEGRITY_MAGIC, _SEEK_TABLE_MAGIC, _SEEKABLE_MAGIC = 0x184D2A5B, 0x184D2A5E, 0x8F92EAB1
_SEEK_TABLE_ENTRY, _SEEK_TABLE_FOOTER = struct.Struct("<II"), struct.Struct("<IBI")

_coders = threading.local()  # zstandard's objects are dear to make, and no two threads may share one


@dataclass(frozen=True, slots=True, kw_only=True)
class CompressedFrame:
    """One zstd frame: its bytes, the size of what it decodes to, and where in the file it begins."""

    data: bytes
    content_size: int
    offset: int


def checksum(frame: bytes, before: int = 0) -> int:
    """The CRC-32 of a frame's compressed bytes; `before` is that of those which came before."""
    return zlib.crc32(frame, before)


def compress_frame(content: bytes) -> bytes:
    """Compress up to 128 MiB into one frame; the same content and zstd version give the same bytes."""
    if not hasattr(_coders, "compressor"):
        parameters = zstandard.ZstdCompressionParameters.from_level(_LEVEL, window_log=_WINDOW_LOG, **_FRAME)
        _coders.compressor = zstandard.ZstdCompressor(compression_params=parameters)
    compressor: zstandard.ZstdCompressor = _coders.compressor
    return compressor.compress(content)


class PackCompressor:
    """Compresses packs of up to `largest` bytes, each into one frame, on threads of zstd's.

    The bytes depend on content, `largest`, level and zstd's version alone: zstd works in jobs of half the largest pack,
    however many threads there are. Far matches are found by the long-distance search over all of the content, near ones
    within a job. One for all packs, since what it holds in memory is large.
    """

    def __init__(self, *, level: int, largest: int, threads: int) -> None:
        parameters = zstandard.ZstdCompressionParameters.from_level(
            level, window_log=_WINDOW_LOG, enable_ldm=True, job_size=-(-largest // 2), threads=threads, **_FRAME
        )
        self._compressor = zstandard.ZstdCompressor(compression_params=parameters)

    def compress(self, pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
        """Compress `size` bytes that come in pieces; give the frame in pieces."""
        # Not compressobj: its flush would give half of the frame at once.
        chunker = self._compressor.chunker(size, _CHUNK)
        for piece in pieces:
            yield from chunker.compress(piece)
        yield from chunker.finish()  # type: ignore[no-untyped-call]  # zstandard's stub forgot the return type


def decompress_frame(frame: CompressedFrame) -> bytes:
    """Decode a frame that FrameReader has let through.

    Raises:
        BundleFormatError: the frame is damaged; the message is a clause without a subject.
    """
    if not hasattr(_coders, "decompressor"):
        _coders.decompressor = zstandard.ZstdDecompressor()
    decompressor: zstandard.ZstdDecompressor = _coders.decompressor
    try:
        return decompressor.decompress(frame.data, allow_extra_data=False)
    except zstandard.ZstdError as exc:
        raise BundleFormatError(f"the frame at byte {frame.offset} can't be decoded: {exc}") from exc


class StreamedFrame:
    """A large frame, decoded block by block as it is read: neither its bytes nor its content are ever held as a whole.

    What has been given counts only when `content` has come to its end: the frame's checksum stands there.
    """

    def __init__(self, parts: Iterator[bytes], content_size: int, place: str) -> None:
        self._parts = parts
        self._place = place
        self.content_size = content_size
        #: Of the compressed bytes that have been read; of all of them once `is_walked`.
        self.size = self.checksum = 0
        self.is_walked = False

    def content(self) -> Iterator[bytes]:
        """Decode the frame, in pieces of at most 128 KiB.

        Raises:
            BundleFormatError: the frame is damaged.
            EnvironmentProblem: the file can't be read.
        """
        # One of its own: the decoder's state belongs to this frame until its end, and its window is given back then.
        decoding = zstandard.ZstdDecompressor().decompressobj()
        left = self.content_size
        for part in self._walk():
            try:
                content = decoding.decompress(part)
            except zstandard.ZstdError as exc:
                raise self._damaged(str(exc)) from exc
            left -= len(content)
            if left < 0:
                raise self._damaged("it holds more than it claims")
            if content:
                yield content
        if left or not decoding.eof:
            raise self._damaged("it holds less than it claims")

    def skip(self) -> None:
        """Read the rest of the frame without decoding it; raises as `content`."""
        for _ in self._walk():
            pass

    def _walk(self) -> Iterator[bytes]:
        for part in self._parts:
            self.size += len(part)
            self.checksum = zlib.crc32(part, self.checksum)
            yield part
        self.is_walked = True

    def _damaged(self, reason: str) -> BundleFormatError:
        return BundleFormatError(f"{self._place} can't be decoded: {reason}")


def integrity_frame(checksums: Sequence[int]) -> bytes:
    """The skippable frame with the CRC-32 of each frame before it."""
    return _SKIPPABLE.pack(_INTEGRITY_MAGIC, 4 * len(checksums)) + struct.pack(f"<{len(checksums)}I", *checksums)


def seek_table(entries: Sequence[tuple[int, int]]) -> bytes:
    """The skippable frame with (compressed size, content size) of each frame before it.

    Source: zstd's contrib/seekable_format, version 0.1.0, without its optional checksums.
    """
    body = b"".join(_SEEK_TABLE_ENTRY.pack(*entry) for entry in entries)
    body += _SEEK_TABLE_FOOTER.pack(len(entries), 0, _SEEKABLE_MAGIC)
    return _SKIPPABLE.pack(_SEEK_TABLE_MAGIC, len(body)) + body


class FrameReader:
    """Reads a file frame by frame, from a pipe too; `name` is the file's, for messages.

    Raises, from every method: BundleFormatError for anything that the writer wouldn't write, EnvironmentProblem where
    the file can't be read.
    """

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self._stream = stream
        self._name = name
        self.position = 0

    def seek(self, offset: int) -> None:
        """Go on at a byte of the file, which must be seekable unless it stands there already."""
        if offset == self.position:
            return
        try:
            self._stream.seek(offset)
        except OSError as exc:
            raise EnvironmentProblem.from_os_error(exc, f"read {self._name} in part") from exc
        self.position = offset

    def frame(self, content_size: int | None = None, *, largest: int = _LARGEST_FRAME) -> CompressedFrame:
        """Walk through the next frame, which must decode to `content_size` bytes, or else to at most `largest`."""
        start = self.position
        size, header = self._frame_header(content_size, largest)
        data = b"".join((header, *self._blocks(start, size)))
        return CompressedFrame(data=data, content_size=size, offset=start)

    def streamed_frame(self, content_size: int, subject: str) -> StreamedFrame:
        """Begin the next frame, which must decode to `content_size` bytes; `subject` is what it holds, for messages."""
        start = self.position
        size, header = self._frame_header(content_size, _LARGEST_FRAME)
        place = f"{subject} is damaged: the frame at byte {start}"
        return StreamedFrame(chain((header,), self._blocks(start, size)), size, place)

    def tail(self, checksums: Sequence[int], entries: Sequence[tuple[int, int]]) -> tuple[int, ...]:
        """Read all that follows the last frame; give the places in `checksums` that the integrity frame contradicts."""
        start, length = self.position, 4 * len(checksums)
        if self._read(_SKIPPABLE.size) != _SKIPPABLE.pack(_INTEGRITY_MAGIC, length):
            self._refuse(start, "the integrity frame isn't where it should be")
        stated = struct.unpack(f"<{len(checksums)}I", self._take(length))
        start = self.position
        expected = seek_table((*entries, (_SKIPPABLE.size + length, 0)))
        if self._read(len(expected)) != expected:
            self._refuse(start, "the seek table doesn't describe the frames before it")
        if self._read(1):
            self._refuse(self.position - 1, "something follows the bundle's end")
        return tuple(place for place, checksum in enumerate(checksums) if stated[place] != checksum)

    def offsets(self, content_sizes: Sequence[int]) -> tuple[int, ...] | None:
        """Where each frame begins, by the seek table of a seekable file; None where the table can't be right.

        `content_sizes` are what the frames decode to by the manifest, the integrity frame's 0 included.
        """
        length = _SKIPPABLE.size + _SEEK_TABLE_ENTRY.size * len(content_sizes) + _SEEK_TABLE_FOOTER.size
        try:
            end = self._stream.seek(0, os.SEEK_END) - length
            self.position = self._stream.seek(max(end, 0))
        except OSError:
            return None
        data = self._read(length)
        if len(data) < length:
            return None
        entries = tuple(_SEEK_TABLE_ENTRY.iter_unpack(data[_SKIPPABLE.size : -_SEEK_TABLE_FOOTER.size]))
        offsets = tuple(accumulate((size for size, _ in entries), initial=0))
        if data != seek_table(entries) or [size for _, size in entries] != [*content_sizes] or offsets[-1] != end:
            return None
        return offsets

    def _expect_magic(self, start: int) -> None:
        magic = self._read(len(_MAGIC))
        if magic == _MAGIC:
            return
        if start == 0:
            self._refuse(start, "it doesn't begin with zstd's magic number" if magic else "it is empty")
        self._refuse(start, "no frame begins there" if magic else "the file ends there")

    def _frame_header(self, content_size: int | None, largest: int) -> tuple[int, bytes]:
        """What the next frame will decode to, and its bytes up to the first block."""
        start = self.position
        self._expect_magic(start)
        descriptor = self._take(1)
        if descriptor[0] & _DESCRIPTOR_MASK != _DESCRIPTOR:
            self._refuse(start, "it is a zstd file, but not in the form that bundler writes")
        length, bias, least = _CONTENT_SIZES[descriptor[0] >> 6]
        field = self._take(length)
        size = int.from_bytes(field, "little") + bias
        if size < least:
            self._refuse(start, "it is a zstd file, but not in the form that bundler writes")
        if size > largest or size != (size if content_size is None else content_size):
            self._refuse(start, f"a frame claims to hold {size} bytes")
        return size, _MAGIC + descriptor + field

    def _blocks(self, start: int, content_size: int) -> Iterator[bytes]:
        """The rest of a frame that begins at `start`, block by block; each is well formed when it is given."""
        # Incompressible content grows by three bytes for each block; more than that is no frame of ours.
        budget = content_size + (content_size >> 8) + 64
        header = self._take(_BLOCK_HEADER)
        yield header
        while True:
            word = int.from_bytes(header, "little")
            is_last, kind, size = word & 1, word >> 1 & 3, word >> 3
            stored = 1 if kind == _RLE_BLOCK else size
            budget -= stored + _BLOCK_HEADER
            if kind == _RESERVED_BLOCK or size > _LARGEST_BLOCK or budget < 0:
                self._refuse(start, "a frame's blocks aren't in the form that bundler writes")
            # One read brings a block and the header of the next one, or the checksum of the frame.
            part = self._take(stored + (_CHECKSUM if is_last else _BLOCK_HEADER))
            yield part
            if is_last:
                return
            header = part[stored:]

    def _take(self, count: int) -> bytes:
        data = self._read(count)
        if len(data) != count:
            self._refuse(self.position, "the file ends there, in the middle of a frame")
        return data

    def _read(self, count: int) -> bytes:
        """Read `count` bytes, or fewer at the end; a pipe may bring them in parts."""
        try:
            data = self._stream.read(count)
            while len(data) < count and (more := self._stream.read(count - len(data))):
                data += more
        except OSError as exc:
            raise EnvironmentProblem.from_os_error(exc, f"read {self._name}") from exc
        self.position += len(data)
        return data

    def _refuse(self, start: int, reason: str) -> NoReturn:
        if start == 0:
            raise BundleFormatError(f"{self._name} isn't a bundle: {reason}")
        raise BundleFormatError(f"{self._name} is damaged at byte {start}: {reason}")
