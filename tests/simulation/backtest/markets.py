"""Made-up markets for the backtest: a series for each product, who trades on it, when, and what the venue suffers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from desk.backtest.data.columns import Columns, Floats
from desk.backtest.data.universe import ABSENCE_SECONDS
from desk.backtest.disturbances import Disturbance, Trouble
from desk.backtest.schedule import Schedule, plan_schedule
from desk.backtest.series import ColumnSeries
from desk.backtest.world import Recorded
from desk.bench.breakout import BreakoutTerms
from desk.markets.candle_market import make_product
from recorded_candles import BEGIN, Spells, Weather, make_random_series, make_spelled_series
from simulation.backtest.daily import DailyTerms
from simulation.backtest.traders import TERMS, PlugIn, Shipped
from trader.model.ids import Asset, Instant, ProductId
from trader.model.market import Granularity

STEP = 300
BASES = ("BTC", "ETH", "SOL", "ADA")


@dataclass(frozen=True)
class Market:
    """What is drawn.

    Shape: ``series`` by product id, in bars of five minutes, or of one where the market is watched. Planned ticks are
    numbered from 1: number *n* is at ``offset + n * pace`` seconds after ``BEGIN``; ``late`` says by how many seconds
    some of them are, ``missed`` which do not come, ``troubles`` from which to which the venue has one. ``spans`` are of
    products not all of whose bars were recorded, by product id: in five minutes since ``BEGIN``, from, and up to and
    without; ``absence_seconds`` as it is of a recorded market.
    """

    series: Mapping[str, Weather | Spells]
    trader: PlugIn | Shipped
    ticks: int
    offset: int = 0
    pace: int = STEP
    is_watched: bool = False
    late: Mapping[int, int] = field(default_factory=dict)
    missed: tuple[int, ...] = ()
    troubles: tuple[tuple[Trouble, int, int], ...] = ()
    spans: Mapping[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    absence_seconds: int = ABSENCE_SECONDS

    def schedule(self) -> Schedule:
        """The ticks that come, and the looks between them."""
        late = {self._time(number): seconds for number, seconds in self.late.items()}
        missed = [self._time(number) for number in self.missed]
        first, last = self._time(1), self._time(self.ticks)
        return plan_schedule(first, last, self.pace, watches=self.is_watched, late=late, missed=missed)

    def disturbances(self) -> list[Disturbance]:
        """What is wrong with the venue, from tick to tick."""
        return [Disturbance(trouble, self._time(begin), self._time(end)) for trouble, begin, end in self.troubles]

    def record(self) -> Recorded:
        """Draw the series; the products are what their newest candles show."""
        length = Granularity.ONE_MINUTE if self.is_watched else Granularity.FIVE_MINUTE
        series = {
            ProductId(name): keep_spans(_make_series(drawn, length), self.spans.get(name))
            for name, drawn in self.series.items()
        }
        products = [
            make_product(name, each.between(Instant(0), Instant(2**40))[-500:]) for name, each in series.items()
        ]
        bases = tuple(dict.fromkeys(Asset(name.split("-", maxsplit=1)[0]) for name in self.series))
        settings = self.trader.make_settings(bases)
        keyed = {(name, length): each for name, each in series.items()}
        return Recorded(settings, products, keyed, self.trader.make_strategies(settings), self.absence_seconds)

    def _time(self, number: int) -> Instant:
        return Instant(BEGIN + self.offset + number * self.pace)


def _make_series(drawn: Weather | Spells, length: Granularity) -> ColumnSeries:
    make = make_spelled_series if isinstance(drawn, Spells) else make_random_series
    return make(drawn, length)  # type: ignore[arg-type]


def keep_spans(series: ColumnSeries, spans: Sequence[tuple[int, int]] | None) -> ColumnSeries:
    """Keep the candles that begin within one of these stretches, all without any; at least the last one."""
    if spans is None:
        return series
    columns = series.columns
    number = (columns.start - BEGIN) // STEP
    kept = np.zeros(len(columns), dtype=np.bool_)
    for begin, end in spans:
        kept |= (number >= begin) & (number < end)
    kept[-1] |= not kept.any()
    return ColumnSeries(Columns(columns.granularity, columns.start[kept], *(each[kept] for each in _cells(columns))))


def _cells(columns: Columns) -> tuple[Floats, ...]:
    return columns.open, columns.high, columns.low, columns.close, columns.volume


def make_breakout_market(
    seed: int = 1,
    *,
    bars: int = 700,
    sigma: float = 0.004,
    holes: float = 0.0,
    bases: tuple[str, ...] = BASES,
    terms: BreakoutTerms = TERMS,
    every_minutes: int = 0,
    changes: Mapping[str, Mapping[str, Any]] | None = None,
    is_watched: bool = False,
    daily: DailyTerms | None = None,
    needs_hours: bool = False,
    **more: Any,
) -> Market:
    """Make a market of calm and wild hours, on which the plug-in trades at each close of *bars* of five minutes."""
    candles = bars * 5 if is_watched else bars
    series: dict[str, Weather | Spells] = {
        f"{base}-USD": Spells((seed, number), candles, 100.0 / (number + 1), sigma, holes)
        for number, base in enumerate(bases)
    }
    trader = PlugIn(terms, every_minutes, changes or {}, daily, needs_hours)
    return Market(series, trader, bars - 1, is_watched=is_watched, **more)
