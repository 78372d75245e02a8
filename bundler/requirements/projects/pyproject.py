"""pyproject.toml: the dependencies of a project, its extras and its groups.

The project itself is no requirement, only what it needs. [project] (PEP 621) says so, or [tool.poetry] where there is
no [project] or it leaves them to Poetry; [tool.uv] and [tool.poetry] say where single ones come from. Groups (PEP 735)
need no [project]. Extras that ask for other extras of the same project are followed. Dependencies that only a build
backend knows (`dynamic`) are refused with what to give in their place.

`requires-python` chooses nothing here: the targets are named to bundler.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import reduce
from operator import and_
from typing import Any, TypeVar

import msgspec
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bundler.distributions import parse_requirement
from bundler.errors import RequirementError
from bundler.requirements.files.references import Locate
from bundler.requirements.model import DeclaredReference, DeclaredRequirement, RequirementSet
from bundler.requirements.projects.poetry import PoetryTool
from bundler.requirements.projects.sources import Part, Pin, PrePackage, wanted
from bundler.requirements.projects.uv import UvTool
from bundler.requirements.quoting import quote, shown
from bundler.requirements.toml_documents import TomlDocument

__all__ = ["Project", "read_project"]

_MAX_READ = 20_000  # extras and their requirements, once for every set of markers on a way to them
_MAX_DEPTH = 50  # groups within groups

Value = TypeVar("Value")


class _Include(msgspec.Struct, rename="kebab", forbid_unknown_fields=True):
    include_group: str


class _Table(msgspec.Struct, rename="kebab"):
    name: str | None = None
    dependencies: list[str] | None = None
    optional_dependencies: dict[str, list[str]] = {}
    dynamic: list[str] = []


class _Setuptools(msgspec.Struct):
    dynamic: dict[str, Any] = {}


class _Tools(msgspec.Struct):
    uv: dict[str, Any] = {}
    poetry: dict[str, Any] = {}
    setuptools: _Setuptools = msgspec.field(default_factory=_Setuptools)


class _PyProject(msgspec.Struct, rename="kebab"):
    project: _Table | None = None
    dependency_groups: dict[str, list[str | _Include]] = {}
    tool: _Tools = msgspec.field(default_factory=_Tools)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Section:
    """Requirements that stand together, wanted where all of the markers hold; the plain dependencies have no name."""

    texts: Sequence[str]
    extra: str | None = None
    group: str | None = None
    markers: tuple[Marker, ...] = ()

    @property
    def key(self) -> tuple[str | None, str | None, frozenset[str]]:
        return self.extra, self.group, frozenset(map(str, self.markers))


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A pyproject.toml that was read. Names of extras and groups are normalized."""

    _document: TomlDocument
    _form: _PyProject
    _uv: UvTool
    _poetry: PoetryTool
    _extras: Mapping[str, Sequence[str]]
    _groups: Mapping[str, Sequence[str | _Include]]

    @property
    def extras(self) -> tuple[str, ...]:
        """The extras that can be asked for."""
        return tuple(sorted({*self._extras, *self._poetry.extras}))

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups that can be asked for."""
        return tuple(sorted({*self._groups, *self._poetry.groups}))

    def wanted(self, *, extras: Sequence[str], groups: Sequence[str]) -> RequirementSet:
        """What the project needs, with these of its extras and groups.

        Raises:
            RequirementError: a requirement that isn't understood, groups that include each other, dependencies that
                only a build backend knows, or nothing that could be asked for.
        """
        self._check_that_it_asks(groups)
        self._refuse_dynamic("dependencies")
        if extras:
            self._refuse_dynamic("optional-dependencies")
        parts = list(self._parts(extras, groups))
        parts += self._of_poetry(parts, extras, groups)
        options = self._poetry.options().joined(self._uv.options())
        return wanted(parts, options, constraints=self._uv.constraints(), overrides=self._uv.overrides())

    @property
    def _dependencies(self) -> Sequence[str] | None:
        return None if self._form.project is None else self._form.project.dependencies

    def _parts(self, extras: Sequence[str], groups: Sequence[str]) -> Iterator[Part]:
        """What the standard tables ask for: the dependencies, then the groups, then the extras of all."""
        waiting = deque([_Section(texts=self._dependencies or ())])
        waiting.extend(_Section(texts=list(self._group(group, ())), group=group) for group in groups)
        waiting.extend(self._extra(extra) for extra in extras if extra in self._extras)
        seen, read = set(), 0
        while waiting:
            section = waiting.popleft()
            if section.key in seen:
                continue
            seen.add(section.key)
            read += 1 + len(section.texts)
            if read > _MAX_READ:
                raise self._refusal("its extras ask for each other in too many ways")
            for text in section.texts:
                if (itself := self._itself(text)) is None:
                    parts = self._uv.parts(text, extra=section.extra, group=section.group)
                    yield from (_narrowed(part, section.markers) for part in parts)
                else:
                    waiting.extend(self._extra(extra, section, itself) for extra in sorted(itself.extras))

    def _extra(self, extra: str, asking: _Section | None = None, itself: Requirement | None = None) -> _Section:
        """The section of an extra, wanted where another section asks for it."""
        name = canonicalize_name(extra)
        if name not in self._extras:
            known = ", ".join(self.extras) or "none"
            raise self._refusal(f"there is no extra {quote(extra)}", hint=f"name one that is there: {shown(known)}")
        markers = asking.markers if asking else ()
        if itself is not None and itself.marker is not None and itself.marker not in markers:
            markers = (*markers, itself.marker)
        return _Section(texts=self._extras[name], extra=name, markers=markers)

    def _itself(self, text: str) -> Requirement | None:
        """The requirement, if it is on the project itself: then for its extras, since the project is there."""
        name = None if self._form.project is None else self._form.project.name
        if not name or not text.lstrip().lower().startswith(name[:1].lower()):
            return None
        try:
            requirement = parse_requirement(text)
        except ValueError:
            return None  # refused where it is read
        return requirement if canonicalize_name(requirement.name) == canonicalize_name(name) else None

    def _group(self, group: str, within: tuple[str, ...], done: set[str] | None = None) -> Iterator[str]:
        """The requirements of a group and of those it includes, each group once (PEP 735).

        packaging's resolver of groups takes exponential time where groups include others twice.
        """
        done = set() if done is None else done
        if group in within:
            raise self._refusal(
                f"the group {quote(group)} includes itself", details=(" → ".join(map(quote, (*within, group))),)
            )
        if group not in self._groups and (within or group not in self._poetry.groups):
            hint = f"name one that is there: {shown(', '.join(self._groups))}"
            raise self._refusal(f"there is no group {quote(group)} to include", hint=hint)
        if len(within) >= _MAX_DEPTH:
            raise self._refusal(f"more than {_MAX_DEPTH} groups include each other")
        for each in self._groups.get(group, ()) if group not in done else ():
            if isinstance(each, str):
                yield each
            else:
                yield from self._group(str(canonicalize_name(each.include_group)), (*within, group), done)
        done.add(group)

    def _of_poetry(self, parts: Sequence[Part], extras: Sequence[str], groups: Sequence[str]) -> Iterator[Part]:
        if self._dependencies is None:
            yield from self._poetry.dependencies([extra for extra in extras if extra in self._poetry.extras])
        else:
            yield from self._poetry.about(map(_name, parts))
        for group in groups:
            if group in self._poetry.groups:
                yield from self._poetry.group(group)

    def _check_that_it_asks(self, groups: Sequence[str]) -> None:
        if self._form.project is None and not self._poetry.has_dependencies and not groups:
            hint = f"name a group with --group: {shown(', '.join(self.groups))}" if self.groups else None
            raise self._refusal("there is neither [project] nor [tool.poetry.dependencies]", hint=hint)

    def _refuse_dynamic(self, key: str) -> None:
        """Refuse what a build backend would fill in, unless Poetry's own table says it."""
        if self._form.project is None or key not in self._form.project.dynamic or self._poetry.has_dependencies:
            return
        files = _files(self._form.tool.setuptools.dynamic.get(key))
        named = " ".join(f"-r {shown(file)}" for file in files)
        hint = f"give the file that holds them, {named}" if named else "give a lock, or a file of requirements"
        raise self._refusal(f"{key} are dynamic: only the project's build backend knows them", hint=hint)

    def _refusal(self, message: str, *, details: tuple[str, ...] = (), hint: str | None = None) -> RequirementError:
        return RequirementError(message, origin=self._document.name, details=details, hint=hint)


