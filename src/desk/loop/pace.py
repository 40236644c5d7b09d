"""What time a loop lives in: this machine's, or that of a proof."""

from __future__ import annotations

from dataclasses import dataclass

from trader.adapters.coinbase.limits import Timing
from trader.adapters.local.clock import SystemClock
from trader.ports import Clock

#: How often a loop looks for what an operator changed.
LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Pace:
    """The clock of the cycles, the time of the requests, and how often is looked. Units: seconds of that clock."""

    clock: Clock
    timing: Timing
    look_seconds: float = LOOK_SECONDS


REAL_PACE = Pace(SystemClock(), Timing())
