from __future__ import annotations

import gzip
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.errors import Refused
from bundler.index.encoding import decode


def decoded(body: bytes, encoding: str, ceiling: int = 1 << 24) -> bytes:
    return decode(body, encoding, ceiling=ceiling, subject="https://index.example/simple/x/")


@given(st.binary(max_size=2000), st.binary(max_size=2000))
def test_gzip_of_one_or_two_members_is_undone(first: bytes, second: bytes) -> None:
    assert decoded(gzip.compress(first) + gzip.compress(second), "gzip") == first + second


@pytest.mark.parametrize("encoding", ["", "identity", " Identity "])
def test_a_plain_body_stays_as_it_is(encoding: str) -> None:
    assert decoded(b"plain", encoding) == b"plain"


@pytest.mark.parametrize("encoding", ["br", "zstd", "deflate", "gzip, gzip"])
def test_an_encoding_that_wasnt_asked_for_is_refused(encoding: str) -> None:
    with pytest.raises(Refused, match="wasn't asked for"):
        decoded(b"x", encoding)


def test_a_bomb_is_refused_by_its_ratio() -> None:
    with pytest.raises(Refused, match="unpacks to more than"):
        decoded(gzip.compress(bytes(64 << 20)), "gzip", ceiling=1 << 30)


def test_a_bomb_of_many_members_is_refused_too() -> None:
    with pytest.raises(Refused, match="unpacks to more than"):
        decoded(gzip.compress(bytes(1 << 19)) * 40, "gzip", ceiling=4 << 20)


def test_the_ceiling_holds_for_honest_bodies() -> None:
    body = gzip.compress(os.urandom(3000))
    assert len(decoded(body, "gzip", ceiling=3000)) == 3000
    with pytest.raises(Refused, match="more than 2999 bytes"):
        decoded(body, "gzip", ceiling=2999)


def test_every_cut_is_found() -> None:
    whole = gzip.compress(b"some content that has some length")
    for length in range(1, len(whole)):
        with pytest.raises(Refused, match="isn't the gzip"):
            decoded(whole[:length], "gzip")
