"""A small simulated venue for tests: one product at 100, a day of quiet history, and a path that the test writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from desk.in_memory import InMemorySimAccountStore, ManualClock
from desk.markets.candle_market import CandleMarket
from trader.model.conversions import ConversionIntent
from trader.model.ids import Asset, ClientOrderId, CycleId, Instant, ProductId, StrategyId, VenueOrderId
from trader.model.market import Candle, Granularity, Product
from trader.model.money import Notional, Price, Quantity
from trader.model.orders import (
    Accepted,
    Bracket,
    OrderConfiguration,
    OrderIntent,
    OrderPurpose,
    OrderStatusReport,
    Side,
    Submission,
)
from trader.ports import ExchangeAdapter, TimeBudget
from trader.settings.app import FillModel, SimulationSettings
from trader.sim.account import SimAccount, SimAccountStore
from trader.sim.archive import RECENT_SECONDS
from trader.sim.exchange import SimulatedExchange

#: Where a test's path begins, and the length of its bars.
START = Instant(1_795_348_800)  # 2026-11-22T12:00:00Z
STEP = 300

SOL, SOL_USDC = ProductId("SOL-USD"), ProductId("SOL-USDC")
USD, USDC, BASE = Asset("USD"), Asset("USDC"), Asset("SOL")
PREFIX = "t-"


def a_simulation(**changes: Any) -> SimulationSettings:
    """Neutral; spread 10 bps, impact 5 bps, a tenth of the volume, 0.6 % maker, 1.2 % taker, no lag."""
    plain = SimulationSettings(
        fills=FillModel.NEUTRAL,
        spread_bps=Decimal(10),
        impact_bps=Decimal(5),
        volume_share_ratio=Decimal("0.1"),
        maker_fee_ratio=Decimal("0.006"),
        taker_fee_ratio=Decimal("0.012"),
        visibility_lag_seconds=0,
    )
    return replace(plain, **changes)


def a_product(product_id: ProductId = SOL, **changes: Any) -> Product:
    """A sound product with increments 0.01 and 0.001, minimum 1 in quote."""
    base, _, quote = product_id.rpartition("-")
    product = Product(
        product_id=product_id,
        base=Asset(base),
        quote=Asset(quote),
        base_increment=Quantity("0.001"),
        price_increment=Price("0.01"),
        quote_increment=Notional("0.01"),
        base_size_min=Quantity("0.002"),
        base_size_max=Quantity(100_000),
        quote_size_min=Notional(1),
        quote_size_max=Notional(1_000_000),
        volume_24h=Notional(0),
    )
    return replace(product, **changes)


@dataclass(frozen=True)
class Bar:
    """One bar of a path; what is not said is 100, or follows from the rest."""

    open: float = 100.0
    high: float | None = None
    low: float | None = None
    close: float | None = None
    volume: float = 1000.0

    def candle(self, start: int) -> Candle:
        """The bar at its place in time."""
        close = self.open if self.close is None else self.close
        high = max(self.open, close) if self.high is None else self.high
        low = min(self.open, close) if self.low is None else self.low
        return Candle(start, self.open, high, low, close, self.volume)


def a_path(*bars: Bar, first: int = START) -> list[Candle]:
    """A quiet day at 100, then the bars given, the first of which starts at START."""
    quiet = [Bar().candle(first - back * STEP) for back in range(288, 0, -1)]
    return quiet + [bar.candle(first + index * STEP) for index, bar in enumerate(bars)]


@dataclass
class Venue:
    """A venue under test, whoever implements it, with the clock that moves it."""

    exchange: ExchangeAdapter
    clock: ManualClock

    def pass_bars(self, count: int = 1) -> Instant:
        """Let bars close."""
        return self.clock.advance(count * STEP)

    def accepted(self, submission: Submission) -> VenueOrderId:
        """The venue's id of an order that must have been taken."""
        assert isinstance(submission, Accepted), submission
        return submission.venue_order_id

    def order(self, venue_order_id: VenueOrderId) -> OrderStatusReport:
        """The order as listed now."""
        return {order.venue_order_id: order for order in self.exchange.orders(Instant(0))}[venue_order_id]

    def money(self, asset: Asset) -> tuple[Decimal, Decimal]:
        """What of an asset is free, and what is held."""
        balance = self.exchange.balances().get(asset)
        return (Decimal(0), Decimal(0)) if balance is None else (balance.available, balance.hold)


