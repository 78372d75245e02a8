"""A project page as HTML (PEP 503, with PEP 592, 629, 658, 714 and 792): an anchor scanner of our own.

Index pages are hostile and big, and no parser at hand is both fast and linear: html.parser needs 58 s for 288 KB made
for it, lexbor 6.4 s for 600 KB of nested `<a><b>`, libxml2 1.1 s for 259 KB of attributes on one tag. A page is only
anchors, `<base>`, `<meta>` and `<title>`. So one regular expression, possessive throughout, reads tags and attributes
as HTML5 tokenises them (comments, raw text and quoted values can't hide or make up an anchor), in one pass and linear
time on any input; 15,000 anchors take 0.04 s. Every tag is matched to its `>` or to the end of the page, so the search
never starts again inside one.

File names are the last component of each link, percent-decoded once, as in pip and uv; the anchor's text isn't looked
at. Other attributes are read when a file is asked for. Anchors whose link ends in `/` are navigation.

A page is refused if nothing tells that it is an index page: no link to a distribution, no repository version, no title
as index servers write it. A captive portal must not pass for a project without files; an empty project on a server that
marks its pages by none of these is refused too, which costs nothing but another error message.

Left out: the standard's tree construction (an anchor in `<template>` counts), `<meta charset>` (the caller's charset or
UTF-8 holds), `data-gpg-sig`. Beyond the PEPs, `data-upload-time` is read and written, as some indexes do.
"""

from __future__ import annotations

import codecs
import html
import re
from dataclasses import dataclass, field
from urllib.parse import unquote, urljoin

from packaging.utils import canonicalize_name

from bundler.digests import Digest
from bundler.distributions import check_filename
from bundler.errors import Refused, UnusableFile
from bundler.simple.model import Listing, ProjectFile, ProjectPage
from bundler.simple.rules import check_api_version, file_url, known_status, origin_of, read_digests, strongest

__all__ = ["CONTENT_TYPE", "LEGACY_CONTENT_TYPE", "read_entry", "read_listing", "write_page"]

CONTENT_TYPE = "application/vnd.pypi.simple.v1+html"
LEGACY_CONTENT_TYPE = "text/html"

_CHARSETS = ("utf-8", "ascii", "iso8859-1", "cp1252")  # others are slow, or hide ASCII

_DISTRIBUTIONS = (".whl", ".tar.gz", ".zip", ".tar.bz2", ".egg", ".exe")
_INDEX_TITLE = re.compile(r"links for|index of|directory listing", re.IGNORECASE)

# HTML5, 13.2.5: a name may hold anything but space, "/" and ">", and "=" only at its start; a value is quoted by either
# quote, or runs to the next space or ">"; an open quote runs to the end of the page.
_SPACE = " \t\n\f\r"
_NAME = rf"[^{_SPACE}/>][^{_SPACE}/>=]*+"
_ATTRIBUTE = re.compile(
    rf"""({_NAME})(?:[{_SPACE}]*+=[{_SPACE}]*+(?:"([^"]*+)"?+|'([^']*+)'?+|([^{_SPACE}>"'][^{_SPACE}>]*+)|))?+"""
)
_ATTRIBUTES = rf"(?:[{_SPACE}/]++|{re.sub(r'[(](?![?])', '(?:', _ATTRIBUTE.pattern)})*+"
# An opened tag that never ends is no tag, and takes the rest of the page with it: the last but one alternative.
_TOKEN = re.compile(
    rf"""<(?:
    [aA](?=[{_SPACE}/>])(?P<anchor>(?:[{_SPACE}]++href="(?P<href>[^"]*+)")?+{_ATTRIBUTES})>
        (?:[^<]*+</[aA]>(?:[{_SPACE}]*+<br[{_SPACE}]*+/?+>)?+)?+
    |(?P<tag>(?i:base|meta))(?=[{_SPACE}/>])(?P<attributes>{_ATTRIBUTES})>
    |(?P<raw>(?i:script|style|title|textarea|xmp|iframe|noembed|noframes))(?=[{_SPACE}/>]){_ATTRIBUTES}>
        (?P<text>(?:[^<]++|<(?!/(?i:(?P=raw))[{_SPACE}/>]))*+)
    |!--(?:-?>|(?:[^-]++|-(?!-!?>))*+(?:--!?>|\Z))
    |/?[a-zA-Z][^{_SPACE}/>]*+{_ATTRIBUTES}(?:>|\Z)
    |[!?/][^>]*+(?:>|\Z)
    )""",
    re.VERBOSE,
)


@dataclass(slots=True)
class _Scan:
    """What one pass over a page finds; `anchors` are the attributes of those that name a file, as written."""

    filenames: list[str] = field(default_factory=list)
    anchors: list[str] = field(default_factory=list)
    metas: dict[str, str] = field(default_factory=dict)
    base: str | None = None
    title: str = ""


def read_listing(body: bytes, *, url: str, name: str, charset: str | None = None) -> Listing:
    """Take a project's page apart; `charset` is the one that the content type states.

    Raises:
        Refused: not an index page, of a major version above 1, with a `<base>` elsewhere, or in an odd charset.
    """
    text = _decode(body, charset, url)
    scan = _scan(text)
    version = scan.metas.get("pypi:repository-version")
    if version is not None:
        check_api_version(version, url)
    elif not (_INDEX_TITLE.search(scan.title) or any(name.endswith(_DISTRIBUTIONS) for name in scan.filenames)):
        raise Refused(
            f"{url}: the page doesn't look like a project page of an index",
            hint="check the index URL, and whether a proxy or login page answers in its place",
        )
    return Listing(
        name=canonicalize_name(name),
        url=url,
        form="html",
        base=_base(scan.base, url),
        filenames=scan.filenames,
        entries=[anchor.encode() for anchor in scan.anchors],
        status=known_status(scan.metas.get("pypi:project-status", "active")),
        status_reason=scan.metas.get("pypi:project-status-reason"),
    )


