"""A working directory in memory, /w, for what reads files and asks what is at a path."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from pathlib import Path

from bundler.errors import UsageError

SAMPLES = Path(__file__).parent / "samples"


class Disk:
    """Files by name, below the working directory; a name that ends in "/" is a directory."""

    def __init__(self, files: Mapping[str, str | bytes]) -> None:
        self._files = {name.rstrip("/"): (name, data) for name, data in files.items()}

    def open_file(self, path: str, within: str | None) -> tuple[str, bytes]:
        name = _joined(path, within)
        if name not in self._files:
            raise UsageError(f"can't read {name}")
        data = self._files[name][1]
        return name, data.encode() if isinstance(data, str) else data

    def locate(self, path: str, within: str | None) -> str | None:
        assert path  # a join would give the directory itself
        found = self._files.get(_joined(path, within))
        return None if found is None else f"file:///w/{found[0]}"


def _joined(path: str, within: str | None) -> str:
    assert "\0" not in path  # the operating system's calls raise ValueError for it
    folder = posixpath.join("/w", posixpath.dirname(within or ""))
    return posixpath.relpath(posixpath.join(folder, path), "/w")


def sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()
