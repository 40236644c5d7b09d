"""``trader.stages.exits`` and ``valuation`` in columns: the next tick at which a lot may have to be sold, or judged."""

from __future__ import annotations

from collections.abc import Mapping, Set

import numpy as np

from desk.backtest.data.columns import Floats
from desk.backtest.grid import MARGIN, Flags, MarketGrid
from desk.backtest.screen.watch import Watch
from trader.model.ids import ProductId, StrategyId
from trader.model.ledger import Ledger
from trader.model.lots import EVERY_EXIT, GeneralExit, Lot
from trader.settings import Settings


class ExitScreen:
    """Where the bid reaches what a lot is sold at. *believed* says where its quote is believed, *crash* the regime.

    *applied* says which general exits apply, as to the engine. Peaks are raised by ticks. Where the rows of the grid
    are others (*between_ticks*), a peak may be as high as anything was traded at before.
    """

    def __init__(
        self,
        grid: MarketGrid,
        believed: dict[ProductId, Flags],
        watch: Watch,
        applied: Mapping[StrategyId, Set[GeneralExit]],
        *,
        between_ticks: bool = False,
    ) -> None:
        self._grid, self._settings, self._watch, self._between_ticks = grid, grid.settings, watch, between_ticks
        self._applied = applied
        self._unbelieved = {each: np.flatnonzero(~flags) for each, flags in believed.items()}

    def next_tick(self, lot: Lot, begin: int, crash: Flags) -> int:
        """Return the first tick from *begin* on at which something may be said of a lot but its time, which is due."""
        columns = self._grid.products[lot.product_id]
        increment = float(columns.product.price_increment)
        found = self._next_unbelieved(lot.product_id, begin)
        stop = _above(float(lot.bracket.stop_price), increment)
        found = min(found, self._watch.first_at_or_below((lot.lot_id, "stop", stop), columns.bid, stop, begin))
        applied = self._applied.get(lot.strategy, EVERY_EXIT)
        if lot.bracket.target_price is not None and GeneralExit.TARGET in applied:
            target = _below(float(lot.bracket.target_price), increment)
            key = lot.lot_id, "target", target
            found = min(found, self._watch.first_at_or_above(key, columns.bid, target, begin))
        if GeneralExit.CRASH in applied and crash[begin:found].any():
            found = min(found, self._next_in_crash(lot, columns.bid, increment, begin, crash))
        if GeneralExit.TRAILING not in applied:
            return found
        raised = columns.high if self._between_ticks else columns.bid
        return min(found, self._next_trailing(lot, columns.bid, raised, increment, (begin, found)))

    def _next_unbelieved(self, product_id: ProductId, begin: int) -> int:
        flags = self._unbelieved[product_id]
        place = int(flags.searchsorted(begin))
        return flags.item(place) if place < len(flags) else len(self._grid)

    def _next_in_crash(self, lot: Lot, bid: Floats, increment: float, begin: int, crash: Flags) -> int:
        distance = float(lot.entry_price - lot.bracket.stop_price)
        tightened = float(lot.entry_price) - distance * float(self._settings.exits.crash_tighten_ratio)
        hits = np.flatnonzero(crash[begin:] & (bid[begin:] <= _above(tightened, increment)))
        return begin + int(hits[0]) if len(hits) else len(self._grid)

    def _next_trailing(self, lot: Lot, bid: Floats, raised: Floats, increment: float, within: tuple[int, int]) -> int:
        exits, (begin, end) = self._settings.exits, within
        if not exits.trailing or begin >= end:
            return end
        peak = np.maximum.accumulate(np.concatenate(([float(lot.peak_price)], raised[begin:end])))[1:]
        armed_at = float(lot.entry_price) * (1 + float(exits.trailing_arm_pct) / 100)
        gives_back = 1 - float(exits.trailing_giveback_pct) / 100
        is_armed = peak >= _below(armed_at, increment)
        hits = np.flatnonzero(is_armed & (bid[begin:end] <= peak * gives_back * (1 + MARGIN) + increment))
        return begin + int(hits[0]) if len(hits) else end


def find_timeless(applied: Mapping[StrategyId, Set[GeneralExit]]) -> frozenset[StrategyId]:
    """Name the strategies to whose lots no exit by time applies."""
    return frozenset(each for each, exits in applied.items() if GeneralExit.TIME not in exits)


def may_be_dust(lot: Lot, settings: Settings) -> bool:
    """Whether what a lot cost leaves room for writing it off."""
    return lot.cost <= settings.exits.dust_value_max


def compute_equities(grid: MarketGrid, ledger: Ledger, begin: int, end: int) -> Floats:
    """Return the equity at each of some ticks as floats: the cash in the accounting asset, and every lot at its bid."""
    total = np.full(end - begin, float(ledger.cash.get(ledger.accounting_asset, 0)))
    for lot in ledger.lots.values():
        total += grid.products[lot.product_id].bid[begin:end] * float(lot.quantity)
    return total


def _above(price: float, increment: float) -> float:
    return price * (1 + MARGIN) + increment / 2


def _below(price: float, increment: float) -> float:
    return price * (1 - MARGIN) - increment / 2
