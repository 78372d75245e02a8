from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from click.types import IntParamType
from hypothesis import given
from hypothesis import strategies as st

from bundler.cli.main import commands
from bundler.cli.settings import Settings, read_settings
from bundler.errors import UsageError
from bundler.requirements.options import NamedIndex


def settings(directory: Path, text: str) -> Settings:
    (directory / "pyproject.toml").write_text(text)
    return read_settings(directory, commands)


def defaults(directory: Path, text: str, command: str = "build") -> dict[str, Any]:
    return dict(settings(directory, text).defaults[command])


def test_a_directory_without_a_project_has_no_settings(tmp_path: Path) -> None:
    found = read_settings(tmp_path / "nowhere", commands)
    assert (found.project, found.defaults, found.indexes()) == (None, {}, ())


def test_options_stand_under_their_own_names_for_every_command_that_has_them(tmp_path: Path) -> None:
    text = '[tool.bundler]\npython = ["3.12"]\nplatform = "linux-x86_64"\npre = true\ncache-dir = "c"\nverbose = 1\n'
    assert defaults(tmp_path, text) == {
        "pythons": ["3.12"],
        "platforms": ["linux-x86_64"],
        "pre": True,
        "cache_dir": str(tmp_path / "c"),
        "verbose": 1,
    }
    assert defaults(tmp_path, text, "verify") == {"verbose": 1}
    assert defaults(tmp_path, text, "cache")["info"] == {"cache_dir": str(tmp_path / "c"), "verbose": 1}


def test_paths_are_relative_to_the_file_and_urls_stay(tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()
    text = (
        '[tool.bundler]\nrequirement = ["in/a.txt", "/b.txt"]\nfind-links = ["wheels", "https://files.example/x/"]\n'
        'output = "out/app.tar.zst"\n'
    )
    assert defaults(tmp_path, text) == {
        "requirement_files": [str(tmp_path / "in/a.txt"), "/b.txt"],
        "find_links": [(tmp_path / "wheels").as_uri(), "https://files.example/x/"],
        "output": str(tmp_path / "out/app.tar.zst"),
    }


def test_output_is_builds_and_a_commands_own_table_weighs_more(tmp_path: Path) -> None:
    text = '[tool.bundler]\noutput = "app.tar.zst"\npre = true\n[tool.bundler.lock]\noutput = "my.toml"\npre = false\n'
    assert defaults(tmp_path, text) == {"output": str(tmp_path / "app.tar.zst"), "pre": True}
    assert defaults(tmp_path, text, "lock") == {"output": str(tmp_path / "my.toml"), "pre": False}
    assert "output" not in defaults(tmp_path, '[tool.bundler]\noutput = "app.tar.zst"\n', "lock")


def test_the_nearest_project_upwards_counts(tmp_path: Path) -> None:
    (tmp_path / "inner" / "deep").mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text("[tool.bundler]\npre = true\n")
    assert read_settings(tmp_path / "inner" / "deep", commands).project == tmp_path / "pyproject.toml"
    (tmp_path / "inner" / "pyproject.toml").write_text("")
    assert read_settings(tmp_path / "inner" / "deep", commands).defaults["build"] == {}


def test_indexes_are_read_in_order_with_their_projects_normalized(tmp_path: Path) -> None:
    text = """
        [[tool.bundler.index]]
        name = "internal"
        url = "https://index.example/simple/"
        projects = ["Acme_Tools"]
        explicit = true
        [[tool.bundler.index]]
        url = "https://mirror.example/simple/"
    """
    assert settings(tmp_path, text).indexes() == (
        NamedIndex(url="https://index.example/simple/", name="internal", projects=("acme-tools",), explicit=True),
        NamedIndex(url="https://mirror.example/simple/"),
    )


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("pythn = ['3.12']", "'pythn' under [tool.bundler] isn't an option", "did you mean python?"),
        ("index_url = 'x'", "'index_url' under [tool.bundler] isn't an option", "did you mean index-url?"),
        ("[tool.bundler.lock]\nupgrde = true", "'upgrde' under [tool.bundler.lock] isn't", "did you mean upgrade?"),
        ("[tool.bundler.build]\nupgrade = true", "'upgrade' under [tool.bundler.build] isn't an option", None),
        ("[[tool.bundler.index]]\nurls = 'x'", "'urls' under [tool.bundler.index] isn't", "did you mean url?"),
        ("pre = 'yes'", "pre under [tool.bundler] isn't true or false", None),
        ("python = 3.12", "python under [tool.bundler] isn't a list of strings", None),
        ("python = [3.12]", "python under [tool.bundler] isn't a list of strings", None),
        ("resolution = ['x']", "resolution under [tool.bundler] isn't a string", None),
        ("verbose = true", "verbose under [tool.bundler] isn't a number", None),
        ("level = '9'", "level under [tool.bundler] isn't a number", None),
        ("no-recompress = 1", "no-recompress under [tool.bundler] isn't true or false", None),
        ("index = 'https://x.example/'", "isn't an array of tables", "write [[tool.bundler.index]]"),
        ("[[tool.bundler.index]]\nname = 'x'", "isn't as it should be", None),
        ("[[tool.bundler.index]]\nurl = 'x'\nprojects = 'a'", "isn't as it should be", None),
        ("x = [", "isn't valid TOML", None),
        (".".join(["x"] * 10_000) + " = 1", "more than 64 parts", None),
        ("lock = 1", "lock under [tool.bundler] isn't a table", "write [tool.bundler.lock]"),
        ("[[tool.bundler.index]]\nurl = 'x'\nname = 3", "isn't as it should be", None),
        ('output = "a\\u0000b"', "output under [tool.bundler] holds a NUL", None),
    ],
)
def test_what_isnt_understood_is_refused_with_the_file(
    tmp_path: Path, text: str, message: str, hint: str | None
) -> None:
    with pytest.raises(UsageError) as caught:
        settings(tmp_path, f"[tool.bundler]\n{text}\n")
    assert message in caught.value.message
    assert str(tmp_path / "pyproject.toml") in caught.value.message
    if hint is not None:
        assert caught.value.hint == hint


