"""The one spine: the only function that both reads and writes the world."""

from trader.cycle.report import CycleOutcome, CycleReport
from trader.cycle.run import run_cycle

__all__ = ["CycleOutcome", "CycleReport", "run_cycle"]
