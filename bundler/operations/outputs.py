"""Outputs: said before any work is done, what would only be found out at its end."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from bundler.errors import EnvironmentProblem, UsageError

__all__ = ["check_output", "check_space"]


def check_output(output: Path, inputs: Iterable[Path], *, example: str) -> None:
    """Refuse an output that can't be a regular file, or is an input; `example` is a name that could be.

    Raises:
        UsageError: a directory, a device, or an input.
        EnvironmentProblem: its directory isn't there, or isn't writable.
    """
    if output.is_dir():
        raise UsageError(f"{output} is a directory", hint=f"name the file, such as {example}")
    if output.exists() and not output.is_file():
        raise UsageError(f"{output} is a device or a pipe", hint=f"name a regular file, such as {example}")
    if output.exists() and any(path.exists() and output.samefile(path) for path in inputs):
        raise UsageError(f"{output} is asked for as input and as output", hint="name another file with -o")
    if not output.parent.is_dir():
        hint = f"create {output.parent} first"
        raise EnvironmentProblem(f"can't write {output}: its directory doesn't exist", hint=hint)
    if not os.access(output.parent, os.W_OK | os.X_OK):
        hint = "check the permissions, or choose another directory"
        raise EnvironmentProblem(f"can't write {output}: {output.parent} isn't writable", hint=hint)


def check_space(directory: Path, needed: int) -> None:
    """Refuse what can't fit into a directory that may still have to be made; a small bundle may hold terabytes.

    Raises:
        EnvironmentProblem: fewer than `needed` bytes are free there.
    """
    free = shutil.disk_usage(directory if directory.exists() else directory.parent).free
    if free < needed:
        raise EnvironmentProblem(
            f"can't write {directory}: what goes there takes {needed} bytes, and only {free} are free",
            hint="free some space, or choose another directory",
        )
