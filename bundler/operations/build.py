"""Build: requirements × targets → resolutions → verified files → one bundle file.

What the cache remembers of how files are taken apart is believed until the packing contradicts it; then it is forgotten
and found out again.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bundler.bundle.ahead import CORES
from bundler.bundle.packs import lay_out
from bundler.bundle.recipes import Recipe
from bundler.bundle.writer import write_bundle
from bundler.digests import Digest
from bundler.errors import BundleFormatError, IntegrityError, UsageError
from bundler.operations.caching import opened_cache
from bundler.operations.dissecting import Dissecting
from bundler.operations.documents import describe_bundle
from bundler.operations.gathering import Gathering, opened_gathering
from bundler.operations.outputs import check_output
from bundler.operations.planning import Plan
from bundler.operations.progress import Progress
from bundler.operations.summaries import Chosen, summarize
from bundler.publication import publish_file
from bundler.resolution.resolver import Selection

__all__ = ["BuildRequest", "BuildSummary", "build_bundle"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRequest:
    """What to build, and into which file."""

    plan: Plan
    output: Path
    #: zstd's, for packs.
    level: int
    #: Whether files are taken apart and packed together; else each is kept as it is.
    recompress: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildSummary:
    """What was built. Sizes are bytes."""

    output: Path
    identity: Digest
    bundle_bytes: int
    artifact_bytes: int
    files: int
    #: How many of the files are kept as recipes.
    recompressed: int
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
    asked = request.plan.asked
    with (
        opened_cache(asked.cache_dir, no_cache=asked.no_cache, progress=progress) as store,
        Dissecting(store, progress) as dissecting,
        opened_gathering(
            request.plan, store, progress, on_sound=dissecting.add if request.recompress else None
        ) as gathering,
    ):
        selection = gathering.selection()
        recipes = dissecting.recipes()
        pack = partial(_pack, request, gathering, selection, progress)
        try:
            return pack(recipes)
        except (BundleFormatError, IntegrityError):
            if not dissecting.forget():
                raise
            progress.note("the cache is wrong about how some files are made: finding it out again")
            return pack(dissecting.recipes())


def _pack(
    request: BuildRequest,
    gathering: Gathering,
    selection: Selection,
    progress: Progress,
    recipes: Mapping[Digest, bytes],
) -> BuildSummary:
    known = [(file.file.filename, recipes[file.digest]) for file in selection.files if file.digest in recipes]
    layout = lay_out([(filename, partial(Recipe.decode, recipe)) for filename, recipe in known])
    manifest, documents = describe_bundle(gathering.plan.wanted, selection, gathering.sizes, layout)
    everything = len(manifest.encode()) + sum(member.size for member in manifest.members)
    progress.begin("packing", total_bytes=everything)
    output = Path(os.path.realpath(request.output))  # a link is followed, as a shell's ">" does
    with publish_file(output) as stream:
        bundle_bytes = write_bundle(
            stream,
            manifest,
            documents,
            lambda artifact: gathering.open_file(artifact.digest),
            layout=layout,
            level=request.level,
            threads=CORES,
            progress=lambda count: progress.advance(nbytes=count),
        )
    return BuildSummary(
        output=request.output,
        identity=manifest.identity,
        bundle_bytes=bundle_bytes,
        artifact_bytes=sum(artifact.size for artifact in manifest.artifacts),
        files=len(manifest.artifacts),
        recompressed=len(manifest.rebuilt),
        sdists=tuple(a.filename for a in manifest.artifacts if not a.filename.endswith(".whl")),
        chosen=summarize(selection.resolutions),
    )
