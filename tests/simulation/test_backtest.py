"""Screened equals exhaustive, on made-up markets under settings that reach every gate."""

from __future__ import annotations

from decimal import Decimal

import pytest

from simulation.backtest.comparison import SCREENS, find_differences, play
from simulation.backtest.markets import Market
from trader.settings.app import FillModel

#: Of each name: the market, and how many entries it has at least.
CASES: dict[str, tuple[Market, int]] = {
    "plain": (Market(), 5),
    "optimistic": (Market(seed=2, changes={"simulation": {"fills": FillModel.OPTIMISTIC}}), 5),
    "pessimistic": (Market(seed=3, changes={"simulation": {"fills": FillModel.PESSIMISTIC}}), 3),
    "trailing": (
        Market(
            seed=4,
            changes={
                "exits": {"trailing": True, "trailing_arm_pct": Decimal(1), "trailing_giveback_pct": Decimal("0.5")}
            },
        ),
        5,
    ),
    "drawdown": (Market(seed=5, changes={"risk": {"drawdown_pct_max": Decimal("0.09")}}), 1),
    "loss stops": (
        Market(seed=6, changes={"risk": {"day_loss_pct_max": Decimal("0.5"), "loss_streak_max": 2}}),
        3,
    ),
    "crashes": (
        Market(seed=7, changes={"regime": {"crash_trend_pct": 3.0, "crash_volatility_pct": 600.0}}),
        1,
    ),
    "regimes": (
        Market(
            seed=8, changes={"regime": {"bull_trend_pct": 1.0, "bear_trend_pct": 1.0, "bull_volatility_pct": 300.0}}
        ),
        3,
    ),
    "holes": (Market(seed=9, holes=0.05), 3),
    "gapped": (Market(seed=10, holes=0.12), 0),
    "slow strategy": (Market(seed=11, every_minutes=20), 1),
    "no brackets": (Market(seed=12, changes={"execution": {"attach_brackets": False}}), 3),
    "thin": (Market(seed=13, changes={"simulation": {"volume_share_ratio": Decimal("0.001")}}), 3),
    "short memory": (Market(seed=14, changes={"cycle": {"order_memory_seconds": 600}}), 3),
}


@pytest.mark.parametrize("name", CASES)
def test_screened_run_equals_one_of_every_tick(name: str) -> None:
    """All fields, fills, orders, verdicts, and the same ticks are told of."""
    market, entries_min = CASES[name]
    recorded, ticks = market.record(), market.ticks()

    truth = play(recorded, ticks, None)
    screened = play(recorded, ticks, SCREENS)

    entries = {fill.venue_order_id for fill in truth.world.store.fills.values() if fill.side == "BUY"}
    assert find_differences(truth, screened)[:10] == []
    assert len(entries) >= entries_min
    assert screened.tally.exact < truth.tally.exact or name == "gapped"


def test_strategy_without_a_screen_is_asked_wherever_there_is_a_candidate() -> None:
    """Slow, never wrong."""
    market = Market(seed=20, bars=200)
    recorded, ticks = market.record(), market.ticks()

    truth, screened = play(recorded, ticks, None), play(recorded, ticks, {})

    assert find_differences(truth, screened) == []
    assert screened.tally.exact > len(ticks) * 3 // 4