def test_tool_bundler_that_isnt_a_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\[tool.bundler\] isn't a table"):
        settings(tmp_path, "[tool]\nbundler = 3\n")


def test_every_option_of_build_and_lock_can_be_set(tmp_path: Path) -> None:
    """The promise of the docstring, against the options as they are."""
    for name in ("build", "lock"):
        for option in commands.commands[name].params:
            if not option.name or option.param_type_name == "argument":
                continue
            key = next(each for each in option.opts if each.startswith("--")).removeprefix("--")
            value: Any = "x"
            if getattr(option, "is_flag", False):
                value = "true"
            elif isinstance(option.type, IntParamType):
                value = "1"
            else:
                value = '["x"]' if option.multiple else '"x"'
            found = defaults(tmp_path, f"[tool.bundler.{name}]\n{key} = {value}\n", name)
            assert list(found) == [option.name]


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_KEYS = st.sampled_from(
    ["python", "pre", "output", "verbose", "level", "index", "lock", "build", "cache", "url", "find-links", ""]
)


@given(st.dictionaries(_KEYS, _VALUES | st.lists(st.dictionaries(_KEYS, _VALUES)) | st.dictionaries(_KEYS, _VALUES)))
def test_no_table_does_worse_than_a_usage_error(table: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as place, suppress(UsageError):
        text = tomli_w.dumps({"tool": {"bundler": _without_none(table)}})
        settings(Path(place), text).indexes()


@given(st.binary(max_size=200))
def test_no_bytes_do_worse_than_a_usage_error(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as place, suppress(UsageError):
        (Path(place) / "pyproject.toml").write_bytes(data)
        read_settings(Path(place), commands)


def _without_none(value: Any) -> Any:
    """TOML has no null."""
    if isinstance(value, dict):
        return {key: _without_none(each) for key, each in value.items() if each is not None}
    return [_without_none(each) for each in value if each is not None] if isinstance(value, list) else value
