"""Whole cycles on ports in memory: a market of candles, a simulated venue, and the orders it then has."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
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
from factories_market import NOW, a_product
from trader.cycle import run_cycle
from trader.entry.wiring import build_pipeline, make_scope
from trader.errors import DataError
from trader.model.ids import Instant, ProductId, cycle_id_at
from trader.model.inputs import Tick
from trader.model.ledger import Ledger
from trader.model.market import Bars, Candle, Depth, Granularity, Product, Quote
from trader.model.money import Notional, Price
from trader.ports import ExchangeAdapter, Identity, MarketData, Ports
from trader.settings import Settings
from trader.sim.account import SimAccount
from trader.sim.exchange import SimulatedExchange
from unit.config_keys import Outcome
from unit.key_rows import shapes

BTC = ProductId("BTC-USD")


class Banded:
    """The market given, but for its order books: each basis point of a band holds so much."""

    def __init__(self, market: MarketData, per_bps: int) -> None:
        self.market, self.per_bps = market, per_bps

    def products(self, product_ids: Sequence[ProductId] | None = None) -> Mapping[ProductId, Product | DataError]:
        """Pass on."""
        return self.market.products(product_ids)

    def quotes(self, product_ids: Sequence[ProductId]) -> Mapping[ProductId, Quote | DataError]:
        """Pass on."""
        return self.market.quotes(product_ids)

    def bars(
        self, product_ids: Sequence[ProductId], granularity: Granularity, count: int, now: Instant
    ) -> Mapping[ProductId, Bars | DataError]:
        """Pass on."""
        return self.market.bars(product_ids, granularity, count, now)

    def depth(self, product_ids: Sequence[ProductId], band_bps: Decimal) -> Mapping[ProductId, Depth | DataError]:
        """Make it up from the band."""
        side = Notional(band_bps * self.per_bps)
        return {product_id: Depth(product_id, side, side) for product_id in product_ids}


class Cycles:
    """A scope, its books and its world at NOW: SOL has just jumped 8 %, the benchmark fell before it came to rest."""

    def __init__(
        self, settings: Settings, *, ledger: Ledger | None = None, has_account: bool = True, per_bps: int = 100_000
    ) -> None:
        self.settings = settings
        self.clock = ManualClock(NOW)
        self.tape = candles = CandleMarket(_PRODUCTS, _SERIES, settings.simulation, self.clock)
        self.market = Banded(candles, per_bps)
        self.exchange: ExchangeAdapter | None = None
        if has_account:
            self.exchange = SimulatedExchange(
                self.market, candles, settings.simulation, self.clock, InMemorySimAccountStore[SimAccount](),
                opening={settings.app.accounting_asset: settings.app.capital},
                order_prefix=settings.execution.order_prefix,
            )  # fmt: skip
        self.store = InMemoryStateStore()
        self.scope = make_scope(settings)
        if ledger is not None:
            grant = self.store.acquire(self.scope, "test", self.clock.now(), 60)
            self.store.commit(grant, ledger, release=True)

    def run(self, *, seconds_left: int = 100, owner: str = "test", **ports: Any) -> tuple[object, ...]:
        """Run one cycle now; say how it ended, what became of SOL, and what lies at the venue."""
        now = self.clock.now()
        world = Ports(
            market=self.market,
            exchange=self.exchange,
            store=self.store,
            audit=InMemoryAuditLog(),
            kill_switch=InMemoryKillSwitch(),
            clock=self.clock,
            identity=Identity(self.scope, owner, "test"),
        )
        tick = Tick(cycle_id_at(now), now, Instant(now + seconds_left))
        report = run_cycle(tick, build_pipeline(self.settings), replace(world, **ports))
        verdicts = report.decision.verdicts if report.decision else ()
        shown = [(each.outcome, each.code) for each in verdicts if each.product_id == _SOL]
        return report.outcome, shown, self.at_venue()

    def at_venue(self) -> object:
        """Every order the venue has of us."""
        if self.exchange is None:
            return ()
        return [
            (each.client_order_id, each.product_id, each.side, each.quantity, each.limit_price, each.status)
            for each in self.exchange.orders(Instant(0))
        ]


def a_cycle(ledger: Any = None, *, seconds_left: int = 100, **more: Any) -> Outcome:
    """The outcome of one cycle; *ledger* makes the books from the settings."""
    return lambda settings: Cycles(settings, ledger=ledger(settings) if ledger else None, **more).run(
        seconds_left=seconds_left
    )


def _candles(bars: Bars) -> list[Candle]:
    columns = zip(bars.start, bars.open, bars.high, bars.low, bars.close, bars.volume, strict=True)
    # Ten times the volume of the shapes: enough for the first tier.
    return [Candle(start, first, high, low, last, volume * 10) for start, first, high, low, last, volume in columns]


_SOL = ProductId("SOL-USD")
_PRODUCTS = (
    a_product(_SOL, price_increment=Price("0.0001")),
    a_product("SOL-USDC", price_increment=Price("0.0001"), alias=_SOL),
    a_product(BTC),
)
_SERIES = {
    (_SOL, Granularity.FIVE_MINUTE): _candles(shapes.march()),
    (BTC, Granularity.ONE_HOUR): _candles(shapes.fallen()),
}
