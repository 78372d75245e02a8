"""bundle.json: what a bundle is and holds, as a value and as canonical bytes.

The SHA-256 of the canonical bytes is the bundle's identity: it doesn't depend on compression, and it is the thing that
gets signed. Canonical means UTF-8 JSON, keys sorted, no spaces, lists in a stated order, a final newline; `decode`
refuses bytes that `encode` would not have written, so two manifests that say the same are the same bytes.

    {"artifacts": [{"filename", "origin", "requires_python", "sha256", "size", "stored", "targets", "yanked"}…],
     "content": {"blobs", "packs": [{"filename", "size"}…], "recipes": {"filename", "sha256", "size"}},
     "documents": [{"filename", "sha256", "size"}…],
     "format": 2,
     "pins": [{"artifact", "extras", "name", "requires", "target", "version"}…],
     "producer": {"name", "version"},
     "requirements": ["flask>=3"…],
     "targets": [{"environment": {…}, "name", "tags": […]}…]}

An artifact is stored "whole", as a tar member, or as a "recipe", from which it is put together again (`recipes`). What
the recipes draw on is the content: blobs end to end, cut into packs. "blobs" is the SHA-256 of the SHA-256s of all
blobs in their order. A bundle without packs has no "content" and is of format 1. A later way of storing an artifact is
another value of "stored"; a reader refuses values and formats it doesn't know.

Members stand in the tar in this order: bundle.json, the documents, the recipes, the whole artifacts, the packs, each
kind as listed; artifacts are listed by file name.

The plain constructors trust; `decode` doesn't, and what it gives back is closed: every name it mentions it also holds.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import msgspec

from bundler.bundle.soundness import LARGEST_PACK, check_sound
from bundler.digests import Digest
from bundler.errors import BundleFormatError
from bundler.targets.descriptions import describe, from_description
from bundler.targets.model import Target

__all__ = [
    "FORMATS",
    "LARGEST_PACK",
    "MANIFEST_NAME",
    "RECIPE",
    "RECIPES_NAME",
    "WHOLE",
    "Artifact",
    "Content",
    "Document",
    "Manifest",
    "Pack",
    "Pin",
]

#: Without and with packs.
FORMATS = (1, 2)
MANIFEST_NAME, RECIPES_NAME = "bundle.json", "recipes"
#: The ways of storing an artifact.
WHOLE, RECIPE = "whole", "recipe"

_LARGEST_FILE = 1 << 40  # bytes; a size beyond 1 TiB is a mistake or an attack


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
    #: How the bytes are kept: WHOLE or RECIPE.
    stored: str = WHOLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """A part of the content, as one tar member."""

    filename: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What artifacts stored as recipes are put together from."""

    recipes: Document
    packs: tuple[Pack, ...]
    #: The SHA-256 of the blobs' SHA-256s (32 bytes each), in the order of the content.
    blobs: Digest

    @property
    def size(self) -> int:
        """The number of bytes in all packs."""
        return sum(pack.size for pack in self.packs)


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
    content: Content | None = None

    @property
    def format(self) -> int:
        """The number that tells a reader what it must know."""
        return FORMATS[self.content is not None]

    @property
    def files(self) -> tuple[Document | Artifact, ...]:
        """Every file but bundle.json that an expansion holds."""
        return (*self.documents, *self.artifacts)

    @property
    def members(self) -> tuple[Document | Artifact | Pack, ...]:
        """Every file but bundle.json that the tar holds, in its order."""
        whole = (artifact for artifact in self.artifacts if artifact.stored == WHOLE)
        if self.content is None:
            return (*self.documents, *whole)
        return (*self.documents, self.content.recipes, *whole, *self.content.packs)

    @property
    def rebuilt(self) -> tuple[Artifact, ...]:
        """The artifacts that are stored as recipes, in the order of their recipes."""
        return tuple(artifact for artifact in self.artifacts if artifact.stored == RECIPE)

    @property
    def identity(self) -> Digest:
        """The SHA-256 of the canonical bytes."""
        return Digest.sha256(self.encode())

    def encode(self) -> bytes:
        """The canonical bytes."""
        fields = {
            "artifacts": [_artifact_fields(artifact) for artifact in self.artifacts],
            "documents": [_document_fields(document) for document in self.documents],
            "format": self.format,
            "pins": [_pin_fields(pin) for pin in self.pins],
            "producer": {"name": self.producer_name, "version": self.producer_version},
            "requirements": self.requirements,
            "targets": [describe(target) for target in self.targets],
        }
        if self.content is not None:
            fields["content"] = _content_fields(self.content)
        # The standard library's encoder, because expand.py must be able to write the same bytes anywhere.
        text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return f"{text}\n".encode()

    @classmethod
    def decode(cls, data: bytes) -> Manifest:
        """Read canonical bytes.

        Raises:
            BundleFormatError: anything `encode` would not have written, an unsafe or ambiguous file name, a reference
                to something the manifest doesn't hold, or a format or way of storing that this version doesn't know.
        """
        _check_format(data)
        manifest = _from_wire(_parse(data, _Manifest))
        check_sound(manifest)
        if manifest.encode() != data:
            raise BundleFormatError("bundle.json isn't in its canonical form")
        return manifest


