"""Runs ahead of the resolver, so that it seldom waits: fetches pages and metadata that it will probably ask for.

From each requirement to its project's page, to the file that would be taken as far as known, to that file's metadata,
to its requirements. Only the source's memory is filled; no decision is kept, so results don't depend on timing. What
fails here fails again, with its error, when the resolver asks for it; what the resolver never asks for doesn't matter.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from bundler.distributions import CoreMetadata
from bundler.errors import BundlerError
from bundler.simple.model import ProjectFile, ProjectPage
from bundler.targets.model import Target

__all__ = ["Choose", "Prefetcher"]

THREADS = 8
#: Hints that wait at one time, and in all; more are dropped.
MAX_WAITING = 2_000
MAX_HINTS = 20_000

#: The file that a resolution would probably take, of a page, under these requirements, for a target.
Choose = Callable[[ProjectPage, Sequence[Requirement], Target], ProjectFile | None]


class _Project:
    """What is known so far of one project for one target."""

    __slots__ = ("extras", "requirements", "version")

    def __init__(self) -> None:
        self.requirements: list[Requirement] = []
        self.extras: set[str] = set()
        self.version: Version | None = None


class Prefetcher:
    """Calls `page` and `metadata` from threads of its own until it is closed."""

    def __init__(
        self,
        page: Callable[[str], ProjectPage],
        metadata: Callable[[ProjectFile], CoreMetadata],
        choose: Choose,
    ) -> None:
        self._page, self._metadata, self._choose = page, metadata, choose
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="prefetch")
        self._lock = threading.Lock()
        self._projects: dict[tuple[str, str], _Project] = {}
        self._waiting = self._hints = 0
        self._closed = False
        self._fault: Exception | None = None

    def close(self) -> None:
        """Take no more hints; what runs at the moment ends on its own.

        Raises whatever went wrong that isn't a BundlerError: it would never be seen otherwise.
        """
        with self._lock:
            self._closed = True
        self._pool.shutdown(wait=False, cancel_futures=True)
        if self._fault is not None:
            raise self._fault

    def anticipate(self, requirements: Iterable[Requirement], target: Target) -> None:
        """Fetch soon what these requirements need; their markers have been found to hold."""
        for requirement in requirements:
            with self._lock:
                if not self._is_news(requirement, target):
                    continue
                self._waiting += 1
                self._hints += 1
                self._pool.submit(self._run, canonicalize_name(requirement.name), target)

    def _is_news(self, requirement: Requirement, target: Target) -> bool:
        """Note a requirement; whether it could lead to another file or other requirements than those noted before."""
        if self._closed or self._waiting >= MAX_WAITING or self._hints >= MAX_HINTS or requirement.url:
            return False
        key = (canonicalize_name(requirement.name), target.name)
        project = self._projects.get(key)
        if project is None:
            project = self._projects[key] = _Project()
        elif requirement.extras <= project.extras and _agrees(requirement, project):
            project.requirements.append(requirement)
            return False
        project.requirements.append(requirement)
        project.extras |= requirement.extras
        return True

    def _run(self, name: str, target: Target) -> None:
        try:
            self._look_ahead(name, target)
        except BundlerError:
            pass  # the source remembers it and raises it again when it is asked
        except Exception as exc:
            if not self._closed:  # afterwards the ground is taken away under what still runs
                self._fault = exc
        finally:
            with self._lock:
                self._waiting -= 1

    def _look_ahead(self, name: str, target: Target) -> None:
        page = self._page(name)
        with self._lock:
            project = self._projects[name, target.name]
            requirements, extras = tuple(project.requirements), tuple(sorted(project.extras))
        file = self._choose(page, requirements, target)
        if file is None:
            return
        metadata = self._metadata(file)
        project.version = metadata.version
        self.anticipate(_needed(metadata, extras, target), target)


def _agrees(requirement: Requirement, project: _Project) -> bool:
    """Whether the file chosen before would be chosen again; one being chosen at the moment counts as such."""
    version = project.version
    return version is None or requirement.specifier.contains(version, prereleases=True)


def _needed(metadata: CoreMetadata, extras: Sequence[str], target: Target) -> list[Requirement]:
    """The requirements that hold for the target with any of these extras, or none."""
    return [
        requirement
        for requirement in metadata.requires_dist
        if any(target.satisfies(requirement.marker, extra) for extra in ("", *extras))
    ]
