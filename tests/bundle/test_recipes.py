from __future__ import annotations

import gzip
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.bundle import deflate
from bundler.bundle.dissection import dissect
from bundler.bundle.recipes import Blob, Copy, Deflated, Literal, Recipe, Step
from bundler.bundle.soundness import CONTENT_RATIO, CONTENT_SLACK
from bundler.digests import Digest
from bundler.errors import BundleFormatError
from tests.bundle.test_dissection import FILES, WORDS, zipped

ENGINE = deflate.choose()


def test_a_recipe_fits_what_has_its_size_and_its_literals() -> None:
    data = gzip.compress(WORDS, mtime=0)
    recipe = dissect(io.BytesIO(data), ENGINE)
    assert recipe.fits(io.BytesIO(data), len(data))
    assert not recipe.fits(io.BytesIO(data + b"!"), len(data) + 1)
    for place in (0, 9, len(data) - 1):
        other = bytearray(data)
        other[place] ^= 1
        assert not recipe.fits(io.BytesIO(other), len(data))


def test_a_recipe_with_more_content_than_readers_allow_does_not_fit() -> None:
    for size, fits in ((CONTENT_SLACK + CONTENT_RATIO * 10, True), (CONTENT_SLACK + CONTENT_RATIO * 10 + 1, False)):
        recipe = Recipe((Deflated(Blob(Digest.sha256(b""), size), 10, 6, 8),))
        assert recipe.fits(io.BytesIO(bytes(10)), 10) is fits


def test_a_placed_recipe_tells_where_its_blobs_stand() -> None:
    blobs = Blob(Digest.sha256(b"x"), 300), Blob(Digest.sha256(b"y"), 5)
    recipe = Recipe((Literal(b"ab"), Deflated(blobs[0], 200, 6, 8), Copy(blobs[1]), Deflated(blobs[0], 90, 9, 9)))
    starts = dict(zip(blobs, (1000, 31), strict=True))
    steps = b"\x04" + b"\x08" + b"\xa2\x1f\xac\x02\xc8\x01\x0c" + b"\x7d\x05" + b"\xa2\x1f\xac\x02\x5a\x13"
    assert recipe.encode_placed(starts.__getitem__) == steps + b"ab"


_digests = st.binary(min_size=32, max_size=32).map(lambda value: Digest("sha256", value.hex()))
_blobs = st.builds(Blob, _digests, st.integers(1, 1 << 62))
_steps: st.SearchStrategy[Step] = st.one_of(
    st.builds(Literal, st.binary(min_size=1, max_size=200)),
    st.builds(Copy, _blobs),
    st.builds(Deflated, _blobs, st.integers(1, 1 << 62), st.integers(1, 9), st.sampled_from([8, 9])),
)


@given(st.lists(_steps, max_size=8))
def test_decoding_gives_back_what_was_encoded(steps: list[Step]) -> None:
    recipe = Recipe(tuple(steps))
    assert Recipe.decode(recipe.encode()) == recipe


@given(st.binary(max_size=200))
def test_any_bytes_are_a_recipe_in_its_one_spelling_or_refused(data: bytes) -> None:
    try:
        recipe = Recipe.decode(data)
    except BundleFormatError:
        return
    assert recipe.encode() == data


ENCODED = dissect(io.BytesIO(zipped(FILES)), ENGINE).encode()


def test_a_recipe_cut_at_any_length_is_refused() -> None:
    for length in range(len(ENCODED)):
        with pytest.raises(BundleFormatError):
            Recipe.decode(ENCODED[:length])


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x00\x00",  # zero in two bytes
        b"\x00\x00\x00",  # a byte too many
        b"\x00\x01\x01",  # a copy of no blob
        b"\x00\x01\x03",  # a fourth kind of step
        b"\x01" + bytes(32) + b"\x01\x00",  # a blob that is never used
        b"\x01" + bytes(32) + b"\x01\x01\x02\x05\x01",  # level 0
        b"\x01" + bytes(32) + b"\x01\x01\x02\x05\x14",  # level 10
        b"\x00\x01\x00",  # a literal of no bytes
        b"\x01" + bytes(32) + b"\x01\x01\x02\x00\x0c",  # a stream of no bytes
        b"\xff" * 12,
    ],
)
def test_another_spelling_or_an_unknown_step_is_refused(data: bytes) -> None:
    with pytest.raises(BundleFormatError):
        Recipe.decode(data)