def _document_fields(file: Document | Artifact) -> dict[str, Any]:
    return {"filename": file.filename, "sha256": file.digest.hexdigest, "size": file.size}


def _artifact_fields(artifact: Artifact) -> dict[str, Any]:
    return {
        **_document_fields(artifact),
        "origin": artifact.origin,
        "requires_python": artifact.requires_python,
        "stored": artifact.stored,
        "targets": artifact.targets,
        "yanked": artifact.yanked,
    }


def _content_fields(content: Content) -> dict[str, Any]:
    return {
        "blobs": content.blobs.hexdigest,
        "packs": [{"filename": pack.filename, "size": pack.size} for pack in content.packs],
        "recipes": _document_fields(content.recipes),
    }


def _pin_fields(pin: Pin) -> dict[str, Any]:
    return {
        "artifact": pin.artifact,
        "extras": pin.extras,
        "name": pin.name,
        "requires": pin.requires,
        "target": pin.target,
        "version": pin.version,
    }


_Wire = TypeVar("_Wire", bound=msgspec.Struct)


class _Format(msgspec.Struct):
    format: int


_Sha256 = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
_Size = Annotated[int, msgspec.Meta(ge=0, le=_LARGEST_FILE)]


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    filename: str
    sha256: _Sha256
    size: _Size


class _Artifact(_Document, forbid_unknown_fields=True):
    origin: str
    requires_python: str | None
    stored: str
    targets: tuple[str, ...]
    yanked: str | None


class _Pack(msgspec.Struct, forbid_unknown_fields=True):
    filename: str
    size: Annotated[int, msgspec.Meta(ge=1, le=LARGEST_PACK)]


class _Content(msgspec.Struct, forbid_unknown_fields=True):
    blobs: _Sha256
    packs: Annotated[tuple[_Pack, ...], msgspec.Meta(min_length=1)]
    recipes: _Document


class _Pin(msgspec.Struct, forbid_unknown_fields=True):
    artifact: str
    extras: tuple[str, ...]
    name: str
    requires: tuple[str, ...]
    target: str
    version: str


class _Producer(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    version: str


class _Manifest(msgspec.Struct, forbid_unknown_fields=True):
    artifacts: tuple[_Artifact, ...]
    documents: tuple[_Document, ...]
    format: int
    pins: tuple[_Pin, ...]
    producer: _Producer
    requirements: tuple[str, ...]
    targets: tuple[dict[str, Any], ...]
    content: _Content | None = None


def _parse(data: bytes, kind: type[_Wire]) -> _Wire:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as exc:
        raise BundleFormatError(f"bundle.json can't be read: {exc}") from exc


def _check_format(data: bytes) -> None:
    found = _parse(data, _Format).format
    if found not in FORMATS:
        hint = "upgrade bundler" if found > FORMATS[-1] else None
        known = f"{FORMATS[0]} to {FORMATS[-1]}"
        raise BundleFormatError(f"the bundle is of format {found}, this bundler reads {known}", hint=hint)


def _from_wire(wire: _Manifest) -> Manifest:
    return Manifest(
        producer_name=wire.producer.name,
        producer_version=wire.producer.version,
        requirements=wire.requirements,
        targets=tuple(_target(fields) for fields in wire.targets),
        pins=tuple(Pin(**msgspec.structs.asdict(pin)) for pin in wire.pins),
        documents=tuple(_document(document) for document in wire.documents),
        artifacts=tuple(_artifact(artifact) for artifact in wire.artifacts),
        content=None if wire.content is None else _content(wire.content),
    )


def _target(fields: dict[str, Any]) -> Target:
    try:
        return from_description(fields)
    except ValueError as exc:
        raise BundleFormatError(f"bundle.json describes a target that can't be read: {exc}") from exc


def _document(wire: _Document) -> Document:
    return Document(filename=wire.filename, size=wire.size, digest=Digest("sha256", wire.sha256))


def _content(wire: _Content) -> Content:
    return Content(
        recipes=_document(wire.recipes),
        packs=tuple(Pack(filename=pack.filename, size=pack.size) for pack in wire.packs),
        blobs=Digest("sha256", wire.blobs),
    )


def _artifact(wire: _Artifact) -> Artifact:
    if wire.stored not in (WHOLE, RECIPE):
        message = f"{wire.filename!r} is stored as {wire.stored!r}, which this bundler doesn't know"
        raise BundleFormatError(message, hint="upgrade bundler")
    return Artifact(
        filename=wire.filename,
        size=wire.size,
        digest=Digest("sha256", wire.sha256),
        origin=wire.origin,
        requires_python=wire.requires_python,
        yanked=wire.yanked,
        targets=wire.targets,
        stored=wire.stored,
    )
