"""A git repository -> one commit, and the files of it.

Only what is needed is fetched, into a bare repository in a temporary directory, and nothing is ever checked out: names
and bytes come from git's object store. So no path of a hostile tree is written, no filter runs, and line ends and
links are what was committed, whatever this machine's settings are. Submodules are part of the tree, as for pip; their
commits are pinned by the tree, their addresses may not lead to this machine's files.

Left out: Git LFS, as in uv: such a file is its pointer; `pointers` counts them. Histories are fetched only where a
server can't leave them out.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO

from bundler.errors import EnvironmentProblem, NotFound, Unavailable, UnusableFile
from bundler.trees.git import Git
from bundler.trees.model import MAX_FILES, Tree, TreeFile, TreeLink
from bundler.trees.repositories import Repository

__all__ = ["Checkout", "opened_checkout"]

_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHORT = re.compile(r"[0-9a-fA-F]{7,39}")
_ENTRY = re.compile(r"([0-7]{6}) [a-z]+ ([0-9a-f]{40}) +([0-9]+|-)\t(.+)", re.DOTALL)
_PIECE = 256 << 10
_MAX_LINK = 4096
_MAX_NESTED = 10
_POINTER = b"version https://git-lfs.github.com/spec/"


@contextmanager
def opened_checkout(repository: Repository, *, depth: int = 0, deadline: float | None = None) -> Iterator[Checkout]:
    """Fetch the commit that is wanted; its files can be read while the block runs.

    `depth` tells how many repositories it is a submodule within, `deadline` is `Git`'s.

    Raises:
        NotFound: no such branch, tag or commit.
        Unavailable, EnvironmentProblem: see `Git.read`.
    """
    with ExitStack() as stack:
        try:
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bundler-git-")))
        except OSError as exc:
            raise EnvironmentProblem.from_os_error(exc, "make a temporary directory") from exc
        git = Git(directory, repository, deadline=deadline)
        git.read("init", "--quiet", "--bare", ".")
        yield Checkout(repository, _fetched(git, repository), git=git, stack=stack, depth=depth)


class Checkout:
    """A commit of a repository that is here."""

    def __init__(self, repository: Repository, commit: str, *, git: Git, stack: ExitStack, depth: int) -> None:
        self.repository = repository
        self.commit = commit
        self._git = git
        self._stack = stack
        self._depth = depth
        self._pointers = 0
        self._streams: tuple[BinaryIO, BinaryIO] | None = None
        self._submodules: dict[str, Checkout] = {}

    @property
    def url(self) -> str:
        """What is recorded as its origin."""
        return self.repository.pinned(self.commit)

    @property
    def pointers(self) -> int:
        """How many of the files read were pointers of Git LFS."""
        return self._pointers + sum(module.pointers for module in self._submodules.values())

    def tree(self, subdirectory: str = "") -> Tree:
        """All its files and links, with those of the submodules in, around or below a subdirectory.

        Raises:
            UnusableFile: entries beyond MAX_FILES, a name that isn't UTF-8, or a submodule that can't be had.
        """
        found: dict[str, TreeFile | TreeLink] = {}
        modules: dict[str, str] = {}
        for mode, name, size, identity in self._entries():
            if mode == "160000":
                modules[name] = identity
            elif mode == "120000":
                found[name] = TreeLink(target=self._link(identity, size, name))
            else:
                read = partial(self._read, identity, size)
                found[name] = TreeFile(size=size, executable=mode == "100755", read=read)
        for path, commit in modules.items():
            if _meet(path, subdirectory):
                inner = subdirectory[len(path) + 1 :] if subdirectory.startswith(f"{path}/") else ""
                module = self._submodule(path, commit)
                found |= {f"{path}/{name}": entry for name, entry in module.tree(inner).items()}
        if len(found) > MAX_FILES:
            raise UnusableFile(f"{self.url}: it has more than {MAX_FILES} files")
        return found

    def _entries(self) -> Iterator[tuple[str, str, int, str]]:
        listing = self._git.read("ls-tree", "-r", "-z", "-l", "--full-tree", self.commit)
        try:
            lines = listing.decode().split("\0")[:-1]
        except UnicodeDecodeError as exc:
            raise UnusableFile(f"{self.url}: it has a file name that isn't UTF-8") from exc
        for line in lines:
            entry = _ENTRY.fullmatch(line)
            if entry is None:
                raise UnusableFile(f"{self.url}: git lists an entry that can't be read: {line[:120]!r}")
            yield entry[1], entry[4], int(entry[3]) if entry[3] != "-" else 0, entry[2]

    def _link(self, identity: str, size: int, name: str) -> str:
        if size > _MAX_LINK:
            raise UnusableFile(f"{self.url}: the target of its link {name[:120]!r} is too long")
        return b"".join(self._read(identity, size)).decode("utf-8", "surrogateescape")

    def _read(self, identity: str, size: int) -> Iterator[bytes]:
        """An object's bytes in pieces, by the one `git cat-file --batch` that answers for all."""
        if self._streams is None:
            self._streams = self._stack.enter_context(self._git.running("cat-file", "--batch"))
        questions, answers = self._streams
        with suppress(BrokenPipeError):  # git has died, which the missing answer tells
            questions.write(f"{identity}\n".encode())
            questions.flush()
        if answers.readline() != f"{identity} blob {size}\n".encode():
            raise UnusableFile(f"{self.url}: git doesn't give the object {identity}")
        left = size
        while left:
            piece = answers.read(min(left, _PIECE))
            if not piece:
                raise UnusableFile(f"{self.url}: git breaks off in the object {identity}")
            self._pointers += left == size and piece.startswith(_POINTER)
            left -= len(piece)
            yield piece
        answers.read(1)

    def _submodule(self, path: str, commit: str) -> Checkout:
        if self._depth == _MAX_NESTED:
            raise UnusableFile(f"{self.url}: its submodules are nested more than {_MAX_NESTED} deep")
        if path not in self._submodules:
            repository = self.repository.submodule(self._address(path))
            pinned = Repository(url=repository.url, ref=commit, login=repository.login)
            opened = opened_checkout(pinned, depth=self._depth + 1, deadline=self._git.deadline)
            self._submodules[path] = self._stack.enter_context(opened)
        return self._submodules[path]

    def _address(self, path: str) -> str:
        """The URL that .gitmodules states for a path (gitmodules(5))."""
        settings: dict[str, dict[str, str]] = {}
        blob = f"--blob={self.commit}:.gitmodules"
        for record in self._git.read("config", blob, "--list", "-z").decode("utf-8", "replace").split("\0"):
            key, _, value = record.partition("\n")
            section, _, setting = key.rpartition(".")
            settings.setdefault(section, {})[setting] = value
        urls = [module.get("url") for module in settings.values() if module.get("path") == path]
        if len(urls) != 1 or not urls[0]:
            raise UnusableFile(f"{self.url}: .gitmodules doesn't state one URL for its submodule {path[:120]!r}")
        return urls[0]


