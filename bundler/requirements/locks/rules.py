"""What holds in any form of lock: how its markers and versions are read, what may be asked of it and be chosen.

Everything that isn't understood is refused while reading, whether a target would need it or not; only what depends on
the target is left for the choice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from packaging.markers import InvalidMarker, Marker
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from bundler.distributions import parse_specifier, parse_version
from bundler.errors import RequirementError
from bundler.requirements.locked import LockedProject
from bundler.requirements.nearest import nearest
from bundler.requirements.quoting import quote, shown
from bundler.requirements.terms import check_hashes, python_condition

__all__ = [
    "asked_for",
    "check_files",
    "chosen_once",
    "off_target",
    "python_marker",
    "read_lock_marker",
    "read_python",
    "read_version",
]

#: `extra` has one value at a time in PEP 508; a lock's `extra == "x"` asks whether x is among those asked for.
_EXTRA = re.compile(r"""\bextra\s*(==|!=)\s*("[^"]*"|'[^']*')""")
_IN = {"==": "in", "!=": "not in"}


def read_lock_marker(text: str, name: str) -> Marker:
    """Read a marker, with `extra` in PEP 751's words: `extra == "x"` becomes `"x" in extras`.

    Raises:
        RequirementError: not a marker.
    """
    try:
        return Marker(_EXTRA.sub(lambda match: f"{match[2]} {_IN[match[1]]} extras", text))
    except (InvalidMarker, ValueError, RecursionError) as exc:
        raise RequirementError(f"{quote(text)} isn't a marker", origin=name, details=(shown(str(exc)),)) from exc


def read_python(text: str, name: str) -> Marker | None:
    """What a lock requires of Python, as a marker; None if it is nothing.

    Raises:
        RequirementError: not a PEP 440 specifier.
    """
    specifier = parse_specifier(text)
    if specifier is None:
        raise RequirementError(f"{quote(text)} isn't a specifier of Python versions", origin=name)
    return python_marker([specifier], name)


def python_marker(alternatives: Iterable[SpecifierSet], name: str) -> Marker | None:
    """The marker that holds where Python's version is in one of the sets; None if it holds anywhere.

    Raises:
        RequirementError: a specifier that can't be written as a marker.
    """
    condition = python_condition(alternatives)
    return read_lock_marker(condition, name) if condition else None


def read_version(text: str, project: str, name: str) -> Version:
    """Read a project's version.

    Raises:
        RequirementError: not a PEP 440 version.
    """
    version = parse_version(text)
    if version is None:
        raise RequirementError(f"{quote(text)} isn't a version of {quote(project)}", origin=name)
    return version


def asked_for(asked: Sequence[str], known: Iterable[str], kind: str, name: str) -> frozenset[str]:
    """The normalized names of the extras or groups that are asked for.

    Raises:
        RequirementError: the lock hasn't got one; the nearest that it has is named.
    """
    there = sorted({canonicalize_name(each) for each in known})
    for each in asked:
        if canonicalize_name(each) not in there:
            near = nearest(canonicalize_name(each), there)
            listed = f"the lock has {', '.join(there)}" if there else f"the lock has no {kind}s"
            hint = f"did you mean {near}?" if near else f"{listed}; leave {each} out, or lock again with it"
            raise RequirementError(f"the lock has no {kind} {each}", origin=name, hint=hint)
    return frozenset(canonicalize_name(each) for each in asked)


def off_target(what: str, conditions: Iterable[str], name: str) -> RequirementError:
    """The refusal of a target that a lock wasn't made for."""
    return RequirementError(
        f"the lock isn't for this target: {what}",
        origin=name,
        details=tuple(f"it is for {shown(condition)}" for condition in conditions),
        hint="lock again for this target",
    )


def chosen_once(projects: Iterable[LockedProject], name: str) -> tuple[LockedProject, ...]:
    """The projects that a target takes.

    Raises:
        RequirementError: one of them twice, one of which there is nothing to take, or hashes that no index states.
    """
    taken: dict[str, LockedProject] = {}
    for project in projects:
        if (other := taken.setdefault(project.name, project)) is not project:
            found = tuple(f"{each.name} {each.version or each.reference}" for each in (other, project))
            message = f"the lock gives this target {project.name} more than once"
            hint = "ask for fewer extras and groups at once, or lock again"
            raise RequirementError(message, origin=name, details=found, hint=hint)
        if not project.files and project.reference is None:
            message = f"the lock names no wheel, sdist, archive or directory of {project.name} that is there"
            hint = "put what it names where it says, or lock again"
            raise RequirementError(message, origin=name, hint=hint)
        check_files(project)
    return tuple(taken.values())


def check_files(project: LockedProject) -> None:
    """Check that each file of a project can be known by its hashes, if it has any.

    Raises:
        RequirementError: one of them can't.
    """
    for file in project.files:
        check_hashes(file.hashes, shown(file.filename), project.origin, hint="lock again, with sha256")
