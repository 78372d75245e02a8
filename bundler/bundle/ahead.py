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

__all__ = ["THREADS", "Turn", "in_order"]

#: What this machine is best worked on with; more than four would cost memory (25 MB each) and bring little.
THREADS = min(os.cpu_count() or 1, 4)

_Result = TypeVar("_Result")


def in_order(jobs: Iterable[Callable[[], _Result]], threads: int, *, ahead: int = 2) -> Generator[_Result, None, None]:
    """Run jobs on threads and yield their results in the jobs' order; `jobs` is iterated in the caller's thread.

    While a result is waited for, or looked at, there are at most `threads + ahead` others, made or in the making.

    An error in a job or in `jobs`, or closing the iterator, cancels what hasn't begun and waits for what has.
    """
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[_Result]] = deque()
        try:
            for job in jobs:
                waiting.append(pool.submit(job))
                if len(waiting) > threads + ahead:
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
