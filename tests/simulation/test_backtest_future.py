"""No decision knows what comes after it: cut the future off anywhere, and what was until then is the same.

Of each case the market is cut at many ticks, at those at which something was done among them, by either engine. A
piece that looks a bar ahead is found by it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from desk.backtest import windows
from desk.backtest.data import universe
from desk.backtest.data.columns import Columns
from desk.backtest.schedule import Schedule
from desk.backtest.screen.strategies import Screens
from desk.backtest.series import ColumnSeries
from desk.backtest.world import Recorded
from desk.bench import breakout_screen
from simulation.backtest.comparison import Played, play
from simulation.backtest.cutting import cut_market, cut_schedule, find_changes
from simulation.backtest.found_markets import FOUND
from simulation.backtest.markets import Market, make_breakout_market
from simulation.backtest.real_markets import DATA, Case
from simulation.backtest.traded_markets import COME_AND_GONE, CROWDED
from simulation.backtest.traders import BREAKOUT
from simulation.test_backtest import CASES
from trader.errors import DataError
from trader.model.ids import Instant, StrategyId, cycle_id_at
from trader.model.market import Bars, Candle, Granularity
from trader.model.orders import Side

Patch = pytest.MonkeyPatch
RULES, REVERSION = StrategyId("rules_engine"), StrategyId("mean_reversion")
SHIPPED = frozenset({RULES, REVERSION})
ENGINES: dict[str, Screens | None] = {"exhaustive": None, "screened": {BREAKOUT: breakout_screen.assess}}
#: Half a day in which both shipped strategies buy; in the second one products come and go.
RANDOM: dict[str, Market] = {
    "random": FOUND["held and no candidate, two strategies"],
    "random, come and gone": COME_AND_GONE,
    "random, crowded": CROWDED,
}
MADE = {
    "breakout": make_breakout_market(31, bars=400),
    "breakout, late and early": CASES["late and early"][0],
    **RANDOM,
}
#: Of each case, which strategies buy in it.
TRADED = {
    "breakout": {BREAKOUT},
    "breakout, late and early": {BREAKOUT},
    "recorded": SHIPPED,
    **dict.fromkeys(RANDOM, SHIPPED),
}


@lru_cache(maxsize=16)
def record(case: str) -> tuple[Recorded, Schedule]:
    """Set up the market of a case; skips where the recorded candles are not."""
    if case == "recorded":
        if not (DATA / "candles").is_dir():
            pytest.skip("the recorded candles are not here")
        opened = {"drawdown_pct_max": Decimal(99), "day_loss_pct_max": Decimal(99), "week_loss_pct_max": Decimal(99)}
        window = Case(
            Granularity.FIFTEEN_MINUTE,
            "2025-10-08",
            "2025-10-12",
            strategies=(RULES, REVERSION),
            changes={"risk": opened},
        )
        return window.record(DATA)
    return MADE[case].record(), MADE[case].schedule()


@lru_cache(maxsize=16)
def play_whole(case: str, engine: str) -> Played:
    """Run a case whose future is there."""
    return play(*record(case), ENGINES[engine])


def choose_cuts(case: str, engine: str, notable: int, others: int) -> list[int]:
    """Count the ticks of some runs that end at a tick at which something was done, and of some that end anywhere."""
    ticks, books = record(case)[1].ticks, play_whole(case, engine).books
    told = [number for number, at in enumerate(ticks, start=1) if cycle_id_at(at) in books]
    chosen = {told[place] for place in np.linspace(0, len(told) - 1, notable).astype(int).tolist()}
    return sorted(chosen | set(np.linspace(2, len(ticks) - 1, others).astype(int).tolist()))


def find_all_changes(case: str, engine: str, cuts: list[int], whole: Played) -> list[str]:
    """Cut a case at some ticks and name all that is different by it."""
    recorded, schedule = record(case)
    found: list[str] = []
    for ticks in cuts:
        last = schedule.ticks[ticks - 1]
        short = play(cut_market(recorded, last), cut_schedule(schedule, ticks), ENGINES[engine])
        found += find_changes(whole, short, last)
    return found


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("case", TRADED)
def test_cutting_the_future_off_changes_nothing_before(case: str, engine: str) -> None:
    """Books, decisions, orders and fills until the cut are identical, and in each case there are some."""
    whole = play_whole(case, engine)
    cuts = choose_cuts(case, engine, notable=11, others=6)
    fills = {each.venue_order_id: each for each in whole.world.store.fills.values() if each.side is Side.BUY}
    ledger = whole.world.ledger
    assert ledger is not None
    orders = (*whole.world.store.finished.values(), *ledger.orders.values())
    bought = Counter(each.intent.strategy for each in orders if each.venue_order_id in fills)

    assert find_all_changes(case, engine, cuts, whole) == []
    assert len(cuts) > 12
    assert TRADED[case] <= bought.keys(), bought


# --- what looks ahead is found


def show_a_bar_ahead(patch: Patch) -> None:
    """Let the stages see bars of which the newest still runs."""
    honest = ColumnSeries.bars

    def bars(self: ColumnSeries, count: int, now: Instant) -> Bars:
        try:
            return honest(self, count, Instant(now + self.granularity.seconds))
        except DataError:
            return honest(self, count, now)

    patch.setattr(ColumnSeries, "bars", bars)


def quote_a_bar_ahead(patch: Patch) -> None:
    """Let a quote stand around the close of the bar that runs."""
    honest = ColumnSeries.last_closed

    def last_closed(self: ColumnSeries, now: Instant) -> Candle | None:
        return honest(self, Instant(now + self.granularity.seconds)) or honest(self, now)

    patch.setattr(ColumnSeries, "last_closed", last_closed)


def screen_a_bar_ahead(patch: Patch) -> None:
    """Let the screens of the strategies choose ticks by a bar that runs."""
    honest = windows.fill_series
    patch.setattr(
        windows,
        "fill_series",
        lambda series, ticks, count: honest(series, ticks + series.granularity.seconds, count),
    )


def know_the_end(patch: Patch) -> None:
    """Let a product leave at its very last candle, as if it were known that none follows."""
    honest = universe._list

    def list_ends(columns: Columns, absence_seconds: int) -> universe.Listing:
        found = honest(columns, absence_seconds)
        if not len(columns):
            return found
        end = Instant(int(columns.start[-1]) + columns.granularity.seconds)
        return universe.Listing(found.enters, (*found.leaves[:-1], end))

    patch.setattr(universe, "_list", list_ends)


#: Of each damage: the engine, and the market on which it must be found.
AHEAD: dict[str, tuple[Callable[[Patch], Any], str, str]] = {
    "bars, every tick": (show_a_bar_ahead, "exhaustive", "random"),
    "bars, screened": (show_a_bar_ahead, "screened", "random"),
    "bars of the breakout": (show_a_bar_ahead, "screened", "breakout"),
    "quotes, every tick": (quote_a_bar_ahead, "exhaustive", "random"),
    "quotes, screened": (quote_a_bar_ahead, "screened", "random, crowded"),
    "screens of the shipped strategies": (screen_a_bar_ahead, "screened", "random"),
    "screens on recorded candles": (screen_a_bar_ahead, "screened", "recorded"),
    "a product's end, every tick": (know_the_end, "exhaustive", "breakout, late and early"),
    "a product's end, screened": (know_the_end, "screened", "breakout, late and early"),
}


@pytest.mark.parametrize("name", AHEAD)
def test_what_looks_ahead_is_found(name: str, monkeypatch: Patch) -> None:
    """By the same cuts: what such a run did before one of them is not what it does without the future."""
    damage, engine, case = AHEAD[name]
    cuts = choose_cuts(case, engine, notable=14, others=8)
    damage(monkeypatch)
    whole = play(*record(case), ENGINES[engine])

    assert any(find_all_changes(case, engine, [each], whole) for each in cuts), f"{name} is not noticed on {case}"
