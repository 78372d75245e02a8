from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from bundler.errors import NotFound, Unavailable
from bundler.operations import other_indexes
from bundler.operations.other_indexes import other_index, telling_of_other_indexes


@pytest.fixture(autouse=True)
def _nothing_for_the_whole_system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(other_indexes, "SYSTEM_FILE", tmp_path / "no-such-file")


def test_variables_name_an_index_and_its_password_is_not_told() -> None:
    found = other_index(
        {"PIP_INDEX_URL": "https://me:secret@pip.example/simple/", "UV_INDEX_URL": "https://uv.example/"}
    )
    assert found == ("https://pip.example/simple/", "PIP_INDEX_URL")
    assert other_index({"UV_DEFAULT_INDEX": "https://uv.example/"}) == ("https://uv.example/", "UV_DEFAULT_INDEX")


@pytest.mark.parametrize(
    ("place", "environment"),
    [
        ("named.conf", {"PIP_CONFIG_FILE": "{root}/named.conf"}),
        ("venv/pip.conf", {"VIRTUAL_ENV": "{root}/venv"}),
        (".config/pip/pip.conf", {"HOME": "{root}"}),
        ("xdg/pip/pip.conf", {"HOME": "{root}/nowhere", "XDG_CONFIG_HOME": "{root}/xdg"}),
        (".pip/pip.conf", {"HOME": "{root}"}),
        ("roaming/pip/pip.ini", {"APPDATA": "{root}/roaming"}),
    ],
)
@pytest.mark.parametrize("section", ["global", "install"])
def test_pips_configuration_is_read_where_pip_reads_it(
    tmp_path: Path, place: str, environment: Mapping[str, str], section: str
) -> None:
    path = tmp_path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"[{section}]\nindex-url = https://me:100%secret@pip.example/simple/\n")
    filled = {name: value.format(root=tmp_path) for name, value in environment.items()}
    assert other_index(filled) == ("https://pip.example/simple/", str(path))


@pytest.mark.parametrize("text", ["", "[global]\ntimeout = 3\n", "no section\n", "\udcff"])
def test_a_configuration_that_names_none_or_is_broken_gives_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "pip.conf").write_bytes(text.encode(errors="surrogateescape"))
    assert other_index({"PIP_CONFIG_FILE": str(tmp_path / "pip.conf")}) is None


def test_a_configuration_switched_off_ends_the_search(tmp_path: Path) -> None:
    (tmp_path / ".pip").mkdir()
    (tmp_path / ".pip" / "pip.conf").write_text("[global]\nindex-url = https://pip.example/\n")
    assert other_index({"PIP_CONFIG_FILE": "/dev/null", "HOME": str(tmp_path)}) is None
    assert other_index({"HOME": str(tmp_path)}) is not None


def test_the_hint_of_an_unreachable_index_names_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://pip.example/simple/")
    for hint, expected in ((None, ""), ("check the network", "check the network; ")):
        with pytest.raises(Unavailable) as caught, telling_of_other_indexes(["https://ours.example/simple/"]):
            raise Unavailable("no usable answer", hint=hint)
        told = "PIP_INDEX_URL names the index https://pip.example/simple/, which isn't asked: give it with --index-url"
        assert caught.value.hint == expected + told


def test_an_index_that_is_asked_is_not_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://pip.example/simple")
    with pytest.raises(NotFound) as caught, telling_of_other_indexes(["https://pip.example/simple/"]):
        raise NotFound("no such project")
    assert caught.value.hint is None
