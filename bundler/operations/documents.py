"""What a bundle says of itself: manifest, pinned requirements and locks, made from a selection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath

from bundler import __version__
from bundler.bundle.manifest import RECIPE, RECIPES_NAME, WHOLE, Artifact, Content, Document, Manifest, Pack, Pin
from bundler.bundle.packs import Layout
from bundler.bundle.writer import carried_programs
from bundler.digests import Digest
from bundler.operations.pinned import PRODUCER, locked, public
from bundler.requirements.locks.pinned import document_names, write_requirements
from bundler.requirements.locks.pylock import write_pylock
from bundler.requirements.model import RequirementSet
from bundler.resolution.resolver import Resolution, Selection

__all__ = ["describe_bundle"]


def describe_bundle(
    wanted: RequirementSet, selection: Selection, sizes: Mapping[str, int], layout: Layout | None
) -> tuple[Manifest, dict[str, bytes]]:
    """The manifest of a selection, and the documents it names.

    `sizes` are the files' bytes by file name; `layout` says what is stored as recipes, None that all is kept whole.
    """
    programs = carried_programs(with_packs=layout is not None)
    documents = {**programs, **_locks(selection.resolutions, sizes)}
    rebuilt = frozenset(layout.filenames if layout is not None else ())
    manifest = Manifest(
        producer_name=PRODUCER,
        producer_version=__version__,
        requirements=(
            *(str(declared.requirement) for declared in wanted.requirements),
            *(f"-r {PurePath(lock.source).name}" for lock in wanted.locks),
        ),
        targets=tuple(resolution.target for resolution in selection.resolutions),
        pins=tuple(pin for resolution in selection.resolutions for pin in _pins(resolution)),
        documents=tuple(_document(name, data) for name, data in documents.items()),
        artifacts=tuple(
            Artifact(
                filename=selected.file.filename,
                size=sizes[selected.file.filename],
                digest=selected.digest,
                origin=public(selected.file.url),
                requires_python=selected.file.requires_python,
                yanked=selected.file.yanked,
                targets=selected.targets,
                stored=RECIPE if selected.file.filename in rebuilt else WHOLE,
            )
            for selected in selection.files
        ),
        content=None if layout is None else _content(layout),
    )
    return manifest, documents


def _document(filename: str, data: bytes) -> Document:
    return Document(filename=filename, size=len(data), digest=Digest.sha256(data))


def _content(layout: Layout) -> Content:
    packs = tuple(Pack(filename=f"pack-{number:04}", size=size) for number, size in enumerate(layout.packs, 1))
    return Content(recipes=_document(RECIPES_NAME, layout.recipes), packs=packs, blobs=layout.blobs)


def _locks(resolutions: Sequence[Resolution], sizes: Mapping[str, int]) -> dict[str, bytes]:
    names = document_names([resolution.target.name for resolution in resolutions])
    requirements: dict[str, bytes] = {}
    pylocks: dict[str, bytes] = {}
    for (requirements_name, pylock_name), resolution in zip(names, resolutions, strict=True):
        packages = [replace(package, url=None, size=sizes[package.filename]) for package in locked(resolution)]
        requirements[requirements_name] = write_requirements(packages, header=_header(resolution))
        pylocks[pylock_name] = write_pylock([(dict(resolution.target.environment), packages)], created_by=PRODUCER)
    return requirements | pylocks


def _header(resolution: Resolution) -> str:
    return f"Pinned by {PRODUCER} {__version__} for {resolution.target.name}."


def _pins(resolution: Resolution) -> list[Pin]:
    return [
        Pin(
            target=resolution.target.name,
            name=pin.name,
            version=str(pin.version),
            extras=pin.extras,
            artifact=pin.file.filename,
            requires=pin.requires,
        )
        for pin in resolution.pins
    ]
