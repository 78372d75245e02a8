from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.running import run
from tests.support.fake_index import FakeIndex


@pytest.fixture
def origin(index: FakeIndex) -> Iterator[str]:
    """A small index on the loopback: app needs lib, and on Windows win; old can't stand beside app."""
    index.add_wheel("app", "1.0", requires=["lib>=1", 'win; sys_platform == "win32"'])
    index.add_wheel("lib", "1.0", files={"lib.py": b"x" * 50_000})
    index.add_wheel("win", "0.1")
    index.add_wheel("old", "1.0", requires=["lib<1"])
    with index.serve() as origin:
        yield origin


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where bundles are written; whatever stands there after a failure is litter."""
    (tmp_path / "place").mkdir()
    return tmp_path / "place"


TARGETS = ("--python", "3.12", "--platform", "linux-x86_64", "--platform", "windows-x86_64")


@pytest.fixture
def bundle(capsys: pytest.CaptureFixture[str], origin: str, tmp_path: Path) -> Path:
    """A small sound bundle for two targets."""
    path = tmp_path / "sound.tar.zst"
    assert run(capsys, "build", "app", "-o", path, *TARGETS, "--index-url", f"{origin}/simple/", "-q").code == 0
    return path


@pytest.fixture
def whole_bundle(capsys: pytest.CaptureFixture[str], origin: str, tmp_path: Path) -> Path:
    """The same with every file kept as it is."""
    path = tmp_path / "whole.tar.zst"
    options = (*TARGETS, "--index-url", f"{origin}/simple/", "-q", "--no-recompress")
    assert run(capsys, "build", "app", "-o", path, *options).code == 0
    return path
