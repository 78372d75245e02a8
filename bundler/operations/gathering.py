"""Gather: resolve for every target and bring the files here, until every file chosen has proved sound.

A wheel that turns out hostile or false only once it is here (its METADATA isn't what the resolution used, its RECORD
disagrees, its structure is a trick) is refused by name, and the resolution is made again without it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from packaging.requirements import Requirement

from bundler import __version__
from bundler.archives.wheels import check_wheel
from bundler.cache.store import Store
from bundler.digests import Digest
from bundler.distributions import CoreMetadata, Wheel, parse_filename
from bundler.errors import UnusableFile
from bundler.index.client import IndexClient
from bundler.index.downloads import download_all
from bundler.index.locations import IndexLocation
from bundler.index.transport import Transport
from bundler.operations.caching import opened_cache
from bundler.operations.progress import Progress
from bundler.requirements.model import RequirementSet
from bundler.resolution.candidates import Catalogue
from bundler.resolution.provider import Budget
from bundler.resolution.resolver import Resolution, Selection, resolve, unite
from bundler.resolution.source import Source
from bundler.simple.model import ProjectFile, ProjectPage
from bundler.targets.model import Target

__all__ = ["Gathering", "opened_gathering"]

_CHECKERS = 2  # wheels are checked mostly by Python code, which more threads don't speed up


@contextmanager
def opened_gathering(
    wanted: RequirementSet,
    targets: Sequence[Target],
    *,
    index_url: str,
    cache_dir: Path | None,
    no_cache: bool,
    progress: Progress,
) -> Iterator[Gathering]:
    """Open cache and index for a block."""
    location = IndexLocation.parse(index_url)
    catalogue = Catalogue()
    with (
        opened_cache(cache_dir, no_cache=no_cache, progress=progress) as store,
        Transport(locations=[location]) as transport,
        IndexClient(location, transport=transport, store=store, choose=catalogue.likely_file) as client,
    ):
        yield Gathering(
            wanted,
            targets,
            client=client,
            transport=transport,
            store=store,
            catalogue=catalogue,
            progress=progress,
        )


class Gathering:
    """Resolves and downloads until every file chosen has proved sound; each further round refuses at least one file."""

    def __init__(
        self,
        wanted: RequirementSet,
        targets: Sequence[Target],
        *,
        client: IndexClient,
        transport: Transport,
        store: Store,
        catalogue: Catalogue,
        progress: Progress,
    ) -> None:
        self._wanted = wanted
        self._targets = targets
        self._client = client
        self._transport = transport
        self._store = store
        self._catalogue = catalogue
        self._progress = progress
        self._source = _Sieve(client)
        #: Bytes of each file that is here and sound, by file name.
        self.sizes: dict[str, int] = {}

    def open_file(self, digest: Digest) -> BinaryIO:
        """Open a file of the selection; whoever reads it checks it."""
        return self._store.blobs.open(digest)

    def selection(self) -> Selection:
        """The files for all targets, all in the blob store."""
        while True:
            selection = unite([self._resolution(target) for target in self._targets])
            refusals = self._fetch([selected.file for selected in selection.files])
            if not refusals:
                return selection
            for filename, reason in refusals.items():
                self._progress.note(f"refused {reason}")
                self._source.refused[filename] = reason

    def _resolution(self, target: Target) -> Resolution:
        self._progress.begin(f"resolving {target.name}")
        budget = Budget(clock=time.monotonic)
        resolution = resolve(self._wanted, target, self._source, budget=budget, catalogue=self._catalogue)
        self._progress.detail(f"{target.name}: {len(resolution.pins)} packages")
        return resolution

    def _fetch(self, files: Sequence[ProjectFile]) -> dict[str, str]:
        """Download what isn't checked yet, and say which files aren't what they claim to be."""
        missing = [file for file in files if file.filename not in self.sizes]
        known = {file.filename: file.size or self._client.sizes.get(file.filename, 0) for file in missing}
        total = sum(known.values()) if all(known.values()) else None
        self._progress.begin("downloading", total_bytes=total, total_files=len(missing))
        checks: dict[str, Future[int]] = {}
        with ThreadPoolExecutor(_CHECKERS, thread_name_prefix="check") as checkers:

            def arrived(file: ProjectFile) -> None:
                self._progress.advance(files=1)
                checks[file.filename] = checkers.submit(self._check, file)

            download_all(
                missing,
                transport=self._transport,
                blobs=self._store.blobs,
                sizes=known,
                on_bytes=lambda count: self._progress.advance(nbytes=count),
                on_file=arrived,
            )
        refusals = {}
        for filename in sorted(checks):
            try:
                self.sizes[filename] = checks[filename].result()
            except UnusableFile as exc:
                refusals[filename] = exc.message
        return refusals

    def _check(self, file: ProjectFile) -> int:
        """Hold a downloaded file against what the resolution believed of it; its size in bytes.

        Raises:
            UnusableFile: it is something else.
        """
        distribution = parse_filename(file.filename)
        digest = file.digest
        if digest is None:
            raise UnusableFile(f"{file.filename}: the index states no sha256")
        used = self._client.metadata_digest_used(file)
        if isinstance(distribution, Wheel) and self._checked(distribution, digest) != used:
            self._client.distrust(file)
            raise UnusableFile(f"{file.filename}: its METADATA isn't what the index gave for it")
        return self._store.blobs.size(digest)

    def _checked(self, wheel: Wheel, digest: Digest) -> Digest:
        """The SHA-256 of the METADATA in a wheel that is sound; what was checked before isn't checked again."""
        known = self._store.responses.checked_metadata(digest, by=__version__)
        if known is not None:
            return known
        with self._store.blobs.open(digest) as stream:
            metadata = Digest.sha256(check_wheel(stream, wheel))
        self._store.responses.store_check(digest, metadata, by=__version__)
        return metadata


class _Sieve:
    """The source without the files that were refused once they were here."""

    def __init__(self, source: Source) -> None:
        self._source = source
        #: Why, by file name.
        self.refused: dict[str, str] = {}

    def page(self, name: str) -> ProjectPage:
        return self._source.page(name)

    def metadata(self, file: ProjectFile) -> CoreMetadata:
        if file.filename in self.refused:
            raise UnusableFile(self.refused[file.filename])
        return self._source.metadata(file)

    def anticipate(self, requirements: Iterable[Requirement], target: Target) -> None:
        self._source.anticipate(requirements, target)
