"""Orders that close lots: exits that widen step by step, and brackets for what nothing else covers."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from factories import (
    CYCLE,
    NOW,
    PREFIX,
    RULES,
    SCOPE,
    a_bracket_intent,
    a_held_ledger,
    a_market,
    a_product,
    a_quote,
    a_sell_approval,
    an_exit_intent,
    an_intent,
    an_order_record,
    shipped_settings,
)
from trader.model.denials import DenialCode
from trader.model.ids import ClientOrderId, Instant, VenueOrderId, client_order_id
from trader.model.ledger import Ledger
from trader.model.market import Product
from trader.model.money import Notional, Price, Quantity
from trader.model.order_life import OrderStatus
from trader.model.order_record import OrderRecord
from trader.model.orders import ATTACHED, Bracket, OrderConfiguration, OrderIntent, OrderPurpose, Side
from trader.model.refusals import RefusalClass
from trader.model.tallies import OrderTally, Refusals
from trader.stages.execution import ExecutionContext
from trader.stages.execution.exit_orders import ExitOrder, plan_exit
from trader.stages.execution.protection import compute_uncovered, plan_protection

LOT = ClientOrderId(PREFIX + "entry")
RULE = shipped_settings().execution
DUST = shipped_settings().exits.dust_value_max


def eth(bid: str = "100", ask: str | None = None, product: Product | None = None, **over: Any) -> ExecutionContext:
    listed = a_product("ETH-USD") if product is None else product
    quote = a_quote("ETH-USD", bid=bid, ask=ask or str(Decimal(bid) + Decimal("0.01")))
    return a_market(listed, quotes=[quote], **over)


def held(*more: OrderRecord, attach: bool = False, **lot: Any) -> Ledger:
    """One unit bought at 100, stop 94, target 112."""
    ledger = a_held_ledger(an_intent(decided_at=Instant(NOW - 3600), attach_bracket=attach), *more)
    return ledger.with_lot(replace(ledger.lots[LOT], **lot))


def sell(ledger: Ledger, market: ExecutionContext | None = None) -> ExitOrder:
    approval = a_sell_approval(ledger.lots[LOT])
    return plan_exit(approval, ledger, eth() if market is None else market, RULE, QUIET, DUST)


def tried(count: int, made: int | None = None) -> dict[str, OrderTally]:
    """What the ledger counts of exits of this lot that the market left unfilled."""
    return {f"{LOT}|EXIT": OrderTally(count if made is None else made, count)}


# --- exits


def test_exit_is_an_immediate_order_at_a_bounded_distance_below_the_bid() -> None:
    """All of the lot, half a percent below 100, under an id made of the decision."""
    sale = sell(held())

    order_id = client_order_id(PREFIX, SCOPE, CYCLE, LOT, OrderPurpose.EXIT, 0)
    expected = OrderIntent(
        client_order_id=order_id,
        cycle_id=CYCLE,
        strategy=RULES,
        product_id=a_product("ETH-USD").product_id,
        base=a_product("ETH-USD").base,
        quote=a_product("ETH-USD").quote,
        side=Side.SELL,
        purpose=OrderPurpose.EXIT,
        configuration=OrderConfiguration.LIMIT_IOC,
        quantity=Quantity(1),
        limit_price=Price("99.50"),
        lot_id=LOT,
        decided_at=NOW,
        reason="time",
    )
    assert ExitOrder(expected) == replace(sale, cover=None)


@pytest.mark.parametrize(
    ("tries", "price"), [(0, "99.50"), (1, "99.00"), (2, "98.50"), (3, "98.00"), (4, "98.00"), (9, "98.00")]
)
def test_exit_widens_with_every_try_and_not_without_end(tries: int, price: str) -> None:
    """Accident 24: 50, 100, 150 and 200 basis points, and never more, into however empty a book."""
    sale = sell(replace(held(), tallies=tried(tries)))

    assert sale.intent is not None
    assert (Price(price), tries) == (sale.intent.limit_price, sale.intent.attempt)


def test_every_order_of_a_lot_has_an_id_of_its_own_whatever_became_of_those_before() -> None:
    """It is numbered by what was made, which only rises; how often the market was tried says nothing about it."""
    sales = [sell(replace(held(), tallies=tried(tries, made))).intent for tries, made in ((0, 0), (0, 1), (3, 2))]

    assert [client_order_id(PREFIX, SCOPE, CYCLE, LOT, OrderPurpose.EXIT, n) for n in range(3)] == [
        sale.client_order_id for sale in sales if sale is not None
    ]


def test_quantity_goes_down_and_the_price_up() -> None:
    """Never more than is held, never lower than the bound."""
    product = a_product("ETH-USD", base_increment=Quantity("0.1"), price_increment=Price("0.3"))

    sale = sell(held(quantity=Quantity("0.99")), eth(product=product))

    assert sale.intent is not None
    assert (Quantity("0.9"), Price("99.6")) == (sale.intent.quantity, sale.intent.limit_price)


def test_exit_sells_no_more_than_the_venue_takes_at_once() -> None:
    """The rest goes in a later cycle."""
    sale = sell(held(quantity=Quantity(5)), eth(product=a_product("ETH-USD", base_size_max=Quantity(2))))

    assert sale.intent is not None
    assert Quantity(2) == sale.intent.quantity


@pytest.mark.parametrize("status", [OrderStatus.INTENDED, OrderStatus.IN_DOUBT])
def test_exit_waits_for_a_bracket_in_doubt(status: OrderStatus) -> None:
    """It may have sold the lot already; the others stay meanwhile."""
    live = an_order_record(a_bracket_intent("b-1"))

    sale = sell(held(live, an_order_record(a_bracket_intent("b-2"), status)))

    assert sale.denial is not None
    assert (None, DenialCode.ORDER_IN_DOUBT, ()) == (sale.intent, sale.denial.code, sale.cancels)


def test_brackets_go_first_and_the_exit_waits_for_their_end() -> None:
    """Every live one, which the exit takes away itself; those that are over are not waited for."""
    live = an_order_record(a_bracket_intent("b-1"))
    over = an_order_record(a_bracket_intent("b-3"), OrderStatus.CANCELLED)

    sale = sell(held(live, over))

    assert sale.intent is not None
    assert (("t247-b-1",), ()) == (sale.intent.depends_on, sale.cancels)


@pytest.mark.parametrize(
    ("market", "code"),
    [
        (eth(products={}), DenialCode.PRODUCT_MISSING),
        (replace(eth(), quotes={}), DenialCode.QUOTE_MISSING),
        (eth(bid="100", ask="100"), DenialCode.QUOTE_MISSING),
    ],
)
def test_exit_without_metadata_or_price_is_refused_and_the_bracket_stays(
    market: ExecutionContext, code: DenialCode
) -> None:
    """No price is made up, and what protects is not taken away for nothing."""
    sale = sell(held(an_order_record(a_bracket_intent())), market)

    assert (None, code, ()) == (sale.intent, sale.denial.code if sale.denial else None, sale.cancels)


# --- dust


def test_lot_below_the_minimum_is_refused_and_loses_its_bracket() -> None:
    """Accident 19: then nothing of it is alive, and it is swept up."""
    ledger = held(an_order_record(a_bracket_intent()), quantity=Quantity("0.00999"), cost=Notional("0.999"))

    sale = sell(ledger)

    assert sale.denial is not None
    assert (None, DenialCode.NOTIONAL_BELOW_MIN, ("t247-bracket",)) == (sale.intent, sale.denial.code, sale.cancels)


def test_lot_too_small_for_the_venue_and_too_dear_for_dust_keeps_its_bracket() -> None:
    """Nobody would sweep it up: taking away what protects it would leave it bare for ever."""
    ledger = held(an_order_record(a_bracket_intent()))

    sale = sell(ledger, eth(product=a_product("ETH-USD", quote_size_min=Notional(500))))

    assert sale.denial is not None
    assert (None, DenialCode.NOTIONAL_BELOW_MIN, ()) == (sale.intent, sale.denial.code, sale.cancels)


@pytest.mark.parametrize(("quantity", "price"), [("0.0101", "99.50"), ("0.01004", "99.61"), ("0.01", "100.00")])
def test_lot_just_above_the_minimum_is_sold_at_a_price_the_venue_takes(quantity: str, price: str) -> None:
    """Accident 19: half a percent below the bid it would be worth less than 1, be refused, and stay for ever."""
    sale = sell(held(quantity=Quantity(quantity)))

    assert sale.intent is not None
    assert Price(price) == sale.intent.limit_price
    assert sale.intent.notional >= Notional(1)


@pytest.mark.parametrize(("smallest", "code"), [("1", None), ("1.1", DenialCode.NOTIONAL_BELOW_MIN)])
def test_lot_below_the_smallest_quantity_is_refused(smallest: str, code: DenialCode | None) -> None:
    """Whatever it is worth; the smallest quantity itself is sold."""
    sale = sell(held(), eth(product=a_product("ETH-USD", base_size_min=Quantity(smallest))))

    assert code is (sale.denial.code if sale.denial else None)


# --- protection


#: What was over by then the venue has had its time to show.
QUIET = 60
SETTLED = Instant(NOW - QUIET)


def brackets(ledger: Ledger, market: ExecutionContext | None = None, *exiting: ClientOrderId) -> list[OrderIntent]:
    return plan_protection(ledger, eth() if market is None else market, RULE, QUIET, exiting)


def test_uncovered_lot_gets_its_bracket() -> None:
    """At the prices its entry was bought with, for all of it, for as long as it takes."""
    (intent,) = brackets(held())

    assert (
        OrderPurpose.PROTECTION,
        OrderConfiguration.BRACKET_GTC,
        Side.SELL,
        Quantity(1),
        Price(112),
        Price(94),
        LOT,
        None,
    ) == (
        intent.purpose,
        intent.configuration,
        intent.side,
        intent.quantity,
        intent.limit_price,
        intent.stop_price,
        intent.lot_id,
        intent.expires_at,
    )
    assert client_order_id(PREFIX, SCOPE, CYCLE, LOT, OrderPurpose.PROTECTION, 0) == (intent.client_order_id)


def test_stop_and_target_are_rounded_up() -> None:
    """In the product's increments of today."""
    product = a_product("ETH-USD", price_increment=Price(5))

    (intent,) = brackets(held(), eth(product=product))

    assert (Price(115), Price(95)) == (intent.limit_price, intent.stop_price)


