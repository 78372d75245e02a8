"""Settle direct references: each becomes one file with a known SHA-256 in the blob store.

A wheel or sdist is taken as it is. A directory or a repository's commit is packed into an sdist whose bytes depend on
its files alone (`trees`), so that it can be resolved, bundled and installed like one of an index. Nothing of it is run;
where the metadata isn't static, the reference is refused.

Left out: archives that are no sdists, such as those that a forge makes of a tag: their repository can be named instead.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit, urlunsplit

from packaging.requirements import Requirement

from bundler.cache.store import Store
from bundler.digests import PIECE, Digest
from bundler.distributions import Distribution, parse_filename
from bundler.errors import (
    EnvironmentProblem,
    IntegrityError,
    RequirementError,
    SourceError,
    UnusableFile,
    UsageError,
)
from bundler.index.downloads import download, fetch_unknown
from bundler.index.local import path_of
from bundler.index.locations import IndexLocation, redact
from bundler.index.transport import Transport
from bundler.operations.progress import Progress
from bundler.requirements.files.fragments import Fragment
from bundler.requirements.model import DeclaredReference
from bundler.requirements.urls import is_usable
from bundler.sdist_metadata import static_tree_metadata
from bundler.simple.model import ProjectFile
from bundler.trees.checkout import Checkout, opened_checkout
from bundler.trees.directories import directory_tree
from bundler.trees.links import regular_files
from bundler.trees.model import Tree, TreeFile
from bundler.trees.packing import PKG_INFO, write_sdist
from bundler.trees.repositories import Repository

__all__ = ["SettledReference", "reference_locations", "settle_references"]

_MAX_METADATA = 16 << 20
_WEB = ("http", "https")
_PYPROJECT = "pyproject.toml"
_DESCRIBING = (PKG_INFO, _PYPROJECT)
_BUILD_IT = "build a wheel of it first, and name that wheel"
_READABLE = "write https://host/path/file or file:///path/file, with special characters percent-encoded"
_TAKEN = "name a wheel (.whl), an sdist (.tar.gz, .zip), a directory, or a repository: git+https://host/path.git@REF"


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledReference:
    """A direct reference, the one file that it stands for, and the requirement that only this file meets."""

    declared: DeclaredReference
    requirement: Requirement
    #: Its URL is fit to be recorded: no credentials, and a repository's commit in place of a branch.
    file: ProjectFile

    @property
    def name(self) -> str:
        """The project, normalized."""
        return self.requirement.name


def reference_locations(references: Sequence[DeclaredReference]) -> tuple[IndexLocation, ...]:
    """Where the credentials hold that stand in references to files; for the Transport that is to fetch them.

    Raises:
        UsageError: a URL with credentials that can't be understood.
    """
    parts = [(reference.url, reference.url.partition("://")) for reference in references]
    urls = [url for url, (scheme, _, rest) in parts if scheme.lower() in _WEB and "@" in rest.partition("/")[0]]
    return tuple(IndexLocation.parse_links(url, what="a file") for url in urls)


def settle_references(
    references: Sequence[DeclaredReference], *, transport: Transport, store: Store, progress: Progress
) -> tuple[SettledReference, ...]:
    """Bring what the references name into the blob store, in their order.

    Raises:
        RequirementError: a reference that can't be settled without running code, or that another one contradicts.
        IntegrityError: bytes without one of the hashes that were stated for them.
        SourceError, EnvironmentProblem: a file or repository can't be had.
    """
    if not references:
        return ()
    progress.begin("fetching direct references", total_files=len(references))
    settled = []
    with ExitStack() as stack:
        settling = _Settling(transport, store, progress, stack)
        for declared in references:
            settled.append(settling.settle(declared))
            progress.advance(files=1)
    for one, other in combinations(settled, 2):
        _refuse_conflict(one, other)
    return tuple(settled)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What a reference names, opened."""

    filename: str
    url: str
    stream: BinaryIO


