"""How fills become cash and lots: in any order, each once, never more than was intended."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from factories import (
    NOW,
    OTHER,
    PREFIX,
    RULES,
    USD,
    a_fill,
    a_held_ledger,
    a_ledger,
    an_exit_intent,
    an_intent,
    an_order_record,
)
from trader.errors import InvariantViolation
from trader.model.booking import book_dust, book_fill, carry_fills, exceeds_intent, would_oversell
from trader.model.capital import find_imbalance
from trader.model.carried import ENTRIES_MAX, CarriedLot
from trader.model.codec import decode, encode
from trader.model.ids import Asset, ClientOrderId, Instant, StrategyId, VenueOrderId
from trader.model.ledger import Ledger
from trader.model.lots import Dust
from trader.model.money import Notional, Price, Quantity
from trader.model.order_life import OrderStatus
from trader.model.orders import Fill

ENTRY, EXIT = ClientOrderId(PREFIX + "entry"), ClientOrderId(PREFIX + "exit")


def booked(*fills: tuple[ClientOrderId, Fill]) -> Ledger:
    """A fresh ledger with an entry and an exit at the venue, after these fills."""
    ledger = a_ledger(working=[an_order_record(an_intent()), an_order_record(an_exit_intent())])
    for order_id, fill in fills:
        ledger = book_fill(ledger, order_id, fill)
    return ledger


def bought(quantity: str, *, price: str = "100", number: int = 1, time: int = NOW + 60) -> tuple[ClientOrderId, Fill]:
    return ENTRY, a_fill(number=number, quantity=quantity, price=price, time=time)


def sold(quantity: str, *, price: str = "110", number: int = 1, time: int = NOW + 90) -> tuple[ClientOrderId, Fill]:
    return EXIT, a_fill(an_exit_intent(), number=number, quantity=quantity, price=price, time=time)


# --- cash and lot


def test_buy_takes_its_value_and_its_fee_out_of_the_cash() -> None:
    """One at 100 for a fee of 0.50."""
    ledger = booked(bought("1"))

    assert Notional("9899.50") == ledger.cash[USD]
    assert (Notional("0.50"), {USD: Notional("-100.50")}) == (
        ledger.by_strategy[RULES].fees,
        ledger.by_strategy[RULES].cash_flow,
    )


def test_sale_brings_its_value_less_its_fee() -> None:
    """One at 110 for a fee of 0.50 returns 109.50."""
    ledger = booked(bought("1"), sold("1"))

    assert Notional("10009.00") == ledger.cash[USD]


def test_lot_is_what_its_fills_bought() -> None:
    """Two parts at two prices: quantity, cost and fees add up, and it carries the intent's terms."""
    intent = an_intent()
    lot = booked(bought("0.4", price="90"), bought("0.6", number=2, time=NOW + 61)).lots[ENTRY]

    assert (Quantity("1.0"), Notional("96.0"), Notional("1.00"), Price("96.0")) == (
        lot.quantity,
        lot.cost,
        lot.entry_fees,
        lot.entry_price,
    )
    assert (NOW + 60, intent.bracket, intent.max_hold_until) == (lot.opened_at, lot.bracket, lot.max_hold_until)


def test_lot_of_an_entry_without_a_time_limit_has_none() -> None:
    """Read back from what is stored, too."""
    ledger = a_ledger(working=[an_order_record(an_intent(max_hold_until=None))])

    booked_ledger = book_fill(ledger, *bought("1"))

    assert booked_ledger.lots[ENTRY].max_hold_until is None
    assert booked_ledger == decode(Ledger, encode(booked_ledger))


def test_partial_sale_realizes_its_part_of_cost_and_fees() -> None:
    """Half of 100.50 goes; 55 less 0.50 came."""
    ledger = booked(bought("1"), sold("0.5"))
    lot = ledger.lots[ENTRY]

    assert (Quantity("0.5"), Notional("50.0"), Notional("0.25")) == (lot.quantity, lot.cost, lot.entry_fees)
    assert Notional("4.25") == lot.realized == ledger.by_strategy[RULES].realized


def test_whole_round_trip_realizes_everything() -> None:
    """10 gained, 1 paid in fees; nothing of the cost is left over."""
    lot = booked(bought("1"), sold("0.3"), sold("0.7", number=2)).lots[ENTRY]

    assert (Quantity(0), 0, 0) == (lot.quantity, lot.cost, lot.entry_fees)
    assert Notional("8.50") == lot.realized


def test_peak_starts_at_the_highest_price_paid() -> None:
    """Whichever fill it was."""
    ledger = booked(bought("0.5", price="100"), bought("0.5", price="90", number=2, time=NOW + 61))

    assert Price(100) == ledger.lots[ENTRY].peak_price


