from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest
from packaging.requirements import Requirement

from bundler.errors import Unavailable
from bundler.index.prefetch import Prefetcher
from bundler.simple.model import ProjectFile, ProjectPage
from bundler.targets.model import Target
from tests.support.memory_source import MemorySource
from tests.support.source_conformance import TARGET


def newest_allowed(page: ProjectPage, requirements: Sequence[Requirement], target: Target) -> ProjectFile | None:
    for file in reversed(list(page.files())):
        version = file.filename.split("-")[1]
        if all(requirement.specifier.contains(version) for requirement in requirements):
            return file
    return None


@pytest.fixture
def source() -> MemorySource:
    return MemorySource()


@pytest.fixture
def prefetcher(source: MemorySource) -> Iterator[Prefetcher]:
    prefetcher = Prefetcher(source.page, source.metadata, newest_allowed)
    yield prefetcher
    prefetcher.close()


def eventually(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + 5
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.005)
    return False


def whl(name: str, version: str = "1.0") -> str:
    return f"{name}-{version}-py3-none-any.whl"


def test_it_follows_requirements_through_files_to_their_ends(source: MemorySource, prefetcher: Prefetcher) -> None:
    source.add(whl("a"), requires=("b", "absent", 'c; sys_platform == "win32"', 'd; extra == "x"'), extras=("x",))
    source.add(whl("b"), requires=("a", "e"))
    for name in "cde":
        source.add(whl(name))
    prefetcher.anticipate([Requirement("A[x]")], TARGET)
    assert eventually(lambda: all(source.asked[whl(name)] for name in "abde"))
    assert source.asked[whl("c")] == 0
    assert source.asked["absent"] >= 1


def test_what_was_seen_is_not_looked_at_again(source: MemorySource, prefetcher: Prefetcher) -> None:
    source.add(whl("a"))
    prefetcher.anticipate([Requirement("a")], TARGET)
    assert eventually(lambda: source.asked[whl("a")] == 1)
    for _ in range(50):
        prefetcher.anticipate([Requirement("a>=1"), Requirement("a<2")], TARGET)
    time.sleep(0.05)
    assert source.asked["a"] == 1


def test_a_requirement_that_excludes_the_chosen_file_leads_to_another(
    source: MemorySource, prefetcher: Prefetcher
) -> None:
    source.add(whl("a", "1.0"))
    source.add(whl("a", "2.0"))
    prefetcher.anticipate([Requirement("a")], TARGET)
    assert eventually(lambda: source.asked[whl("a", "2.0")] == 1)
    time.sleep(0.05)
    prefetcher.anticipate([Requirement("a<2")], TARGET)
    assert eventually(lambda: source.asked[whl("a", "1.0")] == 1)


def test_failures_stay_with_the_source(source: MemorySource, prefetcher: Prefetcher) -> None:
    source.fail_page("a", Unavailable("down"))
    source.add(whl("b"), metadata=b"nonsense")
    prefetcher.anticipate([Requirement("a"), Requirement("b")], TARGET)
    assert eventually(lambda: bool(source.asked["a"] and source.asked[whl("b")]))
    with pytest.raises(Unavailable):
        source.page("a")


def test_a_fault_of_our_own_shows_at_the_end(source: MemorySource) -> None:
    def choose(page: ProjectPage, requirements: Sequence[Requirement], target: Target) -> ProjectFile | None:
        raise TypeError("a fault")

    source.add(whl("a"))
    prefetcher = Prefetcher(source.page, source.metadata, choose)
    prefetcher.anticipate([Requirement("a")], TARGET)
    assert eventually(lambda: prefetcher._waiting == 0)
    with pytest.raises(TypeError, match="a fault"):
        prefetcher.close()


def test_hints_after_the_end_are_dropped(source: MemorySource, prefetcher: Prefetcher) -> None:
    prefetcher.close()
    prefetcher.anticipate([Requirement("a")], TARGET)
    time.sleep(0.02)
    assert source.asked["a"] == 0


def test_url_requirements_are_left_alone(source: MemorySource, prefetcher: Prefetcher) -> None:
    prefetcher.anticipate([Requirement("a @ https://index.example/a-1.0.tar.gz")], TARGET)
    time.sleep(0.02)
    assert source.asked["a"] == 0


def test_the_queue_is_bounded(source: MemorySource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bundler.index.prefetch.MAX_WAITING", 10)
    gate = threading.Event()

    def slow_page(name: str) -> ProjectPage:
        source.asked[name] += 1
        gate.wait(5)
        return source.page(name)

    prefetcher = Prefetcher(slow_page, source.metadata, newest_allowed)
    prefetcher.anticipate([Requirement(f"p{number}") for number in range(100)], TARGET)
    gate.set()
    assert eventually(lambda: len(source.asked) == 10)
    time.sleep(0.02)
    assert len(source.asked) == 10
    prefetcher.close()
