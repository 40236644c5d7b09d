"""What the simulated exchange does beyond the contract of any venue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.in_memory import InMemorySimAccountStore
from desk.markets.candle_market import CandleMarket
from factories_venue import (
    BASE,
    START,
    STEP,
    USD,
    USDC,
    Bar,
    Venue,
    a_bracket,
    a_convert,
    a_path,
    a_product,
    a_protected_intent,
    a_simulated_venue,
    a_simulation,
    a_taker,
    an_intent,
)
from trader.errors import StoreUnavailable, VenueProtocol, VenueUnavailable
from trader.model.conversions import ConversionStatus
from trader.model.ids import ClientOrderId, Instant
from trader.model.market import Granularity
from trader.model.money import Price, Quantity
from trader.model.order_life import OrderStatus
from trader.model.orders import Accepted, OrderConfiguration, Rejected, Side, Unknown
from trader.sim.account import SimAccount
from trader.sim.exchange import SimulatedExchange
from trader.sim.matching import MarketTape

EVER = Instant(0)


def everything(venue: Venue) -> tuple[Any, Any, Any]:
    """All a caller can learn of the account."""
    return venue.exchange.orders(EVER), venue.exchange.fills(EVER), venue.exchange.balances()


def test_bar_that_runs_while_an_order_is_placed_does_not_fill_it() -> None:
    """Only bars that begin after the order count: the low may have been before."""
    venue = a_simulated_venue(a_path(Bar(low=90.0), Bar()))
    venue.clock.advance(1)

    venue.exchange.submit(an_intent(expires_at=Instant(START + 10 * STEP)))
    venue.pass_bars(2)

    assert () == venue.exchange.fills(EVER)


def test_entry_that_falls_through_its_stop_is_stopped_in_the_same_bar() -> None:
    """The price went down through the limit to the stop; the bar's end finds both done."""
    venue = a_simulated_venue(a_path(Bar(low=94.0, high=111.0)))

    venue.exchange.submit(a_protected_intent())
    venue.pass_bars()

    assert [(Side.BUY, Price("99.90")), (Side.SELL, Price("94.90"))] == [
        (fill.side, fill.price) for fill in venue.exchange.fills(EVER)
    ]


def test_entry_never_reaches_its_target_in_its_own_bar() -> None:
    """The next bar may."""
    venue = a_simulated_venue(a_path(Bar(low=99.0, high=111.0), Bar(high=110.5)))
    venue.exchange.submit(a_protected_intent())

    sides = []
    for _ in range(2):
        venue.pass_bars()
        sides.append([fill.side for fill in venue.exchange.fills(EVER)])

    assert [[Side.BUY], [Side.BUY, Side.SELL]] == sides


def test_bracket_grows_with_every_fill_of_its_parent() -> None:
    """0.5 a bar: the third bar has completed 1.5, all of it protected."""
    bars = [Bar(low=99.0, volume=5.0)] * 3
    venue = a_simulated_venue(a_path(*bars))
    parent = venue.accepted(venue.exchange.submit(a_protected_intent(expires_at=Instant(START + 9 * STEP))))

    sizes = []
    for _ in bars:
        venue.pass_bars()
        child = venue.order(parent).attached_order_id
        assert child is not None
        sizes.append(venue.order(child).quantity)

    assert [Quantity("0.5"), Quantity("1.0"), Quantity("1.5")] == sizes


def test_bracket_that_is_done_cancels_the_rest_of_its_parent() -> None:
    """Stopped out half bought: buying on would buy what nothing protects."""
    venue = a_simulated_venue(a_path(Bar(low=94.0, volume=5.0), Bar(low=94.0)))
    parent = venue.accepted(venue.exchange.submit(a_protected_intent(expires_at=Instant(START + 9 * STEP))))

    venue.pass_bars(2)

    order = venue.order(parent)
    assert (OrderStatus.CANCELLED, Quantity("0.5")) == (order.status, order.filled_quantity)
    assert (Decimal(0), Decimal(0)) == venue.money(BASE)


