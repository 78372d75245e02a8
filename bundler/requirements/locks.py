"""Lock files: what was chosen for one target, for pip and uv to install from the directory they stand in.

Two forms of the same pins: `requirements.txt` with hashes, which every pip reads, and `pylock.toml` (PEP 751), which
names each file by its relative path, so that neither an index nor --find-links is needed. Both are the same bytes for
the same packages in any order.

Left out: URLs, so that an installer with a network takes the bundle's file and not another; markers and alternatives,
since a lock is for one target, which `environments` pins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import tomli_w
from packaging.markers import Marker
from packaging.pylock import Package, PackageSdist, PackageWheel, Pylock
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from bundler.digests import Digest
from bundler.errors import UsageError

__all__ = ["LockedPackage", "document_names", "write_pylock", "write_requirements"]

#: What tells one of our targets from another, as markers.
_PINNED = ("implementation_name", "python_version", "sys_platform", "platform_machine")


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedPackage:
    """One chosen file and its project. `name` is normalized, `requires` are names of other packages of the lock."""

    name: str
    version: Version
    filename: str
    digest: Digest
    size: int
    is_wheel: bool
    requires_python: str | None
    #: PEP 700, as the index wrote it.
    upload_time: str | None
    requires: tuple[str, ...]


def write_pylock(packages: Sequence[LockedPackage], environment: Mapping[str, str], *, created_by: str) -> bytes:
    """Write the pylock.toml of one target, by its marker environment; its files are expected beside it (PEP 751).

    Raises:
        packaging.pylock.PylockValidationError: packages that contradict themselves, a fault of the caller.
    """
    lock = Pylock(
        lock_version=Version("1.0"),
        environments=[_marker(environment)],
        created_by=created_by,
        packages=[_package(package) for package in _sorted(packages)],
    )
    lock.validate()
    return tomli_w.dumps(lock.to_dict()).encode()


def write_requirements(packages: Sequence[LockedPackage], *, header: str) -> bytes:
    """Write pinned requirements with hashes, under a header of comment lines."""
    lines = [f"# {line}".rstrip() for line in header.splitlines()]
    for package in _sorted(packages):
        lines.append(f"{package.name}=={package.version} \\")
        lines.append(f"    --hash={package.digest}")
    return "".join(f"{line}\n" for line in lines).encode()


def document_names(targets: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """The names of the requirements file and the pylock file of each target, by the targets' names.

    Raises:
        UsageError: two targets whose names differ too little for that.
    """
    if len(targets) == 1:
        return (("requirements.txt", "pylock.toml"),)
    parts = [name.replace(".", "_") for name in targets]  # PEP 751: no dot between pylock. and .toml
    folded = [part.casefold() for part in parts]
    for name, part in zip(targets, folded, strict=True):
        if folded.count(part) > 1:
            raise UsageError(f"the target name {name} is too much like another's", hint="rename one of them")
    return tuple((f"requirements.{part}.txt", f"pylock.{part}.toml") for part in parts)


def _sorted(packages: Sequence[LockedPackage]) -> list[LockedPackage]:
    return sorted(packages, key=lambda package: package.name)


def _marker(environment: Mapping[str, str]) -> Marker:
    return Marker(" and ".join(f'{variable} == "{environment[variable]}"' for variable in _PINNED))


def _package(package: LockedPackage) -> Package:
    path, hashes = package.filename, {package.digest.algorithm: package.digest.hexdigest}
    uploaded = _uploaded(package.upload_time)
    wheel = PackageWheel(path=path, size=package.size, hashes=hashes, upload_time=uploaded)
    sdist = PackageSdist(path=path, size=package.size, hashes=hashes, upload_time=uploaded)
    return Package(
        name=canonicalize_name(package.name),
        version=package.version,
        requires_python=SpecifierSet(package.requires_python) if package.requires_python else None,
        dependencies=[{"name": name} for name in package.requires] or None,
        sdist=None if package.is_wheel else sdist,
        wheels=[wheel] if package.is_wheel else None,
    )


def _uploaded(text: str | None) -> datetime | None:
    """The time in UTC; None where the index wrote something else than a time with a zone (PEP 700)."""
    try:
        uploaded = datetime.fromisoformat(text or "")
        return uploaded.astimezone(UTC) if uploaded.tzinfo else None
    except (ValueError, OverflowError):
        return None
