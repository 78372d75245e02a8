"""A dependency as Poetry writes it, in pyproject.toml and in a lock's packages alike.

A value is a constraint, a table, or a list of them, of which each holds under its own marker. `python` and `platform`
are markers in other words. What a lock leaves out of a table, or says elsewhere, keeps its default.
https://python-poetry.org/docs/dependency-specification/
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec
from packaging.specifiers import SpecifierSet

from bundler.errors import RequirementError
from bundler.requirements.origins import Origin
from bundler.requirements.poetry.constraints import read_constraint
from bundler.requirements.quoting import quote
from bundler.requirements.terms import python_condition

__all__ = ["DependencyTable", "conditions", "read_alternatives"]

_PLATFORM = re.compile(r"(==|!=|=|)\s*(\w+)")


class DependencyTable(msgspec.Struct, frozen=True, rename="kebab"):
    """The table of one dependency."""

    version: str = "*"
    extras: list[str] = []
    markers: str | None = None
    python: str | None = None
    platform: str | None = None
    optional: bool = False
    git: str | None = None
    rev: str | None = None
    tag: str | None = None
    branch: str | None = None
    url: str | None = None
    path: str | None = None
    file: str | None = None
    subdirectory: str | None = None
    source: str | None = None
    develop: bool = False
    allow_prereleases: bool = False


def conditions(table: DependencyTable, project: str, origin: Origin | str) -> Iterator[str]:
    """The markers that must all hold for a dependency on the project; those of `markers` aren't read yet.

    Raises:
        RequirementError: what `python` or `platform` says isn't understood.
    """
    if table.markers:
        yield table.markers
    if table.python is not None:
        condition = python_condition(read_alternatives(table.python, f"the Python of {project}", origin))
        if condition:
            yield condition
    if table.platform is not None:
        yield _platform(table.platform, origin)


def read_alternatives(text: str, what: str, origin: Origin | str) -> tuple[SpecifierSet, ...]:
    """Read the constraint on something: of the alternatives, one must hold.

    Raises:
        RequirementError: not a constraint.
    """
    try:
        return read_constraint(text)
    except ValueError as exc:
        message = f"{what} {quote(text)} isn't one of Poetry's constraints"
        raise RequirementError(message, origin=str(origin)) from exc


def _platform(text: str, origin: Origin | str) -> str:
    """The condition of `platform`, whose alternatives are parted by "|"."""
    matches = [_PLATFORM.fullmatch(part.strip()) for part in re.split(r"\|\|?", text)]
    alternatives = [f'sys_platform {"!=" if match[1] == "!=" else "=="} "{match[2]}"' for match in matches if match]
    if len(alternatives) != len(matches):
        message, hint = f"the platform {quote(text)} isn't understood", 'write it as a marker: sys_platform == "linux"'
        raise RequirementError(message, origin=str(origin), hint=hint)
    return " or ".join(alternatives)
