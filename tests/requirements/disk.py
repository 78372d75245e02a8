"""A machine's files in memory, the working directory being /w, for what reads files and asks what is at a path."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from bundler.errors import UsageError

__all__ = ["SAMPLES", "Disk", "anywhere", "sample"]

SAMPLES = Path(__file__).parent / "samples"

_DRIVE = re.compile(r"[A-Za-z]:[/\\]")
_ABSENT = "missing"


class Disk:
    """Files by path, mostly below the working directory; one that ends in "/" is a directory."""

    def __init__(self, files: Mapping[str, str | bytes]) -> None:
        self._files = {_joined(path.rstrip("/") or "/", None): (path, data) for path, data in files.items()}

    @classmethod
    def holding(cls, *paths: str) -> Disk:
        """What is there, whatever it says."""
        return cls(dict.fromkeys(paths, b""))

    def open_file(self, path: str, within: str | None) -> tuple[str, bytes]:
        place = _joined(path, within)
        name = posixpath.relpath(place, "/w")
        if place not in self._files:
            raise UsageError(f"can't read {name}")
        data = self._files[place][1]
        return name, data.encode() if isinstance(data, str) else data

    def locate(self, path: str, within: str | None) -> str | None:
        place = _joined(path, within)
        return _url(place, is_directory=self._files[place][0].endswith("/")) if place in self._files else None


def anywhere(path: str, within: str | None) -> str | None:
    """A disk on which everything is there but what is called missing; names without a dot are directories."""
    place = _joined(path, within)
    return None if _ABSENT in path else _url(place, is_directory="." not in posixpath.basename(place))


def _joined(path: str, within: str | None) -> str:
    assert path  # a join would give the directory itself
    assert "\0" not in path  # the operating system's calls raise ValueError for it
    path = f"/{path}".replace("\\", "/") if _DRIVE.match(path) else path
    return posixpath.normpath(posixpath.join("/w", posixpath.dirname(within or ""), path))


def _url(place: str, *, is_directory: bool) -> str:
    url = f"file://{quote(place, safe='/:@+')}"
    return f"{url}/" if is_directory and place != "/" else url


def sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()
