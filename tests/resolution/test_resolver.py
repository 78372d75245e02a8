from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.version import Version

from bundler.digests import Digest
from bundler.errors import IntegrityError, NotFound, ResolutionError, Unavailable, UnusableFile
from bundler.resolution.resolver import unite
from tests.resolution.wanted import LINUX, WINDOWS, declared, pins, resolution, ticking
from tests.support.memory_source import MemorySource


def wheels(*names: str) -> MemorySource:
    """A source of pure wheels: "flask-3.0 click>=8 jinja2" is flask 3.0 and what it requires."""
    source = MemorySource()
    for line in names:
        stem, *requires = line.split(" ")
        source.add(f"{stem}-py3-none-any.whl", requires=[r.replace("~", " ") for r in requires])
    return source


def test_the_newest_versions_and_their_dependencies_are_pinned() -> None:
    source = wheels("flask-3.0 click>=8", "flask-2.0 click", "click-8.1", "click-7.0", "unasked-1.0")
    assert pins(source, "flask") == {"flask": "3.0", "click": "8.1"}


def test_an_older_version_is_taken_when_the_newest_conflicts() -> None:
    source = wheels("a-2.0 c>=2", "a-1.0 c", "b-1.0 c<2", "c-2.0", "c-1.0")
    assert pins(source, "a", "b") == {"a": "1.0", "b": "1.0", "c": "1.0"}


def test_markers_are_those_of_the_target() -> None:
    source = wheels('click-8.1 colorama;sys_platform=="win32"', "colorama-0.4")
    assert pins(source, "click", target=LINUX) == {"click": "8.1"}
    assert pins(source, "click", target=WINDOWS) == {"click": "8.1", "colorama": "0.4"}
    assert pins(source, 'click; sys_platform == "win32"', target=LINUX) == {}


def test_extras_bring_their_requirements_and_no_others() -> None:
    source = MemorySource()
    source.add(
        "a-1.0-py3-none-any.whl",
        requires=["base", 'x-only; extra == "x"', 'y-only; extra == "y"'],
        extras=["x", "y"],
    )
    for name in ("base", "x_only", "y_only"):
        source.add(f"{name}-1.0-py3-none-any.whl")
    assert set(pins(source, "a")) == {"a", "base"}
    assert set(pins(source, "a[x]")) == {"a", "base", "x-only"}
    found = resolution(source, "a[x]", "a[Y]")
    assert {pin.name: pin.extras for pin in found.pins}["a"] == ("x", "y")
    assert {pin.name: pin.requires for pin in found.pins}["a"] == ("base", "x-only", "y-only")


def test_an_extra_stays_with_its_projects_version() -> None:
    source = MemorySource()
    source.add("a-2.0-py3-none-any.whl", requires=['c>=2; extra == "x"'], extras=["x"])
    source.add("a-1.0-py3-none-any.whl", requires=['c; extra == "x"'], extras=["x"])
    source.add("c-2.0-py3-none-any.whl")
    source.add("c-1.0-py3-none-any.whl")
    assert pins(source, "a[x]", "c<2") == {"a": "1.0", "c": "1.0"}


def test_a_self_referencing_extra_and_a_cycle_end() -> None:
    source = MemorySource()
    source.add("a-1.0-py3-none-any.whl", requires=['a[x]; extra == "all"', 'b; extra == "x"'], extras=["all", "x"])
    source.add("b-1.0-py3-none-any.whl", requires=["a"])
    assert pins(source, "a[all]") == {"a": "1.0", "b": "1.0"}


def test_parents_that_require_each_other_left_by_backtracking_end() -> None:
    source = wheels(
        "a-3", "a-2 c>=2 b<2", "a-1", "b-3 b c!=2", "b-2 b", "b-1 a c", "c-3 b==3 c==1", "c-1"
    )  # resolvelib 1.2.1 recurses without end on this
    assert pins(source, "c") == {"c": "1"}


def test_an_unknown_extra_is_a_warning() -> None:
    found = resolution(wheels("a-1.0"), "a[nothing]")
    assert found.warnings == ("a 1.0 has no extra 'nothing'",)


def test_constraints_narrow_and_ask_for_nothing() -> None:
    source = wheels("a-2.0", "a-1.0", "b-1.0")
    assert pins(source, "a", constraints=("a<2", "b==1.0")) == {"a": "1.0"}


def test_a_prerelease_is_taken_when_asked_for_or_when_there_is_nothing_else() -> None:
    source = wheels("a-2.0rc1", "a-1.0", "b-1.0b1", "b-1.0a1")
    assert pins(source, "a") == {"a": "1.0"}
    assert pins(source, "a>=2.0rc1") == {"a": "2.0rc1"}
    assert pins(source, "b") == {"b": "1.0b1"}


