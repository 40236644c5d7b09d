"""Threads for requests that may be under way at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
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
        answer: Future[T] = Future()

        def run() -> None:
            try:
                answer.set_result(task())
            except BaseException as error:  # noqa: BLE001 - it is raised where the answer is waited for
                answer.set_exception(error)

        # A daemon: no process that wants to end waits for the end of a drip.
        threading.Thread(target=run, name="coinbase-answer", daemon=True).start()
        return answer.result(max(seconds, 0))

    def close(self) -> None:
        """End the threads; the next tasks make new ones."""
        with self._lock:
            threads, self._threads = self._threads, None
        if threads is not None:
            threads.shutdown()
