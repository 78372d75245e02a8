"""find-links: places whose files are candidates in addition to those of the index that owns a project.

A place is a directory, of which only its own wheels and sdists count, or a page of links, local or on the web. Nobody
states a hash of a local file: its SHA-256 is computed when its entry is read, and not before. The same file name in
several places must be the same file: then the first place's is taken, find-links before the index, and where the
hashes differ nothing is. A hash that nobody states can't differ, and an entry that has one goes before one that hasn't.

Left out: directories below, and local HTML pages lying among a directory's files, which pip reads too.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

from bundler.digests import Digest
from bundler.distributions import parse_filename
from bundler.errors import EnvironmentProblem, IntegrityError, NotFound, Refused, UnusableFile, UsageError
from bundler.index.local import open_regular, path_of
from bundler.index.locations import is_local, redact
from bundler.simple.model import ProjectFile, ProjectPage

__all__ = ["FlatPlace", "merged", "with_local_digests"]

Read = Callable[[], ProjectFile]


class FlatPlace:
    """All files of one find-links place, told apart by project."""

    def __init__(self, url: str, entries: Iterable[tuple[str, Read]]) -> None:
        self.url = url
        self._projects: dict[str, dict[str, Read]] = {}
        for filename, read in entries:
            try:
                project = parse_filename(filename).name
            except UnusableFile:  # whatever else lies there, and names that are a trick
                continue
            self._projects.setdefault(project, {}).setdefault(filename, read)

    @classmethod
    def of_directory(cls, url: str) -> FlatPlace:
        """List a directory.

        Raises:
            UsageError: there is none, or it can't be read.
        """
        path = path_of(url)
        try:
            names = sorted(entry.name for entry in os.scandir(path) if entry.is_file())
        except OSError as exc:
            reason = (exc.strerror or str(exc)).lower()
            hint = "create the directory first, or correct the path"
            raise UsageError(f"can't read {path}, named as find-links: {reason}", hint=hint) from exc
        return cls(redact(url), ((name, cache(_reader(path / name))) for name in names))

    @classmethod
    def of_page(cls, page: ProjectPage) -> FlatPlace:
        """The files that a page of links names."""
        page = with_local_digests(page)
        return cls(redact(page.url), ((name, _entry(page, index)) for index, name in enumerate(page.filenames)))

    def files(self, project: str) -> Mapping[str, Read]:
        """File names of a project and what reads their entries."""
        return self._projects.get(project, {})


def merged(name: str, owner: ProjectPage | None, places: Iterable[FlatPlace]) -> ProjectPage | None:
    """The owner's page with the files of these places; None if nobody has the project.

    An entry's `read` raises IntegrityError where its name stands for different files.
    """
    having = [place for place in places if place.files(name)]
    if not having:
        return owner
    owned = () if owner is None else owner.filenames
    known = frozenset(owned)
    filenames = (*owned, *dict.fromkeys(file for place in having for file in place.files(name) if file not in known))

    def read(index: int) -> ProjectFile:
        files = [(place.url, place.files(name).get(filenames[index])) for place in having]
        found = [(url, entry()) for url, entry in files if entry is not None]
        if owner is not None and index < len(owned):
            found.append((redact(owner.url), owner.read(index)))
        return _the_same(found)

    if owner is not None:
        return replace(owner, filenames=filenames, read=read, versions=None)
    return ProjectPage(name=name, url=f"{having[0].url}#{name}", filenames=filenames, read=read)


def with_local_digests(page: ProjectPage) -> ProjectPage:
    """The page, whose local files without a SHA-256 get theirs when they are read."""

    def read(index: int) -> ProjectFile:
        file = page.read(index)
        if file.digest is not None or not is_local(file.url):
            return file
        return _hashed(file)

    return replace(page, read=cache(read))


def _the_same(found: list[tuple[str, ProjectFile]]) -> ProjectFile:
    """The first of these entries that has a hash, which must be the only hash."""
    stated = [(url, file, file.digest) for url, file in found if file.digest is not None]
    if not stated:
        return found[0][1]
    first_url, first, expected = stated[0]
    for url, _, digest in stated[1:]:
        if digest != expected:
            raise IntegrityError(
                f"{first.filename} is one file at {first_url} and another at {url}",
                expected=f"{expected} ({first_url})",
                actual=f"{digest} ({url})",
                hint="remove or rename one of them, or leave out one of the places",
            )
    return first


def _entry(page: ProjectPage, index: int) -> Read:
    return lambda: page.read(index)


def _reader(path: Path) -> Read:
    return lambda: _hashed(ProjectFile(filename=path.name, url=path.as_uri()))


def _hashed(file: ProjectFile) -> ProjectFile:
    """The entry with the file's SHA-256 and size.

    Raises:
        UnusableFile: it can't be read.
    """
    try:
        stream, found = open_regular(path_of(file.url))
        with stream:
            digest = Digest.of(stream)
    except (NotFound, Refused) as exc:
        raise UnusableFile(f"{file.filename}: {exc.message}") from exc
    except OSError as exc:
        raise EnvironmentProblem.from_os_error(exc, f"read {file.url}") from exc
    return replace(file, hashes=(*file.hashes, digest), size=found.st_size)
