"""uv.lock, in: version 1 of the format, any revision.

A lock is of a workspace; what is read is its root project, the one at ".", with the extras and groups that are asked
for. Groups that uv installs unasked, such as dev, aren't: a bundle is for deployment. The root isn't taken itself, and
neither are virtual members; dependencies are followed for each target, by their markers.

uv writes conflicting extras as markers on made-up extras: "extra-3-app-cpu" is the extra cpu of app (3 letters).
Left out: locks of scripts, and of workspaces without a project at their root.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs

import msgspec
from packaging.markers import Marker
from packaging.utils import canonicalize_name

from bundler.errors import RequirementError
from bundler.requirements.files.references import Locate, absolute_url
from bundler.requirements.locked import Lock, LockedFile, LockedProject, Satisfies
from bundler.requirements.locks.graphs import Edge, by_name, reach
from bundler.requirements.locks.rules import (
    asked_for,
    chosen_once,
    off_target,
    read_lock_marker,
    read_python,
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
from bundler.requirements.terms import read_name
from bundler.requirements.toml_documents import TomlDocument

__all__ = ["read_uv_lock"]

_EXPORT = "give bundler what uv export --format pylock.toml writes"


class _Source(msgspec.Struct, frozen=True):
    registry: str | None = None
    git: str | None = None
    url: str | None = None
    path: str | None = None
    directory: str | None = None
    editable: str | None = None
    virtual: str | None = None
    subdirectory: str | None = None

    @property
    def place(self) -> str | None:
        """The directory of a project that isn't built yet."""
        return self.directory or self.editable or self.virtual


class _File(msgspec.Struct, frozen=True, rename="kebab"):
    url: str | None = None
    path: str | None = None
    filename: str | None = None
    hash: str | None = None
    size: int | None = None
    upload_time: str | None = None


class _Dependency(msgspec.Struct, frozen=True):
    name: str
    version: str | None = None
    source: _Source | None = None
    extra: list[str] = []
    marker: str | None = None


class _Metadata(msgspec.Struct, frozen=True, rename="kebab"):
    provides_extras: list[str] = []
    requires_dev: dict[str, Any] = {}


class _Package(msgspec.Struct, frozen=True, rename="kebab"):
    name: str
    source: _Source
    version: str | None = None
    resolution_markers: list[str] = []
    dependencies: list[_Dependency] = []
    optional_dependencies: dict[str, list[_Dependency]] = {}
    dev_dependencies: dict[str, list[_Dependency]] = {}
    sdist: _File | None = None
    wheels: list[_File] = []
    metadata: _Metadata = _Metadata()


class _Lock(msgspec.Struct, frozen=True, rename="kebab"):
    requires_python: str = ""
    supported_markers: list[str] = []
    package: list[_Package] = []


def read_uv_lock(data: bytes, name: str, *, extras: Sequence[str], groups: Sequence[str], locate: Locate) -> Lock:
    """Read a uv.lock: the root project's dependencies, with its extras and groups that are asked for.

    Raises:
        RequirementError: not such a file, one of another version, one without a root project, or an extra or group
            that the root hasn't got.
    """
    document = TomlDocument.parse(data, name)
    if document.table.get("version") != 1:
        message = "the lock isn't of version 1 of uv's format, and no other is understood"
        raise RequirementError(message, origin=name, hint=_EXPORT)
    wire = document.convert(_Lock)
    reading = _reading(wire, name, extras, groups)
    projects = {index: _project(wire.package[index], name, locate) for index in _installed(wire, reading.root)}
    return Lock(
        source=name,
        projects=tuple(projects.values()),
        choose=lambda satisfies: chosen_once(
            (projects[index] for index in reading.chosen(satisfies) if index in projects), name
        ),
    )


def _reading(wire: _Lock, name: str, extras: Sequence[str], groups: Sequence[str]) -> _Reading:
    root = _root(wire, name)
    provided = (*root.optional_dependencies, *root.metadata.provides_extras)
    developed = (*root.dev_dependencies, *root.metadata.requires_dev)
    return _Reading(
        name=name,
        wire=wire,
        root=root,
        extras=asked_for(extras, provided, "extra", name),
        groups=asked_for(groups, developed, "group", name),
        markers={text: read_lock_marker(text, name) for text in dict.fromkeys(_marker_texts(wire))},
        python=read_python(wire.requires_python, name),
        by_name=by_name(package.name for package in wire.package),
    )


def _root(wire: _Lock, name: str) -> _Package:
    root = next((package for package in wire.package if package.source.place == "."), None)
    if root is None:
        members = ", ".join(package.name for package in wire.package if package.source.place is not None)[:200]
        details = (f"its members are {members}",) if members else ()
        raise RequirementError("the lock has no project at its root", origin=name, details=details, hint=_EXPORT)
    return root


def _installed(wire: _Lock, root: _Package) -> list[int]:
    """The packages that can be taken: a virtual one is a list of dependencies and nothing more."""
    packages = enumerate(wire.package)
    return [index for index, package in packages if package is not root and package.source.virtual is None]


def _marker_texts(wire: _Lock) -> Iterator[str]:
    yield from wire.supported_markers
    for package in wire.package:
        yield from package.resolution_markers
        for dependency in _all_dependencies(package):
            if dependency.marker is not None:
                yield dependency.marker


