from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pytest

from bundler.bundle.manifest import Artifact
from bundler.bundle.members import FRAME_SIZE
from bundler.bundle.writer import expander_program, write_bundle
from bundler.errors import BundleFormatError, IntegrityError
from tests.bundle.samples import artifact, bundle_of, manifest_of

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
