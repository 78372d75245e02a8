"""Small bundles to try things on."""

from __future__ import annotations

import io
from collections.abc import Mapping

from packaging.tags import Tag

from bundler.bundle.manifest import Artifact, Document, Manifest, Pin
from bundler.bundle.writer import write_bundle
from bundler.digests import Digest
from bundler.targets.model import MARKER_VARIABLES, Target

PYTHON = {"python_version": "3.12", "python_full_version": "3.12.0"}


def target(name: str = "cp312-linux-x86_64") -> Target:
    environment = tuple((variable, PYTHON.get(variable, "")) for variable in MARKER_VARIABLES)
    return Target(name=name, environment=environment, tags=(Tag("py3", "none", "any"),))


def document(filename: str, data: bytes) -> Document:
    return Document(filename=filename, size=len(data), digest=Digest.sha256(data))


def artifact(filename: str, data: bytes, targets: tuple[str, ...] = ("cp312-linux-x86_64",)) -> Artifact:
    return Artifact(
        filename=filename,
        size=len(data),
        digest=Digest.sha256(data),
        origin=f"https://index.example/files/{filename}",
        requires_python=None,
        yanked=None,
        targets=targets,
    )


def pin(name: str, filename: str, requires: tuple[str, ...] = ()) -> Pin:
    return Pin(target="cp312-linux-x86_64", name=name, version="1.0", extras=(), artifact=filename, requires=requires)


def manifest_of(documents: Mapping[str, bytes], artifacts: Mapping[str, bytes]) -> Manifest:
    return Manifest(
        producer_name="bundler",
        producer_version="1.0",
        requirements=("demo",),
        targets=(target(),),
        pins=(),
        documents=tuple(document(name, data) for name, data in documents.items()),
        artifacts=tuple(artifact(name, artifacts[name]) for name in sorted(artifacts)),
    )


def bundle_of(documents: Mapping[str, bytes], artifacts: Mapping[str, bytes], *, threads: int = 1) -> bytes:
    stream = io.BytesIO()
    manifest = manifest_of(documents, artifacts)
    size = write_bundle(
        stream, manifest, documents, lambda artifact: io.BytesIO(artifacts[artifact.filename]), threads=threads
    )
    assert size == len(stream.getvalue())
    return stream.getvalue()
