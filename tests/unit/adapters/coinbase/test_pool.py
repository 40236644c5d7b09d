"""Requests side by side: all of them end, and none is hidden."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

import pytest

from trader.adapters.coinbase.pool import WorkerPool

PATIENCE_SECONDS = 30


def noted(seen: list[str], name: str) -> Callable[[], str]:
    return lambda: seen.append(f"{name} in {threading.current_thread().name}") or name  # type: ignore[func-returns-value]


def test_results_come_in_the_order_of_the_tasks() -> None:
    """However long each takes: these wait for one another."""
    pool, together = WorkerPool(4), threading.Barrier(4)

    def work(name: str) -> str:
        together.wait(PATIENCE_SECONDS)
        return name

    assert ["a", "b", "c", "d"] == pool.run_each([partial(work, name) for name in "abcd"])
    pool.close()


def test_pool_of_one_keeps_to_its_caller_and_the_order() -> None:
    """Whoever counts requests counts the same ones each time."""
    seen: list[str] = []

    WorkerPool(1).run_each([noted(seen, name) for name in "abc"])

    here = threading.current_thread().name
    assert [f"{name} in {here}" for name in "abc"] == seen


def test_failure_is_raised_when_everything_has_ended() -> None:
    """The first one in the order of the tasks; nothing goes on behind the caller's back."""
    pool, ended, failed = WorkerPool(3), [], threading.Event()

    def fail(name: str) -> None:
        failed.set()
        raise ValueError(name)

    def end_later() -> None:
        failed.wait(PATIENCE_SECONDS)
        ended.append("late")

    with pytest.raises(ValueError, match="first"):
        pool.run_each([end_later, partial(fail, "first"), partial(fail, "second")])

    assert ["late"] == ended
    pool.close()


def test_closed_pool_can_be_used_again() -> None:
    """The next tasks make new threads."""
    pool = WorkerPool(2)
    pool.close()

    assert [3, 6] == pool.run_each([partial(sum, [1, 2]), partial(sum, [1, 2, 3])])

    pool.close()
    pool.close()
    assert ["again", "again"] == pool.run_each([lambda: "again"] * 2)
    pool.close()


def test_task_that_does_not_end_in_its_time_is_left_behind() -> None:
    """Who waited is told, the next tasks have threads of their own, and what the other comes to nobody hears."""
    go_on = threading.Event()
    pool = WorkerPool(2)

    with pytest.raises(TimeoutError):
        pool.run_within(go_on.wait, 0.05)
    after = [pool.run_within(lambda number=number: number, 60) for number in range(8)]  # type: ignore[misc]
    go_on.set()

    assert list(range(8)) == after
    pool.close()


def test_task_raises_for_whoever_waits() -> None:
    """As if it had run where it was asked for; in a pool of one it did."""

    def fail() -> None:
        raise KeyError("ours")

    for size in (1, 2):
        with pytest.raises(KeyError, match="ours"):
            WorkerPool(size).run_within(fail, 60)
