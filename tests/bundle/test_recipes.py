from __future__ import annotations

import gzip
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.bundle import deflate
from bundler.bundle.dissection import dissect
from bundler.bundle.recipes import Blob, Copy, Deflated, Literal, Recipe, Step, assemble
from bundler.digests import Digest
from bundler.errors import BundleFormatError, IntegrityError
from tests.bundle.test_dissection import FILES, WORDS, zipped

ENGINE = deflate.choose()


def test_a_blob_that_is_another_is_found_by_its_size() -> None:
    recipe = dissect(io.BytesIO(gzip.compress(WORDS)), ENGINE)
    with pytest.raises(IntegrityError, match="doesn't deflate to what it was"):
        list(assemble(recipe, lambda blob: [b"other"], ENGINE))


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
    st.builds(Deflated, _blobs, st.integers(0, 1 << 62), st.integers(1, 9), st.sampled_from([8, 9])),
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
        b"\xff" * 12,
    ],
)
def test_another_spelling_or_an_unknown_step_is_refused(data: bytes) -> None:
    with pytest.raises(BundleFormatError):
        Recipe.decode(data)
