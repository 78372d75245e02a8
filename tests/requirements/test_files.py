from __future__ import annotations

import contextlib
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.errors import RequirementError, UsageError
from bundler.requirements.files import OpenFile, read_requirements
from bundler.requirements.model import RequirementSet

SHA256 = "a" * 64
SHA512 = "b" * 128


def _disk(files: Mapping[str, str | bytes]) -> OpenFile:
    """Files by name, found beside the file that names them."""

    def open_file(path: str, container: str | None) -> tuple[str, bytes]:
        assert "\0" not in path  # the operating system's calls raise ValueError for it
        folder = (container or "").rpartition("/")[0]
        name = f"{folder}/{path}" if folder else path
        if name not in files:
            raise UsageError(f"can't read {name}")
        data = files[name]
        return name, data.encode() if isinstance(data, str) else data

    return open_file


def _read(text: str | bytes, **others: str) -> RequirementSet:
    files = {"r.txt": text, **{f"{name}.txt": other for name, other in others.items()}}
    return read_requirements([], ["r.txt"], [], _disk(files))


def _texts(wanted: RequirementSet) -> list[str]:
    return [f"{declared.origin} {declared.requirement}" for declared in wanted.requirements]


def _refusal(text: str | bytes, **others: str) -> RequirementError:
    with pytest.raises(RequirementError) as caught:
        _read(text, **others)
    return caught.value


def test_positional_requirements_come_first_and_then_the_files_in_order() -> None:
    disk = _disk({"a.txt": "three", "b.txt": "four"})
    wanted = read_requirements(["one", "two>=2"], ["a.txt", "b.txt"], [], disk)
    assert _texts(wanted) == ["command line one", "command line two>=2", "a.txt:1 three", "b.txt:1 four"]


def test_comments_and_blank_lines_ask_for_nothing() -> None:
    assert _texts(_read("# one\n\n   \nflask # two\n\t# three\n")) == ["r.txt:4 flask"]


def test_a_hash_sign_within_a_word_is_no_comment() -> None:
    assert "click#four" in _refusal("click#four").message


def test_a_continued_line_has_the_number_of_its_first_line() -> None:
    wanted = _read("a\nflask \\\n  >=1, \\\n  <3\nb")
    assert _texts(wanted) == ["r.txt:1 a", "r.txt:2 flask<3,>=1", "r.txt:5 b"]
    assert _refusal("a\n\nflask \\\n  ???\n").origin == "r.txt:3"


def test_a_comment_line_ends_a_continuation() -> None:
    assert _texts(_read("flask \\\n# why\nclick")) == ["r.txt:1 flask", "r.txt:3 click"]


def test_a_continuation_may_end_the_file() -> None:
    assert _texts(_read("flask \\")) == ["r.txt:1 flask"]


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_lines_may_end_in_any_way(ends: str) -> None:
    assert _texts(_read(f"a{ends}b{ends}")) == ["r.txt:1 a", "r.txt:2 b"]


def test_extras_and_markers_are_kept() -> None:
    (declared,) = _read("Flask[async, dotenv]>=3; python_version < '3.12'").requirements
    assert declared.requirement.name == "Flask"
    assert declared.requirement.extras == {"async", "dotenv"}
    assert str(declared.requirement.marker) == 'python_version < "3.12"'


def test_several_hashes_are_kept_in_order() -> None:
    (declared,) = _read(f"click==8 \\\n    --hash=sha256:{SHA256} \\\n    --hash sha512:{SHA512}").requirements
    assert [str(digest) for digest in declared.hashes] == [f"sha256:{SHA256}", f"sha512:{SHA512}"]
    assert str(declared.requirement) == "click==8"


def test_a_requirement_without_hash_has_none() -> None:
    assert _read("click").requirements[0].hashes == ()


def test_a_byte_order_mark_is_no_part_of_the_first_name() -> None:
    assert _texts(_read(b"\xef\xbb\xbfflask\n")) == ["r.txt:1 flask"]


@pytest.mark.parametrize(
    ("data", "line"),
    [(b"a\n# \xe9t\xe9\n", 2), ("a".encode("utf-16"), 1), (b"\n\n\xff", 3)],
    ids=["latin", "utf16", "last"],
)
def test_bytes_that_arent_utf_8_are_refused_with_their_line(data: bytes, line: int) -> None:
    error = _refusal(data)
    assert error.message == f"r.txt:{line}: the file isn't UTF-8"
    assert error.exit_code == 2


