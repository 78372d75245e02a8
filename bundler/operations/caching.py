"""The cache as operations use it: where it is by default, opening it, and what it holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from bundler.cache.store import Contents, Store, examine, open_store
from bundler.operations.progress import Progress

__all__ = ["CacheReport", "cache_directory", "cache_report", "opened_cache"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheReport:
    """Where the cache is, why it can't be used (None: it can), and what it holds."""

    directory: Path
    problem: str | None
    contents: tuple[Contents, ...]


def cache_directory(explicit: Path | None) -> Path:
    """The directory that was named, or the user's cache directory as the platform has it."""
    return explicit if explicit is not None else Path(platformdirs.user_cache_dir("bundler", appauthor=False))


@contextmanager
def opened_cache(explicit: Path | None, *, no_cache: bool, progress: Progress) -> Iterator[Store]:
    """Open the cache for a block, saying in one line if another place had to serve."""
    with open_store(explicit, default=cache_directory(None), no_cache=no_cache) as store:
        if store.notice:
            progress.note(store.notice)
        yield store


def cache_report(explicit: Path | None) -> CacheReport:
    """Look at the cache without changing what it holds."""
    directory = cache_directory(explicit)
    if not directory.exists():
        return CacheReport(directory=directory, problem=None, contents=examine(directory))
    with open_store(explicit, default=directory) as store:
        return CacheReport(directory=directory, problem=store.notice, contents=examine(directory))
