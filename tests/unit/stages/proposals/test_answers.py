"""Each strategy is asked by itself: what goes wrong in one is its own affair."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from factories import (
    OTHER,
    PREFIX,
    RULES,
    Scripted,
    a_bracket_intent,
    a_held_ledger,
    a_lot,
    a_proposal,
    a_quote,
    a_sale,
    an_order_record,
    scripted,
)
from factories_market import a_candidate, a_context, a_trigger
from trader.errors import InvariantViolation
from trader.model.decisions import Denial
from trader.model.denials import DenialCode
from trader.model.events import AuditNote, EventKind
from trader.model.ids import ClientOrderId, ProductId, StrategyId
from trader.model.inputs import StrategyContext
from trader.stages.proposals import Answers, ask_strategies, leave_to_venue
from trader.strategies.base import Strategy

BTC, SOL, ETH = ProductId("BTC-USD"), ProductId("SOL-USD"), ProductId("ETH-USD")
MARKET = a_context(a_candidate("SOL-USD"), a_candidate("ETH-USD"), triggers=[a_trigger(product_id=SOL)])


def asked(context: StrategyContext = MARKET, **strategies: Strategy) -> Answers:
    """What comes of strategies that all see the same."""
    named = {StrategyId(name): each for name, each in strategies.items()}
    return ask_strategies(named, dict.fromkeys(named, context))


def alone(answers: Callable[[StrategyContext], Any], context: StrategyContext = MARKET, **over: Any) -> Answers:
    return asked(context, rules_engine=Scripted(answers, **over))


def refused(answers: Answers) -> list[tuple[str, StrategyId | None, DenialCode]]:
    return [(denial.product_id, denial.strategy, denial.code) for denial in answers.denials]


def errors(answers: Answers) -> list[str]:
    return [note.body["error"] for note in answers.notes]


def raises(error: BaseException) -> Callable[[StrategyContext], Any]:
    def propose(_: StrategyContext) -> Any:
        raise error

    return propose


def stops_halfway(_: StrategyContext) -> Iterator[Any]:
    yield a_proposal("SOL-USD")
    raise ZeroDivisionError("in the middle")


class Unspeakable(Exception):
    """An error that cannot even be shown."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


A_DENIAL = Denial(ETH, DenialCode.MOVE_BELOW_MIN, "strategies", {"z": 1.0})


# --- what is sound goes on


def test_answers_of_every_strategy_are_collected_in_their_order() -> None:
    """Proposals and denials apart; nobody failed, nothing is noted."""
    proposals = (a_proposal("SOL-USD"), a_proposal("ETH-USD"))

    answers = asked(mean_reversion=scripted(A_DENIAL), rules_engine=scripted(*proposals))

    assert Answers(proposals, (replace(A_DENIAL, strategy=OTHER),), (), ()) == answers


@pytest.mark.parametrize("kind", [list, tuple, iter, lambda answers: (each for each in answers)])
def test_answer_may_be_anything_that_can_be_gone_through(kind: Callable[[Any], Any]) -> None:
    """A generator as well as a list."""
    assert (a_proposal("SOL-USD"),) == alone(lambda _: kind([a_proposal("SOL-USD")])).proposals


# --- what goes wrong


NO_ANSWER = "TypeError: an answer is a TradeProposal, a TargetWeight, a StopChange or a Denial, not a "


