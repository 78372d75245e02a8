from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.archives.sdists import read_sdist_files
from bundler.archives.tars import read_tar
from bundler.distributions import Sdist, parse_filename
from bundler.errors import UnusableFile
from bundler.trees.model import TreeFile
from bundler.trees.packing import write_sdist
from tests.trees.making import content

INFO = b"Metadata-Version: 2.2\nName: demo\nVersion: 1.0\n"

PARTS = st.from_regex(r"[a-zA-Z0-9_.é日-]{1,60}", fullmatch=True).filter(lambda part: part.strip("."))
NAMES = st.lists(PARTS, min_size=1, max_size=5).map("/".join).filter(lambda name: name != "PKG-INFO")
FILES = st.dictionaries(NAMES, st.tuples(st.binary(max_size=2000), st.booleans()), max_size=8)


def packed(files: Mapping[str, TreeFile], info: bytes = INFO) -> bytes:
    target = io.BytesIO()
    write_sdist(target, "demo-1.0", info, files)
    return target.getvalue()


def test_the_bytes_are_these_for_ever() -> None:
    files = {
        "pyproject.toml": content(b"[project]\n"),
        "run.sh": content(b"#!/bin/sh\n", executable=True),
        "deep/" * 30 + "x.py": content(b"x" * 200_000),
        "é.txt": content(b""),
        "b" * 120: content(b"long"),
    }
    digest = hashlib.sha256(packed(files)).hexdigest()
    assert digest == "1a0e45bbb8ee7f912b10693ea5129d09aba088b9816837ff63a3e83ab557e7c8"


@given(FILES)
def test_what_is_packed_is_read_back_by_tarfile_and_by_our_own_reader(files: dict[str, tuple[bytes, bool]]) -> None:
    data = packed({name: content(body, executable=executable) for name, (body, executable) in files.items()})
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        members = archive.getmembers()
        read = {member.name: (archive.extractfile(member), member.mode) for member in members}
        found = {name: (file.read(), mode == 0o755) for name, (file, mode) in read.items() if file is not None}
    assert found == {"demo-1.0/PKG-INFO": (INFO, False)} | {f"demo-1.0/{name}": both for name, both in files.items()}
    assert {(member.mtime, member.uid, member.gid, member.uname) for member in members} == {(315619200, 0, 0, "")}
    ours = {entry.name: entry.read(ceiling=1 << 20) for entry in read_tar(io.BytesIO(data), "demo-1.0.tar.gz")}
    assert ours == {name: body for name, (body, _) in found.items()}


@given(st.permutations([f"{letter}.py" for letter in "abcdef"]))
def test_the_order_in_which_files_were_listed_doesnt_matter(names: list[str]) -> None:
    assert packed({name: content(name.encode()) for name in names}) == packed(
        {name: content(name.encode()) for name in sorted(names)}
    )


@pytest.mark.parametrize("size", [0, 1, 65534, 65535, 65536, 131070, 200_000])
def test_gzip_reads_stored_blocks_of_any_length(size: int) -> None:
    body = bytes(index % 251 for index in range(size))
    assert body in gzip.decompress(packed({"x": content(body)}))


def test_the_pieces_in_which_a_file_is_read_dont_matter() -> None:
    whole = TreeFile(size=100_000, read=lambda: iter([b"a" * 100_000]))
    pieces = TreeFile(size=100_000, read=lambda: iter([b"a" * 7, b"", b"a" * 99_993]))
    assert packed({"x": whole}) == packed({"x": pieces})


def test_pkg_info_stands_first_and_is_the_one_that_is_given() -> None:
    data = packed({"PKG-INFO": content(b"old"), "A": content(b""), "pyproject.toml": content(b"p")})
    assert next(read_tar(io.BytesIO(data), "x")).name == "demo-1.0/PKG-INFO"
    sdist = parse_filename("demo-1.0.tar.gz")
    assert isinstance(sdist, Sdist)
    assert read_sdist_files(io.BytesIO(data), sdist) == (INFO, b"p")


@pytest.mark.parametrize("body", [b"short", b"much longer than was said"])
def test_a_file_that_changes_while_it_is_read_is_refused(body: bytes) -> None:
    with pytest.raises(UnusableFile, match=r"demo-1\.0/x: it changed while it was read"):
        packed({"x": TreeFile(size=10, read=lambda: iter([body]))})
