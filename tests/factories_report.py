"""Kept backtests for the page: of a few trades, or of as many as a page has to hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from math import sin
from pathlib import Path
from typing import Any

import numpy as np

from desk.backtest.archive import Archive, StoredBacktest
from desk.backtest.data.columns import Columns
from desk.backtest.figures.attribution import split_net
from desk.backtest.figures.bootstrap import compute_intervals
from desk.backtest.figures.curve import DayEquity, build_curve
from desk.backtest.figures.document import build_document
from desk.backtest.figures.exposure import Exposure
from desk.backtest.figures.performance import measure_performance
from desk.backtest.figures.prices import PriceHistory
from desk.backtest.figures.round_trips import RoundTrip
from desk.backtest.figures.summary import BacktestSummary, summarize_backtest
from desk.backtest.figures.trades import measure_trades
from desk.backtest.identity import BacktestIdentity
from desk.backtest.thinned import build_thinned_prices
from factories_figures import DAY, HOUR, MIDNIGHT, BooksMaker, a_trip, an_open_trip, hourly_prices
from factories_settings import shipped_settings
from trader.model.ids import ClientOrderId, Instant, ProductId
from trader.model.market import Granularity
from trader.model.order_life import OrderStatus

PRICES = hourly_prices(BTC=[100 + hour % 5 for hour in range(80)], ETH=[50] * 80)
#: As long as those of the rules engine.
REASON = "price_move up: +4.05 %, strength 0.60, confidence 0.70, 2 of 4 confirmations"


def a_summary(reason: str = "breakout up: +2 %", price: str = "103") -> BacktestSummary:
    """One lot is sold, one is held, one entry was given up."""
    books = BooksMaker()
    books.buy("one", "100", "10", 0, reason=reason)
    books.buy("two", "50", "20", 6, base="ETH")
    books.sell("one", price, "10", 12)
    books.give_up("three", OrderStatus.REJECTED)
    return summarize_backtest(books.record({"ETH": "49.5"}, equities=("9990.10",)), PRICES)


def a_large_summary(trades: int, days: int = 300, products: int = 14, **changes: Any) -> BacktestSummary:
    """So many trades of so many products, evenly over the days, each of an hour; one lot is held."""
    names = [ProductId(f"COIN{number}-USD") for number in range(products)]

    def trade(number: int) -> RoundTrip:
        opened = Instant(MIDNIGHT + number * days * DAY // trades)
        entry = Decimal(round(100 + number % products + 5 * sin(number / 40), 4))
        net = Decimal(number * 7919 % 2000 - 1100) / 100
        return a_trip(
            str(net),
            lot=ClientOrderId(f"lot{number:05}"),
            product=names[number % products],
            reason=REASON,
            rule="price_move up",
            opened_at=opened,
            closed_at=Instant(opened + HOUR),
            quantity=Decimal("0.00191777"),
            entry_price=entry,
            exit_price=entry + net / 10,
            stop=entry - 3,
            return_ratio=float(net) / 100,
            **changes,
        )

    trips = tuple(trade(number) for number in range(trades))
    every = (*trips, an_open_trip("-2.5", lot=ClientOrderId("open"), product=names[0], mark=Decimal("97.5")))
    first = date(2026, 1, 1)
    lines = [DayEquity(f"{first + timedelta(day)}", Decimal(10_000 + round(300 * sin(day / 9)))) for day in range(days)]
    curve = build_curve(Decimal(10_000), lines)
    summary = a_summary()
    held = summary.comparison.held_btc
    assert held is not None
    longer = replace(held, curve=curve)
    return replace(
        summary,
        record=replace(summary.record, end=Instant(MIDNIGHT + days * DAY), products=tuple(names)),
        curve=curve,
        performance=measure_performance(curve),
        intervals=compute_intervals(curve.returns),
        exposure=Exposure((Decimal("123.45678901"),) * days, (0.0123456789,) * days),
        round_trips=every,
        trades=measure_trades(every),
        attribution=split_net(every, curve, (), None),
        comparison=replace(summary.comparison, held_btc=longer, held_equal=longer),
    )


def many_prices(products: int = 14, days: int = 300) -> dict[str, Any]:
    """Prices of quarters of an hour, as they are kept."""
    count = days * 96
    start = MIDNIGHT + 900 * np.arange(count)
    made = {}
    for number in range(products):
        close = 100 + number + 5 * np.sin(np.arange(count) / 300) + np.sin(np.arange(count) * 7.7)
        columns = (start, close, close + 0.3, close - 0.3, close, close)
        made[ProductId(f"COIN{number}-USD")] = Columns(Granularity.FIFTEEN_MINUTE, *columns)
    return build_thinned_prices(PriceHistory(made), Instant(MIDNIGHT), Instant(MIDNIGHT + days * DAY))


def keep_backtest(
    home: Path,
    summaries: Mapping[str, BacktestSummary],
    prices: Mapping[str, Any] | None = None,
    *,
    done: int | None = None,
    products: Sequence[str] = ("BTC-USD", "ETH-USD"),
) -> StoredBacktest:
    """Keep results below a home and find them there again; *done* is how many of a hundred ticks were run."""
    archive, settings = Archive(home), shipped_settings({"app.mode": "PAPER"})
    asked = {"fills": [*summaries], "from": "2026-01-01T00:00:00Z", "seed": 1, "watches": False}
    identity = BacktestIdentity("c" * 64, settings.digest, {"BTC-USD ONE_HOUR": "d" * 64}, asked)
    about = {
        "from": "2026-01-01T00:00:00Z",
        "to": "2026-01-02T23:00:00Z",
        "ticks": 100,
        "granularity": "ONE_HOUR",
        "products": [*products],
        "strategies": ["one"],
    }
    stored = archive.open(identity, settings, about)
    if prices is not None:
        archive.keep_prices(stored, prices)
    for model, summary in summaries.items():
        stored = archive.keep(stored, model, build_document(summary, 10), 100 if done is None else done)
    return archive.find(stored.name)


def a_kept_backtest(home: Path, reason: str = "breakout up: +2 %") -> StoredBacktest:
    """A small one by three fill models, with its prices."""
    prices = build_thinned_prices(PRICES, Instant(MIDNIGHT), Instant(MIDNIGHT + 2 * DAY))
    exits = {"neutral": "103", "optimistic": "104", "pessimistic": "98"}
    return keep_backtest(home, {model: a_summary(reason, price) for model, price in exits.items()}, prices)
