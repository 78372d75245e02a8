from __future__ import annotations

import hashlib
import random
import subprocess
import sys
import sysconfig
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundler.bundle.deflate import is_exact, of_module
from bundler.bundle.portable_deflate import Compressor

pytestmark = pytest.mark.skipif(
    not is_exact(of_module(zlib)), reason="this zlib is no oracle: it isn't the classic one"
)


#: Millions of steps of plain Python take three times as long when each is traced; the other tests reach every line.
untraced = pytest.mark.no_cover

SETTINGS = [(level, mem_level) for level in range(1, 10) for mem_level in (8, 9)]


def ours(data: bytes, level: int, mem_level: int) -> bytes:
    compressor = Compressor(level, mem_level)
    return compressor.compress(data) + compressor.flush()


def classic(data: bytes, level: int, mem_level: int) -> bytes:
    compressor = zlib.compressobj(level, zlib.DEFLATED, -15, mem_level)
    return compressor.compress(data) + compressor.flush()


def agree(data: bytes, settings: list[tuple[int, int]] = SETTINGS) -> None:
    for level, mem_level in settings:
        assert ours(data, level, mem_level) == classic(data, level, mem_level), (level, mem_level, len(data))


def real_files(largest: int) -> list[bytes]:
    """Machine code and source of the Python that runs."""
    root = Path(sysconfig.get_path("stdlib"))
    paths = [*sorted(root.glob("*.py"))[::8], *sorted((root / "lib-dynload").glob("*.so"))[::6]]
    assert len(paths) > 20
    return [path.read_bytes()[:largest] for path in paths]


def texture(chance: random.Random, size: int) -> bytes:
    """Noise, runs, words and copies from near and far, in proportions that differ from call to call."""
    weights = [chance.random() for _ in range(5)]
    alphabet = bytes(chance.sample(range(256), chance.choice([2, 3, 8, 64, 256])))
    data = bytearray()
    while len(data) < size:
        kind = chance.choices(range(5), weights)[0]
        length = min(chance.choice([1, 2, 3, 4, 5, 30, 257, 258, 259, 600]), size - len(data))
        start = chance.randrange(len(data)) if data else 0
        if kind == 0:
            data += bytes(chance.choices(alphabet, k=length))
        elif kind == 1:
            data += bytes([chance.choice(alphabet)]) * length
        elif kind == 2:
            data += data[start : start + length]
        elif kind == 3:
            data += data[-chance.choice([1, 3, 4095, 4096, 4097, 32505, 32506, 32507, 32768]) :][:length]
        else:
            data += chance.randbytes(length)
    return bytes(data)


@given(st.binary(max_size=600), st.sampled_from(SETTINGS))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_deflated_as_zlib_does(data: bytes, setting: tuple[int, int]) -> None:
    agree(data, [setting])


@given(
    st.lists(st.sampled_from([b"a", b"ab", b"abc", b"xyz" * 30, bytes(259)]), max_size=60), st.sampled_from(SETTINGS)
)
@settings(max_examples=300, deadline=None)
def test_repetitions_are_deflated_as_zlib_does(parts: list[bytes], setting: tuple[int, int]) -> None:
    agree(b"".join(parts), [setting])


def textures(seed: int, count: int, sizes: list[int]) -> Iterator[tuple[bytes, tuple[int, int]]]:
    chance = random.Random(seed)
    for number in range(count):
        yield texture(chance, chance.choice(sizes)), SETTINGS[number % len(SETTINGS)]


def test_a_thousand_textures_are_deflated_as_zlib_does() -> None:
    for data, setting in textures(1, 1000, [*range(60), 500, 2000]):
        agree(data, [setting])


@pytest.mark.slow
@untraced
@pytest.mark.parametrize("seed", range(100, 112))
def test_twelve_thousand_streams_are_deflated_as_zlib_does(seed: int) -> None:
    for data, setting in textures(seed, 1000, [*range(300), 1000, 3000]):
        agree(data, [setting])


@pytest.mark.slow
@untraced
@pytest.mark.parametrize("setting", SETTINGS)
def test_textures_beyond_the_window_are_deflated_as_zlib_does(setting: tuple[int, int]) -> None:
    for seed in range(6):
        agree(texture(random.Random(seed), 90_000 + 7919 * seed), [setting])


@untraced
@pytest.mark.parametrize("size", [16382, 16383, 16384, 32766, 32767, 32768, 65274, 65275, 65535, 65536, 65537])
def test_blocks_and_windows_end_where_zlib_ends_them(size: int) -> None:
    noise = random.Random(size).randbytes(size)
    agree(noise, [(1, 8), (6, 8), (6, 9), (9, 9)])
    agree(bytes(byte & 7 for byte in noise), [(1, 9), (4, 8)])


def without_matches(size: int) -> bytes:
    """Noise in which no three bytes occur twice."""
    chance, seen, data = random.Random(size), set[bytes](), bytearray(2)
    while len(data) < size:
        byte = chance.randrange(256)
        word = bytes((*data[-2:], byte))
        if word not in seen:
            seen.add(word)
            data.append(byte)
    return bytes(data)


