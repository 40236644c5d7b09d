"""The machine's clock."""

from __future__ import annotations

import time

from trader.model.ids import Instant


class SystemClock:
    """The machine's clock, in whole seconds."""

    def now(self) -> Instant:
        return Instant(int(time.time()))

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)
