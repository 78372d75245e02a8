"""Files into the blob store: parallel, resumable, never larger than stated, and only with the stated SHA-256.

A body that breaks off is continued where the server gave a strong ETag (Range with If-Range, RFC 9110 §13.1.5) and its
206 says that it starts where we stopped; in every other case it starts again from zero. The hash of the whole decides,
and a wrong one is asked for once more past all caches before it is an error.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import BinaryIO

from bundler.cache.blobs import BlobStore, BlobWriter
from bundler.digests import Digest
from bundler.errors import IntegrityError, Refused, UnusableFile
from bundler.index.locations import redact
from bundler.index.ranges import content_range
from bundler.index.transport import Interrupted, Stream, Transport
from bundler.simple.model import ProjectFile

__all__ = ["MAX_FILE", "THREADS", "download", "download_all", "fetch_unknown"]

THREADS = 8
#: Bytes; no file is larger, whatever an index says.
MAX_FILE = 20 << 30
#: How often one file may break off.
BREAKS = 5

OnBytes = Callable[[int], None]
OnFile = Callable[[ProjectFile], None]


class _Stopped(Exception):
    """Another file failed, so this one isn't needed."""


def download_all(
    files: Sequence[ProjectFile],
    *,
    transport: Transport,
    blobs: BlobStore,
    sizes: Mapping[str, int] | None = None,
    on_bytes: OnBytes | None = None,
    on_file: OnFile | None = None,
) -> None:
    """Put all files into the blob store, those first that are largest; the first failure stops the others.

    `sizes` are known sizes by file name, for files whose index states none; they only order the work. `on_bytes` is
    told of bytes as they come (a negative number takes back what has to be fetched again; a file that is already there
    counts at once), `on_file` of each file that is there; both from several threads.

    Raises:
        IntegrityError, SourceError, EnvironmentProblem: see `download`.
    """
    stop = threading.Event()
    order = sorted(files, key=lambda file: -(file.size or (sizes or {}).get(file.filename, 0)))

    def count(change: int) -> None:
        if stop.is_set():
            raise _Stopped
        if on_bytes is not None:
            on_bytes(change)

    def fetch(file: ProjectFile) -> None:
        count(0)
        download(file, transport=transport, blobs=blobs, on_bytes=count)
        if on_file is not None:
            on_file(file)

    tasks: list[Future[None]] = []
    with ThreadPoolExecutor(THREADS, thread_name_prefix="download") as pool:
        try:
            tasks += [pool.submit(fetch, file) for file in order]
            wait(tasks, return_when=FIRST_EXCEPTION)
        finally:  # an interrupt included
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            if not all(task.done() for task in tasks):
                transport.close()  # nobody waits for a server that stalls
    _raise_first(tasks)


def download(
    file: ProjectFile, *, transport: Transport, blobs: BlobStore, on_bytes: OnBytes = lambda change: None
) -> Digest:
    """Put a file into the blob store unless it is there; give its digest.

    Raises:
        UnusableFile: the index states no SHA-256.
        IntegrityError: the server's bytes have another hash or size, twice.
        SourceError: see `Transport.get`; also a body without end.
        EnvironmentProblem: the file system refused.
    """
    digest = file.digest
    if digest is None:
        raise UnusableFile(f"{file.filename}: the index states no sha256")
    if blobs.verify(digest):
        on_bytes(blobs.size(digest))
        return digest
    with blobs.receive(digest, subject=f"{file.filename} from {redact(file.url)}") as writer:
        incoming = _Incoming(file, writer, transport, on_bytes)
        incoming.fetch({})
        if writer.digest() != digest:
            incoming.restart()
            incoming.fetch({"cache-control": "no-cache"})
    return digest


def fetch_unknown(
    file: ProjectFile, target: BinaryIO, *, transport: Transport, on_bytes: OnBytes = lambda change: None
) -> Digest:
    """Fetch a file whose hash nobody has stated into an empty open file; give the SHA-256 that it turns out to have.

    Raises:
        IntegrityError, SourceError: see `download`.
    """
    writer = BlobWriter(target)
    _Incoming(file, writer, transport, on_bytes).fetch({})
    return writer.digest()


class _Incoming:
    """One file on its way into a writer, over as many connections as it takes."""

    def __init__(self, file: ProjectFile, writer: BlobWriter, transport: Transport, on_bytes: OnBytes) -> None:
        self._file, self._writer, self._transport, self._on_bytes = file, writer, transport, on_bytes
        self._ceiling = MAX_FILE if file.size is None else file.size
        self._etag: str | None = None
        self._total: int | None = None

    def fetch(self, headers: Mapping[str, str]) -> None:
        """Fetch the file from where it stands to its end."""
        for breaks in range(1, BREAKS + 1):
            try:
                return self._pour(headers)
            except Interrupted:
                if breaks == BREAKS:
                    raise
                self._transport.pause(breaks)
        return None

    def restart(self) -> None:
        """Forget what came so far."""
        self._on_bytes(-self._writer.size)
        self._writer.restart()
        self._etag = None

    def _pour(self, headers: Mapping[str, str]) -> None:
        if self._etag is not None and self._writer.size:
            resumption = {"range": f"bytes={self._writer.size}-", "if-range": self._etag}
        else:
            self.restart()
            resumption = {}
        with self._transport.stream(self._file.url, headers={**headers, **resumption}) as answer:
            self._begin(answer, resumed=bool(resumption))
            for chunk in answer.chunks:
                self._write(chunk)

    def _begin(self, answer: Stream, *, resumed: bool) -> None:
        """Decide whether this body continues what we have, or replaces it."""
        if resumed and answer.status != 200:
            stated = content_range(answer.headers)
            if answer.status != 206 or stated != (self._writer.size, self._total, self._total):
                self.restart()
                raise Interrupted(f"{redact(self._file.url)} can't be continued", details=(f"status {answer.status}",))
            return
        if answer.status != 200:
            raise Refused(f"{redact(self._file.url)} answered what wasn't asked", details=(f"status {answer.status}",))
        self.restart()
        self._etag, self._total = _strong_etag(answer.headers), _length(answer.headers)

    def _write(self, chunk: bytes) -> None:
        self._writer.write(chunk)
        if self._writer.size > self._ceiling:
            subject = f"{self._file.filename} from {redact(self._file.url)} is larger than the index says"
            raise IntegrityError(subject, expected=f"{self._ceiling} bytes", actual="more")
        self._on_bytes(len(chunk))


def _strong_etag(headers: Mapping[str, str]) -> str | None:
    etag = headers.get("etag", "")
    return etag if etag.startswith('"') and etag.endswith('"') and len(etag) > 2 else None


def _length(headers: Mapping[str, str]) -> int | None:
    text = headers.get("content-length", "")[:18]
    return int(text) if text.isascii() and text.isdigit() else None


def _raise_first(tasks: Sequence[Future[None]]) -> None:
    """Raise the failure that stopped the others, the first in the order of work if there are several."""
    failures = [task.exception() for task in tasks if task.done() and not task.cancelled()]
    for failure in failures:
        if failure is not None and not isinstance(failure, _Stopped):
            raise failure
