"""What each choice of a run changes in a resolution: one table or test per choice."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from bundler.digests import Digest
from bundler.errors import RequirementError, ResolutionError
from bundler.requirements.choices import Choices, Formats, NameRule, Strategy
from bundler.requirements.locked import Lock, LockedFile, LockedProject
from bundler.requirements.model import RequirementSet
from bundler.requirements.origins import Origin
from bundler.resolution.candidates import Catalogue
from bundler.resolution.refusals import Reason
from bundler.resolution.wants import Demand
from tests.resolution.wanted import LINUX, WINDOWS, declared, pins, resolution
from tests.support.memory_source import MemorySource

MIDNIGHT = datetime(2024, 5, 1, tzinfo=UTC)


def wheels(*lines: str) -> MemorySource:
    """A source of pure wheels: "flask-3.0 click>=8 jinja2" is flask 3.0 and what it requires."""
    source = MemorySource()
    for line in lines:
        stem, *requires = line.split(" ")
        source.add(f"{stem}-py3-none-any.whl", requires=[r.replace("~", " ") for r in requires])
    return source


def named(*names: str) -> NameRule:
    return NameRule.parse(names)


# --- formats ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("no_binary", "only_binary", "chosen"),
    [
        ([], [], "a-2.0-py3-none-any.whl"),
        (["a"], [], "a-2.0.tar.gz"),
        ([":all:"], [], "a-2.0.tar.gz"),
        ([":all:"], ["a"], "a-2.0-py3-none-any.whl"),
        (["b"], [":all:"], "a-2.0-py3-none-any.whl"),
        (["a"], [":all:"], "a-2.0.tar.gz"),
    ],
)
def test_formats_say_which_kind_of_file_may_be_taken(no_binary: list[str], only_binary: list[str], chosen: str) -> None:
    source = wheels("a-2.0")
    source.add("a-2.0.tar.gz")
    choices = Choices(formats=Formats(no_binary=named(*no_binary), only_binary=named(*only_binary)))
    (pin,) = resolution(source, "a", choices=choices).pins
    assert pin.file.filename == chosen


@pytest.mark.parametrize(
    ("formats", "filename", "reason"),
    [
        (Formats(no_binary=named("a")), "a-1.0-py3-none-any.whl", Reason.NO_BINARY),
        (Formats(only_binary=named(":all:")), "a-1.0.tar.gz", Reason.ONLY_BINARY),
    ],
)
def test_a_format_that_is_ruled_out_is_the_reason_of_a_refusal(formats: Formats, filename: str, reason: Reason) -> None:
    source = MemorySource()
    source.add(filename)
    with pytest.raises(ResolutionError) as caught:
        pins(source, "a", choices=Choices(formats=formats))
    assert f"a 1.0: {reason}" in caught.value.details
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("allow ")


def test_an_older_wheel_comes_before_a_newer_sdist_where_binaries_are_preferred() -> None:
    source = wheels("a-1.0", "a-2.0rc1")
    source.add("a-2.0.tar.gz")
    source.add("b-1.0.tar.gz")
    assert pins(source, "a", "b") == {"a": "2.0", "b": "1.0"}
    assert pins(source, "a", "b", choices=Choices(prefer_binary=True)) == {"a": "1.0", "b": "1.0"}
    assert pins(source, "a>=2", choices=Choices(prefer_binary=True)) == {"a": "2.0"}


# --- strategy --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        (Strategy.HIGHEST, {"a": "3.0", "b": "3.0"}),
        (Strategy.LOWEST, {"a": "1.5", "b": "1.0"}),
        (Strategy.LOWEST_DIRECT, {"a": "1.5", "b": "3.0"}),
    ],
)
def test_the_strategy_says_which_end_of_the_versions_is_wanted(strategy: Strategy, expected: dict[str, str]) -> None:
    source = wheels("a-1.0 b", "a-1.5 b", "a-2.0a1 b", "a-3.0 b", "b-1.0a1", "b-1.0", "b-3.0")
    assert pins(source, "a>=1.5", choices=Choices(strategy=strategy)) == expected


@pytest.mark.parametrize("strategy", Strategy)
def test_prefetching_looks_at_the_file_that_the_strategy_takes(strategy: Strategy) -> None:
    source = wheels("a-1.0 b", "a-1.5 b", "a-3.0 b", "b-1.0", "b-2.0", "b-3.0")
    catalogue = Catalogue(Choices(strategy=strategy))
    wanted = RequirementSet(requirements=(declared("a>=1.5"),), constraints=(declared("b<3"),))
    catalogue.expect(Demand.of(wanted, LINUX, catalogue.choices))
    found = resolution(source, "a>=1.5", constraints=("b<3",), choices=catalogue.choices)
    for pin, asked in zip(found.pins, ("a>=1.5", "b"), strict=True):
        assert catalogue.likely_file(source.page(pin.name), [Requirement(asked)], LINUX) == pin.file


# --- pre-releases ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "requirement", "version"),
    [
        (named(), "a", "1.0"),
        (named(), "a>=1.0rc1", "1.0"),
        (named(), "a>1.0", "2.0rc1"),
        (named("a"), "a", "2.0rc1"),
        (named("b"), "a", "1.0"),
        (named(":all:"), "a", "2.0rc1"),
        (named(":all:"), "a<2.0", "1.0"),
    ],
)
def test_prereleases_are_taken_where_wanted_or_where_there_is_nothing_else(
    rule: NameRule, requirement: str, version: str
) -> None:
    source = wheels("a-1.0rc1", "a-1.0", "a-2.0rc1")
    assert pins(source, requirement, choices=Choices(prereleases=rule)) == {"a": version}


# --- dates -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("uploaded", "taken"),
    [
        ("2024-04-30T23:59:59.999999Z", True),
        ("2024-05-01T00:00:00Z", False),
        ("2024-05-01T01:30:00+02:00", True),
        ("2024-05-01T00:00:00-00:01", False),
        (None, False),
        ("2024-04-01T00:00:00", False),
        ("yesterday", False),
        ("", False),
    ],
)
def test_files_uploaded_later_or_at_an_unknown_time_do_not_exist(uploaded: str | None, *, taken: bool) -> None:
    source = MemorySource()
    source.add("a-1.0-py3-none-any.whl", upload_time="2020-01-01T00:00:00Z")
    source.add("a-2.0-py3-none-any.whl", upload_time=uploaded)
    expected = "2.0" if taken else "1.0"
    assert pins(source, "a", choices=Choices(exclude_newer=MIDNIGHT)) == {"a": expected}


def test_undated_files_are_taken_when_told() -> None:
    source = wheels("a-1.0")
    source.add("a-2.0-py3-none-any.whl", upload_time="2025-01-01T00:00:00Z")
    choices = Choices(exclude_newer=MIDNIGHT, allow_undated=True)
    assert pins(source, "a", choices=choices) == {"a": "1.0"}


def test_dates_are_the_reason_of_a_refusal() -> None:
    source = MemorySource()
    source.add("a-2.0-py3-none-any.whl", upload_time="2025-01-01T00:00:00Z")
    source.add("a-1.0-py3-none-any.whl")
    with pytest.raises(ResolutionError) as caught:
        pins(source, "a", choices=Choices(exclude_newer=MIDNIGHT))
    assert caught.value.details[1:] == (
        "a 2.0: uploaded 2025-01-01T00:00:00Z, and --exclude-newer is 2024-05-01T00:00:00Z",
        "a 1.0: the index doesn't state when it was uploaded",
    )


def test_a_project_given_by_reference_has_no_date_to_be_held_against() -> None:
    choices = Choices(exclude_newer=MIDNIGHT, referenced=frozenset({"a"}))
    assert pins(wheels("a-1.0"), "a", choices=choices) == {"a": "1.0"}


# --- hashes ----------------------------------------------------------------------------------------------------------


def test_required_hashes_that_direct_requirements_lack_are_named_before_anything_is_asked() -> None:
    source = wheels("a-1.0", "b-1.0", "c-1.0")
    bound = declared("a", hashes=(Digest.sha256(b"a-1.0-py3-none-any.whl"),))
    with pytest.raises(RequirementError) as caught:
        pins(source, bound, declared("b", line=2), declared("c", line=3), choices=Choices(require_hashes=True))
    assert caught.value.message == "requirements.txt:2: b is asked for without a hash, and hashes are required"
    assert caught.value.details == ("requirements.txt:3: c has none either",)
    assert caught.value.hint is not None
    assert "--hash=sha256:" in caught.value.hint
    assert not source.asked


def test_a_dependency_without_a_required_hash_is_refused_by_name() -> None:
    source = wheels("a-1.0 b", "b-1.0")
    bound = declared("a", hashes=(Digest.sha256(b"a-1.0-py3-none-any.whl"),))
    with pytest.raises(ResolutionError) as caught:
        pins(source, bound, choices=Choices(require_hashes=True))
    assert "b 1.0: no input states a hash of it" in caught.value.details
    assert caught.value.hint == "write b with its hashes too (b==1.0 --hash=sha256:…)"


def test_a_constraint_can_state_the_required_hash() -> None:
    source = wheels("a-1.0 b", "b-1.0")
    a, b = (Digest.sha256(f"{name}-1.0-py3-none-any.whl".encode()) for name in "ab")
    constraints = (declared("a==1.0", hashes=(a,)), declared("b==1.0", hashes=(b,)))
    choices = Choices(require_hashes=True)
    assert pins(source, "a", constraints=constraints, choices=choices) == {"a": "1.0", "b": "1.0"}


def test_statements_of_hashes_that_have_none_in_common_allow_no_file() -> None:
    source = wheels("a-1.0")
    known, other = Digest.sha256(b"a-1.0-py3-none-any.whl"), Digest.sha256(b"other")
    with pytest.raises(ResolutionError, match="none of the hashes asked for"):
        pins(source, declared("a", hashes=(known,)), constraints=(declared("a", hashes=(other,)),))


# --- what is left out ------------------------------------------------------------------------------------------------


def test_an_excluded_project_is_dropped_whoever_asks_for_it() -> None:
    source = wheels("a-1.0 b", "b-1.0 c", "c-1.0")
    assert pins(source, "a", choices=Choices(excluded=frozenset({"b"}))) == {"a": "1.0"}
    assert pins(source, "a", "c", "nosuch", choices=Choices(excluded=frozenset({"b", "nosuch"}))) == {
        "a": "1.0",
        "c": "1.0",
    }
    assert not source.asked["b"]


def test_dependencies_are_not_followed_where_told() -> None:
    source = MemorySource()
    source.add("a-1.0-py3-none-any.whl", requires=["b", 'c; extra == "x"'], extras=["x"])
    source.add("c-1.0-py3-none-any.whl")
    found = resolution(source, "a[x]", "c", choices=Choices(follow=False))
    assert [(pin.name, pin.extras, pin.requires) for pin in found.pins] == [("a", ("x",), ()), ("c", (), ())]


# --- preferred versions ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("preferred", "requirement", "version"),
    [
        (("2.0",), "a", "2.0"),
        (("2.0",), "a>=3", "4.0"),
        (("7.0", "1.0"), "a", "1.0"),
        (("1.0a1",), "a", "1.0a1"),
        (("3.0",), "a", "3.0"),
    ],
)
def test_a_preferred_version_is_kept_where_it_fits(preferred: tuple[str, ...], requirement: str, version: str) -> None:
    source = wheels("a-1.0a1", "a-1.0", "a-2.0", "a-4.0")
    source.add("a-3.0-py3-none-any.whl", yanked="since the lock was made")
    choices = Choices(preferred={"a": tuple(map(Version, preferred))})
    assert pins(source, requirement, choices=choices) == {"a": version}


# --- overrides -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overrides", "on_linux", "on_windows"),
    [
        (("b==1.0",), "1.0", "1.0"),
        (("b<3",), "2.0", "2.0"),
        (('b==1.0; sys_platform == "win32"',), None, "1.0"),
        (('b==1.0; sys_platform == "win32"', 'b==3.0; sys_platform != "win32"'), "3.0", "1.0"),
    ],
)
def test_an_override_replaces_what_anybody_asks_of_its_project(
    overrides: tuple[str, ...], on_linux: str | None, on_windows: str | None
) -> None:
    source = wheels("a-1.0 b==2.0", "b-1.0", "b-2.0", "b-3.0")
    for target, version in ((LINUX, on_linux), (WINDOWS, on_windows)):
        expected = {"a": "1.0", **({"b": version} if version else {})}
        assert pins(source, "a", overrides=overrides, target=target) == expected
        assert pins(source, "a", "b>=3", overrides=overrides, target=target) == expected


def test_an_override_asks_for_nothing_of_its_own_and_keeps_to_the_extra() -> None:
    source = MemorySource()
    source.add("a-1.0-py3-none-any.whl", requires=['b>=2; extra == "x"'], extras=["x"])
    source.add("b-1.0-py3-none-any.whl")
    assert pins(source, "a", overrides=("b==1.0",)) == {"a": "1.0"}
    assert pins(source, "a[x]", overrides=("b==1.0",)) == {"a": "1.0", "b": "1.0"}


def test_constraints_narrow_an_override_as_well() -> None:
    source = wheels("a-1.0 b==9", "b-1.0", "b-2.0")
    assert pins(source, "a", overrides=("b>=1",), constraints=("b<2",)) == {"a": "1.0", "b": "1.0"}


def test_an_override_that_cannot_be_met_is_named() -> None:
    source = wheels("a-1.0 b", "b-1.0")
    with pytest.raises(ResolutionError) as caught:
        pins(source, "a", overrides=(declared("b>=2", line=4),))
    assert caught.value.details[0].endswith(" asks for b>=2 (overridden by requirements.txt:4)")


# --- locks -----------------------------------------------------------------------------------------------------------


def locked(*pinned: str, hashes: dict[str, Digest] | None = None) -> Lock:
    projects = []
    for pin in pinned:
        name, version = pin.split("==")
        digest = (hashes or {}).get(name)
        files = (LockedFile(filename=f"{name}.whl", hashes=(digest,)),) if digest else ()
        origin = Origin(source="pylock.toml")
        projects.append(LockedProject(name=name, version=Version(version), origin=origin, files=files))
    return Lock(source="pylock.toml", projects=tuple(projects), choose=lambda _: tuple(projects))


def test_a_lock_is_taken_as_it_is_and_its_dependencies_are_not_followed() -> None:
    source = wheels("a-1.0 b", "a-2.0", "c-1.0rc1 nosuch", "c-1.0")
    assert pins(source, locks=(locked("a==1.0", "c==1.0rc1"),)) == {"a": "1.0", "c": "1.0rc1"}


def test_requirements_beside_a_lock_are_resolved_with_it() -> None:
    source = wheels("a-1.0", "a-2.0", "d-1.0 a e", "e-1.0", "d-2.0 a>=2")
    assert pins(source, "d", locks=(locked("a==1.0"),)) == {"a": "1.0", "d": "1.0", "e": "1.0"}


def test_the_hashes_of_a_lock_bind() -> None:
    source = wheels("a-1.0")
    right, wrong = Digest.sha256(b"a-1.0-py3-none-any.whl"), Digest.sha256(b"other")
    choices = Choices(require_hashes=True)
    assert pins(source, locks=(locked("a==1.0", hashes={"a": right}),), choices=choices) == {"a": "1.0"}
    with pytest.raises(ResolutionError, match="none of the hashes asked for") as caught:
        pins(source, locks=(locked("a==1.0", hashes={"a": wrong}),))
    assert caught.value.details[0] == "pylock.toml asks for a==1.0"


def test_no_date_excludes_what_a_lock_chose() -> None:
    source = wheels("a-1.0", "b-1.0")
    choices = Choices(exclude_newer=MIDNIGHT)
    assert pins(source, locks=(locked("a==1.0"),), choices=choices) == {"a": "1.0"}
    with pytest.raises(ResolutionError, match="doesn't state when"):
        pins(source, "b", locks=(locked("a==1.0"),), choices=choices)


def test_an_excluded_project_of_a_lock_is_dropped() -> None:
    source = wheels("a-1.0", "b-1.0")
    choices = Choices(excluded=frozenset({"b"}))
    assert pins(source, locks=(locked("a==1.0", "b==1.0"),), choices=choices) == {"a": "1.0"}


def test_a_lock_chooses_by_the_targets_markers_and_by_its_own_sets() -> None:
    marker = Requirement("a; sys_platform == 'win32'").marker
    seen = []

    def choose(satisfies: object) -> tuple[LockedProject, ...]:
        assert callable(satisfies)
        seen.append((satisfies(None, {}), satisfies(marker, {})))
        return ()

    lock = Lock(source="pylock.toml", projects=(), choose=choose)
    for target in (LINUX, WINDOWS):
        resolution(wheels(), locks=(lock,), target=target)
    assert seen == [(True, False), (True, True)]


# --- direct references -----------------------------------------------------------------------------------------------


def test_a_dependency_from_a_url_is_met_by_a_project_that_was_given_by_reference() -> None:
    source = wheels("a-1.0 b~@~https://git.example/b.git", "b-0.1.dev3")
    with pytest.raises(ResolutionError, match="required from a URL"):
        pins(source, "a", "b")
    choices = Choices(referenced=frozenset({"b"}))
    assert pins(source, "a", "b", choices=choices) == {"a": "1.0", "b": "0.1.dev3"}


# --- PEP 792 ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "reason", "warnings"),
    [
        ("active", None, ()),
        ("archived", None, ("a is archived",)),
        ("archived", "no time", ("a is archived: no time",)),
        ("deprecated", "use b", ("a is deprecated: use b",)),
    ],
)
def test_an_archived_or_deprecated_project_is_mentioned(
    status: str, reason: str | None, warnings: tuple[str, ...]
) -> None:
    source = wheels("a-1.0", "unused-1.0")
    source.know("a", status=status, reason=reason)
    source.know("unused", status="archived")
    assert resolution(source, "a").warnings == warnings
