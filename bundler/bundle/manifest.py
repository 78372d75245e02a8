"""bundle.json: what a bundle is and holds, as a value and as canonical bytes.

The SHA-256 of the canonical bytes is the bundle's identity: it doesn't depend on compression, and it is the thing that
gets signed. Canonical means UTF-8 JSON, keys sorted, no spaces, lists in a stated order, a final newline; `decode`
refuses bytes that `encode` would not have written, so two manifests that say the same are the same bytes.

    {"artifacts": [{"filename", "origin", "requires_python", "sha256", "size", "stored", "targets", "yanked"}…],
     "documents": [{"filename", "sha256", "size"}…],
     "format": 1,
     "pins": [{"artifact", "extras", "name", "requires", "target", "version"}…],
     "producer": {"name", "version"},
     "requirements": ["flask>=3"…],
     "targets": [{"environment": {…}, "name", "tags": […]}…]}

Members stand in the tar in this order: bundle.json, the documents as listed, the artifacts as listed (by file name).
A later way of storing an artifact is another value of "stored"; a reader refuses values and formats it doesn't know.
The plain constructors trust; `decode` doesn't, and what it gives back is closed: every name it mentions it also holds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Container, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any, TypeVar

import msgspec

from bundler.digests import Digest
from bundler.distributions import check_filename, parse_version
from bundler.errors import BundleFormatError, UnusableFile
from bundler.targets.descriptions import describe, from_description
from bundler.targets.model import Target

__all__ = ["FORMAT", "MANIFEST_NAME", "WHOLE", "Artifact", "Document", "Manifest", "Pin"]

FORMAT = 1
MANIFEST_NAME = "bundle.json"
#: The one way of storing an artifact that format 1 knows: as a tar member.
WHOLE = "whole"

_PROJECT = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")  # a normalized name (PEP 503)
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
    #: How the bytes are kept: "whole" as a tar member.
    stored: str = WHOLE


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
    format: int = FORMAT

    @property
    def files(self) -> tuple[Document | Artifact, ...]:
        """Every file but bundle.json, in the order of the tar."""
        return (*self.documents, *self.artifacts)

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
        _check_names(manifest)
        _check_references(manifest)
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


def _parse(data: bytes, kind: type[_Wire]) -> _Wire:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as exc:
        raise BundleFormatError(f"bundle.json can't be read: {exc}") from exc


def _check_format(data: bytes) -> None:
    found = _parse(data, _Format).format
    if found != FORMAT:
        hint = "upgrade bundler" if found > FORMAT else None
        raise BundleFormatError(f"the bundle is of format {found}, this bundler reads {FORMAT}", hint=hint)


def _from_wire(wire: _Manifest) -> Manifest:
    return Manifest(
        producer_name=wire.producer.name,
        producer_version=wire.producer.version,
        requirements=wire.requirements,
        targets=tuple(_target(fields) for fields in wire.targets),
        pins=tuple(Pin(**msgspec.structs.asdict(pin)) for pin in wire.pins),
        documents=tuple(_document(document) for document in wire.documents),
        artifacts=tuple(_artifact(artifact) for artifact in wire.artifacts),
    )


def _target(fields: dict[str, Any]) -> Target:
    try:
        return from_description(fields)
    except ValueError as exc:
        raise BundleFormatError(f"bundle.json describes a target that can't be read: {exc}") from exc


def _document(wire: _Document) -> Document:
    return Document(filename=wire.filename, size=wire.size, digest=Digest("sha256", wire.sha256))


def _artifact(wire: _Artifact) -> Artifact:
    if wire.stored != WHOLE:
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
    )


def _check_names(manifest: Manifest) -> None:
    seen = {MANIFEST_NAME}
    for file in manifest.files:
        _check_name(file.filename)
        folded = file.filename.lower()
        if folded in seen:
            raise BundleFormatError(f"bundle.json names the file {file.filename!r} twice, or in two spellings")
        seen.add(folded)
    _check_order("artifacts", [artifact.filename for artifact in manifest.artifacts])


def _check_name(filename: str) -> None:
    try:
        check_filename(filename)
    except UnusableFile as exc:
        raise BundleFormatError(f"bundle.json: {exc.message}") from exc


def _check_references(manifest: Manifest) -> None:
    places = {target.name: place for place, target in enumerate(manifest.targets)}
    if len(places) != len(manifest.targets):
        raise BundleFormatError("bundle.json names a target twice")
    holders = {artifact.filename: artifact.targets for artifact in manifest.artifacts}
    for artifact in manifest.artifacts:
        _check_known(artifact.targets, places, f"target of {artifact.filename}")
        _check_order(f"targets of {artifact.filename}", [places[name] for name in artifact.targets])
    pinned = {(pin.target, pin.name) for pin in manifest.pins}
    for pin in manifest.pins:
        if _PROJECT.fullmatch(pin.name) is None or parse_version(pin.version) is None:
            raise BundleFormatError(f"bundle.json pins {pin.name!r} {pin.version!r}, which isn't a name and a version")
        _check_known([pin.target], places, f"target of the pin of {pin.name}")
        _check_known([pin.artifact], holders, f"artifact of {pin.name}")
        _check_known([pin.target], holders[pin.artifact], f"target of {pin.artifact}")
        _check_known([(pin.target, name) for name in pin.requires], pinned, f"requirement of {pin.name}")
        _check_order(f"requirements of {pin.name}", pin.requires)
    _check_order("pins", [(places[pin.target], pin.name) for pin in manifest.pins])


def _check_known(names: Iterable[object], known: Container[object], role: str) -> None:
    missing = next((name for name in names if name not in known), None)
    if missing is not None:
        raise BundleFormatError(f"bundle.json: {missing!r}, {role}, isn't in the bundle")


def _check_order(what: str, keys: Iterable[Any]) -> None:
    listed = list(keys)
    if any(before >= after for before, after in pairwise(listed)):
        raise BundleFormatError(f"bundle.json: the {what} aren't in their order")
