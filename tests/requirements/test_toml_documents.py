from __future__ import annotations

import contextlib
import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.errors import RequirementError
from bundler.requirements.toml_documents import TomlDocument

TEXT = """\
# "flask"
[project]
dependencies = [
    "flask",
    'click; python_version < "4"',  # and "why"
    "twice", "x\\u0020",
]

[a.b]
twice = "twice"
"quoted" = 1
[a.c.key]
"""


class _Form(msgspec.Struct):
    a: dict[str, int]


def test_a_string_is_on_the_line_that_holds_it() -> None:
    document = TomlDocument.parse(TEXT.encode(), "t.toml")
    assert str(document.origin("flask")) == "t.toml:4"
    assert str(document.origin('click; python_version < "4"')) == "t.toml:5"


@pytest.mark.parametrize("value", ["twice", "x ", "absent"])
def test_what_isnt_there_once_has_no_line(value: str) -> None:
    assert str(TomlDocument.parse(TEXT.encode(), "t.toml").origin(value)) == "t.toml"


def test_a_key_is_on_a_line_of_its_table() -> None:
    document = TomlDocument.parse(TEXT.encode(), "t.toml")
    assert str(document.origin("twice", table="a.b")) == "t.toml:10"
    assert str(document.origin("quoted", table="a.b")) == "t.toml:11"
    assert str(document.origin("key", table="a.c")) == "t.toml:12"
    assert str(document.origin("twice", table="a")) == "t.toml"


def test_a_part_of_a_file_begins_at_its_line() -> None:
    assert str(TomlDocument.parse('a = "b"', "x.py", first_line=7).origin("b")) == "x.py:7"
    with pytest.raises(RequirementError, match=r"^x\.py:8: the file isn't valid TOML"):
        TomlDocument.parse("a = 1\nb = ?\n", "x.py", first_line=7)


def test_a_byte_order_mark_is_no_part_of_the_first_key() -> None:
    assert TomlDocument.parse(b"\xef\xbb\xbfa = 1", "t.toml").table == {"a": 1}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a = 1\n# \xe9t\xe9", "t.toml:2: the file isn't UTF-8"),
        (b"a = 1\na = ?", "t.toml:2: the file isn't valid TOML"),
        (b"a = '", "t.toml: the file isn't valid TOML"),
        (b"a = " + b"[" * 100_000, "t.toml: the file isn't valid TOML"),
        (b"a = " + b"9" * 10_000, "t.toml: the file isn't valid TOML"),
    ],
)
def test_other_bytes_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(RequirementError) as caught:
        TomlDocument.parse(data, "t.toml")
    assert caught.value.message == message


def test_another_form_is_refused_with_the_place() -> None:
    document = TomlDocument.parse(b"[a]\nb = 'c'", "t.toml")
    with pytest.raises(RequirementError, match=r"^t\.toml: the document isn't understood: .*\$\.a"):
        document.convert(_Form)
    with pytest.raises(RequirementError, match=r"^t\.toml: \[a\] isn't understood"):
        document.convert(_Form, document.table["a"], at="[a]")


@pytest.mark.parametrize("text", ["[" + " " * 200_000, 'a = """' + '"x" ' * 100_000, "#" * 200_000, "\"'" * 100_000])
def test_long_lines_take_no_quadratic_time(text: str) -> None:
    start = time.monotonic()
    with contextlib.suppress(RequirementError):
        TomlDocument.parse(text, "t.toml")
    assert time.monotonic() - start < 5


@given(st.binary(max_size=100) | st.text("[]{}=.,\"'a1#\n\\-:T", max_size=60).map(str.encode))
def test_no_bytes_do_worse_than_a_requirement_error(data: bytes) -> None:
    with contextlib.suppress(RequirementError):
        TomlDocument.parse(data, "t.toml")


@pytest.mark.parametrize("part", ["a", '"a b"', "'.'"])
def test_a_key_of_very_many_parts_is_refused_before_it_costs_anything(part: str) -> None:
    for text in (
        " . ".join([part] * 20_000) + " = 1",
        f"[{'.'.join([part] * 65)}]",
        f"x = {{ {'.'.join([part] * 65)} = 1 }}",
    ):
        with pytest.raises(RequirementError, match="more than 64 parts"):
            TomlDocument.parse(text, "p")
    TomlDocument.parse(f"{'.'.join([part] * 60)} = 1", "p")
