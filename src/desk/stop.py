"""How something long is asked to end: Ctrl-C or SIGTERM lets it finish what it is at, a second one ends it at once.

So does a terminal that is closed, unless that was to be ignored, as nohup has it.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType


class StopRequest:
    """Whether somebody asked the process to end, and by which signal."""

    def __init__(self, told: str = "") -> None:
        #: Said on stderr as soon as somebody asks.
        self._told = told
        self.signal: signal.Signals | None = None

    @property
    def is_asked(self) -> bool:
        """Whether to begin nothing new."""
        return self.signal is not None

    @contextmanager
    def listen(self) -> Iterator[None]:
        """Hear the signals while the block runs, also where a shell that started the process had SIGINT ignored."""
        hung_up = [signal.SIGHUP] if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN else []
        before = {number: signal.signal(number, self._hear) for number in (signal.SIGINT, signal.SIGTERM, *hung_up)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        if self.signal is not None and number == signal.SIGHUP:
            # A terminal's shell says it once more.
            return
        if self.signal is not None:
            # Whatever is half done is finished by the next process, as after any other death of this one.
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        self.signal = signal.Signals(number)
        if self._told:
            # Not by print: a handler may run while the same stream is being written.
            with suppress(OSError):
                os.write(2, f"{self._told}\n".encode())
