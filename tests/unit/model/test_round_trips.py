"""What a strategy remembers of the lots that it has closed: a row for each of the newest."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from factories import (
    NOW,
    OTHER,
    PREFIX,
    RULES,
    a_bracket_intent,
    a_fill,
    a_held_ledger,
    a_ledger,
    an_exit_intent,
    an_intent,
    an_order_record,
)
from trader.model.booking import book_dust, book_fill, carry_fills
from trader.model.codec import decode, encode
from trader.model.ids import ClientOrderId, Instant, ProductId, StrategyId
from trader.model.ledger import Ledger
from trader.model.money import Notional, Price
from trader.model.orders import OrderIntent
from trader.model.round_trips import PER_ASSET_MAX, PER_STRATEGY_MAX, RoundTrip, keep_round_trip

ENTRY = ClientOrderId(PREFIX + "entry")


def sold_by(intent: OrderIntent, *, price: str = "99", ledger: Ledger | None = None, **fill: Any) -> Ledger:
    """One unit bought at 100, sold by this order, and closed."""
    ledger = (
        a_held_ledger(None, an_order_record(intent)) if ledger is None else ledger.with_order(an_order_record(intent))
    )
    ledger = book_fill(ledger, intent.client_order_id, a_fill(intent, price=price, time=NOW + 90, **fill))
    return ledger.with_closed_lot(ledger.lots[ENTRY])


def a_row(number: int, strategy: StrategyId = RULES, base: str = "ETH", **over: Any) -> RoundTrip:
    row = RoundTrip(
        lot_id=ClientOrderId(f"lot-{number}"),
        strategy=strategy,
        product_id=ProductId(f"{base}-USD"),
        opened_at=Instant(NOW + number),
        closed_at=Instant(NOW + number),
        entry_price=Price(100),
        exit_price=Price(99),
        realized=Notional(-1),
        ending="stop",
    )
    return replace(row, **over)


def test_row_says_when_it_began_and_ended_at_which_prices_and_how() -> None:
    """Bought at 100 and sold at 93 for fees of 0.50 each."""
    before = a_held_ledger()
    (row,) = sold_by(an_exit_intent(reason="crash"), price="93").round_trips

    lot = before.lots[ENTRY]
    assert (ENTRY, RULES, "ETH-USD", "ETH") == (row.lot_id, row.strategy, row.product_id, row.base)
    assert (lot.opened_at, NOW + 90) == (row.opened_at, row.closed_at)
    assert (Price(100), Price(93), Notional("-8.00")) == (row.entry_price, row.exit_price, row.realized)
    assert "crash" == row.ending


@pytest.mark.parametrize(("price", "ending"), [("94", "stop"), ("89.4", "stop"), ("112", "target")])
def test_order_of_the_venue_ends_it_by_its_stop_or_its_target(price: str, ending: str) -> None:
    """A stop is a limit below its trigger."""
    (row,) = sold_by(a_bracket_intent(), price=price).round_trips

    assert ending == row.ending


def test_entry_price_is_known_when_its_fills_are_carried_as_sums() -> None:
    """The entry itself may have left the books."""
    ledger = carry_fills(a_held_ledger(), ENTRY, Instant(NOW + 3600))
    assert ledger.lots[ENTRY].carried is not None

    (row,) = sold_by(an_exit_intent(), ledger=ledger).round_trips

    assert Price(100) == row.entry_price


def test_lot_that_is_written_off_as_dust_has_its_row() -> None:
    """Its stop has sold all but what the venue does not take."""
    intent = a_bracket_intent()
    ledger = a_held_ledger(None, an_order_record(intent))
    ledger = book_fill(ledger, intent.client_order_id, a_fill(intent, price="94", quantity="0.999", time=NOW + 90))

    (row,) = book_dust(ledger, ledger.lots[ENTRY]).round_trips

    assert ("stop", Price(100), Price(94)) == (row.ending, row.entry_price, row.exit_price)


def test_lot_of_which_nothing_was_sold_has_no_row() -> None:
    """Nothing ended it that could be told."""
    ledger = a_held_ledger()

    assert () == ledger.with_closed_lot(ledger.lots[ENTRY]).round_trips


def test_late_fill_of_a_closed_lot_changes_its_row() -> None:
    """There is one for each lot."""
    first, second = an_exit_intent("first"), an_exit_intent("second")
    ledger = a_ledger(working=[an_order_record(each) for each in (an_intent(), first, second)])
    ledger = book_fill(ledger, ENTRY, a_fill(quantity="1"))
    ledger = book_fill(ledger, first.client_order_id, a_fill(first, price="90", quantity="0.5", time=NOW + 90))
    closed = ledger.with_closed_lot(ledger.lots[ENTRY])

    late = book_fill(closed, second.client_order_id, a_fill(second, price="80", quantity="0.5", time=NOW + 95))
    late = late.with_closed_lot(late.lots[ENTRY])

    assert [Price(90), Price(85)] == [row.exit_price for each in (closed, late) for row in each.round_trips]


def test_newest_of_an_asset_stay() -> None:
    """Of each strategy by itself; a third one of its own has no say."""
    rows: tuple[RoundTrip, ...] = ()
    for number in range(10):
        rows = keep_round_trip(rows, a_row(number, (RULES, OTHER)[number % 2], ("ETH", "BTC")[number // 5]))

    kept: dict[tuple[str, str], list[int]] = {(each.strategy, each.base): [] for each in rows}
    for each in rows:
        kept[each.strategy, each.base].append(int(each.lot_id[4:]))
    assert ([2, 4], [1, 3]) == (kept[RULES, "ETH"], kept[OTHER, "ETH"])
    assert ([6, 8], [7, 9]) == (kept[RULES, "BTC"], kept[OTHER, "BTC"])
    assert PER_ASSET_MAX == 2


def test_rows_of_a_strategy_do_not_grow_with_the_assets_it_has_traded() -> None:
    """The ledger is as large as what is open, and a little more."""
    rows: tuple[RoundTrip, ...] = ()
    for number in range(200):
        rows = keep_round_trip(rows, a_row(number, base=f"A{number}"))

    assert [f"lot-{number}" for number in range(200 - PER_STRATEGY_MAX, 200)] == [each.lot_id for each in rows]


def test_long_reason_is_cut() -> None:
    """It is a strategy's own, of up to two hundred characters."""
    (row,) = sold_by(an_exit_intent(reason="x" * 200)).round_trips

    assert "x" * 60 == row.ending


def test_rows_are_read_back_as_they_were() -> None:
    """A ledger of before has none."""
    ledger = sold_by(an_exit_intent())
    plain = encode(ledger)

    assert ledger == decode(Ledger, plain)
    del plain["round_trips"]
    assert () == decode(Ledger, plain).round_trips
