"""Why a file can't be taken: every reason has a name of its own, so that explanations can group them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from packaging.version import Version

from bundler.digests import Digest
from bundler.distributions import Distribution, Wheel, parse_specifier
from bundler.requirements.choices import Choices
from bundler.requirements.moments import parse_upload_time
from bundler.simple.model import ProjectFile
from bundler.targets.model import Target

__all__ = ["ANY_HASH", "Reason", "Rejection", "Terms", "python_allowed", "refusal_of"]


class Reason(StrEnum):
    """Why a file can't be taken; the text completes the sentence "<file or version>: …"."""

    NO_TAG = "no wheel for this platform and Python"
    REQUIRES_PYTHON = "needs another Python"
    NO_BINARY = "only wheels, which --no-binary rules out"
    ONLY_BINARY = "only an sdist, which --only-binary rules out"
    EXCLUDED_BY_DATE = "excluded by its date"
    UNDATED = "the index doesn't state when it was uploaded"
    YANKED = "yanked, and not pinned with =="
    NO_DIGEST = "the index states no sha256"
    UNHASHED = "no input states a hash of it"
    OTHER_HASH = "has none of the hashes asked for"
    UNUSABLE = "unusable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A file that was refused for a target, and why."""

    filename: str
    version: Version
    reason: Reason
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.reason} ({self.detail})" if self.detail else str(self.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the requirements say of one project's files, besides their versions."""

    #: PEP 592: something that a person wrote names an exact version.
    allow_yanked: bool = False
    #: A lock chose them: `exclude_newer` isn't for what was chosen before.
    allow_any_date: bool = False
    #: A file must have one of these; None where no input states any.
    hashes: frozenset[Digest] | None = None


ANY_HASH = Terms()


def refusal_of(
    file: ProjectFile, distribution: Distribution, target: Target, *, choices: Choices, terms: Terms
) -> tuple[Reason, str] | None:
    """Why a file whose tags fit the target can't be taken, with what there is to add; None where it can."""
    if reason := _format_refused(distribution, choices):
        return reason, ""
    if file.requires_python and not python_allowed(file.requires_python, target):
        return Reason.REQUIRES_PYTHON, file.requires_python
    exempt = terms.allow_any_date or distribution.name in choices.referenced
    if choices.exclude_newer is not None and not exempt:
        uploaded = parse_upload_time(file.upload_time)
        if uploaded is None and not choices.allow_undated:
            return Reason.UNDATED, ""
        if uploaded is not None and uploaded >= choices.exclude_newer:
            return Reason.EXCLUDED_BY_DATE, f"uploaded {file.upload_time}"
    if file.yanked is not None and not terms.allow_yanked:
        return Reason.YANKED, file.yanked
    return _hash_refused(file, choices=choices, hashes=terms.hashes)


def _format_refused(distribution: Distribution, choices: Choices) -> Reason | None:
    if isinstance(distribution, Wheel):
        return None if choices.formats.allows_wheel(distribution.name) else Reason.NO_BINARY
    return None if choices.formats.allows_sdist(distribution.name) else Reason.ONLY_BINARY


def _hash_refused(
    file: ProjectFile, *, choices: Choices, hashes: Collection[Digest] | None
) -> tuple[Reason, str] | None:
    if file.digest is None:
        return Reason.NO_DIGEST, ""
    if hashes is None:
        return (Reason.UNHASHED, "") if choices.require_hashes else None
    return (Reason.OTHER_HASH, "") if set(hashes).isdisjoint(file.hashes) else None


def python_allowed(requires_python: str, target: Target) -> bool:
    """Whether the target's Python is within a Requires-Python; one that can't be read allows none."""
    specifier = parse_specifier(requires_python)
    return specifier is not None and specifier.contains(target.python_version, prereleases=True)
