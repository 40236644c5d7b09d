"""How a loop is asked to end: SIGTERM or Ctrl-C lets it finish its cycle, a second one ends it at once."""

from __future__ import annotations

import os
import signal
from types import FrameType


class StopRequest:
    """Whether somebody asked the process to end, and by which signal."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None

    @property
    def is_asked(self) -> bool:
        """Whether to begin nothing new."""
        return self.signal is not None

    def listen(self) -> None:
        """Hear both signals from here on, also where a shell that started the process had SIGINT ignored."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._hear)

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        if self.signal is not None:
            # Whatever is half done is finished by the next process, as after any other death of this one.
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        self.signal = signal.Signals(number)
