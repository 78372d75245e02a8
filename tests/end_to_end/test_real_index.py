"""The main job on the real index: few, small, and skipped where it can't be reached."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.end_to_end.running import PIP, bundler, no_network, run, uv

pytestmark = pytest.mark.real_index


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """The interpreter of a fresh environment."""
    run((sys.executable, "-m", "venv", "--without-pip", tmp_path / "env"))
    return tmp_path / "env" / "bin" / "python"


def test_a_web_framework_is_bundled_expanded_and_installed_with_no_network(tmp_path: Path, python: Path) -> None:
    bundler("build", "flask", "markupsafe", "-o", tmp_path / "app.tar.zst", "--cache-dir", tmp_path / "cache")
    bundler("verify", tmp_path / "app.tar.zst")
    bundler("expand", tmp_path / "app.tar.zst", tmp_path / "wheelhouse")
    lock = ("-r", tmp_path / "wheelhouse" / "pylock.toml")
    run((*no_network(), *PIP, "--python", python, "install", "--no-index", *lock))
    found = ("--no-index", "--find-links", tmp_path / "wheelhouse", "-r", tmp_path / "wheelhouse" / "requirements.txt")
    run((*no_network(), uv(), "pip", "install", "--no-cache", "--offline", "--reinstall", "--python", python, *found))
    assert run((*no_network(), python, "-c", "import flask, markupsafe; print('imported')")) == "imported\n"


def test_click_for_windows_holds_colorama_and_for_linux_does_not(tmp_path: Path) -> None:
    held = {}
    for platforms in (("windows-x86_64", "linux-x86_64"), ("linux-x86_64",)):
        options = [word for platform in platforms for word in ("--platform", platform)]
        bundler("build", "click==8.1.7", "--python", "3.12", *options, "-o", tmp_path / "app.tar.zst", "--no-cache")
        artifacts = json.loads(bundler("inspect", tmp_path / "app.tar.zst", "--json"))["artifacts"]
        held[platforms] = {artifact["filename"].partition("-")[0] for artifact in artifacts}
    assert list(held.values()) == [{"click", "colorama"}, {"click"}]


def test_six_targets_share_each_file_they_can(tmp_path: Path) -> None:
    names = ("linux-x86_64", "windows-x86_64", "macos-arm64")
    options = [word for name in names for word in ("--platform", name)]
    pythons = ("--python", "3.11", "--python", "3.13")
    bundler("build", "flask", *pythons, *options, "-o", tmp_path / "app.tar.zst", "--no-cache")
    manifest = json.loads(bundler("inspect", tmp_path / "app.tar.zst", "--json"))
    assert len(manifest["targets"]) == 6
    by_project: dict[str, list[list[str]]] = {}
    for artifact in manifest["artifacts"]:
        by_project.setdefault(artifact["filename"].partition("-")[0], []).append(artifact["targets"])
    assert [len(targets) for targets in by_project["flask"]] == [6]
    assert sorted(len(targets) for targets in by_project["markupsafe"]) == [1] * 6
