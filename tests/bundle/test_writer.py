from __future__ import annotations

import hashlib
import io
import os
import random
import shutil
import subprocess
import tarfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

import pytest

from bundler.bundle import blob_sources, packs
from bundler.bundle.deflate import choose
from bundler.bundle.dissection import dissect
from bundler.bundle.manifest import RECIPE, Artifact, Content, Manifest, Pack
from bundler.bundle.members import FRAME_SIZE
from bundler.bundle.packs import Layout, lay_out
from bundler.bundle.reader import BundleReader
from bundler.bundle.writer import carried_programs, expander_program, write_bundle
from bundler.errors import BundleFormatError, IntegrityError
from tests.bundle.samples import artifact, bundle_of, document, frames_of, manifest_of, sdist, wheel

DOCUMENTS = {"expand.py": expander_program(), "requirements.txt": b"demo==1.0\n"}
ARTIFACTS = {
    "empty-1.0.tar.gz": b"",
    f"{'long' * 40}-1.0-py3-none-any.whl": os.urandom(3000),
    "exact-1.0.tar.gz": os.urandom(FRAME_SIZE - 512),
    "large-1.0.tar.gz": os.urandom(1000) * (3 * FRAME_SIZE // 1000),
}


@pytest.fixture(scope="module")
def bundle() -> bytes:
    return bundle_of(DOCUMENTS, ARTIFACTS)


def needs(program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"the program {program} isn't installed here")


@pytest.mark.parametrize("threads", [2, 4])
def test_the_bytes_do_not_depend_on_the_number_of_threads(bundle: bytes, threads: int) -> None:
    assert bundle_of(DOCUMENTS, ARTIFACTS, threads=threads) == bundle


def test_the_identity_of_a_known_manifest_never_changes() -> None:
    # A change here means that bundles of one bundler have another identity under the next: a new format.
    manifest = manifest_of({"note.txt": b"a\n"}, {"a-1.0.tar.gz": b"a"})
    assert manifest.identity.hexdigest == "045bcaa878a6cc66c49487ba437cd7d56d418ef5094c17108f31ed1ef0726a5b"


def test_stock_zstd_and_tar_accept_it(bundle: bytes, tmp_path: Path) -> None:
    needs("zstd")
    needs("tar")
    (tmp_path / "app.tar.zst").write_bytes(bundle)
    (tmp_path / "out").mkdir()
    subprocess.run(["zstd", "-tq", "app.tar.zst"], cwd=tmp_path, check=True)
    listing = subprocess.run(
        ["tar", "--zstd", "-tf", "app.tar.zst"], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert listing.stdout.split() == ["bundle.json", *DOCUMENTS, *sorted(ARTIFACTS)]
    assert listing.stderr == ""
    subprocess.run(["tar", "--zstd", "-xf", "../app.tar.zst"], cwd=tmp_path / "out", check=True)
    for name, data in {**DOCUMENTS, **ARTIFACTS}.items():
        assert (tmp_path / "out" / name).read_bytes() == data


def test_the_standard_librarys_tarfile_reads_what_zstd_decodes(bundle: bytes, tmp_path: Path) -> None:
    needs("zstd")
    tar = subprocess.run(["zstd", "-dcq"], input=bundle, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        assert archive.getnames() == ["bundle.json", *DOCUMENTS, *sorted(ARTIFACTS)]


def write(documents: dict[str, bytes], contents: dict[str, bytes], stated: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()

    def opened(artifact: Artifact) -> BinaryIO:
        return io.BytesIO(contents[artifact.filename])

    write_bundle(stream, manifest_of({"requirements.txt": b"demo\n"}, stated), documents, opened, threads=2)
    return stream.getvalue()


@pytest.mark.parametrize("size", [0, 1, 1000, FRAME_SIZE, 2 * FRAME_SIZE + 7])
@pytest.mark.parametrize("change", ["another byte", "longer", "shorter"])
def test_an_artifact_that_is_not_the_promised_one_is_named(size: int, change: str) -> None:
    stated = bytes(size)
    actual = {"another byte": stated[:-1] + b"x", "longer": stated + b"x", "shorter": stated[:-1]}[change]
    if size == 0 and change == "shorter":
        actual, stated = b"", b"x"
    with pytest.raises(IntegrityError) as caught:
        write({"requirements.txt": b"demo\n"}, {"a-1.0.tar.gz": actual}, {"a-1.0.tar.gz": stated})
    what = "SHA-256" if len(actual) == len(stated) else "size"
    assert caught.value.message == f"a-1.0.tar.gz hasn't the {what} that was promised"


def test_a_document_that_is_not_the_promised_one_is_named() -> None:
    with pytest.raises(IntegrityError) as caught:
        write({"requirements.txt": b"Demo\n"}, {}, {})
    assert caught.value.expected == hashlib.sha256(b"demo\n").hexdigest()
    assert caught.value.actual == hashlib.sha256(b"Demo\n").hexdigest()


def test_a_manifest_that_no_reader_would_take_is_not_written() -> None:
    stream = io.BytesIO()
    manifest = replace(manifest_of({}, {}), artifacts=(artifact("../evil.whl", b""),))
    with pytest.raises(BundleFormatError, match="unsafe file name"):
        write_bundle(stream, manifest, {}, lambda artifact: io.BytesIO(), threads=1)
    assert stream.getvalue() == b""


def test_a_full_disk_ends_the_writing() -> None:
    class Full(io.BytesIO):
        def write(self, data: object) -> int:
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        write_bundle(Full(), manifest_of({}, ARTIFACTS), {}, lambda one: io.BytesIO(ARTIFACTS[one.filename]), threads=2)


def test_progress_is_told_every_byte_of_the_files_once() -> None:
    told: list[int] = []
    manifest = manifest_of({}, ARTIFACTS)
    write_bundle(
        io.BytesIO(), manifest, {}, lambda one: io.BytesIO(ARTIFACTS[one.filename]), threads=2, progress=told.append
    )
    assert sum(told) == sum(map(len, ARTIFACTS.values())) + len(manifest.encode())


def test_every_artifact_is_opened_once_and_closed() -> None:
    opened: list[BinaryIO] = []

    def open_artifact(one: Artifact) -> BinaryIO:
        opened.append(io.BytesIO(ARTIFACTS[one.filename]))
        return opened[-1]

    write_bundle(io.BytesIO(), manifest_of({}, ARTIFACTS), {}, open_artifact, threads=2)
    assert len(opened) == len(ARTIFACTS)
    assert all(stream.closed for stream in opened)


def test_the_expander_travels_as_its_own_source() -> None:
    assert expander_program().startswith(b"#!/usr/bin/env python3\n")


SHARED = random.Random(1).randbytes(30_000).hex().encode()
LARGE = random.Random(2).randbytes(400_000).hex().encode()
COMPACT = {
    "a-1.0-py3-none-any.whl": wheel({"a/__init__.py": b"", "a/shared.txt": SHARED, "a/a.so": LARGE}),
    "a-2.0-py3-none-any.whl": wheel({"a/shared.txt": SHARED, "a/a.so": LARGE[:300_000] + b"2" * 100}, level=9),
    "b-1.0.tar.gz": sdist(SHARED[::-1] + LARGE[:1000]),
    "c-1.0-py3-none-any.whl": wheel({"c/data.bin": random.Random(3).randbytes(20_000).hex().encode()}, level=9),
    "whole-1.0.tar.gz": random.Random(4).randbytes(6_000),
}


def plan(artifacts: dict[str, bytes]) -> tuple[Manifest, Layout]:
    recipes = {name: dissect(io.BytesIO(data), choose()) for name, data in artifacts.items()}
    layout = lay_out([(name, partial(recipes.__getitem__, name)) for name in sorted(artifacts)])
    assert layout is not None
    whole = manifest_of(DOCUMENTS, artifacts)
    content = Content(
        recipes=document("recipes", layout.recipes),
        packs=tuple(Pack(filename=f"pack-{number:04}", size=size) for number, size in enumerate(layout.packs, 1)),
        blobs=layout.blobs,
    )
    stored = [replace(one, stored=RECIPE) if one.filename in layout.filenames else one for one in whole.artifacts]
    return replace(whole, artifacts=tuple(stored), content=content), layout


def compact(
    artifacts: dict[str, bytes],
    *,
    threads: int = 2,
    level: int = 9,
    actual: dict[str, bytes] | None = None,
    told: list[int] | None = None,
) -> bytes:
    (manifest, layout), stream = plan(artifacts), io.BytesIO()
    files = artifacts if actual is None else actual
    size = write_bundle(
        stream,
        manifest,
        DOCUMENTS,
        lambda one: io.BytesIO(files[one.filename]),
        layout=layout,
        level=level,
        threads=threads,
        progress=(lambda count: None) if told is None else told.append,
    )
    assert size == len(stream.getvalue())
    return stream.getvalue()


@pytest.fixture(params=["one pack", "several packs, some blobs in two"])
def packs_of_a_kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param != "one pack":
        monkeypatch.setattr(packs, "LARGEST_PACK", 350_000)
        monkeypatch.setattr(packs, "_FULL_ENOUGH", 200_000)
        monkeypatch.setattr(blob_sources, "_BATCH", 50_000)
        monkeypatch.setattr(blob_sources, "_LARGE", 100_000)


@pytest.mark.usefixtures("packs_of_a_kind")
def test_what_was_packed_together_comes_out_again(tmp_path: Path) -> None:
    data = compact(COMPACT)
    reader = BundleReader(io.BytesIO(data), "app.tar.zst")
    reader.expand_to(tmp_path, threads=2)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "bundle.json": reader.manifest.encode(),
        **DOCUMENTS,
        **COMPACT,
    }
    assert reader.manifest == plan(COMPACT)[0]
    assert BundleReader(io.BytesIO(data), "app.tar.zst").verify(threads=2) == ()


@pytest.mark.usefixtures("packs_of_a_kind")
@pytest.mark.parametrize("threads", [1, 4])
def test_packs_do_not_depend_on_the_number_of_threads(threads: int) -> None:
    assert compact(COMPACT, threads=threads) == compact(COMPACT, threads=2)


@pytest.mark.usefixtures("packs_of_a_kind")
def test_a_pack_is_one_frame() -> None:
    manifest, layout = plan(COMPACT)
    small = len(manifest.documents) + len(("bundle.json", "recipes", "whole-1.0.tar.gz", "the tar's end", "checksums"))
    assert len(frames_of(compact(COMPACT))) == small + len(layout.packs)


def test_a_higher_level_packs_more_tightly() -> None:
    artifacts = {"a-1.0-py3-none-any.whl": wheel(carried_programs(with_packs=True))}
    sizes = [len(compact(artifacts, level=level)) for level in (1, 9, 19)]
    assert sizes == sorted(sizes, reverse=True)


def test_stock_zstd_and_tar_accept_packs(tmp_path: Path) -> None:
    needs("zstd")
    needs("tar")
    (tmp_path / "app.tar.zst").write_bytes(compact(COMPACT))
    command = ["tar", "--zstd", "-tf", "app.tar.zst"]
    listing = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert listing.stdout.split() == ["bundle.json", *DOCUMENTS, "recipes", "whole-1.0.tar.gz", "pack-0001"]
    assert listing.stderr == ""


@pytest.mark.usefixtures("packs_of_a_kind")
@pytest.mark.parametrize("number", range(len(plan(COMPACT)[1].placed)))
def test_an_artifact_that_is_not_what_its_recipe_says_is_named(number: int) -> None:
    blob = plan(COMPACT)[1].placed[number]
    changed = bytearray(COMPACT[blob.filename])
    changed[blob.offset + 7] ^= 1
    with pytest.raises(IntegrityError) as caught:
        compact(COMPACT, actual={**COMPACT, blob.filename: bytes(changed)})
    assert caught.value.message == f"{blob.filename} isn't what its recipe was made from"


def test_a_layout_of_other_packs_is_a_mistake() -> None:
    manifest, layout = plan(COMPACT)
    assert manifest.content is not None
    for size in (layout.packs[0] - 1, layout.packs[0] + 1):
        content = replace(manifest.content, packs=(Pack(filename="pack-0001", size=size),))
        with pytest.raises(ValueError, match="bytes"):
            write_bundle(
                io.BytesIO(),
                replace(manifest, content=content),
                DOCUMENTS,
                lambda one: io.BytesIO(COMPACT[one.filename]),
                layout=layout,
                threads=2,
            )


@pytest.mark.usefixtures("packs_of_a_kind")
def test_progress_is_told_every_byte_of_the_packs_once() -> None:
    told: list[int] = []
    compact(COMPACT, told=told)
    manifest, _ = plan(COMPACT)
    assert sum(told) == len(manifest.encode()) + sum(member.size for member in manifest.members)


def test_the_plain_deflater_travels_where_there_are_packs() -> None:
    assert carried_programs(with_packs=False) == {"expand.py": expander_program()}
    programs = carried_programs(with_packs=True)
    assert list(programs) == ["expand.py", "portable_deflate.py"]
    assert b"class Compressor" in programs["portable_deflate.py"]
