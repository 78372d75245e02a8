"""Everything that is wanted, from the command line and from files of any kind, as one requirement set.

A requirements file may name files of any kind with -r, as the command line may. As constraints (-c) there are
requirements files and locks, whose pins become `name==version`; as overrides, requirements files.

Extras and groups are those of projects and locks: one must be known to some project that is read, and to every lock.

A form's reader is imported when a file of that form is read: all of them take longer than a lock that is recalled.

The module is pure: `open_file` gets a path as written and the name of the file it is written in, and gives the name to
show and the bytes; `locate` tells what is at a path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from bundler.digests import Digest
from bundler.distributions import parse_requirement
from bundler.errors import RequirementError, UsageError
from bundler.requirements.files.grammar import Include, Item, Locate, parse_argument, parse_file
from bundler.requirements.kinds import Kind, kind_of
from bundler.requirements.locked import Lock, LockedProject
from bundler.requirements.locks.rules import check_files
from bundler.requirements.model import DeclaredReference, DeclaredRequirement, RequirementSet
from bundler.requirements.nearest import nearest
from bundler.requirements.options import Options
from bundler.requirements.origins import COMMAND_LINE, Origin
from bundler.requirements.quoting import shown

if TYPE_CHECKING:
    from bundler.requirements.projects.pyproject import Project

__all__ = ["Inputs", "OpenFile", "read_inputs"]

#: A path as written and the file it is written in (None: the command line) -> the name to show, and the bytes.
#: Raises UsageError.
OpenFile = Callable[[str, str | None], tuple[str, bytes]]

_MAX_FILES = 1_000  # under different names, links and ".." make thousands of a few
_MAX_DEPTH = 50  # files within files; a chain that long is a loop through links that the names don't show


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What the command line names, each kind in the order given."""

    positional: tuple[str, ...] = ()
    requirement_files: tuple[str, ...] = ()
    constraint_files: tuple[str, ...] = ()
    override_files: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    all_extras: bool = False


def read_inputs(
    inputs: Inputs, *, open_file: OpenFile, locate: Locate, environment: Mapping[str, str]
) -> RequirementSet:
    """Read everything that is wanted: positional requirements first, then the files, in the order given.

    Raises:
        RequirementError: a line or table that isn't understood, bytes that aren't UTF-8, files that include each
            other, an unset variable.
        UsageError: a file that can't be read, from `open_file`; an extra or group that nothing read has.
    """
    reading = _Reading(inputs=inputs, open_file=open_file, locate=locate, environment=environment)
    for text in inputs.positional:
        reading.argument(text)
    for path in inputs.requirement_files:
        reading.file(path, _Use.REQUIREMENTS, COMMAND_LINE, ())
    for path in inputs.constraint_files:
        reading.file(path, _Use.CONSTRAINTS, COMMAND_LINE, ())
    for path in inputs.override_files:
        reading.file(path, _Use.OVERRIDES, COMMAND_LINE, ())
    reading.check()
    return reading.wanted()


class _Use(Enum):
    """What a file is read as, and how messages call it."""

    REQUIREMENTS = "requirements"
    CONSTRAINTS = "constraints"
    OVERRIDES = "overrides"


@dataclass(slots=True, kw_only=True)
class _Asked:
    """The extras or the groups of the command line, and who knows them."""

    option: str
    names: tuple[str, ...]
    known: set[str] = field(default_factory=set)

    def of(self, offered: Iterable[str]) -> list[str]:
        """Those of the names that an input has."""
        there = set(offered)
        self.known |= there
        return [name for name in self.names if name in there]

    def check(self) -> None:
        """Refuse a name that no input has.

        Raises:
            UsageError: there is one.
        """
        for name in self.names:
            if name not in self.known:
                near = nearest(name, self.known)
                there = f"there are {shown(', '.join(sorted(self.known)))}" if self.known else "there are none"
                hint = f"did you mean {shown(near)}?" if near else "name one that a project or lock has"
                raise UsageError(
                    f"{self.option} {shown(name)}: nothing that is read has it", details=(there,), hint=hint
                )


