"""What holds in any form of lock: how its markers and versions are read, what may be asked of it and be chosen.

Everything that isn't understood is refused while reading, whether a target would need it or not; only what depends on
the target is left for the choice.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence

from packaging.markers import InvalidMarker, Marker
from packaging.specifiers import SpecifierSet
from packaging.utils import InvalidName, canonicalize_name
from packaging.version import Version

from bundler.distributions import parse_specifier, parse_version
from bundler.errors import RequirementError
from bundler.requirements.locked import LockedProject
from bundler.requirements.quoting import quote, shown

__all__ = [
    "asked_for",
    "chosen_once",
    "off_target",
    "python_marker",
    "read_marker",
    "read_name",
    "read_python",
    "read_version",
]

#: `extra` has one value at a time in PEP 508; a lock's `extra == "x"` asks whether x is among those asked for.
_EXTRA = re.compile(r"""\bextra\s*(==|!=)\s*("[^"]*"|'[^']*')""")
_IN = {"==": "in", "!=": "not in"}


def read_marker(text: str, name: str) -> Marker:
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
    texts = [
        " and ".join(sorted(f'python_full_version {each.operator} "{each.version}"' for each in specifier))
        for specifier in alternatives
    ]
    return read_marker(" or ".join(texts), name) if all(texts) else None


def read_name(text: str, name: str) -> str:
    """Read a project's name and normalize it.

    Raises:
        RequirementError: not a name.
    """
    try:
        return canonicalize_name(text, validate=True)
    except InvalidName as exc:
        raise RequirementError(f"{quote(text)} isn't the name of a project", origin=name) from exc


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
            nearest = difflib.get_close_matches(canonicalize_name(each), there, n=1)
            listed = f"the lock has {', '.join(there)}" if there else f"the lock has no {kind}s"
            hint = f"did you mean {nearest[0]}?" if nearest else f"{listed}; leave {each} out, or lock again with it"
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
        RequirementError: one of them twice, or one of which there is nothing to take.
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
    return tuple(taken.values())
