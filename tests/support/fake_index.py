"""A package index in memory: honest by default, and slow, cut, lying or hostile when told to be.

It stands behind `httpx.MockTransport(index.handler)` or, with `index.serve()`, behind a real socket on the loopback.
Both ways give the same answers. It is written from the PEPs alone (503, 592, 658, 691, 700, 714, 792) and RFC 9110,
and uses nothing of bundler, so that it can serve as an oracle.

Paths: /simple/<project>/, /files/<file name>, /files/<file name>.metadata. Everything asked stands in `requests`.
"""

from __future__ import annotations

import contextlib
import hashlib
import html
import io
import json
import re
import threading
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, unquote, urlsplit

import httpx

from tests.support.answers import Answer, Fault, FaultKind, replacement, spoil
from tests.support.serving import LoopbackServer, MockBody
from tests.support.wheels import make_sdist, make_wheel

__all__ = ["JSON_TYPE", "FakeIndex", "RecordedRequest"]

JSON_TYPE = "application/vnd.pypi.simple.v1+json"
HTML_TYPES = ("application/vnd.pypi.simple.v1+html", "text/html")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRequest:
    """One request as it came in; header names are in lower case, the path is as it stood on the wire."""

    method: str
    path: str
    headers: Mapping[str, str]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(slots=True, kw_only=True)
class _File:
    filename: str
    data: bytes
    project: str
    url: str | None
    requires_python: str | None
    yanked: str | None
    upload_time: str | None
    hashes: Mapping[str, str]
    size: int | None
    metadata: bytes | None


