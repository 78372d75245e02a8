from __future__ import annotations

import io
import tarfile

from hypothesis import given
from hypothesis import strategies as st

from bundler.bundle.expander import END
from bundler.bundle.members import FRAME_SIZE, TAR_END, Member, members
from bundler.digests import Digest
from tests.bundle.samples import manifest_of

EMPTY = Digest.sha256(b"")
#: Sizes around the borders where header, data or padding meet the end of a frame.
SIZES = st.one_of(
    st.integers(0, 3000),
    st.builds(lambda frames, over: max(0, frames * FRAME_SIZE + over), st.integers(0, 3), st.integers(-2100, 2100)),
    st.integers(0, 1 << 40).filter(lambda size: size < 1 << 26 or size % 1000 == 0),
)


@given(st.integers(1, 255), st.one_of(st.integers(0, 3000), SIZES.filter(lambda size: size < 1 << 26)))
def test_pieces_cover_header_data_and_padding_without_gap(length: int, size: int) -> None:
    member = Member.of("n" * length, size, EMPTY)
    pieces = list(member.pieces())
    position = 0
    for piece in pieces:
        assert (piece.start, piece.is_last) == (position, piece is pieces[-1])
        assert 0 < piece.size <= FRAME_SIZE
        assert piece.size == len(piece.header) + piece.data_size + len(piece.padding)
        position += piece.size
    assert sum(piece.data_size for piece in pieces) == size
    assert position % 512 == 0
    assert all(piece.size == FRAME_SIZE for piece in pieces[:-1])


def test_the_data_is_found_between_header_and_padding() -> None:
    (piece,) = Member.of("a", 3, EMPTY).pieces()
    data = piece.data_in(piece.header + b"abc" + bytes(509))
    assert data is not None
    assert bytes(data) == b"abc"


def test_another_header_or_padding_that_is_not_zero_is_seen() -> None:
    (piece,) = Member.of("a", 3, EMPTY).pieces()
    (other,) = Member.of("b", 3, EMPTY).pieces()
    assert piece.data_in(other.header + b"abc" + bytes(509)) is None
    assert piece.data_in(piece.header + b"abc" + bytes(508) + b"\1") is None


def test_the_end_of_the_tar_is_a_member_without_data() -> None:
    (piece,) = TAR_END.pieces()
    assert (piece.size, piece.data_size) == (1024, 0)
    assert piece.data_in(END) is not None
    assert piece.data_in(END[:-1] + b"\1") is None


def test_members_make_a_tar_that_the_standard_library_reads() -> None:
    files = {"short.txt": b"one", "l" * 101: b"two" * 400, "empty": b""}
    tar = b""
    for member in members(manifest_of(files, {}).documents):
        tar += b"".join(piece.header + files[member.filename] + piece.padding for piece in member.pieces())
    with tarfile.open(fileobj=io.BytesIO(tar + END)) as archive:
        assert {info.name: archive.extractfile(info).read() for info in archive} == files  # type: ignore[union-attr]
        assert {(info.mode, info.uid, info.gid, info.uname, info.gname, info.mtime) for info in archive} == {
            (0o644, 0, 0, "", "", 0)
        }
