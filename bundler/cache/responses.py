"""Stored index answers, and what is known of single wheels: small files that prove themselves.

    <root>/pages/ab12…      named by the SHA-256 of what was asked (URL and Accept)
    <root>/metadata/ab34…   named by the SHA-256 of the wheel whose METADATA it is
    <root>/checks/ab34…     the same name; the SHA-256 of the METADATA in a wheel that passed all checks, and by whom

Each is one JSON line with the SHA-256 of the rest, and the rest. A file that is damaged, cut, foreign or of another
question counts as absent; the next answer replaces it. Failing to write one is never an error of the job: the cache
stays as it was, and `problem` keeps the first reason for whoever wants to tell it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bundler.cache.blobs import open_plain
from bundler.digests import Digest
from bundler.errors import EnvironmentProblem
from bundler.publication import publish_file

__all__ = ["ResponseStore", "StoredResponse"]

#: What freshness, parsing and decoding need; nothing else of an answer is kept.
_KEPT = frozenset(
    {"age", "cache-control", "content-encoding", "content-type", "date", "etag", "expires", "last-modified", "vary"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredResponse:
    """An answer of an index: where it came from in the end, when it was asked for (epoch seconds), and its raw body."""

    url: str
    asked_at: float
    headers: Mapping[str, str]
    body: bytes


class _Head(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    question: str
    sha256: str
    url: str = ""
    asked_at: float = 0.0
    headers: dict[str, str] = {}


class ResponseStore:
    """The answers and metadata below one directory."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.problem: str | None = None

    def page(self, url: str, accept: str) -> StoredResponse | None:
        """The stored answer to this question, or None."""
        question = _question(url, accept)
        found = _read(self._page_path(question), question)
        if found is None:
            return None
        head, body = found
        return StoredResponse(url=head.url, asked_at=head.asked_at, headers=head.headers, body=body)

    def store_page(self, url: str, accept: str, response: StoredResponse) -> None:
        """Keep an answer in the place of a former one."""
        question = _question(url, accept)
        headers = {name: value for name, value in response.headers.items() if name in _KEPT}
        head = _Head(
            question=question,
            sha256=Digest.sha256(response.body).hexdigest,
            url=response.url,
            asked_at=response.asked_at,
            headers=headers,
        )
        self._write(self._page_path(question), head, response.body)

    def drop_page(self, url: str, accept: str) -> None:
        """Forget an answer."""
        self._drop(self._page_path(_question(url, accept)))

    def metadata(self, wheel: Digest) -> bytes | None:
        """The METADATA of the wheel with that SHA-256, or None."""
        found = _read(self._metadata_path(wheel), str(wheel))
        return None if found is None else found[1]

    def store_metadata(self, wheel: Digest, data: bytes) -> None:
        """Keep a wheel's METADATA."""
        head = _Head(question=str(wheel), sha256=Digest.sha256(data).hexdigest)
        self._write(self._metadata_path(wheel), head, data)

    def drop_metadata(self, wheel: Digest) -> None:
        """Forget a wheel's METADATA."""
        self._drop(self._metadata_path(wheel))

    def checked_metadata(self, wheel: Digest, *, by: str) -> Digest | None:
        """The SHA-256 of the METADATA in a wheel that `by` (a version of ours) has checked, or None."""
        found = _read(self._check_path(wheel), f"{wheel} {by}")
        return None if found is None else Digest("sha256", found[1].decode("ascii", "replace"))

    def store_check(self, wheel: Digest, metadata: Digest, *, by: str) -> None:
        """Keep that a wheel has passed all checks of `by`, and the SHA-256 of the METADATA in it."""
        body = metadata.hexdigest.encode()
        self._write(
            self._check_path(wheel), _Head(question=f"{wheel} {by}", sha256=Digest.sha256(body).hexdigest), body
        )

    def _check_path(self, wheel: Digest) -> Path:
        return self._root / "checks" / wheel.hexdigest

    def _page_path(self, question: str) -> Path:
        name = Digest.sha256(question.encode()).hexdigest
        return self._root / "pages" / name

    def _metadata_path(self, wheel: Digest) -> Path:
        return self._root / "metadata" / wheel.hexdigest

    def _write(self, path: Path, head: _Head, body: bytes) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with publish_file(path, durable=False) as stream:
                stream.write(msgspec.json.encode(head) + b"\n")
                stream.write(body)
        except (OSError, EnvironmentProblem) as exc:
            self.problem = self.problem or str(exc)

    def _drop(self, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError as exc:
            self.problem = self.problem or str(exc)


def _question(url: str, accept: str) -> str:
    return f"GET {url} {accept}"


def _read(path: Path, question: str) -> tuple[_Head, bytes] | None:
    """Head and body of a stored file, or None unless it answers this question and its body has the stated hash."""
    try:
        with open_plain(path) as stream:
            line, body = stream.readline(1 << 16), stream.read()
        head = msgspec.json.decode(line, type=_Head)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None
    good = head.question == question and head.sha256 == Digest.sha256(body).hexdigest
    return (head, body) if good else None
