"""What the command line names, read from the disk: requirement files and targets."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from bundler.errors import UsageError
from bundler.requirements.files import read_requirements
from bundler.requirements.model import RequirementSet
from bundler.targets.descriptions import read_descriptions
from bundler.targets.model import Target
from bundler.targets.platforms import targets_for

__all__ = ["read_targets", "read_wanted"]

_MAX_FILE = 64 << 20  # bytes; a requirements file or target description over this is a mistake


def read_wanted(
    positional: Sequence[str], requirement_files: Sequence[Path], constraint_files: Sequence[Path]
) -> RequirementSet:
    """Read everything that is wanted.

    Raises:
        UsageError: nothing is asked for, or a file can't be read.
        RequirementError: a requirement can't be understood.
    """
    wanted = read_requirements(
        positional, [str(path) for path in requirement_files], [str(path) for path in constraint_files], _open_file
    )
    if not wanted.requirements:
        raise UsageError("nothing is asked for", hint="name requirements, or give a file of them with -r")
    return wanted


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


def _decode(data: bytes) -> str:
    """JSON as text; PowerShell's `>` writes UTF-16."""
    return data.decode(json.detect_encoding(data), "replace")


def _open_file(written: str, within: str | None) -> tuple[str, bytes]:
    """Find a file as pip does: relative to the file that names it."""
    path = Path(written) if within is None else Path(within).parent / written
    return str(path), _read(path)


def _read(path: Path) -> bytes:
    try:
        with open(path, "rb") as stream:  # a pipe too, such as a shell's <(…)
            data = stream.read(_MAX_FILE + 1)
    except OSError as exc:
        raise UsageError(f"can't read {path}: {(exc.strerror or str(exc)).lower()}") from exc
    if len(data) > _MAX_FILE:
        raise UsageError(f"{path} is larger than {_MAX_FILE >> 20} MiB, which no such file is")
    return data
