from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import pytest

from bundler.cache.blobs import BlobStore
from bundler.digests import Digest
from bundler.errors import EnvironmentProblem, IntegrityError

DATA = b"the bytes of a wheel" * 50_000  # more than is gathered before a write
DIGEST = Digest.sha256(DATA)


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "blobs")


def put(blobs: BlobStore, data: bytes = DATA, digest: Digest = DIGEST) -> None:
    with blobs.receive(digest, subject="x.whl") as writer:
        for start in range(0, len(data), 16_000):
            writer.write(data[start : start + 16_000])


def files_below(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if not path.is_dir()]


def test_what_was_put_in_comes_out(blobs: BlobStore) -> None:
    assert not blobs.verify(DIGEST)
    put(blobs)
    assert blobs.verify(DIGEST)
    assert blobs.size(DIGEST) == len(DATA)
    with blobs.open(DIGEST) as stream:
        assert stream.read() == DATA
    assert blobs.path(DIGEST).parts[-3:] == ("sha256", DIGEST.hexdigest[:2], DIGEST.hexdigest)


def test_other_bytes_than_promised_leave_nothing(blobs: BlobStore) -> None:
    with pytest.raises(IntegrityError, match=r"x\.whl has the wrong hash") as caught:
        put(blobs, b"other")
    assert (caught.value.expected, caught.value.actual) == (str(DIGEST), str(Digest.sha256(b"other")))
    assert files_below(blobs.root) == []


def test_an_interrupt_leaves_nothing(blobs: BlobStore) -> None:
    def interrupted() -> Iterator[bytes]:
        yield DATA
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), blobs.receive(DIGEST, subject="x.whl") as writer:
        deque(map(writer.write, interrupted()))
    assert files_below(blobs.root) == []


def test_a_restart_forgets_what_was_written(blobs: BlobStore) -> None:
    with blobs.receive(DIGEST, subject="x.whl") as writer:
        writer.write(b"wrong" * 100_000)
        writer.restart()
        assert writer.size == 0
        writer.write(DATA)
    assert blobs.verify(DIGEST)


@pytest.mark.parametrize("damage", [b"", DATA[:-1], DATA + b"x", b"X" + DATA[1:]])
def test_a_damaged_blob_is_dropped_and_can_be_put_again(blobs: BlobStore, damage: bytes) -> None:
    put(blobs)
    blobs.path(DIGEST).write_bytes(damage)
    assert not blobs.verify(DIGEST)
    assert not blobs.path(DIGEST).exists()
    put(blobs)
    assert blobs.verify(DIGEST)


def test_a_link_is_never_followed(blobs: BlobStore, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(DATA)
    blobs.path(DIGEST).parent.mkdir(parents=True)
    blobs.path(DIGEST).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(EnvironmentProblem):
        blobs.open(DIGEST)
    assert not blobs.verify(DIGEST)
    put(blobs)
    assert not blobs.path(DIGEST).is_symlink()
    assert (tmp_path / "elsewhere").read_bytes() == DATA


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_in_a_blobs_place_doesnt_hang(blobs: BlobStore) -> None:
    blobs.path(DIGEST).parent.mkdir(parents=True)
    os.mkfifo(blobs.path(DIGEST))
    assert not blobs.verify(DIGEST)


def test_two_writers_of_one_blob_both_succeed(blobs: BlobStore) -> None:
    with blobs.receive(DIGEST, subject="x.whl") as first, blobs.receive(DIGEST, subject="x.whl") as second:
        first.write(DATA)
        second.write(DATA)
    assert blobs.verify(DIGEST)
    assert files_below(blobs.root) == [blobs.path(DIGEST)]


def test_a_place_that_cant_be_written_is_a_problem_of_the_environment(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_bytes(b"a file where a directory is due")
    with pytest.raises(EnvironmentProblem, match="can't write"):
        put(BlobStore(tmp_path / "blobs"))
