"""The requirement set: what is wanted, each part with the place it was written in."""

from __future__ import annotations

from dataclasses import dataclass

from packaging.requirements import Requirement

from bundler.digests import Digest

__all__ = ["DeclaredRequirement", "Origin", "RequirementSet"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a requirement stands: a file and a 1-based line, or the command line."""

    source: str
    line: int | None = None

    def __str__(self) -> str:
        return self.source if self.line is None else f"{self.source}:{self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredRequirement:
    """One requirement as a person wrote it; where `hashes` isn't empty, only files with one of them may be taken."""

    requirement: Requirement
    origin: Origin
    hashes: tuple[Digest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RequirementSet:
    """Everything wanted, in the order it was given. Constraints narrow versions but ask for nothing."""

    requirements: tuple[DeclaredRequirement, ...]
    constraints: tuple[DeclaredRequirement, ...] = ()
