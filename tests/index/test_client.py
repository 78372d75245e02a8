from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import httpx
import pytest
from packaging.requirements import Requirement

from bundler.cache.store import Store, open_store
from bundler.errors import IntegrityError, NotFound, Refused, Unavailable, UnusableFile
from bundler.index.client import ACCEPT, IndexClient
from bundler.index.locations import IndexLocation
from bundler.index.transport import Transport
from bundler.simple.model import ProjectFile, ProjectPage
from bundler.targets.model import Target
from tests.support.fake_index import JSON_TYPE, FakeIndex
from tests.support.source_conformance import TARGET, SourceConformance, file_of
from tests.support.wheels import core_metadata, make_wheel

CANARY = "canary-9f3"
LOCATION = "https://index.example/simple/"
WHEEL = "x-1.0-py3-none-any.whl"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "cache", default=tmp_path) as store:
        yield store


class World:
    """An index, a cache, a clock, and clients that live one run each."""

    def __init__(self, store: Store, **options: object) -> None:
        self.index = FakeIndex(**options)  # type: ignore[arg-type]
        self.store = store
        self.time = 1_000_000.0

    def run(self, location: str = LOCATION) -> IndexClient:
        place = IndexLocation.parse(location)
        backend = httpx.MockTransport(self.index.handler)
        transport = Transport(locations=[place], backend=backend, sleep=lambda _: None)
        return IndexClient(place, transport=transport, store=self.store, now=lambda: self.time)


Worlds = Callable[..., World]


@pytest.fixture
def world(store: Store) -> Worlds:
    return lambda **options: World(store, **options)


def populate(index: FakeIndex) -> None:
    """The world of source_conformance."""
    requires = ["beta>=1", 'gamma; extra == "more"']
    index.add_wheel("alpha", "1.0", requires=requires, extras=["more"])
    index.add_wheel("alpha", "2.0", yanked="broken")
    index.add_sdist("beta", "1.0", requires_python=">=3.9")
    index.add("delta-1.0-py3-none-any.whl", make_wheel("delta", "1.0", metadata=core_metadata("other", "1.0"))[1])
    index.set_status("epsilon", "active")


FEATURES: list[dict[str, object]] = [
    {"form": "json"},
    {"form": "html"},
    {"form": "html", "pep658": False, "etag": False, "max_age": None},
    {"form": "html", "pep658": False, "ranges": False},
]


@pytest.fixture(params=FEATURES, ids=str)
def source(request: pytest.FixtureRequest, world: Worlds) -> IndexClient:
    made = world(**request.param)
    populate(made.index)
    client: IndexClient = made.run()
    return client


class TestIndexClient(SourceConformance):
    pass


# Pages


def test_json_is_asked_for_first_and_each_page_once(world: Worlds) -> None:
    made = world()
    made.index.add_wheel("x", "1.0")
    client = made.run()
    assert client.page("x").filenames == (WHEEL,)
    client.page("x")
    assert made.index.count("GET /simple/x/") == 1
    assert made.index.requests[0].headers["accept"] == ACCEPT


