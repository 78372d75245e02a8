"""Resolve a requirement set for a target, and unite the answers for several targets.

resolve(set, target, source) is deterministic: it depends on what the source says, never on when it says it. It runs no
package code, and it stops by its budget.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version
from resolvelib import ResolutionImpossible, ResolutionTooDeep
from resolvelib.resolvers import Criterion
from resolvelib.resolvers import Resolution as Search

from bundler.digests import Digest
from bundler.distributions import Distribution
from bundler.errors import IntegrityError, ResolutionError
from bundler.requirements.model import DeclaredRequirement, RequirementSet
from bundler.resolution.candidates import Candidate, Catalogue, Reason
from bundler.resolution.explain import explain
from bundler.resolution.provider import Budget, BudgetSpent, Key, Provider, Reporter, Want, wants_of
from bundler.resolution.source import Source
from bundler.simple.model import ProjectFile
from bundler.targets.model import Target

__all__ = ["PassedOver", "Pin", "Resolution", "SelectedFile", "Selection", "resolve", "unite"]

_TOLD_WHEN_PASSED_OVER = (Reason.UNUSABLE, Reason.NO_TAG, Reason.NO_DIGEST)


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


def resolve(
    wanted: RequirementSet, target: Target, source: Source, *, budget: Budget, catalogue: Catalogue | None = None
) -> Resolution:
    """Find the newest versions that satisfy the requirements together on the target.

    A `catalogue` may be shared by the targets of one run, and by whoever runs ahead of the resolver.

    Raises:
        ResolutionError: there are none, or the budget is spent; the details say why.
        SourceError: a project that a person asked for isn't known, or the source failed.
    """
    declared = [d for d in wanted.requirements if target.satisfies(d.requirement.marker)]
    limits = [d for d in wanted.constraints if target.satisfies(d.requirement.marker)]
    provider = Provider(
        source,
        target,
        constraints=_constraints(limits),
        hashes=_hashes([*declared, *limits]),
        budget=budget,
        catalogue=catalogue or Catalogue(),
    )
    roots = [want for item in declared for want in wants_of(item.requirement, item)]
    source.anticipate([item.requirement for item in declared], target)
    reporter = Reporter()
    try:
        state = Search(provider, reporter).resolve(roots, max_rounds=budget.rounds)
    except ResolutionImpossible as exc:
        raise explain(exc.causes, provider, reporter, target, limits) from exc
    except (ResolutionTooDeep, BudgetSpent) as exc:
        raise _exhausted(reporter, target) from exc
    mapping = _reached(state.mapping, roots, provider)
    return Resolution(
        target=target,
        pins=tuple(_pins(mapping, provider, target)),
        passed_over=tuple(_passed_over(mapping, state.criteria, provider)),
        warnings=tuple(_warnings(provider, declared, target)),
    )


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


def _constraints(limits: Iterable[DeclaredRequirement]) -> Mapping[str, SpecifierSet]:
    merged: dict[str, SpecifierSet] = {}
    for limit in limits:
        name = canonicalize_name(limit.requirement.name)
        merged[name] = merged.get(name, SpecifierSet()) & limit.requirement.specifier
    return merged


def _hashes(declared: Iterable[DeclaredRequirement]) -> Mapping[str, frozenset[Digest]]:
    """Per project the hashes that every declaration of it with hashes allows, as pip does."""
    merged: dict[str, frozenset[Digest]] = {}
    for item in declared:
        if item.hashes:
            name = canonicalize_name(item.requirement.name)
            merged[name] = merged.get(name, frozenset(item.hashes)) & frozenset(item.hashes)
    return merged


def _warnings(provider: Provider, declared: Sequence[DeclaredRequirement], target: Target) -> Iterator[str]:
    if not declared:
        yield f"no requirement applies to {target.name}, by their markers"
    for name, version, extra in sorted(provider.unknown_extras):
        yield f"{name} {version} has no extra {extra!r}"


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
            waiting += [want.key for want in provider.get_dependencies(mapping[key])]
    return reached


def _pins(mapping: Mapping[Key, Candidate], provider: Provider, target: Target) -> Iterator[Pin]:
    extras: dict[str, list[str]] = {}
    for name, extra in mapping:
        extras.setdefault(name, []).extend([extra] if extra is not None else [])
    for name in sorted(extras):
        settled = provider.settle(mapping[(name, None)])
        if isinstance(settled, str):  # resolvelib pins only what get_dependencies could settle
            raise ResolutionError(f"{name} can't be used: {settled}")
        offer, metadata = settled
        active = ["", *sorted(extras[name])]
        requires = {canonicalize_name(r.name) for r in metadata.requires_dist if _active(r, target, active)}
        yield Pin(
            name=name,
            version=offer.distribution.version,
            extras=tuple(sorted(extras[name])),
            file=offer.file,
            distribution=offer.distribution,
            requires=tuple(sorted((requires & extras.keys()) - {name})),
        )


def _active(requirement: Requirement, target: Target, extras: Iterable[str]) -> bool:
    return any(target.satisfies(requirement.marker, extra) for extra in extras)


def _passed_over(
    mapping: Mapping[Key, Candidate], criteria: Mapping[Key, Criterion[Want, Candidate]], provider: Provider
) -> Iterator[PassedOver]:
    for name in sorted(name for name, extra in mapping if extra is None):
        chosen = mapping[(name, None)].version
        shelf = provider.shelf(name)
        if shelf is None:
            continue
        wants = tuple(criteria[(name, None)].iter_requirement())
        for release, last_resort in provider.allowed(shelf, wants):
            if last_resort or release.version <= chosen:
                break
            _, rejections = provider.evaluate(shelf, release, allow_yanked=provider.may_be_yanked(name, wants))
            later = [r for r in provider.unusable.get(name, ()) if r.version == release.version]
            told = [r for r in (*later, *rejections) if r.reason in _TOLD_WHEN_PASSED_OVER]
            if told:
                best = next((r for r in told if r.reason is Reason.UNUSABLE), told[0])
                reason = best.detail.removeprefix(f"{best.filename}: ") or str(best.reason)
                yield PassedOver(name=name, version=release.version, reason=reason)


def _exhausted(reporter: Reporter, target: Target) -> ResolutionError:
    flipping = [f"{name}: tried {count} times" for name, count in reporter.pins.most_common(5) if count > 1]
    return ResolutionError(
        f"the search for versions that fit together on {target.name} was stopped: it found no end",
        details=tuple(flipping),
        hint="narrow these projects with version bounds in the requirements or in a constraints file",
    )
