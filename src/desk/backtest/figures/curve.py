"""The daily curve of a run: marked equity, what was paid in or out, and the value of a unit, which no payment moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from trader.model.money import ZERO

#: Crypto trades on every day of a year.
DAYS_PER_YEAR = 365


@dataclass(frozen=True, slots=True)
class DayEquity:
    """One UTC day: the marked equity at its last tick, None if nobody knew it, and what was paid in less paid out."""

    day: str
    equity: Decimal | None
    flow: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """A day on the curve. Units: money in the accounting asset; ``nav`` is 1 at the opening, the rest are ratios.

    ``is_marked`` is false for a day of which no equity is known: it stands where the day before stood.
    ``return_ratio`` is None after a day that ended with nothing.
    """

    day: str
    equity: Decimal
    flow: Decimal
    nav: float
    return_ratio: float | None
    drawdown: float
    is_marked: bool


@dataclass(frozen=True, slots=True)
class Curve:
    """The opening equity, which counts as the end of the day before the first, and every day after it."""

    opening: Decimal
    points: tuple[CurvePoint, ...]

    @property
    def returns(self) -> tuple[float, ...] | None:
        """The return of each day, the first included; None if one of them is undefined."""
        found = tuple(each.return_ratio for each in self.points if each.return_ratio is not None)
        return found if len(found) == len(self.points) else None

    @property
    def opening_day(self) -> str:
        """The day before the first."""
        return _shift(self.points[0].day, -1) if self.points else ""

    @property
    def net(self) -> Decimal:
        """What was gained: the last equity less the first, and less what was paid in."""
        if not self.points:
            return ZERO
        return self.points[-1].equity - self.opening - sum((each.flow for each in self.points), ZERO)

    @property
    def mean_equity(self) -> Decimal | None:
        """The mean of the daily equities; None without a day."""
        if not self.points:
            return None
        return sum((each.equity for each in self.points), ZERO) / len(self.points)


def build_curve(opening: Decimal, days: Sequence[DayEquity]) -> Curve:
    """Lay the days on a whole calendar and follow the value of a unit.

    A payment buys or returns units at the end of its day, so it moves neither the day's return nor any other. A day
    that is missing, or of which no equity is known, keeps the equity of the day before.

    Raises: ValueError if the days do not ascend, or the opening is not above zero.
    """
    if opening <= 0:
        raise ValueError(f"an opening equity of {opening} must be above 0")
    points: list[CurvePoint] = []
    equity, nav, peak = opening, 1.0, 1.0
    for each in _fill_calendar(days):
        before, is_marked = equity, each.equity is not None
        # What was paid into a day that nobody marked is there all the same.
        equity = before + each.flow if each.equity is None else each.equity
        gain = equity - each.flow - before
        change = float(gain / before) if before > 0 else None
        nav = nav if change is None else max(nav * (1 + change), 0.0)
        peak = max(peak, nav)
        points.append(CurvePoint(each.day, equity, each.flow, nav, change, nav / peak - 1, is_marked))
    return Curve(opening, tuple(points))


def _fill_calendar(days: Sequence[DayEquity]) -> list[DayEquity]:
    whole: list[DayEquity] = []
    for each in days:
        if whole and each.day <= whole[-1].day:
            raise ValueError(f"{each.day} does not follow {whole[-1].day}")
        while whole and _shift(whole[-1].day, 1) != each.day:
            whole.append(DayEquity(_shift(whole[-1].day, 1), None))
        whole.append(each)
    return whole


def _shift(day: str, days: int) -> str:
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()
