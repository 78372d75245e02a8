"""A loopback index that behaves like the real one, from a recording, with as much latency per request as is asked for.

JSON (PEP 691), gzip where accepted, ETag and 304, max-age, metadata files with their hashes (PEP 658), upload times.
Sizes of files aren't stated, since the recording doesn't know them; the files themselves stay where they were, where a
redirect leads. All answers lie ready in memory, in a process of their own: the index isn't what is measured.

What is asked for and not recorded is fetched from the index, by bundler's own modules, and recorded, as long as
`record` is on; so one unmeasured run of each tool makes a recording that holds all that it needs. Controls, as JSON:

    GET /-/set?latency=0.04&max_age=600&record=0
    GET /-/counts                                   requests by kind since the last time that this was asked
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import hashlib
import json
import re
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from subprocess import PIPE, Popen
from urllib.parse import parse_qsl, urlsplit

from bundler.archives.wheels import read_wheel_metadata
from bundler.digests import Digest
from bundler.distributions import Wheel, parse_filename
from bundler.errors import BundlerError, NotFound, UnusableFile
from bundler.index.locations import IndexLocation
from bundler.index.ranges import open_ranged
from bundler.index.transport import Transport
from bundler.simple import html
from bundler.simple.compact import page_of
from bundler.simple.json import CONTENT_TYPE, read_listing, write_page
from bundler.simple.model import ProjectFile, ProjectPage

__all__ = ["LoopbackIndex"]

_HERE = "http://loopback.invalid/"  # in the recording, for the address that isn't known before
_CEILING = 64 << 20
_UPLOADED = "2020-01-01T00:00:00.000000Z"
_REQUEST = re.compile(rb"(GET|HEAD) (\S+) HTTP/1\.1\r\n(.*)", re.DOTALL)
_REASONS = {200: "OK", 302: "Found", 304: "Not Modified", 404: "Not Found", 502: "Bad Gateway"}


class LoopbackIndex:
    """The index as a process of its own; a context manager."""

    def __init__(self, directory: Path, upstream: str) -> None:
        command = [sys.executable, __file__, "--directory", str(directory), "--upstream", upstream]
        self._process = Popen(command, stdout=PIPE, text=True)
        assert self._process.stdout is not None
        self._origin = self._process.stdout.readline().strip()
        self.url = f"{self._origin}/simple/"

    def __enter__(self) -> LoopbackIndex:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()

    def set(self, *, latency: float = 0.0, max_age: int = 600, record: bool = False) -> None:
        """Change how it answers."""
        self._ask(f"set?latency={latency}&max_age={max_age}&record={int(record)}")

    def counts(self) -> dict[str, int]:
        """Requests since the last call: page, 304, metadata, file, missing."""
        return {kind: int(count) for kind, count in self._ask("counts").items()}

    def _ask(self, what: str) -> dict[str, int]:
        with urllib.request.urlopen(f"{self._origin}/-/{what}") as answer:
            counts: dict[str, int] = json.load(answer)
            return counts


@dataclass(slots=True)
class Answer:
    """What one path gives, ready to be sent; `etag` is that of a page, which may answer 304."""

    kind: str
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    plain: bytes = b""
    gzipped: bytes | None = None
    etag: str = ""


class Recording:
    """What is known of the index: pages and metadata files on disk, and answers made of them."""

    def __init__(self, directory: Path, upstream: str) -> None:
        self._pages, self._metadata = directory / "pages", directory / "metadata"
        for place in (self._pages, self._metadata):
            place.mkdir(parents=True, exist_ok=True)
        self._upstream = IndexLocation.parse(upstream)
        self._transport = Transport(locations=[self._upstream])
        self._sources: dict[str, dict[str, ProjectFile]] = {}
        self._answers: dict[str, Answer] = {}
        self.origin = _HERE

    def load(self, origin: str) -> None:
        """Make ready what is recorded, under this address."""
        self.origin = origin
        for path in self._pages.iterdir():
            self._answers[f"/simple/{path.name}/"] = self._page_answer(path.name)
        for path in self._metadata.iterdir():
            self._answers[f"/files/{path.name}"] = _metadata_answer(path.read_bytes())

    def known(self, path: str) -> Answer | None:
        """The answer, if it is ready."""
        if path in self._answers:
            return self._answers[path]
        if path.startswith("/files/") and not path.endswith(".metadata"):
            file = self._source(path.removeprefix("/files/"))
            return None if file is None else Answer("file", 302, {"location": file.url})
        return None

    def fetch(self, path: str) -> Answer:
        """The answer, from the index, and recorded."""
        kind, _, name = path.strip("/").partition("/")
        try:
            if kind == "simple":
                self._record_page(name)
                answer = self._page_answer(name)
            else:
                answer = _metadata_answer(self._record_metadata(name.removesuffix(".metadata")))
        except (NotFound, UnusableFile):
            return Answer("missing", 404)
        self._answers[path] = answer
        return answer

    def _record_page(self, name: str) -> None:
        """All usable files, or an empty file for a project that the index doesn't know."""
        place = self._pages / name
        try:
            page = self._fetched_page(name)
        except NotFound:
            place.write_bytes(b"")
            return
        files: list[ProjectFile] = []
        for index in range(len(page.filenames)):
            with suppress(UnusableFile):
                files.append(page.read(index))
        names = tuple(file.filename for file in files)
        place.write_bytes(write_page(ProjectPage(name=name, url=page.url, filenames=names, read=files.__getitem__)))

    def _fetched_page(self, name: str) -> ProjectPage:
        accept = f"{CONTENT_TYPE}, text/html;q=0.1"
        answer = self._transport.get(self._upstream.page(name), headers={"accept": accept}, ceiling=_CEILING)
        if answer.headers["content-type"].startswith(CONTENT_TYPE):
            return page_of(read_listing(answer.body, url=answer.url, name=name))
        return page_of(html.read_listing(answer.body, url=answer.url, name=name))

    def _record_metadata(self, filename: str) -> bytes:
        file, wheel = self._source(filename), parse_filename(filename)
        if file is None or not isinstance(wheel, Wheel):
            raise UnusableFile(f"{filename} has no metadata")
        if file.has_metadata:
            data = self._transport.get(f"{file.url}.metadata", ceiling=_CEILING).body
        else:
            data = read_wheel_metadata(open_ranged(self._transport, file.url)[0], wheel)
        (self._metadata / f"{filename}.metadata").write_bytes(data)
        return data

    def _source(self, filename: str) -> ProjectFile | None:
        """The file on the index itself."""
        return next((files[filename] for files in self._sources.values() if filename in files), None)

    def _page_answer(self, name: str) -> Answer:
        body = (self._pages / name).read_bytes()
        if not body:
            return Answer("missing", 404)
        page = page_of(read_listing(body, url=_HERE, name=name))
        self._sources[name] = {file.filename: file for file in page.files()}
        files = [self._presented(file) for file in self._sources[name].values()]
        names = tuple(file.filename for file in files)
        body = write_page(ProjectPage(name=page.name, url=page.url, filenames=names, read=files.__getitem__))
        etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        headers = {"content-type": CONTENT_TYPE, "etag": etag, "vary": "Accept, Accept-Encoding"}
        return Answer("page", 200, headers, body, gzip.compress(body, 6), etag)

    def _presented(self, file: ProjectFile) -> ProjectFile:
        """A file as this index shows it; a metadata file that isn't recorded yet is there without its hash."""
        recorded = self._metadata / f"{file.filename}.metadata"
        digest = Digest.sha256(recorded.read_bytes()) if recorded.is_file() else None
        url = f"{self.origin}/files/{file.filename}"
        wheel = file.filename.endswith(".whl")
        return replace(file, url=url, has_metadata=wheel, metadata_digest=digest, upload_time=_UPLOADED)


