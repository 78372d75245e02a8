"""Taking an artifact apart into a recipe, exact or not at all.

`dissect` walks once through any file. Wherever the header of a deflated zip member or of a gzip member stands, it
inflates what follows and deflates it again; only where the very same bytes come back does a stream become a blob.
Everything else stays as it is: up to 1 KiB in the recipe, more as a blob, and so do stored members, since their content
is what other artifacts hold deflated. Neither the central directory nor a header's sizes are believed: a header only
says where it is worth to try. So data descriptors, zip64, prefixes, gzips of several members, and damaged, cut or
joined archives need no rule of their own.

Memory: a page of 1 MiB, a few pieces of 256 KiB, and the recipe. Time: all that is inflated of one artifact is capped
by its size, so a bomb stays as it is, and no recipe asks for more content than readers allow. Left out: streams that
zlib didn't write (miniz, libdeflate, GNU gzip, Info-ZIP), empty ones, and methods other than deflate.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from hashlib import sha256
from io import SEEK_END
from typing import BinaryIO

from bundler.bundle.deflate import Engine
from bundler.bundle.recipes import LOCAL_HEADER, Blob, Copy, Deflated, Inflating, Literal, Recipe, Step
from bundler.bundle.soundness import CONTENT_RATIO, CONTENT_SLACK
from bundler.digests import Digest

__all__ = ["INLINE", "dissect"]

INLINE = 1 << 10  # bytes: longer literals are blobs
#: (level, mem_level): zipfile's and tarfile's. Of 56,000 streams in wheels and sdists, what these don't give again was
#: given again by no other setting.
_SETTINGS = ((6, 8), (9, 8))

_ATTEMPT = 4 << 10  # what every attempt counts for, however little it inflates
_NEAR, _PAGE = 256, 1 << 20
_HEADER = re.compile(rb"PK\x03\x04.{4}[\0\x08]\0.{20}|\x1f\x8b\x08[\0-\x1f].{6}", re.DOTALL)
_LONGEST_HEADER, _LONGEST_GZIP_HEADER = 30, 68 << 10
_DESCRIPTOR, _STORED, _UNKNOWN = 0x0008, 0, 0xFFFFFFFF  # APPNOTE 4.4.4, 4.4.5, 4.5.3


def dissect(stream: BinaryIO, engine: Engine) -> Recipe:
    """Take a seekable file apart; nothing is refused. It is read by `stream.read`, 1 MiB at a time."""
    return _Dissection(_Pages(stream), engine).run()


class _Exhausted(Exception):
    """More has been inflated than an artifact of this size may ask for."""


class _Pages:
    """A file, read a page at a time: most members of a wheel are small, and each is looked at several times."""

    def __init__(self, stream: BinaryIO) -> None:
        self.size = stream.seek(0, SEEK_END)
        self._stream = stream
        self._page, self._page_start, self._at = b"", 0, 0

    def seek(self, at: int) -> None:
        self._at = at

    def read(self, count: int) -> bytes:
        start = self._at - self._page_start
        if start < 0 or start + min(count, self.size - self._at) > len(self._page):
            self._stream.seek(self._at)
            self._page, self._page_start, start = self._stream.read(max(count, _PAGE)), self._at, 0
        data = self._page[start : start + count]
        self._at += len(data)
        return data


@dataclass
class _Dissection:
    pages: _Pages
    engine: Engine
    steps: list[Step] = field(default_factory=list)
    settings: list[tuple[int, int]] = field(default_factory=lambda: [*_SETTINGS])

    def run(self) -> Recipe:
        self.size = self.pages.size
        # What readers allow, but once the artifact's size: all else that is in it may be copied.
        self.budget = CONTENT_SLACK + (CONTENT_RATIO - 1) * self.size
        done = at = 0
        try:
            while (at := self._next_header(at)) < self.size:
                start, step = self._content(at)
                if step is None:
                    at += 1
                    continue
                self._keep(done, start)
                self.steps.append(step)
                done = at = start + step.size
        except _Exhausted:
            pass
        self._keep(done, self.size)
        return Recipe(tuple(self.steps))

    def _next_header(self, at: int) -> int:
        """Where the next header begins, or the end of the file."""
        count = _NEAR  # in most archives it stands right there
        while at < self.size:
            page = self._read(at, count)
            match = _HEADER.search(page)
            if match is not None:
                return at + match.start()
            # What may be the beginning of a header is read again with what follows it.
            at += max(len(page) - _LONGEST_HEADER + 1, 1) if at + len(page) < self.size else len(page)
            count = _PAGE
        return self.size

    def _content(self, at: int) -> tuple[int, Step | None]:
        """Where the content behind a header begins, and how it is made, where that is known."""
        header = self._read(at, _LONGEST_HEADER)
        if not header.startswith(b"PK"):
            start = at + _gzip_header(self._read(at, _LONGEST_GZIP_HEADER))
            return start, self._proven(start) if start > at else None
        _, flags, method, packed, size, n_name, n_extra = LOCAL_HEADER.unpack(header)
        start = at + LOCAL_HEADER.size + int(n_name) + int(n_extra)
        if method != _STORED:
            return start, self._proven(start)
        known = not flags & _DESCRIPTOR and packed == size != _UNKNOWN and start + packed <= self.size
        return start, self._copied(start, start + packed) if known and packed > INLINE else None

    def _proven(self, start: int) -> Deflated | None:
        """The stream that begins there, if one setting gives its very bytes again."""
        for setting in self.settings:
            step = self._proven_with(start, *setting)
            if step is not None:
                self.settings.remove(setting)
                self.settings.insert(0, setting)
                return step
        return None

    def _proven_with(self, start: int, level: int, mem_level: int) -> Deflated | None:
        """The same with one setting; the first bytes that differ end it."""
        self._spend(_ATTEMPT)
        content, compressor, state = Inflating(self.pages, start), self.engine.compressor(level, mem_level), sha256()
        at, size = start, 0
        for piece in content:
            self._spend(len(piece))
            packed = compressor.compress(piece)
            if self._read(at, len(packed)) != packed:
                return None
            state.update(piece)
            at, size = at + len(packed), size + len(piece)
        packed = compressor.flush()
        if not size or content.end != at + len(packed) or self._read(at, len(packed)) != packed:
            return None
        return Deflated(Blob(Digest("sha256", state.hexdigest()), size), content.end - start, level, mem_level)

    def _spend(self, count: int) -> None:
        self.budget -= count
        if self.budget < 0:
            raise _Exhausted

    def _keep(self, start: int, stop: int) -> None:
        """Take bytes as they are: a few into the recipe, many as a blob."""
        if stop - start > INLINE:
            self.steps.append(self._copied(start, stop))
        elif stop > start:
            self.steps.append(Literal(self._read(start, stop - start)))

    def _copied(self, start: int, stop: int) -> Copy:
        state = sha256()
        for at in range(start, stop, _PAGE):
            state.update(self._read(at, min(_PAGE, stop - at)))
        return Copy(Blob(Digest("sha256", state.hexdigest()), stop - start))

    def _read(self, at: int, count: int) -> bytes:
        self.pages.seek(at)
        return self.pages.read(count)


def _gzip_header(data: bytes) -> int:
    """The length of a gzip member's header (RFC 1952, 2.3); 0 where it isn't whole."""
    flags, end = data[3], 10
    if flags & 4:
        end += 2 + int.from_bytes(data[end : end + 2], "little")
    for flag in (8, 16):  # the file's name and a comment, each up to a zero
        if flags & flag:
            zero = data.find(b"\0", end)
            if zero < 0:
                return 0
            end = zero + 1
    end += flags & 2
    return end if end <= len(data) else 0
