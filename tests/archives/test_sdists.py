from __future__ import annotations

import gzip
import io

import pytest

from bundler.archives.sdists import read_sdist_files
from bundler.distributions import Sdist, parse_filename
from bundler.errors import UnusableFile
from tests.archives.building import Part, build_zip
from tests.archives.test_tars import END, member

INFO, PROJECT = b"Metadata-Version: 2.2\n", b"[project]\n"


def sdist(filename: str = "demo-1.0.tar.gz") -> Sdist:
    parsed = parse_filename(filename)
    assert isinstance(parsed, Sdist)
    return parsed


def read(*members: bytes) -> tuple[bytes, bytes | None]:
    return read_sdist_files(io.BytesIO(gzip.compress(b"".join(members) + END)), sdist())


def test_both_files_of_the_top_level_directory_are_read() -> None:
    deeper = member(b"demo-1.0/tests/pyproject.toml", b"no") + member(b"demo-1.0/demo.egg-info/PKG-INFO", b"no")
    found = read(deeper, member(b"demo-1.0/pyproject.toml", PROJECT), member(b"demo-1.0/PKG-INFO", INFO))
    assert found == (INFO, PROJECT)


def test_pyproject_may_be_missing() -> None:
    assert read(member(b"demo-1.0/PKG-INFO", INFO), member(b"demo-1.0/setup.py", b"")) == (INFO, None)


def test_a_zip_is_read_too() -> None:
    data = build_zip([Part(b"demo-1.0/", b"", method=0), Part(b"demo-1.0/PKG-INFO", INFO)])
    assert read_sdist_files(io.BytesIO(data), sdist("demo-1.0.zip")) == (INFO, None)


def test_reading_stops_once_both_are_found() -> None:
    start = member(b"demo-1.0/PKG-INFO", INFO) + member(b"demo-1.0/pyproject.toml", PROJECT)
    data = gzip.compress(start, mtime=0) + b"anything after that is never looked at" * 10_000
    stream = io.BytesIO(data)
    assert read_sdist_files(stream, sdist()) == (INFO, PROJECT)
    assert stream.tell() < 140_000


@pytest.mark.parametrize(
    "members",
    [
        [member(b"demo-1.0/PKG-INFO", INFO), member(b"demo-1.0/PKG-INFO", b"other")],
        [member(b"demo-1.0/PKG-INFO", INFO), member(b"evil-1.0/PKG-INFO", INFO)],
        [member(b"demo-1.0/PKG-INFO", INFO), member(b"evil-1.0/pyproject.toml", PROJECT)],
        [member(b"demo-1.0/PKG-INFO", kind=b"2")],
        [member(b"demo-1.0/setup.py", b"")],
        [member(b"PKG-INFO", INFO)],
    ],
    ids=["twice", "two tops", "pyproject of another top", "a link", "none", "at the root"],
)
def test_what_is_not_one_pkg_info_in_one_directory_is_refused(members: list[bytes]) -> None:
    with pytest.raises(UnusableFile, match=r"^demo-1\.0\.tar\.gz: "):
        read(*members)


def test_a_bomb_before_the_files_is_refused() -> None:
    with pytest.raises(UnusableFile, match="times its size"):
        read(member(b"demo-1.0/a", bytes(40 << 20)), member(b"demo-1.0/PKG-INFO", INFO))
