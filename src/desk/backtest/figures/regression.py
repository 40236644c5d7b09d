"""How much of a curve's returns are those of another: alpha and beta, each with its t."""

from __future__ import annotations

from dataclasses import dataclass
from math import fsum, sqrt

from desk.backtest.figures.curve import DAYS_PER_YEAR, Curve
from desk.backtest.figures.performance import compute_deviation, compute_mean

#: Two coefficients, and a degree of freedom to judge them by.
_DAYS_MIN = 3
#: A residual variance below this part of the whole is what floats leave over: then a t says nothing.
_EXACT = 1e-18


@dataclass(frozen=True, slots=True)
class Regression:
    """Ordinary least squares of daily returns on those of a benchmark. Units: ``alpha`` a ratio per year."""

    alpha: float | None
    beta: float | None
    t_alpha: float | None
    t_beta: float | None
    correlation: float | None


UNDEFINED = Regression(None, None, None, None, None)


def compare_curves(ours: Curve, benchmark: Curve) -> Regression:
    """Regress one curve's daily returns on another's, of the same days.

    Undefined with fewer than three days, where the benchmark does not move, or where a return is undefined.
    Raises: ValueError if the days are not the same.
    """
    if [each.day for each in ours.points] != [each.day for each in benchmark.points]:
        raise ValueError("curves of other days cannot be compared")
    y, x = ours.returns, benchmark.returns
    if y is None or x is None or len(y) < _DAYS_MIN or not compute_deviation(x):
        return UNDEFINED
    count, mean_x, mean_y = len(x), compute_mean(x), compute_mean(y)
    sum_xx = fsum((each - mean_x) ** 2 for each in x)
    sum_yy = fsum((each - mean_y) ** 2 for each in y)
    sum_xy = fsum((one - mean_x) * (other - mean_y) for one, other in zip(x, y, strict=True))
    beta = sum_xy / sum_xx
    alpha = mean_y - beta * mean_x
    rest = fsum((other - alpha - beta * one) ** 2 for one, other in zip(x, y, strict=True))
    t_alpha = t_beta = None
    if rest > _EXACT * sum_yy:
        variance = rest / (count - 2)
        t_beta = beta / sqrt(variance / sum_xx)
        t_alpha = alpha / sqrt(variance * (1 / count + mean_x**2 / sum_xx))
    correlation = sum_xy / sqrt(sum_xx * sum_yy) if compute_deviation(y) else None
    return Regression(alpha * DAYS_PER_YEAR, beta, t_alpha, t_beta, correlation)
