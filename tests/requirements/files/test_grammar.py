from __future__ import annotations

import contextlib
import traceback
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.errors import RequirementError
from bundler.requirements.files.grammar import Include, Item, Locate, parse_argument, parse_file
from bundler.requirements.model import DeclaredReference, DeclaredRequirement
from bundler.requirements.options import Options
from bundler.requirements.origins import Origin
from tests.requirements.disk import Disk, anywhere

SHA256 = "a" * 64
SHA512 = "b" * 128
NOWHERE = Disk({}).locate


def _read(
    text: str | bytes,
    *,
    constraint: bool = False,
    environment: Mapping[str, str] | None = None,
    locate: Locate = NOWHERE,
) -> list[Item]:
    data = text.encode() if isinstance(text, str) else text
    return list(parse_file(data, "r.txt", constraint=constraint, environment=environment or {}, locate=locate))


def _named(text: str | bytes) -> list[DeclaredRequirement]:
    items = _read(text)
    assert all(isinstance(item, DeclaredRequirement) for item in items)
    return [item for item in items if isinstance(item, DeclaredRequirement)]


def _texts(text: str | bytes) -> list[str]:
    return [f"{declared.origin} {declared.requirement}" for declared in _named(text)]


def _options(text: str, locate: Locate = NOWHERE) -> Options:
    joined = Options()
    for item in _read(text, locate=locate):
        assert isinstance(item, Options)
        joined = joined.joined(item)
    return joined


def _refusal(
    text: str | bytes, *, constraint: bool = False, environment: Mapping[str, str] | None = None
) -> RequirementError:
    with pytest.raises(RequirementError) as caught:
        _read(text, constraint=constraint, environment=environment)
    return caught.value


def test_comments_and_blank_lines_ask_for_nothing() -> None:
    assert _texts("# one\n\n   \nflask # two\n\t# three\n") == ["r.txt:4 flask"]


def test_a_hash_sign_within_a_word_is_no_comment() -> None:
    assert "click#four" in _refusal("click#four").message


def test_extras_and_markers_are_kept() -> None:
    (declared,) = _named("Flask[async, dotenv]>=3; python_version < '3.12'")
    assert declared.requirement.name == "Flask"
    assert declared.requirement.extras == {"async", "dotenv"}
    assert str(declared.requirement.marker) == 'python_version < "3.12"'


def test_several_hashes_are_kept_in_order() -> None:
    (declared,) = _named(f"click==8 \\\n    --hash=sha256:{SHA256} \\\n    --hash sha512:{SHA512}")
    assert [str(digest) for digest in declared.hashes] == [f"sha256:{SHA256}", f"sha512:{SHA512}"]
    assert str(declared.requirement) == "click==8"


@pytest.mark.parametrize("hashes", [f"--hash=sha512:{SHA512}", f"--hash=sha384:{'c' * 96} --hash=sha512:{SHA512}"])
def test_one_hash_behind_a_name_must_be_one_that_indexes_state(hashes: str) -> None:
    error = _refusal(f"a\nclick==8 {hashes}")
    assert error.message == "r.txt:2: click has no hash by sha256, and an index states no other"
    assert error.hint == "write --hash=sha256:…"


def test_a_hash_of_a_direct_reference_may_be_any_strong_one() -> None:
    (item,) = _read(f"https://files.example/x-1.0.zip --hash=sha512:{SHA512}")
    assert isinstance(item, DeclaredReference)
    assert [digest.algorithm for digest in item.hashes] == ["sha512"]


def test_a_requirement_without_hash_has_none() -> None:
    assert _named("click")[0].hashes == ()


@pytest.mark.parametrize(
    "option", ["--config-settings=a=b", "--config-settings 'a=b c'", "--config-setting a=", "-C a=b", "-Ca=b"]
)
def test_config_settings_are_read_and_not_kept(option: str) -> None:
    assert _named(f"click==8 {option} --hash=sha256:{SHA256}") == _named(f"click==8 --hash=sha256:{SHA256}")


def test_a_reference_is_an_item_with_the_hashes_behind_it() -> None:
    (item,) = _read(f"x @ https://files.example/x-1.0.zip ; os_name == 'nt' --hash=sha256:{SHA256}")
    assert isinstance(item, DeclaredReference)
    assert (item.name, str(item.marker), str(item.hashes[0])) == ("x", 'os_name == "nt"', f"sha256:{SHA256}")
    assert item.origin == Origin(source="r.txt", line=1)


