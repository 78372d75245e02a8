"""Taking gzip off a page's body under a ceiling.

httpx decodes without limit (980 bytes became 1.56 GB), so it never gets to decode: pages are asked for as gzip or
identity, files as identity, and raw bytes are read. Anything else on a page is refused.
"""

from __future__ import annotations

import zlib

from bundler.errors import Refused

__all__ = ["ACCEPTED", "decode"]

#: For the Accept-Encoding header of a request whose answer goes through `decode`.
ACCEPTED = "gzip"

# HTML and JSON pages of real indexes shrink 5 to 25 times; deflate can do 1032.
_MAX_RATIO = 200
_ALWAYS_ALLOWED = 1 << 20
_GZIP = 16 + zlib.MAX_WBITS


def decode(body: bytes, encoding: str, *, ceiling: int, subject: str) -> bytes:
    """Undo a Content-Encoding of gzip or identity; `subject` names the page in messages.

    Raises:
        Refused: another encoding, damaged gzip, or more than `ceiling` bytes, or 200 times the body and 1 MiB.
    """
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "x-gzip"):
        raise Refused(f"{subject} came in an encoding that wasn't asked for: {encoding[:40]!r}")
    limit = min(ceiling, max(_ALWAYS_ALLOWED, _MAX_RATIO * len(body)))
    try:
        content = _gunzip(body, limit)
    except (zlib.error, EOFError) as exc:
        raise Refused(f"{subject} isn't the gzip it claims to be") from exc
    if len(content) > limit:
        raise Refused(f"{subject} unpacks to more than {limit} bytes")
    return content


def _gunzip(body: bytes, limit: int) -> bytes:
    """All members of a gzip file (RFC 1952 §2.2), stopping one byte after the limit."""
    pieces, size = [], 0
    while body and size <= limit:
        member = zlib.decompressobj(_GZIP)
        pieces.append(member.decompress(body, limit + 1 - size))
        size += len(pieces[-1])
        if not member.eof and size <= limit:
            raise EOFError
        body = member.unused_data
    return b"".join(pieces)
