"""What a simulated venue needs to know of the market: what can be hit now, and what has traded since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from trader.errors import DataError
from trader.model.ids import Instant, ProductId
from trader.model.market import Candle, Granularity, Quote
from trader.ports import MarketData

#: No venue returns more bars in one answer.
_COUNT_MAX = 300


@dataclass(frozen=True, slots=True)
class Traded:
    """Closed bars in time order, each *seconds* long. Buckets without a trade are absent."""

    seconds: int
    rows: Sequence[Candle]


class Tape(Protocol):
    """The market as the matching sees it. Raises VenueError."""

    def touch(self, product_id: ProductId) -> Quote | None:
        """Return what can be executed against now; None if there is no market."""
        ...

    def traded(self, product_id: ProductId, since: Instant, until: Instant) -> Traded:
        """Return the bars that closed after *since* and not after *until*; empty if none is known yet."""
        ...


class MarketTape:
    """A tape read from any market data, for paper trading on a real market."""

    def __init__(self, market: MarketData, granularity: Granularity = Granularity.ONE_MINUTE) -> None:
        self._market = market
        self._granularity = granularity

    def touch(self, product_id: ProductId) -> Quote | None:
        return self._market.quotes([product_id]).get(product_id)

    def traded(self, product_id: ProductId, since: Instant, until: Instant) -> Traded:
        # A newest bar that is not published yet is a DataError. Nothing is lost: the same stretch is asked for again.
        seconds = self._granularity.seconds
        count = min(max((until - since) // seconds + 1, 1), _COUNT_MAX)
        bars = self._market.bars([product_id], self._granularity, count, until)[product_id]
        if isinstance(bars, DataError):
            return Traded(seconds, ())
        columns = zip(bars.start, bars.open, bars.high, bars.low, bars.close, bars.volume, strict=True)
        rows = (Candle(*row) for row in columns)
        return Traded(seconds, tuple(row for row in rows if row.start + seconds > since and row.volume > 0))
