from __future__ import annotations

import functools
import os
import random
import zlib
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundler.bundle import deflate
from bundler.bundle.deflate import Compressor, Engine
from bundler.bundle.recipes import PIECE

zlib_ng = pytest.importorskip("zlib_ng.zlib_ng")

TEXT = b" ".join(b"%d" % (number * 7919 % 1000) for number in range(50_000))


def deflated(engine: Engine, pieces: Iterable[bytes], level: int, mem_level: int) -> bytes:
    compressor = engine.compressor(level, mem_level)
    return b"".join([*map(compressor.compress, pieces), compressor.flush()])


def library() -> Engine:
    for name in deflate.LIBRARIES:
        engine = deflate.of_library(name, "asked for")
        if engine is not None and deflate.is_exact(engine):
            return engine
    pytest.skip("no libz here that is exact")


@functools.cache
def engines() -> list[Engine]:
    found = (deflate.of_module(zlib), deflate.of_library("libz.so.1", ""), deflate.portable("asked for"))
    return [engine for engine in found if engine is not None and deflate.is_exact(engine)]


def test_the_plain_encoder_passes_the_probe() -> None:
    assert deflate.is_exact(deflate.portable("asked for"))


def test_zlib_ng_does_not_pass_the_probe() -> None:
    assert not deflate.is_exact(deflate.of_module(zlib_ng))


def test_an_exact_platform_zlib_is_taken() -> None:
    if not deflate.is_exact(deflate.of_module(zlib)):
        pytest.skip("this Python's zlib isn't the classic one")
    engine = deflate.choose(zlib, ())
    assert (engine.name, engine.why) == (f"zlib {zlib.ZLIB_RUNTIME_VERSION}", "this Python's own, and exact")


def test_where_the_platforms_zlib_is_not_exact_a_library_is_taken() -> None:
    expected = library()
    engine = deflate.choose(zlib_ng)
    assert engine.name == expected.name
    assert engine.why == f"zlib {zlib_ng.ZLIB_RUNTIME_VERSION} isn't exact"


def test_where_nothing_is_exact_the_plain_encoder_is_taken() -> None:
    engine = deflate.choose(zlib_ng, ("no-such-library.so", "libc.so.6"))
    assert engine.name == "plain Python"
    assert engine.why.endswith("isn't exact, and no other libz is")


def job(engine: Engine, data: bytes) -> tuple[int, bytes]:
    return os.getpid(), deflated(engine, [data], 6, 8)


@pytest.mark.parametrize("engine", [deflate.choose(zlib_ng), deflate.choose(zlib_ng, ()), deflate.choose()])
def test_workers_are_processes_where_threads_would_wait_for_each_other(engine: Engine) -> None:
    with deflate.workers(engine, 2) as pool:
        process, packed = pool.submit(job, engine, TEXT[:2000]).result()
    assert (process == os.getpid()) is engine.is_parallel
    assert engine.is_parallel is (engine.name != "plain Python")
    assert zlib.decompress(packed, -15) == TEXT[:2000]


class Broken:
    ZLIB_RUNTIME_VERSION = "0"

    def compressobj(self, level: int, method: int, wbits: int, mem_level: int) -> Compressor:
        raise ValueError("memLevel 9 isn't for me")


def test_an_engine_that_fails_is_not_exact() -> None:
    assert not deflate.is_exact(deflate.of_module(Broken()))


@given(st.integers(0, 120_000), st.integers(0, 50_000), st.sampled_from([1, 4, 6]), st.sampled_from([8, 9]))
@settings(max_examples=5, deadline=None)
def test_all_exact_engines_agree(size: int, start: int, level: int, mem_level: int) -> None:
    content = TEXT[start:][:size]
    expected = deflated(deflate.of_module(zlib), [content], level, mem_level)
    for engine in engines():
        assert deflated(engine, cut(content, 1 << 16), level, mem_level) == expected, engine.name


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def test_zlibs_bytes_depend_on_the_cuts_but_for_multiples_of_64_kib() -> None:
    chance = random.Random(1)
    data = bytearray(byte & 63 for byte in chance.randbytes(140_000))  # all noise would be stored
    # A match right where the window may move, at the greatest distance: taken only if the window hasn't moved yet.
    data[65_100:65_274] = data[40_000:40_174]
    data[65_274:65_300] = data[32_768:32_794] = bytes(range(128, 154))
    engine, content = deflate.of_module(zlib), bytes(data)
    whole = deflated(engine, [content], 6, 8)
    assert deflated(engine, cut(content, 65_400), 6, 8) != whole
    for size in (1 << 16, 1 << 17, PIECE):
        assert size % (1 << 16) == 0
        assert deflated(engine, cut(content, size), 6, 8) == whole


def test_a_library_takes_large_and_empty_pieces() -> None:
    engine = library()
    for data in (b"", b"a", TEXT * 8, random.Random(2).randbytes(300_000)):
        assert zlib.decompress(deflated(engine, [data], 6, 8), -15) == data


def test_a_library_refuses_what_zlib_refuses() -> None:
    with pytest.raises(OSError, match="deflateInit2 failed with -2"):
        deflated(library(), [], 6, 99)
