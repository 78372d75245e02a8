"""Indexes, a cache and a clock together, for tests of the client and what it stands on."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import httpx

from bundler.cache.store import Store
from bundler.index.client import IndexClient
from bundler.index.locations import IndexLocation
from bundler.index.places import PlacedIndex, Places
from bundler.index.prefetch import Guide
from bundler.index.transport import Transport
from bundler.simple.model import ProjectFile
from tests.support.fake_index import FakeIndex
from tests.support.wheels import core_metadata, make_wheel

__all__ = ["CANARY", "LOCATION", "OTHER", "WHEEL", "World", "Worlds", "indexes", "populate"]

CANARY = "canary-9f3"
LOCATION = "https://index.example/simple/"
OTHER = "https://other.example/simple/"
WHEEL = "x-1.0-py3-none-any.whl"


class World:
    """An index at index.example, another at other.example, and clients that live one run each."""

    def __init__(self, store: Store, **options: object) -> None:
        self.index = FakeIndex(**options)  # type: ignore[arg-type]
        self.other = FakeIndex(**options)  # type: ignore[arg-type]
        #: The Authorization header without which index.example answers 401.
        self.key: str | None = None
        self.store = store
        self.time = 1_000_000.0

    def handler(self, request: httpx.Request) -> httpx.Response:
        if request.url.host == "other.example":
            return self.other.handler(request)
        answer = self.index.handler(request)
        if self.key is not None and request.headers.get("authorization") != self.key:
            return httpx.Response(401, stream=httpx.ByteStream(b"who are you?"))
        return answer

    def transport(self, places: Places, environment: Mapping[str, str] | None = None) -> Transport:
        backend = httpx.MockTransport(self.handler)
        return Transport(
            locations=places.locations, environment=environment or {}, backend=backend, sleep=lambda _: None
        )

    def run(
        self,
        *urls: str,
        places: Places | None = None,
        given: Mapping[str, tuple[ProjectFile, ...]] | None = None,
        environment: Mapping[str, str] | None = None,
        guide: Guide | None = None,
    ) -> IndexClient:
        places = places or indexes(*(urls or (LOCATION,)))
        return IndexClient(
            places,
            transport=self.transport(places, environment),
            store=self.store,
            guide=guide,
            given=given or {},
            now=lambda: self.time,
        )


Worlds = Callable[..., World]


def indexes(*urls: str, find_links: tuple[str, ...] = ()) -> Places:
    return Places(
        indexes=tuple(PlacedIndex(location=IndexLocation.parse(url)) for url in urls),
        find_links=tuple(IndexLocation.parse_links(url) for url in find_links),
    )


def populate(index: FakeIndex) -> None:
    """The world of source_conformance."""
    requires = ["beta>=1", 'gamma; extra == "more"']
    index.add_wheel("alpha", "1.0", requires=requires, extras=["more"])
    index.add_wheel("alpha", "2.0", yanked="broken")
    index.add_sdist("beta", "1.0", requires_python=">=3.9")
    index.add("delta-1.0-py3-none-any.whl", make_wheel("delta", "1.0", metadata=core_metadata("other", "1.0"))[1])
    index.set_status("epsilon", "active")