def read_project(data: bytes, name: str, *, locate: Locate) -> Project:
    """Read a pyproject.toml.

    Raises:
        RequirementError: not TOML, or not of the form that the specifications give it.
    """
    document = TomlDocument.parse(data, name)
    form = document.convert(_PyProject)
    uv = UvTool.read(form.tool.uv, document, locate)
    groups = _normalized(form.dependency_groups, "group", name)
    if uv.development:
        groups["dev"] = [*groups.get("dev", ()), *uv.development]
    return Project(
        _document=document,
        _form=form,
        _uv=uv,
        _poetry=PoetryTool.read(form.tool.poetry, document, locate),
        _extras=_normalized(form.project.optional_dependencies if form.project else {}, "extra", name),
        _groups=groups,
    )


def _normalized(table: Mapping[str, Value], kind: str, name: str) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for written, value in table.items():
        if found.setdefault(canonicalize_name(written), value) is not value:
            raise RequirementError(f"there are two {kind}s {quote(written)}, but for their spelling", origin=name)
    return found


def _narrowed(part: Part, markers: Sequence[Marker]) -> Part:
    """The part where the markers hold too; what is said of a project as a whole holds anyway."""
    if not markers or isinstance(part, Pin | PrePackage):
        return part
    if isinstance(part, DeclaredReference):
        return replace(part, marker=_all_of(markers, part.marker))
    requirement = copy(part.requirement)  # parse_requirement's results are shared
    requirement.marker = _all_of(markers, requirement.marker)
    return replace(part, requirement=requirement)


def _all_of(markers: Sequence[Marker], own: Marker | None) -> Marker:
    return reduce(and_, markers if own is None else (own, *markers))


def _name(part: Part) -> str:
    if isinstance(part, DeclaredRequirement):
        return canonicalize_name(part.requirement.name)
    return part.name or "" if isinstance(part, DeclaredReference) else part.project


def _files(dynamic: Any) -> Sequence[str]:
    """The files that setuptools reads a dynamic field from, those of all extras together."""
    if not isinstance(dynamic, dict):
        return ()
    if "file" not in dynamic:
        return [file for each in dynamic.values() for file in _files(each)]
    files = dynamic["file"] if isinstance(dynamic["file"], list) else [dynamic["file"]]
    return [file for file in files if isinstance(file, str)]
