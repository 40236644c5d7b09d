"""A configuration in which a gate can never open, or never close, is found before it runs."""

import pytest

from factories_settings import GONE, shipped_settings
from trader.settings.checks import find_contradictions
from trader.settings.checks.bars import count_bars_needed, find_misfits
from trader.settings.look_backs import list_look_backs
from trader.stages.triggers import engine
from trader.strategies import registry

NO_ENTRY = "forbids every entry; allowed is above 0, and the kill switch to stop entries"
TIER_1 = "universe.tiers.tier_1_core"
RULES = "strategies.rules_engine.settings"
BAND = "strategies.mean_reversion.settings"
#: Both strategies on, so that the second one is looked at too.
BOTH = {"strategies.mean_reversion.enabled": True}


def found(overrides: dict[str, object]) -> list[str]:
    """Every contradiction of the shipped settings with these keys changed, those of strategies included."""
    settings = shipped_settings(overrides)
    return [*find_contradictions(settings), *registry.find_contradictions(settings)]


def test_shipped_settings_contradict_nothing() -> None:
    """With the shipped strategies, and with the other one enabled too."""
    assert [] == found({})
    assert [] == found(BOTH)


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        # --- the tick
        (
            {"cycle.max_tick_age_seconds": 300},
            (
                "cycle.max_tick_age_seconds: 300 would let no tick enter, or one that the next has overtaken; "
                "allowed is 1 to below cycle.period_seconds 300"
            ),
        ),
        (
            {"cycle.max_tick_age_seconds": 0},
            (
                "cycle.max_tick_age_seconds: 0 would let no tick enter, or one that the next has overtaken; "
                "allowed is 1 to below cycle.period_seconds 300"
            ),
        ),
        (
            {"cycle.order_memory_seconds": 60, "cycle.quiet_period_seconds": 61},
            (
                "cycle.order_memory_seconds: 60 forgets an order before its absence means anything; "
                "allowed is at least cycle.quiet_period_seconds 61"
            ),
        ),
        (
            {"simulation.volume_share_ratio": 0},
            "simulation.volume_share_ratio: 0 never fills an order; allowed is above 0",
        ),
        (
            {"universe.quote_age_seconds_max": 0},
            "universe.quote_age_seconds_max: 0 makes every quote stale; allowed is at least 1",
        ),
        # --- universe
        (
            {f"{TIER_1}.bases": []},
            f"{TIER_1}: has no bases and discover_max 0, so nothing is in it; allowed is one of the two",
        ),
        (
            {f"{TIER_1}.base_size_pct": 0},
            f"{TIER_1}.base_size_pct: 0 means that nothing in this tier can be bought; allowed is above 0",
        ),
        (
            {f"{TIER_1}.base_size_pct": 41},
            (
                f"{TIER_1}.base_size_pct: 41 is more than the whole tier may take; "
                f"allowed is at most {TIER_1}.allocation_max_pct 40"
            ),
        ),
        (
            {f"{TIER_1}.slippage_bps_max": "9.5"},
            (
                f"{TIER_1}.slippage_bps_max: 9.5 above the mid does not reach the ask at spread_bps_max 20; "
                "allowed is at least half of that"
            ),
        ),
        (
            {"universe.tiers.tier_2_rotational.bases[0]": "BTC"},
            (
                "universe.tiers.tier_2_rotational.bases: BTC is in universe.tiers.tier_1_core.bases too; "
                "allowed is one tier"
            ),
        ),
        (
            {f"{TIER_1}.bases[3]": "DAI"},
            f"{TIER_1}.bases: DAI is in universe.stable_bases, which forbids it; allowed is one of the two",
        ),
        (
            {"universe.never_trade": ["ETH"]},
            f"{TIER_1}.bases: ETH is in universe.never_trade, which forbids it; allowed is one of the two",
        ),
        (
            {"universe.clusters.MEME.allocation_max_pct": 0},
            (
                "universe.clusters.MEME.allocation_max_pct: 0 forbids its assets; allowed is above 0, "
                "and universe.never_trade for what is never to be bought"
            ),
        ),
        (
            {"universe.bans": {"LUNA": "2027-04-31"}},
            "universe.bans.LUNA: 2027-04-31 is no day of the calendar; allowed is YYYY-MM-DD",
        ),
        # --- regime
        (
            {"regime.bear_trend_pct": 10},
            "regime.bear_trend_pct: a fall of 10 is a crash already; allowed is less than regime.crash_trend_pct 10",
        ),
        (
            {"regime.bull_volatility_pct": 120},
            (
                "regime.bull_volatility_pct: 120 never decides, because more is a crash; "
                "allowed is less than regime.crash_volatility_pct 100"
            ),
        ),
        (
            {"regime.bull_trend_pct": 0, "regime.bear_trend_pct": 0},
            "regime.bull_trend_pct: 0 with regime.bear_trend_pct 0 leaves no room for chop; allowed is one above 0",
        ),
        (
            {"regime.size_multiplier.bear": GONE},
            "regime.size_multiplier.bear: is missing; allowed is a number from 0 to 3",
        ),
        (
            {"regime.size_multiplier.crash": "0.5"},
            "regime.size_multiplier.crash: 0.5 would enter in a crash; allowed is 0",
        ),
        (
            {"regime.size_multiplier.unknown": "0.5"},
            "regime.size_multiplier.unknown: 0.5 would enter in a crash; allowed is 0",
        ),
        # --- triggers
        (
            {"bars.history": "1495m"},
            (
                "triggers.volume_spike.history: takes 300 bars, of 299 that are read; "
                "allowed is what bars.history 1495m covers"
            ),
        ),
        (
            {"triggers.breakout.lookback": "25h"},
            (
                "triggers.breakout.lookback: takes 301 bars, of 300 that are read; "
                "allowed is what bars.history 25h covers"
            ),
        ),
        (
            {"triggers.atr_windows": 22},
            "triggers.atr_windows: takes 309 bars, of 300 that are read; allowed is what bars.history 25h covers",
        ),
        (
            {"triggers.confirmations.low_window": "755m"},
            (
                "triggers.confirmations.low_window: takes 302 bars, of 300 that are read; "
                "allowed is what bars.history 25h covers"
            ),
        ),
        (
            {"universe.correlation_window": "25h"},
            (
                "universe.correlation_window: takes 301 bars, of 300 that are read; "
                "allowed is what bars.history 25h covers"
            ),
        ),
        (
            {"triggers.price_move.short_window": "1h"},
            (
                "triggers.price_move.short_window: 1h is not the short window; "
                "allowed is less than triggers.price_move.long_window 60m"
            ),
        ),
        (
            {"triggers.reversal.low_age_min": "1d"},
            (
                "triggers.reversal.low_age_min: 1d is older than every bar looked at; "
                "allowed is less than triggers.reversal.lookback 24h"
            ),
        ),
        (
            {"triggers.atr_windows": 1},
            (
                "triggers.atr_ratio_min: 1.05 can never be exceeded over triggers.atr_windows 1, whose median holds "
                "the newest; allowed is below 1"
            ),
        ),
        (
            {"triggers.atr_ratio_min": 0},
            "triggers.atr_ratio_min: 0 lets every quiet market pass; allowed is above 0",
        ),
        (
            {"triggers.confirmations.rsi_level": 100},
            "triggers.confirmations.rsi_level: 100 can never be crossed; allowed is above 0 and below 100",
        ),
        (
            {"triggers.price_move.long_pct.bear": 0},
            "triggers.price_move.long_pct.bear: 0 fires on every bar; allowed is above 0",
        ),
        (
            {"triggers.momentum.move_min_pct": 0},
            "triggers.momentum.move_min_pct: 0 fires on every bar; allowed is above 0",
        ),
        (
            {"triggers.volume_spike.strength_span": "0.8"},
            (
                "triggers.volume_spike.strength_span: 0.8 makes every spike full strength; "
                "allowed is more than the smallest triggers.volume_spike.ratio less 1"
            ),
        ),
        (
            {"triggers.reversal.strength_span_pct": 3},
            (
                "triggers.reversal.strength_span_pct: 3 makes every reversal full strength; "
                "allowed is more than triggers.reversal.bounce_pct_min 3"
            ),
        ),
        (
            {"triggers.momentum.strength_span_pct": 2},
            (
                "triggers.momentum.strength_span_pct: 2 makes every momentum full strength; "
                "allowed is more than triggers.momentum.move_min_pct 2"
            ),
        ),
        # --- strategies
        (
            {"strategies.rules_engine.enabled": False},
            "strategies: none is enabled, so nothing can ever be bought; allowed is enabled: true for at least one",
        ),
        (
            {**BOTH, "strategies.rules_engine.weight_pct": "80.5"},
            (
                "strategies: the weights mean_reversion 20 + rules_engine 80.5 = 100.5 promise more than there is; "
                "allowed is at most 100"
            ),
        ),
        (
            {"strategies.rules_engine.trades_per_cycle_max": 0},
            (
                "strategies.rules_engine.trades_per_cycle_max: 0 forbids every entry of an enabled strategy; "
                "allowed is above 0, or enabled: false"
            ),
        ),
        (
            {"strategies.rules_engine.schedule": {"every_minutes": 4}},
            (
                "strategies.rules_engine.schedule.every_minutes: 4 never decides, because cycle.period_seconds 300 is "
                "longer; allowed is 0 for every cycle, or a longer time"
            ),
        ),
        # --- risk: pace and caps
        ({"risk.open_positions_max": 0}, f"risk.open_positions_max: 0 {NO_ENTRY}"),
        ({"risk.entries_per_cycle_max": 0}, f"risk.entries_per_cycle_max: 0 {NO_ENTRY}"),
        ({"risk.entries_per_hour_max": 0}, f"risk.entries_per_hour_max: 0 {NO_ENTRY}"),
        ({"risk.trades_per_day_max": 0}, f"risk.trades_per_day_max: 0 {NO_ENTRY}"),
        (
            {"risk.entries_per_cycle_max": 4},
            "risk.entries_per_cycle_max: 4 can never be reached; allowed is at most risk.entries_per_hour_max 3",
        ),
        (
            {"risk.trades_per_day_max": 2},
            "risk.entries_per_hour_max: 3 can never be reached; allowed is at most risk.trades_per_day_max 2",
        ),
        (
            {"risk.open_positions_max": 1},
            "risk.entries_per_cycle_max: 2 can never be reached; allowed is at most risk.open_positions_max 1",
        ),
        (
            {"risk.entry_spacing_seconds": 3601},
            "risk.entry_spacing_seconds: 3601 forbids every entry; allowed is at most 3600",
        ),
        ({"risk.peg_min": 0}, "risk.peg_min: 0 lets every broken peg pass; allowed is above 0"),
        (
            {"risk.position_pct_max": "3.5"},
            (
                "risk.position_pct_max: 3.5 × the largest regime.size_multiplier 1.2 = 4.2 is above "
                "risk.product_pct_max 4; allowed is at most 3.33"
            ),
        ),
        (
            {"risk.product_pct_max": 30},
            "risk.product_pct_max: 30 can never be reached; allowed is at most risk.total_pct_max 25",
        ),
        # --- risk: stops
        (
            {"risk.day_loss_pct_max": 0},
            "risk.day_loss_pct_max: 0 is reached without any loss and forbids every entry; allowed is above 0",
        ),
        (
            {"risk.day_loss_pct_max": 8},
            "risk.day_loss_pct_max: 8 can never be reached first; allowed is at most risk.week_loss_pct_max 7",
        ),
        (
            {"risk.drawdown_pct_max": 6},
            "risk.week_loss_pct_max: 7 can never be reached first; allowed is at most risk.drawdown_pct_max 6",
        ),
        (
            {"exits.trailing": True, "exits.trailing_giveback_pct": 4},
            (
                "exits.trailing_giveback_pct: 4 would sell at the peak or at a loss; "
                "allowed is above 0 and below exits.trailing_arm_pct 4"
            ),
        ),
        (
            {"exits.dust_value_max": "10.5"},
            ("exits.dust_value_max: 10.5 would write off whole purchases; allowed is at most risk.notional_min 10"),
        ),
        # --- quote assets
        (
            {"app.accounting_asset": "EUR", "risk.pegs": {}, "execution.preferred_quotes": []},
            (
                "app.accounting_asset: EUR is what the capital is in and could not be spent; "
                "allowed is one of execution.preferred_quotes "
            ),
        ),
        (
            {"risk.pegs.USDT": GONE},
            "risk.pegs.USDT: is missing, but execution.preferred_quotes has USDT; allowed is its products",
        ),
        (
            {"risk.pegs.DAI": ["DAI-USD"]},
            (
                "risk.pegs.DAI: never decides, because DAI is not in execution.preferred_quotes or is "
                "app.accounting_asset; allowed is no such key"
            ),
        ),
        (
            {"risk.pegs.USDC": ["USDT-USDC", "USDT-USD"]},
            (
                "risk.pegs.USDC: USDT-USDC, USDT-USD gives no price of USDC in USD; "
                "allowed is USDC-USD, or X-USD and X-USDC"
            ),
        ),
        (
            {"risk.pegs.USDC": []},
            "risk.pegs.USDC: nothing gives no price of USDC in USD; allowed is USDC-USD, or X-USD and X-USDC",
        ),
        # --- conversions and orders
        (
            {"execution.conversion_pairs": []},
            "execution.conversion_pairs: none, but execution.auto_convert is true; allowed is at least one, or false",
        ),
        (
            {"execution.conversion_pairs": ["USD-USD"]},
            "execution.conversion_pairs: USD-USD converts nothing; allowed is two different assets",
        ),
        (
            {"execution.conversion_pairs": ["USD-EUR"]},
            (
                "execution.conversion_pairs: USD-EUR needs EUR; allowed is what execution.preferred_quotes has: "
                "USD, USDC, USDT"
            ),
        ),
        (
            {"execution.exit_slippage_bps": 250},
            (
                "execution.exit_slippage_bps: 250 starts above the end; "
                "allowed is at most execution.exit_slippage_bps_max 200"
            ),
        ),
        (
            {"execution.exit_slippage_step_bps": 0},
            (
                "execution.exit_slippage_step_bps: 0 never gets from 50 to execution.exit_slippage_bps_max 200; "
                "allowed is above 0, or a maximum of 50"
            ),
        ),
        (
            {"execution.exit_slippage_bps_max": 10000},
            "execution.exit_slippage_bps_max: 10000 would sell for nothing; allowed is less than 10000",
        ),
        # --- the rules engine
        (
            {f"{RULES}.conviction_min": "0.9"},
            (
                f"{RULES}.rules[0]: price_move up reaches a conviction of 0.825 at most; "
                f"allowed is a {RULES}.conviction_min, now 0.9, that it can reach"
            ),
        ),
        (
            {f"{RULES}.conviction_min": "0.05"},
            f"{RULES}.conviction_min: 0.05 is reached by every trigger and never decides; allowed is above 0.1",
        ),
        (
            {f"{RULES}.rules[4].size_factor": "0.01"},
            (
                f"{RULES}.rules[4]: buys for 2.1406 at most (app.capital 10000 × the largest base_size_pct 3 × "
                "size factor × confidence 0.006, less fees); allowed is at least risk.notional_min 10"
            ),
        ),
        (
            {f"{RULES}.volatility_window": "25h"},
            f"{RULES}.volatility_window: takes 301 bars, of 300 that are read; allowed is what bars.history 25h covers",
        ),
        (
            {f"{RULES}.risk_per_trade_pct": 0},
            f"{RULES}.risk_per_trade_pct: 0 makes every size 0; allowed is above 0",
        ),
        (
            {f"{RULES}.volatility_target_pct": 0},
            f"{RULES}.volatility_target_pct: 0 makes every size 0; allowed is above 0",
        ),
        (
            {"costs.edge_multiple": 0},
            "costs.edge_multiple: 0 lets purchases pass that do not earn their cost; allowed is above 0",
        ),
        (
            {f"{RULES}.rules": []},
            f"{RULES}.rules: none, so no trigger is ever answered; allowed is at least one",
        ),
        # --- mean reversion
        (
            {**BOTH, f"{BAND}.entry_z": "3.9", f"{BAND}.band_window": "80m"},
            f"{BAND}.entry_z: 3.9 can never be reached by one of the 16 bars of {BAND}.band_window 80m; "
            "allowed is below 3.75",
        ),
        (
            {**BOTH, f"{BAND}.strength_span_z": "2.5"},
            f"{BAND}.strength_span_z: 2.5 makes every entry full strength; allowed is above {BAND}.entry_z 2.5",
        ),
        (
            {**BOTH, f"{BAND}.band_window": "1505m"},
            f"{BAND}.band_window: takes 301 bars, of 300 that are read; allowed is what bars.history 25h covers",
        ),
    ],
)
def test_contradiction_names_both_keys_and_what_is_allowed(overrides: dict[str, object], expected: str) -> None:
    """The line is among those found; one change may contradict more than one key."""
    lines = found(overrides)

    assert expected in lines


