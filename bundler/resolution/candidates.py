"""From a project's files to what one target could install: releases, offers, and a reason for every refusal.

A page's files are grouped into releases by the version in their names, and only then read: a page holds thousands of
files and versions, and a resolution looks at a few. Both rankings are total orders: that of releases is `Order`; of a
release's files, wheels come before the sdist, best tag first, higher build number first, then the file name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import cast

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from bundler.distributions import CoreMetadata, Distribution, Wheel, parse_filename, parse_version
from bundler.errors import UnusableFile
from bundler.requirements.choices import Choices
from bundler.resolution.refusals import ANY_HASH, Reason, Rejection, Terms, refusal_of
from bundler.resolution.wants import Demand
from bundler.simple.model import ProjectFile, ProjectPage, Versions
from bundler.simple.versions import versions_of
from bundler.targets.model import Target

__all__ = [
    "Candidate",
    "Catalogue",
    "Offer",
    "Order",
    "Release",
    "allowed_releases",
    "evaluate_release",
    "order_of",
    "releases_of",
]

_DEFAULTS = Choices()


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One version of a project: the `index`th of a page's."""

    versions: Versions
    index: int

    @property
    def version(self) -> Version:
        """Its version."""
        return cast("Version", parse_version(self.versions.texts[self.index]))  # which is one, says `Versions`

    @property
    def entries(self) -> Sequence[int]:
        """The places of its files on the page."""
        return self.versions.places(self.index)


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

    @property
    def has_wheel(self) -> bool:
        """Whether a wheel is offered; if so, it is the best offer."""
        return isinstance(self.offers[0].distribution, Wheel)


def releases_of(page: ProjectPage) -> tuple[Release, ...]:
    """All versions that a page has wheels or sdists of, newest first; files without a PEP 440 version are left out."""
    versions = versions_of(page.filenames) if page.versions is None else page.versions
    return tuple(Release(versions=versions, index=index) for index in range(len(versions.texts)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """How a project's releases are tried: preferred ones, then final ones, then pre-releases, each newest first."""

    #: The oldest first.
    lowest: bool = False
    #: Pre-releases stand among the others.
    prereleases: bool = False
    preferred: tuple[Version, ...] = ()


def allowed_releases(releases: Sequence[Release], specifiers: SpecifierSet, order: Order) -> Iterator[Release]:
    """The releases (given newest first) within the specifiers, in the order wanted; reads no further than it is asked.

    Pre-releases come last even where a specifier names one, and are then tried like any other: PEP 440's "if nothing
    else is available" in the form that uv gives it, where versions that conflict with the rest aren't available.
    """
    for version in order.preferred:
        yield from _within([release for release in releases if release.version == version], specifiers)
    last_resort = []
    for release in _within(reversed(releases) if order.lowest else releases, specifiers):
        if release.version in order.preferred:
            continue
        if order.prereleases or not release.version.is_prerelease:
            yield release
        else:
            last_resort.append(release)
    yield from last_resort


def _within(releases: Iterable[Release], specifiers: SpecifierSet) -> Iterator[Release]:
    return specifiers.filter(releases, prereleases=True, key=attrgetter("version"))


def evaluate_release(
    page: ProjectPage, release: Release, target: Target, *, choices: Choices = _DEFAULTS, terms: Terms = ANY_HASH
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
        refusal = refusal_of(file, distribution, target, choices=choices, terms=terms)
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


def _rank(distribution: Distribution, target: Target) -> tuple[object, ...]:
    if isinstance(distribution, Wheel):
        number, suffix = distribution.build or (-1, "")
        return (0, target.rank(distribution.tags), -number, _descending(suffix), distribution.filename)
    return (1, distribution.filename)


def _descending(text: str) -> tuple[int, ...]:
    return (*(-ord(character) for character in text), 0)


def order_of(name: str, demand: Demand) -> Order:
    """In which order a demand wants a project's releases to be tried."""
    return Order(
        lowest=demand.wants_lowest(name),
        prereleases=demand.choices.prereleases.covers(name),
        preferred=demand.choices.preferred.get(name, ()),
    )


class Catalogue:
    """What has been found out about pages, for the resolver and whoever runs ahead of it: nothing is worked out twice.

    Pages are told apart by URL and targets by name. Threads may share it; at worst two work out the same thing.
    """

    def __init__(self, choices: Choices = _DEFAULTS) -> None:
        self.choices = choices
        self._releases: dict[str, tuple[Release, ...]] = {}
        self._evaluated: dict[object, tuple[tuple[Offer, ...], tuple[Rejection, ...]]] = {}
        self._demands: dict[str, Demand] = {}

    def expect(self, demand: Demand) -> None:
        """Let `likely_file` and `needed` know what is asked of a target, before they are asked about it."""
        self._demands[demand.target.name] = demand

    def releases(self, page: ProjectPage) -> tuple[Release, ...]:
        """See `releases_of`."""
        if page.url not in self._releases:
            self._releases[page.url] = releases_of(page)
        return self._releases[page.url]

    def evaluate(
        self, page: ProjectPage, release: Release, target: Target, terms: Terms = ANY_HASH
    ) -> tuple[tuple[Offer, ...], tuple[Rejection, ...]]:
        """See `evaluate_release`."""
        key = (page.url, release.version, target.name, terms)
        if key not in self._evaluated:
            self._evaluated[key] = evaluate_release(page, release, target, choices=self.choices, terms=terms)
        return self._evaluated[key]

    def likely_file(self, page: ProjectPage, requirements: Iterable[Requirement], target: Target) -> ProjectFile | None:
        """The file that a resolution would look at first, as far as these requirements tell; for prefetching only."""
        demand = self._demands[target.name]
        specifiers = demand.constraints.get(page.name, SpecifierSet())
        for requirement in requirements:
            specifiers &= requirement.specifier
        for release in allowed_releases(self.releases(page), specifiers, order_of(page.name, demand)):
            offers, _ = self.evaluate(page, release, target, demand.terms(page.name, release.version))
            if offers and (isinstance(offers[0].distribution, Wheel) or not demand.choices.prefer_binary):
                return offers[0].file
        return None

    def needed(self, metadata: CoreMetadata, extras: Iterable[str], target: Target) -> Iterator[Requirement]:
        """What a resolution would ask for because of a file, with these extras of its project; for prefetching only."""
        demand = self._demands[target.name]
        for extra in (None, *extras):
            for requirement, _ in demand.dependencies(metadata.name, extra, metadata):
                yield requirement
