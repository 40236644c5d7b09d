"""What the function and the desk say of how things stand: plain JSON, in full, under names that stay."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from factories import NOW, a_bracket_intent, a_ledger, a_lot, an_intent, an_order_record
from factories_settings import shipped_settings
from trader.entry.status import describe_state
from trader.model.commands import Command, CommandKind, StandingCommands
from trader.model.cycle_state import (
    AcceptedMark,
    Cooldown,
    CycleMark,
    CyclePhase,
    EntryPacing,
    EquityMarks,
    FailureStreak,
    LossStreak,
    Regime,
    RegimeState,
    RunMark,
)
from trader.model.fill_bounds import IMPLAUSIBLE
from trader.model.ids import Asset, ClientOrderId, CycleId, Instant, ProductId, rfc3339
from trader.model.ledger import Ledger
from trader.model.money import Notional, Price, Quantity
from trader.model.order_life import OrderStatus
from trader.model.trading_state import TradingState
from trader.ports import StateReading

SETTINGS = shipped_settings({"app.mode": "PAPER"})
CHOP = RegimeState(Regime.CHOP, Regime.CHOP)
NAMES = """
    now trading_state switch why config code period_seconds busy commands last_cycle next_due last_run
    accounting_asset equity unpriced changes capital unmarked_flow drawdown_halt cash reserved exposure exposure_pct
    exposure_pct_max lots parents active_orders orders_in_doubt orders conversions cooldowns failed_cycles regime
    reduce_only results audit_owed entries
"""
LOT_NAMES = """
    lot product strategy quantity entry_price price price_at price_unbelieved_seconds value gain_pct
    stop_price stop_distance_pct target_price opened_at sold_by day days protection protected_by seen_at
