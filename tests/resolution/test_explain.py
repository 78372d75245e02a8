from __future__ import annotations

import pytest

from bundler.errors import ResolutionError, UnusableFile
from tests.resolution.wanted import LINUX, declared, resolution
from tests.support.memory_source import MemorySource


def refusal(source: MemorySource, *requirements: object, constraints: tuple[str, ...] = ()) -> ResolutionError:
    with pytest.raises(ResolutionError) as caught:
        resolution(source, *requirements, constraints=constraints)  # type: ignore[arg-type]  # str or declared
    return caught.value


def source_of(*versions: str, requires: dict[str, list[str]] | None = None) -> MemorySource:
    source = MemorySource()
    for stem in versions:
        source.add(f"{stem}-py3-none-any.whl", requires=(requires or {}).get(stem, []))
    return source


def test_an_unknown_version_names_who_asks_and_what_there_is() -> None:
    error = refusal(source_of("a-1.0", "a-0.9"), declared("a==2.0", line=3))
    assert error.message == f"no versions satisfy the requirements together on {LINUX.name}"
    assert error.details == (
        "requirements.txt:3 asks for a==2.0",
        "a: no version meets all of this; there are 1.0, 0.9",
    )
    assert error.hint == "relax one of the requirements on a"


def test_two_direct_requirements_that_exclude_each_other_are_both_named() -> None:
    error = refusal(source_of("a-1.0", "a-2.0"), declared("a>=2", line=1), declared("a<2", line=7))
    assert error.details[:2] == ("requirements.txt:1 asks for a>=2", "requirements.txt:7 asks for a<2")


def test_a_conflict_between_dependencies_names_both_parents() -> None:
    source = source_of("a-1.0", "b-1.0", "c-1.0", "c-2.0", requires={"a-1.0": ["c<2"], "b-1.0": ["c>=2"]})
    error = refusal(source, "a", "b")
    assert set(error.details) >= {"a 1.0 asks for c<2", "b 1.0 asks for c>=2"}


def test_a_constraint_is_named_where_it_takes_part() -> None:
    error = refusal(source_of("a-1.0"), "a", constraints=("a>=2",))
    assert "command line limits it to a>=2" in error.details


def test_reasons_are_grouped_newest_versions_first() -> None:
    source = MemorySource()
    for minor in range(9):
        source.add(f"a-1.{minor}-cp312-cp312-win_amd64.whl")
    source.add("a-2.0-py3-none-any.whl", page_requires_python=">=3.14")
    error = refusal(source, "a")
    assert error.details == (
        "command line asks for a",
        "a 2.0: needs another Python (>=3.14)",
        "a 1.8, 1.7, 1.6, 1.5 and 5 older: no wheel for this platform and Python",
    )
    assert error.hint == "choose another Python with --python, or allow an older version of a"


def test_a_version_is_listed_under_its_nearest_miss() -> None:
    source = MemorySource()
    source.add("a-1.0-cp312-cp312-win_amd64.whl")
    source.add("a-1.0.tar.gz", yanked="typo")
    assert refusal(source, "a").details[1:] == ("a 1.0: yanked, and not pinned with == (typo)",)


def test_an_sdist_that_is_not_static_says_so() -> None:
    source = MemorySource()
    sdist = source.add("a-1.0.tar.gz")
    source.fail_metadata(sdist.filename, UnusableFile("a-1.0.tar.gz: its metadata isn't static"))
    error = refusal(source, "a")
    assert any("a-1.0.tar.gz: its metadata isn't static" in line for line in error.details)
    assert error.hint == "choose a --python or --platform that a has wheels for, or allow another version of it"


def test_a_project_without_files_says_so() -> None:
    source = MemorySource()
    source.know("a")
    assert refusal(source, "a").details[1] == "a: the index has no wheel or sdist of it"


def test_many_versions_with_one_fault_stand_on_one_line() -> None:
    source = MemorySource()
    for minor in range(6):
        sdist = source.add(f"a-1.{minor}.tar.gz")
        source.fail_metadata(sdist.filename, UnusableFile(f"{sdist.filename}: its metadata isn't static"))
    error = refusal(source, declared("a", line=2))
    assert error.details == (
        "requirements.txt:2 asks for a",
        "a 1.5, 1.4, 1.3, 1.2 and 2 older: unusable (its metadata isn't static)",
    )
    assert error.hint == "choose a --python or --platform that a has wheels for, or allow another version of it"


def test_who_asks_for_an_unusable_dependency_is_named() -> None:
    source = source_of("a-1.0", requires={"a-1.0": ["b>=1"]})
    sdist = source.add("b-1.0.tar.gz")
    source.fail_metadata(sdist.filename, UnusableFile(f"{sdist.filename}: broken"))
    assert refusal(source, "a").details == ("a 1.0 asks for b>=1", "b 1.0: unusable (b-1.0.tar.gz: broken)")
