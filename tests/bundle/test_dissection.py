from __future__ import annotations

import gzip
import hashlib
import io
import os
import random
import shutil
import struct
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bundler.bundle import deflate, dissection, expander
from bundler.bundle.dissection import INLINE, dissect
from bundler.bundle.packs import Layout, lay_out
from bundler.bundle.recipes import PIECE, Blob, Copy, Deflated, Literal, Recipe, read_blob
from bundler.bundle.soundness import CONTENT_RATIO
from bundler.digests import Digest
from tests.end_to_end.running import PIP, run

ENGINE = deflate.choose()
WORDS = b" ".join(b"%d" % (number * 7919 % 5000) for number in range(4000))
NOISE = random.Random(1).randbytes(400_000)


def round_trip(data: bytes) -> Recipe:
    """Take apart, lay out, put together, and see that both the law and the encoding hold."""
    recipe = dissect(io.BytesIO(data), ENGINE)
    assert recipe.size == len(data)
    assert Recipe.decode(recipe.encode()) == recipe
    assert recipe.fits(io.BytesIO(data), len(data))
    layout = lay_out([("a.whl", lambda: recipe)])
    if layout is None:
        assert not streams(recipe)
        for offset, step in zip(recipe.offsets, recipe.steps, strict=True):
            if isinstance(step, Copy):
                assert step.blob == Blob(Digest.sha256(data[offset:][: step.size]), step.size)
    else:
        assert rebuilt(layout, data) == data
    return recipe


def rebuilt(layout: Layout, data: bytes) -> bytes:
    """What comes out of a bundle with that layout; the content is read out of the artifact."""
    artifact = io.BytesIO(data)
    content = io.BytesIO()
    for blob in layout.placed:
        read = b"".join(read_blob(artifact, blob.offset, blob.size, is_deflated=blob.is_deflated))
        assert (len(read), hashlib.sha256(read).digest()) == (blob.size, blob.digest)
        content.write(read)
    size = content.tell()
    content.seek(0)
    recipes = expander.Recipes(layout.recipes, [("a.whl", len(data))], size)
    with tempfile.TemporaryDirectory() as directory, ThreadPoolExecutor(1) as pool:
        expander.rebuild(recipes, content.read, directory, pool, ENGINE.compressor, lambda size: None)
        return Path(directory, "a.whl").read_bytes()


def deflated(content: bytes, level: int, mem_level: int) -> bytes:
    compressor = ENGINE.compressor(level, mem_level)
    return compressor.compress(content) + compressor.flush()


def streams(recipe: Recipe) -> list[Deflated]:
    return [step for step in recipe.steps if isinstance(step, Deflated)]


def zipped(
    files: dict[str, bytes], *, streamed: bool = False, level: int = 6, method: int = zipfile.ZIP_DEFLATED
) -> bytes:
    buffer = io.BytesIO()
    target: io.RawIOBase | io.BytesIO = _Pipe(buffer) if streamed else buffer
    with zipfile.ZipFile(target, "w", method, compresslevel=level) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return buffer.getvalue()


class _Pipe(io.RawIOBase):
    """A target that can't seek: zipfile then writes data descriptors."""

    def __init__(self, sink: io.BytesIO) -> None:
        self._sink = sink

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        return self._sink.write(bytes(memoryview(data)))  # type: ignore[arg-type] # RawIOBase gives any buffer


FILES = {"a/code.py": WORDS, "a/lib.so": NOISE[:5000] + bytes(9000) + WORDS[::-1], "b/empty": b"", "b/ä": b"text" * 99}


@given(st.binary(max_size=3000))
@example(b"")
@example(b"PK\3\4")
@example(b"PK\3\4" + bytes(4) + b"\x08" + bytes(21))
@example(b"PK\3\4" + bytes(4) + b"\x08" + bytes(21) + b"\3\0")
@example(b"\x1f\x8b\x08" + bytes(7))
@example(b"\x1f\x8b\x08\x1c" + bytes(6) + b"\xff\xff")
@settings(deadline=None)
def test_the_law_holds_for_any_bytes(data: bytes) -> None:
    round_trip(data)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("level", [6, 9])
