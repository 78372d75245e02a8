from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.cache.freshness import Fetch, Fresh, Revalidate, confirms, decide, merge, storable

T0 = 784111777.0
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"  # is T0
IN_A_MINUTE = "Sun, 06 Nov 1994 08:50:37 GMT"


def fresh_for(**headers: str) -> float:
    """How many seconds after it was asked for an answer stops being fresh; 0 is never fresh."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    seconds = 0.0
    while isinstance(decide(named, asked_at=T0, now=T0 + seconds), Fresh):
        seconds += 1
        if seconds > 200:
            return float("inf")
    return seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        # RFC 9111 §4.2.1: max-age, else Expires minus Date, else nothing
        ({"cache_control": "max-age=60", "date": DATE}, 60),
        ({"cache_control": "public, MAX-AGE=60 , immutable"}, 60),
        ({"cache_control": 'max-age="60"'}, 60),
        ({"expires": IN_A_MINUTE, "date": DATE}, 60),
        ({"cache_control": "max-age=10", "expires": IN_A_MINUTE, "date": DATE}, 10),
        ({"cache_control": "max-age=0", "expires": IN_A_MINUTE, "date": DATE}, 0),
        ({}, 0),
        ({"last_modified": "Sun, 06 Nov 1983 08:49:37 GMT", "date": DATE}, 0),
        # a private cache ignores what is said to shared ones (§5.2.2.8 to 10)
        ({"cache_control": "s-maxage=100"}, 0),
        ({"cache_control": "max-age=60, s-maxage=0, private, proxy-revalidate"}, 60),
        # no-cache and no-store (§5.2.2.4, §5.2.2.5)
        ({"cache_control": "max-age=60, no-cache"}, 0),
        ({"cache_control": 'max-age=60, no-cache="set-cookie"'}, 0),
        ({"cache_control": "max-age=60, no-store"}, 0),
        ({"cache_control": "max-age=60", "vary": "*"}, 0),
        ({"cache_control": "max-age=60", "vary": "accept"}, 60),
        # nonsense is stale (§4.2.1)
        ({"cache_control": "max-age=-1"}, 0),
        ({"cache_control": "max-age=1e3"}, 0),
        ({"cache_control": "max-age="}, 0),
        ({"cache_control": "max-age=10, max-age=100"}, 10),
        ({"cache_control": "max-age=x, max-age=100"}, 0),
        ({"expires": "0", "date": DATE}, 0),
        ({"expires": IN_A_MINUTE}, 0),
        ({"expires": IN_A_MINUTE, "date": "today"}, 0),
        # delta-seconds too large for an integer mean 2**31 (§1.2.2)
        ({"cache_control": "max-age=" + "9" * 5000}, float("inf")),
        ({"cache_control": "max-age=" + "0" * 40 + "60"}, 60),
        # §4.2.3: Age, and the difference of Date and our clock, whichever is larger
        ({"cache_control": "max-age=60", "age": "20"}, 40),
        ({"cache_control": "max-age=60", "age": "100"}, 0),
        ({"cache_control": "max-age=60", "age": "old"}, 0),
        ({"cache_control": "max-age=60", "date": "Sun, 06 Nov 1994 08:49:07 GMT"}, 30),
        ({"cache_control": "max-age=60", "date": "Sun, 06 Nov 1994 08:49:07 GMT", "age": "50"}, 10),
        # a server's clock before ours adds age, one behind ours takes none away
        ({"cache_control": "max-age=60", "date": IN_A_MINUTE}, 60),
    ],
)
def test_an_answer_is_fresh_for_as_long_as_it_says(headers: dict[str, str], seconds: float) -> None:
    assert fresh_for(**headers) == seconds


@given(back=st.floats(min_value=0.001, max_value=1e10))
def test_a_clock_that_went_back_makes_nothing_fresh(back: float) -> None:
    decision = decide({"cache-control": "max-age=60", "etag": '"a"', "date": DATE}, asked_at=T0, now=T0 - back)
    assert not isinstance(decision, Fresh)


@given(age=st.integers(0, 100), lifetime=st.integers(0, 100), later=st.integers(0, 100), more=st.integers(0, 100))
def test_what_is_stale_stays_stale(age: int, lifetime: int, later: int, more: int) -> None:
    headers = {"cache-control": f"max-age={lifetime}", "age": str(age), "date": DATE}
    if not isinstance(decide(headers, asked_at=T0, now=T0 + later), Fresh):
        assert not isinstance(decide(headers, asked_at=T0, now=T0 + later + more), Fresh)


@pytest.mark.parametrize(
    ("headers", "decision"),
    [
        ({"etag": '"a"'}, Revalidate((("if-none-match", '"a"'),))),
        ({"etag": 'W/"a"'}, Revalidate((("if-none-match", 'W/"a"'),))),
        ({"last-modified": DATE}, Revalidate((("if-modified-since", DATE),))),
        (
            {"etag": '"a"', "last-modified": DATE},
            Revalidate((("if-none-match", '"a"'), ("if-modified-since", DATE))),
        ),
        ({}, Fetch()),
        ({"etag": ""}, Fetch()),
    ],
)
def test_a_stale_answer_is_asked_about_by_its_validators(headers: dict[str, str], decision: object) -> None:
    assert decide(headers, asked_at=T0, now=T0) == decision


@pytest.mark.parametrize(
    ("status", "headers", "kept"),
    [
        (200, {}, True),
        (200, {"cache-control": "no-cache"}, True),
        (200, {"cache-control": "No-Store"}, False),
        (200, {"vary": " * "}, False),
        (404, {"cache-control": "max-age=60"}, False),
        (206, {}, False),
    ],
)
def test_only_whole_answers_that_may_be_kept_are_kept(status: int, headers: dict[str, str], kept: bool) -> None:
    assert storable(status, headers) is kept


def test_a_304_renews_all_but_what_describes_the_body() -> None:
    stored = {"etag": '"a"', "age": "50", "content-type": "text/html", "content-length": "5", "date": "old"}
    answer = {"cache-control": "max-age=9", "date": DATE, "content-type": "x", "content-length": "0"}
    assert merge(stored, answer) == {
        "etag": '"a"',
        "content-type": "text/html",
        "content-length": "5",
        "date": DATE,
        "cache-control": "max-age=9",
    }


@pytest.mark.parametrize(
    ("named", "confirmed"), [(None, True), ('"a"', True), ('W/"a"', True), ('"b"', False), ("", False)]
)
def test_a_304_about_another_answer_confirms_nothing(named: str | None, confirmed: bool) -> None:
    assert confirms({"etag": '"a"'}, {} if named is None else {"etag": named}) is confirmed
