from __future__ import annotations

import hashlib
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.digests import PIECE, STRONG_ALGORITHMS, Digest

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize("text", [f"sha256:{EMPTY}", f"sha256={EMPTY}", f" sha256:{EMPTY.upper()}\n"])
def test_both_spellings_are_read(text: str) -> None:
    assert Digest.parse(text) == Digest("sha256", EMPTY)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sha256",
        f":{EMPTY}",
        f"sha256:{EMPTY[:-1]}",
        f"sha256:{EMPTY}0",
        f"md5:{EMPTY}",
        f"sha3:{EMPTY}",
        f"sha256:{'g' * 64}",
    ],
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a digest"):
        Digest.parse(text)


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha224", *STRONG_ALGORITHMS])
def test_a_stream_is_hashed_as_hashlib_does(algorithm: str) -> None:
    data = b"x" * (PIECE + 1)
    assert Digest.of(io.BytesIO(data), algorithm).hexdigest == hashlib.new(algorithm, data).hexdigest()


def test_a_stream_is_hashed_from_where_it_stands() -> None:
    stream = io.BytesIO(b"abc")
    stream.read(2)
    assert Digest.of(stream) == Digest.sha256(b"c")


@given(st.binary())
def test_what_is_written_is_read_back(data: bytes) -> None:
    digest = Digest.sha256(data)
    assert Digest.parse(str(digest)) == digest == Digest.of(io.BytesIO(data))
