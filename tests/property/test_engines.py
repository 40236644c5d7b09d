"""Both engines over random markets and settings: the screened run leaves what every tick leaves."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from backtest_worlds import run_both
from random_markets import make_random_run
from simulation.backtest.comparison import find_differences


@settings(max_examples=12)
@given(st.integers(0, 100_000))
# In these mean reversion holds, over skipped ticks, what is no candidate any more.
@example(67)
@example(114)
def test_screened_run_leaves_what_every_tick_leaves(seed: int) -> None:
    """Holes and jumps, products that come and go, two strategies at their own pace, halts, crashes, odd ticks."""
    recorded, ticks = make_random_run(seed)

    exact, screened = run_both(recorded, ticks)

    assert find_differences(exact, screened) == []
