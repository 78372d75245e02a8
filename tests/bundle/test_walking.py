"""What a walk does with recipes and content; what it finds wrong is in test_reader."""

from __future__ import annotations

import io

from bundler.bundle.container import FrameReader
from bundler.bundle.expander import Recipes
from bundler.bundle.manifest import Manifest
from bundler.bundle.members import Member
from bundler.bundle.unpacking import Sink
from bundler.bundle.walking import Finding, Read, Walk, nowhere
from tests.bundle.samples import Compact, bundle_of, frames_of, manifest_of, sdist

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
