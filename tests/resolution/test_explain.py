from __future__ import annotations

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from bundler.errors import NotFound, ResolutionError, UnusableFile
from bundler.requirements.choices import Choices, Formats, NameRule
from tests.resolution.wanted import LINUX, declared, resolution, ticking
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
        "a: no such version; there are 0.9 and 1.0",
    )
    assert error.hint == "change a==2.0 (requirements.txt:3) to a version that exists"


def test_two_direct_requirements_that_exclude_each_other_are_both_named() -> None:
    error = refusal(source_of("a-1.0", "a-2.0"), declared("a>=2", line=1), declared("a<2", line=7))
    assert error.details[:2] == ("requirements.txt:1 asks for a>=2", "requirements.txt:7 asks for a<2")


def test_a_conflict_between_dependencies_names_both_parents() -> None:
    source = source_of("a-1.0", "b-1.0", "c-1.0", "c-2.0", requires={"a-1.0": ["c<2"], "b-1.0": ["c>=2"]})
    error = refusal(source, "a", "b")
    assert error.details == (
        "a 1.0 (asked for by the command line) asks for c<2",
        "b 1.0 (asked for by the command line) asks for c>=2",
    )


def test_a_constraint_is_named_where_it_takes_part() -> None:
    error = refusal(source_of("a-1.0"), "a", constraints=("a>=2",))
    assert "the command line limits a to >=2" in error.details


def test_reasons_are_grouped_newest_versions_first() -> None:
    source = MemorySource()
    for minor in range(9):
        source.add(f"a-1.{minor}-cp312-cp312-win_amd64.whl")
    source.add("a-2.0-py3-none-any.whl", page_requires_python=">=3.14")
    error = refusal(source, "a")
    assert error.details == (
        "the command line asks for a",
        "a 2.0: needs Python >=3.14, the target has 3.12",
        "a 1.0 to 1.8 (9 versions): wheels for win_amd64, none for manylinux_x86_64",
    )
    assert error.hint == "choose --python 3.14"


def test_a_version_is_told_by_its_wheels_and_its_sdist() -> None:
    source = MemorySource()
    source.add("a-1.0-cp312-cp312-win_amd64.whl")
    source.add("a-1.0.tar.gz", yanked="typo")
    assert refusal(source, "a").details[1:] == (
        "a 1.0: wheels for win_amd64, none for manylinux_x86_64; its sdist: yanked (typo), and not pinned with ==",
    )


def test_an_sdist_that_is_not_static_says_so() -> None:
    source = MemorySource()
    sdist = source.add("a-1.0.tar.gz")
    source.fail_metadata(sdist.filename, UnusableFile("a-1.0.tar.gz: its metadata isn't static"))
    error = refusal(source, "a")
    assert error.details[1] == "a 1.0: a-1.0.tar.gz is unusable: its metadata isn't static"
    assert error.hint == "build a wheel of a 1.0 elsewhere and give its directory with --find-links"


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
        "a 1.0 to 1.5 (6 versions): the sdist is unusable: its metadata isn't static",
    )
    assert error.hint == "build a wheel of a 1.5 elsewhere and give its directory with --find-links"


def test_who_asks_for_an_unusable_dependency_is_named() -> None:
    source = source_of("a-1.0", requires={"a-1.0": ["b>=1"]})
    sdist = source.add("b-1.0.tar.gz")
    source.fail_metadata(sdist.filename, UnusableFile(f"{sdist.filename}: broken"))
    assert refusal(source, "a").details == (
        "a 1.0 (asked for by the command line) asks for b>=1",
        "b 1.0: b-1.0.tar.gz is unusable: broken",
    )


def test_a_search_that_its_budget_stops_tells_the_conflict_that_it_came_across() -> None:
    source = MemorySource()  # resolvelib 1.2.1 goes round for ever here
    for asker, asked in (("a", "b"), ("b", "c"), ("c", "a")):
        for version in (1, 2):
            source.add(f"{asker}-{version}-py3-none-any.whl", requires=[f"{asked}!={version}"])
    with pytest.raises(ResolutionError, match="no versions satisfy the requirements together"):
        resolution(source, "a", "b", "c", budget=ticking(100))


def test_a_conflict_without_a_short_proof_tells_who_died_last_and_how_they_came_in() -> None:
    source = MemorySource()
    names = "abcd"  # four that all differ, of three versions each
    for place, name in enumerate(names):
        for version in (1, 2, 3):
            requires = [f"{other}!={version}" for other in names[place + 1 :]]
            source.add(f"{name}-{version}-py3-none-any.whl", requires=requires)
    error = refusal(source, *(declared(name, line=line) for line, name in enumerate(names, 1)))
    assert error.details[0] == "requirements.txt:4 asks for d"
    assert error.details[-1] == "this was the last of several combinations tried; none of the others fits either"


_NAMES = st.sampled_from(["a", "b", "c", "d"])
_SPECIFIERS = st.sampled_from(["", ">=2", "<2", "==1", "==3", "!=2", "[x]", "[x]>=3", " @ https://host.example/x.zip"])
_REQUIREMENTS = st.builds("{}{}".format, _NAMES, _SPECIFIERS)
_ENDINGS = st.sampled_from(["-py3-none-any.whl", ".tar.gz", "-cp312-cp312-win_amd64.whl", "-cp310-cp310-any.whl"])
_FILES = st.tuples(
    st.builds("{}-{}{}".format, _NAMES, st.sampled_from(["1", "2", "3", "4rc1"]), _ENDINGS),
    st.lists(_REQUIREMENTS, max_size=3),
    st.sampled_from([None, None, "", "typo"]),
    st.sampled_from([None, None, ">=3.13", "<3", "?"]),
)


@settings(max_examples=400, deadline=None)
@given(
    files=st.lists(_FILES, max_size=14, unique_by=lambda file: file[0]),
    roots=st.lists(_REQUIREMENTS.filter(lambda text: "@" not in text), min_size=1, max_size=3),
    constraints=st.lists(_REQUIREMENTS.filter(lambda text: "@" not in text and "[" not in text), max_size=2),
    overrides=st.lists(_REQUIREMENTS, max_size=1),
    broken=st.sets(st.integers(0, 13), max_size=4),
    no_binary=st.booleans(),
)
def test_whatever_fails_is_told_in_a_few_lines_with_a_hint(
    files: list[tuple[str, list[str], str | None, str | None]],
    roots: list[str],
    constraints: list[str],
    overrides: list[str],
    broken: set[int],
    no_binary: bool,
) -> None:
    source = MemorySource()
    for name in "abc":
        source.know(name)
    for place, (filename, requires, yanked, requires_python) in enumerate(files):
        extra = [f'{text} ; extra == "x"' for text in requires[2:]]
        asked = [*requires[:2], *extra]
        source.add(filename, requires=asked, extras=["x"], yanked=yanked, page_requires_python=requires_python)
        if place in broken:
            source.fail_metadata(filename, UnusableFile(f"{filename}: broken"))
    choices = Choices(formats=Formats(no_binary=NameRule.parse([":all:"] if no_binary else [])))
    refused: ResolutionError | None = None
    try:
        resolution(
            source,
            *roots,
            constraints=tuple(constraints),
            overrides=tuple(overrides),
            choices=choices,
            budget=ticking(300),
        )
    except NotFound:
        event("a person asks for what nobody knows")
    except ResolutionError as error:
        refused = error
    if refused is not None:
        event("no solution")
        assert 0 < len(refused.details) <= 12
        assert len(set(refused.details)) == len(refused.details)
        assert refused.hint