class FakeIndex:
    """The index. `form="html"` ignores Accept, as plain mirrors do; `max_age=None` sends no Cache-Control."""

    def __init__(
        self,
        *,
        form: Literal["json", "html"] = "json",
        pep658: bool = True,
        etag: bool = True,
        ranges: bool = True,
        max_age: int | None = 600,
        authorization: str | None = None,
    ) -> None:
        self.form = form
        self.pep658 = pep658
        self.etag = etag
        self.ranges = ranges
        self.max_age = max_age
        #: The Authorization header that it wants, for anything it has.
        self.authorization = authorization
        self.requests: list[RecordedRequest] = []
        self._files: dict[str, _File] = {}
        self._projects: dict[str, list[_File]] = {}
        self._status: dict[str, tuple[str, str | None]] = {}
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    # What the index holds

    def add(
        self,
        filename: str,
        data: bytes,
        *,
        requires_python: str | None = None,
        yanked: str | None = None,
        upload_time: str | None = None,
        hashes: Mapping[str, str] | None = None,
        size: bool | int = True,
        metadata: bytes | None = None,
        project: str | None = None,
        url: str | None = None,
    ) -> str:
        """Put a file on its project's page and return its file name.

        `hashes`, `size` (a number) and `metadata` (the PEP 658 sidecar, stated with its own hash) let the index lie;
        `project` and `url` are for file names and links that no honest index has.
        """
        file = _File(
            filename=filename,
            data=data,
            project=_normalize(project or _project_of(filename)),
            url=url,
            requires_python=requires_python,
            yanked=yanked,
            upload_time=upload_time,
            hashes={"sha256": hashlib.sha256(data).hexdigest()} if hashes is None else hashes,
            size=(len(data) if size else None) if isinstance(size, bool) else size,
            metadata=metadata if metadata is not None else _metadata_of(filename, data),
        )
        self._files[filename] = file
        self._projects.setdefault(file.project, []).append(file)
        return filename

    def add_wheel(self, name: str, version: str, **options: Any) -> str:
        """Make a wheel and add it; options of `make_wheel` go there (Requires-Python to both), the others to `add`."""
        for_wheel = {key: options.pop(key) for key in ("requires", "extras", "tag", "files") if key in options}
        python = options.get("requires_python")
        return self.add(*make_wheel(name, version, requires_python=python, **for_wheel), **options)

    def add_sdist(self, name: str, version: str, **options: Any) -> str:
        """Make an sdist and add it, in the same way."""
        keys = ("requires", "extras", "static", "dynamic", "pyproject", "files")
        for_sdist = {key: options.pop(key) for key in keys if key in options}
        python = options.get("requires_python")
        return self.add(*make_sdist(name, version, requires_python=python, **for_sdist), **options)

    def set_status(self, project: str, status: str, reason: str | None = None) -> None:
        """State a project's PEP 792 status."""
        self._projects.setdefault(_normalize(project), [])
        self._status[_normalize(project)] = (status, reason)

    def fault(self, pattern: str, kind: FaultKind, times: int | None = 1, **options: Any) -> None:
        """Answer the next `times` requests (None: all) whose "METHOD path" matches `pattern` with a fault.

        Options are the fields of answers.Fault. Rules are tried in the order they were given; each answer uses one.
        """
        self._faults.append(Fault(pattern=re.compile(pattern), kind=kind, left=times, **options))

    def count(self, pattern: str) -> int:
        """How many requests there were whose "METHOD path" matches `pattern`."""
        return sum(1 for request in self.requests if re.search(pattern, str(request)))

    # How it is reached

    def handler(self, request: httpx.Request) -> httpx.Response:
        """Answer behind httpx.MockTransport; broken connections are httpx's own exceptions."""
        origin = f"{request.url.scheme}://{request.url.netloc.decode()}"
        headers = {name.lower(): value for name, value in request.headers.items()}
        answer = self._answer(request.method, request.url.raw_path.decode(), headers, origin)
        if answer.is_faulty("reset"):
            raise httpx.ReadError("connection reset by peer", request=request)
        return httpx.Response(answer.status, headers=answer.headers, stream=MockBody(answer, request))

    @contextlib.contextmanager
    def serve(self) -> Iterator[str]:
        """Serve on the loopback; gives the origin, such as http://127.0.0.1:40123 (the index is at + "/simple/")."""
        server = LoopbackServer(self._answer)
        try:
            yield server.origin
        finally:
            server.close()

    def save(self, root: Path) -> str:
        """Write everything below a directory, in the index's form; gives the file: URL of the index."""
        (root / "files").mkdir(parents=True)
        for file in self._files.values():
            (root / "files" / file.filename).write_bytes(file.data)
            if self.pep658 and file.metadata is not None:
                (root / "files" / f"{file.filename}.metadata").write_bytes(file.metadata)
        for project in self._projects:
            write = self._json if self.form == "json" else self._html
            (root / "simple" / project).mkdir(parents=True)
            (root / "simple" / project / f"index.{self.form}").write_bytes(write(project, root.as_uri()))
        return f"{root.as_uri()}/simple/"

    # What it answers

    def _answer(self, method: str, path: str, headers: Mapping[str, str], origin: str) -> Answer:
        request = RecordedRequest(method=method, path=path, headers=headers)
        with self._lock:
            self.requests.append(request)
            fault = self._take_fault(str(request))
        answer = replacement(fault) if fault else None
        if answer is None:
            answer = self._honest_answer(urlsplit(path).path, headers, origin)
        answer.headers.setdefault("content-length", str(len(answer.body)))
        if fault is not None:
            spoil(answer, fault)
        if method == "HEAD":
            answer.body = b""
        return answer

    def _take_fault(self, request: str) -> Fault | None:
        for fault in self._faults:
            if fault.left != 0 and fault.pattern.search(request):
                fault.left = None if fault.left is None else fault.left - 1
                return fault
        return None

    def _honest_answer(self, path: str, headers: Mapping[str, str], origin: str) -> Answer:
        if self.authorization not in (None, headers.get("authorization")):
            return Answer(status=401, headers={"www-authenticate": 'Basic realm="packages"'})
        if match := re.fullmatch(r"/simple/([^/]+)(/?)", path):
            return self._page_answer(unquote(match[1]), match[2], headers, origin)
        filename = unquote(path.removeprefix("/files/"))
        if path.startswith("/files/") and filename in self._files:
            return self._represent(self._files[filename].data, "application/octet-stream", headers, ranges=self.ranges)
        file = self._files.get(filename.removesuffix(".metadata"))
        if self.pep658 and file is not None and file.metadata is not None:
            return self._represent(file.metadata, "application/octet-stream", headers, ranges=False)
        return Answer(status=404, headers={"content-type": "text/plain"}, body=b"404 Not Found")

    def _page_answer(self, name: str, slash: str, headers: Mapping[str, str], origin: str) -> Answer:
        project = _normalize(name)
        if project != name or not slash:
            return Answer(status=301, headers={"location": f"/simple/{project}/"})
        if project not in self._projects:
            return Answer(status=404, headers={"content-type": "text/plain"}, body=b"404 Not Found")
        content_type = _negotiate(headers.get("accept", "*/*")) if self.form == "json" else "text/html"
        if content_type is None:
            return Answer(status=406)
        body = self._json(project, origin) if content_type == JSON_TYPE else self._html(project, origin)
        return self._represent(body, content_type, headers, ranges=False)

    def _represent(self, body: bytes, content_type: str, headers: Mapping[str, str], *, ranges: bool) -> Answer:
        answer = Answer(status=200, headers={"content-type": content_type}, body=body)
        etag = f'"{hashlib.sha256(body).hexdigest()[:24]}"' if self.etag else None
        if etag is not None:
            answer.headers["etag"] = etag
        if self.max_age is not None:
            answer.headers["cache-control"] = f"max-age={self.max_age}, public"
        if content_type != "application/octet-stream":
            answer.headers["vary"] = "Accept, Accept-Encoding"
        if etag is not None and etag in [tag.strip() for tag in headers.get("if-none-match", "").split(",")]:
            return Answer(status=304, headers=answer.headers)
        if ranges:
            answer.headers["accept-ranges"] = "bytes"
            if "range" in headers and headers.get("if-range", etag) == etag:
                return _partial(answer, headers["range"])
        return answer

    def _file_url(self, file: _File, origin: str) -> str:
        return file.url if file.url is not None else f"{origin}/files/{quote(file.filename)}"

    def _json(self, project: str, origin: str) -> bytes:
        status, reason = self._status.get(project, ("active", None))
        page: dict[str, Any] = {
            "meta": {"api-version": "1.4", "_last-serial": 7},
            "project-status": {"status": status} | ({"reason": reason} if reason is not None else {}),
            "name": project,
            "versions": sorted({_version_of(file.filename) for file in self._projects[project]}),
            "files": [self._json_file(file, origin) for file in self._projects[project]],
        }
        return json.dumps(page).encode()

    def _json_file(self, file: _File, origin: str) -> dict[str, Any]:
        entry: dict[str, Any] = {
            "filename": file.filename,
            "url": self._file_url(file, origin),
            "hashes": dict(file.hashes),
            "requires-python": file.requires_python,
            "yanked": False if file.yanked is None else (file.yanked or True),
        }
        if file.size is not None:
            entry["size"] = file.size
        if file.upload_time is not None:
            entry["upload-time"] = file.upload_time
        if self.pep658:
            stated = {"sha256": hashlib.sha256(file.metadata).hexdigest()} if file.metadata is not None else False
            entry |= {"core-metadata": stated, "data-dist-info-metadata": stated}
        return entry

    def _html(self, project: str, origin: str) -> bytes:
        status, reason = self._status.get(project, ("active", None))
        meta = {"pypi:repository-version": "1.4", "pypi:project-status": status}
        meta |= {"pypi:project-status-reason": reason} if reason is not None else {}
        lines = ["<!DOCTYPE html>", "<html>", "<head>"]
        lines += [f'<meta name="{name}" content="{html.escape(value)}">' for name, value in meta.items()]
        lines += [f"<title>Links for {project}</title>", "</head>", "<body>", f"<h1>Links for {project}</h1>"]
        lines += [self._html_link(file, origin) for file in self._projects[project]]
        return "\n".join([*lines, "</body>", "</html>", ""]).encode()

    def _html_link(self, file: _File, origin: str) -> str:
        fragment = "".join(f"#{name}={value}" for name, value in list(file.hashes.items())[:1])
        attributes = {
            "href": self._file_url(file, origin) + fragment,
            "data-requires-python": file.requires_python,
            "data-yanked": file.yanked,
            "data-upload-time": file.upload_time,
        }
        if self.pep658 and file.metadata is not None:
            digest = f"sha256={hashlib.sha256(file.metadata).hexdigest()}"
            attributes |= {"data-core-metadata": digest, "data-dist-info-metadata": digest}
        text = " ".join(f'{name}="{html.escape(value)}"' for name, value in attributes.items() if value is not None)
        return f"<a {text}>{html.escape(file.filename)}</a><br/>"


