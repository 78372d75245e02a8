"""What was chosen for a target, and its pinned `requirements.txt` with hashes, which every pip reads.

The other form of the same pins is `pylock`'s work. Either is the same bytes for the same packages in any order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from packaging.version import Version

from bundler.digests import Digest
from bundler.errors import UsageError

__all__ = ["LockedPackage", "document_names", "write_requirements"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedPackage:
    """One chosen file and its project. `name` is normalized, `requires` are names of other packages of the lock."""

    name: str
    version: Version
    filename: str
    digest: Digest
    #: Bytes.
    size: int | None
    is_wheel: bool
    requires_python: str | None
    #: PEP 700, as the index wrote it.
    upload_time: str | None
    requires: tuple[str, ...]
    #: Absolute, without credentials: the file's, or its repository's (git+https://…@commit#subdirectory=…).
    url: str | None = None
    #: Where there is no URL: relative to the lock, the file's or its directory's, which ends in "/"; None: beside it.
    path: str | None = None


def write_requirements(packages: Sequence[LockedPackage], *, header: str) -> bytes:
    """Write pinned requirements with hashes, under a header of comment lines."""
    lines = [f"# {line}".rstrip() for line in header.splitlines()]
    for package in sorted(packages, key=lambda package: package.name):
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
