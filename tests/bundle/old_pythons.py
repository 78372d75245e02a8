"""The Pythons of this machine from 3.6 on, and running a program with them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

VERSIONS = [f"3.{minor}" for minor in range(6, 15)]


def interpreter(version: str) -> str | None:
    """A Python of that version: the running one, one on the PATH, or one of pyenv's."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    root = os.environ.get("PYENV_ROOT")
    installed = sorted(Path(root, "versions").glob(f"{version}.*/bin/python")) if root else []
    candidates = [shutil.which(f"python{version}"), *map(str, installed)]
    return next((path for path in candidates if path is not None and _runs(path, version)), None)


def _runs(path: str, version: str) -> bool:
    command = [path, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    result = subprocess.run(command, capture_output=True, text=True)
    return result.returncode == 0 and result.stdout.strip() == version


def run(*command: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables}
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, env=environment)


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}
