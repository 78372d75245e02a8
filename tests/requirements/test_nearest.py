from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.requirements.nearest import nearest


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("cahce", ["docs", "cache"], "cache"),
        ("zzz", ["docs", "cache"], None),
        ("x", [], None),
        ("ab", ["abd", "abc"], "abd"),
        ("ab", ["abc", "abd"], "abd"),
        ("cache" + "x" * 1_000_000, ["cache"], None),
    ],
)
def test_the_nearest_is_told_whatever_the_order(name: str, known: list[str], expected: str | None) -> None:
    assert nearest(name, known) == expected


@given(st.text(max_size=20), st.sets(st.text(max_size=20), max_size=5))
def test_what_is_told_is_known(name: str, known: set[str]) -> None:
    assert nearest(name, known) in {None, *known}
    assert nearest(name, {*known, name}) == name
