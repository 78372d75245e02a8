"""A tree without links: what each leads to stands in its place, if it lies in the same tree.

An sdist of ours holds regular files only: links can't be made everywhere (Windows), and every installer draws the line
between good and bad ones elsewhere. A link is resolved as POSIX does it, but within the tree's own names, so that it
can't lead to anything of this machine. One that leads outside, nowhere or in a circle is refused by name: leaving it
out would make another sdist than the one that was asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from bundler.archives.zips import is_safe_name
from bundler.errors import UnusableFile
from bundler.trees.model import MAX_BYTES, MAX_FILES, Tree, TreeFile, TreeLink

__all__ = ["regular_files"]

_MAX_HOPS = 40  # as Linux
_MAX_DEPTH = 100
_MAX_TARGET = 4096

_Directory = dict[str, "_Node"]
_Node = TreeFile | TreeLink | _Directory
_Place = tuple[str, ...]


def regular_files(tree: Tree, subdirectory: str, where: str) -> dict[str, TreeFile]:
    """The regular files of a tree below a subdirectory ("" for all), by their names relative to it, sorted.

    Raises:
        UnusableFile: no such subdirectory, a link that can't be followed, a name that our own reader of sdists refuses,
            or more than MAX_FILES or MAX_BYTES. `where` names the tree in the message.
    """
    resolving = _Resolving(tree, where)
    found = dict(islice(resolving.files(subdirectory), MAX_FILES + 1))
    if len(found) > MAX_FILES or sum(file.size for file in found.values()) > MAX_BYTES:
        raise UnusableFile(f"{where}: it has more than {MAX_FILES} files, or than {MAX_BYTES >> 20} MiB")
    for name in found:
        if not is_safe_name(name) or not _is_unicode(name):
            raise UnusableFile(f"{where}: the name of its file {name[:120]!r} can't stand in an sdist")
    return dict(sorted(found.items()))


class _Resolving:
    """A tree as nested directories, and the walk through it."""

    def __init__(self, tree: Tree, where: str) -> None:
        self._where = where
        self._top: _Directory = {}
        for name, entry in tree.items():
            self._put(name, entry)

    def files(self, subdirectory: str) -> Iterator[tuple[str, TreeFile]]:
        """The files below a subdirectory, links followed."""
        subject = f"its subdirectory {subdirectory[:120]!r}"
        if subdirectory.startswith("/"):
            raise self._refusal(f"{subject} is an absolute path")
        place = self._resolve((), subdirectory.split("/"), subject)
        if not isinstance(self._at(place), dict):
            raise self._refusal(f"{subject} is a file")
        yield from self._below(place, "", ())

    def _put(self, name: str, entry: TreeFile | TreeLink) -> None:
        *parents, last = name.split("/")
        directory = self._top
        for parent in parents:
            inner = directory.setdefault(parent, {})
            if not isinstance(inner, dict):
                raise self._refusal(f"its name {name[:120]!r} runs through a file")
            directory = inner
        if len(parents) > _MAX_DEPTH or last in directory:
            raise self._refusal(f"its name {name[:120]!r} is there twice, or is nested too deeply")
        directory[last] = entry

    def _below(self, place: _Place, name: str, within: tuple[_Place, ...]) -> Iterator[tuple[str, TreeFile]]:
        node = self._at(place)
        if isinstance(node, TreeFile):
            yield name, node
        if not isinstance(node, dict):
            return
        if place in within or len(within) > 2 * _MAX_DEPTH:
            raise self._refusal(f"its link {name[:120]!r} leads to a directory that it lies in")
        for part in node:
            inner = f"{name}/{part}" if name else part
            child = (*place, part)
            if isinstance(node[part], TreeLink):
                child = self._resolve(place, [part], f"its link {inner[:120]!r}")
            yield from self._below(child, inner, (*within, place))

    def _at(self, place: _Place) -> _Node:
        node: _Node = self._top
        for part in place:
            node = node[part] if isinstance(node, dict) else {}
        return node

    def _resolve(self, place: _Place, parts: list[str], subject: str) -> _Place:
        """Where a path from `place` leads once no link is in it."""
        done, ahead, hops = list(place), parts[::-1], 0
        while ahead:
            part = ahead.pop()
            if part == ".." and not done:
                raise self._refusal(f"{subject} leads out of the tree")
            if part == "..":
                done.pop()
            elif part not in ("", "."):
                inside = self._at(tuple(done))
                node = inside.get(part) if isinstance(inside, dict) else None
                if node is None:
                    raise self._refusal(f"{subject} leads to nothing that is in the tree")
                if isinstance(node, TreeLink):
                    hops += 1
                    ahead += self._steps(node.target, hops, subject)
                else:
                    done.append(part)
        return tuple(done)

    def _steps(self, target: str, hops: int, subject: str) -> list[str]:
        if hops > _MAX_HOPS or len(target) > _MAX_TARGET:
            raise self._refusal(f"{subject} leads in a circle, or through more than {_MAX_HOPS} links")
        if target.startswith("/"):
            raise self._refusal(f"{subject} leads out of the tree")
        return target.split("/")[::-1]

    def _refusal(self, reason: str) -> UnusableFile:
        return UnusableFile(f"{self._where}: {reason}")


def _is_unicode(name: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in name)
