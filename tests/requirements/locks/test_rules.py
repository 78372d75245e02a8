from __future__ import annotations

from dataclasses import replace

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from bundler.digests import Digest
from bundler.errors import RequirementError
from bundler.requirements.locked import LockedFile, LockedProject
from bundler.requirements.locks.rules import (
    asked_for,
    chosen_once,
    python_marker,
    read_lock_marker,
    read_python,
    read_version,
)
from bundler.requirements.origins import Origin
from tests.requirements.locks.locking import LINUX, WINDOWS, satisfying


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('extra == "web"', '"web" in extras'),
        ("extra == 'web' or extra!='db'", '"web" in extras or "db" not in extras'),
        ("os_name == 'nt' and (extra == 'A_b')", 'os_name == "nt" and "a-b" in extras'),
        ("'x' in extras", '"x" in extras'),
        ("python_version >= '3'", 'python_version >= "3"'),
    ],
)
def test_an_extra_is_asked_for_among_all_that_are_active(text: str, expected: str) -> None:
    assert str(read_lock_marker(text, "x.lock")).replace("(", "").replace(")", "") == expected


def test_several_extras_may_be_active_at_once() -> None:
    marker = read_lock_marker("extra == 'a' and extra == 'b' and extra != 'c'", "x.lock")
    assert satisfying(LINUX)(marker, {"extras": {"a", "b"}})
    assert not satisfying(LINUX)(marker, {"extras": {"a", "b", "c"}})
    assert not satisfying(LINUX)(marker, {"extras": {"a"}})


@pytest.mark.parametrize("text", ["", "x", "os_name == 1", "(" * 5000, "extra = 'a'"])
def test_what_is_no_marker_is_refused(text: str) -> None:
    with pytest.raises(RequirementError, match="isn't a marker"):
        read_lock_marker(text, "x.lock")


@pytest.mark.parametrize(
    ("text", "holds"), [(">=3.9", True), ("==3.12.*", True), ("~=3.9", True), ("!=3.12.0", False), ("<3.12,>=3", False)]
)
def test_what_is_required_of_python_is_a_marker(text: str, holds: bool) -> None:
    assert satisfying(LINUX)(read_python(text, "x.lock"), {}) is holds


def test_no_requirement_of_python_holds_anywhere() -> None:
    assert read_python("", "x.lock") is None
    assert python_marker([SpecifierSet("<3"), SpecifierSet("")], "x.lock") is None
    either = python_marker([SpecifierSet("<3"), SpecifierSet(">=3.12,<4")], "x.lock")
    assert satisfying(WINDOWS)(either, {})


def test_a_specifier_that_no_marker_can_hold_is_refused() -> None:
    with pytest.raises(RequirementError, match="isn't a marker"):
        read_python('===3"', "x.lock")


def test_versions_are_read_strictly() -> None:
    assert read_version("1.0+L", "a", "x.lock") == Version("1.0+l")
    with pytest.raises(RequirementError, match="isn't a version of 'a'"):
        read_version("1" * 5000, "a", "x.lock")


def test_asked_for_names_are_normalized_on_both_sides() -> None:
    assert asked_for(["A_b"], ["a-B", "c"], "extra", "x.lock") == {"a-b"}


def test_a_lock_without_any_says_so() -> None:
    with pytest.raises(RequirementError, match=r"x\.lock: the lock has no extra web") as caught:
        asked_for(["web"], [], "extra", "x.lock")
    assert caught.value.hint == "the lock has no extras; leave web out, or lock again with it"


def test_a_project_is_taken_once_and_with_something_to_take() -> None:
    empty = LockedProject(name="a", version=Version("1"), origin=Origin(source="x.lock"))
    full = LockedProject(
        name="a", version=None, origin=empty.origin, files=(LockedFile(filename="a-1.tar.gz", hashes=()),)
    )
    assert chosen_once([full], "x.lock") == (full,)
    with pytest.raises(RequirementError, match="names no wheel, sdist, archive or directory of a"):
        chosen_once([empty], "x.lock")
    with pytest.raises(RequirementError, match="gives this target a more than once"):
        chosen_once([full, full.__class__(name="a", version=None, origin=empty.origin, reference="r")], "x.lock")


def test_a_file_that_no_index_states_a_hash_of_is_refused_when_it_is_chosen() -> None:
    sha256, sha512 = Digest("sha256", "0" * 64), Digest("sha512", "0" * 128)
    known = LockedFile(filename="a-1-py3-none-any.whl", hashes=(sha512, sha256))
    unknown = LockedFile(filename="a-1.tar.gz", hashes=(sha512,))
    project = LockedProject(name="a", version=None, origin=Origin(source="x.lock"), files=(known,))
    assert chosen_once([project], "x.lock") == (project,)
    with pytest.raises(RequirementError) as caught:
        chosen_once([replace(project, files=(known, unknown))], "x.lock")
    assert caught.value.message == "x.lock: a-1.tar.gz has no hash by sha256, and an index states no other"
    assert caught.value.hint == "lock again, with sha256"
