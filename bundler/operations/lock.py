"""Lock: requirements × targets → resolutions → one pylock.toml over all targets, or one per target (PEP 751).

Nothing is downloaded but what resolving needs. The pins of a lock that is there already are preferred where they fit,
unless it is to be upgraded. A lock whose every index answer is still fresh is taken from the cache (`recalling`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import Version

from bundler.cache.store import Store
from bundler.errors import UsageError
from bundler.operations.caching import opened_cache
from bundler.operations.inputs import pinned_versions
from bundler.operations.outputs import check_output
from bundler.operations.planning import Plan
from bundler.operations.progress import Progress
from bundler.operations.recalling import Locks, question_of, recall, remember
from bundler.operations.summaries import Chosen
from bundler.publication import publish_file
from bundler.requirements.locks.pinned import document_names
from bundler.requirements.nearest import nearest

if TYPE_CHECKING:
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
    """What was locked: the files that were written, and what was chosen."""

    written: tuple[Path, ...]
    #: The lock itself, where it goes to standard output.
    text: str | None
    chosen: Chosen


def lock_requirements(request: LockRequest, progress: Progress) -> LockSummary:
    """Resolve for every target and write what was chosen; a file appears under its name only when it is whole.

    Raises:
        BundlerError: any of its branches; nothing is left behind.
    """
    to_screen = str(request.output) == "-"
    paths = _paths(request)
    if not to_screen:
        for path in paths:
            check_output(path, request.plan.files, example="pylock.toml")
    plan = request.plan if request.upgrade or to_screen else _preferring(request, paths)
    asked = plan.asked
    with opened_cache(asked.cache_dir, no_cache=asked.no_cache, progress=progress) as store:
        locks = _locks(plan, request, store, progress)
    if to_screen:
        return LockSummary(written=(), text=locks.texts[0], chosen=locks.chosen)
    for path, text in zip(paths, locks.texts, strict=True):
        with publish_file(path) as stream:
            stream.write(text.encode())
    return LockSummary(written=paths, text=None, chosen=locks.chosen)


def _paths(request: LockRequest) -> tuple[Path, ...]:
    if not request.per_target:
        return (request.output,)
    names = document_names([target.name for target in request.plan.targets])
    return tuple(request.output.parent / name for _, name in names)


def _locks(plan: Plan, request: LockRequest, store: Store, progress: Progress) -> Locks:
    """The locks' texts, from the cache if nothing can have changed."""
    question = question_of(plan, per_target=request.per_target)
    known = None if question is None else recall(store, question)
    if known is not None:
        return known
    # Here, since what is recalled needs neither resolver nor network, and importing them takes longer than that.
    from bundler.operations.gathering import opened_gathering
    from bundler.operations.pinned import lock_texts
    from bundler.operations.summaries import summarize

    with opened_gathering(plan, store, progress) as gathering:
        resolutions = gathering.resolutions()
    here = Path(os.path.abspath(request.output.parent))
    found = Locks(texts=lock_texts(resolutions, here, per_target=request.per_target), chosen=summarize(resolutions))
    again = replace(plan, choices=replace(plan.choices, preferred=_pinned(resolutions)))  # keeping them changes nothing
    for each in (question, question_of(again, per_target=request.per_target)):
        if each is not None:
            remember(store, each, gathering.answers(), found)
    return found


def _pinned(resolutions: Sequence[Resolution]) -> Mapping[str, tuple[Version, ...]]:
    """What was chosen, as `_preferring` will read it back from the locks."""
    return _by_name(sorted({(pin.name, pin.version) for resolution in resolutions for pin in resolution.pins}))


def _by_name(pins: Iterable[tuple[str, Version]]) -> Mapping[str, tuple[Version, ...]]:
    found: dict[str, tuple[Version, ...]] = {}
    for name, version in pins:
        found[name] = (*found.get(name, ()), version)
    return found


def _preferring(request: LockRequest, paths: Sequence[Path]) -> Plan:
    """The plan, with the pins of the locks that would be written over as preferences.

    Raises:
        UsageError: one isn't a lock, or none pins a project that is to be upgraded.
    """
    pinned = [pin for path in paths for pin in pinned_versions(path)]
    names = {name for name, _ in pinned}
    for name in sorted(request.upgraded - names if pinned else ()):
        near = nearest(name, names)
        hint = f"did you mean {near}?" if near else "leave --upgrade-package out"
        raise UsageError(f"the lock has no project named {name!r} to upgrade", hint=hint)
    preferred = _by_name(sorted({pin for pin in pinned if pin[0] not in request.upgraded}))
    return replace(request.plan, choices=replace(request.plan.choices, preferred=preferred))
