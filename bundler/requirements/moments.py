"""A moment as people write it: a date, a time with its zone (RFC 3339), or a duration that reaches back from now.

And as an index writes it, of the file that came to it then.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from bundler.errors import UsageError

__all__ = ["parse_moment", "parse_upload_time"]

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_ISO = re.compile(r"P(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?)?", re.ASCII)
_FRIENDLY = re.compile(r"(?P<count>\d+) ?(?P<unit>minute|min|hour|h|day|d|week|w)s?", re.ASCII)
_UNITS = {"minute": "minutes", "min": "minutes", "hour": "hours", "h": "hours", "day": "days", "d": "days"}
_MAX_DIGITS = 40  # characters; a duration has no more


def parse_moment(text: str, *, now: datetime) -> datetime:
    """Read "2026-01-31" (that day in UTC wholly included), "2026-01-31T12:00:00Z", "30 days", "2w" or "P7D".

    Raises:
        UsageError: something else, a time without a zone, or a duration that reaches back too far.
    """
    text = text.strip()
    try:
        if _DATE.fullmatch(text):
            return datetime.fromisoformat(text).replace(tzinfo=UTC) + timedelta(days=1)
        back = _duration(text) if len(text) <= _MAX_DIGITS else None
        moment = datetime.fromisoformat(text) if back is None else now - back
        if moment.tzinfo is None:
            raise UsageError(f"the time {text[:80]!r} has no zone", hint=f"write {text[:80]}Z for UTC")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError) as exc:
        raise _refusal(text) from exc


def parse_upload_time(text: str | None) -> datetime | None:
    """The moment that an index states for a file, in UTC; None where it is none, or has no zone (PEP 700)."""
    try:
        uploaded = datetime.fromisoformat(text or "")
        return uploaded.astimezone(UTC) if uploaded.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _duration(text: str) -> timedelta | None:
    if match := _FRIENDLY.fullmatch(text.lower()):
        return timedelta(**{_UNITS.get(match["unit"], "weeks"): int(match["count"])})
    match = _ISO.fullmatch(text)
    parts = {unit: int(count) for unit, count in match.groupdict().items() if count} if match else {}
    return timedelta(**parts) if parts else None


def _refusal(text: str) -> UsageError:
    hint = 'write 2026-01-31, 2026-01-31T12:00:00Z, or how far back: "30 days", P30D'
    return UsageError(f"neither a date nor a duration: {text[:80]!r}", hint=hint)
