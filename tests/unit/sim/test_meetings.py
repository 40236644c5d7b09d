"""Several invocations at one simulated account: who only looks keeps nothing, and who came too late changes nothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal

import pytest

from desk.in_memory import InMemorySimAccountStore
from factories_venue import (
    BASE,
    PREFIX,
    USD,
    Bar,
    Venue,
    a_convert,
    a_path,
    a_simulated_venue,
    a_simulation,
    a_taker,
    an_intent,
)
from trader.errors import VenueUnavailable
from trader.model.ids import Instant, ProductId, VenueOrderId
from trader.model.market import Quote
from trader.model.money import Price
from trader.model.order_life import OrderStatus
from trader.model.orders import Accepted, Unknown
from trader.ports import TimeBudget
from trader.sim.account import SimAccount
from trader.sim.archive import RECENT_SECONDS
from trader.sim.exchange import SimulatedExchange
from trader.sim.matching import Tape, Traded

EVER = Instant(0)


class SlowTape:
    """A tape that is slow once: meanwhile something else happens."""

    def __init__(self, inner: Tape, meanwhile: Callable[[], object]) -> None:
        self.inner, self.meanwhile = inner, [meanwhile]

    def touch(self, product_id: ProductId) -> Quote | None:
        return self.inner.touch(product_id)

    def traded(self, product_id: ProductId, since: Instant, until: Instant) -> Traded:
        found = self.inner.traded(product_id, since, until)
        if self.meanwhile:
            self.meanwhile.pop()()
        return found


def a_meeting() -> tuple[Venue, InMemorySimAccountStore[SimAccount], VenueOrderId]:
    """A venue at which a buy rests that the bar that has just closed would fill, and where its account lies."""
    store = InMemorySimAccountStore[SimAccount]()
    venue = a_simulated_venue(a_path(Bar(low=99.0), Bar(), Bar()), accounts=store)
    resting = venue.accepted(venue.exchange.submit(an_intent("first")))
    venue.pass_bars()
    return venue, store, resting


def invoked(
    venue: Venue,
    store: InMemorySimAccountStore[SimAccount],
    meanwhile: Callable[[], object] = lambda: None,
    *,
    only_looks: bool = False,
) -> SimulatedExchange:
    """The venue as another invocation opens it, in which something happens *meanwhile*."""
    market, budget = venue.exchange._market, TimeBudget()  # type: ignore[attr-defined]
    budget.begin(math.inf, only_looks=only_looks)
    return SimulatedExchange(
        market,
        SlowTape(market, meanwhile),
        a_simulation(),
        venue.clock,
        store,
        opening={USD: Decimal(10_000)},
        order_prefix=PREFIX,
        budget=budget,
    )


def test_look_keeps_nothing_of_what_it_finds() -> None:
    """Fill, balance and order are told, and the run with the lease finds the very same again."""
    venue, store, resting = a_meeting()
    before, look = store.load(), invoked(venue, store, only_looks=True)

    told = look.order(resting), look.fills(EVER), look.balances(), look.account(EVER)

    assert before is store.load()
    assert (OrderStatus.FILLED, 1) == (told[0].status, len(told[1]))
    run = invoked(venue, store)
    assert told == (run.order(resting), run.fills(EVER), run.balances(), run.account(EVER))
    assert before is not store.load()


def test_look_opens_no_account() -> None:
    """The opening balances are told all the same."""
    store = InMemorySimAccountStore[SimAccount]()
    look = invoked(a_simulated_venue(), store, only_looks=True)

    assert Decimal(10_000) == look.balances()[USD].total
    assert store.load() is None


def test_look_tells_what_is_about_to_leave_the_account() -> None:
    """What ended long ago is not in the archive yet, and a look does not put it there."""
    store = InMemorySimAccountStore[SimAccount]()
    venue = a_simulated_venue(a_path(*[Bar()] * 100), accounts=store)
    bought = venue.accepted(venue.exchange.submit(a_taker()))
    venue.clock.advance(RECENT_SECONDS + 1)
    look = invoked(venue, store, only_looks=True)

    assert (OrderStatus.FILLED, [bought]) == (
        look.order(bought).status,
        [each.venue_order_id for each in look.fills(EVER)],
    )
    assert {} == store.archive.between("", "~")


@pytest.mark.parametrize("only_looks", [True, False])
def test_order_sent_while_another_looks_is_there_afterwards(only_looks: bool) -> None:
    """A look, or a run that slept through the end of its lease, began before it was sent and ends after it."""
    venue, store, resting = a_meeting()
    sent: list[object] = []
    run = invoked(venue, store)
    other = invoked(
        venue,
        store,
        lambda: sent.append(run.submit(an_intent("second", limit_price=Price("99.80")))),
        only_looks=only_looks,
    )

    if only_looks:
        other.balances()
    else:
        with pytest.raises(VenueUnavailable, match="another"):
            other.balances()

    assert [Accepted] == [type(each) for each in sent]
    names = [each.client_order_id for each in invoked(venue, store).orders(EVER)]
    assert [PREFIX + "first", PREFIX + "second"] == sorted(names)
    assert OrderStatus.FILLED is invoked(venue, store).order(resting).status


def test_order_of_a_run_that_woke_up_too_late_is_in_doubt_and_not_there() -> None:
    """Another run has traded meanwhile: neither its order nor the coins are undone."""
    venue, store, _ = a_meeting()
    run = invoked(venue, store)
    sleeper = invoked(venue, store, lambda: run.submit(a_taker()))

    late = sleeper.submit(a_taker("late"))

    assert isinstance(late, Unknown)
    assert {PREFIX + "first", PREFIX + "taker"} == {each.client_order_id for each in run.orders(EVER)}
    assert Decimal(4) == run.balances()[BASE].total


def test_cancel_and_conversion_of_a_run_that_woke_up_too_late_change_nothing() -> None:
    """They fail as where the venue does not answer: what is there is read again."""
    for act in (
        lambda late: late.cancel([late.orders(EVER)[0].venue_order_id]),
        lambda late: late.quote_conversion(a_convert()),
        lambda late: late.deposit(USD, Decimal(1)),
    ):
        venue, store, _ = a_meeting()
        run = invoked(venue, store)
        late = invoked(venue, store, lambda run=run: run.submit(a_taker()))

        with pytest.raises(VenueUnavailable, match="another"):
            act(late)

        assert {"first", "taker"} == {each.client_order_id.removeprefix(PREFIX) for each in run.orders(EVER)}


def test_whoever_only_looks_may_change_nothing() -> None:
    """It is a fault of ours, and nothing is written."""
    venue, store, _ = a_meeting()
    before = store.load()

    with pytest.raises(AssertionError, match="only looks"):
        invoked(venue, store, only_looks=True).submit(a_taker())

    assert before is store.load()
