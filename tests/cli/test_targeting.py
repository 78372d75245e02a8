from __future__ import annotations

import json

import pytest

from bundler.targets.platforms import running_target
from tests.cli.running import run


def test_show_describes_this_machine(capsys: pytest.CaptureFixture[str]) -> None:
    shown = run(capsys, "target", "show")
    assert shown.json["name"] == running_target().name
    assert shown.json["tags"] == [str(tag) for tag in running_target().tags]


def test_show_describes_several_as_a_list(capsys: pytest.CaptureFixture[str]) -> None:
    shown = run(capsys, "target", "show", "--python", "3.12", "--python", "pypy3.11", "--platform", "macos-arm64")
    assert [target["name"] for target in shown.json] == ["cp312-macos-arm64", "pp311-macos-arm64"]


def test_list_names_what_the_options_take(capsys: pytest.CaptureFixture[str]) -> None:
    text = run(capsys, "target", "list").out
    assert all(name in text for name in ("3.12", "3.13t", "pypy3.11", "linux-x86_64", "windows-arm64"))
    known = json.loads(run(capsys, "target", "list", "--json").out)
    assert set(known) == {"python", "platform"}
    assert "alpine-aarch64" in known["platform"]
