"""The rules that hold for a project page in either form: its version and status, its files' links and digests."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urldefrag, urljoin, urlsplit, urlunsplit

from bundler.digests import STRONG_ALGORITHMS, Digest
from bundler.errors import Refused, UnusableFile

__all__ = ["check_api_version", "file_url", "known_status", "origin_of", "read_digests", "strongest"]

_STATUSES = ("active", "archived", "quarantined", "deprecated")
_PORTS = {"http": 80, "https": 443}
_CONTROL = re.compile(r"[\0-\x20\x7f]")
# Nearly every link: absolute already, so that urljoin, 20 times slower, would return it as it is.
_PLAIN_URL = re.compile(
    r"https?://[A-Za-z0-9-]{1,63}+(?:\.[A-Za-z0-9-]{1,63}+)*+(?::[1-5]?[0-9]{1,4}+)?+/[A-Za-z0-9/._+!%~-]*+(?=#|\Z)"
)
#: What DNS can look up, or an address; anything else would end the build deep inside the HTTP library.
_HOST = re.compile(r"(?:[A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}\.?|[0-9A-Fa-f:.%]+")
_API_VERSION = re.compile(r"([0-9]{1,9})\.[0-9]{1,9}")


def check_api_version(version: str, url: str) -> None:
    """Refuse a page of a major version of the API above 1 (PEP 629).

    Raises:
        Refused: such a version, or no version at all.
    """
    match = _API_VERSION.fullmatch(version)
    if match is None or int(match[1]) != 1:
        raise Refused(f"{url}: a page of the simple API's version {version[:40]!r}, and only 1.x is known")


def known_status(marker: str) -> str:
    """A status marker; one that PEP 792 doesn't know counts as none."""
    return marker if marker in _STATUSES else "active"


def file_url(base: str, href: str, filename: str) -> str:
    """Make a file's link absolute, without its fragment and userinfo.

    Raises:
        UnusableFile: it leads elsewhere than http and https (or file, on a page that is itself a file's).
    """
    if plain := _PLAIN_URL.match(href):
        return plain[0]
    try:
        url = urldefrag(urljoin(base, href)).url
        parts = urlsplit(url)
        web = parts.scheme in _PORTS and _HOST.fullmatch(parts.hostname or "") and (parts.port or True)
    except ValueError as exc:
        raise UnusableFile(f"{filename}: its link {href[:120]!r} is no URL") from exc
    local = parts.scheme == "file" and urlsplit(base).scheme == "file"
    if not (web or local) or _CONTROL.search(url):
        raise UnusableFile(f"{filename}: its link {href[:120]!r} isn't one that a page may hold")
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, parts.query, ""))


def origin_of(url: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port (RFC 6454).

    Raises:
        ValueError: no URL.
    """
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


def read_digests(stated: Iterable[tuple[str, str]]) -> tuple[Digest, ...]:
    """The digests among pairs of algorithm and value; others are dropped, and a file without SHA-256 isn't taken."""
    digests = []
    for algorithm, value in stated:
        try:
            digests.append(Digest.parse(f"{algorithm}={value}"))
        except ValueError:  # an algorithm or length that we don't know: nothing to check against
            continue
    return tuple(digests)


def strongest(digests: tuple[Digest, ...]) -> Digest | None:
    """The one that a metadata file is checked against."""
    strong = [digest for digest in digests if digest.algorithm in STRONG_ALGORITHMS]
    return min(strong, key=lambda digest: STRONG_ALGORITHMS.index(digest.algorithm), default=None)