class _Settling:
    """One run; repositories stay open, so that several references to one see the same commit of a branch."""

    def __init__(self, transport: Transport, store: Store, progress: Progress, stack: ExitStack) -> None:
        self._transport = transport
        self._store = store
        self._progress = progress
        self._stack = stack
        self._checkouts: dict[Repository, Checkout] = {}

    def settle(self, declared: DeclaredReference) -> SettledReference:
        """Settle one reference."""
        origin = str(declared.origin)
        subdirectory = Fragment.parse(declared.url, declared.origin).subdirectory or ""
        below = "/".join(part for part in subdirectory.split("/") if part not in ("", "."))
        stated = set(declared.hashes)
        try:
            with self._opened(declared.url.partition("#")[0], below, stated) as found:
                return self._settled(declared, stated, found)
        except (UnusableFile, UsageError) as exc:
            raise RequirementError(exc.message, origin=origin, details=exc.details, hint=exc.hint) from exc
        except (SourceError, IntegrityError) as exc:
            exc.details += (f"asked for by {origin}",)
            raise

    def _opened(self, url: str, subdirectory: str, stated: set[Digest]) -> AbstractContextManager[_Found]:
        scheme = url.partition(":")[0].lower()
        if "+" in scheme:
            return self._repository(Repository.parse(url), subdirectory)
        if not is_usable(url):
            raise UsageError("a URL that names no file, here or on a host, isn't taken", hint=_READABLE)
        path = path_of(url) if scheme == "file" else None
        if path is not None and path.is_dir():
            if not any((path / subdirectory / name).is_file() for name in _DESCRIBING):  # else "/" would be walked
                raise _undescribed(url)
            return self._packed(directory_tree(path), subdirectory, url)
        if subdirectory:
            raise UsageError(f"{redact(url)}: only a directory or a repository has a subdirectory", hint=_TAKEN)
        if path is not None:
            return _file(path, url)
        if scheme in _WEB:
            return self._web(url, stated)
        raise UsageError(f"a URL of the kind {scheme[:40]!r} isn't taken", hint=_TAKEN)

    @contextmanager
    def _web(self, url: str, stated: set[Digest]) -> Iterator[_Found]:
        parts = urlsplit(url)
        address = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, parts.query, ""))
        known = tuple(digest for digest in stated if digest.algorithm == "sha256")
        filename = _filename(parts.path)
        file = ProjectFile(filename=filename, url=address, hashes=known if len(known) == 1 else ())
        if file.digest is not None:
            download(file, transport=self._transport, blobs=self._store.blobs, on_bytes=self._count)
            with self._store.blobs.open(file.digest) as stream:
                yield _Found(filename=filename, url=redact(url), stream=stream)
        else:
            with self._temporary() as stream:
                fetch_unknown(file, stream, transport=self._transport, on_bytes=self._count)
                yield _Found(filename=filename, url=redact(url), stream=stream)

    @contextmanager
    def _repository(self, repository: Repository, subdirectory: str) -> Iterator[_Found]:
        checkout = self._checkouts.get(repository)
        if checkout is None:
            self._progress.detail(f"fetching {repository.url}")
            checkout = self._checkouts[repository] = self._stack.enter_context(opened_checkout(repository))
        before = checkout.pointers
        with self._packed(checkout.tree(subdirectory), subdirectory, checkout.url) as found:
            if pointers := checkout.pointers - before:
                self._progress.note(f"{found.url}: {pointers} of its files are pointers of Git LFS, which isn't asked")
            yield found

    @contextmanager
    def _packed(self, tree: Tree, subdirectory: str, url: str) -> Iterator[_Found]:
        """A tree as an sdist."""
        where = f"{url}#subdirectory={subdirectory}" if subdirectory else url
        try:
            files = regular_files(tree, subdirectory, where)
            if files.keys().isdisjoint(_DESCRIBING):
                raise _undescribed(where)
            pkg_info, pyproject = _content(files, PKG_INFO, where), _content(files, _PYPROJECT, where)
            sdist, metadata = static_tree_metadata(pkg_info, pyproject, where)
        except UnusableFile as exc:
            raise UsageError(exc.message, details=exc.details, hint=_BUILD_IT) from exc
        with self._temporary() as stream:
            write_sdist(stream, sdist.filename.removesuffix(".tar.gz"), metadata, files)
            yield _Found(filename=sdist.filename, url=where, stream=stream)

    def _settled(self, declared: DeclaredReference, stated: set[Digest], found: _Found) -> SettledReference:
        distribution = parse_filename(found.filename)
        if declared.name not in (None, distribution.name):
            hint = f"write {distribution.name} @ …"
            raise UsageError(f"{found.url} is {distribution.name}, and asked for as {declared.name}", hint=hint)
        digest = _digest(found, stated)
        if not self._store.blobs.verify(digest):
            found.stream.seek(0)
            with self._store.blobs.receive(digest, subject=found.url) as writer:
                shutil.copyfileobj(found.stream, writer, PIECE)
        size = self._store.blobs.size(digest)
        file = ProjectFile(filename=found.filename, url=found.url, hashes=(digest,), size=size)
        return SettledReference(declared=declared, requirement=_requirement(declared, distribution), file=file)

    @contextmanager
    def _temporary(self) -> Iterator[BinaryIO]:
        """A nameless file beside the blobs, where there is room for large ones."""
        root = self._store.blobs.root
        try:
            root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=root) as stream:
                yield stream
        except OSError as exc:
            raise EnvironmentProblem.from_os_error(exc, f"write a temporary file in {root}") from exc

    def _count(self, change: int) -> None:
        self._progress.advance(nbytes=change)


