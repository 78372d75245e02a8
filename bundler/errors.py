"""Every error that a caller of bundler can meet, one exit code per branch.

    BundlerError                1  a fault of our own, when nothing below fits
    ├── UsageError              2  the command line, a target name or a file we were pointed at
    │   └── RequirementError    2  a requirement, with the file and line it stands in
    ├── ResolutionError         3  no set of versions satisfies the requirements
    ├── SourceError             4  the index or a file on it
    │   ├── NotFound            4  the source answered: there is no such thing
    │   ├── Unavailable         4  no usable answer; asking later may succeed
    │   ├── Refused             4  the answer will be the same next time (401, a hostile page, a size over its ceiling)
    │   └── UnusableFile        4  one file of a project can't be used; the next candidate may
    ├── IntegrityError          5  bytes that aren't what their hash, size or signature says
    ├── BundleFormatError       5  not a bundle, or not one that this version reads
    └── EnvironmentProblem      7  disk full, no permission, read-only

An interrupt is 130, SIGTERM 143. Codes 2 to 7 are part of the command line's contract; 6 belongs to building sdists.

A message is one sentence that names the subject. `details` are further lines (expected/actual, causes); `hint` tells,
in the imperative, what to do. This module knows no terminal: `cli` renders.
"""

from __future__ import annotations

import errno

__all__ = [
    "BundleFormatError",
    "BundlerError",
    "EnvironmentProblem",
    "IntegrityError",
    "NotFound",
    "Refused",
    "RequirementError",
    "ResolutionError",
    "SourceError",
    "Unavailable",
    "UnusableFile",
    "UsageError",
]


class BundlerError(Exception):
    """The base of all: a sentence, further lines, and what to do about it."""

    exit_code = 1

    def __init__(self, message: str, *, details: tuple[str, ...] = (), hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details = details
        self.hint = hint

    def __str__(self) -> str:
        return "\n".join((self.message, *(f"  {line}" for line in self.details)))


class UsageError(BundlerError):
    """The request itself can't be understood or carried out."""

    exit_code = 2


class RequirementError(UsageError):
    """A requirement can't be read; `origin` says where it stands ("requirements.txt:3")."""

    def __init__(self, message: str, *, origin: str, details: tuple[str, ...] = (), hint: str | None = None) -> None:
        super().__init__(f"{origin}: {message}", details=details, hint=hint)
        self.origin = origin


class ResolutionError(BundlerError):
    """No set of versions satisfies the requirements for a target, or the search was stopped by its budget."""

    exit_code = 3


class SourceError(BundlerError):
    """The index, or a file on it, couldn't be used."""

    exit_code = 4


class NotFound(SourceError):
    """The source answered, and there is no such project or file."""


class Unavailable(SourceError):
    """No usable answer after all retries; a later run may succeed."""


class Refused(SourceError):
    """The source refused us or we refuse its answer; asking again won't help."""


class UnusableFile(SourceError):
    """One file of a project can't be used (broken metadata, hostile archive, metadata that isn't static).

    The catcher names the file and goes on with the next candidate.
    """


class IntegrityError(BundlerError):
    """Bytes differ from what was promised."""

    exit_code = 5

    def __init__(self, message: str, *, expected: str, actual: str, hint: str | None = None) -> None:
        super().__init__(message, details=(f"expected: {expected}", f"actual:   {actual}"), hint=hint)
        self.expected = expected
        self.actual = actual


class BundleFormatError(BundlerError):
    """The file isn't a bundle, is damaged in its structure, or is of a format this version doesn't read."""

    exit_code = 5


class EnvironmentProblem(BundlerError):
    """The machine says no: disk full, no permission, read-only, too many open files."""

    exit_code = 7

    @classmethod
    def from_os_error(cls, exc: OSError, action: str) -> EnvironmentProblem:
        """Translate an OSError met while doing `action` ("write /srv/app.tar.zst")."""
        reason = (exc.strerror or str(exc) or type(exc).__name__).lower()
        return cls(f"can't {action}: {reason}", hint=_HINTS.get(exc.errno or 0))


_HINTS = {
    errno.ENOSPC: "free some space, or choose another directory",
    errno.EDQUOT: "the disk quota is used up: free some space, or choose another directory",
    errno.EACCES: "check the permissions, or choose another directory",
    errno.EPERM: "check the permissions, or choose another directory",
    errno.EROFS: "the file system is read-only: choose another directory",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENOENT: "create the directory first, or correct the path",
}
