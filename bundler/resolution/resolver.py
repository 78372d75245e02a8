"""Resolve a requirement set for a target, and unite the answers for several targets.

resolve(set, target, source) is deterministic: it depends on what the source says, never on when it says it. It runs no
package code, and it stops by its budget.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from packaging.version import Version
from resolvelib import ResolutionImpossible, ResolutionTooDeep
from resolvelib.resolvers import Criterion

from bundler.digests import Digest
from bundler.distributions import Distribution
from bundler.errors import IntegrityError, ResolutionError
from bundler.requirements.model import RequirementSet
from bundler.resolution.candidates import Candidate, Catalogue
from bundler.resolution.explain import exhausted, explain
from bundler.resolution.provider import Budget, BudgetSpent, Provider, Reporter
from bundler.resolution.refusals import Reason
from bundler.resolution.search import Search
from bundler.resolution.source import Source
from bundler.resolution.wants import Demand, Key, Want
from bundler.simple.model import ProjectFile
from bundler.targets.model import Target

__all__ = ["Found", "PassedOver", "Pin", "Resolution", "SelectedFile", "Selection", "find", "resolve", "unite"]

_TOLD_WHEN_PASSED_OVER = (Reason.UNUSABLE, Reason.NO_TAG, Reason.NO_DIGEST)
_TOLD_STATUSES = ("archived", "deprecated")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One project decided: its version, the extras asked for, the file to install, and what it depends on."""

    name: str
    version: Version
    extras: tuple[str, ...]
    file: ProjectFile
    distribution: Distribution
    #: Names of pinned projects, sorted.
    requires: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedOver:
    """A version newer than the one chosen, allowed by every requirement, of which no file could be used."""

    name: str
    version: Version
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """The answer for one target; pins are sorted by name."""

    target: Target
    pins: tuple[Pin, ...]
    passed_over: tuple[PassedOver, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectedFile:
    """A file that at least one target installs, with the names of all that do, in their order."""

    file: ProjectFile
    digest: Digest
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Each file once over all targets, sorted by file name."""

    resolutions: tuple[Resolution, ...]
    files: tuple[SelectedFile, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A resolution, and what else could have been chosen for its projects, as far as files and bounds tell; best first.

    `fitting` are the versions of a pinned project that meet all that this resolution asks of it, `available` those
    that meet what the person asks.
    """

    resolution: Resolution
    fitting: Callable[[str], tuple[Version, ...]]
    available: Callable[[str], tuple[Version, ...]]

    def pins(self, name: str) -> bool:
        """Whether it holds this project."""
        return any(pin.name == name for pin in self.resolution.pins)


def resolve(
    wanted: RequirementSet, target: Target, source: Source, *, budget: Budget, catalogue: Catalogue | None = None
) -> Resolution:
    """Find the versions that the choices want (the newest, unless told) among those that fit together on the target.

    The choices are the catalogue's, which may be shared by the targets of one run, and by whoever runs ahead of the
    resolver.

    Raises:
        RequirementError: hashes are required and a requirement has none; a lock doesn't cover the target.
        ResolutionError: there are no such versions, or the budget is spent; the details say why.
        SourceError: a project that a person asked for isn't known, or the source failed.
    """
    catalogue = catalogue or Catalogue()
    demand = Demand.of(wanted, target, catalogue.choices)
    return find(demand, source, budget=budget, catalogue=catalogue).resolution


def find(demand: Demand, source: Source, *, budget: Budget, catalogue: Catalogue) -> Found:
    """Do the work of `resolve`."""
    catalogue.expect(demand)
    source.anticipate(demand.requirements, demand.target)
    provider = Provider(source, demand, budget=budget, catalogue=catalogue)
    reporter = Reporter()
    try:
        state = Search(provider, reporter).resolve(demand.roots, max_rounds=budget.rounds)
    except ResolutionImpossible as exc:
        raise explain(exc.causes, provider, reporter, demand) from exc
    except (ResolutionTooDeep, BudgetSpent) as exc:
        raise exhausted(provider, reporter, demand) from exc
    mapping = _reached(state.mapping, demand.roots, provider)

    def fitting(name: str) -> tuple[Version, ...]:
        return provider.versions(name, tuple(state.criteria[(name, None)].iter_requirement()))

    resolution = Resolution(
        target=demand.target,
        pins=tuple(_pins(mapping, provider, demand)),
        passed_over=tuple(_passed_over(mapping, state.criteria, provider, demand)),
        warnings=tuple(_warnings(mapping, provider, demand)),
    )
    return Found(resolution=resolution, fitting=fitting, available=provider.versions)


def unite(resolutions: Sequence[Resolution]) -> Selection:
    """Each file once over all resolutions.

    Raises:
        IntegrityError: one file name with two hashes, or in two spellings that differ only in case.
    """
    files: dict[str, ProjectFile] = {}
    spellings: dict[str, ProjectFile] = {}
    targets: dict[str, list[str]] = {}
    for resolution in resolutions:
        for pin in resolution.pins:
            known = files.setdefault(pin.file.filename, pin.file)
            if known.digest != pin.file.digest:
                raise IntegrityError(
                    f"{known.filename} has two different hashes ({known.url} and {pin.file.url})",
                    expected=str(known.digest),
                    actual=str(pin.file.digest),
                )
            twin = spellings.setdefault(pin.file.filename.lower(), pin.file)
            if twin.filename != pin.file.filename:
                message = f"{twin.url} and {pin.file.url} are one file name on some systems"
                raise IntegrityError(message, expected=twin.filename, actual=pin.file.filename)
            targets.setdefault(pin.file.filename, []).append(resolution.target.name)
    selected = [(files[name], files[name].digest, tuple(targets[name])) for name in sorted(files)]
    return Selection(
        resolutions=tuple(resolutions),
        files=tuple(SelectedFile(file=f, digest=d, targets=t) for f, d, t in selected if d is not None),
    )


def _warnings(mapping: Mapping[Key, Candidate], provider: Provider, demand: Demand) -> Iterator[str]:
    if not demand.roots:
        yield f"no requirement applies to {demand.target.name}, by their markers"
    for name, version, extra in sorted(provider.unknown_extras):
        yield f"{name} {version} has no extra {extra!r}"
    for name in sorted(name for name, extra in mapping if extra is None):
        shelf = provider.shelf(name)
        if shelf is not None and shelf.page.status in _TOLD_STATUSES:
            reason = shelf.page.status_reason
            yield f"{name} is {shelf.page.status}{f': {reason}' if reason else ''}"


def _reached(mapping: Mapping[Key, Candidate], roots: Iterable[Want], provider: Provider) -> Mapping[Key, Candidate]:
    """The pins that the roots lead to; backtracking leaves others behind.

    resolvelib's own Resolver does this as well, but recurses without end where parents require each other
    (`_has_route_to_root` in 1.2.1), so its search is used without it.
    """
    reached: dict[Key, Candidate] = {}
    waiting = [want.key for want in roots]
    while waiting:
        key = waiting.pop()
        if key not in reached:
            reached[key] = mapping[key]
            waiting += [want.key for want in provider.wants(mapping[key])]
    return reached


def _pins(mapping: Mapping[Key, Candidate], provider: Provider, demand: Demand) -> Iterator[Pin]:
    extras: dict[str, list[str]] = {}
    for name, extra in mapping:
        extras.setdefault(name, []).extend([extra] if extra is not None else [])
    for name in sorted(extras):
        settled = provider.settle(mapping[(name, None)])
        if isinstance(settled, str):  # resolvelib pins only what get_dependencies could settle
            raise ResolutionError(f"{name} can't be used: {settled}")
        offer, _ = settled
        active = [mapping[(name, None)], *(mapping[(name, extra)] for extra in extras[name])]
        requires = {want.key[0] for candidate in active for want in provider.wants(candidate)}
        yield Pin(
            name=name,
            version=offer.distribution.version,
            extras=tuple(sorted(extras[name])),
            file=offer.file,
            distribution=offer.distribution,
            requires=tuple(sorted(requires - {name})),
        )


def _passed_over(
    mapping: Mapping[Key, Candidate],
    criteria: Mapping[Key, Criterion[Want, Candidate]],
    provider: Provider,
    demand: Demand,
) -> Iterator[PassedOver]:
    for name in sorted(name for name, extra in mapping if extra is None):
        chosen = mapping[(name, None)].version
        shelf = provider.shelf(name)
        if shelf is None or demand.wants_lowest(name):
            continue
        for release in provider.allowed(shelf, tuple(criteria[(name, None)].iter_requirement())):
            if release.version <= chosen:
                break
            _, rejections = provider.evaluate(shelf, release)
            later = [r for r in provider.unusable.get(name, ()) if r.version == release.version]
            told = [r for r in (*later, *rejections) if r.reason in _TOLD_WHEN_PASSED_OVER]
            if told:
                best = next((r for r in told if r.reason is Reason.UNUSABLE), told[0])
                reason = best.detail.removeprefix(f"{best.filename}: ") or str(best.reason)
                yield PassedOver(name=name, version=release.version, reason=reason)
