"""Several targets at once: each on its own, or with one version of a project over all of them where there is one.

Targets are resolved one by one. Where they differ on a project, a version that would have done for all is preferred,
and all are resolved again, until nothing changes; what still differs is held to one version after another that has
files for all. A project for which neither finds a version keeps several, with a warning.

Left out on purpose: one search over all targets at once, which would be complete, and slow for everybody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from packaging.requirements import Requirement
from packaging.version import Version

from bundler.errors import ResolutionError
from bundler.requirements.model import DeclaredRequirement, RequirementSet
from bundler.requirements.origins import Origin
from bundler.resolution.candidates import Catalogue
from bundler.resolution.provider import Budget
from bundler.resolution.resolver import Found, Resolution, find
from bundler.resolution.source import Source
from bundler.resolution.wants import Demand
from bundler.targets.model import Target

__all__ = ["resolve_all"]

_ROUNDS = 8  # most sets agree after one; each further one can only follow a version that fell out by another's choice
_TRIALS = 10  # versions to which a project is held in turn
_TRIAL_ROUNDS = 2_000  # of the resolver: a trial that goes astray must not cost more than all the rest
_CONSISTENT = Origin(source="one version for all targets")

_Versions = Mapping[str, tuple[Version, ...]]


def resolve_all(
    wanted: RequirementSet,
    targets: Sequence[Target],
    source: Source,
    *,
    budget: Budget,
    catalogue: Catalogue,
    consistent: bool = False,
    report: Callable[[Resolution], None] = lambda _: None,
) -> tuple[Resolution, ...]:
    """Resolve for every target, in their order; `report` gets each resolution as soon as it is made, any of them twice.

    The budget is for each target. With `consistent` the targets share one version of a project wherever one is found,
    and a warning names the projects of which none is.

    Raises:
        ResolutionError, RequirementError, SourceError: see `resolve`.
    """
    together = _Together(wanted, targets, source, budget=budget, catalogue=catalogue, report=report)
    return together.consistent() if consistent and targets else together.independent()


class _Together:
    def __init__(
        self,
        wanted: RequirementSet,
        targets: Sequence[Target],
        source: Source,
        *,
        budget: Budget,
        catalogue: Catalogue,
        report: Callable[[Resolution], None],
    ) -> None:
        self._wanted = wanted
        self._targets = targets
        self._source = source
        self._budget = budget
        self._catalogue = catalogue
        self._report = report

    def consistent(self) -> tuple[Resolution, ...]:
        """All targets with as few versions of each project as are found."""
        found = self._held(self._agreed(self._wanted, self._budget))
        warnings = [_warning(name, found) for name in _differing(found)]
        first, *others = [one.resolution for one in found]
        return (replace(first, warnings=(*first.warnings, *warnings)), *others)

    def independent(self) -> tuple[Resolution, ...]:
        """Each target on its own."""
        found = self._resolved(self._wanted, self._budget, self._catalogue.choices.preferred)
        return tuple(one.resolution for one in found)

    def _resolved(self, wanted: RequirementSet, budget: Budget, preferred: _Versions) -> tuple[Found, ...]:
        choices = replace(self._catalogue.choices, preferred=preferred)
        found = []
        for target in self._targets:
            demand = Demand.of(wanted, target, choices)
            found.append(find(demand, self._source, budget=budget, catalogue=self._catalogue))
            self._report(found[-1].resolution)
        return tuple(found)

    def _agreed(self, wanted: RequirementSet, budget: Budget) -> tuple[Found, ...]:
        """Resolve, and prefer what would have done for all, until nothing changes."""
        preferred = self._catalogue.choices.preferred
        found = self._resolved(wanted, budget, preferred)
        for _ in range(_ROUNDS):
            news = {name: versions for name in _differing(found) if (versions := _common(name, found))}
            if all(preferred.get(name) == versions for name, versions in news.items()):
                break
            preferred = {**preferred, **news}
            found = self._resolved(wanted, budget, preferred)
        return found

    def _held(self, found: tuple[Found, ...]) -> tuple[Found, ...]:
        """Hold what still differs to one version, where all targets can be resolved with it."""
        wanted, budget = self._wanted, replace(self._budget, rounds=_TRIAL_ROUNDS)
        for name in _differing(found):
            for version in _trials(name, found):
                limit = DeclaredRequirement(requirement=Requirement(f"{name}=={version}"), origin=_CONSISTENT)
                narrowed = replace(wanted, constraints=(*wanted.constraints, limit))
                try:
                    held = self._agreed(narrowed, budget)
                except ResolutionError:
                    continue
                if len(_differing(held)) < len(_differing(found)):
                    found, wanted = held, narrowed
                    break
        return found


def _differing(found: Sequence[Found]) -> _Versions:
    """By project, the versions chosen, in the order of the targets."""
    chosen: dict[str, list[Version]] = {}
    for one in found:
        for pin in one.resolution.pins:
            chosen.setdefault(pin.name, []).append(pin.version)
    return {name: tuple(chosen[name]) for name in sorted(chosen) if len(set(chosen[name])) > 1}


def _common(name: str, found: Sequence[Found]) -> tuple[Version, ...]:
    """The best version of a project that meets all that each of these resolutions asks of it, if there is one."""
    return _on_all([one.fitting(name) for one in found if one.pins(name)])[:1]


def _trials(name: str, found: Sequence[Found]) -> tuple[Version, ...]:
    """The versions to hold a project to: those with files for all; first those that are chosen already."""
    chosen = set(_differing(found).get(name, ()))  # an earlier trial may have brought this one together as well
    if not chosen:
        return ()
    available = _on_all([one.available(name) for one in found if one.pins(name)])
    return tuple(sorted(available, key=lambda version: version not in chosen))[:_TRIALS]


def _on_all(versions: Sequence[tuple[Version, ...]]) -> tuple[Version, ...]:
    """Those that stand in each list, in the order of the first."""
    others = set.intersection(*map(set, versions))
    return tuple(version for version in versions[0] if version in others)


def _warning(name: str, found: Sequence[Found]) -> str:
    chosen = [
        f"{pin.version} for {one.resolution.target.name}"
        for one in found
        for pin in one.resolution.pins
        if pin.name == name
    ]
    return f"{name} has no version that suits all targets: {', '.join(chosen)}"
