"""Build: requirements × targets → resolutions → verified files → one bundle file.

A wheel that turns out hostile or false only once it is here (its METADATA isn't what the resolution used, its RECORD
disagrees, its structure is a trick) is refused by name, and the resolution is made again without it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

from bundler import __version__
from bundler.archives.wheels import check_wheel
from bundler.bundle.writer import write_bundle
from bundler.cache.store import Store
from bundler.digests import Digest
from bundler.distributions import CoreMetadata, Wheel, parse_filename
from bundler.errors import EnvironmentProblem, UnusableFile, UsageError
from bundler.index.client import IndexClient
from bundler.index.downloads import download_all
from bundler.index.locations import IndexLocation
from bundler.index.transport import Transport
from bundler.operations.caching import opened_cache
from bundler.operations.documents import describe_bundle
from bundler.operations.progress import Progress
from bundler.publication import publish_file
from bundler.requirements.model import RequirementSet
from bundler.resolution.candidates import Catalogue
from bundler.resolution.provider import Budget
from bundler.resolution.resolver import Resolution, Selection, resolve, unite
from bundler.resolution.source import Source
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
class NewerVersion:
    """A version newer than the one taken that was passed over, with the targets it was passed over for."""

    name: str
    version: str
    reason: str
    targets: tuple[str, ...]


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
    passed_over: tuple[NewerVersion, ...]
    warnings: tuple[str, ...]


def build_bundle(request: BuildRequest, progress: Progress) -> BuildSummary:
    """Resolve, download, check and pack; the bundle appears under its name only when it is whole.

    Raises:
        BundlerError: any of its branches; nothing is left behind.
    """
    _check_output(request.output)
    location = IndexLocation.parse(request.index_url)
    catalogue = Catalogue()
    with (
        opened_cache(request.cache_dir, no_cache=request.no_cache, progress=progress) as store,
        Transport(locations=[location]) as transport,
        IndexClient(location, transport=transport, store=store, choose=catalogue.likely_file) as client,
    ):
        gathering = _Gathering(request, client, transport, store, catalogue, progress)
        selection = gathering.selection()
        manifest, documents = describe_bundle(request.wanted, selection, gathering.sizes)
        artifact_bytes = sum(artifact.size for artifact in manifest.artifacts)
        progress.begin("packing", total_bytes=artifact_bytes, total_files=len(manifest.artifacts))
        with publish_file(request.output) as stream:
            bundle_bytes = write_bundle(
                stream,
                manifest,
                documents,
                lambda artifact: store.blobs.open(artifact.digest),
                threads=os.cpu_count() or 1,
                progress=lambda count: progress.advance(nbytes=count),
            )
    return BuildSummary(
        output=request.output,
        identity=manifest.identity,
        bundle_bytes=bundle_bytes,
        artifact_bytes=artifact_bytes,
        files=len(manifest.artifacts),
        sdists=sum(not artifact.filename.endswith(".whl") for artifact in manifest.artifacts),
        pins_by_target=tuple((r.target.name, len(r.pins)) for r in selection.resolutions),
        passed_over=_passed_over(selection),
        warnings=tuple(sorted({warning for r in selection.resolutions for warning in r.warnings})),
    )


def _check_output(output: Path) -> None:
    """Say before any work what would only be found out at its end."""
    if output.is_dir():
        raise UsageError(f"{output} is a directory", hint="name the bundle's file, such as app.tar.zst")
    if not output.parent.is_dir():
        hint = f"create {output.parent} first"
        raise EnvironmentProblem(f"can't write {output}: its directory doesn't exist", hint=hint)
    if not os.access(output.parent, os.W_OK | os.X_OK):
        hint = "check the permissions, or choose another directory"
        raise EnvironmentProblem(f"can't write {output}: {output.parent} isn't writable", hint=hint)


class _Gathering:
    """Resolves and downloads until every file chosen has proved sound; each further round refuses at least one file."""

    def __init__(
        self,
        request: BuildRequest,
        client: IndexClient,
        transport: Transport,
        store: Store,
        catalogue: Catalogue,
        progress: Progress,
    ) -> None:
        self._request = request
        self._client = client
        self._transport = transport
        self._store = store
        self._catalogue = catalogue
        self._progress = progress
        self._source = _Sieve(client)
        #: Bytes of each file that is here and sound, by file name.
        self.sizes: dict[str, int] = {}

    def selection(self) -> Selection:
        """The files for all targets, all in the blob store."""
        while True:
            selection = unite([self._resolution(target) for target in self._request.targets])
            refusals = self._fetch([selected.file for selected in selection.files])
            if not refusals:
                return selection
            for filename, reason in refusals.items():
                self._progress.note(f"refused {reason}")
                self._source.refused[filename] = reason

    def _resolution(self, target: Target) -> Resolution:
        self._progress.begin(f"resolving {target.name}")
        budget = Budget(clock=time.monotonic)
        resolution = resolve(self._request.wanted, target, self._source, budget=budget, catalogue=self._catalogue)
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


def _passed_over(selection: Selection) -> tuple[NewerVersion, ...]:
    targets: dict[tuple[str, Version, str], list[str]] = {}
    for resolution in selection.resolutions:
        for passed in resolution.passed_over:
            targets.setdefault((passed.name, passed.version, passed.reason), []).append(resolution.target.name)
    return tuple(
        NewerVersion(name=name, version=str(version), reason=reason, targets=tuple(targets[name, version, reason]))
        for name, version, reason in sorted(targets, key=lambda key: (key[0], key[1], key[2]))
    )
