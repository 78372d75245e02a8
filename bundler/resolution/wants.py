"""What a requirement set and the choices of a run ask of one target, before anything is looked up.

Markers are evaluated here and never again; overrides, exclusions, locks and constraints are all settled here, so that
the provider meets only wants.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from bundler.digests import Digest
from bundler.distributions import CoreMetadata, parse_requirement
from bundler.errors import RequirementError
from bundler.requirements.choices import Choices, Strategy
from bundler.requirements.locked import Lock, LockedProject
from bundler.requirements.model import DeclaredRequirement, Origin, RequirementSet
from bundler.resolution.refusals import ANY_HASH, Terms
from bundler.targets.model import Target

__all__ = ["Demand", "Key", "Want", "exactly", "impossible"]

#: A project's normalized name, and one of its extras or None for the project itself.
Key = tuple[str, str | None]

_ANY = SpecifierSet()


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
    #: This version and no other: what the candidate of an extra asks of its project, or a lock.
    exactly: Version | None = None
    #: Why nothing can meet this.
    impossible: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """A requirement set as it applies to one target. Names are normalized."""

    target: Target
    choices: Choices
    #: What nobody but the person asks for, in the order given.
    roots: tuple[Want, ...]
    #: The same as requirements, as hints to the source.
    requirements: tuple[Requirement, ...]
    #: The constraints that apply, and their specifiers merged by project.
    limits: tuple[DeclaredRequirement, ...]
    constraints: Mapping[str, SpecifierSet]
    #: What replaces every requirement on a project; empty where no override of it applies.
    overrides: Mapping[str, tuple[DeclaredRequirement, ...]]
    #: What holds for the files of projects that the input says something about.
    _terms: Mapping[str, Terms] = field(repr=False)
    #: Projects that a person asked for.
    direct: frozenset[str]
    #: Projects that a lock chose, whose dependencies it holds as well.
    closed: frozenset[str]

    @classmethod
    def of(cls, wanted: RequirementSet, target: Target, choices: Choices) -> Demand:
        """Apply a requirement set to a target.

        Raises:
            RequirementError: hashes are required, and a requirement has none; a lock doesn't cover the target.
        """
        limits = tuple(d for d in wanted.constraints if target.satisfies(d.requirement.marker))
        overrides = _overrides(wanted.overrides, target)
        kept = [d for d in wanted.requirements if canonicalize_name(d.requirement.name) not in choices.excluded]
        declared = tuple(_overridden_roots(kept, overrides, target))
        locked = tuple(_chosen(wanted.locks, choices, target))
        terms = _all_terms((*declared, *limits, *itertools.chain(*overrides.values())), locked)
        closed = frozenset(project.name for project in locked)
        if choices.require_hashes:
            _check_hashes(declared, terms)
        return cls(
            target=target,
            choices=choices,
            roots=(*_wants_of_declared(declared, choices), *map(_locked_want, locked)),
            requirements=(*(d.requirement for d in declared), *map(_locked_requirement, locked)),
            limits=limits,
            constraints=_constraints(limits),
            overrides=overrides,
            _terms=terms,
            direct=frozenset(canonicalize_name(d.requirement.name) for d in declared) | closed,
            closed=closed,
        )

    def terms(self, name: str, version: Version) -> Terms:
        """What holds for the files of this version."""
        terms = self._terms.get(name, ANY_HASH)
        if version in self.choices.preferred.get(name, ()):  # a lock that is renewed keeps what was yanked since
            return replace(terms, allow_yanked=True)
        return terms

    def wants_lowest(self, name: str) -> bool:
        """Whether the oldest version of it is wanted."""
        strategy = self.choices.strategy
        return strategy is Strategy.LOWEST or (strategy is Strategy.LOWEST_DIRECT and name in self.direct)

    def dependencies(self, name: str, extra: str | None, metadata: CoreMetadata) -> Iterator[tuple[Requirement, str]]:
        """What a file of a project asks for on the target, for itself or for one of its extras, and how to tell it."""
        if not self.choices.follow or name in self.closed:
            return
        for requirement in metadata.requires_dist:
            asked = canonicalize_name(requirement.name)
            if asked in self.choices.excluded or not self._applies(requirement, asked, extra):
                continue
            if asked not in self.overrides:
                yield requirement, str(requirement)
            for override in self.overrides.get(asked, ()):
                yield override.requirement, f"{override.requirement} (overridden by {override.origin})"

    def wants_of(self, requirement: Requirement, text: str) -> Iterator[Want]:
        """A dependency as wants: the project, and each extra."""
        return _wants_of(requirement, self.choices, text=text)

    def _applies(self, requirement: Requirement, name: str, extra: str | None) -> bool:
        """Whether a requirement is asked for; an override replaces its marker too, but for the extra (as in uv)."""
        if name in self.overrides and (requirement.marker is None or "extra" not in str(requirement.marker)):
            return extra is None
        plain = self.target.satisfies(requirement.marker)
        return plain if extra is None else not plain and self.target.satisfies(requirement.marker, extra)


def impossible(name: str, reason: str, *, text: str, origin: Origin | None = None) -> Want:
    """A want that nothing meets; "!" is no extra's name, so its key has no candidates."""
    return Want(key=(name, "!"), specifiers=_ANY, text=text, origin=origin, impossible=reason)


