"""What is shipped does nothing until somebody asks for it, twice."""

from decimal import Decimal

import pytest

from architecture.test_template import parsed, read_profile, refusals
from factories_settings import CONFIG, shipped_settings
from trader.adapters.config.files import load_settings
from trader.model.cycle_state import Regime
from trader.model.decisions import Direction, TriggerKind
from trader.settings.app import FillModel, Mode


def test_shipped_configuration_is_sound() -> None:
    """It loads without a variable, and contradicts nothing."""
    assert load_settings(CONFIG, {}).digest


def test_shipped_configuration_sends_nothing() -> None:
    """A dry run, and the venue read only besides: two changes stand between it and an order."""
    settings = shipped_settings()

    assert settings.app.mode is Mode.DRY_RUN
    assert settings.exchange.read_only is True


def test_shipped_profiles_deploy_nothing_that_trades_with_money() -> None:
    """Live is refused until somebody confirms it and says who is to be rung; and no profile reserves concurrency."""
    chosen = {profile: read_profile(profile)[1] for profile in ("dev", "paper", "live")}

    assert {
        "dev": [],
        "paper": [],
        "live": [
            "LIVE trades with money; it needs LiveTradingConfirmed=yes",
            "LIVE rings for somebody; it needs AlarmEmail or AlarmWebhook",
        ],
    } == {profile: refusals(parsed(), each) for profile, each in chosen.items()}
    assert not [profile for profile, each in chosen.items() if "ReserveConcurrency" in each]


def test_only_the_rules_engine_is_enabled() -> None:
    """Any other strategy waits until somebody sets it."""
    enabled = [name for name, section in shipped_settings().strategies.items() if section.enabled]

    assert ["rules_engine"] == enabled


def test_shipped_simulation_is_neutral_and_pays_the_fees_assumed_for_the_venue() -> None:
    """A paper result flatters nobody."""
    settings = shipped_settings()

    assert settings.simulation.fills is FillModel.NEUTRAL
    assert settings.exchange.assumed_maker_fee_ratio == settings.simulation.maker_fee_ratio
    assert settings.exchange.assumed_taker_fee_ratio == settings.simulation.taker_fee_ratio


def test_crash_allows_no_entry() -> None:
    """The size is nothing, not merely small."""
    assert shipped_settings().regime.size_multiplier[Regime.CRASH] == 0


def test_limits_are_those_of_the_rule_book() -> None:
    """The numbers a person would ask about first."""
    risk = shipped_settings().risk

    expected = [Decimal(value) for value in ("3", "7", "10", "3", "4", "25", "10")]
    assert expected == [
        risk.day_loss_pct_max,
        risk.week_loss_pct_max,
        risk.drawdown_pct_max,
        risk.position_pct_max,
        risk.product_pct_max,
        risk.total_pct_max,
        risk.notional_min,
    ]


@pytest.mark.parametrize(
    ("kind", "direction", "stop", "target", "hours", "factor"),
    [
        ("price_move", "up", "6", "12", 48, "1.0"),
        ("price_move", "down", "10", "20", 24, "0.7"),
        ("volume_spike", "up", "8", "15", 72, "1.0"),
        ("breakout", "up", "6", "20", 120, "1.2"),
        ("reversal", "up", "12", "25", 48, "0.8"),
        ("momentum", "up", "8", "15", 72, "1.0"),
        ("momentum", "down", "10", "18", 48, "0.85"),
    ],
)
def test_rules_are_those_of_the_rule_book(
    kind: str, direction: str, stop: str, target: str, hours: int, factor: str
) -> None:
    """Seven rows, one for each trigger and direction."""
    rules = shipped_settings().strategies["rules_engine"].settings.rules  # type: ignore[index,attr-defined]

    rows = [rule for rule in rules if (rule.trigger, rule.direction) == (TriggerKind(kind), Direction(direction))]

    assert len(rules) == 7
    assert [(Decimal(stop), Decimal(target), hours, Decimal(factor))] == [
        (rule.stop_pct, rule.target_pct, rule.hold_hours_max, rule.size_factor) for rule in rows
    ]


def test_whoever_buys_a_fall_asks_for_signs_of_a_turn() -> None:
    """A downward trigger never yields a buy for its momentum."""
    rules = shipped_settings().strategies["rules_engine"].settings.rules  # type: ignore[index,attr-defined]

    assert {3} == {rule.confirmations_min for rule in rules if rule.direction is Direction.DOWN}
