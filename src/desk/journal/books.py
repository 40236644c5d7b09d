"""What was bought and sold, lot by lot, from the stored fills and the orders that they belong to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from desk.recovery.evidence import read_stamp
from desk.recovery.ledger_item import LedgerItems
from trader.errors import MissingData
from trader.model.booking import build_lot
from trader.model.ids import Asset, ClientOrderId, Instant, Scope, VenueOrderId, rfc3339
from trader.model.ledger import Ledger
from trader.model.lots import Lot
from trader.model.money import HUNDRED, ZERO
from trader.model.order_record import OrderRecord
from trader.model.orders import Fill, Side
from trader.model.round_trips import describe_closing


@dataclass(frozen=True, slots=True)
class Books:
    """What is stored of a scope: the ledger, every fill, and the orders by what the venue calls them."""

    ledger: Ledger
    fills: tuple[Fill, ...]
    orders: Mapping[VenueOrderId, OrderRecord]

    @property
    def as_of(self) -> Instant | None:
        """When the last run ended, by which the ledger stands, or the last cycle began; None if neither is known."""
        if self.ledger.last_run is not None:
            return self.ledger.last_run.ended_at
        return read_stamp(self.ledger.last_cycle.cycle_id) if self.ledger.last_cycle is not None else None


@dataclass(frozen=True, slots=True)
class LotHistory:
    """A lot with all its fills: what is left of it, if anything, and its orders, each with its fills.

    ``lot`` is None where fills are missing: more was sold than is known to have been bought.
    """

    lot_id: ClientOrderId
    lot: Lot | None
    records: tuple[OrderRecord, ...]

    def list_fills(self, side: Side) -> list[Fill]:
        """List its purchases or its sales."""
        return sorted(
            (fill for record in self.records for fill in record.fills if fill.side is side), key=lambda each: each.time
        )


def read_books(items: LedgerItems, scope: Scope) -> Books:
    """Read what is stored. Raises: MissingData if there is no ledger, StoreUnavailable, LedgerCorrupt.

    The fills first, the finished orders last: whatever a run stores meanwhile, every fill finds its order.
    """
    fills = tuple(items.read_fills(scope))
    stored = items.find(scope)
    if stored is None:
        raise MissingData(f"nothing of {scope} is stored there; trader cycle and trader run make a ledger")
    if stored.ledger is None:
        raise MissingData(f"the ledger of {scope} cannot be read: {stored.problem or 'no run has committed one yet'}")
    records = (*items.read_finished(scope), *stored.ledger.orders.values())
    orders = {each.venue_order_id: each for each in records if each.venue_order_id is not None}
    return Books(stored.ledger, tuple(sorted(fills, key=lambda each: (each.time, each.trade_id))), orders)


def describe_fills(books: Books) -> Iterator[dict[str, Any]]:
    """Tell every fill, oldest first, with the order it belongs to as far as that is known."""
    for fill in books.fills:
        record = books.orders.get(fill.venue_order_id)
        intent = record.intent if record is not None else None
        yield {
            "at": rfc3339(fill.time),
            "product": fill.product_id,
            "side": fill.side.value,
            "quantity": fill.quantity,
            "price": fill.price,
            "notional": fill.notional,
            "fee": fill.fee,
            "liquidity": fill.liquidity.value,
            "purpose": intent.purpose.value if intent is not None else None,
            "strategy": intent.strategy if intent is not None else None,
            "reason": intent.reason if intent is not None else None,
            "lot": intent.lot_id if intent is not None else None,
            "order": intent.client_order_id if intent is not None else None,
            "venue_order": fill.venue_order_id,
            "trade": fill.trade_id,
        }


def list_histories(books: Books) -> list[LotHistory]:
    """Put the fills together by lot, in the order of the first fill of each."""
    by_order: dict[VenueOrderId, list[Fill]] = {}
    for fill in books.fills:
        by_order.setdefault(fill.venue_order_id, []).append(fill)
    by_lot: dict[ClientOrderId, list[OrderRecord]] = {}
    for name, fills in by_order.items():
        record = books.orders.get(name)
        if record is not None:
            whole = replace(record, fills=tuple(fills), carried=None)
            by_lot.setdefault(record.intent.lot_id, []).append(whole)
    return [LotHistory(lot_id, _fold(records), tuple(records)) for lot_id, records in by_lot.items()]


def _fold(records: Sequence[OrderRecord]) -> Lot | None:
    entry = next((each.intent for each in records if each.intent.is_entry), None)
    if entry is None or entry.bracket is None:
        return None
    return build_lot(records, None)


def describe_trades(books: Books) -> Iterator[dict[str, Any]]:
    """Tell every round trip, in the order in which they ended: a lot of which something was sold.

    The gain is what the books realized: proceeds less all fees and what the sold part had cost.
    """
    told = (_tell_trade(each, books.ledger) for each in list_histories(books))
    yield from sorted((each for each in told if each is not None), key=lambda each: (each["sold_at"], each["lot"]))


def _tell_trade(history: LotHistory, ledger: Ledger) -> dict[str, Any] | None:
    lot, bought, sold = history.lot, history.list_fills(Side.BUY), history.list_fills(Side.SELL)
    if lot is None or not sold:
        return None
    paid = _total(each.notional + each.fee for each in bought) - lot.cost - lot.entry_fees
    fees = _total(each.fee for each in (*bought, *sold)) - lot.entry_fees
    is_open = lot.lot_id in ledger.lots
    return {
        "lot": lot.lot_id,
        "product": lot.product_id,
        "strategy": lot.strategy,
        "bought_at": rfc3339(bought[0].time),
        "sold_at": rfc3339(sold[-1].time),
        "quantity": _total(each.quantity for each in sold),
        "entry_price": _average(bought),
        "exit_price": _average(sold),
        "fees": fees,
        "net_gain": Decimal(lot.realized),
        "gain_pct": lot.realized / paid * HUNDRED if paid > 0 else None,
        "quote": lot.quote,
        "held_seconds": sold[-1].time - bought[0].time,
        "exit_reason": describe_closing(history.records),
        "left": lot.quantity,
        "left_is": "held" if is_open else "dust" if lot.quantity else "nothing",
    }


@dataclass(frozen=True, slots=True)
class SumCheck:
    """Whether trades and open lots explain the cash: what it must be, what it is, the difference. Units: all quotes."""

    expected: Decimal
    actual: Decimal
    difference: Decimal
    unassigned: int


def check_sums(books: Books) -> SumCheck:
    """Compare capital, conversions, net gains and the cost of what is left of lots with the ledger's cash.

    ``unassigned`` counts fills that no trade tells, as their order or their purchase is not on record.
    """
    expected = Fraction(books.ledger.capital)
    expected += sum((Fraction(each) for each in books.ledger.converted.values()), Fraction(0))
    told = 0
    for history in list_histories(books):
        if history.lot is not None:
            lot = history.lot
            told += sum(len(each.fills) for each in history.records)
            expected += Fraction(lot.realized) - Fraction(lot.cost) - Fraction(lot.entry_fees)
    actual = sum((Fraction(each) for each in books.ledger.cash.values()), Fraction(0))
    unassigned = len(books.fills) - told
    return SumCheck(to_decimal(expected), to_decimal(actual), to_decimal(actual - expected), unassigned)


def to_decimal(value: Fraction) -> Decimal:
    """Turn a sum of decimals, however long, back into one."""
    return Decimal(value.numerator) / Decimal(value.denominator)


def compute_gains(trades: Iterable[Mapping[str, Any]]) -> dict[Asset, dict[str, Any]]:
    """Sum trades up by what they were paid with: how many won and lost, fees, and the net gain."""
    sums: dict[Asset, dict[str, Any]] = {}
    for each in trades:
        row = sums.setdefault(each["quote"], {"trades": 0, "won": 0, "lost": 0, "fees": ZERO, "net_gain": ZERO})
        row["trades"] += 1
        row["won" if each["net_gain"] > 0 else "lost"] += 1
        row["fees"] += each["fees"]
        row["net_gain"] += each["net_gain"]
    return sums


def _total(values: Iterable[Decimal]) -> Decimal:
    return sum(values, ZERO)


def _average(fills: Sequence[Fill]) -> Decimal:
    return _total(each.notional for each in fills) / _total(each.quantity for each in fills)