@untraced
@pytest.mark.parametrize("size", [65273, 65274, 65275, 65534, 65535, 140_000])
def test_a_block_that_has_left_the_window_is_not_stored(size: int) -> None:
    agree(without_matches(size), [(1, 8), (1, 9), (6, 8), (6, 9)])


def quiet(chance: random.Random, size: int) -> bytes:
    """Noise that isn't so dense that it would be stored."""
    return bytes(byte & 63 for byte in chance.randbytes(size))


@untraced
@pytest.mark.parametrize("distance", [4095, 4096, 4097, 32505, 32506, 32507, 32767, 32768])
@pytest.mark.parametrize("length", [3, 4, 258, 300])
def test_far_matches_are_taken_as_zlib_takes_them(distance: int, length: int) -> None:
    chance = random.Random(distance + length)
    word = bytes(byte | 128 for byte in chance.randbytes(length))  # found nowhere else
    for before in (0, 1, 70):
        data = quiet(chance, before) + word + quiet(chance, distance - length) + word + b"end"
        agree(data, [(1, 8), (3, 9), (4, 8), (6, 8), (9, 9)])


@pytest.mark.parametrize("rest", [3, 200, 258, 259, 260, 261, 262, 263, 600])
def test_the_first_place_of_a_moved_window_counts_as_in_zlib(rest: int) -> None:
    word = bytes(range(128, 160))
    data = bytearray(quiet(random.Random(rest), 65274 + rest))
    data[32768 : 32768 + len(word)] = word
    data[65274:] = (word + data[65274 + len(word) :])[:rest]
    agree(bytes(data), [(1, 8), (3, 8), (4, 8), (6, 8), (9, 9)])


@pytest.mark.parametrize("tail", range(12))
def test_the_last_bytes_are_matched_as_in_zlib(tail: int) -> None:
    word = b"abcdefghijkl"
    for gap in (b"", b"-", b"--" * 40):
        agree(word + gap + word[:tail])
        agree(word + gap + word[:tail] + b"\0" * (tail % 4))


def test_fibonacci_counts_need_the_longest_codes() -> None:
    counts, noise = [1, 1], bytearray()
    while len(counts) < 19:
        counts.append(counts[-1] + counts[-2])
    for symbol, count in enumerate(counts):
        noise += bytes([symbol * 7]) * count
    shuffled = list(noise)
    random.Random(5).shuffle(shuffled)
    agree(bytes(shuffled))


@pytest.mark.parametrize("setting", SETTINGS)
def test_source_and_machine_code_are_deflated_as_zlib_does(setting: tuple[int, int]) -> None:
    for data in real_files(6_000)[::3]:
        agree(data, [setting])


@pytest.mark.slow
@untraced
@pytest.mark.parametrize("setting", SETTINGS)
def test_whole_files_are_deflated_as_zlib_does(setting: tuple[int, int]) -> None:
    for data in real_files(150_000)[:: 1 if setting[0] < 8 else 6]:
        agree(data, [setting])


@pytest.mark.slow
@untraced
def test_ten_megabytes_are_deflated_as_zlib_does() -> None:
    agree(texture(random.Random(10), 10_000_000), [(6, 8)])


@untraced
@given(st.integers(0, 2**32), st.lists(st.integers(1, 60_000), max_size=8))
@settings(max_examples=20, deadline=None)
def test_the_cuts_of_the_input_do_not_matter(seed: int, sizes: list[int]) -> None:
    data = texture(random.Random(seed), sum(sizes) % 140_000)
    for level in (1, 6):
        compressor, packed, start = Compressor(level, 8), b"", 0
        for size in sizes:
            packed += compressor.compress(data[start : start + size])
            start += size
        assert packed + compressor.compress(data[start:]) + compressor.flush() == classic(data, level, 8)


PROGRAM = Path(sys.modules[Compressor.__module__].__file__ or "")
FOREIGN = """
import hashlib, runpy, sys
with open(sys.argv[2], "rb") as stream:
    data = stream.read()
for setting in (1, 8), (6, 8), (9, 9):
    compressor = runpy.run_path(sys.argv[1])["Compressor"](*setting)
    print(hashlib.sha256(compressor.compress(data) + compressor.flush()).hexdigest())
"""


def test_every_python_gives_the_same_bytes(python: str, tmp_path: Path) -> None:
    data = texture(random.Random(3), 40_000) + real_files(6_000)[0]
    (tmp_path / "content").write_bytes(data)
    command = [python, "-I", "-S", "-c", FOREIGN, str(PROGRAM), str(tmp_path / "content")]
    given = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert given == [hashlib.sha256(classic(data, *setting)).hexdigest() for setting in [(1, 8), (6, 8), (9, 9)]]


def test_it_imports_nothing_but_the_standard_library() -> None:
    code = "import sys, runpy; runpy.run_path(sys.argv[1]); print('zlib' in sys.modules, 'bundler' in sys.modules)"
    command = [sys.executable, "-I", "-S", "-c", code, str(PROGRAM)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[1] == "False"
