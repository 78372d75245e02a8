"""Verify: every frame, size and hash of a bundle, and the name of everything that is wrong.

Whatever stands in the bundle is held against the manifest. That recipes give their artifacts is what whoever packed has
proven; to see it proven again, let every artifact be rebuilt in a temporary directory.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from bundler.bundle.ahead import CORES
from bundler.bundle.reader import BundleReader
from bundler.digests import Digest
from bundler.errors import BundleFormatError, EnvironmentProblem, IntegrityError, UsageError
from bundler.operations.engines import choose_engine
from bundler.operations.opening import open_bundle
from bundler.operations.outputs import check_space
from bundler.operations.progress import Progress

__all__ = ["VerificationReport", "verify_bundle"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationReport:
    """What was found; none means that the bundle is sound. `identity` is None where no manifest could be read."""

    identity: Digest | None
    files: int
    findings: tuple[str, ...]


def verify_bundle(bundle: Path, progress: Progress, *, rebuild: bool = False) -> VerificationReport:
    """Check a bundle from its first byte to its last; with `rebuild` also that its recipes give the artifacts.

    Raises:
        UsageError: there is no such file, or one that can't be read twice is to be rebuilt.
        EnvironmentProblem: reading failed, or there is no room to rebuild.
    """
    if rebuild and str(bundle) == "-":
        raise UsageError("standard input can't be read twice, as --rebuild does", hint="name the bundle's file")
    try:
        with open_bundle(bundle) as reader:
            progress.begin("verifying", total_bytes=sum(member.size for member in reader.manifest.members))
            findings = reader.verify(threads=CORES, progress=lambda count: progress.advance(nbytes=count))
            told = tuple(str(finding.error) for finding in findings)
            if rebuild and not told:
                told = _rebuild(reader, progress)
            return VerificationReport(identity=reader.identity, files=len(reader.manifest.artifacts), findings=told)
    except (BundleFormatError, IntegrityError) as exc:
        return VerificationReport(identity=None, files=0, findings=(str(exc),))


def _rebuild(reader: BundleReader, progress: Progress) -> tuple[str, ...]:
    """Expand into a temporary directory, and tell what went wrong; one finding at most."""
    manifest = reader.manifest
    try:
        with tempfile.TemporaryDirectory(prefix="bundler-verify-") as directory:
            check_space(Path(directory), sum(file.size for file in manifest.files))
            progress.begin("rebuilding", total_bytes=sum(member.size for member in manifest.members))
            reader.expand_to(
                Path(directory),
                threads=CORES,
                progress=lambda count: progress.advance(nbytes=count),
                engine=choose_engine(progress) if manifest.rebuilt else None,
            )
    except (BundleFormatError, IntegrityError) as exc:
        return (str(exc),)
    except OSError as exc:
        raise EnvironmentProblem.from_os_error(exc, "make a temporary directory") from exc
    return ()