def _all_dependencies(package: _Package) -> Iterator[_Dependency]:
    yield from package.dependencies
    for table in (package.optional_dependencies, package.dev_dependencies):
        for dependencies in table.values():
            yield from dependencies


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """What a lock says of one root, its extras and groups."""

    name: str
    wire: _Lock
    root: _Package
    extras: frozenset[str]
    groups: frozenset[str]
    markers: Mapping[str, Marker]
    python: Marker | None
    by_name: Mapping[str, Sequence[int]]

    def chosen(self, satisfies: Satisfies) -> list[int]:
        """The packages that a target takes, the root among them."""
        self._check_target(satisfies)
        active = self._active()
        while True:
            walk = _Walk(reading=self, satisfies=satisfies, active=active)
            nodes = reach(walk.from_root(), walk.follow, self.name)
            met = active | {_conflict_name("extra", self.wire.package[index], extra) for index, extra in nodes if extra}
            if met == active:
                return sorted({index for index, _ in nodes})
            active = met

    def _check_target(self, satisfies: Satisfies) -> None:
        if not satisfies(self.python, {}):
            raise off_target("its Python isn't", [f"Python {self.wire.requires_python}"], self.name)
        supported = self.wire.supported_markers
        if supported and not any(satisfies(self.markers[text], {}) for text in supported):
            raise off_target("none of its environments is", supported, self.name)

    def _active(self) -> frozenset[str]:
        extras = {_conflict_name("extra", self.root, extra) for extra in self.extras}
        groups = {_conflict_name("group", self.root, group) for group in self.groups}
        return frozenset({_conflict_name("project", self.root), *extras, *groups})


def _conflict_name(kind: str, package: _Package, *part: str) -> str:
    return "-".join((kind, str(len(package.name)), package.name, *part))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Walk:
    """The dependencies that hold for one target while some of uv's made-up extras are active."""

    reading: _Reading
    satisfies: Satisfies
    active: AbstractSet[str]

    def from_root(self) -> Iterator[Edge]:
        root, reading = self.reading.root, self.reading
        yield from self._edges(root.dependencies)
        for table, names in ((root.optional_dependencies, reading.extras), (root.dev_dependencies, reading.groups)):
            for key, dependencies in table.items():
                if canonicalize_name(key) in names:
                    yield from self._edges(dependencies)

    def follow(self, index: int, extra: str) -> Iterator[Edge]:
        package = self.reading.wire.package[index]
        return self._edges(package.optional_dependencies.get(extra, []) if extra else package.dependencies)

    def _edges(self, dependencies: Iterable[_Dependency]) -> Iterator[Edge]:
        for dependency in dependencies:
            if dependency.marker is None or self._holds(dependency.marker):
                found = self._found(dependency)
                yield Edge(project=dependency.name, candidates=found, extras=tuple(dependency.extra))

    def _found(self, dependency: _Dependency) -> tuple[int, ...]:
        """The packages that are meant; where a version isn't stated, those of the target's fork."""
        packages = self.reading.wire.package
        found = [index for index in self.reading.by_name.get(dependency.name, ()) if _fits(packages[index], dependency)]
        if len(found) > 1:
            found = [index for index in found if self._in_fork(packages[index])]
        return tuple(found)

    def _in_fork(self, package: _Package) -> bool:
        return not package.resolution_markers or any(map(self._holds, package.resolution_markers))

    def _holds(self, marker: str) -> bool:
        return self.satisfies(self.reading.markers[marker], {"extras": self.active})


def _fits(package: _Package, dependency: _Dependency) -> bool:
    return dependency.version in (None, package.version) and dependency.source in (None, package.source)


def _project(package: _Package, name: str, locate: Locate) -> LockedProject:
    project = LockedProject(
        name=read_name(package.name, name),
        version=None if package.version is None else read_version(package.version, package.name, name),
        origin=Origin(source=name),
    )
    source = package.source
    if source.git is not None:
        return _repository(project, source.git, locate)
    if source.place is not None:
        return replace(project, reference=absolute_url(source.place, locate, name))
    files = [*package.wheels, *([] if package.sdist is None else [package.sdist])]
    if source.registry is not None:
        return from_files(project, (_of_index(file, project, source.registry, locate) for file in files))
    if source.url is None and source.path is None:
        raise RequirementError(f"the lock doesn't say where {project.name} comes from", origin=name, hint="lock again")
    return _archive(project, files, source, locate)


def _of_index(file: _File, project: LockedProject, registry: str, locate: Locate) -> LockedFile:
    if file.url is not None:
        return _locked(file, project, last_part(file.url), file_url(file.url, project))
    path = file.path or file.filename or ""
    within = str(project.origin)
    return _locked(file, project, last_part(path), absolute_url(f"{registry}/{path}", locate, within))


def _archive(project: LockedProject, files: Sequence[_File], source: _Source, locate: Locate) -> LockedProject:
    """A project from one file; uv states its hash and not its name a second time."""
    place = source.url or source.path or ""
    if source.url is not None:
        url: str | None = file_url(source.url, project)
    else:
        url = absolute_url(place, locate, str(project.origin))
    described = files[0] if files else _File()
    return from_archive(
        project, _locked(described, project, last_part(place), url), locate, subdirectory=source.subdirectory
    )


def _repository(project: LockedProject, text: str, locate: Locate) -> LockedProject:
    """Read "URL?subdirectory=…&tag=…#commit"."""
    address, _, commit = text.partition("#")
    url, _, query = address.partition("?")
    try:
        subdirectory = parse_qs(query).get("subdirectory", [None])[0]
    except ValueError:  # more fields than anybody needs
        subdirectory = None
    return from_repository(project, url, commit, locate, subdirectory=subdirectory)


def _locked(file: _File, project: LockedProject, filename: str, url: str | None) -> LockedFile:
    return LockedFile(
        filename=filename,
        hashes=parse_digests([] if file.hash is None else [file.hash], project),
        url=url,
        size=file.size,
        upload_time=file.upload_time,
    )
