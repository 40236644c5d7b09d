"""Holes in recorded candles: an outage of the venue, or buckets without a trade. Candles do not tell which."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from desk.backtest.data.columns import Columns
from trader.model.ids import Instant, rfc3339
from trader.model.market import Granularity


@dataclass(frozen=True, slots=True)
class Gap:
    """Buckets in a row that are not there, between two that are."""

    granularity: Granularity
    start: Instant
    buckets: int

    @property
    def end(self) -> Instant:
        """When the next bucket starts that is there."""
        return Instant(self.start + self.buckets * self.granularity.seconds)

    def __str__(self) -> str:
        return f"{rfc3339(self.start)} to {rfc3339(self.end)}: {self.buckets} {self.granularity} buckets"


def find_gaps(columns: Columns, longer_than: int = 0) -> tuple[Gap, ...]:
    """Find the holes of more than so many buckets, oldest first; before the first candle and after the last is none."""
    step = columns.granularity.seconds
    missing = np.diff(columns.start) // step - 1
    return tuple(
        Gap(columns.granularity, Instant(int(columns.start[at]) + step), int(missing[at]))
        for at in np.flatnonzero(missing > longer_than)
    )
