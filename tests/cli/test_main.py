from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import bundler.errors
from bundler import __version__
from bundler.errors import BundlerError
from tests.cli.running import left_in, run
from tests.support.fake_index import FakeIndex


def test_help_lists_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    text = run(capsys, "--help").out
    codes = {getattr(bundler.errors, name).exit_code for name in bundler.errors.__all__}
    listed = {
        int(code) for line in re.findall(r"^ +([0-9]+(?:, [0-9]+)?)  ", text, re.MULTILINE) for code in line.split(",")
    }
    assert codes <= listed
    assert {0, 130, 143} <= listed


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "--version").out == f"bundler, version {__version__}\n"


def test_a_fault_of_our_own_is_one_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("bundler.operations.caching.cache_directory", broken)
    outcome = run(capsys, "cache", "dir")
    assert outcome.code == 1
    assert outcome.err.startswith("error: a fault of bundler's own: ZeroDivisionError: division by zero\nhint: ")


def test_details_stand_on_lines_of_their_own_and_control_characters_are_spelled(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise BundlerError("x\x1b[31m is wrong", details=("a\rb",), hint="do y")

    monkeypatch.setattr("bundler.operations.caching.cache_directory", refuse)
    assert run(capsys, "cache", "dir").err == "error: x\\x1b[31m is wrong\n  a\\rb\nhint: do y\n"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["ctrl-c", "term"])
@pytest.mark.parametrize("stage", ["/simple/lib/", "/files/lib"], ids=["resolving", "downloading"])
def test_an_interrupted_build_leaves_nothing(
    number: signal.Signals, code: int, stage: str, index: FakeIndex, origin: str, place: Path, tmp_path: Path
) -> None:
    index.fault(stage, "stall", times=None)
    (tmp_path / "tmp").mkdir()
    command = ["build", "app", "-o", str(place / "app.tar.zst"), "--index-url", f"{origin}/simple/", "--no-cache"]
    process = subprocess.Popen(
        [sys.executable, "-m", "bundler", *command], stderr=subprocess.PIPE, env={"TMPDIR": str(tmp_path / "tmp")}
    )
    deadline = time.monotonic() + 20
    while not index.count(stage) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(number)
    _, err = process.communicate(timeout=10)  # less than any time-out of a read
    assert process.returncode == code
    assert b"Traceback" not in err
    assert (left_in(place), left_in(tmp_path / "tmp")) == ([], [])
