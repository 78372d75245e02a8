"""The structure of a hostile zip file, by stricter rules than zipfile's, and one member of it at a time.

Two readers that take the same zip for different files are an attack (CVE-2025-54368). So a file is refused unless
every reader must see the same: one end record and one central directory at the very end; members that follow each
other from byte 0 to the directory with nothing before, between or after; local headers that say what the directory
says; only stored and deflated members; names that are safe, unique and stay unique on any file system.

`read_directory` reads the end and the central directory only. `Directory.read` reads one member. `check_headers` reads
every local header. So a ranged HTTP reader fetches no more than it must. Zip64 is read where values need it.

Speed: the 26 bytes of a directory entry from "version needed" on are laid out as in the local header, so a sound member
costs one comparison; only members that differ (data descriptors, extra fields) are taken apart. The standard zipfile
accepts 46 of the 64 hostile shapes in the tests, and takes four times as long over the same headers.
"""

from __future__ import annotations

import io
import re
import unicodedata
import zlib
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter
from struct import Struct, error, pack
from typing import BinaryIO, NamedTuple

from bundler.errors import UnusableFile

__all__ = ["Directory", "Entry", "is_safe_name", "read_directory"]

_MAX_DIRECTORY = 64 << 20
_TAIL = 16 << 10  # holds the end records and most central directories; a longer archive comment is refused

# APPNOTE 4.3.16, 4.3.15, 4.3.14, 4.3.12, 4.3.7
_END = Struct("<4sHHHHLLH")
_LOCATOR = Struct("<4sLQL")
_END64 = Struct("<4sQHHLLQQQQ")
_CENTRAL = Struct("<4s4xHH4xLLLHHHH6xL")
_LOCAL = Struct("<4s2xHH4xLLLHH")
_FIELD = Struct("<HH")
_SENTINEL = 0xFFFFFFFF
_FULL = (0xFFFF, _SENTINEL, _SENTINEL)
_MAX_HEADER = _LOCAL.size + 2 * 0xFFFF
_MAX_DESCRIPTOR = 24

_DESCRIPTOR = 0x0008
_UTF8 = 0x0800
_REFUSED_FLAGS = ~(0x0006 | _DESCRIPTOR | _UTF8)  # all but level hints, descriptor, UTF-8 name; so also encryption
_METHODS = (0, 8)
_ZIP64, _UNICODE_PATH = 0x0001, 0x7075

_offset = attrgetter("offset")

#: Components that aren't empty, `.` or `..`, with no backslash or control character; no drive; a directory ends in `/`.
_SAFE_NAME = re.compile(r"(?![A-Za-z]:)(?:(?!\.{1,2}(?:/|$))[^/\\\0-\x1f\x7f-\x9f]++(?:/|$))++")


class Entry(NamedTuple):
    """A member as the central directory states it; `header` is the local header that a plain member must have.

    A directory's name ends in `/`.
    """

    name: str
    offset: int
    flags: int
    method: int
    crc: int
    packed_size: int
    size: int
    header: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """The central directory of a zip, checked; entries in the order of their bytes."""

    where: str
    stream: BinaryIO
    entries: tuple[Entry, ...]
    #: Where the central directory begins and the last member ends.
    start: int

    def find(self, name: str) -> Entry | None:
        """The entry of that name."""
        return next((entry for entry in self.entries if entry.name == name), None)

    def read(self, entry: Entry, *, ceiling: int) -> bytes:
        """Read and inflate one member, with one read of the stream.

        Raises:
            UnusableFile: larger than `ceiling` bytes, or anything about it doesn't agree.
        """
        if max(entry.size, entry.packed_size) > ceiling:
            raise UnusableFile(f"{self.where}: its member {entry.name!r} is larger than {ceiling} bytes")
        following = bisect_right(self.entries, entry.offset, key=_offset)
        after = self.entries[following].offset if following < len(self.entries) else self.start
        if after - entry.offset > _MAX_HEADER + entry.packed_size + _MAX_DESCRIPTOR:
            raise UnusableFile(f"{self.where}: there is hidden data after its member {entry.name!r}")
        span = _read_at(self.stream, entry.offset, after - entry.offset)
        begin = _end_of_header(entry, span, self.where)
        end = begin + entry.packed_size
        _check_gap(entry, len(span) - end, span[end:], self.where)
        return _inflate(entry, span[begin:end], self.where)

    def check_headers(self) -> None:
        """Compare every local header with the directory, and see that members follow each other without a gap.

        Raises:
            UnusableFile: they don't.
        """
        seek, read = self.stream.seek, self.stream.read
        offsets = [entry.offset for entry in self.entries]
        if offsets and offsets[0] != 0:
            raise UnusableFile(f"{self.where}: there is data before its first member")
        for entry, after in zip(self.entries, [*offsets[1:], self.start], strict=True):
            header = entry.header
            seek(entry.offset)
            adjacent = after - entry.offset == len(header) + entry.packed_size
            if entry.flags & _DESCRIPTOR or not adjacent or read(len(header)) != header:
                self._check_odd_member(entry, after)

    def _check_odd_member(self, entry: Entry, after: int) -> None:
        span = _read_at(self.stream, entry.offset, min(after - entry.offset, _MAX_HEADER))
        end = entry.offset + _end_of_header(entry, span, self.where) + entry.packed_size
        _check_gap(entry, after - end, _read_at(self.stream, end, min(max(after - end, 0), 32)), self.where)