def test_a_prerelease_is_taken_when_no_final_release_can_be_installed() -> None:
    source = MemorySource()
    source.add("a-1.0-cp27-cp27m-win32.whl")
    source.add("a-2.0rc1-py3-none-any.whl")
    assert pins(source, "a") == {"a": "2.0rc1"}


def test_a_yanked_version_is_taken_only_when_pinned() -> None:
    source = MemorySource()
    source.add("a-2.0-py3-none-any.whl", yanked="broken")
    source.add("a-1.0-py3-none-any.whl")
    assert pins(source, "a") == {"a": "1.0"}
    assert pins(source, "a==2.0") == {"a": "2.0"}
    assert pins(source, "a", constraints=("a==2.0",)) == {"a": "2.0"}
    with pytest.raises(ResolutionError, match="yanked"):
        pins(source, "a>=2")


def test_requires_python_of_the_page_and_of_the_metadata_bind() -> None:
    source = MemorySource()
    source.add("a-3.0-py3-none-any.whl", page_requires_python=">=3.13", requires_python=">=3.13")
    source.add("a-2.0-py3-none-any.whl", page_requires_python=">=3", requires_python=">=3.13")
    source.add("a-1.0-py3-none-any.whl")
    assert pins(source, "a") == {"a": "1.0"}


def test_an_unreadable_requires_python_makes_the_file_unusable_and_no_other() -> None:
    source = wheels("a-1.0")
    source.add("a-2.0-py3-none-any.whl", page_requires_python="three")
    assert pins(source, "a") == {"a": "1.0"}


def test_a_wheel_is_preferred_to_the_sdist_and_the_best_tag_to_the_others() -> None:
    source = MemorySource()
    source.add("a-1.0.tar.gz")
    source.add("a-1.0-py3-none-any.whl")
    source.add("a-1.0-cp312-cp312-manylinux_2_17_x86_64.whl")
    source.add("a-1.0-1-cp312-cp312-manylinux_2_28_x86_64.whl")
    source.add("a-1.0-2-cp312-cp312-manylinux_2_28_x86_64.whl")
    (pin,) = resolution(source, "a").pins
    assert pin.file.filename == "a-1.0-2-cp312-cp312-manylinux_2_28_x86_64.whl"


def test_a_file_with_unusable_metadata_gives_way_to_the_next_of_its_version() -> None:
    source = MemorySource()
    source.add("a-1.0.tar.gz")
    wheel = source.add("a-1.0-py3-none-any.whl")
    source.fail_metadata(wheel.filename, UnusableFile(f"{wheel.filename}: broken"))
    (pin,) = resolution(source, "a").pins
    assert pin.file.filename == "a-1.0.tar.gz"


def test_a_version_without_static_metadata_is_passed_over_and_named() -> None:
    source = MemorySource()
    sdist = source.add("a-2.0.tar.gz")
    source.fail_metadata(sdist.filename, UnusableFile(f"{sdist.filename}: its metadata isn't static"))
    source.add("a-1.0-py3-none-any.whl")
    found = resolution(source, "a")
    assert [str(pin.version) for pin in found.pins] == ["1.0"]
    assert [(p.name, str(p.version), p.reason) for p in found.passed_over] == [
        ("a", "2.0", "its metadata isn't static")
    ]


def test_a_version_without_a_wheel_for_the_target_is_passed_over_and_named() -> None:
    source = wheels("a-1.0")
    source.add("a-2.0-cp312-cp312-win_amd64.whl")
    found = resolution(source, "a")
    assert [(str(p.version), p.reason) for p in found.passed_over] == [("2.0", "no wheel for this platform and Python")]


def test_hashes_bind_the_files_that_may_be_taken() -> None:
    source = MemorySource()
    source.add("a-2.0-py3-none-any.whl")
    older = source.add("a-1.0-py3-none-any.whl")
    assert older.digest is not None
    found = resolution(source, declared("a", hashes=(older.digest,)))
    assert [str(pin.version) for pin in found.pins] == ["1.0"]
    with pytest.raises(ResolutionError, match="none of the hashes asked for"):
        resolution(source, declared("a", hashes=(Digest.sha256(b"other"),)))


def test_a_file_without_sha256_is_not_taken() -> None:
    source = MemorySource()
    source.add("a-1.0-py3-none-any.whl", hashes=(Digest("md5", "0" * 32),))
    with pytest.raises(ResolutionError, match="states no sha256"):
        pins(source, "a")


def test_an_unknown_project_that_a_person_asked_for_is_not_found() -> None:
    with pytest.raises(NotFound, match="nosuch"):
        pins(wheels("a-1.0"), "nosuch")