def _undescribed(where: str) -> UsageError:
    return UsageError(f"{where}: it has no pyproject.toml, and running a setup.py isn't allowed", hint=_BUILD_IT)


@contextmanager
def _file(path: Path, url: str) -> Iterator[_Found]:
    filename = _filename(url)
    if not path.is_file():
        raise UsageError(f"there is no file {path}")
    try:
        stream = open(path, "rb")  # noqa: SIM115  # reading errors are told apart from those of the block below
    except OSError as exc:
        raise EnvironmentProblem.from_os_error(exc, f"read {path}") from exc
    with stream:
        yield _Found(filename=filename, url=url, stream=stream)


def _filename(path: str) -> str:
    filename = unquote(path.rpartition("/")[2])
    try:
        return parse_filename(filename).filename
    except UnusableFile as exc:
        raise UsageError(exc.message, hint=_TAKEN) from exc


def _content(files: dict[str, TreeFile], name: str, where: str) -> bytes | None:
    if name not in files:
        return None
    if files[name].size > _MAX_METADATA:
        raise UnusableFile(f"{where}: its {name} is larger than {_MAX_METADATA >> 20} MiB")
    return b"".join(files[name].read())


def _digest(found: _Found, stated: set[Digest]) -> Digest:
    """The SHA-256 of what was found, which must have a stated hash of each algorithm that hashes are stated of."""
    for algorithm in sorted({"sha256", *(digest.algorithm for digest in stated)}, reverse=True):
        found.stream.seek(0)
        actual = Digest.of(found.stream, algorithm)
        good = sorted(digest for digest in stated if digest.algorithm == algorithm)
        if good and actual not in good:
            expected = " or ".join(map(str, good))
            raise IntegrityError(f"{found.url} has the wrong hash", expected=expected, actual=str(actual))
        if algorithm == "sha256":
            digest = actual
    return digest


def _requirement(declared: DeclaredReference, distribution: Distribution) -> Requirement:
    extras = f"[{','.join(declared.extras)}]" if declared.extras else ""
    requirement = Requirement(f"{distribution.name}{extras}=={distribution.version}")
    requirement.marker = declared.marker
    return requirement


def _refuse_conflict(one: SettledReference, other: SettledReference) -> None:
    """Refuse two different files for one project, unless their markers may part them: then the resolution decides."""
    if one.name != other.name or one.file.digest == other.file.digest:
        return
    markers = (one.declared.marker, other.declared.marker)
    if one.file.filename != other.file.filename and None not in markers and markers[0] != markers[1]:
        return
    raise RequirementError(
        f"{one.name} is asked for as two different files",
        origin=str(other.declared.origin),
        details=tuple(f"{each.declared.origin}: {each.file.url}" for each in (one, other)),
        hint="name one of them, or tell them apart by markers",
    )
