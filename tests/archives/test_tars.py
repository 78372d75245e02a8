"""Hostile tars, built block by block; tarfile is the oracle for sound ones."""

from __future__ import annotations

import gzip
import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.archives.tars import read_tar
from bundler.errors import UnusableFile

END = bytes(1024)


def header(name: bytes, size: bytes = b"00000000000\0", kind: bytes = b"0", *, damaged: bool = False) -> bytes:
    block = bytearray(512)
    block[: len(name)] = name
    block[124:136] = size
    block[148:156] = b" " * 8
    block[156:157] = kind
    block[257:265] = b"ustar\00000"
    block[148:156] = b"%06o\0 " % (sum(block) + damaged)
    return bytes(block)


def member(name: bytes, content: bytes = b"", kind: bytes = b"0") -> bytes:
    padding = bytes(-len(content) % 512)
    return header(name, b"%011o\0" % len(content), kind) + content + padding


def pax(kind: bytes = b"x", **records: str) -> bytes:
    content = b""
    for key, value in records.items():
        rest = f" {key.replace('__', '.')}={value}\n".encode()
        length = len(rest) + 1
        while len(str(length)) + len(rest) != length:
            length += 1
        content += str(length).encode() + rest
    return member(b"PaxHeader", content, kind)


def names(data: bytes, **limits: int) -> list[str]:
    return [entry.name for entry in read_tar(io.BytesIO(data), "demo-1.0.tar.gz", **limits)]


A = member(b"d/a", b"hello")

HOSTILE = {
    "pax size that isn't the header's": pax(size="1024") + A + END,
    "pax size for all": pax(b"g", size="5") + A + END,
    "pax path for all": pax(b"g", path="d/b") + A + END,
    "two pax names": pax(path="d/b") + pax(path="d/c") + A + END,
    "pax and GNU name": pax(path="d/b") + member(b"././@LongLink", b"d/c\0", b"L") + A + END,
    "broken pax record": member(b"PaxHeader", b"99 path=x\n", b"x") + A + END,
    "pax record of length 0": member(b"PaxHeader", b"0 path=x\n", b"x") + A + END,
    "pax record twice": member(b"PaxHeader", b"9 path=x\n9 path=y\n", b"x") + A + END,
    "negative size": header(b"d/a", b"\xff" * 12) + END,
    "octal minus": header(b"d/a", b"-0000000001\0") + END,
    "huge size": header(b"d/a", b"\x80" + b"\xff" * 11) + END,
    "size that is no number": header(b"d/a", b"hello world\0") + END,
    "sparse": member(b"d/a", b"", b"S") + END,
    "sparse by pax": pax(GNU__sparse__major="1") + A + END,
    "multi-volume": member(b"d/a", b"", b"M") + END,
    "link with content": member(b"d/a", b"hello", b"2") + END,
    "directory with content": member(b"d/", b"hello", b"5") + END,
    "long name of 2 MiB": member(b"././@LongLink", bytes(2 << 20), b"L") + A + END,
    "wrong checksum": header(b"d/a", damaged=True) + END,
    "parent": member(b"d/../../a") + END,
    "absolute": member(b"/etc/passwd") + END,
    "backslash": member(b"d\\a") + END,
    "line feed": member(b"d/a\n") + END,
    "no name": member(b"") + END,
    "no end mark": A,
    "cut in a member": A[:-300],
    "a second archive after the end mark": A + END + member(b"d/b") + END,
    "a second archive after one block": A + bytes(512) + member(b"d/b") + END,
    "not a tar": b"hello" * 1000,
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_tar_is_refused_by_name(data: bytes) -> None:
    with pytest.raises(UnusableFile, match=r"^demo-1\.0\.tar\.gz: "):
        names(gzip.compress(data))


def test_every_kind_of_harmless_member_is_passed() -> None:
    members = member(b"d/", kind=b"5") + A + member(b"d/link", kind=b"2") + member(b"d/fifo", kind=b"6")
    assert names(gzip.compress(pax(b"g", comment="x") + members + END)) == ["d/", "d/a", "d/link", "d/fifo"]


def test_a_pax_size_that_repeats_the_header_is_accepted() -> None:
    assert names(gzip.compress(pax(size="5", path="d/long") + A + END)) == ["d/long"]


def test_only_regular_files_can_be_read() -> None:
    entry = next(read_tar(io.BytesIO(gzip.compress(member(b"d/a", kind=b"1") + END)), "demo-1.0.tar.gz"))
    with pytest.raises(UnusableFile, match="isn't a regular file"):
        entry.read(ceiling=100)


def test_a_file_above_the_callers_ceiling_is_refused() -> None:
    entry = next(read_tar(io.BytesIO(gzip.compress(A + END)), "demo-1.0.tar.gz"))
    with pytest.raises(UnusableFile, match="at most 4 bytes"):
        entry.read(ceiling=4)


def test_the_ratio_has_a_ceiling() -> None:
    with pytest.raises(UnusableFile, match="1000 times its size"):
        names(gzip.compress(member(b"d/a", bytes(40 << 20)) + END))


def test_the_inflated_size_has_a_ceiling() -> None:
    with pytest.raises(UnusableFile, match="more than 100000 bytes"):
        names(gzip.compress(member(b"d/a", bytes(200_000)) + END), max_inflated=100_000)


def test_the_number_of_members_has_a_ceiling() -> None:
    with pytest.raises(UnusableFile, match="more than 10 members"):
        names(gzip.compress(b"".join(member(b"d/%d" % number) for number in range(11)) + END), max_members=10)


def test_a_cut_at_any_length_is_refused() -> None:
    data = gzip.compress(A + END, mtime=0)
    for length in range(len(data)):
        with pytest.raises(UnusableFile):
            names(data[:length])


def test_bytes_after_the_gzip_stream_are_refused() -> None:
    with pytest.raises(UnusableFile):
        names(gzip.compress(A + END) + b"hidden")


@given(
    st.dictionaries(st.from_regex(r"d/[a-zé]{1,180}", fullmatch=True), st.binary(max_size=2000), max_size=6),
    st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]),
)
def test_what_tarfile_writes_is_read_back(files: dict[str, bytes], form: int) -> None:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz", format=form, compresslevel=1) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            info.mtime = 1.5
            archive.addfile(info, io.BytesIO(content))
    entries = read_tar(io.BytesIO(target.getvalue()), "demo-1.0.tar.gz")
    assert {entry.name: entry.read(ceiling=10_000) for entry in entries} == files
