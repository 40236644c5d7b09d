"""Lots as round trips: what each was bought and sold for, at which costs, how far its price went for and against it.

Every lot is in it, sold out or not: what is held at the end is marked at the last bid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from desk.backtest.figures.exact import add_exactly, compute_mean_price, compute_ratio
from desk.backtest.figures.execution import price_fills
from desk.backtest.figures.prices import PriceHistory
from desk.backtest.figures.run_record import RunRecord
from desk.journal.books import LotHistory, list_histories
from trader.model.ids import ClientOrderId, Instant, ProductId, StrategyId
from trader.model.lots import Lot
from trader.model.money import ZERO
from trader.model.orders import Fill, Side
from trader.model.round_trips import describe_closing

#: What a lot that is held is said to have been ended by.
OPEN = "open"


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """One lot from its first purchase to its last sale, or to the end of the run.

    Units: money in the accounting asset. ``reason`` is the whole sentence of the purchase; ``rule`` is the same without
    its numbers, as ``exit_reason`` is of what closed it: "open" for one that is held. ``stop`` and ``target`` are those
    that it was bought with, the target None without one. ``closed_at`` is None for one that is held, ``mark`` the bid
    it is valued at, None if there is none, as are ``value`` and ``net``. ``net`` is what the lot changed the equity by:
    sales and value less purchases and fees. What is left of a sold lot cannot be sold and is worth nothing. ``risk`` is
    what it would have lost at its first stop, without costs; ``r_multiple`` is net by risk. ``mfe`` and ``mae`` are the
    best and the worst price it saw, by its entry price.
    """

    lot: ClientOrderId
    strategy: StrategyId
    product: ProductId
    rule: str
    reason: str
    exit_reason: str
    opened_at: Instant
    closed_at: Instant | None
    quantity: Decimal
    left: Decimal
    entry_price: Decimal
    exit_price: Decimal | None
    stop: Decimal
    target: Decimal | None
    bought: Decimal
    sold: Decimal
    cost_left: Decimal
    mark: Decimal | None
    value: Decimal | None
    fees: Decimal
    spread: Decimal
    slippage: Decimal
    realized: Decimal
    net: Decimal | None
    return_ratio: float | None
    risk: Decimal
    r_multiple: float | None
    mfe: float | None
    mae: float | None

    @property
    def is_open(self) -> bool:
        """Whether it is held at the end."""
        return self.closed_at is None

    @property
    def is_win(self) -> bool:
        """Whether it gained something after all costs."""
        return self.net is not None and self.net > 0


def list_round_trips(record: RunRecord, prices: PriceHistory) -> tuple[RoundTrip, ...]:
    """List every lot, those that are closed in the order in which they were, those that are held after them.

    The order in which fills of one instant are given changes nothing.
    """
    found = [
        _make_trip(each, each.lot, record, prices) for each in list_histories(record.books) if each.lot is not None
    ]
    return tuple(sorted(found, key=lambda each: (each.is_open, each.closed_at or each.opened_at, each.lot)))


def _make_trip(history: LotHistory, lot: Lot, record: RunRecord, prices: PriceHistory) -> RoundTrip:
    ledger = record.books.ledger
    buys, sales = history.list_fills(Side.BUY), history.list_fills(Side.SELL)
    bought, sold = (add_exactly(each.notional for each in fills) for fills in (buys, sales))
    fees = add_exactly(each.fee for each in (*buys, *sales))
    quantity = add_exactly(each.quantity for each in buys)
    entry_price = compute_mean_price(bought, quantity)
    is_open = lot.lot_id in ledger.lots
    accepted = ledger.accepted_marks.get(lot.base) if is_open else None
    mark = accepted.price if accepted is not None else None
    value = (mark * lot.quantity if mark is not None else None) if is_open else ZERO
    net = add_exactly((sold, value, -bought, -fees)) if value is not None else None
    spread, slippage = price_fills(history.records, prices, record.rates)
    risk = (entry_price - lot.bracket.stop_price) * quantity
    until = record.end if is_open else sales[-1].time
    reason = next(each.intent.reason for each in history.records if each.intent.is_entry)
    mfe, mae = _measure_excursions(lot.product_id, buys, sales, until, entry_price, prices)
    return RoundTrip(
        lot=lot.lot_id,
        strategy=lot.strategy,
        product=lot.product_id,
        rule=name_reason(reason),
        reason=reason,
        exit_reason=OPEN if is_open else name_reason(describe_closing(history.records)),
        opened_at=buys[0].time,
        closed_at=None if is_open else until,
        quantity=quantity,
        left=Decimal(lot.quantity),
        entry_price=entry_price,
        exit_price=compute_mean_price(sold, add_exactly(each.quantity for each in sales)) if sales else None,
        stop=Decimal(lot.bracket.stop_price),
        target=None if lot.bracket.target_price is None else Decimal(lot.bracket.target_price),
        bought=bought,
        sold=sold,
        cost_left=Decimal(lot.cost),
        mark=mark,
        value=value,
        fees=fees,
        spread=spread,
        slippage=slippage,
        realized=Decimal(lot.realized),
        net=net,
        return_ratio=compute_ratio(net, bought) if net is not None else None,
        risk=risk,
        r_multiple=compute_ratio(net, risk) if net is not None else None,
        mfe=mfe,
        mae=mae,
    )


def name_reason(reason: str) -> str:
    """Return a reason without its numbers, which stand behind a colon, so that equal ones are one row of a table."""
    return reason.partition(":")[0].strip() or "none given"


def _measure_excursions(
    product_id: ProductId,
    buys: Sequence[Fill],
    sales: Sequence[Fill],
    until: Instant,
    entry_price: Decimal,
    prices: PriceHistory,
) -> tuple[float | None, float | None]:
    """Return the best and the worst price by the entry price: those of whole candles in between, and of its own sales.

    A candle in which it was bought or sold tells nothing about what came before or after that.
    """
    since = buys[0].time
    extremes = prices.find_extremes(product_id, since, until) or ()
    seen = [*extremes, *(float(each.price) for each in sales)]
    if not seen:
        return None, None
    paid = float(entry_price)
    return max(max(seen) / paid - 1, 0.0), min(min(seen) / paid - 1, 0.0)
