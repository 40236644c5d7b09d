"""The crash of 2025-10-10 and the outage of 2025-10-25 on recorded candles: what was done, and that it is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from simulation.backtest.comparison import Played, find_differences, play
from simulation.backtest.real_markets import DATA, Case, compare_case
from trader.model.cycle_state import Regime
from trader.model.ids import StrategyId, cycle_id_at
from trader.model.market import Granularity
from trader.model.orders import Side

pytestmark = pytest.mark.skipif(not (DATA / "candles").is_dir(), reason="the recorded candles are not here")

#: 2025-10-10T21:00:00Z.
FALL = 1_760_130_000
CRASH = Case(Granularity.FIFTEEN_MINUTE, "2025-10-06", "2025-10-12")
OUTAGE = Case(Granularity.FIFTEEN_MINUTE, "2025-10-23", "2025-10-27")


def play_case(case: Case) -> tuple[Played, Played]:
    """Both engines."""
    recorded, schedule = case.record(DATA)
    return play(recorded, schedule, None), play(recorded, schedule, {})


def test_crash_sells_by_stops_and_shows_in_its_day() -> None:
    """Lots are sold while it falls, and the day's line is lower. The shipped regime does not call the day a crash."""
    truth, screened = play_case(CRASH)
    days = truth.tally.by_date()
    before, crash = days[date(2025, 10, 9)].equity, days[date(2025, 10, 10)].equity
    sold = [fill for fill in truth.world.store.fills.values() if fill.side is Side.SELL]

    assert find_differences(truth, screened) == []
    assert before is not None
    assert crash is not None
    assert crash < before
    assert [fill for fill in sold if FALL <= fill.time <= FALL + 3 * 3600]
    assert truth.tally.verdicts["REGIME_CRASH"] == 0


def test_crash_that_is_read_ends_entries_at_once() -> None:
    """With a regime that minds a week's volatility of 45 %, nothing is bought from the tick on that reads it."""
    truth, screened = play_case(replace(CRASH, changes={"regime": {"crash_volatility_pct": 45.0}}))
    read = [
        name
        for name, (before, after) in truth.books.items()
        if before is not None and after is not None
        if before.regime.current is not Regime.CRASH and after.regime.current is Regime.CRASH
    ]
    bought = [fill.time for fill in truth.world.store.fills.values() if fill.side is Side.BUY]
    days = truth.tally.by_date()

    assert find_differences(truth, screened) == []
    assert read
    assert sum(days[day].verdicts["REGIME_CRASH"] for day in days) > 0
    assert not [at for at in bought if cycle_id_at(at) > read[-1]]


def test_outage_of_the_data_is_an_outage_and_over_when_it_is() -> None:
    """Six hours without a candle: nothing is entered on old prices, all is told as stale, and it goes on after."""
    truth, screened = play_case(OUTAGE)
    begin, end = 1_761_404_400, 1_761_426_000
    bought = [fill.time for fill in truth.world.store.fills.values() if fill.side is Side.BUY]
    day = truth.tally.by_date()[date(2025, 10, 25)]

    assert find_differences(truth, screened) == []
    assert not [at for at in bought if begin + 3600 < at <= end]
    assert day.verdicts["QUOTE_MISSING"] + day.verdicts["DATA_STALE"] > 50
    assert truth.tally.by_date()[date(2025, 10, 26)].verdicts["DATA_STALE"] == 0
    assert truth.world.ledger is not None
    assert truth.world.ledger.failure_streak.failed_cycles == 0


def test_case_that_does_not_meet_its_subject_fails() -> None:
    """A window without a trailing stop is no proof of trailing stops, nor one of a strategy that buys nothing."""
    found, seen = compare_case(replace(CRASH, subjects=("stop", "time", "trailing", "day loss")), DATA)
    few = Case(Granularity.FIFTEEN_MINUTE, "2025-10-06", "2025-10-07", strategies=(StrategyId("mean_reversion"),))

    assert found == ["it met no trailing", "it met no day loss"]
    assert "ticks=577" in seen
    assert compare_case(replace(few, end="2025-10-06T02:00:00Z"), DATA)[0] == ["mean_reversion bought nothing"]
