"""From a project's files to what one target could install: releases, offers, and a reason for every refusal.

A page's files are grouped into releases by the version in their names, newest first, and only then read: a page holds
thousands of files and a resolution looks at the files of a few releases. Ranking is a total order: wheels before the
sdist, best tag first, higher build number first, then the file name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from bundler.digests import Digest
from bundler.distributions import Distribution, Wheel, parse_filename, parse_specifier, parse_version
from bundler.errors import UnusableFile
from bundler.simple.model import ProjectFile, ProjectPage
from bundler.targets.model import Target

__all__ = [
    "Candidate",
    "Catalogue",
    "Offer",
    "Reason",
    "Rejection",
    "Release",
    "allowed_releases",
    "evaluate_release",
    "python_allowed",
    "releases_of",
]

_SDIST_ENDINGS = (".tar.gz", ".zip")


class Reason(StrEnum):
    """Why a file can't be taken; the text completes the sentence "<file or version>: …"."""

    NO_TAG = "no wheel for this platform and Python"
    REQUIRES_PYTHON = "needs another Python"
    YANKED = "yanked, and not pinned with =="
    NO_DIGEST = "the index states no sha256"
    OTHER_HASH = "none of the hashes asked for"
    UNUSABLE = "unusable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A file that was refused for a target, and why."""

    filename: str
    version: Version
    reason: Reason
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.reason} ({self.detail})" if self.detail else str(self.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One version of a project; `entries` are the places of its files on the page."""

    version: Version
    entries: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A file that the target could install, with its name taken apart."""

    file: ProjectFile
    distribution: Distribution


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One version of a project (or of one of its extras) with at least one offer, best first."""

    name: str
    extra: str | None
    version: Version
    offers: tuple[Offer, ...] = field(compare=False, repr=False)


def releases_of(page: ProjectPage) -> tuple[Release, ...]:
    """All versions that a page has wheels or sdists of, newest first; files without a PEP 440 version are left out."""
    entries: dict[str, list[int]] = {}
    for index, filename in enumerate(page.filenames):
        if text := _version_text(filename):
            entries.setdefault(text, []).append(index)
    merged: dict[Version, list[int]] = {}  # 1.0 and 1.0.0 are one version
    for text, indexes in entries.items():
        if (version := parse_version(text)) is not None:
            merged.setdefault(version, []).extend(indexes)
    return tuple(Release(version=version, entries=tuple(merged[version])) for version in sorted(merged, reverse=True))


def _version_text(filename: str) -> str:
    """A guess that is cheap for 15,000 names; `parse_filename` is the judge once a file is looked at."""
    if filename.endswith(".whl"):
        return filename.split("-", 2)[1] if filename.count("-") >= 4 else ""
    for ending in _SDIST_ENDINGS:
        if filename.endswith(ending):
            return filename[: -len(ending)].rpartition("-")[2]
    return ""


def allowed_releases(releases: Iterable[Release], specifiers: SpecifierSet) -> Iterator[tuple[Release, bool]]:
    """Releases within the specifiers, each with whether it is taken only for want of a final one (PEP 440).

    Final releases come first, newest first; pre-releases follow as a last resort, unless a specifier names one, in
    which case all are in one order. Reads no further than it is asked.
    """
    allowed = specifiers.contains
    if specifiers.prereleases:
        yield from ((r, False) for r in releases if allowed(r.version, prereleases=True))
        return
    releases = tuple(releases)
    for last_resort in (False, True):
        chosen = (r for r in releases if r.version.is_prerelease is last_resort)
        yield from ((r, last_resort) for r in chosen if allowed(r.version, prereleases=True))


def evaluate_release(
    page: ProjectPage,
    release: Release,
    target: Target,
    *,
    allow_yanked: bool = False,
    hashes: frozenset[Digest] = frozenset(),
) -> tuple[tuple[Offer, ...], tuple[Rejection, ...]]:
    """Read a release's files for a target: what it could install, best first, and what not and why."""
    ranked: list[tuple[tuple[object, ...], Offer]] = []
    rejections: list[Rejection] = []
    for index in release.entries:
        if _is_for_others(page.filenames[index], target):  # most files of most projects: not worth reading
            rejections.append(_rejection(page.filenames[index], release, Reason.NO_TAG, ""))
            continue
        try:
            file = page.read(index)
            distribution = _distribution(file, page)
        except UnusableFile as exc:
            rejections.append(_rejection(page.filenames[index], release, Reason.UNUSABLE, exc.message))
            continue
        refusal = _refusal(file, target, allow_yanked=allow_yanked, hashes=hashes)
        if refusal is not None:
            rejections.append(_rejection(file.filename, release, *refusal))
        else:
            ranked.append((_rank(distribution, target), Offer(file=file, distribution=distribution)))
    ranked.sort(key=lambda pair: pair[0])
    return tuple(offer for _, offer in ranked), tuple(rejections)