def test_every_member_of_a_zip_is_rebuilt(streamed: bool, level: int) -> None:
    recipe = round_trip(zipped(FILES, streamed=streamed, level=level))
    assert [step.blob.size for step in streams(recipe)] == [len(content) for content in FILES.values() if content]
    names = dict(zip(recipe.steps, recipe.names, strict=True))
    assert [names[step] for step in streams(recipe)] == [name for name, content in FILES.items() if content]


HEADER = struct.pack("<4sHHHHHLLLHH", b"PK\3\4", 20, 0, 8, 0, 0, 0, 0, 0, 1, 0) + b"a"


@pytest.mark.parametrize("level", [6, 9])
def test_the_setting_is_found(level: int) -> None:
    packed = deflated(bytes(byte % 5 for byte in NOISE), level, 8)
    (step,) = streams(round_trip(HEADER + packed))
    assert (step.level, step.mem_level, step.size) == (level, 8, len(packed))


@pytest.mark.parametrize("setting", [(1, 8), (6, 9)])
def test_settings_that_nobody_uses_are_not_tried(setting: tuple[int, int]) -> None:
    assert streams(round_trip(HEADER + deflated(bytes(byte % 5 for byte in NOISE), *setting))) == []


class Counting:
    """A compressor that counts what it is given."""

    total = 0

    def __init__(self, level: int, mem_level: int) -> None:
        self._inner = ENGINE.compressor(level, mem_level)

    def compress(self, data: bytes, /) -> bytes:
        Counting.total += len(data)
        return self._inner.compress(data)

    def flush(self) -> bytes:
        return self._inner.flush()


def test_the_first_bytes_that_differ_end_an_attempt() -> None:
    content = bytes(byte % 64 for byte in NOISE) * 20
    data = HEADER + deflated(content, 2, 8)
    Counting.total = 0
    assert streams(dissect(io.BytesIO(data), replace(ENGINE, compressor=Counting))) == []
    assert 0 < Counting.total <= 2 * PIECE < len(content)


def test_a_member_larger_than_what_is_read_at_once_is_rebuilt() -> None:
    content = NOISE * 8
    recipe = round_trip(zipped({"a": WORDS, "b": content, "c": WORDS, "d": content[::-1]}))
    assert [step.blob.size for step in streams(recipe)] == [len(WORDS), len(content)] * 2


@pytest.mark.parametrize("size", [1, 65_535, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE])
def test_contents_around_the_size_of_a_piece_are_rebuilt(size: int) -> None:
    content = (NOISE[:30_000] + WORDS * 50)[:size].ljust(size, b"-")
    assert [step.blob.size for step in streams(round_trip(gzip.compress(content, mtime=0)))] == [size]


def test_a_zip64_member_is_rebuilt() -> None:
    buffer = io.BytesIO()
    archive = zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED)
    with archive, archive.open("a", "w", force_zip64=True) as member:
        member.write(WORDS)
    assert len(streams(round_trip(buffer.getvalue()))) == 1


def test_a_prefix_a_suffix_and_a_second_archive_do_no_harm() -> None:
    data = NOISE[:50_000] + zipped(FILES) + NOISE[:3] + gzip.compress(WORDS) + zipped(FILES, level=9) + b"end"
    assert len(streams(round_trip(data))) == 2 * (len(FILES) - 1) + 1


def test_an_empty_zip_is_literal() -> None:
    assert [type(step) for step in round_trip(zipped({})).steps] == [Literal]


def test_a_stored_member_is_a_blob_of_its_own() -> None:
    recipe = round_trip(zipped(FILES, method=zipfile.ZIP_STORED))
    sizes = [step.size for step in recipe.steps if isinstance(step, Copy)]
    assert sizes == [len(content) for content in FILES.values() if len(content) > INLINE]


