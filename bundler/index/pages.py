"""One page of an index, from the cache while it is fresh, confirmed by a 304, or new; read by its content type.

Only what could be read is kept, and nothing of a file: index, which is as near as the cache. A stored page that isn't
there when it is wanted, or is damaged, is asked for as if nothing were stored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from packaging.utils import canonicalize_name

from bundler.cache.freshness import Fetch, Fresh, Revalidate, confirms, decide, merge, storable
from bundler.cache.responses import ResponseStore, StoredAnswer
from bundler.errors import Refused
from bundler.index import encoding
from bundler.index.locations import is_local, redact
from bundler.index.transport import Transport
from bundler.simple import html, json
from bundler.simple.compact import page_of, read_page, write_page
from bundler.simple.model import ACCEPT, Listing, ProjectPage

__all__ = ["Current", "Pages"]

#: Bytes of a page, decoded; the largest page of a real index has 12 MB.
MAX_PAGE = 64 << 20


class Current:
    """What stands at a URL now: a page, named by its source and read when it is asked for."""

    def __init__(self, source: str | None, read: Callable[[], tuple[str | None, ProjectPage]]) -> None:
        #: The digest of all that the page depends on; None of a file: page. Another one once `page` has found that the
        #: stored page was damaged and that the index has a newer one.
        self.source = source
        self._read = read

    def page(self) -> ProjectPage:
        """The page; raises what `Pages.page` raises where it was damaged and had to be asked for again."""
        self.source, page = self._read()
        return page


class Pages:
    """Gets pages; safe to use from many threads."""

    def __init__(self, transport: Transport, responses: ResponseStore, now: Callable[[], float]) -> None:
        self._transport, self._responses, self._now = transport, responses, now

    def page(self, url: str, name: str) -> ProjectPage:
        """The page at a URL, which must be that project's.

        Raises:
            NotFound: there is none.
            SourceError: no usable answer, or not such a page.
        """
        return self.current(url, name).page()

    def current(self, url: str, name: str) -> Current:
        """Bring what is stored of a page up to date; a page is parsed only if it is a new one.

        Raises:
            NotFound: there is none.
            SourceError: no usable answer, or not such a page.
        """
        if is_local(url):
            page = page_of(_parsed(*self._whole(url), name))
            return Current(None, lambda: (None, page))
        stored = self._responses.answer(url, ACCEPT)
        asked_at = self._now()
        decision = Fetch() if stored is None else decide(stored.headers, asked_at=stored.asked_at, now=asked_at)
        if stored is not None and isinstance(decision, Fresh):
            return self._known(url, name, stored)
        if stored is not None and isinstance(decision, Revalidate):
            found = self._ask(url, dict(decision.headers))
            if isinstance(found, tuple):
                return self._found(url, name, stored, *found)
            if confirms(stored.headers, found):
                renewed = replace(stored, asked_at=asked_at, headers=merge(stored.headers, found))
                self._keep(url, renewed)
                return self._known(url, name, renewed)
        return self._found(url, name, stored, *self._whole(url))

    def _whole(self, url: str) -> tuple[StoredAnswer, bytes]:
        found = self._ask(url, {})
        if not isinstance(found, tuple):
            raise Refused(f"{redact(url)} says that nothing changed, but wasn't asked that")
        return found

    def _ask(self, url: str, conditions: Mapping[str, str]) -> tuple[StoredAnswer, bytes] | Mapping[str, str]:
        """The answer and its body, or of a 304 its headers."""
        asked_at = self._now()
        headers = {"accept": ACCEPT, "accept-encoding": encoding.ACCEPTED, **conditions}
        response = self._transport.get(url, headers=headers, ceiling=MAX_PAGE)
        if response.status == 304:
            return response.headers
        if response.status != 200:
            raise Refused(f"no usable answer from {redact(url)}", details=(f"HTTP status {response.status}",))
        final, body = redact(response.url), response.body
        return StoredAnswer.of(url=final, asked_at=asked_at, headers=response.headers, body=body), body

    def _known(self, url: str, name: str, stored: StoredAnswer) -> Current:
        return Current(
            str(stored.source),
            lambda: self._stored(url, name, stored) or self._new(url, name, *self._whole(url)),
        )

    def _found(self, url: str, name: str, stored: StoredAnswer | None, answer: StoredAnswer, body: bytes) -> Current:
        """What an index sent, which may be what it sent before."""
        if stored is None or answer.source != stored.source:
            source, page = self._new(url, name, answer, body)
            return Current(source, lambda: (source, page))
        self._keep(url, answer)
        return Current(
            str(answer.source), lambda: self._stored(url, name, answer) or self._new(url, name, answer, body)
        )

    def _stored(self, url: str, name: str, answer: StoredAnswer) -> tuple[str, ProjectPage] | None:
        """The stored page that was read from this answer, or None."""
        data = self._responses.compact_page(url, ACCEPT, answer.source)
        try:
            page = read_page(data or b"")
        except ValueError:
            return None
        return (str(answer.source), page) if page.name == canonicalize_name(name) else None

    def _new(self, url: str, name: str, answer: StoredAnswer, body: bytes) -> tuple[str, ProjectPage]:
        """The page in an answer, which is stored only if it could be read, and before the answer that names it."""
        listing = _parsed(answer, body, name)
        if not _is_of_use(answer):
            self._responses.drop_answer(url, ACCEPT)
            return str(answer.source), page_of(listing)
        written = write_page(listing)
        self._responses.store_compact_page(url, ACCEPT, answer.source, written)
        self._responses.store_answer(url, ACCEPT, answer)
        return str(answer.source), read_page(written)

    def _keep(self, url: str, answer: StoredAnswer) -> None:
        if _is_of_use(answer):
            self._responses.store_answer(url, ACCEPT, answer)
        else:
            self._responses.drop_answer(url, ACCEPT)


def _is_of_use(answer: StoredAnswer) -> bool:
    """Whether an answer may be kept and would ever be used again.

    Without freshness and validators, as from an index of plain files, it would be fetched and not looked at; writing it
    costs more than scanning it.
    """
    again = decide(answer.headers, asked_at=answer.asked_at, now=answer.asked_at)
    return storable(200, answer.headers) and not isinstance(again, Fetch)


def _parsed(answer: StoredAnswer, body: bytes, name: str) -> Listing:
    """Take a page apart by its Content-Type (PEP 691 §content-type).

    Raises:
        Refused: another type, or not a project's page: a captive portal's answer is one of them.
    """
    subject = redact(answer.url)
    content_type, _, parameters = answer.headers.get("content-type", "").partition(";")
    content_type = content_type.strip().lower()
    body = encoding.decode(body, answer.headers.get("content-encoding", ""), ceiling=MAX_PAGE, subject=subject)
    if content_type == json.CONTENT_TYPE:
        return json.read_listing(body, url=answer.url, name=name)
    if content_type in (html.CONTENT_TYPE, html.LEGACY_CONTENT_TYPE):
        return html.read_listing(body, url=answer.url, name=name, charset=_charset(parameters))
    hint = "check the index URL, and whether this network asks for a login first"
    raise Refused(f"{subject} isn't a page of a package index", details=(f"it came as {content_type!r}",), hint=hint)


def _charset(parameters: str) -> str | None:
    for parameter in parameters.split(";"):
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "charset":
            return value.strip().strip('"')
    return None
