"""Expand: a bundle into a find-links directory, all of it or nothing."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from bundler.bundle.ahead import THREADS
from bundler.bundle.manifest import MANIFEST_NAME, Manifest
from bundler.errors import BundleFormatError, EnvironmentProblem, UsageError
from bundler.operations.opening import open_bundle
from bundler.operations.progress import Progress
from bundler.publication import is_temporary, publish_directory

__all__ = ["expand_bundle"]


def expand_bundle(bundle: Path, directory: Path, *, force: bool, progress: Progress) -> Manifest:
    """Write every file of a bundle into a new or empty directory; with `force` replace a former expansion.

    Raises:
        UsageError: the directory holds something else, or the bundle can't be read.
        IntegrityError, BundleFormatError: the bundle is damaged or foreign; the directory is as it was.
        EnvironmentProblem: the file system refused.
    """
    directory = Path(os.path.realpath(directory))
    replace = _check_directory(directory, force=force)
    with open_bundle(bundle) as reader:
        files = reader.manifest.files
        _check_space(directory, sum(file.size for file in files))
        progress.begin("expanding", total_bytes=sum(file.size for file in files))
        with publish_directory(directory, replace=replace, last=MANIFEST_NAME) as temporary:
            reader.expand_to(temporary, threads=THREADS, progress=lambda count: progress.advance(nbytes=count))
        return reader.manifest


def _check_directory(directory: Path, *, force: bool) -> bool:
    """Whether a former expansion is to be replaced; refuses to touch anything else."""
    if not directory.parent.is_dir():
        hint = f"create {directory.parent} first"
        raise EnvironmentProblem(f"can't write {directory}: the directory above it doesn't exist", hint=hint)
    try:
        found = sorted(os.listdir(directory))
    except FileNotFoundError:
        return False
    except NotADirectoryError as exc:
        raise UsageError(f"{directory} is a file", hint="name a new directory") from exc
    if not found:
        return False
    if not force:
        raise UsageError(
            f"{directory} isn't empty", hint="name a new directory, or use --force over a former expansion"
        )
    _check_former(directory, found)
    return True


def _check_space(directory: Path, needed: int) -> None:
    """Say before any work that it can't fit; a bundle of zeros is small and may hold terabytes."""
    free = shutil.disk_usage(directory if directory.exists() else directory.parent).free
    if free < needed:
        raise EnvironmentProblem(
            f"can't write {directory}: the bundle holds {needed} bytes, and only {free} are free there",
            hint="free some space, or choose another directory",
        )


def _check_former(directory: Path, found: list[str]) -> None:
    """Only what a bundle put there may be removed: the files that its bundle.json names."""
    try:
        manifest = Manifest.decode((directory / MANIFEST_NAME).read_bytes())
    except (OSError, BundleFormatError) as exc:
        raise UsageError(f"{directory} isn't a former expansion of a bundle", hint="name a new directory") from exc
    known = {MANIFEST_NAME, *(file.filename for file in manifest.files)}
    strangers = [name for name in found if name not in known and not is_temporary(name)]
    if strangers:
        raise UsageError(
            f"{directory} isn't a former expansion alone: it also holds {strangers[0]!r}",
            hint="move your own files away, or name a new directory",
        )
