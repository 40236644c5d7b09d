"""Both engines on real candles, with the shipped configuration: screened or not, a run leaves the same."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backtest_worlds import list_ticks, record_market, run_both
from factories_settings import shipped_settings
from simulation.backtest.comparison import find_differences
from trader.model.ids import ProductId
from trader.model.market import Granularity

HOURLY = ("BTC", "ETH", "SOL", "ADA", "ALGO", "AVAX", "BCH", "DOGE", "DOT", "LINK", "LTC", "SHIB", "XLM", "XRP")
QUARTERLY = ("BTC", "ETH", "SOL", "ADA", "DOGE", "LTC", "XRP")
HOUR, QUARTER, FIVE, MINUTE = (
    Granularity.ONE_HOUR,
    Granularity.FIFTEEN_MINUTE,
    Granularity.FIVE_MINUTE,
    Granularity.ONE_MINUTE,
)
BOTH = {"strategies.mean_reversion.enabled": True}

JANUARY_15 = 1_736_899_200
OCTOBER_8 = 1_759_881_600
OCTOBER_24 = 1_761_264_000
DECEMBER_5 = 1_701_734_400


@pytest.mark.parametrize(
    ("names", "granularity", "begin", "count", "overrides"),
    [
        pytest.param(HOURLY, HOUR, JANUARY_15, 300, {}, id="hours of fourteen products"),
        pytest.param(HOURLY, HOUR, OCTOBER_8, 300, BOTH, id="hours over the crash of 2025-10-10, two strategies"),
        pytest.param(QUARTERLY, QUARTER, JANUARY_15, 600, {}, id="quarters of seven products"),
        pytest.param(QUARTERLY, QUARTER, OCTOBER_24, 450, BOTH, id="quarters over an outage and past the last candle"),
    ],
)
def test_screened_run_leaves_what_every_tick_leaves(
    names: tuple[str, ...], granularity: Granularity, begin: int, count: int, overrides: dict[str, object]
) -> None:
    """Ledgers of all notable ticks, verdict counts, fills and finished orders are the same, with fewer ticks run."""
    recorded = record_market([f"{each}-USD" for each in names], granularity, overrides)

    exact, screened = run_both(recorded, list_ticks(begin, count, granularity.seconds))

    assert find_differences(exact, screened) == []
    assert len(exact.world.store.fills) > 10
    assert screened.tally.exact < count * 3 // 4


def test_bars_made_of_finer_candles_are_screened() -> None:
    """Candles of a minute put into bars of five, thin products with holes among them."""
    recorded = record_market([f"{each}-USD" for each in ("BTC", "ETH", "ADA", "BCH", "DOT")], MINUTE, BOTH)
    recorded = replace(recorded, settings=shipped_settings({"app.mode": "PAPER", **BOTH}))

    exact, screened = run_both(recorded, list_ticks(DECEMBER_5, 300, 300))

    assert find_differences(exact, screened) == []


@pytest.mark.parametrize("pace", [900, 7200])
def test_ticks_need_not_come_once_a_bar(pace: int) -> None:
    """Four ticks a bar, and one every second bar."""
    recorded = record_market(["BTC-USD", "ADA-USD", "LTC-USD"], HOUR, BOTH)
    cycle = replace(recorded.settings.cycle, period_seconds=pace)
    recorded = replace(recorded, settings=replace(recorded.settings, cycle=cycle))

    exact, screened = run_both(recorded, list_ticks(JANUARY_15, 200, pace))

    assert find_differences(exact, screened) == []


def test_two_listings_of_a_base_are_one_asset() -> None:
    """Of two books of one base the preferred one is looked at; the other has no verdict and costs no tick."""
    series = {f"BTC-{quote}": record_market(["BTC-USD"], HOUR).series for quote in ("USD", "USDT")}
    columns = {name: each[ProductId("BTC-USD"), HOUR] for name, each in series.items()}
    recorded = record_market(tuple(columns), HOUR, series=columns)  # type: ignore[arg-type]

    exact, screened = run_both(recorded, list_ticks(JANUARY_15, 200, 3600))

    assert find_differences(exact, screened) == []
    assert screened.tally.exact < 100
