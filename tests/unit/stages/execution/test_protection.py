"""Which lots lie open, and what is said of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from factories import (
    NOW,
    PREFIX,
    a_bracket_intent,
    a_held_ledger,
    a_product,
    an_exit_intent,
    an_intent,
    an_order_record,
)
from trader.model.cycle_state import ProductCache
from trader.model.ids import ClientOrderId, Instant
from trader.model.ledger import Ledger
from trader.model.market import Product
from trader.model.money import Quantity
from trader.model.order_life import OrderStatus
from trader.model.order_record import OrderRecord
from trader.model.orders import OrderIntent, Rejected
from trader.model.tallies import OrderTally
from trader.stages.execution.protection import find_exposed, why_exposed

LOT = ClientOrderId(PREFIX + "entry")
QUIET = 60


def held(*more: OrderRecord, product: Product | None = None, **over: object) -> Ledger:
    """One unit whose bracket does not come with its entry, and metadata read just now."""
    listed = a_product("ETH-USD") if product is None else product
    entry = an_intent(decided_at=Instant(NOW - 3600), attach_bracket=False)
    return a_held_ledger(entry, *more, products=ProductCache(NOW, (listed,)), **over)


def entry(*, attach: bool) -> OrderIntent:
    return an_intent("other", lot_id=LOT, attach_bracket=attach)


@pytest.mark.parametrize(
    ("record", "is_exposed"),
    [
        (None, True),
        (an_order_record(a_bracket_intent()), False),
        (an_order_record(a_bracket_intent(), OrderStatus.IN_DOUBT), False),
        (an_order_record(a_bracket_intent(), OrderStatus.CANCELLED), True),
        (an_order_record(a_bracket_intent(contingent_on="sale"), OrderStatus.CONTINGENT), True),
        (an_order_record(a_bracket_intent(quantity=Quantity("0.5"))), True),
        (an_order_record(an_exit_intent()), False),
        (an_order_record(entry(attach=False)), True),
        (an_order_record(entry(attach=True)), True),
    ],
)
def test_lot_is_exposed_if_nothing_alive_covers_all_of_it(record: OrderRecord | None, is_exposed: bool) -> None:
    """A protective order or an exit does, or an entry that carries one; what only waits for a sale does not."""
    ledger = held(*([record] if record else []))

    assert ([LOT] if is_exposed else []) == list(find_exposed(ledger, NOW, QUIET))


def test_what_the_venue_could_not_sell_is_not_exposed() -> None:
    """Nor what is sold out: there is nothing to lose that an order could save."""
    ledger = held()
    small, none = (ledger.with_lot(replace(ledger.lots[LOT], quantity=Quantity(part))) for part in ("0.001", "0"))

    assert [(), ()] == [find_exposed(each, NOW, QUIET) for each in (small, none)]


def test_lot_whose_metadata_nobody_remembers_is_exposed() -> None:
    """Whether the venue could sell it is not known: then it is said."""
    assert (LOT,) == find_exposed(replace(held(), products=None), NOW, QUIET)


def test_reason_is_the_refusal_that_is_waited_out() -> None:
    """How often, what was said, and when the next try is due."""
    tally = OrderTally()
    for _ in range(2):
        tally = tally.count_refusal(Rejected("INSUFFICIENT_FUND"), NOW, (60, 900))
    ledger = held(tallies={f"{LOT}|PROTECTION": tally})

    expected = "refused 2 times: INSUFFICIENT_FUND; the next try is due in 120 s"
    assert expected == why_exposed(ledger, LOT, NOW, QUIET)


@pytest.mark.parametrize(
    ("product", "said"),
    [
        (a_product("ETH-USD", cancel_only=True), "the venue takes no order now: cancel_only"),
        (a_product("ETH-USD"), "no order for it is at the venue"),
        (a_product("BTC-USD"), "its product is not known"),
    ],
)
def test_reason_is_what_the_book_takes(product: Product, said: str) -> None:
    """As far as its flags tell."""
    assert said == why_exposed(held(product=product), LOT, NOW, QUIET)
