"""What expander.py and bundler share: reading recipes, checking blobs, putting artifacts together."""

from __future__ import annotations

import hashlib
import io
import random
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from importlib import resources
from itertools import accumulate
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundler.bundle import deflate, expander
from bundler.bundle.expander import LITERAL, USE, Recipes, Refusal, by_zlib, is_exact, read_index, read_steps, rebuild
from bundler.bundle.recipes import Blob, Copy, Deflated, Literal, Recipe
from bundler.digests import Digest
from tests.bundle.samples import Compact, leb128, sdist, wheel

SHARED = bytes(random.Random(3).choices(b"acgt", k=30_000))  # levels 6 and 9 differ
WHEELS = {
    "a-1.0-py3-none-any.whl": wheel({"a.py": b"print(1)\n" * 300, "shared.txt": SHARED}),
    "b-1.0-py3-none-any.whl": wheel({"b.py": b"print(2)\n" * 300, "shared.txt": SHARED}),
    "c-1.0-py3-none-any.whl": wheel({"shared.txt": SHARED, "noise": random.Random(1).randbytes(9000)}, level=9),
    "d-1.0.tar.gz": sdist(random.Random(2).randbytes(5000) * 3),
}
COMPACT = Compact({}, WHEELS)
CONTENT = b"".join(COMPACT.packs)
BLOBS = COMPACT.blobs.hex()


def recipes_of(compact: Compact) -> Recipes:
    sizes = [(name, len(compact.artifacts[name])) for name in compact.rebuilt]
    return Recipes(compact.recipes_member, sizes, sum(map(len, compact.packs)))


def rebuilt(
    directory: Path,
    pool: Executor,
    deflate: Callable[[int, int], Any] = by_zlib,
    progress: Callable[[int], Any] = lambda count: None,
) -> dict[str, bytes]:
    rebuild(recipes_of(COMPACT), io.BytesIO(CONTENT).read, str(directory), pool, deflate, progress)
    return {path.name: path.read_bytes() for path in directory.iterdir()}


@pytest.fixture
def pool() -> Iterator[Executor]:
    with ThreadPoolExecutor(2) as threads:
        yield threads


def numbers(*values: int) -> bytes:
    return b"".join(map(leb128, values))


# Reading recipes


def blob(number: int) -> Blob:
    return Blob(Digest.sha256(b"%d" % number), 1 + number % 400)


STEPS = st.lists(
    st.binary(min_size=1, max_size=9).map(Literal)
    | st.integers(0, 9).map(blob).map(Copy)
    | st.builds(
        Deflated, st.integers(0, 9).map(blob), st.integers(1, 1 << 40), st.integers(1, 9), st.sampled_from([8, 9])
    )
)


@given(STEPS)
def test_what_bundler_writes_is_what_is_read(steps: list[Literal | Copy | Deflated]) -> None:
    recipe = Recipe(tuple(steps))
    data = recipe.encode_placed(lambda blob: blob.size << 9)
    expected: list[tuple[int, ...]] = []
    literals = 0
    for offset, step in zip(recipe.offsets, steps, strict=True):
        if isinstance(step, Literal):
            expected.append((LITERAL, offset, step.size, literals, step.size))
            literals += step.size
        else:
            setting = 2 * step.level + step.mem_level - 8 if isinstance(step, Deflated) else 0
            expected.append((setting, offset, step.size, step.blob.size << 9, step.blob.size))
    assert [*read_steps(data, recipe.size, 1 << 20)] == expected
    member = leb128(len(data)) + data
    found = Recipes(member, [("a.whl", recipe.size)], 1 << 20, has_gaps=True)
    assert [*found.literals(0)] == [
        (offset, step.data) for offset, step in zip(recipe.offsets, steps, strict=True) if isinstance(step, Literal)
    ]


@given(st.binary(max_size=60), st.integers(0, 100), st.integers(0, 100))
@settings(max_examples=500)
def test_any_bytes_are_a_recipe_or_refused(data: bytes, size: int, content_size: int) -> None:
    try:
        steps = [*read_steps(data, size, content_size)]
    except Refusal:
        return
    assert [offset for _, offset, *_ in steps] == [0, *accumulate(length for _, _, length, *_ in steps)][: len(steps)]
    assert sum(length for _, _, length, *_ in steps) == size
    assert all(start + size <= content_size for setting, _, _, start, size in steps if setting != LITERAL)