def test_an_unknown_dependency_makes_its_dependent_fall_out() -> None:
    source = wheels("a-2.0 nosuch", "a-1.0")
    assert pins(source, "a") == {"a": "1.0"}
    with pytest.raises(ResolutionError, match="no index knows this project"):
        pins(source, "a>=2")


def test_a_dependency_from_a_url_makes_its_dependent_fall_out() -> None:
    source = MemorySource()
    source.add("a-2.0-py3-none-any.whl", requires=["b @ https://index.example/b-1.0.tar.gz"])
    source.add("a-1.0-py3-none-any.whl")
    assert pins(source, "a") == {"a": "1.0"}


def test_a_source_that_fails_stops_the_resolution() -> None:
    source = wheels("a-1.0 b")
    source.fail_page("b", Unavailable("https://index.example/simple/b/ doesn't answer"))
    with pytest.raises(Unavailable):
        pins(source, "a")


def test_a_search_without_end_is_stopped_and_the_projects_that_flip_are_named() -> None:
    source = MemorySource()
    for version in range(1, 40):
        source.add(f"a-{version}-py3-none-any.whl", requires=[f"b=={version}", "c"])
        source.add(f"b-{version}-py3-none-any.whl", requires=["c==99"])
    source.add("c-1-py3-none-any.whl")
    with pytest.raises(ResolutionError, match="it found no end"):
        resolution(source, "a", "c", budget=ticking(5))


def test_the_answer_does_not_depend_on_the_order_of_files_on_the_page() -> None:
    names = ["a-1.0-py3-none-any.whl", "a-1.0.tar.gz", "a-1.0-1-py3-none-any.whl", "a-0.9-py3-none-any.whl"]
    chosen = set()
    for order in itertools.permutations(names):
        source = MemorySource()
        for filename in order:
            source.add(filename)
        chosen.add(resolution(source, "a").pins[0].file.filename)
    assert chosen == {"a-1.0-1-py3-none-any.whl"}


def test_a_file_shared_by_targets_is_selected_once() -> None:
    source = wheels('click-8.1 colorama;sys_platform=="win32"', "colorama-0.4")
    selection = unite([resolution(source, "click", target=target) for target in (LINUX, WINDOWS)])
    assert [(s.file.filename.split("-")[0], s.targets) for s in selection.files] == [
        ("click", (LINUX.name, WINDOWS.name)),
        ("colorama", (WINDOWS.name,)),
    ]


def test_one_file_name_with_two_hashes_is_refused() -> None:
    first, second = MemorySource(), MemorySource()
    first.add("a-1.0-py3-none-any.whl")
    second.add("a-1.0-py3-none-any.whl", hashes=(Digest.sha256(b"other"),))
    with pytest.raises(IntegrityError, match="two different hashes"):
        unite([resolution(first, "a"), resolution(second, "a", target=WINDOWS)])


# --- brute force agrees ---------------------------------------------------------------------------------------------

_NAMES = ("a", "b", "c")
_SPECIFIERS = ("", ">=2", "<2", "==1", "==3", "!=2")
_requirement = st.builds(lambda name, spec: f"{name}{spec}", st.sampled_from(_NAMES), st.sampled_from(_SPECIFIERS))
_index = st.dictionaries(
    st.tuples(st.sampled_from(_NAMES), st.integers(1, 3)), st.lists(_requirement, max_size=2), min_size=3, max_size=9
)


def _solutions(index: dict[tuple[str, int], list[str]], roots: list[str]) -> list[dict[str, int]]:
    """Every set of pins that is closed and consistent, by trying all."""
    choices = [[None, *(v for n, v in index if n == name)] for name in _NAMES]
    found = []
    for versions in itertools.product(*choices):
        chosen = {name: version for name, version in zip(_NAMES, versions, strict=True) if version is not None}
        asked = roots + [text for name, version in chosen.items() for text in index[name, version]]
        requirements = [Requirement(text) for text in asked]
        if all(r.name in chosen and r.specifier.contains(str(chosen[r.name])) for r in requirements):
            found.append(chosen)
    return found


@settings(max_examples=300, deadline=None)
@given(index=_index, roots=st.lists(_requirement, min_size=1, max_size=3))
def test_on_small_indexes_brute_force_agrees(index: dict[tuple[str, int], list[str]], roots: list[str]) -> None:
    source = MemorySource()
    for name in _NAMES:
        source.know(name)
    for (name, version), requires in index.items():
        source.add(f"{name}-{version}-py3-none-any.whl", requires=requires)
    solutions = _solutions(index, roots)
    if not solutions:
        with pytest.raises(ResolutionError):
            pins(source, *roots)
        return
    found = {name: int(Version(version).major) for name, version in pins(source, *roots).items()}
    assert found in solutions
    needed = {name for name in found if not any(found.items() > s.items() and name not in s for s in solutions)}
    assert needed == set(found)
