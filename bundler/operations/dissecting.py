"""Dissecting: each artifact is taken apart and proven as soon as it is here, while others are still on their way.

Threads work on whatever is here, the largest artifact first: a large one at the end would leave the other cores idle.
A recipe that the cache remembers is taken if its size and its literals are the artifact's; else it is proven anew. Its
blobs are held against the artifacts that they are taken from by whoever packs; if that fails, `forget` drops all that
was remembered. Nobody inflates the other places of a blob, nor deflates anything: whoever expands finds out about them.
Before an artifact is taken apart its SHA-256 is checked once more.

Recipes are handed out encoded: as objects they would take fifty times the memory. Leaving the block stops everything
at the next read. Where no exact zlib is found, processes stand in for threads, since the encoder in plain Python would
otherwise use one core alone.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Mapping
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor, as_completed
from multiprocessing import active_children
from pathlib import Path
from queue import PriorityQueue
from typing import BinaryIO, NamedTuple

from bundler.bundle.ahead import CORES
from bundler.bundle.deflate import Engine, workers
from bundler.bundle.dissection import dissect
from bundler.bundle.recipes import Recipe
from bundler.cache.blobs import open_plain
from bundler.cache.store import Store
from bundler.digests import Digest
from bundler.errors import BundleFormatError, EnvironmentProblem, IntegrityError
from bundler.operations.engines import choose_engine
from bundler.operations.progress import Progress

__all__ = ["DISSECTION", "Dissecting"]

#: The version of the rules by which artifacts are taken apart; another one takes nothing from what this one left.
DISSECTION = "1"


class _Artifact(NamedTuple):
    """What is to be taken apart; sorts by size, the largest first."""

    minus_size: int
    filename: str
    digest: Digest


class _Stopped(Exception):
    """Nobody waits for this any more."""


class Dissecting:
    """Takes artifacts apart on threads of its own; a context manager."""

    def __init__(self, store: Store, progress: Progress) -> None:
        self._store = store
        self._progress = progress
        self._pool = ThreadPoolExecutor(CORES, thread_name_prefix="dissect")
        self._stop = threading.Event()
        self._waiting: PriorityQueue[_Artifact] = PriorityQueue()
        self._jobs: list[Future[tuple[_Artifact, bytes]]] = []
        self._choosing = threading.Lock()
        self._engine: Engine | None = None
        self._processes: Executor | None = None
        self._remembered: list[_Artifact] = []
        self._recipes: dict[Digest, bytes] = {}

    def __enter__(self) -> Dissecting:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._stop.set()
        with self._choosing:
            if self._processes is not None:
                self._processes.shutdown(wait=False, cancel_futures=True)
                for process in active_children() if kind is not None else ():
                    process.terminate()  # it would go on for minutes; no other part of bundler has such children
        self._pool.shutdown(cancel_futures=True)

    def add(self, filename: str, digest: Digest) -> None:
        """Take an artifact apart that is in the blob store; from any thread, and once for each."""
        self._submit(_Artifact(-self._store.blobs.size(digest), filename, digest))

    def recipes(self) -> Mapping[Digest, bytes]:
        """Wait for all; give the encoded recipes by the artifacts' SHA-256.

        Raises:
            IntegrityError: an artifact isn't what it was when it came.
            EnvironmentProblem: it can't be read any more, or the process that took it apart has died.
        """
        late = {job for job in self._jobs if not job.done()}
        if late:
            self._progress.begin("proving", total_files=len(late))
        for job in as_completed(self._jobs):
            artifact, recipe = job.result()
            self._recipes[artifact.digest] = recipe
            if job in late:
                self._progress.advance(files=1)
        self._jobs.clear()
        return self._recipes

    def forget(self) -> bool:
        """Drop every recipe that was remembered and prove it anew; False where there was none."""
        forgotten, self._remembered = self._remembered, []
        for artifact in forgotten:
            self._store.responses.drop_recipe(artifact.digest)
            self._submit(artifact)
        return bool(forgotten)

    def _submit(self, artifact: _Artifact) -> None:
        self._waiting.put(artifact)
        self._jobs.append(self._pool.submit(self._take_largest))

    def _take_largest(self) -> tuple[_Artifact, bytes]:
        artifact = self._waiting.get()
        known = self._known(artifact)
        if known is not None:
            self._remembered.append(artifact)
            return artifact, known
        with self._store.blobs.open(artifact.digest) as stream:
            recipe = self._proven(artifact, _Stoppable(stream, self._stop))
        self._store.responses.store_recipe(artifact.digest, recipe, by=DISSECTION)
        return artifact, recipe

    def _known(self, artifact: _Artifact) -> bytes | None:
        """The recipe that the cache remembers, if it may be that of this artifact."""
        recipe = self._store.responses.recipe(artifact.digest, by=DISSECTION)
        if recipe is None:
            return None
        with self._store.blobs.open(artifact.digest) as stream:
            try:
                return recipe if Recipe.decode(recipe).fits(stream, -artifact.minus_size) else None
            except BundleFormatError:
                return None

    def _proven(self, artifact: _Artifact, stream: BinaryIO) -> bytes:
        actual = Digest.of(stream)
        if actual != artifact.digest:
            message = f"{artifact.filename} has changed in the cache"
            raise IntegrityError(message, expected=str(artifact.digest), actual=str(actual), hint="run again")
        engine, processes = self._means()
        if processes is None:
            return dissect(stream, engine).encode()
        try:
            return processes.submit(_dissect_file, self._store.blobs.path(artifact.digest), engine).result()
        except BrokenExecutor as exc:
            message = f"the process that took {artifact.filename} apart has died"
            raise EnvironmentProblem(message, hint="see that there is enough memory, or use --no-recompress") from exc

    def _means(self) -> tuple[Engine, Executor | None]:
        """The engine, and processes where it is one that threads don't speed up; chosen when they are first needed."""
        with self._choosing:
            if self._stop.is_set():
                raise _Stopped
            if self._engine is None:
                self._engine = choose_engine(self._progress, hint="; with --no-recompress files are kept as they are")
                if not self._engine.is_parallel:
                    self._processes = workers(self._engine, CORES)
            return self._engine, self._processes


def _dissect_file(path: Path, engine: Engine) -> bytes:
    """Take a file apart in a process of its own."""
    with open_plain(path) as stream:
        return dissect(stream, engine).encode()


class _Stoppable(io.FileIO):
    """An open file that can't be read any more once everything is to stop."""

    def __init__(self, stream: BinaryIO, stop: threading.Event) -> None:
        super().__init__(stream.fileno(), closefd=False)
        self._stop = stop

    def read(self, size: int | None = -1, /) -> bytes:
        """The next bytes.

        Raises:
            _Stopped: nobody wants them.
        """
        if self._stop.is_set():
            raise _Stopped
        return super().read(size)
