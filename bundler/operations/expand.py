"""Expand: a bundle into a find-links directory, or some of its files into a directory; all of it or nothing."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from packaging.utils import canonicalize_name

from bundler.bundle.ahead import CORES
from bundler.bundle.manifest import MANIFEST_NAME, RECIPE, Artifact, Manifest
from bundler.bundle.reader import BundleReader
from bundler.errors import BundleFormatError, EnvironmentProblem, UsageError
from bundler.operations.engines import choose_engine
from bundler.operations.opening import open_bundle
from bundler.operations.outputs import check_space
from bundler.operations.progress import Progress
from bundler.publication import is_temporary, publish_directory
from bundler.requirements.nearest import nearest

__all__ = ["expand_bundle", "expand_only"]


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
        manifest = reader.manifest
        check_space(directory, len(manifest.encode()) + sum(file.size for file in manifest.files))
        progress.begin("expanding", total_bytes=sum(member.size for member in manifest.members))
        with publish_directory(directory, replace=replace, last=MANIFEST_NAME) as temporary:
            reader.expand_to(
                temporary,
                threads=CORES,
                progress=lambda count: progress.advance(nbytes=count),
                engine=choose_engine(progress) if manifest.rebuilt else None,
            )
        return manifest


def expand_only(
    bundle: Path, directory: Path, names: Collection[str], *, progress: Progress
) -> tuple[Manifest, tuple[Artifact, ...]]:
    """Write the artifacts of some projects into a new or empty directory, and nothing else.

    A name is a project's, in any spelling, and means its files for all targets; or a file's.

    Raises:
        UsageError: the bundle holds nothing of a name; or as `expand_bundle`.
        IntegrityError, BundleFormatError, EnvironmentProblem: as `expand_bundle`.
    """
    directory = Path(os.path.realpath(directory))
    _check_directory(directory, force=False)
    with open_bundle(bundle) as reader:
        wanted = _named(reader, names)
        check_space(directory, sum(artifact.size for artifact in wanted))
        progress.begin("expanding", total_bytes=sum(artifact.size for artifact in wanted))
        with publish_directory(directory) as temporary:
            reader.expand_only(
                frozenset(artifact.filename for artifact in wanted),
                temporary,
                threads=CORES,
                progress=lambda count: progress.advance(nbytes=count),
                engine=choose_engine(progress) if any(artifact.stored == RECIPE for artifact in wanted) else None,
            )
        return reader.manifest, wanted


def _named(reader: BundleReader, names: Collection[str]) -> tuple[Artifact, ...]:
    manifest = reader.manifest
    known = {pin.name for pin in manifest.pins} | {artifact.filename for artifact in manifest.artifacts}
    wanted = set()
    for name in names:
        found = next((each for each in (name, canonicalize_name(name)) if each in known), None)
        if found is None:
            near = nearest(name, known)
            hint = f"did you mean {near}?" if near else f"see what it holds with bundler inspect {reader.name}"
            raise UsageError(f"{reader.name} holds no project and no file named {name!r}", hint=hint)
        wanted |= {found, *(pin.artifact for pin in manifest.pins if pin.name == found)}
    return tuple(artifact for artifact in manifest.artifacts if artifact.filename in wanted)


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
