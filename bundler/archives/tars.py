"""The members of a hostile .tar.gz, one after the other, by stricter rules than tarfile's.

What readers disagree on is refused: a pax size that isn't the header's (CVE-2025-62518), negative or oversized numbers
(CVE-2025-8194), sparse and multi-volume members, links and directories with content, two long names for one member,
data after the end mark, no end mark. Nothing is extracted, so link targets and modes aren't judged here. Ceilings hold
for every archive: inflated bytes, members, and 1000 inflated bytes for each packed one after the first MiB.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from bundler.archives.zips import is_safe_name
from bundler.errors import UnusableFile

__all__ = ["TarMember", "read_tar"]

_BLOCK = 512
_PIECE = 1 << 20
_MAX_INFLATED = 2 << 30
_MAX_MEMBERS = 200_000
_MAX_RATIO = 1000
_MAX_EXTENSION = 1 << 20  # bytes of a pax header or long name

_OCTAL = re.compile(rb" *([0-7]*)[ \0]*")
_PAX_LENGTH = re.compile(rb"([1-9][0-9]{0,6}) ")
_FILES = (b"0", b"\0", b"7")  # "7", contiguous, is a file to everybody
_WITHOUT_CONTENT = (b"1", b"2", b"3", b"4", b"5", b"6")  # links, devices, directory, fifo


@dataclass(frozen=True, slots=True, kw_only=True)
class TarMember:
    """One member; `read` works until the next one is asked for."""

    name: str
    size: int
    is_file: bool
    inflated: Inflated

    def read(self, *, ceiling: int) -> bytes:
        """The whole content of a regular file.

        Raises:
            UnusableFile: not a regular file, larger than `ceiling` bytes, or cut.
        """
        if not self.is_file or self.size > ceiling:
            raise self.inflated.refusal(f"its member {self.name!r} isn't a regular file of at most {ceiling} bytes")
        return self.inflated.take(self.size)


def read_tar(
    stream: BinaryIO, where: str, *, max_inflated: int = _MAX_INFLATED, max_members: int = _MAX_MEMBERS
) -> Iterator[TarMember]:
    """Yield the members of a .tar.gz as they come; whoever has seen enough stops, and no more is read.

    Raises:
        UnusableFile: not a gzipped tar, cut, above a ceiling, or with a structure that two readers read differently.
    """
    inflated = Inflated(stream, where, max_inflated)
    pending: dict[str, str] = {}
    for _ in range(max_members):
        header = inflated.take(_BLOCK)
        if header == bytes(_BLOCK):
            inflated.expect_zeros()
            return
        size = _checked_size(header, inflated)
        end = inflated.position + -(-size // _BLOCK) * _BLOCK
        if header[156:157] in b"xgLK":
            pending |= _extension(header[156:157], size, pending, inflated)
        else:
            yield _member(header, size, pending, inflated)
            pending = {}
        inflated.skip(end - inflated.position)
    raise inflated.refusal(f"it has more than {max_members} members")


class Inflated:
    """The inflated bytes of a gzip stream, counted, and ended at a ceiling."""

    def __init__(self, stream: BinaryIO, where: str, ceiling: int) -> None:
        stream.seek(0)
        self._packed = stream
        self._stream = gzip.GzipFile(fileobj=stream, mode="rb")
        self._where = where
        self._ceiling = ceiling
        self.position = 0

    def take(self, count: int) -> bytes:
        """Exactly `count` bytes, which the caller has bounded."""
        data = self._read(count)
        if len(data) != count:
            raise self.refusal("it is cut short")
        return data

    def skip(self, count: int) -> None:
        """Read past `count` bytes."""
        if self.position + count > self._ceiling:
            raise self.refusal(f"it inflates to more than {self._ceiling} bytes")
        while count:
            count -= len(self.take(min(count, _PIECE)))

    def expect_zeros(self) -> None:
        """Read to the end; some readers go on after the end mark, so nothing but padding may follow it."""
        while piece := self._read(_PIECE):
            if piece.count(0) != len(piece):
                raise self.refusal("there is hidden data after its end mark")

    def refusal(self, reason: str) -> UnusableFile:
        """The error that names the file."""
        return UnusableFile(f"{self._where}: {reason}")

    def _read(self, count: int) -> bytes:
        try:
            data = self._stream.read(count)
        except (EOFError, gzip.BadGzipFile, zlib.error) as exc:
            raise self.refusal("not a gzip file, or cut or damaged") from exc
        self.position += len(data)
        if self.position > self._ceiling:
            raise self.refusal(f"it inflates to more than {self._ceiling} bytes")
        if self.position > _PIECE and self.position > _MAX_RATIO * self._packed.tell():
            raise self.refusal(f"it inflates to more than {_MAX_RATIO} times its size")
        return data


def _checked_size(header: bytes, inflated: Inflated) -> int:
    """The size field of a header whose checksum is right (POSIX.1-1988; base 256 as GNU writes it)."""
    stated = _OCTAL.fullmatch(header[148:156])
    if stated is None or int(stated[1] or b"0", 8) != sum(header[:148]) + 8 * 0x20 + sum(header[156:]):
        raise inflated.refusal("a header in it isn't one of a tar file")
    field = header[124:136]
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    octal = _OCTAL.fullmatch(field)
    if octal is None:
        raise inflated.refusal("a member's size in it is negative or not a number")
    return int(octal[1] or b"0", 8)


def _member(header: bytes, size: int, pending: dict[str, str], inflated: Inflated) -> TarMember:
    kind = header[156:157]
    name = pending.get("path") or _name(header)
    if not is_safe_name(name):
        raise inflated.refusal(f"its member name {name[:120]!r} is unsafe")
    is_file = kind in _FILES and not name.endswith("/")  # before POSIX a directory was a file named so
    if kind not in _FILES and kind not in _WITHOUT_CONTENT:
        raise inflated.refusal(f"its member {name!r} is of the kind {kind!r}, which readers read differently")
    if (size and not is_file) or pending.get("size", str(size)) != str(size):
        raise inflated.refusal(f"its member {name!r} has two sizes")
    return TarMember(name=name, size=size, is_file=is_file, inflated=inflated)


def _name(header: bytes) -> str:
    name = header[:100].partition(b"\0")[0]
    prefix = header[345:500].partition(b"\0")[0] if header[257:263] == b"ustar\0" else b""
    return (prefix + b"/" + name if prefix else name).decode("utf-8", "surrogateescape")


def _extension(kind: bytes, size: int, pending: dict[str, str], inflated: Inflated) -> dict[str, str]:
    """What a pax header or a GNU long name says of the next member's path and size."""
    if size > _MAX_EXTENSION:
        raise inflated.refusal(f"it has a header of more than {_MAX_EXTENSION} bytes")
    content = inflated.take(size)
    if kind == b"K":
        return {}
    if kind == b"L":
        records = {"path": content.partition(b"\0")[0].decode("utf-8", "surrogateescape")}
    else:
        records = _pax_records(content, inflated)
    for_all = kind == b"g" and ("path" in records or "size" in records)
    if for_all or pending.keys() & records.keys() or any(key.startswith("GNU.sparse") for key in records):
        raise inflated.refusal("its headers give a member two names or sizes, or make it sparse")
    return {key: records[key] for key in ("path", "size") if key in records}


def _pax_records(content: bytes, inflated: Inflated) -> dict[str, str]:
    """Records of the form `length key=value` and a line feed, each key once; the length counts the whole record."""
    records: dict[str, str] = {}
    position = 0
    while position < len(content):
        length = _PAX_LENGTH.match(content, position)
        end = position + int(length[1]) if length else 0
        key, equals, value = content[length.end() if length else 0 : end - 1].partition(b"=")
        name = key.decode("utf-8", "surrogateescape")
        if not equals or not key or name in records or content[end - 1 : end] != b"\n":
            raise inflated.refusal("a pax header in it is broken")
        records[name] = value.decode("utf-8", "surrogateescape")
        position = end
    return records