def test_order_that_every_cap_makes_too_small_is_found_in_each_tier() -> None:
    """300 of capital: 3 % × 1.2 is 10.8, less fees above 10; 250 is not enough."""
    enough = [line for line in found({"app.capital": 300}) if line.startswith("risk.notional_min")]
    short = [line for line in found({"app.capital": 250}) if line.startswith("risk.notional_min")]

    assert [] == enough
    assert [
        f"risk.notional_min: 10 is more than the caps allow in universe.tiers.{tier} with app.capital 250; "
        "allowed is at most 8.92"
        for tier in ("tier_1_core", "tier_2_rotational", "tier_3_dynamic")
    ] == short


def test_no_tiers_at_all_is_found() -> None:
    """Nothing could be traded, and nothing else falls over for want of a tier."""
    assert "universe.tiers: none means that nothing can be traded; allowed is at least one tier" in found(
        {"universe.tiers": {}}
    )


def test_no_size_in_any_regime_is_found() -> None:
    """All three regimes in which one may buy."""
    sizes = {f"regime.size_multiplier.{regime}": 0 for regime in ("bull", "chop", "bear")}

    assert "regime.size_multiplier: 0 for bull, chop and bear forbids every entry; allowed is one above 0" in found(
        sizes
    )


def test_disabled_strategy_is_not_looked_at() -> None:
    """What does not run contradicts nothing."""
    assert [] == found({f"{BAND}.strength_span_z": "2.5"})


