"""Which metadata will be read soon, told to the source so that it can be fetched in parallel.

The search reads the metadata of one version at a time. A project of which several versions were read, since none of
them fits, will probably be read further, in the order in which its candidates are tried: so the source is told the
next few, and when half of those are read the next ones, twice as many each time up to a limit. Of a project at most
twice as many are told as were read, and eight. Nothing is decided here, so no outcome depends on it.

What is asked of a project at the moment doesn't limit the next: where every version of one library asks for its own
narrow range of another, those ranges follow each other as well.

Left out: sdists, whose metadata costs the whole file.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from packaging.version import Version

from bundler.resolution.candidates import Candidate
from bundler.simple.model import ProjectFile

__all__ = ["Foresight"]

#: Versions of a project that are read before any is told.
_PATIENCE = 4
#: Versions that are told at one time.
_FIRST, _MOST = 8, 32


class _Project:
    """How far one project was read, and told."""

    __slots__ = ("known", "mark", "read", "told", "window")

    def __init__(self) -> None:
        self.read = self.told = 0
        #: Versions that were read or told.
        self.known: set[Version] = set()
        #: In the middle of those told last.
        self.mark: Version | None = None
        self.window = _FIRST


class Foresight:
    """Watches what is read for one target."""

    def __init__(self, tell: Callable[[Iterable[ProjectFile]], None]) -> None:
        self._tell = tell
        self._projects: defaultdict[str, _Project] = defaultdict(_Project)

    def reading(self, candidate: Candidate, following: Callable[[], Iterator[Candidate]]) -> None:
        """Take note of a version that is about to be read; `following` are those that come after it, best first."""
        project = self._projects[candidate.name]
        project.read += 1
        expected = candidate.version in project.known and candidate.version != project.mark
        project.known.add(candidate.version)
        if project.read <= _PATIENCE or expected:
            return
        room = min(project.window, _FIRST + 2 * project.read - project.told)
        ahead = list(islice((other for other in following() if other.version not in project.known), max(room, 0)))
        if ahead:
            project.known.update(other.version for other in ahead)
            project.mark = ahead[len(ahead) // 2].version
            project.told += len(ahead)
            project.window = min(2 * project.window, _MOST)
            self._tell([other.offers[0].file for other in ahead if other.has_wheel])
