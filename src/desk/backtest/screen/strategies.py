"""What the screen of a strategy is, and where it is found. One without a screen is asked at every tick that it is due.

A strategy's screen is a module of the same name in this package with a function ``screen``; a plug-in brings its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from desk.backtest.grid import Codes, Flags, MarketGrid
from desk.backtest.screen.codes import ABSENT
from trader.model.ids import ProductId


@dataclass(frozen=True)
class Answers:
    """What a strategy says of one product at every tick at which the product is a candidate.

    ``proposes`` and ``sells``: where it may propose something while it holds nothing of the product, or a lot.
    ``free`` and ``held``: the code that is counted in either case where it does not; ABSENT where it says nothing.
    """

    proposes: Flags
    sells: Flags
    free: Codes
    held: Codes

    @classmethod
    def unknown(cls, count: int) -> Answers:
        """Anything may be said at any tick."""
        always, nothing = np.ones(count, dtype=np.bool_), np.full(count, ABSENT, dtype=np.int8)
        return cls(always, always, nothing, nothing)


#: Looks at one product of a grid: the grid, the strategy's settings, the product, the regime in force at each tick.
StrategyScreen = Callable[[MarketGrid, Any, ProductId, NDArray[np.object_]], Answers]

#: Screens by strategy.
Screens = Mapping[str, StrategyScreen]