@pytest.mark.parametrize(
    ("record", "left"),
    [
        (an_order_record(a_bracket_intent()), "0"),
        (an_order_record(a_bracket_intent(), OrderStatus.INTENDED), "0"),
        (an_order_record(a_bracket_intent(), OrderStatus.IN_DOUBT), "0"),
        (an_order_record(a_bracket_intent(quantity=Quantity("0.4"))), "0.6"),
        (an_order_record(an_exit_intent(quantity=Quantity("0.3"))), "0.7"),
        (an_order_record(a_bracket_intent(quantity=Quantity(3))), "0"),
        (an_order_record(a_bracket_intent(), OrderStatus.CANCELLED), "1"),
        (an_order_record(a_bracket_intent(), OrderStatus.REJECTED), "1"),
    ],
)
def test_live_sales_cover_what_they_may_still_sell(record: OrderRecord, left: str) -> None:
    """One in doubt covers: a second one would be worse than waiting."""
    ledger = held(record)

    assert Quantity(left) == compute_uncovered(ledger, ledger.lots[LOT], SETTLED)


CHILD = VenueOrderId("venue-child")


def with_entry(status: OrderStatus, *more: OrderRecord, over_ago: int | None = None) -> Ledger:
    """A lot whose entry carries a bracket under the venue's id ``venue-child``."""
    ledger = held(*more, attach=True)
    final_at = None if over_ago is None else Instant(NOW - over_ago)
    return ledger.with_order(replace(ledger.orders[LOT], status=status, attached_order_id=CHILD, final_at=final_at))


