from __future__ import annotations

import random

import httpx
import pytest

from bundler.index.ranges import ROOM, TAIL, NoRanges, content_range, open_ranged
from bundler.index.transport import Transport
from tests.support.fake_index import FakeIndex

NAME = "x-1.0-py3-none-any.whl"
DATA = random.Random(5).randbytes(3 * TAIL + 17)
URL = f"https://index.example/files/{NAME}"


def reaching(index: FakeIndex) -> Transport:
    return Transport(backend=httpx.MockTransport(index.handler), sleep=lambda _: None)


def holding(data: bytes = DATA, **options: bool) -> FakeIndex:
    index = FakeIndex(**options)  # type: ignore[arg-type]
    index.add(NAME, data)
    return index


def test_the_end_and_the_size_take_one_request() -> None:
    index = holding()
    stream, size = open_ranged(reaching(index), URL)
    assert size == len(DATA)
    stream.seek(-100, 2)
    assert stream.read() == DATA[-100:]
    stream.seek(size - TAIL)
    assert stream.read(TAIL) == DATA[-TAIL:]
    assert index.count("/files/") == 1
    assert index.requests[0].headers["range"] == f"bytes=-{TAIL}"
    assert index.requests[0].headers["accept-encoding"] == "identity"


def test_other_places_are_fetched_when_they_are_read_and_kept() -> None:
    index = holding()
    stream, _ = open_ranged(reaching(index), URL)
    for _ in range(2):
        stream.seek(1000)
        assert stream.read(50) == DATA[1000:1050]
        stream.seek(1000 + ROOM - 50)
        assert stream.read(50) == DATA[1000 + ROOM - 50 : 1000 + ROOM]
    assert index.count("/files/") == 2


def test_any_sequence_of_reads_gives_what_a_file_gives() -> None:
    stream, size = open_ranged(reaching(holding()), URL)
    chance = random.Random(7)
    for _ in range(200):
        start, length = chance.randrange(size + 10), chance.randrange(40_000)
        stream.seek(start)
        assert stream.read(length) == DATA[start : start + length]


def test_a_file_smaller_than_the_first_range_is_whole() -> None:
    stream, size = open_ranged(reaching(holding(b"tiny")), URL)
    assert (stream.read(), size) == (b"tiny", 4)


def test_a_server_without_ranges_is_recognised_without_reading_the_file() -> None:
    with pytest.raises(NoRanges):
        open_ranged(reaching(holding(ranges=False)), URL)


def lying(**headers: str) -> Transport:
    """A server that answers 206 with ten bytes and these headers."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = httpx.ByteStream(b"0123456789")
    return Transport(backend=httpx.MockTransport(lambda _: httpx.Response(206, headers=named, stream=body)))


@pytest.mark.parametrize(
    "stated",
    [
        "bytes 0-9/100",  # not the end
        "bytes 90-100/100",  # beyond the end
        "bytes 91-99/100",  # not its length
        "bytes 99-90/100",
        "bytes 90-99/*",
        "bytes */100",
        "items 90-99/100",
        "bytes 90-99/" + "9" * 30,
        "",
    ],
)
def test_a_206_that_isnt_what_was_asked_for_is_not_believed(stated: str) -> None:
    with pytest.raises(NoRanges):
        open_ranged(lying(Content_Range=stated), URL)


def test_a_file_that_changes_between_two_ranges_is_not_believed() -> None:
    index = holding()
    stream, _ = open_ranged(reaching(index), URL)
    index.add(NAME, DATA + b"more")
    with pytest.raises(NoRanges):
        stream.read(10)


def test_content_range_is_read_strictly() -> None:
    assert content_range({"content-range": "bytes 0-9/10"}) == (0, 10, 10)
    assert content_range({"content-range": "bytes 0-10/10"}) is None
    assert content_range({}) is None
