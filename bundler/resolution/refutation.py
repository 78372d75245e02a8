"""The proof that nothing fits, found again among what the search has read.

resolvelib says what it died of last; a person needs to know why everything else fell before. Here the same facts are
gone through once more by arc consistency, simplest first, and each step keeps its reason: what every version left of a
needed project asks for is needed in turn, and a version that asks for something of which nothing is left is ruled out.
A needed project without versions ends it.

Nothing is looked up for this: what the search hasn't read limits nothing. Left out: conflicts that only a distinction
of cases shows; there `find` returns nothing, and `explain` supposes one version after another.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from packaging.version import Version

from bundler.requirements.quoting import shown
from bundler.resolution.provider import Provider
from bundler.resolution.wants import Key, Want

__all__ = ["Ask", "Refutation", "Step", "admits", "by_key"]

_MARKER = re.compile(r" ?;.*?(?=$| \(overridden by )")
_MOST_ASKS = 200  # texts in which one project asks for another: more say little, and cost time


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What some versions of a project (or of an extra) ask of another one, or what a person asks."""

    #: None for a person.
    asker: Key | None
    #: Of the asker, newest first.
    versions: tuple[Version, ...]
    #: All of one key, to be met together.
    wants: tuple[Want, ...]

    @property
    def key(self) -> Key:
        """What is asked for."""
        return self.wants[0].key

    @property
    def texts(self) -> tuple[str, ...]:
        """What is asked for in words; of a package's requirement without its marker, which holds."""
        return tuple(shown(want.text if want.origin else _MARKER.sub("", want.text)) for want in self.wants)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Step:
    """Versions of `key` that can't be chosen, and why.

    Either `key` is needed, as each version left of another project asks for it in one of these ways; or versions of
    `key` ask for something in vain.
    """

    key: Key
    asks: tuple[Ask, ...]
    #: The only versions that it leaves; None where `key`'s own versions ask in vain.
    leaves: frozenset[Version] | None
    #: How many steps were known before it, on which alone it rests.
    after: int

    @property
    def in_vain(self) -> bool:
        """Whether versions of `key` ask for something in vain."""
        return self.leaves is None

    def excluded(self, versions: AbstractSet[Version]) -> AbstractSet[Version]:
        """Those of the versions that it rules out."""
        return versions & set(self.asks[0].versions) if self.leaves is None else versions - self.leaves


def admits(wants: Iterable[Want], version: Version) -> bool:
    """Whether a version is within all of these wants."""
    return all(
        version == want.exactly if want.exactly is not None else want.specifiers.contains(version, prereleases=True)
        for want in wants
        if want.impossible is None
    )


def by_key(wants: Iterable[Want]) -> dict[Key, tuple[Want, ...]]:
    """The wants of one asker, together by what they ask for."""
    grouped: dict[Key, tuple[Want, ...]] = {}
    for want in wants:
        grouped[want.key] = (*grouped.get(want.key, ()), want)
    return grouped


