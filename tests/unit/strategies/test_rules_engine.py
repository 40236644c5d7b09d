"""What the rules table makes of a trigger, and what it refuses."""

from dataclasses import replace
from decimal import Decimal
from math import exp, sqrt
from typing import Any

import pytest

from factories_market import (
    ALL_CONFIRMED,
    a_candidate,
    a_context,
    a_lot,
    a_rule,
    a_trigger,
    flat_bars,
    rules_settings,
    some_bars,
)
from trader.model.decisions import Confirmations, Denial, Direction, TradeProposal, Trigger, TriggerKind
from trader.model.denials import DenialCode
from trader.model.ids import ProductId, StrategyId
from trader.model.inputs import StrategyContext
from trader.model.market import Bars
from trader.model.orders import Side
from trader.strategies.registry import find_settings_class, list_names
from trader.strategies.rules_engine import SETTINGS, STRATEGY, RulesEngine, RulesEngineSettings

UP, DOWN = Direction.UP, Direction.DOWN
BTC = ProductId("BTC-USD")
TWO = Confirmations(above_vwap=True, bounced=True)
THREE = Confirmations(above_vwap=True, higher_low=True, bounced=True)


def answers(context: StrategyContext, **overrides: Any) -> list[TradeProposal | Denial]:
    return list(RulesEngine(StrategyId("rules_engine"), rules_settings(**overrides)).propose(context))


def the_proposal(trigger: Trigger, bars: Bars | None = None, **context: Any) -> TradeProposal:
    """The buy that one trigger became."""
    [answer] = answers(a_context(a_candidate(bars=bars or flat_bars()), triggers=[trigger], **context))
    assert isinstance(answer, TradeProposal)
    return answer


def the_denial(trigger: Trigger, context: StrategyContext | None = None, **overrides: Any) -> Denial:
    """The refusal that one trigger met."""
    shown = replace(context or a_context(), triggers={trigger.product_id: trigger})
    [answer] = answers(shown, **overrides)
    assert isinstance(answer, Denial)
    assert (answer.stage, answer.strategy) == ("strategies", "rules_engine")
    return answer


def bars_of_volatility(ratio: float) -> Bars:
    """Closes that step up and down so that the annualized volatility of 288 log returns is *ratio*.

    288 returns of plus and minus s have a sample stdev of s × sqrt(288 / 287); a year has 105 120 bars.
    """
    step = ratio / sqrt(105_120) / sqrt(288 / 287)
    return some_bars([100 * exp(step * (n % 2)) for n in range(289)])


# --- the table


@pytest.mark.parametrize(
    ("kind", "direction", "stop", "target", "hours", "factor"),
    [
        (TriggerKind.PRICE_MOVE, UP, "6", "12", 48, "1"),
        (TriggerKind.PRICE_MOVE, DOWN, "10", "20", 24, "0.7"),
        (TriggerKind.VOLUME_SPIKE, UP, "8", "15", 72, "1"),
        (TriggerKind.BREAKOUT, UP, "6", "20", 120, "1.2"),
        (TriggerKind.REVERSAL, UP, "12", "25", 48, "0.8"),
        (TriggerKind.MOMENTUM, UP, "8", "15", 72, "1"),
        (TriggerKind.MOMENTUM, DOWN, "10", "18", 48, "0.85"),
    ],
)
def test_every_row_becomes_a_buy_on_its_terms(
    kind: TriggerKind, direction: Direction, stop: str, target: str, hours: int, factor: str
) -> None:
    """Stop, target and time from the row; in a flat market the base size of 3 % × factor × confidence of 0.85."""
    proposal = the_proposal(a_trigger(kind, direction, confirmations=ALL_CONFIRMED))

    assert (proposal.strategy, proposal.product_id, proposal.base, proposal.side) == (
        "rules_engine",
        "BTC-USD",
        "BTC",
        Side.BUY,
    )
    assert (Decimal(stop), Decimal(target), hours) == (
        proposal.stop_loss_pct,
        proposal.take_profit_pct,
        proposal.max_hold_hours,
    )
    assert Decimal(3) * Decimal(factor) * Decimal("0.85") == proposal.size_pct
    assert f"{kind} {direction}" == proposal.rule
    assert f"{kind} {direction}: " == proposal.reason[: len(kind) + len(direction) + 3]


@pytest.mark.parametrize("kind", [TriggerKind.VOLUME_SPIKE, TriggerKind.BREAKOUT, TriggerKind.REVERSAL])
def test_fall_without_a_row_is_not_bought(kind: TriggerKind) -> None:
    """However strong and confirmed it is."""
    trigger = a_trigger(kind, DOWN, strength=1.0, confidence=1.0, confirmations=ALL_CONFIRMED)

    denial = the_denial(trigger)

    expected = {"kind": kind.value, "direction": "down", "move_pct": trigger.move * 100, "strength": 1.0}
    assert denial.code is DenialCode.RULE_MISSING
    assert expected == denial.details


