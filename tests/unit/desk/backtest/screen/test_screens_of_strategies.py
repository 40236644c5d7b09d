"""Where the screens of strategies are found, and what becomes of those without one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from backtest_worlds import list_ticks, record_market, run_both
from desk.backtest.grid import MarketGrid
from desk.backtest.screen import mean_reversion, rules_engine
from desk.backtest.screen.codes import ABSENT
from desk.backtest.screen.strategies import find_screen
from desk.bench.breakout import Breakout, BreakoutTerms
from factories_market import mean_reversion_settings, rules_settings
from recorded_candles import BEGIN, Weather, make_random_series
from simulation.backtest.comparison import find_differences
from trader.model.cycle_state import Regime
from trader.model.ids import ProductId, StrategyId
from trader.model.market import Granularity
from trader.model.money import Price
from trader.settings.policy import StrategySettings
from trader.strategies import registry
from trader.strategies.base import Strategy
from trader.strategies.mean_reversion import MeanReversion
from trader.strategies.rules_engine import RulesEngine

FIVE = Granularity.FIVE_MINUTE
RULES = StrategyId("rules_engine")


class BroughtRules(RulesEngine):
    """A plug-in under the name of a shipped strategy."""


def test_shipped_strategies_bring_their_screens() -> None:
    """Each file in ``trader.strategies`` has a screen of its name; who adds one without says so here."""
    found = {
        name: find_screen(strategy)
        for name, strategy in registry.build(
            {StrategyId(each): a_section(each) for each in registry.list_names()}
        ).items()
    }

    assert found == {"mean_reversion": mean_reversion.assess, "rules_engine": rules_engine.assess}


def a_section(name: str) -> StrategySettings:
    """An enabled section of a shipped strategy."""
    settings = {"mean_reversion": mean_reversion_settings(), "rules_engine": rules_settings()}
    return replace(record_market((), FIVE, series={}).settings.strategies[RULES], settings=settings[name], enabled=True)


def test_plug_in_is_not_taken_for_what_it_is_named_after() -> None:
    """The class decides, not the name: a strategy that somebody else brought may answer anything."""
    others: list[Strategy] = [BroughtRules(RULES, rules_settings()), Breakout(RULES, BreakoutTerms())]

    assert [find_screen(each) for each in others] == [None, None]


def test_instances_of_one_strategy_have_one_screen() -> None:
    """A strategy under a name of its own is screened by its class."""
    assert find_screen(MeanReversion(StrategyId("fast"), mean_reversion_settings())) is mean_reversion.assess


def test_ticks_with_more_triggers_than_go_on_are_run() -> None:
    """Ranks are across products: where too many fire, no product is sure, held or not."""
    series = {f"{base}-USD": make_random_series(Weather(5, bars=700, wild_bps=60)) for base in ("BTC", "ETH", "XRP")}
    grids = [
        MarketGrid(
            record_market(tuple(series), FIVE, {"triggers.per_cycle_max": most}, series=series),
            list_ticks(BEGIN + 310 * 300, 300, 300),
        )
        for most in (3, 2)
    ]
    own = rules_settings(conviction_min=0.0)

    free, crowded = (
        rules_engine.assess(grid, own, np.full(len(grid), Regime.CHOP))[ProductId("XRP-USD")] for grid in grids
    )

    fires = free.detected == ABSENT
    assert fires.any()
    assert crowded.sells[fires].all()
    assert crowded.proposes[fires].all()
    assert not free.sells[fires].all()


def test_row_that_no_order_could_keep_is_left_to_the_stage() -> None:
    """A product whose increment makes no sense is missing; its verdicts are counted as every tick counts them."""
    series = {f"{base}-USD": make_random_series(Weather(5, bars=500, holes=0)) for base in ("BTC", "ETH")}
    recorded = record_market(tuple(series), FIVE, series=series)
    odd = replace(recorded.products[1], price_increment=Price("1e-19"))
    recorded = replace(recorded, products=[recorded.products[0], odd])

    exact, screened = run_both(recorded, list_ticks(BEGIN + 310 * 300, 60, 300))

    assert find_differences(exact, screened) == []
    assert exact.tally.verdicts["PRODUCT_MISSING"] == 60
