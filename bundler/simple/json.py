"""A project page as JSON (PEP 691, with PEP 592, 658, 700, 714 and 792).

The page is decoded strictly and each file's entry on its own: an entry that breaks a rule is unusable and the others go
on. To stay fast on 15,000 files, an entry stays raw JSON, of which only the file name is decoded, until it is read.

Left out: `versions` (file names tell), `gpg-sig`, `provenance`.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

import msgspec
from packaging.utils import canonicalize_name
from packaging.version import Version

from bundler.distributions import check_filename, parse_filename
from bundler.errors import Refused, UnusableFile
from bundler.simple.model import Listing, ProjectFile, ProjectPage
from bundler.simple.rules import check_api_version, file_url, known_status, read_digests, strongest

__all__ = ["CONTENT_TYPE", "read_entry", "read_listing", "write_page"]

CONTENT_TYPE = "application/vnd.pypi.simple.v1+json"


class _Meta(msgspec.Struct, rename="kebab"):
    api_version: str


class _Status(msgspec.Struct, omit_defaults=True):
    status: str = "active"
    reason: str | None = None


class _Page(msgspec.Struct, rename="kebab"):
    meta: _Meta
    name: str
    files: list[msgspec.Raw]
    project_status: _Status | None = None


class _Name(msgspec.Struct):
    filename: str


class _File(msgspec.Struct, rename="kebab", omit_defaults=True):
    filename: str
    url: str
    hashes: dict[str, str]
    size: Annotated[int, msgspec.Meta(ge=0)] | None = None
    requires_python: str | None = None
    core_metadata: bool | dict[str, str] | None = None
    dist_info_metadata: bool | dict[str, str] | None = None  # the key's name before PEP 714
    yanked: bool | str | None = None
    upload_time: str | None = None


_decode_page = msgspec.json.Decoder(_Page).decode
_decode_name = msgspec.json.Decoder(_Name).decode
_decode_entry = msgspec.json.Decoder(_File).decode


def read_listing(body: bytes, *, url: str, name: str) -> Listing:
    """Take a project's page apart.

    Raises:
        Refused: not such a page, one of another project, or of a major version above 1.
    """
    try:
        page = _decode_page(body)
    except (ValueError, RecursionError) as exc:
        raise Refused(f"{url}: not a project page of the simple API in JSON: {exc}") from exc
    check_api_version(page.meta.api_version, url)
    if canonicalize_name(page.name) != canonicalize_name(name):
        raise Refused(f"{url}: the page is of {page.name[:120]!r}, not of {name}")
    status = page.project_status or _Status()
    return Listing(
        name=canonicalize_name(name),
        url=url,
        form="json",
        base=url,
        filenames=list(map(_filename, page.files)),
        entries=page.files,
        status=known_status(status.status),
        status_reason=status.reason,
    )


def write_page(page: ProjectPage) -> bytes:
    """Write a page; of version 1.4 if every size is known (PEP 700 asks for them), else of 1.0.

    Raises:
        UnusableFile: an entry of the page can't be used.
    """
    files = list(page.files())
    document = {
        "meta": {"api-version": "1.0" if any(file.size is None for file in files) else "1.4"},
        "name": page.name,
        "project-status": _Status(page.status, page.status_reason),
        "versions": _versions(page.filenames),
        "files": [_entry(file) for file in files],
    }
    return msgspec.json.encode(document)


def _filename(raw: msgspec.Raw) -> str:
    """The entry's file name, or "" which no file has: its entry then can't be read."""
    try:
        return _decode_name(raw).filename
    except (ValueError, RecursionError):
        return ""


def read_entry(entry: bytes, *, base: str, filename: str) -> ProjectFile:
    """Read a file's entry.

    Raises:
        UnusableFile: it's broken, or the file's name or link isn't one that a page may hold.
    """
    check_filename(filename)
    try:
        stated = _decode_entry(entry)
    except (ValueError, RecursionError) as exc:
        raise UnusableFile(f"{filename}: its entry in the index is broken: {exc}") from exc
    metadata = stated.dist_info_metadata if stated.core_metadata is None else stated.core_metadata
    return ProjectFile(
        filename=filename,
        url=file_url(base, stated.url, filename),
        hashes=read_digests(stated.hashes.items()),
        size=stated.size,
        requires_python=stated.requires_python or None,
        has_metadata=metadata is not None and metadata is not False,
        metadata_digest=strongest(read_digests(metadata.items())) if isinstance(metadata, dict) else None,
        yanked=(stated.yanked if isinstance(stated.yanked, str) else "") if stated.yanked else None,
        upload_time=stated.upload_time,
    )


def _entry(file: ProjectFile) -> _File:
    digest = file.metadata_digest
    return _File(
        filename=file.filename,
        url=file.url,
        hashes={digest.algorithm: digest.hexdigest for digest in file.hashes},
        size=file.size,
        requires_python=file.requires_python,
        core_metadata={digest.algorithm: digest.hexdigest} if digest else file.has_metadata or None,
        yanked=True if file.yanked == "" else file.yanked,
        upload_time=file.upload_time,
    )


def _versions(filenames: tuple[str, ...]) -> list[str]:
    versions: set[Version] = set()
    for filename in filenames:
        with suppress(UnusableFile):  # PEP 700 lists the versions of releases; other files have none
            versions.add(parse_filename(filename).version)
    return [str(version) for version in sorted(versions)]