@given(st.data())
@settings(max_examples=300)
def test_changed_recipes_are_read_or_refused(data: st.DataObject) -> None:
    member = bytearray(COMPACT.recipes_member)
    for _ in range(data.draw(st.integers(1, 3))):
        member[data.draw(st.integers(0, min(len(member) - 1, 200)))] = data.draw(st.integers(0, 255))
    sizes = [(name, len(COMPACT.artifacts[name])) for name in COMPACT.rebuilt]
    try:
        recipes = Recipes(bytes(member), sizes, len(CONTENT))
    except Refusal:
        return
    ends = [start + size for start, size, _ in recipes.blobs()]
    assert [start for start, *_ in recipes.blobs()] == [0, *ends[:-1]]
    assert ends[-1] == len(CONTENT)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no number"),
        (numbers(2, 5, 4), "no number"),
        (numbers(1, 4 * 5 + 1), "no number"),
        (numbers(1, 2, 5, 10), "no number"),
        (b"\x80" * 100, "no number"),
        (b"\x81\x00" + numbers(4 * 10 + 1, 10), "no number"),
        (numbers(1 << 63, 1), "no number"),
        (numbers(0), "as long as"),
        (numbers(1, 40) + b"nine char", "as long as"),
        (numbers(1, 40) + b"eleven char", "as long as"),
        (numbers(1, 44) + b"eleven char", "can't be"),
        (numbers(1, 1, 10) + b"more", "as long as"),
        (numbers(2, 1, 10, 0), "can't be"),
        (numbers(2, 1, 10, 1, 0), "can't be"),
        (numbers(2, 1, 10, 2, 3, 0, 12), "can't be"),
        (numbers(1, 3, 10), "can't be"),
        (numbers(1, 2, 5, 10, 1), "can't be"),
        (numbers(1, 2, 5, 10, 20), "can't be"),
        (numbers(1, 4 * 91 + 1, 10), "can't be"),
        (numbers(1, 4 * 101 + 1, 10), "can't be"),
        (numbers(expander.MOST_STEPS + 1) + b"\1\1" * 10, "no number"),
    ],
)
def test_a_recipe_that_breaks_a_rule_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(Refusal, match=reason):
        [*read_steps(data, 10, 100)]


@pytest.mark.parametrize("setting", [2, 12, 13, 19])
def test_every_setting_of_zlib_is_taken(setting: int) -> None:
    assert [*read_steps(numbers(1, 2, 5, 10, setting), 10, 5)] == [(setting, 0, 10, 0, 5)]


def test_the_index_can_be_read_without_what_follows() -> None:
    assert read_index(numbers(5, 300, 7), 2) == ([5, 300], 3)
    assert read_index(b"", 0) == ([], 0)
    with pytest.raises(Refusal):
        read_index(numbers(5, 300)[:-1], 2)


def recipes(*steps: tuple[int, ...], content_size: int = 10, rest: bytes = b"") -> Recipes:
    """Recipes of one step each."""
    parts = [numbers(1, *step) for step in steps]
    sizes = [(f"{number}.whl", step[1]) for number, step in enumerate(steps)]
    return Recipes(numbers(*map(len, parts)) + b"".join(parts) + rest, sizes, content_size)


def copied(start: int, size: int) -> tuple[int, int]:
    return 4 * start + 1, size


def copied_bytes(start: int, size: int) -> bytes:
    return numbers(*copied(start, size))


def test_blobs_lie_end_to_end_whatever_uses_them() -> None:
    found = recipes(copied(4, 6), copied(0, 4), copied(4, 6)).blobs()
    unpacked = [(start, size, [USE.unpack(use)[2:] for use in uses]) for start, size, uses in found]
    assert unpacked == [(0, 4, [(0, 4, 1, 0)]), (4, 6, [(0, 6, 0, 0), (0, 6, 2, 0)])]


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        ([copied(0, 9)], "more in"),
        ([], "more in"),
        ([copied(1, 9)], "end to end"),
        ([copied(0, 4), copied(5, 5)], "end to end"),
        ([copied(0, 5), copied(4, 6)], "end to end"),
        ([copied(0, 4), copied(0, 10)], "end to end"),
    ],
)
def test_gaps_and_overlaps_are_refused(steps: list[tuple[int, int]], reason: str) -> None:
    with pytest.raises(Refusal, match=reason):
        recipes(*steps)


def test_more_than_the_recipes_is_refused() -> None:
    with pytest.raises(Refusal, match="more in"):
        recipes(copied(0, 10), rest=b"\0")


def test_recipes_of_some_artifacts_may_have_gaps_and_no_overlaps() -> None:
    parts = numbers(1, *copied(2, 3)), numbers(1, *copied(7, 2))
    member = numbers(*map(len, parts)) + b"".join(parts)
    found = Recipes(member, [("a.whl", 3), ("b.whl", 2)], 10, has_gaps=True)
    assert [(start, size) for start, size, _ in found.blobs()] == [(2, 3), (7, 2)]
    parts = numbers(1, *copied(2, 3)), numbers(1, *copied(4, 2))
    with pytest.raises(Refusal, match="overlap"):
        Recipes(numbers(*map(len, parts)) + b"".join(parts), [("a.whl", 3), ("b.whl", 2)], 10, has_gaps=True)


