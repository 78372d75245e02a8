"""Hard cases: how long the search takes, in looks at a candidate, which don't depend on the machine."""

from __future__ import annotations

import random

import pytest

from bundler.errors import ResolutionError
from tests.resolution.wanted import pins, resolution, ticking
from tests.support.memory_source import MemorySource


def cloud_library(minors: int, patches: int) -> MemorySource:
    """A library whose every version asks for a narrow range of another, which asks for a bounded third."""
    source = MemorySource()
    for minor in range(minors):
        for patch in range(patches):
            bounds = ">=1.24,<1.25" if minor == 0 else ">=1.25,<2"
            source.add(f"core-1.{minor}.{patch}-py3-none-any.whl", requires=[f"http{bounds}", "json"])
            requires = [f"core>=1.{minor}.{patch},<1.{minor + 1}", "transfer"]
            source.add(f"library-1.{minor}.{patch}-py3-none-any.whl", requires=requires)
    source.add("transfer-1.0-py3-none-any.whl", requires=["core"])
    for stem in ("http-1.24", "http-1.26", "json-1.0"):
        source.add(f"{stem}-py3-none-any.whl")
    return source


def many(seed: int, *, projects: int, reach: int, width: int) -> MemorySource:
    """Projects of 30 versions, each asking for others near its own, a third of them with an upper bound."""
    chance = random.Random(seed)
    source = MemorySource()
    for project in range(projects):
        for version in range(30):
            requires = []
            for _ in range(chance.randrange(width) if project + 1 < projects else 0):
                other = chance.randrange(project + 1, min(projects, project + reach))
                lowest = max(0, version - chance.randrange(1, 12))
                capped = chance.random() < 0.35
                cap = f",<1.{max(lowest + 1, version - chance.randrange(-3, 8))}" if capped else ""
                requires.append(f"p{other}>=1.{lowest}{cap}")
            source.add(f"p{project}-1.{version}-py3-none-any.whl", requires=requires)
    return source


def test_an_old_bound_under_a_library_of_many_versions_costs_one_look_at_each() -> None:
    source = cloud_library(minors=6, patches=20)
    found = resolution(source, "library", "http<1.25", budget=ticking(500))
    assert {pin.name: str(pin.version) for pin in found.pins} == {
        "core": "1.0.19",
        "http": "1.24",
        "json": "1.0",
        "library": "1.0.19",
        "transfer": "1.0",
    }
    looked_at = {name: count for name, count in source.asked.items() if name.endswith(".whl")}
    assert set(looked_at.values()) == {1}


def test_a_set_without_solution_comes_to_an_end() -> None:
    source = cloud_library(minors=6, patches=20)
    source.add("http-0.9-py3-none-any.whl")
    source.add("old-1.0-py3-none-any.whl", requires=["http<1"])
    with pytest.raises(ResolutionError, match="no versions satisfy the requirements together") as caught:
        resolution(source, "library", "old", budget=ticking(2_000))
    assert any("http" in line for line in caught.value.details)


@pytest.mark.parametrize(
    ("seed", "projects", "reach", "width", "limit"),
    [
        (3, 60, 12, 6, 2_000),  # resolvelib's own order finds no end in 200,000 rounds
        (0, 100, 25, 7, 20_000),  # its lists of incompatibilities double at each conflict
        (11, 100, 25, 7, 3_000),
    ],
)
def test_conflicts_that_return_are_decided_early(seed: int, projects: int, reach: int, width: int, limit: int) -> None:
    source = many(seed, projects=projects, reach=reach, width=width)
    found = resolution(source, "p0", "p1", "p2", "p3", budget=ticking(limit))
    chosen = {pin.name: pin.version for pin in found.pins}
    for pin in found.pins:
        for requirement in source.metadata(pin.file).requires_dist:
            assert requirement.specifier.contains(chosen[requirement.name])


def test_the_same_question_has_the_same_answer() -> None:
    answers = [pins(many(3, projects=60, reach=12, width=6), "p0", "p1", "p2", "p3") for _ in range(2)]
    assert answers[0] == answers[1]


def test_a_version_that_cannot_work_is_not_tried_again() -> None:
    source = MemorySource()
    for version in range(20):
        source.add(f"a-{version}-py3-none-any.whl", requires=["b", f"c=={version}"])
        source.add(f"b-{version}-py3-none-any.whl", requires=["nosuch"] if version else [])
        source.add(f"c-{version}-py3-none-any.whl", requires=["d<5"] if version > 3 else [])
    source.add("d-9-py3-none-any.whl")
    assert pins(source, "a", "d") == {"a": "3", "b": "0", "c": "3", "d": "9"}
    assert source.asked["nosuch"] == 1


def test_a_pin_that_fits_again_does_not_stand_without_what_it_asks_for() -> None:
    source = MemorySource()  # resolvelib 1.2.1 pins a 3 and d 3 together here, though d 3 asks for a<2
    index = {
        "a-1": ["d<3", "c", 'd>=2; extra == "x"'],
        "a-2": ['d<2; extra == "x"'],
        "a-3": ["d==3", "a!=2"],
        "b-1": ["c<3"],
        "c-1": ["b<2"],
        "d-1": ["a>=3", "b==1", "c==1"],
        "d-2": ["c>=2", "d[x]<2"],
        "d-3": ["b", "a<2"],
    }
    for stem, requires in index.items():
        source.add(f"{stem}-py3-none-any.whl", requires=requires, extras=["x"])
    with pytest.raises(ResolutionError):
        pins(source, "c", "a[x]!=2")


def test_the_chain_that_led_to_a_dead_end_is_told() -> None:
    source = MemorySource()
    for version in range(3):
        source.add(f"a-{version}-py3-none-any.whl", requires=["b"])
        source.add(f"b-{version}-py3-none-any.whl", requires=["c>=2"])
    source.add("c-1-py3-none-any.whl")
    source.add("c-2-py3-none-any.whl")
    with pytest.raises(ResolutionError) as caught:
        pins(source, "a", "c<2")
    assert caught.value.details == (
        "a 0, 1 and 2 (asked for by the command line) ask for b",
        "b 0, 1 and 2 ask for c>=2",
        "the command line asks for c<2",
    )
