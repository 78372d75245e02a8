"""What a walk does with recipes and content; what it finds wrong is in test_reader."""

from __future__ import annotations

import io

import pytest

from bundler.bundle.ahead import Turn
from bundler.bundle.container import CompressedFrame, FrameReader, checksum, compress_frame
from bundler.bundle.expander import Recipes, Refusal
from bundler.bundle.landing import Sink
from bundler.bundle.manifest import Manifest
from bundler.bundle.members import FRAME_SIZE, Member, Piece
from bundler.bundle.walking import Finding, Outcome, Read, Unpacking, Walk, nowhere
from bundler.digests import Digest
from bundler.errors import BundleFormatError, IntegrityError
from tests.bundle.samples import Compact, bundle_of, cut, frames_of, manifest_of, sdist, tar_member

COMPACT = Compact({"requirements.txt": b""}, {"a-1.0.tar.gz": sdist(b"a" * 5000), "b-1.0.tar.gz": b"b"}, pack_size=2000)
BUNDLE = COMPACT.bundle()


class User:
    """Keeps what a walk hands out."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.calls = 0
        self.content = b""
        self.names: list[str] = []

    def __call__(self, recipes: Recipes, read: Read) -> None:
        self.calls += 1
        self.content = read(self.count)

    def sink(self, member: Member) -> Sink:
        self.names.append(member.filename)
        return nowhere


def walk(data: bytes, user: User, manifest: Manifest = COMPACT.manifest) -> list[Finding]:
    frames = FrameReader(io.BytesIO(data), "app.tar.zst")
    head = [frames.frame()]
    return [*Walk(frames, head, manifest, None, "app.tar.zst").run(user.sink, user, 2, lambda size: None)]


def test_the_content_is_read_by_whoever_uses_it() -> None:
    user = User(5000)
    assert walk(BUNDLE, user) == []
    assert (user.calls, user.content) == (1, b"a" * 5000)
    assert user.names == ["requirements.txt", "b-1.0.tar.gz"]


def test_what_is_not_used_is_checked_all_the_same() -> None:
    damaged = bytearray(BUNDLE)
    damaged[frames_of(BUNDLE)[-3][1] - 1] ^= 1
    user = User(10)
    assert {finding.filename for finding in walk(bytes(damaged), user)} == {"pack-0003"}
    assert user.content == b"a" * 10


def test_faulty_recipes_are_not_used() -> None:
    damaged = bytearray(BUNDLE)
    damaged[frames_of(BUNDLE)[2][1] - 1] ^= 1
    user = User(10)
    assert {finding.filename for finding in walk(bytes(damaged), user)} == {"recipes"}
    assert user.calls == 0


def test_without_packs_there_is_nothing_to_use() -> None:
    artifacts, user = {"b-1.0.tar.gz": b"b"}, User(0)
    assert walk(bundle_of({}, artifacts), user, manifest_of({}, artifacts)) == []
    assert (user.calls, user.names) == (0, ["b-1.0.tar.gz"])


def test_recipes_that_can_not_be_are_filed_under_their_name() -> None:
    lying = Compact({}, {"a-1.0.tar.gz": sdist(b"a" * 5000)})
    lying.recipes = [lying.recipes[0] + b"x"]
    user = User(10)
    (finding,) = walk(lying.bundle(), user, lying.manifest)
    assert (finding.filename, user.calls) == ("recipes", 0)
    assert "recipes in app.tar.zst: " in finding.error.message


def test_what_the_packs_are_refused_for_together_is_no_one_pack_s() -> None:
    class Refusing(User):
        def __call__(self, recipes: Recipes, read: Read) -> None:
            super().__call__(recipes, read)
            raise Refusal("not what was promised")

    (finding,) = walk(BUNDLE, Refusing(5000))
    assert finding.filename is None
    assert finding.error.message == "app.tar.zst: not what was promised"


# A member's pieces


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


def test_a_member_may_go_anywhere() -> None:
    taken = bytearray()

    def take(piece: Piece, data: memoryview) -> None:
        taken.extend(data)

    unpack(take)
    assert taken == DATA


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
