"""A target: the machine and interpreter that will install.

A target is a marker environment (PEP 508) and an ordered list of tags (PEP 425), nothing else: whoever evaluates a
marker or ranks a wheel asks the target and never the running interpreter. Building targets from names is
`targets.platforms`' work.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from packaging.markers import Marker
from packaging.tags import InvalidTag, Tag, TooManyTagsError, parse_tag
from packaging.version import Version

__all__ = ["MARKER_VARIABLES", "Target"]

#: The environment markers of PEP 508, all of which a target answers (`extra` is the requirement's own).
MARKER_VARIABLES = (
    "implementation_name",
    "implementation_version",
    "os_name",
    "platform_machine",
    "platform_python_implementation",
    "platform_release",
    "platform_system",
    "platform_version",
    "python_full_version",
    "python_version",
    "sys_platform",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Who will install. `environment` is in the order of MARKER_VARIABLES, `tags` best first."""

    name: str
    environment: tuple[tuple[str, str], ...]
    tags: tuple[Tag, ...]
    _ranks: Mapping[Tag, int] = field(init=False, repr=False, compare=False)
    _texts: dict[str, int | None] = field(init=False, repr=False, compare=False)
    _markers: dict[tuple[str, str], bool] = field(init=False, repr=False, compare=False)
    #: The full version, which Requires-Python is held against.
    python_version: Version = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        ranks: dict[Tag, int] = {}
        for rank, tag in enumerate(self.tags):
            ranks.setdefault(tag, rank)
        object.__setattr__(self, "_ranks", ranks)
        object.__setattr__(self, "_texts", {})
        object.__setattr__(self, "_markers", {})
        object.__setattr__(self, "python_version", Version(dict(self.environment)["python_full_version"]))

    def rank(self, tags: frozenset[Tag]) -> int | None:
        """The place of the best of a wheel's tags among this target's; 0 is best, None means it can't be installed."""
        ranks = [self._ranks[tag] for tag in tags if tag in self._ranks]
        return min(ranks, default=None)

    def rank_text(self, tags: str) -> int | None:
        """`rank` of a tag set as file names write it ("py2.py3-none-any"), remembered; None too for what is none."""
        if tags not in self._texts:
            try:
                self._texts[tags] = self.rank(parse_tag(tags))
            except (InvalidTag, TooManyTagsError, ValueError):
                self._texts[tags] = None
        return self._texts[tags]

    def satisfies(self, marker: Marker | None, extra: str = "") -> bool:
        """Evaluate a requirement's marker for this target, with at most one extra active.

        An undefined comparison (`python_version ~= "x"`) counts as false, as in pip's resolver since 24.1.
        """
        if marker is None:
            return True
        key = (str(marker), extra)
        if key not in self._markers:
            self._markers[key] = self._evaluate(marker, extra)
        return self._markers[key]

    def satisfies_lock(self, marker: Marker | None, chosen: Mapping[str, AbstractSet[str]]) -> bool:
        """Evaluate a lock file's marker for this target, with these `extras` and `dependency_groups` (PEP 751)."""
        try:
            return marker is None or marker.evaluate({**dict(self.environment), **chosen}, context="lock_file")
        except (ValueError, KeyError):
            return False

    def _evaluate(self, marker: Marker, extra: str) -> bool:
        try:
            return marker.evaluate({**dict(self.environment), "extra": extra})
        except (ValueError, KeyError):
            return False
