"""Files that are known before any index is asked: those that a lock names by URL, and settled direct references."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from bundler.distributions import check_filename
from bundler.errors import RequirementError, UnusableFile
from bundler.operations.references import SettledReference
from bundler.requirements.locked import Lock, LockedFile, LockedProject
from bundler.requirements.model import DeclaredReference, DeclaredRequirement, RequirementSet
from bundler.simple.model import ProjectFile
from bundler.targets.model import Target

__all__ = ["all_references", "given_files", "with_settled"]


def all_references(wanted: RequirementSet, targets: Sequence[Target]) -> tuple[DeclaredReference, ...]:
    """The direct references of the requirement set, and then those that its locks choose for some target.

    Raises:
        RequirementError: a lock doesn't cover a target.
    """
    chosen = (project for lock in wanted.locks for target in targets for project in lock.choose(target.satisfies_lock))
    locked = (
        DeclaredReference(url=project.reference, origin=project.origin, name=project.name, hashes=project.hashes)
        for project in {id(project): project for project in chosen}.values()
        if project.reference is not None
    )
    return (*wanted.references, *locked)


def with_settled(wanted: RequirementSet, settled: Sequence[SettledReference]) -> RequirementSet:
    """The set with its references replaced by requirements that only the settled files meet."""
    own = {id(reference) for reference in wanted.references}
    pinned = tuple(
        DeclaredRequirement(
            requirement=each.requirement,
            origin=each.declared.origin,
            hashes=() if each.file.digest is None else (each.file.digest,),
        )
        for each in settled
        if id(each.declared) in own
    )
    return replace(wanted, requirements=(*wanted.requirements, *pinned), references=())


def given_files(locks: Sequence[Lock], settled: Sequence[SettledReference]) -> Mapping[str, tuple[ProjectFile, ...]]:
    """The files by normalized project; a project of which a lock states no URLs is left to the indexes.

    Raises:
        RequirementError: a lock names a file in an unsafe way.
    """
    given: dict[str, dict[str, ProjectFile]] = {}
    for lock in locks:
        for project in lock.projects:
            if project.files and all(file.url is not None for file in project.files):
                given.setdefault(project.name, {}).update(_files(project))
    for each in settled:
        given.setdefault(each.name, {})[each.file.filename] = each.file
    return {name: tuple(files.values()) for name, files in given.items()}


def _files(project: LockedProject) -> Iterator[tuple[str, ProjectFile]]:
    for file in project.files:
        try:
            check_filename(file.filename)
        except UnusableFile as exc:
            raise RequirementError(exc.message, origin=str(project.origin)) from exc
        yield file.filename, _file(file, project)


def _file(file: LockedFile, project: LockedProject) -> ProjectFile:
    return ProjectFile(
        filename=file.filename,
        url=file.url or "",
        hashes=file.hashes,
        size=file.size,
        requires_python=project.requires_python,
        upload_time=file.upload_time,
    )
