"""The stories of `make growth` about business as usual: entries that nobody fills, and round trips, in PAPER.

The strategy is made to trade, everything behind it is what trades in production. It buys where the price is low and
sells where it is high; the market of each story lays out which is when.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import ClassVar

from desk.drill.growth_world import SCOPE, GrowthWorld, Run, make_flat_bar
from trader.cycle import run_cycle
from trader.model.decisions import Denial, TradeProposal
from trader.model.ids import StrategyId
from trader.model.inputs import StrategyContext
from trader.model.lots import EVERY_EXIT, GeneralExit
from trader.model.market import BarsNeeded, Candle, Product
from trader.model.money import Price
from trader.model.orders import Side
from trader.model.targets import StopChange
from trader.settings import Settings
from trader.settings.policy import StrategySettings
from trader.strategies.base import Answer

_STRATEGY = StrategyId("drill")
_LOW, _IDLE, _HIGH = 100.0, 101.0, 102.0
_BUSY = 2000.0
#: Cycles before the first one that is measured, in which the universe and the regime are confirmed.
_SET_UP = 6


@dataclass(frozen=True, slots=True)
class LowHigh:
    """Buys at the low price if it has nothing, sells what it has at the high one."""

    reads_triggers: ClassVar[bool] = False
    bars: ClassVar[Sequence[BarsNeeded]] = ()
    exits: ClassVar[Set[GeneralExit]] = EVERY_EXIT
    hold_hours: int = 48

    def propose(self, context: StrategyContext) -> Sequence[TradeProposal | Denial]:
        """Look at the last close of what is held; without a lot at that of every candidate."""
        if context.lots:
            held = {product_id: each.bars for product_id, each in context.held.items()}
            sold = (lot for lot in context.lots if (bars := held[lot.product_id]) and bars.close[-1] >= _HIGH)
            return [TradeProposal.sell(lot, "the price is high") for lot in sold]
        return [
            propose_purchase(candidate.product, stop_pct=6, target_pct=12, hold_hours=self.hold_hours)
            for candidate in context.candidates.values()
            if candidate.bars.close[-1] <= _LOW
        ]


def propose_purchase(product: Product, *, stop_pct: int, target_pct: int, hold_hours: int) -> TradeProposal:
    """Propose to buy a little, as sure as one can be."""
    return TradeProposal(
        strategy=_STRATEGY,
        product_id=product.product_id,
        base=product.base,
        side=Side.BUY,
        size_pct=Decimal(3),
        confidence=1.0,
        conviction=1.0,
        reason="the price is low",
        stop_loss_pct=Decimal(stop_pct),
        take_profit_pct=Decimal(target_pct),
        max_hold_hours=hold_hours,
    )


def add_strategy(settings: Settings) -> Settings:
    """Let the strategy of the drills trade, and nothing else."""
    section = StrategySettings(Decimal(80), 1, None, enabled=True)
    return replace(settings, strategies={_STRATEGY: section})


class RestingWorld(GrowthWorld):
    """Entries rest below a price that does not move, for two periods each; every second is cancelled by a person.

    For one entry after another the pace of entries is lifted, and they are always tried anew as a maker.
    """

    def __init__(self, settings: Settings, cycles: int, run: Run = run_cycle) -> None:
        risk = replace(settings.risk, trades_per_day_max=10_000, entries_per_hour_max=10_000, product_spacing_minutes=0)
        execution = replace(settings.execution, max_reprices=10_000)
        settings = replace(add_strategy(settings), risk=risk, execution=execution)
        super().__init__(settings, self._make_bar, cycles + _SET_UP, {_STRATEGY: LowHigh()}, run)

    def set_up(self) -> None:
        for period in range(_SET_UP):
            self.play(period)

    def play_next(self, number: int) -> None:
        # A person cancels every second entry, right before it would end by itself.
        if number % 4 == 2:
            self.venue.cancel(list(self.account().active))
        self.play(_SET_UP + number)

    def check(self, cycles: int) -> None:
        if self.venue.sent != (cycles + 1) // 2:
            raise RuntimeError(f"{self.venue.sent} entries were sent in {cycles} cycles")

    def _make_bar(self, period: int, start: int) -> Candle:
        # A cycle sees the bar before its own period.
        return make_flat_bar(_IDLE if period < _SET_UP - 1 else _LOW, _BUSY, start)


class RepricedWorld(GrowthWorld):
    """A parent that is never filled: the market rises a little all the time, and its child follows from bid to bid.

    A child that the bid left behind goes in one cycle, the next one comes in the cycle after. The worst price is far
    away and the give-up time as well, so that it is one and the same parent to the end.
    """

    #: The rise of a cycle, and what may be paid above the first price: enough for all cycles.
    _STEP, _SLIPPAGE_BPS = 0.01, Decimal(1000)

    def __init__(self, settings: Settings, cycles: int, run: Run = run_cycle) -> None:
        self._parents: set[str] = set()
        execution = replace(settings.execution, give_up_minutes=100_000, max_reprices=10_000)
        tiers = {
            key: replace(tier, slippage_bps_max=self._SLIPPAGE_BPS) for key, tier in settings.universe.tiers.items()
        }
        universe = replace(settings.universe, tiers=tiers)
        settings = replace(add_strategy(settings), execution=execution, universe=universe)
        super().__init__(settings, self._make_bar, cycles + _SET_UP, {_STRATEGY: LowHigh(hold_hours=1000)}, run)

    def set_up(self) -> None:
        for period in range(_SET_UP + 1):
            self.play(period)
        if len(self.ledger().parents) != 1:
            raise RuntimeError(f"{len(self.ledger().parents)} parents were set up")

    def play_next(self, number: int) -> None:
        self.play(_SET_UP + 1 + number)
        self._parents |= self.ledger().parents.keys()

    def check(self, cycles: int) -> None:
        (parent,) = self.ledger().parents.values() or (None,)
        if parent is None or len(self._parents) != 1 or parent.filled or self.venue.sent <= cycles // 2:
            raise RuntimeError(f"{len(self._parents)} parents with {self.venue.sent} children in {cycles} cycles")

    def _make_bar(self, period: int, start: int) -> Candle:
        if period < _SET_UP - 1:
            return make_flat_bar(_IDLE, _BUSY, start)
        return make_flat_bar(round(_LOW + max(period - _SET_UP + 1, 0) * self._STEP, 2), _BUSY, start)


@dataclass(frozen=True, slots=True)
class Ratchet:
    """Buys once, and raises the stop of what it has by a step whenever that is a day old."""

    step: Decimal
    reads_triggers: ClassVar[bool] = False
    bars: ClassVar[Sequence[BarsNeeded]] = ()
    exits: ClassVar[Set[GeneralExit]] = frozenset()

    def propose(self, context: StrategyContext) -> Sequence[Answer]:
        """Look at what is held."""
        if not context.lots:
            buys = (
                propose_purchase(each.product, stop_pct=50, target_pct=900, hold_hours=1000)
                for each in context.candidates.values()
            )
            return [replace(buy, max_hold_hours=None) for buy in buys]
        return [
            StopChange(_STRATEGY, lot.product_id, lot.base, lot.lot_id, Price(lot.bracket.stop_price + self.step))
            for lot in context.lots
        ]


class RatchetWorld(GrowthWorld):
    """One lot whose stop is raised once a day: the order at the venue is replaced each time.

    Of each day two cycles are played: the one in which the stop is raised, and the next.
    """

    _STEP = Decimal("0.2")

    def __init__(self, settings: Settings, cycles: int, run: Run = run_cycle) -> None:
        periods = (cycles // 2 + 1) * _DAY + _SET_UP
        super().__init__(add_strategy(settings), self._make_bar, periods, {_STRATEGY: Ratchet(self._STEP)}, run)
        self._stops: set[Price] = set()

    def set_up(self) -> None:
        for period in range(_SET_UP + 3):
            self.play(period)
        if len(self.ledger().lots) != 1:
            raise RuntimeError(f"{len(self.ledger().lots)} lots were set up")

    def play_next(self, number: int) -> None:
        day, place = divmod(number, 2)
        self.play(_SET_UP + (day + 1) * _DAY + place)
        self._stops |= {lot.bracket.stop_price for lot in self.ledger().lots.values()}

    def check(self, cycles: int) -> None:
        at_venue = {order.stop_price for order in self.account().active.values()}
        if len(self._stops) != cycles // 2 or at_venue != {max(self._stops)}:
            raise RuntimeError(f"{len(self._stops)} stops in {cycles} cycles, {at_venue} at the venue")

    def _make_bar(self, period: int, start: int) -> Candle:
        low = _LOW - 1 if period <= _SET_UP + 2 else _LOW
        return Candle(start, _LOW, _LOW, low, _LOW, _BUSY)


#: Periods of a round trip, of a day, and what is traded of it.
_TRIP, _DAY, TRIPS_A_DAY = 14, 288, 20
#: Of each round trip: the period whose bar is the first at the high price.
_RISE = 6
#: The cycles of a round trip in which something happens: the entry is decided, and rests; it has filled, and has its
#: bracket; the lot is sold; the next cycle finds everything done.
PLAYED = (0, 2, 7, 8)


class PaperWorld(GrowthWorld):
    """So many round trips a day: bought by a maker's order, covered by its bracket, sold by the strategy with a win.

    Of the 14 cycles of a round trip four are played, those in which something happens. By the last one of them the
    round trip before is older than orders are remembered, so it is forgotten as in production.
    """

    def __init__(self, settings: Settings, cycles: int, run: Run = run_cycle) -> None:
        days = cycles // (len(PLAYED) * TRIPS_A_DAY) + 1
        super().__init__(add_strategy(settings), self._make_bar, days * _DAY + _SET_UP, {_STRATEGY: LowHigh()}, run)

    def set_up(self) -> None:
        for period in range(_SET_UP):
            self.play(period)

    def play_next(self, number: int) -> None:
        trip, place = divmod(number, len(PLAYED))
        day, trip = divmod(trip, TRIPS_A_DAY)
        self.play(_SET_UP + day * _DAY + trip * _TRIP + PLAYED[place])

    def check(self, cycles: int) -> None:
        sold = sum(fill.side is Side.SELL for fill in self.store.fills(SCOPE))
        if sold != cycles // len(PLAYED):
            raise RuntimeError(f"{sold} lots were sold in {cycles} cycles")

    def _make_bar(self, period: int, start: int) -> Candle:
        # A cycle sees the bar before its own period.
        place = (period + 1 - _SET_UP) % _DAY
        if period < _SET_UP - 1 or place >= TRIPS_A_DAY * _TRIP:
            return make_flat_bar(_IDLE, _BUSY, start)
        price = _LOW if place % _TRIP < _RISE else _HIGH
        low = price - 1 if price == _LOW else price
        return Candle(start, price, price, low, price, _BUSY)