def test_trailing_that_is_off_contradicts_nothing() -> None:
    """Its numbers decide nothing then."""
    assert [] == found({"exits.trailing_giveback_pct": 4})


def test_bars_needed_agree_with_the_trigger_engine() -> None:
    """Two counts of the same thing; the engine makes do with a shorter history of volumes."""
    settings = shipped_settings()
    needed = {
        key: bars
        for key, bars in count_bars_needed(settings).items()
        if key.startswith("triggers.") and key != "triggers.volume_spike.history"
    }

    assert engine.count_bars_needed(settings.triggers, 300) == max(needed.values())


@pytest.mark.parametrize("key", sorted(count_bars_needed(shipped_settings())))
def test_every_window_is_held_against_the_bars(key: str) -> None:
    """No look-back is left out."""
    lines = found({key: 350 if key == "triggers.atr_windows" else "1750m"})

    assert [key] == [line.partition(":")[0] for line in lines if "that are read" in line]


def test_feasibility_of_a_strategy_is_no_strategy() -> None:
    """The file beside it is found by its name, and not offered as something to enable."""
    assert {"mean_reversion", "rules_engine"} <= set(registry.list_names())
    assert not [name for name in registry.list_names() if name.endswith("_feasibility")]


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (
            {"triggers.price_move.short_window": "12m"},
            "triggers.price_move.short_window: 12m is no whole number of FIVE_MINUTE bars; allowed is 10m or 15m",
        ),
        (
            {"triggers.price_move.short_window": "3m"},
            "triggers.price_move.short_window: 3m is no whole number of FIVE_MINUTE bars; allowed is 5m",
        ),
        (
            {"bars.benchmark_history": "90m"},
            "bars.benchmark_history: 90m is no whole number of ONE_HOUR bars; allowed is 1h or 2h",
        ),
        ({"bars.history": "4h"}, "bars.history: 4h is 48 FIVE_MINUTE bars; allowed is 250m to 1745m"),
        ({"bars.benchmark_history": "23h"}, "bars.benchmark_history: 23h is 23 ONE_HOUR bars; allowed is 1d to 349h"),
        (
            {f"{RULES}.volatility_window": "61m"},
            f"{RULES}.volatility_window: 61m is no whole number of FIVE_MINUTE bars; allowed is 1h or 65m",
        ),
    ],
)
def test_look_back_that_is_no_whole_number_of_bars_is_named(overrides: dict[str, object], expected: str) -> None:
    """With those next to it that would be; of the benchmark in its own bars."""
    assert (expected,) == find_misfits(shipped_settings(overrides))


def test_every_look_back_that_is_shipped_fits() -> None:
    """And there are as many as there were counts of bars."""
    settings = shipped_settings()

    assert () == find_misfits(settings)
    assert 21 == len(list_look_backs(settings))
