"""Real programs for the end-to-end tests: bundler itself as a process, pip, uv, and a place without a network."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

__all__ = ["PIP", "bundler", "no_network", "run", "uv"]

PIP = (sys.executable, "-m", "pip", "--no-cache-dir")


def run(
    command: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    umask: int = -1,
    timeout: float = 300,
) -> str:
    """Run to success and give standard output; on failure the test fails with both outputs."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        umask=umask,
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert done.returncode == 0, f"{command} exited {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def bundler(*arguments: str | Path, **settings: object) -> str:
    """Run bundler as a process of its own."""
    return run((sys.executable, "-m", "bundler", *arguments), **settings)  # type: ignore[arg-type]  # run's own


@functools.cache
def no_network() -> tuple[str, ...]:
    """A prefix that runs a command in a network namespace with nothing in it; the test is skipped without one."""
    for prefix in (("unshare", "-n"), ("unshare", "-rn")):
        if shutil.which("unshare") and subprocess.run([*prefix, "true"], capture_output=True).returncode == 0:
            return prefix
    pytest.skip("this system offers no network namespace (unshare -n)")


def uv() -> str:
    """The uv program that the test environment installed."""
    beside = Path(sys.executable).parent / "uv"
    found = str(beside) if beside.exists() else shutil.which("uv")
    if found is None:
        pytest.skip("uv isn't installed")
    return found
