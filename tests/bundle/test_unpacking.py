from __future__ import annotations

from pathlib import Path

import pytest

from bundler.bundle.ahead import Turn
from bundler.bundle.container import CompressedFrame, checksum, compress_frame
from bundler.bundle.members import FRAME_SIZE, Member, Piece
from bundler.bundle.unpacking import Outcome, Sink, Unpacking, file_sink
from bundler.digests import Digest
from bundler.errors import BundleFormatError, EnvironmentProblem, IntegrityError
from tests.bundle.samples import cut, tar_member

DATA = b"wheels " * (FRAME_SIZE // 5)


def member(digest: Digest | None) -> Member:
    return Member.of("a-1.0.tar.gz", len(DATA), digest)


def unpack(sink: Sink, data: bytes = DATA, digest: Digest | None = None) -> list[Outcome]:
    listed = member(digest or Digest.sha256(DATA))
    unpacking, turn = Unpacking(listed, "app.tar.zst", sink), None
    outcomes = []
    for piece, content in zip(listed.pieces(), cut(tar_member("a-1.0.tar.gz", data)), strict=True):
        turn = Turn(turn)
        frame = compress_frame(content)
        found = CompressedFrame(data=frame, content_size=len(content), offset=0)
        outcomes.append(unpacking.run(piece, found, turn))
        assert outcomes[-1].checksum == checksum(frame)
    return outcomes


def test_a_file_is_written_piece_by_piece(tmp_path: Path) -> None:
    assert [outcome.error for outcome in unpack(file_sink(tmp_path / "file"))] == [None, None]
    assert (tmp_path / "file").read_bytes() == DATA


def test_a_member_may_go_anywhere() -> None:
    taken = bytearray()

    def take(piece: Piece, data: memoryview) -> None:
        taken.extend(data)

    unpack(take)
    assert taken == DATA


def test_a_file_in_the_way_is_a_problem_of_the_machine(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"in the way")
    assert isinstance(unpack(file_sink(tmp_path / "file"))[0].error, EnvironmentProblem)


def test_another_digest_is_found_at_the_end() -> None:
    first, last = unpack(lambda piece, data: None, digest=Digest.sha256(b"other"))
    assert first.error is None
    assert isinstance(last.error, IntegrityError)
    assert last.error.message == "a-1.0.tar.gz in app.tar.zst hasn't the SHA-256 that bundle.json states"


def test_bytes_behind_the_data_are_found() -> None:
    *_, last = unpack(lambda piece, data: None, data=DATA + b"x")
    assert isinstance(last.error, BundleFormatError)
    assert "doesn't stand in the tar as it should" in last.error.message


@pytest.mark.parametrize("place", [5, -1])
def test_a_damaged_frame_is_told_with_the_name_of_the_file(place: int) -> None:
    frame = bytearray(compress_frame(tar_member("a-1.0.tar.gz", DATA)[:FRAME_SIZE]))
    frame[place] ^= 1
    listed = member(Digest.sha256(DATA))
    damaged = CompressedFrame(data=bytes(frame), content_size=FRAME_SIZE, offset=77)
    unpacking = Unpacking(listed, "app.tar.zst", lambda piece, data: None)
    outcome = unpacking.run(next(listed.pieces()), damaged, Turn(None))
    assert outcome.error is not None
    assert outcome.error.message.startswith("a-1.0.tar.gz in app.tar.zst is damaged: ")
