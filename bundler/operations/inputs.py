"""What the command line names, read from the disk: requirement files and targets."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path

from packaging.version import Version

from bundler.errors import UsageError
from bundler.requirements.model import RequirementSet
from bundler.requirements.quoting import quote
from bundler.requirements.reading import Inputs, read_inputs
from bundler.targets.descriptions import read_descriptions
from bundler.targets.model import Target
from bundler.targets.platforms import targets_for

__all__ = ["pinned_versions", "read_targets", "read_wanted"]

_URL = re.compile(r"[a-z][a-z0-9+.-]+:/", re.IGNORECASE)  # one letter is a Windows drive; a path has one slash of two
_MAX_FILE = 64 << 20  # bytes; a requirements file or target description over this is a mistake


def read_wanted(inputs: Inputs) -> tuple[RequirementSet, tuple[Path, ...]]:
    """Read everything that is wanted; also give the files that it stands in.

    Raises:
        UsageError: nothing is asked for, or a file can't be read.
        RequirementError: a requirement can't be understood.
    """
    files: list[Path] = []

    def open_file(written: str, within: str | None) -> tuple[str, bytes]:
        """Find a file as pip does: relative to the file that names it."""
        path = Path(written) if within is None else Path(within).parent / written
        files.append(path)
        return str(path), _read(path)

    wanted = read_inputs(inputs, open_file=open_file, locate=_locate, environment=os.environ)
    if not (wanted.requirements or wanted.references or wanted.locks):
        raise UsageError("nothing is asked for", hint="name requirements, or give a file of them with -r")
    return wanted, tuple(files)


def read_targets(pythons: Sequence[str], platforms: Sequence[str], files: Sequence[Path]) -> tuple[Target, ...]:
    """The targets asked for: the named ones, then those of the files; the running interpreter where none is.

    Raises:
        UsageError: an unknown name, a file that can't be read, or two targets with one name.
    """
    described = tuple(target for path in files for target in read_descriptions(_decode(_read(path)), str(path)))
    named = targets_for(pythons, platforms) if pythons or platforms or not described else ()
    targets = (*named, *described)
    names = [target.name for target in targets]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"two targets are named {name}", hint='change "name" in one of the files')
    return targets


def pinned_versions(path: Path) -> list[tuple[str, Version]]:
    """The versions that a pylock.toml pins, by normalized name; none if there is no such file.

    Raises:
        UsageError: it is something else.
    """
    if not path.is_file():
        return []
    from bundler.requirements.locks.pylock import read_pylock  # here, since most runs have no lock to renew

    lock = read_pylock(_read(path), str(path), extras=(), groups=(), locate=_locate)
    return [(project.name, project.version) for project in lock.projects if project.version is not None]


def _decode(data: bytes) -> str:
    """JSON as text; PowerShell's `>` writes UTF-16."""
    return data.decode(json.detect_encoding(data), "replace")


def _locate(written: str, within: str | None) -> str | None:
    """The file: URL of what a path names, "/" at its end for a directory; None if nothing is there."""
    try:
        path = Path(written).expanduser() if within is None else Path(within).parent / written
        if not path.exists():
            return None
        return Path(os.path.abspath(path)).as_uri() + "/" * path.is_dir()  # links stay: their names count
    except (OSError, ValueError, RuntimeError):  # a path that no system could hold, or an unknown ~user
        return None


def _read(path: Path) -> bytes:
    if _URL.match(str(path)):  # it may hold a password
        raise UsageError(f"{quote(str(path))} is a URL", hint="fetch the file first, and name it by its path")
    try:
        with open(path, "rb") as stream:  # a pipe too, such as a shell's <(…)
            data = stream.read(_MAX_FILE + 1)
    except ValueError as exc:
        raise UsageError(f"{quote(str(path))} is no path: {exc}") from exc
    except OSError as exc:
        raise UsageError(f"can't read {path}: {(exc.strerror or str(exc)).lower()}") from exc
    if len(data) > _MAX_FILE:
        raise UsageError(f"{path} is larger than {_MAX_FILE >> 20} MiB, which no such file is")
    return data
