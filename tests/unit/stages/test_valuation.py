"""Marking the books: pegs, dust, marks, the memory of a lost peg, and who is unprotected."""

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
    USD,
    USDC,
    USDT,
    a_bracket_intent,
    a_held_ledger,
    a_ledger,
    a_product,
    a_quote,
    an_order_record,
    risk_settings,
    some_marks,
)
from trader.errors import MissingData
from trader.model.cycle_state import AcceptedMark
from trader.model.events import EventKind
from trader.model.ids import Asset, ClientOrderId, Instant, ProductId
from trader.model.inputs import CycleInputs
from trader.model.ledger import Ledger
from trader.model.lots import Dust
from trader.model.market import FeeRates, Product, Quote
from trader.model.money import Notional, Price, Quantity
from trader.model.order_life import OrderStatus
from trader.model.order_record import OrderRecord
from trader.model.portfolio import record_flow
from trader.model.trading_state import TradingState
from trader.stages.valuation import accept_marks, find_old_marks, mark_equity, price_pegs, sweep_dust

ETH = ProductId("ETH-USD")
LOT = ClientOrderId(PREFIX + "entry")
PATHS = {USDT: (ProductId("USDT-USD"),), USDC: (ProductId("USDT-USD"), ProductId("USDT-USDC"))}


def some_quotes(*quotes: Quote) -> dict[ProductId, Quote]:
    return {quote.product_id: quote for quote in quotes}


# --- pegs


def test_stable_coin_is_priced_along_its_path() -> None:
    """USDT at its mid; USDC is what a USDT is worth in dollars, divided by what it is worth in USDC."""
    quotes = some_quotes(a_quote("USDT-USD", bid="0.98", ask="1.00"), a_quote("USDT-USDC", bid="1.09", ask="1.11"))

    assert {USDT: Decimal("0.99"), USDC: Decimal("0.9")} == price_pegs(quotes, PATHS)


@pytest.mark.parametrize(
    "second", [None, a_quote("USDT-USDC", bid="1.01", ask="1.00"), a_quote("USDT-USDC", bid="0", ask="1")]
)
def test_stable_coin_with_a_hole_in_its_path_has_no_price(second: Quote | None) -> None:
    """Accident 13: missing or crossed, nobody assumes a dollar."""
    quotes = some_quotes(a_quote("USDT-USD", bid="0.99", ask="1.01"), *([second] if second else []))

    assert {USDT: Decimal(1)} == price_pegs(quotes, PATHS)


@pytest.mark.parametrize(("ask", "is_priced"), [("2.01", True), ("2.03", False), ("1e25", False)])
def test_stable_coin_worth_more_than_twice_its_peg_has_no_price(ask: str, is_priced: bool) -> None:
    """It would be a peak that no later equity comes up to, and a number that cannot be kept."""
    quotes = some_quotes(a_quote("USDT-USD", bid="1.99", ask=ask))

    assert is_priced is (USDT in price_pegs(quotes, PATHS))


def test_stable_coin_without_a_path_has_no_price() -> None:
    """A path of nothing leads nowhere."""
    assert {} == price_pegs({}, {USDC: ()})


# --- dust


def sweep(
    ledger: Ledger,
    product: Product | None = None,
    quote: Quote | None = None,
    value_max: str = "5",
    quotes: dict[ProductId, Quote] | None = None,
    **inputs: Any,
) -> tuple[Ledger, tuple[Any, ...]]:
    listed = a_product("ETH-USD", base_increment=Quantity("0.01")) if product is None else product
    shown = a_quote("ETH-USD", bid="100", ask="101") if quote is None else quote
    plain = CycleInputs(
        cycle_id=CYCLE,
        now=NOW,
        scheduled_at=NOW,
        trading_state=TradingState.RUN,
        ledger=ledger,
        products={ETH: listed},
        quotes={},
        bars={},
        benchmark=MissingData("none"),
        fees=FeeRates(Decimal(0), Decimal(0)),
    )
    believed = {ETH: shown} if quotes is None else quotes
    return sweep_dust(replace(plain, **inputs), ledger, believed, Decimal(value_max))


def with_left(quantity: str, *more: OrderRecord, cost: str = "0.99") -> Ledger:
    """A lot of which so much is left."""
    ledger = a_held_ledger(None, *more)
    return ledger.with_lot(replace(ledger.lots[LOT], quantity=Quantity(quantity), cost=Notional(cost)))


@pytest.mark.parametrize(
    ("left", "swept"),
    [("0.01", False), ("0.0099", True), ("0.0199", False)],
)
def test_lot_below_what_the_venue_sells_is_swept(left: str, swept: bool) -> None:
    """Accident 19: at a bid of 100 the minimum of 1 is 0.01; what is cut off by the increment does not count."""
    after, notes = sweep(with_left(left))

    assert swept is (LOT not in after.lots)
    assert [(EventKind.DUST_BOOKED, LOT)] * swept == [(kind, subject) for kind, subject, _ in notes]


