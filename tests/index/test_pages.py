from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from bundler.errors import Refused
from bundler.index.pages import ACCEPT
from tests.index.worlds import LOCATION, WHEEL, Worlds
from tests.support.fake_index import JSON_TYPE
from tests.support.source_conformance import file_of


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
