"""Threads for requests that may be under way at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, TypeVar

T = TypeVar("T")


class WorkerPool:
    """At most *size* threads, made when first needed.

    A pool of one needs none: its tasks run one after the other in the thread that asks, in the order given.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._threads: ThreadPoolExecutor | None = None
        self._answers: ThreadPoolExecutor | None = None

    def run_each(self, tasks: Sequence[Callable[[], Any]]) -> list[Any]:
        """Run tasks, none of which may wait for another one, and return their results in order.

        Raises: what the first one that failed did, when none is running any more.
        """
        if self._size == 1 or len(tasks) < 2:
            return [task() for task in tasks]
        with self._lock:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(self._size, thread_name_prefix="coinbase")
            begun = [self._threads.submit(task) for task in tasks]
        wait(begun)
        return [each.result() for each in begun]

    def run_within(self, task: Callable[[], T], seconds: float) -> T:
        """Run one task, and wait for it at most so long; in a pool of one, as long as it takes.

        A time-out of a socket bounds the silence between two bytes: an answer that drips in would never end. Raises:
        TimeoutError, after which the task goes on unheard; what the task raised.
        """
        if self._size == 1:
            return task()
        with self._lock:
            if self._answers is None:
                # One more than tasks that may wait for theirs, which run in the other threads.
                self._answers = ThreadPoolExecutor(self._size + 1, thread_name_prefix="coinbase-answer")
            answers = self._answers
            answer = answers.submit(task)
        try:
            return answer.result(max(seconds, 0))
        except TimeoutError:
            # What drips keeps its thread: the next answers get threads of their own.
            with self._lock:
                self._answers = None if self._answers is answers else self._answers
            answers.shutdown(wait=False, cancel_futures=False)
            raise

    def close(self) -> None:
        """End the threads; the next tasks make new ones."""
        with self._lock:
            pools, self._threads, self._answers = (self._threads, self._answers), None, None
        for pool in pools:
            if pool is not None:
                pool.shutdown()
