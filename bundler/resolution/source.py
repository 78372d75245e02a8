"""The port: what the resolver may ask of the world.

`index.client` implements it over the network and the cache; tests implement it in memory. One conformance class
(tests/support/source_conformance.py) holds both to the same behaviour.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from packaging.requirements import Requirement

from bundler.distributions import CoreMetadata
from bundler.simple.model import ProjectFile, ProjectPage
from bundler.targets.model import Target

__all__ = ["Source"]


class Source(Protocol):
    """A place that knows projects and the metadata of their files. Answers don't change during a run."""

    def page(self, name: str) -> ProjectPage:
        """The page of a project, by its normalized name.

        Raises:
            NotFound: no index knows the project.
            SourceError: no usable answer (unavailable, refused, quarantined).
        """

    def metadata(self, file: ProjectFile) -> CoreMetadata:
        """A file's core metadata; for an sdist only if it is static (PEP 643, or [project] without dynamic).

        Raises:
            UnusableFile: this file can't be used and another may; the message says why, starting with its name.
            SourceError: the source failed; trying other files makes no sense.
        """

    def anticipate(self, requirements: Iterable[Requirement], target: Target) -> None:
        """Hint that these requirements will be looked at soon for that target; returns at once and never raises."""

    def anticipate_files(self, files: Iterable[ProjectFile]) -> None:
        """Hint that the metadata of these files will be asked for soon; returns at once and never raises."""
