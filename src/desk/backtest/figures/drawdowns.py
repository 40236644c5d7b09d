"""The stretches in which a curve stood below its peak: how deep, from when to when."""

from __future__ import annotations

from dataclasses import dataclass

from desk.backtest.figures.curve import Curve


@dataclass(frozen=True, slots=True)
class Drawdown:
    """One fall below a peak. ``depth`` is negative; ``recovered_day`` is None for one that lasts.

    ``days`` counts from the peak to the recovery, or to the last day of the run; ``days_down`` from the peak to the
    trough.
    """

    depth: float
    peak_day: str
    trough_day: str
    recovered_day: str | None
    days: int
    days_down: int


def find_drawdowns(curve: Curve) -> tuple[Drawdown, ...]:
    """Find every drawdown of a curve, in time order. It is over on the first day that is as high as its peak."""
    days = [curve.opening_day, *(each.day for each in curve.points)]
    values = [1.0, *(each.nav for each in curve.points)]
    found: list[Drawdown] = []
    peak, trough = 0, 0
    for at, value in enumerate(values):
        if value >= values[peak]:
            if trough > peak:
                found.append(_make_drawdown(days, values, peak, trough, at))
            peak = trough = at
        elif trough == peak or value < values[trough]:
            trough = at
    if trough > peak:
        found.append(_make_drawdown(days, values, peak, trough, None))
    return tuple(found)


def _make_drawdown(days: list[str], values: list[float], peak: int, trough: int, end: int | None) -> Drawdown:
    return Drawdown(
        depth=values[trough] / values[peak] - 1,
        peak_day=days[peak],
        trough_day=days[trough],
        recovered_day=None if end is None else days[end],
        days=(len(days) - 1 if end is None else end) - peak,
        days_down=trough - peak,
    )
