"""The closed enum of refusals, and the few things a decision's parts know of themselves."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

from factories import a_lot, a_proposal, a_sale
from factories_market import ALL_CONFIRMED, a_trigger
from trader.model.decisions import Confirmations
from trader.model.denials import DenialCode
from trader.model.money import Price
from trader.model.orders import Bracket

CONDITIONS = [
    "BELOW_COST",
    "BELOW_MIN",
    "BELOW_PEER",
    "COOLING",
    "CRASH",
    "CROSSED",
    "ENDING",
    "EXCEEDED",
    "EXCEEDS_BAND",
    "EXCEEDS_MAX",
    "EXCEEDS_WEIGHT",
    "EXCEED_MAX",
    "FAILED",
    "GAPPED",
    "HELD",
    "INCOMPLETE",
    "INVALID",
    "IN_DOUBT",
    "MALFORMED",
    "MISSING",
    "NEGATIVE",
    "NEWER",
    "NOT_RUN",
    "OPPOSED",
    "OUTLIER",
    "RECENT",
    "REDUCE_ONLY",
    "STALE",
    "TOO_HIGH",
    "TOO_LOW",
    "TOO_NEW",
    "TOO_SHORT",
    "TOO_SOON",
    "TRADABLE",
    "PAUSED",
    "UNHEALTHY",
    "UNMEASURED",
    "UNPROVEN",
    "UNREAD",
    "UNKNOWN",
    "UNSUPPORTED",
    "WORKING",
]
#: What a list or a rule says of a product needs no condition.
PLAIN = {"EXCLUDED", "BANNED", "STABLE_BASE", "HYSTERESIS"}


@pytest.mark.parametrize("code", DenialCode)
def test_refusal_is_written_as_subject_and_condition(code: DenialCode) -> None:
    """A reader knows what was looked at, and what was wrong with it."""
    grammar = re.compile(rf"[A-Z]+(_[A-Z]+)*_({'|'.join(CONDITIONS)})")

    assert code in PLAIN or grammar.fullmatch(code), code


def test_confirmations_are_counted() -> None:
    """None, one, all four."""
    counts = [each.count for each in (Confirmations(), Confirmations(bounced=True), ALL_CONFIRMED)]

    assert [0, 1, 4] == counts


def test_trigger_is_scored_by_strength_and_confidence() -> None:
    """What decides between two triggers is their product."""
    assert pytest.approx(0.12) == a_trigger(strength=0.3, confidence=0.4).score


@pytest.mark.parametrize(
    ("price", "increment", "stop_pct", "target_pct", "stop", "target"),
    [
        ("100", "0.01", "6", "12", "94", "112"),
        ("99.99", "0.01", "6", "12", "94.00", "111.99"),
        ("100", "0.5", "5.9", "12.1", "94.5", "112.5"),
        ("100", "0.01", "99.9999", "0.0001", "0.01", "100.01"),
    ],
)
def test_bracket_lies_around_a_price(
    price: str, increment: str, stop_pct: str, target_pct: str, stop: str, target: str
) -> None:
    """Both ends are rounded up to the increment."""
    proposal = a_proposal(stop_loss_pct=Decimal(stop_pct), take_profit_pct=Decimal(target_pct))

    assert Bracket(Price(stop), Price(target)) == proposal.make_bracket(Price(price), Price(increment))


def test_only_a_sale_reduces() -> None:
    """Whatever its size, a buy adds."""
    assert (False, True) == (a_proposal(notional="0").reduces, a_sale(a_lot()).reduces)
