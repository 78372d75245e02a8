"""Locks are recalled while every answer they rest on is fresh, and only then."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fake_index import FakeIndex

HEAVY = ("httpx", "resolvelib", "bundler.operations.gathering")


@pytest.fixture
def origin(index: FakeIndex) -> Iterator[str]:
    index.add_wheel("app", "1.0", requires=["lib>=1"])
    index.add_wheel("lib", "1.0")
    with index.serve() as origin:
        yield origin


class Runs:
    """Runs of `bundler lock` as processes of their own, on one cache."""

    def __init__(self, place: Path, origin: str) -> None:
        self.place, self.origin = place, origin

    def lock(self, *words: str) -> tuple[bytes, list[str]]:
        """The lock, and which heavy modules were imported for it."""
        command = ["lock", "-q", "-o", "pylock.toml", "--cache-dir", "cache", "--index-url", f"{self.origin}/simple/"]
        program = (
            "import sys; from bundler.cli.main import main\n"
            "try: main(sys.argv[1:])\n"
            f"finally: print(*[name for name in {HEAVY!r} if name in sys.modules])"
        )
        done = subprocess.run(
            [sys.executable, "-c", program, *command, "--python", "3.12", "--platform", "linux-x86_64", *words],
            cwd=self.place,
            env={name: value for name, value in os.environ.items() if not name.startswith("BUNDLER_")},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return (self.place / "pylock.toml").read_bytes(), done.stdout.split()


@pytest.fixture
def runs(tmp_path: Path, origin: str) -> Runs:
    return Runs(tmp_path, origin)


def test_a_fresh_lock_is_recalled_without_a_request_and_without_the_resolver(runs: Runs, index: FakeIndex) -> None:
    first, imported = runs.lock("app", "--upgrade")
    assert "resolvelib" in imported
    index.requests.clear()
    assert runs.lock("app", "--upgrade") == (first, [])
    assert index.requests == []


def test_a_lock_that_keeps_its_own_pins_is_recalled_too(runs: Runs) -> None:
    first, _ = runs.lock("app")
    assert runs.lock("app") == (first, [])


def test_what_may_have_changed_is_asked_for_again(runs: Runs, index: FakeIndex) -> None:
    index.max_age = 0
    first, _ = runs.lock("app", "--upgrade")
    index.requests.clear()
    assert runs.lock("app", "--upgrade")[0] == first
    assert [request.headers.get("if-none-match") is not None for request in index.requests] == [True, True]
    index.add_wheel("lib", "2.0")
    changed, imported = runs.lock("app", "--upgrade")
    assert b'version = "2.0"' in changed
    assert "resolvelib" in imported


@pytest.mark.parametrize("words", [("--pre",), ("--no-deps",), ("--exclude", "lib"), ("lib",), ("--per-target",)])
def test_another_question_is_answered_anew(runs: Runs, words: tuple[str, ...]) -> None:
    runs.lock("app", "--upgrade")
    assert "resolvelib" in runs.lock("app", "--upgrade", *words)[1]


def test_what_a_stored_answer_does_not_vouch_for_is_not_remembered(runs: Runs, index: FakeIndex) -> None:
    (runs.place / "wheels").mkdir()
    for _ in range(2):
        assert "resolvelib" in runs.lock("app", "--upgrade", "--find-links", "wheels")[1]


@pytest.mark.parametrize("damage", [b"", b"{}", b"\xff" * 100])
def test_a_damaged_memory_counts_as_none(runs: Runs, damage: bytes) -> None:
    first, _ = runs.lock("app", "--upgrade")
    kept = [path for path in (runs.place / "cache" / "v1" / "locks").iterdir() if path.is_file()]
    assert kept
    for path in kept:
        path.write_bytes(damage)
    again, imported = runs.lock("app", "--upgrade")
    assert again == first
    assert "resolvelib" in imported
