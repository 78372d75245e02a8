"""resolvelib's provider: the answers to its questions, for one target.

An extra is a project of its own: `a[x]` asks for the key (a, x), whose candidates depend on exactly the same version of
(a, None) and on what the extra adds. Metadata is read only when a candidate is about to be pinned; a candidate whose
files all turn out unusable then asks for something that can't be met, so that resolvelib takes the next one.

Everything is memoised under the specifiers in force, so that asking again after backtracking costs a look-up. Nothing
here depends on the order in which the source answers.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version
from resolvelib import AbstractProvider, BaseReporter
from resolvelib.structs import RequirementInformation

from bundler.digests import Digest
from bundler.distributions import CoreMetadata
from bundler.errors import NotFound, UnusableFile
from bundler.requirements.model import DeclaredRequirement, Origin
from bundler.resolution.candidates import (
    Candidate,
    Catalogue,
    Offer,
    Reason,
    Rejection,
    Release,
    allowed_releases,
)
from bundler.resolution.source import Source
from bundler.simple.model import ProjectPage
from bundler.targets.model import Target

__all__ = ["Budget", "BudgetSpent", "Key", "Provider", "Reporter", "Shelf", "Want"]

T = TypeVar("T")

#: A project's normalized name, and one of its extras or None for the project itself.
Key = tuple[str, str | None]
#: resolvelib's record of who asked for what.
Asked = RequirementInformation["Want", Candidate]


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """A requirement as the resolver sees it: a key, the versions allowed, and where a person wrote it, if one did."""

    key: Key
    specifiers: SpecifierSet
    #: As written, for explanations.
    text: str
    #: The specifiers as text, which is quicker to look up than they are.
    bounds: str = ""
    origin: Origin | None = None
    #: The project itself, at exactly the version of its extra's candidate.
    exactly: Version | None = None
    #: Why nothing can meet this.
    impossible: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Where a search that could run for ever stops: rounds of the resolver, and seconds of `clock`."""

    rounds: int = 200_000
    seconds: float = 600.0
    clock: Callable[[], float]


class BudgetSpent(Exception):
    """The seconds of the budget are used up; `resolver` translates this."""


class Reporter(BaseReporter["Want", Candidate, Key]):
    """Counts how often each project was pinned, to name those that keep flipping; remembers who asked for what."""

    def __init__(self) -> None:
        self.pins: Counter[str] = Counter()
        #: By project, in the order in which it was asked for, each asker's text once.
        self.asked: dict[str, dict[tuple[str, str | None], Asked]] = {}

    def adding_requirement(self, requirement: Want, parent: Candidate | None) -> None:
        """Remember who asks."""
        if requirement.impossible is None:
            by_text = self.asked.setdefault(requirement.key[0], {})
            asker = parent.name if parent else None
            by_text.setdefault((requirement.text, asker), RequirementInformation(requirement, parent))

    def pinning(self, candidate: Candidate) -> None:
        """Count a pin."""
        self.pins[candidate.name] += 1


class Shelf:
    """A project's page and releases; for each set of bounds those within it, read once and as far as needed."""

    def __init__(self, page: ProjectPage, releases: tuple[Release, ...]) -> None:
        self.page = page
        self.releases = releases
        self.allowed: dict[tuple[str, ...], _Remembered[tuple[Release, bool]]] = {}


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