class Refutation:
    """One failed search gone through again; `find` once, then ask for the reasons."""

    def __init__(self, provider: Provider, roots: Iterable[Want]) -> None:
        self._provider = provider
        self._roots = tuple(roots)
        self._steps: dict[Key, list[Step]] = {}
        self._count = 0
        #: What is left of the keys that are needed.
        self._left: dict[Key, AbstractSet[Version]] = {}
        #: Versions that were ruled out, of any key.
        self._gone: dict[Key, set[Version]] = {}
        self._usable: dict[tuple[Key, tuple[str, ...]], frozenset[Version]] = {}
        self._known: dict[Key, dict[Version, dict[Key, tuple[Want, ...]]]] = {}
        for candidate in provider.read():
            key = (candidate.name, candidate.extra)
            self._known.setdefault(key, {})[candidate.version] = by_key(provider.wants(candidate))

    def find(self) -> tuple[Key, ...]:
        """The needed projects of which the shortest proofs leave no version; none where there is no proof."""
        for want in self._roots:
            self._need(want.key, (Ask(asker=None, versions=(), wants=(want,)),))
        count = -1
        while count < self._count and not any(not left for left in self._left.values()):
            count = self._count
            self._rule_out()
            self._pass_on()
        return self.ends

    @property
    def ends(self) -> tuple[Key, ...]:
        """The needed projects without a version left."""
        return tuple(key for key, left in self._left.items() if not left)

    def choices(self, *, most: int) -> list[tuple[Key, list[Version]]]:
        """The needed projects with several versions left, but not too many, newest first."""
        several = [(key, sorted(left, reverse=True)) for key, left in self._left.items() if 1 < len(left) <= most]
        return [(key, versions) for key, versions in several if key[1] is None]

    def usable(self, key: Key, wants: Sequence[Want] = ()) -> frozenset[Version]:
        """The versions within these wants and the constraints that have a file which the target could take."""
        bounds = (key, tuple(want.bounds for want in wants))
        if bounds not in self._usable:
            shelf = self._provider.shelf(key[0]) if not any(want.impossible for want in wants) else None
            releases = self._provider.allowed(shelf, wants) if shelf else ()
            self._usable[bounds] = frozenset(
                r.version for r in releases if shelf and self._provider.evaluate(shelf, r)[0]
            )
        return self._usable[bounds]

    def needed(self, key: Key, *, after: int) -> Step | None:
        """The first step by which a key came to be needed."""
        return next((step for step in self._steps_of(key, after) if not step.in_vain), None)

    def why_none(self, key: Key, versions: AbstractSet[Version], *, after: int) -> list[Step]:
        """Steps that rule out all of these versions together, earliest first, and none of them for nothing."""
        found: list[Step] = []
        rest = versions
        for step in self._steps_of(key, after):
            if gone := step.excluded(rest):
                found.append(step)
                rest = rest - gone
        for step in found[:-1]:
            others = [other for other in found if other is not step]
            if not _remaining(others, step.excluded(versions)):
                found = others
        return found

    @property
    def end(self) -> int:
        """How many steps there are."""
        return self._count

    def _steps_of(self, key: Key, after: int) -> Iterator[Step]:
        return (step for step in self._steps.get(key, ()) if step.after < after)

    def _rule_out(self) -> None:
        """Rule out every version that asks for something in vain; one that does so twice, for what rules out most."""
        for key, known in self._known.items():
            gone = self._gone.setdefault(key, set())
            left = self._left.get(key)
            vain: dict[tuple[Key, tuple[str, ...]], list[Version]] = {}
            for version in sorted(known, reverse=True):
                if version in gone or (left is not None and version not in left):
                    continue
                for wanted, wants in known[version].items():
                    if self._is_vain(wanted, wants):
                        vain.setdefault((wanted, tuple(want.text for want in wants)), []).append(version)
            for (wanted, _), versions in sorted(vain.items(), key=lambda item: -len(item[1])):
                fallen = tuple(version for version in versions if version not in gone)
                if fallen:
                    gone.update(fallen)
                    ask = Ask(asker=key, versions=fallen, wants=known[fallen[0]][wanted])
                    self._add(Step(key=key, asks=(ask,), leaves=None, after=self._count))

    def _is_vain(self, wanted: Key, wants: Sequence[Want]) -> bool:
        if any(want.impossible for want in wants):
            return True
        if not self._provider.looked_at(wanted[0]):
            return False
        usable = self.usable(wanted, wants)
        left = self._left.get(wanted)
        return usable <= self._gone.get(wanted, set()) if left is None else usable.isdisjoint(left)

    def _pass_on(self) -> None:
        """What all versions left of a needed project ask for is needed."""
        for key, left in list(self._left.items()):
            known = self._known.get(key, {})
            if not left or not left <= known.keys():
                continue
            versions = sorted(left, reverse=True)
            for wanted in known[versions[0]]:
                if all(wanted in known[version] for version in versions):
                    self._need(wanted, _asks(key, [(version, known[version][wanted]) for version in versions]))

    def _need(self, key: Key, asks: tuple[Ask, ...]) -> None:
        """Narrow a key to what is asked of it, if that is new."""
        impossible = any(want.impossible for ask in asks for want in ask.wants)
        if len(asks) > _MOST_ASKS or not (impossible or self._provider.looked_at(key[0])):
            return
        leaves = frozenset[Version]().union(*(self.usable(key, ask.wants) for ask in asks))
        left = self._left.get(key)
        if left is None or not left <= leaves:
            self._left.setdefault(key, self.usable(key) - self._gone.get(key, set()) if not impossible else set())
            self._add(Step(key=key, asks=asks, leaves=leaves, after=self._count))

    def _add(self, step: Step) -> None:
        self._steps.setdefault(step.key, []).append(step)
        self._count += 1
        if (left := self._left.get(step.key)) is not None:
            self._left[step.key] = left - step.excluded(left)


def _asks(asker: Key, asked: Iterable[tuple[Version, tuple[Want, ...]]]) -> tuple[Ask, ...]:
    """What versions of one project ask of another, together where they ask the same."""
    grouped: dict[tuple[str, ...], tuple[list[Version], tuple[Want, ...]]] = {}
    for version, wants in asked:
        grouped.setdefault(tuple(want.text for want in wants), ([], wants))[0].append(version)
    return tuple(Ask(asker=asker, versions=tuple(versions), wants=wants) for versions, wants in grouped.values())


def _remaining(steps: Iterable[Step], versions: AbstractSet[Version]) -> AbstractSet[Version]:
    for step in steps:
        versions = versions - step.excluded(versions)
    return versions
