"""Stored index answers, and what is known of single wheels: small files that prove themselves.

    <root>/pages/ab12…      named by the SHA-256 of what was asked (URL and Accept): where the answer came from and when
    <root>/pages/cd34…      the page in it (`simple.compact`); named by the SHA-256 of that question and the word "page"
    <root>/metadata/ab34…   named by the SHA-256 of the wheel whose METADATA it is
    <root>/checks/ab34…     the same name; the SHA-256 of the METADATA in a wheel that passed all checks, and by whom
    <root>/recipes/ab34…    named by the SHA-256 of the artifact that was taken apart; the recipe, and by which rules
    <root>/locks/ef56…      named by the digest of a question: what was locked, and the answers of the index it rests on

An answer names its source, the digest of all that was read, and a page the source that it was read from. So an answer
that is confirmed or comes again costs a small file, and a page is never taken for that of another answer, whichever of
two processes wrote last. A page is stored before its answer. Bodies aren't kept.

Each is one JSON line with the SHA-256 of the rest, and the rest. A file that is damaged, cut, foreign or of another
question counts as absent; the next answer replaces it. Failing to write one is never an error of the job: the cache
stays as it was, and `problem` keeps the first reason for whoever wants to tell it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bundler.cache.blobs import open_plain
from bundler.digests import Digest
from bundler.errors import EnvironmentProblem
from bundler.publication import publish_file

__all__ = ["ResponseStore", "StoredAnswer"]

#: What freshness, parsing and decoding need; nothing else of an answer is kept.
_KEPT = frozenset(
    {"age", "cache-control", "content-encoding", "content-type", "date", "etag", "expires", "last-modified", "vary"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAnswer:
    """An answer of an index: where it came from in the end, when it was asked for (epoch seconds), and what it was."""

    url: str
    asked_at: float
    headers: Mapping[str, str]
    #: Of all that the page in it depends on: see `of`.
    source: Digest

    @classmethod
    def of(cls, *, url: str, asked_at: float, headers: Mapping[str, str], body: bytes) -> StoredAnswer:
        """The answer with this raw body."""
        form = (url, headers.get("content-type", ""), headers.get("content-encoding", ""))
        source = Digest.sha256(b"\n".join([*(part.encode() for part in form), body]))
        return cls(url=url, asked_at=asked_at, headers=headers, source=source)


class _Answer(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    url: str
    asked_at: float
    headers: dict[str, str]
    source: str


class _Head(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    question: str
    sha256: str


class ResponseStore:
    """The answers and metadata below one directory."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.problem: str | None = None

    def answer(self, url: str, accept: str) -> StoredAnswer | None:
        """The stored answer to this question, or None; its page is to be had from `compact_page`."""
        question = _question(url, accept)
        found = _read(self._page_path(question), question)
        try:
            stored = msgspec.json.decode(found or b"", type=_Answer)
            source = Digest.parse(stored.source)
        except (ValueError, RecursionError):
            return None
        return StoredAnswer(url=stored.url, asked_at=stored.asked_at, headers=stored.headers, source=source)

    def compact_page(self, url: str, accept: str, source: Digest) -> memoryview | None:
        """The page that was read from the answer of that digest, in the form of `simple.compact`, or None."""
        question = _page_question(url, accept)
        return _read(self._page_path(question), f"{question} {source}")

    def store_answer(self, url: str, accept: str, answer: StoredAnswer) -> None:
        """Keep an answer in the place of a former one; its page is stored on its own, before.

        Of its headers only those are kept that freshness and parsing need.
        """
        headers = {name: value for name, value in answer.headers.items() if name in _KEPT}
        stored = _Answer(url=answer.url, asked_at=answer.asked_at, headers=headers, source=str(answer.source))
        question = _question(url, accept)
        self._write(self._page_path(question), question, msgspec.json.encode(stored))

    def store_compact_page(self, url: str, accept: str, source: Digest, page: bytes) -> None:
        """Keep the page that was read from the answer of that digest, in the place of a former one."""
        question = _page_question(url, accept)
        self._write(self._page_path(question), f"{question} {source}", page)

    def drop_answer(self, url: str, accept: str) -> None:
        """Forget an answer and its page."""
        self._drop(self._page_path(_question(url, accept)))
        self._drop(self._page_path(_page_question(url, accept)))

    def metadata(self, wheel: Digest) -> bytes | None:
        """The METADATA of the wheel with that SHA-256, or None."""
        found = _read(self._metadata_path(wheel), str(wheel))
        return None if found is None else bytes(found)

    def store_metadata(self, wheel: Digest, data: bytes) -> None:
        """Keep a wheel's METADATA."""
        self._write(self._metadata_path(wheel), str(wheel), data)

    def drop_metadata(self, wheel: Digest) -> None:
        """Forget a wheel's METADATA."""
        self._drop(self._metadata_path(wheel))

    def checked_metadata(self, wheel: Digest, *, by: str) -> Digest | None:
        """The SHA-256 of the METADATA in a wheel that `by` (a version of ours) has checked, or None."""
        found = _read(self._check_path(wheel), f"{wheel} {by}")
        return None if found is None else Digest("sha256", str(found, "ascii", "replace"))

    def store_check(self, wheel: Digest, metadata: Digest, *, by: str) -> None:
        """Keep that a wheel has passed all checks of `by`, and the SHA-256 of the METADATA in it."""
        self._write(self._check_path(wheel), f"{wheel} {by}", metadata.hexdigest.encode())

    def recipe(self, artifact: Digest, *, by: str) -> bytes | None:
        """The recipe of the artifact with that SHA-256 that `by` (a version of our rules) has proven, or None."""
        found = _read(self._recipe_path(artifact), f"{artifact} {by}")
        return None if found is None else bytes(found)

    def store_recipe(self, artifact: Digest, recipe: bytes, *, by: str) -> None:
        """Keep the recipe of an artifact, and who has proven it."""
        self._write(self._recipe_path(artifact), f"{artifact} {by}", recipe)

    def drop_recipe(self, artifact: Digest) -> None:
        """Forget the recipe of an artifact."""
        self._drop(self._recipe_path(artifact))

    def remembered(self, question: Digest) -> bytes | None:
        """What was kept under this question, or None."""
        found = _read(self._lock_path(question), str(question))
        return None if found is None else bytes(found)

    def store_remembered(self, question: Digest, data: bytes) -> None:
        """Keep something under a question."""
        self._write(self._lock_path(question), str(question), data)

    def _lock_path(self, question: Digest) -> Path:
        return self._root / "locks" / question.hexdigest

    def _recipe_path(self, artifact: Digest) -> Path:
        return self._root / "recipes" / artifact.hexdigest

    def _check_path(self, wheel: Digest) -> Path:
        return self._root / "checks" / wheel.hexdigest

    def _page_path(self, question: str) -> Path:
        name = Digest.sha256(question.encode()).hexdigest
        return self._root / "pages" / name

    def _metadata_path(self, wheel: Digest) -> Path:
        return self._root / "metadata" / wheel.hexdigest

    def _write(self, path: Path, question: str, body: bytes) -> None:
        head = _Head(question=question, sha256=Digest.sha256(body).hexdigest)
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


def _page_question(url: str, accept: str) -> str:
    return f"page {_question(url, accept)}"


def _read(path: Path, question: str) -> memoryview | None:
    """The body of a stored file, or None unless it answers this question and its body has the stated hash."""
    try:
        with open_plain(path) as stream:
            whole = memoryview(stream.read())  # a page has megabytes: it isn't copied
        end = bytes(whole[: 1 << 16]).find(b"\n")
        head = msgspec.json.decode(whole[: max(end, 0)], type=_Head)
    except (OSError, ValueError, RecursionError):
        return None
    body = whole[end + 1 :]
    good = head.question == question and head.sha256 == hashlib.sha256(body).hexdigest()
    return body if good else None
