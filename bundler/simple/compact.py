"""A project page in the form that a cache keeps: read again without scanning HTML or decoding JSON.

File names and versions lie in one text each, the entries, as the index wrote them, in one block with a table of their
ends. So a page of 15,000 files costs a few slices to read, and an entry is decoded when it is asked for, by the codec
of the form that it was written in. The files are grouped by version once, when the page is written.

Bytes from a cache are a stranger's: whatever isn't a whole page is a ValueError, and no place lies outside the page.
Whether the bytes belong to this index and project is for whoever stored them to say. Tables of numbers have the
machine's own byte order, which is stated: a cache on a shared disk is read by machines of one kind.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from typing import Final, Literal

import msgspec

from bundler.simple.model import ProjectFile, ProjectPage

__all__ = ["CompactPage", "Entries", "Form", "ReadEntry", "read_page", "write_page"]

#: Which codec an entry is for.
Form = Literal["html", "json"]
#: Reads an entry: its form, its text, what its link is relative to, and the file's name. Raises UnusableFile.
ReadEntry = Callable[[Form, bytes, str, str], ProjectFile]

_NUMBER: Final = "I"  # 4 bytes on every machine that CPython runs on
_LAYOUT = f"bundler page 1, {sys.byteorder}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """The entries of a page as the index wrote them, in the order of its file names; `base` is that of their links."""

    form: Form
    base: str
    texts: Iterable[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompactPage:
    """A page and its files by version: `places(i)` are where the files of `versions[i]` stand on the page."""

    page: ProjectPage
    versions: tuple[str, ...]
    places: Callable[[int], Sequence[int]]


class _Page(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True, kw_only=True, gc=False):
    layout: str
    name: str
    url: str
    status: str
    status_reason: str | None
    form: Form
    base: str
    filenames: str  # joined by newlines
    versions: str  # likewise
    ends: memoryview  # of the entries in their block
    version_ends: memoryview  # of the versions' places among all places
    places: memoryview
    entries: memoryview


_decode = msgspec.msgpack.Decoder(_Page).decode


def write_page(page: ProjectPage, entries: Entries, versions: Iterable[tuple[str, Sequence[int]]]) -> bytes:
    """Write a page; `versions` are in the order in which they shall come back, each with the places of its files."""
    texts = list(entries.texts)
    grouped = list(versions)
    return msgspec.msgpack.encode(
        _Page(
            layout=_LAYOUT,
            name=page.name,
            url=page.url,
            status=page.status,
            status_reason=page.status_reason,
            form=entries.form,
            base=entries.base,
            filenames=_joined(page.filenames),
            versions=_joined([text for text, _ in grouped]),
            ends=_table(accumulate(map(len, texts))),
            version_ends=_table(accumulate(len(places) for _, places in grouped)),
            places=_table(place for _, places in grouped for place in places),
            entries=memoryview(b"".join(texts)),
        )
    )


def read_page(data: bytes | memoryview, read_entry: ReadEntry) -> CompactPage:
    """Read what `write_page` wrote.

    Raises:
        ValueError: it is something else, or damaged.
    """
    stored = _decode(data)
    filenames, versions = _parted(stored.filenames), _parted(stored.versions)
    ends, version_ends, places = _numbers(stored.ends), _numbers(stored.version_ends), _numbers(stored.places)
    whole = (len(filenames), len(versions)) == (len(ends), len(version_ends))
    if stored.layout != _LAYOUT or not whole or max(places, default=-1) >= len(filenames):
        raise ValueError("not a page of this layout")

    def read(index: int) -> ProjectFile:
        return read_entry(stored.form, bytes(_cut(stored.entries, ends, index)), stored.base, filenames[index])

    page = ProjectPage(
        name=stored.name,
        url=stored.url,
        filenames=filenames,
        read=read,
        status=stored.status,
        status_reason=stored.status_reason,
    )
    return CompactPage(page=page, versions=versions, places=partial(_cut, places, version_ends))


def _joined(texts: Sequence[str]) -> str:
    """Texts in one; an odd one with a newline becomes "", which is no file's name and no version."""
    joined = "\n".join(texts)
    if joined.count("\n") >= len(texts) > 0:
        joined = "\n".join("" if "\n" in text else text for text in texts)
    return joined + "\n" if texts else ""


def _parted(joined: str) -> tuple[str, ...]:
    return tuple(joined.removesuffix("\n").split("\n")) if joined else ()


def _table(numbers: Iterable[int]) -> memoryview:
    return memoryview(array(_NUMBER, numbers)).cast("B")


def _numbers(table: memoryview) -> memoryview:
    """The numbers of a table; a TypeError of `cast` says that its length is odd."""
    try:
        return table.cast("B").cast(_NUMBER)
    except TypeError as exc:
        raise ValueError("a table is cut") from exc


def _cut(block: memoryview, ends: memoryview, index: int) -> memoryview:
    """The part of a block that ends at the `index`th of these ends; damaged ends cut another part, or nothing."""
    return block[ends[index - 1] if index else 0 : ends[index]]
