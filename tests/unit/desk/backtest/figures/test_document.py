"""The canonical JSON of a backtest: every figure has its convention, and the page lists every field."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields, replace
from decimal import Decimal
from typing import Any

import pytest

from architecture.tree import ROOT
from desk.backtest.figures import conventions
from desk.backtest.figures.activity import Activity, CostStack, Entries
from desk.backtest.figures.attribution import Share
from desk.backtest.figures.bootstrap import Intervals
from desk.backtest.figures.curve import CurvePoint
from desk.backtest.figures.document import build_content, build_document, write_document
from desk.backtest.figures.drawdowns import Drawdown
from desk.backtest.figures.performance import Performance
from desk.backtest.figures.regression import Regression
from desk.backtest.figures.round_trips import RoundTrip
from desk.backtest.figures.summary import BacktestSummary, summarize_backtest
from desk.backtest.figures.trades import Trades
from factories_figures import BooksMaker, hourly_prices
from trader.model.codec import digest_of

FIGURES = {
    "performance": Performance,
    "intervals": Intervals,
    "costs": CostStack,
    "activity": Activity,
    "trades": Trades,
    "entries": Entries,
    "against_btc": Regression,
}
PRICES = hourly_prices(BTC=[100 + hour % 5 for hour in range(80)], ETH=[50] * 80)


def a_summary(price: str = "103") -> BacktestSummary:
    """One lot is sold, one is held."""
    books = BooksMaker()
    books.buy("one", "100", "10", 0)
    books.buy("two", "50", "20", 6, base="ETH")
    books.sell("one", price, "10", 12)
    return summarize_backtest(books.record({"ETH": "49.5"}, equities=("9990.10",)), PRICES)


@pytest.mark.parametrize("section", FIGURES)
def test_every_figure_has_one_sentence(section: str) -> None:
    """No figure without, no sentence for a figure that is gone."""
    told = conventions.SECTIONS[section]

    assert {each.name for each in fields(FIGURES[section])} == told.keys()
    assert all(each.sentence.endswith(".") and each.sentence.count(". ") == 0 for each in told.values())


def test_content_is_as_the_page_says() -> None:
    """The page names every section, and every field of a row."""
    page = (ROOT / "docs/backtest-result.md").read_text(encoding="utf-8")
    rows = [each.name for kind in (RoundTrip, Share, CurvePoint, Drawdown) for each in fields(kind)]
    content = build_content(a_summary())
    names = {*content, *content["run"], *content["run"]["rates"], *content["benchmarks"], *content["largest"], *rows}

    # Two names that are not written: a day is one of days, a convention is everywhere.
    assert {name for name in names if f"`{name}`" not in page and f'"{name}"' not in page} == {"day"}


def test_money_is_text_and_ratios_are_numbers() -> None:
    """A price, a gain and an equity lose nothing; 12.18 of fees and 26.18 of gain by hand."""
    content = build_content(a_summary())
    (trip,) = content["round_trips"]["rows"]

    # 1030 - 1000 - 6 - 6.18.
    assert "17.82" == trip["net"]
    assert ("100", "103", "12.18") == (trip["entry_price"], trip["exit_price"], trip["fees"])
    assert isinstance(trip["return_ratio"], float)
    # And ETH: 990 - 1000 - 6.
    assert "1.82" == content["costs"]["net"]["value"]
    assert ["9990.1", "10001.82"] == content["curve"]["equity"]
    assert ["-16"] == [each["net"] for each in content["open_lots"]["rows"]]


def test_each_figure_stands_beside_its_convention() -> None:
    """In the JSON itself."""
    sharpe = build_content(a_summary())["performance"]["sharpe"]

    assert conventions.PERFORMANCE["sharpe"].sentence == sharpe["convention"]
    assert "ratio per year" == sharpe["unit"]
    assert isinstance(sharpe["value"], float)


def test_same_result_gives_the_same_bytes_and_another_does_not() -> None:
    """Whatever it took to get there."""
    one, again, other = (build_document(a_summary(price), 5) for price in ("103", "103", "104"))

    assert one == again
    assert digest_of(one["content"]) == one["digest"] == build_document(a_summary(), 6)["digest"]
    assert one["digest"] != other["digest"]


def test_keys_are_sorted_and_undefined_is_null() -> None:
    """As canonical JSON has them; no interval of two days, and no NaN."""
    text = write_document(a_summary(), 5)
    content = json.loads(text)["content"]

    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert None is content["intervals"]["cagr"]["value"]
    assert None is content["trades"]["profit_factor"]["value"]
    assert not [
        each for each in list_leaves(content) if isinstance(each, float) and float(format(each, ".12g")) != each
    ]


def list_leaves(value: Any) -> Iterator[Any]:
    """Every leaf."""
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from list_leaves(each)
    if not isinstance(value, dict | list):
        yield value


def test_run_nobody_can_price_has_no_net_but_its_books() -> None:
    """Its benchmark is there all the same."""
    summary = a_summary()
    ledger = replace(summary.record.books.ledger, accepted_marks={})
    record = replace(summary.record, books=replace(summary.record.books, ledger=ledger), equity=None)
    content = build_content(summarize_backtest(record, PRICES))

    assert (None, None) == (content["costs"]["net"]["value"], content["run"]["equity"])
    assert "18.18" == content["costs"]["fees"]["value"]
    assert None is content["attribution"]["by_product"][0]["net"]
    assert content["benchmarks"]["btc_held"]["equity"]


def test_run_without_a_trade_has_a_curve() -> None:
    """And no figure of a trade."""
    record = BooksMaker().record(equities=("10000",))
    content = build_content(summarize_backtest(record, PRICES))

    assert [] == content["round_trips"]["rows"] == content["open_lots"]["rows"]
    assert ["10000", "10000"] == content["curve"]["equity"]
    assert Decimal(0) == Decimal(content["costs"]["net"]["value"])
    assert None is content["trades"]["hit_ratio"]["value"]
    assert [{"fees": "0", "name": "2026-01", "net": "0", "open_lots": 0, "trades": 0, "wins": 0}] == (
        content["attribution"]["by_month"]
    )