@pytest.mark.parametrize("kind", list(TriggerKind))
@pytest.mark.parametrize("signs", [Confirmations(), TWO])
def test_unconfirmed_fall_is_never_bought(kind: TriggerKind, signs: Confirmations) -> None:
    """Accident 10: whatever the kind, without three signs that it has turned a fall is left alone."""
    denial = the_denial(a_trigger(kind, DOWN, move=-0.06, strength=1.0, confidence=1.0, confirmations=signs))

    assert denial.code in {DenialCode.RULE_MISSING, DenialCode.CONFIRMATIONS_BELOW_MIN}


def test_confirmed_flush_says_in_its_reason_that_it_fell() -> None:
    """The sign goes with the proposal to the end."""
    proposal = the_proposal(a_trigger(TriggerKind.PRICE_MOVE, DOWN, move=-0.06, confirmations=THREE))

    expected = "price_move down: -6.00 %, strength 0.80, confidence 0.85, 3 of 4 confirmations"
    assert expected == proposal.reason
    assert proposal.trigger is not None
    assert proposal.trigger.move == -0.06


@pytest.mark.parametrize(("move", "bought"), [(-0.03, True), (-0.0299, False)])
def test_dip_must_be_deep_enough(move: float, bought: bool) -> None:
    """Three percent in a day, confirmed."""
    trigger = a_trigger(TriggerKind.MOMENTUM, DOWN, move=move, confirmations=THREE)

    if bought:
        assert the_proposal(trigger).trigger == trigger
    else:
        denial = the_denial(trigger)
        assert denial.code is DenialCode.MOVE_BELOW_MIN
        assert denial.details == pytest.approx({"move_pct": -2.99, "move_pct_min": 3.0})


def test_confirmations_short_of_the_row_are_counted() -> None:
    """Two found, three asked for."""
    denial = the_denial(a_trigger(TriggerKind.PRICE_MOVE, DOWN, confirmations=TWO))

    assert denial.code is DenialCode.CONFIRMATIONS_BELOW_MIN
    assert denial.details == {"confirmations": 2, "confirmations_min": 3}


@pytest.mark.parametrize(
    "rule",
    [
        a_rule(TriggerKind.BREAKOUT, DOWN, ("6", "12", 48, "1"), confirmations_min=4),
        a_rule(TriggerKind.VOLUME_SPIKE, DOWN, ("6", "12", 48, "1"), confirmations_min=3),
        a_rule(TriggerKind.PRICE_MOVE, DOWN, ("6", "12", 48, "1")),
        a_rule(TriggerKind.MOMENTUM, DOWN, ("6", "12", 48, "1")),
    ],
)
def test_row_that_would_buy_a_fall_as_it_falls_is_refused(rule: Any) -> None:
    """Not even the configuration can ask for it."""
    with pytest.raises(ValueError, match="down with confirmations_min"):
        rules_settings(rules=(rule,))


def test_two_rows_for_one_trigger_are_refused() -> None:
    """Which of them is meant nobody could say."""
    rule = a_rule(TriggerKind.BREAKOUT, UP, ("6", "12", 48, "1"))

    with pytest.raises(ValueError, match="breakout up stands there twice"):
        rules_settings(rules=(rule, replace(rule, size_factor=Decimal(2))))


# --- conviction


def test_conviction_is_the_sum_of_its_components() -> None:
    """0.5 × 0.8 + 0.3 × 0.85 = 0.655, and 0.04 + 0.04 + 0.03 + 0.04 for the signs, 0.02 for the core."""
    plain = the_proposal(a_trigger())
    boosted = the_proposal(a_trigger(confirmations=ALL_CONFIRMED), core_products=frozenset({BTC}))

    assert pytest.approx(0.655) == plain.conviction
    assert pytest.approx(0.825) == boosted.conviction
    assert pytest.approx([0.4, 0.255, 0.04, 0.04, 0.03, 0.04, 0.02]) == list(boosted.components.values())


@pytest.mark.parametrize(
    ("signs", "boost"),
    [
        (Confirmations(above_vwap=True), 0.04),
        (Confirmations(higher_low=True), 0.04),
        (Confirmations(rsi_crossed_up=True), 0.03),
        (Confirmations(bounced=True), 0.04),
    ],
)
def test_each_sign_boosts_by_its_own_weight(signs: Confirmations, boost: float) -> None:
    """One sign, one boost."""
    assert pytest.approx(0.655 + boost) == the_proposal(a_trigger(confirmations=signs)).conviction


