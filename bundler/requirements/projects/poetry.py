"""[tool.poetry], as far as it says what is wanted: dependencies, groups, extras, and where they come from.

Dependencies are read as `requirements.poetry` does; `develop` means nothing to a bundle, which is a copy. Alternatives
("^1.0 || ^2.0") are taken where one set of PEP 440 specifiers says the same; pre-releases between them are then allowed
to whoever asks for pre-releases. What can't be said is refused by name.

As in Poetry, primary sources take the place of the public index unless it is named among them, and explicit ones are
asked for what is pinned to them. Supplemental ones Poetry asks after the public index. Here they come before it, as
every named index does: the first that knows a project owns it, and a stranger who registers a private name with the
public index mustn't.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from bundler.distributions import parse_requirement
from bundler.errors import RequirementError
from bundler.requirements.files.references import Locate, reference_at
from bundler.requirements.model import DeclaredRequirement
from bundler.requirements.options import NamedIndex, Options
from bundler.requirements.origins import Origin
from bundler.requirements.poetry.dependencies import DependencyTable, conditions, read_alternatives
from bundler.requirements.projects.sources import Part, Pin, PrePackage, address
from bundler.requirements.quoting import quote, shown
from bundler.requirements.terms import read_marker, read_name
from bundler.requirements.toml_documents import TomlDocument
from bundler.requirements.urls import repository_url

__all__ = ["PoetryTool"]

_PUBLIC = "pypi"
_MAIN = "tool.poetry.dependencies"


class _Dependency(DependencyTable, frozen=True, forbid_unknown_fields=True):
    """A table that somebody wrote by hand: what it says and isn't understood is refused."""


class _Group(msgspec.Struct, rename="kebab"):
    dependencies: dict[str, Any] = {}
    include_groups: list[str] = []


class _Source(msgspec.Struct):
    name: str
    url: str | None = None
    priority: Literal["primary", "default", "supplemental", "secondary", "explicit"] = "primary"
    default: bool = False
    secondary: bool = False

    @property
    def is_primary(self) -> bool:
        return self.default or (self.priority in ("primary", "default") and not self.secondary)


class _Settings(msgspec.Struct, rename="kebab"):
    dependencies: dict[str, Any] | None = None
    dev_dependencies: dict[str, Any] = {}
    group: dict[str, _Group] = {}
    extras: dict[str, list[str]] = {}
    source: list[_Source] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class PoetryTool:
    """The [tool.poetry] table of a document; an absent one says nothing. Names of extras and groups are normalized."""

    document: TomlDocument
    locate: Locate
    extras: Mapping[str, Sequence[str]]
    groups: Mapping[str, Sequence[str]]
    _settings: _Settings

    @classmethod
    def read(cls, table: Any, document: TomlDocument, locate: Locate) -> PoetryTool:
        """Read the value of `tool.poetry`.

        Raises:
            RequirementError: a value of another type than Poetry's.
        """
        settings = document.convert(_Settings, table, at="[tool.poetry]")
        groups: dict[str, list[str]] = {"dev": []} if settings.dev_dependencies else {}
        for name in settings.group:
            groups.setdefault(str(canonicalize_name(name)), []).append(name)
        extras = {str(canonicalize_name(name)): names for name, names in settings.extras.items()}
        return cls(document=document, locate=locate, extras=extras, groups=groups, _settings=settings)

    @property
    def has_dependencies(self) -> bool:
        """Whether there is a table of the project's own dependencies, even an empty one."""
        return self._settings.dependencies is not None

    def dependencies(self, extras: Sequence[str]) -> Iterator[Part]:
        """The project's dependencies, with the optional ones that these extras name.

        Raises:
            RequirementError: an entry that isn't understood or can't be honoured.
        """
        table = self._settings.dependencies or {}
        wanted = {canonicalize_name(name) for extra in extras for name in self.extras.get(extra, ())}
        for absent in sorted(wanted - {canonicalize_name(name) for name in table}):
            message = f"an extra names {quote(absent)}, which isn't among the dependencies"
            raise RequirementError(message, origin=self.document.name, hint=f"add it to [{_MAIN}]")
        for name, value in table.items():
            yield from self._entry(name, value, _MAIN, optional=canonicalize_name(name) in wanted)

    def about(self, projects: Iterable[str]) -> Iterator[Part]:
        """What is said here of projects that [project] asks for already (Poetry 2): further versions, and the source.

        Raises:
            RequirementError: an entry that isn't understood or can't be honoured.
        """
        asked = set(projects)
        for name, value in (self._settings.dependencies or {}).items():
            if canonicalize_name(name) in asked:
                yield from self._entry(name, value, _MAIN, optional=True)

    def group(self, group: str) -> Iterator[Part]:
        """The dependencies of a group and of those that it includes.

        Raises:
            RequirementError: an unknown group, or an entry that isn't understood or can't be honoured.
        """
        waiting, seen = [str(group)], set()
        while waiting:
            name = str(waiting.pop())
            if name not in self.groups:
                raise RequirementError(f"there is no group {quote(name)} to include", origin=self.document.name)
            seen.add(name)
            if name == "dev":
                yield from self._table(self._settings.dev_dependencies, "tool.poetry.dev-dependencies")
            for written in self.groups[name]:
                found = self._settings.group[written]
                yield from self._table(found.dependencies, f"tool.poetry.group.{written}.dependencies")
                included = {canonicalize_name(each) for each in found.include_groups}
                waiting.extend(sorted(included - seen - set(waiting), reverse=True))

    def options(self) -> Options:
        """The sources, as yet without the projects that are pinned to them.

        Raises:
            RequirementError: a path where nothing is.
        """
        sources = self._settings.source
        public = any(source.url is None and source.name.lower() == _PUBLIC for source in sources)
        located = [(source, self._address(source.url)) for source in sources if source.url is not None]
        primary = [url for source, url in located if source.is_primary]
        later = [url for source, url in located if not source.is_primary and source.priority != "explicit"]
        return Options(
            index_url=primary[0] if primary and not public else None,
            extra_index_urls=(*(() if public else primary[1:]), *later),
            # One that all projects are looked for on stands here for its pins alone.
            indexes=tuple(
                NamedIndex(url=url, name=source.name.lower(), explicit=not (public and source.is_primary))
                for source, url in located
            ),
        )

    def _table(self, table: Mapping[str, Any], header: str) -> Iterator[Part]:
        for name, value in table.items():
            yield from self._entry(name, value, header, optional=True)

    def _entry(self, name: str, value: Any, header: str, *, optional: bool) -> Iterator[Part]:
        """The parts of one entry; of those marked optional only with `optional`."""
        if canonicalize_name(name) == "python":
            return
        origin = self.document.origin(name, table=header)
        read_name(name, str(origin))
        for each in value if isinstance(value, list) else [value]:
            table = {"version": each} if isinstance(each, str) else each
            dependency = self.document.convert(_Dependency, table, at=f"{name} in [{shown(header)}]")
            if optional or not dependency.optional:
                yield from self._parts(name, dependency, origin)

    def _parts(self, name: str, dependency: _Dependency, origin: Origin) -> Iterator[Part]:
        requirement = _requirement(name, dependency, origin)
        url = self._url(dependency, origin)
        if url is not None:
            yield reference_at(requirement, url, origin, self.locate, subdirectory=dependency.subdirectory)
            return
        yield DeclaredRequirement(requirement=requirement, origin=origin)
        if dependency.source is not None:
            yield _pin(name, dependency, origin)
        if dependency.allow_prereleases:
            yield PrePackage(project=canonicalize_name(name), origin=origin)

    def _url(self, dependency: _Dependency, origin: Origin) -> str | None:
        if dependency.git is not None:
            return repository_url(dependency.git, dependency.rev or dependency.tag or dependency.branch, origin)
        path = dependency.path or dependency.file
        if path is not None:
            return address(path, self.document.name, origin, self.locate)
        return dependency.url

    def _address(self, place: str) -> str:
        return address(place, self.document.name, self.document.origin(place), self.locate)