def test_taker_entry_is_protected_from_the_next_bar_on() -> None:
    """Bought at the touch, stopped by the bar that starts there."""
    venue = a_simulated_venue(a_path(Bar(low=94.0)))

    venue.exchange.submit(
        a_protected_intent(configuration=OrderConfiguration.LIMIT_IOC, limit_price=Price("100.2"), expires_at=None)
    )
    venue.pass_bars()

    assert [Side.BUY, Side.SELL] == [fill.side for fill in venue.exchange.fills(EVER)]


def test_fills_of_one_order_never_cost_more_than_its_hold() -> None:
    """Its fee is rounded up once, not per fill: with exactly enough money, three fills leave exactly nothing."""
    price, quantity, rate = Decimal("99.97"), Decimal("0.003"), Decimal("0.00612345678")
    funds = price * quantity + (price * quantity * rate).quantize(Decimal("1e-12"), "ROUND_CEILING")
    venue = a_simulated_venue(
        a_path(*[Bar(low=99.0, volume=0.01)] * 3),
        opening={USD: funds},
        settings=a_simulation(maker_fee_ratio=rate),
        product=a_product(quote_size_min=Decimal("0.01")),
    )
    intent = an_intent(quantity=Quantity(quantity), limit_price=Price(price), expires_at=Instant(START + 9 * STEP))
    venue.accepted(venue.exchange.submit(intent))

    venue.pass_bars(3)

    assert 3 == len(venue.exchange.fills(EVER))
    assert (Decimal(0), Decimal(0)) == venue.money(USD)


def test_lag_hides_what_just_happened() -> None:
    """Orders, fills and balances are those of two minutes ago; submitting and cancelling act at once."""
    venue = a_simulated_venue(settings=a_simulation(visibility_lag_seconds=120))
    untouched = everything(venue)[:2], holdings(venue)

    submission = venue.exchange.submit(a_taker())
    at_once = everything(venue)[:2], holdings(venue)
    venue.clock.advance(120)
    later = everything(venue)

    assert isinstance(submission, Accepted)
    assert untouched == at_once
    assert [1, 1] == [len(later[0]), len(later[1])]
    assert Decimal(2) == later[2][BASE].available


def test_lag_shows_an_order_that_is_over_as_it_was() -> None:
    """Cancelled half filled; a lagging listing still has it open, with the fill or without."""
    venue = a_simulated_venue(
        a_path(Bar(low=99.0, volume=5.0), Bar()), settings=a_simulation(visibility_lag_seconds=60)
    )
    parent = venue.accepted(venue.exchange.submit(a_protected_intent(expires_at=Instant(START + 9 * STEP))))

    venue.pass_bars()
    before_the_fill = venue.order(parent)
    venue.clock.advance(60)
    venue.exchange.cancel([parent])
    after_the_fill, held = venue.order(parent), venue.money(USD)[1]
    venue.clock.advance(60)
    after_the_cancel = venue.order(parent)

    assert (OrderStatus.OPEN, Quantity(0)) == (before_the_fill.status, before_the_fill.filled_quantity)
    assert (OrderStatus.OPEN, Quantity("0.5")) == (after_the_fill.status, after_the_fill.filled_quantity)
    assert Decimal("150.7491") == held
    assert (OrderStatus.CANCELLED, Quantity("0.5")) == (after_the_cancel.status, after_the_cancel.filled_quantity)


def test_lag_hides_a_conversion_from_the_balances() -> None:
    """The venue knows it is done before the wallets show it."""
    venue = a_simulated_venue(settings=a_simulation(visibility_lag_seconds=60))
    intent = a_convert()

    name = venue.exchange.quote_conversion(intent)
    venue.exchange.commit_conversion(name, intent)
    at_once = venue.money(USD)
    venue.clock.advance(60)

    assert ConversionStatus.COMPLETED is venue.exchange.read_conversion(name, intent).status
    assert [Decimal(10_000), Decimal(9_900)] == [at_once[0], venue.money(USD)[0]]


