"""The simulated venue makes up no money and loses none, whatever the market does and whatever is sent to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

from hypothesis import event, example, given
from hypothesis import strategies as st

from factories_venue import (
    BASE,
    SOL,
    SOL_USDC,
    START,
    STEP,
    USD,
    USDC,
    Bar,
    Venue,
    a_convert,
    a_path,
    a_simulated_venue,
    a_simulation,
    an_intent,
)
from trader.errors import VenueProtocol
from trader.model.ids import Asset, ClientOrderId, Instant
from trader.model.money import Price, Quantity, limit_of_stop
from trader.model.orders import Accepted, Bracket, Fill, OrderConfiguration, OrderIntent, OrderStatusReport, Side
from trader.settings.app import FillModel
from trader.sim.archive import RECENT_SECONDS

EVER = Instant(0)
OPENING = {USD: Decimal("10000.01"), USDC: Decimal(500), BASE: Decimal("3.7")}
BARS_MAX = 12


@dataclass(frozen=True)
class Script:
    """A market, and what is done on it: the number of an action and two numbers for it, one after the other."""

    bars: tuple[Bar, ...]
    model: FillModel
    lag_seconds: int
    deeds: tuple[tuple[int, int, int], ...]

    def venue(self, recent_seconds: int = RECENT_SECONDS) -> Venue:
        """A venue at the beginning of the script."""
        settings = a_simulation(fills=self.model, visibility_lag_seconds=self.lag_seconds)
        path = a_path(*self.bars)
        return a_simulated_venue(path, opening=OPENING, settings=settings, recent_seconds=recent_seconds)


# Open, low and close around 100, in cents of distance; volume in units.
_CENTS = st.integers(-300, 300)
_BARS = st.builds(
    lambda opened, closed, up, down, volume: Bar(
        open=round(100 + opened / 100, 2),
        close=round(100 + closed / 100, 2),
        high=round(100 + (max(opened, closed) + up) / 100, 2),
        low=round(100 + (min(opened, closed) - down) / 100, 2),
        volume=float(volume),
    ),
    _CENTS,
    _CENTS,
    st.integers(0, 200),
    st.integers(0, 200),
    st.sampled_from((1000, 0, 5, 40)),
)
_DEEDS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 999), st.integers(0, 999)), min_size=3, max_size=12)


def scripts(*, lags: st.SearchStrategy[int] | None = None) -> st.SearchStrategy[Script]:
    """Up to a dozen bars and deeds, in every temper of the matching."""
    return st.builds(
        Script,
        bars=st.lists(_BARS, min_size=4, max_size=BARS_MAX).map(tuple),
        model=st.sampled_from(tuple(FillModel)),
        lag_seconds=st.just(0) if lags is None else lags,
        deeds=_DEEDS.map(tuple),
    )


def play(script: Script, venue: Venue) -> Sequence[OrderIntent]:
    """Do what the script says and return the intents that were accepted, one entry per acceptance."""
    accepted: list[OrderIntent] = []
    sent: list[OrderIntent] = []
    for number, (deed, first, second) in enumerate(script.deeds):
        if deed in (0, 1):
            venue.clock.advance(1 + first * STEP * 3 // 1000)
        elif deed == 2:
            states = venue.exchange.orders(EVER)
            venue.exchange.cancel([state.venue_order_id for state in states[first % 3 :: 2]])
        elif deed in (3, 9) and sent:
            # The same intent once more, or another one under its id.
            again = sent[first % len(sent)]
            again = again if second % 2 else replace(again, quantity=Quantity(1 + second), side=Side.SELL)
            accepted += [again] * isinstance(venue.exchange.submit(again), Accepted)
        elif deed == 4:
            convert(venue, first, second, number)
        else:
            intent = make_intent(first, second, number, venue.clock.now())
            sent.append(intent)
            accepted += [intent] * isinstance(venue.exchange.submit(intent), Accepted)
        check_money(venue)
    return accepted


def make_intent(first: int, second: int, number: int, now: Instant) -> OrderIntent:
    """An order out of two numbers: maker or taker buys and sells, with a stop or without one."""
    # Scrambled, as small numbers are drawn most.
    first, second = first * 67 % 1000, second * 37 % 1000 + 1
    price = Price(100 + Decimal(first - 500) / 200)
    kind = tuple(OrderConfiguration)[first % len(OrderConfiguration)]
    side = Side.SELL if kind.has_stop or second % 3 == 0 else Side.BUY
    # Of a buy, now and then as much as the money is worth, fees not thought of.
    most = Decimal(10_000) / price // Decimal("0.001") / 1000
    quantity = Decimal(second) / 200 if side is Side.SELL else most if second > 800 else Decimal(second) / 10
    intent = an_intent(
        str(number),
        product_id=SOL_USDC if second % 7 == 0 else SOL,
        quote=USDC if second % 7 == 0 else USD,
        side=side,
        configuration=kind,
        quantity=Quantity(quantity),
        limit_price=price,
        expires_at=Instant(now + 1 + first * 2) if kind is OrderConfiguration.POST_ONLY_GTD else None,
    )
    if kind is OrderConfiguration.BRACKET_GTC:
        return replace(intent, limit_price=Price("101.5"), stop_price=Price("98.5"))
    if kind is OrderConfiguration.STOP_LIMIT_GTC:
        return replace(intent, limit_price=Price("98.2"), stop_price=Price("98.5"))
    if side is Side.BUY and second % 2:
        return replace(intent, bracket=Bracket(Price("98.5"), Price("101.5")), attach_bracket=True)
    return intent


def convert(venue: Venue, first: int, second: int, number: int) -> None:
    """Convert some of one quote asset into the other; the venue may refuse."""
    source, target = (USD, USDC) if first % 2 else (USDC, USD)
    intent = a_convert(f"c{number}", str(Decimal(second + 1) / 4), source=source, target=target)
    try:
        venue.exchange.commit_conversion(venue.exchange.quote_conversion(intent), intent)
    except VenueProtocol:
        event("conversion refused")


def check_money(venue: Venue) -> None:
    """Nothing free or held is negative, and holds are what is owned less what is free."""
    for balance in venue.exchange.balances().values():
        assert balance.available >= 0
        assert balance.hold >= 0


def moved(venue: Venue) -> dict[Asset, Fraction]:
    """What the opening balances and all fills come to, in exact fractions, per asset."""
    found = {asset: Fraction(amount) for asset, amount in OPENING.items()}
    for fill in venue.exchange.fills(EVER):
        sign = 1 if fill.side is Side.BUY else -1
        quote = Asset(fill.product_id.partition("-")[2])
        found[BASE] += sign * Fraction(fill.quantity)
        found[quote] -= sign * Fraction(fill.price) * Fraction(fill.quantity) + Fraction(fill.fee)
    return found


def totals(venue: Venue) -> dict[Asset, Fraction]:
    """What the venue says we own, exactly."""
    return {asset: Fraction(balance.total) for asset, balance in venue.exchange.balances().items()}


@given(scripts())
def test_balances_are_the_opening_and_the_fills(script: Script) -> None:
    """Per asset, exactly; conversions move as much out of one quote asset as into the other."""
    venue = script.venue()
    play(script, venue)
    venue.clock.advance(BARS_MAX * STEP)

    expected, found = moved(venue), totals(venue)

    event(f"{min(len(venue.exchange.fills(EVER)), 5)} fills")
    converted = found[USDC] - expected[USDC]
    assert expected[BASE] == found[BASE]
    assert expected[USD] - converted == found[USD]
    assert (converted * 4).denominator == 1
    assert converted == 0 or any(deed == 4 for deed, _, _ in script.deeds)
    check_money(venue)


@given(scripts())
def test_no_order_fills_beyond_its_size(script: Script) -> None:
    """Fills add up to what the order says is filled, no more than it asked for, at prices within its limit."""
    venue = script.venue()
    play(script, venue)
    venue.clock.advance(BARS_MAX * STEP)
    states = {state.venue_order_id: state for state in venue.exchange.orders(EVER)}
    filled = Counter[str]()

    for fill in venue.exchange.fills(EVER):
        state = states[fill.venue_order_id]
        filled[fill.venue_order_id] += fill.quantity  # type: ignore[assignment]
        assert fill.quantity > 0
        assert fill.fee >= 0
        assert fill.side is state.side
        assert START <= fill.time <= venue.clock.now()
        assert state.limit_price is not None
        assert fill.price <= state.limit_price if fill.side is Side.BUY else is_sold_as_ordered(fill.price, state)
    for venue_order_id, state in states.items():
        assert state.quantity is not None
        assert filled[venue_order_id] == state.filled_quantity <= state.quantity


@given(scripts())
def test_trades_have_names_of_their_own_and_come_in_time_order(script: Script) -> None:
    """No two fills share an id, and none lies before the order that it belongs to."""
    venue = script.venue()
    play(script, venue)
    venue.clock.advance(BARS_MAX * STEP)
    fills = venue.exchange.fills(EVER)
    created = {state.venue_order_id: state.created_at for state in venue.exchange.orders(EVER)}

    assert len(fills) == len({fill.trade_id for fill in fills})
    assert all(created[fill.venue_order_id] <= fill.time for fill in fills)


@given(scripts())
def test_repeating_a_submission_never_makes_a_second_order(script: Script) -> None:
    """As many orders of ours as there are accepted ids, whatever was sent under them, and one bracket each at most."""
    venue = script.venue()
    accepted = play(script, venue)
    states = venue.exchange.orders(EVER)
    ours = Counter(state.client_order_id for state in states if state.originating_order_id is None)
    children = Counter(state.originating_order_id for state in states if state.originating_order_id is not None)

    assert {ClientOrderId(intent.client_order_id) for intent in accepted} == set(ours)
    assert set(ours.values()) <= {1}
    assert set(children.values()) <= {1}


@given(scripts())
def test_bracket_protects_what_its_parent_bought(script: Script) -> None:
    """It is as large as what was bought while it lived, and it ends its parent when it is done."""
    venue = script.venue()
    play(script, venue)
    states = {state.venue_order_id: state for state in venue.exchange.orders(EVER)}
    for state in states.values():
        if state.originating_order_id is not None:
            parent = states[state.originating_order_id]
            assert state.quantity is not None
            assert 0 < state.quantity <= parent.filled_quantity
            assert state.status.is_final or state.quantity == parent.filled_quantity
            assert state.filled_quantity < state.quantity or parent.status.is_final


@example(
    # What one product sells in the first bar, another buys in the second: one look finds the purchase first.
    script=Script(
        bars=(Bar(low=98.5), Bar(low=99.74), *[Bar()] * 7),
        model=FillModel.NEUTRAL,
        lag_seconds=0,
        deeds=((3, 4, 113), (0, 0, 0), (0, 0, 0), (0, 157, 5), (8, 350, 1)),
    ),
    pauses=[2, 6, 148, 300],
)
@given(scripts(), st.lists(st.integers(1, STEP), max_size=12))
def test_looking_more_often_changes_nothing(script: Script, pauses: list[int]) -> None:
    """The same clock in smaller steps, with a look after each: the same fills, orders and balances."""
    once, often = script.venue(), script.venue()
    play(script, once)
    play(script, often)

    for pause in pauses:
        often.clock.advance(pause)
        often.exchange.balances()
    once.clock.advance(sum(pauses))

    assert once.exchange.orders(EVER) == often.exchange.orders(EVER)
    assert once.exchange.fills(EVER) == often.exchange.fills(EVER)
    assert totals(once) == totals(often)


@given(scripts(lags=st.sampled_from((1, 30, 299, 300, 1000))))
def test_slow_venue_shows_a_past_that_adds_up(script: Script) -> None:
    """With a lag, what is shown is short of the latest, and still sums up: no fill without its order or its money."""
    venue = script.venue()
    play(script, venue)
    states = {state.venue_order_id: state for state in venue.exchange.orders(EVER)}
    filled = Counter[str]()
    for fill in venue.exchange.fills(EVER):
        filled[fill.venue_order_id] += fill.quantity  # type: ignore[assignment]
        assert fill.time <= venue.clock.now() - script.lag_seconds

    assert set(filled) <= set(states)
    assert all(filled[key] == state.filled_quantity for key, state in states.items())
    assert moved(venue)[BASE] == totals(venue)[BASE]


@given(scripts(lags=st.sampled_from((0, 0, 1, 300, 1000))), st.sampled_from((0, 1, STEP, 3 * STEP)))
def test_what_has_left_the_account_is_answered_as_if_it_had_not(script: Script, recent_seconds: int) -> None:
    """However soon everything moves to the archive: the same orders, fills, money and conversions, by age and by id."""
    keeper, mover = script.venue(recent_seconds=10**9), script.venue(recent_seconds=recent_seconds)
    assert play(script, keeper) == play(script, mover)
    for _ in range(3):
        assert answers(keeper) == answers(mover)
        for venue in (keeper, mover):
            venue.clock.advance(2 * STEP)


def answers(venue: Venue) -> object:
    """All that can be asked, from several instants on, and of every order and conversion."""
    exchange, now = venue.exchange, venue.clock.now()
    orders = exchange.orders(EVER)
    ids = [order.venue_order_id for order in orders]
    since = [Instant(at) for at in (START, now - 2 * STEP, now - 7, now)]
    return (
        {asset: balance for asset, balance in exchange.balances().items() if balance.total},
        orders,
        [exchange.orders(at) for at in since],
        [sorted(exchange.fills(at), key=by_id) for at in (EVER, *since)],
        [exchange.order(each) for each in ids],
        [sorted(exchange.order_fills(some), key=by_id) for some in (ids, ids[::2], *([each] for each in ids))],
        [exchange.submit(an_intent(order.client_order_id.removeprefix("t-"))) for order in orders[:3]],
    )


def by_id(fill: Fill) -> str:
    return fill.trade_id


def is_sold_as_ordered(price: Price, state: OrderStatusReport) -> bool:
    """A sale keeps to its limit; a bracket that triggered, to the limit of its stop."""
    assert state.limit_price is not None
    if state.stop_price is not None and state.stop_price < state.limit_price:
        return price >= limit_of_stop(state.stop_price, Price("0.01"))
    return price >= state.limit_price
