"""Where a lock takes a project from: its files, an archive, a repository.

A file that is no wheel or sdist of its project and version is passed over: Poetry lists eggs and installers too, and a
project of which nothing is left is refused when a target needs it. An archive whose name doesn't tell the project and
the version is a direct reference, and so is a repository, at one commit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import unquote, urldefrag, urlsplit

from bundler.digests import STRONG_ALGORITHMS, Digest
from bundler.distributions import Distribution, parse_filename, parse_requirement
from bundler.errors import RequirementError, UnusableFile
from bundler.requirements.files.references import Locate, reference_at
from bundler.requirements.locked import LockedFile, LockedProject
from bundler.requirements.quoting import quote
from bundler.requirements.urls import is_usable, repository_url

__all__ = ["file_url", "from_archive", "from_files", "from_repository", "last_part", "parse_digests"]

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def file_url(url: str, project: LockedProject) -> str:
    """Return the URL of a file, which is one that can be fetched.

    Raises:
        RequirementError: one that isn't http, https or file, or is none.
    """
    if url.partition(":")[0].lower() in ("file", "http", "https") and is_usable(url):
        return url
    message = f"the address of a file of {project.name} isn't one that files come from: {quote(url)}"
    raise RequirementError(message, origin=str(project.origin), hint="lock it from an index")


def last_part(path_or_url: str) -> str:
    """The file name at the end of a path or URL, decoded once if it is a URL; "" if there is none."""
    try:
        path = urlsplit(path_or_url).path
    except ValueError:
        return ""
    is_url = "://" in path_or_url
    return unquote(path.rpartition("/")[2]) if is_url else re.split(r"[/\\]", path_or_url)[-1]


def parse_digests(texts: Iterable[str], project: LockedProject) -> tuple[Digest, ...]:
    """Read `algorithm:hex` texts, of which those of unknown algorithms don't count.

    Raises:
        RequirementError: there are texts, and none of them counts, so that nothing would bind the file.
    """
    texts, digests = list(texts), []
    for text in texts:
        try:
            digests.append(Digest.parse(text))
        except ValueError:
            continue
    if texts and not digests:
        message = f"{project.name} has a hash that isn't one: {texts[0][:140]!r}"
        raise RequirementError(message, origin=str(project.origin), hint="lock again, with sha256")
    return tuple(digests)


def from_files(project: LockedProject, files: Iterable[LockedFile]) -> LockedProject:
    """The project with those of the files that are of it."""
    found = [(file, distribution) for file in files if (distribution := _distribution(file, project)) is not None]
    version = project.version or next((distribution.version for _, distribution in found), None)
    return replace(
        project,
        version=version,
        files=tuple(file for file, distribution in found if distribution.version == version),
    )


def from_archive(
    project: LockedProject, file: LockedFile, locate: Locate, *, subdirectory: str | None = None
) -> LockedProject:
    """The project with an archive: as its one file where it is a wheel or sdist by its name, else as a reference.

    Raises:
        RequirementError: a reference that isn't taken.
    """
    if not subdirectory and _distribution(file, project) is not None:
        return from_files(project, [file])
    if file.url is None:
        return project
    strong = tuple(digest for digest in file.hashes if digest.algorithm in STRONG_ALGORITHMS)
    return replace(_referring(project, urldefrag(file.url).url, subdirectory, locate), hashes=strong)


def from_repository(
    project: LockedProject, git: str, commit: str, locate: Locate, *, subdirectory: str | None = None
) -> LockedProject:
    """The project at a commit of a git repository.

    Raises:
        RequirementError: not the whole name of a commit, or an address that isn't taken.
    """
    if _COMMIT.fullmatch(commit) is None:
        message = f"{project.name} isn't pinned to a commit of its repository: {quote(commit)}"
        raise RequirementError(message, origin=str(project.origin), hint="lock again")
    return _referring(project, repository_url(git, commit, project.origin), subdirectory, locate)


def _referring(project: LockedProject, url: str, subdirectory: str | None, locate: Locate) -> LockedProject:
    found = reference_at(parse_requirement(project.name), url, project.origin, locate, subdirectory=subdirectory)
    return replace(project, reference=found.url)


def _distribution(file: LockedFile, project: LockedProject) -> Distribution | None:
    """What the file is, if it is of the project and, where that is known, of its version."""
    try:
        distribution = parse_filename(file.filename)
    except UnusableFile:
        return None
    fits = distribution.name == project.name and project.version in (None, distribution.version)
    return distribution if fits else None
