"""A cycle's whole world in memory: a market of columns, the simulated venue, a ledger that stays a value."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from desk.backtest.data.columns import Columns
from desk.backtest.data.universe import ABSENCE_SECONDS, PointInTimeUniverse, make_universe
from desk.backtest.disturbances import Disturbance, DisturbedExchange
from desk.backtest.fault_record import FaultRecord, ReplayedTape, recall_answers
from desk.backtest.listed_market import ListedMarket
from desk.backtest.series import ColumnSeries
from desk.backtest.store import ObjectStore
from desk.in_memory import InMemoryKillSwitch, InMemorySimAccountStore, ManualClock
from desk.markets.candle_market import SeriesKey
from trader import __version__
from trader.adapters.config.plugins import find_plugin
from trader.cycle import run_cycle
from trader.cycle.report import CycleReport
from trader.cycle.watch import make_watch_tick, run_watch
from trader.entry.wiring import make_scope
from trader.model.frozen import replace
from trader.model.ids import Instant, ProductId, StrategyId, cycle_id_at
from trader.model.inputs import Tick
from trader.model.ledger import Ledger
from trader.model.market import Granularity, Product
from trader.ports import ExchangeAdapter, Identity, MarketData, Ports, TimeBudget
from trader.settings import Settings
from trader.sim.account import SimAccount
from trader.sim.exchange import SimulatedExchange
from trader.sim.matching import Tape
from trader.stages.pipeline import Pipeline
from trader.strategies import registry
from trader.strategies.base import Strategy

#: The series of a product that nobody has recorded.
NO_CANDLES = ColumnSeries(Columns.from_candles(Granularity.ONE_MINUTE, ()))


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recorded market: the products, their series, and the settings and strategies that trade on it.

    A product whose candles stay away for longer than ``absence_seconds`` is taken for delisted.
    """

    settings: Settings
    products: Sequence[Product]
    series: Mapping[SeriesKey, ColumnSeries]
    strategies: Mapping[StrategyId, Strategy] | None = None
    absence_seconds: int = ABSENCE_SECONDS

    def list_universe(self) -> PointInTimeUniverse:
        """Find out when each product came and went, from its candles or those of the product it is an alias of."""
        own = {product_id for product_id, _ in self.series}
        names = {
            each.product_id: each.product_id if each.product_id in own else each.canonical_id for each in self.products
        }
        return make_universe(
            ((each, choose_finest(self, name).columns) for each, name in names.items()), self.absence_seconds
        )


def choose_finest(recorded: Recorded, product_id: ProductId) -> ColumnSeries:
    """Return a product's finest candles; none at all where nothing was recorded."""
    own = [series for (each, _), series in recorded.series.items() if each == product_id]
    return min(own, key=lambda each: each.granularity.seconds) if own else NO_CANDLES


def make_series(recorded: Recorded, product_id: ProductId, granularity: Granularity) -> ColumnSeries | None:
    """Return a product's bars of a length as the market of candles does: recorded ones, or made of the finest."""
    if (product_id, granularity) in recorded.series:
        return recorded.series[product_id, granularity]
    finest = choose_finest(recorded, product_id)
    if not finest.has_candles or granularity.seconds % finest.granularity.seconds:
        return None
    return finest.aggregate(granularity)


class World:
    """One run's clock, books and venue. ``run`` is one production cycle at an instant.

    *faults* are answers of another run's market, given in place of the candles' own.
    """

    def __init__(
        self, recorded: Recorded, disturbances: Sequence[Disturbance] = (), faults: FaultRecord | None = None
    ) -> None:
        settings = recorded.settings
        strategies = recorded.strategies
        self.settings = settings
        self.pipeline = Pipeline.build(
            settings, registry.build(settings.strategies, find_plugin) if strategies is None else strategies
        )
        self.clock = ManualClock(Instant(0))
        self.market = ListedMarket(
            recorded.list_universe(), recorded.products, recorded.series, settings.simulation, self.clock
        )
        self.store = ObjectStore()
        self.accounts: InMemorySimAccountStore[SimAccount] = InMemorySimAccountStore()
        market: MarketData = self.market
        tape: Tape = self.market
        if faults is not None:
            market = recall_answers(self.market, self.clock, faults)
            tape = ReplayedTape(self.market, market, self.clock, faults)
        # One for both, as wherever a cycle is wired: a look keeps nothing of what it finds.
        budget = TimeBudget()
        venue = self._venue = SimulatedExchange(
            market,
            tape,
            settings.simulation,
            self.clock,
            self.accounts,
            opening={settings.app.accounting_asset: settings.app.capital},
            order_prefix=settings.execution.order_prefix,
            budget=budget,
        )
        # Nobody keeps a record of a backtest: the report of each cycle has all of it as values.
        identity, switch = Identity(make_scope(settings), "backtest", __version__), InMemoryKillSwitch()
        self.ports = Ports(market, venue, self.store, None, switch, self.clock, identity, budget)
        if disturbances:
            disturbed = cast(ExchangeAdapter, DisturbedExchange(venue, self.clock, disturbances))
            self.ports = replace(self.ports, market=disturbed, exchange=disturbed)

    @property
    def ledger(self) -> Ledger | None:
        """The books as they are."""
        return self.store.ledger

    def run(self, scheduled: Instant, start: Instant | None = None) -> CycleReport:
        """Run the tick that was scheduled for an instant; it begins at another if it is late."""
        now = scheduled if start is None else start
        self._begin(now)
        deadline = Instant(now + self.settings.cycle.run_seconds)
        return run_cycle(Tick(cycle_id_at(scheduled), scheduled, deadline), self.pipeline, self.ports)

    def watch(self, at: Instant) -> CycleReport:
        """Look at an instant between two ticks, and run if something is due."""
        self._begin(at)
        return run_watch(make_watch_tick(at, at, self.settings.cycle.period_seconds), self.pipeline, self.ports)

    def _begin(self, now: Instant) -> None:
        """Set the clock; the venue cancels what is open of a product that it lists no more."""
        self.clock.set(now)
        account = self.accounts.load()
        if account is None or not account.active:
            return
        gone = [key for key, each in account.active.items() if not self.market.is_listed(each.product_id)]
        if gone:
            # The venue acts here, whatever the run before was allowed.
            self.ports.budget.begin(math.inf)
            self._venue.cancel(gone)
