"""The roots of an old poetry.lock, out of the pyproject.toml beside it.

Only what a lock before format 2.1 doesn't tell is read: the names, versions, extras and markers of the dependencies.
What is wanted of a project that has no lock is another module's subject.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
from packaging.utils import canonicalize_name

from bundler.distributions import parse_requirement
from bundler.errors import RequirementError
from bundler.requirements.locks.poetry_needs import Need, NeedTable, read_needs
from bundler.requirements.quoting import quote
from bundler.requirements.toml_documents import TomlDocument

__all__ = ["read_roots"]


class _Group(msgspec.Struct, frozen=True):
    dependencies: NeedTable = {}


class _Poetry(msgspec.Struct, frozen=True, rename="kebab"):
    dependencies: NeedTable = {}
    dev_dependencies: NeedTable = {}
    group: dict[str, _Group] = {}


class _Project(msgspec.Struct, frozen=True, rename="kebab"):
    dependencies: list[str] = []
    optional_dependencies: dict[str, list[str]] = {}


class _Tool(msgspec.Struct, frozen=True):
    poetry: _Poetry = _Poetry()


class _Document(msgspec.Struct, frozen=True):
    project: _Project = _Project()
    tool: _Tool = _Tool()


def read_roots(data: bytes, name: str) -> Mapping[str, tuple[Need, ...]]:
    """The dependencies of each group of a pyproject.toml, "main" and "dev" among them.

    Raises:
        RequirementError: not such a file.
    """
    document = TomlDocument.parse(data, name).convert(_Document)
    poetry, project = document.tool.poetry, document.project
    optional = (text for texts in project.optional_dependencies.values() for text in texts)
    groups: dict[str, tuple[Need, ...]] = {
        canonicalize_name(group): read_needs(table.dependencies, name) for group, table in poetry.group.items()
    }
    return groups | {
        "main": (
            *read_needs(poetry.dependencies, name),
            *_needs(project.dependencies, name, optional=False),
            *_needs(optional, name, optional=True),
        ),
        "dev": (*read_needs(poetry.dev_dependencies, name), *groups.get("dev", ())),
    }


def _needs(texts: Iterable[str], name: str, *, optional: bool) -> tuple[Need, ...]:
    return tuple(_need(text, name, optional=optional) for text in texts)


def _need(text: str, name: str, *, optional: bool) -> Need:
    try:
        requirement = parse_requirement(text)
    except ValueError:
        raise RequirementError(f"{quote(text)} isn't a requirement", origin=name) from None
    return Need(
        project=canonicalize_name(requirement.name),
        versions=(requirement.specifier,),
        markers=(requirement.marker,) if requirement.marker else (),
        extras=tuple(sorted(map(canonicalize_name, requirement.extras))),
        optional=optional,
    )
