from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from bundler.distributions import parse_filename, parse_version
from bundler.errors import UnusableFile
from bundler.simple.versions import are_versions, versions_of
from tests.simple.pages import filenames


def grouped(*names: str) -> list[tuple[str, tuple[int, ...]]]:
    versions = versions_of(names)
    return [(text, tuple(versions.places(index))) for index, text in enumerate(versions.texts)]


def wheel(version: str, tag: str = "any") -> str:
    return f"demo-{version}-py3-none-{tag}.whl"


def test_the_newest_version_comes_first_and_files_keep_their_order() -> None:
    names = ("demo-1.0.tar.gz", wheel("1.0", "a"), wheel("2.0"), wheel("1.0", "b"), "demo-10.zip")
    assert grouped(*names) == [("10", (4,)), ("2.0", (2,)), ("1.0", (0, 1, 3))]


def test_spellings_of_one_version_are_one() -> None:
    assert grouped(wheel("1.0"), wheel("1"), wheel("1.0.0"), wheel("1.0", "b")) == [("1.0", (0, 1, 2, 3))]
    assert grouped("demo-v1.0ALPHA.1.zip", wheel("1.0a1")) == [("1.0a1", (0, 1))]


@pytest.mark.parametrize("name", ["", "demo", "demo.whl", "demo-1.0.egg", "demo-1.0.whl", wheel("one"), "demo.zip"])
def test_a_file_without_a_version_is_left_out(name: str) -> None:
    assert grouped(name, wheel("1")) == [("1", (1,))]


@pytest.mark.parametrize("text", ["1" * 5000, ".".join("1" * 100), "1+" + "x" * 300, "9" * 100])
def test_absurd_versions_are_left_out(text: str) -> None:
    assert grouped(wheel(text), wheel("1")) == [("1", (1,))]
    assert not are_versions(f"{text}\n")


@pytest.mark.parametrize("lines", ["1", "1\n\n", "\n", "1.0\nx\n", "v1\n", "1.0-1\n", "1\r\n", "1\n2", "١\n", "1+.\n"])
def test_what_nobody_wrote_is_no_list_of_versions(lines: str) -> None:
    assert not are_versions(lines)


def test_every_list_that_passes_can_be_read() -> None:
    number = "9" * 99
    local = ".".join(["a" * 99] * 10)
    longest = f"{number}!{'.'.join([number] * 21)}rc{number}.post{number}.dev{number}+{local}"
    assert are_versions(f"{longest}\n")
    assert parse_version(longest) is not None


@given(
    st.lists(st.sampled_from(["1", "20", "x", ".", "!", "+", "a", "b", "rc", ".post", ".dev"]), max_size=8).map("".join)
)
def test_whatever_passes_can_be_read(text: str) -> None:
    assert parse_version(text) is not None or not are_versions(f"{text}\n")


LOCAL = st.none() | st.from_regex(r"[a-z0-9]{1,3}(\.[a-z0-9]{1,3})?", fullmatch=True)
PARTS = st.tuples(
    st.sampled_from(["", "2!"]),
    st.lists(st.integers(0, 20240101), min_size=1, max_size=4),
    st.sampled_from(["", "a1", "b2", "rc0"]),
    st.sampled_from(["", ".post0"]),
    st.sampled_from(["", ".dev7"]),
)


@given(PARTS, LOCAL)
def test_every_normal_version_is_one_here_too(parts: tuple[str, list[int], str, str, str], local: str | None) -> None:
    epoch, release, *rest = parts
    text = str(Version(epoch + ".".join(map(str, release)) + "".join(rest) + (f"+{local}" if local else "")))
    assert are_versions(f"{text}\n{text}\n")


@given(st.lists(filenames | st.text("d-.1a+whlzip", max_size=20), max_size=8))
def test_every_file_that_can_be_used_stands_once_under_its_version(names: list[str]) -> None:
    found = grouped(*names)
    versions = [Version(text) for text, _ in found]
    assert versions == sorted(set(versions), reverse=True)
    at = {place: version for version, (_, places) in zip(versions, found, strict=True) for place in places}
    assert sum(len(places) for _, places in found) == len(at)
    for place, name in enumerate(names):
        with suppress(UnusableFile):
            version = parse_filename(name).version
            assert at[place] == version
