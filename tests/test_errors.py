from __future__ import annotations

import errno

import pytest

from bundler import errors
from bundler.errors import BundlerError, EnvironmentProblem, IntegrityError, RequirementError, UsageError

CODES = {
    "BundlerError": 1,
    "UsageError": 2,
    "RequirementError": 2,
    "ResolutionError": 3,
    "SourceError": 4,
    "NotFound": 4,
    "Unavailable": 4,
    "Refused": 4,
    "UnusableFile": 4,
    "IntegrityError": 5,
    "BundleFormatError": 5,
    "EnvironmentProblem": 7,
}


def test_every_branch_has_the_exit_code_of_the_contract() -> None:
    assert {name: getattr(errors, name).exit_code for name in errors.__all__} == CODES


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    assert errors.__doc__ is not None
    drawn = [line.strip(" │├└─").split() for line in errors.__doc__.splitlines()]
    assert {words[0]: int(words[1]) for words in drawn if words and words[0] in CODES} == CODES


def test_an_error_reads_as_its_sentence_and_details() -> None:
    error = BundlerError("flask has no files", details=("one", "two"), hint="look elsewhere")
    assert str(error) == "flask has no files\n  one\n  two"
    assert (error.message, error.hint) == ("flask has no files", "look elsewhere")


def test_a_requirement_error_starts_with_its_origin() -> None:
    error = RequirementError("'x=1' isn't a requirement", origin="r.txt:3")
    assert isinstance(error, UsageError)
    assert error.message == "r.txt:3: 'x=1' isn't a requirement"
    assert error.origin == "r.txt:3"


def test_an_integrity_error_shows_expected_and_actual() -> None:
    error = IntegrityError("x.whl isn't what was promised", expected="a", actual="b")
    assert error.details == ("expected: a", "actual:   b")


@pytest.mark.parametrize(
    ("number", "hint"),
    [(errno.ENOSPC, "free some space"), (errno.EACCES, "permissions"), (errno.EROFS, "read-only"), (errno.EIO, None)],
)
def test_an_os_error_becomes_a_sentence_with_a_hint_where_there_is_one(number: int, hint: str | None) -> None:
    problem = EnvironmentProblem.from_os_error(OSError(number, "Some Reason"), "write /srv/x")
    assert problem.message == "can't write /srv/x: some reason"
    assert (hint is None and problem.hint is None) or (hint is not None and hint in (problem.hint or ""))


def test_an_os_error_without_number_still_has_a_reason() -> None:
    assert EnvironmentProblem.from_os_error(OSError(), "write x").message == "can't write x: oserror"
    assert EnvironmentProblem.from_os_error(OSError("Gone"), "write x").message == "can't write x: gone"
