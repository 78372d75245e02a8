from __future__ import annotations

import pytest

from bundler.index.retries import TRIES, pause, retry_after

NOON = 784111777.0  # Sun, 06 Nov 1994 08:49:37 GMT, the date of RFC 9110


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        (" 120 ", 120.0),
        ("Sun, 06 Nov 1994 08:49:47 GMT", 10.0),
        ("Sun, 06 Nov 1994 08:49:27 GMT", 0.0),
        ("Sunday, 06-Nov-94 08:49:47 GMT", 10.0),
        ("Sun, 06 Nov 1994 08:49:47 -0000", 10.0),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("Sun, 99 Nov 1994 08:49:47 GMT", None),
        ("", None),
    ],
)
def test_retry_after_is_read_in_both_forms(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, NOON) == seconds


def test_an_absurd_retry_after_is_just_a_large_number() -> None:
    absurd = retry_after("9" * 5000, NOON)
    assert absurd is not None
    assert absurd > 1e9


def test_pauses_grow_and_are_jittered_around_their_mean() -> None:
    lows = [pause(failures, 0.0) for failures in range(1, TRIES + 1)]
    highs = [pause(failures, 1.0) for failures in range(1, TRIES + 1)]
    assert lows == sorted(lows)
    assert all(high == 3 * low for low, high in zip(lows, highs, strict=True))
    assert sum(highs[: TRIES - 1]) < 10
