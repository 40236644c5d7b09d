"""What a daily curve earned, and at which risk. What is undefined is None, never 0.

What each figure means stands in ``conventions``, in one sentence. Statistics are floats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum, sqrt

from desk.backtest.figures.curve import DAYS_PER_YEAR, Curve
from desk.backtest.figures.drawdowns import Drawdown, find_drawdowns

#: Returns that differ by no more than this are all the same: their deviation is what floats leave over.
_SAME = 1e-12


@dataclass(frozen=True, slots=True)
class Performance:
    """The figures of one curve. Units: ratios, per year where the convention says so; days."""

    days: int
    days_unmarked: int
    total_return: float | None
    cagr: float | None
    volatility: float | None
    sharpe: float | None
    sortino: float | None
    calmar: float | None
    max_drawdown: float | None
    skewness: float | None
    kurtosis: float | None
    days_up: float | None
    deepest: Drawdown | None
    longest: Drawdown | None


def measure_performance(curve: Curve) -> Performance:
    """Measure a curve; one without a day has no figures but that."""
    points, returns = curve.points, curve.returns
    total = points[-1].nav - 1 if points else None
    cagr = compute_cagr(1 + total, len(points)) if total is not None else None
    drawdowns = find_drawdowns(curve)
    deepest = min(drawdowns, key=lambda each: each.depth, default=None)
    worst = None if not points else 0.0 if deepest is None else deepest.depth
    known = returns or ()
    return Performance(
        days=len(points),
        days_unmarked=sum(not each.is_marked for each in points),
        total_return=total,
        cagr=cagr,
        volatility=compute_volatility(known),
        sharpe=compute_sharpe(known),
        sortino=compute_sortino(known),
        calmar=cagr / -worst if cagr is not None and worst else None,
        max_drawdown=worst,
        skewness=_compute_moment(known, 3),
        kurtosis=_compute_moment(known, 4),
        days_up=sum(each > 0 for each in known) / len(known) if known else None,
        deepest=deepest,
        longest=max(drawdowns, key=lambda each: each.days, default=None),
    )


def compute_cagr(growth: float, days: int) -> float | None:
    """Compound a growth over so many days to a year; None without a day, or beyond what a float can say."""
    if days < 1:
        return None
    try:
        return float(growth ** (DAYS_PER_YEAR / days)) - 1
    except OverflowError:
        return None


def compute_volatility(returns: Sequence[float]) -> float | None:
    """Return the deviation of daily returns over a year; None with fewer than two."""
    deviation = compute_deviation(returns)
    return None if deviation is None else deviation * sqrt(DAYS_PER_YEAR)


def compute_sharpe(returns: Sequence[float]) -> float | None:
    """Return mean over deviation of daily returns, over a year; None where they are all the same."""
    deviation = compute_deviation(returns)
    return compute_mean(returns) / deviation * sqrt(DAYS_PER_YEAR) if deviation else None


def compute_sortino(returns: Sequence[float]) -> float | None:
    """Return mean over downside deviation of daily returns, over a year; None where none of them is below zero."""
    if len(returns) < 2:
        return None
    downside = sqrt(fsum(min(each, 0.0) ** 2 for each in returns) / len(returns))
    return compute_mean(returns) / downside * sqrt(DAYS_PER_YEAR) if downside else None


def compute_mean(values: Sequence[float]) -> float:
    """Return the mean. Raises: ZeroDivisionError without a value."""
    return fsum(values) / len(values)


def compute_deviation(values: Sequence[float]) -> float | None:
    """Return the sample standard deviation (ddof 1), 0 where all values are the same; None with fewer than two."""
    if len(values) < 2:
        return None
    if max(values) - min(values) <= _SAME:
        return 0.0
    mean = compute_mean(values)
    return sqrt(fsum((each - mean) ** 2 for each in values) / (len(values) - 1))


def _compute_moment(values: Sequence[float], order: int) -> float | None:
    """Return a standardized moment of the values, as of a whole population; None where they are all the same."""
    if not compute_deviation(values):
        return None
    mean = compute_mean(values)
    variance = fsum((each - mean) ** 2 for each in values) / len(values)
    return fsum((each - mean) ** order for each in values) / len(values) / sqrt(variance) ** order
