from __future__ import annotations

import hashlib
import io
import random
import threading
import zlib
from collections.abc import Iterator
from typing import BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.bundle import blob_sources
from bundler.bundle.blob_sources import Cutting, blob_pieces
from bundler.bundle.packs import PlacedBlob
from bundler.errors import IntegrityError

CONTENTS = [random.Random(number).randbytes(size) for number, size in enumerate((1, 300, 70_000, 600_000, 2_000_000))]


class Artifacts:
    """Files with one blob each, every other one deflated, and who is reading them."""

    def __init__(self, contents: list[bytes]) -> None:
        self.opened: list[BinaryIO] = []
        self.files: dict[str, bytes] = {}
        self.placed: list[PlacedBlob] = []
        for number, content in enumerate(contents):
            filename, is_deflated = f"a{number}-1.0.whl", number % 2 == 0
            data = zlib.compress(content, wbits=-15) if is_deflated else content
            self.files[filename] = b"head" + data + b"tail"
            self.placed.append(
                PlacedBlob(
                    digest=hashlib.sha256(content).digest(),
                    size=len(content),
                    filename=filename,
                    offset=4,
                    is_deflated=is_deflated,
                )
            )

    def open(self, filename: str) -> BinaryIO:
        self.opened.append(io.BytesIO(self.files[filename]))
        return self.opened[-1]

    def pieces(self, threads: int = 2) -> Iterator[bytes]:
        return blob_pieces(self.placed, self.open, threads)


@pytest.fixture(params=["ahead", "in turn"])
def large(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether all blobs are read ahead, or those above 50 KB when it is their turn."""
    if request.param == "in turn":
        monkeypatch.setattr(blob_sources, "_BATCH", 40_000)
        monkeypatch.setattr(blob_sources, "_LARGE", 50_000)


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("threads", [1, 2, 4])
def test_all_blobs_come_end_to_end(threads: int) -> None:
    artifacts = Artifacts(CONTENTS * 3)
    assert b"".join(artifacts.pieces(threads)) == b"".join(CONTENTS * 3)
    assert all(stream.closed for stream in artifacts.opened)


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("number", range(len(CONTENTS)))
@pytest.mark.parametrize("change", ["another byte", "shorter", "damaged", "longer"])
def test_a_blob_that_is_not_what_the_recipe_says_ends_it_with_the_artifacts_name(number: int, change: str) -> None:
    artifacts, filename, content = Artifacts(CONTENTS), f"a{number}-1.0.whl", CONTENTS[number]
    before = artifacts.files[filename]
    other = content[:-1] + bytes([content[-1] ^ 1])
    if change == "shorter":
        artifacts.files[filename] = before[: len(before) // 2]
    elif change == "damaged":
        artifacts.files[filename] = before[:4] + b"\xff" * 8 + before[12:]
    else:
        changed = other if change == "another byte" else content + b"x"
        artifacts.files[filename] = b"head" + (zlib.compress(changed, wbits=-15) if number % 2 == 0 else changed)
    if change == "longer" and number % 2:
        assert b"".join(artifacts.pieces()) == b"".join(CONTENTS)  # what stands behind a copy is no part of it
        return
    with pytest.raises(IntegrityError) as caught:
        list(artifacts.pieces())
    assert caught.value.message == f"{filename} isn't what its recipe was made from"
    assert all(stream.closed for stream in artifacts.opened)


def test_a_stream_that_inflates_for_ever_is_left_at_once() -> None:
    artifacts = Artifacts([b"a" * 1000])
    artifacts.files["a0-1.0.whl"] = b"head" + zlib.compress(bytes(50 << 20), wbits=-15)
    with pytest.raises(IntegrityError) as caught:
        list(artifacts.pieces())
    assert caught.value.actual is not None
    assert int(caught.value.actual.split()[0]) < 1 << 20


def test_only_so_much_is_read_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blob_sources, "_BATCH", 1000)
    monkeypatch.setattr(blob_sources, "_AHEAD", 10_000)
    artifacts = Artifacts([b"%04d" % number * 250 for number in range(100)])
    pieces = artifacts.pieces()
    next(pieces)
    assert len(artifacts.opened) <= 11
    assert len(b"".join(pieces)) == 99_000


def test_whoever_leaves_early_leaves_no_thread_and_no_open_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blob_sources, "_BATCH", 40_000)
    monkeypatch.setattr(blob_sources, "_LARGE", 50_000)
    artifacts, before = Artifacts(CONTENTS), threading.active_count()
    pieces = blob_pieces(artifacts.placed, artifacts.open, 4)
    for _ in range(4):
        next(pieces)
    pieces.close()
    assert threading.active_count() == before
    assert all(stream.closed for stream in artifacts.opened)


@given(st.lists(st.binary(min_size=1)), st.lists(st.integers(0, 30)))
def test_cuts_may_lie_anywhere(pieces: list[bytes], counts: list[int]) -> None:
    cutting, content = Cutting(iter(pieces)), b"".join(pieces)
    at = 0
    for count in counts:
        if at + count > len(content):
            with pytest.raises(ValueError, match="missing"):
                list(cutting.take(count))
            return
        assert b"".join(cutting.take(count)) == content[at : at + count]
        at += count
    if at < len(content):
        with pytest.raises(ValueError, match="more bytes"):
            cutting.finish()
    else:
        cutting.finish()


def test_the_end_of_the_source_is_seen() -> None:
    def source() -> Iterator[bytes]:
        yield b"last"
        raise OSError("found at the end")

    cutting = Cutting(source())
    assert b"".join(cutting.take(4)) == b"last"
    with pytest.raises(OSError, match="found at the end"):
        cutting.finish()
