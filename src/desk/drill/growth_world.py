"""A market, a venue, and books that are measured after every cycle: what all stories of `make growth` stand on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from desk.drill.market_modes_venue import ModeMarket
from desk.drill.market_modes_world import WaitingClock
from desk.in_memory import InMemoryAuditLog, InMemoryKillSwitch, InMemorySimAccountStore, InMemoryStateStore
from desk.markets.candle_market import make_product
from desk.markets.series import CandleSeries
from desk.run import make_tick
from trader.cycle import CycleOutcome, CycleReport, run_cycle
from trader.entry.wiring import VenueAccess, choose_exchange
from trader.errors import DataError, MissingData
from trader.model.ids import Asset, Instant, ProductId, Scope, StrategyId, VenueOrderId
from trader.model.inputs import AccountListing, Tick
from trader.model.ledger import Ledger
from trader.model.market import Candle, Granularity, Product, Quote
from trader.model.money import Price
from trader.model.orders import OrderIntent, Submission
from trader.ports import ExchangeAdapter, Identity, Ports
from trader.settings import Settings
from trader.sim.account import SimAccount
from trader.stages.pipeline import Pipeline
from trader.strategies.base import Strategy

PRODUCT, BASE, USD = ProductId("ETH-USD"), Asset("ETH"), Asset("USD")
SCOPE = Scope("PAPER#growth")
# 2026-11-22T12:00:00Z; cycles begin ten seconds after a bar closed.
_START, _AFTER_CLOSE = 1_795_348_800, 10
_BENCHMARK, _HOUR = ProductId("BTC-USD"), 3600
#: Bars before the first cycle: more than a decision reads. As many hours of the benchmark.
_HISTORY = 400
#: Whose account the key opens, before and after the owner has put in another key.
OWN_PORTFOLIO, OTHER_PORTFOLIO = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"

#: Plays one cycle; a test may put a faulty one here.
Run = Callable[[Tick, Pipeline, Ports], CycleReport]
#: Makes the bar that begins so many periods after the start, from its instant.
MakeBar = Callable[[int, int], Candle]


class GrowthMarket(ModeMarket):
    """A market whose product carries flags, whose book may be thin, and which may be gone from the list."""

    is_listed = True

    def products(self, product_ids: Sequence[ProductId] | None = None) -> Mapping[ProductId, Product | DataError]:
        if self.is_listed:
            return super().products(product_ids)
        return {each: MissingData(f"{each} is not listed") for each in product_ids or ()}

    def quotes(self, product_ids: Sequence[ProductId]) -> Mapping[ProductId, Quote | DataError]:
        if self.is_listed:
            return super().quotes(product_ids)
        return {each: MissingData(f"{each} is not listed") for each in product_ids}


class GrowthVenue:
    """The simulated venue. It counts the orders that are sent, and answers them with something else if told to."""

    def __init__(self, inner: ExchangeAdapter) -> None:
        self._inner, self.portfolio = inner, OWN_PORTFOLIO
        self.answer: Submission | None = None
        self.sent = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def account(self, since: Instant | None, known: Sequence[VenueOrderId] = ()) -> AccountListing:
        return replace(self._inner.account(since, known), portfolios=frozenset({self.portfolio}))

    def submit(self, intent: OrderIntent) -> Submission:
        self.sent += 1
        return self._inner.submit(intent) if self.answer is None else self.answer

    def change_key(self, portfolio: str, inner: ExchangeAdapter) -> None:
        """Let the key open the account of another portfolio."""
        self._inner, self.portfolio = inner, portfolio


class GrowthWorld(ABC):
    """Books, an account and a venue of their own, on a market of bars that are made for so many periods."""

    def __init__(
        self,
        settings: Settings,
        make_bar: MakeBar,
        periods: int,
        strategies: Mapping[StrategyId, Strategy],
        run: Run = run_cycle,
    ) -> None:
        self.settings, self._run, self.outcomes = settings, run, dict[str, int]()
        self.step = settings.cycle.period_seconds
        assert self.step == Granularity.FIVE_MINUTE.seconds, "a bar of the market is a period"
        self.clock = WaitingClock(self.instant(0))
        self.store, self.accounts = InMemoryStateStore(), InMemorySimAccountStore[SimAccount]()
        series = _make_series(make_bar, periods, self.step)
        product = make_product(PRODUCT, series[PRODUCT, Granularity.FIVE_MINUTE].candles)
        product = replace(product, price_increment=Price("0.01"))
        self.market = GrowthMarket([product], series, settings.simulation, self.clock)
        self.kill_switch = InMemoryKillSwitch()
        self.venue = GrowthVenue(self.open_venue(self.accounts))
        self._pipeline = Pipeline.build(settings, strategies)

    @abstractmethod
    def set_up(self) -> None:
        """Play what comes before the first cycle that is measured. Raises: RuntimeError if it ends otherwise."""

    @abstractmethod
    def play_next(self, number: int) -> None:
        """Play a cycle of the story, the first of which has the number 0."""

    @abstractmethod
    def check(self, cycles: int) -> None:
        """Make sure that the story was what its name says. Raises: RuntimeError if it was not."""

    def instant(self, period: int) -> Instant:
        """Return the instant of the cycle that begins so many periods after the start."""
        return Instant(_START + _AFTER_CLOSE + period * self.step)

    def open_venue(self, accounts: InMemorySimAccountStore[SimAccount]) -> ExchangeAdapter:
        """Open the simulated venue of an account, as PAPER does; one without an account yet has the capital in it."""
        access = VenueAccess(self.market, self.market)
        exchange = choose_exchange(self.settings, access, self.clock, lambda: accounts)
        assert exchange is not None
        return exchange

    def open_audit(self) -> InMemoryAuditLog:
        """Open the audit for one cycle; here nobody reads it, so each has its own."""
        return InMemoryAuditLog()

    def play(self, period: int) -> CycleReport:
        """Play the cycle of a period. Raises: whatever comes out of a cycle, and RuntimeError if it was skipped."""
        self.clock.set(self.instant(period))
        ports = Ports(
            market=self.market,
            exchange=cast("ExchangeAdapter", self.venue),
            store=self.store,
            audit=self.open_audit(),
            kill_switch=self.kill_switch,
            clock=self.clock,
            identity=Identity(SCOPE, "drill", "drill"),
        )
        report = self._run(make_tick(self.clock.now(), self.settings), self._pipeline, ports)
        if report.outcome is CycleOutcome.SKIPPED:
            raise RuntimeError(f"the cycle of period {period} was skipped: {report.reason}")
        self.outcomes[report.outcome] = self.outcomes.get(report.outcome, 0) + 1
        return report

    def ledger(self) -> Ledger:
        """Return the ledger as it is stored."""
        ledger = self.store.ledger(SCOPE)
        assert ledger is not None
        return ledger

    def account(self) -> SimAccount:
        """Return the account as it is stored."""
        return self.accounts.load() or SimAccount()


def make_flat_bar(price: float, volume: float, start: int) -> Candle:
    """Make a bar in which the price did not move."""
    return Candle(start, price, price, price, price, volume)


def _make_series(make_bar: MakeBar, periods: int, step: int) -> dict[tuple[ProductId, Granularity], CandleSeries]:
    rows = [make_bar(n, _START + n * step) for n in range(-_HISTORY, periods + 2)]
    first = _START // _HOUR
    hours = range(first - _HISTORY, first + periods * step // _HOUR + 2)
    quiet = [make_flat_bar(50_000.0, 100.0, hour * _HOUR) for hour in hours]
    return {
        (PRODUCT, Granularity.FIVE_MINUTE): CandleSeries(Granularity.FIVE_MINUTE, rows),
        (_BENCHMARK, Granularity.ONE_HOUR): CandleSeries(Granularity.ONE_HOUR, quiet),
    }
