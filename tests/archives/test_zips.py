"""Hostile zips, each built byte by byte; sound ones of every writer at hand are accepted."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.archives.wheels import check_wheel, read_wheel_metadata
from bundler.archives.zips import is_safe_name, read_directory
from bundler.errors import UnusableFile
from tests.archives.building import FILES, METADATA, Part, build_zip, demo_wheel, wheel_parts

ZIP64 = 0xFFFFFFFF


def check(data: bytes) -> bytes:
    return check_wheel(io.BytesIO(data), demo_wheel())


def first(**changes: object) -> Callable[[], bytes]:
    """A wheel whose first member is changed."""

    def make() -> bytes:
        parts = wheel_parts()
        return build_zip([replace(parts[0], **changes), *parts[1:]])  # type: ignore[arg-type]  # fields by name

    return make


def with_member(name: str, flags: int = 0x800) -> Callable[[], bytes]:
    """A wheel with one more member, which RECORD names."""

    def make() -> bytes:
        files = {**FILES, name: b"x"}
        return build_zip([replace(part, flags=flags) for part in wheel_parts(files)])

    return make


def twice() -> bytes:
    parts = wheel_parts()
    return build_zip([*parts, parts[0]])


def end64(count: int, length: int, start: int, **changes: int) -> bytes:
    here = changes.get("here", count)
    return struct.pack("<4sQHHLLQQQQ", b"PK\6\6", changes.get("size", 44), 45, 45, 0, 0, here, count, length, start)


def zip64_end(gap: bytes = b"", disks: int = 1, classic_start: int = ZIP64, **changes: int) -> bytes:
    plain = build_zip(wheel_parts())
    count, length, start = struct.unpack("<HLL", plain[-12:-2])
    record = end64(changes.pop("count", count), length, changes.pop("start", start), **changes) + gap
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, start + length, disks)
    return build_zip(wheel_parts(), before_end=record + locator, end={"start": classic_start})


def overlap() -> bytes:
    parts = wheel_parts()
    size = len(parts[0].fields()["data"])  # type: ignore[arg-type]  # the packed bytes
    wrong = {"packed": size + 40}
    return build_zip([replace(parts[0], local=wrong, central=wrong), *parts[1:]])


def second_end_record() -> bytes:
    data = build_zip(wheel_parts())
    return data + data[-22:]


DUPLICATE_EXTRA = struct.pack("<HHBHHB", 0x5455, 1, 0, 0x5455, 1, 0)
UNICODE_PATH = struct.pack("<HHBL4s", 0x7075, 9, 1, 0, b"evil")
SHORT64 = struct.pack("<HHL", 1, 4, 300)
FULL64 = struct.pack("<HHQQ", 1, 16, 300, 20)

HOSTILE = {
    "name in the local header": first(local={"name": b"demo/__evil__.py"}),
    "method in the local header": first(local={"method": 0}),
    "flags in the local header": first(local={"flags": 0x800}),
    "checksum in the local header": first(local={"crc": 1}),
    "packed size in the local header": first(local={"packed": 1}),
    "size in the local header": first(local={"size": 1}),
    "encrypted": first(flags=1),
    "strongly encrypted": first(flags=0x41),
    "masked headers": first(flags=0x2000),
    "another method": first(local={"method": 14}, central={"method": 14}),
    "stored with two sizes": first(method=0, local={"size": 301}, central={"size": 301}),
    "data before the first member": first(before=b"MZ stub"),
    "data between members": first(after=b"hidden"),
    "a hidden member between members": first(after=build_zip([Part(b"evil.py", b"x")])[:40]),
    "a wrong data descriptor": first(flags=8, after=b"PK\7\b" + bytes(12)),
    "no data descriptor": first(flags=8),
    "data before the directory": lambda: build_zip(wheel_parts(), before_directory=b"hidden"),
    "data before the end record": lambda: build_zip(wheel_parts(), before_end=b"hidden"),
    "data after the end record": lambda: build_zip(wheel_parts(), after_end=b"hidden"),
    "two end records": second_end_record,
    "an end record in the comment": lambda: build_zip(wheel_parts(), comment=b"PK\5\6" + bytes(18)),
    "a comment beyond the tail": lambda: build_zip(wheel_parts(), comment=b"x" * 20_000),
    "fewer entries than the directory holds": lambda: build_zip(wheel_parts(), end={"count": 2}),
    "more entries than the directory holds": lambda: build_zip(wheel_parts(), end={"count": 4}),
    "two counts of entries": lambda: build_zip(wheel_parts(), end={"here": 1}),
    "a second disk": lambda: build_zip(wheel_parts(), end={"disk": 1}),
    "a directory elsewhere": lambda: build_zip(wheel_parts(), end={"start": 7}),
    "a directory of 4 GiB": lambda: build_zip(wheel_parts(), end={"length": ZIP64 - 1}),
    "a member on a second disk": first(central={"disk": 1}),
    "a member behind the directory": first(central={"offset": 1 << 30}),
    "two members at one place": lambda: build_zip([wheel_parts()[0], replace(wheel_parts()[1], central={"offset": 0})]),
    "members that overlap": overlap,
    "the same name twice": twice,
    "duplicate extra fields": first(central={"extra": DUPLICATE_EXTRA}),
    "duplicate local extra fields": first(local={"extra": DUPLICATE_EXTRA}),
    "a cut extra field": first(central={"extra": b"UT\x09\0x"}),
    "a second name in an extra field": first(central={"extra": UNICODE_PATH}),
    "a zip64 field that nothing needs": first(central={"extra": FULL64}),
    "a zip64 field that is too short": first(central={"size": ZIP64, "extra": SHORT64}),
    "a zip64 size that differs": first(local={"size": ZIP64, "packed": ZIP64, "extra": FULL64}),
    "zip64 all ones without a field": first(central={"size": ZIP64}),
    "two zip64 end records that disagree": lambda: zip64_end(classic_start=3),
    "a zip64 end record with two counts": lambda: zip64_end(here=1),
    "a zip64 end record with more data": lambda: zip64_end(size=60),
    "a zip64 end record elsewhere": lambda: zip64_end(gap=b"hidden"),
    "a zip64 locator of two disks": lambda: zip64_end(disks=2),
    "zip64 with another start": lambda: zip64_end(start=5),
    "parent": with_member("../evil"),
    "parent inside": with_member("demo/../../evil"),
    "absolute": with_member("/etc/passwd"),
    "drive": with_member("C:/evil"),
    "backslash": with_member("demo\\evil"),
    "NUL": with_member("demo/a\0.py"),
    "line feed": with_member("demo/a\n.py"),
    "C1 control": with_member("demo/a\x85.py"),
    "dot": with_member("demo/./a.py"),
    "empty component": with_member("demo//a.py"),
    "empty": with_member(""),
    "case collision": with_member("Demo/__INIT__.py"),
    "file and directory": with_member("demo/__init__.py/"),
    "not UTF-8 and no flag": with_member("demo/ä.py", flags=0),
    "flagged as UTF-8 and isn't": first(name=b"demo/\xff.py", flags=0x800),
    "not a zip": lambda: b"<html>log in first</html>",
    "empty file": lambda: b"",
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_zip_is_refused_by_name(make: Callable[[], bytes]) -> None:
    with pytest.raises(UnusableFile, match=r"^demo-1\.0-py3-none-any\.whl: "):
        check(make())


def test_the_same_letter_in_two_forms_is_one_name() -> None:
    files = {**FILES, "demo/\u00e9": b"1", "demo/e\u0301": b"2"}
    with pytest.raises(UnusableFile, match="the same name"):
        check(build_zip([replace(part, flags=0x800) for part in wheel_parts(files)]))


@pytest.mark.parametrize("method", [0, 8])
def test_a_sound_zip_is_accepted(method: int) -> None:
    assert check(build_zip(wheel_parts(method=method))) == METADATA


def test_a_comment_without_an_end_record_is_accepted() -> None:
    assert check(build_zip(wheel_parts(), comment=b"made by hand")) == METADATA


def test_a_zip64_end_record_that_agrees_is_accepted() -> None:
    assert check(zip64_end()) == METADATA


def test_directories_and_time_stamps_are_accepted() -> None:
    parts = wheel_parts()
    stamped = replace(parts[0], local={"extra": b"UT\x09\0" + bytes(9)}, central={"extra": b"UT\x05\0" + bytes(5)})
    assert check(build_zip([Part(b"demo/", b"", method=0), stamped, *parts[1:]])) == METADATA


@pytest.mark.parametrize("mark", [b"PK\7\b", b""])
@pytest.mark.parametrize("form", ["<LLL", "<LQQ"])
def test_every_form_of_data_descriptor_is_accepted(mark: bytes, form: str) -> None:
    parts = []
    for part in wheel_parts(flags=8):
        values = part.fields()
        after = mark + struct.pack(form, values["crc"], values["packed"], values["size"])
        parts.append(replace(part, local={"crc": 0, "packed": 0, "size": 0}, after=after))
    assert check(build_zip(parts)) == METADATA


class Unseekable(io.RawIOBase):
    def __init__(self) -> None:
        self.data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]  # bytes are all that zipfile writes
        self.data += data
        return len(data)


@given(
    st.dictionaries(st.from_regex(r"[a-z]{1,8}/[a-z]{1,8}\.py", fullmatch=True), st.binary(max_size=200), max_size=5),
    st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]),
    st.booleans(),
    st.booleans(),
)
def test_what_zipfile_writes_is_accepted(files: dict[str, bytes], method: int, streamed: bool, wide: bool) -> None:
    target = Unseekable() if streamed else io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for part in wheel_parts({**files, **FILES}):
            with archive.open(part.name.decode(), "w", force_zip64=wide) as member:
                member.write(part.content)
    data = bytes(target.data) if isinstance(target, Unseekable) else target.getvalue()
    assert check(data) == METADATA


def test_a_cut_at_any_length_is_refused() -> None:
    data = build_zip(wheel_parts())
    for length in range(len(data)):
        with pytest.raises(UnusableFile):
            check(data[:length])


def test_a_flip_of_any_byte_in_the_structure_raises_nothing_else() -> None:
    data = build_zip(wheel_parts())
    for position in range(len(data)):
        flipped = bytearray(data)
        flipped[position] ^= 0xFF
        try:
            check(bytes(flipped))
        except UnusableFile:
            continue


def test_a_member_is_inflated_no_further_than_it_declares() -> None:
    files = {**FILES, "demo-1.0.dist-info/METADATA": bytes(1 << 20)}
    parts = wheel_parts(files)
    wrong = {"size": 1000}
    with pytest.raises(UnusableFile, match="isn't what its size"):
        check(build_zip([parts[0], replace(parts[1], local=wrong, central=wrong), parts[2]]))


def test_a_member_above_the_ceiling_is_refused_before_it_is_read() -> None:
    parts = wheel_parts()
    wrong = {"size": 17 << 20}
    data = build_zip([parts[0], replace(parts[1], local=wrong, central=wrong), parts[2]])
    with pytest.raises(UnusableFile, match="larger than"):
        read_wheel_metadata(io.BytesIO(data), demo_wheel())


def test_hidden_data_before_the_wanted_member_ends_is_refused_without_the_other_headers() -> None:
    parts = wheel_parts()
    data = build_zip([parts[0], replace(parts[1], after=bytes(1 << 20)), parts[2]])
    with pytest.raises(UnusableFile, match="hidden data"):
        read_wheel_metadata(io.BytesIO(data), demo_wheel())


def test_a_directory_larger_than_the_tail_is_read_whole() -> None:
    files = {**FILES, **{f"demo/{number:05}.py": b"x" for number in range(1000)}}
    directory = read_directory(io.BytesIO(build_zip(wheel_parts(files))), "demo.whl")
    assert len(directory.entries) == 1003


@pytest.mark.parametrize("name", ["a", "a/", "a/b.py", "...", "a/..b", "é/ü", "aux:x"])
def test_plain_names_are_safe(name: str) -> None:
    assert is_safe_name(name)
