"""A conflict told line by line, from what a person wrote to where nothing is left, each thing once.

Who asks comes before what is asked for, and what is asked for in vain before why it is in vain. A project that a person
asks for by its name alone needs no line of its own: "app 1.0 (asked for by requirements.txt:3) asks for lib<2".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from bundler.requirements.origins import COMMAND_LINE, Origin
from bundler.resolution.near_misses import Miss, grouped, miss_of, told_versions
from bundler.resolution.provider import Provider
from bundler.resolution.refutation import Ask, Refutation, Step, admits
from bundler.resolution.wants import Demand, Key, Want, exactly

__all__ = ["Site", "Story", "supposed"]

_SHOWN_VAIN = 4  # ways in which versions of one project ask for something in vain
_SHOWN_ASKS = 4  # ways in which versions of one project ask for another
_SUPPOSED = Origin(source="supposed")
_Groups = tuple[tuple[Ask, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where nothing is left: a project, and who asks for it. Of each group of asks one must be met."""

    name: str
    asks: _Groups
    #: Versions that would do but for their files, newest first.
    misses: tuple[Miss, ...] = ()
    #: Whether no index knows it.
    unknown: bool = False
    #: Whether a constraint rules out versions that would do otherwise.
    limited: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    subject: str
    rest: str
    #: Whose versions the subject names, where it names some that ask.
    asker: str = ""
    #: The project of which a person asks for nothing but its name.
    bare: str = ""


def supposed(key: Key, version: Version) -> Want:
    """A want that nobody has: of two stories one for each version that could be."""
    return exactly(key[0], version, origin=_SUPPOSED)


