from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from resolvelib import ResolutionImpossible, ResolutionTooDeep

from bundler.requirements.model import RequirementSet
from bundler.resolution.candidates import Catalogue
from bundler.resolution.provider import Provider, Reporter
from bundler.resolution.refutation import Refutation
from bundler.resolution.search import Search
from bundler.resolution.wants import Demand
from tests.resolution.wanted import LINUX, declared, unbounded
from tests.support.memory_source import MemorySource

_NAMES = ("a", "b", "c", "d")
_requirement = st.builds(
    "{}{}".format, st.sampled_from(_NAMES), st.sampled_from(["", ">=2", "<2", "==1", "==3", "!=2"])
)
_index = st.dictionaries(
    st.tuples(st.sampled_from(_NAMES), st.integers(1, 3)), st.lists(_requirement, max_size=3), min_size=3, max_size=12
)


def searched(index: dict[tuple[str, int], list[str]], roots: list[str], rounds: int) -> tuple[bool, Provider, Demand]:
    """Whether a search of so many rounds found something, and what it read."""
    source = MemorySource()
    for name in _NAMES:
        source.know(name)
    for (name, version), requires in index.items():
        source.add(f"{name}-{version}-py3-none-any.whl", requires=requires)
    demand = Demand.of(RequirementSet(requirements=tuple(map(declared, roots))), LINUX, Catalogue().choices)
    provider = Provider(source, demand, budget=unbounded(), catalogue=Catalogue())
    try:
        Search(provider, Reporter()).resolve(demand.roots, max_rounds=rounds)
    except (ResolutionImpossible, ResolutionTooDeep):
        return False, provider, demand
    return True, provider, demand


@settings(max_examples=200, deadline=None)
@given(index=_index, roots=st.lists(_requirement, min_size=1, max_size=3))
def test_what_has_a_solution_is_never_refuted(index: dict[tuple[str, int], list[str]], roots: list[str]) -> None:
    found, provider, demand = searched(index, roots, 500)
    if found:
        assert Refutation(provider, demand.roots).find() == ()


def test_the_steps_that_rule_a_version_out_are_none_too_many() -> None:
    _, provider, demand = searched({("c", 1): [], ("c", 2): [], ("c", 3): []}, ["c!=2", "c>=3", "c<3"], 500)
    facts = Refutation(provider, demand.roots)
    assert facts.find() == (("c", None),)
    steps = facts.why_none(("c", None), facts.usable(("c", None)), after=facts.end)
    assert [ask.texts for step in steps for ask in step.asks] == [("c>=3",), ("c<3",)]


@pytest.mark.parametrize("rounds", [1, 2, 3])
def test_what_was_not_read_limits_nothing(rounds: int) -> None:
    index = {("a", version): ["b"] for version in (1, 2, 3)} | {("b", 1): []}
    _, provider, demand = searched(index, ["a"], rounds)
    assert Refutation(provider, demand.roots).find() == ()
