"""The screens of the shipped strategies against the strategies: nothing said is missed, no sure code is wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backtest_worlds import list_ticks, record_market
from desk.backtest.world import Recorded
from factories_market import mean_reversion_settings, rules_settings
from property.test_screen_of_triggers import settings_of_triggers, weathers
from recorded_candles import BEGIN, Weather, load_series, make_random_series
from screened_strategies import Asked, assert_screened
from trader.model.cycle_state import Regime
from trader.model.durations import write_duration
from trader.model.ids import StrategyId
from trader.model.market import Granularity
from trader.settings.policy import TriggersSettings
from trader.strategies.mean_reversion import MeanReversion
from trader.strategies.rules_engine import RulesEngine

FIVE = Granularity.FIVE_MINUTE
RULES, REVERSION = StrategyId("rules_engine"), StrategyId("mean_reversion")


def a_random_market(weather: Weather, count: int, **settings: Any) -> Recorded:
    """A core product and another one, of two seeds, shown so many bars."""
    series = {
        "BTC-USD": make_random_series(weather),
        "XRP-USD": make_random_series(replace(weather, seed=weather.seed + 1)),
    }
    recorded = record_market(tuple(series), FIVE, series=series)
    bars = replace(recorded.settings.bars, history=write_duration(count * 300))
    return replace(recorded, settings=replace(recorded.settings, bars=bars, **settings))


def regimes_over(regimes: list[Regime], count: int) -> list[Regime]:
    """Take turns."""
    return [regimes[row % len(regimes)] for row in range(count)]


@given(
    weathers(),
    settings_of_triggers(),
    st.integers(20, 60),
    st.lists(st.sampled_from(Regime), min_size=1, max_size=3),
    st.sampled_from([0.0, 0.3, 0.45, 0.6, 0.9]),
    st.integers(2, 40),
    st.integers(1, 2),
    st.booleans(),
)
def test_rules_are_screened(
    weather: Weather,
    triggers: TriggersSettings,
    count: int,
    regimes: list[Regime],
    conviction_min: float,
    volatility_bars: int,
    per_cycle_max: int,
    is_held: bool,
) -> None:
    """Every condition of the table decides somewhere, held or not, with more triggers than may go on."""
    recorded = a_random_market(weather, count, triggers=replace(triggers, per_cycle_max=per_cycle_max))
    rules = rules_settings()
    own = replace(
        rules,
        rules=rules.rules[1:],
        conviction_min=conviction_min,
        volatility_window=write_duration(volatility_bars * 300),
    )
    ticks = list_ticks(BEGIN + 300, weather.bars, 300)

    assert_screened(Asked(recorded, RulesEngine(RULES, own), is_held), ticks, regimes_over(regimes, len(ticks)))


@given(
    weathers(),
    st.integers(20, 60),
    st.integers(2, 40),
    st.integers(2, 40),
    st.sampled_from([(0.5, 0.0), (1.0, 0.5), (1.5, 1.0)]),
    st.booleans(),
)
def test_mean_reversion_is_screened(
    weather: Weather,
    count: int,
    band_bars: int,
    volatility_bars: int,
    z: tuple[float, float],
    is_held: bool,
) -> None:
    """Bands of two bars and of more than there are, flat closes, and a band left at the mean itself."""
    own = mean_reversion_settings(
        band_window=write_duration(band_bars * 300),
        volatility_window=write_duration(volatility_bars * 300),
        entry_z=z[0],
        exit_z=z[1],
    )
    ticks = list_ticks(BEGIN + 300, weather.bars, 300)
    asked = Asked(a_random_market(weather, count), MeanReversion(REVERSION, own), is_held)

    assert_screened(asked, ticks, [Regime.CHOP] * len(ticks))


@pytest.mark.parametrize("is_held", [False, True])
@pytest.mark.parametrize("granularity", [Granularity.ONE_HOUR, Granularity.FIFTEEN_MINUTE])
def test_shipped_strategies_are_screened_on_real_candles(granularity: Granularity, is_held: bool) -> None:
    """Over a thousand ticks of three products both answer as they should; the table is not asked in vain too often."""
    names = "BTC-USD", "ADA-USD", "DOGE-USD"
    recorded = record_market(names, granularity)
    begin = int(load_series("DOGE-USD", granularity).columns.start[2_000])
    ticks = list_ticks(begin, 1_000, granularity.seconds)
    regimes = regimes_over([Regime.CHOP, Regime.CHOP, Regime.BEAR], len(ticks))
    sections = recorded.settings.strategies

    assert_screened(Asked(recorded, RulesEngine(RULES, sections[RULES].settings), is_held), ticks, regimes)
    assert_screened(Asked(recorded, MeanReversion(REVERSION, sections[REVERSION].settings), is_held), ticks, regimes)