def _pin(name: str, dependency: _Dependency, origin: Origin) -> Pin:
    index = (dependency.source or "").lower()
    if index == _PUBLIC:
        message, hint = f"{name} is pinned to the public index, which has no URL here", "leave its source out"
        raise RequirementError(message, origin=str(origin), hint=hint)
    if dependency.markers or dependency.python or dependency.platform:
        message = f"{name} comes from the source {quote(index)} on some targets only"
        hint = "leave the marker or the source out, and build for those targets apart from the others"
        raise RequirementError(message, origin=str(origin), hint=hint)
    return Pin(index=index, project=canonicalize_name(name), origin=origin)


def _requirement(name: str, dependency: _Dependency, origin: Origin) -> Requirement:
    extras = f"[{','.join(dependency.extras)}]" if dependency.extras else ""
    versions = _specifier(name, dependency.version, origin)
    markers = [f"({read_marker(text, origin)})" for text in conditions(dependency, name, origin)]
    text = f"{name}{extras}{versions} ; {' and '.join(markers)}" if markers else f"{name}{extras}{versions}"
    try:
        return parse_requirement(text)
    except ValueError as exc:
        raise RequirementError(f"{quote(text)} isn't a requirement", origin=str(origin), details=(str(exc),)) from exc


def _specifier(name: str, text: str, origin: Origin) -> SpecifierSet:
    alternatives = read_alternatives(text, name, origin)
    specifier = alternatives[0] if len(alternatives) == 1 else _union(alternatives)
    if specifier is None:
        message = f"{name} {quote(text)} can't be said without ||, which PEP 440 doesn't know"
        raise RequirementError(message, origin=str(origin), hint="write one range, with != for what is left out")
    return specifier


def _union(alternatives: Iterable[SpecifierSet]) -> SpecifierSet | None:
    """One specifier set for all the versions of several, or None."""
    lowest, *others = sorted(alternatives, key=_floor)
    whole = lowest.to_range()
    for each in others:
        whole |= SpecifierSet(
            ",".join(_with_prereleases(specifier.operator, specifier.version) for specifier in each)
        ).to_range()
    return whole.to_specifier_set()


def _floor(specifiers: SpecifierSet) -> Version:
    lower = [Version(each.version.removesuffix(".*")) for each in specifiers if each.operator not in ("<", "<=", "!=")]
    return max(lower, default=Version("0"))


def _with_prereleases(operator: str, version: str) -> str:
    """The same without the gap that "<2" and ">=2" leave between them, where the pre-releases of 2 are."""
    release = Version(version.removesuffix(".*"))
    if operator != ">=" or release.is_prerelease or release.is_postrelease or release.epoch or not any(release.release):
        return f"{operator}{version}"
    last = max(place for place, part in enumerate(release.release) if part)
    below = ".".join(map(str, (*release.release[:last], release.release[last] - 1)))
    return f">={below},!={below}.*"
