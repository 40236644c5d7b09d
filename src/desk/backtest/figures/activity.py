"""What a run did with its money: how much of it was at work, what was turned over, and what that cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from desk.backtest.figures.curve import DAYS_PER_YEAR, Curve
from desk.backtest.figures.exact import add_exactly, compute_ratio
from desk.backtest.figures.exposure import compute_cost_over_time
from desk.backtest.figures.round_trips import RoundTrip
from desk.backtest.figures.run_record import RunRecord
from trader.model.denials import DenialCode
from trader.model.ids import Instant, VenueOrderId
from trader.model.money import ZERO
from trader.model.order_record import OrderRecord
from trader.model.orders import Fill, Liquidity


@dataclass(frozen=True, slots=True)
class CostStack:
    """From what the prices gave to what is left. ``gross`` less fees, spread and slippage is ``net``."""

    gross: Decimal | None
    fees: Decimal
    spread: Decimal
    slippage: Decimal
    net: Decimal | None


@dataclass(frozen=True, slots=True)
class Activity:
    """How much was at work and turned over. Units: ratios but for ``traded``, which is money."""

    exposure: float | None
    time_in_market: float | None
    traded: Decimal
    turnover_per_year: float | None
    fee_ratio: float | None
    break_even_fee: float | None
    maker_share: float | None


@dataclass(frozen=True, slots=True)
class Entries:
    """Entry orders: how many were decided, filled, filled in part and then ended; why the others were given up."""

    decided: int
    filled: int
    filled_in_part: int
    working: int
    given_up: int
    given_up_by_status: Mapping[str, int]


def measure_costs(record: RunRecord, trips: Sequence[RoundTrip]) -> CostStack:
    """Lay the costs between gross and net. ``net`` is what the equity changed by, open lots at their marks."""
    fees = add_exactly(each.fee for each in record.books.fills)
    spread = add_exactly(each.spread for each in trips)
    slippage = add_exactly(each.slippage for each in trips)
    net = add_exactly((record.equity, -record.capital)) if record.equity is not None else None
    gross = add_exactly((net, fees, spread, slippage)) if net is not None else None
    return CostStack(gross, fees, spread, slippage, net)


def measure_activity(record: RunRecord, curve: Curve, trips: Sequence[RoundTrip], costs: CostStack) -> Activity:
    """Measure how much of the equity was at work, for how long, and what was turned over."""
    fills, span = record.books.fills, record.end - record.start
    traded = add_exactly(each.notional for each in fills)
    made = add_exactly(each.notional for each in fills if each.liquidity is Liquidity.MAKER)
    equity, days = curve.mean_equity, len(curve.points)
    held = compute_cost_over_time(record) / span if span > 0 else None
    turnover = compute_ratio(traded, equity) if equity is not None else None
    return Activity(
        exposure=compute_ratio(held, equity) if held is not None and equity is not None else None,
        time_in_market=_measure_presence(trips, record.end) / span if span > 0 else None,
        traded=traded,
        turnover_per_year=turnover * DAYS_PER_YEAR / days if turnover is not None else None,
        fee_ratio=compute_ratio(costs.fees, traded),
        break_even_fee=compute_ratio(costs.net + costs.fees, traded) if costs.net is not None else None,
        maker_share=compute_ratio(made, traded),
    )


def _measure_presence(trips: Iterable[RoundTrip], end: Instant) -> int:
    """Return for how many seconds at least one lot was held."""
    spans = sorted((each.opened_at, end if each.closed_at is None else each.closed_at) for each in trips)
    total, until = 0, 0
    for begin, stop in spans:
        total += max(stop - max(begin, until), 0)
        until = max(until, stop)
    return total


def count_entries(orders: Iterable[OrderRecord], fills: Iterable[Fill]) -> Entries:
    """Count what became of the entry orders. Given up is one that is over and of which nothing was filled."""
    filled: dict[VenueOrderId, Decimal] = {}
    for fill in fills:
        filled[fill.venue_order_id] = filled.get(fill.venue_order_id, ZERO) + fill.quantity
    counts: Counter[str] = Counter()
    given_up: Counter[str] = Counter()
    for order in orders:
        if not order.intent.is_entry:
            continue
        bought = filled.get(order.venue_order_id, ZERO) if order.venue_order_id is not None else ZERO
        counts["decided"] += 1
        if not order.status.is_final:
            counts["working"] += 1
        elif not bought:
            given_up[order.status.value] += 1
        else:
            counts["filled" if bought >= order.intent.quantity else "in part"] += 1
    return Entries(
        decided=counts["decided"],
        filled=counts["filled"],
        filled_in_part=counts["in part"],
        working=counts["working"],
        given_up=sum(given_up.values()),
        given_up_by_status=dict(sorted(given_up.items())),
    )


def count_refusals(verdicts: Mapping[str, int]) -> Mapping[str, int]:
    """Leave of all that was said of products, tick by tick, what refused something; most often said first."""
    refused = {code: count for code, count in verdicts.items() if code in DenialCode.__members__}
    return dict(sorted(refused.items(), key=lambda each: (-each[1], each[0])))
