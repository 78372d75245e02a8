"""A whole table of dependencies, of a lock's package or of the project beside it, as needs that a lock can meet.

Where a dependency comes from (`git`, `path`, `source`) is left out: the lock says it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from packaging.markers import Marker
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from bundler.requirements.locks.rules import read_lock_marker
from bundler.requirements.poetry.dependencies import DependencyTable, conditions, read_alternatives
from bundler.requirements.terms import read_name

__all__ = ["Need", "NeedTable", "read_needs"]


#: For msgspec.
NeedTable = dict[str, str | DependencyTable | list[str | DependencyTable]]


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


def _flat(table: NeedTable) -> Iterator[tuple[str, DependencyTable]]:
    for project, value in table.items():
        for each in value if isinstance(value, list) else [value]:
            yield project, each if isinstance(each, DependencyTable) else DependencyTable(version=each)


def _need(project: str, table: DependencyTable, name: str) -> Need:
    project = read_name(project, name)
    return Need(
        project=project,
        versions=read_alternatives(table.version, project, name),
        markers=tuple(read_lock_marker(text, name) for text in conditions(table, project, name)),
        extras=tuple(canonicalize_name(extra) for extra in table.extras),
        optional=table.optional,
    )
