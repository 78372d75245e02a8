"""The metadata of an sdist where it is certain without running the sdist's code.

PKG-INFO is the truth if it is of version 2.2 or newer and calls none of the fields that resolution needs Dynamic
(PEP 643). Else pyproject.toml is, if its [project] table leaves none of them dynamic (PEP 621). Otherwise only a build
would tell, and the file is unusable. A [project] table is written out as core metadata and read like any other, so
that there is one reader and one set of checks.

A source tree is described in the same way, but its [project] table comes first: a PKG-INFO in it may be left over from
an earlier state of the tree. What is written for it calls every field Dynamic that a build may still fill in.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from copy import copy
from typing import Any

import msgspec
from packaging.markers import Marker
from packaging.metadata import parse_email
from packaging.requirements import Requirement
from packaging.utils import InvalidName, canonicalize_name
from packaging.version import Version

from bundler.distributions import CoreMetadata, Sdist, parse_filename, parse_requirement, parse_version
from bundler.errors import UnusableFile

__all__ = ["static_sdist_metadata", "static_tree_metadata"]

_STATIC_SINCE = Version("2.2")
_NEEDED_FIELDS = ("requires-dist", "requires-python", "provides-extra")
#: Those of core metadata 2.2 that a build may fill in (PEP 643).
_OTHER_FIELDS = (
    *("Platform", "Supported-Platform", "Summary", "Description", "Description-Content-Type", "Keywords", "Home-page"),
    *("Download-URL", "Author", "Author-email", "Maintainer", "Maintainer-email", "License", "Classifier"),
    *("Requires-External", "Project-URL", "Provides-Dist", "Obsoletes-Dist"),
)
_NEEDED_KEYS = ("version", "requires-python", "dependencies", "optional-dependencies")


class _Project(msgspec.Struct, rename="kebab"):
    name: str
    version: str | None = None
    requires_python: str | None = None
    dependencies: list[str] | None = None
    optional_dependencies: dict[str, list[str]] = {}
    dynamic: list[str] = []


class _PyProject(msgspec.Struct):
    project: _Project | None = None
    tool: dict[str, Any] = {}


def static_sdist_metadata(pkg_info: bytes, pyproject: bytes | None, sdist: Sdist) -> CoreMetadata:
    """Take an sdist's metadata from PKG-INFO or pyproject.toml, if it can't depend on running code (PEP 643, PEP 621).

    Raises:
        UnusableFile: it isn't static, or is broken, or is of another distribution.
    """
    metadata = CoreMetadata.parse(pkg_info, sdist)
    doubt = _doubt_about_pkg_info(metadata)
    if doubt is None:
        return metadata
    document = _read_pyproject(pyproject, sdist.filename)
    more = _doubt_about_project(document)
    if document.project is None or more is not None:
        raise _not_static(sdist.filename, doubt, more)
    return CoreMetadata.parse(_written(document.project, sdist.filename), sdist)


def static_tree_metadata(pkg_info: bytes | None, pyproject: bytes | None, where: str) -> tuple[Sdist, bytes]:
    """The sdist that a source tree makes, by its PEP 625 name, and the PKG-INFO for it, if no code can change them.

    Raises:
        UnusableFile: they aren't static, or are broken. `where` names the tree in the message.
    """
    document = _read_pyproject(pyproject, where)
    doubt = _doubt_about_project(document)
    if document.project is not None and doubt is None:
        text = _written(document.project, where, dynamic=_OTHER_FIELDS)
        return _sdist_of(text, where), text
    if pkg_info is None:
        raise _not_static(where, "no PKG-INFO", doubt)
    sdist = _sdist_of(pkg_info, where)
    stale = _doubt_about_pkg_info(CoreMetadata.parse(pkg_info, sdist))
    if stale is not None:
        raise _not_static(where, stale, doubt)
    return sdist, pkg_info


def _not_static(where: str, *doubts: str | None) -> UnusableFile:
    reasons = ", ".join(filter(None, doubts))
    return UnusableFile(f"{where}: its metadata isn't static ({reasons}), and running its code isn't allowed")


def _sdist_of(text: bytes, where: str) -> Sdist:
    """The sdist that core metadata describes."""
    raw, _ = parse_email(text)
    version = parse_version(raw.get("version", ""))
    try:
        name = canonicalize_name(raw.get("name", ""), validate=True).replace("-", "_")
    except InvalidName as exc:
        raise UnusableFile(f"{where}: its metadata has no valid name") from exc
    if version is None:
        raise UnusableFile(f"{where}: its metadata has no valid version")
    sdist = parse_filename(f"{name}-{version}.tar.gz")
    if not isinstance(sdist, Sdist):
        raise UnusableFile(f"{where}: its metadata isn't that of an sdist")
    CoreMetadata.parse(text, sdist)
    return sdist


def _doubt_about_pkg_info(metadata: CoreMetadata) -> str | None:
    version = parse_version(metadata.metadata_version)
    if version is None or version < _STATIC_SINCE:
        return f"PKG-INFO of version {metadata.metadata_version[:20]}"
    dynamic = [field for field in _NEEDED_FIELDS if field in metadata.dynamic]
    return f"PKG-INFO with dynamic {', '.join(dynamic)}" if dynamic else None


def _read_pyproject(pyproject: bytes | None, where: str) -> _PyProject:
    try:
        return msgspec.convert(tomllib.loads((pyproject or b"").decode()), _PyProject)
    except (ValueError, RecursionError) as exc:  # TOML, UTF-8 and msgspec's errors are all ValueErrors
        raise UnusableFile(f"{where}: its pyproject.toml can't be read: {exc}") from exc


def _doubt_about_project(document: _PyProject) -> str | None:
    project = document.project
    if project is None:
        return "no [project] table"
    dynamic = [key for key in _NEEDED_KEYS if key in project.dynamic]
    if dynamic:
        return f"[project] with dynamic {', '.join(dynamic)}"
    if project.version is None:
        return "[project] without a version"
    if project.dependencies is None and "poetry" in document.tool:
        return "dependencies under [tool.poetry]"  # poetry-core fills them in from there
    return None


def _written(project: _Project, where: str, dynamic: tuple[str, ...] = ()) -> bytes:
    """A [project] table as core metadata."""
    try:
        lines = [*_core_metadata(project), *(f"Dynamic: {field}" for field in dynamic)]
    except ValueError as exc:
        raise UnusableFile(f"{where}: its pyproject.toml is invalid: {exc}") from exc
    return "\n".join([*lines, ""]).encode()


def _core_metadata(project: _Project) -> Iterator[str]:
    """The lines of core metadata that a build backend would write.

    Raises:
        ValueError: something can't stand in one line, or isn't a requirement or an extra's name.
    """
    for field, value in _fields(project):
        if "\n" in value or "\r" in value:
            raise ValueError(f"a line break in {field}")
        yield f"{field}: {value}"


def _fields(project: _Project) -> Iterator[tuple[str, str]]:
    yield "Metadata-Version", str(_STATIC_SINCE)
    yield "Name", project.name
    yield "Version", project.version or ""
    if project.requires_python:
        yield "Requires-Python", project.requires_python
    for text in project.dependencies or []:
        yield "Requires-Dist", str(parse_requirement(text))
    for extra, texts in project.optional_dependencies.items():
        name = canonicalize_name(extra, validate=True)
        yield "Provides-Extra", name
        for text in texts:
            yield "Requires-Dist", str(_with_extra(parse_requirement(text), name))


def _with_extra(requirement: Requirement, extra: str) -> Requirement:
    own = f"({requirement.marker}) and " if requirement.marker else ""
    changed = copy(requirement)  # parse_requirement's results are shared
    changed.marker = Marker(f'{own}extra == "{extra}"')
    return changed
