from __future__ import annotations

import pytest

from bundler.errors import ResolutionError
from bundler.requirements.choices import Choices, Strategy
from bundler.requirements.model import RequirementSet
from bundler.resolution.candidates import Catalogue
from bundler.resolution.resolver import Resolution
from bundler.resolution.together import resolve_all
from tests.resolution.wanted import LINUX, WINDOWS, declared, unbounded
from tests.support.memory_source import MemorySource

LINUX_ONLY, WINDOWS_ONLY = "cp312-cp312-manylinux_2_17_x86_64", "cp312-cp312-win_amd64"


def together(
    source: MemorySource,
    *requirements: str,
    consistent: bool = True,
    choices: Choices | None = None,
    seen: list[Resolution] | None = None,
) -> tuple[Resolution, ...]:
    return resolve_all(
        RequirementSet(requirements=tuple(map(declared, requirements))),
        [LINUX, WINDOWS],
        source,
        budget=unbounded(),
        catalogue=Catalogue(choices or Choices()),
        consistent=consistent,
        report=lambda resolution: None if seen is None else seen.append(resolution),
    )


def versions(resolutions: tuple[Resolution, ...]) -> list[dict[str, str]]:
    return [{pin.name: str(pin.version) for pin in resolution.pins} for resolution in resolutions]


def add(source: MemorySource, *lines: str, tag: str = "py3-none-any") -> None:
    for line in lines:
        stem, *requires = line.split(" ")
        source.add(f"{stem}-{tag}.whl", requires=[r.replace("~", " ") for r in requires])


def test_targets_are_independent_unless_told() -> None:
    source, seen = MemorySource(), list[Resolution]()
    add(source, "a-1.0")
    add(source, "a-2.0", tag=LINUX_ONLY)
    found = together(source, "a", consistent=False, seen=seen)
    assert versions(found) == [{"a": "2.0"}, {"a": "1.0"}]
    assert tuple(seen) == found


def test_the_newest_version_with_files_for_all_is_taken() -> None:
    source = MemorySource()
    add(source, "a-1.0", "a-2.0", "b-1.0 a")
    add(source, "a-3.0", "a-5.0", tag=LINUX_ONLY)
    add(source, "a-4.0", tag=WINDOWS_ONLY)
    found = together(source, "b")
    assert versions(found) == [{"a": "2.0", "b": "1.0"}] * 2
    assert [resolution.warnings for resolution in found] == [(), ()]


def test_the_oldest_version_with_files_for_all_is_taken_where_the_oldest_is_wanted() -> None:
    source = MemorySource()
    add(source, "a-2.0", "a-3.0")
    add(source, "a-1.0", tag=LINUX_ONLY)
    assert versions(together(source, "a", choices=Choices(strategy=Strategy.LOWEST))) == [{"a": "2.0"}] * 2


def test_a_bound_on_one_target_binds_the_others() -> None:
    source = MemorySource()
    add(source, "a-1.0", "a-2.0", "a-3.0", 'b-1.0 a a<3;sys_platform=="win32"')
    assert versions(together(source, "b")) == [{"a": "2.0", "b": "1.0"}] * 2


def test_a_parent_gives_way_where_only_then_one_version_does_for_all() -> None:
    source = MemorySource()
    add(source, "a-1.0", "a-2.0", 'b-2.0 a>=2;sys_platform=="linux" a<2;sys_platform=="win32"', "b-1.0 a")
    found = together(source, "b")
    assert versions(found) == [{"a": "2.0", "b": "1.0"}] * 2
    assert not any(resolution.warnings for resolution in found)


def test_where_no_version_does_for_all_each_keeps_its_own_and_the_project_is_named() -> None:
    source = MemorySource()
    add(source, "a-1.0", tag=LINUX_ONLY)
    add(source, "a-2.0", tag=WINDOWS_ONLY)
    add(source, "b-1.0", "b-2.0 a")
    add(source, "b-3.0 a", tag=LINUX_ONLY)
    found = together(source, "b")
    assert versions(found) == [{"a": "1.0", "b": "2.0"}, {"a": "2.0", "b": "2.0"}]
    told = f"a has no version that suits all targets: 1.0 for {LINUX.name}, 2.0 for {WINDOWS.name}"
    assert [resolution.warnings for resolution in found] == [(told,), ()]


def test_a_project_that_one_target_alone_needs_is_its_own_affair() -> None:
    source = MemorySource()
    add(source, 'a-1.0 c;sys_platform=="win32"', "c-1.0")
    add(source, "c-2.0", tag=WINDOWS_ONLY)
    assert versions(together(source, "a")) == [{"a": "1.0"}, {"a": "1.0", "c": "2.0"}]


def test_a_target_that_cannot_be_resolved_stops_all() -> None:
    source = MemorySource()
    add(source, "a-1.0", tag=LINUX_ONLY)
    with pytest.raises(ResolutionError, match=WINDOWS.name):
        together(source, "a")
