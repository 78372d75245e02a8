from __future__ import annotations

import shlex

import pytest

from bundler.errors import RequirementError
from bundler.requirements.files.options import read_options, read_words
from bundler.requirements.options import Options
from bundler.requirements.origins import Origin
from tests.requirements.disk import Disk

ORIGIN = Origin(source="in/r.txt", line=3)
DISK = Disk.holding("wheels/", "in/wheels/", "here/", "/abs/dir/", "/abs/my dir/")


def _read(text: str) -> Options:
    pairs = read_words(shlex.split(text), ORIGIN)
    return read_options(pairs, origin=ORIGIN, file="in/r.txt", locate=DISK.locate)


INDEX = "https://user:word@index.example/simple"


@pytest.mark.parametrize(
    "text",
    [f"-i {INDEX}", f"-i{INDEX}", f"-i={INDEX}", f"--index-url {INDEX}", f"--index-url={INDEX}", f"--pypi-url={INDEX}"],
)
def test_an_option_may_be_spelled_in_many_ways(text: str) -> None:
    assert _read(text) == Options(index_url=INDEX)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("--no-index", Options(no_index=True)),
        ("--pre", Options(pre=True)),
        ("--prefer-binary", Options(prefer_binary=True)),
        ("--require-hashes", Options(require_hashes=True)),
        ("--no-binary a,B.c --no-binary :none:", Options(no_binary=("a", "B.c", ":none:"))),
        ("--only-binary=:all:", Options(only_binary=(":all:",))),
        (f"--extra-index-url {INDEX} --extra-index-url here", Options(extra_index_urls=(INDEX, "file:///w/here/"))),
    ],
)
def test_an_option_says_what_pips_says(text: str, wanted: Options) -> None:
    assert _read(text) == wanted


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ("https://links.example/x.html?a#b", "https://links.example/x.html?a#b"),
        ("wheels", "file:///w/in/wheels/"),
        ("here", "file:///w/here/"),
        ("/abs/dir", "file:///abs/dir/"),
        ("file:///abs/dir", "file:///abs/dir/"),
        ("file:/abs/dir", "file:///abs/dir/"),
        ("file://localhost/abs/dir", "file:///abs/dir/"),
        ("file:here", "file:///w/here/"),
        ("file:///abs/my%20dir", "file:///abs/my%20dir/"),
    ],
)
def test_links_are_found_from_the_file_and_then_from_the_working_directory(value: str, place: str) -> None:
    assert _read(f"-f '{value}'") == Options(find_links=(place,))


def test_an_index_is_found_from_the_working_directory_only() -> None:
    assert _read("-i wheels") == Options(index_url="file:///w/wheels/")


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("-f absent", "--find-links names 'absent': neither", "a path that exists"),
        ("-i ftp://index.example/", "--index-url names 'ftp://index.example/': neither", "https://"),
        ("-i https:///x", "--index-url names 'https:///x': neither", "https://"),
        ("-f file://far.example/x", "neither an http URL", "https://"),
        ("--pre=yes", "the option --pre takes no value", "write --pre alone"),
        ("--index-url", "the option --index-url has no value", "--index-url=…"),
        ("--index-url=", "the option --index-url has no value", "--index-url=…"),
        ("--no-binary -x", "'-x' isn't the name of a project for --no-binary", ":all:"),
        ("--only-binary a,,b", "'' isn't the name of a project for --only-binary", ":all:"),
        ("--pre loose", "'loose' stands behind the options", "quote"),
        ("--all-releases :all:", "the option --all-releases isn't taken", "--pre"),
        ("--no-require-hashes", "the option --no-require-hashes isn't taken", "--require-hashes with it"),
        ("--index-ulr x", "the option --index-ulr isn't understood", "did you mean --index-url?"),
        ("--extra x", "the option --extra isn't understood", "leave it out"),
        ("--zz=kanarienvogel", "the option --zz isn't understood", "leave it out"),
    ],
)
def test_an_option_that_isnt_understood_is_refused_with_what_to_write(text: str, message: str, hint: str) -> None:
    with pytest.raises(RequirementError) as caught:
        _read(text)
    assert caught.value.message.startswith("in/r.txt:3: ")
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")
    assert "kanarienvogel" not in str(caught.value)
