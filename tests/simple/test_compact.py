from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.errors import UnusableFile
from bundler.simple import compact
from bundler.simple.compact import CompactPage, Entries, Form
from bundler.simple.model import ProjectFile, ProjectPage
from tests.simple.pages import URL, pages, project_files


def read_entry(form: Form, text: bytes, base: str, filename: str) -> ProjectFile:
    """A codec whose entries are a file's fields: what a page was read from comes back from it."""
    try:
        return msgspec.json.decode(text, type=ProjectFile)
    except ValueError as exc:
        raise UnusableFile(f"{filename}: broken") from exc


def written(page: ProjectPage, versions: Sequence[tuple[str, Sequence[int]]] = ()) -> bytes:
    entries = Entries(form="json", base=URL, texts=[msgspec.json.encode(file) for file in page.files()])
    return compact.write_page(page, entries, versions)


def page_of(*filenames: str, texts: Sequence[bytes] = (), form: Form = "html") -> tuple[ProjectPage, Entries]:
    def read(index: int) -> ProjectFile:
        raise AssertionError(f"{filenames[index]} was read")

    page = ProjectPage(name="demo", url=URL, filenames=filenames, read=read)
    return page, Entries(form=form, base=URL, texts=texts or [b""] * len(filenames))


def places(page: CompactPage) -> list[tuple[str, tuple[int, ...]]]:
    return [(version, tuple(page.places(index))) for index, version in enumerate(page.versions)]


@given(pages(project_files(size=st.none() | st.integers(0, 2**40))))
def test_what_is_written_is_read_again(page: ProjectPage) -> None:
    again = compact.read_page(written(page), read_entry).page
    assert again == page
    assert list(again.files()) == list(page.files())


@given(st.lists(st.tuples(st.from_regex(r"[0-9]{1,3}", fullmatch=True), st.lists(st.integers(0, 4), max_size=3))))
def test_files_are_grouped_by_version_as_the_writer_said(versions: list[tuple[str, list[int]]]) -> None:
    data = compact.write_page(*page_of("a", "b", "c", "d", "e"), versions)
    assert places(compact.read_page(data, read_entry)) == [(text, tuple(places)) for text, places in versions]


def test_an_entry_is_read_when_it_is_asked_for_with_what_its_codec_needs() -> None:
    asked = []

    def reads(form: Form, text: bytes, base: str, filename: str) -> ProjectFile:
        asked.append((form, text, base, filename))
        return ProjectFile(filename=filename, url=base)

    page = compact.read_page(compact.write_page(*page_of("a", "b", texts=[b"one", b"\xff\n"]), ()), reads).page
    assert asked == []
    assert page.read(1).filename == "b"
    page.read(0)
    assert asked == [("html", b"\xff\n", URL, "b"), ("html", b"one", URL, "a")]


@pytest.mark.parametrize("filenames", [(), ("",), ("", ""), ("a", ""), ("a", "", "b")])
def test_odd_file_names_keep_their_places(filenames: tuple[str, ...]) -> None:
    assert compact.read_page(compact.write_page(*page_of(*filenames), ()), read_entry).page.filenames == filenames


def test_a_file_name_with_a_newline_becomes_one_that_no_file_has() -> None:
    data = compact.write_page(*page_of("a", "b\nc", "d"), [("1\n2", [1])])
    again = compact.read_page(data, read_entry)
    assert again.page.filenames == ("a", "", "d")
    assert places(again) == [("", (1,))]


def test_a_page_of_another_layout_is_refused() -> None:
    data = compact.write_page(*page_of("a"), ())
    assert data.count(b"page 1") == 1
    with pytest.raises(ValueError, match="not a page of this layout"):
        compact.read_page(data.replace(b"page 1", b"page 2"), read_entry)


def test_a_place_outside_the_page_is_refused() -> None:
    with pytest.raises(ValueError, match="not a page of this layout"):
        compact.read_page(compact.write_page(*page_of("a", "b"), [("1", [0, 2])]), read_entry)


def test_more_entries_than_names_are_refused() -> None:
    page, entries = page_of("a", "b")
    with pytest.raises(ValueError, match="not a page of this layout"):
        compact.read_page(compact.write_page(page, replace(entries, texts=[b""]), ()), read_entry)


SAMPLE = compact.write_page(*page_of("a-1.whl", "b-2.whl", texts=[b"[]", b"{}"]), [("2", [1]), ("1", [0])])


def exercise(data: bytes) -> None:
    """Read all of a page; damage is a ValueError at once, or an unusable entry, and never another error."""
    try:
        again = compact.read_page(data, read_entry)
    except ValueError:
        return
    for index in range(len(again.page.filenames)):
        try:
            again.page.read(index)
        except UnusableFile:
            continue
    for _, found in places(again):
        assert all(0 <= place < len(again.page.filenames) for place in found)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_page_or_a_value_error(data: bytes) -> None:
    exercise(data)
    exercise(SAMPLE[:50] + data)


def test_every_flipped_bit_and_every_cut_is_survived() -> None:
    for at in range(len(SAMPLE)):
        exercise(SAMPLE[:at])
        for bit in range(8):
            exercise(SAMPLE[:at] + bytes([SAMPLE[at] ^ (1 << bit)]) + SAMPLE[at + 1 :])


@given(
    ends=st.lists(st.integers(0, 2**32 - 1), min_size=2, max_size=2),
    version_ends=st.lists(st.integers(0, 2**32 - 1), min_size=2, max_size=2),
)
def test_forged_tables_are_survived(ends: list[int], version_ends: list[int]) -> None:
    fields = msgspec.msgpack.decode(SAMPLE)
    fields[9], fields[10] = (b"".join(n.to_bytes(4, "little") for n in numbers) for numbers in (ends, version_ends))
    exercise(msgspec.msgpack.encode(fields))


def test_deep_nesting_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="Expected"):
        compact.read_page(b"\x91" * 100_000, read_entry)
