"""The plan of a build or a lock: what is wanted, for whom, from where, and how to choose.

The command line's words and what the files say of indexes and preferences come together here; where both speak and only
one can hold, the command line does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from packaging.utils import canonicalize_name

from bundler.errors import UsageError
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
    #: The project's pyproject.toml that settings were read from.
    settings_file: Path | None
    pythons: tuple[str, ...]
    platforms: tuple[str, ...]
    target_files: tuple[Path, ...]
    #: The index that is asked last, where no input names an `index_url`.
    default_index_url: str
    resolution: str
    allow_undated: bool
    excluded: tuple[str, ...]
    #: Whether dependencies are followed.
    follow: bool
    consistent: bool
    cache_dir: Path | None
    no_cache: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to gather, and the words it was asked in."""

    asked: Asked
    wanted: RequirementSet
    targets: tuple[Target, ...]
    #: Those of all inputs together.
    options: Options
    choices: Choices
    #: Every file that was read for it, which no output may replace.
    files: tuple[Path, ...]


def plan(asked: Asked, *, now: datetime) -> Plan:
    """Read every input, and settle what is to be done.

    Raises:
        UsageError, RequirementError: an input can't be read or understood.
    """
    wanted, files = read_wanted(asked.inputs)
    options = _joined(wanted.options, asked.options)
    return Plan(
        asked=asked,
        wanted=wanted,
        targets=read_targets(asked.pythons, asked.platforms, asked.target_files),
        options=options,
        choices=_choices(asked, options, now),
        files=(*files, *asked.target_files, *([asked.settings_file] if asked.settings_file else ())),
    )


def _joined(stated: Options, asked: Options) -> Options:
    """What the files and the command line say; indexes of the files come after those of the command line.

    A project's pin of the command line stands; a file that says another one is refused by `Places`.
    """
    general = tuple(index.url for index in stated.indexes if not index.explicit)
    pinning = tuple(replace(index, explicit=True) for index in stated.indexes)
    return replace(
        stated.joined(asked),
        indexes=(*asked.indexes, *pinning),
        extra_index_urls=(*asked.extra_index_urls, *general, *stated.extra_index_urls),
        no_binary=(*_without(stated.no_binary, asked.only_binary), *asked.no_binary),
        only_binary=(*_without(stated.only_binary, asked.no_binary), *asked.only_binary),
    )


def _without(names: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
    """What the command line says of a project's files outdoes what a file says."""
    outdone = NameRule.parse(others).names
    return tuple(name for name in names if canonicalize_name(name) not in outdone)


def _formats(options: Options) -> Formats:
    formats = Formats(no_binary=NameRule.parse(options.no_binary), only_binary=NameRule.parse(options.only_binary))
    for name in sorted(formats.no_binary.names & formats.only_binary.names):
        raise UsageError(f"{name} stands under both --no-binary and --only-binary", hint="leave one of them out")
    return formats


def _choices(asked: Asked, options: Options, now: datetime) -> Choices:
    return Choices(
        strategy=Strategy(asked.resolution),
        prereleases=NameRule.parse([":all:"] if options.pre else options.pre_packages),
        formats=_formats(options),
        prefer_binary=options.prefer_binary,
        exclude_newer=None if options.exclude_newer is None else parse_moment(options.exclude_newer, now=now),
        allow_undated=asked.allow_undated,
        require_hashes=options.require_hashes,
        excluded=frozenset(canonicalize_name(name) for name in asked.excluded),
        follow=asked.follow,
    )
