"""The source port over the network, the disk and the cache, for all places that files come from.

A project's page is that of the first index that knows it (`places` says which are asked), with the files of find-links
places in addition. Files that are given, by a lock or a direct reference, are all there is of their project.

A page or a file's metadata is fetched and parsed once per run, whoever asks first; later askers and other threads get
the same value, or the same error. Metadata comes from the cache, else the index's metadata file (PEP 658/714), else
the end of the wheel by ranges, else the whole file; an sdist's from the sdist. The bytes that were used are kept as a
digest, so that the wheel's own METADATA can be held against them once it is here.

Left out for now: working offline.
"""

from __future__ import annotations

import io
import os
import threading
import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from types import MappingProxyType
from typing import BinaryIO, Generic, TypeVar

from packaging.requirements import Requirement

from bundler.archives.sdists import read_sdist_files
from bundler.archives.wheels import read_wheel_metadata
from bundler.cache.store import Store
from bundler.digests import Digest
from bundler.distributions import CoreMetadata, Sdist, Wheel, parse_filename
from bundler.errors import NotFound, Refused, UnusableFile, UsageError
from bundler.index.downloads import download
from bundler.index.flat import FlatPlace, merged, with_local_digests
from bundler.index.local import path_of
from bundler.index.locations import IndexLocation, is_local, redact
from bundler.index.pages import Pages
from bundler.index.places import Places
from bundler.index.prefetch import Guide, Prefetcher
from bundler.index.ranges import NoRanges, open_ranged
from bundler.index.transport import Transport
from bundler.sdist_metadata import static_sdist_metadata
from bundler.simple.model import ProjectFile, ProjectPage
from bundler.targets.model import Target

__all__ = ["IndexClient"]

