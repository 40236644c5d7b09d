"""Holes in recorded candles: an outage of the venue, or buckets without a trade. Candles do not tell which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

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


def find_gaps(granularity: Granularity, starts: Sequence[int], longer_than: int = 0) -> tuple[Gap, ...]:
    """Find the holes of more than so many buckets, oldest first; before the first candle and after the last is none.

    Shape: *starts* ascend on the grid of the granularity. Units: epoch seconds.
    """
    step = granularity.seconds
    if starts and starts[-1] - starts[0] == (len(starts) - 1) * step:
        return ()
    reach = (longer_than + 1) * step
    return tuple(
        Gap(granularity, Instant(one + step), (other - one) // step - 1)
        for one, other in pairwise(starts)
        if other - one > reach
    )