def _metadata_answer(body: bytes) -> Answer:
    headers = {"content-type": "application/octet-stream", "cache-control": "max-age=365000000, immutable, public"}
    return Answer("metadata", 200, headers, body)


class Connection(asyncio.Protocol):
    """One client; requests are answered in their order."""

    def __init__(self, index: Index) -> None:
        self._index, self._received = index, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # asyncio has switched Nagle's algorithm off

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received:
            request, _, self._received = self._received.partition(b"\r\n\r\n")
            match = _REQUEST.fullmatch(request + b"\r\n")
            if match is None:
                self._transport.close()
                return
            headers = match[3].lower()
            self._index.handle(match[2].decode(), headers, partial(self._send, head_only=match[1] == b"HEAD"))

    def _send(self, answer: bytes, body: bytes, *, head_only: bool) -> None:
        assert isinstance(self._transport, asyncio.Transport)
        self._transport.write(answer if head_only else answer + body)


class Index:
    """Answers requests from a recording."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._latency, self._max_age, self._record = 0.0, 600, False
        self._counts: Counter[str] = Counter()
        self._pool = ThreadPoolExecutor(8)

    def handle(self, path: str, headers: bytes, send: Callable[[bytes, bytes], None]) -> None:
        """Answer a request, at once or when it is time."""
        loop = asyncio.get_running_loop()
        if path.startswith("/-/"):
            send(*self._controlled(path))
            return
        known = self._recording.known(path)
        if known is None and self._record:
            fetched = loop.run_in_executor(self._pool, self._fetched, path)
            fetched.add_done_callback(lambda done: send(*self._bytes(done.result(), headers)))
        elif self._latency:
            loop.call_later(self._latency, send, *self._bytes(known or Answer("missing", 404), headers))
        else:
            send(*self._bytes(known or Answer("missing", 404), headers))

    def _fetched(self, path: str) -> Answer:
        try:
            return self._recording.fetch(path)
        except BundlerError as exc:
            print(f"{path}: {exc}", file=sys.stderr)
            return Answer("missing", 502)

    def _controlled(self, path: str) -> tuple[bytes, bytes]:
        parts = urlsplit(path)
        if parts.path == "/-/set":
            settings = dict(parse_qsl(parts.query))
            self._latency, self._max_age = float(settings["latency"]), int(settings["max_age"])
            self._record = settings["record"] == "1"
        body = json.dumps(self._counts).encode()
        self._counts.clear()
        return _head(200, {"content-length": str(len(body))}), body

    def _bytes(self, answer: Answer, asked: bytes) -> tuple[bytes, bytes]:
        """Head and body of an answer to a request with these headers, in lower case."""
        headers = dict(answer.headers)
        if answer.kind == "page":
            headers["cache-control"] = f"max-age={self._max_age}, public"
            headers["date"] = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())
        if answer.etag and f"if-none-match: {answer.etag}".encode() in asked:
            self._counts["304"] += 1
            return _head(304, headers), b""
        self._counts[answer.kind] += 1
        body = answer.plain
        if answer.gzipped is not None and re.search(rb"accept-encoding:[^\r]*gzip", asked):
            body, headers["content-encoding"] = answer.gzipped, "gzip"
        return _head(answer.status, {**headers, "content-length": str(len(body))}), body


def _head(status: int, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} {_REASONS[status]}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


async def _serve(recording: Recording) -> None:
    index = Index(recording)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(index), "127.0.0.1", 0)
    origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    recording.load(origin)
    print(origin, flush=True)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", type=Path, required=True, help="where the recording is")
    parser.add_argument("--upstream", required=True, help="the index that it is made from")
    options = parser.parse_args()
    asyncio.run(_serve(Recording(options.directory, options.upstream)))


if __name__ == "__main__":
    main()
