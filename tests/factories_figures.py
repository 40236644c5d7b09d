"""Round trips, fills and orders for the figures of a backtest, with keyword overrides."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np

from desk.backtest.data.columns import Columns
from desk.backtest.figures.benchmarks import CostRates
from desk.backtest.figures.curve import DayEquity
from desk.backtest.figures.prices import PriceHistory
from desk.backtest.figures.round_trips import OPEN, RoundTrip
from desk.backtest.figures.run_record import RunRecord
from desk.journal.books import Books
from trader.model.booking import book_fill
from trader.model.cycle_state import AcceptedMark
from trader.model.ids import (
    Asset,
    ClientOrderId,
    CycleId,
    Instant,
    ProductId,
    Scope,
    StrategyId,
    TradeId,
    VenueOrderId,
    utc_day,
)
from trader.model.ledger import Ledger, open_ledger
from trader.model.market import Granularity
from trader.model.money import Notional, Price, Quantity
from trader.model.order_life import OrderStatus
from trader.model.order_record import OrderRecord
from trader.model.orders import Bracket, Fill, Liquidity, OrderConfiguration, OrderIntent, OrderPurpose, Side
from trader.model.portfolio import assess_equity

#: 2026-01-01T00:00:00Z.
MIDNIGHT = 1_767_225_600
HOUR, DAY = 3600, 86_400
FREE = CostRates(Decimal(0), Decimal(0), Decimal(0), Decimal(0))
#: A spread of 10 bps; 0.4 % for makers, 0.6 % for takers.
RATES = CostRates(Decimal(10), Decimal(0), Decimal("0.004"), Decimal("0.006"))


def a_trip(net: str, *, number: int = 0, **changes: Any) -> RoundTrip:
    """A lot of 100 that was held for an hour, closed *number* days after the first."""
    closed = Instant(MIDNIGHT + number * DAY + HOUR)
    trip = RoundTrip(
        lot=ClientOrderId(f"lot{number:04}"),
        strategy=StrategyId("one"),
        product=ProductId("BTC-USD"),
        rule="breakout up",
        reason="breakout up: 1 of 2",
        exit_reason="target",
        opened_at=Instant(closed - HOUR),
        closed_at=closed,
        quantity=Decimal(1),
        left=Decimal(0),
        entry_price=Decimal(100),
        exit_price=Decimal(100) + Decimal(net),
        stop=Decimal(90),
        target=None,
        bought=Decimal(100),
        sold=Decimal(100) + Decimal(net),
        cost_left=Decimal(0),
        mark=None,
        value=Decimal(0),
        fees=Decimal(0),
        spread=Decimal(0),
        slippage=Decimal(0),
        realized=Decimal(net),
        net=Decimal(net),
        return_ratio=float(net) / 100,
        risk=Decimal(10),
        r_multiple=float(net) / 10,
        mfe=0.02,
        mae=-0.01,
    )
    return replace(trip, **changes)


def an_open_trip(net: str, *, number: int = 0, **changes: Any) -> RoundTrip:
    """A lot that is held at the end."""
    return a_trip(net, number=number, closed_at=None, exit_reason=OPEN, **changes)


class BooksMaker:
    """Books that grow fill by fill, by the ledger's own booking; a record of them at the end."""

    def __init__(self, capital: str = "10000", rates: CostRates = RATES) -> None:
        self.rates = rates
        self.capital = Decimal(capital)
        self.ledger: Ledger = open_ledger(Scope("PAPER#one"), Asset("USD"), Notional(capital))
        self.fills: list[Fill] = []
        self.count = 0

    def buy(self, lot: str, price: str, quantity: str, hour: int, **changes: Any) -> None:
        """Fill an entry at once, as a taker; *hour* counts from midnight. ``fee`` is 0.6 % unless it is given."""
        self._trade(lot, Side.BUY, OrderPurpose.ENTRY, price, quantity, hour, **changes)

    def sell(self, lot: str, price: str, quantity: str, hour: int, **changes: Any) -> None:
        """Fill an exit at once; the lot goes when it is sold out."""
        self._trade(lot, Side.SELL, OrderPurpose.EXIT, price, quantity, hour, **changes)

    def give_up(self, lot: str, status: OrderStatus = OrderStatus.EXPIRED) -> None:
        """End an entry without a fill."""
        intent = self._intend(lot, Side.BUY, OrderPurpose.ENTRY, "100", "1", 0, {})
        self.ledger = self.ledger.with_order(OrderRecord(intent, status, final_at=Instant(MIDNIGHT)))

    def _trade(
        self,
        lot: str,
        side: Side,
        purpose: OrderPurpose,
        price: str,
        quantity: str,
        hour: int,
        **changes: Any,
    ) -> None:
        self.count += 1
        intent = self._intend(lot, side, purpose, price, quantity, hour, changes)
        name = VenueOrderId(f"venue{self.count:04}")
        self.ledger = self.ledger.with_order(OrderRecord(intent, OrderStatus.FILLED, name))
        worth = Decimal(price) * Decimal(quantity)
        fill = Fill(
            TradeId(f"trade{self.count:04}"),
            name,
            intent.product_id,
            side,
            Price(price),
            Quantity(quantity),
            Notional(changes.get("fee", worth * self.rates.taker_fee_ratio)),
            Instant(MIDNIGHT + hour * HOUR),
            changes.get("liquidity", Liquidity.TAKER),
        )
        self.fills.append(fill)
        self.ledger = book_fill(self.ledger, intent.client_order_id, fill)
        held = self.ledger.lots.get(intent.lot_id)
        if held is not None and not held.quantity:
            self.ledger = self.ledger.with_closed_lot(held)

    def _intend(
        self,
        lot: str,
        side: Side,
        purpose: OrderPurpose,
        price: str,
        quantity: str,
        hour: int,
        changes: dict[str, Any],
    ) -> OrderIntent:
        base = changes.get("base", "BTC")
        at = Instant(MIDNIGHT + hour * HOUR)
        is_entry = purpose is OrderPurpose.ENTRY
        return OrderIntent(
            client_order_id=ClientOrderId(lot if is_entry else f"{lot}-{self.count}"),
            cycle_id=CycleId("20260101T000000Z"),
            strategy=StrategyId(changes.get("strategy", "one")),
            product_id=ProductId(f"{base}-USD"),
            base=Asset(base),
            quote=Asset("USD"),
            side=side,
            purpose=purpose,
            configuration=changes.get("configuration", OrderConfiguration.LIMIT_IOC),
            quantity=Quantity(quantity),
            limit_price=Price(price),
            lot_id=ClientOrderId(lot),
            decided_at=Instant(MIDNIGHT + changes.get("decided", hour) * HOUR),
            stop_price=changes.get("stop_price"),
            bracket=Bracket(Price(changes.get("stop", "90")), None) if is_entry else None,
            max_hold_until=Instant(at + 100 * DAY) if is_entry else None,
            reason=changes.get("reason", "breakout up: +2 %" if is_entry else "time"),
        )

    def record(self, marks: dict[str, str] | None = None, days: int = 2, equities: tuple[str, ...] = ()) -> RunRecord:
        """The record of a run of so many days, with these bids at the end and these equities at the ends of days."""
        end = Instant(MIDNIGHT + days * DAY - HOUR)
        accepted = {Asset(base): AcceptedMark(Price(bid), end) for base, bid in (marks or {}).items()}
        ledger = replace(self.ledger, accepted_marks=accepted)
        equity = assess_equity(ledger)
        instants = [Instant(MIDNIGHT + day * DAY - HOUR) for day in range(1, days + 1)]
        known = [*(Decimal(each) for each in equities), *([None] * (days - 1 - len(equities))), equity]
        orders = ledger.orders
        return RunRecord(
            start=Instant(MIDNIGHT),
            end=end,
            ticks=days * 24,
            fill_model="neutral",
            accounting_asset=Asset("USD"),
            capital=self.capital,
            equity=equity,
            books=Books(ledger, tuple(self.fills), {e.venue_order_id: e for e in orders.values() if e.venue_order_id}),
            orders=tuple(orders.values()),
            days=tuple(DayEquity(utc_day(at), each) for at, each in zip(instants, known, strict=True)),
            instants=tuple(instants),
            verdicts={"ENTERING": 2, "TRIGGER_MISSING": 40, "POSITION_HELD": 3},
            rates=self.rates,
            benchmark=ProductId("BTC-USD"),
            products=(ProductId("BTC-USD"), ProductId("ETH-USD")),
        )


def hourly_prices(**closes: list[float]) -> PriceHistory:
    """Hours that begin with the one before midnight; high and low lie 1 above and below the close."""
    histories = {}
    for base, values in closes.items():
        close = np.array(values, dtype=np.float64)
        start = MIDNIGHT - HOUR + np.arange(len(close), dtype=np.int64) * HOUR
        volume = np.ones(len(close))
        histories[ProductId(f"{base}-USD")] = Columns(
            Granularity.ONE_HOUR, start, close, close + 1, close - 1, close, volume
        )
    return PriceHistory(histories)
