"""A world of one account for whole cycles: a market that a test writes, the simulated venue, ports in memory.

Every call through a port is noted by name, and any of them can be meddled with: the next layer of a test's story.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from desk.in_memory import (
    InMemoryAuditLog,
    InMemoryKillSwitch,
    InMemorySimAccountStore,
    InMemoryStateStore,
    ManualClock,
)
from desk.markets.candle_market import CandleMarket
from factories import RULES, SCOPE, Scripted, shipped_settings
from factories_venue import START, STEP
from trader.cycle import CycleReport, run_cycle
from trader.entry.wiring import build_pipeline, find_demand
from trader.errors import VenueUnavailable
from trader.model.codec import digest_of
from trader.model.ids import Asset, Instant, ProductId, VenueOrderId, cycle_id_at
from trader.model.inputs import AccountListing, OddRow, Tick
from trader.model.ledger import Ledger
from trader.model.market import Candle, Granularity, Product
from trader.model.money import Notional, Price, Quantity
from trader.model.orders import OrderStatusReport, Side
from trader.model.trading_state import TradingState
from trader.ports import Identity, Ports, TimeBudget
from trader.settings import Settings
from trader.sim.account import SimAccount
from trader.sim.archive import load_whole
from trader.sim.exchange import SimulatedExchange
from trader.stages.pipeline import Pipeline

BTC, SOL, ETH = ProductId("BTC-USD"), ProductId("SOL-USD"), ProductId("ETH-USD")
USD, USDC = Asset("USD"), Asset("USDC")

#: Units traded in a bar, enough for the depth that the first tier asks for.
BUSY = 2000.0
Meddler = Callable[..., Any]


@dataclass(frozen=True)
class Bar:
    """One bar of a path; what is not said follows from where the bar before it closed."""

    close: float = 100.0
    low: float | None = None
    high: float | None = None
    volume: float = BUSY


DIP = Bar(low=99.0)


def a_path(*bars: Bar, price: float = 100.0) -> list[Candle]:
    """Thirty quiet hours that end at a price, then the bars given, the first of which starts at START."""
    quiet = 361
    rows, before = [], price
    for index in range(quiet):
        wiggle = price * (1 + 0.0002 * (index % 2))
        rows.append(
            Candle(START - (quiet - index) * STEP, before, max(before, wiggle), min(before, wiggle), wiggle, BUSY)
        )
        before = wiggle
    for index, bar in enumerate(bars):
        low = min(before, bar.close) if bar.low is None else bar.low
        high = max(before, bar.close) if bar.high is None else bar.high
        rows.append(Candle(START + index * STEP, before, max(high, before), min(low, before), bar.close, bar.volume))
        before = bar.close
    return rows


def listed(product_id: str, **over: Any) -> Product:
    """A product with cents and millionths, minimum 1 in quote."""
    base, _, quote = product_id.partition("-")
    product = Product(
        product_id=ProductId(product_id),
        base=Asset(base),
        quote=Asset(quote),
        base_increment=Quantity("0.000001"),
        price_increment=Price("0.01"),
        quote_increment=Notional("0.01"),
        base_size_min=Quantity("0.000001"),
        base_size_max=Quantity(100_000),
        quote_size_min=Notional(1),
        quote_size_max=Notional(1_000_000),
        volume_24h=Notional(0),
    )
    return replace(product, **over)


class Meddled:
    """A port through which every call is noted, and perhaps answered otherwise."""

    def __init__(self, name: str, inner: Any, world: World) -> None:
        self._name, self._inner, self._world = name, inner, world

    def __getattr__(self, method: str) -> Callable[..., Any]:
        if method == "account":
            return self._account
        inner = self._known_orders if method == "known_orders" else getattr(self._inner, method)
        original, label = inner, f"{self._name}.{method}"

        def call(*args: Any, **named: Any) -> Any:
            self._world.calls.append(label)
            meddler = self._world.meddlers.get(label)
            return original(*args, **named) if meddler is None else meddler(original, *args, **named)

        return call

    def _account(self, since: Instant | None, known: Sequence[VenueOrderId] = ()) -> AccountListing:
        """Make each part a call of its own where it is meddled with."""
        parts = ("balances", "orders", "known_orders")[: 3 if known else 2 if since is not None else 1]
        if not any(f"{self._name}.{part}" in self._world.meddlers for part in parts):
            self._world.calls += [f"{self._name}.{part}" for part in parts]
            listing: AccountListing = self._inner.account(since, known)
            return listing
        balances = self.balances()
        if since is None:
            return AccountListing(balances)
        listed, older = self.orders(since), self.known_orders(known) if known else ()
        names = {each.venue_order_id for each in listed}
        return AccountListing(balances, (*listed, *(each for each in older if each.venue_order_id not in names)))

    def _known_orders(self, known: Sequence[VenueOrderId]) -> Sequence[OrderStatusReport | OddRow]:
        orders: Sequence[OrderStatusReport | OddRow] = self._inner.account(self._world.clock.now(), known).orders
        return orders


@dataclass
class World:
    """Everything a cycle touches, open to the test."""

    clock: ManualClock
    pipeline: Pipeline
    market: CandleMarket
    venue: SimulatedExchange
    book: InMemorySimAccountStore[SimAccount]
    store: InMemoryStateStore = field(default_factory=InMemoryStateStore)
    audit: InMemoryAuditLog = field(default_factory=InMemoryAuditLog)
    kill_switch: InMemoryKillSwitch = field(default_factory=InMemoryKillSwitch)
    calls: list[str] = field(default_factory=list)
    meddlers: dict[str, Meddler] = field(default_factory=dict)
    trades: bool = True
    budget: TimeBudget = field(default_factory=TimeBudget)

    def ports(self, owner: str = "one") -> Ports:
        """The ports of one invocation."""
        return Ports(
            market=Meddled("market", self.market, self),  # type: ignore[arg-type]
            exchange=Meddled("exchange", self.venue, self) if self.trades else None,  # type: ignore[arg-type]
            store=Meddled("store", self.store, self),  # type: ignore[arg-type]
            audit=Meddled("audit", self.audit, self),  # type: ignore[arg-type]
            kill_switch=Meddled("kill_switch", self.kill_switch, self),  # type: ignore[arg-type]
            clock=self.clock,
            identity=Identity(SCOPE, owner, "test"),
            budget=self.budget,
        )

    def cycle(self, *, scheduled: int | None = None, owner: str = "one", seconds: int = 210) -> CycleReport:
        """Run one cycle at this instant; *seconds* are left until its deadline."""
        at = Instant(self.clock.now() if scheduled is None else scheduled)
        return run_cycle(
            Tick(cycle_id_at(at), at, Instant(self.clock.now() + seconds)), self.pipeline, self.ports(owner)
        )

    def pass_bars(self, count: int = 1) -> None:
        """Let bars close."""
        self.clock.advance(count * STEP)

    def cycles(self, count: int) -> list[CycleReport]:
        """Run a cycle now and one after each of the next bars, *count* in all."""
        reports = []
        for _ in range(count):
            reports.append(self.cycle())
            self.pass_bars()
        return reports

    @property
    def ledger(self) -> Ledger:
        """The books as stored."""
        ledger = self.store.ledger(SCOPE)
        assert ledger is not None
        return ledger

    @property
    def stored(self) -> SimAccount:
        """What the venue remembers, its archive included."""
        book = load_whole(self.book)
        assert book is not None
        return book

    def sent(self, method: str = "submit") -> int:
        """How often the venue was asked to do something."""
        return self.calls.count(f"exchange.{method}")

    def total(self, asset: str) -> Decimal:
        """What the account holds of an asset."""
        return self.stored.totals.get(Asset(asset), Decimal(0))

    def buys(self) -> list[Any]:
        """Every purchase the venue ever took, resting ones last."""
        return [o for o in (*self.stored.finished.values(), *self.stored.active.values()) if o.side is Side.BUY]


def down(*_: Any, **__: Any) -> Any:
    """A meddler: the venue does not answer."""
    raise VenueUnavailable("the venue does not answer")


def down_after(original: Callable[..., Any], *args: Any, **named: Any) -> Any:
    """A meddler: the venue does what it is asked, and the answer is lost."""
    original(*args, **named)
    raise VenueUnavailable("the answer was lost")


def answering(value: Any) -> Meddler:
    """A meddler that always says the same."""
    return lambda *_, **__: value


def a_world(
    *,
    paths: Mapping[ProductId, Sequence[Candle]] | None = None,
    products: Sequence[Product] = (),
    strategy: Scripted | None = None,
    opening: Mapping[Asset, str] | None = None,
    switch: TradingState = TradingState.RUN,
    trades: bool = True,
    **overrides: Any,
) -> World:
    """BTC, ETH and SOL at 100; 10,000 USD in the books and in the account; the shipped rules or a scripted strategy.

    *overrides* are key paths with two underscores for a point: ``risk__total_pct_max="10"``.
    """
    settings = shipped_settings({key.replace("__", "."): value for key, value in overrides.items()})
    clock, book, budget = ManualClock(START), InMemorySimAccountStore[SimAccount](), TimeBudget()
    series: dict[tuple[ProductId, Granularity], Sequence[Candle]] = {
        (product_id, Granularity.FIVE_MINUTE): (paths or {}).get(product_id, a_path(*[Bar()] * 288))
        for product_id in (BTC, ETH, SOL, *(paths or {}))
    }
    hour = START // 3600 * 3600
    series[BTC, Granularity.ONE_HOUR] = [
        Candle(hour + n * 3600, 100.0, 100.0, 100.0, 100.0, 10.0) for n in range(-200, 200)
    ]
    names = dict.fromkeys((*(product_id for product_id, _ in series), *(p.product_id for p in products)))
    shown = {product.product_id: product for product in products}
    market = CandleMarket([shown.get(name, listed(name)) for name in names], series, settings.simulation, clock)
    funds = {USD: "10000"} if opening is None else opening
    venue = SimulatedExchange(
        market,
        market,
        settings.simulation,
        clock,
        book,
        opening={asset: Decimal(amount) for asset, amount in funds.items()},
        order_prefix=settings.execution.order_prefix,
        budget=budget,
    )
    return World(
        clock,
        pipeline_for(settings, strategy),
        market,
        venue,
        book,
        kill_switch=InMemoryKillSwitch(switch),
        trades=trades,
        budget=budget,
    )


def pipeline_for(settings: Settings, strategy: Scripted | None) -> Pipeline:
    """The shipped strategies, or one that a test scripts in their place."""
    if strategy is None:
        return build_pipeline(settings)
    alone = replace(settings, strategies={RULES: settings.strategies[RULES]})
    return Pipeline.build(replace(alone, digest=digest_of(alone)), {RULES: strategy}, find_demand(settings))


def with_settings(world: World, strategy: Scripted | None = None, **overrides: Any) -> World:
    """The same world under another configuration, as after a deployment."""
    settings = shipped_settings({key.replace("__", "."): value for key, value in overrides.items()})
    return replace(world, pipeline=pipeline_for(settings, strategy))
