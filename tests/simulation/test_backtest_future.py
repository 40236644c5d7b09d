"""No decision knows what comes after it: cut the future off anywhere, and what was before is the same."""

from __future__ import annotations

from dataclasses import replace

import pytest

from desk.backtest.data.columns import Columns
from desk.backtest.schedule import Schedule
from desk.backtest.series import ColumnSeries
from desk.backtest.world import Recorded
from simulation.backtest.comparison import SCREENS, Played, play
from simulation.backtest.markets import Market

MARKET = Market(seed=31, bars=400)
_NAMES = ("start", "open", "high", "low", "close", "volume")


def cut(recorded: Recorded, schedule: Schedule, ticks: int) -> tuple[Recorded, Schedule]:
    """Keep so many ticks, and the candles that had begun when the last of them did."""
    last = schedule.ticks[ticks - 1]
    series = {}
    for key, each in recorded.series.items():
        kept = each.count_until(last - 1)
        columns = (getattr(each.columns, name)[:kept] for name in _NAMES)
        series[key] = ColumnSeries(Columns(key[1], *columns))
    return replace(recorded, series=series), Schedule.on_time(schedule.ticks[:ticks])


def before(played: Played, tick: str) -> dict[str, object]:
    """What was decided before a tick, and the books it was decided by."""
    return {name: books for name, books in played.books.items() if name < tick}


@pytest.mark.parametrize("engine", ["exhaustive", "screened"])
def test_cutting_the_future_off_changes_nothing_before(engine: str) -> None:
    """Wherever the cut is: books and decisions of every notable tick before it are identical."""
    screens = None if engine == "exhaustive" else SCREENS
    recorded, schedule = MARKET.record(), MARKET.schedule()
    whole = play(recorded, schedule, screens)
    notable = sorted(whole.books)
    places = list(range(60, len(schedule.ticks), 90 if screens is None else 23))

    assert len(notable) > 20
    for ticks in places:
        short = play(*cut(recorded, schedule, ticks), screens)
        last = max(each for each in short.books)
        assert before(short, last) == before(whole, last)
