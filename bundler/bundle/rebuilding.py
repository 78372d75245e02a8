"""Artifacts put together again from recipes and content, by the program that also travels in the bundle.

`expander` does the work and checks what strangers wrote, so that the two can't disagree; here its refusals become
errors of bundler's. What it made is held against the manifest: the third door for hashes, as in `unpacking`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

from bundler.bundle import deflate, expander
from bundler.bundle.ahead import in_order
from bundler.bundle.manifest import Artifact
from bundler.bundle.unpacking import wrong_digest
from bundler.digests import Digest
from bundler.errors import BundleFormatError, EnvironmentProblem

__all__ = ["Rebuilder", "refusals", "seal"]


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
            with _writing(self._directory), deflate.workers(engine, self._threads) as pool:
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


def seal(
    artifacts: Iterable[Artifact],
    directory: Path,
    *,
    bundle: str,
    threads: int,
    progress: Callable[[int], object] = lambda size: None,
) -> None:
    """Check the SHA-256 of files that were made, and see them onto the disk.

    Raises:
        IntegrityError: a file isn't what the manifest states.
        EnvironmentProblem: the file system refused.
    """
    jobs = (partial(_seal, artifact, directory, bundle) for artifact in artifacts)
    with closing(in_order(jobs, threads)) as sizes:
        for size in sizes:
            progress(size)


def _seal(artifact: Artifact, directory: Path, bundle: str) -> int:
    path = directory / artifact.filename
    with _writing(path), open(path, "r+b") as stream:  # Windows syncs only what may be written
        actual = Digest.of(stream)
        os.fsync(stream.fileno())
    if actual != artifact.digest:
        raise wrong_digest(f"{artifact.filename} in {bundle}", artifact.digest, actual)
    return artifact.size


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise EnvironmentProblem.from_os_error(exc, f"write {exc.filename or path}") from exc
