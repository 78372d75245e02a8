"""What a bundle says of itself: manifest, pinned requirements and locks, made from a selection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath

from bundler import __version__
from bundler.bundle.manifest import Artifact, Document, Manifest, Pin
from bundler.bundle.writer import EXPANDER_NAME, expander_program
from bundler.digests import Digest
from bundler.operations.pinned import PRODUCER, locked, public
from bundler.requirements.locks.pinned import document_names, write_requirements
from bundler.requirements.locks.pylock import write_pylock
from bundler.requirements.model import RequirementSet
from bundler.resolution.resolver import Resolution, Selection

__all__ = ["describe_bundle"]


def describe_bundle(
    wanted: RequirementSet, selection: Selection, sizes: Mapping[str, int]
) -> tuple[Manifest, dict[str, bytes]]:
    """The manifest of a selection, and the documents it names; `sizes` are the files' bytes by file name."""
    documents = {EXPANDER_NAME: expander_program(), **_locks(selection.resolutions, sizes)}
    manifest = Manifest(
        producer_name=PRODUCER,
        producer_version=__version__,
        requirements=(
            *(str(declared.requirement) for declared in wanted.requirements),
            *(f"-r {PurePath(lock.source).name}" for lock in wanted.locks),
        ),
        targets=tuple(resolution.target for resolution in selection.resolutions),
        pins=tuple(pin for resolution in selection.resolutions for pin in _pins(resolution)),
        documents=tuple(
            Document(filename=name, size=len(data), digest=Digest.sha256(data)) for name, data in documents.items()
        ),
        artifacts=tuple(
            Artifact(
                filename=selected.file.filename,
                size=sizes[selected.file.filename],
                digest=selected.digest,
                origin=public(selected.file.url),
                requires_python=selected.file.requires_python,
                yanked=selected.file.yanked,
                targets=selected.targets,
            )
            for selected in selection.files
        ),
    )
    return manifest, documents


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