@pytest.mark.parametrize(
    ("status", "over_ago", "left"),
    [
        (OrderStatus.OPEN, None, "0"),
        (OrderStatus.FILLED, 0, "0"),
        (OrderStatus.FILLED, 59, "0"),
        (OrderStatus.FILLED, 60, "1"),
    ],
)
def test_entry_that_carries_a_bracket_covers_until_the_venue_had_time_to_show_it(
    status: OrderStatus, over_ago: int | None, left: str
) -> None:
    """Accident 12: next to a bracket not yet listed, a second one could sell the owner's coins."""
    ledger = with_entry(status, over_ago=over_ago)

    assert Quantity(left) == compute_uncovered(ledger, ledger.lots[LOT], SETTLED)


@pytest.mark.parametrize(("over_ago", "waits"), [(None, True), (QUIET - 1, True), (QUIET, False)])
def test_exit_waits_for_a_bracket_that_the_venue_has_yet_to_show(over_ago: int | None, waits: bool) -> None:
    """It may have sold the lot already, and then the exit would sell coins of the account's owner.

    An entry that still buys is ended, or it would be waited for as long as it lives.
    """
    ledger = with_entry(OrderStatus.OPEN if over_ago is None else OrderStatus.FILLED, over_ago=over_ago)

    sale = sell(ledger, eth(bid="90"))

    assert waits == (sale.intent is None)
    if waits:
        assert sale.denial is not None
        assert DenialCode.ORDER_IN_DOUBT == sale.denial.code
    assert ((LOT,) if over_ago is None else ()) == sale.cancels


