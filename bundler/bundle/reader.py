"""Reading a bundle: the manifest first, then every member that it names, in its order, and nothing else.

`expand_to` stops at the first fault; `verify` goes on and names each (see `walking`). `expand_only` reads what a few
artifacts need (see `extraction`). Nothing is believed for its place, name or claim: only what the manifest's sizes and
SHA-256s bear out.
Left out: final names. `expand_to` fills a directory that only `publication.publish_directory` may put in place.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from bundler.bundle.container import CompressedFrame, FrameReader, decompress_frame
from bundler.bundle.deflate import Engine
from bundler.bundle.expander import BLOCK, LARGEST_LIST, Recipes, check_blobs, size_in_header
from bundler.bundle.extraction import FrameFinder, read_recipes
from bundler.bundle.landing import copy_file, file_sink, seal, write_file
from bundler.bundle.manifest import MANIFEST_NAME, RECIPE, Artifact, Manifest
from bundler.bundle.members import FRAME_SIZE, TAR_END, Member, members
from bundler.bundle.rebuilding import Rebuilder, refusals
from bundler.bundle.streaming import BlobReader
from bundler.bundle.walking import Finding, Read, Walk, nowhere
from bundler.digests import Digest
from bundler.errors import BundleFormatError, EnvironmentProblem, UsageError

__all__ = ["BundleReader", "Finding"]

Progress = Callable[[int], object]


def _untold(size: int) -> None:
    pass


class BundleReader:
    """An open bundle, whose manifest has been read and checked."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        """Read the manifest from the start of a stream, a pipe perhaps; `name` is the bundle's in messages.

        Raises:
            BundleFormatError: not a bundle, a damaged one, or one of a format that this version doesn't read.
        """
        self.name = name
        self._stream = stream
        self._frames = FrameReader(stream, name)
        self._head_frames: list[CompressedFrame] = []
        self._head = self._read_head()
        try:
            self.manifest = Manifest.decode(self._head)
        except BundleFormatError as exc:
            raise BundleFormatError(f"{name}: {exc.message}", details=exc.details, hint=exc.hint) from exc
        self._head_member = Member.of(MANIFEST_NAME, len(self._head), self.identity)
        self._members = members(self.manifest.members)
        self._after_head = self._frames.position

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator[BundleReader]:
        """Open a bundle file.

        Raises:
            UsageError: there is no such file.
            BundleFormatError: as the constructor.
            EnvironmentProblem: the file can't be read.
        """
        with ExitStack() as stack:
            try:
                stream = stack.enter_context(open(path, "rb"))
            except (FileNotFoundError, IsADirectoryError) as exc:
                raise UsageError(f"{path} isn't a file") from exc
            except OSError as exc:
                raise EnvironmentProblem.from_os_error(exc, f"read {path}") from exc
            yield cls(stream, str(path))

    @property
    def identity(self) -> Digest:
        """The bundle's identity: the SHA-256 of its bundle.json."""
        return Digest.sha256(self._head)

    def expand_to(
        self, directory: Path, *, threads: int, progress: Progress = _untold, engine: Engine | None = None
    ) -> None:
        """Write every file into an empty directory that isn't yet under its final name; each file is fsynced.

        The directory's content means nothing until this returns. `progress` is told the bytes of the manifest's members
        as they are done. `engine` is what deflates; without one it is chosen, where there are packs.

        Raises:
            IntegrityError, BundleFormatError: any fault, anywhere up to the last byte of the bundle.
            EnvironmentProblem: the file system refused.
        """
        write_file(directory / MANIFEST_NAME, self._head)
        rebuilder = Rebuilder(directory, threads, engine, progress)
        walk = self._walk()
        for finding in walk.run(lambda member: file_sink(directory / member.filename), rebuilder, threads, progress):
            raise finding.error
        seal(self.manifest.rebuilt, directory, bundle=self.name, threads=threads)

    def verify(self, *, threads: int, progress: Progress = _untold) -> tuple[Finding, ...]:
        """Check every frame, size and hash, and name every fault, one for each member at most.

        All content is checked, but not that the recipes make the artifacts of it, as `expand_to` does.
        """

        def check(recipes: Recipes, read: Read) -> None:
            if self.manifest.content is not None:
                check_blobs(recipes, _told(read, progress), self.manifest.content.blobs.hexdigest)

        findings: dict[str | None, Finding] = {}
        for finding in self._walk().run(lambda member: nowhere, check, threads, progress):
            findings.setdefault(finding.filename, finding)
        return tuple(findings.values())

    def expand_only(
        self,
        filenames: Collection[str],
        directory: Path,
        *,
        threads: int,
        progress: Progress = _untold,
        engine: Engine | None = None,
    ) -> None:
        """Write some artifacts into an empty directory, decoding no more than they need; each file is fsynced.

        `progress` is told the size of each artifact when it is done.

        Raises:
            KeyError: the manifest has no such artifact.
            IntegrityError, BundleFormatError, EnvironmentProblem: as `expand_to`, for what is read.
        """
        artifacts = {artifact.filename: artifact for artifact in self.manifest.artifacts}
        wanted = [artifacts[filename] for filename in sorted(set(filenames))]
        with refusals(self.name):
            self._extract(wanted, directory, Rebuilder(directory, threads, engine))
        seal(wanted, directory, bundle=self.name, threads=threads, progress=progress)

    def _extract(self, wanted: list[Artifact], directory: Path, rebuilder: Rebuilder) -> None:
        """Take everything in the order in which it stands in the bundle."""
        by_name = {member.filename: member for member in self._members}
        content, recipes, finder = self.manifest.content, None, self._finder()
        names = {artifact.filename for artifact in wanted if artifact.stored == RECIPE}
        if content is not None and names:
            stream = finder.stream(by_name[content.recipes.filename])
            recipes = read_recipes(stream, content, self.manifest.rebuilt, names)
        for artifact in wanted:
            if artifact.filename in by_name:
                stream = finder.stream(by_name[artifact.filename])
                copy_file(stream.read, artifact.size, directory / artifact.filename)
        if content is not None and recipes is not None:
            packs = finder.stream(*(by_name[pack.filename] for pack in content.packs))
            rebuilder(recipes, BlobReader(packs, recipes).read)

    def _finder(self) -> FrameFinder:
        listed, offsets, number = (self._head_member, *self._members), self._offsets, len(self._head_frames)
        self._frames.seek(self._after_head)
        return FrameFinder(self._frames, listed, offsets, number, self.name)

    def _walk(self) -> Walk:
        offsets = self._offsets
        self._frames.seek(self._after_head)
        return Walk(self._frames, self._head_frames, self.manifest, offsets, self.name)

    @cached_property
    def _offsets(self) -> tuple[int, ...] | None:
        listed = (self._head_member, *self._members, TAR_END)
        return self._frames.offsets([*(piece.size for member in listed for piece in member.pieces()), 0])

    def _read_head(self) -> bytes:
        frame = self._frames.frame(largest=FRAME_SIZE)
        content = self._decode_head(frame)
        size = size_in_header(content[:BLOCK])
        member = Member.of(MANIFEST_NAME, min(size, LARGEST_LIST), TAR_END.digest)
        parts = []
        for piece in member.pieces():
            content = content if piece.start == 0 else self._decode_head(self._frames.frame(piece.size))
            data = piece.data_in(content) if len(content) == piece.size else None
            if data is None:
                raise BundleFormatError(f"{self.name} isn't a bundle: its first file isn't {MANIFEST_NAME}")
            parts.append(data)
        return b"".join(parts)

    def _decode_head(self, frame: CompressedFrame) -> bytes:
        self._head_frames.append(frame)
        try:
            return decompress_frame(frame)
        except BundleFormatError as exc:
            raise BundleFormatError(f"{self.name} is damaged: {exc.message}") from exc


def _told(read: Read, progress: Progress) -> Read:
    def told(count: int) -> bytes:
        data = read(count)
        progress(count)
        return data

    return told