def test_conversion_of_anything_but_the_two_dollars_is_refused() -> None:
    """There is one conversion, one to one."""
    venue = a_simulated_venue()

    with pytest.raises(VenueProtocol):
        venue.exchange.quote_conversion(a_convert(target=BASE))


def test_conversion_of_money_that_is_gone_fails() -> None:
    """Quoted, then spent on an order: the commit says so and moves nothing."""
    venue, intent = a_simulated_venue(), a_convert(amount="9900")
    name = venue.exchange.quote_conversion(intent)
    venue.exchange.submit(a_taker())

    with pytest.raises(VenueProtocol):
        venue.exchange.commit_conversion(name, intent)

    assert ConversionStatus.FAILED is venue.exchange.read_conversion(name, intent).status
    assert Decimal(0) == venue.money(USDC)[0]


def test_listing_shows_our_own_orders_only() -> None:
    """Somebody else's order in the same account holds money and fills, and is not ours to see."""
    venue = a_simulated_venue()
    foreign = an_intent(client_order_id=ClientOrderId("by-hand"))

    venue.exchange.submit(foreign)

    assert () == venue.exchange.orders(EVER)
    assert Decimal("200.9988") == venue.money(USD)[1]


def test_bracket_of_our_order_is_ours_under_whatever_name() -> None:
    """The venue names it, without our prefix; its parent tells."""
    venue = a_simulated_venue(a_path(Bar(low=99.0)))
    venue.exchange.submit(a_protected_intent())

    venue.pass_bars()

    assert [True, False] == [order.client_order_id.startswith("t-") for order in venue.exchange.orders(EVER)]


def test_deposit_and_withdrawal_change_what_is_free() -> None:
    """The owner's money comes and goes; more than is free does not go."""
    venue = a_simulated_venue()
    assert isinstance(venue.exchange, SimulatedExchange)

    venue.exchange.deposit(BASE, Decimal(5))
    venue.exchange.deposit(USD, Decimal(-1000))

    assert (Decimal(5), Decimal(9000)) == (venue.money(BASE)[0], venue.money(USD)[0])
    with pytest.raises(VenueProtocol):
        venue.exchange.deposit(USD, Decimal(-9001))


def test_order_without_a_market_is_rejected_but_protection_waits() -> None:
    """Two hours after the last candle nothing can be bought; a stop may still be placed."""
    venue = a_simulated_venue(a_path(), opening={USD: Decimal(10_000), BASE: Decimal(2)})
    venue.clock.advance(7200)

    entry = venue.exchange.submit(an_intent(expires_at=Instant(START + 9999)))
    protection = venue.exchange.submit(a_bracket())

    assert Rejected("INVALID_NO_LIQUIDITY") == entry
    assert isinstance(protection, Accepted)


def test_bracket_that_buys_is_rejected() -> None:
    """At a spot venue only a sale can be bracketed."""
    venue = a_simulated_venue()

    assert Rejected("INVALID_BRACKET_ORDER_SIDE") == venue.exchange.submit(a_bracket(side=Side.BUY))


def test_market_that_takes_only_makers_rejects_takers() -> None:
    """Entries rest, so they may enter."""
    venue = a_simulated_venue(product=a_product(post_only=True))

    assert Rejected("NOT_ALLOWED_BY_MARKET_STATE") == venue.exchange.submit(a_taker())
    assert isinstance(venue.exchange.submit(an_intent()), Accepted)


class BrokenBooks(InMemorySimAccountStore[SimAccount]):
    """A store that stops answering on demand."""

    broken = False

    def save(
        self, book: SimAccount, ended: Mapping[str, Any] = MappingProxyType({}), *, replaces: SimAccount | None = None
    ) -> None:
        if self.broken:
            raise StoreUnavailable("disk full")
        super().save(book, ended, replaces=replaces)


