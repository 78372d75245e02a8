"""What a build and a lock tell of their resolutions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what is recalled needs no resolver
    from packaging.version import Version

    from bundler.resolution.resolver import Resolution

__all__ = ["Chosen", "NewerVersion", "summarize"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewerVersion:
    """A version newer than the one taken that was passed over, with the targets it was passed over for."""

    name: str
    version: str
    reason: str
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What was chosen: the number of pins by target, and what a person should know of them."""

    pins_by_target: tuple[tuple[str, int], ...]
    passed_over: tuple[NewerVersion, ...]
    warnings: tuple[str, ...]


def summarize(resolutions: Sequence[Resolution]) -> Chosen:
    """Sum up the resolutions of all targets."""
    return Chosen(
        pins_by_target=tuple((resolution.target.name, len(resolution.pins)) for resolution in resolutions),
        passed_over=_passed_over(resolutions),
        warnings=tuple(sorted({warning for resolution in resolutions for warning in resolution.warnings})),
    )


def _passed_over(resolutions: Sequence[Resolution]) -> tuple[NewerVersion, ...]:
    targets: dict[tuple[str, Version, str], list[str]] = {}
    for resolution in resolutions:
        for passed in resolution.passed_over:
            targets.setdefault((passed.name, passed.version, passed.reason), []).append(resolution.target.name)
    return tuple(
        NewerVersion(name=name, version=str(version), reason=reason, targets=tuple(targets[name, version, reason]))
        for name, version, reason in sorted(targets, key=lambda key: (key[0], key[1], key[2]))
    )
