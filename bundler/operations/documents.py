"""What a bundle says of itself: manifest, pinned requirements and locks, made from a selection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from urllib.parse import urlsplit, urlunsplit

from bundler import __version__
from bundler.bundle.manifest import Artifact, Document, Manifest, Pin
from bundler.bundle.writer import EXPANDER_NAME, expander_program
from bundler.digests import Digest
from bundler.distributions import Wheel
from bundler.requirements.locks.pinned import LockedPackage, document_names, write_requirements
from bundler.requirements.locks.pylock import write_pylock
from bundler.requirements.model import RequirementSet
from bundler.resolution.resolver import Resolution, Selection

__all__ = ["PRODUCER", "describe_bundle", "locked"]

PRODUCER = "bundler"


def describe_bundle(
    wanted: RequirementSet, selection: Selection, sizes: Mapping[str, int]
) -> tuple[Manifest, dict[str, bytes]]:
    """The manifest of a selection, and the documents it names; `sizes` are the files' bytes by file name."""
    documents = {EXPANDER_NAME: expander_program(), **_locks(selection.resolutions, sizes)}
    manifest = Manifest(
        producer_name=PRODUCER,
        producer_version=__version__,
        requirements=tuple(str(declared.requirement) for declared in wanted.requirements),
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
                origin=_public(selected.file.url),
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


def locked(resolution: Resolution) -> list[LockedPackage]:
    """A resolution as a lock has it, its files named by URLs without credentials."""
    return [
        LockedPackage(
            name=pin.name,
            version=pin.version,
            filename=pin.file.filename,
            digest=digest,
            size=pin.file.size,
            requires_python=pin.file.requires_python,
            is_wheel=isinstance(pin.distribution, Wheel),
            upload_time=pin.file.upload_time,
            requires=pin.requires,
            url=pin.file.url if pin.file.url.startswith("file:") else _public(pin.file.url),
        )
        for pin in resolution.pins
        if (digest := pin.file.digest) is not None
    ]


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


def _public(url: str) -> str:
    """Where a file came from, fit for a bundle: nothing secret, and nothing of this machine.

    A repository's URL is told as it is, with its commit and subdirectory; a query may hold a token.
    """
    if url.startswith("git+"):
        return url
    parts = urlsplit(url)
    if parts.scheme == "file":
        return f"file:{parts.path.rstrip('/').rpartition('/')[2]}"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
