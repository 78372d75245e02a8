"""A project page in the form that a cache keeps: read again without scanning HTML or decoding JSON.

File names and versions lie in one text each, the entries, as the index wrote them, in one block with a table of their
ends. So a page of 15,000 files costs a few slices to read, and an entry is decoded when it is asked for, by the codec
of the form that it was written in. The files are grouped by version once, when the page is written. A page that is kept
is read from this form at once: the first run and the next see the same.

Bytes from a cache are a stranger's: whatever isn't a whole page is a ValueError, and no place lies outside the page.
Whether the bytes belong to this index and project is for whoever stored them to say. Tables of numbers have the
machine's own byte order, which is stated: a cache on a shared disk is read by machines of one kind.

What a codec or `simple.versions` finds in a page is part of the layout: a change there wants another number here.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import accumulate, chain
from typing import Final

import msgspec

from bundler.simple import html, json
from bundler.simple.model import Form, Listing, ProjectFile, ProjectPage, Versions
from bundler.simple.versions import are_versions, versions_of

__all__ = ["page_of", "read_page", "write_page"]

_NUMBER: Final = "I"  # 4 bytes on every machine that CPython runs on
_LAYOUT: Final = f"bundler page 1, {sys.byteorder}"
_READERS: Final = {"html": html.read_entry, "json": json.read_entry}


class _Page(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True, kw_only=True, gc=False):
    layout: str
    name: str
    url: str
    status: str
    status_reason: str | None
    form: Form
    base: str
    filenames: str  # each with a newline
    versions: str  # likewise
    ends: memoryview  # of the entries in their block
    version_ends: memoryview  # of the versions' places among all places
    places: memoryview
    entries: memoryview


_decode = msgspec.msgpack.Decoder(_Page).decode


def page_of(listing: Listing) -> ProjectPage:
    """The page that is made of what a codec read, where nobody will read it again."""

    def read(index: int) -> ProjectFile:
        return _READERS[listing.form](listing.entries[index], base=listing.base, filename=listing.filenames[index])

    return ProjectPage(
        name=listing.name,
        url=listing.url,
        filenames=_parted(_lines(listing.filenames)),
        read=read,
        status=listing.status,
        status_reason=listing.status_reason,
    )


def write_page(listing: Listing) -> bytes:
    """Write what a codec read."""
    versions = versions_of(listing.filenames)
    places = [versions.places(index) for index in range(len(versions.texts))]
    return msgspec.msgpack.encode(
        _Page(
            layout=_LAYOUT,
            name=listing.name,
            url=listing.url,
            status=listing.status,
            status_reason=listing.status_reason,
            form=listing.form,
            base=listing.base,
            filenames=_lines(listing.filenames),
            versions=_lines(versions.texts),
            ends=_table(accumulate(map(len, listing.entries))),
            version_ends=_table(accumulate(map(len, places))),
            places=_table(chain.from_iterable(places)),
            entries=memoryview(b"".join(listing.entries)),
        )
    )


def read_page(data: bytes | memoryview) -> ProjectPage:
    """Read what `write_page` wrote.

    Raises:
        ValueError: it is something else, or damaged.
    """
    stored = _decode(data)
    filenames, versions = _parted(stored.filenames), _parted(stored.versions)
    ends, version_ends, places = _numbers(stored.ends), _numbers(stored.version_ends), _numbers(stored.places)
    whole = (len(filenames), len(versions)) == (len(ends), len(version_ends)) and are_versions(stored.versions)
    if stored.layout != _LAYOUT or not whole or max(places, default=-1) >= len(filenames):
        raise ValueError("not a page of this layout")

    def read(index: int) -> ProjectFile:
        entry = bytes(_cut(stored.entries, ends, index))
        return _READERS[stored.form](entry, base=stored.base, filename=filenames[index])

    return ProjectPage(
        name=stored.name,
        url=stored.url,
        filenames=filenames,
        read=read,
        status=stored.status,
        status_reason=stored.status_reason,
        versions=Versions(texts=versions, places=partial(_cut, places, version_ends)),
    )


def _lines(texts: Sequence[str]) -> str:
    """A line for each text; one with a newline in it becomes "", which is no file's name."""
    joined = "\n".join((*texts, ""))
    return joined if joined.count("\n") == len(texts) else _lines(["" if "\n" in text else text for text in texts])


def _parted(lines: str) -> tuple[str, ...]:
    return tuple(lines.removesuffix("\n").split("\n")) if lines else ()


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