@pytest.mark.parametrize(
    "line", ["-r b.txt", "-rb.txt", "--requirement b.txt", "--requirement=b.txt", "-r 'b.txt'", "-r b.txt # and more"]
)
def test_another_file_is_an_item(line: str) -> None:
    assert _read(f"one\n{line}")[1] == Include(path="b.txt", constraint=False, origin=Origin(source="r.txt", line=2))


@pytest.mark.parametrize("line", ["-c 'b c.txt'", '-c"b c.txt"', '--constraint "b c.txt"', "--constraint=b\\ c.txt"])
def test_the_option_decides_what_the_other_file_is(line: str) -> None:
    wanted = Include(path="b c.txt", constraint=True, origin=Origin(source="r.txt", line=1))
    assert _read(line) == [wanted]
    assert _read(line, constraint=True) == [wanted]


@pytest.mark.parametrize("line", ["-e ./shop", "-eshop", "--editable=./shop", "-e shop -C a=b"])
def test_an_editable_directory_is_that_directory(line: str) -> None:
    (item,) = _read(line, locate=Disk.holding("shop/").locate)
    assert isinstance(item, DeclaredReference)
    assert item.url == "file:///w/shop/"


def test_options_are_items_in_their_place() -> None:
    first, second, third = _read("flask\n--pre\nclick")
    assert second == Options(pre=True)
    assert isinstance(first, DeclaredRequirement)
    assert isinstance(third, DeclaredRequirement)


def test_several_options_may_share_a_line() -> None:
    wanted = Options(no_index=True, find_links=("file:///w/wheels/",))
    assert _options("--no-index --find-links ./wheels", Disk.holding("wheels/").locate) == wanted


def test_constraint_files_hold_names_and_options() -> None:
    wanted = _read(f"two<2 --hash=sha256:{SHA256}\n--pre", constraint=True)
    assert isinstance(wanted[0], DeclaredRequirement)
    assert len(wanted[0].hashes) == 1
    assert wanted[1] == Options(pre=True)


def test_a_constraint_with_extras_is_refused() -> None:
    error = _refusal("a\nflask[async]<3", constraint=True)
    assert error.message == "r.txt:2: the constraint on flask has extras"


@pytest.mark.parametrize("line", ["x @ https://files.example/x-1.0.zip", "git+https://git.example/x"])
def test_a_constraint_by_reference_is_refused(line: str) -> None:
    error = _refusal(line, constraint=True)
    assert "direct reference" in error.message
    assert error.hint == "constraints narrow versions by name: write name==1.0"


def test_an_editable_constraint_is_refused() -> None:
    with pytest.raises(RequirementError, match="direct reference"):
        _read("-e ./shop", constraint=True, locate=Disk.holding("shop/").locate)


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("flask=1.0", "'flask=1.0' isn't a requirement", "flask==1.0"),
        ("flask 1.0", "isn't a requirement", "flask==1.0"),
        ("flask=>1.0", "isn't a requirement", "flask>=1.0"),
        ("flask[async] =< 1.0", "isn't a requirement", "flask[async]<=1.0"),
        ("requirements.txt", "isn't a requirement", "-r requirements.txt"),
        ("pylock.toml", "isn't a requirement", "-r pylock.toml"),
        ("x @ dir", "x is asked for at 'dir', which is no URL", "x @ file:"),
        ("./x", "there is no file or directory './x'", "relative to the working directory"),
        ("a/b", "there is no file or directory", "relative to the working directory"),
        ("C:\\x", "there is no file or directory", "relative to the working directory"),
        ("x-1.0.tar.gz", "there is no file or directory", "relative to the working directory"),
        ("-e .", "there is no file or directory", "relative to the working directory"),
        ("-e git+https://git.example/x#egg=y", "editable install of a repository", "y @ git+https://git.example/x"),
        ("-e", "the option --editable has no value", "--editable="),
        ("--requirements x", "the option --requirements", "did you mean --requirement?"),
        ("--quux", "the option --quux isn't understood", "leave it out"),
        ("-q", "the option -q isn't understood", "leave it out"),
        ("flask --global-option=x", "the option --global-option isn't taken", "nothing is built"),
        ("--install-option x", "the option --install-option isn't taken", "nothing is built"),
        ("flask --build-option=x", "the option --build-option isn't taken", "nothing is built"),
        ("--trusted-host index.example", "the option --trusted-host isn't taken", "SSL_CERT_FILE"),
        ("--use-feature=x", "the option --use-feature isn't taken", "leave it out"),
        ("flask --pre", "the option --pre stands behind a requirement", "a line of its own"),
        ("flask -r b.txt", "the option --requirement stands behind a requirement", "a line of its own"),
        ("-r a -c b", "the option --requirement stands among others", "a line of its own"),
        ("--pre -r a", "the option --requirement stands among others", "a line of its own"),
        ("-r", "the option --requirement has no value", "--requirement="),
        ("-r a b", "'b' stands behind the options", "quote"),
        ("-r a\0b", "isn't a path", "the path of a file"),
        ("-r https://index.example/r.txt", "is a URL", "fetch the file first"),
        (f"--hash=sha256:{SHA256}", "--hash stands behind no requirement", "behind the one"),
        ("-C a=b", "--config-settings stands behind no requirement", "behind the one"),
        ("x -C a", "--config-settings has no KEY=VALUE", "KEY=VALUE"),
        (f"x --hash=md5:{'a' * 32}", "a hash by md5 is too weak", "sha256"),
        (f"x --hash=sha256:{SHA256} --hash=sha1:{'a' * 40}", "a hash by sha1 is too weak", "sha256"),
        ("x --hash=sha256:ab", "--hash has no valid value", "--hash=sha256:…"),
        ("x --hash", "the option --hash has no value", "--hash="),
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
        "x @ https://files.example/" + "9" * 5000,
    ],
)
def test_other_lines_are_refused_with_their_origin(line: str) -> None:
    error = _refusal(line)
    assert error.origin == "r.txt:1"
    assert "\n" not in error.message
    assert len(error.message) < 300


