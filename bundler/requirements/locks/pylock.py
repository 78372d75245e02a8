"""pylock.toml (PEP 751), in and out: the validation is packaging's, the choice for a target is ours.

In: `extras` and `dependency_groups` are settled when the file is read; markers ask for both and for the target. A file
is taken by its path if something is there, else by its URL; with neither it is left to the indexes, by its name and
hash. Attestations aren't checked.

Out: `environments` pins the targets, so that nobody else installs from the lock. Where some of the targets don't take a
package it has a marker, of the fewest variables that tell them apart: on each target one entry of a name is left at
most. A file without a URL stands beside the lock, so that neither an index nor --find-links is needed. Targets that
differ in no marker, as two versions of glibc, are one environment: it takes what any of them takes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain, combinations
from typing import TypeVar

import tomli_w
from packaging.markers import Marker
from packaging.pylock import (
    Package,
    PackageArchive,
    PackageDirectory,
    PackageSdist,
    PackageVcs,
    PackageWheel,
    Pylock,
    PylockUnsupportedVersionError,
    PylockValidationError,
)
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from bundler.errors import RequirementError, UsageError
from bundler.requirements.files.references import Locate, absolute_url
from bundler.requirements.locked import Chosen, Lock, LockedFile, LockedProject, Satisfies
from bundler.requirements.locks.pinned import LockedPackage
from bundler.requirements.locks.rules import asked_for, chosen_once, off_target, read_python
from bundler.requirements.locks.sources import (
    file_url,
    from_archive,
    from_files,
    from_repository,
    last_part,
    parse_digests,
)
from bundler.requirements.moments import parse_upload_time
from bundler.requirements.origins import Origin
from bundler.requirements.quoting import shown
from bundler.requirements.toml_documents import TomlDocument

__all__ = ["read_pylock", "write_pylock"]

_File = PackageWheel | PackageSdist | PackageArchive

#: What tells one of our targets from another, as markers.
_PINNED = ("implementation_name", "python_version", "sys_platform", "platform_machine")
#: An environment: a clause for each of _PINNED.
_Pins = tuple[str, ...]
_Kind = TypeVar("_Kind", PackageWheel, PackageSdist)


def read_pylock(data: bytes, name: str, *, extras: Sequence[str], groups: Sequence[str], locate: Locate) -> Lock:
    """Read a pylock.toml; the groups asked for come on top of its default ones (PEP 751).

    Raises:
        RequirementError: not such a file, one of another major version, or an extra or group that it hasn't got.
    """
    pylock = _validated(data, name)
    defaults = pylock.default_groups or ()
    known = (*(pylock.dependency_groups or ()), *defaults)
    reading = _Reading(
        name=name,
        pylock=pylock,
        chosen={
            "extras": asked_for(extras, pylock.extras or (), "extra", name),
            "dependency_groups": asked_for(groups, known, "group", name) | frozenset(defaults),
        },
        python=read_python(str(pylock.requires_python or ""), name),
        locate=locate,
    )
    projects = tuple(map(reading.project, pylock.packages))
    return Lock(source=name, projects=projects, choose=lambda satisfies: reading.choose(projects, satisfies))


def _validated(data: bytes, name: str) -> Pylock:
    try:
        return Pylock.from_dict(TomlDocument.parse(data, name).table)
    except PylockUnsupportedVersionError as exc:
        hint = "lock again in version 1.0 of the format"
        raise RequirementError(str(exc), origin=name, hint=hint) from exc
    except (PylockValidationError, RecursionError) as exc:
        message = f"the file isn't a valid pylock.toml: {shown(str(exc))}"
        raise RequirementError(message, origin=name) from exc


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    name: str
    pylock: Pylock
    chosen: Chosen
    python: Marker | None
    locate: Locate

    def project(self, package: Package) -> LockedProject:
        project = LockedProject(
            name=package.name,
            version=package.version,
            origin=Origin(source=self.name),
            requires_python=str(package.requires_python) if package.requires_python else None,
        )
        if package.vcs is not None:
            return self._repository(project, package.vcs)
        if package.directory is not None:
            path = "/".join(filter(None, (package.directory.path, package.directory.subdirectory)))
            return replace(project, reference=self._at(path))
        if package.archive is not None:
            source = package.archive.url or package.archive.path or ""
            file = self._file(package.archive, last_part(source), project)
            return from_archive(project, file, self.locate, subdirectory=package.archive.subdirectory)
        distributions = (*(package.wheels or ()), *([package.sdist] if package.sdist else ()))
        return from_files(project, [self._file(each, each.filename, project) for each in distributions])

    def _repository(self, project: LockedProject, vcs: PackageVcs) -> LockedProject:
        if vcs.type != "git":
            message = f"{project.name} comes from a {vcs.type[:20]} repository, and only git is understood"
            raise RequirementError(message, origin=self.name, hint="lock a release of it instead")
        url = vcs.url or self._at(vcs.path or "")
        if url is None:
            return project
        return from_repository(project, url.rstrip("/"), vcs.commit_id, self.locate, subdirectory=vcs.subdirectory)

    def _file(self, file: _File, filename: str, project: LockedProject) -> LockedFile:
        url = self._at(file.path) if file.path else None
        if url is None and file.url:
            url = file_url(file.url, project)
        return LockedFile(
            filename=filename,
            hashes=parse_digests([f"{algorithm}:{value}" for algorithm, value in file.hashes.items()], project),
            url=url,
            size=file.size,
            upload_time=_time(file.upload_time),
        )

    def _at(self, path: str) -> str | None:
        return absolute_url(path, self.locate, self.name)

    def choose(self, projects: Sequence[LockedProject], satisfies: Satisfies) -> tuple[LockedProject, ...]:
        if not satisfies(self.python, self.chosen):
            raise off_target("its Python isn't", [f"Python {self.pylock.requires_python}"], self.name)
        environments = self.pylock.environments or ()
        if environments and not any(satisfies(marker, self.chosen) for marker in environments):
            raise off_target("none of its environments is", map(str, environments), self.name)
        packages = zip(projects, self.pylock.packages, strict=True)
        taken = (project for project, package in packages if satisfies(package.marker, self.chosen))
        return chosen_once(taken, self.name)


def _time(uploaded: datetime | None) -> str | None:
    """The time as PEP 700 writes it; without a zone it is UTC (PEP 751)."""
    if uploaded is None:
        return None
    return (uploaded if uploaded.tzinfo else uploaded.replace(tzinfo=UTC)).isoformat()


def write_pylock(locks: Sequence[tuple[Mapping[str, str], Sequence[LockedPackage]]], *, created_by: str) -> bytes:
    """Write the pylock.toml of some targets, each by its marker environment and what it takes.

    The bytes don't depend on the order of the packages, and on that of the targets only in `environments` and markers.

    Raises:
        UsageError: a project in two versions for targets that no marker tells apart, or a file with two digests.
    """
    environments = _environments(locks)
    entries = sorted({(each.name, each.version) for taken in environments.values() for each in chain(*taken.values())})
    writing = _Writing(environments=environments, entries=Counter(name for name, _ in entries))
    lock = Pylock(
        lock_version=Version("1.0"),
        environments=[_marker([pins], range(len(_PINNED))) for pins in environments],
        created_by=created_by,
        packages=[writing.package(name, version) for name, version in entries],
    )
    return tomli_w.dumps(lock.to_dict()).encode()


def _environments(
    locks: Iterable[tuple[Mapping[str, str], Sequence[LockedPackage]]],
) -> dict[_Pins, dict[str, list[LockedPackage]]]:
    """The packages by environment and name: one, or one for each of the targets that no marker tells apart."""
    locks = tuple(locks)
    exact = _differ_in_patch([environment for environment, _ in locks])
    environments: dict[_Pins, dict[str, list[LockedPackage]]] = {}
    for environment, packages in locks:
        taken = environments.setdefault(_pins(environment, exact=exact), {})
        for package in packages:
            same = taken.setdefault(package.name, [])
            if any(other.version != package.version for other in same):
                message = f"one lock can't hold {package.name} {same[0].version} and {package.version}"
                details = ("the targets that take them differ in no marker",)
                raise UsageError(message, details=details, hint="write one lock for each target")
            same.append(package)
    return environments


def _differ_in_patch(environments: Sequence[Mapping[str, str]]) -> bool:
    """Whether two targets differ in the patch release of one Python."""
    pythons = {(each["python_version"], each["python_full_version"]) for each in environments}
    return len(pythons) > len({version for version, _ in pythons})


def _pins(environment: Mapping[str, str], *, exact: bool) -> _Pins:
    named = ("python_full_version" if exact and name == "python_version" else name for name in _PINNED)
    return tuple(f'{name} == "{environment[name]}"' for name in named)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Writing:
    environments: Mapping[_Pins, Mapping[str, Sequence[LockedPackage]]]
    #: How many entries there are of a name.
    entries: Mapping[str, int]

    def package(self, name: str, version: Version) -> Package:
        """The entry of one version of a project, over all targets that take it."""
        taken = [pins for pins, packages in self.environments.items() if self._version(pins, name) == version]
        found = [package for pins in taken for package in self.environments[pins][name]]
        files = _files(found)
        python = _agreed(package.requires_python for package in found)
        trees = [each for each in files if _is_tree(each)]
        files = [] if trees else files
        return Package(
            name=canonicalize_name(name),
            version=version,
            marker=self._telling(taken),
            requires_python=SpecifierSet(python) if python else None,
            dependencies=self._dependencies(taken, name) or None,
            vcs=_repository(trees[0]) if trees and trees[0].url else None,
            directory=_directory(trees[0]) if trees and not trees[0].url else None,
            sdist=next((_written(PackageSdist, each) for each in files if not each.is_wheel), None),
            wheels=[_written(PackageWheel, each) for each in files if each.is_wheel] or None,
        )

    def _version(self, pins: _Pins, name: str) -> Version | None:
        return next((package.version for package in self.environments[pins].get(name, ())), None)

    def _telling(self, taken: Sequence[_Pins]) -> Marker | None:
        """The marker that holds in these environments and in no other of the lock; None if these are all."""
        others = [pins for pins in self.environments if pins not in taken]
        if not others:
            return None
        choices = (each for size in range(1, len(_PINNED)) for each in combinations(range(len(_PINNED)), size))
        telling = (each for each in choices if not _values(taken, each) & _values(others, each))
        return _marker(taken, next(telling, range(len(_PINNED))))

    def _dependencies(self, taken: Sequence[_Pins], name: str) -> list[dict[str, str]]:
        """The entries that this one needs, by as much as tells each from the others (PEP 751)."""
        needed = {
            (other, self._version(pins, other))
            for pins in taken
            for package in self.environments[pins][name]
            for other in package.requires
        }
        return [
            {"name": other, "version": str(version)} if self.entries[other] > 1 else {"name": other}
            for other, version in sorted(needed, key=lambda each: (each[0], str(each[1])))
        ]


def _values(environments: Iterable[_Pins], variables: Sequence[int]) -> set[_Pins]:
    return {tuple(pins[variable] for variable in variables) for pins in environments}


def _marker(environments: Iterable[_Pins], variables: Sequence[int]) -> Marker:
    clauses = dict.fromkeys(" and ".join(pins[variable] for variable in variables) for pins in environments)
    grouped = len(clauses) > 1 and len(variables) > 1
    return Marker(" or ".join(f"({clause})" if grouped else clause for clause in clauses))


def _files(packages: Iterable[LockedPackage]) -> list[LockedPackage]:
    """Each file once, sorted."""
    files: dict[str, LockedPackage] = {}
    for package in packages:
        if files.setdefault(package.filename, package).digest != package.digest:
            digests = (str(files[package.filename].digest), str(package.digest))
            raise UsageError(f"{package.filename} has two digests", details=digests, hint="use one index for it")
    return [files[filename] for filename in sorted(files)]


def _is_tree(package: LockedPackage) -> bool:
    """Whether it is named by its source: a repository or a directory."""
    return (package.path or "")[-1:] == "/" or (package.url or "").startswith("git+")


def _repository(package: LockedPackage) -> PackageVcs:
    url, _, fragment = (package.url or "").removeprefix("git+").partition("#")
    url, _, commit = url.rpartition("@")
    return PackageVcs(
        type="git", url=url, commit_id=commit, subdirectory=fragment.removeprefix("subdirectory=") or None
    )


def _directory(package: LockedPackage) -> PackageDirectory:
    return PackageDirectory(path=package.path or "")


def _written(kind: type[_Kind], package: LockedPackage) -> _Kind:
    named = package.url is None or last_part(package.url) == package.filename
    return kind(
        name=None if named else package.filename,
        upload_time=parse_upload_time(package.upload_time),
        url=package.url,
        path=(package.path or package.filename) if package.url is None else None,
        size=package.size,
        hashes={package.digest.algorithm: package.digest.hexdigest},
    )


def _agreed(values: Iterable[str | None]) -> str | None:
    """The value that all have, or None."""
    found = set(values)
    return found.pop() if len(found) == 1 else None
