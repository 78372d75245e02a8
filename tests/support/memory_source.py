"""A source in memory: projects, their files and their metadata, for tests of whatever asks the source port."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bundler.digests import Digest
from bundler.distributions import CoreMetadata, parse_filename
from bundler.errors import BundlerError, NotFound
from bundler.simple.model import ProjectFile, ProjectPage
from bundler.targets.model import Target
from tests.support.wheels import core_metadata

__all__ = ["MemorySource"]

INDEX = "https://index.example/simple/"


class MemorySource:
    """Implements `resolution.source.Source`; counts in `asked` what it was asked for.

    `add` returns the file, so that a test can compare; `fail_page` and `fail_metadata` plant an error.
    """

    def __init__(self) -> None:
        self._files: dict[str, list[ProjectFile]] = {}
        self._metadata: dict[str, bytes] = {}
        self._page_errors: dict[str, BundlerError] = {}
        self._metadata_errors: dict[str, BundlerError] = {}
        self._status: dict[str, tuple[str, str | None]] = {}
        self.asked: Counter[str] = Counter()
        self.anticipated: list[tuple[str, str]] = []
        #: File names, in the order of the hints.
        self.anticipated_files: list[str] = []

    def add(
        self,
        filename: str,
        *,
        requires: Iterable[str] = (),
        requires_python: str | None = None,
        page_requires_python: str | None = None,
        extras: Iterable[str] = (),
        yanked: str | None = None,
        upload_time: str | None = None,
        hashes: tuple[Digest, ...] | None = None,
        size: int | None = None,
        metadata: bytes | None = None,
    ) -> ProjectFile:
        """Put a wheel or sdist on its project's page, after those that stand there."""
        distribution = parse_filename(filename)
        name = distribution.name
        if metadata is None:
            metadata = core_metadata(name, str(distribution.version), tuple(requires), requires_python, tuple(extras))
        file = ProjectFile(
            filename=filename,
            url=f"{INDEX}{name}/{filename}",
            hashes=(Digest.sha256(filename.encode()),) if hashes is None else hashes,
            size=size,
            requires_python=requires_python if page_requires_python is None else page_requires_python,
            yanked=yanked,
            upload_time=upload_time,
        )
        self._files.setdefault(name, []).append(file)
        self._metadata[filename] = metadata
        return file

    def know(self, name: str, *, status: str = "active", reason: str | None = None) -> None:
        """Make a project known, with no files if none are added, and give it a PEP 792 status."""
        self._files.setdefault(canonicalize_name(name), [])
        self._status[canonicalize_name(name)] = (status, reason)

    def fail_page(self, name: str, error: BundlerError) -> None:
        """Raise this whenever that project's page is asked for."""
        self._page_errors[name] = error

    def fail_metadata(self, filename: str, error: BundlerError) -> None:
        """Raise this whenever that file's metadata is asked for."""
        self._metadata_errors[filename] = error

    def page(self, name: str) -> ProjectPage:
        self.asked[name] += 1
        if name in self._page_errors:
            raise self._page_errors[name]
        if name not in self._files:
            raise NotFound(f"no project named {name!r} on {INDEX}")
        files = tuple(self._files[name])
        status, reason = self._status.get(name, ("active", None))
        return ProjectPage(
            name=name,
            url=f"{INDEX}{name}/",
            filenames=tuple(file.filename for file in files),
            read=files.__getitem__,
            status=status,
            status_reason=reason,
        )

    def metadata(self, file: ProjectFile) -> CoreMetadata:
        self.asked[file.filename] += 1
        if file.filename in self._metadata_errors:
            raise self._metadata_errors[file.filename]
        return CoreMetadata.parse(self._metadata[file.filename], parse_filename(file.filename))

    def anticipate(self, requirements: Iterable[Requirement], target: Target) -> None:
        self.anticipated += [(str(requirement), target.name) for requirement in requirements]

    def anticipate_files(self, files: Iterable[ProjectFile]) -> None:
        self.anticipated_files += [file.filename for file in files]