def test_exit_does_not_wait_longer_because_fills_are_still_to_come() -> None:
    """A finished entry that claims more than was listed stays live for ever if the rest is never listed."""
    ledger = with_entry(OrderStatus.FILLED, over_ago=QUIET)
    claiming = replace(ledger.orders[LOT], reported_filled=Quantity(2))

    assert claiming.is_active
    assert sell(ledger.with_order(claiming), eth(bid="90")).intent is not None


@pytest.mark.parametrize(("over_ago", "quantity"), [(QUIET - 1, None), (QUIET, "0.6")])
def test_fill_that_a_finished_bracket_claims_and_nobody_lists_is_waited_for_and_not_sold_again(
    over_ago: int, quantity: str | None
) -> None:
    """It claims 0.4 of the lot: a quiet period later the rest is sold, and that is not."""
    claims = {"reported_filled": Quantity("0.4"), "final_at": Instant(NOW - over_ago)}
    ledger = held(an_order_record(a_bracket_intent(), OrderStatus.CANCELLED, **claims))

    sale = sell(ledger)

    assert sale.intent is not None
    expected = (Quantity(1), ("t247-bracket",)) if quantity is None else (Quantity(quantity), ())
    assert expected == (sale.intent.quantity, sale.intent.depends_on)


def test_fill_that_a_finished_exit_claims_and_nobody_lists_is_not_sold_again() -> None:
    """The next exit sells the rest."""
    claims = {"reported_filled": Quantity("0.4"), "final_at": Instant(NOW - QUIET)}

    sale = sell(held(an_order_record(an_exit_intent("before"), OrderStatus.CANCELLED, **claims)))

    assert sale.intent is not None
    assert Quantity("0.6") == sale.intent.quantity


