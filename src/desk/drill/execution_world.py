"""The world of `make execution-table`: one purchase in one market, bought by the cycles and looks of production.

Time is virtual: a tick every period and a look at every other minute, as the stack has them, on candles of a minute
that are made of a seed. Before the first tick in which the strategy is asked, others let universe and regime be
confirmed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from random import Random
from typing import ClassVar

from desk.backtest.data.columns import Columns
from desk.backtest.series import ColumnSeries
from desk.backtest.world import Recorded, World
from desk.drill.growth_trades import add_strategy, propose_purchase
from desk.markets.candle_market import make_product
from trader.model.decisions import Denial, TradeProposal
from trader.model.ids import Instant, ProductId, StrategyId
from trader.model.inputs import StrategyContext
from trader.model.lots import EVERY_EXIT, GeneralExit
from trader.model.market import BarsNeeded, Candle, Granularity
from trader.model.money import Price, Quantity
from trader.model.orders import Fill, Liquidity
from trader.model.parent_life import ParentEnd, ParentStyle
from trader.model.parents import ParentOrder
from trader.settings import Settings
from trader.settings.schedule import ScheduleSettings
from trader.stages.pipeline import Pipeline

_PRODUCT, _BENCHMARK, _STRATEGY = ProductId("ETH-USD"), ProductId("BTC-USD"), StrategyId("drill")
# 2026-11-22T12:00:00Z
_START, _MINUTE, _HOUR = 1_795_348_800, 60, 3600
#: Minutes and hours on record before the first tick: more than a decision reads.
_HISTORY, _HOURS = 2100, 400
#: Ticks before the strategy is asked, and for how long its purchase is followed at most.
_SET_UP, MINUTES_MAX = 6, 120
_PRICE, _VOLUME, _BPS = 100.0, 400.0, 1e-4
#: The mean of how far a bar reaches beyond its open and close. Units: basis points.
_REACH_BPS = 1.0


class MarketKind(StrEnum):
    """Where the price goes once something is to be bought: a basis point a minute, or nowhere."""

    FALLING = "falling"
    STILL = "still"
    RISING = "rising"


_DRIFT_BPS = {MarketKind.FALLING: -1.0, MarketKind.STILL: 0.0, MarketKind.RISING: 1.0}


@dataclass(frozen=True, slots=True)
class Case:
    """One row of the table: how often the strategy is asked (0 is every cycle), how it buys, in which market."""

    every_minutes: int
    style: ParentStyle
    market: MarketKind


@dataclass(slots=True)
class Purchase:
    """What became of one parent.

    ``tries`` are the children that the venue had, ``seconds`` from the decision to the last fill if all was bought, or
    nothing was left that the venue sells. Units: base units and quote asset.
    """

    parent: ParentOrder
    price_max: Price
    quantity_max: Quantity
    children: set[str] = field(default_factory=set)
    fills: dict[str, Fill] = field(default_factory=dict)
    is_over: bool = False

    @property
    def tries(self) -> int:
        return len(self.children)

    @property
    def bought(self) -> Quantity:
        return Quantity(sum((fill.quantity for fill in self.fills.values()), Decimal(0)))

    @property
    def is_filled(self) -> bool:
        """Whether it was bought, but for a rest that is too small for an order."""
        return self.bought >= self.parent.quantity or self.parent.end is ParentEnd.BELOW_MINIMUM

    @property
    def seconds(self) -> int | None:
        if not self.is_filled or not self.fills:
            return None
        return max(fill.time for fill in self.fills.values()) - self.parent.decided_at

    @property
    def maker_notional(self) -> Decimal:
        return sum((each.notional for each in self.fills.values() if each.liquidity is Liquidity.MAKER), Decimal(0))

    @property
    def notional(self) -> Decimal:
        return sum((each.notional for each in self.fills.values()), Decimal(0))

    def note_terms(self, parents: Sequence[ParentOrder]) -> None:
        """Note what it is by now: a new wish may have raised what is wanted, and what may be paid."""
        for each in parents:
            if each.parent_id == self.parent.parent_id:
                self.parent, self.price_max = each, max(each.price_max, self.price_max)
                self.quantity_max = max(each.quantity, self.quantity_max)

    @property
    def is_broken(self) -> bool:
        """Whether it bought more than was ever wanted, or anything above the highest of its worst prices."""
        return self.bought > self.quantity_max or any(fill.price > self.price_max for fill in self.fills.values())


@dataclass(frozen=True, slots=True)
class Buying:
    """Wants one lot of every candidate, in a style, as long as it has none."""

    reads_triggers: ClassVar[bool] = False
    bars: ClassVar[Sequence[BarsNeeded]] = ()
    exits: ClassVar[Set[GeneralExit]] = EVERY_EXIT
    style: ParentStyle = ParentStyle.PASSIVE

    def propose(self, context: StrategyContext) -> Sequence[TradeProposal | Denial]:
        """Ask for each, whenever asked."""
        if context.lots:
            return []
        return [
            replace(propose_purchase(each.product, stop_pct=6, target_pct=12, hold_hours=48), style=self.style)
            for each in context.candidates.values()
        ]


def play_case(case: Case, settings: Settings, seed: str) -> Purchase:
    """Play one purchase to its end, or for two hours. Raises: RuntimeError if nothing was to be bought."""
    world = World(_record(case.market, settings, seed))
    period = settings.cycle.period_seconds
    for number in range(_SET_UP):
        world.run(Instant(_START + number * period))
    begin = _START + _SET_UP * period
    world.pipeline = _make_pipeline(case, settings)
    report = world.run(Instant(begin))
    # One that takes may be over by the end of this very run.
    opened = report.decision.plan.parents if report.decision is not None else ()
    if len(opened) != 1:
        raise RuntimeError(f"{case}: {len(opened)} parents were opened")
    purchase = Purchase(opened[0], opened[0].price_max, opened[0].quantity)
    for minute in range(1, MINUTES_MAX + 1):
        _follow(purchase, world)
        if purchase.is_over:
            break
        at = Instant(begin + minute * _MINUTE)
        report = world.run(at) if at % period == 0 else world.watch(at)
        purchase.note_terms(report.decision.plan.parents if report.decision is not None else ())
    return purchase


def _follow(purchase: Purchase, world: World) -> None:
    ledger = world.ledger
    assert ledger is not None
    parent_id = purchase.parent.parent_id
    for record in ledger.orders_of(parent_id):
        if record.intent.is_entry and record.venue_order_id is not None:
            purchase.children.add(record.intent.client_order_id)
            purchase.fills |= {fill.trade_id: fill for fill in record.fills}
    parent = ledger.parents.get(parent_id)
    if parent is None:
        purchase.is_over = True
        return
    purchase.note_terms((parent,))


def _make_pipeline(case: Case, settings: Settings) -> Pipeline:
    drill = add_strategy(settings)
    section = replace(drill.strategies[_STRATEGY], schedule=ScheduleSettings(case.every_minutes))
    return Pipeline.build(replace(drill, strategies={_STRATEGY: section}), {_STRATEGY: Buying(case.style)})


def _record(market: MarketKind, settings: Settings, seed: str) -> Recorded:
    random = Random(f"{seed} {market}")  # noqa: S311 - a market, no secret
    ends = _SET_UP * settings.cycle.period_seconds // _MINUTE
    rows, price = [], _PRICE
    for minute in range(-_HISTORY, ends + MINUTES_MAX + 10):
        drift = _DRIFT_BPS[market] if minute >= ends else 0.0
        start, opened = _START + minute * _MINUTE, price
        price = opened * (1 + drift * _BPS)
        high, low = max(opened, price), min(opened, price)
        high *= 1 + random.expovariate(1 / _REACH_BPS) * _BPS
        low *= 1 - random.expovariate(1 / _REACH_BPS) * _BPS
        rows.append(Candle(start, round(opened, 4), round(high, 4), round(low, 4), round(price, 4), _VOLUME))
    first = _START // _HOUR - _HOURS
    hours = [
        Candle(hour * _HOUR, 50_000.0, 50_000.0, 50_000.0, 50_000.0, 100.0) for hour in range(first, first + _HOURS + 6)
    ]
    series: Mapping[tuple[ProductId, Granularity], ColumnSeries] = {
        (_PRODUCT, Granularity.ONE_MINUTE): _make_series(Granularity.ONE_MINUTE, rows),
        (_BENCHMARK, Granularity.ONE_HOUR): _make_series(Granularity.ONE_HOUR, hours),
    }
    product = replace(make_product(_PRODUCT, rows[:500]), price_increment=Price("0.001"))
    return Recorded(settings, [product, make_product(_BENCHMARK, hours)], series, {})


def _make_series(granularity: Granularity, rows: Sequence[Candle]) -> ColumnSeries:
    return ColumnSeries(Columns.from_candles(granularity, rows))