def write_page(page: ProjectPage) -> bytes:
    """Write a page, of version 1.4; HTML can't carry sizes, nor more than one digest of a file.

    Raises:
        UnusableFile: an entry of the page can't be used.
    """
    metas = {"pypi:repository-version": "1.4", "pypi:project-status": page.status}
    if page.status_reason is not None:
        metas["pypi:project-status-reason"] = page.status_reason
    lines = [
        "<!DOCTYPE html>",
        "<html><head>",
        *(f'<meta name="{key}" content="{html.escape(value)}">' for key, value in metas.items()),
        f"<title>Links for {html.escape(page.name)}</title></head><body>",
        *(_anchor(file) for file in page.files()),
        "</body></html>\n",
    ]
    return "\n".join(lines).encode()


def _decode(body: bytes, charset: str | None, url: str) -> str:
    """Text, in which bytes that don't belong make the file name or link unusable in which they stand."""
    try:
        encoding = codecs.lookup(charset or "utf-8").name
    except (LookupError, ValueError):
        encoding = ""
    if encoding not in _CHARSETS:
        raise Refused(f"{url}: a page in the charset {str(charset)[:40]!r}, which isn't read")
    return body.removeprefix(codecs.BOM_UTF8).decode(encoding, "replace")


def _scan(text: str) -> _Scan:
    scan = _Scan()
    for token in _TOKEN.finditer(text):
        kind = token.lastgroup
        if kind == "anchor":
            href = token["href"]
            href = _attributes(token["anchor"]).get("href", "") if href is None else _unescape(href)
            if filename := _filename(href):
                scan.filenames.append(filename)
                scan.anchors.append(token["anchor"])
        elif kind == "attributes":
            attributes = _attributes(token["attributes"])
            scan.metas.setdefault(attributes.get("name", "").lower(), attributes.get("content", ""))
            if token["tag"].lower() == "base" and scan.base is None:
                scan.base = attributes.get("href")
        elif kind == "text" and token["raw"].lower() == "title":
            scan.title = scan.title or token["text"]
    return scan


def _attributes(text: str) -> dict[str, str]:
    """Names in lower case, values with their entities resolved; the first of a name counts."""
    attributes: dict[str, str] = {}
    for name, double, single, bare in _ATTRIBUTE.findall(text):
        attributes.setdefault(name.lower(), _unescape(double or single or bare))
    return attributes


def _unescape(text: str) -> str:
    try:
        return html.unescape(text) if "&" in text else text
    except ValueError:  # a reference to a number of more than 4300 digits; what keeps its "&" is no file name
        return text


def _filename(href: str) -> str:
    path = href.partition("#")[0].partition("?")[0].strip(_SPACE)
    name = path.rpartition("/")[2]
    return unquote(name) if "%" in name else name


def _base(stated: str | None, url: str) -> str:
    """What links are relative to. A `<base>` on another host would send every download there."""
    try:
        base = urljoin(url, stated or "")
        elsewhere = origin_of(base) != origin_of(url)
    except ValueError as exc:
        raise Refused(f"{url}: the page's <base> is no URL") from exc
    if elsewhere:
        raise Refused(f"{url}: the page's <base> leads elsewhere, to {base[:120]!r}")
    return base


def read_entry(entry: bytes, *, base: str, filename: str) -> ProjectFile:
    """Read an anchor's attributes.

    Raises:
        UnusableFile: the file's name or link isn't one that a page may hold.
    """
    check_filename(filename)
    attributes = _attributes(entry.decode("utf-8", "replace"))
    if "href" not in attributes:  # of a page that was damaged on its way
        raise UnusableFile(f"{filename}: its entry has no link")
    href = attributes["href"].strip(_SPACE)
    metadata = attributes.get("data-core-metadata", attributes.get("data-dist-info-metadata", "false"))
    return ProjectFile(
        filename=filename,
        url=file_url(base, href, filename),
        hashes=_digests(href.partition("#")[2].split("&")),
        requires_python=attributes.get("data-requires-python") or None,
        has_metadata=metadata != "false",
        metadata_digest=strongest(_digests([metadata])) if "=" in metadata else None,
        yanked=attributes.get("data-yanked"),
        upload_time=attributes.get("data-upload-time"),
    )


def _digests(texts: list[str]) -> tuple[Digest, ...]:
    return read_digests((algorithm, value) for algorithm, _, value in (text.partition("=") for text in texts))


def _anchor(file: ProjectFile) -> str:
    digest = file.digest or strongest(file.hashes)
    metadata = file.metadata_digest
    attributes = {
        "href": file.url + (f"#{digest.algorithm}={digest.hexdigest}" if digest else ""),
        "data-requires-python": file.requires_python,
        "data-core-metadata": f"{metadata.algorithm}={metadata.hexdigest}" if metadata else None,
        "data-yanked": file.yanked,
        "data-upload-time": file.upload_time,
    }
    if file.has_metadata and not metadata:
        attributes["data-core-metadata"] = "true"
    written = " ".join(f'{key}="{html.escape(value)}"' for key, value in attributes.items() if value is not None)
    return f"<a {written}>{html.escape(file.filename)}</a><br>"
