"""The two files of an sdist that can tell its metadata without running its code: PKG-INFO and pyproject.toml (PEP 517).

Both stand in the one top-level directory (PEP 625 gives its name; older sdists spell it otherwise, so any name goes).
Neither is extracted, nor is anything else read into memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import BinaryIO

from bundler.archives.tars import read_tar
from bundler.archives.zips import read_directory
from bundler.distributions import Sdist
from bundler.errors import UnusableFile

__all__ = ["read_sdist_files"]

_MAX_FILE = 16 << 20
_PKG_INFO, _PYPROJECT = "PKG-INFO", "pyproject.toml"


def read_sdist_files(stream: BinaryIO, sdist: Sdist) -> tuple[bytes, bytes | None]:
    """Read PKG-INFO, and pyproject.toml where there is one, from a .tar.gz or .zip; reading stops when both are found.

    Raises:
        UnusableFile: no PKG-INFO, either above 16 MiB, or an archive that is cut, hostile or inflates beyond reason.
    """
    found: dict[str, bytes] = {}
    tops: set[str] = set()
    for name, read in _members(stream, sdist):
        top, _, rest = name.partition("/")
        if rest not in (_PKG_INFO, _PYPROJECT):
            continue
        if rest in found or tops - {top}:
            raise UnusableFile(f"{sdist.filename}: it has two files {rest}, or two top-level directories")
        tops.add(top)
        found[rest] = read()
        if len(found) == 2:
            break
    if _PKG_INFO not in found:
        raise UnusableFile(f"{sdist.filename}: it has no {_PKG_INFO}")
    return found[_PKG_INFO], found.get(_PYPROJECT)


def _members(stream: BinaryIO, sdist: Sdist) -> Iterator[tuple[str, Callable[[], bytes]]]:
    if sdist.filename.endswith(".zip"):
        directory = read_directory(stream, sdist.filename)
        return ((entry.name, partial(directory.read, entry, ceiling=_MAX_FILE)) for entry in directory.entries)
    return ((member.name, partial(member.read, ceiling=_MAX_FILE)) for member in read_tar(stream, sdist.filename))
