from __future__ import annotations

import hashlib
import io
import os
import random
import struct
import zlib
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from bundler.bundle.container import compress_frame
from bundler.bundle.deflate import Compressor, Engine, choose
from bundler.bundle.expander import is_safe_name, tar_header
from bundler.bundle.members import FRAME_SIZE
from bundler.bundle.reader import BundleReader
from bundler.digests import Digest
from bundler.errors import (
    BundleFormatError,
    BundlerError,
    EnvironmentProblem,
    IntegrityError,
    UsageError,
)
from bundler.publication import publish_directory
from tests.bundle.samples import (
    LIES,
    Compact,
    bundle_of,
    frames_of,
    leb128,
    lying_bundle,
    manifest_of,
    sdist,
    tar_member,
    wheel,
)

DOCUMENTS = {"requirements.txt": b"demo==1.0\n"}
ARTIFACTS = {"a-1.0.tar.gz": b"wheels " * 40, "b-1.0-py3-none-any.whl": os.urandom(200), "c-1.0.tar.gz": b""}
SMALL = bundle_of(DOCUMENTS, ARTIFACTS)
LARGE_ARTIFACTS = {
    "a-1.0.tar.gz": os.urandom(1000) * (2 * FRAME_SIZE // 1000),
    "b-1.0.tar.gz": os.urandom(5000),
    "c-1.0.tar.gz": bytes(FRAME_SIZE),
}
_random = random.Random(4)
SHARED = b" ".join(b"%d" % _random.randrange(_random.choice((10, 100, 1000))) for _ in range(9000))
ARCHIVES = {
    "a-1.0-py3-none-any.whl": wheel({"a/__init__.py": SHARED, "a/data.txt": b"data" * 100}),
    "b-1.0-py3-none-any.whl": wheel({"b/__init__.py": SHARED, "b/more.py": b"more" * 9, "b/empty.py": b""}),
    "c-1.0.tar.gz": sdist(SHARED[:7000]),
    "d-1.0-py3-none-any.whl": wheel({"d.py": SHARED}, level=9),
    "e-1.0.tar.gz": b"no gzip at all",
}


def compact(pack_size: int = 1 << 26) -> Compact:
    return Compact(DOCUMENTS, ARCHIVES, pack_size=pack_size)


COMPACT, CRUMBS = compact(), compact(10_000)
TINY = Compact({}, {"a-1.0-py3-none-any.whl": wheel({"a.py": b"import sys\n" * 9}), "b-1.0.tar.gz": sdist(b"b" * 99)})

ENGINE = choose()


class Pipe(io.BytesIO):
    """What standard input is: no seeking, and short reads."""

    def read(self, count: int | None = -1) -> bytes:
        return super().read(min(count or 0, 65_536))

    def seek(self, offset: int, whence: int = 0) -> int:
        raise io.UnsupportedOperation("seek")


def reader(data: bytes) -> BundleReader:
    return BundleReader(io.BytesIO(data), "app.tar.zst")


def expand(data: bytes, directory: Path, *, threads: int = 1) -> dict[str, bytes]:
    with publish_directory(directory) as temporary:
        reader(data).expand_to(temporary, threads=threads, engine=ENGINE)
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def faults(data: bytes) -> list[str | None]:
    """The file names that verify complains of, or [None] where the bundle can't even be opened."""
    try:
        opened = reader(data)
    except BundleFormatError:
        return [None]
    return [finding.filename for finding in opened.verify(threads=1)]


def assert_refused(data: bytes, directory: Path) -> None:
    assert faults(data) != []
    with pytest.raises(BundlerError) as caught:
        expand(data, directory / "wheelhouse")
    assert caught.value.exit_code == 5
    assert list(directory.iterdir()) == []


_contents = st.one_of(
    st.binary(max_size=1500),
    st.builds(
        lambda frames, over: b"wheel" * ((frames * FRAME_SIZE + over) // 5), st.integers(1, 2), st.integers(-1600, 1600)
    ),
    st.just(bytes(FRAME_SIZE - 512)),
    st.just(bytes(2 * FRAME_SIZE - 512)),
)
_names = st.integers(1, 255).flatmap(
    lambda length: st.text("abcXYZ019._+!-", min_size=length, max_size=length).filter(is_safe_name)
)


@settings(max_examples=25)
@given(st.dictionaries(_names, _contents, max_size=5))
def test_what_was_packed_comes_out(tmp_path_factory: pytest.TempPathFactory, artifacts: dict[str, bytes]) -> None:
    if len({name.lower() for name in artifacts}) < len(artifacts):
        return
    directory = tmp_path_factory.mktemp("expand") / "wheelhouse"
    data = bundle_of(DOCUMENTS, artifacts, threads=2)
    head = manifest_of(DOCUMENTS, artifacts).encode()
    assert expand(data, directory, threads=2) == {"bundle.json": head, **DOCUMENTS, **artifacts}
    assert reader(data).verify(threads=2) == ()


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_large_files_come_out_whole_on_any_number_of_threads(tmp_path: Path, threads: int) -> None:
    files = expand(bundle_of(DOCUMENTS, LARGE_ARTIFACTS), tmp_path / "out", threads=threads)
    assert {name: files[name] for name in LARGE_ARTIFACTS} == LARGE_ARTIFACTS


def test_a_bundle_comes_out_of_a_pipe(tmp_path: Path) -> None:
    data = bundle_of(DOCUMENTS, LARGE_ARTIFACTS)
    BundleReader(Pipe(data), "-").expand_to(tmp_path, threads=2)
    assert (tmp_path / "a-1.0.tar.gz").read_bytes() == LARGE_ARTIFACTS["a-1.0.tar.gz"]
    assert BundleReader(Pipe(data), "-").verify(threads=2) == ()


def test_the_manifest_is_what_was_written() -> None:
    opened = reader(SMALL)
    assert opened.manifest == manifest_of(DOCUMENTS, ARTIFACTS)
    assert opened.identity == opened.manifest.identity


def test_opening_reads_the_manifest_and_nothing_else() -> None:
    data = bundle_of(DOCUMENTS, {"a-1.0.tar.gz": os.urandom(20 << 20)})
    stream = io.BytesIO(data)
    BundleReader(stream, "app.tar.zst")
    assert stream.tell() < 10_000


def test_a_manifest_larger_than_a_frame_is_read() -> None:
    names = {f"{'n' * 240}{number:06}.whl": b"" for number in range(12_000)}
    data = bundle_of({}, names)
    assert len(reader(data).manifest.encode()) > FRAME_SIZE


def test_every_flipped_byte_is_found_and_nothing_comes_out(tmp_path: Path) -> None:
    for place in range(len(SMALL)):
        flipped = bytearray(SMALL)
        flipped[place] ^= 1 << place % 8
        assert_refused(bytes(flipped), tmp_path)


@given(st.integers(0, len(SMALL) - 1), st.integers(1, 255))
def test_any_change_of_a_byte_is_found(place: int, change: int) -> None:
    changed = bytearray(SMALL)
    changed[place] ^= change
    assert faults(bytes(changed)) != []


def test_every_cut_is_found_and_nothing_comes_out(tmp_path: Path) -> None:
    for length in range(len(SMALL)):
        assert_refused(SMALL[:length], tmp_path)


@pytest.mark.parametrize("extra", [b"\0", SMALL, compress_frame(b"more"), b"\x50\x2a\x4d\x18\0\0\0\0"])
def test_anything_appended_is_found(tmp_path: Path, extra: bytes) -> None:
    assert faults(SMALL + extra) == [None]
    assert_refused(SMALL + extra, tmp_path)


@pytest.mark.parametrize(("first", "second"), [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (1, 4)])
def test_swapped_frames_are_found(tmp_path: Path, first: int, second: int) -> None:
    extents = frames_of(SMALL)
    parts = [SMALL[start:stop] for start, stop in extents] + [SMALL[extents[-1][1] :]]
    parts[first], parts[second] = parts[second], parts[first]
    assert_refused(b"".join(parts), tmp_path)


def test_a_dropped_and_a_doubled_frame_are_found(tmp_path: Path) -> None:
    start, stop = frames_of(SMALL)[2]
    assert_refused(SMALL[:start] + SMALL[stop:], tmp_path)
    assert_refused(SMALL[:stop] + SMALL[start:], tmp_path)


def test_every_bad_file_is_named_and_the_good_ones_are_not() -> None:
    data = bytearray(bundle_of(DOCUMENTS, LARGE_ARTIFACTS))
    extents = frames_of(bytes(data))
    data[extents[1][0]] ^= 0xFF  # requirements.txt: the magic number, so that its frame can't be walked
    data[extents[3][1] - 1] ^= 1  # a-1.0.tar.gz: the checksum of its second frame
    data[extents[-2][0] - 1] ^= 1  # c-1.0.tar.gz: the checksum of its last frame
    assert faults(bytes(data)) == ["requirements.txt", "a-1.0.tar.gz", "c-1.0.tar.gz"]


def test_a_broken_frame_in_a_pipe_ends_the_check_there() -> None:
    data = bytearray(SMALL)
    data[frames_of(SMALL)[1][0]] ^= 0xFF
    findings = BundleReader(Pipe(bytes(data)), "-").verify(threads=2)
    assert [finding.filename for finding in findings] == ["requirements.txt"]


def test_a_frame_that_the_integrity_frame_contradicts_is_laid_at_its_files_door() -> None:
    # As when a flipped bit in a frame decodes to the same content: only its CRC-32 can tell.
    data = bytearray(SMALL)
    data[frames_of(SMALL)[-1][0] + 8 + 4 * 2] ^= 1
    (finding,) = reader(bytes(data)).verify(threads=1)
    assert finding.filename == "a-1.0.tar.gz"
    assert "isn't the one that was written" in finding.error.message


def test_verify_can_be_asked_twice_and_expands_afterwards(tmp_path: Path) -> None:
    opened = reader(SMALL)
    assert opened.verify(threads=1) == opened.verify(threads=2) == ()
    opened.expand_to(tmp_path, threads=1)
    assert (tmp_path / "requirements.txt").read_bytes() == b"demo==1.0\n"


@pytest.mark.parametrize("members", [*LIES, (tar_member("a-1.0.tar.gz", b"good"), b"")])
def test_a_tar_that_is_not_what_the_manifest_foretells_is_refused(tmp_path: Path, members: tuple[bytes, ...]) -> None:
    assert_refused(lying_bundle(*members), tmp_path)
    assert faults(lying_bundle(tar_member("a-1.0.tar.gz", b"good"))) == []


def test_a_file_with_another_hash_is_an_integrity_error(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match=r"a-1\.0\.tar\.gz in app\.tar\.zst hasn't the SHA-256"):
        reader(lying_bundle(tar_member("a-1.0.tar.gz", b"evil"))).expand_to(tmp_path, threads=1)


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("data", [COMPACT.bundle(), CRUMBS.bundle()], ids=["one pack", "many packs"])
def test_what_was_taken_apart_is_put_together_again(tmp_path: Path, data: bytes, threads: int) -> None:
    assert expand(data, tmp_path / "out", threads=threads) == COMPACT.files() | {"bundle.json": reader(data)._head}
    assert reader(data).verify(threads=threads) == ()


def test_a_compact_bundle_comes_out_of_a_pipe(tmp_path: Path) -> None:
    BundleReader(Pipe(CRUMBS.bundle()), "-").expand_to(tmp_path, threads=2)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == CRUMBS.files()
    assert BundleReader(Pipe(CRUMBS.bundle()), "-").verify(threads=2) == ()


def test_each_content_is_deflated_once_for_each_setting_by_the_engine_that_is_named(tmp_path: Path) -> None:
    taken: list[int] = []

    class Counting:
        def __init__(self, level: int, mem_level: int) -> None:
            self._compressor = ENGINE.compressor(level, mem_level)

        def compress(self, data: bytes, /) -> bytes:
            taken.append(len(data))
            return self._compressor.compress(data)

        def flush(self) -> bytes:
            return self._compressor.flush()

    engine = Engine(name="counting", why="", compressor=Counting)
    reader(COMPACT.bundle()).expand_to(tmp_path, threads=1, engine=engine)
    assert sum(taken) == 2 * len(SHARED) + 400 + 36 + 7000


def test_an_engine_that_is_not_exact_is_found_out(tmp_path: Path) -> None:
    def compressor(level: int, mem_level: int) -> Compressor:
        return zlib.compressobj(1, zlib.DEFLATED, -15)

    engine = Engine(name="wrong", why="", compressor=compressor)
    with pytest.raises(BundlerError) as caught:
        reader(COMPACT.bundle()).expand_to(tmp_path, threads=2, engine=engine)
    assert caught.value.exit_code == 5


def test_every_flipped_byte_of_a_compact_bundle_is_found_and_nothing_comes_out(tmp_path: Path) -> None:
    data = TINY.bundle()
    for place in range(len(data)):
        flipped = bytearray(data)
        flipped[place] ^= 1 << place % 8
        assert_refused(bytes(flipped), tmp_path)


def test_every_cut_of_a_compact_bundle_is_found_and_nothing_comes_out(tmp_path: Path) -> None:
    data = TINY.bundle()
    for length in range(len(data)):
        assert_refused(data[:length], tmp_path)


def test_every_bad_pack_is_named_and_the_good_ones_are_not() -> None:
    data = bytearray(CRUMBS.bundle())
    packs = frames_of(bytes(data))[-2 - len(CRUMBS.packs) : -2]
    data[packs[1][0]] ^= 0xFF  # the magic number, so that its frame can't be walked
    data[packs[3][1] - 1] ^= 1  # the checksum
    assert faults(bytes(data)) == ["pack-0002", "pack-0004"]
    findings = BundleReader(Pipe(bytes(data)), "-").verify(threads=2)
    assert [finding.filename for finding in findings] == ["pack-0002"]


def test_bad_recipes_do_not_hide_a_bad_pack() -> None:
    data = bytearray(CRUMBS.bundle())
    extents = frames_of(bytes(data))
    data[extents[2][1] - 1] ^= 1
    data[extents[-3][1] - 1] ^= 1
    assert faults(bytes(data)) == ["recipes", f"pack-{len(CRUMBS.packs):04}"]


def test_a_pack_with_other_content_is_found_though_its_frame_is_whole(tmp_path: Path) -> None:
    lying = compact()
    lying.packs = [lying.packs[0][:-1] + b"?"]
    (finding,) = reader(lying.bundle()).verify(threads=1)
    assert "the packs hold something else" in finding.error.message
    assert_refused(lying.bundle(), tmp_path)


def test_an_artifact_that_comes_out_wrong_is_an_integrity_error(tmp_path: Path) -> None:
    lying = compact()
    lying.artifacts = {**lying.artifacts, lying.rebuilt[0]: lying.artifacts[lying.rebuilt[0]][:-1] + b"?"}
    assert reader(lying.bundle()).verify(threads=1) == ()
    with pytest.raises(IntegrityError, match=r"a-1\.0-py3-none-any\.whl in app\.tar\.zst hasn't the SHA-256") as caught:
        reader(lying.bundle()).expand_to(tmp_path, threads=1)
    assert caught.value.actual == Digest.sha256(ARCHIVES["a-1.0-py3-none-any.whl"]).hexdigest


def recipe(*steps: tuple[int, ...], literals: bytes = b"") -> bytes:
    return (
        b"".join(leb128(number) for number in (len(steps), *(number for step in steps for number in step))) + literals
    )


def digits(forged: bytes, size: int = 10) -> bytes:
    """A bundle with ten digits in its pack, from which one artifact of ten bytes is made."""
    lying = compact()
    lying.artifacts, lying.rebuilt = {"a-1.0.tar.gz": bytes(size) if size != 10 else b"0123456789"}, ["a-1.0.tar.gz"]
    lying.packs, lying.blobs = [b"0123456789"], hashlib.sha256(hashlib.sha256(b"0123456789").digest()).digest()
    lying.recipes = [forged]
    return lying.bundle()


@pytest.mark.parametrize(
    "forged",
    [
        recipe((4 * 10 + 1, 10)),
        recipe((1, 4), (4 * 4 + 1, 7)),
        recipe((1, 5), (4 * 4 + 1, 5)),
        recipe((1, 4), (4 * 6 + 1, 4), (4 * 2,), literals=b"ab"),
        recipe((1, 9), (4,), literals=b"a"),
        recipe((1, 10), (4 * 10 + 1, 0)),
        recipe((1, 10), (0,)),
        recipe((1, 10), (3, 1)),
        recipe((1, 10)) + b"x",
        recipe((1, 11)),
        recipe((1, 10), (1, 1 << 62)),
        recipe((4 * (1 << 60) + 1, 10)),
        recipe((2, 10, 10, 1)),
        recipe((2, 10, 10, 20)),
        recipe((2, 10, 1 << 60, 12)),
        leb128(1 << 40),
        leb128((1 << 63) - 1) + bytes(100),
        b"\xff" * 20,
        b"",
    ],
)
def test_hostile_recipes_are_refused(tmp_path: Path, forged: bytes) -> None:
    assert_refused(digits(forged), tmp_path)


@pytest.mark.parametrize("stated", [9, 11, 10_000])
def test_a_stream_of_another_size_than_stated_is_refused(tmp_path: Path, stated: int) -> None:
    data = digits(recipe((2, 10, stated, 12), (4 * 1,), literals=b"x"), size=stated + 1)
    assert reader(data).verify(threads=1) == ()
    with pytest.raises(BundleFormatError, match="has another size than its recipe says"):
        reader(data).expand_to(tmp_path, threads=1)


def test_what_the_recipes_of_digits_say_is_done(tmp_path: Path) -> None:
    assert expand(digits(recipe((1, 10))), tmp_path / "out")["a-1.0.tar.gz"] == b"0123456789"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x1f\x8b\x08\0\0\0\0\0",
        b"hello\n",
        b"PK\x03\x04",
        bytes(10240),
        compress_frame(b""),
        compress_frame(b"hello"),
        compress_frame(tar_header("other.json", 2) + b"{}" + bytes(510)),
        compress_frame(tar_header("bundle.json", 2)),
        compress_frame(tar_header("bundle.json", (64 << 20) + 1) + bytes(FRAME_SIZE - 512)),
        compress_frame(tar_header("bundle.json", 2).replace(b"0000644", b"0004755") + b"{}" + bytes(510)),
        compress_frame(tar_header("bundle.json", 2) + b"{}" + b"smuggled".ljust(510, b"\0")),
        zstandard.ZstdCompressor(write_checksum=False).compress(tar_header("bundle.json", 2) + b"{}" + bytes(510)),
    ],
)
def test_what_is_no_bundle_is_called_so(data: bytes) -> None:
    with pytest.raises(BundleFormatError, match=r"app\.tar\.zst isn't a bundle: "):
        reader(data)


