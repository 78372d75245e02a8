from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from bundler.bundle.ahead import Turn, in_order


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_results_come_in_the_order_of_the_jobs(threads: int) -> None:
    def job(number: int) -> int:
        time.sleep(0.002 * (number % 3))
        return number

    assert list(in_order((partial(job, number) for number in range(30)), threads)) == list(range(30))


def test_only_a_few_jobs_are_taken_ahead() -> None:
    taken: list[int] = []

    def jobs() -> Iterator[Callable[[], int]]:
        for number in range(100):
            taken.append(number)
            yield partial(int, number)

    results = in_order(jobs(), 2)
    next(results)
    assert len(taken) == 5
    results.close()


def test_an_error_in_a_job_reaches_the_caller_and_ends_the_work() -> None:
    begun: list[int] = []

    def job(number: int) -> None:
        begun.append(number)
        if number == 3:
            raise ValueError(number)

    with pytest.raises(ValueError, match="3"):
        list(in_order((partial(job, number) for number in range(1000)), 2))
    assert len(begun) < 20


def test_an_error_in_the_source_of_jobs_reaches_the_caller() -> None:
    def jobs() -> Iterator[Callable[[], int]]:
        yield partial(int, 1)
        raise ValueError("source")

    with pytest.raises(ValueError, match="source"):
        list(in_order(jobs(), 2))


def test_no_thread_outlives_the_iterator() -> None:
    before = threading.active_count()
    results = in_order((partial(int, number) for number in range(100)), 4)
    next(results)
    results.close()
    assert threading.active_count() == before


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_whoever_waits_for_its_turn_gets_it_in_order(threads: int) -> None:
    order: list[int] = []

    def job(number: int, turn: Turn) -> None:
        with turn:
            time.sleep(0.003 * (number % 2 == 0))
            turn.wait()
            order.append(number)

    def jobs() -> Iterator[Callable[[], None]]:
        turn = None
        for number in range(20):
            turn = Turn(turn)
            yield partial(job, number, turn)

    list(in_order(jobs(), threads))
    assert order == list(range(20))


def test_a_failure_passes_the_turn_on_but_nobody_overtakes() -> None:
    first, order = Turn(None), []
    second = Turn(first)
    third = Turn(second)

    def fail() -> None:
        with second:
            raise ValueError("second")

    def last() -> None:
        with third:
            third.wait()
            order.append("third")

    threads = [threading.Thread(target=last), threading.Thread(target=partial(pytest.raises, ValueError, fail))]
    for thread in threads:
        thread.start()
    time.sleep(0.02)
    with first:
        order.append("first")
    for thread in threads:
        thread.join(5)
    assert order == ["first", "third"]
