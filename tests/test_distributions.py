from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.tags import Tag
from packaging.utils import parse_wheel_filename
from packaging.version import Version

from bundler.distributions import (
    CoreMetadata,
    Sdist,
    Wheel,
    check_filename,
    parse_filename,
    parse_requirement,
    parse_specifier,
    parse_version,
)
from bundler.errors import UnusableFile

WHEEL = parse_filename("Flask_Thing-1.0-py3-none-any.whl")
METADATA = b"Metadata-Version: 2.1\nName: flask.thing\nVersion: 1.0\n"


def test_a_wheels_name_is_taken_apart() -> None:
    wheel = parse_filename("Foo.Bar-1.0+local.1-3a-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl")
    assert isinstance(wheel, Wheel)
    assert (wheel.name, wheel.version, wheel.build) == ("foo-bar", Version("1.0+local.1"), (3, "a"))
    assert wheel.tags == {
        Tag("cp312", "cp312", "manylinux_2_17_x86_64"),
        Tag("cp312", "cp312", "manylinux2014_x86_64"),
    }


@pytest.mark.parametrize("filename", ["foo_bar-1.0.tar.gz", "foo-bar-1.0.tar.gz", "Foo.Bar-1.0.zip"])
def test_an_sdists_name_is_taken_apart(filename: str) -> None:
    sdist = parse_filename(filename)
    assert sdist == Sdist(filename=filename, name="foo-bar", version=Version("1.0"))


@pytest.mark.parametrize(
    "filename",
    [
        "",
        ".",
        "..",
        ".x-1.0.tar.gz",
        "-x-1.0.tar.gz",
        "../../etc/passwd-1.0.tar.gz",
        "..%2fx-1.0.tar.gz",
        "a\\b-1.0.tar.gz",
        "C:x-1.0.tar.gz",
        "x-1.0.tar.gz\n",
        "x-1.0.tar.gz\0",
        "x 1.0.tar.gz",
        "ｆoo-1.0.tar.gz",
        "x-1.0-1/../../y-py3-none-any.whl",
        "x" * 300 + "-1.0.tar.gz",
    ],
)
def test_an_unsafe_file_name_is_refused(filename: str) -> None:
    with pytest.raises(UnusableFile, match="unsafe file name"):
        check_filename(filename)
    with pytest.raises(UnusableFile, match="unsafe file name"):
        parse_filename(filename)


@pytest.mark.parametrize(
    "filename",
    [
        "x-1.0.egg",
        "x-1.0.tar.bz2",
        "x-1.0.exe",
        "x.tar.gz",
        "x-bad.tar.gz",
        "x-1.0.whl",
        "x-1.0-py3-none.whl",
        "x-bad-py3-none-any.whl",
        "x-1.0-x-py3-none-any.whl",
        "x-1.0-py3-none-any.WHL",
        f"x-1{'.0' * 100}x.tar.gz",
    ],
)
def test_another_kind_of_file_is_unusable(filename: str) -> None:
    with pytest.raises(UnusableFile, match="not the file name of a wheel or sdist"):
        parse_filename(filename)


@given(st.text(alphabet="ab1.-_+!%/\\ \0éwhltargz", max_size=40) | st.text())
def test_what_passes_is_one_plain_component(filename: str) -> None:
    with contextlib.suppress(UnusableFile):
        checked = check_filename(filename)
        assert checked == filename
        assert checked.isascii()
        assert not set(checked) & set("/\\:% \0\n")
        assert checked[0] not in ".-"


@given(
    name=st.from_regex(r"[a-z]{1,5}(_[a-z]{1,5})?", fullmatch=True),
    version=st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){0,2}(rc[0-9])?(\+[a-z0-9]{1,3})?", fullmatch=True),
    tags=st.sampled_from(["py3-none-any", "cp312-cp312-win_amd64", "cp38.cp39-abi3-linux_x86_64"]),
)
def test_packaging_takes_a_wheels_name_apart_in_the_same_way(name: str, version: str, tags: str) -> None:
    filename = f"{name}-{version}-{tags}.whl"
    wheel = parse_filename(filename)
    assert isinstance(wheel, Wheel)
    assert (wheel.name, wheel.version, wheel.build, wheel.tags) == parse_wheel_filename(filename)


