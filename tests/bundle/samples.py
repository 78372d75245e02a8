"""Small bundles to try things on."""

from __future__ import annotations

import gzip
import hashlib
import io
import struct
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace

from packaging.tags import Tag

from bundler.bundle.container import checksum, compress_frame, integrity_frame, seek_table
from bundler.bundle.deflate import choose
from bundler.bundle.dissection import dissect
from bundler.bundle.expander import tar_header
from bundler.bundle.manifest import RECIPE, Artifact, Content, Document, Manifest, Pack, Pin
from bundler.bundle.members import FRAME_SIZE
from bundler.bundle.recipes import Blob, Deflated, Literal, Recipe, read_blob
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


def frames_of(data: bytes) -> list[tuple[int, int]]:
    """Where each frame begins and ends, by the seek table."""
    count = struct.unpack("<I", data[-9:-5])[0]
    start, extents = 0, []
    for size, _ in struct.iter_unpack("<II", data[-9 - 8 * count : -9]):
        extents.append((start, start + size))
        start += size
    return extents


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


def wheel(files: Mapping[str, bytes], level: int = 6) -> bytes:
    """A zip as zipfile writes it."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED, level)
    return stream.getvalue()


def sdist(data: bytes) -> bytes:
    """A gzip of anything."""
    return gzip.compress(data, mtime=0)


class Compact:
    """What a bundle with packs is made of, written by hand so that it can lie; artifacts without deflate stay whole."""

    def __init__(self, documents: Mapping[str, bytes], artifacts: Mapping[str, bytes], *, pack_size: int = 1 << 26):
        self.documents, self.artifacts = documents, artifacts
        recipes: dict[str, Recipe] = {}
        blobs: dict[Blob, bytes] = {}
        for name in sorted(artifacts):
            stream = io.BytesIO(artifacts[name])
            recipe = dissect(stream, choose())
            if any(isinstance(step, Deflated) for step in recipe.steps):
                recipes[name] = recipe
                for offset, step in zip(recipe.offsets, recipe.steps, strict=True):
                    if not isinstance(step, Literal):
                        blobs[step.blob] = b"".join(
                            read_blob(stream, offset, step.blob.size, is_deflated=isinstance(step, Deflated))
                        )
        self.rebuilt = [*recipes]
        self.starts: dict[Blob, int] = {}
        at = 0
        for blob in blobs:
            self.starts[blob] = at
            at += blob.size
        self.recipes = [recipe.encode_placed(self.starts.__getitem__) for recipe in recipes.values()]
        self.packs = list(_packs([*blobs.values()], pack_size))
        self.blobs = hashlib.sha256(b"".join(bytes.fromhex(blob.digest.hexdigest) for blob in blobs)).digest()

    @property
    def recipes_member(self) -> bytes:
        return b"".join(leb128(len(recipe)) for recipe in self.recipes) + b"".join(self.recipes)

    @property
    def manifest(self) -> Manifest:
        whole = manifest_of(self.documents, self.artifacts)
        artifacts = [
            replace(each, stored=RECIPE) if each.filename in self.rebuilt else each for each in whole.artifacts
        ]
        packs = tuple(Pack(filename=f"pack-{n:04}", size=len(pack)) for n, pack in enumerate(self.packs, 1))
        blobs = Digest("sha256", self.blobs.hex())
        content = Content(recipes=document("recipes", self.recipes_member), packs=packs, blobs=blobs)
        return replace(whole, artifacts=tuple(artifacts), content=content)

    def bundle(self) -> bytes:
        """The bundle's bytes."""
        manifest = self.manifest
        members = [tar_member("bundle.json", manifest.encode())]
        members += [tar_member(*item) for item in self.documents.items()]
        members.append(tar_member("recipes", self.recipes_member))
        members += [
            tar_member(name, self.artifacts[name]) for name in sorted(self.artifacts) if name not in self.rebuilt
        ]
        frames = [part for member in members for part in cut(member)]
        frames += [tar_member(f"pack-{number:04}", pack) for number, pack in enumerate(self.packs, 1)]
        return sealed([*frames, bytes(1024)])

    def files(self) -> dict[str, bytes]:
        """What it expands to."""
        return {"bundle.json": self.manifest.encode(), **self.documents, **self.artifacts}


def _packs(blobs: Sequence[bytes], size: int) -> list[bytes]:
    """Cut at the blobs' borders; a blob that is larger than a pack is cut too."""
    packs = [b""]
    for blob in blobs:
        if packs[-1] and len(packs[-1]) + len(blob) > size:
            packs.append(b"")
        packs[-1] += blob
        while len(packs[-1]) > size:
            packs[-1:] = [packs[-1][:size], packs[-1][size:]]
    return packs


def cut(member: bytes) -> list[bytes]:
    """A member's frames."""
    return [member[start : start + FRAME_SIZE] for start in range(0, len(member), FRAME_SIZE)]


def leb128(number: int) -> bytes:
    """A number as recipes have it."""
    data = bytearray()
    while number > 127:
        data.append(number & 127 | 128)
        number >>= 7
    return bytes([*data, number])
