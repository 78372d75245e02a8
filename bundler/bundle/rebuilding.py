"""Artifacts put together again from recipes and content, by the program that also travels in the bundle.

`expander` does the work and checks what strangers wrote, so that the two can't disagree; here its refusals become
errors of bundler's. Left out: the SHA-256s of what it made, which `landing` holds against the manifest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from pathlib import Path

from bundler.bundle import deflate, expander
from bundler.bundle.landing import writing
from bundler.errors import BundleFormatError, EnvironmentProblem

__all__ = ["Rebuilder", "refusals"]


class Rebuilder:
    """Puts artifacts together in a directory, all cores at work; without an engine it chooses one when it needs it."""

    def __init__(
        self,
        directory: Path,
        threads: int,
        engine: deflate.Engine | None,
        progress: Callable[[int], object] = lambda size: None,
    ) -> None:
        self._directory = directory
        self._threads = threads
        self._engine = engine
        self._progress = progress

    def __call__(self, recipes: expander.Recipes, read: Callable[[int], bytes]) -> None:
        """Make the recipes' artifacts; `read` gives the next bytes of what their blobs are, in the content's order.

        Raises:
            Refusal: a blob doesn't deflate to the size that a recipe states.
            EnvironmentProblem: the file system refused, or a process that deflates was ended.
        """
        engine = self._engine or deflate.choose()
        try:
            with writing(self._directory), deflate.workers(engine, self._threads) as pool:
                expander.rebuild(recipes, read, str(self._directory), pool, engine.compressor, self._progress)
        except BrokenExecutor as exc:
            raise EnvironmentProblem(f"can't write {self._directory}: a process that deflates was ended") from exc


@contextmanager
def refusals(subject: str) -> Iterator[None]:
    """Translate what `expander` refuses; `subject` is what it was about."""
    try:
        yield
    except expander.Refusal as exc:
        raise BundleFormatError(f"{subject}: {exc}") from exc