@pytest.mark.parametrize("fill", [bought("0.4", number=2), sold("0.3")], ids=["a late piece", "a sale in part"])
def test_peak_is_remembered_when_a_fill_rebuilds_the_lot(fill: tuple[ClientOrderId, Fill]) -> None:
    """The fills do not know what was bid meanwhile: forgotten, a lot that trails would be sold later, and lower."""
    ledger = booked(bought("0.6"))
    risen = replace(ledger.lots[ENTRY], peak_price=Price(130))

    after = book_fill(replace(ledger, lots={ENTRY: risen}), *fill)

    assert Price(130) == after.lots[ENTRY].peak_price


def test_peak_is_remembered_when_a_late_fill_reopens_the_lot() -> None:
    """It was closed with it."""
    ledger = booked(bought("0.6"), sold("0.6"))
    ledger = ledger.with_closed_lot(replace(ledger.lots[ENTRY], peak_price=Price(130)))

    after = book_fill(ledger, *bought("0.4", number=9, time=NOW + 99))

    assert Price(130) == after.lots[ENTRY].peak_price


def test_every_order_of_arrival_gives_the_same_books() -> None:
    """Three buys and a sale that arrive in any order the caller lets through: one ledger."""
    fills = [
        bought("0.3", price="90", number=1, time=NOW + 10),
        bought("0.3", price="95", number=2, time=NOW + 20),
        bought("0.4", price="99", number=3, time=NOW + 30),
        sold("0.3", number=4, time=NOW + 40),
    ]
    straight = booked(*fills)

    for order in permutations(fills):
        if order[0] is not fills[3]:
            shuffled = booked(*order)
            assert straight.lots == shuffled.lots
            assert straight.cash == shuffled.cash
            assert straight.by_strategy == shuffled.by_strategy


def test_sale_with_an_earlier_time_than_its_buy_is_booked_after_it() -> None:
    """Clocks of a venue differ by a second; the lot does not."""
    ledger = booked(bought("1", time=NOW + 60), sold("0.5", time=NOW + 59))

    assert (Quantity("0.5"), Notional("4.25")) == (ledger.lots[ENTRY].quantity, ledger.lots[ENTRY].realized)


def test_late_fill_reopens_a_lot_that_was_closed() -> None:
    """The entry's last piece came after everything was sold: it is ours again, with the result so far."""
    ledger = booked(bought("0.6"), sold("0.6"))
    ledger = ledger.with_closed_lot(ledger.lots[ENTRY])

    ledger = book_fill(ledger, *bought("0.4", number=9, time=NOW + 99))

    assert ([ENTRY], []) == (list(ledger.lots), list(ledger.closed_lots))
    assert (Quantity("0.4"), Notional("5.00")) == (ledger.lots[ENTRY].quantity, ledger.lots[ENTRY].realized)
    assert Notional("5.00") == ledger.by_strategy[RULES].realized


def test_fills_of_one_strategy_leave_the_other_alone() -> None:
    """Each sub-ledger is its own; together they are the whole."""
    other = an_intent("other", strategy=StrategyId("mean_reversion"))
    ledger = booked(bought("1")).with_order(an_order_record(other))

    after = book_fill(ledger, other.client_order_id, a_fill(other))

    assert ledger.by_strategy[RULES] == after.by_strategy[RULES]
    assert {USD: 0} == find_imbalance(after)


def test_fill_is_booked_once() -> None:
    """A second time is our own bug, and loud."""
    with pytest.raises(InvariantViolation, match="trade-t247-entry-1 is booked already"):
        booked(bought("1"), bought("1"))


def test_fill_of_a_sale_that_nobody_opened_is_our_bug() -> None:
    """A lot is a function of the fills of its orders; without its entry there is none."""
    ledger = a_ledger(working=[an_order_record(an_exit_intent())])

    with pytest.raises(InvariantViolation, match=ENTRY):
        book_fill(ledger, *sold("1"))


def test_sale_of_more_than_was_bought_is_our_bug() -> None:
    """The caller defers it; here it would invent a short."""
    with pytest.raises(InvariantViolation, match="more was sold than bought"):
        booked(bought("0.5"), sold("0.6"))


# --- what must not be booked


@pytest.mark.parametrize(
    ("quantity", "price", "exceeds"),
    [
        ("1", "100", False),
        ("1.000000000000", "100", False),
        ("1.00001", "99", True),
        ("3000", "100", True),
        ("1", "100.01", True),
        ("0.5", "180", False),
    ],
)
def test_buy_exceeds_its_intent_in_quantity_or_in_notional(quantity: str, price: str, exceeds: bool) -> None:
    """Accident 4: one unit at up to 100 may neither become more units nor cost more."""
    fill = a_fill(quantity=quantity, price=price)

    assert exceeds is exceeds_intent(an_order_record(), fill)


def test_fills_exceed_an_intent_together() -> None:
    """0.6 and 0.5 are more than 1, though neither is alone."""
    record = an_order_record(fills=(a_fill(quantity="0.6"),))

    assert [False, True] == [exceeds_intent(record, a_fill(number=2, quantity=q)) for q in ("0.4", "0.5")]


