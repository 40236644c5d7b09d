"""A venue that answers late, and lots that have to go, in virtual time; `make slow-venue` has a real clock."""

from __future__ import annotations

import pytest

from desk.drill.slow_venue import LIMITED_DELAY, REASONS, TICKS_ALLOWED, TICKS_MAX
from desk.sandbox.faults import Fault, FaultRule
from simulation.wire.slow import play
from trader.model.trading_state import TradingState

_MINUTE = 60


def late(seconds: float, method: str = "", every: int = 1) -> FaultRule:
    return FaultRule(Fault.SLOW, method, every=every, count=0, seconds=seconds)


@pytest.mark.parametrize("word", REASONS)
@pytest.mark.parametrize("lots", TICKS_ALLOWED)
@pytest.mark.parametrize(
    ("method", "every"),
    [
        pytest.param("", 1, id="all"),
        pytest.param("POST", 1, id="post"),
        pytest.param("", 3, id="third"),
    ],
)
def test_lots_go_within_the_ticks_allowed(method: str, every: int, lots: int, word: TradingState) -> None:
    """Answers take the longest delay that is limited, of all requests or of some."""
    ticks = play(lots, word, late(LIMITED_DELAY, method, every))

    assert 1 <= len(ticks) <= TICKS_ALLOWED[lots], ticks


def test_venue_that_answers_nobody_in_time_sells_nothing() -> None:
    """The drill can fail: an answer after a minute is waited for by nobody."""
    ticks = play(1, TradingState.FLATTEN, late(_MINUTE))

    assert TICKS_MAX == len(ticks)
    assert ticks[-1].endswith("1 left")
