"""A backtest that is ended between two ticks has the result of one that was asked for no more."""

from __future__ import annotations

import pytest

from desk.backtest.figures.document import build_content
from desk.backtest.figures.summary import summarize_backtest
from desk.backtest.result import BacktestResult, read_prices
from desk.backtest.run import Backtest
from simulation.backtest.comparison import SCREENS
from simulation.backtest.markets import make_breakout_market
from trader.settings.app import FillModel


def tell(backtest: Backtest, result: BacktestResult) -> dict[str, object]:
    """Every figure, and what the books hold."""
    told = build_content(summarize_backtest(result.record, read_prices(backtest.recorded)))
    return {**told, "books": result.record.books, "orders": result.record.orders}


@pytest.mark.parametrize("is_exhaustive", [False, True], ids=["screened", "exhaustive"])
@pytest.mark.parametrize("asked", [1, 40, 333, 10_000])
def test_what_was_run_until_then_is_whole(asked: int, is_exhaustive: bool) -> None:
    """By either engine; the screened one ends at the next tick that it runs, which tells how far that is."""
    market = make_breakout_market(seed=4)
    recorded, schedule = market.record(), market.schedule()
    backtest = Backtest(recorded, schedule, is_exhaustive=is_exhaustive, screens=SCREENS)

    cut = backtest.run_model(FillModel.NEUTRAL, lambda done: done < asked)
    shorter = Backtest(recorded, schedule.cut_to(cut.ticks), is_exhaustive=is_exhaustive, screens=SCREENS)

    assert min(asked, len(schedule.ticks)) <= cut.ticks <= len(schedule.ticks)
    assert not is_exhaustive or cut.ticks == min(asked, len(schedule.ticks))
    assert tell(shorter, shorter.run_model(FillModel.NEUTRAL)) == tell(backtest, cut)
    assert asked <= 40 or cut.entries > 0


def test_one_tick_is_run_whatever_is_asked() -> None:
    """A result has a first instant and a last."""
    market = make_breakout_market(seed=4)

    result = Backtest(market.record(), market.schedule(), screens=SCREENS).run_model(FillModel.NEUTRAL, lambda _: False)

    assert result.ticks >= 1
    assert result.start <= result.end


def test_looks_before_the_next_tick_belong_to_what_was_run() -> None:
    """They are done before anybody is asked whether to go on."""
    market = make_breakout_market(seed=19, bars=300, is_watched=True, sigma=0.006)
    schedule = market.schedule()
    cut = schedule.cut_to(100)

    assert (100, 100) == (len(cut.ticks), len(cut.starts))
    assert cut.watches[-1] > cut.starts[-1]
    assert cut.watches[-1] < schedule.starts[100]
    assert schedule.cut_to(10_000) is schedule