def read_directory(stream: BinaryIO, where: str) -> Directory:
    """Find and check the central directory of a zip; `where` is the file name for messages.

    Raises:
        UnusableFile: not a zip, or one that two readers could understand differently, or unsafe names.
    """
    size = stream.seek(0, io.SEEK_END)
    tail_start = max(size - _TAIL, 0)
    tail = _read_at(stream, tail_start, size - tail_start)
    try:
        count, length, start, end = _end_records(stream, tail, tail_start, where)
        if length > _MAX_DIRECTORY or start + length != end:
            raise UnusableFile(f"{where}: its zip directory isn't where its end record says, or is too large")
        data = tail[start - tail_start : end - tail_start] if start >= tail_start else _read_at(stream, start, length)
        entries = sorted(_entries(data, count, where), key=_offset)
    except error as exc:  # struct.error: bytes end before a record does
        raise UnusableFile(f"{where}: its zip directory is cut short") from exc
    if entries and entries[-1].offset >= start:
        raise UnusableFile(f"{where}: its member {entries[-1].name!r} isn't before the zip directory")
    _check_names([entry.name for entry in entries], where)
    return Directory(where=where, stream=stream, entries=tuple(entries), start=start)


def is_safe_name(name: str) -> bool:
    """Whether an archive member's name stays inside, on any platform."""
    return _SAFE_NAME.fullmatch(name) is not None


def _read_at(stream: BinaryIO, offset: int, count: int) -> bytes:
    stream.seek(offset)
    return stream.read(count)


def _end_records(stream: BinaryIO, tail: bytes, tail_start: int, where: str) -> tuple[int, int, int, int]:
    """Entries, length and offset of the central directory, and where the end records begin."""
    at = tail.rfind(b"PK\5\6")
    if at < 0:
        raise UnusableFile(f"{where}: not a zip file, or cut short")
    _, disk, first_disk, here, count, length, start, comment = _END.unpack_from(tail, at)
    if disk or first_disk or here != count or at + _END.size + comment != len(tail):
        raise UnusableFile(f"{where}: its zip end record is broken, or followed by other data")
    position = tail_start + at
    locator_at = position - _LOCATOR.size
    locator = _read_at(stream, locator_at, _LOCATOR.size) if locator_at >= 0 else b""
    if not locator.startswith(b"PK\6\7"):
        return count, length, start, position
    _, disk, position, disks = _LOCATOR.unpack(locator)
    if (disk, disks, position + _END64.size) != (0, 1, locator_at):
        raise UnusableFile(f"{where}: its zip64 end record isn't where it belongs")
    return (*_end64(_read_at(stream, position, _END64.size), (count, length, start), where), position)


def _end64(record: bytes, older: tuple[int, int, int], where: str) -> tuple[int, int, int]:
    mark, size, _, _, disk, first_disk, here, count, length, start = _END64.unpack(record)
    # The older record holds the same values, or all ones where a value doesn't fit.
    agreed = all(old in (new, full) for old, new, full in zip(older, (count, length, start), _FULL, strict=True))
    if (mark, size, disk, first_disk, here) != (b"PK\6\6", _END64.size - 12, 0, 0, count) or not agreed:
        raise UnusableFile(f"{where}: its two zip end records disagree")
    return count, length, start


def _entries(data: bytes, count: int, where: str) -> Iterator[Entry]:
    position = 0
    unpack = _CENTRAL.unpack_from
    for _ in range(count):
        mark, flags, method, crc, packed, size, n_name, n_extra, n_comment, disk, offset = unpack(data, position)
        name_at = position + 46
        extra_at = name_at + n_name
        raw_name = data[name_at:extra_at]
        if mark != b"PK\1\2" or disk:
            raise UnusableFile(f"{where}: its zip directory is broken")
        if flags & _REFUSED_FLAGS or method not in _METHODS:
            raise UnusableFile(
                f"{where}: its member {raw_name!r} is encrypted, or packed by a method other than deflate"
            )
        if n_extra:
            size, packed, offset = _widen(data[extra_at : extra_at + n_extra], (size, packed, offset), where)
        if not method and packed != size:
            raise UnusableFile(f"{where}: its stored member {raw_name!r} has two sizes")
        header = b"PK\3\4" + data[position + 6 : position + 32] + raw_name
        yield Entry(_decode_name(raw_name, flags, where), offset, flags, method, crc, packed, size, header)
        position = extra_at + n_extra + n_comment
    if position != len(data):
        raise UnusableFile(f"{where}: its zip directory holds more or less than its end record says")