@pytest.mark.parametrize(
    ("propose", "text"),
    [
        (raises(ZeroDivisionError("division by zero")), "ZeroDivisionError: division by zero"),
        (raises(KeyError("SOL-USD")), "KeyError: 'SOL-USD'"),
        (raises(InvariantViolation("a lot was lost")), "InvariantViolation: a lot was lost"),
        (raises(AssertionError()), "AssertionError: "),
        (raises(RecursionError("too deep")), "RecursionError: too deep"),
        (stops_halfway, "ZeroDivisionError: in the middle"),
        (lambda _: None, "TypeError: 'NoneType' object is not iterable"),
        (lambda _: 7, "TypeError: 'int' object is not iterable"),
        (lambda _: a_proposal("SOL-USD"), "TypeError: 'TradeProposal' object is not iterable"),
        (
            lambda _: "buy",
            NO_ANSWER + "str",
        ),
        (
            lambda _: [a_proposal("SOL-USD"), None],
            NO_ANSWER + "NoneType",
        ),
        (lambda _: [replace(A_DENIAL, product_id=7)], "TypeError: a denial has a product and a code, not 7"),
        (lambda _: [replace(A_DENIAL, code="NO")], "TypeError: a denial has a product and a code, not 'NO'"),
        (lambda _: [replace(A_DENIAL, details={"why": object})], "MalformedData: type has no plain form"),
        (lambda _: [replace(A_DENIAL, details=None)], "AttributeError: 'NoneType' object has no attribute 'items'"),
        (lambda _: [replace(A_DENIAL, details={"why": "\ud800"})], "UnicodeEncodeError: "),
        (
            lambda _: [replace(a_proposal(size_pct=Decimal("NaN")), product_id=None)],
            "TypeError: a denial has a product",
        ),
        (
            lambda _: {"SOL-USD": 1},
            NO_ANSWER + "str",
        ),
    ],
)
def test_error_of_a_strategy_denies_what_it_was_asked_about(
    propose: Callable[[StrategyContext], Any], text: str
) -> None:
    """And nothing of what it had answered before counts."""
    answers = alone(propose)

    (body,) = (note.body for note in answers.notes)
    assert (RULES, True) == (body["strategy"], body["error"].startswith(text))
    assert () == answers.proposals
    assert (Denial(SOL, DenialCode.STRATEGY_FAILED, "strategies", body, RULES),) == answers.denials
    assert (AuditNote(EventKind.STRATEGY_FAILED, RULES, body),) == answers.notes
    assert (RULES,) == answers.failed


@pytest.mark.parametrize(("reads_triggers", "expected"), [(True, [SOL, "ADA-USDC"]), (False, [SOL, ETH, "ADA-USDC"])])
def test_strategy_was_asked_about_triggers_or_candidates_and_about_its_lots(
    reads_triggers: bool, expected: list[str]
) -> None:
    """Each product once, whichever way it came in."""
    lots = (a_lot("SOL-USD"), a_lot("ADA-USDC"), a_lot("ADA-USDC", lot_id="second"))
    context = a_context(a_candidate("SOL-USD"), a_candidate("ETH-USD"), triggers=[a_trigger(product_id=SOL)], lots=lots)

    answers = alone(raises(ValueError("no")), context, reads_triggers=reads_triggers)

    assert [(each, RULES, DenialCode.STRATEGY_FAILED) for each in expected] == refused(answers)


def test_strategy_that_fails_with_nothing_to_look_at_is_noted_all_the_same() -> None:
    """No product to deny, but somebody must hear of it."""
    answers = alone(raises(ValueError("no")), a_context(triggers=[]))

    assert ([], ["ValueError: no"]) == (refused(answers), errors(answers))


def test_other_strategies_go_on_as_if_it_had_not_been_there() -> None:
    """Before it and after it, in every order."""
    bad, good = Scripted(raises(ZeroDivisionError("no"))), scripted(a_proposal("SOL-USD"))
    without = asked(rules_engine=good).proposals

    assert without == asked(mean_reversion=bad, rules_engine=good).proposals
    assert without == asked(rules_engine=good, mean_reversion=bad).proposals


def test_what_one_strategy_did_wrong_does_not_hide_behind_what_another_refused() -> None:
    """The last denial of a product is the one that is shown."""
    bad, good = Scripted(raises(ZeroDivisionError("no"))), scripted(Denial(SOL, DenialCode.RULE_MISSING, "strategies"))

    answers = asked(mean_reversion=bad, rules_engine=good)

    assert [(SOL, RULES, DenialCode.RULE_MISSING), (SOL, OTHER, DenialCode.STRATEGY_FAILED)] == refused(answers)


