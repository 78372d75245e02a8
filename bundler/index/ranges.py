"""A file on a server, read in pieces: what reading a wheel's metadata needs of it and little more.

The first request takes the last 64 KiB, where a zip's directory and usually the METADATA stand, and learns the size;
further ones take what is asked for and not there yet. Every 206 is held against its Content-Range. A server that
doesn't answer ranges, or not in a way to be trusted, raises NoRanges, and the caller fetches the whole file.

The bytes aren't checked against the file's hash, which needs the whole file: whoever decides by them checks later.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping

from bundler.index.transport import Transport

__all__ = ["NoRanges", "RangedFile", "content_range", "open_ranged"]

TAIL = 64 << 10
#: Fetched at least, when a read isn't in the tail: a member's header and its bytes then come in one request.
ROOM = 16 << 10
#: More than this in one piece isn't worth it.
MAX_PIECE = 8 << 20

_FORM = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")


class NoRanges(Exception):
    """The server doesn't answer ranges, or not in a way that can be trusted."""


def open_ranged(transport: Transport, url: str) -> tuple[io.BufferedReader, int]:
    """Open a file on a server for reading and seeking; also give its size.

    Raises:
        NoRanges: fetch the whole file instead; reading may raise this too.
        SourceError: see `Transport.get`.
    """
    raw = RangedFile(transport, url)
    return io.BufferedReader(raw, buffer_size=4096), raw.size


class RangedFile(io.RawIOBase):
    """The file, unbuffered; opening it makes the first request."""

    def __init__(self, transport: Transport, url: str) -> None:
        super().__init__()
        self._transport, self._url = transport, url
        self._position = 0
        start, tail, self.size, self._etag = self._ask(f"bytes=-{TAIL}")
        if start + len(tail) != self.size:
            raise NoRanges(f"{start}+{len(tail)} isn't the end of {self.size}")
        self._pieces: list[tuple[int, bytes]] = [(start, tail)]

    def readable(self) -> bool:
        """Whether it can be read: yes."""
        return True

    def seekable(self) -> bool:
        """Whether it has positions: yes."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position, which may lie behind the end."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise ValueError("negative seek position")
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        """The position."""
        return self._position

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # typeshed's Buffer has no len
        """Read from the piece that holds the position; see `open_ranged` for the errors."""
        wanted = min(len(buffer), self.size - self._position)
        if wanted <= 0:
            return 0
        start, piece = self._piece_at(self._position, wanted)
        part = piece[self._position - start :][:wanted]
        buffer[: len(part)] = part
        self._position += len(part)
        return len(part)

    def _piece_at(self, position: int, wanted: int) -> tuple[int, bytes]:
        """A piece that holds this position, fetched if need be."""
        for start, piece in self._pieces:
            if start <= position < start + len(piece):
                return start, piece
        stop = min(self.size, position + max(ROOM, min(wanted, MAX_PIECE)))
        start, piece, size, etag = self._ask(f"bytes={position}-{stop - 1}")
        if (start, len(piece), size, etag) != (position, stop - position, self.size, self._etag):
            raise NoRanges(f"another range than asked for, or another file: {start}+{len(piece)} of {size}")
        self._pieces.append((start, piece))
        return start, piece

    def _ask(self, wanted: str) -> tuple[int, bytes, int, str | None]:
        """One range: where it starts, its bytes, the whole file's size, and its ETag."""
        headers = {"range": wanted}
        response = self._transport.get(self._url, headers=headers, ceiling=MAX_PIECE, statuses=frozenset({206}))
        stated = content_range(response.headers)
        if response.status != 206 or stated is None:
            raise NoRanges(f"status {response.status}")
        start, stop, size = stated
        if stop - start != len(response.body):
            raise NoRanges(f"{len(response.body)} bytes where {stop - start} were announced")
        return start, response.body, size, response.headers.get("etag")


def content_range(headers: Mapping[str, str]) -> tuple[int, int, int] | None:
    """Start, stop (exclusive) and whole size from a Content-Range (RFC 9110 §14.4); None if there is none to trust."""
    match = _FORM.fullmatch(headers.get("content-range", "").strip())
    if match is None:
        return None
    start, last, size = (int(text) for text in match.groups())
    return (start, last + 1, size) if start <= last < size else None
