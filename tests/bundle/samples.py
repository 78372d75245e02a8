"""Small bundles to try things on."""

from __future__ import annotations

import io
from collections.abc import Mapping

from packaging.tags import Tag

from bundler.bundle.container import checksum, compress_frame, integrity_frame, seek_table
from bundler.bundle.expander import tar_header
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


def sealed(contents: list[bytes]) -> bytes:
    """Frames of any content with the integrity frame and seek table that belong to them."""
    frames = [compress_frame(content) for content in contents]
    integrity = integrity_frame([checksum(frame) for frame in frames])
    entries = [(len(frame), len(content)) for frame, content in zip(frames, contents, strict=True)]
    return b"".join(frames) + integrity + seek_table([*entries, (len(integrity), 0)])


def tar_member(name: str, data: bytes) -> bytes:
    return tar_header(name, len(data)) + data + bytes(-len(data) % 512)


def lying_bundle(*members: bytes) -> bytes:
    """A bundle without fault but that its manifest promises one file, a-1.0.tar.gz, which says "good"."""
    head = manifest_of({}, {"a-1.0.tar.gz": b"good"}).encode()
    return sealed([tar_member("bundle.json", head), *members, bytes(1024)])


#: What may stand behind the list of a lying bundle.
LIES: list[tuple[bytes, ...]] = [
    (),
    (tar_member("b-1.0.tar.gz", b"good"),),
    (tar_member("a-1.0.tar.gz", b"good!"),),
    (tar_member("a-1.0.tar.gz", b"good"), tar_member("b-1.0.tar.gz", b"more")),
    (tar_member("a-1.0.tar.gz", b"good") + tar_member("b-1.0.tar.gz", b"more"),),
    (tar_member("a-1.0.tar.gz", b"good").replace(b"good\0", b"good!"),),
    (tar_member("a-1.0.tar.gz", b"good").replace(b"0000644", b"0004755"),),
    (tar_member("a-1.0.tar.gz", b"good").replace(b"ustar", b"ustaR"),),
]
