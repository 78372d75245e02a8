"""The source port over the network and the cache, for one package index.

A page or a file's metadata is fetched and parsed once per run, whoever asks first; later askers and other threads get
the same value, or the same error. Metadata comes from the cache, else the index's metadata file (PEP 658/714), else
the end of the wheel by ranges, else the whole file; an sdist's from the sdist. The bytes that were used are kept as a
digest, so that the wheel's own METADATA can be held against them once it is here.

Left out for now: several indexes, and working offline.
"""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Hashable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from typing import BinaryIO, Generic, TypeVar

from packaging.requirements import Requirement

from bundler.archives.sdists import read_sdist_files
from bundler.archives.wheels import read_wheel_metadata
from bundler.cache.freshness import Fetch, Fresh, Revalidate, confirms, decide, merge, storable
from bundler.cache.responses import StoredResponse
from bundler.cache.store import Store
from bundler.digests import Digest
from bundler.distributions import CoreMetadata, Sdist, Wheel, parse_filename
from bundler.errors import NotFound, Refused, UnusableFile
from bundler.index import encoding
from bundler.index.downloads import download
from bundler.index.locations import IndexLocation, redact
from bundler.index.prefetch import Choose, Prefetcher
from bundler.index.ranges import NoRanges, open_ranged
from bundler.index.transport import Transport
from bundler.sdist_metadata import static_sdist_metadata
from bundler.simple import html, json
from bundler.simple.model import ProjectFile, ProjectPage
from bundler.targets.model import Target

__all__ = ["ACCEPT", "IndexClient"]

ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"
#: Bytes of a page, decoded; the largest page of a real index has 12 MB.
MAX_PAGE = 64 << 20
#: Bytes of a metadata file.
MAX_METADATA = 8 << 20

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class IndexClient:
    """Implements `resolution.source.Source`; safe to use from many threads; a context manager."""

    def __init__(
        self,
        location: IndexLocation,
        *,
        transport: Transport,
        store: Store,
        choose: Choose | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._location, self._transport, self._store, self._now = location, transport, store, now
        self._pages: _Once[str, ProjectPage] = _Once()
        self._metadata: _Once[tuple[str, str, Digest | None], CoreMetadata] = _Once()
        self._used: dict[str, Digest] = {}
        #: Sizes in bytes by file name, learnt in passing, of files whose index states none.
        self.sizes: dict[str, int] = {}
        self._prefetcher = None if choose is None else Prefetcher(self.page, self.metadata, choose)

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
        return self._pages.get(name, lambda: self._page(name))

    def metadata(self, file: ProjectFile) -> CoreMetadata:
        """See `Source.metadata`."""
        return self._metadata.get((file.filename, file.url, file.digest), lambda: self._metadata_of(file))

    def anticipate(self, requirements: Iterable[Requirement], target: Target) -> None:
        """See `Source.anticipate`."""
        if self._prefetcher is not None:
            self._prefetcher.anticipate(requirements, target)

    def metadata_digest_used(self, file: ProjectFile) -> Digest | None:
        """The SHA-256 of the METADATA that `metadata` gave for a wheel in this run, or None if it wasn't asked for."""
        return self._used.get(file.filename)

    def distrust(self, file: ProjectFile) -> None:
        """Forget a wheel's metadata on disk, since it isn't what the wheel holds."""
        if file.digest is not None:
            self._store.responses.drop_metadata(file.digest)

    # Pages

    def _page(self, name: str) -> ProjectPage:
        try:
            page = self._current_page(self._location.page(name), name)
        except NotFound as exc:
            raise NotFound(f"{redact(self._location.url)} has no project named {name!r}", details=exc.details) from exc
        if page.status == "quarantined":
            details = () if page.status_reason is None else (f"reason given: {page.status_reason}",)
            raise Refused(f"the project {name!r} is quarantined by {redact(self._location.url)}", details=details)
        return page

    def _current_page(self, url: str, name: str) -> ProjectPage:
        stored = self._store.responses.page(url, ACCEPT)
        asked_at = self._now()
        decision = Fetch() if stored is None else decide(stored.headers, asked_at=stored.asked_at, now=asked_at)
        if stored is not None and isinstance(decision, Fresh):
            return _parsed(stored, name)
        if stored is not None and isinstance(decision, Revalidate):
            answer = self._ask(url, dict(decision.headers))
            if isinstance(answer, StoredResponse):
                return self._kept(url, answer, name)
            if confirms(stored.headers, answer):
                renewed = replace(stored, asked_at=asked_at, headers=merge(stored.headers, answer))
                return self._kept(url, renewed, name)
        answer = self._ask(url, {})
        if not isinstance(answer, StoredResponse):
            raise Refused(f"{redact(url)} says that nothing changed, but wasn't asked that")
        if stored is not None and answer.body == stored.body and _is_never_fresh(answer):
            return _parsed(answer, name)  # nothing new to keep
        return self._kept(url, answer, name)

    def _ask(self, url: str, conditions: Mapping[str, str]) -> StoredResponse | Mapping[str, str]:
        """The page, or of a 304 its headers."""
        asked_at = self._now()
        headers = {"accept": ACCEPT, "accept-encoding": encoding.ACCEPTED, **conditions}
        response = self._transport.get(url, headers=headers, ceiling=MAX_PAGE)
        if response.status == 304:
            return response.headers
        if response.status != 200:
            raise Refused(f"no usable answer from {redact(url)}", details=(f"HTTP status {response.status}",))
        return StoredResponse(url=redact(response.url), asked_at=asked_at, headers=response.headers, body=response.body)

    def _kept(self, url: str, response: StoredResponse, name: str) -> ProjectPage:
        """The page in an answer, which is stored only if it could be read."""
        page = _parsed(response, name)
        if storable(200, response.headers):
            self._store.responses.store_page(url, ACCEPT, response)
        else:
            self._store.responses.drop_page(url, ACCEPT)
        return page

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


def _is_never_fresh(answer: StoredResponse) -> bool:
    """Whether an answer has neither freshness nor validators, as from an index of plain files."""
    return isinstance(decide(answer.headers, asked_at=answer.asked_at, now=answer.asked_at), Fetch)


def _parsed(response: StoredResponse, name: str) -> ProjectPage:
    """Read a page by its Content-Type (PEP 691 §content-type).

    Raises:
        Refused: another type, or not a project's page: a captive portal's answer is one of them.
    """
    subject = redact(response.url)
    content_type, _, parameters = response.headers.get("content-type", "").partition(";")
    content_type = content_type.strip().lower()
    body = encoding.decode(
        response.body, response.headers.get("content-encoding", ""), ceiling=MAX_PAGE, subject=subject
    )
    if content_type == "application/vnd.pypi.simple.v1+json":
        return json.read_page(body, url=response.url, name=name)
    if content_type in ("application/vnd.pypi.simple.v1+html", "text/html"):
        return html.read_page(body, url=response.url, name=name, charset=_charset(parameters))
    hint = "check the index URL, and whether this network asks for a login first"
    raise Refused(f"{subject} isn't a page of a package index", details=(f"it came as {content_type!r}",), hint=hint)


def _charset(parameters: str) -> str | None:
    for parameter in parameters.split(";"):
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "charset":
            return value.strip().strip('"')
    return None
