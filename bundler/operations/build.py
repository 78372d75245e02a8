"""Build: requirements × targets → resolutions → verified files → one bundle file.

A wheel that turns out hostile or false only once it is here (its METADATA isn't what the resolution used, its RECORD
disagrees, its structure is a trick) is refused by name, and the resolution is made again without it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement

from bundler.archives import check_wheel
from bundler.bundle.writer import write_bundle
from bundler.cache.store import Store
from bundler.digests import Digest
from bundler.distributions import CoreMetadata, Wheel, parse_filename
from bundler.errors import EnvironmentProblem, UnusableFile, UsageError
from bundler.index.client import IndexClient
from bundler.index.downloads import download_all
from bundler.index.transport import Transport
from bundler.operations.caching import opened_cache
from bundler.operations.documents import describe_bundle
from bundler.operations.progress import Progress
from bundler.publication import publish_file
from bundler.requirements.model import RequirementSet
from bundler.resolution.provider import Budget
from bundler.resolution.resolver import PassedOver, Selection, resolve, unite
from bundler.simple.model import ProjectFile, ProjectPage
from bundler.targets.model import Target

__all__ = ["BuildRequest", "BuildSummary", "build_bundle"]

_CHECKERS = 2  # wheels are checked mostly by Python code, which more threads don't speed up


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRequest:
    """What to build, for whom, from where, and into which file."""

    wanted: RequirementSet
    targets: tuple[Target, ...]
    output: Path
    index_url: str
    cache_dir: Path | None = None
    no_cache: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildSummary:
    """What was built. Sizes are bytes."""

    output: Path
    identity: Digest
    bundle_bytes: int
    artifact_bytes: int
    files: int
    sdists: int
    pins_by_target: tuple[tuple[str, int], ...]
    passed_over: tuple[tuple[str, PassedOver], ...]
    warnings: tuple[str, ...]
