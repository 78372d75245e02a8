"""What to change: one thing to do, in the imperative, by where a conflict ends.

Files that almost suit the target are worth more than bounds, and what a person wrote more than what a package asks:
that can only be overruled. Only what is in a person's hands is named.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from bundler.requirements.quoting import shown
from bundler.resolution.provider import Provider
from bundler.resolution.refutation import Ask, admits
from bundler.resolution.story import Site
from bundler.resolution.wants import Demand

__all__ = ["hint_of"]

_SHOWN = 2  # places to change
_LOOKED_AT = 50  # versions that might do in place of those asked for


def hint_of(sites: Sequence[Site], told: Sequence[Ask], provider: Provider, demand: Demand) -> str:
    """What to do about a conflict that ends at these sites, after these asks were told."""
    site = next((site for site in sites if site.misses or site.unknown), None) or (sites[0] if sites else None)
    if site is None:
        return "relax one of the requirements"
    askers = list(dict.fromkeys(ask.asker[0] for asks in site.asks for ask in asks if ask.asker))
    if site.unknown:
        who = f" where {askers[0]} asks for it" if askers else ""
        return f"check the name {site.name}{who}, add the index that has it, or leave it out with --exclude {site.name}"
    if any(want.impossible for asks in site.asks for ask in asks for want in ask.wants):
        return f"write {site.name} with that URL into the requirements: what a package asks for by URL is met by it"
    if not site.misses and (version := _pre_release(site, provider)):
        origins = [ask.wants[0].origin for ask in _by_person(site.asks)]
        where = str(origins[0]) if origins else "an override file (--override)"
        return f"write {site.name}>={version} in {where}, to take the pre-release"
    ways = [*_by_lock(site, demand)]
    ways += _by_files(site, askers, provider, demand) if site.misses else _by_bounds(site, told, demand)
    if not site.misses and askers and site.name not in demand.overrides:
        ways.append(_overruling(site, askers))
    return ", or ".join(ways[:_SHOWN]) or _without(site, askers, demand)


def _by_lock(site: Site, demand: Demand) -> Iterator[str]:
    """Whether a lock stands in the way."""
    for ask in _by_person(site.asks):
        if site.name in demand.closed and ask.wants[0].exactly is not None:
            yield f"lock again for {demand.target.name}: {ask.wants[0].origin} pins {_text(ask)}"


def _by_files(site: Site, askers: Sequence[str], provider: Provider, demand: Demand) -> Iterator[str]:
    """What lets one of the files in, and which other version would do."""
    yield from next((miss.remedies for miss in site.misses if miss.remedies), ())
    if version := _other_version(site, provider, demand):
        places = [*_constraints(site, demand), *_relaxable(site.asks)]
        how = f"relax {' or '.join(places[:_SHOWN])}" if places else _overruling(site, askers)
        yield f"allow {site.name} {version}, which suits the target: {how}"


def _by_bounds(site: Site, told: Iterable[Ask], demand: Demand) -> Iterator[str]:
    """Which of the bounds to change."""
    own = _relaxable(site.asks)
    overrides = demand.overrides.get(site.name, ())
    if overrides:
        yield f"change the override of {site.name} ({overrides[0].origin})"
    if len(own) == len(site.asks) == 1 and not site.limited:
        yield f"change {own[0]} to a version that exists"
    elif places := list(dict.fromkeys([*_constraints(site, demand), *own, *_relaxable([told])])):
        yield f"relax {' or '.join(places[:_SHOWN])}"


def _overruling(site: Site, askers: Sequence[str]) -> str:
    several = " and ".join(askers[:_SHOWN])
    return f"overrule what {several} {'asks' if len(askers) == 1 else 'ask'} of {site.name} with --override FILE"


def _without(site: Site, askers: Sequence[str], demand: Demand) -> str:
    """What is left to do where nothing helps."""
    if askers:
        return f"leave {site.name} out with --exclude {site.name}, if somebody else provides it"
    origins = [str(ask.wants[0].origin) for ask in _by_person(site.asks)]
    return f"leave {site.name} out ({' and '.join(origins[:_SHOWN])}): nothing of it suits {demand.target.name}"


def _by_person(groups: Iterable[Iterable[Ask]]) -> list[Ask]:
    return [ask for asks in groups for ask in asks if ask.asker is None]


def _constraints(site: Site, demand: Demand) -> list[str]:
    limits = [d for d in demand.limits if site.limited and canonicalize_name(d.requirement.name) == site.name]
    return [f"{shown(str(d.requirement))} ({d.origin})" for d in limits if d.requirement.specifier]


def _relaxable(groups: Iterable[Iterable[Ask]]) -> list[str]:
    """The bounds that a person wrote."""
    bounded = [ask for ask in _by_person(groups) if ask.wants[0].bounds and ask.wants[0].exactly is None]
    return list(dict.fromkeys(f"{_text(ask)} ({ask.wants[0].origin})" for ask in bounded))


def _text(ask: Ask) -> str:
    return ask.texts[0]


def _other_version(site: Site, provider: Provider, demand: Demand) -> Version | None:
    """The newest version beside those asked for that has a file for the target."""
    shelf = provider.shelf(site.name)
    limit = demand.constraints.get(site.name, SpecifierSet())
    unusable = {rejection.filename for rejection in provider.unusable.get(site.name, ())}
    for release in shelf.releases[:_LOOKED_AT] if shelf else ():
        within = all(any(admits(ask.wants, release.version) for ask in asks) for asks in site.asks)
        if release.version.is_prerelease or (within and limit.contains(release.version)):
            continue
        offers, _ = provider.evaluate(shelf, release) if shelf else ((), ())
        if any(offer.file.filename not in unusable for offer in offers):
            return release.version
    return None


def _pre_release(site: Site, provider: Provider) -> Version | None:
    """The newest pre-release of a version that would do (PEP 440: 2.0rc1 is below 2.0)."""
    shelf = provider.shelf(site.name)
    wants = [want for asks in site.asks for ask in asks for want in ask.wants]
    for release in shelf.releases if shelf else ():
        final = Version(release.version.base_version)
        if release.version.is_prerelease and not admits(wants, release.version) and admits(wants, final):
            return release.version
    return None
