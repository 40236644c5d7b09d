"""The venue and the simulator of the backtest are two books over one set of matching rules: they come to the same.

Orders of the kinds the core sends go into both, in the same order, on the same bars; after every step money, order
states and fills are compared. No sockets: this is about the matching.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from desk.in_memory import ManualClock
from desk.sandbox.configurations import read_configuration, read_request
from desk.sandbox.reasons import OrderRefused
from desk.sandbox.venue import Venue
from desk.sandbox.venue_clock import END_OF_TIME
from factories_venue import (
    BASE,
    START,
    STEP,
    USD,
    Bar,
    a_bracket,
    a_limit,
    a_path,
    a_protected_intent,
    a_simulated_venue,
    a_stop_limit,
    a_taker,
    an_intent,
)
from factories_venue import Venue as Simulated
from trader.adapters.coinbase.wire.requests import encode_order
from trader.model.ids import ClientOrderId, Instant
from trader.model.money import Price, Quantity
from trader.model.orders import Accepted, OrderConfiguration, OrderIntent, Rejected, Side
from unit.desk.sandbox.venues import a_venue

OPENING = {USD: Decimal(2_000), BASE: Decimal(8)}

CENTS = st.integers(9_300, 10_700).map(lambda cents: cents / 100)
BARS = st.builds(
    lambda opened, close, up, down, volume: Bar(
        open=opened,
        close=close,
        high=round(max(opened, close) + up, 2),
        low=round(min(opened, close) - down, 2),
        volume=volume,
    ),
    CENTS,
    CENTS,
    st.sampled_from([0.0, 0.5, 3.0]),
    st.sampled_from([0.0, 0.5, 3.0]),
    st.sampled_from([5.0, 40.0, 1000.0]),
)
PRICES = st.integers(9_300, 10_700).map(lambda cents: Price(Decimal(cents) / 100))
SIZES = st.integers(500, 6_000).map(lambda thousandths: Quantity(Decimal(thousandths) / 1000))
SIDES = st.sampled_from(list(Side))
ORDERS = st.one_of(
    st.builds(lambda price, size, side: ("rest", price, size, side), PRICES, SIZES, SIDES),
    st.builds(lambda price, size: ("protected", price, size, Side.BUY), PRICES, SIZES),
    st.builds(lambda price, size, side: ("take", price, size, side), PRICES, SIZES, SIDES),
    st.builds(lambda price, size: ("bracket", price, size, Side.SELL), PRICES, SIZES),
    st.builds(lambda price, size: ("stop", price, size, Side.SELL), PRICES, SIZES),
    st.builds(lambda price, size, side: ("limit", price, size, side), PRICES, SIZES, SIDES),
    st.builds(lambda price, size, side: ("maker", price, size, side), PRICES, SIZES, SIDES),
    st.just(("cancel", None, None, None)),
)


def intent_of(name: str, kind: str, price: Price, size: Quantity, side: Side, now: Instant) -> OrderIntent:
    """An order of one of the kinds there are."""
    plain_words: dict[str, Any] = {"limit_price": price, "quantity": size, "side": side}
    if kind == "take":
        return a_taker(name, **plain_words)
    if kind == "bracket":
        return a_bracket(name, stop=str(price - 5), target=str(price + 5), quantity=size)
    if kind == "stop":
        return a_stop_limit(name, stop=str(price - 1), limit=str(price - 2), quantity=size)
    if kind in {"limit", "maker"}:
        chosen = OrderConfiguration.LIMIT_GTC if kind == "limit" else OrderConfiguration.POST_ONLY_GTC
        return a_limit(name, **{**plain_words, "configuration": chosen})
    expires = Instant(now + 2 * STEP)
    if kind == "protected":
        return a_protected_intent(name, str(price - 4), str(price + 4), expires_at=expires, **plain_words)
    return an_intent(name, expires_at=expires, **plain_words)


def body_of(intent: OrderIntent) -> dict[str, Any]:
    """The same as a body of POST /orders."""
    body: dict[str, Any] = json.loads(encode_order(intent))
    return body


def placed(venue: Venue, intent: OrderIntent) -> str:
    """What the venue answers: nothing if it took the order, else its reason."""
    body = body_of(intent)
    venue.advance()
    try:
        venue.create(read_request(body, read_configuration(body)))
    except OrderRefused as refused:
        return refused.reason
    return ""


def cancelled(venue: Venue, simulated: Simulated, names: list[ClientOrderId]) -> None:
    """Cancel the newest order of the test on both sides."""
    venue.advance()
    name = names[-1]
    order = venue.known(name)
    assert order is not None
    venue.cancel(order.order_id)
    simulated.exchange.cancel(
        [each.venue_order_id for each in simulated.exchange.orders(Instant(0)) if each.client_order_id == name]
    )


def states(venue: Venue, simulated: Simulated) -> tuple[Any, Any]:
    """Money, fills and orders of both, in terms both have."""
    ours = simulated.exchange
    venue.advance()
    here = (
        {asset: (each.available, each.hold) for asset, each in venue.account.balances(END_OF_TIME).items()},
        sorted((e.fill.time, e.fill.side, e.fill.price, e.fill.quantity, e.fill.fee) for e in venue.account.executions),
        sorted((o.core.side, o.core.status, o.core.quantity, o.core.filled) for o in venue.account.orders.values()),
    )
    there = (
        {asset: (each.available, each.hold) for asset, each in ours.balances().items()},
        sorted((fill.time, fill.side, fill.price, fill.quantity, fill.fee) for fill in ours.fills(Instant(0))),
        sorted((o.side, o.status, o.quantity or 0, o.filled_quantity) for o in ours.orders(Instant(0))),
    )
    return here, there


@given(
    bars=st.lists(BARS, min_size=4, max_size=6), steps=st.lists(st.lists(ORDERS, max_size=3), min_size=1, max_size=5)
)
def test_same_orders_on_the_same_bars_come_to_the_same(bars: list[Bar], steps: list[list[Any]]) -> None:
    """Whatever is asked for: the same refusals, the same fills at the same fees, the same money."""
    path = a_path(*bars)
    venue, simulated = a_venue(path, opening=OPENING), a_simulated_venue(path, opening=OPENING)
    clock = venue.time.clock
    assert isinstance(clock, ManualClock)
    names: list[ClientOrderId] = []
    for number, orders in enumerate(steps):
        for index, (kind, price, size, side) in enumerate(orders):
            if kind == "cancel":
                if names:
                    cancelled(venue, simulated, names)
                continue
            intent = intent_of(f"{number}-{index}", kind, price, size, side, clock.now())
            refused, answer = placed(venue, intent), simulated.exchange.submit(intent)

            assert (Rejected(refused) if refused else True) == (answer if refused else isinstance(answer, Accepted))
            if not refused:
                names.append(intent.client_order_id)
        clock.advance(STEP)
        simulated.clock.advance(STEP)
        here, there = states(venue, simulated)

        assert there == here
    assert START + len(steps) * STEP == clock.now()
