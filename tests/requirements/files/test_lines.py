from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pip._internal.req import req_file

from bundler.errors import RequirementError
from bundler.requirements.files.lines import expand, logical_lines
from bundler.requirements.origins import Origin

ORIGIN = Origin(source="r.txt", line=3)


def _lines(text: str | bytes) -> list[tuple[int | None, str]]:
    data = text.encode() if isinstance(text, str) else text
    return [(origin.line, line) for origin, line in logical_lines(data, "r.txt")]


def _refusal(data: bytes) -> RequirementError:
    with pytest.raises(RequirementError) as caught:
        _lines(data)
    return caught.value


def test_comments_and_blank_lines_say_nothing() -> None:
    assert _lines("# one\n\n   \nflask # two\n\t# three\n") == [(4, "flask")]


def test_a_hash_sign_within_a_word_is_no_comment() -> None:
    assert _lines("x.zip#egg=y #z") == [(1, "x.zip#egg=y")]


def test_a_continued_line_has_the_number_of_its_first_line() -> None:
    assert _lines("a\nflask \\\n  >=1, \\\n  <3\nb") == [(1, "a"), (2, "flask   >=1,   <3"), (5, "b")]


def test_a_comment_line_ends_a_continuation() -> None:
    assert _lines("flask \\\n# why\nclick") == [(1, "flask"), (3, "click")]


def test_a_continuation_may_end_the_file() -> None:
    assert _lines("flask \\") == [(1, "flask")]


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_lines_may_end_in_any_way(ends: str) -> None:
    assert _lines(f"a{ends}b{ends}") == [(1, "a"), (2, "b")]


def test_a_byte_order_mark_is_no_part_of_the_first_line() -> None:
    assert _lines(b"\xef\xbb\xbfflask\n") == [(1, "flask")]


@pytest.mark.parametrize(
    ("data", "line"),
    [(b"a\n# \xe9t\xe9\n", 2), ("a".encode("utf-16"), 1), (b"\n\n\xff", 3), (b"# coding: latin-1\n\xe9", 2)],
    ids=["latin", "utf16", "last", "declared"],
)
def test_bytes_that_arent_utf_8_are_refused_with_their_line(data: bytes, line: int) -> None:
    error = _refusal(data)
    assert error.message == f"r.txt:{line}: the file isn't UTF-8"
    assert error.hint == "save it as UTF-8"
    assert error.exit_code == 2


def test_variables_are_filled_in_once() -> None:
    environment = {"A": "${B}", "B": "b", "C_1": "c"}
    assert expand("x${A}-${C_1}${C_1}", environment, ORIGIN) == "x${B}-cc"


@pytest.mark.parametrize("line", ["$A", "${a}", "${A-}", "$ {A}", "%A%", "${}", "${Á}"])
def test_only_upper_case_names_in_braces_are_variables(line: str) -> None:
    assert expand(line, {"A": "x", "a": "x"}, ORIGIN) == line


@pytest.mark.parametrize("environment", [{}, {"TOKEN": ""}], ids=["unset", "empty"])
def test_a_variable_without_a_value_is_refused_by_name(environment: dict[str, str]) -> None:
    with pytest.raises(RequirementError, match=r"^r\.txt:3: the variable TOKEN isn't set$"):
        expand("a ${TOKEN}", environment, ORIGIN)


_PIECES = st.sampled_from(["a", " ", "\t", "#", "\\\n", "\n", "\r\n", "# x", " # y\n", "\x0c", "\u2028", "${A}"])


@given(st.lists(_PIECES, max_size=15).map("".join))
def test_pip_joins_and_strips_alike(text: str) -> None:
    joined = req_file.ignore_comments(req_file.join_lines(enumerate(text.splitlines(), start=1)))
    assert _lines(text) == [(number, line) for number, line in joined]


@given(st.binary(max_size=100))
def test_every_line_says_something_and_has_its_number(data: bytes) -> None:
    try:
        lines = _lines(data)
    except RequirementError:
        return
    numbers = [number for number, _ in lines if number is not None]
    assert numbers == sorted(set(numbers))
    assert all(line.strip() == line != "" for _, line in lines)
