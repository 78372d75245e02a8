"""resolvelib's provider: the answers to its questions, for one target.

An extra is a project of its own: `a[x]` asks for the key (a, x), whose candidates depend on exactly the same version of
(a, None) and on what the extra adds. Metadata is read only when a candidate is about to be pinned; a candidate whose
files all turn out unusable then asks for something that can't be met, so that resolvelib takes the next one.

What can't work is learned. In force are the constraints, what the person asks for, and what the only candidate for
something in force asks for. A candidate that asks for something which nothing meets beside what is in force is dead,
and isn't shown again. Candidates only become fewer as wants are added, so no version that a solution needs is lost.

Everything is memoised under the specifiers in force, so that asking again after backtracking costs a look-up. Nothing
here depends on the order in which the source answers.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_
from typing import Generic, TypeVar

from packaging.specifiers import SpecifierSet
from packaging.version import Version
from resolvelib import AbstractProvider, BaseReporter
from resolvelib.structs import RequirementInformation

from bundler.distributions import CoreMetadata
from bundler.errors import NotFound, UnusableFile
from bundler.resolution.candidates import Candidate, Catalogue, Offer, Order, Release, allowed_releases, order_of
from bundler.resolution.foresight import Foresight
from bundler.resolution.refusals import Reason, Rejection
from bundler.resolution.source import Source
from bundler.resolution.wants import Demand, Key, Want, exactly, impossible
from bundler.simple.model import ProjectPage

__all__ = ["Budget", "BudgetSpent", "Claim", "Provider", "Reporter", "Shelf"]

T = TypeVar("T")
_ANY = SpecifierSet()

#: resolvelib's record of who asked for what.
Claim = RequirementInformation[Want, Candidate]
#: One of a project's versions, or of one of its extras.
_Place = tuple[str, str | None, Version]


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Where a search that could run for ever stops: rounds of the resolver, and seconds of `clock`."""

    rounds: int = 200_000
    seconds: float = 600.0
    clock: Callable[[], float]


class BudgetSpent(Exception):
    """The seconds of the budget are used up; `resolver` translates this."""


class Reporter(BaseReporter[Want, Candidate, Key]):
    """Counts pins, to name the projects that keep flipping, and conflicts; remembers who asked for what."""

    def __init__(self) -> None:
        self.pins: Counter[str] = Counter()
        #: In how many conflicts a key took part, asking or asked for.
        self.conflicts: Counter[Key] = Counter()
        #: By project, in the order in which it was asked for, each asker's text once.
        self.asked: dict[str, dict[tuple[str, str | None], Claim]] = {}

    def adding_requirement(self, requirement: Want, parent: Candidate | None) -> None:
        """Remember who asks."""
        if requirement.impossible is None:
            by_text = self.asked.setdefault(requirement.key[0], {})
            asker = (requirement.text, parent.name if parent else None)
            if asker not in by_text:
                by_text[asker] = RequirementInformation(requirement, parent)

    def resolving_conflicts(self, causes: Collection[Claim]) -> None:
        """Count a conflict for everything that took part in it."""
        asked = {cause.requirement.key for cause in causes}
        self.conflicts.update(asked | {(c.parent.name, c.parent.extra) for c in causes if c.parent is not None})

    def pinning(self, candidate: Candidate) -> None:
        """Count a pin."""
        self.pins[candidate.name] += 1


class Shelf:
    """A project's page and releases; for each set of bounds those within it, read once and as far as needed."""

    def __init__(self, page: ProjectPage, releases: tuple[Release, ...], order: Order) -> None:
        self.page = page
        self.order = order
        self.releases = releases
        self.allowed: dict[object, _Remembered[Release]] = {}


class _Remembered(Generic[T]):
    """An iterator that can be gone through again and again, and is advanced no further than anybody has gone."""

    def __init__(self, source: Iterator[T]) -> None:
        self._source = source
        self._seen: list[T] = []

    def __iter__(self) -> Iterator[T]:
        for place in itertools.count():
            while place >= len(self._seen):
                try:
                    self._seen.append(next(self._source))
                except StopIteration:
                    return
            yield self._seen[place]