def test_terminal_escapes_arent_passed_on() -> None:
    for text in (
        "\x1b[31mred",
        "x @ https://h.example/\x1b[31mred.zip",
        "./\x1b[31m",
        "a\x1b.txt",
        "--\x1b",
        "-e \x1b",
    ):
        error = _refusal(text)
        assert "\x1b" not in f"{error}{error.hint}"


def test_a_variable_is_filled_in_wherever_it_stands() -> None:
    environment = {"NAME_2": "flask", "TOKEN": "s3cret", "LINE": "click --hash=sha256:" + SHA256}
    requirement, options, line = _read(
        "${NAME_2}>=1 # ${UNSET}\n-i https://u:${TOKEN}@index.example/simple/\n${LINE}", environment=environment
    )
    assert isinstance(requirement, DeclaredRequirement)
    assert str(requirement.requirement) == "flask>=1"
    assert options == Options(index_url="https://u:s3cret@index.example/simple/")
    assert isinstance(line, DeclaredRequirement)
    assert line.hashes


@pytest.mark.parametrize("environment", [{}, {"TOKEN": ""}], ids=["unset", "empty"])
def test_an_unset_variable_is_refused_by_name(environment: Mapping[str, str]) -> None:
    error = _refusal("a\nx @ https://${TOKEN}@h.example/x-1.0.zip", environment=environment)
    assert error.message == "r.txt:2: the variable TOKEN isn't set"
    assert error.hint == "set it in the environment"


def test_a_line_that_only_its_values_spoil_is_quoted_as_it_is_written() -> None:
    error = _refusal("-r ${NAME}.txt", environment={"NAME": "one two"})
    assert error.message == "r.txt:1: '-r ${NAME}.txt' isn't understood once its variables are filled in"


CANARY = "kanarienvogel"


@pytest.mark.parametrize(
    "line",
    [
        "${SECRET}==",
        "x @ https://u:${SECRET}@h.example/x",
        "x @ https://${SECRET}/x.exe",
        "https://u:${SECRET}@h.example/x-1.0.zip?y#${SECRET}=z",
        "git+https://u:${SECRET}@git.example/x#egg=x",
        "-e git+https://u:${SECRET}@git.example/x",
        "-i ${SECRET}",
        "-i ftp://u:${SECRET}@index.example/",
        "-r ${SECRET} b",
        "--${SECRET}",
        "./${SECRET}",
        "x --hash=sha256:${SECRET}",
        "x; python_version == ${SECRET}",
        "--no-binary ${SECRET}!",
        "${SECRET}.txt",
        "x '${SECRET}' -r '${SECRET}",
    ],
)
def test_the_value_of_a_variable_is_never_shown(line: str) -> None:
    error = _refusal(line, environment={"SECRET": f"{CANARY} x"})
    told = "".join(traceback.format_exception(error)) + f"{error.hint}{error.__cause__!r}{error.__context__!r}"
    assert CANARY not in told


