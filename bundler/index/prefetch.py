"""Runs ahead of the resolver, so that it seldom waits: fetches pages and metadata that it will probably ask for.

From each requirement to its project's page, to the file that would be taken as far as known, to that file's metadata,
to what follows from it: a guide that knows what is wanted says both, so that nothing is asked for which the resolver
never would. Only the source's memory is filled; no decision is kept, so results don't depend on timing. What fails here
fails again, with its error, when the resolver asks for it; what the resolver never asks for doesn't matter.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Protocol

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from bundler.distributions import CoreMetadata
from bundler.errors import BundlerError
from bundler.simple.model import ProjectFile, ProjectPage
from bundler.targets.model import Target

__all__ = ["Guide", "Prefetcher"]

THREADS = 8
#: Hints that wait at one time, and in all; more are dropped.
MAX_WAITING = 2_000
MAX_HINTS = 20_000


class Guide(Protocol):
    """What a resolution would do, as far as it can be told beforehand; asked from many threads."""

    def likely_file(self, page: ProjectPage, requirements: Sequence[Requirement], target: Target) -> ProjectFile | None:
        """The file of a page that would be looked at first under these requirements."""

    def needed(self, metadata: CoreMetadata, extras: Sequence[str], target: Target) -> Iterable[Requirement]:
        """What would be asked for because of a file, with these extras (normalized) of its project."""


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
        guide: Guide,
    ) -> None:
        self._page, self._metadata, self._guide = page, metadata, guide
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
                if self._has_room() and self._is_news(requirement, target):
                    self._submit(partial(self._look_ahead, canonicalize_name(requirement.name), target))

    def anticipate_files(self, files: Iterable[ProjectFile]) -> None:
        """Fetch soon the metadata of these files."""
        for file in files:
            with self._lock:
                if self._has_room():
                    self._submit(partial(self._metadata, file))

    def _has_room(self) -> bool:
        return not self._closed and self._waiting < MAX_WAITING and self._hints < MAX_HINTS

    def _submit(self, task: Callable[[], object]) -> None:
        self._waiting += 1
        self._hints += 1
        self._pool.submit(self._run, task)

    def _is_news(self, requirement: Requirement, target: Target) -> bool:
        """Note a requirement; whether it could lead to another file or other requirements than those noted before."""
        if requirement.url:
            return False
        extras = {canonicalize_name(extra) for extra in requirement.extras}
        key = (canonicalize_name(requirement.name), target.name)
        project = self._projects.get(key)
        if project is None:
            project = self._projects[key] = _Project()
        elif extras <= project.extras and _agrees(requirement, project):
            project.requirements.append(requirement)
            return False
        project.requirements.append(requirement)
        project.extras |= extras
        return True

    def _run(self, task: Callable[[], object]) -> None:
        try:
            task()
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
        file = self._guide.likely_file(page, requirements, target)
        if file is None:
            return
        metadata = self._metadata(file)
        project.version = metadata.version
        self.anticipate(self._guide.needed(metadata, extras, target), target)


def _agrees(requirement: Requirement, project: _Project) -> bool:
    """Whether the file chosen before would be chosen again; one being chosen at the moment counts as such."""
    version = project.version
    return version is None or requirement.specifier.contains(version, prereleases=True)
