"""The plan of a cycle: what is cancelled, converted and sent, in which order, under each word of the switch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from factories import (
    NOW,
    PREFIX,
    USDC,
    a_bracket_intent,
    a_held_ledger,
    a_ledger,
    a_market,
    a_parent,
    a_portfolio,
    a_product,
    a_proposal,
    a_sell_approval,
    an_approval,
    an_intent,
    an_order_record,
    shipped_settings,
)
from trader.model.decisions import Approval, Plan
from trader.model.denials import DenialCode
from trader.model.ids import ClientOrderId, Instant
from trader.model.ledger import Ledger
from trader.model.order_life import OrderStatus
from trader.model.orders import OrderPurpose
from trader.model.parent_life import ParentState, ParentStyle
from trader.model.trading_state import TradingState
from trader.stages.execution import ExecutionEngine

LOT = ClientOrderId(PREFIX + "entry")
BOOKS = tuple(a_product(each) for each in ("ETH-USD", "SOL-USD", "BTC-USD"))


def plan(ledger: Ledger, *approvals: Approval, switch: TradingState = TradingState.RUN, **market: Any) -> Plan:
    portfolio = a_portfolio(ledger, trading_state=switch)
    engine = ExecutionEngine(shipped_settings())
    return engine.plan(approvals, portfolio, a_market(*BOOKS, **market), entries_allowed=switch is TradingState.RUN)


def purposes(made: Plan) -> list[tuple[OrderPurpose, str]]:
    return [(intent.purpose, intent.product_id) for intent in made.intents]


def a_holding(*more: Any) -> Ledger:
    """One lot of ETH without a bracket, and a working entry into ADA."""
    ada = an_order_record(an_intent("ada", product_id="ADA-USD", attach_bracket=False))
    return a_held_ledger(an_intent(attach_bracket=False, decided_at=Instant(NOW - 3600)), ada, *more)


def test_exits_come_before_protection_before_entries() -> None:
    """Whatever the order of the approvals."""
    ledger = a_holding()
    other = ledger.lots[LOT]
    ledger = ledger.with_order(an_order_record(an_intent("b", attach_bracket=False), OrderStatus.CANCELLED))
    second = replace(other, lot_id=ClientOrderId(PREFIX + "b"))
    ledger = ledger.with_lot(second)

    made = plan(ledger, an_approval(), a_sell_approval(other))

    assert [
        (OrderPurpose.EXIT, "ETH-USD"),
        (OrderPurpose.PROTECTION, "ETH-USD"),
        (OrderPurpose.ENTRY, "SOL-USD"),
    ] == purposes(made)
    assert [LOT, second.lot_id] == [intent.lot_id for intent in made.intents[:2]]


@pytest.mark.parametrize(
    ("switch", "expected", "cancels"),
    [
        (TradingState.RUN, [(OrderPurpose.PROTECTION, "ETH-USD")], ()),
        (TradingState.REDUCE_ONLY, [(OrderPurpose.PROTECTION, "ETH-USD")], ("t247-ada",)),
        (TradingState.HALT, [], ("t247-ada",)),
        (TradingState.FLATTEN, [], ("t247-ada",)),
    ],
)
def test_switch_decides_what_is_sent_of_itself(
    switch: TradingState, expected: list[tuple[OrderPurpose, str]], cancels: tuple[str, ...]
) -> None:
    """REDUCE_ONLY protects and cancels entries, HALT only cancels them, FLATTEN protects nothing it sells."""
    made = plan(a_holding(), switch=switch)

    assert (expected, cancels) == (purposes(made), made.cancels)


@pytest.mark.parametrize("switch", [TradingState.REDUCE_ONLY, TradingState.FLATTEN])
def test_lot_is_sold_unless_the_switch_says_halt(switch: TradingState) -> None:
    """And what is sold is not protected besides."""
    ledger = a_holding()

    assert [(OrderPurpose.EXIT, "ETH-USD")] == purposes(plan(ledger, a_sell_approval(ledger.lots[LOT]), switch=switch))


def test_halt_sends_nothing_whatever_was_approved() -> None:
    """The second line of defence: risk approves nothing then."""
    ledger = a_holding()

    made = plan(ledger, an_approval(), a_sell_approval(ledger.lots[LOT]), switch=TradingState.HALT)

    assert Plan(cancels=(ClientOrderId("t247-ada"),)) == made


def test_halt_lets_our_parents_sleep_and_those_of_a_newer_release_be() -> None:
    """A style or a state that nobody here knows is no reason to write another."""
    own = a_parent()
    style = a_parent(parent_id=ClientOrderId("style"), style=ParentStyle.keep("ICEBERG"))
    state = a_parent(parent_id=ClientOrderId("state"), state=ParentState.keep("PONDERING"))
    ledger = a_ledger(parents={each.parent_id: each for each in (own, style, state)})

    made = plan(ledger, switch=TradingState.HALT)

    assert (replace(own, state=ParentState.SLEEPING),) == made.parents


def test_flatten_leaves_the_bracket_of_what_it_sells_to_the_sale() -> None:
    """Which takes it away in its own turn; the entry that still works goes at once."""
    ledger = a_holding(an_order_record(a_bracket_intent()))

    made = plan(ledger, a_sell_approval(ledger.lots[LOT]), switch=TradingState.FLATTEN)

    assert ("t247-ada",) == made.cancels
    assert (ClientOrderId("t247-bracket"),) == made.intents[0].depends_on


def test_first_entry_leaves_the_second_what_it_did_not_spend() -> None:
    """One purse: 402 pay for 300 with fee, and for about 100 of the second, which says so."""
    made = plan(a_ledger(cash="402"), an_approval(), an_approval(a_proposal("BTC-USD")))

    assert [(OrderPurpose.ENTRY, "SOL-USD"), (OrderPurpose.ENTRY, "BTC-USD")] == purposes(made)
    assert [DenialCode.CAPITAL_EXCEEDED] == [trim.code for trim in made.trims]
    assert sum(intent.cost_max for intent in made.intents) <= 402


def test_entry_that_cannot_be_made_is_a_denial_and_the_next_is_made() -> None:
    """Nothing ends a plan but its end."""
    made = plan(a_ledger(), an_approval(a_proposal("DOGE-USD")), an_approval())

    assert ([DenialCode.PRODUCT_MISSING], [(OrderPurpose.ENTRY, "SOL-USD")]) == (
        [d.code for d in made.denials],
        purposes(made),
    )


def test_exit_that_cannot_be_made_is_a_denial() -> None:
    """Without a quote there is no price to sell at."""
    ledger = a_holding()

    made = plan(ledger, a_sell_approval(ledger.lots[LOT]), candidates=False, products={})

    assert [DenialCode.PRODUCT_MISSING] == [denial.code for denial in made.denials]


def test_conversion_stands_in_the_plan_beside_the_order_it_pays_for() -> None:
    """It is an intent too: journaled, then done."""
    made = plan(a_ledger(cash={USDC: "1000"}), an_approval())

    (conversion,), (intent,) = made.conversions, made.intents
    assert (conversion.conversion_id,) == intent.depends_on
    assert conversion.amount >= intent.cost_max


def test_quiet_cycle_has_an_empty_plan() -> None:
    """Nothing approved, nothing held, nothing working."""
    assert Plan() == plan(a_ledger())
