"""Build: requirements × targets → resolutions → verified files → one bundle file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from packaging.version import Version

from bundler.bundle.ahead import THREADS
from bundler.bundle.writer import write_bundle
from bundler.digests import Digest
from bundler.errors import EnvironmentProblem, UsageError
from bundler.operations.documents import describe_bundle
from bundler.operations.gathering import opened_gathering
from bundler.operations.progress import Progress
from bundler.publication import publish_file
from bundler.requirements.model import RequirementSet
from bundler.resolution.resolver import Selection
from bundler.targets.model import Target

__all__ = ["BuildRequest", "BuildSummary", "build_bundle"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRequest:
    """What to build, for whom, from where, and into which file."""

    wanted: RequirementSet
    targets: tuple[Target, ...]
    output: Path
    index_url: str
    cache_dir: Path | None = None
    no_cache: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NewerVersion:
    """A version newer than the one taken that was passed over, with the targets it was passed over for."""

    name: str
    version: str
    reason: str
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildSummary:
    """What was built. Sizes are bytes."""

    output: Path
    identity: Digest
    bundle_bytes: int
    artifact_bytes: int
    files: int
    #: File names of the artifacts that must be built where they are installed.
    sdists: tuple[str, ...]
    pins_by_target: tuple[tuple[str, int], ...]
    passed_over: tuple[NewerVersion, ...]
    warnings: tuple[str, ...]


def build_bundle(request: BuildRequest, progress: Progress) -> BuildSummary:
    """Resolve, download, check and pack; the bundle appears under its name only when it is whole.

    Raises:
        BundlerError: any of its branches; nothing is left behind.
    """
    _check_output(request.output)
    output = Path(os.path.realpath(request.output))  # a link is followed, as a shell's ">" does
    with opened_gathering(
        request.wanted,
        request.targets,
        index_url=request.index_url,
        cache_dir=request.cache_dir,
        no_cache=request.no_cache,
        progress=progress,
    ) as gathering:
        selection = gathering.selection()
        manifest, documents = describe_bundle(request.wanted, selection, gathering.sizes)
        artifact_bytes = sum(artifact.size for artifact in manifest.artifacts)
        everything = len(manifest.encode()) + sum(file.size for file in manifest.files)
        progress.begin("packing", total_bytes=everything)
        with publish_file(output) as stream:
            bundle_bytes = write_bundle(
                stream,
                manifest,
                documents,
                lambda artifact: gathering.open_file(artifact.digest),
                threads=THREADS,
                progress=lambda count: progress.advance(nbytes=count),
            )
    return BuildSummary(
        output=request.output,
        identity=manifest.identity,
        bundle_bytes=bundle_bytes,
        artifact_bytes=artifact_bytes,
        files=len(manifest.artifacts),
        sdists=tuple(a.filename for a in manifest.artifacts if not a.filename.endswith(".whl")),
        pins_by_target=tuple((r.target.name, len(r.pins)) for r in selection.resolutions),
        passed_over=_passed_over(selection),
        warnings=tuple(sorted({warning for r in selection.resolutions for warning in r.warnings})),
    )


def _check_output(output: Path) -> None:
    """Say before any work what would only be found out at its end."""
    if str(output) == "-":
        raise UsageError("a bundle can't be written to standard output", hint="name a file, such as app.tar.zst")
    if output.is_dir():
        raise UsageError(f"{output} is a directory", hint="name the bundle's file, such as app.tar.zst")
    if output.exists() and not output.is_file():
        raise UsageError(f"{output} is a device or a pipe", hint="name a regular file, such as app.tar.zst")
    if not output.parent.is_dir():
        hint = f"create {output.parent} first"
        raise EnvironmentProblem(f"can't write {output}: its directory doesn't exist", hint=hint)
    if not os.access(output.parent, os.W_OK | os.X_OK):
        hint = "check the permissions, or choose another directory"
        raise EnvironmentProblem(f"can't write {output}: {output.parent} isn't writable", hint=hint)


def _passed_over(selection: Selection) -> tuple[NewerVersion, ...]:
    targets: dict[tuple[str, Version, str], list[str]] = {}
    for resolution in selection.resolutions:
        for passed in resolution.passed_over:
            targets.setdefault((passed.name, passed.version, passed.reason), []).append(resolution.target.name)
    return tuple(
        NewerVersion(name=name, version=str(version), reason=reason, targets=tuple(targets[name, version, reason]))
        for name, version, reason in sorted(targets, key=lambda key: (key[0], key[1], key[2]))
    )
