"""What would have come of buying at the first tick and holding, on the same days, at the same costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from desk.backtest.figures.curve import Curve, DayEquity, build_curve
from desk.backtest.figures.exact import round_amount
from desk.backtest.figures.performance import Performance, measure_performance
from desk.backtest.figures.prices import PriceHistory
from desk.backtest.figures.regression import Regression, compare_curves
from trader.model.ids import Instant, ProductId, utc_day
from trader.model.money import BPS, ONE, ZERO


@dataclass(frozen=True, slots=True)
class CostRates:
    """What the simulated venue charges. Units: basis points of the price, ratios of the notional."""

    spread_bps: Decimal
    impact_bps: Decimal
    maker_fee_ratio: Decimal
    taker_fee_ratio: Decimal

    @property
    def half_spread_ratio(self) -> Decimal:
        """From the mid to either side of the quote."""
        return self.spread_bps / 2 / BPS


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Products bought at the first tick and held, with what their curve earned. ``costs`` were paid for buying them."""

    name: str
    products: tuple[ProductId, ...]
    curve: Curve
    performance: Performance
    costs: Decimal


@dataclass(frozen=True, slots=True)
class Comparison:
    """A run beside its benchmarks; one is None where there was no price on the first day."""

    held_btc: Benchmark | None
    held_equal: Benchmark | None
    against_btc: Regression | None


def compare_with_held(
    curve: Curve, prices: PriceHistory, rates: CostRates, btc: ProductId, products: Sequence[ProductId], start: Instant,
    instants: Sequence[Instant],
) -> Comparison:  # fmt: skip
    """Hold BTC, and all products in equal parts, on the days of a curve; regress the curve on BTC.

    Shape: *instants* is the last tick of each day of the curve.
    """
    held = hold_products("btc_held", (btc,), curve.opening, prices, rates, start, instants)
    equal = hold_products("equal_weight_held", products, curve.opening, prices, rates, start, instants)
    against = compare_curves(curve, held.curve) if held is not None else None
    return Comparison(held, equal, against)


def hold_products(
    name: str,
    products: Sequence[ProductId],
    capital: Decimal,
    prices: PriceHistory,
    rates: CostRates,
    start: Instant,
    instants: Sequence[Instant],
) -> Benchmark | None:
    """Buy equal parts at the first tick as a taker, and mark them at the bid at the end of each day.

    What has no price at the first tick is bought at its first close of that day; what has none on it is left out, and
    without any product there is no benchmark. Nothing is sold at the end, as open lots
    are not. Rounding: quantities not at all, amounts half even to eight decimals.
    """
    opening = ((each, prices.find_opening_mid(each, start, instants[0])) for each in products)
    found = [(each, mid) for each, mid in opening if mid is not None]
    if not found:
        return None
    worse, part = rates.half_spread_ratio + rates.impact_bps / BPS, capital / len(found)
    quantities = {each: part / (mid * (ONE + worse) * (ONE + rates.taker_fee_ratio)) for each, mid in found}
    days = []
    for at in instants:
        mids = ((quantity, prices.find_mid(each, at)) for each, quantity in quantities.items())
        worth = sum((quantity * mid for quantity, mid in mids if mid is not None), ZERO)
        days.append(DayEquity(utc_day(at), round_amount(worth * (ONE - rates.half_spread_ratio))))
    curve = build_curve(capital, days)
    costs = round_amount(capital - sum((quantities[each] * mid for each, mid in found), ZERO))
    return Benchmark(name, tuple(each for each, _ in found), curve, measure_performance(curve), costs)
