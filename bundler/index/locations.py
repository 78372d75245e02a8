"""Where an index is, who may be told its password, and where a redirect may lead.

A password lives in `Credentials`, which prints as `***`, and goes only to URLs with the index's scheme, host, port and
path prefix. Every other URL in bundler has no userinfo: `IndexLocation.parse` takes it off, `follow` drops it from
redirects, and `redact` takes it off whatever is about to be shown or stored.

Left out: netrc and keyring; nothing reads them behind our back (httpx's own use of netrc is opt-in since 0.24).
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urljoin, urlsplit, urlunsplit

from bundler.errors import Refused, UsageError

__all__ = ["Credentials", "IndexLocation", "authorization", "follow", "redact"]

_PORTS = {"http": 80, "https": 443}


class Credentials:
    """A user name and a password for HTTP's Basic scheme (RFC 7617); prints as `***`."""

    __slots__ = ("__header",)

    def __init__(self, user: str, password: str) -> None:
        self.__header = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    def header(self) -> str:
        """The value of the Authorization header."""
        return self.__header

    def __repr__(self) -> str:
        return "***"


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexLocation:
    """A package index: its URL without userinfo, ending in `/`, and the credentials it takes."""

    url: str
    credentials: Credentials | None = field(default=None, compare=False)

    @classmethod
    def parse(cls, text: str) -> IndexLocation:
        """Read an index URL as a person writes it.

        Raises:
            UsageError: not an http or https URL with a host.
        """
        try:
            parts = urlsplit(text.strip())
            credentials = _credentials(parts)
            usable = parts.scheme in _PORTS and bool(parts.hostname) and (parts.port is None or parts.port > 0)
        except ValueError:  # not told, not chained: its text may hold the password
            usable = False
        if not usable or "@" in parts.path:
            shown = f"***@{text.rpartition('@')[2]}" if "@" in text else text  # a "/" in a password hides it elsewhere
            hint = "write it as https://host/path/, with special characters of a password percent-encoded"
            raise UsageError(f"not the URL of a package index: {shown[:200]!r}", hint=hint) from None
        return cls(url=_without_userinfo(parts).rstrip("/") + "/", credentials=credentials)

    def page(self, name: str) -> str:
        """The URL of a project's page, by its normalized name (PEP 503)."""
        return f"{self.url}{name}/"

    def covers(self, url: str) -> bool:
        """Whether `url` has this index's scheme, host and port and lies beside or below its path.

        An index at /team/simple/ keeps its files at /team/packages/ or thereabouts, so the prefix is /team/.
        """
        home, other = urlsplit(self.url), urlsplit(url)
        if _origin(home) != _origin(other) or not {".", ".."}.isdisjoint(_segments(other.path)):
            return False
        prefix = home.path.rstrip("/").rpartition("/")[0] + "/"
        return other.path.startswith(prefix)


def authorization(url: str, locations: Iterable[IndexLocation]) -> str | None:
    """The Authorization header for a URL: that of the index with the longest URL that covers it, or None."""
    having = [place for place in locations if place.credentials is not None and place.covers(url)]
    best = max(having, key=lambda place: len(place.url), default=None)
    return None if best is None or best.credentials is None else best.credentials.header()


def redact(url: str) -> str:
    """The URL without userinfo, query and fragment: fit for messages, the cache and the manifest."""
    try:
        parts = urlsplit(url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    except ValueError:
        return "(an unreadable URL)"


def follow(url: str, location: str) -> str:
    """Where a redirect from `url` to `location` leads (RFC 9110 §10.2.2), without its userinfo and fragment.

    Raises:
        Refused: not http or https, from https to http, or unreadable.
    """
    try:
        parts = urlsplit(urljoin(url, location))
        target = _without_userinfo(parts, query=parts.query)
    except ValueError as exc:
        raise Refused(f"{redact(url)} redirects to an unreadable address") from exc
    if parts.scheme not in _PORTS or not parts.hostname:
        raise Refused(f"{redact(url)} redirects to {parts.scheme or 'nowhere'!r}, which isn't http or https")
    if urlsplit(url).scheme == "https" and parts.scheme == "http":
        raise Refused(f"{redact(url)} redirects from https to http")
    return target


def _credentials(parts: SplitResult) -> Credentials | None:
    if not parts.username and not parts.password:
        return None
    return Credentials(unquote(parts.username or ""), unquote(parts.password or ""))


def _without_userinfo(parts: SplitResult, query: str = "") -> str:
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, query, ""))


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


def _segments(path: str) -> set[str]:
    return set(unquote(path).replace("\\", "/").split("/"))
