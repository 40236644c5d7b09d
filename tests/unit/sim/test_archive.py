"""What has left the simulated account is answered whatever its age, and asked for only if the account does not know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest

from desk.in_memory import InMemorySimAccountStore
from factories_venue import (
    BASE,
    PREFIX,
    START,
    STEP,
    USD,
    USDC,
    Bar,
    Venue,
    a_bracket,
    a_convert,
    a_path,
    a_protected_intent,
    a_simulated_venue,
    a_simulation,
    a_taker,
    an_exit,
    an_intent,
)
from trader.errors import StoreUnavailable, VenueProtocol, VenueUnavailable
from trader.model.codec import canonical_json
from trader.model.conversions import ConversionStatus
from trader.model.ids import ClientOrderId, Instant, VenueOrderId
from trader.model.market import Granularity
from trader.model.money import Price, Quantity
from trader.model.order_life import OrderStatus
from trader.model.orders import Accepted, OrderConfiguration, OrderIntent, Unknown
from trader.sim.account import SimAccount
from trader.sim.archive import RECENT_SECONDS, load_whole, split_ended

EVER = Instant(0)
#: Longer than anything stays in the account after its end.
LONG = RECENT_SECONDS + STEP


class WatchedStore(InMemorySimAccountStore[SimAccount]):
    """A store that notes what it and its archive are asked, and stops answering on demand."""

    def __init__(self, account: SimAccount | None = None) -> None:
        super().__init__(account)
        self.asked: list[str] = []
        self.kept: list[str] = []
        self.calls: list[str] = []
        self.ranges: list[tuple[str, str]] = []
        self.broken = False

    def save(
        self,
        account: SimAccount,
        ended: Mapping[str, Any] = MappingProxyType({}),
        *,
        replaces: SimAccount | None = None,
    ) -> None:
        self.kept += ended
        self.calls.append("save")
        super().save(account, ended, replaces=replaces)

    def load(self) -> SimAccount | None:
        self.calls.append("load")
        return super().load()

    def read_archived(self, key: str, kind: Any) -> Any:
        self._ask(key)
        return super().read_archived(key, kind)

    def list_archived(self, first: str, last: str, kind: Any) -> Any:
        self._ask(first)
        self.ranges.append((first, last))
        return super().list_archived(first, last, kind)

    def _ask(self, key: str) -> None:
        if self.broken:
            raise StoreUnavailable("throttled")
        self.asked.append(key.partition("#")[0])


@dataclass
class Bench:
    """A venue over a quiet market of two days, and its store."""

    venue: Venue
    store: WatchedStore

    @property
    def account(self) -> SimAccount:
        """The account as stored, without its archive."""
        account = self.store.load()
        assert account is not None
        return account

    def send(self, intent: OrderIntent) -> VenueOrderId:
        """Submit an order that has to be taken."""
        return self.venue.accepted(self.venue.exchange.submit(intent))

    def wait(self, seconds: int = LONG) -> None:
        """Let what has ended move to the archive."""
        self.venue.clock.advance(seconds)
        self.venue.exchange.balances()
        self.store.asked.clear()


def a_bench(*bars: Bar, settings: Any = None, **opening: Any) -> Bench:
    """A venue at 100 whose bars are the given ones, then two quiet days."""
    store = WatchedStore()
    path = a_path(*bars, *[Bar()] * (2 * 288))
    funds = {USD: Decimal(10_000), BASE: Decimal(10)}
    return Bench(a_simulated_venue(path, accounts=store, settings=settings, opening=funds), store)


# --- the account is as large as the business that is open


def test_account_keeps_what_is_open_and_what_has_just_ended() -> None:
    """After a while only money and active orders are left in it; everything else is in the archive, once."""
    bench = a_bench()
    bench.send(a_taker())
    resting = bench.send(a_bracket())
    at_once = bench.account

    bench.wait()
    bench.wait()

    assert (1, 1) == (len(at_once.finished), len(at_once.fills))
    assert ({}, (), {resting}) == (bench.account.finished, bench.account.fills, set(bench.account.active))
    assert ["FILL", "ORDER"] == [key.partition("#")[0] for key in bench.store.kept]


def test_nothing_leaves_before_its_time() -> None:
    """Exactly as old as allowed is recent."""
    bench = a_bench()
    bench.send(a_taker())

    bench.wait(RECENT_SECONDS)
    recent, kept = bench.account, list(bench.store.kept)
    bench.wait(1)

    assert [] == kept
    assert 1 == len(recent.finished) == len(recent.fills)
    assert not bench.account.finished
    assert not bench.account.fills


def test_lag_keeps_things_in_the_account_for_longer() -> None:
    """What is not visible yet has to be undone in the balances, so it cannot have left."""
    lag = 5 * 3600
    bench = a_bench(settings=a_simulation(visibility_lag_seconds=lag))
    bench.send(a_taker())

    bench.wait()
    hidden = bench.venue.exchange.balances()[BASE].total
    bench.wait(lag)

    assert Decimal(10) == hidden
    assert Decimal(12) == bench.venue.exchange.balances()[BASE].total
    assert not bench.account.fills


def test_what_leaves_was_stored_in_the_account_before() -> None:
    """A fill found after a long pause is saved with the account first, however old it is: keeping cannot run ahead."""
    bench = a_bench(Bar(low=99.0))
    bench.send(an_intent())
    bench.venue.clock.advance(2 * LONG)

    bench.venue.exchange.balances()
    found, kept = bench.account.fills, list(bench.store.kept)
    bench.wait(1)

    assert (1, []) == (len(found), kept)
    assert [f"FILL#{found[0].time:010d}#{found[0].trade_id}"] == [key for key in bench.store.kept if "FILL" in key]


def test_open_conversion_stays_and_one_that_is_over_leaves() -> None:
    """A quote may still be committed; what was completed is remembered for as long as its lag can matter."""
    bench = a_bench()
    done, quoted = (bench.venue.exchange.quote_conversion(a_convert(name)) for name in ("c1", "c2"))
    bench.venue.exchange.commit_conversion(done, a_convert("c1"))

    bench.wait()

    assert {quoted} == set(bench.account.conversions)
    assert ConversionStatus.COMPLETED is bench.venue.exchange.read_conversion(done, a_convert("c1")).status
    bench.venue.exchange.commit_conversion(quoted, a_convert("c2"))
    assert Decimal(200) == bench.venue.money(USDC)[0]


def test_account_of_before_moves_its_month_to_the_archive_and_loses_nothing() -> None:
    """All that the code of then remembered is listed as before, from an account that has shrunk."""
    young = a_bench()
    for number in range(3):
        young.send(a_taker(f"buy-{number}"))
        young.send(an_exit(f"sell-{number}"))
        young.venue.clock.advance(3600 * 8)
    young.send(a_bracket())
    whole = load_whole(young.store)
    assert whole is not None
    expected = young.venue.exchange.orders(EVER), young.venue.exchange.fills(EVER), young.venue.exchange.balances()
    old = Bench(young.venue, WatchedStore(whole))
    old.venue = a_simulated_venue(a_path(*[Bar()] * 576), accounts=old.store)
    old.venue.clock.set(young.venue.clock.now())

    old.wait(0)

    assert expected == (old.venue.exchange.orders(EVER), old.venue.exchange.fills(EVER), old.venue.exchange.balances())
    assert (7, 6) == (len(expected[0]), len(expected[1]))
    assert not old.account.finished
    assert not old.account.fills


def test_finished_order_without_its_time_leaves_too() -> None:
    """Schema 1 did not always note when an order ended."""
    bench = a_bench()
    order_id = bench.send(a_taker())
    undated = replace(bench.account.finished[order_id], final_at=None)
    bench.store.save(replace(bench.account, finished={order_id: undated}), replaces=bench.account)

    bench.wait()

    assert not bench.account.finished
    assert undated.report() == bench.venue.exchange.order(order_id)


def test_account_taken_apart_and_put_together_is_the_same() -> None:
    """Whatever ended is either in what stays or in what goes."""
    bench = a_bench()
    for name in ("one", "two"):
        bench.send(a_taker(name))
        bench.venue.clock.advance(100)
    account = bench.account

    kept, ended = split_ended(account, Instant(START + 50))

    assert (1, 1, 2) == (len(kept.fills), len(kept.finished), len(ended))
    assert account == load_whole(InMemorySimAccountStore(account))
    store = InMemorySimAccountStore[SimAccount]()
    store.save(kept, ended)
    assert account == load_whole(store)


def test_look_at_the_account_advances_it_once() -> None:
    """Balances and orders are of one instant, and what is found by then is saved once."""
    bench = a_bench(Bar(low=99.0))
    entry = bench.send(an_intent())
    bench.venue.pass_bars()
    bench.store.calls.clear()

    listing = bench.venue.exchange.account(bench.venue.clock.now(), [entry])

    assert ["load", "save"] == bench.store.calls
    assert [(entry, OrderStatus.FILLED)] == [(order.venue_order_id, order.status) for order in listing.orders]
    assert Decimal(12) == listing.balances[BASE].total


# --- what is asked is answered whatever its age


def test_old_orders_and_fills_are_listed_with_the_recent_ones() -> None:
    """By age, by id, and the fills of an order, all in the order of time."""
    bench = a_bench()
    old = bench.send(a_taker("old"))
    bench.wait()
    between = bench.venue.clock.now()
    new = bench.send(an_exit("new"))
    exchange = bench.venue.exchange

    assert [old, new] == [order.venue_order_id for order in exchange.orders(EVER)]
    assert [new] == [order.venue_order_id for order in exchange.orders(between)]
    assert [old, new] == [fill.venue_order_id for fill in exchange.fills(EVER)]
    assert [old, new] == [fill.venue_order_id for fill in exchange.fills(Instant(999))]
    assert [old, new] == [fill.venue_order_id for fill in exchange.fills(START)]
    assert [new] == [fill.venue_order_id for fill in exchange.fills(Instant(START + 1))]
    assert [old, new] == [fill.venue_order_id for fill in exchange.order_fills([new, old])]
    assert [old] == [fill.venue_order_id for fill in exchange.order_fills([old])]
    assert OrderStatus.FILLED is exchange.order(old).status


def test_order_that_never_was_is_still_an_error() -> None:
    """The archive does not know it either."""
    bench = a_bench()
    bench.send(a_taker())
    bench.wait()

    with pytest.raises(VenueProtocol, match="there is no order nobody"):
        bench.venue.exchange.order(VenueOrderId("nobody"))
    assert () == bench.venue.exchange.order_fills([VenueOrderId("nobody")])


def test_client_order_id_is_never_used_twice() -> None:
    """An old order is the answer, filled as it was, even if the request differs; and no second one comes of it."""
    bench = a_bench()
    old = bench.send(a_taker())
    cancelled = bench.send(an_intent("rest"))
    bench.venue.exchange.cancel([cancelled])
    bench.wait()
    before = bench.account

    assert Accepted(old, None, is_filled=True) == bench.venue.exchange.submit(a_taker(quantity=Quantity(5)))
    assert Accepted(cancelled, None, is_filled=False) == bench.venue.exchange.submit(an_intent("rest"))
    assert before == bench.account


def test_parent_whose_bracket_was_cancelled_long_ago_gets_no_second_one() -> None:
    """The bracket stays in the account for as long as its parent may buy more."""
    quiet = [Bar()] * (LONG // STEP + 2)
    bench = a_bench(Bar(low=99.0, volume=5.0), *quiet, Bar(low=99.0, volume=5.0))
    parent = bench.send(a_protected_intent(expires_at=Instant(START + 10**6)))
    bench.venue.pass_bars()
    child = bench.venue.order(parent).attached_order_id
    assert child is not None
    bench.venue.exchange.cancel([child])

    bench.wait()
    stays = child in bench.account.finished
    bench.wait(3 * STEP)
    bench.venue.exchange.cancel([parent])
    bench.wait()

    assert stays
    assert Quantity("1.0") == bench.venue.exchange.order(parent).filled_quantity
    assert (OrderStatus.CANCELLED, Quantity("0.5")) == (
        bench.venue.exchange.order(child).status,
        bench.venue.exchange.order(child).quantity,
    )
    assert {} == bench.account.finished == bench.account.active


def test_fills_of_an_order_that_has_worked_for_days_are_all_found() -> None:
    """Some have left the account, some have not, and the order is active."""
    quiet = [Bar()] * (LONG // STEP + 2)
    bench = a_bench(Bar(low=99.0, volume=5.0), *quiet, Bar(low=99.0, volume=5.0))
    order_id = bench.send(an_intent(expires_at=Instant(START + 10**6)))
    bench.venue.pass_bars()
    bench.wait(len(quiet) * STEP + STEP)

    fills = bench.venue.exchange.order_fills([order_id])

    assert 1 == len(bench.account.fills)
    assert [Quantity("0.5")] * 2 == [fill.quantity for fill in fills]
    assert sorted(fills, key=lambda fill: fill.time) == list(fills)


def test_fills_of_a_clock_that_was_wrong_are_found_when_it_is_right_again() -> None:
    """They lie in the future, and in the archive; what has left since then does not hide them."""
    bench = a_bench()
    bench.venue.clock.advance(86_400)
    ahead = bench.send(a_taker("ahead"))
    bench.wait()
    bench.venue.clock.set(Instant(START + 60))
    now = bench.send(a_taker("now"))
    bench.venue.clock.set(Instant(START + 60 + LONG))
    bench.venue.exchange.balances()

    fills = bench.venue.exchange.fills(Instant(START + LONG))

    assert [ahead] == [fill.venue_order_id for fill in fills]
    assert [now, ahead] == [fill.venue_order_id for fill in bench.venue.exchange.fills(EVER)]
    assert () == bench.account.fills


def test_quotes_of_a_conversion_never_share_a_name() -> None:
    """The first failed and has left the account; the second is committed, and both are told apart."""
    bench = a_bench()
    intent = a_convert(amount="9950")
    first = bench.venue.exchange.quote_conversion(intent)
    bench.send(a_taker())
    with pytest.raises(VenueProtocol):
        bench.venue.exchange.commit_conversion(first, intent)
    bench.send(an_exit())
    bench.venue.exchange.deposit(USD, Decimal(1000))
    bench.wait()

    names = [bench.venue.exchange.quote_conversion(intent) for _ in range(2)]
    bench.venue.exchange.commit_conversion(names[1], intent)

    assert 3 == len({first, *names})
    statuses = [bench.venue.exchange.read_conversion(name, intent).status for name in (first, *names)]
    assert [ConversionStatus.FAILED, ConversionStatus.QUOTED, ConversionStatus.COMPLETED] == statuses
    with pytest.raises(VenueProtocol, match="is FAILED already"):
        bench.venue.exchange.commit_conversion(first, intent)


def test_what_was_kept_by_a_save_that_broke_off_is_told_once() -> None:
    """It is in the archive and in the account."""
    bench = a_bench()
    bench.send(a_taker())
    before = bench.account
    bench.wait()
    bench.store.save(replace(before, complete_since=bench.account.complete_since), replaces=bench.account)

    assert before == load_whole(bench.store)
    assert 1 == len(bench.venue.exchange.fills(EVER)) == len(bench.venue.exchange.orders(EVER))


# --- what it costs


def test_archive_is_not_asked_before_anything_has_left() -> None:
    """Nobody needs to be told that an empty archive is empty."""
    bench = a_bench()
    order_id = bench.send(a_taker())
    exchange = bench.venue.exchange

    exchange.orders(EVER), exchange.fills(EVER), exchange.order(order_id), exchange.order_fills([order_id])
    exchange.commit_conversion(exchange.quote_conversion(a_convert()), a_convert())
    with pytest.raises(VenueProtocol):
        exchange.order(VenueOrderId("nobody"))

    assert [] == bench.store.asked


def test_archive_is_not_asked_for_what_the_account_knows() -> None:
    """The questions of a cycle whose business is recent; a new order costs one look for its id."""
    bench = a_bench()
    bench.send(a_taker("old"))
    resting = bench.send(a_bracket())
    bench.wait()
    exchange, now = bench.venue.exchange, bench.venue.clock.now()
    order_id = bench.send(an_exit("new"))
    sent = list(bench.store.asked)
    bench.store.asked.clear()
    bench.venue.clock.advance(60)

    exchange.balances(), exchange.orders(now), exchange.fills(Instant(now - 60)), exchange.fee_rates()
    exchange.order(resting), exchange.order(order_id), exchange.order_fills([order_id, resting])
    exchange.submit(an_exit("new"))
    exchange.cancel([resting])

    assert ["ORDER"] == sent
    assert [] == bench.store.asked


def test_each_old_question_costs_one_request() -> None:
    """A range of fills, all orders, one order; an order's fills take its times first, and are sought within them."""
    bench = a_bench()
    old = bench.send(a_taker())
    bench.venue.clock.advance(60)
    bench.send(a_taker("later"))
    bench.wait()
    exchange = bench.venue.exchange

    exchange.fills(EVER), exchange.orders(EVER), exchange.order(old), exchange.order_fills([old])

    assert ["FILL", "ORDER", "ORDER", "ORDER", "FILL"] == bench.store.asked
    assert (f"FILL#{START}#", f"FILL#{START + 1}#") == bench.store.ranges[-1]