#: Bytes of a metadata file.
MAX_METADATA = 8 << 20

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class IndexClient:
    """Implements `resolution.source.Source`; safe to use from many threads; a context manager."""

    def __init__(
        self,
        places: Places,
        *,
        transport: Transport,
        store: Store,
        guide: Guide | None = None,
        given: Mapping[str, tuple[ProjectFile, ...]] = MappingProxyType({}),
        now: Callable[[], float] = time.time,
    ) -> None:
        self._places, self._transport, self._store, self._given = places, transport, store, given
        self._pages = Pages(transport, store.responses, now)
        self._known: _Once[str, ProjectPage] = _Once()
        self._flats: _Once[str, FlatPlace] = _Once()
        self._metadata: _Once[tuple[str, str, Digest | None], CoreMetadata] = _Once()
        self._used: dict[str, Digest] = {}
        #: What each page that was asked for depended on, by its URL; None where nothing stored vouches for it.
        self.answers: dict[str, str | None] = {}
        #: Sizes in bytes by file name, learnt in passing, of files whose index states none.
        self.sizes: dict[str, int] = {}
        self._prefetcher = None if guide is None else Prefetcher(self.page, self.metadata, guide)

    def __enter__(self) -> IndexClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop running ahead; the transport and the store are the caller's to close."""
        if self._prefetcher is not None:
            self._prefetcher.close()

    def page(self, name: str) -> ProjectPage:
        """See `Source.page`."""
        return self._known.get(name, lambda: self._page(name))

    def metadata(self, file: ProjectFile) -> CoreMetadata:
        """See `Source.metadata`."""
        return self._metadata.get((file.filename, file.url, file.digest), lambda: self._metadata_of(file))

    def anticipate(self, requirements: Iterable[Requirement], target: Target) -> None:
        """See `Source.anticipate`."""
        if self._prefetcher is not None:
            self._prefetcher.anticipate(requirements, target)

    def anticipate_files(self, files: Iterable[ProjectFile]) -> None:
        """See `Source.anticipate_files`."""
        if self._prefetcher is not None:
            self._prefetcher.anticipate_files(files)

    def metadata_digest_used(self, file: ProjectFile) -> Digest | None:
        """The SHA-256 of the METADATA that `metadata` gave for a wheel in this run, or None if it wasn't asked for."""
        return self._used.get(file.filename)

    def distrust(self, file: ProjectFile) -> None:
        """Forget a wheel's metadata on disk, since it isn't what the wheel holds."""
        if file.digest is not None:
            self._store.responses.drop_metadata(file.digest)

    # Pages

    def _page(self, name: str) -> ProjectPage:
        if name in self._given:
            return _given_page(name, self._given[name])
        owner, asked, details = self._owned(name)
        places = () if self._places.pinned(name) else tuple(map(self._flat, self._places.find_links))
        page = merged(name, owner, places)
        if page is None:
            raise _unknown(name, [*asked, *(place.url for place in places)], details)
        return page

    def _owned(self, name: str) -> tuple[ProjectPage | None, list[str], tuple[str, ...]]:
        """The page of the first index that knows the project, or the indexes that don't and what they answered.

        Only an index that says that it doesn't know the project lets the next one be asked.
        """
        asked: list[str] = []
        details: dict[str, None] = {}
        for location in self._places.asked_for(name):
            try:
                return self._page_at(location, name), [], ()
            except NotFound as exc:
                asked.append(redact(location.url))
                details |= dict.fromkeys(exc.details)
        return None, asked, tuple(details)

    def _page_at(self, location: IndexLocation, name: str) -> ProjectPage:
        if is_local(location.url):
            self._existing(location)
        url = location.page(name)
        self.answers[url] = None
        current = self._pages.current(url, name)
        page = current.page()
        self.answers[url] = current.source
        if page.status == "quarantined":
            details = () if page.status_reason is None else (f"reason given: {page.status_reason}",)
            raise Refused(f"the project {name!r} is quarantined by {redact(location.url)}", details=details)
        return with_local_digests(page) if is_local(location.url) else page

    def _existing(self, location: IndexLocation) -> None:
        """Refuse a local index that isn't there: the next one would be asked for all that it should have owned."""
        if not os.path.isdir(path_of(location.url)):
            hint = "create the directory first, or correct the path"
            raise UsageError(f"the index {redact(location.url)} is no directory", hint=hint)

    def _flat(self, location: IndexLocation) -> FlatPlace:
        return self._flats.get(location.url, lambda: self._read_flat(location.url))

    def _read_flat(self, url: str) -> FlatPlace:
        if is_local(url) and (url.endswith("/") or not os.path.isfile(path_of(url))):
            return FlatPlace.of_directory(url)
        try:
            return FlatPlace.of_page(self._pages.page(url, ""))
        except NotFound as exc:
            hint = "correct the address, or leave it out"
            raise Refused(f"{redact(url)}, named as find-links, doesn't exist", details=exc.details, hint=hint) from exc

    # Metadata

    def _metadata_of(self, file: ProjectFile) -> CoreMetadata:
        distribution = parse_filename(file.filename)
        if file.digest is None:
            raise UnusableFile(f"{file.filename}: the index states no sha256")
        try:
            if isinstance(distribution, Sdist):
                return self._sdist_metadata(file, distribution)
            data = self._wheel_metadata(file, file.digest, distribution)
        except NotFound as exc:
            raise UnusableFile(f"{file.filename}: the index names it but doesn't have it") from exc
        metadata = CoreMetadata.parse(data, distribution)
        self._used[file.filename] = Digest.sha256(data)
        return metadata

    def _wheel_metadata(self, file: ProjectFile, digest: Digest, wheel: Wheel) -> bytes:
        stored = self._store.responses.metadata(digest)
        if stored is not None and _is_as_stated(stored, file):
            return stored
        data = self._sidecar(file) if file.has_metadata else None
        if data is None:
            data = self._from_wheel(file, digest, wheel)
        self._store.responses.store_metadata(digest, data)
        return data

    def _sidecar(self, file: ProjectFile) -> bytes | None:
        """The metadata file beside the wheel (PEP 658), or None where the index doesn't have it after all."""
        url = file.url.partition("#")[0] + ".metadata"
        try:
            response = self._transport.get(url, ceiling=MAX_METADATA)
        except NotFound:
            return None
        if response.status != 200:
            return None
        if not _is_as_stated(response.body, file):
            details = (f"expected: {file.metadata_digest}", f"actual:   {Digest.sha256(response.body)}")
            raise UnusableFile(f"{file.filename}: its metadata file has the wrong hash", details=details)
        return response.body

    def _from_wheel(self, file: ProjectFile, digest: Digest, wheel: Wheel) -> bytes:
        try:
            stream, size = open_ranged(self._transport, file.url)
            self.sizes[file.filename] = size
            return read_wheel_metadata(stream, wheel)
        except NoRanges:
            with self._whole(file) as whole:
                return read_wheel_metadata(whole, wheel)

    def _sdist_metadata(self, file: ProjectFile, sdist: Sdist) -> CoreMetadata:
        with self._whole(file) as stream:
            pkg_info, pyproject = read_sdist_files(stream, sdist)
        return static_sdist_metadata(pkg_info, pyproject, sdist)

    def _whole(self, file: ProjectFile) -> BinaryIO:
        digest = download(file, transport=self._transport, blobs=self._store.blobs)
        self.sizes[file.filename] = self._store.blobs.size(digest)
        return self._store.blobs.open(digest)


class _Once(Generic[K, V]):
    """Values or errors computed once, by whoever asks first; the others wait for him."""

    def __init__(self) -> None:
        self._futures: dict[K, Future[V]] = {}
        self._lock = threading.Lock()

    def get(self, key: K, compute: Callable[[], V]) -> V:
        with self._lock:
            future = self._futures.get(key)
            first = future is None
            if future is None:
                future = self._futures[key] = Future()
        if first:
            try:
                future.set_result(compute())
            except BaseException as exc:
                future.set_exception(exc)
        return future.result()


def _is_as_stated(metadata: bytes, file: ProjectFile) -> bool:
    stated = file.metadata_digest
    return stated is None or Digest.of(io.BytesIO(metadata), stated.algorithm) == stated


def _given_page(name: str, files: tuple[ProjectFile, ...]) -> ProjectPage:
    filenames = tuple(file.filename for file in files)
    return with_local_digests(ProjectPage(name=name, url=f"given:{name}", filenames=filenames, read=files.__getitem__))


def _unknown(name: str, asked: Sequence[str], details: tuple[str, ...]) -> NotFound:
    if not asked:
        hint = "name an index with --index-url, or a place of files with --find-links"
        return NotFound(f"no place is named that may have a project {name!r}", hint=hint)
    places = " and ".join((", ".join(asked[:-1]), asked[-1])) if asked[1:] else asked[0]
    return NotFound(f"{places} {'have' if asked[1:] else 'has'} no project named {name!r}", details=details)