def test_a_bundle_of_a_newer_format_is_refused_by_name_and_number() -> None:
    head = b'{"format":3}\n'
    data = compress_frame(tar_header("bundle.json", len(head)) + head + bytes(512 - len(head)))
    with pytest.raises(BundleFormatError) as caught:
        reader(data)
    assert caught.value.message == "app.tar.zst: the bundle is of format 3, this bundler reads 1 to 2"
    assert caught.value.hint == "upgrade bundler"


def test_a_frame_that_claims_a_tebibyte_is_refused(tmp_path: Path) -> None:
    start, _ = frames_of(SMALL)[2]
    bomb = b"\x28\xb5\x2f\xfd\xe4" + struct.pack("<Q", 1 << 40) + b"\x02\0\0" * 9
    assert_refused(SMALL[:start] + bomb, tmp_path)
    assert_refused(bomb, tmp_path)


def test_a_frame_of_zeros_larger_than_its_file_is_refused(tmp_path: Path) -> None:
    start, stop = frames_of(SMALL)[2]
    assert_refused(SMALL[:start] + compress_frame(bytes(100 << 20)) + SMALL[stop:], tmp_path)


def test_a_full_or_closed_directory_is_a_problem_of_the_machine(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_bytes(b"in the way")
    with pytest.raises(EnvironmentProblem, match="can't write"):
        reader(SMALL).expand_to(tmp_path, threads=1)


def test_a_path_is_opened_and_closed(tmp_path: Path) -> None:
    path = tmp_path / "app.tar.zst"
    path.write_bytes(SMALL)
    with BundleReader.open(path) as opened:
        assert opened.name == str(path)
        assert opened.verify(threads=1) == ()


@pytest.mark.parametrize("name", ["missing.tar.zst", "."])
def test_a_path_without_a_file_is_a_usage_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="isn't a file"), BundleReader.open(tmp_path / name):
        pass


def test_progress_is_told_every_byte_of_the_files_once(tmp_path: Path) -> None:
    told: list[int] = []
    reader(SMALL).expand_to(tmp_path, threads=2, progress=told.append)
    assert sum(told) == sum(len(data) for data in (*DOCUMENTS.values(), *ARTIFACTS.values()))
