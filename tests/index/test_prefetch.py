from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from bundler.distributions import CoreMetadata
from bundler.errors import Unavailable
from bundler.index.prefetch import Prefetcher
from bundler.requirements.choices import Choices
from bundler.requirements.locked import Lock, LockedProject
from bundler.requirements.model import RequirementSet
from bundler.requirements.origins import Origin
from bundler.resolution.candidates import Catalogue
from bundler.resolution.resolver import resolve
from bundler.simple.model import ProjectFile, ProjectPage
from bundler.targets.model import Target
from tests.index.worlds import Worlds
from tests.resolution.wanted import LINUX, declared, unbounded
from tests.support.memory_source import MemorySource
from tests.support.source_conformance import TARGET


class NewestAllowed:
    """A guide to the newest file that the requirements allow, and to all that its markers ask for."""

    def likely_file(self, page: ProjectPage, requirements: Sequence[Requirement], target: Target) -> ProjectFile | None:
        for file in reversed(list(page.files())):
            version = file.filename.split("-")[1]
            if all(requirement.specifier.contains(version) for requirement in requirements):
                return file
        return None

    def needed(self, metadata: CoreMetadata, extras: Sequence[str], target: Target) -> Iterable[Requirement]:
        for requirement in metadata.requires_dist:
            if any(target.satisfies(requirement.marker, extra) for extra in ("", *extras)):
                yield requirement


@pytest.fixture
def source() -> MemorySource:
    return MemorySource()


@pytest.fixture
def prefetcher(source: MemorySource) -> Iterator[Prefetcher]:
    prefetcher = Prefetcher(source.page, source.metadata, NewestAllowed())
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
    class Faulty(NewestAllowed):
        def needed(self, metadata: CoreMetadata, extras: Sequence[str], target: Target) -> Iterable[Requirement]:
            raise TypeError("a fault")

    source.add(whl("a"))
    prefetcher = Prefetcher(source.page, source.metadata, Faulty())
    prefetcher.anticipate([Requirement("a")], TARGET)
    assert eventually(lambda: prefetcher._waiting == 0)
    with pytest.raises(TypeError, match="a fault"):
        prefetcher.close()


def test_hints_after_the_end_are_dropped(source: MemorySource, prefetcher: Prefetcher) -> None:
    prefetcher.close()
    prefetcher.anticipate([Requirement("a")], TARGET)
    prefetcher.anticipate_files([source.add(whl("b"))])
    time.sleep(0.02)
    assert not source.asked


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

    prefetcher = Prefetcher(slow_page, source.metadata, NewestAllowed())
    prefetcher.anticipate([Requirement(f"p{number}") for number in range(100)], TARGET)
    gate.set()
    assert eventually(lambda: len(source.asked) == 10)
    time.sleep(0.02)
    assert len(source.asked) == 10
    prefetcher.close()


def test_metadata_of_files_is_fetched_and_no_more(source: MemorySource, prefetcher: Prefetcher) -> None:
    files = [source.add(whl("a", f"{number}.0"), requires=("b",)) for number in range(20)]
    source.add(whl("b"))
    prefetcher.anticipate_files(files[::2])
    assert eventually(lambda: all(source.asked[file.filename] for file in files[::2]))
    time.sleep(0.02)
    assert set(source.asked) == {file.filename for file in files[::2]}


def test_hints_at_files_are_bounded_with_the_others(source: MemorySource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bundler.index.prefetch.MAX_HINTS", 10)
    files = [source.add(whl("a", f"{number}.0")) for number in range(20)]
    prefetcher = Prefetcher(source.page, source.metadata, NewestAllowed())
    prefetcher.anticipate([Requirement("absent")], TARGET)
    prefetcher.anticipate_files(files)
    assert eventually(lambda: source.asked.total() == 10)
    time.sleep(0.02)
    assert source.asked.total() == 10
    prefetcher.close()


def asked_for(world: Worlds, wanted: RequirementSet, choices: Choices) -> set[str]:
    """The projects that a resolution and whoever runs ahead of it asked the index for."""
    made = world()
    made.index.add_wheel("a", "1.0", requires=["b>=1", 'c; extra == "x"', "d"], extras=["x"])
    made.index.add_wheel("b", "1.0", requires=["e"])
    made.index.add_wheel("c", "1.0", requires=["f[x]"])
    made.index.add_wheel("d", "1.0", requires=["b"])
    made.index.add_wheel("e", "1.0")
    made.index.add_wheel("f", "1.0", requires=['g; extra == "x"', 'h; extra == "y"'], extras=["x", "y"])
    made.index.add_wheel("g", "1.0")
    made.index.add_wheel("h", "1.0")
    catalogue = Catalogue(choices)
    with made.run(guide=catalogue) as client:
        resolve(wanted, LINUX, client, budget=unbounded(), catalogue=catalogue)
        assert client._prefetcher is not None
        waits_for = client._prefetcher
        assert eventually(lambda: waits_for._waiting == 0)
    return {request.path.split("/")[2] for request in made.index.requests if request.path.startswith("/simple/")}


def locked(name: str) -> Lock:
    project = LockedProject(name=name, version=Version("1.0"), origin=Origin(source="pylock.toml"))
    return Lock(source="pylock.toml", projects=(project,), choose=lambda _: (project,))


@pytest.mark.parametrize(
    ("wanted", "choices", "expected"),
    [
        (RequirementSet(requirements=(declared("a"),)), Choices(), "abde"),
        (RequirementSet(requirements=(declared("A[X]"),)), Choices(), "abcdefg"),
        (RequirementSet(requirements=(declared("a[x]"),)), Choices(follow=False), "a"),
        (RequirementSet(requirements=(declared("a"),)), Choices(excluded=frozenset({"b"})), "ad"),
        (RequirementSet(requirements=(declared("a"), declared("b"))), Choices(excluded=frozenset({"b", "e"})), "ad"),
        (RequirementSet(locks=(locked("a"),)), Choices(), "a"),
        (RequirementSet(requirements=(declared("d"),), locks=(locked("b"),)), Choices(), "bd"),
        (RequirementSet(requirements=(declared("a"),), overrides=(declared("b; os_name == 'nt'"),)), Choices(), "ad"),
        (RequirementSet(requirements=(declared("d"),), overrides=(declared("b[x]<2"),)), Choices(), "bde"),
        (
            RequirementSet(requirements=(declared("a"), declared("c")), overrides=(declared("f[y]"),)),
            Choices(),
            "abcdefh",
        ),
    ],
)
def test_nothing_is_asked_for_that_the_resolver_would_not_ask_for(
    world: Worlds, wanted: RequirementSet, choices: Choices, expected: str
) -> None:
    assert asked_for(world, wanted, choices) == set(expected)
