"""How much of the money was at work: what was held, by what it had cost, over the whole run and day by day."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from desk.backtest.figures.curve import Curve
from desk.backtest.figures.exact import compute_ratio, round_amount
from desk.backtest.figures.run_record import RunRecord
from desk.backtest.tally import DAY_SECONDS
from trader.model.ids import ClientOrderId, Instant, VenueOrderId
from trader.model.orders import Fill, Side

_EPOCH_DAY = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class Exposure:
    """What was held on each day of the curve, by its cost, on the mean of the seconds that the run had in that day.

    Units: ``held`` is money, rounded to eight decimals; ``ratio`` is held by the day's equity. None for a day of which
    the run has no second, as its last, if that ends at midnight.
    """

    held: tuple[Decimal | None, ...]
    ratio: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class _Span:
    """So much was held of a lot, at cost, from one instant to another."""

    since: Instant
    until: Instant
    cost: Fraction


def compute_cost_over_time(record: RunRecord) -> Decimal:
    """Integrate over time what is held costs: of a sale as much goes as its part of the quantity. Money × seconds."""
    return _to_decimal(sum((each.cost * (each.until - each.since) for each in _list_spans(record)), Fraction(0)))


def measure_exposure(record: RunRecord, curve: Curve) -> Exposure:
    """Measure what was held on each day."""
    by_day: dict[int, Fraction] = {}
    for each in _list_spans(record):
        for day in range(each.since // DAY_SECONDS, (each.until - 1) // DAY_SECONDS + 1):
            seconds = _count_seconds(day, each.since, each.until)
            by_day[day] = by_day.get(day, Fraction(0)) + each.cost * seconds
    held: list[Decimal | None] = []
    for point in curve.points:
        day = date.fromisoformat(point.day).toordinal() - _EPOCH_DAY
        seconds = _count_seconds(day, record.start, record.end)
        held.append(round_amount(_to_decimal(by_day.get(day, Fraction(0)) / seconds)) if seconds > 0 else None)
    ratios = (
        None if cost is None else compute_ratio(cost, point.equity)
        for cost, point in zip(held, curve.points, strict=True)
    )
    return Exposure(tuple(held), tuple(ratios))


def _count_seconds(day: int, since: int, until: int) -> int:
    return min(until, (day + 1) * DAY_SECONDS) - max(since, day * DAY_SECONDS)


def _list_spans(record: RunRecord) -> Iterator[_Span]:
    by_order: dict[VenueOrderId, ClientOrderId] = {
        name: each.intent.lot_id for name, each in record.books.orders.items()
    }
    by_lot: dict[ClientOrderId, list[Fill]] = {}
    for fill in record.books.fills:
        if fill.venue_order_id in by_order:
            by_lot.setdefault(by_order[fill.venue_order_id], []).append(fill)
    for fills in by_lot.values():
        yield from _follow_lot(fills, record)


def _follow_lot(fills: Iterable[Fill], record: RunRecord) -> Iterator[_Span]:
    quantity, cost, last = Fraction(0), Fraction(0), record.start
    # Purchases of an instant come before its sales.
    for fill in sorted(fills, key=lambda each: (each.time, each.side is Side.SELL, each.trade_id)):
        if cost and fill.time > last:
            yield _Span(last, fill.time, cost)
        last = fill.time
        if fill.side is Side.BUY:
            quantity, cost = quantity + Fraction(fill.quantity), cost + Fraction(fill.notional)
        else:
            left = max(quantity - Fraction(fill.quantity), Fraction(0))
            cost, quantity = (cost * left / quantity if quantity else Fraction(0)), left
    if cost and record.end > last:
        yield _Span(last, record.end, cost)


def _to_decimal(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)
