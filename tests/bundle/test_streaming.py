from __future__ import annotations

import io
from collections.abc import Generator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.bundle.container import FrameReader, compress_frame
from bundler.bundle.manifest import Pack
from bundler.bundle.members import Piece, members
from bundler.bundle.streaming import PieceStream, data_of
from bundler.errors import BundleFormatError
from tests.bundle.samples import tar_member

DATA = b"".join(b"%d " % number for number in range(100_000))


def pieces_of(*packs: bytes) -> list[Piece]:
    listed = [Pack(filename=f"pack-{number:04}", size=len(pack)) for number, pack in enumerate(packs, 1)]
    return [piece for member in members(listed) for piece in member.pieces()]


class Opened:
    """Packs in frames, some of them written otherwise than they should be; notes which are opened."""

    def __init__(self, *packs: bytes, frames: dict[int, bytes] | None = None) -> None:
        self.pieces = pieces_of(*packs)
        self.names: list[str] = []
        contents = [tar_member(f"pack-{number:04}", pack) for number, pack in enumerate(packs, 1)]
        self.frames = [compress_frame(content) for content in contents]
        for place, frame in (frames or {}).items():
            self.frames[place] = frame

    def stream(self) -> PieceStream:
        return PieceStream(self.pieces, self._open)

    def _open(self, piece: Piece) -> Generator[memoryview, None, None]:
        self.names.append(piece.member.filename)
        frames = FrameReader(io.BytesIO(self.frames[self.pieces.index(piece)]), "app.tar.zst")
        yield from data_of(piece, frames.streamed_frame(piece.size, piece.member.filename), piece.member.filename)


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=6), st.lists(st.integers(0, 2000)))
def test_reads_of_any_size_give_the_packs_end_to_end(sizes: list[int], counts: list[int]) -> None:
    packs = [DATA[size : 2 * size] for size in sizes]
    whole = b"".join(packs)
    stream, at = Opened(*packs).stream(), 0
    for count in counts:
        if at + count <= len(whole):
            assert stream.read(count) == whole[at : at + count]
            at += count
    assert stream.read(len(whole) - at) == whole[at:]
    with pytest.raises(BundleFormatError, match="ends too early"):
        stream.read(1)


@given(st.lists(st.tuples(st.integers(0, 700), st.integers(1, 700)), max_size=8))
def test_seeking_forwards_leads_to_the_same_bytes(jumps: list[tuple[int, int]]) -> None:
    packs = [DATA[:500], DATA[500:501], DATA[501:2000], DATA[2000:3000]]
    stream, at = Opened(*packs).stream(), 0
    for skipped, count in jumps:
        if at + skipped + count <= 3000:
            stream.seek(at + skipped)
            assert stream.read(count) == DATA[at + skipped : at + skipped + count]
            at += skipped + count


def test_what_is_passed_over_is_not_opened() -> None:
    opened = Opened(DATA[:500], DATA[500:900], DATA[900:2000])
    stream = opened.stream()
    stream.seek(900)
    assert stream.read(10) == DATA[900:910]
    assert opened.names == ["pack-0003"]


def test_a_stream_is_finished_when_all_of_it_was_seen() -> None:
    opened = Opened(DATA[:500], DATA[500:900])
    stream = opened.stream()
    stream.read(100)
    before = stream.is_finished
    stream.finish()
    assert (before, stream.is_finished) == (False, True)
    assert opened.names == ["pack-0001", "pack-0002"]


PACK = tar_member("pack-0002", DATA[:900])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (PACK.replace(b"pack", b"Pack"), "doesn't stand in the tar"),
        (PACK[:-1] + b"x", "doesn't stand in the tar"),
        (PACK[:-1], "claims to hold 1535 bytes"),
        (PACK + b"x", "claims to hold 1537 bytes"),
    ],
)
def test_a_faulty_pack_ends_the_reading_and_the_next_one_is_seen_all_the_same(content: bytes, reason: str) -> None:
    opened = Opened(DATA[:500], DATA[:900], DATA[:10], frames={1: compress_frame(content)})
    stream = opened.stream()
    assert stream.read(500) == DATA[:500]
    with pytest.raises(BundleFormatError, match=reason):
        stream.finish()
    assert (stream.filename, stream.is_finished) == ("pack-0002", False)
    stream.finish()
    assert (stream.filename, stream.is_finished) == ("pack-0003", True)


def test_the_checksum_at_the_end_of_a_frame_is_held_against_what_was_read() -> None:
    frame = bytearray(compress_frame(tar_member("pack-0001", DATA)))
    frame[-1] ^= 1
    stream = Opened(DATA, b"next", frames={0: bytes(frame)}).stream()
    with pytest.raises(BundleFormatError, match=r"pack-0001 is damaged: the frame at byte 0 can't be decoded"):
        stream.read(len(DATA) + 1)
