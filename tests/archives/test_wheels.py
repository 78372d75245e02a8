from __future__ import annotations

import io
import zipfile

import pytest

from bundler.archives.wheels import check_wheel, read_wheel_metadata
from bundler.errors import UnusableFile
from tests.archives.building import FILES, METADATA, Part, build_zip, demo_wheel, wheel_parts


class CountingReader(io.BytesIO):
    """Remembers which bytes were read."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.touched: list[tuple[int, int]] = []

    def read(self, size: int | None = -1, /) -> bytes:
        start = self.tell()
        data = super().read(size)
        self.touched.append((start, start + len(data)))
        return data


def test_reading_metadata_touches_only_the_tail_and_the_member() -> None:
    files = {"demo/first.bin": bytes(range(256)) * 4000, **FILES, "demo/last.bin": bytes(range(256)) * 4000}
    data = build_zip(wheel_parts(files, method=0))
    reader = CountingReader(data)
    assert read_wheel_metadata(reader, demo_wheel()) == METADATA
    assert sum(end - start for start, end in reader.touched) < 17_000
    assert len(reader.touched) <= 4


def test_the_whole_check_reads_no_content_of_other_members() -> None:
    data = build_zip(wheel_parts({**FILES, "demo/big.bin": bytes(range(256)) * 40_000}, method=0))
    reader = CountingReader(data)
    assert check_wheel(reader, demo_wheel()) == METADATA
    assert sum(end - start for start, end in reader.touched) < 20_000


@pytest.mark.parametrize(
    "record",
    [
        b"demo/__init__.py,,\n",
        b"demo/__init__.py,,\ndemo-1.0.dist-info/METADATA,,\ndemo/more.py,,\n",
        b"\xff\n",
        b'"' + b"x" * 200_000 + b'"\n',
        b"",
    ],
    ids=["member missing", "member too many", "not UTF-8", "field too long", "empty"],
)
def test_a_record_that_differs_is_refused(record: bytes) -> None:
    with pytest.raises(UnusableFile, match="RECORD"):
        check_wheel(io.BytesIO(build_zip(wheel_parts(record=record))), demo_wheel())


def test_a_quoted_name_signatures_and_directories_are_no_difference() -> None:
    names = '"demo/a,b.py",,\r\ndemo/__init__.py,sha256=x,300\r\ndemo-1.0.dist-info/METADATA,,\r\ndemo/,,\r\n'
    parts = wheel_parts({**FILES, "demo/a,b.py": b""}, record=names.encode())
    parts += [Part(b"demo-1.0.dist-info/RECORD.jws", b"{}"), Part(b"other/", b"", method=0)]
    assert check_wheel(io.BytesIO(build_zip(parts)), demo_wheel()) == METADATA


@pytest.mark.parametrize("filename", ["Demo-1-py3-none-any.whl", "demo-1.0.0-py3-none-any.whl"])
def test_the_dist_info_directory_is_compared_after_normalisation(filename: str) -> None:
    assert read_wheel_metadata(io.BytesIO(build_zip(wheel_parts())), demo_wheel(filename)) == METADATA


@pytest.mark.parametrize("filename", ["other-1.0-py3-none-any.whl", "demo-2.0-py3-none-any.whl"])
def test_another_distributions_dist_info_is_refused(filename: str) -> None:
    with pytest.raises(UnusableFile, match="of another distribution"):
        read_wheel_metadata(io.BytesIO(build_zip(wheel_parts())), demo_wheel(filename))


@pytest.mark.parametrize("files", [{}, {**FILES, "evil-1.0.dist-info/METADATA": b""}])
def test_none_or_two_dist_info_directories_are_refused(files: dict[str, bytes]) -> None:
    data = build_zip([Part(name.encode(), content) for name, content in files.items()])
    with pytest.raises(UnusableFile, match="dist-info directories"):
        read_wheel_metadata(io.BytesIO(data), demo_wheel())


@pytest.mark.parametrize("missing", ["METADATA", "RECORD"])
def test_a_missing_member_is_named(missing: str) -> None:
    record = b"demo/__init__.py,,\ndemo-1.0.dist-info/WHEEL,,\n"
    parts = [part for part in wheel_parts(record=record) if not part.name.endswith(missing.encode())]
    with pytest.raises(UnusableFile, match=f"it has no {missing}"):
        check_wheel(io.BytesIO(build_zip([*parts, Part(b"demo-1.0.dist-info/WHEEL", b"")])), demo_wheel())


def test_a_damaged_member_is_refused() -> None:
    data = bytearray(build_zip(wheel_parts()))
    with zipfile.ZipFile(io.BytesIO(bytes(data))) as archive:
        offset = archive.getinfo("demo-1.0.dist-info/METADATA").header_offset
    data[offset + 30 + 27] ^= 0xFF
    with pytest.raises(UnusableFile, match=r"METADATA"):
        read_wheel_metadata(io.BytesIO(bytes(data)), demo_wheel())
