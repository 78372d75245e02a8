"""RFC 9111 for a private cache: may a stored answer be used, and if not, what to ask. Pure; `now` is an argument.

The two ends of a freshness lifetime are always measured on the same clock: `Expires - Date` on the server's, the time
since the answer came on ours. A clock that went back makes answers stale, never fresh.

Left out: heuristic freshness (§4.2.2), serving stale answers (§4.2.4), and methods other than GET. `s-maxage` and
`proxy-revalidate` are for shared caches (§5.2.2.8 to 10).
"""

from __future__ import annotations

import email.utils
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC

__all__ = ["Decision", "Fetch", "Fresh", "Revalidate", "confirms", "decide", "merge", "storable"]

_FOREVER = 2**31  # §1.2.2
#: What a 304 doesn't change (§3.2): these describe the stored body.
_OF_THE_BODY = frozenset({"content-encoding", "content-length", "content-range", "content-type"})


@dataclass(frozen=True, slots=True)
class Fresh:
    """Use the stored answer."""


@dataclass(frozen=True, slots=True)
class Revalidate:
    """Ask with these conditional headers; a 304 makes the stored answer usable."""

    headers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Fetch:
    """Ask as if nothing were stored."""


Decision = Fresh | Revalidate | Fetch


def storable(status: int, headers: Mapping[str, str]) -> bool:
    """Whether an answer may be kept (§3): a 200 without no-store and without `Vary: *`."""
    return status == 200 and "no-store" not in _directives(headers) and headers.get("vary", "").strip() != "*"


def decide(headers: Mapping[str, str], *, asked_at: float, now: float) -> Decision:
    """Say what to do with an answer that was asked for at `asked_at`.

    Header names are in lower case, times in epoch seconds. To count from the question and not from the answer adds the
    response delay of §4.2.3.
    """
    lifetime = _lifetime(headers)
    if now >= asked_at and lifetime > _age(headers, asked_at=asked_at, now=now):
        return Fresh()
    conditions = (("if-none-match", headers.get("etag")), ("if-modified-since", headers.get("last-modified")))
    asked = tuple((name, value) for name, value in conditions if value)
    return Revalidate(asked) if asked else Fetch()


def confirms(stored: Mapping[str, str], answer: Mapping[str, str]) -> bool:
    """Whether a 304 is about the stored answer (§4.3.4): one that names another ETag isn't."""
    named = answer.get("etag")
    return named is None or named.removeprefix("W/") == stored.get("etag", "").removeprefix("W/")


def merge(stored: Mapping[str, str], answer: Mapping[str, str]) -> dict[str, str]:
    """The stored headers, brought up to date by those of a 304 (§3.2).

    A stored Age would count twice, since the answer's age begins anew with the 304.
    """
    kept = {name: value for name, value in stored.items() if name != "age"}
    return kept | {name: value for name, value in answer.items() if name not in _OF_THE_BODY}


def _lifetime(headers: Mapping[str, str]) -> float:
    """§4.2.1, in seconds; 0 where nothing, or nothing sensible, is said."""
    directives = _directives(headers)
    if "no-cache" in directives or "no-store" in directives or headers.get("vary", "").strip() == "*":
        return 0
    if "max-age" in directives:
        return _seconds(directives["max-age"])
    expires, date = _time(headers.get("expires")), _time(headers.get("date"))
    return 0 if expires is None or date is None else expires - date


def _age(headers: Mapping[str, str], *, asked_at: float, now: float) -> float:
    """§4.2.3, in seconds."""
    date = _time(headers.get("date"))
    apparent = 0.0 if date is None else max(0.0, asked_at - date)
    stated = headers.get("age")
    return max(apparent, 0 if stated is None else _seconds(stated, invalid=_FOREVER)) + (now - asked_at)


def _directives(headers: Mapping[str, str]) -> dict[str, str]:
    """Cache-Control taken apart; of contradicting values the one that isn't a number or is smallest stays (§4.2.1)."""
    found: dict[str, str] = {}
    for part in headers.get("cache-control", "").split(","):
        name, _, value = part.strip().partition("=")
        name, value = name.strip().lower(), value.strip().strip('"')
        found[name] = min(found[name], value, key=_seconds) if name in found else value
    return found


def _seconds(text: str, *, invalid: int = 0) -> int:
    """delta-seconds (§1.2.2); what isn't one becomes `invalid`."""
    text = text.strip()
    if not (text.isascii() and text.isdigit()):
        return invalid
    return min(int(text[-10:]) if not text[:-10].strip("0") else _FOREVER, _FOREVER)


def _time(text: str | None) -> float | None:
    """An HTTP-date (RFC 9110 §5.6.7), which is always in GMT, as epoch seconds."""
    if text is None:
        return None
    try:
        return email.utils.parsedate_to_datetime(text).replace(tzinfo=UTC).timestamp()
    except (ValueError, OverflowError):
        return None
