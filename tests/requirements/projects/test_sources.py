from __future__ import annotations

import pytest
from packaging.requirements import Requirement

from bundler.errors import RequirementError
from bundler.requirements.model import DeclaredReference
from bundler.requirements.options import NamedIndex, Options
from bundler.requirements.origins import Origin
from bundler.requirements.projects.sources import Pin, address, declared, read_marker, reference, repository_url, wanted
from tests.requirements.disk import Disk

ORIGIN = Origin(source="p.toml", line=3)
LOCATE = Disk({"in/x/": b"", "in/x-1.0.tar.gz": b""}).locate


def test_a_requirement_by_url_is_a_reference() -> None:
    found = declared("x[b,a] @ https://files.example/x-1.0-py3-none-any.whl ; os_name == 'nt'", ORIGIN, LOCATE)
    assert isinstance(found, DeclaredReference)
    assert (found.name, found.extras, str(found.marker)) == ("x", ("a", "b"), 'os_name == "nt"')


@pytest.mark.parametrize("text", ["", "./x", "https://files.example/x-1.0-py3-none-any.whl", "x @ ", "x==", "x" * 9000])
def test_only_pep_508_is_taken(text: str) -> None:
    with pytest.raises(RequirementError, match=r"^p\.toml:3: .* isn't a requirement"):
        declared(text, ORIGIN, LOCATE)


def test_a_refusal_doesnt_tell_a_password() -> None:
    with pytest.raises(RequirementError) as caught:
        declared("x @ https://me:secret@files.example/x.whl ???", ORIGIN, LOCATE)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("git", "revision", "url"),
    [
        ("https://git.example/x", None, "git+https://git.example/x"),
        ("git+https://git.example/x", "v1", "git+https://git.example/x@v1"),
        ("ssh://git@git.example:22/x", "a/b", "git+ssh://git@git.example:22/x@a/b"),
        ("git@git.example:team/x.git", "main", "git+ssh://git@git.example/team/x.git@main"),
    ],
)
def test_a_repository_is_said_as_a_url(git: str, revision: str | None, url: str) -> None:
    assert repository_url(git, revision, ORIGIN) == url


@pytest.mark.parametrize(
    ("git", "revision"), [("https://g.example/x", "a@b"), ("https://g.example/x#y", "v1"), ("x", "")]
)
def test_a_revision_that_would_change_the_url_is_refused(git: str, revision: str) -> None:
    with pytest.raises(RequirementError, match="can't be told as the revision"):
        repository_url(git, revision, ORIGIN)


@pytest.mark.parametrize("url", ["git+../x", "x", "", "hg+https://hg.example/x", "https://"])
def test_what_isnt_a_url_that_is_taken_is_refused(url: str) -> None:
    with pytest.raises(RequirementError, match=r"^p\.toml:3: "):
        reference(Requirement("x"), url, ORIGIN, LOCATE)


def test_a_subdirectory_joins_the_fragment() -> None:
    url = f"https://files.example/x-1.0.tar.gz#sha256={'a' * 64}"
    found = reference(Requirement("x"), url, ORIGIN, LOCATE, subdirectory="a b/c")
    assert found.url.endswith("&subdirectory=a%20b/c")
    found = reference(Requirement("x"), "git+https://git.example/x", ORIGIN, LOCATE, subdirectory="c")
    assert found.url == "git+https://git.example/x#subdirectory=c"


def test_a_path_is_relative_to_the_file_it_stands_in() -> None:
    assert address("x", "in/p.toml", ORIGIN, LOCATE) == "file:///w/in/x/"
    assert address("../in/x", "in/p.toml", ORIGIN, LOCATE) == "file:///w/in/x/"
    assert address("https://index.example/simple/", "in/p.toml", ORIGIN, LOCATE) == "https://index.example/simple/"
    with pytest.raises(RequirementError, match="there is no file or directory 'x'"):
        address("x", "p.toml", ORIGIN, LOCATE)


@pytest.mark.parametrize("text", ["", "os_name", "((", "os_name == 'nt' ; x", "(" * 5000])
def test_what_isnt_a_marker_is_refused(text: str) -> None:
    with pytest.raises(RequirementError, match="isn't an environment marker"):
        read_marker(text, ORIGIN)


INDEXES = Options(
    indexes=(
        NamedIndex(name="a", url="https://a.example/"),
        NamedIndex(name="b", url="https://b.example/", explicit=True),
        NamedIndex(name="c", url="https://c.example/", explicit=True),
    )
)


def test_pins_stand_with_their_index_and_unused_explicit_ones_go() -> None:
    pins = [Pin(index="b", project=name, origin=ORIGIN) for name in ("y", "x", "y")]
    indexes = wanted(pins, INDEXES).options.indexes
    assert [(index.name, index.projects) for index in indexes] == [("a", ()), ("b", ("y", "x"))]


def test_a_pin_to_an_unknown_index_is_refused() -> None:
    with pytest.raises(RequirementError, match="x comes from the index 'd', which isn't defined"):
        wanted([Pin(index="d", project="x", origin=ORIGIN)], INDEXES)


def test_pins_to_two_indexes_are_refused() -> None:
    pins = [Pin(index=index, project="x", origin=ORIGIN) for index in ("a", "b")]
    with pytest.raises(RequirementError, match="x comes from two indexes, 'a' and 'b'"):
        wanted(pins, INDEXES)