def _decode_name(raw: bytes, flags: int, where: str) -> str:
    """Without the UTF-8 flag only ASCII means the same to every reader (others see CP437, or the local code page)."""
    try:
        return raw.decode("utf-8" if flags & _UTF8 else "ascii")
    except UnicodeDecodeError as exc:
        raise UnusableFile(f"{where}: its member name {raw!r} isn't UTF-8, or doesn't say that it is") from exc


def _widen(extra: bytes, values: tuple[int, ...], where: str) -> tuple[int, ...]:
    """Replace those values that are all ones by the zip64 extra field's (APPNOTE 4.5.3), which holds nothing else."""
    fields: dict[int, bytes] = {}
    position = 0
    while position < len(extra):
        kind, length = _FIELD.unpack_from(extra, position)
        content = extra[position + 4 : position + 4 + length]
        position += 4 + length
        if kind in fields or kind == _UNICODE_PATH or len(content) != length:
            raise UnusableFile(f"{where}: a member's extra fields are duplicate, cut or give a second name")
        fields[kind] = content
    content = fields.get(_ZIP64, b"")
    wide = [index for index, value in enumerate(values) if value == _SENTINEL]
    if len(content) == 8 * len(values):  # Bazel's zipper writes all values, needed or not
        wide = list(range(len(values)))
    if len(content) != 8 * len(wide):
        raise UnusableFile(f"{where}: a member's zip64 field has more or less than the values that need it")
    result = list(values)
    for place, index in enumerate(wide):
        result[index] = int.from_bytes(content[8 * place : 8 * place + 8], "little")
        if values[index] not in (result[index], _SENTINEL):
            raise UnusableFile(f"{where}: a member's zip64 field says something else than its header")
    return tuple(result)


def _end_of_header(entry: Entry, span: bytes, where: str) -> int:
    """Check a local header field by field; return where its data begins."""
    try:
        mark, flags, method, crc, packed, size, n_name, n_extra = _LOCAL.unpack_from(span)
        extra_at = _LOCAL.size + int(n_name)
        begin = extra_at + int(n_extra)
        size, packed = _widen(span[extra_at:begin], (size, packed), where)
    except error as exc:
        raise UnusableFile(f"{where}: its member {entry.name!r} has no whole header") from exc
    same = (mark, flags, method) == (b"PK\3\4", entry.flags, entry.method)
    same = same and span[_LOCAL.size : extra_at] == entry.header[_LOCAL.size :]
    stated, promised = (crc, packed, size), (entry.crc, entry.packed_size, entry.size)
    # With a descriptor, writers that can't seek leave zeros here (APPNOTE 4.4.4).
    if not same or (stated != promised and not (entry.flags & _DESCRIPTOR and stated == (0, 0, 0))):
        raise UnusableFile(f"{where}: the header of its member {entry.name!r} differs from the directory")
    return begin


def _check_gap(entry: Entry, length: int, gap: bytes, where: str) -> None:
    """After a member's data nothing may follow, or its data descriptor in one of the four forms in use."""
    allowed = [b""]
    if entry.flags & _DESCRIPTOR:
        values = (entry.crc, entry.packed_size, entry.size)
        short = pack("<LLL", *(value & _SENTINEL for value in values))
        allowed = [mark + form for form in (short, pack("<LQQ", *values)) for mark in (b"PK\7\b", b"")]
    if length != len(gap) or gap not in allowed:
        raise UnusableFile(f"{where}: hidden data, or none where some is due, after its member {entry.name!r}")


def _inflate(entry: Entry, data: bytes, where: str) -> bytes:
    if entry.method:
        engine = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            content = engine.decompress(data, entry.size + 1)
        except zlib.error as exc:
            raise UnusableFile(f"{where}: its member {entry.name!r} can't be inflated") from exc
        whole = engine.eof and not engine.unused_data
    else:
        content, whole = data, True
    if not whole or len(content) != entry.size or zlib.crc32(content) != entry.crc:
        raise UnusableFile(f"{where}: its member {entry.name!r} isn't what its size and checksum say")
    return content


def _check_names(names: list[str], where: str) -> None:
    for name in names:
        if _SAFE_NAME.fullmatch(name) is None:
            raise UnusableFile(f"{where}: its member name {name[:120]!r} is unsafe")
    # Upper and lower case and the forms of accents are one on macOS and Windows, a file and a directory everywhere.
    folded = unicodedata.normalize("NFC", "\n".join([*names, ""]).casefold()).replace("/\n", "\n").split("\n")
    if len(set(folded)) != len(folded):
        twice = next(name for name, count in Counter(folded).items() if count > 1)
        raise UnusableFile(f"{where}: two of its members have the same name {twice[:120]!r}")
