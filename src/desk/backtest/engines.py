"""Two engines over the same production cycle: every tick, or only those that no screen knows to be quiet."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from desk.backtest.advance import Advancer
from desk.backtest.disturbances import Troubled, list_doubtful
from desk.backtest.foresight import Foresight
from desk.backtest.grid import MarketGrid
from desk.backtest.schedule import Schedule
from desk.backtest.screen.strategies import Screens
from desk.backtest.skipped import SkippedTicks
from desk.backtest.tally import Tally
from desk.backtest.watches import OnNotable, ScreenedWatches, Watches
from desk.backtest.world import Recorded, World
from trader.model.frozen import replace
from trader.model.ledger import Ledger

#: Told of how many ticks are done before the next one is run; says whether to go on.
GoesOn = Callable[[int], bool]


def run_exhaustive(
    world: World, schedule: Schedule, on_notable: OnNotable, goes_on: GoesOn = lambda _done: True
) -> Tally:
    """Run every tick, and every look between them: the truth. One tick is run at least, whatever is asked."""
    tally, watches = Tally(), Watches(world, schedule.watches, on_notable)
    for number, (tick, start) in enumerate(zip(schedule.ticks, schedule.starts, strict=True)):
        watches.run_before(start, number - 1)
        if number and not goes_on(number):
            break
        report = world.run(tick, start)
        if tally.add(report):
            on_notable(number, report)
    tally.watches = watches.count
    return tally


def run_screened(
    world: World,
    recorded: Recorded,
    schedule: Schedule,
    screens: Screens,
    on_notable: OnNotable,
    troubles: Sequence[Troubled] = (),
    goes_on: GoesOn = lambda _done: True,
) -> Tally:
    """Run the ticks that may matter, the first and the last among them, and carry the books over the others.

    *troubles* are those of the world: while one lasts, every tick is run, and every look. Where it is told to go on no
    further, the books and the tally are those of all ticks up to there.
    """
    doubtful, looks = list_doubtful(schedule, troubles)
    grid = MarketGrid(recorded, schedule.starts, schedule.list_odd(world.settings.cycle.period_seconds) + doubtful)
    foresight = Foresight(grid, world.pipeline, screens)
    tally, tick = Tally(), 0
    advancer, skipped = Advancer(world, foresight, tally.note_equity), SkippedTicks(foresight)
    watches = ScreenedWatches(world, recorded, schedule.watches, on_notable, looks)
    while tick < len(grid) and (not tick or goes_on(tick)):
        report = world.run(schedule.ticks[tick], schedule.starts[tick])
        if tally.add(report):
            on_notable(tick, report)
        if tick:
            foresight.check(tick, _books_of(world))
        else:
            foresight.begin(_books_of(world))
        tick = _go_on(world, foresight, watches, advancer, skipped, tick + 1)
    tally.add_skipped(int(skipped.flags.sum()), skipped.count_verdicts())
    tally.watches = watches.count
    return tally


def _go_on(
    world: World,
    foresight: Foresight,
    watches: ScreenedWatches,
    advancer: Advancer,
    skipped: SkippedTicks,
    begin: int,
) -> int:
    """Carry the books over quiet ticks, run the looks on the way that may matter; return the next tick to run."""
    while True:
        ledger = _books_of(world)
        following = foresight.next_tick(begin, ledger, world.accounts.load())
        look = watches.next_watch(foresight.grid.ticks, begin, following, ledger)
        stop = following if look is None else foresight.grid.find(look)
        if stop > begin:
            runs = skipped.add(ledger, begin, stop)
            advancer.advance(replace(ledger, strategy_runs=runs), begin, stop)
        if look is None:
            return following
        watches.run(look, stop - 1)
        begin = stop


def _books_of(world: World) -> Ledger:
    assert world.ledger is not None, "a cycle that ran has left books"
    return world.ledger
