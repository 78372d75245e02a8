"""The requirement set: what is wanted, each part with the place it was written in."""

from __future__ import annotations

from dataclasses import dataclass, field

from packaging.markers import Marker
from packaging.requirements import Requirement

from bundler.digests import Digest
from bundler.requirements.locked import Lock
from bundler.requirements.options import Options
from bundler.requirements.origins import Origin

__all__ = ["DeclaredReference", "DeclaredRequirement", "Origin", "RequirementSet"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredRequirement:
    """One requirement as a person wrote it; where `hashes` isn't empty, only files with one of them may be taken."""

    requirement: Requirement
    origin: Origin
    hashes: tuple[Digest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredReference:
    """A direct reference (PEP 440): one file, directory or repository in place of an index's project.

    `url` is absolute: http, https, file, or a VCS scheme such as git+https (PEP 610), with its fragment; `name` is
    normalized, and None where only the thing itself tells it.
    """

    url: str = field(repr=False)  # may hold a password
    origin: Origin
    name: str | None = None
    extras: tuple[str, ...] = ()
    marker: Marker | None = None
    hashes: tuple[Digest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RequirementSet:
    """Everything wanted, in the order it was given.

    Constraints narrow versions but ask for nothing. An override replaces whatever anybody else asks of its project.
    """

    requirements: tuple[DeclaredRequirement, ...] = ()
    constraints: tuple[DeclaredRequirement, ...] = ()
    overrides: tuple[DeclaredRequirement, ...] = ()
    references: tuple[DeclaredReference, ...] = ()
    locks: tuple[Lock, ...] = ()
    #: What the files say of indexes and preferences.
    options: Options = field(default_factory=Options)
