from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from bundler.bundle.landing import copy_file, file_sink, seal, write_file
from bundler.bundle.members import FRAME_SIZE, Member
from bundler.digests import Digest
from bundler.errors import EnvironmentProblem, IntegrityError
from tests.bundle.samples import artifact

DATA = b"wheels " * (FRAME_SIZE // 5)


def sink_all(path: Path) -> None:
    sink, at = file_sink(path), 0
    for piece in Member.of("a-1.0.tar.gz", len(DATA), Digest.sha256(DATA)).pieces():
        sink(piece, memoryview(DATA)[at : at + piece.data_size])
        at += piece.data_size


def copy_all(path: Path) -> None:
    copy_file(io.BytesIO(DATA).read, len(DATA), path)


def write_all(path: Path) -> None:
    write_file(path, DATA)


@pytest.mark.parametrize("write", [sink_all, copy_all, write_all])
def test_a_file_is_written_once(tmp_path: Path, write: Callable[[Path], None]) -> None:
    write(tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == DATA
    with pytest.raises(EnvironmentProblem, match=r"can't write .*file"):
        write(tmp_path / "file")
    with pytest.raises(EnvironmentProblem, match=r"can't write .*file"):
        write(tmp_path / "missing" / "file")


def test_sealing_finds_the_file_that_is_not_as_promised(tmp_path: Path) -> None:
    listed = [artifact("a-1.0.tar.gz", b"good"), artifact("b-1.0.tar.gz", b"good")]
    for each in listed:
        (tmp_path / each.filename).write_bytes(b"good")
    told: list[int] = []
    seal(listed, tmp_path, bundle="app.tar.zst", threads=2, progress=told.append)
    assert told == [4, 4]
    (tmp_path / "b-1.0.tar.gz").write_bytes(b"evil")
    with pytest.raises(IntegrityError, match=r"b-1\.0\.tar\.gz in app\.tar\.zst hasn't the SHA-256") as caught:
        seal(listed, tmp_path, bundle="app.tar.zst", threads=2)
    assert caught.value.expected == listed[1].digest.hexdigest


def test_a_file_that_has_gone_is_a_problem_of_the_machine(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match=r"can't write .*a-1\.0\.tar\.gz"):
        seal([artifact("a-1.0.tar.gz", b"good")], tmp_path, bundle="app.tar.zst", threads=1)
