"""Direct references: a file, a directory or a repository that a requirement names in place of a project of an index.

`name[extras] @ URL ; marker`, a bare URL, or a path, told apart as pip tells them. A path and a relative file: URL
start from the working directory, whatever file they stand in. Wheels tell their name by their file name, and so do
sdists that aren't given one; a directory, a repository and an archive such as a tag's may have none until somebody
looks into them. `egg` is refused where it is all that a repository's fragment holds: `name @ URL` has replaced it.

An editable local directory is taken as that directory: nothing of a bundle is installed in development mode. Editable
repositories are refused, and so are Mercurial, Subversion and Bazaar. What lies behind a reference isn't looked at
here; `locate` only tells whether there is anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import quote as percent_encoded
from urllib.parse import unquote, urlsplit

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bundler.digests import Digest
from bundler.distributions import Wheel, parse_filename, parse_requirement
from bundler.errors import RequirementError, UnusableFile
from bundler.requirements.files.fragments import Fragment
from bundler.requirements.model import DeclaredReference
from bundler.requirements.origins import Origin
from bundler.requirements.quoting import quote, shown
from bundler.requirements.urls import SCP_LIKE, is_usable

__all__ = ["OTHER_FILES", "Locate", "absolute_url", "parse_editable", "parse_reference", "reference_at"]

#: A path as written and the file it is written in (None: relative to the working directory) -> the absolute file: URL
#: of what is there, ending in "/" for a directory, or None where nothing is there.
Locate = Callable[[str, str | None], str | None]

_URL = re.compile(r"([a-z][a-z0-9+.-]++):(?=//)|(file):", re.IGNORECASE)  # one letter is a Windows drive
_NAMED = re.compile(r"([a-z0-9][\w.-]*+)\s*+(\[[^]]*+])?\s*+@\s*+(?=[a-z][a-z0-9+.-]++://|file:)", re.IGNORECASE)
_ABSOLUTE = re.compile(r"[a-z][a-z0-9+.-]*+://|file:", re.IGNORECASE)
_BEFORE_MARKER = re.compile(r";\s|\s;")  # a URL may hold a ";" of its own
_PATH_AND_EXTRAS = re.compile(r"(.*[^\s\[])\s*(\[[^]]+])", re.DOTALL)
_LOCAL_FILE = re.compile(r"file:(?://(?:localhost)?(?=/))?([^#]*)(.*)", re.IGNORECASE | re.DOTALL)
_DRIVE = re.compile(r"/[a-z]:[/\\]", re.IGNORECASE)
#: What isn't a requirement, but holds some.
OTHER_FILES = (".txt", ".in", ".toml", ".lock")
_ARCHIVES = (".whl", ".tar.gz", ".zip")
_REPOSITORIES = {f"git+{scheme}" for scheme in ("https", "http", "ssh", "git", "file")}
_OTHER_SYSTEMS = {"hg": "Mercurial", "svn": "Subversion", "bzr": "Bazaar"}


def parse_reference(
    text: str, *, origin: Origin, locate: Locate, hashes: tuple[Digest, ...] = ()
) -> DeclaredReference | None:
    """Read a requirement without its options; None where it asks for a project by name.

    Raises:
        RequirementError: a reference that can't be read, that we don't take, or to a path where nothing is.
    """
    parts = _named_url_or_path(text)
    if parts is None:
        return None
    return _settled(replace(_draft(parts, origin), hashes=hashes), locate)


def parse_editable(text: str, *, origin: Origin, locate: Locate) -> DeclaredReference:
    """Read the value of -e, which must be a local directory; here, as in pip, a path needs no separator.

    Raises:
        RequirementError: anything else.
    """
    draft = _draft(_named_url_or_path(text) or _path(text), origin)
    if _scheme(draft.url) in _REPOSITORIES:
        message = "an editable install of a repository can't be bundled"
        raise RequirementError(message, origin=str(origin), hint=f"write {_modern(draft)}")
    reference = _settled(draft, locate)
    if not _is_directory(reference):
        message = f"{quote(text)} isn't a local directory, and nothing else can be editable"
        raise RequirementError(message, origin=str(origin), hint="leave -e out")
    return reference


def reference_at(
    requirement: Requirement, url: str, origin: Origin, locate: Locate, *, subdirectory: str | None = None
) -> DeclaredReference:
    """The direct reference that takes a requirement, with its extras and marker, from an absolute URL.

    Raises:
        RequirementError: a URL that isn't taken.
    """
    if not _ABSOLUTE.match(url):
        message, hint = f"{quote(url)} isn't the URL of {requirement.name}", "write it with its scheme, as https://…"
        raise RequirementError(message, origin=str(origin), hint=hint)
    if subdirectory is not None:
        url += f"{'&' if '#' in url else '#'}subdirectory={percent_encoded(subdirectory)}"
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    marker = f" ; {requirement.marker}" if requirement.marker else ""
    text = f"{requirement.name}{extras} @ {url}{marker}"
    found = parse_reference(text, origin=origin, locate=locate)
    if found is None:
        raise RequirementError(f"{quote(text)} isn't a direct reference", origin=str(origin))
    return found


def absolute_url(path_or_url: str, locate: Locate, within: str | None = None) -> str | None:
    """The absolute URL of a path or a file: URL (RFC 8089), with its fragment, or None where nothing is there."""
    path, fragment = path_or_url, ""
    if match := _LOCAL_FILE.fullmatch(path_or_url):
        path, fragment = unquote(match[1]), match[2]
        if path.startswith("//"):
            return None  # another machine's
        path = path[1:] if _DRIVE.match(path) else path
    located = locate(path, within) if path and "\0" not in path else None
    return None if located is None else located + fragment


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """A reference taken apart, each part as written; `place` is a URL or a path."""

    place: str
    name: str = ""
    extras: str = ""
    marker: str = ""


def _named_url_or_path(text: str) -> _Parts | None:
    if match := _NAMED.match(text):
        url, marker = _cut(text[match.end() :])
        return _Parts(place=url, name=match[1], extras=match[2] or "", marker=marker)
    if _URL.match(text):
        url, marker = _cut(text)
        return _Parts(place=url, marker=marker)
    plain = text.partition(";")[0].strip()
    if "/" in plain or "\\" in plain or plain.startswith((".", "~")) or plain.lower().endswith(_ARCHIVES):
        return _path(text)
    return _path(text) if SCP_LIKE.match(plain) else None


def _cut(text: str) -> tuple[str, str]:
    """A URL, and the marker behind it."""
    url, *marker = _BEFORE_MARKER.split(text, maxsplit=1)
    return url.strip(), "".join(marker).strip()


def _path(text: str) -> _Parts:
    path, _, marker = text.partition(";")
    match = _PATH_AND_EXTRAS.fullmatch(path.strip())
    place, extras = (match[1], match[2]) if match else (path.strip(), "")
    return _Parts(place=place, extras=extras, marker=marker.strip())


def _draft(parts: _Parts, origin: Origin) -> DeclaredReference:
    """The reference with its place as written."""
    if short := SCP_LIKE.match(parts.place):
        hint = f"write git+ssh://{short[1]}/… with a slash in place of the colon"
        raise RequirementError(f"{quote(parts.place)} isn't a URL", origin=str(origin), hint=hint)
    marker = f"; {parts.marker}" if parts.marker else ""
    try:
        requirement = parse_requirement(f"{parts.name or 'x'}{parts.extras} {marker}")
    except ValueError as exc:
        written = f"{parts.name}{parts.extras} {marker}".strip()
        message, details = f"{quote(written)} isn't understood of a direct reference", (shown(str(exc)),)
        raise RequirementError(message, origin=str(origin), details=details) from None  # its text may hold a password
    return DeclaredReference(
        url=parts.place,
        origin=origin,
        name=canonicalize_name(parts.name) if parts.name else None,
        extras=tuple(sorted({canonicalize_name(extra) for extra in requirement.extras})),
        marker=requirement.marker,
    )


def _settled(draft: DeclaredReference, locate: Locate) -> DeclaredReference:
    """The reference of a draft: absolute, checked, with the name and the hashes that its URL states."""
    scheme = _scheme(draft.url)
    if scheme in ("", "file"):
        return _archive_or_directory(replace(draft, url=_located(draft, locate)))
    if scheme not in ("http", "https", *_REPOSITORIES):
        raise _scheme_refused(draft, scheme)
    draft = replace(draft, url=scheme + draft.url[len(scheme) :])
    if not is_usable(draft.url):
        hint = "write it as https://host/path, with special characters percent-encoded"
        raise RequirementError(f"{quote(draft.url)} isn't a usable URL", origin=str(draft.origin), hint=hint)
    return _repository(draft) if scheme in _REPOSITORIES else _archive_or_directory(draft)


def _scheme(place: str) -> str:
    match = _URL.match(place)
    return (match[1] or match[2]).lower() if match else ""


def _located(draft: DeclaredReference, locate: Locate) -> str:
    url = absolute_url(draft.url, locate)
    if url is None:
        hint = "write a path relative to the working directory, as for pip, not to the file it stands in"
        if "@" in draft.url:
            hint = "write a path behind a name as name @ file:./path"
        raise RequirementError(f"there is no file or directory {quote(draft.url)}", origin=str(draft.origin), hint=hint)
    if draft.url.endswith(OTHER_FILES):
        message = f"{quote(draft.url)} isn't a requirement"
        raise RequirementError(message, origin=str(draft.origin), hint=f"did you mean -r {shown(draft.url)}?")
    return url


def _scheme_refused(draft: DeclaredReference, scheme: str) -> RequirementError:
    hint = "write the URL of a file (https, http, file) or of a repository (git+https, git+ssh)"
    system = _OTHER_SYSTEMS.get(scheme.partition("+")[0])
    if system:
        message, hint = f"{system} repositories aren't taken", "make an sdist or a wheel of it, and name that"
    else:
        message = f"{quote(draft.url)} is a URL of a kind that isn't taken, {scheme[:40]}"
    return RequirementError(message, origin=str(draft.origin), hint=hint)


def _repository(draft: DeclaredReference) -> DeclaredReference:
    fragment = Fragment.parse(draft.url, draft.origin)
    name = _name(draft, fragment)
    if draft.name is None and fragment == Fragment(name=name) != Fragment():
        message = "a repository is named by #egg= alone, a form that is going away"
        raise RequirementError(message, origin=str(draft.origin), hint=f"write {_modern(draft)}")
    _, at, reference = urlsplit(draft.url).path.rpartition("@")
    if at and (not reference or reference.startswith("-")):
        message = f"{quote(draft.url)} names no commit, tag or branch behind its @"
        raise RequirementError(message, origin=str(draft.origin), hint="write one there, or leave the @ out")
    _refuse_hashes(draft, fragment, "repository")
    return replace(draft, name=name)


def _archive_or_directory(draft: DeclaredReference) -> DeclaredReference:
    fragment = Fragment.parse(draft.url, draft.origin)
    name = _name(draft, fragment)
    if _is_directory(draft):
        _refuse_hashes(draft, fragment, "directory")
        return replace(draft, name=name)
    filename = unquote(urlsplit(draft.url).path.rpartition("/")[2])
    hashes = tuple(dict.fromkeys((*draft.hashes, *fragment.hashes)))
    return replace(draft, name=_name_of_file(filename, name, draft.origin), hashes=hashes)


def _is_directory(reference: DeclaredReference) -> bool:
    return _scheme(reference.url) == "file" and reference.url.partition("#")[0].endswith("/")


def _name_of_file(filename: str, name: str | None, origin: Origin) -> str | None:
    if not filename.endswith(_ARCHIVES):
        message = f"{quote(filename)} is neither a wheel nor an sdist" if filename else "a URL names no file"
        raise RequirementError(message, origin=str(origin), hint="name a wheel (.whl) or an sdist (.tar.gz, .zip)")
    try:
        distribution = parse_filename(filename)
    except UnusableFile as exc:
        if filename.endswith(".whl"):
            raise RequirementError(exc.message, origin=str(origin)) from exc
        return name
    if isinstance(distribution, Wheel) and name not in (None, distribution.name):
        message = f"{filename} is a wheel of {distribution.name}, and asked for as {name}"
        raise RequirementError(message, origin=str(origin), hint=f"write {distribution.name} @ …")
    return name or distribution.name


def _name(draft: DeclaredReference, fragment: Fragment) -> str | None:
    """The name that was written, by `name @` or egg=, which must agree."""
    if fragment.name is not None and draft.name not in (None, fragment.name):
        message = f"the reference is named {draft.name}, and {fragment.name} behind #egg="
        raise RequirementError(message, origin=str(draft.origin), hint="leave #egg= out")
    return draft.name or fragment.name


def _modern(draft: DeclaredReference) -> str:
    """The same reference as PEP 508 writes it, without a password."""
    url, _, fragment = draft.url.partition("#")
    parts = fragment.split("&")
    egg = next((part[4:] for part in parts if part.startswith("egg=")), "NAME")
    rest = "&".join(part for part in parts if part and not part.startswith("egg="))
    extras = f"[{','.join(draft.extras)}]" if draft.extras else ""
    return shown(f"{draft.name or egg}{extras} @ {url}{'#' if rest else ''}{rest}")


def _refuse_hashes(draft: DeclaredReference, fragment: Fragment, kind: str) -> None:
    if draft.hashes or fragment.hashes:
        message = f"a {kind} has no hash that could be checked"
        raise RequirementError(message, origin=str(draft.origin), hint="leave the hash out, or name an sdist or wheel")
