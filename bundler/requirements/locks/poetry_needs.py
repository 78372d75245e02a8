"""A table of dependencies as Poetry writes it, in a lock's packages and in pyproject.toml alike.

A value is a constraint, a table, or a list of tables of which each holds under its own marker. `python` and `platform`
are markers in other words. Where a dependency comes from (`git`, `path`, `source`) is left out: the lock says it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
from packaging.markers import Marker
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from bundler.errors import RequirementError
from bundler.requirements.locks.rules import python_marker, read_marker, read_name
from bundler.requirements.projects.poetry_constraints import read_constraint

__all__ = ["Need", "NeedTable", "read_constraints", "read_needs"]


class _Table(msgspec.Struct, frozen=True):
    version: str = "*"
    markers: str | None = None
    python: str | None = None
    platform: str | None = None
    extras: list[str] = []
    optional: bool = False


#: For msgspec.
NeedTable = dict[str, str | _Table | list[str | _Table]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """A dependency on a project (normalized) with extras, where all of the markers hold."""

    project: str
    versions: tuple[SpecifierSet, ...]
    markers: tuple[Marker, ...]
    extras: tuple[str, ...]
    optional: bool

    def allows(self, version: Version | None) -> bool:
        """Whether a version will do; one that isn't known does."""
        return version is None or any(each.contains(version, prereleases=True) for each in self.versions)


def read_needs(table: NeedTable, name: str) -> tuple[Need, ...]:
    """Read the dependencies of a table of the file `name`, without Python itself.

    Raises:
        RequirementError: a name, constraint or marker that isn't one.
    """
    return tuple(_need(project, each, name) for project, each in _flat(table) if canonicalize_name(project) != "python")


def read_constraints(text: str, what: str, name: str) -> tuple[SpecifierSet, ...]:
    """Read a constraint on the versions of something.

    Raises:
        RequirementError: not a constraint.
    """
    try:
        return read_constraint(text)
    except ValueError as exc:
        message = f"the constraint on {what} isn't understood"
        raise RequirementError(message, origin=name, details=(str(exc)[:200],)) from exc


def _flat(table: NeedTable) -> Iterator[tuple[str, _Table]]:
    for project, value in table.items():
        for each in value if isinstance(value, list) else [value]:
            yield project, each if isinstance(each, _Table) else _Table(version=each)


def _need(project: str, table: _Table, name: str) -> Need:
    project = read_name(project, name)
    markers = [read_marker(table.markers, name)] if table.markers else []
    if table.python is not None:
        marker = python_marker(read_constraints(table.python, "Python", name), name)
        markers += [marker] if marker else []
    if table.platform is not None:
        markers.append(read_marker(f"sys_platform == '{table.platform}'", name))
    return Need(
        project=project,
        versions=read_constraints(table.version, project, name),
        markers=tuple(markers),
        extras=tuple(canonicalize_name(extra) for extra in table.extras),
        optional=table.optional,
    )