class Provider(AbstractProvider["Want", Candidate, Key]):
    """Answers for one target; `constraints` are merged by name, `hashes` bind projects to files."""

    def __init__(
        self,
        source: Source,
        target: Target,
        *,
        constraints: Mapping[str, SpecifierSet],
        hashes: Mapping[str, frozenset[Digest]],
        budget: Budget,
        catalogue: Catalogue,
    ) -> None:
        self._source = source
        self._target = target
        self._constraints = constraints
        self._hashes = hashes
        self._catalogue = catalogue
        self._clock = budget.clock
        self._deadline = budget.clock() + budget.seconds
        self._shelves: dict[str, Shelf | None] = {}
        self._settled: dict[tuple[str, Version], tuple[Offer, CoreMetadata] | str] = {}
        self._within: dict[tuple[str, Version], bool] = {}
        self._asked: dict[tuple[str, str | None, Version], tuple[Want, ...]] = {}
        #: In which order keys came up.
        self._order: dict[Key, int] = {}
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
        information: Mapping[Key, Iterator[Asked]],
        backtrack_causes: Sequence[Asked],
    ) -> tuple[bool, bool, bool, bool, int]:
        """Which key to decide first: what just conflicted, what is pinned, what is bounded, what came first.

        An extra waits for its project, so that it is decided with one look.
        """
        name, extra = identifier
        specifiers = [asked.requirement.specifiers for asked in information[identifier]]
        return (
            extra is not None and (name, None) not in resolutions,
            not any(identifier == asked.requirement.key for asked in backtrack_causes),
            not any(_is_pin(specifier) for specifier in specifiers),
            not any(len(specifier) for specifier in specifiers),
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
        if key not in self._within:  # resolvelib asks this for all pins in each round
            self._within[key] = requirement.specifiers.contains(candidate.version, prereleases=True)
        return self._within[key]

    def get_dependencies(self, candidate: Candidate) -> Iterator[Want]:
        """What a candidate asks for; of an extra its project first, so that metadata is read only for its version."""
        if self._clock() > self._deadline:
            raise BudgetSpent
        if candidate.extra is not None:
            yield _exactly(candidate)
        key = (candidate.name, candidate.extra, candidate.version)
        if key not in self._asked:
            self._asked[key] = tuple(self._wants_of_metadata(candidate))
        yield from self._asked[key]

    def _wants_of_metadata(self, candidate: Candidate) -> Iterator[Want]:
        settled = self.settle(candidate)
        if isinstance(settled, str):
            yield _impossible(candidate.name, settled, text=candidate.name)
            return
        dependencies = tuple(self._dependencies(candidate, settled[1]))
        self._source.anticipate(dependencies, self._target)
        for requirement in dependencies:
            yield from wants_of(requirement)

    # --- what the resolver and explanations ask as well -------------------------------------------------------------

    def candidates(self, key: Key, wants: Iterable[Want]) -> Iterator[Candidate]:
        """Usable versions for a key under these wants, best first (PEP 440's rule for pre-releases)."""
        name, extra = key
        wants = tuple(wants)
        if any(want.impossible is not None for want in wants):
            return
        shelf = self.shelf(name, required=any(want.origin is not None for want in wants))
        if shelf is None:
            return
        found = False
        allow_yanked = self.may_be_yanked(name, wants)
        for release, last_resort in self.allowed(shelf, wants):
            if last_resort and found:
                return
            offers, _ = self.evaluate(shelf, release, allow_yanked=allow_yanked)
            if offers:
                found = True
                yield Candidate(name=name, extra=extra, version=release.version, offers=offers)

    def shelf(self, name: str, *, required: bool = False) -> Shelf | None:
        """A project's releases; None for a project that no index knows, unless a person asked for it by name.

        Raises:
            SourceError: the page can't be had.
        """
        if name not in self._shelves:
            try:
                page = self._source.page(name)
                self._shelves[name] = Shelf(page, self._catalogue.releases(page))
            except NotFound:
                self._shelves[name] = None
        if self._shelves[name] is None and required:
            self._source.page(name)
        return self._shelves[name]

    def allowed(self, shelf: Shelf, wants: Sequence[Want]) -> Iterable[tuple[Release, bool]]:
        """The releases within all specifiers and the constraints, in the order of preference."""
        name = shelf.page.name
        exact = {want.exactly for want in wants if want.exactly is not None}
        key = tuple(sorted({want.bounds for want in wants} | {f"==={version}" for version in exact}))
        if key not in shelf.allowed:
            specifiers = self._constraints.get(name, SpecifierSet())
            for want in wants:
                specifiers &= want.specifiers
            releases = [r for r in shelf.releases if all(r.version == version for version in exact)]
            if exact:  # the version was decided by the extra's candidate, pre-release or not
                specifiers = SpecifierSet(str(specifiers), prereleases=True)
            shelf.allowed[key] = _Remembered(allowed_releases(releases, specifiers))
        return shelf.allowed[key]

    def evaluate(
        self, shelf: Shelf, release: Release, *, allow_yanked: bool
    ) -> tuple[tuple[Offer, ...], tuple[Rejection, ...]]:
        """A release's offers and rejections for the target."""
        hashes = self._hashes.get(shelf.page.name, frozenset())
        return self._catalogue.evaluate(shelf.page, release, self._target, allow_yanked=allow_yanked, hashes=hashes)

    def may_be_yanked(self, name: str, wants: Iterable[Want]) -> bool:
        """PEP 592: whether something names an exact version, so that a yanked file of it may be taken."""
        exact = any(want.exactly is not None or _is_pin(want.specifiers) for want in wants)
        return exact or _is_pin(self._constraints.get(name, SpecifierSet()))

    def settle(self, candidate: Candidate) -> tuple[Offer, CoreMetadata] | str:
        """The best offer whose metadata can be used, with that metadata; else why there is none."""
        key = (candidate.name, candidate.version)
        if key not in self._settled:
            self._settled[key] = self._settle(candidate)
        return self._settled[key]

    def _settle(self, candidate: Candidate) -> tuple[Offer, CoreMetadata] | str:
        refusals = []
        for offer in candidate.offers:
            try:
                metadata = self._source.metadata(offer.file)
            except UnusableFile as exc:
                refusals.append(self._refuse(candidate, offer, Reason.UNUSABLE, exc.message))
                continue
            requires_python = metadata.requires_python
            if requires_python is None or requires_python.contains(self._target.python_version, prereleases=True):
                return offer, metadata
            refusals.append(self._refuse(candidate, offer, Reason.REQUIRES_PYTHON, str(requires_python)))
        return "; ".join(dict.fromkeys(refusal.detail for refusal in refusals))

    def _refuse(self, candidate: Candidate, offer: Offer, reason: Reason, detail: str) -> Rejection:
        rejection = Rejection(filename=offer.file.filename, version=candidate.version, reason=reason, detail=detail)
        self.unusable.setdefault(candidate.name, []).append(rejection)
        return rejection

    def _dependencies(self, candidate: Candidate, metadata: CoreMetadata) -> Iterator[Requirement]:
        if candidate.extra is not None and candidate.extra not in metadata.extras:
            self.unknown_extras.add((candidate.name, str(candidate.version), candidate.extra))
        for requirement in metadata.requires_dist:
            plain = self._target.satisfies(requirement.marker)
            if plain if candidate.extra is None else self._target.satisfies(requirement.marker, candidate.extra):
                yield requirement


def wants_of(requirement: Requirement, declared: DeclaredRequirement | None = None) -> Iterator[Want]:
    """A requirement as wants: the project, and each extra."""
    name = canonicalize_name(requirement.name)
    origin = declared.origin if declared else None
    if requirement.url is not None:
        reason = f"{requirement.name} is required from a URL, which an index can't answer"
        yield _impossible(name, reason, text=str(requirement), origin=origin)
        return
    specifiers, text = requirement.specifier, str(requirement)
    for extra in (None, *sorted(canonicalize_name(extra) for extra in requirement.extras)):
        yield Want(key=(name, extra), specifiers=specifiers, bounds=str(specifiers), text=text, origin=origin)


def _impossible(name: str, reason: str, *, text: str, origin: Origin | None = None) -> Want:
    """A want that nothing meets; "!" is no extra's name, so its key has no candidates."""
    return Want(key=(name, "!"), specifiers=SpecifierSet(), text=text, origin=origin, impossible=reason)


def _exactly(candidate: Candidate) -> Want:
    return Want(
        key=(candidate.name, None),
        specifiers=SpecifierSet(),
        text=f"{candidate.name}=={candidate.version}",
        exactly=candidate.version,
    )


def _is_pin(specifiers: SpecifierSet) -> bool:
    """PEP 592: a yanked file may be taken where `==` (without `.*`) or `===` names its version."""
    return any(s.operator == "===" or (s.operator == "==" and not s.version.endswith(".*")) for s in specifiers)
