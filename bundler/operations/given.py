"""Files that are known before any index is asked: those that a lock names by URL, and settled direct references."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from bundler.distributions import check_filename
from bundler.errors import RequirementError, UnusableFile
from bundler.operations.references import SettledReference
from bundler.requirements.locked import Lock, LockedFile, LockedProject
from bundler.requirements.model import DeclaredReference, DeclaredRequirement, RequirementSet
from bundler.simple.model import ProjectFile
from bundler.targets.model import Target

__all__ = ["all_references", "given_files", "locked_projects", "with_settled"]


def locked_projects(locks: Sequence[Lock], targets: Sequence[Target]) -> tuple[LockedProject, ...]:
    """The projects that the locks choose for some target, each once.

    Raises:
        RequirementError: a lock doesn't cover a target.
    """
    chosen = (project for lock in locks for target in targets for project in lock.choose(target.satisfies_lock))
    return tuple({id(project): project for project in chosen}.values())


def all_references(wanted: RequirementSet, projects: Iterable[LockedProject]) -> tuple[DeclaredReference, ...]:
    """The direct references of the requirement set, and then those of locked projects."""
    locked = (
        DeclaredReference(url=project.reference, origin=project.origin, name=project.name, hashes=project.hashes)
        for project in projects
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
            hashes=each.declared.hashes,  # what a person stated and nothing else: --require-hashes asks for that
        )
        for each in settled
        if id(each.declared) in own
    )
    return replace(wanted, requirements=(*wanted.requirements, *pinned), references=())


def given_files(
    projects: Iterable[LockedProject], settled: Sequence[SettledReference]
) -> Mapping[str, tuple[ProjectFile, ...]]:
    """The files by normalized project; a project of which a lock states no URLs is left to the indexes.

    Raises:
        RequirementError: a lock names a file in an unsafe way.
    """
    given: dict[str, dict[str, ProjectFile]] = {}
    for project in projects:
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