def test_sale_is_no_larger_than_the_venue_takes_in_quote() -> None:
    """Of a lot worth more than that the rest is sold by the next exit, and covered by another bracket."""
    product = a_product("ETH-USD", quote_size_max=Notional(56))

    (bracket,) = plan_protection(held(), eth(product=product), RULE, QUIET, ())
    sale = sell(held(), eth(product=product))

    assert sale.intent is not None
    assert (Quantity("0.5"), Quantity("0.56")) == (bracket.quantity, sale.intent.quantity)


def test_entry_that_still_buys_for_a_lot_that_is_sold_ends() -> None:
    """Also where its bracket is there to be seen."""
    seen = an_order_record(a_bracket_intent(reason=ATTACHED), venue_order_id=CHILD)

    sale = sell(with_entry(OrderStatus.OPEN, seen), eth(bid="90"))

    assert sale.intent is not None
    assert (LOT,) == sale.cancels


@pytest.mark.parametrize("named", [CHILD, None])
def test_exit_takes_away_the_bracket_that_the_venue_has_shown(named: VenueOrderId | None) -> None:
    """Then nothing is unseen, also where the entry does not say which its bracket is."""
    seen = an_order_record(a_bracket_intent(reason=ATTACHED), venue_order_id=CHILD)
    ledger = with_entry(OrderStatus.FILLED, seen, over_ago=0)
    ledger = ledger.with_order(replace(ledger.orders[LOT], attached_order_id=named))

    sale = sell(ledger, eth(bid="90"))

    assert sale.intent is not None
    assert ((seen.intent.client_order_id,), ()) == (sale.intent.depends_on, sale.cancels)


@pytest.mark.parametrize(("over_ago", "count"), [(QUIET - 1, 0), (QUIET, 1)])
def test_bracket_of_our_own_is_sent_once_the_venue_had_time_to_show_its_own(over_ago: int, count: int) -> None:
    """A quiet period after the entry was over."""
    assert count == len(brackets(with_entry(OrderStatus.FILLED, over_ago=over_ago)))


@pytest.mark.parametrize("status", [OrderStatus.OPEN, OrderStatus.FILLED])
def test_bracket_the_venue_shows_covers_what_it_covers(status: OrderStatus) -> None:
    """From then on only what is seen counts."""
    seen = an_order_record(a_bracket_intent(quantity=Quantity("0.4"), reason=ATTACHED), venue_order_id=CHILD)
    ledger = with_entry(status, seen, over_ago=0)

    assert Quantity("0.6") == compute_uncovered(ledger, ledger.lots[LOT], SETTLED)


def test_another_bracket_is_not_taken_for_the_one_the_venue_has_yet_to_show() -> None:
    """One of 0.4 rests; the entry's own may appear any moment and cover the rest."""
    other = an_order_record(a_bracket_intent(quantity=Quantity("0.4")))
    ledger = with_entry(OrderStatus.OPEN, other)

    assert Quantity(0) == compute_uncovered(ledger, ledger.lots[LOT], SETTLED)


@pytest.mark.parametrize(("bid", "count"), [("94", 0), ("94.01", 1), ("111.99", 1), ("112", 0)])
def test_lot_beyond_its_stop_or_target_gets_no_bracket(bid: str, count: int) -> None:
    """It is sold this very cycle; the venue would refuse it anyway."""
    assert count == len(brackets(held(), eth(bid=bid)))


def test_lot_that_is_being_sold_gets_no_bracket() -> None:
    """The exit and the bracket would fight for the same coins."""
    assert [] == brackets(held(), None, LOT)


@pytest.mark.parametrize("market", [replace(eth(), quotes={}), eth(bid="101", ask="100")])
def test_lot_whose_price_nobody_knows_is_protected_all_the_same(market: ExecutionContext) -> None:
    """The venue refuses a stop that the price is through; without one a lot would lie open for want of a quote."""
    assert 1 == len(brackets(held(), market))


def test_lot_whose_increments_nobody_knows_gets_no_bracket() -> None:
    """There is nothing to round to."""
    assert [] == brackets(held(), replace(eth(), products={}))


