from __future__ import annotations

import pytest

from bundler.errors import UsageError
from bundler.index.places import Places
from bundler.requirements.options import NamedIndex, Options

CANARY = "canary-9f3"
DEFAULT = "https://public.example/simple/"
MAIN = "https://main.example/simple/"
EXTRA = "https://extra.example/simple/"
NAMED = NamedIndex(url="https://named.example/simple/", name="named")
EXPLICIT = NamedIndex(url="https://explicit.example/simple/", projects=("x",), explicit=True)


def order(options: Options) -> list[str]:
    places = Places.of(options, default_url=DEFAULT)
    return [index.location.url.partition("//")[2].partition(".")[0] for index in places.indexes]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (Options(), ["public"]),
        (Options(index_url=MAIN), ["main"]),
        (Options(index_url=MAIN, extra_index_urls=(EXTRA,)), ["main", "extra"]),
        (Options(extra_index_urls=(EXTRA,)), ["extra", "public"]),
        (Options(indexes=(NAMED,)), ["named", "public"]),
        (Options(indexes=(EXPLICIT,)), ["explicit", "public"]),
        (Options(indexes=(EXPLICIT, NAMED), extra_index_urls=(EXTRA,)), ["explicit", "named", "extra", "public"]),
        (
            Options(indexes=(EXPLICIT, NAMED), index_url=MAIN, extra_index_urls=(EXTRA,)),
            ["explicit", "named", "main", "extra"],
        ),
        (Options(no_index=True, indexes=(NAMED,), index_url=MAIN, extra_index_urls=(EXTRA,)), []),
    ],
)
def test_indexes_come_in_their_order_and_the_public_one_last(options: Options, expected: list[str]) -> None:
    assert order(options) == expected


def test_a_project_is_asked_for_where_it_is_pinned_or_else_on_what_isnt_explicit() -> None:
    places = Places.of(Options(indexes=(EXPLICIT, NAMED), extra_index_urls=(EXTRA, EXTRA)), default_url=DEFAULT)
    assert [place.url for place in places.asked_for("x")] == [EXPLICIT.url]
    assert [place.url for place in places.asked_for("y")] == [NAMED.url, EXTRA, DEFAULT]
    assert (places.pinned("x"), places.pinned("y")) == (True, False)


def test_find_links_may_be_pages_and_directories() -> None:
    written = (
        "file:///srv/my%20wheels%20100%25",
        "file:///srv/links.html",
        "https://h.example/links.html",
        "HTTPS://h.example/a",
    )
    places = Places.of(Options(no_index=True, find_links=written), default_url=DEFAULT)
    assert [place.url for place in places.find_links] == [
        "file:///srv/my%20wheels%20100%25",
        "file:///srv/links.html",
        "https://h.example/links.html",
        "https://h.example/a",
    ]
    assert places.locations == places.find_links


def test_every_place_is_a_location_once() -> None:
    options = Options(index_url=MAIN, extra_index_urls=(MAIN, EXTRA), find_links=("https://h.example/links.html",))
    places = Places.of(options, default_url=DEFAULT)
    assert [place.url for place in places.locations] == [MAIN, EXTRA, "https://h.example/links.html"]


@pytest.mark.parametrize("field", ["index_url", "find_links"])
def test_a_bad_address_is_refused_without_its_password(field: str) -> None:
    bad = f"https://user:{CANARY}@h.example:port/"
    options = Options(index_url=bad) if field == "index_url" else Options(find_links=(bad,))
    with pytest.raises(UsageError) as caught:
        Places.of(options, default_url=DEFAULT)
    assert CANARY not in repr(caught.value)


def test_places_show_no_password() -> None:
    options = Options(index_url=f"https://{CANARY}:{CANARY}@h.example/simple/")
    assert CANARY not in repr(Places.of(options, default_url=DEFAULT))


def test_a_project_pinned_to_two_indexes_is_refused_with_both() -> None:
    other = NamedIndex(url="https://stranger.example/simple/", projects=("x",), explicit=True)
    with pytest.raises(UsageError, match="x is pinned to two indexes") as caught:
        Places.of(Options(indexes=(EXPLICIT, other)), default_url=DEFAULT)
    assert caught.value.details == (EXPLICIT.url, other.url)
    assert Places.of(Options(indexes=(EXPLICIT, EXPLICIT)), default_url=DEFAULT).pinned("x")
