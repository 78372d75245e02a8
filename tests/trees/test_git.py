from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bundler.errors import EnvironmentProblem, Unavailable, UnusableFile
from bundler.trees.checkout import opened_checkout
from bundler.trees.git import Git
from bundler.trees.repositories import Login, Repository
from tests.trees.making import GitRepository, git
from tests.trees.serving import serve_files, serve_git

CANARY = "hunter2canary"


def sleeping_git(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git that starts a child, notes both and never ends."""
    program = directory / "bin" / "git"
    program.parent.mkdir()
    program.write_text(
        f"#!/bin/sh\nsleep 1000 &\necho $$ $! > {directory}/pids.new\nmv {directory}/pids.new {directory}/pids\nwait\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return directory / "pids"


def all_gone(pids: Path) -> bool:
    return not any(_lives(int(pid)) for pid in pids.read_text().split())


def _lives(pid: int) -> bool:
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return False
        if state == "Z":
            return False
        time.sleep(0.05)
    return True


def test_without_git_the_refusal_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EnvironmentProblem, match="there is no git here") as caught:
        Git(tmp_path).read("version")
    assert caught.value.hint == "install git, or name a wheel or sdist instead"


def test_a_git_that_cant_be_run_is_an_environment_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "git").write_bytes(b"\x7fELF")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EnvironmentProblem, match="can't run git"):
        Git(tmp_path).read("version")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_git_that_takes_too_long_is_killed_with_its_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pids = sleeping_git(tmp_path, monkeypatch)
    with pytest.raises(Unavailable, match="took longer than"):
        Git(tmp_path, deadline=time.monotonic() + 1).read("fetch")
    assert all_gone(pids)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_kills_git_with_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: signal.Signals
) -> None:
    pids = sleeping_git(tmp_path, monkeypatch)
    program = (
        "import signal, sys, pathlib; from bundler.trees.git import Git\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))\n"
        f"Git(pathlib.Path({str(tmp_path)!r})).read('fetch')"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL)
    while not pids.exists():
        time.sleep(0.02)
    process.send_signal(how)
    assert process.wait(timeout=20) != 0
    assert all_gone(pids)


def test_an_answer_without_end_is_cut(tmp_path: Path) -> None:
    GitRepository(tmp_path / "r", {f"f{number}": b"" for number in range(100)})
    with pytest.raises(UnusableFile, match="without end"):
        Git(tmp_path / "r").read("ls-files", ceiling=100)


def test_what_git_says_is_shown_without_secrets(tmp_path: Path) -> None:
    repository = Repository(url="https://host.example/x", login=Login("me@home", f"{CANARY}/"))
    with pytest.raises(Unavailable) as caught:
        Git(tmp_path, repository).read(f"{CANARY}/", f"https://u:{CANARY}@h/", f"me%40home {CANARY}%2F")
    assert CANARY not in "".join(caught.value.details)
    assert "me%40home" not in "".join(caught.value.details)


def test_a_password_is_given_to_its_host_when_it_asks(tmp_path: Path) -> None:
    asked: list[str | None] = []
    origin = GitRepository(tmp_path / "root" / "r", {"x": b"1"})
    with serve_git(tmp_path / "root", f"me@home:{CANARY}", asked) as place:
        url = place.replace("://", f"://me%40home:{CANARY}@")
        with opened_checkout(Repository.parse(f"git+{url}/r@main")) as opened:
            assert opened.commit == origin.head
            assert opened.url == f"git+{place}/r@{origin.head}"
            assert CANARY not in (Path(opened._git._directory) / "config").read_text()
    assert asked[0] is None
    assert len(set(asked)) == 2


def test_a_token_alone_goes_as_the_user(tmp_path: Path) -> None:
    GitRepository(tmp_path / "root" / "r", {"x": b"1"})
    with serve_git(tmp_path / "root", f"{CANARY}:", []) as place:
        url = place.replace("://", f"://{CANARY}@")
        with opened_checkout(Repository.parse(f"git+{url}/r")) as opened:
            assert set(opened.tree()) == {"x"}


@pytest.mark.parametrize("userinfo", ["", f"me:{CANARY}@"])
def test_a_wrong_password_ends_without_a_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, userinfo: str
) -> None:
    trap = tmp_path / "askpass"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/asked\n")
    trap.chmod(0o755)
    for name in ("GIT_ASKPASS", "SSH_ASKPASS"):
        monkeypatch.setenv(name, str(trap))
    GitRepository(tmp_path / "root" / "r", {"x": b"1"})
    with (
        serve_git(tmp_path / "root", "other:pass", []) as place,
        pytest.raises(Unavailable, match="git fetch failed") as caught,
        opened_checkout(Repository.parse(f"git+{place.replace('://', f'://{userinfo}')}/r")),
    ):
        pass
    assert CANARY not in f"{caught.value}{caught.value.hint}"
    assert not (tmp_path / "asked").exists()


def test_a_dumb_server_gives_the_whole_history(tmp_path: Path) -> None:
    origin = GitRepository(tmp_path / "r", {"x": b"1"})
    origin.commit({"x": b"2"})
    git(tmp_path, "clone", "--quiet", "--bare", "r", "bare.git")
    git(tmp_path / "bare.git", "update-server-info")
    with (
        serve_files(tmp_path) as place,
        opened_checkout(Repository.parse(f"git+{place}/bare.git@{origin.head}")) as opened,
    ):
        assert set(opened.tree()) == {"x"}
