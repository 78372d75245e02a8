from __future__ import annotations

import pytest

from bundler.errors import RequirementError
from bundler.requirements.model import DeclaredReference
from bundler.requirements.options import NamedIndex, Options
from bundler.requirements.origins import Origin
from bundler.requirements.projects.sources import Pin, PrePackage, address, declared, wanted
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


def test_a_path_is_relative_to_the_file_it_stands_in() -> None:
    assert address("x", "in/p.toml", ORIGIN, LOCATE) == "file:///w/in/x/"
    assert address("../in/x", "in/p.toml", ORIGIN, LOCATE) == "file:///w/in/x/"
    assert address("https://index.example/simple/", "in/p.toml", ORIGIN, LOCATE) == "https://index.example/simple/"
    with pytest.raises(RequirementError, match="there is no file or directory 'x'"):
        address("x", "p.toml", ORIGIN, LOCATE)


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


def test_pre_releases_of_single_projects_stand_among_the_options() -> None:
    options = wanted(
        [PrePackage(project=name, origin=ORIGIN) for name in ("y", "x", "y")], Options(pre_packages=("a",))
    ).options
    assert options.pre_packages == ("a", "y", "x")
