from __future__ import annotations

import io
import os
import struct
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from bundler.bundle.container import compress_frame
from bundler.bundle.expander import is_safe_name, tar_header
from bundler.bundle.members import FRAME_SIZE
from bundler.bundle.reader import BundleReader
from bundler.errors import (
    BundleFormatError,
    BundlerError,
    EnvironmentProblem,
    IntegrityError,
    UsageError,
)
from bundler.publication import publish_directory
from tests.bundle.samples import LIES, bundle_of, lying_bundle, manifest_of, tar_member

DOCUMENTS = {"requirements.txt": b"demo==1.0\n"}
ARTIFACTS = {"a-1.0.tar.gz": b"wheels " * 40, "b-1.0-py3-none-any.whl": os.urandom(200), "c-1.0.tar.gz": b""}
SMALL = bundle_of(DOCUMENTS, ARTIFACTS)
LARGE_ARTIFACTS = {
    "a-1.0.tar.gz": os.urandom(1000) * (2 * FRAME_SIZE // 1000),
    "b-1.0.tar.gz": os.urandom(5000),
    "c-1.0.tar.gz": bytes(FRAME_SIZE),
}


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
        reader(data).expand_to(temporary, threads=threads)
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


def test_a_manifest_larger_than_a_frame_is_read(tmp_path: Path) -> None:
    names = {f"{'n' * 240}{number:06}.whl": b"" for number in range(12_000)}
    data = bundle_of({}, names)
    opened = reader(data)
    assert len(opened.manifest.encode()) > FRAME_SIZE
    assert b"".join(opened.read_member("bundle.json")) == opened.manifest.encode()


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


def frames_of(data: bytes) -> list[tuple[int, int]]:
    """Where each frame begins and ends, by the seek table."""
    count = struct.unpack("<I", data[-9:-5])[0]
    start, extents = 0, []
    for size, _ in struct.iter_unpack("<II", data[-9 - 8 * count : -9]):
        extents.append((start, start + size))
        start += size
    return extents


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


@pytest.mark.parametrize("filename", ["bundle.json", "requirements.txt", *ARTIFACTS])
def test_one_file_is_read_out_of_the_middle(filename: str) -> None:
    files = {"bundle.json": manifest_of(DOCUMENTS, ARTIFACTS).encode(), **DOCUMENTS, **ARTIFACTS}
    assert b"".join(reader(SMALL).read_member(filename)) == files[filename]


def test_reading_one_file_touches_no_other() -> None:
    data = bytearray(bundle_of(DOCUMENTS, LARGE_ARTIFACTS))
    extents = frames_of(bytes(data))
    data[extents[2][0] : extents[3][1]] = bytes(extents[3][1] - extents[2][0])
    assert b"".join(reader(bytes(data)).read_member("c-1.0.tar.gz")) == LARGE_ARTIFACTS["c-1.0.tar.gz"]
    with pytest.raises(BundleFormatError):
        list(reader(bytes(data)).read_member("a-1.0.tar.gz"))


def test_a_file_with_another_hash_is_not_read_to_its_end() -> None:
    pieces = reader(lying_bundle(tar_member("a-1.0.tar.gz", b"evil"))).read_member("a-1.0.tar.gz")
    with pytest.raises(IntegrityError):
        next(pieces)


@pytest.mark.parametrize("filename", ["nothing.txt", "the end of the tar", "../a"])
def test_a_name_that_the_manifest_does_not_hold_is_a_key_error(filename: str) -> None:
    with pytest.raises(KeyError):
        next(reader(SMALL).read_member(filename))


def test_without_a_seek_table_no_file_is_read_in_part() -> None:
    with pytest.raises(BundleFormatError, match="no usable seek table"):
        next(reader(SMALL[:-1]).read_member("requirements.txt"))


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
    head = b'{"format":2}\n'
    data = compress_frame(tar_header("bundle.json", len(head)) + head + bytes(512 - len(head)))
    with pytest.raises(BundleFormatError) as caught:
        reader(data)
    assert caught.value.message == "app.tar.zst: the bundle is of format 2, this bundler reads 1"
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