def test_the_same_content_stored_and_deflated_is_one_blob() -> None:
    data = zipped({"a": WORDS}) + zipped({"b": WORDS}, method=zipfile.ZIP_STORED) + gzip.compress(WORDS)
    assert round_trip(data).blobs == (Blob(Digest.sha256(WORDS), len(WORDS)),)


def test_what_zlib_did_not_write_stays_as_it_is() -> None:
    zlib_ng = pytest.importorskip("zlib_ng.zlib_ng")
    foreign = zlib_ng.compressobj(6, zlib.DEFLATED, -15, 8)
    packed = foreign.compress(WORDS) + foreign.flush()
    recipe = round_trip(HEADER + packed + zipped({"b": WORDS}))
    assert [step.blob.size for step in streams(recipe)] == [len(WORDS)]


@pytest.mark.parametrize("level", [6, 9])
def test_a_gzipped_tar_is_one_blob(level: int) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=level) as archive:
        for name, content in FILES.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    (step,) = streams(round_trip(buffer.getvalue()))
    assert step.blob.size == 20480 + 10240 * ((step.blob.size - 20480) // 10240)


def test_every_member_of_a_gzip_is_rebuilt_and_what_follows_is_kept() -> None:
    data = gzip.compress(WORDS) + gzip.compress(b"") + gzip.compress(NOISE[:2000]) + b"trailing"
    assert len(streams(round_trip(data))) == 2


def test_a_stream_of_nothing_stays_as_it_is() -> None:
    assert [type(step) for step in round_trip(gzip.compress(b"")).steps] == [Literal]


def test_a_gzip_header_with_all_its_fields_is_passed() -> None:
    header = b"\x1f\x8b\x08\x1e" + bytes(6) + b"\5\0extra" + b"name\0" + b"comment\0" + b"\1\2"
    assert len(streams(round_trip(header + deflated(WORDS, 9, 8) + bytes(8)))) == 1


SAMPLES = [zipped(FILES), zipped(FILES, streamed=True, level=9), gzip.compress(WORDS) + gzip.compress(NOISE[:900])]


@given(
    st.sampled_from(SAMPLES),
    st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), max_size=4),
    st.integers(0, 1 << 20),
    st.binary(max_size=20),
)
@settings(deadline=None, max_examples=200)
def test_the_law_holds_for_damaged_archives(
    sample: bytes, flips: list[tuple[int, int]], cut: int, prefix: bytes
) -> None:
    data = bytearray(prefix + sample)
    for place, value in flips:
        data[place % len(data)] = value
    round_trip(bytes(data))
    round_trip(bytes(data[: cut % len(data)]))


@given(st.dictionaries(st.text("ab/", min_size=1, max_size=5), st.binary(max_size=2000), max_size=5), st.booleans())
@settings(deadline=None)
def test_the_law_holds_for_what_zipfile_writes(files: dict[str, bytes], streamed: bool) -> None:
    assert len(streams(round_trip(zipped(files, streamed=streamed)))) >= sum(map(bool, files.values()))


@pytest.mark.skipif(shutil.which("zip") is None, reason="no zip program here")
@pytest.mark.parametrize("options", [["-9"], ["-1", "-fd"], ["-0"], ["-6", "-fz"]])
def test_the_law_holds_for_what_the_zip_program_writes(options: list[str], tmp_path: Path) -> None:
    for name in ("one.txt", "two.txt"):
        (tmp_path / name).write_bytes(WORDS * 3)
    subprocess.run(["zip", "-q", *options, "out.zip", "one.txt", "two.txt"], cwd=tmp_path, check=True)
    round_trip((tmp_path / "out.zip").read_bytes())


BACKENDS = {
    "hatchling": "hatchling.build",
    "setuptools": "setuptools.build_meta",
    "flit_core": "flit_core.buildapi",
}


