from __future__ import annotations

import io
import random
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing import active_children
from pathlib import Path
from typing import BinaryIO

import pytest

from bundler.bundle import deflate
from bundler.bundle.deflate import Engine
from bundler.bundle.dissection import dissect
from bundler.bundle.recipes import Blob, Copy, Literal, Recipe
from bundler.cache.store import Store, open_store
from bundler.digests import Digest
from bundler.errors import EnvironmentProblem, IntegrityError
from bundler.operations import dissecting, engines
from bundler.operations.dissecting import Dissecting
from bundler.operations.progress import Silent
from tests.support.wheels import make_sdist, make_wheel

#: Half a minute's work for the encoder in plain Python.
HARD = "".join(f"{byte * byte} " for byte in random.Random(4).randbytes(3 << 20)).encode()

Dissect = Callable[[BinaryIO, Engine], Recipe]


class Told(Silent):
    """Keeps what it was told."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.notes: list[str] = []
        self.details: list[str] = []
        self.has_begun = threading.Event()

    def begin(self, stage: str, *, total_bytes: int | None = None, total_files: int | None = None) -> None:
        self.stages.append(f"{stage} {total_files}")
        self.has_begun.set()

    def note(self, line: str) -> None:
        self.notes.append(line)

    def detail(self, line: str) -> None:
        self.details.append(line)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "cache", default=tmp_path) as store:
        yield store


@pytest.fixture
def told() -> Told:
    return Told()


def put(store: Store, data: bytes) -> Digest:
    digest = Digest.sha256(data)
    with store.blobs.receive(digest, subject="a file") as writer:
        writer.write(data)
    return digest


def counted(monkeypatch: pytest.MonkeyPatch, replacement: Dissect = dissect) -> list[int]:
    """The sizes of what is taken apart from now on, in the order of the work."""
    sizes: list[int] = []

    def counting(stream: BinaryIO, engine: Engine) -> Recipe:
        sizes.append(stream.seek(0, io.SEEK_END))
        return replacement(stream, engine)

    monkeypatch.setattr(dissecting, "dissect", counting)
    return sizes


def test_each_artifact_gets_its_recipe(store: Store, told: Told) -> None:
    made = dict([make_wheel("lib", "1.0", files={"lib.py": b"x" * 50_000}), make_sdist("source", "2.0")])
    with Dissecting(store, told) as work:
        for filename, data in made.items():
            work.add(filename, put(store, data))
        recipes = work.recipes()
    for data in made.values():
        assert recipes[Digest.sha256(data)] == dissect(io.BytesIO(data), deflate.choose()).encode()
    assert [line.startswith("deflate by ") for line in told.details] == [True]
    assert told.notes == []


def test_what_the_cache_remembers_isnt_proven_again(store: Store, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    proven = counted(monkeypatch)
    filename, data = make_wheel("lib", "1.0")
    outcomes = []
    for _ in range(2):
        with Dissecting(store, told) as work:
            work.add(filename, put(store, data))
            outcomes.append(dict(work.recipes()))
    assert (proven, outcomes[0]) == ([len(data)], outcomes[1])
    monkeypatch.setattr(dissecting, "DISSECTION", "of other rules")
    with Dissecting(store, told) as work:
        work.add(filename, put(store, data))
        work.recipes()
    assert len(proven) == 2


def test_the_largest_of_those_that_are_here_comes_first(
    store: Store, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()

    def waiting(stream: BinaryIO, engine: Engine) -> Recipe:
        gate.wait(30)
        return Recipe(())

    proven = counted(monkeypatch, waiting)
    monkeypatch.setattr(dissecting, "CORES", 1)
    with Dissecting(store, told) as work:
        for size in (5, 3, 9, 1, 7):
            work.add(f"{size}.whl", put(store, bytes(size)))
        gate.set()
        assert len(work.recipes()) == 5
    assert proven[1:] == sorted(proven[1:], reverse=True)
    assert sorted(proven) == [1, 3, 5, 7, 9]


def test_waiting_is_a_stage_of_its_own(store: Store, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    def until_told(stream: BinaryIO, engine: Engine) -> Recipe:
        assert told.has_begun.wait(30)
        return Recipe(())

    counted(monkeypatch, until_told)
    with Dissecting(store, told) as work:
        work.add("a.whl", put(store, b"a"))
        work.recipes()
        work.recipes()
    assert told.stages == ["proving 1"]


def test_a_blob_that_changed_since_it_came_is_refused_by_name(store: Store, told: Told) -> None:
    filename, data = make_wheel("lib", "1.0")
    digest = put(store, data)
    store.blobs.path(digest).write_bytes(data[:-1] + b"?")
    with Dissecting(store, told) as work:
        work.add(filename, digest)
        with pytest.raises(IntegrityError, match=f"{filename} has changed in the cache"):
            work.recipes()
    assert store.responses.recipe(digest, by=dissecting.DISSECTION) is None


def test_leaving_the_block_stops_what_runs_and_what_waits(
    store: Store, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = threading.Event()

    def endless(stream: BinaryIO, engine: Engine) -> Recipe:
        while True:
            began.set()
            stream.seek(0)
            stream.read(1)

    proven = counted(monkeypatch, endless)
    monkeypatch.setattr(dissecting, "CORES", 1)
    with Dissecting(store, told) as work:
        for size in (1, 2, 3):
            work.add(f"{size}.whl", put(store, bytes(size)))
        assert began.wait(30)
    assert len(proven) == 1


def test_what_was_remembered_can_be_forgotten_and_proven_anew(
    store: Store, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    filename, data = make_wheel("lib", "1.0")
    digest = put(store, data)
    poison = Recipe((Copy(Blob(Digest.sha256(b"other"), len(data))),)).encode()
    store.responses.store_recipe(digest, poison, by=dissecting.DISSECTION)
    proven = counted(monkeypatch)
    with Dissecting(store, told) as work:
        work.add(filename, digest)
        assert work.recipes()[digest] == poison
        assert work.forget()
        sound = work.recipes()[digest]
        assert not work.forget()
    assert Recipe.decode(sound).size == len(data)
    assert proven == [len(data)]
    assert store.responses.recipe(digest, by=dissecting.DISSECTION) == sound


def test_what_was_remembered_of_another_artifact_is_proven_anew_at_once(
    store: Store, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    filename, data = make_wheel("lib", "1.0")
    digest, proven = put(store, data), counted(monkeypatch)
    poisons = b"nonsense", Recipe((Literal(data[:-1]),)).encode(), Recipe((Literal(data[:-1] + b"?"),)).encode()
    for poison in poisons:
        store.responses.store_recipe(digest, poison, by=dissecting.DISSECTION)
        with Dissecting(store, told) as work:
            work.add(filename, digest)
            assert work.recipes()[digest] != poison
            assert not work.forget()
    assert proven == [len(data)] * len(poisons)


def test_a_process_that_dies_is_no_fault_of_bundlers(store: Store, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "choose", lambda: deflate.portable("a test"))
    filename, data = make_wheel("lib", "1.0", files={"lib.txt": HARD})
    with Dissecting(store, told) as work:
        work.add(filename, put(store, data))
        while not active_children():
            time.sleep(0.01)
        for process in active_children():
            process.kill()
        with pytest.raises(EnvironmentProblem, match=f"{filename} apart has died"):
            work.recipes()


def test_without_an_exact_zlib_a_person_is_told_what_it_costs_and_what_does_without(
    store: Store, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    filename, data = make_wheel("lib", "1.0")
    with Dissecting(store, told) as work:
        work.add(filename, put(store, data))
        expected = work.recipes()[Digest.sha256(data)]
    store.responses.drop_recipe(Digest.sha256(data))
    monkeypatch.setattr(engines, "choose", lambda: deflate.portable("a test"))
    with Dissecting(store, told) as work:
        work.add(filename, put(store, data))
        assert work.recipes()[Digest.sha256(data)] == expected
    (note,) = told.notes
    assert "--no-recompress" in note


def test_an_interrupt_ends_the_processes_too(store: Store, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "choose", lambda: deflate.portable("a test"))
    filename, data = make_wheel("lib", "1.0", files={"lib.txt": HARD})
    work = Dissecting(store, told)
    work.add(filename, put(store, data))
    while not active_children():
        time.sleep(0.01)
    began = time.monotonic()
    work.__exit__(KeyboardInterrupt)
    assert time.monotonic() - began < 10
    for process in active_children():
        process.join(10)
    assert active_children() == []
