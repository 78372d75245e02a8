"""The newest sdist of each project, packed by bundler's own modules.

The command line takes an sdist only where its metadata is static; what is packed is the same whatever it says. A final
release goes before a pre-release; what is yanked, or has no SHA-256, isn't taken.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bundler.bundle.ahead import CORES
from bundler.bundle.packs import lay_out
from bundler.bundle.recipes import Deflated, Recipe
from bundler.bundle.writer import write_bundle
from bundler.cache.store import Store, open_store
from bundler.cli.options import DEFAULT_INDEX_URL
from bundler.digests import Digest
from bundler.distributions import Sdist, parse_filename
from bundler.errors import UnusableFile
from bundler.index.downloads import download_all
from bundler.index.locations import IndexLocation
from bundler.index.pages import Pages
from bundler.index.transport import Transport
from bundler.operations.dissecting import Dissecting
from bundler.operations.documents import describe_bundle
from bundler.operations.progress import Silent
from bundler.requirements.model import RequirementSet
from bundler.resolution.resolver import SelectedFile, Selection
from bundler.simple.model import ProjectFile, ProjectPage

__all__ = ["PackedSdists", "pack_newest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedSdists:
    """What was packed; `proven` are the bytes of the streams that the bundle keeps inflated."""

    #: As the index states them, by file name.
    digests: Mapping[str, Digest]
    size: int
    proven: int
    #: The projects that have none.
    without: tuple[str, ...]


def pack_newest(projects: Sequence[str], bundle: Path, cache: Path) -> PackedSdists:
    """Fetch the projects' newest sdists, take them apart, and write a bundle of them."""
    with open_store(cache, default=cache) as store:
        found = _fetched(projects, store)
        files = [_selected(found[name], digest) for name in sorted(found) if (digest := found[name].digest) is not None]
        files.sort(key=lambda selected: selected.file.filename)
        recipes = _dissected(files, store)
        sizes = {selected.file.filename: store.blobs.size(selected.digest) for selected in files}
        _write(bundle, files, recipes, sizes, store)
    return PackedSdists(
        digests={selected.file.filename: selected.digest for selected in files},
        size=sum(sizes.values()),
        proven=sum(_proven(recipe) for recipe in recipes.values()),
        without=tuple(sorted({*projects} - {*found})),
    )


def _fetched(projects: Iterable[str], store: Store) -> dict[str, ProjectFile]:
    """The newest sdist of each project that has one, in the blob store."""
    index = IndexLocation.parse(DEFAULT_INDEX_URL)
    with Transport(locations=(index,)) as transport, ThreadPoolExecutor(CORES) as pool:
        pages = Pages(transport, store.responses, time.time)
        newest = {
            name: pool.submit(lambda name: _newest(pages.page(index.page(name), name)), name) for name in projects
        }
        found = {name: file for name, task in newest.items() if (file := task.result()) is not None}
        download_all([*found.values()], transport=transport, blobs=store.blobs)
    return found


def _newest(page: ProjectPage) -> ProjectFile | None:
    found = []
    for place, filename in enumerate(page.filenames):
        with suppress(UnusableFile):
            distribution = parse_filename(filename)
            if isinstance(distribution, Sdist):
                found.append((not distribution.version.is_prerelease, distribution.version, place))
    usable = (page.read(place) for *_, place in sorted(found, reverse=True))
    return next((file for file in usable if file.yanked is None and file.digest is not None), None)


def _selected(file: ProjectFile, digest: Digest) -> SelectedFile:
    return SelectedFile(file=file, digest=digest, targets=())


def _dissected(files: Sequence[SelectedFile], store: Store) -> Mapping[Digest, bytes]:
    with Dissecting(store, Silent()) as dissecting:
        for selected in files:
            dissecting.add(selected.file.filename, selected.digest)
        return dissecting.recipes()


def _write(
    bundle: Path, files: Sequence[SelectedFile], recipes: Mapping[Digest, bytes], sizes: Mapping[str, int], store: Store
) -> None:
    layout = lay_out([(each.file.filename, partial(Recipe.decode, recipes[each.digest])) for each in files])
    wanted = RequirementSet(requirements=())
    manifest, documents = describe_bundle(wanted, Selection(resolutions=(), files=tuple(files)), sizes, layout)
    with open(bundle, "wb") as stream:
        write_bundle(
            stream,
            manifest,
            documents,
            lambda artifact: store.blobs.open(artifact.digest),
            layout=layout,
            threads=CORES,
        )


def _proven(recipe: bytes) -> int:
    return sum(step.size for step in Recipe.decode(recipe).steps if isinstance(step, Deflated))
