"""Screened equals exhaustive, on made-up markets under settings that reach every gate."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from desk.backtest.disturbances import Trouble
from simulation.backtest.comparison import SCREENS, find_differences, play
from simulation.backtest.daily import DailyTerms
from simulation.backtest.found_markets import FOUND
from simulation.backtest.markets import Market, make_breakout_market
from simulation.backtest.random_markets import compare_market, count_listings, draw_market
from simulation.backtest.traders import TERMS, PlugIn, Shipped
from trader.model.lots import GeneralExit
from trader.settings.app import FillModel

TRAILING = {"exits": {"trailing": True, "trailing_arm_pct": Decimal(1), "trailing_giveback_pct": Decimal("0.5")}}
#: Of each name: the market, and how many entries it has at least.
CASES: dict[str, tuple[Market, int]] = {
    "plain": (make_breakout_market(), 5),
    "optimistic": (make_breakout_market(seed=2, changes={"simulation": {"fills": FillModel.OPTIMISTIC}}), 5),
    "pessimistic": (make_breakout_market(seed=3, changes={"simulation": {"fills": FillModel.PESSIMISTIC}}), 3),
    "trailing": (
        make_breakout_market(
            seed=4,
            changes=TRAILING,
        ),
        5,
    ),
    "drawdown": (make_breakout_market(seed=5, changes={"risk": {"drawdown_pct_max": Decimal("0.09")}}), 1),
    "loss stops": (
        make_breakout_market(seed=6, changes={"risk": {"day_loss_pct_max": Decimal("0.5"), "loss_streak_max": 2}}),
        3,
    ),
    "crashes": (
        make_breakout_market(seed=7, changes={"regime": {"crash_trend_pct": 3.0, "crash_volatility_pct": 600.0}}),
        1,
    ),
    "regimes": (
        make_breakout_market(
            seed=8, changes={"regime": {"bull_trend_pct": 1.0, "bear_trend_pct": 1.0, "bull_volatility_pct": 300.0}}
        ),
        3,
    ),
    "holes": (make_breakout_market(seed=9, holes=0.05), 3),
    "gapped": (make_breakout_market(seed=10, holes=0.12), 0),
    "slow strategy": (make_breakout_market(seed=11, every_minutes=20), 1),
    "once a day": (make_breakout_market(seed=21, daily=DailyTerms("05:00", 6, size_pct=Decimal(9))), 3),
    "once a day, without a limit": (
        make_breakout_market(
            seed=22,
            daily=DailyTerms("04:55", 12, size_pct=Decimal(9), hold_hours=None, exits=frozenset({GeneralExit.CRASH})),
            changes={"exits": {"trailing": True, "trailing_arm_pct": Decimal(1), "trailing_giveback_pct": Decimal(1)}},
        ),
        3,
    ),
    "hours missing": (
        make_breakout_market(
            seed=23,
            needs_hours=True,
            spans={"ETH-USD": ((0, 250), (272, 700)), "SOL-USD": ((0, 400), (425, 700))},
            changes={"triggers": {"max_gap_ratio": 0.9}, "universe": {"leave_after_cycles": 100}},
        ),
        1,
    ),
    "no brackets": (make_breakout_market(seed=12, changes={"execution": {"attach_brackets": False}}), 3),
    "thin": (make_breakout_market(seed=13, changes={"simulation": {"volume_share_ratio": Decimal("0.001")}}), 3),
    "late and missed": (
        make_breakout_market(seed=15, late={90: 30, 91: 200, 300: 250}, missed=(100, 101, 102, 400)),
        3,
    ),
    "outage": (make_breakout_market(seed=16, troubles=((Trouble.OUTAGE, 150, 190), (Trouble.OUTAGE, 400, 403))), 3),
    "lost answers": (make_breakout_market(seed=17, troubles=((Trouble.LOST_ANSWERS, 60, 600),)), 3),
    "refusals": (make_breakout_market(seed=18, troubles=((Trouble.REFUSALS, 60, 300),)), 1),
    "watched": (make_breakout_market(seed=19, bars=300, is_watched=True, sigma=0.006), 3),
    "watched and trailing": (
        make_breakout_market(
            seed=20,
            bars=300,
            is_watched=True,
            sigma=0.006,
            changes=TRAILING,
        ),
        2,
    ),
    "late and early": (
        make_breakout_market(
            seed=42,
            bars=500,
            terms=replace(TERMS, hold_hours=9, target_pct=Decimal(9), stop_pct=Decimal(4)),
            spans={"ETH-USD": ((0, 250),), "SOL-USD": ((120, 500),), "ADA-USD": ((0, 180), (230, 500))},
            absence_seconds=0,
        ),
        3,
    ),
    "come and gone": (
        make_breakout_market(
            seed=43,
            bars=500,
            spans={"ETH-USD": ((0, 250),), "SOL-USD": ((150, 500),), "ADA-USD": ((0, 180), (230, 500))},
            absence_seconds=0,
            # However many data fail, ticks may be quiet.
            changes={"universe": {"failures_max_ratio": 0.9}},
        ),
        3,
    ),
    "resting when it goes": (
        make_breakout_market(
            seed=77,
            bars=260,
            sigma=0.008,
            spans={
                "ETH-USD": ((0, 150), (200, 260)),
                "SOL-USD": ((0, 157), (205, 260)),
                "ADA-USD": ((0, 164), (210, 260)),
            },
            absence_seconds=0,
            changes={"execution": {"entry_ttl_cycles": 40}, "simulation": {"fills": FillModel.PESSIMISTIC}},
        ),
        3,
    ),
    "short memory": (make_breakout_market(seed=14, changes={"cycle": {"order_memory_seconds": 600}}), 3),
}


@pytest.mark.parametrize("name", CASES)
def test_screened_run_equals_one_of_every_tick(name: str) -> None:
    """All fields, fills, orders, verdicts, and the same ticks are told of."""
    market, entries_min = CASES[name]
    recorded, schedule = market.record(), market.schedule()

    truth = play(recorded, schedule, None, market.disturbances())
    screened = play(recorded, schedule, SCREENS, market.disturbances())

    entries = {fill.venue_order_id for fill in truth.world.store.fills.values() if fill.side == "BUY"}
    assert find_differences(truth, screened)[:10] == []
    assert len(entries) >= entries_min
    assert screened.tally.exact < truth.tally.exact or name == "gapped"
    assert truth.tally.watches or not market.is_watched


@pytest.mark.parametrize("ticks", [1, 2])
def test_run_may_be_a_tick_or_two(ticks: int) -> None:
    """There is nothing to carry the books over."""
    market = make_breakout_market(seed=1, bars=ticks + 1)
    recorded, schedule = market.record(), market.schedule()

    truth, screened = play(recorded, schedule, None), play(recorded, schedule, SCREENS)

    assert find_differences(truth, screened) == []
    assert screened.tally.ticks == ticks


def test_strategy_without_a_screen_is_asked_wherever_there_is_a_candidate() -> None:
    """Slow, never wrong."""
    market = make_breakout_market(seed=20, bars=200)
    recorded, schedule = market.record(), market.schedule()

    truth, screened = play(recorded, schedule, None), play(recorded, schedule, {})

    assert find_differences(truth, screened) == []
    assert screened.tally.exact > len(schedule.ticks) * 3 // 4


@pytest.mark.parametrize("name", FOUND)
def test_market_that_found_a_fault_is_the_same_both_ways(name: str) -> None:
    """That each still finds its fault, ``test_backtest_sabotage`` shows where the fault is known."""
    different, counts = compare_market(FOUND[name])

    assert different == []
    assert counts["exact"] < counts["ticks"]


@pytest.mark.parametrize("seed", range(1, 25))
def test_random_market_is_the_same_both_ways(seed: int) -> None:
    """Holes and jumps, odd ticks, looks, troubles, both traders; ``make backtest-equal`` plays hundreds."""
    different, counts = compare_market(draw_market(seed))

    assert different == []
    assert counts["ticks"] > 90


def test_venue_cancels_what_it_lists_no_more_after_a_look_too() -> None:
    """A look may change nothing of the account; the venue may, before the next one."""
    different, _ = compare_market(draw_market(8263))

    assert [] == different


@pytest.mark.parametrize("trader", [PlugIn, Shipped])
def test_products_come_and_go_for_either_trader(trader: type[PlugIn | Shipped]) -> None:
    """Among the markets above, and while the run goes on."""
    markets = [each for each in map(draw_market, range(1, 25)) if isinstance(each.trader, trader)]
    changes = [count_listings(each.record(), each.schedule()) for each in markets]

    assert sum(count > 0 for count in changes) > 2