def test_two_that_fail_are_noted_each_by_itself() -> None:
    """Every one once."""
    bad = {name: Scripted(raises(ValueError(name))) for name in (OTHER, RULES)}

    answers = asked(**bad)

    assert (OTHER, RULES) == answers.failed
    assert [f"ValueError: {name}" for name in (OTHER, RULES)] == errors(answers)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), Decimal("NaN"), Decimal("-Infinity")])
def test_denial_with_a_number_that_is_none_is_denied_alone(number: float | Decimal) -> None:
    """It would be a verdict that nobody could write down; the other answers count."""
    answers = alone(lambda _: [replace(A_DENIAL, details={"z": number}), a_proposal("SOL-USD")])

    (denial,) = answers.denials
    assert (ETH, RULES, DenialCode.PROPOSAL_INVALID) == (denial.product_id, denial.strategy, denial.code)
    assert {"field": "details.z", "found": str(number), "allowed": "a finite number"} == denial.details
    assert ((a_proposal("SOL-USD"),), ()) == (answers.proposals, answers.failed)


def test_proposal_that_cannot_be_is_denied_alone_and_shown_last() -> None:
    """The sound ones go on; of its product the fault is what is shown."""
    proposals = [
        a_proposal("SOL-USD", stop_loss_pct=Decimal(120)),
        a_proposal("ETH-USD"),
        replace(A_DENIAL, product_id=SOL),
    ]

    answers = alone(lambda _: proposals)

    assert ((a_proposal("ETH-USD"),), ()) == (answers.proposals, answers.failed)
    assert [(SOL, RULES, DenialCode.MOVE_BELOW_MIN), (SOL, RULES, DenialCode.PROPOSAL_INVALID)] == refused(answers)


def test_answer_cannot_be_changed_afterwards() -> None:
    """What a denial says is what it said when it was given."""
    details = {"z": 1.0}
    answers = alone(lambda _: [replace(A_DENIAL, details=details)])

    details["z"] = float("nan")

    assert {"z": 1.0} == answers.denials[0].details


# --- the text of an error


@pytest.mark.parametrize(("length", "shown"), [(187, 187), (188, 188), (189, 188), (100_000, 188)])
def test_text_of_an_error_is_cut(length: int, shown: int) -> None:
    """To two hundred characters, its class included."""
    assert ["ValueError: " + "x" * shown] == errors(alone(raises(ValueError("x" * length))))


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("half a pair: \ud800"), "ValueError: half a pair: \\ud800"),
        (Unspeakable(), "Unspeakable: <exception str() failed>"),
        (OSError(2, "No such file"), "FileNotFoundError: [Errno 2] No such file"),
        (ValueError("two\nlines"), "ValueError: two\nlines"),
    ],
)
def test_every_error_has_a_text_that_can_be_stored(error: Exception, text: str) -> None:
    """Even one that has none."""
    answers = alone(raises(error))

    assert [text] == errors(answers)
    assert text.encode()


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), SystemExit(1), GeneratorExit()])
def test_what_ends_the_process_is_not_held_up(stop: BaseException) -> None:
    """It is no error of a strategy."""
    with pytest.raises(type(stop)):
        alone(raises(stop))


@pytest.mark.parametrize(
    ("bid", "left"), [("94.01", False), ("94", True), ("89.30", True), ("89.29", False), (None, False)]
)
def test_sale_of_what_the_venue_is_selling_is_left_to_it(bid: str | None, left: bool) -> None:
    """By the protective order with its stop at 94; the order is named, nothing else that was said is touched."""
    ledger = a_held_ledger(None, an_order_record(a_bracket_intent()))
    sale, buy = a_sale(ledger.lots[ClientOrderId(PREFIX + "entry")]), a_proposal("ETH-USD")
    said = Answers((sale, buy, a_sale(a_lot("ETH-USD"))), (), (), ())
    quotes = {} if bid is None else {ProductId("ETH-USD"): a_quote("ETH-USD", bid=bid, ask="95")}

    after = leave_to_venue(said, ledger, quotes)

    denied = [(DenialCode.ORDER_WORKING, PREFIX + "bracket", sale)] if left else []
    assert denied == [(each.code, each.details["order"], each.proposal) for each in after.denials]
    assert said.proposals[left:] == after.proposals
