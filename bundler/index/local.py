"""file: URLs, answered as an index would answer: regular files, whole or by ranges, and the pages of an index.

    file:///dir/simple/flask/                the page: index.json (PEP 691, saved to disk), else index.html (PEP 503)
    file:///dir/flask-1.0-py3-none-any.whl   the file

A URL is percent-decoded once and names this host or none (RFC 8089). Links are followed; what isn't a regular file at
their end (a device, a pipe) is refused, and never waited for. The strong ETag is made of the file's identity, size and
times, so that pieces of a file that changes in between aren't put together.

Left out: listing directories, which is `flat`'s work.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote_to_bytes, urlsplit

from bundler.errors import EnvironmentProblem, NotFound, Refused
from bundler.index.locations import redact
from bundler.simple import html, json

__all__ = ["LocalAnswer", "open_regular", "opened", "path_of"]

PIECE = 256 << 10
_PAGES = ("index.json", "index.html")
_TYPES = {".json": json.CONTENT_TYPE, ".html": html.CONTENT_TYPE, ".htm": html.CONTENT_TYPE}
# Not to wait for the other end of a pipe.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalAnswer:
    """What a server would have answered: 200, 206 or 416, headers in lower case, and `size` bytes of `stream`."""

    status: int
    headers: Mapping[str, str]
    path: Path
    stream: BinaryIO
    size: int

    def chunks(self) -> Iterator[bytes]:
        """The body, which is shorter than `size` where the file was cut meanwhile.

        Raises:
            EnvironmentProblem: the disk failed.
        """
        left = self.size
        while left and (piece := self._read(min(PIECE, left))):
            left -= len(piece)
            yield piece

    def _read(self, size: int) -> bytes:
        try:
            return self.stream.read(size)
        except OSError as exc:
            raise EnvironmentProblem.from_os_error(exc, f"read {self.path}") from exc


def path_of(url: str) -> Path:
    """The path that a file: URL names, decoded once.

    Raises:
        Refused: another host, or a path that no file can have.
    """
    try:
        parts = urlsplit(url)
    except ValueError as exc:
        raise Refused("an unreadable file: URL", details=(url[:200],)) from exc
    if parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
        raise Refused(f"{redact(url)} isn't the URL of a file here", hint="write file:/// and an absolute path")
    if b"\0" in (decoded := unquote_to_bytes(parts.path)):
        raise Refused(f"{url[:200]!r} holds a NUL, which no path does")
    if os.name != "nt":
        return Path(os.fsdecode(decoded))
    from urllib.request import url2pathname  # with it come http.client, email and ssl

    return Path(url2pathname(parts.path))


def open_regular(path: Path) -> tuple[BinaryIO, os.stat_result]:
    """Open a regular file, whose links are followed.

    Raises:
        NotFound: there is nothing.
        Refused: it is something else, or closed to us.
    """
    try:
        descriptor = os.open(path, _FLAGS)
    except (FileNotFoundError, NotADirectoryError) as exc:
        raise NotFound(f"{path} doesn't exist") from exc
    except OSError as exc:
        raise Refused(f"{path} can't be read", details=((exc.strerror or str(exc)).lower(),)) from exc
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        raise Refused(f"{path} is no regular file")
    return os.fdopen(descriptor, "rb"), found


@contextmanager
def opened(url: str, headers: Mapping[str, str]) -> Iterator[LocalAnswer]:
    """Answer a request for a file: URL; of its headers only a Range counts.

    Raises:
        NotFound: there is no such file.
        Refused: it is none that may be read, or a directory that isn't a page.
    """
    path = path_of(url)
    path, stream, found = _open_page(path) if redact(url).endswith("/") else (path, *open_regular(path))
    with stream:
        etag = f'"{found.st_dev:x}-{found.st_ino:x}-{found.st_size:x}-{found.st_mtime_ns:x}"'
        kind = _TYPES.get(path.suffix.lower(), "application/octet-stream")
        described = {"content-type": kind, "etag": etag}
        status, start, stop = _range(headers.get("range"), found.st_size)
        if status == 206:
            described["content-range"] = f"bytes {start}-{stop - 1}/{found.st_size}"
        described["content-length"] = str(stop - start)
        stream.seek(start)
        yield LocalAnswer(status=status, headers=described, path=path, stream=stream, size=stop - start)


def _open_page(path: Path) -> tuple[Path, BinaryIO, os.stat_result]:
    for name in _PAGES:
        try:
            return (path / name, *open_regular(path / name))
        except NotFound:
            continue
    if os.path.isdir(path):
        hint = "name a directory of wheels and sdists with --find-links"
        raise Refused(f"{path} holds neither {' nor '.join(_PAGES)}", hint=hint)
    raise NotFound(f"{path} doesn't exist")


def _range(wanted: str | None, size: int) -> tuple[int, int, int]:
    """Status, start and stop for a Range header (RFC 9110 §14.1.2); one that can't be read counts as none."""
    match = _RANGE.fullmatch(wanted or "")
    if match is None or match[0] == "bytes=-":
        return 200, 0, size
    start = int(match[1]) if match[1] else max(0, size - int(match[2]))
    stop = min(size, int(match[2]) + 1) if match[1] and match[2] else size
    return (206, start, stop) if start < stop else (416, 0, 0)
