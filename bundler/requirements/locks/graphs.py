"""Which entries of a lock a target reaches, where the lock keeps dependencies instead of one marker per entry.

A lock may hold several versions of a project. An edge that several entries fit waits until the others are followed:
whichever entry a stricter edge has taken by then is meant.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from bundler.errors import RequirementError

__all__ = ["Edge", "Node", "by_name", "reach"]

#: An entry by its index and one of its extras, or "" for the entry itself.
Node = tuple[int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """A dependency that a target has: on one of the `candidates`, with extras."""

    project: str
    candidates: tuple[int, ...]
    extras: tuple[str, ...] = ()


def by_name(names: Iterable[str]) -> Mapping[str, Sequence[int]]:
    """The entries of each name, by the names of all entries in their order."""
    found: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        found.setdefault(name, []).append(index)
    return found


def reach(roots: Iterable[Edge], follow: Callable[[int, str], Iterable[Edge]], name: str) -> frozenset[Node]:
    """The nodes that the roots lead to, in the lock that `name` names; `follow` gives the edges of a node.

    Raises:
        RequirementError: an edge that no entry fits, or of which it isn't clear which of several.
    """
    taken: set[Node] = set()
    ahead, waiting = deque(roots), list[Edge]()
    while ahead or waiting:
        if not ahead:
            ahead.extend(_decided(waiting, taken, name))
            waiting = [edge for edge in waiting if not _taken(edge, taken)]
            continue
        edge = ahead.popleft()
        if len(edge.candidates) > 1:
            waiting.append(edge)
            continue
        if not edge.candidates:
            raise RequirementError(f"the lock needs {edge.project} and hasn't got it", origin=name, hint="lock again")
        for node in ((edge.candidates[0], extra) for extra in ("", *edge.extras)):
            if node not in taken:
                taken.add(node)
                ahead.extend(follow(*node))
    return frozenset(taken)


def _decided(waiting: Sequence[Edge], taken: set[Node], name: str) -> list[Edge]:
    decided = [replace(edge, candidates=found[:1]) for edge in waiting if (found := _taken(edge, taken))]
    if not decided:
        message = f"the lock has several versions of {waiting[0].project} that fit this target"
        raise RequirementError(message, origin=name, hint="lock again with a newer version of the tool")
    return decided


def _taken(edge: Edge, taken: set[Node]) -> tuple[int, ...]:
    return tuple(index for index in edge.candidates if (index, "") in taken)