def _meet(path: str, subdirectory: str) -> bool:
    """Whether one of two directories lies in the other."""
    return not subdirectory or f"{path}/".startswith(f"{subdirectory}/") or subdirectory.startswith(f"{path}/")


def _fetched(git: Git, repository: Repository) -> str:
    """Fetch what is wanted, and give its commit."""
    ref = repository.ref
    if ref is None:
        return _fetched_one(git, repository, "HEAD")
    if _COMMIT.fullmatch(ref):
        return _fetched_commit(git, repository, ref)
    listing = git.read("ls-remote", "--", repository.url).decode("utf-8", "replace")
    names = {line.partition("\t")[2] for line in listing.split("\n")}
    # A branch before a tag of the same name, as pip and uv do.
    for name in (ref, f"refs/heads/{ref}", f"refs/tags/{ref}"):
        if name in names:
            return _fetched_one(git, repository, name)
    if _SHORT.fullmatch(ref):
        return _fetched_commit(git, repository, ref)
    raise NotFound(f"{repository.url} has no branch, tag or commit {ref!r}")


def _fetched_one(git: Git, repository: Repository, name: str) -> str:
    fetch = ("--quiet", "--no-tags", "--", repository.url, name)
    try:
        git.read("fetch", "--depth=1", *fetch)
    except Unavailable as exc:
        if not any("shallow" in line for line in exc.details):
            raise
        git.read("fetch", *fetch)  # a dumb HTTP server: plain files, all of the history
    return git.read("rev-parse", "--verify", "--quiet", "FETCH_HEAD^{commit}").decode().strip()


def _fetched_commit(git: Git, repository: Repository, commit: str) -> str:
    """Fetch a commit by its name, or, where the server doesn't give single commits, all of the history."""
    if _COMMIT.fullmatch(commit):
        try:
            return _fetched_one(git, repository, commit)
        except Unavailable:  # an old server; whatever else it is, the next fetch meets it too
            pass
    everything = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
    git.read("fetch", "--quiet", "--no-tags", "--", repository.url, *everything)
    try:
        return git.read("rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}").decode().strip()
    except Unavailable as exc:
        raise NotFound(f"{repository.url} has no branch, tag or commit {commit!r}") from exc
