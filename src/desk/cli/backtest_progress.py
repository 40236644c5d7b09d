"""A bar on a terminal: how much is done, how fast, and how long it still takes. Nothing where nobody watches."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

#: It is drawn so many times at most, whatever there is to be done.
_STEPS = 500


class ProgressBar:
    """The bar of one run, on stderr; gone when it is over."""

    def __init__(self, name: str, total: int, unit: str = "ticks") -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[pace]}"),
            TimeRemainingColumn(),
        )
        console = Console(stderr=True)
        # Where nobody watches it would leave an empty line.
        self._bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._bar.add_task(name, total=total, pace="")
        self._unit = unit
        self._step, self._next, self._begun = max(total // _STEPS, 1), 0, time.monotonic()

    def show(self, done: int) -> bool:
        """Show how many are done; always true, so that it can be asked whether to go on."""
        if done >= self._next:
            self._next = done + self._step
            pace = done / max(time.monotonic() - self._begun, 1e-3)
            self._bar.update(self._task, completed=done, pace=f"{pace:,.1f} {self._unit}/s")
        return True

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