def test_many_threads_make_one_request(world: Worlds) -> None:
    made = world()
    made.index.add_wheel("x", "1.0")
    made.index.fault("/simple/x/", "slow", rate=100_000)
    client, pages = made.run(), []
    threads = [threading.Thread(target=lambda: pages.append(client.page("x"))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(pages) == 16
    assert made.index.count("/simple/x/") == 1


def test_an_unknown_project_names_project_and_index(world: Worlds) -> None:
    with pytest.raises(NotFound) as caught:
        world().run(f"https://u:{CANARY}@index.example/simple/").page("x")
    assert caught.value.message == "https://index.example/simple/ has no project named 'x'"


def test_an_error_is_remembered_and_not_asked_for_again(world: Worlds) -> None:
    made = world()
    client = made.run()
    for _ in range(3):
        with pytest.raises(NotFound):
            client.page("x")
    assert len(made.index.requests) == 1


@pytest.mark.parametrize(("status", "error"), [(401, Refused), (403, Refused), (503, Unavailable)])
def test_an_index_that_refuses_or_fails_is_not_an_absent_project(
    world: Worlds, status: int, error: type[Exception]
) -> None:
    made = world()
    made.index.fault("/simple/", "status", times=None, status=status)
    with pytest.raises(error) as caught:
        made.run().page("x")
    assert type(caught.value) is error


def test_a_quarantined_project_is_refused_with_its_reason(world: Worlds) -> None:
    made = world()
    made.index.set_status("x", "quarantined", "malware")
    with pytest.raises(Refused, match="quarantined") as caught:
        made.run().page("x")
    assert "malware" in str(caught.value)


def test_a_captive_portal_is_refused_and_not_kept(world: Worlds) -> None:
    made = world()
    made.index.add_wheel("x", "1.0")
    made.index.fault("/simple/", "captive")
    with pytest.raises(Refused, match="doesn't look like a project page"):
        made.run().page("x")
    assert made.store.info()[1].files == 0
    assert made.run().page("x").filenames == (WHEEL,)


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/vnd.pypi.simple.v2+json", "", "text/plain", "application/zip"]
)
def test_an_unknown_content_type_is_refused_and_not_kept(world: Worlds, content_type: str) -> None:
    made = world()
    made.index.fault("/simple/", "status", status=200, headers={"content-type": content_type}, body=b"{}")
    with pytest.raises(Refused, match="isn't a page"):
        made.run().page("x")
    assert made.store.info()[1].files == 0


def test_a_broken_page_is_refused_with_its_url_and_not_kept(world: Worlds) -> None:
    made = world()
    made.index.fault("/simple/", "status", status=200, headers={"content-type": JSON_TYPE}, body=b'{"meta": 1}')
    with pytest.raises(Refused, match=r"https://index\.example/simple/x/"):
        made.run().page("x")
    assert made.store.info()[1].files == 0


def test_a_gzipped_page_is_read_and_a_bomb_refused(world: Worlds) -> None:
    made = world(max_age=None, etag=False)
    made.index.add_wheel("x", "1.0")
    made.index.fault("/simple/", "gzip")
    made.index.fault("/simple/", "bomb", size=256 << 20)
    assert made.run().page("x").filenames == (WHEEL,)
    with pytest.raises(Refused, match="unpacks to more than"):
        made.run().page("x")


def test_links_are_relative_to_where_the_redirect_led(world: Worlds) -> None:
    made = world(form="html")
    body = f'<a href="../../files/{WHEEL}#sha256={"0" * 64}">{WHEEL}</a>'.encode()
    made.index.fault("/simple/x/", "redirect", to="/deep/down/simple/x/")
    headers = {"content-type": "text/html", "cache-control": "max-age=60"}
    made.index.fault("/deep/", "status", status=200, headers=headers, body=body)
    for _ in range(2):  # from the index, then from the cache
        assert file_of(made.run(), "x", WHEEL).url == f"https://index.example/deep/down/files/{WHEEL}"
    assert len(made.index.requests) == 2


# Freshness


def test_a_fresh_page_is_not_asked_for(world: Worlds) -> None:
    made = world(max_age=600)
    made.index.add_wheel("x", "1.0")
    first = made.run().page("x")
    made.time += 599
    assert made.run().page("x") == first
    assert made.index.count("/simple/") == 1


def test_a_stale_page_is_revalidated_and_renewed(world: Worlds) -> None:
    made = world(max_age=600)
    made.index.add_wheel("x", "1.0")
    first = made.run().page("x")
    made.time += 601
    assert made.run().page("x") == first
    assert (
        made.index.requests[1].headers["if-none-match"]
        == made.index.handler(httpx.Request("GET", f"{LOCATION}x/", headers={"accept": ACCEPT})).headers["etag"]
    )
    made.time += 599
    made.run().page("x")
    assert made.index.count("/simple/") == 3  # with the test's own question


def test_a_changed_page_replaces_the_stored_one(world: Worlds) -> None:
    made = world(max_age=0)
    made.index.add_wheel("x", "1.0")
    made.run().page("x")
    made.index.add_wheel("x", "2.0")
    assert len(made.run().page("x").filenames) == 2


def test_a_page_without_validator_is_asked_for_again(world: Worlds) -> None:
    made = world(max_age=None, etag=False)
    made.index.add_wheel("x", "1.0")
    made.run().page("x")
    made.run().page("x")
    assert made.index.count("/simple/") == 2


def test_a_clock_that_went_back_makes_no_page_fresh(world: Worlds) -> None:
    made = world(max_age=600, etag=False)
    made.index.add_wheel("x", "1.0")
    made.run().page("x")
    made.time -= 10
    made.run().page("x")
    assert made.index.count("/simple/") == 2


def test_a_304_about_something_else_is_not_believed(world: Worlds) -> None:
    made = world(max_age=0)
    made.index.add_wheel("x", "1.0")
    made.run().page("x")
    made.index.fault("/simple/", "status", status=304, headers={"etag": '"other"'})
    assert made.run().page("x").filenames == (WHEEL,)
    assert made.index.count("/simple/") == 3
    made.index.fault("/simple/y/", "status", status=304)
    with pytest.raises(Refused):
        made.run().page("y")


def test_a_poisoned_page_heals_itself(world: Worlds, tmp_path: Path) -> None:
    made = world()
    made.index.add_wheel("x", "1.0")
    made.run().page("x")
    (path,) = (path for path in (tmp_path / "cache" / "v1" / "pages").rglob("*") if path.is_file())
    good = path.read_bytes()
    for poison in (b"", good[:-5], good.replace(b"x-1.0", b"x-6.6"), b"\xff" * 10_000):
        path.write_bytes(poison)
        assert made.run().page("x").filenames == (WHEEL,)
        assert path.read_bytes() == good


# Metadata


def test_the_metadata_file_is_taken_where_the_index_has_one(world: Worlds) -> None:
    made = world()
    made.index.add_wheel("x", "1.0")
    client = made.run()
    file = file_of(client, "x", WHEEL)
    assert client.metadata_digest_used(file) is None
    client.metadata(file)
    assert made.index.count(r"\.metadata$") == 1
    assert made.index.count(r"\.whl$") == 0
    assert client.metadata_digest_used(file) == file.metadata_digest


def test_a_metadata_file_with_the_wrong_hash_makes_the_wheel_unusable(world: Worlds) -> None:
    made = world()
    made.index.add_wheel("x", "1.0")
    made.index.fault(r"\.metadata$", "flip", times=None)
    client = made.run()
    with pytest.raises(UnusableFile, match=rf"^{WHEEL}: its metadata file has the wrong hash"):
        client.metadata(file_of(client, "x", WHEEL))
    assert made.store.info()[2].files == 0


def test_a_metadata_file_that_is_missing_after_all_is_read_from_the_wheel(world: Worlds) -> None:
    made = world()
    made.index.add_wheel("x", "1.0")
    made.index.fault(r"\.metadata$", "status", status=404)
    client = made.run()
    file = file_of(client, "x", WHEEL)
    assert client.metadata(file).name == "x"
    assert client.metadata_digest_used(file) == file.metadata_digest


def test_without_a_metadata_file_the_wheels_end_is_read(world: Worlds) -> None:
    made = world(pep658=False)
    made.index.add("x-1.0-py3-none-any.whl", make_wheel("x", "1.0", files={"x/data": bytes(10_000)})[1], size=False)
    client = made.run()
    file = file_of(client, "x", WHEEL)
    assert client.metadata(file).name == "x"
    assert made.index.requests[-1].headers["range"].startswith("bytes=-")
    assert client.sizes[WHEEL] > 0
    assert made.store.info()[0].files == 0


def test_without_ranges_the_whole_wheel_is_fetched_and_kept(world: Worlds) -> None:
    made = world(pep658=False, ranges=False)
    made.index.add_wheel("x", "1.0")
    client = made.run()
    assert client.metadata(file_of(client, "x", WHEEL)).name == "x"
    assert made.store.info()[0].files == 1


def test_metadata_is_kept_between_runs_by_the_wheels_digest(world: Worlds) -> None:
    for options in FEATURES:
        made = world(**options)
        made.index.add_wheel("x", "1.0")
        for _ in range(2):
            client = made.run()
            client.metadata(file_of(client, "x", WHEEL))
        assert made.index.count("/files/") <= 2
    assert made.store.info()[2].files == 1


def test_stored_metadata_that_isnt_what_the_index_states_is_not_used(world: Worlds) -> None:
    made = world()
    made.index.add_wheel("x", "1.0", requires=["y"])
    client = made.run()
    file = file_of(client, "x", WHEEL)
    assert file.digest is not None
    made.store.responses.store_metadata(file.digest, core_metadata("x", "1.0"))
    assert len(client.metadata(file).requires_dist) == 1


def test_distrusted_metadata_is_forgotten(world: Worlds) -> None:
    made = world()
    made.index.add_wheel("x", "1.0")
    client = made.run()
    file = file_of(client, "x", WHEEL)
    client.metadata(file)
    client.distrust(file)
    assert made.store.info()[2].files == 0


@pytest.mark.parametrize("hashes", [{}, {"md5": "0" * 32}])
def test_a_file_without_sha256_is_unusable(world: Worlds, hashes: dict[str, str]) -> None:
    made = world()
    made.index.add_wheel("x", "1.0", hashes=hashes)
    client = made.run()
    with pytest.raises(UnusableFile, match=rf"^{WHEEL}: the index states no sha256"):
        client.metadata(file_of(client, "x", WHEEL))


def test_a_file_that_the_index_lost_is_unusable(world: Worlds) -> None:
    made = world(pep658=False)
    made.index.add_wheel("x", "1.0")
    made.index.fault("/files/", "status", times=None, status=404)
    client = made.run()
    with pytest.raises(UnusableFile, match=rf"^{WHEEL}: .*doesn't have it"):
        client.metadata(file_of(client, "x", WHEEL))


@pytest.mark.parametrize(("status", "error"), [(403, Refused), (503, Unavailable)])
def test_a_file_that_is_refused_stops_the_search(world: Worlds, status: int, error: type[Exception]) -> None:
    made = world(pep658=False)
    made.index.add_wheel("x", "1.0")
    made.index.fault("/files/", "status", times=None, status=status)
    client = made.run()
    with pytest.raises(error) as caught:
        client.metadata(file_of(client, "x", WHEEL))
    assert not isinstance(caught.value, UnusableFile)


def test_an_archive_that_is_no_wheel_is_unusable(world: Worlds) -> None:
    made = world(pep658=False)
    made.index.add(WHEEL, b"not a zip" * 100)
    client = made.run()
    with pytest.raises(UnusableFile, match=rf"^{WHEEL}"):
        client.metadata(file_of(client, "x", WHEEL))


def test_an_sdist_is_fetched_checked_and_kept(world: Worlds) -> None:
    made = world()
    made.index.add_sdist("x", "1.0", requires=["y"])
    for _ in range(2):
        client = made.run()
        metadata = client.metadata(file_of(client, "x", "x-1.0.tar.gz"))
        assert [str(requirement) for requirement in metadata.requires_dist] == ["y"]
    assert made.index.count("/files/") == 1


def test_an_sdist_with_the_wrong_hash_is_an_integrity_error(world: Worlds) -> None:
    made = world()
    made.index.add_sdist("x", "1.0", hashes={"sha256": hashlib.sha256(b"other").hexdigest()})
    client = made.run()
    with pytest.raises(IntegrityError, match=r"x-1\.0\.tar\.gz"):
        client.metadata(file_of(client, "x", "x-1.0.tar.gz"))


def test_an_sdist_whose_metadata_isnt_static_is_unusable(world: Worlds) -> None:
    made = world()
    made.index.add_sdist("x", "1.0", static=False)
    client = made.run()
    with pytest.raises(UnusableFile, match=r"^x-1\.0\.tar\.gz"):
        client.metadata(file_of(client, "x", "x-1.0.tar.gz"))


# Secrets, and running ahead


def test_a_password_is_not_in_the_cache(world: Worlds, tmp_path: Path) -> None:
    made = world(pep658=False)
    made.index.add_wheel("x", "1.0")
    made.index.add_sdist("x", "0.9")
    client = made.run(f"https://user:{CANARY}@index.example/simple/")
    for file in client.page("x").files():
        client.metadata(file)
    assert all("authorization" in request.headers for request in made.index.requests)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) >= 4
    assert not [path for path in files if CANARY.encode() in path.read_bytes() + str(path).encode()]


def test_a_hint_fills_the_memory_and_changes_no_answer(world: Worlds) -> None:
    def first(page: ProjectPage, requirements: Sequence[Requirement], target: Target) -> ProjectFile | None:
        chosen.set()
        return page.read(0)

    chosen = threading.Event()
    made = world()
    made.index.add_wheel("x", "1.0")
    place = IndexLocation.parse(LOCATION)
    transport = Transport(backend=httpx.MockTransport(made.index.handler))
    with IndexClient(place, transport=transport, store=made.store, choose=first) as client:
        client.anticipate([Requirement("x")], TARGET)
        assert chosen.wait(5)
        assert client.metadata(client.page("x").read(0)).name == "x"
    assert made.index.count("/simple/x/") == 1
    assert made.index.count("/files/") == 1
