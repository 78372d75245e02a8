"""What one entry of a project's tables amounts to, whether uv's, Poetry's or nobody's own.

It is a requirement, the direct reference (PEP 508, PEP 610) that a requirements file would state, the pin of a project
to a named index, or leave for its pre-releases. Together they are a requirement set.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from bundler.distributions import parse_requirement
from bundler.errors import RequirementError
from bundler.requirements.files.references import Locate, absolute_url, reference_at
from bundler.requirements.model import DeclaredReference, DeclaredRequirement, RequirementSet
from bundler.requirements.options import NamedIndex, Options
from bundler.requirements.origins import Origin
from bundler.requirements.quoting import quote, shown

__all__ = ["Part", "Pin", "PrePackage", "address", "declared", "wanted"]

_REMOTE = re.compile(r"https?://", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A project that comes from the index of that name and from no other; `project` is normalized."""

    index: str
    project: str
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class PrePackage:
    """A project whose pre-releases are wanted too; `project` is normalized."""

    project: str
    origin: Origin


#: What one entry of a table amounts to.
Part = DeclaredRequirement | DeclaredReference | Pin | PrePackage


def declared(text: str, origin: Origin, locate: Locate) -> DeclaredRequirement | DeclaredReference:
    """Read a PEP 508 requirement, by name or by URL.

    Raises:
        RequirementError: anything else.
    """
    try:
        requirement = parse_requirement(text)
    except ValueError as exc:
        message, details = f"{quote(text)} isn't a requirement", (shown(str(exc)),)
        raise RequirementError(message, origin=str(origin), details=details) from None  # its text may hold a password
    if requirement.url is None:
        return DeclaredRequirement(requirement=requirement, origin=origin)
    return reference_at(requirement, requirement.url, origin, locate)


def address(path_or_url: str, name: str, origin: Origin, locate: Locate) -> str:
    """The absolute URL of a web address as it is, or of a path relative to the file `name`.

    Raises:
        RequirementError: nothing is there.
    """
    if _REMOTE.match(path_or_url):
        return path_or_url
    url = absolute_url(path_or_url, locate, name)
    if url is None:
        raise RequirementError(
            f"there is no file or directory {quote(path_or_url)}",
            origin=str(origin),
            hint=f"write a path relative to {name}",
        )
    return url


def wanted(
    parts: Iterable[Part],
    options: Options,
    *,
    constraints: tuple[DeclaredRequirement, ...] = (),
    overrides: tuple[DeclaredRequirement, ...] = (),
) -> RequirementSet:
    """The requirement set of the parts; their pins and pre-releases are said among the options.

    Raises:
        RequirementError: a pin to an unknown index, or pins of one project to several.
    """
    listed = tuple(parts)
    pre = tuple(dict.fromkeys(part.project for part in listed if isinstance(part, PrePackage)))
    return RequirementSet(
        requirements=tuple(part for part in listed if isinstance(part, DeclaredRequirement)),
        references=tuple(part for part in listed if isinstance(part, DeclaredReference)),
        constraints=constraints,
        overrides=overrides,
        options=replace(options, indexes=_pinned(options.indexes, listed)).joined(Options(pre_packages=pre)),
    )


def _pinned(indexes: Sequence[NamedIndex], parts: Iterable[Part]) -> tuple[NamedIndex, ...]:
    """The indexes with the projects sent to them; an explicit one that gets none is left out."""
    projects: dict[str, str] = {}
    for pin in parts:
        if not isinstance(pin, Pin):
            continue
        if all(index.name != pin.index for index in indexes):
            message = f"{pin.project} comes from the index {quote(pin.index)}, which isn't defined"
            raise RequirementError(message, origin=str(pin.origin), hint="define it in the same file")
        if projects.setdefault(pin.project, pin.index) != pin.index:
            message = f"{pin.project} comes from two indexes, {quote(projects[pin.project])} and {quote(pin.index)}"
            raise RequirementError(message, origin=str(pin.origin), hint="pin it to one index")
    named = (replace(index, projects=_of(index.name, projects)) for index in indexes)
    return tuple(index for index in named if index.projects or not index.explicit)


def _of(index: str | None, owners: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(project for project, owner in owners.items() if owner == index)