@pytest.mark.parametrize("flag", ["cancel_only", "trading_disabled", "is_disabled", "view_only", "in_auction"])
def test_lot_whose_book_takes_no_order_keeps_what_it_has(flag: str) -> None:
    """Accident 33: neither is its bracket taken away to sell, nor is one sent to be refused."""
    closed = eth(product=a_product("ETH-USD", **{flag: True}))

    sale = sell(held(an_order_record(a_bracket_intent())), closed)

    assert sale.denial is not None
    assert (None, None, DenialCode.NOT_TRADABLE, ()) == (sale.intent, sale.cover, sale.denial.code, sale.cancels)
    assert [] == brackets(held(), closed)


def test_lot_without_cover_is_offered_at_the_ask_where_only_makers_may_trade() -> None:
    """It cannot take what is there; one that is covered keeps its bracket instead."""
    makers = eth(product=a_product("ETH-USD", post_only=True))

    bare, covered = sell(held(), makers), sell(held(an_order_record(a_bracket_intent())), makers)

    assert bare.intent is not None
    assert covered.denial is not None
    assert (OrderConfiguration.POST_ONLY_GTC, Price("100.01"), None) == (
        bare.intent.configuration,
        bare.intent.limit_price,
        bare.cover,
    )
    assert DenialCode.NOT_TRADABLE is covered.denial.code


# --- what is remembered with an exit


def test_exit_is_remembered_with_the_order_that_protects_what_it_leaves() -> None:
    """For all of the lot, contingent on the sale, numbered on its own."""
    sale = sell(replace(held(), tallies={f"{LOT}|PROTECTION": OrderTally(4)}))

    assert sale.intent is not None
    assert sale.cover is not None
    assert (OrderPurpose.PROTECTION, Quantity(1), sale.intent.client_order_id, 4) == (
        sale.cover.purpose,
        sale.cover.quantity,
        sale.cover.contingent_on,
        sale.cover.n,
    )


@pytest.mark.parametrize(("bid", "kind"), [("94", "LIMIT_GTC"), ("94.01", "BRACKET_GTC")])
def test_what_a_sale_below_the_stop_leaves_rests_at_its_bounded_price(bid: str, kind: str) -> None:
    """No stop can be placed there: the venue refuses one that the price is through."""
    sale = sell(held(), eth(bid=bid))

    assert sale.intent is not None
    assert sale.cover is not None
    assert kind == sale.cover.configuration
    assert (sale.cover.limit_price == sale.intent.limit_price) is (kind == "LIMIT_GTC")
    assert sale.cover.client_order_id != sale.intent.client_order_id


@pytest.mark.parametrize(("target", "kind"), [(Price(112), "BRACKET_GTC"), (None, "STOP_LIMIT_GTC")])
def test_lot_without_a_target_is_protected_by_a_stop_at_a_limit(target: Price | None, kind: str) -> None:
    """5 % below the stop, as the venue's own bracket."""
    (order,) = brackets(held(bracket=Bracket(Price(94), target)))

    assert (kind, Price(94), Price(112) if target else Price("89.30")) == (
        order.configuration,
        order.stop_price,
        order.limit_price,
    )


@pytest.mark.parametrize(("is_patient", "waits"), [(True, True), (False, False)])
def test_lot_is_left_alone_after_a_refusal_unless_told_to_flatten(is_patient: bool, waits: bool) -> None:
    """One alarm, not one in each cycle; an operator is not kept waiting."""
    refusals = {RefusalClass.PERMISSION: Refusals("PERMISSION_DENIED", 3, Instant(NOW + 200))}
    ledger = replace(held(), tallies={f"{LOT}|EXIT": OrderTally(3, refusals=refusals)})

    sale = plan_exit(a_sell_approval(ledger.lots[LOT]), ledger, eth(), RULE, QUIET, DUST, is_patient=is_patient)

    assert waits is (sale.intent is None)
    assert waits is (sale.denial is not None and sale.denial.code is DenialCode.REFUSAL_RECENT)