class Provider(AbstractProvider[Want, Candidate, Key]):
    """Answers for the target of a demand."""

    def __init__(self, source: Source, demand: Demand, *, budget: Budget, catalogue: Catalogue) -> None:
        self._source = source
        self._demand = demand
        self._catalogue = catalogue
        self._clock = budget.clock
        self._deadline = budget.clock() + budget.seconds
        #: By project, what every solution must meet, with who asks for it; grows as candidates prove the only ones.
        self._in_force: dict[str, tuple[Claim, ...]] = {}
        for want in demand.roots:
            self._enforce(want, None)
        self._forced: set[_Place] = set()
        self._shelves: dict[str, Shelf | None] = {}
        self._candidates: dict[_Place, Candidate] = {}
        self._settled: dict[tuple[str, Version], tuple[Offer, CoreMetadata] | str] = {}
        self._within: dict[tuple[str, Version], bool] = {}
        self._asked: dict[_Place, tuple[Want, ...]] = {}
        self._foresight = Foresight(source.anticipate_files)
        #: In which order keys came up.
        self._order: dict[Key, int] = {}
        #: Candidates that can never work, each with what it asks for in vain.
        self.dead: dict[_Place, Want] = {}
        #: Files whose metadata turned out unusable, by project.
        self.unusable: dict[str, list[Rejection]] = {}
        #: Extras asked for that a version doesn't have.
        self.unknown_extras: set[tuple[str, str, str]] = set()

    # --- what resolvelib asks ---------------------------------------------------------------------------------------

    def identify(self, requirement_or_candidate: Want | Candidate) -> Key:
        """The key that a requirement asks for or a candidate fills."""
        if isinstance(requirement_or_candidate, Want):
            return requirement_or_candidate.key
        return (requirement_or_candidate.name, requirement_or_candidate.extra)

    def get_preference(
        self,
        identifier: Key,
        resolutions: Mapping[Key, Candidate],
        candidates: Mapping[Key, Iterator[Candidate]],
        information: Mapping[Key, Iterator[Claim]],
        backtrack_causes: Sequence[Claim],
    ) -> tuple[bool, bool, bool, int]:
        """How early to decide a key, as far as its requirements tell: pinned, asked for by a person, bounded, oldest.

        `Search` asks this anew only when the requirements have changed, and adds what else matters.
        """
        bounds = [asked.requirement.bounds for asked in information[identifier]]
        return (
            not any(text.startswith("==") for text in bounds),
            identifier[0] not in self._demand.direct,
            not any(bounds),
            self._order.setdefault(identifier, len(self._order)),
        )

    def find_matches(
        self,
        identifier: Key,
        requirements: Mapping[Key, Iterator[Want]],
        incompatibilities: Mapping[Key, Iterator[Candidate]],
    ) -> Callable[[], Iterator[Candidate]]:
        """Candidates that meet every requirement on the key, best first, read as far as resolvelib looks."""
        wants = tuple(requirements[identifier])
        self._order.setdefault(identifier, len(self._order))
        excluded = {candidate.version for candidate in incompatibilities[identifier]}
        return lambda: (c for c in self.candidates(identifier, wants) if c.version not in excluded)

    def is_satisfied_by(self, requirement: Want, candidate: Candidate) -> bool:
        """Whether a pinned version meets one more requirement."""
        if requirement.impossible is not None:
            return False
        if requirement.exactly is not None:
            return candidate.version == requirement.exactly
        key = (requirement.bounds, candidate.version)
        if key not in self._within:
            self._within[key] = requirement.specifiers.contains(candidate.version, prereleases=True)
        return self._within[key]

    def get_dependencies(self, candidate: Candidate) -> Iterator[Want]:
        """What a candidate asks for; of an extra its project first, so that metadata is read only for its version."""
        if self._clock() > self._deadline:
            raise BudgetSpent
        place = (candidate.name, candidate.extra, candidate.version)
        for want in self.wants(candidate):
            if place not in self.dead and self._is_hopeless(want):
                self.dead[place] = want
            yield want
        if place not in self._forced and self._is_only_one(candidate):
            self._forced.add(place)
            for want in self.wants(candidate):
                self._enforce(want, candidate)

    def _is_hopeless(self, want: Want) -> bool:
        """Whether nothing meets this want beside what is in force."""
        return next(self.candidates(want.key, (want, *self._needed(want.key[0]))), None) is None

    def _is_only_one(self, candidate: Candidate) -> bool:
        """Whether no other candidate can ever take the place of this one, and something must."""
        needed = self._needed(candidate.name)
        if candidate.extra is not None or not needed:
            return False
        return list(itertools.islice(self.candidates((candidate.name, None), needed), 2)) == [candidate]

    def _enforce(self, want: Want, parent: Candidate | None) -> None:
        name, extra = want.key
        if extra is None:
            self._in_force[name] = (*self._in_force.get(name, ()), RequirementInformation(want, parent))

    def _needed(self, name: str) -> tuple[Want, ...]:
        return tuple(asked.requirement for asked in self._in_force.get(name, ()))

    def _wants_of_metadata(self, candidate: Candidate) -> Iterator[Want]:
        settled = self.settle(candidate)
        if isinstance(settled, str):
            yield impossible(candidate.name, settled, text=candidate.name)
            return
        _, metadata = settled
        if candidate.extra is not None and candidate.extra not in metadata.extras:
            self.unknown_extras.add((candidate.name, str(candidate.version), candidate.extra))
        dependencies = tuple(self._demand.dependencies(candidate.name, candidate.extra, metadata))
        self._source.anticipate([requirement for requirement, _ in dependencies], self._demand.target)
        for requirement, text in dependencies:
            yield from self._demand.wants_of(requirement, text)

    # --- what the resolver and explanations ask as well -------------------------------------------------------------

    def wants(self, candidate: Candidate) -> Iterator[Want]:
        """What a candidate asks for; see `get_dependencies`."""
        place = (candidate.name, candidate.extra, candidate.version)
        if candidate.extra is not None:
            yield exactly(candidate.name, candidate.version)
        if place not in self._asked:
            self._asked[place] = tuple(self._wants_of_metadata(candidate))
        yield from self._asked[place]

    def candidates(self, key: Key, wants: Sequence[Want]) -> Iterator[Candidate]:
        """Usable versions for a key under these wants, best first."""
        if any(want.impossible is not None for want in wants):
            return iter(())
        shelf = self.shelf(key[0], required=any(want.origin is not None for want in wants))
        if shelf is None:
            return iter(())
        found = self._offered(key, shelf, wants)
        return self._wheels_first(found) if self._demand.choices.prefer_binary else found

    def versions(self, name: str, wants: Sequence[Want] | None = None) -> tuple[Version, ...]:
        """The versions of `candidates` for a project; under what is in force where no wants are given."""
        asked = self._needed(name) if wants is None else wants
        return tuple(candidate.version for candidate in self.candidates((name, None), asked))

    def _offered(self, key: Key, shelf: Shelf, wants: Sequence[Want]) -> Iterator[Candidate]:
        name, extra = key
        for release in self.allowed(shelf, wants):
            place = (name, extra, release.version)
            if place in self.dead:
                continue
            if place not in self._candidates:
                offers, _ = self.evaluate(shelf, release)
                if not offers:
                    continue
                self._candidates[place] = Candidate(name=name, extra=extra, version=release.version, offers=offers)
            yield self._candidates[place]

    def _wheels_first(self, found: Iterator[Candidate]) -> Iterator[Candidate]:
        """Those with a wheel before those without, final versions still before pre-releases."""
        for _, several in itertools.groupby(found, key=self._is_last_resort):
            waiting = []
            for candidate in several:
                if candidate.has_wheel:
                    yield candidate
                else:
                    waiting.append(candidate)
            yield from waiting

    def _is_last_resort(self, candidate: Candidate) -> bool:
        return candidate.version.is_prerelease and not self._demand.choices.prereleases.covers(candidate.name)

    def deaths(self, key: Key, wants: Sequence[Want]) -> Iterator[Claim]:
        """What the dead candidates for a key ask for in vain, and what is in force of the same projects."""
        shelf = self.shelf(key[0])
        for release in self.allowed(shelf, wants) if shelf else ():
            vain = self.dead.get((*key, release.version))
            if vain is not None:
                yield RequirementInformation(vain, self._candidates[(*key, release.version)])
                yield from self._in_force.get(vain.key[0], ())

    def read(self) -> Iterator[Candidate]:
        """The candidates that were asked what they ask for."""
        return (self._candidates[place] for place in self._asked if place in self._candidates)

    def looked_at(self, name: str) -> bool:
        """Whether the search came to a project's page, or to its absence."""
        return name in self._shelves

    def shelf(self, name: str, *, required: bool = False) -> Shelf | None:
        """A project's releases; None for a project that no index knows, unless a person asked for it by name.

        Raises:
            SourceError: the page can't be had.
        """
        if name not in self._shelves:
            try:
                page = self._source.page(name)
                self._shelves[name] = Shelf(page, self._catalogue.releases(page), order_of(name, self._demand))
            except NotFound:
                self._shelves[name] = None
        if self._shelves[name] is None and required:
            self._source.page(name)
        return self._shelves[name]

    def allowed(self, shelf: Shelf, wants: Sequence[Want]) -> Iterable[Release]:
        """The releases within all specifiers and the constraints, in the order of preference."""
        key = wants[0].bounds if len(wants) == 1 else tuple(sorted({want.bounds for want in wants}))
        if key not in shelf.allowed:
            limits = self._demand.constraints.get(shelf.page.name, _ANY)
            specifiers = reduce(and_, (want.specifiers for want in wants if want.bounds), limits)
            releases: Sequence[Release] = shelf.releases
            for version in {want.exactly for want in wants} - {None}:
                releases = [release for release in releases if release.version == version]
            shelf.allowed[key] = _Remembered(allowed_releases(releases, specifiers, shelf.order))
        return shelf.allowed[key]

    def evaluate(self, shelf: Shelf, release: Release) -> tuple[tuple[Offer, ...], tuple[Rejection, ...]]:
        """A release's offers and rejections for the target."""
        terms = self._demand.terms(shelf.page.name, release.version)
        return self._catalogue.evaluate(shelf.page, release, self._demand.target, terms)

    def settle(self, candidate: Candidate) -> tuple[Offer, CoreMetadata] | str:
        """The best offer whose metadata can be used, with that metadata; else why there is none."""
        key = (candidate.name, candidate.version)
        if key not in self._settled:
            self._foresight.reading(candidate, lambda: self._following(candidate))
            self._settled[key] = self._settle(candidate)
        return self._settled[key]

    def _following(self, candidate: Candidate) -> Iterator[Candidate]:
        """The candidate and those that come after it, whatever is asked of them for the moment."""
        found = self.candidates((candidate.name, candidate.extra), self._needed(candidate.name))
        return itertools.dropwhile(lambda other: other.version != candidate.version, found)

    def _settle(self, candidate: Candidate) -> tuple[Offer, CoreMetadata] | str:
        refusals = []
        for offer in candidate.offers:
            try:
                metadata = self._source.metadata(offer.file)
            except UnusableFile as exc:
                refusals.append(self._refuse(candidate, offer, Reason.UNUSABLE, exc.message))
                continue
            requires_python = metadata.requires_python
            python = self._demand.target.python_version
            if requires_python is None or requires_python.contains(python, prereleases=True):
                return offer, metadata
            refusals.append(self._refuse(candidate, offer, Reason.REQUIRES_PYTHON, str(requires_python)))
        return "; ".join(dict.fromkeys(refusal.detail for refusal in refusals))

    def _refuse(self, candidate: Candidate, offer: Offer, reason: Reason, detail: str) -> Rejection:
        rejection = Rejection(filename=offer.file.filename, version=candidate.version, reason=reason, detail=detail)
        self.unusable.setdefault(candidate.name, []).append(rejection)
        return rejection