def _is_for_others(filename: str, target: Target) -> bool:
    """Whether a wheel's tags, as far as its file name can be cut at its hyphens, exclude the target."""
    parts = filename.rsplit("-", 3)
    return filename.endswith(".whl") and len(parts) == 4 and target.rank_text("-".join(parts[1:])[:-4]) is None


def _distribution(file: ProjectFile, page: ProjectPage) -> Distribution:
    distribution = parse_filename(file.filename)
    if distribution.name != page.name:
        raise UnusableFile(f"{file.filename}: is not a file of {page.name}")
    return distribution


def _rejection(filename: str, release: Release, reason: Reason, detail: str) -> Rejection:
    return Rejection(filename=filename, version=release.version, reason=reason, detail=detail)


def _refusal(
    file: ProjectFile, target: Target, *, allow_yanked: bool, hashes: frozenset[Digest]
) -> tuple[Reason, str] | None:
    if file.requires_python and not python_allowed(file.requires_python, target):
        return Reason.REQUIRES_PYTHON, file.requires_python
    if file.yanked is not None and not allow_yanked:
        return Reason.YANKED, file.yanked
    if file.digest is None:
        return Reason.NO_DIGEST, ""
    if hashes and hashes.isdisjoint(file.hashes):
        return Reason.OTHER_HASH, ""
    return None


def python_allowed(requires_python: str, target: Target) -> bool:
    """Whether the target's Python is within a Requires-Python; one that can't be read allows none."""
    specifier = parse_specifier(requires_python)
    return specifier is not None and specifier.contains(target.python_version, prereleases=True)


def _rank(distribution: Distribution, target: Target) -> tuple[object, ...]:
    if isinstance(distribution, Wheel):
        number, suffix = distribution.build or (-1, "")
        return (0, target.rank(distribution.tags), -number, _descending(suffix), distribution.filename)
    return (1, distribution.filename)


def _descending(text: str) -> tuple[int, ...]:
    return (*(-ord(character) for character in text), 0)


class Catalogue:
    """What has been found out about pages, for the resolver and whoever runs ahead of it: nothing is worked out twice.

    Pages are told apart by URL and targets by name. Threads may share it; at worst two work out the same thing.
    """

    def __init__(self) -> None:
        self._releases: dict[str, tuple[Release, ...]] = {}
        self._evaluated: dict[object, tuple[tuple[Offer, ...], tuple[Rejection, ...]]] = {}

    def releases(self, page: ProjectPage) -> tuple[Release, ...]:
        """See `releases_of`."""
        if page.url not in self._releases:
            self._releases[page.url] = releases_of(page)
        return self._releases[page.url]

    def evaluate(
        self,
        page: ProjectPage,
        release: Release,
        target: Target,
        *,
        allow_yanked: bool = False,
        hashes: frozenset[Digest] = frozenset(),
    ) -> tuple[tuple[Offer, ...], tuple[Rejection, ...]]:
        """See `evaluate_release`."""
        key = (page.url, release.version, target.name, allow_yanked, hashes)
        if key not in self._evaluated:
            self._evaluated[key] = evaluate_release(page, release, target, allow_yanked=allow_yanked, hashes=hashes)
        return self._evaluated[key]

    def likely_file(self, page: ProjectPage, requirements: Iterable[Requirement], target: Target) -> ProjectFile | None:
        """The file that a resolution would look at first, as far as these requirements tell; for prefetching only."""
        specifiers = SpecifierSet()
        for requirement in requirements:
            specifiers &= requirement.specifier
        for release, _ in allowed_releases(self.releases(page), specifiers):
            offers, _ = self.evaluate(page, release, target)
            if offers:
                return offers[0].file
        return None