def test_steps_and_uses_take_little_memory() -> None:
    data = numbers(20_000) + copied_bytes(0, 1) * 10_000 + b"\4" * 10_000 + bytes(10_000)
    member = leb128(len(data)) + data
    tracemalloc.start()
    try:
        found = Recipes(member, [("a.whl", 20_000)], 1)
        assert sum(1 for _ in found.literals(0)) == 10_000
        assert tracemalloc.get_traced_memory()[1] < 100 * 10_000
    finally:
        tracemalloc.stop()


def test_too_many_steps_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expander, "MOST_STEPS", 2)
    assert recipes(copied(0, 10), copied(0, 10))
    with pytest.raises(Refusal, match="too many"):
        recipes(copied(0, 10), copied(0, 10), copied(0, 10))


# Blobs


def test_blobs_are_held_against_the_sum_of_their_sums() -> None:
    expander.check_blobs(recipes_of(COMPACT), io.BytesIO(CONTENT).read, BLOBS)
    for place in range(0, len(CONTENT), len(CONTENT) // 50):
        changed = bytearray(CONTENT)
        changed[place] ^= 1
        with pytest.raises(Refusal, match="something else"):
            expander.check_blobs(recipes_of(COMPACT), io.BytesIO(changed).read, BLOBS)


# Putting together


def test_artifacts_come_out_as_they_were(tmp_path: Path, pool: Executor) -> None:
    done: list[int] = []
    assert rebuilt(tmp_path, pool, progress=done.append) == WHEELS
    assert sum(done) == len(CONTENT)


def test_a_blob_is_deflated_once_for_each_setting(tmp_path: Path, pool: Executor) -> None:
    asked: list[tuple[int, int]] = []

    def deflate(level: int, mem_level: int) -> Any:
        asked.append((level, mem_level))
        return by_zlib(level, mem_level)

    assert rebuilt(tmp_path, pool, deflate) == WHEELS
    uses = [USE.unpack(use) for _, _, packed in recipes_of(COMPACT).blobs() for use in packed]
    streams = [(start, setting) for start, _, setting, *_ in uses if setting]
    assert len(asked) == len({*streams}) < len(streams)


class Lazy(Future[int]):
    """Does its work when somebody waits for it."""

    def __init__(self, size: int, work: Callable[[], int]) -> None:
        super().__init__()
        self.size, self.work = size, work

    def result(self, timeout: float | None = None) -> int:
        self.set_result(self.work())
        return super().result()


class LazyPool(Executor):
    """Keeps the jobs, and knows how much content they hold."""

    def __init__(self) -> None:
        self.jobs: list[Lazy] = []
        self.most = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.jobs.append(Lazy(len(args[3]), partial(fn, *args, **kwargs)))
        self.most = max(self.most, sum(job.size for job in self.jobs if not job.done()))
        return self.jobs[-1]


def test_what_waits_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expander, "_JOB", 1000)
    monkeypatch.setattr(expander, "_MOST_WAITING", 10_000)
    monkeypatch.setattr(expander, "_USE_COST", 1)
    monkeypatch.setattr(expander, "_PIECE", 64 << 10)
    jobs = LazyPool()
    assert rebuilt(tmp_path, jobs) == WHEELS  # the blob that they share is larger than what may wait
    assert len(SHARED) > jobs.most > 5000
    assert jobs.most <= 10_000


def test_a_use_counts_among_what_waits_however_small_its_blob(tmp_path: Path) -> None:
    count = (expander._MOST_WAITING // expander._USE_COST) + 1
    data = numbers(count) + copied_bytes(0, 1) * count
    jobs = LazyPool()
    found = Recipes(leb128(len(data)) + data, [("a.whl", count)], 1)
    rebuild(found, io.BytesIO(b"x").read, str(tmp_path), jobs, by_zlib, lambda size: None)
    assert (tmp_path / "a.whl").read_bytes() == b"x" * count
    assert not jobs.jobs


def test_many_small_blobs_are_many_jobs(tmp_path: Path) -> None:
    count = 10_000
    data = numbers(count) + b"".join(copied_bytes(place, 1) for place in range(count))
    jobs, content = LazyPool(), random.Random(4).randbytes(count)
    found = Recipes(leb128(len(data)) + data, [("a.whl", count)], count)
    rebuild(found, io.BytesIO(content).read, str(tmp_path), jobs, by_zlib, lambda size: None)
    assert (tmp_path / "a.whl").read_bytes() == content
    assert len(jobs.jobs) > 3


def test_jobs_that_can_not_matter_any_more_are_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expander, "_JOB", 1000)
    jobs = LazyPool()
    read = io.BytesIO(CONTENT[: len(CONTENT) - len(SHARED)])
    with pytest.raises(Refusal):
        rebuild(recipes_of(COMPACT), read.read, str(tmp_path), jobs, lambda *setting: Short(), lambda count: None)
    assert jobs.jobs
    assert all(job.cancelled() for job in jobs.jobs if not job.done() or job.cancelled())
    assert any(job.cancelled() for job in jobs.jobs)