def test_swept_lot_is_on_the_list_and_among_the_closed() -> None:
    """Owned, no longer managed, and its late fills still find it."""
    after, _ = sweep(with_left("0.001"))

    assert (Dust(RULES, Asset("ETH"), Quantity("0.001"), Notional("1.49")),) == after.dust
    assert [LOT] == list(after.closed_lots)


@pytest.mark.parametrize(("smallest", "swept"), [("0.5", False), ("0.51", True)])
def test_lot_below_the_smallest_quantity_is_swept(smallest: str, swept: bool) -> None:
    """Though it is worth enough; the smallest quantity itself is sold."""
    after, _ = sweep(with_left("0.5"), a_product("ETH-USD", base_size_min=Quantity(smallest)), value_max="50")

    assert swept is (LOT not in after.lots)


@pytest.mark.parametrize(
    "status", [OrderStatus.INTENDED, OrderStatus.IN_DOUBT, OrderStatus.OPEN, OrderStatus.CANCEL_QUEUED]
)
def test_lot_with_a_live_order_is_not_swept(status: OrderStatus) -> None:
    """Its bracket, or an exit in doubt, may still sell it."""
    ledger = with_left("0.001", an_order_record(a_bracket_intent(), status))

    assert (ledger, ()) == sweep(ledger)


def test_lot_whose_entry_may_still_fill_is_not_swept() -> None:
    """The first sliver of an entry is not dust yet."""
    ledger = with_left("0.001")
    ledger = ledger.with_order(replace(ledger.orders[LOT], status=OrderStatus.OPEN))

    assert (ledger, ()) == sweep(ledger)


@pytest.mark.parametrize(("cost", "swept"), [("0.99", True), ("1", False), ("300", False)])
def test_lot_is_swept_only_if_it_cost_less_than_the_venue_sells_too(cost: str, swept: bool) -> None:
    """Accident 47: what was bought for 300 is no dust because somebody bids a cent for it."""
    after, _ = sweep(with_left("0.005", cost=cost), a_product("ETH-USD"), value_max="1000")

    assert swept is (LOT not in after.lots)


@pytest.mark.parametrize(
    ("cost", "bid", "swept"),
    [("5", "10", True), ("5.01", "10", False), ("0.5", "10.01", False), ("5.01", "10.01", False)],
)
def test_what_cost_or_is_worth_more_than_the_limit_is_never_dust(cost: str, bid: str, swept: bool) -> None:
    """Half a coin where the venue sells whole ones: 5 is the most, at cost and at the bid."""
    coarse = a_product("ETH-USD", base_size_min=Quantity(1))

    after, _ = sweep(with_left("0.5", cost=cost), coarse, a_quote("ETH-USD", bid=bid, ask="11"))

    assert swept is (LOT not in after.lots)


@pytest.mark.parametrize("inputs", [{"products": {}}, {"quotes": {}}])
def test_lot_that_cannot_be_judged_is_not_swept(inputs: dict[str, Any]) -> None:
    """Without metadata or a believed price nothing is written off."""
    ledger = with_left("0.001")

    assert (ledger, ()) == sweep(ledger, **inputs)


# --- marks


def test_price_is_unbelieved_since_the_last_mark_of_its_asset() -> None:
    """Counted on from there, until one is believed or nothing of it is held."""
    eth = ProductId("ETH-USD")
    held = a_held_ledger(None, accepted_marks={Asset("ETH"): AcceptedMark(Price(100), Instant(NOW - 200))})

    first, _ = mark_equity(held, {}, {}, NOW, risk_settings())
    later, _ = mark_equity(first, {}, {}, Instant(NOW + 900), risk_settings())
    again, _ = mark_equity(later, {eth: a_quote(eth)}, {}, Instant(NOW + 900), risk_settings())
    sold, _ = mark_equity(replace(later, lots={}), {}, {}, NOW, risk_settings())

    assert {eth: Instant(NOW - 200)} == first.unbelieved == later.unbelieved
    assert ({}, {}) == (again.unbelieved, sold.unbelieved)


def test_lot_that_never_had_a_price_is_unbelieved_since_it_was_first_looked_at() -> None:
    """Books made anew, or bought while the feed hangs; a mark of the future is no mark of later."""
    bare = a_held_ledger(None, accepted_marks={})
    ahead = a_held_ledger(None, accepted_marks={Asset("ETH"): AcceptedMark(Price(100), Instant(NOW + 50))})

    for ledger in (bare, ahead):
        assert {ProductId("ETH-USD"): NOW} == mark_equity(ledger, {}, {}, NOW, risk_settings())[0].unbelieved


def marks_with(ledger: Ledger, price: str | None = None, *, at: int = NOW, **risk: Any) -> tuple[Ledger, Any]:
    """Mark books that hold USDC at a price."""
    prices = {} if price is None else {USDC: Decimal(price)}
    return mark_equity(ledger, {}, prices, Instant(at), risk_settings(**risk))


def test_equity_and_marks_come_from_the_books_and_a_price() -> None:
    """9,000 USD and 1,000 USDC at 1.02."""
    ledger, equity = marks_with(a_ledger(cash={USD: "9000", USDC: "1000"}), "1.02")

    assert Notional(10_020) == equity
    assert some_marks(peak="10020", last="10020") == ledger.equity_marks


