"""Stock pip and uv install from a pylock.toml that is for several targets, each with versions of its own."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from bundler.digests import Digest
from bundler.distributions import parse_filename
from bundler.requirements.locks.pinned import LockedPackage
from bundler.requirements.locks.pylock import write_pylock
from bundler.targets.platforms import running_target, targets_for
from tests.end_to_end.running import PIP, no_network, run, uv
from tests.support.wheels import make_sdist, make_wheel


def put(directory: Path, made: tuple[str, bytes], *, requires: tuple[str, ...] = (), by_url: bool) -> LockedPackage:
    """A distribution in a directory, as a lock names it."""
    filename, data = made
    (directory / filename).write_bytes(data)
    distribution = parse_filename(filename)
    return LockedPackage(
        name=distribution.name,
        version=distribution.version,
        filename=filename,
        digest=Digest.sha256(data),
        size=len(data),
        is_wheel=filename.endswith(".whl"),
        requires_python=">=3.8",
        upload_time="2024-01-02T03:04:05.000006Z",
        requires=requires,
        url=(directory / filename).as_uri() if by_url else None,
    )


@pytest.fixture(params=[False, True], ids=["by path", "by url"])
def lock(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A lock for this machine, which takes lib 1.0, and for two others, one of which takes lib 2.0 and an extra one."""
    by_url = bool(request.param)
    app = put(tmp_path, make_wheel("app", "1.0", requires=["lib"]), requires=("lib",), by_url=by_url)
    old = put(tmp_path, make_wheel("lib", "1.0"), by_url=by_url)
    sdist = put(tmp_path, make_sdist("lib", "1.0"), by_url=by_url)
    new = put(tmp_path, make_wheel("lib", "2.0"), by_url=by_url)
    other = put(tmp_path, make_wheel("other", "3.0", tag="cp314-cp314-win_amd64"), by_url=by_url)
    windows, arm = targets_for(["3.14"], ["windows-x86_64", "macos-arm64"])
    targets = [(windows, [app, new, other]), (running_target(), [app, old]), (arm, [app, sdist])]
    locks = [(dict(target.environment), packages) for target, packages in targets]
    path = tmp_path / "pylock.toml"
    path.write_bytes(write_pylock(locks, created_by="bundler"))
    return path


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """A fresh virtual environment without pip of its own."""
    run((sys.executable, "-m", "venv", "--without-pip", tmp_path / "env"))
    return tmp_path / "env" / "bin" / "python"


def installed(python: Path) -> list[str]:
    code = (
        "from importlib.metadata import distributions; print(sorted(f'{d.name} {d.version}' for d in distributions()))"
    )
    found: list[str] = ast.literal_eval(run((python, "-c", code)))
    return found


def test_pip_installs_what_is_for_this_machine(lock: Path, environment: Path) -> None:
    run((*no_network(), *PIP, "--python", environment, "install", "--no-index", "-r", lock))
    assert installed(environment) == ["app 1.0", "lib 1.0"]


def test_uv_installs_what_is_for_this_machine(lock: Path, environment: Path) -> None:
    run((*no_network(), uv(), "pip", "install", "--no-cache", "--offline", "--python", environment, "-r", lock))
    assert installed(environment) == ["app 1.0", "lib 1.0"]


def test_uv_brings_an_environment_in_line_with_the_lock(lock: Path, environment: Path) -> None:
    run((*no_network(), uv(), "pip", "sync", "--no-cache", "--offline", "--python", environment, lock))
    assert installed(environment) == ["app 1.0", "lib 1.0"]