"""


def describe(ledger: Ledger, switch: TradingState | None = TradingState.RUN, **over: Any) -> dict[str, Any]:
    """What is said of a ledger now; other keywords are of the reading."""
    return describe_state(StateReading(ledger, **over), switch, NOW, SETTINGS)


def test_everything_is_plain_json_under_names_that_stay() -> None:
    """Whoever reads it by a program is not told otherwise by the next release."""
    told = describe(a_ledger(lots=[a_lot()], working=[an_intent()]))

    assert told == json.loads(json.dumps(told))
    assert sorted(told) == sorted(NAMES.split())
    assert sorted(told["lots"][0]) == sorted(LOT_NAMES.split())


def test_small_quantity_has_no_exponent() -> None:
    """A program, and a person, read the digits."""
    told = describe(a_ledger(lots=[a_lot(quantity=Quantity("0.00000012"))]))

    assert "0.00000012" == told["lots"][0]["quantity"]


def test_lot_that_no_time_ends_has_no_day_to_be_sold_by() -> None:
    """How long it is held is told all the same, here and on the screen."""
    told = describe(a_ledger(lots=[a_lot(max_hold_until=None)]))

    (lot,) = told["lots"]
    assert (None, None, 1) == (lot["sold_by"], lot["days"], lot["day"])


def test_lot_says_what_it_gained_and_how_far_its_stop_is() -> None:
    """Bought at 100, now worth 104, its stop at 94."""
    told = describe(a_ledger(lots=[a_lot()], accepted_marks={Asset("BTC"): AcceptedMark(Price(104), NOW)}))

    lot = told["lots"][0]
    assert ("4", "104") == (lot["gain_pct"], lot["value"])
    assert Decimal("9.6") == round(Decimal(lot["stop_distance_pct"]), 1)
    assert (1, 3) == (lot["day"], lot["days"])


@pytest.mark.parametrize(("outcome", "is_seen"), [("COMPLETED", True), ("ABSTAINED", False), ("ABORTED", False)])
def test_stop_was_seen_by_a_run_that_completed(outcome: str, is_seen: bool) -> None:
    """Of any other nobody knows whether it read the account."""
    lot = a_lot(lot_id=ClientOrderId("t247-entry"))
    guard = an_order_record(a_bracket_intent(product_id="BTC-USD"))
    last = RunMark(CycleId("20261122T101500Z"), NOW, NOW, outcome)

    told = describe(a_ledger(lots=[lot], working=[guard], last_run=last))["lots"][0]

    assert ("in place", ["t247-bracket"]) == (told["protection"], told["protected_by"])
    assert (rfc3339(NOW) if is_seen else None) == told["seen_at"]


def test_stop_that_the_venue_does_not_show_was_seen_by_nobody() -> None:
    """A run that completed has missed it: nobody may take it for protection."""
    lot = a_lot(lot_id=ClientOrderId("t247-entry"))
    guard = an_order_record(a_bracket_intent(product_id="BTC-USD"), missing_since=NOW)
    last = RunMark(CycleId("20261122T101500Z"), NOW, NOW, "COMPLETED")

    told = describe(a_ledger(lots=[lot], working=[guard], last_run=last))["lots"][0]

    assert ("unknown: nobody knows whether the venue has t247-bracket", None) == (told["protection"], told["seen_at"])


def test_stop_that_is_not_at_the_venue_was_seen_by_nobody() -> None:
    """A run that completed saw none."""
    last = RunMark(CycleId("20261122T101500Z"), NOW, NOW, "COMPLETED")

    told = describe(a_ledger(lots=[a_lot()], last_run=last))["lots"][0]

    assert ([], None) == (told["protected_by"], told["seen_at"])


def test_open_buy_reserves_and_exposes() -> None:
    """A buy of 250 under way takes cash, and counts against the cap."""
    told = describe(a_ledger(working=[an_order_record(an_intent(notional="250"))]))

    assert ({"USD": "250"}, "250", "2.5") == (told["reserved"], told["exposure"], told["exposure_pct"])


def test_losses_are_below_zero_and_compared_with_their_limits() -> None:
    """From 10,200 this morning to 10,000: the marks of another week say nothing of this one."""
    marks = EquityMarks("2026-11-22", Notional(10_200), "2026-W01", Notional(1), Notional(12_500))

    told = describe(a_ledger(equity_marks=marks))["changes"]

    assert Decimal("-1.96") == round(Decimal(told["day"]["change_pct"]), 2)
    assert (None, "-20") == (told["week"]["change_pct"], told["peak"]["change_pct"])
    assert {"3", "7", "10"} == {each["loss_pct_max"] for each in told.values()}


@pytest.mark.parametrize(
    ("before", "flow", "change"),
    [("9800", "1000", -2), ("9800", "-4900", -2), ("10000", "5000", 0), ("10100", "-9000", 1), ("10000", "0", 0)],
)
def test_flow_that_no_cycle_has_marked_yet_is_no_gain_and_no_loss(before: str, flow: str, change: int) -> None:
    """A day that began at 10,000 had changed by so much before the flow, and has after it."""
    equity = Notional(Decimal(before) + Decimal(flow))
    marks = EquityMarks("2026-11-22", Notional(10_000), "2026-W47", Notional(10_000), Notional(10_100))
    ledger = a_ledger(cash={Asset("USD"): equity}, equity_marks=marks, unmarked_flow=Notional(Decimal(flow)))

    told = describe(ledger)["changes"]

    assert change == round(Decimal(told["day"]["change_pct"]), 12) == round(Decimal(told["week"]["change_pct"]), 12)
    peak = (Decimal(before) / 10_100 - 1) * 100
    assert round(peak, 12) == round(Decimal(told["peak"]["change_pct"]), 12)


def test_lot_that_is_sold_out_while_its_entry_may_still_fill_is_told() -> None:
    """It has no price of entry, and nothing of it needs protection."""
    sold_out = a_lot(quantity=Quantity(0), cost=Notional(0))
    marks = {Asset("BTC"): AcceptedMark(Price(104), NOW)}

    (told,) = describe(a_ledger(lots=[sold_out], accepted_marks=marks))["lots"]

    assert ("0", None, None, "0") == (told["quantity"], told["entry_price"], told["gain_pct"], told["value"])
    assert "none: it is sold out, and its entry may still be filled" == told["protection"]


@pytest.mark.parametrize(
    ("name", "due"), [("20261122T101000Z", "10:15"), ("20261122T101500Z", "10:20"), ("20261122T101713Z", "10:20")]
)
def test_next_tick_is_due_at_the_next_instant_of_the_period(name: str, due: str) -> None:
    """Also after a cycle by hand, at an instant of its own; whether it comes is another matter."""
    told = describe(a_ledger(last_cycle=CycleMark(CycleId(name), CyclePhase.FINISHED)))

    assert f"2026-11-22T{due}:00Z" == told["next_due"]


def test_cooldown_that_is_over_is_left_out() -> None:
    """What concerns everything comes first."""
    cooldowns = {Asset("SOL"): Cooldown(Instant(NOW + 60), "stop"), Asset("ADA"): Cooldown(NOW, "loss")}

    told = describe(a_ledger(cooldowns=cooldowns, loss_streak=LossStreak(3, Instant(NOW + 30))))["cooldowns"]

    assert [("", "3 losses in a row"), ("SOL", "stop")] == [(each["asset"], each["reason"]) for each in told]


# --- entries


def test_entries_are_open_if_nothing_stored_refuses_them() -> None:
    """The market may still."""
    assert {"open": True} == describe(a_ledger(regime=CHOP))["entries"]


@pytest.mark.parametrize(
    ("over", "code"),
    [
        ({"regime": RegimeState(Regime.CRASH)}, "REGIME_CRASH"),
        ({"regime": RegimeState()}, "REGIME_UNKNOWN"),
        ({"drawdown_halt": True}, "DRAWDOWN_EXCEEDS_MAX"),
        ({"failure_streak": FailureStreak(3, Instant(NOW + 60))}, "VENUE_UNHEALTHY"),
        ({"loss_streak": LossStreak(3, Instant(NOW + 60))}, "LOSSES_COOLING"),
        ({"entry_pacing": EntryPacing("2026-11-22", 999)}, "DAY_TRADES_EXCEED_MAX"),
        ({"equity_marks": None}, "EQUITY_UNKNOWN"),
        ({"reduce_only": {Asset("SOL"): f"{IMPLAUSIBLE}: fee 1000000"}}, "EQUITY_UNKNOWN"),
        ({"unbelieved": {ProductId("SOL-USD"): Instant(NOW - 900)}}, "MARK_STALE"),
        ({"depegged": {Asset("USD"): NOW}}, "PEG_BELOW_MIN"),
        ({"schema": 3}, "LEDGER_NEWER"),
    ],
)
def test_first_thing_in_the_way_of_an_entry_is_named(over: dict[str, Any], code: str) -> None:
    """As risk would say it."""
    told = describe(a_ledger(**{"regime": CHOP, **over}))["entries"]

    assert (False, code) == (told["open"], told["code"])


@pytest.mark.parametrize("switch", [None, *(state for state in TradingState if state is not TradingState.RUN)])
def test_switch_closes_entries_before_anything_else(switch: TradingState | None) -> None:
    """One that cannot be read is HALT."""
    assert "SWITCH_NOT_RUN" == describe(a_ledger(drawdown_halt=True), switch)["entries"]["code"]


def test_wait_says_when_it_is_over() -> None:
    """An instant, not seconds."""
    told = describe(a_ledger(regime=CHOP, loss_streak=LossStreak(3, Instant(NOW + 60))))["entries"]

    assert (rfc3339(Instant(NOW + 60)), {}) == (told["until"], told["details"])


def test_asset_in_the_way_of_itself_only_closes_nothing() -> None:
    """A cool-down, a lock and an open order of one asset leave the others alone."""
    ledger = a_ledger(
        regime=CHOP,
        cooldowns={Asset("SOL"): Cooldown(Instant(NOW + 60), "stop")},
        reduce_only={Asset("ADA"): "3 expected, 2 found"},
        working=[an_order_record(an_intent(), OrderStatus.IN_DOUBT)],
    )

    assert {"open": True} == describe(ledger)["entries"]


def test_pause_of_every_strategy_closes_entries() -> None:
    """Until it is over."""
    names = [name for name, each in SETTINGS.strategies.items() if each.enabled]
    pauses = [
        Command(CommandKind.PAUSE, NOW, "c", target=f"strategy {name}", until=Instant(NOW + 600)) for name in names
    ]
    commands = StandingCommands({each.slot: each for each in pauses})

    told = describe(a_ledger(regime=CHOP), commands=commands)["entries"]

    assert ("STRATEGY_PAUSED", rfc3339(Instant(NOW + 600))) == (told["code"], told["until"])


def test_no_strategy_that_is_enabled_closes_entries() -> None:
    """There is nobody to ask for one."""
    idle = {name: replace(each, enabled=False) for name, each in SETTINGS.strategies.items()}
    reading = StateReading(a_ledger(regime=CHOP))

    told = describe_state(reading, TradingState.RUN, NOW, replace(SETTINGS, strategies=idle))

    assert {"open": False} == told["entries"]


def test_price_of_a_stable_asset_is_stored_nowhere() -> None:
    """So neither the equity nor the entries can be told; what else refuses still is."""
    cash = {Asset("USD"): "9000", Asset("USDC"): "1000"}

    told = [describe(a_ledger(regime=CHOP, cash=cash, drawdown_halt=halt)) for halt in (False, True)]

    assert [(None, ["USDC"])] * 2 == [(each["equity"], each["unpriced"]) for each in told]
    assert {"open": None, "unseen": ["USDC"]} == told[0]["entries"]
    assert "DRAWDOWN_EXCEEDS_MAX" == told[1]["entries"]["code"]
