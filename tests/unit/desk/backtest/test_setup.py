"""Which products and bars of a source make a recorded market, and what a run of it comes to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from architecture.tree import ROOT
from desk.backtest.data.columns import Columns
from desk.backtest.run import Backtest
from desk.backtest.setup import record_market
from desk.markets import list_lengths
from simulation.backtest.comparison import SCREENS
from simulation.backtest.markets import make_breakout_market
from trader.adapters.config.files import load_settings, parse_settings
from trader.errors import ConfigError
from trader.model.ids import Instant, ProductId
from trader.model.market import Granularity
from trader.settings import Settings
from trader.settings.app import FillModel
from unit.adapters.config.test_plugins import MODULE, SECTION, configured, install

QUARTER, HOUR, DAY = Granularity.FIFTEEN_MINUTE, Granularity.ONE_HOUR, Granularity.ONE_DAY
SETTINGS = load_settings(ROOT / "config", {}).settings


class Source:
    """Flat candles of some products, from an hour to another."""

    has_only_closes = False

    def __init__(self, hours: Mapping[tuple[str, Granularity], tuple[int, int]]) -> None:
        self._hours = {(ProductId(name), length): span for (name, length), span in hours.items()}

    def products(self) -> tuple[ProductId, ...]:
        return tuple(sorted({name for name, _ in self._hours}))

    def granularities(self, product_id: ProductId) -> tuple[Granularity, ...]:
        return tuple(sorted((length for name, length in self._hours if name == product_id), key=lambda g: g.seconds))

    def load(self, product_id: ProductId, granularity: Granularity) -> Columns:
        begin, end = self._hours[product_id, granularity]
        start = np.arange(begin * 3600, end * 3600, granularity.seconds, dtype=np.int64)
        flat = np.full(len(start), 10.0)
        return Columns(granularity, start, flat, flat, flat, flat, flat)


def record(hours: Mapping[tuple[str, Granularity], tuple[int, int]], **more: Granularity) -> list[tuple[str, str]]:
    """The series that are set up between the hours 10 and 20."""
    recorded = record_market(SETTINGS, Source(hours), Instant(36_000), Instant(72_000), stretch=True, **more)  # type: ignore[arg-type]
    return sorted((name, length.value) for name, length in recorded.series)


def test_bars_of_one_length_are_taken_that_half_as_many_have_as_the_best() -> None:
    """The finest of them where nobody has the configured one; one that is asked for counts more."""
    hours = {("A-USD", HOUR): (0, 30), ("B-USD", HOUR): (0, 30), ("C-USD", HOUR): (0, 30), ("A-USD", QUARTER): (0, 30)}

    assert [("A-USD", HOUR), ("B-USD", HOUR), ("C-USD", HOUR)] == record(hours)
    assert [("A-USD", QUARTER)] == record(hours, granularity=QUARTER)
    assert [("A-USD", QUARTER), ("B-USD", QUARTER)] == record({**hours, ("B-USD", QUARTER): (0, 30)})


def test_product_is_in_if_any_of_its_candles_is() -> None:
    """It may begin late or end early; one that ended before, or is paid by another asset, is left out."""
    hours = {
        ("EARLY-USD", HOUR): (0, 10),
        ("ENDS-USD", HOUR): (0, 11),
        ("BEGINS-USD", HOUR): (19, 30),
        ("LATE-USD", HOUR): (20, 30),
        ("OTHER-EUR", HOUR): (0, 30),
    }

    assert [("BEGINS-USD", HOUR), ("ENDS-USD", HOUR)] == record(hours)


def test_benchmark_is_read_from_bars_of_its_own_length() -> None:
    """Beside those that are traded on."""
    hours = {("BTC-USD", QUARTER): (0, 30), ("BTC-USD", HOUR): (0, 30), ("A-USD", QUARTER): (0, 30)}

    assert [("A-USD", QUARTER), ("BTC-USD", QUARTER), ("BTC-USD", HOUR)] == record(hours, granularity=QUARTER)


@pytest.fixture
def daily(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The shipped settings, and a strategy of another package that needs days."""
    text = MODULE.replace("bars = ()", "bars = (BarsNeeded(Granularity.ONE_DAY, 5),)")
    market = "from trader.model.market import BarsNeeded, Granularity\n"
    text = text.replace("from trader.model.lots", f"{market}from trader.model.lots")
    install(tmp_path, "daylong", "daylong", text)
    monkeypatch.syspath_prepend(str(tmp_path))
    return parse_settings(configured(daylong=SECTION)).settings


def test_bars_that_a_strategy_needs_are_those_that_the_candles_have(daily: Settings) -> None:
    """Days of long before the first tick are among them; of what is not traded none are read."""
    hours = {("A-USD", HOUR): (0, 30), ("B-USD", HOUR): (0, 30), ("A-USD", DAY): (-240, 24), ("C-EUR", DAY): (0, 24)}

    recorded = record_market(daily, Source(hours), Instant(36_000), Instant(72_000), stretch=True)  # type: ignore[arg-type]

    assert (DAY,) == list_lengths(daily)
    assert [("A-USD", DAY), ("A-USD", HOUR), ("B-USD", HOUR)] == sorted(recorded.series)
    assert 11 == len(recorded.series[ProductId("A-USD"), DAY].columns)


@pytest.mark.parametrize("hours", [{}, {("A-EUR", HOUR): (0, 30)}, {("A-USD", HOUR): (0, 3)}])
def test_nothing_to_trade_is_refused(hours: Mapping[tuple[str, Granularity], tuple[int, int]]) -> None:
    """No candles at all, none in our asset, none in the window."""
    with pytest.raises(ConfigError, match="candles"):
        record(hours)


def test_each_fill_model_is_run_and_both_engines_agree() -> None:
    """What it came to by each, with books that the fills explain."""
    market = make_breakout_market(3, bars=300)
    schedule = market.schedule()

    screened = Backtest(market.record(), schedule, screens=SCREENS).run(tuple(FillModel))
    exhaustive = Backtest(market.record(), schedule, is_exhaustive=True).run((FillModel.NEUTRAL,))

    assert set(FillModel) == set(screened)
    for model, result in screened.items():
        assert (model, 299, 0) == (result.fills, result.ticks, result.cash_difference)
        assert result.entries > 0
        assert result.return_pct is not None
    neutral, truth = screened[FillModel.NEUTRAL], exhaustive[FillModel.NEUTRAL]
    assert neutral.exact < truth.exact == truth.ticks
    assert (neutral.equity_close, neutral.fees, neutral.verdicts) == (truth.equity_close, truth.fees, truth.verdicts)
