"""Where a project comes from, as the tables of uv and Poetry say it: a repository, a URL, a path, a named index.

Both tables say it in fields of their own; here the fields become the direct reference (PEP 508, PEP 610) or the pin to
an index that a requirements file would state.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote as percent_encoded

from packaging.markers import Marker
from packaging.requirements import Requirement

from bundler.distributions import parse_requirement
from bundler.errors import RequirementError
from bundler.requirements.files.references import Locate, absolute_url, parse_reference
from bundler.requirements.model import DeclaredReference, DeclaredRequirement, RequirementSet
from bundler.requirements.options import NamedIndex, Options
from bundler.requirements.origins import Origin
from bundler.requirements.quoting import quote, shown

__all__ = ["Part", "Pin", "address", "declared", "read_marker", "reference", "repository_url", "wanted"]

_SSH_LIKE_SCP = re.compile(r"([\w.-]+@[\w.-]+):(?!/)([^\s#]+)")
_REVISION = re.compile(r"[\w.+/-]+")  # what can stand behind the @ of a URL
_ABSOLUTE = re.compile(r"[a-z][a-z0-9+.-]*+://|file:", re.IGNORECASE)
_REMOTE = re.compile(r"https?://", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A project that comes from the index of that name and from no other; `project` is normalized."""

    index: str
    project: str
    origin: Origin


#: What one entry of a table amounts to.
Part = DeclaredRequirement | DeclaredReference | Pin


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
    return reference(requirement, requirement.url, origin, locate)


def reference(
    requirement: Requirement, url: str, origin: Origin, locate: Locate, *, subdirectory: str | None = None
) -> DeclaredReference:
    """The direct reference that takes a requirement, with its extras and marker, from a URL.

    Raises:
        RequirementError: a URL that isn't taken.
    """
    if not _ABSOLUTE.match(url):
        message, hint = f"{quote(url)} isn't the URL of {requirement.name}", "write it with its scheme, as https://…"
        raise RequirementError(message, origin=str(origin), hint=hint)
    if subdirectory is not None:
        url += f"{'&' if '#' in url else '#'}subdirectory={percent_encoded(subdirectory)}"
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    marker = f" ; {requirement.marker}" if requirement.marker else ""
    text = f"{requirement.name}{extras} @ {url}{marker}"
    found = parse_reference(text, origin=origin, locate=locate)
    if found is None:
        raise RequirementError(f"{quote(text)} isn't a direct reference", origin=str(origin))
    return found


def read_marker(text: str, origin: Origin) -> Marker:
    """Read a PEP 508 marker.

    Raises:
        RequirementError: anything else.
    """
    try:
        marker = parse_requirement(f"x ; {text}").marker
    except ValueError:
        marker = None
    if marker is None:
        raise RequirementError(f"{quote(text)} isn't an environment marker", origin=str(origin))
    return marker


def repository_url(git: str, revision: str | None, origin: Origin) -> str:
    """The URL of a repository at a commit, tag or branch, as PEP 610 writes it; git's own short form of ssh too.

    Raises:
        RequirementError: a revision that can't stand in a URL.
    """
    short = _SSH_LIKE_SCP.fullmatch(git)
    url = f"ssh://{short[1]}/{short[2]}" if short else git.removeprefix("git+")
    if revision is None:
        return f"git+{url}"
    if not _REVISION.fullmatch(revision) or "#" in url:
        message = f"{quote(revision)} can't be told as the revision of {quote(git)}"
        raise RequirementError(message, origin=str(origin), hint="name the commit by its hash, behind a plain URL")
    return f"git+{url}@{revision}"


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
    """The requirement set of the parts, their pins said of the indexes among the options.

    Raises:
        RequirementError: a pin to an unknown index, or pins of one project to several.
    """
    listed = tuple(parts)
    return RequirementSet(
        requirements=tuple(part for part in listed if isinstance(part, DeclaredRequirement)),
        references=tuple(part for part in listed if isinstance(part, DeclaredReference)),
        constraints=constraints,
        overrides=overrides,
        options=replace(options, indexes=_pinned(options.indexes, listed)),
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
