"""One thing is said about every product, and the one that matters."""

from __future__ import annotations

from decimal import Decimal

import pytest

from factories import (
    PREFIX,
    a_bracket_intent,
    a_held_ledger,
    a_ledger,
    a_lot,
    a_proposal,
    a_quote,
    an_exit_intent,
    an_intent,
    an_order_record,
)
from trader.model.decisions import Denial, Outcome, Plan
from trader.model.denials import DenialCode
from trader.model.ids import ProductId
from trader.model.inputs import BelievedQuotes
from trader.model.money import Notional, Price, Quantity
from trader.stages.verdicts import give_verdicts

BTC, ETH, SOL = ProductId("BTC-USD"), ProductId("ETH-USD"), ProductId("SOL-USD")


def a_denial(product_id: str = "ETH-USD", code: DenialCode = DenialCode.TRIGGER_MISSING, **numbers: int) -> Denial:
    return Denial(ProductId(product_id), code, code.stage, numbers)


def test_every_considered_product_gets_exactly_one_verdict() -> None:
    """In the order they were considered, whatever happened to each."""
    said = give_verdicts(
        [SOL, ETH, BTC],
        a_ledger(lots=[a_lot("BTC-USD")]),
        BelievedQuotes(),
        Plan((an_intent(),)),
        [a_denial("SOL-USD")],
    )

    assert [(SOL, Outcome.REFUSED), (ETH, Outcome.ENTERING), (BTC, Outcome.HELD)] == [
        (verdict.product_id, verdict.outcome) for verdict in said
    ]


def test_product_touched_without_being_considered_gets_one_too() -> None:
    """An order or a holding is never passed over in silence."""
    said = give_verdicts([], a_ledger(lots=[a_lot("BTC-USD")]), BelievedQuotes(), Plan((an_intent(),)), [])

    assert {ETH: Outcome.ENTERING, BTC: Outcome.HELD} == {verdict.product_id: verdict.outcome for verdict in said}


def test_product_refused_without_being_considered_gets_one_too() -> None:
    """A strategy may name what nobody else has heard of; that is not passed over either."""
    denial = a_denial("FOO-USD", code=DenialCode.PROPOSAL_INVALID)

    said = give_verdicts([ETH], a_ledger(), BelievedQuotes(), Plan(), [denial])

    assert [("ETH-USD", None), ("FOO-USD", DenialCode.PROPOSAL_INVALID)] == [(v.product_id, v.code) for v in said]


def test_order_outweighs_holding_outweighs_refusal() -> None:
    """One product at all three stages of life."""
    lot, refusal = a_lot("ETH-USD"), a_denial()
    plan = Plan((an_exit_intent(),))

    outcomes = [
        give_verdicts([ETH], a_ledger(lots=lots), BelievedQuotes(), orders, [refusal])[0].outcome
        for lots, orders in (([lot], plan), ([lot], Plan()), ([], Plan()))
    ]

    assert [Outcome.EXITING, Outcome.HELD, Outcome.REFUSED] == outcomes


def test_exit_outweighs_entry_outweighs_protection() -> None:
    """Whichever comes first in the plan."""
    said = [
        give_verdicts([ETH], a_ledger(), BelievedQuotes(), Plan(tuple(orders)), [])[0].outcome
        for orders in (
            [a_bracket_intent(), an_intent(), an_exit_intent()],
            [a_bracket_intent(), an_intent()],
            [a_bracket_intent()],
        )
    ]

    assert [Outcome.EXITING, Outcome.ENTERING, Outcome.PROTECTING] == said


def test_last_refusal_of_the_chain_stands() -> None:
    """It is what finally decided; its stage and numbers are the verdict's."""
    early, late = a_denial(), a_denial(code=DenialCode.ENTRY_TOO_SOON, seconds=30)

    (verdict,) = give_verdicts([ETH], a_ledger(), BelievedQuotes(), Plan(), [early, late])

    assert ("risk", DenialCode.ENTRY_TOO_SOON, {"seconds": 30}) == (verdict.stage, verdict.code, verdict.details)


def test_order_says_what_it_would_cost_and_why() -> None:
    """Notional, quantity, price, reason."""
    (verdict,) = give_verdicts([ETH], a_ledger(), BelievedQuotes(), Plan((an_intent(reason="price_move up"),)), [])

    assert {
        "notional": Notional(100),
        "quantity": Quantity(1),
        "price": Price(100),
        "reason": "price_move up",
    } == verdict.details
    assert verdict.code is None


def test_holding_says_what_it_gained_and_why_no_more_was_bought() -> None:
    """Two lots of one product are one holding, marked at the bid; the refusal's stage, code and numbers go together."""
    lots = [a_lot("ETH-USD", lot_id="a"), a_lot("ETH-USD", lot_id="b", cost=Notional(140))]
    quotes = {ETH: a_quote("ETH-USD", bid="150", ask="151")}

    (verdict,) = give_verdicts(
        [ETH],
        a_ledger(lots=lots),
        BelievedQuotes(quotes),
        Plan(),
        [a_denial(code=DenialCode.ENTRY_TOO_SOON, seconds=30, limit=90)],
    )

    expected = {"quantity": 2, "cost": 240, "gain_pct": Decimal(25), "seconds": 30, "limit": 90}
    assert (Outcome.HELD, "risk", DenialCode.ENTRY_TOO_SOON) == (verdict.outcome, verdict.stage, verdict.code)
    assert list(expected.items()) == list(verdict.details.items())


