"""poetry.lock, in: formats 1.0 to 2.x.

Since 2.1 (Poetry 2) every package says for which groups and under which marker it is taken. Before that a lock tells no
roots: they stand in the pyproject.toml beside it, and dependencies are followed. The group main and the groups asked
for are taken. The lock states names and hashes of files and no URLs, so the indexes are asked for them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

import msgspec
from packaging.markers import Marker
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from bundler.errors import RequirementError
from bundler.requirements.files.references import Locate, absolute_url
from bundler.requirements.locked import Lock, LockedFile, LockedProject, Satisfies
from bundler.requirements.locks.graphs import Edge, by_name, reach
from bundler.requirements.locks.poetry_needs import Need, NeedTable, read_needs
from bundler.requirements.locks.poetry_roots import read_roots
from bundler.requirements.locks.rules import (
    asked_for,
    chosen_once,
    off_target,
    python_marker,
    read_lock_marker,
    read_version,
)
from bundler.requirements.locks.sources import (
    file_url,
    from_archive,
    from_files,
    from_repository,
    last_part,
    parse_digests,
)
from bundler.requirements.origins import Origin
from bundler.requirements.poetry.constraints import read_constraint
from bundler.requirements.poetry.dependencies import read_alternatives
from bundler.requirements.quoting import quote
from bundler.requirements.terms import read_name
from bundler.requirements.toml_documents import TomlDocument

__all__ = ["read_poetry_lock"]

_FORMAT = re.compile(r"(1|2)\.([0-9]{1,3})")
#: What Poetry up to 1.4 never locked, as it installs them itself.
_UNLOCKED = {"distribute", "pip", "setuptools", "wheel"}
_LISTED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

#: The indexes of the packages that a target takes.
_Taken = Callable[[Satisfies], Sequence[int]]


class _File(msgspec.Struct, frozen=True):
    file: str
    hash: str | None = None


class _Source(msgspec.Struct, frozen=True):
    type: str = "legacy"
    url: str = ""
    resolved_reference: str = ""
    subdirectory: str | None = None


class _Package(msgspec.Struct, frozen=True, rename="kebab"):
    name: str
    version: str
    python_versions: str = "*"
    groups: list[str] = []
    markers: str | dict[str, str] = ""
    files: list[_File] = []
    dependencies: NeedTable = {}
    extras: dict[str, list[str]] = {}
    source: _Source = _Source()


class _Metadata(msgspec.Struct, frozen=True, rename="kebab"):
    lock_version: str = ""
    python_versions: str = "*"
    #: Up to format 1.1.
    files: dict[str, list[_File]] = {}


class _Lock(msgspec.Struct, frozen=True):
    metadata: _Metadata
    package: list[_Package] = []
    extras: dict[str, list[str]] = {}


def read_poetry_lock(
    data: bytes, name: str, *, project: bytes | None, extras: Sequence[str], groups: Sequence[str], locate: Locate
) -> Lock:
    """Read a poetry.lock; `project` is the pyproject.toml beside it, if there is one.

    Raises:
        RequirementError: not such a file, one of another format, an extra or group that it hasn't got, or one of a
            format before 2.1 without its pyproject.toml.
    """
    wire = TomlDocument.parse(data, name).convert(_Lock)
    chosen = asked_for(extras, wire.extras, "extra", name)
    projects = tuple(_project(package, wire, name, locate) for package in wire.package)
    if _format(wire, name) >= (2, 1):
        taken = _by_groups(wire, name, chosen, groups)
    else:
        taken = _by_walking(wire, projects, name, chosen, groups, project)
    versions = wire.metadata.python_versions
    python = python_marker(read_alternatives(versions, "the Python of the lock", name), name)

    def choose(satisfies: Satisfies) -> tuple[LockedProject, ...]:
        if not satisfies(python, {}):
            raise off_target("its Python isn't", [f"Python {versions}"], name)
        return chosen_once((projects[index] for index in taken(satisfies)), name)

    return Lock(source=name, projects=projects, choose=choose)


def _format(wire: _Lock, name: str) -> tuple[int, int]:
    match = _FORMAT.fullmatch(wire.metadata.lock_version)
    if match is None:
        message = f"the lock is of format {quote(wire.metadata.lock_version)}, and only 1.x and 2.x are understood"
        raise RequirementError(message, origin=name, hint="give bundler the pyproject.toml instead")
    return int(match[1]), int(match[2])


def _by_groups(wire: _Lock, name: str, extras: frozenset[str], groups: Sequence[str]) -> _Taken:
    """The choice by the groups and markers of the packages themselves."""
    known = {canonicalize_name(group) for package in wire.package for group in package.groups}
    wanted = asked_for(groups, {*known, "main"}, "group", name) | {"main"}
    markers = [list(_markers(package, wanted, name)) for package in wire.package]
    sets = {"extras": extras}
    return lambda satisfies: [
        index for index, any_of in enumerate(markers) if any(satisfies(marker, sets) for marker in any_of)
    ]


def _markers(package: _Package, wanted: frozenset[str], name: str) -> Iterator[Marker | None]:
    """The marker of each wanted group that a package is in; one of them must hold."""
    for group in package.groups:
        if canonicalize_name(group) in wanted:
            text = package.markers if isinstance(package.markers, str) else package.markers.get(group, "")
            yield read_lock_marker(text, name) if text else None


def _by_walking(
    wire: _Lock,
    projects: Sequence[LockedProject],
    name: str,
    extras: frozenset[str],
    groups: Sequence[str],
    project: bytes | None,
) -> _Taken:
    """The choice by following dependencies from the roots that the pyproject.toml names."""
    if project is None:
        message = f"the lock is of format {wire.metadata.lock_version}, which doesn't tell what the project needs"
        hint = "put its pyproject.toml beside it, or run poetry lock with Poetry 2"
        raise RequirementError(message, origin=name, hint=hint)
    roots = read_roots(project, f"pyproject.toml beside {name}")
    wanted = asked_for(groups, roots, "group", name) | {"main"}
    walk = _Walk(
        wire=wire,
        projects=projects,
        by_name=by_name(project.name for project in projects),
        pythons=[python_marker(_specifiers(package), name) for package in wire.package],
        needs=[read_needs(package.dependencies, name) for package in wire.package],
        roots=list(_taken_roots({group: roots[group] for group in sorted(wanted)}, wire, extras)),
        name=name,
    )
    return walk.taken


def _taken_roots(roots: Mapping[str, Iterable[Need]], wire: _Lock, extras: frozenset[str]) -> Iterator[Need]:
    """The roots of the groups, those that are optional where one of the extras names them."""
    listed = _names(text for extra, each in wire.extras.items() if canonicalize_name(extra) in extras for text in each)
    for group, needs in roots.items():
        yield from (need for need in needs if not need.optional or group != "main" or need.project in listed)


def _names(texts: Iterable[str]) -> set[str]:
    """The projects of an extra, which Poetry lists as "name" or "name (constraint)"."""
    return {canonicalize_name(match[0]) for text in texts if (match := _LISTED.match(text))}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Walk:
    """The packages of a lock with the needs of each, and the needs of the root."""

    wire: _Lock
    projects: Sequence[LockedProject]
    by_name: Mapping[str, Sequence[int]]
    pythons: Sequence[Marker | None]
    needs: Sequence[Sequence[Need]]
    roots: Sequence[Need]
    name: str

    def taken(self, satisfies: Satisfies) -> list[int]:
        """The packages that a target takes."""
        roots = self._edges(self.roots, frozenset(), satisfies)
        nodes = reach(roots, lambda index, extra: self._follow(index, extra, satisfies), self.name)
        return sorted({index for index, _ in nodes})

    def _follow(self, index: int, extra: str, satisfies: Satisfies) -> Iterator[Edge]:
        listed = _names(self._extra(index, extra))
        needs = (need for need in self.needs[index] if not need.optional or need.project in listed)
        return self._edges(needs, frozenset({extra} - {""}), satisfies)

    def _extra(self, index: int, extra: str) -> Iterator[str]:
        for key, texts in self.wire.package[index].extras.items():
            if canonicalize_name(key) == extra:
                yield from texts

    def _edges(self, needs: Iterable[Need], extras: AbstractSet[str], satisfies: Satisfies) -> Iterator[Edge]:
        for need in needs:
            if all(satisfies(marker, {"extras": extras}) for marker in need.markers):
                candidates = self._candidates(need, satisfies)
                if candidates or need.project not in _UNLOCKED:
                    yield Edge(project=need.project, candidates=candidates, extras=need.extras)

    def _candidates(self, need: Need, satisfies: Satisfies) -> tuple[int, ...]:
        named = self.by_name.get(need.project, ())
        found = [index for index in named if need.allows(self.projects[index].version)]
        if len(found) > 1:
            found = [index for index in found if satisfies(self.pythons[index], {})]
        return tuple(found)


def _project(package: _Package, wire: _Lock, name: str, locate: Locate) -> LockedProject:
    python = _specifiers(package)
    project = LockedProject(
        name=read_name(package.name, name),
        version=read_version(package.version, package.name, name),
        origin=Origin(source=name),
        requires_python=str(python[0]) or None if len(python) == 1 else None,
    )
    files = [_locked(file, project) for file in (*package.files, *wire.metadata.files.get(package.name, ()))]
    source = package.source
    if source.type == "legacy":
        return from_files(project, files)
    if source.type == "git":
        commit, within = source.resolved_reference, source.subdirectory
        return from_repository(project, source.url, commit, locate, subdirectory=within)
    if source.type == "directory":
        return replace(project, reference=absolute_url(source.url, locate, name))
    if source.type not in ("url", "file"):
        message = f"{project.name} comes from a source of the kind {quote(source.type)}, which isn't understood"
        raise RequirementError(message, origin=name, hint="take it from an index or a git repository")
    return _archive(project, files, source, locate)


def _archive(project: LockedProject, files: Sequence[LockedFile], source: _Source, locate: Locate) -> LockedProject:
    name = str(project.origin)
    url = file_url(source.url, project) if source.type == "url" else absolute_url(source.url, locate, name)
    filename = last_part(source.url)
    hashes = next((file.hashes for file in files if file.filename == filename), ())
    file = LockedFile(filename=filename, hashes=hashes, url=url)
    return from_archive(project, file, locate, subdirectory=source.subdirectory)


def _locked(file: _File, project: LockedProject) -> LockedFile:
    digests = parse_digests([] if file.hash is None else [file.hash], project)
    return LockedFile(filename=file.file, hashes=digests)


def _specifiers(package: _Package) -> tuple[SpecifierSet, ...]:
    """What a package requires of Python; nothing where that isn't readable, as for pip."""
    try:
        return read_constraint(package.python_versions)
    except ValueError:
        return ()
