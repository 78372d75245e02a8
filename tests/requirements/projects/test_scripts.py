from __future__ import annotations

import contextlib
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.errors import RequirementError
from bundler.requirements.model import RequirementSet
from bundler.requirements.projects.scripts import read_script
from tests.requirements.disk import Disk, sample

BLOCK = "# /// script\n# dependencies = ['flask']\n# ///\n"
#: PEP 723's own.
REFERENCE = re.compile(r"(?m)^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$")


def _read(text: str | bytes) -> RequirementSet:
    data = text.encode() if isinstance(text, str) else text
    return read_script(data, "s.py", locate=Disk({}).locate)


def _texts(wanted: RequirementSet) -> list[str]:
    return [f"{declared.origin} {declared.requirement}" for declared in wanted.requirements]


def test_a_script_says_what_it_needs() -> None:
    wheel = "vendor/xlrd-2.0.1-py2.py3-none-any.whl"
    disk = Disk({f"tools/{wheel}": b""})
    wanted = read_script(sample("scripts/report.py"), "tools/report.py", locate=disk.locate)
    assert _texts(wanted) == [
        "tools/report.py:6 rich>=13.9",
        'tools/report.py:7 polars[calamine]>=1.20; python_version < "3.15"',
        "tools/report.py:8 house-client",
    ]
    assert [(each.name, each.url) for each in wanted.references] == [("xlrd", f"file:///w/tools/{wheel}")]
    assert [str(each.requirement) for each in wanted.constraints] == ["pyarrow<19"]
    assert [(index.name, index.projects) for index in wanted.options.indexes] == [("house", ("house-client",))]


def test_a_script_without_a_block_is_refused_with_what_to_write() -> None:
    with pytest.raises(RequirementError) as caught:
        _read(sample("scripts/plain.py"))
    assert caught.value.message == "s.py: the script doesn't say what it needs"
    assert "# /// script" in (caught.value.hint or "")


def test_a_block_may_ask_for_nothing() -> None:
    assert _read("# /// script\n#\n# ///\n") == RequirementSet()


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_lines_may_end_in_any_way(ends: str) -> None:
    assert _texts(_read(f"import x\n{BLOCK}".replace("\n", ends))) == ["s.py:3 flask"]


def test_a_second_block_is_refused() -> None:
    with pytest.raises(RequirementError, match=r"^s\.py:5: there is a second script block"):
        _read(f"{BLOCK}\n{BLOCK}")


def test_blocks_of_other_types_are_passed_over() -> None:
    other = BLOCK.replace("script", "tool").replace("flask", "click")
    assert _texts(_read(f"{other}\n{BLOCK}")) == ["s.py:6 flask"]


def test_a_marker_within_the_block_doesnt_end_it() -> None:
    text = "# /// script\n# dependencies = ['a']\n# [tool.x]\n# text = '''\n# ///\n# '''\n# ///\n"
    assert _texts(_read(text)) == ["s.py:2 a"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# /// script\n# dependencies = 1\n# ///\n", "s.py: the document isn't understood"),
        ("# /// script\n# dependencies = ['?']\n# ///\n", r"s.py:2: '\?' isn't a requirement"),
        ("# /// script\n# ?\n# ///\n", "s.py:2: the file isn't valid TOML"),
        ("# /// script\n# tool.uv.sources = 1\n# ///\n", r"s.py: \[tool.uv\] isn't understood"),
        (b"# \xe9", "s.py:1: the file isn't UTF-8"),
    ],
)
def test_a_block_that_isnt_understood_is_refused(text: str | bytes, message: str) -> None:
    with pytest.raises(RequirementError, match=f"^{message}"):
        _read(text)


@pytest.mark.parametrize("line", ["# /// script", "# /// script\n# x", "# /// script\n#\n# ///"])
def test_blocks_that_dont_end_take_no_quadratic_time(line: str) -> None:
    start = time.monotonic()
    with contextlib.suppress(RequirementError):
        _read(f"{line}\n" * 50_000)
    assert time.monotonic() - start < 5


_LINES = st.sampled_from(
    ["# /// script", "# ///", "#", "# x = 1", "#x", "", "# /// other", "# /// script ", "import x"]
)


@given(st.lists(_LINES, max_size=12).map("\n".join))
def test_blocks_are_those_of_the_peps_expression(text: str) -> None:
    expected = [match["content"] for match in REFERENCE.finditer(text) if match["type"] == "script"]
    message = ""
    try:
        _read(text)
    except RequirementError as exc:
        message = exc.message
    assert ("doesn't say" in message) == (not expected)
    assert ("second script block" in message) == (len(expected) > 1)


_PIECES = st.sampled_from(
    [
        *("# /// script\n", "# ///\n", "# ", "\n", "dependencies = [", "'flask'", "]", "[tool.uv.sources]\n"),
        "flask = {",
        "}",
    ]
)


@given(st.lists(_PIECES, max_size=20).map("".join).map(str.encode) | st.binary(max_size=100))
def test_no_bytes_do_worse_than_a_requirement_error(data: bytes) -> None:
    with contextlib.suppress(RequirementError):
        _read(data)
