from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from bundler.errors import Refused
from bundler.index.pages import Pages
from bundler.simple.model import ACCEPT
from tests.index.worlds import LOCATION, WHEEL, World, Worlds, indexes
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


def test_the_same_page_under_another_validator_is_renewed(world: Worlds) -> None:
    made = world(max_age=600)
    made.index.add_wheel("x", "1.0")
    first = made.run().page("x")
    kept = written(made)
    made.time += 601
    question = httpx.Request("GET", f"{LOCATION}x/", headers={"accept": ACCEPT})
    answer = made.index.handler(question)
    headers = {**answer.headers, "etag": '"other"'}
    made.index.fault("/simple/", "status", status=200, headers=headers, body=answer.read())
    assert made.run().page("x") == first
    assert len(written(made).items() & kept.items()) == 1  # the page, and not the answer
    made.time += 599
    assert made.run().page("x") == first
    made.time += 2
    made.run().page("x")
    assert made.index.requests[-1].headers["if-none-match"] == '"other"'


def test_a_page_that_may_no_longer_be_kept_is_dropped(world: Worlds) -> None:
    made = world(max_age=0)
    made.index.add_wheel("x", "1.0")
    first = made.run().page("x")
    headers = {"cache-control": "no-store"}
    made.index.fault("/simple/", "status", status=304, headers=headers)
    current = pages_of(made).current(f"{LOCATION}x/", "x")
    assert written(made) == {}
    assert current.page() == first


# What is current


def pages_of(made: World) -> Pages:
    return Pages(made.transport(indexes(LOCATION)), made.store.responses, lambda: made.time)


def written(made: World) -> dict[Path, bytes]:
    places = (made.store.root / "v1" / "pages").iterdir()
    return {path: path.read_bytes() for path in places}


def test_what_is_current_has_the_same_source_as_long_as_nothing_changes(world: Worlds) -> None:
    made = world(max_age=600)
    made.index.add_wheel("x", "1.0")
    new = pages_of(made).current(f"{LOCATION}x/", "x")
    fresh = pages_of(made).current(f"{LOCATION}x/", "x")
    made.time += 601
    confirmed = pages_of(made).current(f"{LOCATION}x/", "x")
    assert made.index.count("/simple/") == 2
    assert new.source == fresh.source == confirmed.source
    assert new.page() == fresh.page() == confirmed.page()
    made.time += 601
    made.index.add_wheel("x", "2.0")
    changed = pages_of(made).current(f"{LOCATION}x/", "x")
    assert changed.source not in (None, new.source)
    assert len(changed.page().filenames) == 2
    assert made.index.count("/simple/") == 3


def test_the_source_is_told_without_reading_the_page(world: Worlds, monkeypatch: pytest.MonkeyPatch) -> None:
    made = world(max_age=None)
    made.index.add_wheel("x", "1.0")
    made.run().page("x")

    def refuse(*_: object) -> None:
        raise AssertionError("read")

    for name in ("read_page", "write_page"):
        monkeypatch.setattr(f"bundler.index.pages.{name}", refuse)
    again = pages_of(made).current(f"{LOCATION}x/", "x")
    assert again.source is not None
    with pytest.raises(AssertionError, match="read"):
        again.page()


def test_what_could_never_be_used_again_is_not_kept(world: Worlds) -> None:
    made = world(max_age=None, etag=False)
    made.index.add_wheel("x", "1.0")
    assert pages_of(made).current(f"{LOCATION}x/", "x").page().filenames == ("x-1.0-py3-none-any.whl",)
    assert made.store.responses.answer(f"{LOCATION}x/", ACCEPT) is None
    assert [kind.files for kind in made.store.info() if kind.kind == "pages"] == [0]


def test_a_page_that_is_damaged_after_its_source_was_told_is_asked_for(world: Worlds) -> None:
    made = world()
    made.index.add_wheel("x", "1.0")
    made.run().page("x")
    current = pages_of(made).current(f"{LOCATION}x/", "x")
    before = current.source
    for path in written(made):
        path.write_bytes(b"")
    made.index.add_wheel("x", "2.0")
    assert len(current.page().filenames) == 2
    assert current.source != before
    assert current.source == pages_of(made).current(f"{LOCATION}x/", "x").source


def test_a_local_page_has_no_source(world: Worlds, tmp_path: Path) -> None:
    (tmp_path / "links.html").write_text(f'<a href="{WHEEL}">')
    current = pages_of(world()).current((tmp_path / "links.html").as_uri(), "")
    assert (current.source, current.page().filenames) == (None, (WHEEL,))


# What may lie in a cache


def test_poisoned_pages_heal_themselves(world: Worlds) -> None:
    made = world()
    made.index.add_wheel("x", "1.0")
    first = made.run().page("x")
    for path, good in written(made).items():
        for poison in (b"", good[:-5], good.replace(b"x", b"y"), b"\xff" * 10_000):
            path.write_bytes(poison)
            assert made.run().page("x") == first
            assert path.read_bytes() == good


@pytest.mark.parametrize("page", [b"", b"no page", b"\x91" * 100_000])
def test_a_page_that_was_stored_by_somebody_else_counts_as_absent(world: Worlds, page: bytes) -> None:
    made = world()
    made.index.add_wheel("x", "1.0")
    first = made.run().page("x")
    stored = made.store.responses.answer(f"{LOCATION}x/", ACCEPT)
    assert stored is not None
    made.store.responses.store_compact_page(f"{LOCATION}x/", ACCEPT, stored.source, page)
    assert made.run().page("x") == first
    assert made.index.count("/simple/") == 2


def test_a_stored_page_of_another_project_counts_as_absent(world: Worlds) -> None:
    made = world(form="html")
    made.index.add_wheel("x", "1.0")
    made.run().page("x")
    assert pages_of(made).page(f"{LOCATION}x/", "y").name == "y"
    assert made.index.count("/simple/") == 2


def test_processes_that_store_two_answers_at_once_leave_none_or_one(world: Worlds) -> None:
    """In whatever order they write an old and a new page and answer: what is left fits, or counts as none."""
    made = world()
    made.index.add_wheel("x", "1.0")
    made.run().page("x")
    old = written(made)
    made.store.responses.drop_answer(f"{LOCATION}x/", ACCEPT)
    made.index.add_wheel("x", "2.0")
    newer = made.run().page("x")
    new = written(made)
    for path in old:
        for one, other in ((old, new), (new, old)):
            for each, data in (one | {path: other[path]}).items():
                each.write_bytes(data)
            current = pages_of(made).current(f"{LOCATION}x/", "x")
            assert current.page() == newer
            assert written(made) == new