@dataclass(slots=True, kw_only=True)
class _Reading:
    inputs: Inputs
    open_file: OpenFile
    locate: Locate
    environment: Mapping[str, str]
    requirements: list[DeclaredRequirement] = field(default_factory=list)
    constraints: list[DeclaredRequirement] = field(default_factory=list)
    overrides: list[DeclaredRequirement] = field(default_factory=list)
    references: list[DeclaredReference] = field(default_factory=list)
    locks: list[Lock] = field(default_factory=list)
    options: Options = field(default_factory=Options)
    has_project: bool = False
    extras: _Asked = field(init=False)
    groups: _Asked = field(init=False)
    #: What has been read, by name and use: a file that many others include is read once.
    done: set[tuple[str, _Use]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.extras = _Asked(option="--extra", names=_normalized(self.inputs.extras))
        self.groups = _Asked(option="--group", names=_normalized(self.inputs.groups))

    def check(self) -> None:
        """Refuse to have been asked for what nothing that was read has.

        Raises:
            UsageError: for the project, an extra or a group.
        """
        if self.inputs.all_extras and not self.has_project:
            raise UsageError("--all-extras: no project is read", hint="give its pyproject.toml with -r")
        self.extras.check()
        self.groups.check()

    def wanted(self) -> RequirementSet:
        """Everything that was read."""
        return RequirementSet(
            requirements=tuple(self.requirements),
            constraints=tuple(self.constraints),
            overrides=tuple(self.overrides),
            references=tuple(self.references),
            locks=tuple(self.locks),
            options=self.options,
        )

    def argument(self, text: str) -> None:
        """Read a positional argument: a script that is there, or a requirement."""
        if text.endswith(".py") and "\0" not in text and self.locate(text, None) is not None:
            self.file(text, _Use.REQUIREMENTS, COMMAND_LINE, ())
        else:
            self._take(parse_argument(text, locate=self.locate), _Use.REQUIREMENTS)

    def file(self, path: str, use: _Use, origin: Origin, within: tuple[str, ...]) -> None:
        """Read a file; `within` are the files that lead to it, outermost first."""
        try:
            name, data = self.open_file(path, within[-1] if within else None)
        except UsageError as exc:
            if not within:
                raise
            raise RequirementError(exc.message, origin=str(origin), details=exc.details, hint=exc.hint) from exc
        if name in within:
            loop = " → ".join((*within, name))
            raise RequirementError(f"{name} includes itself", origin=str(origin), details=(loop,))
        if len(self.done) >= _MAX_FILES:
            raise RequirementError(f"more than {_MAX_FILES} files are included", origin=str(origin))
        if len(within) >= _MAX_DEPTH:
            raise RequirementError(f"more than {_MAX_DEPTH} files include each other", origin=str(origin))
        if (name, use) not in self.done:
            self.done.add((name, use))
            self._read(name, data, use, (*within, name))

    def _read(self, name: str, data: bytes, use: _Use, within: tuple[str, ...]) -> None:
        kind = kind_of(name, data)
        if kind is Kind.REQUIREMENTS:
            constraint = use is _Use.CONSTRAINTS
            for item in parse_file(data, name, constraint=constraint, environment=self.environment, locate=self.locate):
                self._item(item, use, within)
        elif use is _Use.REQUIREMENTS:
            self._describing(name, data, kind)
        elif use is _Use.CONSTRAINTS and kind.is_lock:
            self.constraints.extend(_pins(self._lock(name, data, kind, (), ())))
        else:
            hint = "give a file of requirements" + (" or a lock" if use is _Use.CONSTRAINTS else "")
            raise RequirementError(f"it can't be read as {use.value}", origin=name, hint=hint)

    def _item(self, item: Item, use: _Use, within: tuple[str, ...]) -> None:
        if isinstance(item, Options):
            self.options = self.options.joined(item)
        elif isinstance(item, Include):
            # An override stays one, since -r has no second meaning that would say so.
            named = _Use.OVERRIDES if use is _Use.OVERRIDES else _Use.REQUIREMENTS
            self.file(item.path, _Use.CONSTRAINTS if item.constraint else named, item.origin, within)
        else:
            self._take(item, use)

    def _take(self, item: DeclaredRequirement | DeclaredReference, use: _Use) -> None:
        if use is _Use.REQUIREMENTS and isinstance(item, DeclaredReference):
            self.references.append(item)
        elif isinstance(item, DeclaredReference):
            hint = "write name==version here, and ask for the URL or path among the requirements"
            raise RequirementError(f"{use.value} go by name and version", origin=str(item.origin), hint=hint)
        else:
            lists = {_Use.CONSTRAINTS: self.constraints, _Use.OVERRIDES: self.overrides}
            lists.get(use, self.requirements).append(item)

    def _describing(self, name: str, data: bytes, kind: Kind) -> None:
        """Read a file of another kind than requirements.txt, for what it asks for."""
        if kind is Kind.PROJECT:
            from bundler.requirements.projects.pyproject import read_project

            self._add(self._project(read_project(data, name, locate=self.locate)))
        elif kind is Kind.SCRIPT:
            from bundler.requirements.projects.scripts import read_script

            self._add(read_script(data, name, locate=self.locate))
        else:
            if self.inputs.all_extras:
                hint = "name each with --extra"
                raise RequirementError("a lock isn't read with --all-extras", origin=name, hint=hint)
            lock = self._lock(name, data, kind, self.extras.names, self.groups.names)
            self.extras.of(self.extras.names)  # the lock knows them, else it would have been refused
            self.groups.of(self.groups.names)
            self.locks.append(lock)

    def _project(self, project: Project) -> RequirementSet:
        self.has_project = True
        extras = self.extras.of(project.extras)
        groups = self.groups.of(project.groups)
        return project.wanted(extras=project.extras if self.inputs.all_extras else extras, groups=groups)

    def _lock(self, name: str, data: bytes, kind: Kind, extras: Sequence[str], groups: Sequence[str]) -> Lock:
        if kind is Kind.PYLOCK:
            from bundler.requirements.locks.pylock import read_pylock

            return read_pylock(data, name, extras=extras, groups=groups, locate=self.locate)
        if kind is Kind.UV_LOCK:
            from bundler.requirements.locks.uv import read_uv_lock

            return read_uv_lock(data, name, extras=extras, groups=groups, locate=self.locate)
        from bundler.requirements.locks.poetry import read_poetry_lock

        beside = self.locate("pyproject.toml", name)
        project = None if beside is None else self.open_file("pyproject.toml", name)[1]
        return read_poetry_lock(data, name, project=project, extras=extras, groups=groups, locate=self.locate)

    def _add(self, more: RequirementSet) -> None:
        self.requirements += more.requirements
        self.constraints += more.constraints
        self.overrides += more.overrides
        self.references += more.references
        self.options = self.options.joined(more.options)


def _normalized(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(canonicalize_name(name) for name in names))


def _pins(lock: Lock) -> Iterator[DeclaredRequirement]:
    """The versions of a lock as constraints; a project without one, such as a directory, has nothing to narrow."""
    by_name: dict[str, list[LockedProject]] = {}
    for project in lock.projects:
        check_files(project)
        if project.version is not None:
            by_name.setdefault(project.name, []).append(project)
    for name, projects in by_name.items():
        versions = sorted({str(project.version) for project in projects})
        if len(versions) > 1:
            message = f"{name} is locked at several versions, of which a constraint can't choose"
            hint = "give the lock with -r, or a lock of one target"
            raise RequirementError(message, origin=lock.source, details=(", ".join(versions),), hint=hint)
        requirement = parse_requirement(f"{name}=={versions[0]}")
        yield DeclaredRequirement(requirement=requirement, origin=projects[0].origin, hashes=_hashes(projects))


def _hashes(projects: Iterable[LockedProject]) -> tuple[Digest, ...]:
    """The hashes of all the files, or none where a file has none and so would be left out."""
    files = [file.hashes for project in projects for file in project.files]
    return tuple(dict.fromkeys(digest for hashes in files for digest in hashes)) if all(files) else ()
