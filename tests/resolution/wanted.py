"""Shorthand for the resolver's tests: requirements in, pins out."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from packaging.requirements import Requirement

from bundler.digests import Digest
from bundler.requirements.choices import Choices
from bundler.requirements.locked import Lock
from bundler.requirements.model import DeclaredRequirement, Origin, RequirementSet
from bundler.resolution.candidates import Catalogue
from bundler.resolution.provider import Budget
from bundler.resolution.resolver import Resolution, resolve
from bundler.resolution.source import Source
from bundler.targets.model import Target
from bundler.targets.platforms import targets_for

__all__ = ["LINUX", "WINDOWS", "declared", "pins", "resolution", "unbounded"]

_DEFAULTS = Choices()
LINUX, WINDOWS = targets_for(["3.12"], ["linux-x86_64", "windows-x86_64"])


def declared(text: str, *, line: int | None = None, hashes: tuple[Digest, ...] = ()) -> DeclaredRequirement:
    origin = Origin(source="command line" if line is None else "requirements.txt", line=line)
    return DeclaredRequirement(requirement=Requirement(text), origin=origin, hashes=hashes)


def unbounded() -> Budget:
    """A budget whose clock never runs out."""
    return Budget(clock=lambda: 0.0)


def ticking(seconds: float) -> Budget:
    """A budget of so many seconds whose clock ticks once a second at every look."""
    ticks = itertools.count()
    return Budget(seconds=seconds, clock=lambda: float(next(ticks)))


def resolution(
    source: Source,
    *requirements: str | DeclaredRequirement,
    constraints: tuple[str | DeclaredRequirement, ...] = (),
    overrides: tuple[str | DeclaredRequirement, ...] = (),
    locks: tuple[Lock, ...] = (),
    choices: Choices = _DEFAULTS,
    target: Target = LINUX,
    budget: Budget | None = None,
) -> Resolution:
    wanted = RequirementSet(
        requirements=_all_declared(requirements),
        constraints=_all_declared(constraints),
        overrides=_all_declared(overrides),
        locks=locks,
    )
    return resolve(wanted, target, source, budget=budget or unbounded(), catalogue=Catalogue(choices))


def _all_declared(several: Iterable[str | DeclaredRequirement]) -> tuple[DeclaredRequirement, ...]:
    return tuple(declared(one) if isinstance(one, str) else one for one in several)


def pins(
    source: Source,
    *requirements: str | DeclaredRequirement,
    constraints: tuple[str | DeclaredRequirement, ...] = (),
    overrides: tuple[str | DeclaredRequirement, ...] = (),
    locks: tuple[Lock, ...] = (),
    choices: Choices = _DEFAULTS,
    target: Target = LINUX,
) -> dict[str, str]:
    found = resolution(
        source,
        *requirements,
        constraints=constraints,
        overrides=overrides,
        locks=locks,
        choices=choices,
        target=target,
    )
    return {pin.name: str(pin.version) for pin in found.pins}