@pytest.mark.parametrize(("strength", "enough"), [(0.481, True), (0.479, False)])
def test_conviction_must_reach_its_minimum(strength: float, enough: bool) -> None:
    """With a confidence of 0.7, 0.24 + 0.21 is just enough."""
    trigger = a_trigger(strength=strength, confidence=0.7)

    if enough:
        assert the_proposal(trigger).conviction > 0.45
    else:
        denial = the_denial(trigger)
        assert denial.code is DenialCode.CONVICTION_BELOW_MIN
        assert pytest.approx(0.4495) == denial.details["conviction"]
        assert pytest.approx(0.2395) == denial.details["strength"]


def test_conviction_is_at_most_one() -> None:
    """Whatever the weights are."""
    [answer] = answers(a_context(triggers=[a_trigger()]), strength_weight=1.0, confidence_weight=1.0)

    assert isinstance(answer, TradeProposal)
    assert answer.conviction == 1.0


# --- size


@pytest.mark.parametrize(
    ("volatility", "base", "expected"),
    [
        (0.60, "20", "7.0833333"),
        (1.20, "20", "3.54166666"),
        (1.20, "3", "2.55"),
        (3.00, "3", "1.41666666"),
        (0.10, "3", "2.55"),
    ],
)
def test_size_is_the_smaller_of_risk_and_base(volatility: float, base: str, expected: str) -> None:
    """0.5 / 6 is 8.33 % of equity, × 60 / volatility, at most the base; × confidence 0.85."""
    proposal = the_proposal(a_trigger(), bars_of_volatility(volatility), base_size_pct={BTC: Decimal(base)})

    assert pytest.approx(float(expected), rel=1e-6) == float(proposal.size_pct)


def test_size_loses_at_most_the_risk_at_its_stop() -> None:
    """Size × stop never exceeds half a percent of equity × factor, whatever the market does."""
    for tenths in range(1, 60, 3):
        for kind, stop, factor in ((TriggerKind.PRICE_MOVE, 6, 1.0), (TriggerKind.BREAKOUT, 6, 1.2)):
            trigger = a_trigger(kind, confidence=1.0)
            proposal = the_proposal(trigger, bars_of_volatility(0.6 + tenths / 10), base_size_pct={BTC: Decimal(100)})
            assert float(proposal.size_pct) * stop / 100 <= 0.5 * factor + 1e-9


def test_size_has_twelve_digits_rounded_down() -> None:
    """8.333… × 0.7 is cut, not rounded up."""
    proposal = the_proposal(a_trigger(confidence=0.7), base_size_pct={BTC: Decimal(100)})

    assert Decimal("5.83333333333") == proposal.size_pct
    wild = the_proposal(a_trigger(confidence=0.7), bars_of_volatility(1.7), base_size_pct={BTC: Decimal(100)})
    assert len(wild.size_pct.as_tuple().digits) <= 12


# --- what is there already


def test_base_that_is_held_is_not_bought_again() -> None:
    """Under whatever product it was bought; another base does not count."""
    for product_id in ("BTC-USD", "BTC-USDC"):
        denial = the_denial(a_trigger(), a_context(lots=(a_lot(product_id),)))
        assert (denial.code, denial.details["lots"]) == (DenialCode.POSITION_HELD, 1)

    assert the_proposal(a_trigger(), lots=(a_lot("ETH-USD"),)).side is Side.BUY


def test_too_few_bars_for_a_volatility_are_refused() -> None:
    """No size without it: none is invented."""
    denial = the_denial(a_trigger(), a_context(a_candidate(bars=flat_bars(288))))

    assert denial.code is DenialCode.HISTORY_TOO_SHORT
    assert denial.details == {"bars": 288, "bars_min": 289}


def test_every_trigger_gets_one_answer_in_its_order() -> None:
    """Proposals and denials stand in the order of the triggers."""
    products = ["AAA-USD", "BBB-USD", "CCC-USD"]
    triggers = [a_trigger(product_id=ProductId(product_id)) for product_id in products]
    triggers[1] = replace(triggers[1], strength=0.0, confidence=0.0)

    found = answers(a_context(*map(a_candidate, products), triggers=triggers))

    assert products == [answer.product_id for answer in found]
    assert [TradeProposal, Denial, TradeProposal] == [type(answer) for answer in found]


def test_no_trigger_no_answer() -> None:
    """Candidates alone are nothing to it."""
    assert answers(a_context()) == []


def test_strategy_is_found_by_its_name() -> None:
    """The registry finds the module, its class and its settings."""
    assert "rules_engine" in list_names()
    assert (RulesEngine, RulesEngineSettings) == (STRATEGY, SETTINGS)
    assert find_settings_class("rules_engine") is RulesEngineSettings
