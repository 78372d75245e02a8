from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.requirements.poetry.constraints import read_constraint


@pytest.mark.parametrize(
    ("text", "fitting", "others"),
    [
        ("*", "0 1.2.3 2!1", ""),
        ("1.2.3", "1.2.3", "1.2.4"),
        ("=1.2", "1.2.0", "1.3"),
        ("1.*", "1.0 1.9", "2.0 0.9"),
        ("^1.2.3", "1.2.3 1.9", "2.0 1.2.2"),
        ("^0.2.3", "0.2.3 0.2.9", "0.3 0.2.2"),
        ("^0.0.3", "0.0.3", "0.0.4"),
        ("^0.0", "0.0.9", "0.1"),
        ("^0", "0.9", "1.0"),
        ("~1.2.3", "1.2.9", "1.3"),
        ("~1.2", "1.2.9", "1.3"),
        ("~1", "1.9", "2.0"),
        ("~=1.2", "1.9", "2.0"),
        (">=1.0,<2", "1.5", "2 0.9"),
        (">=1.0 <2", "1.5", "2 0.9"),
        (">= 1.0 , != 1.5", "1.4 2", "1.5"),
        ("<1 || >=2,<3", "0.5 2.5", "1 3"),
        ("^3.13 | ~2.7", "2.7.18 3.14", "3.12 2.8 4.0"),
    ],
)
def test_a_constraint_allows_what_poetry_allows(text: str, fitting: str, others: str) -> None:
    alternatives = read_constraint(text)
    assert all(any(each.contains(version) for each in alternatives) for version in fitting.split())
    assert not any(each.contains(version) for each in alternatives for version in others.split())


@pytest.mark.parametrize("text", ["", "||", "^", "^x", "nonsense", ">=1,,x", "^=1", "~1.*"])
def test_what_is_no_constraint_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"isn't a version"):
        read_constraint(text)


@given(st.text(alphabet="^~*.,|<>=!019 xé", max_size=20))
def test_nothing_but_a_value_error_comes_of_any_text(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert read_constraint(text)
