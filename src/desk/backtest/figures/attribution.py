"""Where the net came from: by strategy, product, rule, exit reason and month. The rows of each add up to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from desk.backtest.figures.curve import Curve
from desk.backtest.figures.exact import add_exactly
from desk.backtest.figures.round_trips import RoundTrip
from trader.model.ids import Instant, utc_day
from trader.model.money import ZERO
from trader.model.orders import Fill

#: What no lot explains, as the balance of a conversion; only there if it is not zero.
UNASSIGNED = "unassigned"


@dataclass(frozen=True, slots=True)
class Share:
    """One row: what a part of the trades came to. ``net`` counts what is held at its mark; None if that is unknown."""

    name: str
    trades: int
    wins: int
    open_lots: int
    fees: Decimal
    net: Decimal | None


@dataclass(frozen=True, slots=True)
class Attribution:
    """The net and the fees by what they belong to. The rows of each table add up to the same, to the last unit."""

    by_strategy: tuple[Share, ...]
    by_product: tuple[Share, ...]
    by_rule: tuple[Share, ...]
    by_exit_reason: tuple[Share, ...]
    by_month: tuple[Share, ...]


@dataclass(frozen=True, slots=True)
class LargestDay:
    """The day on which the equity gained, or lost, most, payments left out."""

    day: str
    net: Decimal


def split_net(trips: Sequence[RoundTrip], curve: Curve, fills: Sequence[Fill], net: Decimal | None) -> Attribution:
    """Split the net five ways, the greatest loss first. Months go by the marked equity, the others by lots."""

    def split(name_of: Callable[[RoundTrip], str]) -> tuple[Share, ...]:
        return _split_trips(trips, name_of, add_exactly(each.fee for each in fills), net)

    return Attribution(
        by_strategy=split(lambda each: each.strategy),
        by_product=split(lambda each: each.product),
        by_rule=split(lambda each: f"{each.strategy}: {each.rule}"),
        by_exit_reason=split(lambda each: each.exit_reason),
        by_month=_split_months(trips, curve, fills),
    )


def _split_trips(
    trips: Iterable[RoundTrip], name_of: Callable[[RoundTrip], str], fees: Decimal, net: Decimal | None
) -> tuple[Share, ...]:
    groups: dict[str, list[RoundTrip]] = {}
    for each in trips:
        groups.setdefault(name_of(each), []).append(each)
    rows = [_add_up(name, group) for name, group in groups.items()]
    known = [each.net for each in rows if each.net is not None]
    rest = add_exactly((net, *(-each for each in known))) if net is not None and len(known) == len(rows) else ZERO
    fees_left = add_exactly((fees, *(-each.fees for each in rows)))
    if rest or fees_left:
        rows.append(Share(UNASSIGNED, 0, 0, 0, fees_left, rest))
    return tuple(sorted(rows, key=lambda each: (each.net is not None, each.net or ZERO, each.name)))


def _add_up(name: str, trips: Sequence[RoundTrip]) -> Share:
    nets = [each.net for each in trips if each.net is not None]
    open_lots = sum(each.is_open for each in trips)
    return Share(
        name=name,
        trades=len(trips) - open_lots,
        wins=sum(each.is_win and not each.is_open for each in trips),
        open_lots=open_lots,
        fees=add_exactly(each.fees for each in trips),
        net=add_exactly(nets) if len(nets) == len(trips) else None,
    )


def _split_months(trips: Sequence[RoundTrip], curve: Curve, fills: Sequence[Fill]) -> tuple[Share, ...]:
    """Split by the month of each day of the curve: its trades are those closed in it, its fees those of its fills."""
    gains = list_day_gains(curve)
    last = gains[-1].day[:7] if gains else ""
    rows = []
    for month in dict.fromkeys(each.day[:7] for each in gains):
        closed = [each for each in trips if each.closed_at is not None and _month_of(each.closed_at) == month]
        rows.append(
            Share(
                name=month,
                trades=len(closed),
                wins=sum(each.is_win for each in closed),
                open_lots=sum(each.is_open for each in trips) if month == last else 0,
                fees=add_exactly(each.fee for each in fills if _month_of(each.time) == month),
                net=add_exactly(each.net for each in gains if each.day[:7] == month),
            )
        )
    return tuple(rows)


def _month_of(at: Instant) -> str:
    return utc_day(at)[:7]


def list_day_gains(curve: Curve) -> tuple[LargestDay, ...]:
    """Return what each day gained: its equity less that of the day before and what was paid in."""
    gains, before = [], curve.opening
    for each in curve.points:
        gains.append(LargestDay(each.day, add_exactly((each.equity, -before, -each.flow))))
        before = each.equity
    return tuple(gains)


def find_largest_days(curve: Curve) -> tuple[LargestDay | None, LargestDay | None]:
    """Return the day that gained most and the one that lost most; None where none did."""
    gains = list_day_gains(curve)
    best = max(gains, key=lambda each: each.net, default=None)
    worst = min(gains, key=lambda each: each.net, default=None)
    is_gain, is_loss = best is not None and best.net > 0, worst is not None and worst.net < 0
    return best if is_gain else None, worst if is_loss else None


def find_largest_products(attribution: Attribution) -> tuple[Share | None, Share | None]:
    """Return the product that gained most and the one that lost most; None where none did."""
    known = [each for each in attribution.by_product if each.name != UNASSIGNED and each.net is not None]
    gains = [each for each in known if each.net is not None and each.net > 0]
    losses = [each for each in known if each.net is not None and each.net < 0]
    # The rows begin with the greatest loss.
    return gains[-1] if gains else None, losses[0] if losses else None
