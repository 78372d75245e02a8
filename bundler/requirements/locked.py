"""What a lock file says, whatever its form: projects with their files, of which each target takes some.

`requirements.locks` reads the forms. A lock is closed: what it chooses for a target is all that this
target needs of it, and dependencies aren't followed again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from packaging.markers import Marker
from packaging.version import Version

from bundler.digests import Digest
from bundler.requirements.origins import Origin

__all__ = ["Chosen", "Lock", "LockedFile", "LockedProject", "Satisfies"]

#: The values of PEP 751's two marker variables that are sets: "extras" and "dependency_groups".
Chosen = Mapping[str, AbstractSet[str]]
#: Whether a marker holds for the target in question, those two variables having these values.
Satisfies = Callable[[Marker | None, Chosen], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedFile:
    """A wheel or sdist that a lock names. Without a URL it is looked up on the indexes, by its name and hash."""

    filename: str
    hashes: tuple[Digest, ...]
    #: Absolute: http, https or file.
    url: str | None = None
    #: Bytes.
    size: int | None = None
    #: As PEP 700 writes it.
    upload_time: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedProject:
    """One version of a project; `name` is normalized. One that is a direct reference has a `reference` and no files.

    Without either, a lock names a path where nothing is; such a project is never chosen.
    """

    name: str
    version: Version | None
    origin: Origin
    files: tuple[LockedFile, ...] = ()
    #: Absolute URL of a repository, directory or archive (see DeclaredReference).
    reference: str | None = None
    #: Of the archive that `reference` names; any one binds.
    hashes: tuple[Digest, ...] = ()
    requires_python: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """A lock file that was read; `source` names it."""

    source: str
    projects: tuple[LockedProject, ...]
    #: The projects that a target takes, of `projects` and in their order.
    #: Raises RequirementError where the lock doesn't cover the target, or gives it one project twice.
    choose: Callable[[Satisfies], tuple[LockedProject, ...]]