def test_order_whose_book_cannot_be_saved_is_in_doubt() -> None:
    """It may be there or not, and that is what the venue says; reading is an error of the venue's kind."""
    accounts = BrokenBooks()
    venue = a_simulated_venue(a_path(Bar(low=99.0)), accounts=accounts)
    venue.exchange.balances()
    accounts.broken = True

    submission = venue.exchange.submit(an_intent())

    assert isinstance(submission, Unknown)
    with pytest.raises(VenueUnavailable):
        venue.exchange.cancel([])


def test_tape_of_any_market_matches_like_the_candles_it_came_from() -> None:
    """Paper trading reads bars of real market data; over the same candles the result is the same."""
    path = a_path(Bar(low=99.0, volume=5.0), Bar(), Bar(low=94.0))
    venue = a_simulated_venue(path)
    market = venue.exchange
    taped = SimulatedExchange(
        market,
        MarketTape(market, Granularity.FIVE_MINUTE),
        a_simulation(),
        venue.clock,
        InMemorySimAccountStore(),
        opening={USD: Decimal(10_000)},
        order_prefix="t-",
    )
    intent = a_protected_intent(expires_at=Instant(START + 9 * STEP))
    for exchange in (venue.exchange, taped):
        exchange.submit(intent)

    venue.pass_bars(3)

    assert everything(venue) == everything(Venue(taped, venue.clock))


PRICES = st.integers(min_value=9300, max_value=11200).map(lambda cents: cents / 100)
BARS = st.builds(
    lambda opened, close, high, low, volume: Bar(
        opened, max(opened, close, high), min(opened, close, low), close, volume / 10
    ),
    *[PRICES] * 4,
    st.integers(min_value=0, max_value=60),
)
MODELS = st.sampled_from(list(type(a_simulation().fills)))


def scenario(venue: Venue) -> None:
    """An entry with a bracket, one without, and a holding with a stop of its own."""
    ever = Instant(START + 99 * STEP)
    venue.exchange.submit(a_protected_intent("one", expires_at=ever))
    venue.exchange.submit(an_intent("two", limit_price=Price("98.50"), expires_at=Instant(START + 3 * STEP)))
    venue.exchange.submit(a_bracket("three", stop="97", target="103"))


@given(st.lists(BARS, min_size=1, max_size=12), st.lists(st.integers(1, 700), max_size=12), MODELS)
def test_result_does_not_depend_on_how_often_anyone_looks(bars: list[Bar], steps: list[int], model: Any) -> None:
    """Matching is lazy: one look at the end finds the same orders, fills and balances as many on the way."""
    path, settings = a_path(*bars), a_simulation(fills=model)
    opening = {USD: Decimal(10_000), BASE: Decimal(2)}
    patient, nervous = (a_simulated_venue(path, settings=settings, opening=opening) for _ in range(2))
    end = START + len(bars) * STEP
    for venue in (patient, nervous):
        scenario(venue)
    for step in steps:
        nervous.clock.set(Instant(min(nervous.clock.now() + step, end)))
        everything(nervous)
    for venue in (patient, nervous):
        venue.clock.set(Instant(end))

    assert everything(patient) == everything(nervous)


@given(st.lists(BARS, min_size=1, max_size=12), MODELS)
def test_money_is_neither_made_nor_lost(bars: list[Bar], model: Any) -> None:
    """What is owned is what was owned, moved by the fills and their fees; and nothing is ever below zero."""
    opening = {USD: Decimal(10_000), BASE: Decimal(2)}
    venue = a_simulated_venue(a_path(*bars), settings=a_simulation(fills=model), opening=opening)
    scenario(venue)

    venue.pass_bars(len(bars))

    fills, balances = venue.exchange.fills(EVER), venue.exchange.balances()
    signed = [(1 if fill.side is Side.BUY else -1, fill) for fill in fills]
    assert opening[USD] - sum(sign * fill.notional + fill.fee for sign, fill in signed) == balances[USD].total
    assert opening[BASE] + sum(sign * fill.quantity for sign, fill in signed) == balances[BASE].total
    assert all(balance.available >= 0 and balance.hold >= 0 for balance in balances.values())