def test_archive_that_does_not_answer_is_a_venue_that_does_not() -> None:
    """Reading says so, and an order whose id cannot be looked up is in doubt, not sent again."""
    bench = a_bench()
    bench.send(a_taker("old"))
    bench.wait()
    before, exchange = bench.account, bench.venue.exchange
    bench.store.broken = True

    for ask in (lambda: exchange.fills(EVER), lambda: exchange.orders(EVER), lambda: exchange.order(VenueOrderId("x"))):
        with pytest.raises(VenueUnavailable, match="cannot be read: throttled"):
            ask()
    assert isinstance(exchange.submit(an_exit(client_order_id=ClientOrderId(f"{PREFIX}new"))), Unknown)
    assert before == bench.account


# --- a long time


def test_account_does_not_grow_with_the_days() -> None:
    """Twenty round trips a day for sixty days: as large on the last as on the twentieth, and every fill is found.

    Amounts may take a digit more; a single order more would be hundreds of bytes.
    """
    days, trips = 60, 20
    store = WatchedStore()
    hours = [Bar().candle(START + hour * 3600) for hour in range(-24, (days + 1) * 24)]
    venue = a_simulated_venue(hours, length=Granularity.ONE_HOUR, accounts=store, opening={USD: Decimal(100_000)})
    bench, sizes, made = Bench(venue, store), [], 0

    for day in range(days):
        for trip in range(trips):
            venue.clock.set(Instant(START + day * 86_400 + trip * 4000))
            made += play_round_trip(bench, f"{day}-{trip}")
        sizes.append(len(canonical_json(bench.account)))

    fills = venue.exchange.fills(EVER)
    assert made == days * trips * 2 == len(fills) == len({fill.trade_id for fill in fills})
    assert days * trips * 3 == len(venue.exchange.orders(EVER))
    assert max(sizes[20:]) <= sizes[19] + 20


def play_round_trip(bench: Bench, name: str) -> int:
    """Buy with a bracket, convert and look around, take the bracket back, sell; return how many fills there were."""
    venue, exchange, now = bench.venue, bench.venue.exchange, bench.venue.clock.now()
    ioc: dict[str, Any] = {"configuration": OrderConfiguration.LIMIT_IOC, "limit_price": Price(101), "expires_at": None}
    parent = bench.send(a_protected_intent(f"buy-{name}", **ioc))
    there, back = a_convert(f"there-{name}"), a_convert(f"back-{name}", source=USDC, target=USD)
    for intent in (there, back):
        exchange.commit_conversion(exchange.quote_conversion(intent), intent)
    venue.clock.advance(900)
    child = exchange.order(parent).attached_order_id
    assert child is not None
    exchange.cancel([child])
    sold = bench.send(an_exit(f"sell-{name}"))
    return len({fill.trade_id for fill in exchange.fills(now) if fill.venue_order_id in {parent, sold}})
