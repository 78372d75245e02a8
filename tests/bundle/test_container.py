from __future__ import annotations

import contextlib
import io
import os
import random
import struct
import tracemalloc

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from bundler.bundle.container import (
    CompressedFrame,
    FrameReader,
    PackCompressor,
    checksum,
    compress_frame,
    decompress_frame,
    integrity_frame,
    seek_table,
)
from bundler.errors import BundleFormatError, EnvironmentProblem

MAGIC = b"\x28\xb5\x2f\xfd"
#: The smallest contents of each length of the content-size field, and the largest.
BORDERS = [0, 1, 255, 256, 65791, 65792, 4 << 20]


class Trickle(io.BytesIO):
    """A pipe that brings a few bytes at a time and can't seek."""

    def read(self, count: int | None = -1) -> bytes:
        return super().read(min(count or 0, 7))

    def seek(self, offset: int, whence: int = 0) -> int:
        raise io.UnsupportedOperation("seek")


class Broken(io.BytesIO):
    def read(self, count: int | None = -1) -> bytes:
        raise OSError(5, "Input/output error")


def reader(data: bytes) -> FrameReader:
    return FrameReader(io.BytesIO(data), "app.tar.zst")


def refusal(data: bytes, largest: int = 4 << 20) -> str:
    with pytest.raises(BundleFormatError) as caught:
        reader(data).frame(largest=largest)
    return caught.value.message


@given(st.binary(max_size=2000))
def test_decoding_gives_back_what_was_compressed(content: bytes) -> None:
    frame = reader(compress_frame(content)).frame()
    assert frame.content_size == len(content)
    assert decompress_frame(frame) == content


