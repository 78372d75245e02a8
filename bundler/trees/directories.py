"""A directory on this machine -> the files of it that are sources.

In a git work tree these are the files that git tracks, as they stand now, and the untracked ones that it doesn't
ignore. Elsewhere, and among untracked ones, what tools leave behind is left out: caches, virtual environments,
egg-info, and `build` and `dist` beside a pyproject.toml or setup.py. A directory that its work tree ignores as a whole
counts as a plain one.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath

from bundler.errors import EnvironmentProblem, UnusableFile
from bundler.trees.git import Git
from bundler.trees.model import Tree, TreeFile, TreeLink

__all__ = ["directory_tree"]

_PIECE = 256 << 10
_MAX_DEPTH = 100
_LITTER = frozenset(
    {".git", ".hg", ".svn", "__pycache__", ".venv", ".tox", ".nox", ".mypy_cache", ".pytest_cache", ".ruff_cache"}
)


def directory_tree(root: Path) -> Tree:
    """The source files and links below a directory.

    Raises:
        UnusableFile: a file that is neither a regular one nor a link.
        Unavailable: a git work tree that git can't read.
        EnvironmentProblem: a directory that can't be read, or a work tree where there is no git.
    """
    try:
        names = _in_work_tree(root) or _without_products(set(_walk(root, "", 0)))
        entries = ((name, _entry(root, name)) for name in sorted(names))
        return {name: entry for name, entry in entries if entry is not None}
    except OSError as exc:
        raise EnvironmentProblem.from_os_error(exc, f"read the directory {root}") from exc


def _in_work_tree(root: Path) -> set[str]:
    """What git knows of a directory; nothing where it isn't in a work tree, or ignored."""
    if not any(os.path.lexists(place / ".git") for place in (root, *root.parents)):
        return set()
    git = Git(root)
    tracked = _names(git.read("ls-files", "-z", "--cached"))
    untracked = _names(git.read("ls-files", "-z", "--others", "--exclude-standard"))
    names = tracked | _without_products(tracked | untracked)
    modules = {name.rstrip("/") for name in names if (root / name).is_dir() and not (root / name).is_symlink()}
    for module in modules:  # submodules, and repositories that lie in this one
        if os.path.lexists(root / module / ".git"):
            names |= {f"{module}/{name}" for name in _in_work_tree(root / module)}
    return {name for name in names if name.rstrip("/") not in modules}


def _names(listing: bytes) -> set[str]:
    return {os.fsdecode(name) for name in listing.split(b"\0") if name}


def _walk(root: Path, prefix: str, depth: int) -> Iterator[str]:
    if depth > _MAX_DEPTH:
        raise UnusableFile(f"{root}: {prefix[:120]!r} is nested too deeply")
    with os.scandir(root / prefix) as found:
        for entry in found:
            name = f"{prefix}{entry.name}"
            if entry.name in _LITTER:
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(root, f"{name}/", depth + 1)
            else:
                yield name


def _without_products(names: set[str]) -> set[str]:
    """The names without what tools made of the others."""
    paths = {name: PurePosixPath(name) for name in names}
    projects = {path.parent for path in paths.values() if path.name in ("pyproject.toml", "setup.py")}
    products = {path.parent for path in paths.values() if path.name == "pyvenv.cfg"}
    products |= {project / name for project in projects for name in ("build", "dist")}
    return {
        name
        for name, path in paths.items()
        if path.suffix != ".pyc"
        and not _LITTER.intersection(path.parts)
        and not any(part.endswith(".egg-info") for part in path.parts)
        and products.isdisjoint(path.parents)
    }


def _entry(root: Path, name: str) -> TreeFile | TreeLink | None:
    """A name's entry; None for a file that git tracks and that has been removed."""
    path = root / name
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    if stat.S_ISLNK(status.st_mode):
        return TreeLink(target=os.readlink(path).replace(os.sep, "/"))
    if not stat.S_ISREG(status.st_mode):
        raise UnusableFile(f"{root}: its {name[:120]!r} is neither a file nor a link")
    read = partial(_read, path)
    return TreeFile(size=status.st_size, executable=bool(status.st_mode & stat.S_IXUSR), read=read)


def _read(path: Path) -> Iterator[bytes]:
    try:
        with open(path, "rb") as stream:
            while piece := stream.read(_PIECE):
                yield piece
    except OSError as exc:
        raise EnvironmentProblem.from_os_error(exc, f"read {path}") from exc
