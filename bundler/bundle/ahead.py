"""Work on threads, results in order: what writer and reader share.

A job is submitted only while fewer than a fixed number of results are waiting, so memory stays bounded however slow the
consumer or the source is. Jobs of one member pass each other a `Turn`, because a SHA-256 takes bytes in order only.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

__all__ = ["CORES", "Turn", "in_order"]

#: How many cores this process may use.
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

_MOST = 4

_Result = TypeVar("_Result")


def in_order(jobs: Iterable[Callable[[], _Result]], threads: int) -> Generator[_Result, None, None]:
    """Run jobs on threads and yield their results in the jobs' order; `jobs` is iterated in the caller's thread.

    On four threads at most: what is done with small frames gains little from more, and each takes memory (25 MB).

    An error in a job or in `jobs`, or closing the iterator, cancels what hasn't begun and waits for what has.
    """
    threads = min(threads, _MOST)
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[_Result]] = deque()
        try:
            for job in jobs:
                waiting.append(pool.submit(job))
                if len(waiting) > threads + 2:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


class Turn:
    """A job's place in line: inside `with turn:`, `turn.wait()` returns once the place before it has been left.

    Jobs begin in the order of submission, so whoever waits has its forerunner running or done: no deadlock. A job that
    fails waits too before it leaves, so that nobody overtakes.
    """

    def __init__(self, before: Turn | None) -> None:
        self.left = threading.Event()
        # Only the event: a reference to the place before would keep the whole line in memory.
        self._before = before.left if before is not None else None

    def wait(self) -> None:
        """Wait until the place before this one has been left."""
        if self._before is not None:
            self._before.wait()

    def __enter__(self) -> Turn:
        return self

    def __exit__(self, *_: object) -> None:
        self.wait()
        self.left.set()