def test_without_a_price_there_is_no_equity_and_no_mark() -> None:
    """Accident 6: not even on the first day."""
    ledger, equity = marks_with(a_ledger(cash={USD: "9000", USDC: "1000"}, equity_marks=None))

    assert (None, None, False) == (equity, ledger.equity_marks, ledger.drawdown_halt)


def test_lots_are_marked_with_the_quote_of_the_product_they_are_held_on() -> None:
    """ETH-USDC's quote is not ETH-USD's."""
    ledger = a_held_ledger()
    quotes = some_quotes(a_quote("ETH-USD", bid="80", ask="81"), a_quote("ETH-USDC", bid="1", ask="2"))

    after, equity = mark_equity(ledger, quotes, {}, NOW, risk_settings())

    assert {Asset("ETH"): AcceptedMark(Price(80), NOW)} == after.accepted_marks
    assert Notional("9979.50") == equity


def test_without_a_believed_quote_the_last_mark_stands() -> None:
    """Accident 48: it books no loss and no gain; when it was quoted is remembered, and what is sold is forgotten."""
    old = AcceptedMark(Price(90), Instant(NOW - 86_400))
    before = replace(a_held_ledger(), accepted_marks={Asset("ETH"): old, Asset("BTC"): old})

    after, equity = mark_equity(before, {}, {}, NOW, risk_settings())

    assert ({Asset("ETH"): old}, Notional("9989.50")) == (after.accepted_marks, equity)
    assert {Asset("ETH"): old} == find_old_marks(after, {ETH})
    assert {} == find_old_marks(after, set())
    assert {} == find_old_marks(accept_marks(a_held_ledger(), {}), {ETH})


def test_price_of_a_stable_coin_is_kept_for_whoever_reads_the_ledger_alone() -> None:
    """The last one, as long as any of the coin is there; the accounting asset and a coin nobody has need none."""
    before = a_ledger(cash={USD: "9000", USDC: "1000"})
    prices = {USD: Decimal(1), USDC: Decimal(2) / 3, USDT: Decimal(1)}

    first, _ = mark_equity(before, {}, prices, NOW, risk_settings())
    later, equity = mark_equity(first, {}, {}, Instant(NOW + 300), risk_settings())
    spent, _ = mark_equity(
        replace(later, cash={USD: Notional(9660), USDC: Notional(0)}), {}, prices, NOW, risk_settings()
    )

    assert {USDC: AcceptedMark(Price("0.666667"), NOW)} == first.accepted_marks == later.accepted_marks
    assert equity is None
    assert {} == spent.accepted_marks


@pytest.mark.parametrize(("price", "expected"), [("0.984", {USDC: NOW}), ("0.985", {})])
def test_lost_peg_is_remembered(price: str, expected: dict[Asset, int]) -> None:
    """From the instant it was last seen below the limit."""
    ledger, _ = marks_with(a_ledger(), price)

    assert expected == ledger.depegged


@pytest.mark.parametrize(("ago", "kept"), [(3599, True), (3600, False)])
def test_memory_of_a_lost_peg_lasts_an_hour(ago: int, kept: bool) -> None:
    """Though it is back, or cannot be read."""
    before = a_ledger(depegged={USDC: Instant(NOW - ago)})

    for price in ("1", None):
        assert kept is (USDC in marks_with(before, price)[0].depegged)


def test_peg_lost_again_begins_a_new_hour() -> None:
    """The last sight of it counts."""
    ledger, _ = marks_with(a_ledger(depegged={USDC: Instant(NOW - 3000)}), "0.9")

    assert {USDC: NOW} == ledger.depegged


@pytest.mark.parametrize(("cash", "halted"), [("9000.01", False), ("9000", True)])
def test_drawdown_halts_at_its_limit(cash: str, halted: bool) -> None:
    """Ten percent below the peak."""
    assert halted is marks_with(a_ledger(cash=cash))[0].drawdown_halt


def test_drawdown_halt_stays_until_an_operator_clears_it() -> None:
    """A recovery, a new day and an unknown equity all leave it standing."""
    halted = a_ledger(drawdown_halt=True)

    later = [marks_with(halted), marks_with(halted, at=NOW + 7 * 86_400), marks_with(replace(halted, lots={}))]
    assert [True] * 3 == [ledger.drawdown_halt for ledger, _ in later]


@pytest.mark.parametrize("flow", ["-9700", "50000"])
def test_flow_neither_trips_nor_hides_a_drawdown(flow: str) -> None:
    """Accident 5: a withdrawal of 97 % is none; a deposit does not cover a real one."""
    flat, lost = a_ledger(), a_ledger(cash="8900")

    assert not marks_with(record_flow(flat, Notional(flow)))[0].drawdown_halt
    assert flow == "-9700" or marks_with(lost)[0].drawdown_halt
    assert flow == "50000" or marks_with(record_flow(lost, Notional("-5000")))[0].drawdown_halt