class Story:
    """One way to tell a conflict, put together by telling its parts."""

    def __init__(self, facts: Refutation, provider: Provider, demand: Demand) -> None:
        self._facts = facts
        self._provider = provider
        self._demand = demand
        self._lines: list[_Line] = []
        self._steps: set[Step] = set()
        #: Where nothing is left, first things first.
        self.sites: list[Site] = []
        #: What was told of who asks for what.
        self.told: list[Ask] = []

    def lines(self) -> list[str]:
        """The text, nothing twice."""
        lines = list(dict.fromkeys(self._lines))
        told: list[str] = []
        by = ""
        for line, following in zip(lines, [*lines[1:], None], strict=True):
            if line.bare and following is not None and following.asker == line.bare:
                by = f"asked for by {line.subject}"
                continue
            told.append(_with_remark(line.subject, by) + line.rest)
            by = ""
        return told

    def tell_end(self, key: Key) -> None:
        """Tell why nothing is left of a needed project."""
        steps = self._facts.why_none(key, self._facts.usable(key), after=self._facts.end)
        needed = self._facts.needed(key, after=self._facts.end)
        if needed is not None and all(step.in_vain for step in steps):
            steps = [needed, *steps]
        self._tell_site(key, (), steps)

    def tell_asks(self, asks: Sequence[Ask]) -> None:
        """Tell who asks for what."""
        cut = _SHOWN_ASKS if len(asks) <= _SHOWN_ASKS else _SHOWN_ASKS - 1
        for ask in asks[:cut]:
            self._tell(ask)
        rest = [version for ask in asks[cut:] for version in ask.versions]
        if rest and asks[0].asker:
            self._tell_others(asks[0].asker[0], rest, f"for other versions of {asks[0].key[0]}")

    def tell_remark(self, text: str) -> None:
        """Tell something about what was told."""
        self._lines.append(_Line(subject=text, rest=""))

    def tell_what_there_is(self, key: Key, groups: _Groups) -> None:
        """Tell which versions exist, as far as it matters, and why those that would do fell out."""
        name = key[0]
        impossible = [want.impossible for asks in groups for ask in asks for want in ask.wants if want.impossible]
        if impossible:
            self._lines += [_Line(subject=reason, rest="") for reason in impossible]
            self.sites.append(Site(name=name, asks=groups))
        elif self._provider.looked_at(name):
            self._tell_versions(name, groups)

    def _tell_versions(self, name: str, groups: _Groups, *, end: bool = True) -> None:
        if self._provider.shelf(name) is None:
            self._lines.append(_Line(subject=name, rest=": no index knows this project"))
            self.sites.append(Site(name=name, asks=groups, unknown=True))
            return
        everything = self._everything(name)
        fitting = [v for v in everything if all(any(admits(ask.wants, v) for ask in asks) for asks in groups)]
        limit = self._demand.constraints.get(name, SpecifierSet())
        within = [v for v in fitting if limit.contains(v, prereleases=True)]
        misses = self._misses(name, within)
        self._tell_misses(name, misses)
        limited = len(within) < len(fitting)
        if limited:
            self._tell_limits(name)
        if end and not within and not _contradictory(groups, limit):
            self._tell_existing(name, everything)
        if misses or end:
            self.sites.append(Site(name=name, asks=groups, misses=tuple(misses), limited=limited))

    def _tell_site(self, key: Key, own: _Groups, steps: Sequence[Step]) -> None:
        """Tell why these steps leave nothing of what `own` asks for."""
        needs = [step for step in steps if not step.in_vain]
        for step in needs:
            self._tell_need(step)
        vain = [step for step in steps if step.in_vain]
        groups = (*own, *(step.asks for step in needs))
        if vain and not any(want.impossible for asks in groups for ask in asks for want in ask.wants):
            self._tell_versions(key[0], groups, end=all(_is_own_fault(step) for step in vain))
        else:
            self.tell_what_there_is(key, groups)
        self._tell_vain(vain)

    def _tell_need(self, step: Step) -> None:
        """Tell who asks for a project, after why these ask at all."""
        if step not in self._steps:
            self._steps.add(step)
            if step.asks[0].asker is not None:
                self._tell_asker(step.asks[0].asker, step)
            self.tell_asks(step.asks)

    def _tell_asker(self, asker: Key, step: Step) -> None:
        """Tell why an asker is needed, and why just in these versions."""
        asking = {version for ask in step.asks for version in ask.versions}
        why = self._facts.why_none(asker, self._facts.usable(asker) - asking, after=step.after)
        needed = self._facts.needed(asker, after=step.after)
        needs = [one for one in dict.fromkeys([needed, *why]) if one is not None and not one.in_vain]
        for need in needs:
            self._tell_need(need)
        newer = [
            version
            for version in self._everything(asker[0])
            if version > max(asking) and all(any(admits(a.wants, version) for a in need.asks) for need in needs)
        ]
        self._tell_misses(asker[0], self._misses(asker[0], newer))
        self._tell_vain([one for one in why if one.in_vain])

    def _tell_vain(self, steps: Iterable[Step]) -> None:
        """Tell of versions that ask for something in vain, the newest first, each with why it is in vain."""
        told = [step for step in steps if step not in self._steps and not _is_own_fault(step)]
        self._steps.update(told)
        told.sort(key=lambda step: step.asks[0].versions[0], reverse=True)
        cut = _SHOWN_VAIN if len(told) <= _SHOWN_VAIN else _SHOWN_VAIN - 1
        for step in told[:cut]:
            (ask,) = step.asks
            self._tell(ask)
            usable = self._facts.usable(ask.key, ask.wants)
            self._tell_site(ask.key, (step.asks,), self._facts.why_none(ask.key, usable, after=step.after))
        if rest := [version for step in told[cut:] for version in step.asks[0].versions]:
            self._tell_others(told[0].key[0], rest, "for what can't be had either")

    def _tell(self, ask: Ask) -> None:
        if ask.asker is not None and ask.asker[0] == ask.key[0] and ask.wants[0].exactly:
            return  # an extra asks for its own project: nothing that a person needs to hear
        if ask.wants[0].origin == _SUPPOSED:
            self._lines.append(_Line(subject=f"suppose {ask.key[0]} {ask.wants[0].exactly} is chosen", rest=":"))
            return
        self.told.append(ask)
        texts = " and ".join(dict.fromkeys(ask.texts))
        if ask.asker is None:
            bare = ask.key[0] if not ask.wants[0].bounds and not ask.wants[0].impossible else ""
            self._lines.append(_Line(subject=_who(ask.wants[0].origin), rest=f" asks for {texts}", bare=bare))
            return
        name, extra = ask.asker
        subject = f"{name}[{extra}]" if extra else name
        told = told_versions(ask.versions, self._everything(name))
        rest = f" {'asks' if len(ask.versions) == 1 else 'ask'} for {texts}"
        self._lines.append(_Line(subject=f"{subject} {told}", rest=rest, asker=name))

    def _tell_others(self, name: str, versions: Sequence[Version], what: str) -> None:
        told = told_versions(versions, self._everything(name))
        self._lines.append(_Line(subject=f"{name} {told}", rest=f" {'asks' if len(versions) == 1 else 'ask'} {what}"))

    def _tell_misses(self, name: str, misses: Sequence[Miss]) -> None:
        for line in grouped(misses, self._everything(name)):
            self._lines.append(_Line(subject=name, rest=f" {line}"))

    def _tell_limits(self, name: str) -> None:
        for limit in self._demand.limits:
            if canonicalize_name(limit.requirement.name) == name and limit.requirement.specifier:
                rest = f" limits {name} to {limit.requirement.specifier}"
                self._lines.append(_Line(subject=_who(limit.origin), rest=rest))

    def _tell_existing(self, name: str, everything: Sequence[Version]) -> None:
        if not everything:
            rest = ": the index has no wheel or sdist of it"
        else:
            verb = "is" if len(everything) == 1 else "are"
            rest = f": no such version; there {verb} {told_versions(everything, everything)}"
        self._lines.append(_Line(subject=name, rest=rest))

    def _everything(self, name: str) -> tuple[Version, ...]:
        shelf = self._provider.shelf(name)
        return tuple(release.version for release in shelf.releases) if shelf else ()

    def _misses(self, name: str, versions: Iterable[Version]) -> list[Miss]:
        """Why each of these versions fell out by its files, where it did."""
        shelf = self._provider.shelf(name)
        if shelf is None:
            return []
        among = set(versions)
        misses = []
        for release in shelf.releases:
            if release.version not in among:
                continue
            offers, rejections = self._provider.evaluate(shelf, release)
            later = [r for r in self._provider.unusable.get(name, ()) if r.version == release.version]
            if not {offer.file.filename for offer in offers} - {rejection.filename for rejection in later}:
                misses.append(miss_of(name, (*later, *rejections), self._demand.target, self._demand.choices))
        return misses


def _with_remark(subject: str, remark: str) -> str:
    if not remark:
        return subject
    return f"{subject[:-1]}, {remark})" if subject.endswith(")") else f"{subject} ({remark})"


def _who(origin: Origin | None) -> str:
    return "the command line" if origin == COMMAND_LINE else str(origin)


def _is_own_fault(step: Step) -> bool:
    """Whether it rules out versions whose metadata is of no use: their files say why."""
    want = step.asks[0].wants[0]
    return want.impossible is not None and want.text == step.key[0]


def _contradictory(groups: _Groups, limit: SpecifierSet) -> bool:
    """Whether no version at all could meet these asks, as far as can be said at once."""
    if len(groups) + bool(limit) < 2 or any(len(asks) != 1 for asks in groups):
        return False
    wants = [want for (ask,) in groups for want in ask.wants]
    together = reduce(and_, (want.specifiers for want in wants), limit)
    exact = [want.exactly for want in wants if want.exactly is not None]
    return not all(admits(wants, version) for version in exact) or together.is_unsatisfiable()
