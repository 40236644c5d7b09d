"""One short script for each legal step, through the same operations that chance is given.

The simulator never queues an order by itself, nor an edit (we make none), and never says UNKNOWN_ORDER_STATUS; nor does
it change its mind about what is over. For those, and where its own means would lead elsewhere, the scripts write the
word into the venue's book; it is heard over the socket like any other.
"""

from __future__ import annotations

from simulation.order_life.ledger_under_test import CYCLE, PATIENCE, LedgerUnderTest
from simulation.order_life.model import GIVEN_UP, IN_DOUBT, WORKING, Tally
from simulation.order_life.venue import Way
from trader.adapters.coinbase.adapter import CoinbaseExchange
from trader.model.ids import ClientOrderId
from trader.model.order_life import TRANSITIONS, OrderStatus
from trader.model.orders import Side

_LIFE_SECONDS = 1200
_HIDDEN = PATIENCE.resend + PATIENCE.wait + 100


def directed() -> Tally:
    """Take every legal step once; a row of the table is a life of its own."""
    tally = Tally()
    for was, row in TRANSITIONS.items():
        with LedgerUnderTest(tally) as subject:
            for then in sorted(row):
                take(subject, was, then)
                subject.settle()
    return tally


def take(subject: LedgerUnderTest, was: OrderStatus, then: OrderStatus) -> None:
    """Bring an order to a status, then to the next. Raises: AssertionError if the ledger follows to neither."""
    if then is OrderStatus.WITHHELD and was is OrderStatus.INTENDED:
        # It is withheld by the invocation that decided it, or never.
        assert subject.status_of(subject.decide(way=Way.SWITCHED_OFF, life_seconds=_LIFE_SECONDS)) is then
        return
    # What is to be at the venue later must have left already, though nobody may know.
    order_id = _brought_to(subject, was, is_at_venue=then not in IN_DOUBT | GIVEN_UP)
    assert subject.status_of(order_id) is was, f"{was} -> {then} begins with {subject.status_of(order_id)}"
    _led_to(subject, order_id, then)
    assert subject.status_of(order_id) is then, f"{was} -> {then} ends with {subject.status_of(order_id)}"


def _brought_to(subject: LedgerUnderTest, status: OrderStatus, *, is_at_venue: bool) -> ClientOrderId:
    if status is OrderStatus.CONTINGENT:
        # The process dies before its sale leaves.
        return subject.cover_of(subject.sell(_bought(subject), "99.95", way=None))
    if status is OrderStatus.INTENDED:
        way = Way.CRASHED_AFTER if is_at_venue else None
        return subject.decide(way=way, life_seconds=_LIFE_SECONDS)
    if status in {OrderStatus.IN_DOUBT, OrderStatus.ABANDONED}:
        subject.venue.lag(listing=_HIDDEN)
        order_id = subject.decide(way=Way.LOST_AFTER if is_at_venue else Way.LOST_BEFORE, life_seconds=_LIFE_SECONDS)
        if status is OrderStatus.ABANDONED:
            subject.wait(PATIENCE.resend + PATIENCE.wait)
            subject.look()
        return order_id
    if status is OrderStatus.WITHHELD:
        order_id = subject.decide(way=None, life_seconds=_LIFE_SECONDS)
        subject.withheld_by_older_release(order_id)
        return order_id
    if status is OrderStatus.REJECTED:
        # One whose first copy was refused has left the ledger: this is about a second one.
        subject.venue.lag(listing=_HIDDEN)
        order_id = subject.decide(way=Way.LOST_BEFORE, life_seconds=_LIFE_SECONDS)
        subject.resend(order_id, Way.REFUSED_YET_TAKEN)
        return order_id
    subject.venue.lag(listing=_HIDDEN)
    order_id = subject.decide(life_seconds=_LIFE_SECONDS)
    if status is not OrderStatus.PENDING:
        _said(subject, order_id, status)
    return order_id


def _led_to(subject: LedgerUnderTest, order_id: ClientOrderId, status: OrderStatus) -> None:
    if status is OrderStatus.IN_DOUBT:
        subject.resend(order_id, Way.LOST_BEFORE)
    elif subject.status_of(order_id) is OrderStatus.CONTINGENT:
        _led_from_waiting(subject, order_id, status)
    elif status is OrderStatus.REJECTED:
        subject.resend(order_id, Way.REFUSED)
    elif status is OrderStatus.ABANDONED:
        subject.wait(CYCLE.max_tick_age_seconds + PATIENCE.wait)
        subject.look()
    elif status is OrderStatus.PENDING and subject.status_of(order_id) in IN_DOUBT:
        subject.venue.lag(listing=_HIDDEN)
        subject.resend(order_id)
    else:
        _said(subject, order_id, status)


def _bought(subject: LedgerUnderTest) -> ClientOrderId:
    """Buy a lot that nothing covers yet."""
    lot_id = subject.decide(life_seconds=_LIFE_SECONDS)
    subject.venue.lag()
    subject.wait(1)
    subject.venue.price("99", "1000")
    subject.venue.price("100", "1")
    subject.look()
    return lot_id


def _led_from_waiting(subject: LedgerUnderTest, order_id: ClientOrderId, status: OrderStatus) -> None:
    """End the wait for the end of a sale."""
    sale = subject.ledger.orders[order_id].intent.contingent_on
    assert sale is not None
    if status is OrderStatus.INTENDED:
        subject.venue.price("99", "1")
        subject.resend(sale, Way.CRASHED_BEFORE_SECOND)
        subject.venue.price("100", "1")
    elif status is OrderStatus.WITHHELD:
        subject.resend(sale)
    else:
        # No code of ours does this; should it happen all the same, what the venue shows is believed.
        CoinbaseExchange.submit(subject.venue.exchange, subject.ledger.orders[order_id].intent)
        _said(subject, order_id, status)


def _said(subject: LedgerUnderTest, order_id: ClientOrderId, status: OrderStatus) -> None:
    """Let the venue come to a status, by itself where it does, and be heard."""
    subject.venue.lag()
    if subject.status_of(order_id) is OrderStatus.WITHHELD:
        # As above: what was withheld all the same shows up.
        CoinbaseExchange.submit(subject.venue.exchange, subject.ledger.orders[order_id].intent)
    order = subject.venue.order_of(order_id)
    assert order is not None, f"{order_id} is not at the venue"
    if status in WORKING or order.core.status is not OrderStatus.OPEN:
        subject.venue.say(order, status)
    elif status is OrderStatus.FILLED and order.core.side is Side.BUY:
        subject.venue.price("99", "1000")
        subject.venue.price("100", "1")
    elif status is OrderStatus.CANCELLED:
        subject.venue.venue.cancel(order.order_id)
    elif status is OrderStatus.EXPIRED and order.core.expires_at is not None:
        subject.wait(_LIFE_SECONDS)
    else:
        subject.venue.say(order, status)
    subject.look()
