"""Where an index is, who may be told its password, and where a redirect may lead.

A password lives in `Credentials`, which prints as `***`, and goes only to URLs with the index's scheme, host, port and
path prefix. Every other URL in bundler has no userinfo: `IndexLocation.parse` takes it off, `follow` drops it from
redirects, and `redact` takes it off whatever is about to be shown or stored.

A location may be a directory: file: URLs have neither credentials nor a host but this one. What netrc and keyring know
is `credentials`' business; nothing else reads them (httpx's own use of netrc is opt-in since 0.24).
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urljoin, urlsplit, urlunsplit

from bundler.errors import Refused, UsageError
from bundler.requirements.quoting import quote

__all__ = ["Credentials", "IndexLocation", "authorization", "closest", "follow", "is_local", "redact"]

_PORTS = {"http": 80, "https": 443}
_THIS_HOST = ("", "localhost")  # RFC 8089 §2


class Credentials:
    """A user name and a password for HTTP's Basic scheme (RFC 7617); prints as `***`.

    The user name is kept as secret as the password: it may be a token, and then the password is None.
    """

    __slots__ = ("__header", "__user", "has_password")

    def __init__(self, user: str, password: str | None) -> None:
        """Raise ValueError for text that can't be sent."""
        self.__user = user
        self.__header = "Basic " + base64.b64encode(f"{user}:{password or ''}".encode()).decode()
        #: Whether a password was stated, be it an empty one.
        self.has_password = password is not None

    @property
    def user(self) -> str:
        """The user name; never to be shown."""
        return self.__user

    def header(self) -> str:
        """The value of the Authorization header; without a password it says an empty one, as tokens are sent."""
        return self.__header

    def __repr__(self) -> str:
        return "***"


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexLocation:
    """A package index or a find-links place: its URL without userinfo, and the credentials it takes.

    An index's URL ends in `/`.
    """

    url: str
    credentials: Credentials | None = field(default=None, compare=False)

    @classmethod
    def parse(cls, text: str) -> IndexLocation:
        """Read an index URL as a person writes it.

        Raises:
            UsageError: not an http or https URL with a host, nor the file URL of a directory here.
        """
        place = cls.parse_links(text, what="a package index")
        return cls(url=place.url.rstrip("/") + "/", credentials=place.credentials)

    @classmethod
    def parse_links(cls, text: str, *, what: str = "a find-links place") -> IndexLocation:
        """Read the URL of a page of links, or of a directory of files, which may end without `/`.

        Raises:
            UsageError: see `parse`.
        """
        try:
            parts = urlsplit(text.strip())
            credentials = _credentials(parts)
            usable = _is_place(parts)
        except ValueError:  # not told, not chained: its text may hold the password
            usable = False
        if not usable or ("@" in parts.path and parts.scheme in _PORTS):
            # Stricter than `quote`: a password may hold a "/", or stand in what has no "//".
            shown = f"//***@{text.rpartition('@')[2]}" if "@" in text else text
            hint = "write it as https://host/path/ or file:///directory/, with special characters percent-encoded"
            raise UsageError(f"not the URL of {what}: {quote(shown, 200)}", hint=hint) from None
        return cls(url=_without_userinfo(parts), credentials=credentials)

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


def closest(url: str, locations: Iterable[IndexLocation]) -> IndexLocation | None:
    """The location with the longest URL that covers a URL, the first of several; None where none does."""
    return max((place for place in locations if place.covers(url)), key=lambda place: len(place.url), default=None)


def authorization(url: str, locations: Iterable[IndexLocation]) -> str | None:
    """The Authorization header for a URL: that of the closest location that has credentials, or None."""
    best = closest(url, (place for place in locations if place.credentials is not None))
    return None if best is None or best.credentials is None else best.credentials.header()


def is_local(url: str) -> bool:
    """Whether it is a file: URL."""
    return url[:5].lower() == "file:"


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


def _is_place(parts: SplitResult) -> bool:
    if parts.scheme == "file":
        return parts.netloc in _THIS_HOST and parts.path.startswith("/")
    return parts.scheme in _PORTS and bool(parts.hostname) and (parts.port is None or parts.port > 0)


def _credentials(parts: SplitResult) -> Credentials | None:
    if not parts.username and not parts.password:
        return None
    password = None if parts.password is None else unquote(parts.password)
    return Credentials(unquote(parts.username or ""), password)


def _without_userinfo(parts: SplitResult, query: str = "") -> str:
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, query, ""))


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


def _segments(path: str) -> set[str]:
    return set(unquote(path).replace("\\", "/").split("/"))
