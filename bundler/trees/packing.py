"""Regular files -> an sdist whose bytes depend on their names, contents and executable bits alone, for ever.

A .tar.gz (PEP 625) in ustar, with a pax header only for a name that ustar can't hold; PKG-INFO first, then the files
by name; one constant time, no owner, modes 0644 and 0755. The gzip stream holds stored blocks: deflate's output differs
between versions of zlib (and zlib-ng), and a bundle compresses what it holds anyway. tarfile isn't used, since its
headers have changed from one Python to another too.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import BinaryIO

from bundler.errors import UnusableFile
from bundler.trees.model import TreeFile

__all__ = ["PKG_INFO", "write_sdist"]

PKG_INFO = "PKG-INFO"

_BLOCK = 512
# 1980-01-02T00:00:00Z: the first midnight that a zip can hold in every time zone, for the wheels that are made of it.
_TIME = 315_619_200
_STORED = 0xFFFF  # bytes of one stored block (RFC 1951 §3.2.4)
_GZIP_HEADER = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"  # RFC 1952: deflate, no name, no time, unknown system


def write_sdist(target: BinaryIO, top: str, pkg_info: bytes, files: Mapping[str, TreeFile]) -> None:
    """Write files and a PKG-INFO, which replaces a file of that name, below the one directory `top`.

    Raises:
        UnusableFile: a file that had another size when it was listed.
    """
    _write_stored(target, _tar(top, pkg_info, files))


def _tar(top: str, pkg_info: bytes, files: Mapping[str, TreeFile]) -> Iterator[bytes]:
    yield from _member(f"{top}/{PKG_INFO}", len(pkg_info), 0o644, [pkg_info])
    for name in sorted(files.keys() - {PKG_INFO}, key=str.encode):
        file = files[name]
        yield from _member(f"{top}/{name}", file.size, 0o755 if file.executable else 0o644, file.read())
    yield bytes(2 * _BLOCK)


def _member(name: str, size: int, mode: int, content: Iterable[bytes]) -> Iterator[bytes]:
    encoded = name.encode()
    split = _split(encoded)
    if split is None:
        record = _pax_record(b"path", encoded)
        yield _header(b"PaxHeaders", b"", len(record), 0o644, b"x") + record + bytes(-len(record) % _BLOCK)
        split = encoded[:100].decode("utf-8", "ignore").encode(), b""
    yield _header(*split, size, mode, b"0")
    left = size
    for piece in content:
        left -= len(piece)
        yield piece
    if left:
        raise UnusableFile(f"{name}: it changed while it was read")
    yield bytes(-size % _BLOCK)


def _split(name: bytes) -> tuple[bytes, bytes] | None:
    """Name and prefix as ustar holds them (POSIX.1-1988: 100 and 155 bytes, cut at a slash); None if it can't."""
    if not name.isascii() or len(name) <= 100:
        return (name, b"") if name.isascii() else None
    cut = name.find(b"/", len(name) - 101)
    return (name[cut + 1 :], name[:cut]) if 0 < cut <= 155 and cut < len(name) - 1 else None


def _header(name: bytes, prefix: bytes, size: int, mode: int, kind: bytes) -> bytes:
    before = name.ljust(100, b"\0") + b"%07o\0%07o\0%07o\0%011o\0%011o\0" % (mode, 0, 0, size, _TIME)
    after = kind + bytes(100) + b"ustar\x0000" + bytes(64) + b"0000000\0" * 2 + prefix.ljust(167, b"\0")
    return before + b"%06o\0 " % (sum(before) + 8 * 0x20 + sum(after)) + after


def _pax_record(key: bytes, value: bytes) -> bytes:
    """Write "LENGTH key=value" and a line feed, where LENGTH counts its own digits (POSIX.1-2001 pax)."""
    rest = b" %b=%b\n" % (key, value)
    length = len(rest)
    while len(b"%d" % length) + len(rest) != length:
        length = len(b"%d" % length) + len(rest)
    return b"%d" % length + rest


def _write_stored(target: BinaryIO, pieces: Iterable[bytes]) -> None:
    """Write a gzip stream (RFC 1952) of stored blocks, each full but the last."""
    target.write(_GZIP_HEADER)
    checksum, size, pending = 0, 0, bytearray()
    for piece in pieces:
        checksum, size = zlib.crc32(piece, checksum), size + len(piece)
        pending += piece
        while len(pending) > _STORED:
            target.write(_stored_block(pending[:_STORED], final=False))
            del pending[:_STORED]
    target.write(_stored_block(pending, final=True) + struct.pack("<LL", checksum, size & 0xFFFFFFFF))


def _stored_block(data: bytearray, *, final: bool) -> bytes:
    return struct.pack("<BHH", final, len(data), len(data) ^ 0xFFFF) + data