def test_resting_sale_is_taken_away_and_placed_anew() -> None:
    """Each look reprices it."""
    resting = an_order_record(an_exit_intent("resting", configuration=OrderConfiguration.LIMIT_GTC))

    sale = sell(held(resting), eth(bid="90"))

    assert sale.intent is not None
    assert ("t247-resting",) == sale.intent.depends_on


def test_part_too_small_for_the_venue_gets_no_bracket() -> None:
    """Below 1 at the stop of 94 it would be refused."""
    assert ([], 1) == (
        brackets(held(quantity=Quantity("0.0106"))),
        len(brackets(held(quantity=Quantity("0.0107")))),
    )


# --- orders of a newer release

NEWER = [
    a_bracket_intent(configuration=OrderConfiguration.keep("PEGGED_GTC")),
    a_bracket_intent(purpose=OrderPurpose.keep("HEDGE")),
    an_exit_intent(configuration=OrderConfiguration.keep("PEGGED_GTC")),
]


@pytest.mark.parametrize("intent", NEWER, ids=["protection", "purpose", "exit"])
def test_lot_in_an_order_of_a_newer_release_is_left_to_it(intent: OrderIntent) -> None:
    """What the order will do nobody here knows; a second one would sell the same coins."""
    order = sell(held(an_order_record(intent)))

    assert order.denial is not None
    assert DenialCode.LEDGER_NEWER is order.denial.code
    assert (None, ()) == (order.intent, order.cancels)


@pytest.mark.parametrize("intent", NEWER, ids=["protection", "purpose", "exit"])
def test_rest_of_a_lot_in_an_order_of_a_newer_release_is_sold(intent: OrderIntent) -> None:
    """The order stays; so much as it holds is not sold a second time."""
    newer = an_order_record(replace(intent, quantity=Quantity("0.4")))
    ours = an_order_record(a_bracket_intent("ours", quantity=Quantity("0.6")))

    order = sell(held(newer, ours))

    assert order.intent is not None
    assert (Quantity("0.6"), (PREFIX + "ours",)) == (order.intent.quantity, order.intent.depends_on)


def test_lot_whose_order_has_an_unknown_status_is_left_to_it() -> None:
    """It may rest, or may have sold everything: full exposure."""
    newer = an_order_record(a_bracket_intent(), status=OrderStatus.keep("PARKED"))

    order = sell(held(newer))

    assert order.denial is not None
    assert DenialCode.LEDGER_NEWER is order.denial.code


def test_lot_is_sold_once_the_venue_has_ended_the_order_of_a_newer_release() -> None:
    """Whatever it was for, it holds nothing any more: an operator may cancel it by hand."""
    ended = an_order_record(NEWER[0], status=OrderStatus.CANCELLED, final_at=Instant(NOW - 3600))

    assert sell(held(ended)).intent is not None


@pytest.mark.parametrize("intent", NEWER, ids=["protection", "purpose", "exit"])
def test_lot_in_an_order_of_a_newer_release_gets_no_second_protection(intent: OrderIntent) -> None:
    """It counts as covered: the venue holds its coins."""
    ledger = held(an_order_record(intent))

    assert 0 == compute_uncovered(ledger, ledger.lots[LOT], Instant(NOW))


def test_fills_that_an_ended_order_of_a_newer_release_reports_are_not_sold_again() -> None:
    """It is over, and nobody has listed what it sold: so much of the lot is gone."""
    changes = {"reported_filled": Quantity("0.4"), "final_at": Instant(NOW - 3600)}
    ended = an_order_record(NEWER[1], status=OrderStatus.FILLED, **changes)

    order = sell(held(ended))

    assert order.intent is not None
    assert Quantity("0.6") == order.intent.quantity
