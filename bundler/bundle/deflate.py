"""Engines that deflate exactly as classic zlib does, and the choice among them.

The same content, level and memLevel give other bytes in zlib-ng, which some systems ship as their zlib, and in zlibs
that were sped up otherwise. So nothing is believed by its name or version: an engine is exact if it gives the known
bytes for a sample (`expander.is_exact`). In this order: this Python's zlib, a libz of the system, our own encoder in
plain Python, which is a hundred times slower and always there. What was rebuilt is checked by its artifact's SHA-256
all the same.

Input reaches a compressor in pieces of a multiple of 64 KiB: there zlib's bytes don't depend on the cuts (its window
moves in steps of 32 KiB, and it waits for 262 bytes of lookahead; `tests` hold an input that other cuts change).
"""

from __future__ import annotations

import ctypes
import multiprocessing
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from bundler.bundle import expander, portable_deflate

__all__ = ["Compressor", "Engine", "Zlib", "choose", "workers"]

_BUFFER = 64 << 10  # bytes of output
#: Names that a system's loader may know. Not by ctypes.util.find_library, which runs programs.
LIBRARIES = ("libz.so.1", "libz.1.dylib", "zlib1.dll", "libz.so")


class Compressor(Protocol):
    """What zlib.compressobj gives."""

    def compress(self, data: bytes, /) -> bytes:
        """Take more input; give the output that is ready."""

    def flush(self) -> bytes:
        """End the stream and give the rest of it."""


class Zlib(Protocol):
    """The part of the zlib module that is used here."""

    ZLIB_RUNTIME_VERSION: str

    def compressobj(self, level: int, method: int, wbits: int, mem_level: int, /) -> Compressor:
        """Begin a stream."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """One way to deflate; `why` tells in a clause how it came to be chosen.

    One that isn't parallel holds the interpreter's lock while it works: it wants processes, and can be pickled.
    """

    name: str
    why: str
    compressor: Callable[[int, int], Compressor]
    is_parallel: bool = True


def choose(platform: Zlib = zlib, libraries: Sequence[str] = LIBRARIES) -> Engine:
    """Find the fastest engine that is exact."""
    found = of_module(platform)
    if is_exact(found):
        return found
    why = f"{found.name} isn't exact"
    for name in libraries:
        library = of_library(name, why)
        if library is not None and is_exact(library):
            return library
    return portable(f"{why}, and no other libz is")


def workers(engine: Engine, count: int) -> Executor:
    """Begin threads, or processes where the engine wants them: then jobs and their arguments are pickled."""
    if engine.is_parallel:
        return ThreadPoolExecutor(count, thread_name_prefix="deflate")
    # Not forked: other threads may hold locks just then.
    return ProcessPoolExecutor(count, multiprocessing.get_context("spawn"))


def of_module(module: Zlib) -> Engine:
    """The engine of a module like zlib."""

    def compressor(level: int, mem_level: int) -> Compressor:
        return module.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS, mem_level)

    return Engine(name=f"zlib {module.ZLIB_RUNTIME_VERSION}", why="this Python's own, and exact", compressor=compressor)


def of_library(name: str, why: str) -> Engine | None:
    """The engine of a shared library, or None where there is none of that name."""
    try:
        library = ctypes.CDLL(name)
        version: Callable[[], bytes] = library.zlibVersion
        library.zlibVersion.restype = ctypes.c_char_p
        text = version().decode("ascii", "replace")
    except (OSError, AttributeError):
        return None
    return Engine(name=f"{name} {text}", why=why, compressor=lambda level, mem: _Native(library, level, mem))


def portable(why: str) -> Engine:
    """Our own encoder in plain Python."""
    return Engine(name="plain Python", why=why, compressor=portable_deflate.Compressor, is_parallel=False)


def is_exact(engine: Engine) -> bool:
    """Whether an engine gives the known bytes; some milliseconds for zlib. The plain encoder is held to it by tests."""
    return expander.is_exact(engine.compressor)


# zlib.h
_FINISH, _BUFFER_ERROR = 4, -5


class _Stream(ctypes.Structure):
    _fields_ = (
        ("next_in", ctypes.c_void_p),
        ("avail_in", ctypes.c_uint),
        ("total_in", ctypes.c_ulong),
        ("next_out", ctypes.c_void_p),
        ("avail_out", ctypes.c_uint),
        ("total_out", ctypes.c_ulong),
        ("msg", ctypes.c_char_p),
        ("state", ctypes.c_void_p),
        ("zalloc", ctypes.c_void_p),
        ("zfree", ctypes.c_void_p),
        ("opaque", ctypes.c_void_p),
        ("data_type", ctypes.c_int),
        ("adler", ctypes.c_ulong),
        ("reserved", ctypes.c_ulong),
    )


class _Native:
    """A compressor by zlib's C interface; ctypes lets go of the interpreter's lock meanwhile."""

    def __init__(self, library: ctypes.CDLL, level: int, mem_level: int) -> None:
        self._library = library
        self._stream = _Stream()
        self._buffer = ctypes.create_string_buffer(_BUFFER)
        begin, size = library.deflateInit2_, ctypes.sizeof(_Stream)
        result = begin(ctypes.byref(self._stream), level, zlib.DEFLATED, -zlib.MAX_WBITS, mem_level, 0, b"1.2.11", size)
        if result:
            raise OSError(f"zlib's deflateInit2 failed with {result}")
        self._is_open = True

    def compress(self, data: bytes, /) -> bytes:
        return self._run(data, 0)

    def flush(self) -> bytes:
        rest = self._run(b"", _FINISH)
        self._close()
        return rest

    def _run(self, data: bytes, flush: int) -> bytes:
        stream, parts = self._stream, []
        source = ctypes.c_char_p(data)  # points into the bytes themselves; lives until zlib has taken all
        stream.next_in, stream.avail_in = ctypes.cast(source, ctypes.c_void_p), len(data)
        stream.avail_out = 0
        while stream.avail_out == 0:
            stream.next_out, stream.avail_out = ctypes.addressof(self._buffer), _BUFFER
            result = self._library.deflate(ctypes.byref(stream), flush)
            if result < 0 and result != _BUFFER_ERROR:
                raise OSError(f"zlib's deflate failed with {result}")
            parts.append(self._buffer.raw[: _BUFFER - stream.avail_out])
        return b"".join(parts)

    def _close(self) -> None:
        if self._is_open:
            self._is_open = False
            self._library.deflateEnd(ctypes.byref(self._stream))

    def __del__(self) -> None:
        if hasattr(self, "_is_open"):
            self._close()
