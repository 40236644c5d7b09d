"""What was held day by day, by its cost."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from desk.backtest.figures.summary import summarize_backtest
from factories_figures import DAY, HOUR, BooksMaker, hourly_prices
from trader.model.ids import Instant

PRICES = hourly_prices(BTC=[100] * 80, ETH=[50] * 80)


def test_day_has_the_mean_of_its_seconds() -> None:
    """1000 for 6 hours of the first day; then half of it for 18 and the first 12 of the second, of 23 hours."""
    books = BooksMaker()
    books.buy("one", "100", "10", 0)
    books.sell("one", "120", "5", 6)
    books.sell("one", "90", "5", 36)
    exposure = summarize_backtest(books.record(equities=("10000",)), PRICES).exposure

    assert (Decimal(625), Decimal("260.86956522")) == exposure.held
    assert (0.0625, pytest.approx(260.86956522 / 9990, rel=1e-2)) == exposure.ratio


def test_days_add_up_to_the_exposure_of_the_run() -> None:
    """Weighted by their seconds; lots over midnight, at once and still held."""
    books = BooksMaker()
    books.buy("one", "100", "10", 0)
    books.buy("two", "50", "20", 6, base="ETH")
    books.sell("one", "103", "4", 12)
    books.sell("one", "103", "6", 30)
    books.buy("three", "100", "3", 40)
    summary = summarize_backtest(books.record({"ETH": "49", "BTC": "100"}, days=3, equities=("9990", "9991")), PRICES)
    equity = summary.curve.mean_equity
    seconds = (DAY, DAY, DAY - HOUR)
    assert equity is not None
    total = sum(float(held or 0) * each for held, each in zip(summary.exposure.held, seconds, strict=True))

    assert summary.activity.exposure == pytest.approx(total / sum(seconds) / float(equity), rel=1e-9)


def test_day_without_a_second_of_the_run_is_undefined() -> None:
    """A run that ends at midnight has a last day of one instant."""
    books = BooksMaker()
    books.buy("one", "100", "10", 0)
    record = books.record({"BTC": "100"}, equities=("9990",))
    exposure = summarize_backtest(replace(record, end=Instant(record.start + DAY)), PRICES).exposure

    assert (Decimal(1000), None) == exposure.held
    assert exposure.ratio[1] is None