def test_a_version_is_none_where_the_text_is_none() -> None:
    assert parse_version("1.0rc1") == Version("1.0rc1")
    assert parse_version("") is None
    assert parse_version("2004d-x") is None
    assert parse_version("9" * 4000 + "x") is None
    assert parse_version("1" * 5000) is None


@given(st.text())
def test_no_version_text_raises(text: str) -> None:
    version = parse_version(text)
    assert version is None or Version(str(version)) == version


def test_a_requirement_is_read() -> None:
    assert parse_requirement("flask[async]>=1; os_name == 'nt'") == Requirement("flask[async]>=1; os_name == 'nt'")


@pytest.mark.parametrize("text", ["", "flask=1", "x; " + "(" * 4000, "x" * 5000, "x==" + "9" * 4500])
def test_a_broken_requirement_is_a_value_error_of_one_line(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S") as caught:
        parse_requirement(text)
    assert "\n" not in str(caught.value)


@given(st.text(alphabet="ab1.[]()<>=!~;,@ '\"", max_size=40))
def test_no_requirement_text_does_worse_than_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert parse_requirement(text).name


def test_metadata_gives_what_resolution_needs() -> None:
    data = (
        b"Metadata-Version: 2.4\nName: Flask.Thing\nVersion: 1.0.0\nRequires-Python: >=3.8\n"
        b"Requires-Dist: click>=8\nRequires-Dist: dotenv; extra == 'dev'\nProvides-Extra: Dev_Tools\n"
        b"Dynamic: Requires-Dist\n\nThe description\nName: other\n"
    )
    metadata = CoreMetadata.parse(data, WHEEL)
    assert (metadata.name, metadata.version) == ("flask-thing", Version("1.0"))
    assert [str(requirement) for requirement in metadata.requires_dist] == ["click>=8", 'dotenv; extra == "dev"']
    assert str(metadata.requires_python) == ">=3.8"
    assert metadata.extras == ("dev-tools",)
    assert metadata.metadata_version == "2.4"
    assert metadata.dynamic == ("requires-dist",)


def test_absent_fields_are_empty() -> None:
    metadata = CoreMetadata.parse(METADATA, WHEEL)
    assert (metadata.requires_dist, metadata.requires_python, metadata.extras) == ((), None, ())


def test_metadata_may_have_windows_line_ends() -> None:
    data = METADATA.replace(b"\n", b"\r\n") + b"Requires-Dist: click\r\n\r\nRequires-Dist: hidden\r\n"
    assert [str(requirement) for requirement in CoreMetadata.parse(data, WHEEL).requires_dist] == ["click"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no valid Name"),
        (b"Name: -x-\nVersion: 1.0\n", "no valid Name"),
        (b"Name: flask-thing\n", "no valid Version"),
        (b"Name: flask-thing\nVersion: one\n", "no valid Version"),
        (b"Name: flask-other\nVersion: 1.0\n", "is of flask-other 1.0"),
        (b"Name: flask-thing\nVersion: 1.1\n", "is of flask-thing 1.1"),
        (METADATA + b"Requires-Dist: click (>=8\n", "invalid Requires-Dist"),
        (METADATA + b"Requires-Dist: x; " + b"(" * 5000 + b"\n", "invalid Requires-Dist"),
        (METADATA + b"Requires-Python: about 3\n", "invalid Requires-Python"),
    ],
    ids=range(9),
)
def test_broken_metadata_makes_the_file_unusable_and_names_it(data: bytes, reason: str) -> None:
    with pytest.raises(UnusableFile) as caught:
        CoreMetadata.parse(data, WHEEL)
    assert caught.value.message.startswith(f"{WHEEL.filename}: ")
    assert reason in caught.value.message


@given(st.binary(max_size=200))
def test_no_metadata_does_worse_than_an_unusable_file(data: bytes) -> None:
    with contextlib.suppress(UnusableFile):
        CoreMetadata.parse(METADATA + data, WHEEL)


@pytest.mark.parametrize("text", ["three", ">=" + "9" * 5000, "==1.0,,=="])
def test_what_is_no_specifier_is_none(text: str) -> None:
    assert parse_specifier(text) is None
    with pytest.raises(UnusableFile, match="Requires-Python"):
        CoreMetadata.parse(METADATA + f"Requires-Python: {text}\n".encode(), WHEEL)
