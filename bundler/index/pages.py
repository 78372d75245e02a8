"""One page of an index, from the cache while it is fresh, confirmed by a 304, or new; read by its content type.

Only what could be read is kept, and nothing of a file: index, which is as near as the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from bundler.cache.freshness import Fetch, Fresh, Revalidate, confirms, decide, merge, storable
from bundler.cache.responses import ResponseStore, StoredResponse
from bundler.errors import Refused
from bundler.index import encoding
from bundler.index.locations import is_local, redact
from bundler.index.transport import Transport
from bundler.simple import html, json
from bundler.simple.model import ProjectPage

__all__ = ["ACCEPT", "Pages"]

ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"
#: Bytes of a page, decoded; the largest page of a real index has 12 MB.
MAX_PAGE = 64 << 20


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
        if is_local(url):
            return _parsed(self._new(url), name)
        stored = self._responses.page(url, ACCEPT)
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
        answer = self._new(url)
        if stored is not None and answer.body == stored.body and _is_never_fresh(answer):
            return _parsed(answer, name)  # nothing new to keep
        return self._kept(url, answer, name)

    def _new(self, url: str) -> StoredResponse:
        answer = self._ask(url, {})
        if not isinstance(answer, StoredResponse):
            raise Refused(f"{redact(url)} says that nothing changed, but wasn't asked that")
        return answer

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
            self._responses.store_page(url, ACCEPT, response)
        else:
            self._responses.drop_page(url, ACCEPT)
        return page


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
