"""The plan of a build or a lock: what is wanted, for whom, from where, and how to choose.

The command line's words and what the files say of indexes and preferences come together here; where both speak and only
one can hold, the command line does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from packaging.utils import canonicalize_name

from bundler.operations.inputs import read_targets, read_wanted
from bundler.requirements.choices import Choices, Formats, NameRule, Strategy
from bundler.requirements.model import RequirementSet
from bundler.requirements.moments import parse_moment
from bundler.requirements.options import Options
from bundler.requirements.reading import Inputs
from bundler.targets.model import Target

__all__ = ["Asked", "Plan", "plan"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command line and the project's settings say, in their own words."""

    inputs: Inputs
    options: Options
    pythons: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    target_files: tuple[Path, ...] = ()
    #: Asked where no input names an index.
    default_index_url: str
    resolution: str = Strategy.HIGHEST
    pre_packages: tuple[str, ...] = ()
    exclude_newer: str | None = None
    allow_undated: bool = False
    excluded: tuple[str, ...] = ()
    follow: bool = True
    consistent: bool = False
    cache_dir: Path | None = None
    no_cache: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to gather. `options` are those of all inputs together."""

    wanted: RequirementSet
    targets: tuple[Target, ...]
    options: Options
    default_index_url: str
    choices: Choices
    consistent: bool = False
    cache_dir: Path | None = None
    no_cache: bool = False


def plan(asked: Asked, *, now: datetime) -> Plan:
    """Read every input, and settle what is to be done.

    Raises:
        UsageError, RequirementError: an input can't be read or understood.
    """
    wanted = read_wanted(asked.inputs)
    options = wanted.options.joined(asked.options)
    return Plan(
        wanted=wanted,
        targets=read_targets(asked.pythons, asked.platforms, asked.target_files),
        options=options,
        default_index_url=asked.default_index_url,
        choices=_choices(asked, options, now),
        consistent=asked.consistent,
        cache_dir=asked.cache_dir,
        no_cache=asked.no_cache,
    )


def _choices(asked: Asked, options: Options, now: datetime) -> Choices:
    return Choices(
        strategy=Strategy(asked.resolution),
        prereleases=NameRule.parse([":all:"] if options.pre else asked.pre_packages),
        formats=Formats(no_binary=NameRule.parse(options.no_binary), only_binary=NameRule.parse(options.only_binary)),
        prefer_binary=options.prefer_binary,
        exclude_newer=None if asked.exclude_newer is None else parse_moment(asked.exclude_newer, now=now),
        allow_undated=asked.allow_undated,
        require_hashes=options.require_hashes,
        excluded=frozenset(canonicalize_name(name) for name in asked.excluded),
        follow=asked.follow,
    )