def test_holding_nobody_refused_anything_is_a_matter_of_the_exits() -> None:
    """No code, and no numbers but its own."""
    (verdict,) = give_verdicts([ETH], a_ledger(lots=[a_lot("ETH-USD")]), BelievedQuotes(), Plan(), [])

    assert ("exits", None, {"quantity": 1, "cost": 100}) == (verdict.stage, verdict.code, verdict.details)


def test_numbers_of_a_refusal_never_pass_for_those_of_the_lot() -> None:
    """A sale too small for the venue has a quantity of its own, a purchase nobody can pay a cost."""
    for code, numbers in ((DenialCode.NOTIONAL_BELOW_MIN, {"quantity": 7}), (DenialCode.CAPITAL_EXCEEDED, {"cost": 7})):
        denial = a_denial(code=code, **numbers)

        (verdict,) = give_verdicts([ETH], a_ledger(lots=[a_lot("ETH-USD")]), BelievedQuotes(), Plan(), [denial])

        renamed = {f"denied_{name}": value for name, value in numbers.items()}
        assert {"quantity": 1, "cost": 100, **renamed} == verdict.details


def test_holding_without_a_price_claims_no_gain() -> None:
    """A quote that is not believed is no price, and the lot says why, in front of what else was refused."""
    crossed = BelievedQuotes({}, {ETH: (DenialCode.QUOTE_CROSSED, {"bid": Price(150), "ask": Price(100)})})
    lots = [a_lot("ETH-USD")]
    expected = {"quantity": 1, "cost": 100, "unbelieved": "QUOTE_CROSSED", "bid": 150, "ask": 100}
    for denials, more in (([], {}), ([a_denial(bid=7)], {"denied_bid": 7})):
        (verdict,) = give_verdicts([ETH], a_ledger(lots=lots), crossed, Plan(), denials)

        assert {**expected, **more} == verdict.details


@pytest.mark.parametrize(("bid", "sells"), [("94.01", False), ("94", True), ("89.30", True), ("89.29", False)])
def test_holding_that_the_venue_sells_names_the_order(bid: str, sells: bool) -> None:
    """From the stop at 94 down to its own limit, 5 % below."""
    ledger = a_held_ledger(None, an_order_record(a_bracket_intent()))
    quotes = BelievedQuotes({ETH: a_quote("ETH-USD", bid=bid, ask="95")})

    (verdict,) = give_verdicts([ETH], ledger, quotes, Plan(), [])

    assert ({"venue_sells": PREFIX + "bracket"} if sells else {}) == {
        key: value for key, value in verdict.details.items() if key == "venue_sells"
    }


def test_holding_that_cost_nothing_claims_no_gain() -> None:
    """All of it was sold; only its entry is not over yet."""
    lots = [a_lot("ETH-USD", quantity=Quantity(0), cost=Notional(0))]

    (verdict,) = give_verdicts([ETH], a_ledger(lots=lots), BelievedQuotes({ETH: a_quote("ETH-USD")}), Plan(), [])

    assert {"quantity": 0, "cost": 0} == verdict.details


def test_product_nobody_said_anything_about_is_refused_by_the_strategies() -> None:
    """It passed everything, and no strategy wanted it."""
    (verdict,) = give_verdicts([ETH], a_ledger(), BelievedQuotes(), Plan(), [])

    assert (Outcome.REFUSED, "strategies", None, {}) == (
        verdict.outcome,
        verdict.stage,
        verdict.code,
        verdict.details,
    )


def test_other_door_to_a_book_is_the_considered_product() -> None:
    """An order, a holding or a refusal of ETH-USDC is the verdict of ETH-USD."""
    other = ProductId("ETH-USDC")
    cases = (
        (a_ledger(), Plan((an_intent(product_id="ETH-USDC"),)), [], Outcome.ENTERING, None),
        (a_ledger(lots=[a_lot("ETH-USDC")]), Plan(), [], Outcome.HELD, None),
        (a_ledger(), Plan(), [a_denial("ETH-USDC")], Outcome.REFUSED, DenialCode.TRIGGER_MISSING),
    )
    for ledger, plan, denials, outcome, code in cases:
        said = give_verdicts([BTC, ETH], ledger, BelievedQuotes(), plan, denials)

        assert [(ETH, outcome, code)] == [(v.product_id, v.outcome, v.code) for v in said[1:]]
        assert other not in {verdict.product_id for verdict in said}


def test_asset_whose_name_begins_like_another_is_not_taken_for_it() -> None:
    """ETHX is not ETH."""
    said = give_verdicts([ETH], a_ledger(lots=[a_lot("ETHX-USDC")]), BelievedQuotes(), Plan(), [])

    assert {ETH: Outcome.REFUSED, "ETHX-USDC": Outcome.HELD} == {v.product_id: v.outcome for v in said}


def test_proposal_refused_in_execution_is_refused_there() -> None:
    """Risk had approved; what finally decided is where the money failed."""
    denial = Denial(ETH, DenialCode.CAPITAL_EXCEEDED, "execution", {"notional": Decimal(3)}, proposal=a_proposal())

    (verdict,) = give_verdicts([ETH], a_ledger(), BelievedQuotes(), Plan(denials=(denial,)), [denial])

    assert ("execution", DenialCode.CAPITAL_EXCEEDED) == (verdict.stage, verdict.code)
