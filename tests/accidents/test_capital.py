"""52: a system that believes a number which is not there sizes every order by it."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from accidents.hostile_venue import QUIET
from accidents.one_account import DIP, SOL, USD, USDC, Bar, World, a_path, a_world, answering, down, with_settings
from accidents.test_silent_faults import heard
from factories import SCOPE, Scripted, a_proposal, once, scripted
from trader.cycle import CycleReport
from trader.cycle.report import CycleOutcome
from trader.errors import DataError
from trader.model.codec import encode
from trader.model.decisions import Denial
from trader.model.denials import DenialCode
from trader.model.ids import Asset
from trader.model.ledger import Ledger
from trader.model.market import Balance
from trader.model.money import Notional
from trader.model.orders import Side

WISH = a_proposal("SOL-USD", take_profit_pct=Decimal(60), stop_loss_pct=Decimal(6))


def denial_of(report: CycleReport) -> Denial | None:
    """Why the one proposal of a cycle was denied."""
    assert report.decision is not None
    return next(iter(report.decision.review.denials), None)


def numbers_of(report: CycleReport) -> tuple[DenialCode | None, dict[str, Any]]:
    """The code of that denial and its numbers."""
    denial = denial_of(report)
    return (None, {}) if denial is None else (denial.code, dict(denial.details))


def a_wishing_world(**over: Any) -> World:
    """A strategy that wants SOL in every cycle."""
    return a_world(**{"strategy": scripted(WISH), "paths": {SOL: a_path(DIP, *QUIET)}, **over})


def edit(world: World, **over: Any) -> Ledger:
    """Somebody edits the stored ledger."""
    edited = replace(world.ledger, **over)
    item = json.loads(world.store.texts[SCOPE])
    world.store.texts[SCOPE] = json.dumps({**item, "ledger": encode(edited)})
    return edited


def notes_of(report: CycleReport, kind: str) -> list[dict[str, Any]]:
    """The bodies of the notes of a kind."""
    return [dict(body) for each, _, body in report.notes if each == kind]


# --- books that are opened


@pytest.mark.parametrize("funds", [{USD: "1000"}, {}, {USD: "600", USDC: "400"}, {Asset("BTC"): "5"}])
def test_accident_52_books_are_not_opened_above_what_is_there(funds: dict[Asset, str]) -> None:
    """The setting says 10,000, the account holds 1,000: nothing is bought, and both numbers are told."""
    world = a_wishing_world(opening=funds)

    reports = world.cycles(2)

    assert {CycleOutcome.ABORTED} == {report.outcome for report in reports}
    there = sum((Decimal(amount) for asset, amount in funds.items() if asset in (USD, USDC)), Decimal(0))
    assert f"app.capital is 10000, and the venue has {there} of " in reports[-1].reason
    assert world.store.ledger(SCOPE) is None
    assert world.sent() == 0


def test_accident_52_books_are_opened_as_soon_as_the_money_is_there() -> None:
    """It may lie in another stable currency; some cents less are no lie."""
    world = a_wishing_world(opening={USD: "1000"})
    world.cycles(1)

    world.venue.deposit(USDC, Decimal("8999.90"))

    assert world.cycle().outcome is CycleOutcome.COMPLETED


def test_accident_52_books_wait_for_a_wallet_that_cannot_be_read() -> None:
    """Nobody knows what is in it: that is another word than that too little is."""
    world = a_wishing_world()
    plenty = {USD: Balance(USD, Decimal(20_000), Decimal(0)), USDC: DataError("'abc' is no number")}
    world.meddlers["exchange.balances"] = answering(plenty)

    report = world.cycle()

    assert report.outcome is CycleOutcome.ABSTAINED
    assert "USDC: 'abc' is no number" in report.reason


# --- money that goes


def test_accident_52_money_missing_at_the_venue_stops_entries_with_both_numbers() -> None:
    """The owner takes nine tenths out and leaves the setting as it is; equity and its marks do not move by it."""
    world = a_wishing_world(strategy=Scripted())
    before = world.cycles(1)[-1].decision

    world.venue.deposit(USD, Decimal(-9000))
    report, told = heard(world)
    world.pass_bars()
    later = with_settings(world, scripted(WISH)).cycle()

    assert before is not None
    assert report.decision is not None
    assert before.equity == report.decision.equity
    assert (DenialCode.CAPITAL_MISSING, {"booked": Decimal(10_000), "found": Decimal(1000)}) == numbers_of(later)
    assert world.sent() == 0
    (line,) = (each for each in told if "CAPITAL_MISSING" in each)
    assert "booked 10000, found 1000" in line
    (note,) = notes_of(report, "MismatchFound")
    assert not note["is_over"]


@pytest.mark.parametrize("remedy", ["paid in", "lowered"])
def test_accident_52_entries_go_on_when_the_money_is_back_or_a_flow_says_so(remedy: str) -> None:
    """Nobody has to clear anything by hand."""
    world = a_wishing_world()
    world.venue.deposit(USD, Decimal(5))
    taken = with_settings(world, Scripted())
    taken.cycles(1)
    world.venue.deposit(USD, Decimal(-9005))
    assert world.cycle().decision is not None
    assert world.sent() == 0
    world.pass_bars()

    if remedy == "paid in":
        world.venue.deposit(USD, Decimal(9000))
        report = world.cycle()
    else:
        report = with_settings(world, scripted(WISH), app__capital="1000").cycle()

    assert (None, {}) == numbers_of(report)
    assert world.sent() == 1
    assert world.ledger.cash_shortage is None
    assert ["over"] == [key.partition("|")[2] for kind, key, _ in report.notes if kind == "MismatchFound"]


def test_accident_52_a_shortage_that_a_second_look_does_not_show_is_none() -> None:
    """Balances may lag behind what they follow from; one odd answer stops nothing."""
    world = a_wishing_world(strategy=Scripted())
    world.cycles(1)
    answers = [{USD: Balance(USD, Decimal(10), Decimal(0))}]

    def once_short(original: Any, *args: Any) -> Any:
        return answers.pop() if answers else original(*args)

    world.meddlers["exchange.balances"] = once_short
    report = with_settings(world, scripted(WISH)).cycle()

    assert answers == []
    assert (None, {}) == numbers_of(report)
    assert world.ledger.cash_shortage is None


def test_accident_52_what_our_own_orders_hold_is_not_missing() -> None:
    """A purchase rests at the venue, its price and fee held; the next wish is judged as if they were there."""
    rests = a_path(DIP, *[Bar(close=101.0, low=100.9)] * 4)
    world = a_wishing_world(paths={SOL: rests}, strategy=once(WISH))

    reports = world.cycles(4)

    assert world.sent() >= 1
    assert not [note for report in reports for note in notes_of(report, "MismatchFound")]
    assert world.ledger.cash_shortage is None


def test_accident_52_cash_in_another_quote_asset_is_told_and_stops_nothing() -> None:
    """The owner turns dollars into USDC: the sum is there."""
    world = a_wishing_world(strategy=Scripted())
    world.cycles(1)
    world.venue.deposit(USD, Decimal(-2000))
    world.venue.deposit(USDC, Decimal(2000))

    report = with_settings(world, scripted(WISH)).cycle()

    assert (None, {}) == numbers_of(report)
    (note,) = notes_of(report, "MismatchFound")
    assert note["short"] == ["USD"]


def test_accident_52_exits_go_on_while_money_is_missing() -> None:
    """A stop that is due is sold, whatever became of the cash."""
    world = a_wishing_world(paths={SOL: a_path(DIP, Bar(), Bar(), Bar(close=80.0), *[Bar(close=80.0)] * 6)})
    world = with_settings(world, once(WISH))
    world.cycles(2)
    assert len(world.ledger.lots) == 1

    world.venue.deposit(USD, Decimal(-9000))
    world.cycles(3)

    assert not world.ledger.lots
    assert any(order.side is Side.SELL for order in world.stored.finished.values())


# --- books that are not what their parts make them


@pytest.mark.parametrize(
    ("edited", "told"),
    [
        ({"cash": {USD: Notional(90_000)}}, {"asset": "USD", "cash": Decimal(90_000), "proven": Decimal(10_000)}),
        ({"capital": Notional(90_000)}, {"capital": Decimal(90_000), "recorded": Decimal(10_000)}),
        (
            {"capital": Notional(90_000), "cash": {USD: Notional(90_000)}},
            {"capital": Decimal(90_000), "recorded": Decimal(10_000)},
        ),
        ({"converted": {USD: Notional(80_000)}, "cash": {USD: Notional(90_000)}}, {"converted": Decimal(80_000)}),
    ],
    ids=["cash", "capital", "both", "a conversion out of nothing"],
)
def test_accident_52_a_ledger_edited_by_hand_is_not_traded_on(edited: dict[str, Any], told: dict[str, Any]) -> None:
    """From 10,000 to 90,000: no entry, no flow, no new marks; the account is rich enough not to give it away."""
    world = a_wishing_world(opening={USD: "200000"}, strategy=Scripted())
    world.cycles(2)
    marks = world.ledger.equity_marks
    edit(world, **edited)

    wishing = with_settings(world, scripted(WISH))
    report, lines = heard(wishing)
    code, numbers = numbers_of(report)

    assert code is DenialCode.LEDGER_UNPROVEN
    assert told.items() <= numbers.items()
    assert world.sent() == 0
    assert not notes_of(report, "FlowRecorded")
    assert world.ledger.equity_marks == marks
    assert any("LEDGER_UNPROVEN" in line and "trader ledger rebuild" in line for line in lines)


def test_accident_52_a_ledger_that_is_again_what_it_was_is_traded_on() -> None:
    """What was edited by mistake and edited back needs no other remedy."""
    world = a_wishing_world(opening={USD: "200000"}, strategy=Scripted())
    world.cycles(1)
    cash = world.ledger.cash
    edit(world, cash={USD: Notional(90_000)})
    wishing = with_settings(world, scripted(WISH))
    wishing.cycles(1)

    edit(world, cash=cash)
    report = wishing.cycle()

    assert (None, {}) == numbers_of(report)
    assert world.sent() == 1


# --- less than nothing


def test_accident_52_cash_below_zero_is_told_and_stops_entries_until_a_sale_covers_it() -> None:
    """The setting is lowered below what is invested: no exception, no entry, and the stop still sells."""
    path = a_path(DIP, *[Bar()] * 5, Bar(close=80.0), *[Bar(close=80.0)] * 6)
    world = a_wishing_world(paths={SOL: path}, strategy=once(WISH))
    world.cycles(2)
    spent = sum((lot.cost for lot in world.ledger.lots.values()), Decimal(0))
    assert spent > 0

    lowered = with_settings(world, scripted(WISH), app__capital="100")
    reports = lowered.cycles(2)

    assert reports[0].outcome is CycleOutcome.COMPLETED
    code, numbers = numbers_of(reports[0])
    assert code is DenialCode.CASH_NEGATIVE
    assert numbers["asset"] == "USD"
    assert numbers["cash"] < 0
    negative = [note for report in reports for note in notes_of(report, "MismatchFound")]
    assert ["less than nothing is left of a quote asset"] == [note["reason"] for note in negative]

    with_settings(world, Scripted(), app__capital="100").cycles(6)

    assert not world.ledger.lots
    assert world.ledger.cash[USD] > 0


def test_accident_52_nothing_is_judged_while_the_account_cannot_be_read() -> None:
    """An account that does not answer is missing nothing; what was missing before stays so."""
    world = a_wishing_world(strategy=Scripted())
    world.cycles(1)
    world.venue.deposit(USD, Decimal(-9000))
    world.cycles(1)
    shortage = world.ledger.cash_shortage
    assert shortage is not None

    world.meddlers["exchange.balances"] = down
    world.cycle()

    assert world.ledger.cash_shortage == shortage