@pytest.mark.parametrize(
    "line", ["-r b.txt", "-rb.txt", "--requirement b.txt", "--requirement=b.txt", "-r 'b.txt'", "-r b.txt # and more"]
)
def test_a_nested_file_stands_where_it_is_named(line: str) -> None:
    assert _texts(_read(f"one\n{line}\nthree", b="two")) == ["r.txt:1 one", "b.txt:1 two", "r.txt:3 three"]


@pytest.mark.parametrize("line", ["-c b.txt", "-cb.txt", "--constraint b.txt", "--constraint=b.txt"])
def test_nested_constraints_are_constraints(line: str) -> None:
    wanted = _read(f"one\n{line}", b="two<2")
    assert _texts(wanted) == ["r.txt:1 one"]
    assert [str(declared.requirement) for declared in wanted.constraints] == ["two<2"]


def test_constraint_files_narrow_and_ask_for_nothing() -> None:
    wanted = read_requirements(
        [], [], ["c.txt"], _disk({"c.txt": f"two<2 --hash=sha256:{SHA256}\n-c d.txt", "d.txt": "x"})
    )
    assert wanted.requirements == ()
    assert [str(declared.origin) for declared in wanted.constraints] == ["c.txt:1", "d.txt:1"]
    assert len(wanted.constraints[0].hashes) == 1


def test_nested_paths_are_relative_to_the_file_they_stand_in() -> None:
    disk = _disk({"in/a.txt": "-r sub/b.txt", "in/sub/b.txt": "-r c.txt", "in/sub/c.txt": "flask"})
    assert _texts(read_requirements([], ["in/a.txt"], [], disk)) == ["in/sub/c.txt:1 flask"]


def test_files_that_include_each_other_are_refused() -> None:
    error = _refusal("-r b.txt", b="\n-r r.txt")
    assert error.message == "b.txt:2: r.txt includes itself"
    assert error.details == ("r.txt → b.txt → r.txt",)


def test_a_constraint_cycle_is_refused_too() -> None:
    assert "includes itself" in _refusal("-c r.txt").message


def test_a_file_that_two_others_include_is_read_once() -> None:
    assert _texts(_read("-r b.txt\n-r c.txt", b="-r d.txt", c="-r d.txt", d="flask")) == ["d.txt:1 flask"]


def test_doubling_includes_end_soon() -> None:
    files = {f"{n}.txt": f"-r {n + 1}.txt\n-r {n + 1}.txt" for n in range(40)} | {"40.txt": "flask"}
    assert _texts(read_requirements([], ["0.txt"], [], _disk(files))) == ["40.txt:1 flask"]


def test_an_endless_chain_of_files_is_refused() -> None:
    def endless(path: str, container: str | None) -> tuple[str, bytes]:
        return f"{container}x", b"-r x"

    with pytest.raises(RequirementError, match="more than 50 files"):
        read_requirements([], ["x"], [], endless)


