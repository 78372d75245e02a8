"""bundle.json: what a bundle is and holds, as a value and as canonical bytes.

The SHA-256 of the canonical bytes is the bundle's identity: it doesn't depend on compression, and it is the thing that
gets signed. Canonical means UTF-8 JSON, keys sorted, no spaces, lists in a stated order, a final newline; `decode`
refuses bytes that `encode` would not have written, so two manifests that say the same are the same bytes.

    {"artifacts": [{"filename", "origin", "requires_python", "sha256", "size", "stored", "targets", "yanked"}…],
     "documents": [{"filename", "sha256", "size"}…],
     "format": 1,
     "pins": [{"artifact", "name", "extras", "requires", "target", "version"}…],
     "producer": {"name", "version"},
     "requirements": ["flask>=3"…],
     "targets": [{"environment": {…}, "name", "tags": […]}…]}

Members stand in the tar in this order: bundle.json, the documents as listed, the artifacts as listed (by file name).
A later way of storing an artifact is another value of "stored"; a reader refuses values and formats it doesn't know.
"""

from __future__ import annotations

from dataclasses import dataclass

from bundler.digests import Digest
from bundler.targets.model import Target

__all__ = ["Artifact", "Document", "Manifest", "Pin"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file of our own in the bundle: expand.py, requirements files, locks."""

    filename: str
    size: int
    digest: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A wheel or sdist in the bundle, under its own file name, with the index's own bytes."""

    filename: str
    size: int
    digest: Digest
    #: The URL it came from, without credentials, query or fragment.
    origin: str
    requires_python: str | None
    yanked: str | None
    #: Names of the targets that install it, in the manifest's order of targets.
    targets: tuple[str, ...]
    #: How the bytes are kept: "whole" as a tar member.
    stored: str = "whole"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One project chosen for one target."""

    target: str
    name: str
    version: str
    extras: tuple[str, ...]
    #: The file name of its artifact.
    artifact: str
    #: Names of the pinned projects it depends on for that target, sorted.
    requires: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Everything a bundle says of itself. Artifacts are sorted by file name, pins by (target order, name)."""

    producer_name: str
    producer_version: str
    #: The requirements as asked for, in order.
    requirements: tuple[str, ...]
    targets: tuple[Target, ...]
    pins: tuple[Pin, ...]
    documents: tuple[Document, ...]
    artifacts: tuple[Artifact, ...]
    format: int = 1
