"""The figures of whole runs: both engines give the same bytes, and every sum is that of the books."""

from __future__ import annotations

from decimal import Decimal

import pytest

from desk.backtest.figures.document import build_document
from desk.backtest.figures.summary import BacktestSummary, summarize_backtest
from desk.backtest.result import BacktestResult, read_prices
from desk.backtest.run import Backtest
from desk.backtest.schedule import Schedule
from simulation.backtest.comparison import SCREENS
from simulation.backtest.markets import Market, make_breakout_market
from trader.settings.app import FillModel

MARKETS = {
    "three days": make_breakout_market(seed=2, bars=900),
    "pessimistic": make_breakout_market(seed=3, bars=700, changes={"simulation": {"fills": FillModel.PESSIMISTIC}}),
    "thin": make_breakout_market(seed=13, changes={"simulation": {"volume_share_ratio": Decimal("0.001")}}),
    "late and missed": make_breakout_market(seed=15, late={90: 30, 91: 200}, missed=(100, 101, 102, *range(280, 580))),
}


def play_market(market: Market, *, is_exhaustive: bool = False) -> tuple[BacktestResult, BacktestSummary]:
    """Run it and summarize it."""
    recorded = market.record()
    backtest = Backtest(recorded, market.schedule(), is_exhaustive=is_exhaustive, screens=SCREENS)
    (result,) = backtest.run().values()
    return result, summarize_backtest(result.record, read_prices(recorded))


@pytest.mark.parametrize("name", MARKETS)
def test_both_engines_give_the_same_bytes(name: str) -> None:
    """But for how many ticks were run, which is no part of the result."""
    (truth, full), (screened, quick) = (play_market(MARKETS[name], is_exhaustive=each) for each in (True, False))
    one, other = build_document(full, truth.exact), build_document(quick, screened.exact)

    assert one["digest"] == other["digest"]
    assert one["ticks_run"] > other["ticks_run"]
    assert one["content"]["round_trips"]["rows"]


@pytest.mark.parametrize("name", MARKETS)
def test_sums_are_those_of_the_books(name: str) -> None:
    """Net is the equity's; every lot's realized gain is what the ledger has; the curve ends at the equity."""
    result, summary = play_market(MARKETS[name])
    ledger = result.record.books.ledger
    realized = {each.lot: each.realized for each in summary.round_trips}

    assert result.cash_difference == 0
    assert result.equity_close is not None
    assert summary.costs.net == result.equity_close - result.equity_open == summary.curve.net
    assert summary.costs.fees == result.fees
    assert summary.costs.net == sum(each.net for each in summary.round_trips if each.net is not None)
    assert len(ledger.lots) == summary.trades.open_lots
    assert {key: realized[key] for key in (*ledger.lots, *ledger.closed_lots)} == {
        key: lot.realized for key, lot in (*ledger.lots.items(), *ledger.closed_lots.items())
    }


def test_days_without_a_tick_stand_where_the_day_before_stood() -> None:
    """A whole day is missed; it is on the curve, and counted."""
    market = make_breakout_market(seed=15, bars=900, missed=tuple(range(286, 577)))
    _, summary = play_market(market)

    assert summary.performance.days_unmarked == 1
    assert [False] == [each.is_marked for each in summary.curve.points if each.return_ratio == 0.0]


def test_benchmarks_are_of_the_same_days() -> None:
    """A held benchmark for each day of the run, at a cost."""
    _, summary = play_market(MARKETS["three days"])
    held = summary.comparison.held_btc

    assert held is not None
    assert [each.day for each in held.curve.points] == [each.day for each in summary.curve.points]
    assert held.costs > 0
    assert summary.comparison.held_equal is not None
    assert len(summary.comparison.held_equal.products) == 4


def test_last_day_ends_with_the_books_as_they_are() -> None:
    """Here a lot is sold in the last tick: the marks of that tick do not know what it fetched."""
    market = make_breakout_market(seed=2, bars=900)
    recorded, schedule = market.record(), market.schedule()
    short = Schedule.on_time(schedule.ticks[:129])
    (result,) = Backtest(recorded, short, is_exhaustive=True).run().values()
    marks = result.record.books.ledger.equity_marks

    assert marks is not None
    assert marks.last is not None
    assert marks.last.equity != result.equity_close == result.record.days[-1].equity