def test_an_unreadable_file_is_the_openers_to_refuse() -> None:
    with pytest.raises(UsageError, match=r"can't read absent\.txt"):
        _read("-r absent.txt")


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("flask=1.0", "'flask=1.0' isn't a requirement", "flask==1.0"),
        ("flask 1.0", "isn't a requirement", "flask==1.0"),
        ("flask=>1.0", "isn't a requirement", "flask>=1.0"),
        ("flask[async] =< 1.0", "isn't a requirement", "flask[async]<=1.0"),
        ("requirements.txt", "isn't a requirement", "-r requirements.txt"),
        ("git+https://git.example/x", "is a URL", "by name and version"),
        ("file:///x", "is a URL", "by name and version"),
        ("x @ https://files.example/x.whl", "x is asked for by URL", "by name and version"),
        ("./x", "is a path", "by name and version"),
        ("a/b", "is a path", "by name and version"),
        ("C:\\x", "is a path", "by name and version"),
        ("x-1.0.tar.gz", "is a path", "by name and version"),
        ("x-1.0-py3-none-any.whl", "is a path", "by name and version"),
        ("-e .", "an editable requirement can't be bundled", "by name and version"),
        ("--editable=x", "an editable requirement can't be bundled", "by name and version"),
        ("-i https://index.example/simple/", "the option -i", "on the command line"),
        ("--index-url=https://index.example/simple/", "the option --index-url", "on the command line"),
        ("--pre", "the option --pre", "leave it out"),
        ("--requirements x", "the option --requirements", "leave it out"),
        ("flask --global-option=x", "the option --global-option", "leave it out"),
        ("-r", "doesn't name one file", "quote"),
        ("-r a b", "doesn't name one file", "quote"),
        ("-r a\0b", "doesn't name one file", "quote"),
        ("-r https://index.example/r.txt", "is a URL", "fetch the file first"),
        (f"x --hash=md5:{'a' * 32}", "--hash=md5:… is too weak", "sha256"),
        (f"x --hash=sha256:{SHA256} --hash=sha1:{'a' * 40}", "--hash=sha1:… is too weak", "sha256"),
        ("x --hash=sha256:ab", "--hash has no valid value", "--hash=sha256:…"),
        ("x --hash", "--hash has no valid value", "--hash=sha256:…"),
    ],
)
def test_a_line_that_isnt_understood_is_refused_with_what_to_write(line: str, message: str, hint: str) -> None:
    error = _refusal(f"a\n{line}\nb")
    assert error.origin == "r.txt:2"
    assert error.message.startswith("r.txt:2: ")
    assert message in error.message
    assert hint in (error.hint or "")


@pytest.mark.parametrize(
    "line",
    [
        "flask==",
        "flask==1.0.*.*",
        "fläsk",
        "${NAME}",
        "((((",
        "-r 'x",
        "flask --hash='x",
        "x @",
        "x; python_version",
        "x; " + "(" * 3000,
        "x==" + "9" * 5000,
    ],
)
def test_other_lines_are_refused_with_their_origin(line: str) -> None:
    error = _refusal(line)
    assert error.origin == "r.txt:1"
    assert "\n" not in error.message
    assert len(error.message) < 300


def test_terminal_escapes_arent_passed_on() -> None:
    assert "\x1b" not in str(_refusal("\x1b[31mred"))


@pytest.mark.parametrize("text", ["", "  ", "flask==", "-r x"])
def test_a_bad_positional_names_the_command_line(text: str) -> None:
    with pytest.raises(RequirementError, match=r"^command line: "):
        read_requirements([text], [], [], _disk({}))


def test_a_constraint_with_extras_is_refused() -> None:
    error = _refusal("-c b.txt", b="a\nflask[async]<3")
    assert error.message == "b.txt:2: the constraint on flask has extras"


def test_a_constraint_by_url_is_refused() -> None:
    assert "by URL" in _refusal("-c b.txt", b="x @ https://files.example/x.whl").message


def test_long_lines_take_no_quadratic_time() -> None:
    assert _texts(_read(" " * 1_000_000 + "flask" + " " * 1_000_000)) == ["r.txt:1 flask"]
    _refusal("x" + " \t" * 500_000 + "-")


_PIECES = st.sampled_from(
    [
        *("flask", "==", "1.0", "[x]", ";", "python_version<'3'", "@", "https://", "-r b.txt", "-c b.txt", "-"),
        *(" ", "\n", "\\\n", "#", "'", '"', "\\", "(", "--hash=", "sha256:", SHA256),
        *("\ufeff", "\u2028", "\x00", "é"),
    ]
)


@given(st.lists(_PIECES, max_size=20).map("".join), st.lists(_PIECES, max_size=5).map("".join))
def test_no_text_does_worse_than_a_requirement_error(text: str, other: str) -> None:
    try:
        wanted = _read(text, b=other)
    except UsageError:
        return
    for declared in (*wanted.requirements, *wanted.constraints):
        assert declared.requirement.url is None
        assert declared.origin.line is not None


@given(st.binary(max_size=200))
def test_no_bytes_do_worse_than_a_requirement_error(data: bytes) -> None:
    with contextlib.suppress(UsageError):
        _read(data)


@given(st.text(max_size=50))
def test_no_positional_does_worse_than_a_requirement_error(text: str) -> None:
    with contextlib.suppress(RequirementError):
        assert len(read_requirements([text], [], [], _disk({})).requirements) == 1
