"""A source tree as values: files and links by name, wherever their bytes are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

__all__ = ["MAX_BYTES", "MAX_FILES", "Tree", "TreeFile", "TreeLink"]

#: Of one tree; with them its sdist stays under the ceilings of our own strict reader (`archives.tars`).
MAX_FILES = 90_000
MAX_BYTES = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeFile:
    """A regular file; `read` gives its bytes in pieces, `size` in all, and is read to its end before another file's."""

    size: int
    executable: bool = False
    read: Callable[[], Iterator[bytes]] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeLink:
    """A symbolic link; its target is as it was written."""

    target: str


#: By name: relative to the tree's top, its parts joined by "/". Directories are there because files are in them.
Tree = Mapping[str, TreeFile | TreeLink]