@pytest.mark.parametrize("size", BORDERS)
@pytest.mark.parametrize("kind", ["zeros", "noise", "text"])
def test_frames_of_every_size_are_walked_to_their_last_byte(size: int, kind: str) -> None:
    content = {"zeros": bytes(size), "noise": os.urandom(size), "text": (b"%d wheels " % size * (size // 8 + 1))[:size]}
    data = compress_frame(content[kind])
    frames = FrameReader(io.BytesIO(data + data), "app.tar.zst")
    first, second = frames.frame(), frames.frame()
    assert (first.data, first.offset, second.data, second.offset) == (data, 0, data, len(data))
    assert decompress_frame(second) == content[kind]


def test_a_frame_says_its_size_carries_a_checksum_and_fits_a_stock_decoder() -> None:
    parameters = zstandard.get_frame_parameters(compress_frame(bytes(4 << 20)))
    assert (parameters.content_size, parameters.has_checksum, parameters.dict_id) == (4 << 20, True, 0)
    assert parameters.window_size <= 1 << 27


def test_a_pipe_is_read_like_a_file() -> None:
    content = os.urandom(1000)
    assert decompress_frame(FrameReader(Trickle(compress_frame(content)), "-").frame(1000)) == content


def test_a_frame_of_another_size_than_foretold_is_refused() -> None:
    with pytest.raises(BundleFormatError, match="claims to hold 5 bytes"):
        reader(compress_frame(b"12345")).frame(6)


def test_every_cut_of_a_frame_is_refused() -> None:
    data = compress_frame(b"wheels " * 100 + os.urandom(300))
    for length in range(len(data)):
        assert "isn't a bundle" in refusal(data[:length]) or "ends there" in refusal(data[:length])


@pytest.mark.parametrize(
    "data",
    [
        b"\x1f\x8b\x08\x00",
        b"some text\n",
        b"PK\x03\x04",
        bytes(10240),
        zstandard.ZstdCompressor(write_checksum=False).compress(b"x" * 1000),
        zstandard.ZstdCompressor(write_checksum=True, write_content_size=False).compress(b"x" * 1000),
        zstandard.ZstdCompressor(level=1, write_checksum=True).compress(os.urandom(4 << 20)),
        struct.pack("<II", 0x184D2A50, 4) + b"abcd",
    ],
    ids=["gzip", "text", "zip", "tar", "no checksum", "no size", "no single segment", "skippable"],
)
def test_what_bundler_did_not_write_is_no_bundle(data: bytes) -> None:
    assert refusal(data).startswith("app.tar.zst isn't a bundle: it ")


def test_an_empty_file_is_no_bundle() -> None:
    assert refusal(b"") == "app.tar.zst isn't a bundle: it is empty"


def test_a_content_size_written_too_long_is_refused() -> None:
    assert "not in the form" in refusal(MAGIC + b"\xa4" + struct.pack("<I", 5) + b"\x01\0\0" + bytes(4))


@pytest.mark.parametrize("claim", [(4 << 20) + 1, 1 << 40, (1 << 64) - 1])
def test_a_claim_beyond_the_ceiling_is_refused_before_anything_is_allocated(claim: int) -> None:
    field = b"\xe4" + struct.pack("<Q", claim) if claim >= 1 << 32 else b"\xa4" + struct.pack("<I", claim)
    tracemalloc.start()
    try:
        assert f"claims to hold {claim} bytes" in refusal(MAGIC + field + bytes(100))
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_a_gibibyte_of_zeros_is_refused_by_its_header() -> None:
    bomb = zstandard.ZstdCompressor(write_checksum=True).compressobj(size=1 << 30)
    data = b"".join(bomb.compress(bytes(1 << 24)) for _ in range(64)) + bomb.flush()
    assert len(data) < 1 << 17
    assert "isn't a bundle" in refusal(data)


def test_a_frame_that_holds_more_than_it_claims_is_refused() -> None:
    honest = compress_frame(bytes(100_000))
    liar = MAGIC + b"\x24\x05" + honest[9:]
    with pytest.raises(BundleFormatError, match="can't be decoded"):
        decompress_frame(reader(liar).frame())


def test_a_frame_of_endless_empty_blocks_is_refused() -> None:
    assert "blocks" in refusal(MAGIC + b"\x24\x05" + bytes(3) * 1000)


@pytest.mark.parametrize("word", [3 << 1 | 1, (128 << 10) + 1 << 3 | 1], ids=["reserved type", "too long"])
def test_a_block_that_the_format_forbids_is_refused(word: int) -> None:
    content = struct.pack("<I", 200_000)
    assert "blocks" in refusal(MAGIC + b"\xa4" + content + word.to_bytes(3, "little") + bytes(300_000))


def test_a_damaged_frame_is_told_with_its_place() -> None:
    data = bytearray(compress_frame(b"wheels" * 50))
    data[-1] ^= 1
    with pytest.raises(BundleFormatError, match="frame at byte 77 can't be decoded"):
        decompress_frame(CompressedFrame(data=bytes(data), content_size=300, offset=77))


def test_damage_behind_the_start_is_told_with_its_place() -> None:
    frames = reader(compress_frame(b"a") + b"nonsense")
    frames.frame()
    with pytest.raises(BundleFormatError, match=r"app\.tar\.zst is damaged at byte 14: no frame begins there"):
        frames.frame()


def test_an_unreadable_file_is_a_problem_of_the_machine() -> None:
    with pytest.raises(EnvironmentProblem, match=r"can't read app\.tar\.zst"):
        FrameReader(Broken(), "app.tar.zst").frame()


def sealed(contents: list[bytes]) -> tuple[bytes, list[int], list[tuple[int, int]]]:
    frames = [compress_frame(content) for content in contents]
    checksums = [checksum(frame) for frame in frames]
    entries = [(len(frame), len(content)) for frame, content in zip(frames, contents, strict=True)]
    integrity = integrity_frame(checksums)
    return b"".join(frames) + integrity + seek_table([*entries, (len(integrity), 0)]), checksums, entries


def test_the_seek_table_leads_to_every_frame() -> None:
    data, _, entries = sealed([b"a", b"bb", b""])
    frames = reader(data)
    offsets = frames.offsets([1, 2, 0, 0])
    assert offsets is not None
    for place, content in enumerate([b"a", b"bb", b""]):
        frames.seek(offsets[place])
        assert decompress_frame(frames.frame()) == content
    assert offsets[1] == entries[0][0]


def test_the_seek_table_is_of_zstds_seekable_format() -> None:
    table = seek_table([(300, 1000), (20, 0)])
    assert table == struct.pack("<7IBI", 0x184D2A5E, 25, 300, 1000, 20, 0, 2, 0, 0x8F92EAB1)


@pytest.mark.parametrize("sizes", [[], [1, 2], [1, 2, 0, 1], [2, 1, 0], [1, 2, 0, 0, 0], [1] * 100])
def test_a_seek_table_that_contradicts_the_manifest_is_not_used(sizes: list[int]) -> None:
    assert reader(sealed([b"a", b"bb"])[0]).offsets(sizes) is None


def test_no_flip_in_the_seek_table_leads_astray() -> None:
    data, _, _ = sealed([b"a", b"bb"])
    for place in range(len(data) - 41, len(data)):
        flipped = bytearray(data)
        flipped[place] ^= 1
        assert reader(bytes(flipped)).offsets([1, 2, 0]) is None


def test_a_pipe_has_no_seek_table() -> None:
    assert FrameReader(Trickle(sealed([b"a"])[0]), "-").offsets([1, 0]) is None


def test_seeking_in_a_pipe_is_a_problem_of_the_machine() -> None:
    with pytest.raises(EnvironmentProblem):
        FrameReader(Trickle(b""), "-").seek(5)


def test_the_tail_names_the_frames_that_it_contradicts() -> None:
    data, checksums, entries = sealed([b"a", b"bb", b"c"])
    frames = reader(data)
    frames.seek(sum(size for size, _ in entries))
    assert frames.tail([checksums[0], checksums[1] ^ 1, -1], entries) == (1, 2)


def test_anything_but_the_foretold_tail_is_refused() -> None:
    data, checksums, entries = sealed([b"a", b"bb"])
    start = sum(size for size, _ in entries)
    for bad in [
        data[:-1],
        data + b"\0",
        *(data[:place] + b"\x99" + data[place + 1 :] for place in range(start, start + 8)),
    ]:
        frames = reader(bad)
        frames.seek(start)
        with pytest.raises(BundleFormatError):
            frames.tail(checksums, entries)


def streamed(data: bytes, size: int) -> bytes:
    frame = reader(data).streamed_frame(size, "pack-0001")
    return b"".join(frame.content())


@pytest.mark.parametrize("size", BORDERS)
def test_a_frame_can_be_decoded_while_it_is_read(size: int) -> None:
    content = (b"%d wheels " % size * (size // 8 + 1))[:size]
    data = compress_frame(content)
    frame = FrameReader(Trickle(data), "-").streamed_frame(size, "pack-0001")
    pieces = list(frame.content())
    assert b"".join(pieces) == content
    assert all(len(piece) <= 128 << 10 for piece in pieces)
    assert (frame.is_walked, frame.size, frame.checksum) == (True, len(data), checksum(data))


@given(st.binary(max_size=300), st.integers(0), st.integers(1, 255))
def test_a_changed_byte_never_gives_other_content_unnoticed(content: bytes, place: int, change: int) -> None:
    data = bytearray(compress_frame(content))
    data[place % len(data)] ^= change
    with contextlib.suppress(BundleFormatError):
        assert streamed(bytes(data), len(content)) == content


def test_a_streamed_frame_that_holds_more_than_it_claims_is_refused_before_it_grows() -> None:
    liar = MAGIC + b"\x24\x05" + b"".join(((128 << 10) << 3 | 1 << 1).to_bytes(3, "little") + b"x" for _ in range(17))
    frame = reader(liar).streamed_frame(5, "pack-0001")
    with pytest.raises(BundleFormatError, match="pack-0001 is damaged: the frame at byte 0 can't be decoded"):
        list(frame.content())


def test_every_cut_of_a_streamed_frame_is_refused() -> None:
    data = compress_frame(b"wheels " * 100 + os.urandom(300))
    for length in range(len(data)):
        with pytest.raises(BundleFormatError):
            streamed(data[:length], 1000)


def test_the_rest_of_a_frame_is_passed_over_without_decoding() -> None:
    data = compress_frame(os.urandom(1 << 20))
    frames = reader(data + compress_frame(b"next"))
    frame = frames.streamed_frame(1 << 20, "pack-0001")
    next(frame.content())
    frame.skip()
    assert (frame.is_walked, frame.size, frame.checksum) == (True, len(data), checksum(data))
    assert decompress_frame(frames.frame()) == b"next"


def test_a_large_frame_costs_its_window_and_not_more() -> None:
    data = compress_frame(bytes(64 << 20) + os.urandom(32 << 20))
    frame = reader(data).streamed_frame(96 << 20, "pack-0001")
    tracemalloc.start()
    try:
        assert sum(len(piece) for piece in frame.content()) == 96 << 20
        assert tracemalloc.get_traced_memory()[1] < 4 << 20  # zstd's own window isn't Python's
    finally:
        tracemalloc.stop()


#: Machine code and text, more than half of it far away; several jobs of zstd's.
PACK = b"".join(
    random.Random(number % 5).randbytes(100_000) + b"%d, " * 50_000 % ((number,) * 50_000) for number in range(12)
)


def packed(content: bytes, *, level: int = 9, threads: int = 2, cut: int = 65_536, largest: int | None = None) -> bytes:
    compressor = PackCompressor(level=level, largest=largest or len(content), threads=threads)
    return compressed_by(compressor, content, cut)


def compressed_by(compressor: PackCompressor, content: bytes, cut: int = 65_536) -> bytes:
    pieces = (content[start : start + cut] for start in range(0, len(content), cut))
    return b"".join(compressor.compress(pieces, len(content)))


@pytest.mark.parametrize("size", [*BORDERS[1:], len(PACK)])
def test_a_pack_is_one_frame_in_our_form(size: int) -> None:
    content = PACK[:size] if size <= len(PACK) else bytes(size)
    frames = reader(packed(content))
    frame = frames.frame(size)
    assert decompress_frame(frame) == content
    assert frame.content_size == size
    assert frames.position == len(packed(content))


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("level", [1, 9, 13, 19])
def test_a_pack_does_not_depend_on_threads_or_cuts(level: int, threads: int) -> None:
    expected = packed(PACK, level=level)
    assert packed(PACK, level=level, threads=threads) == expected
    assert packed(PACK, level=level, threads=threads, cut=1 << 20) == expected
    assert packed(PACK, level=level, threads=threads, cut=len(PACK)) == expected


def test_a_pack_does_not_depend_on_those_before_it() -> None:
    compressor = PackCompressor(level=9, largest=len(PACK), threads=2)
    compressed_by(compressor, PACK[::-1])
    assert compressed_by(compressor, PACK) == packed(PACK)
    assert compressed_by(compressor, PACK[:1000]) == packed(PACK[:1000], largest=len(PACK))
    assert compressed_by(compressor, PACK) == packed(PACK)


@pytest.mark.parametrize("level", range(1, 20))
def test_every_level_gives_the_content_back_and_finds_what_is_far_away(level: int) -> None:
    content = PACK[:900_000]
    frame = packed(content + PACK[:100_000], level=level)
    assert decompress_frame(reader(frame).frame()) == content + PACK[:100_000]
    assert len(frame) < len(packed(content, level=level)) + 2000


def test_a_frame_comes_in_pieces() -> None:
    noise = random.Random(1).randbytes(5 << 20)
    sizes = [len(part) for part in PackCompressor(level=1, largest=len(noise), threads=1).compress([noise], len(noise))]
    assert len(sizes) > 4
    assert max(sizes) <= 1 << 20


def test_a_pack_that_is_cut_off_is_no_frame() -> None:
    compressor = PackCompressor(level=9, largest=1000, threads=1)
    with pytest.raises(zstandard.ZstdError, match="size"):
        list(compressor.compress([bytes(999)], 1000))


@given(st.lists(st.binary(max_size=300)))
def test_a_checksum_may_be_taken_in_parts(parts: list[bytes]) -> None:
    crc = 0
    for part in parts:
        crc = checksum(part, crc)
    assert crc == checksum(b"".join(parts))