def a_simulated_venue(
    path: list[Candle] | None = None,
    *,
    length: Granularity = Granularity.FIVE_MINUTE,
    opening: Mapping[Asset, Decimal] | None = None,
    settings: SimulationSettings | None = None,
    product: Product | None = None,
    accounts: SimAccountStore | None = None,
    recent_seconds: int = RECENT_SECONDS,
    budget: TimeBudget | None = None,
) -> Venue:
    """SimulatedExchange at START over a path, with 10,000 USD unless said otherwise."""
    clock = ManualClock(START)
    rules = a_simulation() if settings is None else settings
    main = a_product() if product is None else product
    other_door = replace(main, product_id=SOL_USDC, quote=USDC, alias=SOL)
    series = {(SOL, length): a_path(Bar()) if path is None else path}
    market = CandleMarket([main, other_door], series, rules, clock)
    store: SimAccountStore = InMemorySimAccountStore[SimAccount]() if accounts is None else accounts
    funds = {USD: Decimal(10_000)} if opening is None else opening
    exchange = SimulatedExchange(
        market,
        market,
        rules,
        clock,
        store,
        opening=funds,
        order_prefix=PREFIX,
        budget=budget,
    )
    exchange.recent_seconds = recent_seconds
    return Venue(exchange, clock)


def an_intent(name: str = "entry", **changes: Any) -> OrderIntent:
    """A post-only buy of 2 at 99.90, good for two bars, under the id ``t-<name>``."""
    intent = OrderIntent(
        client_order_id=ClientOrderId(PREFIX + name),
        cycle_id=CycleId("20261122T120000Z"),
        strategy=StrategyId("rules_engine"),
        product_id=SOL,
        base=BASE,
        quote=USD,
        side=Side.BUY,
        purpose=OrderPurpose.ENTRY,
        configuration=OrderConfiguration.POST_ONLY_GTD,
        quantity=Quantity(2),
        limit_price=Price("99.90"),
        lot_id=ClientOrderId(PREFIX + name),
        decided_at=START,
        expires_at=Instant(START + 2 * STEP),
    )
    return replace(intent, **changes)


def a_protected_intent(name: str = "entry", stop: str = "95", target: str = "110", **changes: Any) -> OrderIntent:
    """The same with an attached bracket."""
    return an_intent(name, bracket=Bracket(Price(stop), Price(target)), attach_bracket=True, **changes)


def a_taker(name: str = "taker", **changes: Any) -> OrderIntent:
    """An immediate-or-cancel buy of 2 at up to 101."""
    ioc: dict[str, Any] = {"configuration": OrderConfiguration.LIMIT_IOC, "limit_price": Price(101), "expires_at": None}
    return an_intent(name, **{**ioc, **changes})


def an_exit(name: str = "exit", **changes: Any) -> OrderIntent:
    """An immediate-or-cancel sale of 2 at down to 99."""
    exit_: dict[str, Any] = {"side": Side.SELL, "purpose": OrderPurpose.EXIT, "limit_price": Price(99)}
    return a_taker(name, **{**exit_, **changes})


def a_bracket(name: str = "bracket", stop: str = "95", target: str = "110", **changes: Any) -> OrderIntent:
    """A separate protective order for 2."""
    guard: dict[str, Any] = {
        "side": Side.SELL,
        "purpose": OrderPurpose.PROTECTION,
        "configuration": OrderConfiguration.BRACKET_GTC,
        "limit_price": Price(target),
        "stop_price": Price(stop),
        "expires_at": None,
    }
    return an_intent(name, **{**guard, **changes})


def a_stop_limit(name: str = "stop", stop: str = "95", limit: str = "90.25", **changes: Any) -> OrderIntent:
    """Protection for 2 without a target: below 95 it sells, down to 90.25."""
    kind: dict[str, Any] = {"configuration": OrderConfiguration.STOP_LIMIT_GTC, "limit_price": Price(limit)}
    return a_bracket(name, stop, **{**kind, **changes})


def a_limit(name: str = "limit", limit: str = "101", **changes: Any) -> OrderIntent:
    """A sale of 2 that rests at 101 until it is cancelled."""
    kind: dict[str, Any] = {"configuration": OrderConfiguration.LIMIT_GTC, "limit_price": Price(limit)}
    return an_exit(name, **{**kind, **changes})


def a_convert(name: str = "c1", amount: str = "100", **changes: Any) -> ConversionIntent:
    """USD into USDC."""
    intent = ConversionIntent(name, CycleId("20261122T120000Z"), USD, USDC, Notional(amount), START)
    return replace(intent, **changes)