@given(st.lists(BARS, min_size=1, max_size=12), st.integers(0, 12), MODELS)
def test_lagging_view_is_the_view_of_then(bars: list[Bar], then: int, model: Any) -> None:
    """What a venue with a lag shows now is what the same venue without one showed that long ago."""
    path, opening = a_path(*bars), {USD: Decimal(10_000), BASE: Decimal(2)}
    prompt = a_simulated_venue(path, settings=a_simulation(fills=model), opening=opening)
    lag = STEP * then
    late = a_simulated_venue(path, settings=a_simulation(fills=model, visibility_lag_seconds=lag), opening=opening)
    for venue in (prompt, late):
        scenario(venue)
    prompt.pass_bars(len(bars))
    late.pass_bars(len(bars) + then)

    assert everything(prompt)[:2] == everything(late)[:2]
    assert holdings(prompt) == holdings(late)


def holdings(venue: Venue) -> dict[Any, Any]:
    """Balances without those of nothing: a wallet that was emptied and one that never was are the same."""
    return {asset: balance for asset, balance in venue.exchange.balances().items() if balance.total}


def test_same_account_has_the_same_ids_in_every_run() -> None:
    """Order and trade ids follow from the intents."""
    runs = []
    for _ in range(2):
        venue = a_simulated_venue(a_path(Bar(low=94.0)))
        venue.exchange.submit(a_protected_intent())
        venue.pass_bars()
        runs.append(everything(venue))

    assert runs[0] == runs[1]
    assert 4 == len({fill.trade_id for fill in runs[0][1]} | {order.venue_order_id for order in runs[0][0]})


def test_increments_of_an_order_are_those_of_when_it_was_placed() -> None:
    """Matching needs no metadata, so a product that vanishes does not strand its orders."""
    accounts = InMemorySimAccountStore[SimAccount]()
    first = a_simulated_venue(a_path(Bar(low=99.0, volume=12.345)), accounts=accounts)
    first.exchange.submit(an_intent())
    second = a_simulated_venue(
        a_path(Bar(low=99.0, volume=12.345)),
        accounts=accounts,
        product=replace(a_product(), base_increment=Quantity(1)),
    )
    second.pass_bars()

    assert [Quantity("1.234")] == [fill.quantity for fill in second.exchange.fills(EVER)]


def test_market_without_the_product_is_no_market() -> None:
    """Candles alone do not make a product tradable."""
    clock = a_simulated_venue().clock
    market = CandleMarket([], {("SOL-USD", Granularity.FIVE_MINUTE): a_path(Bar())}, a_simulation(), clock)  # type: ignore[dict-item]
    exchange = SimulatedExchange(
        market, market, a_simulation(), clock, InMemorySimAccountStore(), opening={USD: Decimal(10_000)}
    )

    assert Rejected("INVALID_PRODUCT_ID") == exchange.submit(an_intent())


@pytest.mark.parametrize(
    "changes",
    [
        {"configuration": OrderConfiguration.keep("PEGGED_GTC")},
        {"status": OrderStatus.keep("PARKED")},
    ],
)
def test_order_of_a_newer_release_rests_as_it_is(changes: dict[str, Any]) -> None:
    """Nobody here knows how the venue would work it: it keeps its hold, fills nothing and does not expire."""
    store = InMemorySimAccountStore[SimAccount]()
    venue = a_simulated_venue(a_path(*[Bar(low=90.0, high=120.0)] * 4), accounts=store)
    order_id = venue.accepted(venue.exchange.submit(an_intent()))
    account = store.load()
    assert account is not None
    newer = replace(account.active[order_id], **changes)
    store.save(replace(account, active={order_id: newer}), replaces=account)

    venue.pass_bars(4)
    held = venue.money(USD)[1]
    after = store.load()

    assert after is not None
    assert (newer, ()) == (after.active[order_id], venue.exchange.fills(EVER))
    assert held > 0
