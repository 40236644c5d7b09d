"""Two engines over the same production cycle: every tick, or only those that no screen knows to be quiet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from desk.backtest.advance import Advancer
from desk.backtest.foresight import Foresight
from desk.backtest.grid import MarketGrid
from desk.backtest.quiet import is_quiet
from desk.backtest.screen.strategies import Screens
from desk.backtest.skipped import SkippedTicks
from desk.backtest.world import Recorded, World
from trader.cycle.report import CycleReport
from trader.model.ids import Instant
from trader.model.ledger import Ledger

#: Told of each tick that was not quiet: its number, and what its cycle did.
OnNotable = Callable[[int, CycleReport], None]


@dataclass
class Tally:
    """How many ticks there were, how many were run, how many of them were not quiet; what was said of the products."""

    ticks: int = 0
    exact: int = 0
    notable: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)

    def add(self, report: CycleReport) -> bool:
        """Count a tick that was run; returns whether it was anything but quiet."""
        self.ticks, self.exact = self.ticks + 1, self.exact + 1
        if report.decision is not None:
            self.verdicts.update((each.code or each.outcome).value for each in report.decision.verdicts)
        is_notable = not is_quiet(report)
        self.notable += is_notable
        return is_notable


def run_exhaustive(world: World, ticks: Sequence[Instant], on_notable: OnNotable) -> Tally:
    """Run every tick: the truth."""
    tally = Tally()
    for number, at in enumerate(ticks):
        report = world.run(at)
        if tally.add(report):
            on_notable(number, report)
    return tally


def run_screened(
    world: World, recorded: Recorded, ticks: Sequence[Instant], screens: Screens, on_notable: OnNotable
) -> Tally:
    """Run the ticks that may matter, the first and the last among them, and carry the books over the others."""
    grid = MarketGrid(recorded, ticks)
    foresight = Foresight(grid, world.pipeline, screens)
    advancer, skipped = Advancer(world, foresight), SkippedTicks(foresight)
    tally, tick = Tally(), 0
    while tick < len(ticks):
        report = world.run(ticks[tick])
        if tally.add(report):
            on_notable(tick, report)
        ledger = _books_of(world)
        if tick:
            foresight.check(tick, ledger)
        else:
            foresight.begin(ledger)
        following = foresight.next_tick(tick + 1, ledger, world.accounts.load())
        if following > tick + 1:
            runs = skipped.add(ledger, tick + 1, following)
            advancer.advance(replace(ledger, strategy_runs=runs), tick + 1, following)
        tick = following
    tally.ticks += int(skipped.flags.sum())
    tally.verdicts += skipped.count_verdicts()
    return tally


def _books_of(world: World) -> Ledger:
    assert world.ledger is not None, "a cycle that ran has left books"
    return world.ledger