@pytest.mark.parametrize("package", BACKENDS)
def test_wheels_and_sdists_of_build_backends_are_rebuilt(package: str, tmp_path: Path) -> None:
    require(package, minimum=(70, 1) if package == "setuptools" else ())  # the first that makes wheels by itself
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "demo"\nversion = "1.0"\ndescription = "a demo"\n')
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "__init__.py").write_bytes(b"A = '''" + WORDS + b"'''\n")
    # As any frontend runs it: setuptools can't be imported where distutils has been.
    program = f"import {BACKENDS[package]} as backend; backend.build_wheel('.'); backend.build_sdist('.')"
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, capture_output=True)
    for path in made_in(tmp_path):
        recipe = round_trip(path.read_bytes())
        assert sum(step.size for step in streams(recipe)) > path.stat().st_size // 2


def require(package: str, minimum: tuple[int, ...]) -> None:
    try:
        found = version(package)
    except PackageNotFoundError:
        pytest.skip(f"no {package} here")
    if tuple(int(part) for part in found.split(".")[:2]) < minimum:
        pytest.skip(f"{package} {found} is too old")


def made_in(directory: Path) -> list[Path]:
    made = [*directory.glob("*.whl"), *directory.glob("*.tar.gz")]
    assert len(made) == 2
    return made


def test_the_law_holds_for_what_uv_build_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = pytest.importorskip("uv_build")
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "demo"\nversion = "1.0"\n'
        '[build-system]\nrequires = ["uv_build"]\nbuild-backend = "uv_build"\n'
    )
    (tmp_path / "src" / "demo").mkdir(parents=True)
    (tmp_path / "src" / "demo" / "__init__.py").write_bytes(b"A =  + WORDS + b\n")
    monkeypatch.setenv("PATH", sysconfig.get_path("scripts"), prepend=os.pathsep)  # the backend is a program
    monkeypatch.chdir(tmp_path)
    backend.build_wheel(str(tmp_path))
    backend.build_sdist(str(tmp_path))
    for path in made_in(tmp_path):
        round_trip(path.read_bytes())


@pytest.mark.real_index
def test_the_law_holds_for_what_maturin_writes(tmp_path: Path) -> None:
    run((*PIP, "download", "-q", "--no-deps", "--only-binary", ":all:", "-d", tmp_path, "rpds-py"))
    (wheel,) = tmp_path.glob("*.whl")
    round_trip(wheel.read_bytes())


def bomb(size: int) -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)
    zeros = bytes(1 << 20)
    return b"".join(compressor.compress(zeros) for _ in range(size >> 20)) + compressor.flush()


def test_a_bomb_is_inflated_to_a_ceiling_only() -> None:
    data = bomb(80 << 20)
    assert streams(dissect(io.BytesIO(data), ENGINE)) == []
    assert round_trip(data).size == len(data)


@pytest.mark.parametrize(("ratio", "is_taken"), [(CONTENT_RATIO - 1, True), (CONTENT_RATIO, False)])
def test_no_recipe_asks_for_more_content_than_readers_allow(
    ratio: int, is_taken: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dissection, "CONTENT_SLACK", 1 << 20)
    copied = zipped({"a": NOISE[:200_000]}, method=zipfile.ZIP_STORED)
    data = copied
    for _ in range(4):  # until the number of zeros fits to the size that follows from it
        data = gzip.compress(bytes((1 << 20) + ratio * len(data) - (8 << 10)), mtime=0) + copied
    recipe = round_trip(data)
    assert bool(streams(recipe)) is is_taken
    assert sum(blob.size for blob in recipe.blobs) <= (1 << 20) + CONTENT_RATIO * len(data)


def test_many_headers_are_tried_to_a_ceiling_only() -> None:
    header = b"PK\3\4" + bytes(4) + b"\x08" + bytes(21)
    round_trip(header * 30_000)


def test_the_ceiling_is_for_the_whole_artifact() -> None:
    data = gzip.compress(bytes(30 << 20)) * 4
    assert len(streams(dissect(io.BytesIO(data), ENGINE))) == 2


def test_the_blobs_digest_is_that_of_the_content() -> None:
    (step,) = streams(dissect(io.BytesIO(gzip.compress(WORDS)), ENGINE))
    assert step.blob.digest.hexdigest == hashlib.sha256(WORDS).hexdigest()
