"""Lock: requirements × targets → resolutions → one pylock.toml over all targets, or one per target (PEP 751).

Nothing is downloaded but what resolving needs. The pins of a lock that is there already are preferred where they fit,
unless it is to be upgraded.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from packaging.version import Version

from bundler.operations.documents import PRODUCER, locked
from bundler.operations.gathering import opened_gathering
from bundler.operations.inputs import pinned_versions
from bundler.operations.outputs import check_output
from bundler.operations.planning import Plan
from bundler.operations.progress import Progress
from bundler.publication import publish_file
from bundler.requirements.locks.pinned import LockedPackage, document_names
from bundler.requirements.locks.pylock import write_pylock
from bundler.resolution.resolver import Resolution

__all__ = ["LockRequest", "LockSummary", "lock_requirements"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LockRequest:
    """What to lock, and into which file ("-" is standard output)."""

    plan: Plan
    output: Path
    #: One file for each target, beside `output`: pylock.<target>.toml.
    per_target: bool = False
    #: Prefer no former pins: of no project, or of these (normalized).
    upgrade: bool = False
    upgraded: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class LockSummary:
    """What was locked: the files that were written, and the number of pins by target."""

    written: tuple[Path, ...]
    #: The lock itself, where it goes to standard output.
    text: str | None
    pins_by_target: tuple[tuple[str, int], ...]
    warnings: tuple[str, ...]


def lock_requirements(request: LockRequest, progress: Progress) -> LockSummary:
    """Resolve for every target and write what was chosen; a file appears under its name only when it is whole.

    Raises:
        BundlerError: any of its branches; nothing is left behind.
    """
    to_screen = str(request.output) == "-"
    if not to_screen:
        check_output(request.output, example="pylock.toml")
    with opened_gathering(_preferring(request), progress) as gathering:
        resolutions = gathering.resolutions()
    documents = _documents(request, resolutions)
    if not to_screen:
        for path, data in documents.items():
            with publish_file(path) as stream:
                stream.write(data)
    return LockSummary(
        written=() if to_screen else tuple(documents),
        text="".join(data.decode() for data in documents.values()) if to_screen else None,
        pins_by_target=tuple((resolution.target.name, len(resolution.pins)) for resolution in resolutions),
        warnings=tuple(sorted({warning for resolution in resolutions for warning in resolution.warnings})),
    )


def _documents(request: LockRequest, resolutions: Sequence[Resolution]) -> dict[Path, bytes]:
    here = Path.cwd() if str(request.output) == "-" else request.output.parent
    targets = [
        (dict(resolution.target.environment), [_portable(package, here) for package in locked(resolution)])
        for resolution in resolutions
    ]
    if not request.per_target:
        return {request.output: write_pylock(targets, created_by=PRODUCER)}
    names = document_names([resolution.target.name for resolution in resolutions])
    return {
        request.output.parent / name: write_pylock([target], created_by=PRODUCER)
        for (_, name), target in zip(names, targets, strict=True)
    }


def _portable(package: LockedPackage, here: Path) -> LockedPackage:
    """A local file or directory as a path relative to the lock's own directory (PEP 751)."""
    if package.url is None or not package.url.startswith("file:"):
        return package
    url, _, fragment = package.url.partition("#")
    place = Path(url2pathname(urlsplit(url).path)) / fragment.removeprefix("subdirectory=")
    path = Path(os.path.relpath(place, here)).as_posix()
    return replace(package, url=None, path=f"{path}/" if place.is_dir() else path)


def _preferring(request: LockRequest) -> Plan:
    """The plan, with the pins of the locks that would be written over as preferences."""
    if request.upgrade:
        return request.plan
    names = [name for _, name in document_names([target.name for target in request.plan.targets])]
    paths = [request.output.parent / name for name in names] if request.per_target else [request.output]
    preferred: dict[str, tuple[Version, ...]] = {}
    for path in paths:
        for name, version in pinned_versions(path):
            if name not in request.upgraded and version not in preferred.get(name, ()):
                preferred[name] = (*preferred.get(name, ()), version)
    return replace(request.plan, choices=replace(request.plan.choices, preferred=preferred))
