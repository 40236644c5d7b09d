"""The looks between ticks: all of them, or those at which a lot or an order may need something.

A look at which nothing is due changes nothing at all, so there is nothing to carry on for one that is left out.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Sequence

import numpy as np

from desk.backtest.data.columns import Integers
from desk.backtest.grid import MarketGrid
from desk.backtest.quiet import is_calm
from desk.backtest.screen.exits import ExitScreen, find_timeless
from desk.backtest.screen.universe import find_believed
from desk.backtest.screen.venue import VenueScreen
from desk.backtest.screen.watch import Watch
from desk.backtest.world import Recorded, World
from trader.cycle.report import CycleOutcome, CycleReport
from trader.model.cycle_state import Regime
from trader.model.ids import Instant
from trader.model.ledger import Ledger

#: Told of each tick that was not quiet, and of each look that found something due: the number of the tick, or of the
#: one before the look, and what its cycle did.
OnNotable = Callable[[int, CycleReport], None]


class Watches:
    """Looks, one after the other. ``count`` is how many found something due."""

    def __init__(self, world: World, looks: Sequence[Instant], on_notable: OnNotable) -> None:
        self.count = 0
        self._world, self._looks, self._on_notable = world, looks, on_notable
        self._next = 0

    def run_before(self, start: Instant, number: int) -> None:
        """Look at each instant before a tick begins; *number* is that of the tick before. None before the first."""
        while self._next < len(self._looks) and self._looks[self._next] < start:
            if number >= 0:
                self.run(self._looks[self._next], number)
            self._next += 1

    def run(self, at: Instant, number: int) -> None:
        """Look at an instant."""
        report = self._world.watch(at)
        if report.outcome is not CycleOutcome.SKIPPED:
            self.count += 1
            self._on_notable(number, report)


class ScreenedWatches(Watches):
    """Looks only where the market reaches something, an instant of the books is there, or it is one of *doubtful*."""

    def __init__(
        self,
        world: World,
        recorded: Recorded,
        looks: Sequence[Instant],
        on_notable: OnNotable,
        doubtful: Collection[Instant] = (),
    ) -> None:
        super().__init__(world, looks, on_notable)
        self._done = -1
        if not looks:
            return
        self._grid = grid = MarketGrid(recorded, looks)
        watch, applied = Watch(), world.pipeline.exits.applied
        self._timeless = find_timeless(applied)
        believed = {each: find_believed(grid, each) for each in grid.products}
        self._exits = ExitScreen(grid, believed, watch, applied, between_ticks=True)
        self._venue = VenueScreen(grid, watch)
        self._never = np.zeros(len(grid), dtype=np.bool_)
        self._doubtful = [place for place, look in enumerate(looks) if look in doubtful]

    def next_watch(self, ticks: Integers, begin: int, following: int, ledger: Ledger) -> Instant | None:
        """Return the next look between the ticks *begin* - 1 and *following* that has to be done; None if none has.

        A crash tightens stops: then every look is done while something is held.
        """
        if not self._looks:
            return None
        first = max(self._grid.find(int(ticks[begin - 1])), self._done + 1)
        end = self._grid.find(int(ticks[following])) if following < len(ticks) else len(self._grid)
        if first >= end or not (ledger.lots or ledger.parents or ledger.active_orders):
            return None
        found = self._find(first, end, ledger)
        if found >= end:
            return None
        self._done = found
        return self._grid.at(found)

    def _find(self, first: int, end: int, ledger: Ledger) -> int:
        account = self._world.accounts.load()
        is_crash = ledger.regime.current is Regime.CRASH
        if account is None or is_crash or not is_calm(ledger, account, self._world.settings):
            return first
        at = bisect_left(self._doubtful, first)
        found = min(end, self._doubtful[at]) if at < len(self._doubtful) else end
        for lot in ledger.lots.values():
            if lot.max_hold_until is not None and lot.strategy not in self._timeless:
                found = min(found, self._grid.find(lot.max_hold_until))
            found = min(found, self._exits.next_tick(lot, first, self._never))
        for order in account.active.values():
            # A look keeps nothing of the account: what triggered in it, and filled nothing yet, is for the next to see.
            since = self._grid.find(account.matched_until[order.product_id] + 1)
            found = min(found, self._venue.next_tick(order, min(since, first)))
        return max(found, first)