def test_sale_above_its_limit_does_not_exceed_its_intent() -> None:
    """A better price is no accident; a larger quantity is."""
    record = an_order_record(an_exit_intent())
    fills = [a_fill(an_exit_intent(), price="500", quantity=quantity) for quantity in ("1", "1.1")]

    assert [False, True] == [exceeds_intent(record, fill) for fill in fills]


def test_sale_before_its_buy_would_oversell() -> None:
    """It waits until what it sold is there."""
    empty, half, whole = booked(), booked(bought("0.5")), booked(bought("1"))
    _, sale = sold("1")

    assert [True, True, False] == [would_oversell(each, each.orders[EXIT], sale) for each in (empty, half, whole)]


def test_buy_never_oversells() -> None:
    """There is nothing it could take away."""
    assert not would_oversell(a_ledger(), an_order_record(), a_fill())


# --- dust


def test_dust_leaves_the_lots_and_stays_on_the_list() -> None:
    """It is still owned, with all it cost, and blocks nothing."""
    ledger = a_held_ledger(an_intent(quantity=Quantity("0.001"), decided_at=Instant(NOW - 9)))
    lot = ledger.lots[ENTRY]

    after = book_dust(ledger, lot)

    assert ({}, [ENTRY]) == (after.lots, list(after.closed_lots))
    assert (Dust(RULES, Asset("ETH"), Quantity("0.001"), Notional("0.600")),) == after.dust
    assert ledger.cash == after.cash


@pytest.mark.parametrize(("strategy", "expected"), [(RULES, RULES), (OTHER, None), (None, None)])
def test_dust_of_one_asset_is_one_row(strategy: StrategyId | None, expected: StrategyId | None) -> None:
    """Quantity and cost add up, rows of before included; of several strategies it is nobody's."""
    other = Dust(RULES, Asset("BTC"), Quantity(1), Notional(1))
    before = tuple(Dust(strategy, Asset("ETH"), Quantity("0.002"), Notional("0.4")) for _ in range(2))
    ledger = a_held_ledger(an_intent(quantity=Quantity("0.001"), decided_at=Instant(NOW - 9)))

    after = book_dust(replace(ledger, dust=(before[0], other, before[1])), ledger.lots[ENTRY])

    assert (other, Dust(expected, Asset("ETH"), Quantity("0.005"), Notional("1.400"))) == after.dust


def test_order_record_keeps_its_fills_in_time_order() -> None:
    """Whatever order they came in."""
    ledger = booked(bought("0.5", number=2, time=NOW + 70), bought("0.5", number=1, time=NOW + 60))

    assert [NOW + 60, NOW + 70] == [fill.time for fill in ledger.orders[ENTRY].fills]
    assert OrderStatus.OPEN is ledger.orders[ENTRY].status


def test_lot_names_the_orders_that_bought_it_once_their_fills_are_carried() -> None:
    """Each once, those of before first, and so many at most: their fills can be asked for by these ids alone."""
    ledger = a_held_ledger()
    (lot,) = ledger.lots.values()
    (bought,) = {fill.venue_order_id for record in ledger.orders_of(lot.lot_id) for fill in record.fills}

    ledger = carry_fills(ledger, lot.lot_id, Instant(NOW + 3600))
    carried = ledger.lots[lot.lot_id].carried

    assert carried is not None
    assert (bought,) == carried.entries
    names = tuple(VenueOrderId(f"venue-{number}") for number in range(ENTRIES_MAX))
    nothing = CarriedLot(Quantity(0), Notional(0), Notional(0), Notional(0), names)

    ledger = carry_fills(a_held_ledger().with_lot(replace(lot, carried=nothing)), lot.lot_id, Instant(NOW + 3600))
    carried = ledger.lots[lot.lot_id].carried

    assert [] == [fill for record in ledger.orders_of(lot.lot_id) for fill in record.fills]
    assert carried is not None
    assert (lot.quantity, names) == (carried.quantity, carried.entries)


def test_orders_that_bought_a_lot_are_named_alike_in_however_many_parts_they_are_carried() -> None:
    """By the times of their fills: those of an hour are carried at once here, and one by one there."""
    plain = booked(bought("0.5", number=1, time=NOW + 60), bought("0.5", number=2, time=NOW + 70))
    record, names = plain.orders[ENTRY], (VenueOrderId("b"), VenueOrderId("a"))
    fills = tuple(replace(fill, venue_order_id=name) for fill, name in zip(record.fills, names, strict=True))
    ended = replace(record, fills=fills, status=OrderStatus.CANCELLED, final_at=Instant(NOW + 80))
    ledger = plain.with_order(ended)

    at_once = carry_fills(ledger, ENTRY, Instant(NOW + 3600))
    in_parts = carry_fills(carry_fills(ledger, ENTRY, Instant(NOW + 65)), ENTRY, Instant(NOW + 3600))

    assert {names} == {lots[ENTRY].carried and lots[ENTRY].carried.entries for lots in (at_once.lots, in_parts.lots)}
