"""Build: requirements × targets → resolutions → verified files → one bundle file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from bundler.bundle.ahead import THREADS
from bundler.bundle.writer import write_bundle
from bundler.digests import Digest
from bundler.errors import UsageError
from bundler.operations.caching import opened_cache
from bundler.operations.documents import describe_bundle
from bundler.operations.gathering import opened_gathering
from bundler.operations.outputs import check_output
from bundler.operations.planning import Plan
from bundler.operations.progress import Progress
from bundler.operations.summaries import Chosen, summarize
from bundler.publication import publish_file

__all__ = ["BuildRequest", "BuildSummary", "build_bundle"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRequest:
    """What to build, and into which file."""

    plan: Plan
    output: Path


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
    chosen: Chosen


def build_bundle(request: BuildRequest, progress: Progress) -> BuildSummary:
    """Resolve, download, check and pack; the bundle appears under its name only when it is whole.

    Raises:
        BundlerError: any of its branches; nothing is left behind.
    """
    if str(request.output) == "-":
        raise UsageError("a bundle can't be written to standard output", hint="name a file, such as app.tar.zst")
    check_output(request.output, request.plan.files, example="app.tar.zst")
    output = Path(os.path.realpath(request.output))  # a link is followed, as a shell's ">" does
    asked = request.plan.asked
    with (
        opened_cache(asked.cache_dir, no_cache=asked.no_cache, progress=progress) as store,
        opened_gathering(request.plan, store, progress) as gathering,
    ):
        selection = gathering.selection()
        manifest, documents = describe_bundle(gathering.plan.wanted, selection, gathering.sizes)
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
        chosen=summarize(selection.resolutions),
    )
