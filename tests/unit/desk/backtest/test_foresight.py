"""What the screens foresee is foreseen anew when the books come otherwise."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backtest_worlds import list_ticks, record_market
from desk.backtest.foresight import Foresight
from desk.backtest.grid import MarketGrid
from desk.backtest.screen.codes import ABSENT
from desk.backtest.world import World
from recorded_candles import BEGIN, Weather, make_random_series
from trader.model.cycle_state import Membership, Regime, RegimeState
from trader.model.ids import ProductId, StrategyId
from trader.model.market import Granularity

FIVE = Granularity.FIVE_MINUTE
BTC, RULES = ProductId("BTC-USD"), StrategyId("rules_engine")


def a_foresight(count: int) -> tuple[Foresight, World]:
    """Return what is foreseen of a calm random market after its first tick."""
    series = {"BTC-USD": make_random_series(Weather(3, bars=900, jumps=0, holes=0, wild_bps=40))}
    overrides = {
        "universe.tiers.tier_1_core.volume_24h_min": 0,
        # No crash, and a regime lasts.
        "regime.crash_volatility_pct": 1000,
        "regime.crash_trend_pct": 100,
        "regime.confirm_cycles": 1000,
        # What lasts a day minds no regime.
        "triggers.momentum.move_min_pct": 50,
    }
    recorded = record_market(["BTC-USD"], FIVE, overrides, series=series)
    ticks = list_ticks(BEGIN + 310 * 300, count, 300)
    world = World(recorded)
    foresight = Foresight(MarketGrid(recorded, ticks), world.pipeline, {})
    world.run(ticks[0])
    assert world.ledger is not None
    foresight.begin(world.ledger)
    return foresight, world


def test_strategies_are_asked_anew_about_another_regime() -> None:
    """The table's thresholds are those of the regime that the books say, not of the one foreseen."""
    foresight, world = a_foresight(400)
    ledger = world.ledger
    assert ledger is not None
    foreseen = foresight.answers[RULES][BTC].detected
    assert foreseen is not None
    before = foreseen.copy()
    other = next(each for each in (Regime.CHOP, Regime.BEAR) if each is not foresight.regime.state(200).current)

    foresight.check(200, replace(ledger, regime=RegimeState(current=other)))
    after = foresight.answers[RULES][BTC].detected

    assert after is not None
    assert (before[:201] == after[:201]).all()
    assert (before[201:] != after[201:]).any()


def test_nothing_is_foreseen_after_the_last_tick() -> None:
    """A membership that came otherwise at the last tick changes nothing any more."""
    foresight, world = a_foresight(20)
    ledger = world.ledger
    assert ledger is not None

    foresight.check(19, replace(ledger, membership={BTC: Membership(member=False, disagreeing_cycles=7)}))

    assert foresight.universe.membership(18) == {BTC: Membership(member=True)}


def test_what_is_considered_only_while_it_is_held_is_looked_at_by_every_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no verdict of a screen: ticks are run one by one until it is gone, and nothing is planned anew for it."""
    foresight, world = a_foresight(40)
    ledger, account = world.ledger, world.accounts.load()
    assert ledger is not None
    before = foresight.next_tick(10, ledger, account)
    foresight.universe.codes[BTC][5:20] = ABSENT
    monkeypatch.setattr(foresight, "_plan", None)

    foresight.check(8, ledger)

    assert before > 10
    assert [foresight.next_tick(begin, ledger, account) for begin in (5, 8, 20)] == [5, 8, 20]
    assert foresight.next_tick(21, ledger, account) > 21