def _normalize(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _project_of(filename: str) -> str:
    return filename.split("-")[0] if filename.endswith(".whl") else filename.rsplit("-", 1)[0]


def _version_of(filename: str) -> str:
    if filename.endswith(".whl"):
        return filename.split("-")[1]
    return re.sub(r"\.(tar\.gz|zip)$", "", filename.rsplit("-", 1)[-1])


def _metadata_of(filename: str, data: bytes) -> bytes | None:
    if not filename.endswith(".whl"):
        return None
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
            return archive.read(name)
    except (zipfile.BadZipFile, StopIteration):
        return None


def _negotiate(accept: str) -> str | None:
    """The content type for an Accept header (RFC 9110, 12.5.1), or None; equal wishes get HTML."""
    best: tuple[float, str] | None = None
    for offer in (*reversed(HTML_TYPES), JSON_TYPE):
        quality = max((_quality(part, offer) for part in accept.split(",")), default=0.0)
        if quality > 0 and (best is None or quality > best[0]):
            best = (quality, offer)
    return best[1] if best else None


def _quality(part: str, offer: str) -> float:
    wanted, *parameters = (piece.strip() for piece in part.split(";"))
    if wanted not in (offer, "*/*", f"{offer.split('/')[0]}/*"):
        return 0.0
    return float(next((p[2:] for p in parameters if p.startswith("q=")), "1"))


def _partial(answer: Answer, header: str) -> Answer:
    """A 206, a 416, or the whole answer where the header can't be read (RFC 9110, 14.2)."""
    total = len(answer.body)
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", header)
    if match is None or match[0] == "bytes=-":
        return answer
    start = int(match[1]) if match[1] else max(0, total - int(match[2]))
    stop = min(total, int(match[2]) + 1) if match[1] and match[2] else total
    if start >= total or stop <= start:
        return Answer(status=416, headers={"content-range": f"bytes */{total}"})
    headers = {**answer.headers, "content-range": f"bytes {start}-{stop - 1}/{total}"}
    return Answer(status=206, headers=headers, body=answer.body[start:stop])
