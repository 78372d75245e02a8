"""The metadata of an sdist where it is certain without running the sdist's code.

PKG-INFO is the truth if it is of version 2.2 or newer and calls none of the fields that resolution needs Dynamic
(PEP 643). Else pyproject.toml is, if its [project] table leaves none of them dynamic (PEP 621). Otherwise only a build
would tell, and the file is unusable. A [project] table is written out as core metadata and read like any other, so
that there is one reader and one set of checks.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from copy import copy
from typing import Any

import msgspec
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from bundler.distributions import CoreMetadata, Sdist, parse_requirement, parse_version
from bundler.errors import UnusableFile

__all__ = ["static_sdist_metadata"]

_STATIC_SINCE = Version("2.2")
_NEEDED_FIELDS = ("requires-dist", "requires-python", "provides-extra")
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
    project = _static_project(pyproject, doubt, sdist)
    try:
        text = "\n".join(_core_metadata(project))
    except ValueError as exc:
        raise UnusableFile(f"{sdist.filename}: its pyproject.toml is invalid: {exc}") from exc
    return CoreMetadata.parse(text.encode(), sdist)


def _doubt_about_pkg_info(metadata: CoreMetadata) -> str | None:
    version = parse_version(metadata.metadata_version)
    if version is None or version < _STATIC_SINCE:
        return f"PKG-INFO of version {metadata.metadata_version[:20]}"
    dynamic = [field for field in _NEEDED_FIELDS if field in metadata.dynamic]
    return f"PKG-INFO with dynamic {', '.join(dynamic)}" if dynamic else None


def _static_project(pyproject: bytes | None, doubt: str, sdist: Sdist) -> _Project:
    try:
        document = msgspec.convert(tomllib.loads((pyproject or b"").decode()), _PyProject)
    except (ValueError, RecursionError) as exc:  # TOML, UTF-8 and msgspec's errors are all ValueErrors
        raise UnusableFile(f"{sdist.filename}: its pyproject.toml can't be read: {exc}") from exc
    project = document.project
    dynamic = [key for key in _NEEDED_KEYS if project is not None and key in project.dynamic]
    if project is None:
        doubt += ", no [project] table"
    elif dynamic:
        doubt += f", [project] with dynamic {', '.join(dynamic)}"
    elif project.version is None:
        doubt += ", [project] without a version"
    elif project.dependencies is None and "poetry" in document.tool:
        doubt += ", dependencies under [tool.poetry]"  # poetry-core fills them in from there
    else:
        return project
    raise UnusableFile(f"{sdist.filename}: its metadata isn't static ({doubt}), and running its code isn't allowed")


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
