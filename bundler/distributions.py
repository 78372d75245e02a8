"""What a distribution's file name and its core metadata say.

File names come from indexes and bundles and are hostile: `check_filename` is stricter than packaging's parsers, which
take a path in a wheel's build tag and `../../etc/passwd-1.0.tar.gz` as an sdist. Nothing is decoded here; a caller
decodes a URL at most once and brings the result.

Left out: legacy eggs and installers, and any version that PEP 440 doesn't know. Such a file is unusable, not an error
of the project.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from functools import lru_cache

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.tags import Tag
from packaging.utils import (
    InvalidName,
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from bundler.errors import UnusableFile

__all__ = [
    "CoreMetadata",
    "Distribution",
    "Sdist",
    "Wheel",
    "check_filename",
    "parse_filename",
    "parse_requirement",
    "parse_specifier",
    "parse_version",
]

_SAFE_FILENAME = re.compile(r"[A-Za-z0-9_+!][A-Za-z0-9._+!-]*")
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(10))}
_MAX_FILENAME = 255  # bytes; what ext4, xfs, APFS and NTFS hold in one component
_MAX_TEXT = 4096  # characters of one requirement or version; longer ones are attacks (quadratic parsers, huge integers)
#: packaging reads a marker's strings with ast.literal_eval, which threads of CPython 3.11 can't do at once: it counts
#: recursion for all of them together, and ends in a SystemError (gh-106905).
_PARSING = threading.Lock()
_HEADER_END = re.compile(rb"\r?\n\r?\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    """A wheel's file name, taken apart (PEP 427, PEP 425)."""

    filename: str
    name: str
    version: Version
    build: tuple[int, str] | tuple[()]
    tags: frozenset[Tag]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sdist:
    """A source distribution's file name, taken apart (PEP 625, and its older spellings)."""

    filename: str
    name: str
    version: Version


Distribution = Wheel | Sdist


def check_filename(filename: str) -> str:
    """Return `filename` if it is one plain path component of `[A-Za-z0-9._+!-]`, not starting with `.` or `-`.

    On Windows too: it isn't the name of a device, which "nul.txt" would open, and doesn't end in a dot.

    Raises:
        UnusableFile: anything else.
    """
    plain = len(filename) <= _MAX_FILENAME and _SAFE_FILENAME.fullmatch(filename) is not None
    if not plain or filename.endswith(".") or filename.partition(".")[0].lower() in _DEVICES:
        raise UnusableFile(f"unsafe file name {filename[:120]!r}")
    return filename


def parse_filename(filename: str) -> Distribution:
    """Take a wheel's or sdist's file name apart.

    Raises:
        UnusableFile: an unsafe name, another kind of file, or a name or version outside the specifications.
    """
    check_filename(filename)
    try:
        if filename.endswith(".whl"):
            name, version, build, tags = parse_wheel_filename(filename)
            return Wheel(filename=filename, name=name, version=version, build=build, tags=tags)
        name, version = parse_sdist_filename(filename)
        return Sdist(filename=filename, name=name, version=version)
    except (InvalidWheelFilename, InvalidSdistFilename, ValueError) as exc:
        raise UnusableFile(f"not the file name of a wheel or sdist: {filename!r}") from exc


@lru_cache(maxsize=65536)
def parse_version(text: str) -> Version | None:
    """The PEP 440 version, or None where the text is none (huge digits included)."""
    if len(text) > _MAX_TEXT:
        return None
    try:
        return Version(text)
    except (InvalidVersion, ValueError):
        return None


@lru_cache(maxsize=8192)
def parse_specifier(text: str) -> SpecifierSet | None:
    """The PEP 440 specifiers, such as Requires-Python's, or None where the text is none (huge digits included)."""
    if len(text) > _MAX_TEXT:
        return None
    try:
        return SpecifierSet(text)
    except (InvalidSpecifier, ValueError):
        return None


@lru_cache(maxsize=65536)
def parse_requirement(text: str) -> Requirement:
    """Read a PEP 508 requirement; the result is shared, so nobody may change it.

    Raises:
        ValueError: not a requirement, one of more than 4096 characters, or one nested too deeply to read.
    """
    if len(text) > _MAX_TEXT:
        raise ValueError(f"a requirement of {len(text)} characters")
    try:
        with _PARSING:
            return Requirement(text)
    except InvalidRequirement as exc:
        raise ValueError(str(exc).split("\n", 1)[0]) from exc
    except (RecursionError, ValueError) as exc:
        raise ValueError("nested or numbered beyond reason") from exc


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreMetadata:
    """The fields of METADATA or PKG-INFO that resolution needs (core metadata 1.1 to 2.4)."""

    name: str
    version: Version
    requires_dist: tuple[Requirement, ...]
    requires_python: SpecifierSet | None
    extras: tuple[str, ...]
    metadata_version: str
    dynamic: tuple[str, ...]

    @classmethod
    def parse(cls, data: bytes, distribution: Distribution) -> CoreMetadata:
        """Read the header part of METADATA or PKG-INFO, which must agree with the file's name.

        Raises:
            UnusableFile: fields missing or broken, or another name or version than the file name's.
        """
        from packaging.metadata import parse_email  # with it comes email, which nobody needs who reads no metadata

        where = distribution.filename
        raw, _ = parse_email(_HEADER_END.split(data, maxsplit=1)[0])
        metadata = cls(
            name=_name(raw.get("name"), where),
            version=_version(raw.get("version"), where),
            requires_dist=_requirements(raw.get("requires_dist", []), where),
            requires_python=_specifier(raw.get("requires_python"), where),
            extras=tuple(canonicalize_name(extra) for extra in raw.get("provides_extra", [])),
            metadata_version=raw.get("metadata_version", "1.0"),
            dynamic=tuple(field.lower() for field in raw.get("dynamic", [])),
        )
        if (metadata.name, metadata.version) != (distribution.name, distribution.version):
            raise UnusableFile(f"{where}: its metadata is of {metadata.name} {metadata.version}")
        return metadata


def _name(text: str | None, where: str) -> str:
    try:
        return canonicalize_name(text or "", validate=True)
    except InvalidName as exc:
        raise UnusableFile(f"{where}: its metadata has no valid Name") from exc


def _version(text: str | None, where: str) -> Version:
    version = parse_version(text or "")
    if version is None:
        raise UnusableFile(f"{where}: its metadata has no valid Version")
    return version


def _requirements(texts: list[str], where: str) -> tuple[Requirement, ...]:
    try:
        return tuple(parse_requirement(text) for text in texts)
    except ValueError as exc:
        raise UnusableFile(f"{where}: its metadata has an invalid Requires-Dist: {exc}") from exc


def _specifier(text: str | None, where: str) -> SpecifierSet | None:
    if not text:
        return None
    specifier = parse_specifier(text)
    if specifier is None:
        raise UnusableFile(f"{where}: its metadata has an invalid Requires-Python: {text[:80]!r}")
    return specifier