@pytest.mark.parametrize(
    "line",
    [
        "x @ https://u:{}@h.example/x",
        "x @ https://u:{}@h.example/x-1.0.zip extra",
        "https://u:{}@h.example/x-1.0.zip ; nonsense",
        "https://u:{}/with@slash@h.example/x-1.0.zip",
        "x[ @ https://u:{}@h.example/x-1.0.zip",
        "x==1 @ https://u:{}@h.example/x-1.0.zip",
        "https://u:{}@h.example:port/x-1.0.zip",
        "https://h.example/x?token={}",
        "git+https://u:{}@git.example/x#egg=x",
        "git+https://{}@git.example/x#egg=x",
        "git+https://u:{}@git.example/x@",
        "-e git+https://u:{}@git.example/x@v1",
        "hg+https://u:{}@git.example/x",
        "-i ftp://u:{}@index.example/",
        "-i u:{}@index.example/simple/",
        "-i https://u:{}@[index.example/",
        "-r https://u:{}@h.example/r.txt",
        "--index-url x https://u:{}@h.example/",
        "flask --index-url 'https://u:{}@h.example/",
    ],
)
def test_a_password_is_never_shown(line: str) -> None:
    error = _refusal(line.format(CANARY))
    told = "".join(traceback.format_exception(error)) + f"{error.hint}{error.__cause__!r}{error.__context__!r}"
    assert CANARY not in told


def test_a_positional_requirement_stands_on_the_command_line() -> None:
    declared = parse_argument(" flask>=1 ", locate=NOWHERE)
    assert isinstance(declared, DeclaredRequirement)
    assert str(declared.origin) == "command line"


def test_a_positional_path_is_a_reference() -> None:
    declared = parse_argument("./shop[extra]", locate=Disk.holding("shop/").locate)
    assert isinstance(declared, DeclaredReference)
    assert (declared.url, declared.extras) == ("file:///w/shop/", ("extra",))


@pytest.mark.parametrize("text", ["", "  ", "flask==", "-r x", "-e .", "--pre", "flask --pre", "${NAME}"])
def test_a_bad_positional_names_the_command_line(text: str) -> None:
    with pytest.raises(RequirementError, match=r"^command line: "):
        parse_argument(text, locate=NOWHERE)


def test_long_lines_take_no_quadratic_time() -> None:
    assert _texts(" " * 100_000 + "flask" + " " * 100_000) == ["r.txt:1 flask"]
    for text in ("x" + " \t" * 60_000 + "-", "/" * 120_000, "x" + " " * 120_000 + "@", "-e " + "//" * 60_000):
        _refusal(f"{text}!")


_PIECES = st.sampled_from(
    [
        *("flask", "==", "1.0", "[x]", ";", "; ", "python_version<'3'", "@", "https://", "-r b.txt", "-c b.txt", "-"),
        *(
            "git+",
            "ssh://",
            "file:",
            "./",
            "/",
            "h.example",
            "#egg=",
            "&",
            "subdirectory=",
            "sha256=",
            ":",
            "..",
            "%00",
        ),
        *(
            "x-1.0-py3-none-any.whl",
            ".tar.gz",
            ".zip",
            "${A}",
            "${B}",
            "missing",
            "-e ",
            "-i ",
            "-f ",
            "--pre",
            "--no-binary ",
        ),
        *(" ", "\n", "\\\n", "#", "'", '"', "\\", "(", " --hash=", "sha256:", SHA256, "-C a=b", "[::", "~"),
        *("\ufeff", "\u2028", "\x00", "é"),
    ]
)


@given(st.lists(_PIECES, max_size=12).map("".join), st.booleans())
def test_no_text_does_worse_than_a_requirement_error(text: str, constraint: bool) -> None:
    environment = {"A": "va lue", "B": "--pre"}
    items: list[Item] = []
    told = "r.txt:"
    try:
        items = _read(text, constraint=constraint, environment=environment, locate=anywhere)
    except RequirementError as exc:
        told = f"{exc}{exc.hint}"
    assert told.startswith("r.txt:")
    assert "va lue" not in told
    for item in items:
        match item:
            case DeclaredRequirement():
                assert item.requirement.url is None
            case DeclaredReference():
                assert not constraint
                assert item.url.startswith(("https://", "ssh://", "file:///", "git+"))


@given(st.binary(max_size=200))
def test_no_bytes_do_worse_than_a_requirement_error(data: bytes) -> None:
    with contextlib.suppress(RequirementError):
        _read(data, locate=anywhere)


@given(st.text(max_size=50) | st.lists(_PIECES, max_size=8).map("".join))
def test_no_positional_does_worse_than_a_requirement_error(text: str) -> None:
    with contextlib.suppress(RequirementError):
        assert parse_argument(text, locate=anywhere)