def exactly(name: str, version: Version, *, origin: Origin | None = None) -> Want:
    """A project at this version."""
    text = f"{name}=={version}"
    return Want(key=(name, None), specifiers=_ANY, text=text, bounds=f"==={version}", exactly=version, origin=origin)


def _wants_of(requirement: Requirement, choices: Choices, *, text: str, origin: Origin | None = None) -> Iterator[Want]:
    name = canonicalize_name(requirement.name)
    if requirement.url is not None and name not in choices.referenced:
        reason = f"{requirement.name} is required from a URL, which an index can't answer"
        yield impossible(name, reason, text=text, origin=origin)
        return
    specifiers = requirement.specifier
    for extra in (None, *sorted(canonicalize_name(extra) for extra in requirement.extras)):
        yield Want(key=(name, extra), specifiers=specifiers, bounds=str(specifiers), text=text, origin=origin)


def _wants_of_declared(declared: Iterable[DeclaredRequirement], choices: Choices) -> Iterator[Want]:
    for item in declared:
        yield from _wants_of(item.requirement, choices, text=str(item.requirement), origin=item.origin)


def _chosen(locks: Iterable[Lock], choices: Choices, target: Target) -> Iterator[LockedProject]:
    for lock in locks:
        for project in lock.choose(target.satisfies_lock):
            if project.name not in choices.excluded:
                yield project


def _locked_requirement(project: LockedProject) -> Requirement:
    """What a source is told beforehand of a locked project."""
    return parse_requirement(project.name if project.version is None else f"{project.name}=={project.version}")


def _locked_want(project: LockedProject) -> Want:
    if project.version is not None:
        return exactly(project.name, project.version, origin=project.origin)
    return Want(key=(project.name, None), specifiers=_ANY, text=project.name, origin=project.origin)


def _overrides(
    declared: Iterable[DeclaredRequirement], target: Target
) -> Mapping[str, tuple[DeclaredRequirement, ...]]:
    """By project, what of its overrides applies; none of several may, and then nothing is asked for (as in uv)."""
    by_name: dict[str, tuple[DeclaredRequirement, ...]] = {}
    for override in declared:
        name = canonicalize_name(override.requirement.name)
        applies = target.satisfies(override.requirement.marker)
        by_name[name] = (*by_name.get(name, ()), *((override,) if applies else ()))
    return by_name


def _overridden_roots(
    declared: Iterable[DeclaredRequirement], overrides: Mapping[str, tuple[DeclaredRequirement, ...]], target: Target
) -> Iterator[DeclaredRequirement]:
    replaced = set()
    for item in declared:
        name = canonicalize_name(item.requirement.name)
        if name not in overrides:
            if target.satisfies(item.requirement.marker):
                yield item
        elif name not in replaced:
            replaced.add(name)
            yield from overrides[name]


def _constraints(limits: Iterable[DeclaredRequirement]) -> Mapping[str, SpecifierSet]:
    merged: dict[str, SpecifierSet] = {}
    for limit in limits:
        name = canonicalize_name(limit.requirement.name)
        merged[name] = merged.get(name, _ANY) & limit.requirement.specifier
    return merged


def _all_terms(declared: Iterable[DeclaredRequirement], locked: Iterable[LockedProject]) -> Mapping[str, Terms]:
    """What holds for the files of each project; of hashes those that all allow who state some, as in pip."""
    terms: dict[str, Terms] = {}

    def add(name: str, *, pinned: bool, hashes: Iterable[Digest], locked: bool = False) -> None:
        known = terms.get(name, ANY_HASH)
        stated = frozenset(hashes) or None
        both = known.hashes & stated if known.hashes is not None and stated else stated or known.hashes
        yanked, any_date = known.allow_yanked or pinned, known.allow_any_date or locked
        terms[name] = Terms(allow_yanked=yanked, allow_any_date=any_date, hashes=both)

    for item in declared:
        name = canonicalize_name(item.requirement.name)
        add(name, pinned=_is_pin(item.requirement.specifier), hashes=item.hashes)
    for project in locked:
        hashes = (digest for file in project.files for digest in file.hashes)
        add(project.name, pinned=True, hashes=hashes, locked=True)
    return terms


def _is_pin(specifiers: SpecifierSet) -> bool:
    """PEP 592: a yanked file may be taken where `==` (without `.*`) or `===` names its version."""
    return any(s.operator == "===" or (s.operator == "==" and not s.version.endswith(".*")) for s in specifiers)


def _check_hashes(declared: Iterable[DeclaredRequirement], terms: Mapping[str, Terms]) -> None:
    bare = [d for d in declared if terms[canonicalize_name(d.requirement.name)].hashes is None]
    if bare:
        name = bare[0].requirement.name
        raise RequirementError(
            f"{name} is asked for without a hash, and hashes are required",
            origin=str(bare[0].origin),
            details=tuple(f"{d.origin}: {d.requirement} has none either" for d in bare[1:]),
            hint=f"write the hashes of its files: {name}==VERSION --hash=sha256:…, or leave out --require-hashes",
        )
