from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from bundler.distributions import CoreMetadata, parse_filename
from bundler.errors import ResolutionError
from bundler.resolution.candidates import Candidate, Offer
from bundler.resolution.foresight import Foresight
from bundler.simple.model import ProjectFile
from tests.resolution.test_search import cloud_library, many
from tests.resolution.wanted import pins
from tests.support.memory_source import MemorySource


class Waiting(MemorySource):
    """Counts the metadata that was asked for before anybody was told of it: each of them would be a wait."""

    def __init__(self, like: MemorySource, *, hears: bool = True) -> None:
        self.__dict__.update(like.__dict__)
        self.hears = hears
        self.waits = 0

    def metadata(self, file: ProjectFile) -> CoreMetadata:
        self.waits += file.filename not in self.anticipated_files
        return super().metadata(file)

    def anticipate_files(self, files: Iterable[ProjectFile]) -> None:
        if self.hears:
            super().anticipate_files(files)


def candidate(number: int, name: str = "a") -> Candidate:
    filename = f"{name}-{number}-py3-none-any.whl"
    file = ProjectFile(filename=filename, url=f"https://index.example/{filename}")
    offers = (Offer(file=file, distribution=parse_filename(filename)),)
    return Candidate(name=name, extra=None, version=Version(str(number)), offers=offers)


def test_a_long_way_back_through_versions_is_told_ahead_and_seldom_waited_for() -> None:
    counts = {}
    for hears in (False, True):
        source = Waiting(cloud_library(minors=6, patches=50), hears=hears)
        assert pins(source, "library", "http<1.25")["core"] == "1.0.49"
        counts[hears] = source.waits, sum(name.endswith(".whl") for name in source.asked)
    assert counts[False][1] == counts[True][1]
    assert counts[False][0] == counts[False][1] > 500
    assert counts[True][0] < 40


def test_a_search_that_goes_straight_tells_nothing() -> None:
    source = Waiting(cloud_library(minors=2, patches=30))
    pins(source, "library")
    assert source.anticipated_files == []


@pytest.mark.parametrize("seed", range(20))
def test_hints_change_no_outcome(seed: int) -> None:
    found = []
    for hears in (False, True):
        source = Waiting(many(seed, projects=12, reach=6, width=4), hears=hears)
        try:
            found.append((pins(source, "p0", "p1"), source.asked))
        except ResolutionError as exc:
            found.append((exc.message, exc.details, source.asked))  # type: ignore[arg-type]
    assert found[0] == found[1]


def test_the_windows_grow_and_the_next_is_told_halfway() -> None:
    told: list[list[str]] = []
    foresight = Foresight(lambda files: told.append([file.filename.split("-")[1] for file in files]))
    everything = [candidate(number) for number in range(200, 0, -1)]
    for number in range(200, 100, -1):
        foresight.reading(candidate(number), lambda: iter(everything))
    assert [len(window) for window in told[:5]] == [8, 16, 28, 32, 32]
    assert told[0] == [str(number) for number in range(195, 187, -1)]
    flat = [number for window in told for number in window]
    assert flat == [str(number) for number in range(195, 195 - len(flat), -1)]


def test_an_sdist_is_never_fetched_ahead() -> None:
    source = MemorySource()
    for number in range(40):
        source.add(f"a-1.{number}.tar.gz", requires=["b>=2"])
        source.add(f"c-1.{number}-py3-none-any.whl", requires=["b>=2"])
    source.add("b-1.0-py3-none-any.whl")
    with pytest.raises(ResolutionError):
        pins(source, "c", "a", "b")
    with pytest.raises(ResolutionError):
        pins(source, "a", "c", "b")
    assert source.anticipated_files
    assert not [name for name in source.anticipated_files if name.endswith(".tar.gz")]


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(1, 60)), max_size=80))
def test_of_a_project_twice_as_many_are_told_as_were_read_and_eight_at_most(reads: list[tuple[int, int]]) -> None:
    told: list[str] = []
    foresight = Foresight(lambda files: told.extend(file.filename for file in files))
    for count, (number, least) in enumerate(reads, start=1):
        some = [candidate(each) for each in range(60, least - 1, -1)]
        foresight.reading(candidate(number), lambda some=some: iter(some))  # type: ignore[misc]
        assert len(told) == len(set(told)) <= 8 + 2 * count
