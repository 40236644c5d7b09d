"""Cycles that send many orders: the real cycle and the real venue adapter, at the simulated venue over HTTP.

Each cycle has books, an account and a venue of its own, so that none depends on how the one before it ended.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

from desk.in_memory import InMemoryAuditLog, InMemoryStateStore
from desk.markets.candle_market import CandleMarket
from desk.sandbox.auth import make_key
from desk.sandbox.faults import Fault
from desk.sandbox.options import USUAL_RULES, VenueOptions
from desk.sandbox.orders import Order, OrderRequest
from desk.sandbox.price_sources import make_synthetic_source
from desk.sandbox.server import VenueServer
from desk.sandbox.venue import Venue
from trader.adapters.coinbase.adapter import CoinbaseExchange, open_exchange
from trader.adapters.coinbase.auth import Credentials
from trader.adapters.coinbase.limits import RateLimits
from trader.adapters.config.files import load_settings
from trader.adapters.local.clock import SystemClock
from trader.cycle import CycleReport, run_cycle
from trader.errors import DataError, MissingData
from trader.model.decisions import TradeProposal
from trader.model.ids import Instant, ProductId, Scope, StrategyId, cycle_id_at
from trader.model.inputs import StrategyContext, Tick
from trader.model.lots import EVERY_EXIT
from trader.model.market import Quote
from trader.model.orders import OrderIntent, OrderPurpose, Side, Submission
from trader.ports import ExchangeAdapter, Identity, KillSwitch, LeaseGrant, MarketData, Ports
from trader.settings import Settings
from trader.stages.pipeline import Pipeline

_ONE = StrategyId("rules_engine")
_UNLIMITED = RateLimits(10_000, 10_000, 10_000, 8)
_SECONDS = 55


@dataclass(frozen=True, slots=True)
class Sent:
    """One order that was handed to the adapter: when, and when the call before it at the venue had returned."""

    client_order_id: str
    purpose: OrderPurpose
    begun: float
    turn_begun: float


class WatchedVenue(Venue):
    """A venue that notes when it took which order."""

    accepted: dict[str, float]

    def create(self, request: OrderRequest, planned_fault: Fault | None = None) -> Order:
        """Place an order. Raises: OrderRefused."""
        order = super().create(request, planned_fault)
        self.accepted[request.client_order_id] = time.monotonic()
        return order


class WatchedExchange:
    """The venue's adapter, with every order that is handed to it noted."""

    def __init__(self, inner: CoinbaseExchange) -> None:
        self._inner = inner
        self.sent: list[Sent] = []
        self.turn_begun = time.monotonic()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def submit(self, intent: OrderIntent) -> Submission:
        """Send this intent."""
        self.sent.append(Sent(intent.client_order_id, intent.purpose, time.monotonic(), self.turn_begun))
        try:
            return self._inner.submit(intent)
        finally:
            self.turn_begun = time.monotonic()


class _VenuesQuotes:
    """The market of the candles, quoted as the venue quotes it now: a price from elsewhere might cross its touch."""

    def __init__(self, candles: CandleMarket, venue: Venue) -> None:
        self._candles = candles
        self._venue = venue

    def __getattr__(self, name: str) -> Any:
        return getattr(self._candles, name)

    def quotes(self, product_ids: Sequence[ProductId]) -> Mapping[ProductId, Quote | DataError]:
        """Return the best bid and ask of each product, or say that it has none."""
        with self._venue.lock:
            self._venue.advance()
            touches = {product_id: self._venue.market.touch(product_id) for product_id in product_ids}
        return {product_id: touch or MissingData("there is no market") for product_id, touch in touches.items()}


class _Store(InMemoryStateStore):
    """Says when the orders have been remembered: from then on they may leave."""

    on_commit: Callable[[], None]

    def commit(self, *given: Any, **named: Any) -> LeaseGrant:
        grant = super().commit(*given, **named)
        self.on_commit()
        return grant


@dataclass(frozen=True, slots=True)
class _BuysAll:
    """A strategy that wants a little of everything, so that a cycle has as many orders as possible."""

    size_pct: Decimal = Decimal(1)
    reads_triggers = False
    bars = ()
    exits = EVERY_EXIT

    def propose(self, context: StrategyContext) -> Sequence[TradeProposal]:
        return [
            TradeProposal(
                strategy=_ONE,
                product_id=product_id,
                base=candidate.product.base,
                side=Side.BUY,
                size_pct=self.size_pct,
                confidence=0.8,
                conviction=0.6,
                reason="drill",
                stop_loss_pct=Decimal(6),
                take_profit_pct=Decimal(12),
                max_hold_hours=48,
            )
            for product_id, candidate in context.candidates.items()
        ]


def make_settings(config: Path) -> Settings:
    """Read the shipped configuration, and let a cycle send as many orders as there are products."""
    settings = load_settings(config, {}).settings
    hundred = Decimal(100)
    risk = replace(
        settings.risk,
        open_positions_max=100,
        entries_per_cycle_max=100,
        entries_per_hour_max=100,
        entry_spacing_seconds=0,
        correlated_pct_max=hundred,
        total_pct_max=hundred,
    )
    universe = replace(settings.universe, correlation_max=1.0, clusters={})
    section = replace(settings.strategies[_ONE], weight_pct=hundred, trades_per_cycle_max=100)
    return replace(settings, risk=risk, universe=universe, strategies={_ONE: section})


@dataclass(frozen=True, slots=True)
class Ran:
    """One cycle of the drill, as everybody saw it."""

    report: CycleReport
    intended: int
    sent: Sequence[Sent]
    accepted: dict[str, float]


@dataclass
class MultiOrderDrill:
    """Everything a cycle of the drill needs and may share with others."""

    config: Path
    delay_seconds: float = 0.0
    _numbers: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._settings = make_settings(self.config)
        self._pipeline = Pipeline.build(self._settings, {_ONE: cast("Any", _BuysAll())})
        clock = SystemClock()
        self._source = make_synthetic_source(now=clock.now())
        self._market = CandleMarket(self._source.products, self._source.series, USUAL_RULES, clock)
        self._key = make_key()

    def cycle(self, switch: KillSwitch, on_commit: Callable[[], None]) -> Ran:
        """Run one cycle; *on_commit* is called when its orders are remembered and nothing has left yet."""
        self._numbers += 1
        options = VenueOptions(delay_seconds=self.delay_seconds)
        venue = WatchedVenue(self._source, keys=[self._key], options=options)
        venue.accepted = {}
        clock, store = SystemClock(), _Store()
        store.on_commit = on_commit
        with VenueServer(venue) as server:
            credentials = Credentials(self._key.name, self._key.secret)
            exchange = WatchedExchange(open_exchange(credentials, server.url, limits=_UNLIMITED))
            ports = Ports(
                market=cast("MarketData", _VenuesQuotes(self._market, venue)),
                exchange=cast("ExchangeAdapter", exchange),
                store=store,
                audit=InMemoryAuditLog(),
                kill_switch=switch,
                clock=clock,
                identity=Identity(Scope(f"LIVE#drill-{self._numbers}"), "drill", "drill"),
            )
            now = clock.now()
            report = run_cycle(Tick(cycle_id_at(now), now, Instant(now + _SECONDS)), self._pipeline, ports)
        intended = len(report.decision.plan.intents) if report.decision else 0
        return Ran(report, intended, exchange.sent, venue.accepted)
