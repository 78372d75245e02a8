from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from bundler.errors import Refused, UnusableFile
from bundler.simple import html, json
from bundler.simple.compact import page_of, read_page, write_page
from bundler.simple.model import Form, Listing, ProjectFile, ProjectPage
from bundler.simple.versions import versions_of
from tests.simple.pages import URL, pages, project_files

SHA = "0" * 64


def listing(*filenames: str, entries: Sequence[bytes] = (), form: Form = "html") -> Listing:
    entries = entries or [f'href="{name}#sha256={SHA}"'.encode() for name in filenames]
    return Listing(
        name="demo",
        url=URL,
        form=form,
        base=URL,
        filenames=filenames,
        entries=entries,
        status="active",
        status_reason=None,
    )


def grouped(page: ProjectPage) -> list[tuple[str, tuple[int, ...]]]:
    assert page.versions is not None
    return [(text, tuple(page.versions.places(index))) for index, text in enumerate(page.versions.texts)]


def entries_of(page: ProjectPage) -> list[ProjectFile | str]:
    return [entry_of(page, index) for index in range(len(page.filenames))]


def entry_of(page: ProjectPage, index: int) -> ProjectFile | str:
    try:
        return page.read(index)
    except UnusableFile as exc:
        return exc.message


@given(pages(project_files(size=st.none() | st.integers(0, 2**40))))
def test_what_was_read_from_json_is_read_again(page: ProjectPage) -> None:
    written = write_page(json.read_listing(json.write_page(page), url=URL, name="demo"))
    again = read_page(written)
    assert again == page
    assert list(again.files()) == list(page.files())
    assert grouped(again) == grouped(replace(page, versions=versions_of(page.filenames)))


@given(pages(project_files()), st.sampled_from(["utf-8", "cp1252"]))
def test_what_was_read_from_html_is_read_again(page: ProjectPage, charset: str) -> None:
    try:
        body = html.write_page(page).decode().encode(charset)
    except UnicodeEncodeError:
        reject()  # a reference can't stand for every character: HTML leaves noncharacters out
    again = read_page(write_page(html.read_listing(body, url=URL, name="demo", charset=charset)))
    assert again == page
    assert list(again.files()) == list(page.files())
    assert grouped(again) == grouped(replace(page, versions=versions_of(page.filenames)))


PIECES = ("<a", " href=", '"demo-1.0.zip"', "demo-1-py3-none-any.whl", "'", '"', ">", "</a>", "&#10;", "%0A", "é", "\n")


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=30).map("".join))
def test_whatever_html_holds_comes_back_entry_by_entry(body: str) -> None:
    try:
        found = html.read_listing(f"<title>Index of</title>{body}".encode("utf-8", "replace"), url=URL, name="demo")
    except Refused:
        return
    page = page_of(found)
    expected = [name if "\n" not in name else "" for name in found.filenames]
    assert list(page.filenames) == expected
    for index, name in enumerate(expected):
        try:
            one: ProjectFile | str = html.read_entry(found.entries[index], base=URL, filename=name)
        except UnusableFile as exc:
            one = exc.message
        assert entry_of(page, index) == one


FILE = st.fixed_dictionaries({}, optional={"filename": st.text(max_size=5), "url": st.text(max_size=5), "x": st.none()})


@given(st.lists(FILE | st.none() | st.integers(), max_size=5))
def test_whatever_json_holds_keeps_its_place(files: list[object]) -> None:
    body = msgspec.json.encode({"meta": {"api-version": "1.0"}, "name": "demo", "files": files})
    page = page_of(json.read_listing(body, url=URL, name="demo"))
    assert len(page.filenames) == len(files)
    entries_of(page)


def test_an_entry_is_read_when_it_is_asked_for() -> None:
    page = page_of(listing("a-1.zip", "b-1.zip", entries=[b"href=b-1.zip", b"\xff no entry"]))
    assert page.read(0).url == f"{URL}b-1.zip"
    with pytest.raises(UnusableFile, match=r"b-1\.zip: its entry has no link"):
        page.read(1)


@pytest.mark.parametrize("filenames", [(), ("",), ("", ""), ("a", ""), ("a", "", "b")])
def test_odd_file_names_keep_their_places(filenames: tuple[str, ...]) -> None:
    assert page_of(listing(*filenames)).filenames == filenames


def test_a_file_name_with_a_newline_becomes_one_that_no_file_has() -> None:
    assert page_of(listing("a", "b\nc", "d")).filenames == ("a", "", "d")


def test_a_page_of_another_layout_is_refused() -> None:
    data = write_page(listing("a"))
    assert data.count(b"page 1") == 1
    with pytest.raises(ValueError, match="not a page of this layout"):
        read_page(data.replace(b"page 1", b"page 2"))


def test_more_names_than_entries_are_refused() -> None:
    with pytest.raises(ValueError, match="not a page of this layout"):
        read_page(write_page(listing("a", "b", entries=[b""])))


SAMPLE = write_page(listing("a-1-py3-none-any.whl", "b-2.zip"))


def forged(**fields: object) -> bytes:
    """The sample with other fields: `f8` are the versions, `f9` to `f11` the tables."""
    whole = msgspec.msgpack.decode(SAMPLE)
    for name, value in fields.items():
        whole[int(name[1:])] = value
    return msgspec.msgpack.encode(whole)


def table(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(4, sys.byteorder) for number in numbers)


def exercise(data: bytes) -> None:
    """Read all of a page; damage is a ValueError at once, or an unusable entry, and never another error."""
    try:
        page = read_page(data)
    except ValueError:
        return
    entries_of(page)
    for _, found in grouped(page):
        assert all(0 <= place < len(page.filenames) for place in found)


def test_a_place_outside_the_page_is_refused() -> None:
    read_page(forged(f11=table(0, 1)))
    with pytest.raises(ValueError, match="not a page of this layout"):
        read_page(forged(f11=table(0, 2)))


@pytest.mark.parametrize("versions", ["2\nx\n", "2\n\n", "2\n1", "2\n" + "1" * 5000 + "\n", "3\n2\n1\n"])
def test_versions_that_are_none_are_refused(versions: str) -> None:
    with pytest.raises(ValueError, match="not a page of this layout"):
        read_page(forged(f8=versions))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_page_or_a_value_error(data: bytes) -> None:
    exercise(data)
    exercise(SAMPLE[:50] + data)


def test_every_flipped_bit_and_every_cut_is_survived() -> None:
    for at in range(len(SAMPLE)):
        exercise(SAMPLE[:at])
        for bit in range(8):
            exercise(SAMPLE[:at] + bytes([SAMPLE[at] ^ (1 << bit)]) + SAMPLE[at + 1 :])


NUMBERS = st.lists(st.integers(0, 2**32 - 1), min_size=2, max_size=2)


@given(ends=NUMBERS, version_ends=NUMBERS)
def test_forged_tables_are_survived(ends: list[int], version_ends: list[int]) -> None:
    exercise(forged(f9=table(*ends), f10=table(*version_ends)))


@given(ends=st.lists(st.integers(0, 400), min_size=2, max_size=2))
def test_an_entry_may_be_cut_anywhere(ends: list[int]) -> None:
    exercise(forged(f9=table(*ends)))


def test_deep_nesting_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="Expected"):
        read_page(b"\x91" * 100_000)
