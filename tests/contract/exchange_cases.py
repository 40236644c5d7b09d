"""What any venue must do, as cases. A class that provides ``open_venue`` runs them through its implementation.

Numbers are those of a venue with spread 10 bps (99.95 / 100.05 at 100), impact 5 bps, fees 0.6 % and 1.2 %.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

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
    a_bracket,
    a_convert,
    a_limit,
    a_path,
    a_product,
    a_protected_intent,
    a_stop_limit,
    a_taker,
    an_exit,
    an_intent,
)
from trader.errors import MissingData, VenueError, VenueProtocol
from trader.model.conversions import ConversionStatus
from trader.model.ids import Instant, ProductId, VenueOrderId
from trader.model.market import Bars, Depth, FeeRates, Granularity, split_answers
from trader.model.money import Price, Quantity
from trader.model.order_life import OrderStatus
from trader.model.orders import Accepted, Bracket, Liquidity, OrderConfiguration, OrderIntent, Rejected, Side, Unknown

OpenVenue = Callable[..., Venue]

DIP = Bar(low=99.0)
EVER = Instant(0)
NONE = ProductId("NONE-USD")
STRANGER = VenueOrderId("00000000-0000-0000-0000-000000000000")


class ExchangeCases:
    """The cases. ``open_venue`` is a fixture of the class that inherits them."""

    def test_resting_entry_fills_as_maker_once_the_price_trades_through_it(self, open_venue: OpenVenue) -> None:
        """2 at 99.90 cost 199.80 and 1.1988 of fees, at the end of the bar that fell through."""
        venue = open_venue(a_path(DIP))

        order_id = venue.accepted(venue.exchange.submit(an_intent()))
        venue.pass_bars()

        (fill,) = venue.exchange.fills(EVER)
        assert (order_id, Price("99.90"), Quantity(2), Decimal("1.1988"), Liquidity.MAKER, START + STEP) == (
            fill.venue_order_id,
            fill.price,
            fill.quantity,
            fill.fee,
            fill.liquidity,
            fill.time,
        )
        assert OrderStatus.FILLED == venue.order(order_id).status
        assert (Decimal("9799.0012"), Decimal(0)) == venue.money(USD)

    def test_post_only_that_would_cross_is_rejected_and_never_takes(self, open_venue: OpenVenue) -> None:
        """Accident 18: the flag is honoured; at the ask nothing is bought, not even as a taker."""
        venue = open_venue(a_path(DIP))

        submission = venue.exchange.submit(an_intent(limit_price=Price("100.05")))

        assert Rejected("INVALID_LIMIT_PRICE_POST_ONLY") == submission
        assert [] == list(venue.exchange.fills(EVER))
        assert (Decimal(10_000), Decimal(0)) == venue.money(USD)

    def test_same_client_id_again_is_the_same_order(self, open_venue: OpenVenue) -> None:
        """The second request differs, is not taken for a new order, and changes nothing.

        The venue answers with the first order; an adapter that reads it back sees that it is not what was sent.
        """
        venue = open_venue()

        first = venue.exchange.submit(an_intent())
        second = venue.exchange.submit(an_intent(quantity=Quantity(7), side=Side.SELL))

        assert second == first or isinstance(second, Unknown)
        assert [Quantity(2)] == [order.quantity for order in venue.exchange.orders(EVER)]

    def test_same_client_id_is_the_same_order_after_it_is_over(self, open_venue: OpenVenue) -> None:
        """An id is burned for good by an order that was taken."""
        venue = open_venue()
        order_id = venue.accepted(venue.exchange.submit(a_taker()))

        again = venue.exchange.submit(a_taker())

        assert order_id == venue.accepted(again)
        assert 1 == len(venue.exchange.fills(EVER))

    def test_working_buy_holds_its_value_and_fee(self, open_venue: OpenVenue) -> None:
        """199.80 and 0.6 % of it are set aside until it fills or ends."""
        venue = open_venue()

        order_id = venue.accepted(venue.exchange.submit(an_intent()))
        held = venue.money(USD)
        venue.exchange.cancel([order_id])

        assert (Decimal("9799.0012"), Decimal("200.9988")) == held
        assert (Decimal(10_000), Decimal(0)) == venue.money(USD)

    def test_buy_beyond_the_funds_is_rejected(self, open_venue: OpenVenue) -> None:
        """The fee counts: 99.90 are not enough for one at 99.90."""
        venue = open_venue(opening={USD: Decimal("99.90")})

        submission = venue.exchange.submit(an_intent(quantity=Quantity(1)))

        assert Rejected("INSUFFICIENT_FUND") == submission

    def test_order_that_was_rejected_leaves_its_id_free(self, open_venue: OpenVenue) -> None:
        """Nothing of a rejected order exists, so the same intent may be taken later."""
        venue = open_venue(a_path(Bar(), Bar(open=99.0), Bar(open=100.0)))
        venue.pass_bars()
        refused = venue.exchange.submit(an_intent())
        venue.pass_bars()
        venue.clock.advance(1)

        taken = venue.exchange.submit(an_intent(expires_at=Instant(START + 5 * STEP)))

        assert isinstance(refused, Rejected)
        assert isinstance(taken, Accepted)

    def test_good_till_date_order_expires_by_itself(self, open_venue: OpenVenue) -> None:
        """After its second bar nothing is left of it, neither order nor hold."""
        venue = open_venue(a_path(Bar(), Bar(), DIP))
        order_id = venue.accepted(venue.exchange.submit(an_intent()))

        venue.pass_bars(3)

        assert OrderStatus.EXPIRED == venue.order(order_id).status
        assert (Decimal(10_000), Decimal(0)) == venue.money(USD)

    def test_expired_order_keeps_what_it_filled(self, open_venue: OpenVenue) -> None:
        """A tenth of a bar of 15 units is 1.5; the rest dies with the date."""
        venue = open_venue(a_path(Bar(low=99.0, volume=15.0), Bar()))
        order_id = venue.accepted(venue.exchange.submit(an_intent()))

        venue.pass_bars(2)

        order = venue.order(order_id)
        assert (OrderStatus.EXPIRED, Quantity("1.5")) == (order.status, order.filled_quantity)
        assert (Decimal("1.5"), Decimal(0)) == venue.money(BASE)

    def test_cancelled_order_fills_no_more(self, open_venue: OpenVenue) -> None:
        """The bar after the cancellation falls through the limit, and nothing happens."""
        venue = open_venue(a_path(DIP))
        order_id = venue.accepted(venue.exchange.submit(an_intent()))

        answer = venue.exchange.cancel([order_id])
        venue.pass_bars()

        assert {order_id: True} == dict(answer)
        assert OrderStatus.CANCELLED == venue.order(order_id).status
        assert [] == list(venue.exchange.fills(EVER))

    def test_cancelling_what_is_over_or_unknown_is_refused(self, open_venue: OpenVenue) -> None:
        """The answer is per order, and an error for one is no error for the call."""
        venue = open_venue()
        done = venue.accepted(venue.exchange.submit(a_taker()))

        answer = venue.exchange.cancel([done, STRANGER])

        assert {done: False, STRANGER: False} == dict(answer)

    def test_immediate_order_pays_the_ask_the_impact_and_the_taker_fee(self, open_venue: OpenVenue) -> None:
        """100.05 and 5 bps are 100.11 on the grid of 0.01; the fee is 1.2 % of it."""
        venue = open_venue()

        order_id = venue.accepted(venue.exchange.submit(a_taker()))

        (fill,) = venue.exchange.fills(EVER)
        assert (Price("100.11"), Quantity(2), Decimal("2.40264"), Liquidity.TAKER) == (
            fill.price,
            fill.quantity,
            fill.fee,
            fill.liquidity,
        )
        assert OrderStatus.FILLED == venue.order(order_id).status

    def test_immediate_order_never_pays_more_than_its_limit(self, open_venue: OpenVenue) -> None:
        """With a limit at the ask the impact is not paid."""
        venue = open_venue()

        venue.exchange.submit(a_taker(limit_price=Price("100.05")))

        assert [Price("100.05")] == [fill.price for fill in venue.exchange.fills(EVER)]

    def test_immediate_order_out_of_reach_is_cancelled(self, open_venue: OpenVenue) -> None:
        """It was taken, so it exists; it just bought nothing."""
        venue = open_venue()

        order_id = venue.accepted(venue.exchange.submit(a_taker(limit_price=Price(100))))

        order = venue.order(order_id)
        assert (OrderStatus.CANCELLED, Quantity(0)) == (order.status, order.filled_quantity)
        assert (Decimal(10_000), Decimal(0)) == venue.money(USD)

    def test_immediate_order_takes_what_the_book_shows_and_cancels_the_rest(self, open_venue: OpenVenue) -> None:
        """Nearly 120,000 rest on each side, on levels of whole increments, which at 100.05 is 1199.399 units."""
        venue = open_venue(opening={USD: Decimal(1_000_000)})

        order_id = venue.accepted(venue.exchange.submit(a_taker(quantity=Quantity(2000))))

        order = venue.order(order_id)
        assert (OrderStatus.CANCELLED, Quantity("1199.399")) == (order.status, order.filled_quantity)

    def test_attached_bracket_is_born_with_the_first_fill(self, open_venue: OpenVenue) -> None:
        """It has the size that was bought, knows its parent, and holds the base."""
        venue = open_venue(a_path(Bar(low=99.0, volume=15.0)))
        parent = venue.accepted(venue.exchange.submit(a_protected_intent()))
        before = [order.venue_order_id for order in venue.exchange.orders(EVER)]

        venue.pass_bars()

        child_id = venue.order(parent).attached_order_id
        assert child_id is not None
        child = venue.order(child_id)
        assert [parent] == before
        assert (parent, Side.SELL, OrderStatus.OPEN, Quantity("1.5"), Price(95), Price(110)) == (
            child.originating_order_id,
            child.side,
            child.status,
            child.quantity,
            child.stop_price,
            child.limit_price,
        )
        assert (Decimal(0), Decimal("1.5")) == venue.money(BASE)

    def test_attached_bracket_outlives_the_cancellation_of_its_parent(self, open_venue: OpenVenue) -> None:
        """What was bought stays protected."""
        venue = open_venue(a_path(Bar(low=99.0, volume=15.0), Bar(low=94.0)))
        parent = venue.accepted(venue.exchange.submit(a_protected_intent()))
        venue.pass_bars()

        venue.exchange.cancel([parent])
        venue.pass_bars()

        assert [Side.BUY, Side.SELL] == [fill.side for fill in venue.exchange.fills(EVER)]
        assert (Decimal(0), Decimal(0)) == venue.money(BASE)

    def test_cancelled_entry_without_fills_leaves_no_bracket(self, open_venue: OpenVenue) -> None:
        """There is nothing to protect, and no order to find."""
        venue = open_venue()
        parent = venue.accepted(venue.exchange.submit(a_protected_intent()))

        venue.exchange.cancel([parent])

        assert [parent] == [order.venue_order_id for order in venue.exchange.orders(EVER)]

    def test_stop_sells_as_a_taker_below_its_trigger(self, open_venue: OpenVenue) -> None:
        """95 less half the spread and the impact, 10 bps together, is 94.90 on the grid."""
        venue = open_venue(a_path(DIP, Bar(low=94.0)))
        venue.exchange.submit(a_protected_intent())

        venue.pass_bars(2)

        stop = venue.exchange.fills(EVER)[-1]
        assert (Side.SELL, Price("94.90"), Quantity(2), Liquidity.TAKER) == (
            stop.side,
            stop.price,
            stop.quantity,
            stop.liquidity,
        )

    def test_stop_is_a_limit_that_a_gap_of_more_than_five_percent_leaves_unfilled(self, open_venue: OpenVenue) -> None:
        """Accident 54: opened at 90, the order rests at 90.25 and holds its base until the price is back."""
        path = a_path(Bar(), Bar(open=90.0, low=60.0, close=61.0), Bar(open=61.0), Bar(open=61.0, high=90.26))
        venue = open_venue(path, opening={BASE: Decimal(2)})
        order_id = venue.accepted(venue.exchange.submit(a_bracket()))

        venue.pass_bars(3)
        resting, held = venue.order(order_id), venue.money(BASE)
        venue.pass_bars()

        assert (OrderStatus.OPEN, Quantity(0), (Decimal(0), Decimal(2))) == (
            resting.status,
            resting.filled_quantity,
            held,
        )
        (fill,) = venue.exchange.fills(EVER)
        assert (Price("90.25"), Quantity(2), Liquidity.MAKER) == (fill.price, fill.quantity, fill.liquidity)

    def test_stop_sells_a_share_of_each_bar_and_the_rest_at_the_next_open(self, open_venue: OpenVenue) -> None:
        """0.3 of 3 units traded, 0.5 of 5; then all there is. Its target of 110 is void."""
        path = a_path(Bar(low=94.0, close=94.0, volume=3.0), Bar(open=94.0, high=120.0, volume=5.0), Bar(open=90.3))
        venue = open_venue(path, opening={BASE: Decimal(2)})
        order_id = venue.accepted(venue.exchange.submit(a_bracket()))

        venue.pass_bars(3)

        assert [
            (Price("94.90"), Quantity("0.3")),
            (Price("93.90"), Quantity("0.5")),
            (Price("90.25"), Quantity("1.2")),
        ] == [(fill.price, fill.quantity) for fill in venue.exchange.fills(EVER)]
        assert {Liquidity.TAKER} == {fill.liquidity for fill in venue.exchange.fills(EVER)}
        assert OrderStatus.FILLED == venue.order(order_id).status

    def test_entry_and_its_stop_in_one_bar_keep_to_the_volume(self, open_venue: OpenVenue) -> None:
        """Half a unit is bought and sold again by a bar of 5 that falls to 94; the rest of the entry is cancelled."""
        venue = open_venue(a_path(Bar(low=94.0, volume=5.0), Bar(low=94.0)))
        parent = venue.accepted(venue.exchange.submit(a_protected_intent()))

        venue.pass_bars(2)

        assert [(Side.BUY, Quantity("0.5")), (Side.SELL, Quantity("0.5"))] == [
            (fill.side, fill.quantity) for fill in venue.exchange.fills(EVER)
        ]
        assert OrderStatus.CANCELLED == venue.order(parent).status

    def test_entry_through_a_gap_leaves_its_stop_on_the_book(self, open_venue: OpenVenue) -> None:
        """Bought at 99.90 by a bar that opened at 80: the bracket rests at 90.25."""
        venue = open_venue(a_path(Bar(), Bar(open=80.0), Bar(open=80.0)))
        expires = Instant(START + 4 * STEP)
        parent = venue.accepted(venue.exchange.submit(a_protected_intent(expires_at=expires)))

        venue.pass_bars(3)

        child = venue.order(parent).attached_order_id
        assert child is not None
        assert [Side.BUY] == [fill.side for fill in venue.exchange.fills(EVER)]
        assert OrderStatus.OPEN == venue.order(child).status

    def test_stop_limit_protects_what_has_no_target(self, open_venue: OpenVenue) -> None:
        """It waits above its stop whatever the high, then sells down to its limit."""
        path = a_path(Bar(high=150.0), Bar(low=94.0, close=94.0, volume=3.0), Bar(open=94.0))
        venue = open_venue(path, opening={BASE: Decimal(2)})
        order_id = venue.accepted(venue.exchange.submit(a_stop_limit()))

        venue.pass_bars()
        waiting = venue.order(order_id)
        venue.pass_bars(2)

        assert (OrderStatus.OPEN, Price(95), Price("90.25")) == (
            waiting.status,
            waiting.stop_price,
            waiting.limit_price,
        )
        assert [(Price("94.90"), Quantity("0.3")), (Price("93.90"), Quantity("1.7"))] == [
            (fill.price, fill.quantity) for fill in venue.exchange.fills(EVER)
        ]

    def test_limit_till_cancelled_takes_on_arrival_and_rests_with_what_is_left(self, open_venue: OpenVenue) -> None:
        """A sale below the bid takes what the book shows; one above it rests and sells as a maker."""
        venue = open_venue(a_path(Bar(high=101.5)), opening={BASE: Decimal(4)})
        taking = venue.accepted(venue.exchange.submit(a_limit("taking", "99")))
        resting = venue.accepted(venue.exchange.submit(a_limit("resting", "101")))

        venue.pass_bars()

        fills = {fill.venue_order_id: fill for fill in venue.exchange.fills(EVER)}
        assert (Price("99.90"), Liquidity.TAKER, START) == (
            fills[taking].price,
            fills[taking].liquidity,
            fills[taking].time,
        )
        assert (Price(101), Liquidity.MAKER) == (fills[resting].price, fills[resting].liquidity)

    def test_post_only_till_cancelled_outlives_its_bar(self, open_venue: OpenVenue) -> None:
        """It has no date, and is refused if it would take."""
        kind = OrderConfiguration.POST_ONLY_GTC
        venue = open_venue(a_path(*[Bar()] * 4, Bar(high=102.0)), opening={BASE: Decimal(2)})

        refused = venue.exchange.submit(a_limit("crossing", "99.95", configuration=kind))
        order_id = venue.accepted(venue.exchange.submit(a_limit(configuration=kind)))
        venue.pass_bars(4)
        waiting = venue.order(order_id)
        venue.pass_bars()

        assert Rejected("INVALID_LIMIT_PRICE_POST_ONLY") == refused
        assert OrderStatus.OPEN == waiting.status
        assert [Liquidity.MAKER] == [fill.liquidity for fill in venue.exchange.fills(EVER)]

    @pytest.mark.parametrize("mode", ["post_only", "limit_only"])
    def test_modes_take_what_protects(self, open_venue: OpenVenue, mode: str) -> None:
        """Post-only refuses what may take; limit-only refuses nothing of ours."""
        venue = open_venue(product=a_product(SOL, **{mode: True}), opening={BASE: Decimal(10), USD: Decimal(1000)})

        answers = [
            venue.exchange.submit(intent)
            for intent in (
                an_intent(),
                a_limit("maker", configuration=OrderConfiguration.POST_ONLY_GTC),
                a_bracket(),
                a_stop_limit(),
                a_limit(),
                an_exit(),
            )
        ]

        refused = [] if mode == "limit_only" else [Rejected("NOT_ALLOWED_BY_MARKET_STATE")] * 2
        assert refused == [answer for answer in answers if not isinstance(answer, Accepted)]
        assert refused == [answer for answer in answers[4:] if not isinstance(answer, Accepted)]

    def test_target_sells_as_a_maker_at_its_limit(self, open_venue: OpenVenue) -> None:
        """The bar trades above 110, the fill is at 110."""
        venue = open_venue(a_path(DIP, Bar(high=111.0)))
        venue.exchange.submit(a_protected_intent())

        venue.pass_bars(2)

        target = venue.exchange.fills(EVER)[-1]
        assert (Side.SELL, Price(110), Quantity(2), Liquidity.MAKER) == (
            target.side,
            target.price,
            target.quantity,
            target.liquidity,
        )

    def test_exit_of_what_a_bracket_holds_is_rejected(self, open_venue: OpenVenue) -> None:
        """The bracket has to be cancelled first; then the exit goes through."""
        venue = open_venue(a_path(DIP))
        parent = venue.accepted(venue.exchange.submit(a_protected_intent()))
        venue.pass_bars()
        bracket = venue.order(parent).attached_order_id
        assert bracket is not None

        refused = venue.exchange.submit(an_exit("exit-1"))
        venue.exchange.cancel([bracket])
        taken = venue.exchange.submit(an_exit("exit-2"))

        assert Rejected("INSUFFICIENT_FUND") == refused
        assert isinstance(taken, Accepted)
        assert (Decimal(0), Decimal(0)) == venue.money(BASE)

    def test_separate_bracket_protects_what_is_held(self, open_venue: OpenVenue) -> None:
        """It rests, holds the base, and sells at its stop."""
        venue = open_venue(a_path(Bar(low=94.0)), opening={BASE: Decimal(2)})

        order_id = venue.accepted(venue.exchange.submit(a_bracket()))
        held = venue.money(BASE)
        venue.pass_bars()

        assert (Decimal(0), Decimal(2)) == held
        assert OrderStatus.FILLED == venue.order(order_id).status

    @pytest.mark.parametrize(
        ("intent", "reason"),
        [
            (an_intent(quantity=Quantity("2.0001")), "INVALID_SIZE_PRECISION"),
            (an_intent(limit_price=Price("99.901")), "INVALID_PRICE_PRECISION"),
            (an_intent(quantity=Quantity("0.001")), "INVALID_BASE_SIZE_TOO_SMALL"),
            (an_intent(quantity=Quantity("0.005")), "INVALID_QUOTE_SIZE_TOO_SMALL"),
            (an_intent(quantity=Quantity(100_001)), "INVALID_BASE_SIZE_TOO_LARGE"),
            (an_intent(quantity=Quantity(20_000)), "INVALID_QUOTE_SIZE_TOO_LARGE"),
            (an_intent(product_id=ProductId("NONE-USD")), "INVALID_PRODUCT_ID"),
            (an_intent(expires_at=START), "END_TIME_IS_IN_THE_PAST"),
            (an_intent(bracket=Bracket(Price(101), Price(110)), attach_bracket=True), "INVALID_BRACKET_PRICES"),
            (a_bracket(stop="100"), "STOP_PRICE_ABOVE_LAST_TRADE_PRICE"),
            (a_stop_limit(stop="99.95"), "STOP_PRICE_ABOVE_LAST_TRADE_PRICE"),
            (a_stop_limit(limit="95"), "STOP_PRICE_BELOW_LIMIT_PRICE"),
            (a_stop_limit(limit="96"), "STOP_PRICE_BELOW_LIMIT_PRICE"),
            (a_stop_limit(stop="95.001"), "INVALID_STOP_PRICE_PRECISION"),
            (a_stop_limit(), "INSUFFICIENT_FUND"),
            (a_limit(), "INSUFFICIENT_FUND"),
            (an_exit(), "INSUFFICIENT_FUND"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_order_the_venue_cannot_take_is_rejected_with_its_reason(
        self, open_venue: OpenVenue, intent: OrderIntent, reason: str
    ) -> None:
        """Nothing of it exists afterwards."""
        venue = open_venue()

        submission = venue.exchange.submit(intent)

        assert Rejected(reason) == submission
        assert [] == list(venue.exchange.orders(EVER))

    @pytest.mark.parametrize(
        ("gate", "reason"),
        [
            ("is_disabled", "ORDER_ENTRY_DISABLED"),
            ("cancel_only", "ORDER_ENTRY_DISABLED"),
            ("view_only", "ORDER_ENTRY_DISABLED"),
            ("in_auction", "ORDER_ENTRY_DISABLED"),
            ("trading_disabled", "TRADING_DISABLED"),
        ],
    )
    def test_closed_gate_keeps_every_order_out(self, open_venue: OpenVenue, gate: str, reason: str) -> None:
        """Whatever the flag is called, nothing may be placed."""
        venue = open_venue(product=a_product(SOL, **{gate: True}))

        intents = (an_intent(), a_bracket(), a_stop_limit(), a_limit(), an_exit())
        assert {Rejected(reason)} == {venue.exchange.submit(intent) for intent in intents}

    def test_orders_and_fills_are_listed_from_an_instant_on(self, open_venue: OpenVenue) -> None:
        """What was created or executed before is left out."""
        venue = open_venue(a_path(Bar(), Bar()))
        venue.exchange.submit(a_taker("first"))
        later = venue.pass_bars()
        second = venue.accepted(venue.exchange.submit(a_taker("second")))

        assert [second] == [order.venue_order_id for order in venue.exchange.orders(later)]
        assert [second] == [fill.venue_order_id for fill in venue.exchange.fills(later)]

    def test_conversion_moves_money_when_it_is_committed(self, open_venue: OpenVenue) -> None:
        """The quote moves nothing; the commit moves all of it, one to one."""
        venue, intent = open_venue(), a_convert()

        name = venue.exchange.quote_conversion(intent)
        quoted, before = venue.exchange.read_conversion(name, intent), venue.money(USDC)
        venue.exchange.commit_conversion(name, intent)
        done = venue.exchange.read_conversion(name, intent)

        assert (ConversionStatus.QUOTED, Decimal(0)) == (quoted.status, before[0])
        assert (ConversionStatus.COMPLETED, Decimal(100)) == (done.status, done.received)
        assert (Decimal(9_900), Decimal(100)) == (venue.money(USD)[0], venue.money(USDC)[0])

    def test_conversion_committed_twice_moves_money_once(self, open_venue: OpenVenue) -> None:
        """The second commit is refused: it must not be retried blindly."""
        venue, intent = open_venue(), a_convert()
        name = venue.exchange.quote_conversion(intent)
        venue.exchange.commit_conversion(name, intent)

        with pytest.raises(VenueProtocol):
            venue.exchange.commit_conversion(name, intent)

        assert (Decimal(9_900), Decimal(100)) == (venue.money(USD)[0], venue.money(USDC)[0])

    def test_other_door_to_the_same_book_pays_in_its_own_quote(self, open_venue: OpenVenue) -> None:
        """SOL-USDC trades at the prices of SOL-USD and takes USDC."""
        venue = open_venue(opening={USDC: Decimal(1000)})

        venue.exchange.submit(a_taker(product_id=SOL_USDC, quote=USDC))

        assert [(SOL_USDC, Price("100.11"))] == [(f.product_id, f.price) for f in venue.exchange.fills(EVER)]
        assert Decimal("797.37736") == venue.money(USDC)[0]

    def test_account_is_what_balances_and_orders_say(self, open_venue: OpenVenue) -> None:
        """From an instant on, of the orders; without one there are none."""
        venue = open_venue(a_path(Bar(), Bar()))
        venue.exchange.submit(a_taker("first"))
        later = venue.pass_bars()
        second = venue.accepted(venue.exchange.submit(an_intent("second")))

        listing, wallets = venue.exchange.account(later), venue.exchange.account(None)

        assert venue.exchange.balances() == listing.balances == wallets.balances
        assert [second] == [order.venue_order_id for order in listing.orders]
        assert [] == list(wallets.orders)

    def test_known_orders_are_read_whatever_their_age(self, open_venue: OpenVenue) -> None:
        """By the venue's ids, beside what is new; one that the venue does not know is left out."""
        venue = open_venue(a_path(Bar(), Bar(), Bar()))
        old = venue.accepted(venue.exchange.submit(an_intent("old")))
        venue.exchange.submit(an_intent("older still"))
        later = venue.pass_bars()
        new = venue.accepted(venue.exchange.submit(an_intent("new")))

        orders = venue.exchange.account(later, [old, STRANGER, new, old]).orders

        assert {old, new} == {order.venue_order_id for order in orders}

    def test_order_is_reported_by_its_id_as_in_the_listing(self, open_venue: OpenVenue) -> None:
        """Working, filled, and the bracket that was born from it."""
        venue = open_venue(a_path(DIP))
        parent = venue.accepted(venue.exchange.submit(a_protected_intent()))
        working = venue.exchange.order(parent)
        venue.pass_bars()

        filled = venue.exchange.order(parent)

        assert filled.attached_order_id is not None
        assert (OrderStatus.OPEN, OrderStatus.FILLED) == (working.status, filled.status)
        assert venue.order(parent) == filled
        assert venue.order(filled.attached_order_id) == venue.exchange.order(filled.attached_order_id)

    def test_order_that_nobody_knows_is_an_error(self, open_venue: OpenVenue) -> None:
        """And says which one."""
        venue = open_venue()

        with pytest.raises(VenueError, match=STRANGER):
            venue.exchange.order(STRANGER)

    def test_fills_of_an_order_are_its_own(self, open_venue: OpenVenue) -> None:
        """However old they are; an order without any, and no order, have none."""
        venue = open_venue(a_path(Bar(), Bar()))
        first = venue.accepted(venue.exchange.submit(a_taker("first")))
        venue.pass_bars()
        second = venue.accepted(venue.exchange.submit(a_taker("second")))
        resting = venue.accepted(venue.exchange.submit(an_intent("resting", limit_price=Price("90.00"))))
        by_order = {fill.venue_order_id: fill for fill in venue.exchange.fills(EVER)}

        assert [by_order[first]] == list(venue.exchange.order_fills([first]))
        assert {first, second} == {fill.venue_order_id for fill in venue.exchange.order_fills([second, first, resting])}
        assert [] == list(venue.exchange.order_fills([resting, STRANGER]))
        assert [] == list(venue.exchange.order_fills([]))

    def test_products_are_all_or_those_asked_for(self, open_venue: OpenVenue) -> None:
        """One that the venue does not list is missing, and named."""
        venue = open_venue()

        everything, some = venue.exchange.products(), venue.exchange.products([NONE, SOL])

        assert {SOL, SOL_USDC} == set(everything)
        assert [NONE, SOL] == list(some)
        assert everything[SOL] == some[SOL]
        assert isinstance(some[NONE], MissingData)
        assert NONE in str(some[NONE])
        assert {} == venue.exchange.products([])

    def test_quote_that_does_not_exist_says_so(self, open_venue: OpenVenue) -> None:
        """The others are answered."""
        venue = open_venue()

        quotes, causes = split_answers(venue.exchange.quotes([SOL, NONE]))

        assert {SOL: (Price("99.95"), Price("100.05"))} == {key: (q.bid, q.ask) for key, q in quotes.items()}
        assert [NONE] == list(causes)
        assert NONE in causes[NONE]

    def test_depth_that_does_not_exist_says_so(self, open_venue: OpenVenue) -> None:
        """The others are answered."""
        venue = open_venue()

        depth = venue.exchange.depth([NONE, SOL], Decimal(20))

        assert {NONE: MissingData, SOL: Depth} == {product_id: type(each) for product_id, each in depth.items()}

    def test_bars_that_do_not_exist_say_so(self, open_venue: OpenVenue) -> None:
        """The others are answered."""
        venue = open_venue()

        bars = venue.exchange.bars([NONE, SOL], Granularity.FIVE_MINUTE, 5, START)

        assert {NONE: MissingData, SOL: Bars} == {product_id: type(each) for product_id, each in bars.items()}

    def test_fee_rates_are_those_that_are_charged(self, open_venue: OpenVenue) -> None:
        """0.6 % and 1.2 %."""
        venue = open_venue()

        assert FeeRates(Decimal("0.006"), Decimal("0.012")) == venue.exchange.fee_rates()
