"""When to ask again, and how long to wait before: pure decisions for `transport`.

At most four tries. Between them a pause that doubles and is jittered, or what Retry-After says (RFC 9110 §10.2.3), as
seconds or as a date. A server that asks for more patience than 30 s gets none: waiting longer would look like hanging.
"""

from __future__ import annotations

import email.utils
from datetime import UTC

__all__ = ["MAX_PAUSE", "TEMPORARY_STATUSES", "TRIES", "pause", "retry_after"]

TRIES = 4
MAX_PAUSE = 30.0
TEMPORARY_STATUSES = frozenset({408, 429, 500, 502, 503, 504})

_FIRST_PAUSE = 0.25


def pause(failures: int, jitter: float) -> float:
    """Seconds to wait after the n-th failure (1, 2, …); `jitter` is a random number from 0 to 1."""
    return float(_FIRST_PAUSE * 2 ** (failures - 1) * (0.5 + jitter))


def retry_after(value: str | None, now: float) -> float | None:
    """The seconds that a Retry-After header asks for, never negative; None where there is none that can be read.

    `now` is in seconds since the epoch.
    """
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value[:18])
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).replace(tzinfo=UTC).timestamp() - now)
    except (ValueError, OverflowError):
        return None
