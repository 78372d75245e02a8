from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.errors import RequirementError
from bundler.requirements.locks.graphs import Edge, Node, reach


def edge(*candidates: int, extras: tuple[str, ...] = ()) -> Edge:
    return Edge(project="name", candidates=candidates, extras=extras)


def reached(graph: dict[Node, list[Edge]], *roots: Edge) -> list[Node]:
    return sorted(reach(roots, lambda index, extra: graph.get((index, extra), []), "x.lock"))


def test_an_extra_brings_its_project_and_what_it_needs() -> None:
    graph = {(0, ""): [edge(1)], (0, "web"): [edge(2)]}
    assert reached(graph, edge(0)) == [(0, ""), (1, "")]
    assert reached(graph, edge(0, extras=("web",))) == [(0, ""), (0, "web"), (1, ""), (2, "")]


def test_a_loose_edge_waits_for_a_strict_one() -> None:
    graph = {(0, ""): [edge(2, 3), edge(1)], (1, ""): [edge(3)]}
    assert reached(graph, edge(0)) == [(0, ""), (1, ""), (3, "")]


def test_what_a_loose_edge_brings_may_decide_another() -> None:
    graph = {(0, ""): [edge(4, 5), edge(2, 3), edge(1)], (1, ""): [edge(3)], (3, ""): [], (3, "x"): [edge(5)]}
    graph[0, ""][1] = edge(2, 3, extras=("x",))
    assert reached(graph, edge(0)) == [(0, ""), (1, ""), (3, ""), (3, "x"), (5, "")]


def test_an_edge_that_stays_open_is_refused() -> None:
    with pytest.raises(RequirementError, match=r"x\.lock: the lock has several versions of name that fit this target"):
        reached({}, edge(0, 1))


def test_an_edge_to_nothing_is_refused() -> None:
    with pytest.raises(RequirementError, match=r"x\.lock: the lock needs name and hasn't got it"):
        reached({}, edge())


@given(st.dictionaries(st.integers(0, 9), st.lists(st.integers(0, 9), max_size=4)), st.integers(0, 9))
def test_what_is_reached_is_the_closure(graph: dict[int, list[int]], root: int) -> None:
    def follow(index: int, extra: str) -> Iterator[Edge]:
        return (edge(each) for each in graph.get(index, []))

    expected, ahead = set[int](), [root]
    while ahead:
        index = ahead.pop()
        if index not in expected:
            expected.add(index)
            ahead += graph.get(index, [])
    assert {index for index, _ in reach([edge(root)], follow, "x.lock")} == expected
