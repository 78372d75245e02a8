"""Verify: every frame, size and hash of a bundle, and the name of everything that is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bundler.bundle.ahead import THREADS
from bundler.digests import Digest
from bundler.errors import BundleFormatError, IntegrityError
from bundler.operations.opening import open_bundle
from bundler.operations.progress import Progress

__all__ = ["VerificationReport", "verify_bundle"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationReport:
    """What was found; none means that the bundle is sound. `identity` is None where no manifest could be read."""

    identity: Digest | None
    files: int
    findings: tuple[str, ...]


def verify_bundle(bundle: Path, progress: Progress) -> VerificationReport:
    """Check a bundle from its first byte to its last.

    Raises:
        UsageError: there is no such file.
        EnvironmentProblem: reading failed.
    """
    try:
        with open_bundle(bundle) as reader:
            files = reader.manifest.files
            progress.begin("verifying", total_bytes=sum(file.size for file in files))
            findings = reader.verify(threads=THREADS, progress=lambda count: progress.advance(nbytes=count))
            told = tuple(str(finding.error) for finding in findings)
            return VerificationReport(identity=reader.identity, files=len(reader.manifest.artifacts), findings=told)
    except (BundleFormatError, IntegrityError) as exc:
        return VerificationReport(identity=None, files=0, findings=(str(exc),))
