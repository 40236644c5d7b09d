"""What the screen of a strategy is, and where it is found. One without a screen is asked at every tick that it is due.

A strategy's screen is a module of the strategy's name in this package, with a function ``assess``; a plug-in brings its
own.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from desk.backtest.grid import Codes, Flags, MarketGrid
from desk.backtest.screen.codes import ABSENT
from trader.model.ids import ProductId
from trader.model.market import BarsNeeded
from trader.strategies.base import Strategy

_SHIPPED = "trader.strategies."


@dataclass(frozen=True)
class Answers:
    """What a strategy says of one product at every tick at which the product is a candidate.

    ``proposes`` and ``sells``: where it may propose something while it holds nothing of the product, or a lot.
    ``free`` and ``held``: the code that is counted in either case where it does not; ABSENT where it says nothing.
    ``detected``: the code of the triggers' stage, if the strategy reads triggers; what any strategy says stands before
    it. ``is_loyal``: what is held is answered for although it is no candidate.
    """

    proposes: Flags
    sells: Flags
    free: Codes
    held: Codes
    detected: Codes | None = None
    is_loyal: bool = False

    @classmethod
    def unknown(cls, count: int) -> Answers:
        """Anything may be said at any tick."""
        always, nothing = np.ones(count, dtype=np.bool_), np.full(count, ABSENT, dtype=np.int8)
        return cls(always, always, nothing, nothing)

    @classmethod
    def silent(cls, count: int) -> Answers:
        """Nothing is said at any tick."""
        never, nothing = np.zeros(count, dtype=np.bool_), np.full(count, ABSENT, dtype=np.int8)
        return cls(never, never, nothing, nothing)


#: The regime in force at each tick.
Regimes = NDArray[np.object_]
#: Looks at all products of a grid: the grid, the strategy's settings, the regimes.
StrategyScreen = Callable[[MarketGrid, Any, Regimes], Mapping[ProductId, Answers]]

#: Screens by strategy.
Screens = Mapping[str, StrategyScreen]


def find_screen(strategy: Strategy) -> StrategyScreen | None:
    """Return the screen of a shipped strategy; None of one that has none, or that somebody else brought."""
    place = type(strategy).__module__
    if not place.startswith(_SHIPPED):
        return None
    name = f"{__package__}.{place.removeprefix(_SHIPPED)}"
    if importlib.util.find_spec(name) is None:
        return None
    return cast("StrategyScreen | None", getattr(importlib.import_module(name), "assess", None))


def find_missing_bars(grid: MarketGrid, product_id: ProductId, need: BarsNeeded) -> Flags:
    """Find the ticks at which bars that a strategy needs are not there: the newest of them has no candle."""
    series = grid.series(product_id, need.granularity)
    if series is None or not series.has_candles:
        return np.ones(len(grid), dtype=np.bool_)
    step, start = need.granularity.seconds, series.columns.start
    newest = grid.ticks // step * step - step
    place = start.searchsorted(newest, side="right") - 1
    is_missing: Flags = (place < 0) | (start[np.maximum(place, 0)] != newest)
    return is_missing
