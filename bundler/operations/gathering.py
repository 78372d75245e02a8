"""Gather: resolve for every target and bring the files here, until every file chosen has proved sound.

Direct references are settled first: each becomes one file with a hash, whose project no index is asked for; so do the
files that a lock names by URL.

A wheel that turns out hostile or false only once it is here (its METADATA isn't what the resolution used, its RECORD
disagrees, its structure is a trick) is refused by name, and the resolution is made again without it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import BinaryIO

from packaging.requirements import Requirement

from bundler import __version__
from bundler.archives.wheels import check_wheel
from bundler.cache.store import Store
from bundler.digests import Digest
from bundler.distributions import CoreMetadata, Wheel, parse_filename
from bundler.errors import IntegrityError, UnusableFile
from bundler.index.client import IndexClient
from bundler.index.downloads import download_all
from bundler.index.places import Places
from bundler.index.transport import Transport
from bundler.operations.given import all_references, given_files, locked_projects, with_settled
from bundler.operations.other_indexes import telling_of_other_indexes
from bundler.operations.planning import Plan
from bundler.operations.progress import Progress
from bundler.operations.references import reference_locations, settle_references
from bundler.resolution.candidates import Catalogue
from bundler.resolution.provider import Budget
from bundler.resolution.resolver import Resolution, Selection, unite
from bundler.resolution.source import Source
from bundler.resolution.together import resolve_all
from bundler.simple.model import ProjectFile, ProjectPage
from bundler.targets.model import Target

__all__ = ["Gathering", "opened_gathering"]

_CHECKERS = 2  # wheels are checked mostly by Python code, which more threads don't speed up

OnSound = Callable[[str, Digest], object]


@contextmanager
def opened_gathering(
    plan: Plan, store: Store, progress: Progress, *, on_sound: OnSound | None = None
) -> Iterator[Gathering]:
    """Open the indexes for a block, and settle the direct references.

    `on_sound` is told of each file that is here and checked, while others are on their way; from several threads.

    Raises:
        UsageError: an index's or find-links place's address can't be used.
        BundlerError: a reference can't be settled.
    """
    places = Places.of(plan.options, default_url=plan.asked.default_index_url)
    projects = locked_projects(plan.wanted.locks, plan.targets)
    references = all_references(plan.wanted, projects)
    with (
        telling_of_other_indexes([location.url for location in places.locations]),
        Transport(locations=(*places.locations, *reference_locations(references))) as transport,
    ):
        settled = settle_references(references, transport=transport, store=store, progress=progress)
        given = given_files(projects, settled)
        choices = replace(plan.choices, referenced=frozenset(each.name for each in settled))
        catalogue = Catalogue(choices)
        with IndexClient(places, transport=transport, store=store, guide=catalogue, given=given) as client:
            wanted = with_settled(plan.wanted, settled)
            yield Gathering(
                replace(plan, wanted=wanted),
                client=client,
                transport=transport,
                store=store,
                catalogue=catalogue,
                progress=progress,
                on_sound=on_sound,
            )


class Gathering:
    """Resolves and downloads until every file chosen has proved sound; each further round refuses at least one file."""

    def __init__(
        self,
        plan: Plan,
        *,
        client: IndexClient,
        transport: Transport,
        store: Store,
        catalogue: Catalogue,
        progress: Progress,
        on_sound: OnSound | None,
    ) -> None:
        #: The plan, its references settled.
        self.plan = plan
        self._client = client
        self._transport = transport
        self._store = store
        self._catalogue = catalogue
        self._progress = progress
        self._on_sound = on_sound
        self._source = _Sieve(client)
        #: Bytes of each file that is here and sound, by file name.
        self.sizes: dict[str, int] = {}

    def open_file(self, digest: Digest) -> BinaryIO:
        """Open a file of the selection; whoever reads it checks it."""
        return self._store.blobs.open(digest)

    def selection(self) -> Selection:
        """The files for all targets, all in the blob store."""
        while True:
            selection = unite(self.resolutions())
            refusals = self._fetch([selected.file for selected in selection.files])
            if not refusals:
                return selection
            for filename, reason in refusals.items():
                self._progress.note(f"refused {reason}")
                self._source.refused[filename] = reason

    def resolutions(self) -> tuple[Resolution, ...]:
        """What is chosen for each target, in their order."""
        self._progress.begin(f"resolving for {', '.join(target.name for target in self.plan.targets)}")
        return resolve_all(
            self.plan.wanted,
            self.plan.targets,
            self._source,
            budget=Budget(clock=time.monotonic),
            catalogue=self._catalogue,
            consistent=self.plan.asked.consistent,
            report=lambda found: self._progress.detail(f"{found.target.name}: {len(found.pins)} packages"),
        )

    def answers(self) -> Mapping[str, str | None]:
        """What the resolutions rest on: see `IndexClient.answers`."""
        return self._client.answers

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
        self._hold_to(file, digest)
        used = self._client.metadata_digest_used(file)
        if isinstance(distribution, Wheel) and self._checked(distribution, digest) != used:
            self._client.distrust(file)
            raise UnusableFile(f"{file.filename}: its METADATA isn't what the index gave for it")
        if self._on_sound is not None:
            self._on_sound(file.filename, digest)
        return self._store.blobs.size(digest)

    def _hold_to(self, file: ProjectFile, digest: Digest) -> None:
        """Hold a file against whatever else is stated of it, by its page, a lock, or a person whose hash matched these.

        Raises:
            IntegrityError: it has another size or hash.
        """
        size = self._store.blobs.size(digest)
        if file.size not in (None, size):
            raise IntegrityError(f"{file.filename} has the wrong size", expected=f"{file.size}", actual=f"{size} bytes")
        for stated in file.hashes:
            if stated.algorithm != digest.algorithm:
                with self._store.blobs.open(digest) as stream:
                    actual = Digest.of(stream, stated.algorithm)
                if actual != stated:
                    message = f"{file.filename} has the wrong hash"
                    raise IntegrityError(message, expected=str(stated), actual=str(actual))

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

    def anticipate_files(self, files: Iterable[ProjectFile]) -> None:
        self._source.anticipate_files(files)
