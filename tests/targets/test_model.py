from __future__ import annotations

import pytest
from packaging.markers import Marker
from packaging.tags import Tag, parse_tag
from packaging.version import Version

from bundler.targets.model import Target
from bundler.targets.platforms import targets_for


@pytest.fixture
def target() -> Target:
    return targets_for(["3.12.4"], ["linux-x86_64"])[0]


def test_the_python_version_is_the_full_one(target: Target) -> None:
    assert target.python_version == Version("3.12.4")


def test_the_best_tag_of_a_wheel_ranks_it(target: Target) -> None:
    native = target.rank(parse_tag("cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64"))
    stable = target.rank(parse_tag("cp39-abi3-manylinux_2_17_x86_64"))
    pure = target.rank(parse_tag("py2.py3-none-any"))
    assert native is not None
    assert stable is not None
    assert pure is not None
    assert native < stable < pure
    assert target.rank(frozenset({target.tags[0]})) == 0


def test_a_wheel_of_another_machine_has_no_rank(target: Target) -> None:
    assert target.rank(parse_tag("cp312-cp312-win_amd64")) is None
    assert target.rank(parse_tag("cp312-cp312-manylinux_2_29_x86_64")) is None
    assert target.rank(frozenset()) is None


def test_a_tag_listed_twice_keeps_its_first_place() -> None:
    first, second = Tag("a", "b", "c"), Tag("d", "e", "f")
    target = Target(name="x", environment=(("python_full_version", "3.12.0"),), tags=(first, second, first))
    assert target.rank(frozenset({first})) == 0


@pytest.mark.parametrize(
    ("marker", "extra", "expected"),
    [
        ('python_version >= "3.12"', "", True),
        ('sys_platform == "win32"', "", False),
        ('extra == "async"', "async", True),
        ('extra == "async"', "", False),
        ('python_full_version == "3.12.4" and extra != "x"', "", True),
        ('os_name ~= "posix"', "", False),
    ],
)
def test_markers_are_evaluated_for_the_target(target: Target, marker: str, extra: str, expected: bool) -> None:
    assert target.satisfies(Marker(marker), extra) is expected
    assert target.satisfies(Marker(marker), extra) is expected  # from its memory


def test_no_marker_is_always_satisfied(target: Target) -> None:
    assert target.satisfies(None)


def test_targets_with_the_same_values_are_equal_whatever_they_remember(target: Target) -> None:
    other = targets_for(["3.12.4"], ["linux-x86_64"])[0]
    target.satisfies(Marker('os_name == "nt"'))
    assert target == other
