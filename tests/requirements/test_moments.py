from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.errors import UsageError
from bundler.requirements.moments import parse_moment, parse_upload_time

NOW = datetime(2026, 3, 31, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-31", "2026-02-01T00:00:00+00:00"),
        ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00+00:00"),
        (" 2026-01-31T12:00:00+02:00 ", "2026-01-31T10:00:00+00:00"),
        ("30 days", "2026-03-01T12:30:00+00:00"),
        ("1 day", "2026-03-30T12:30:00+00:00"),
        ("2w", "2026-03-17T12:30:00+00:00"),
        ("24h", "2026-03-30T12:30:00+00:00"),
        ("90 Minutes", "2026-03-31T11:00:00+00:00"),
        ("P7D", "2026-03-24T12:30:00+00:00"),
        ("P1WT36H", "2026-03-23T00:30:00+00:00"),
    ],
)
def test_dates_times_and_durations_are_read(text: str, moment: str) -> None:
    assert parse_moment(text, now=NOW).isoformat() == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "P",
        "PT",
        "2026-13-01",
        "30 moons",
        "9" * 30 + "d",
        "-3 days",
        "9999-12-31",
        "9999-12-31T23:59:59-23:59",
    ],
)
def test_anything_else_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(UsageError, match="neither a date nor a duration") as caught:
        parse_moment(text, now=NOW)
    assert caught.value.hint


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(UsageError, match="has no zone"):
        parse_moment("2026-01-31T12:00:00", now=NOW)


@given(st.text(max_size=60))
def test_no_text_crashes_it(text: str) -> None:
    with suppress(UsageError):
        assert parse_moment(text, now=NOW).utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-01-02T03:04:05.000006Z", "2024-01-02T03:04:05.000006+00:00"),
        ("2024-01-02T03:04:05+02:00", "2024-01-02T01:04:05+00:00"),
        ("2024-01-02T03:04:05", None),
        ("0001-01-01T00:00:00+10:00", None),
        ("yesterday", None),
        ("", None),
        (None, None),
    ],
)
def test_an_upload_time_has_a_zone_or_is_none(text: str | None, moment: str | None) -> None:
    assert parse_upload_time(text) == (moment and datetime.fromisoformat(moment))
