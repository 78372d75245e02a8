"""How to choose among versions and files that all fit: what the command line and the files say, settled for one run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from packaging.utils import canonicalize_name
from packaging.version import Version

__all__ = ["Choices", "Formats", "NameRule", "Strategy"]

_ALL, _NONE = ":all:", ":none:"


class Strategy(StrEnum):
    """Which of the versions that fit together is wanted."""

    HIGHEST = "highest"
    LOWEST = "lowest"
    LOWEST_DIRECT = "lowest-direct"


@dataclass(frozen=True, slots=True, kw_only=True)
class NameRule:
    """A rule that holds for some projects, or for all but some; names are normalized."""

    names: frozenset[str] = frozenset()
    everyone: bool = False

    @classmethod
    def parse(cls, values: Sequence[str]) -> NameRule:
        """Read names, ":all:" and ":none:" in the order given, each possibly a list with commas, as pip does."""
        rule = cls()
        for value in (part.strip() for text in values for part in text.split(",")):
            if value == _NONE:
                rule = cls()
            elif value == _ALL:
                rule = cls(everyone=True)
            elif value:
                rule = cls(names=rule.names | {canonicalize_name(value)}, everyone=rule.everyone)
        return rule

    def covers(self, name: str) -> bool:
        """Whether it holds for this project."""
        return self.everyone or name in self.names


@dataclass(frozen=True, slots=True, kw_only=True)
class Formats:
    """Which projects may come as wheels, and which as sdists; a name weighs more than ":all:", as in pip and uv."""

    no_binary: NameRule = NameRule()
    only_binary: NameRule = NameRule()

    def allows_wheel(self, name: str) -> bool:
        """Whether a wheel of it may be taken."""
        if name in self.only_binary.names and name not in self.no_binary.names:
            return True
        return not self.no_binary.covers(name)

    def allows_sdist(self, name: str) -> bool:
        """Whether an sdist of it may be taken."""
        if name in self.no_binary.names and name not in self.only_binary.names:
            return True
        return not self.only_binary.covers(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """One run's choices. Names are normalized."""

    strategy: Strategy = Strategy.HIGHEST
    #: Projects whose pre-releases are taken like any other version.
    prereleases: NameRule = NameRule()
    formats: Formats = Formats()
    #: Take a wheel of an older version before the sdist of a newer one.
    prefer_binary: bool = False
    #: Files uploaded at or after this moment (with a zone) don't exist.
    exclude_newer: datetime | None = None
    #: With `exclude_newer`: take files of which the index doesn't state when they were uploaded.
    allow_undated: bool = False
    #: Every file must be bound by a hash that an input states.
    require_hashes: bool = False
    #: Dependencies that somebody else provides.
    excluded: frozenset[str] = frozenset()
    #: Whether dependencies are followed.
    follow: bool = True
    #: Versions to take first where they fit, as those of a lock that is being renewed.
    preferred: Mapping[str, tuple[Version, ...]] = field(default_factory=dict)
    #: Projects that are settled as direct references: what asks for one by URL gets the page that the source has of it.
    referenced: frozenset[str] = frozenset()