class Short:
    def compress(self, data: bytes) -> bytes:
        return b""

    def flush(self) -> bytes:
        return b"short"


@pytest.mark.parametrize("extra", [b"", b"longer" * 100_000])
def test_a_stream_of_another_size_is_refused_by_its_name(tmp_path: Path, pool: Executor, extra: bytes) -> None:
    class Other(Short):
        def flush(self) -> bytes:
            return extra

    with pytest.raises(Refusal, match=r"(a|b|c|d)-1\.0.* can't be put together"):
        rebuilt(tmp_path, pool, lambda *setting: Other())


def test_a_blob_in_pieces_deflates_to_the_same_bytes(
    tmp_path: Path, pool: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(1)
    data = bytearray(byte & 63 for byte in chance.randbytes(140_000))
    # As in test_deflate: at other cuts than multiples of 64 KiB zlib would do something else.
    data[65_100:65_274] = data[40_000:40_174]
    data[65_274:65_300] = data[32_768:32_794] = bytes(range(128, 154))
    artifact = sdist(bytes(data))
    compact = Compact({}, {"a-1.0.tar.gz": artifact})
    monkeypatch.setattr(expander, "_PIECE", 64 << 10)
    monkeypatch.setattr(expander, "_MOST_WAITING", 100_000)
    read = io.BytesIO(b"".join(compact.packs)).read
    rebuild(recipes_of(compact), read, str(tmp_path), pool, by_zlib, lambda count: None)
    assert (tmp_path / "a-1.0.tar.gz").read_bytes() == artifact


def test_an_artifact_that_is_there_is_not_written_over(tmp_path: Path, pool: Executor) -> None:
    (tmp_path / "a-1.0-py3-none-any.whl").write_bytes(b"")
    with pytest.raises(FileExistsError):
        rebuilt(tmp_path, pool)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_processes_do_it_with_the_plain_encoder(tmp_path: Path, method: str) -> None:
    deflate = partial(expander.by_portable, portable_source())
    with ProcessPoolExecutor(2, mp_context=get_context(method)) as processes:
        assert rebuilt(tmp_path, processes, deflate) == WHEELS


def test_a_refusal_comes_back_from_a_process(tmp_path: Path) -> None:
    with (
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as processes,
        pytest.raises(Refusal, match="can't be put together"),
    ):
        rebuilt(tmp_path, processes, short)


def short(level: int, mem_level: int) -> Short:
    return Short()


def test_a_finished_file_is_held_against_its_sum(tmp_path: Path) -> None:
    (tmp_path / "a.whl").write_bytes(b"abc")
    good = hashlib.sha256(b"abc").hexdigest()
    expander.seal(str(tmp_path), expander.File("a.whl", 3, good, expander.RECIPE))
    with pytest.raises(Refusal, match=r"a\.whl has another sha256"):
        expander.seal(str(tmp_path), expander.File("a.whl", 3, "0" * 64, expander.RECIPE))


# What deflates


def portable_source() -> bytes:
    return resources.files("bundler.bundle").joinpath("portable_deflate.py").read_bytes()


def test_the_plain_encoder_that_is_run_is_the_one_that_travels() -> None:
    assert hashlib.sha256(portable_source()).hexdigest() == expander.PORTABLE_SHA256


def test_engines_are_told_apart() -> None:
    assert is_exact(partial(expander.by_portable, portable_source()))
    assert is_exact(by_zlib) == deflate.is_exact(deflate.of_module(zlib))
    assert not is_exact(lambda *setting: Short())
    assert not is_exact(failing)


def failing(level: int, mem_level: int) -> Any:
    raise ValueError("memLevel 9 isn't for me")


def test_zlib_ng_is_not_exact() -> None:
    zlib_ng = pytest.importorskip("zlib_ng.zlib_ng")
    assert not is_exact(lambda level, mem_level: zlib_ng.compressobj(level, zlib.DEFLATED, -15, mem_level))
