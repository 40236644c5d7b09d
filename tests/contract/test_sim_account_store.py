"""What every store of a simulated account must do: give back the account as it was saved, and whatever has left it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from random import Random

import pytest

from contract.conftest import AccountBench
from desk.in_memory import InMemorySimAccountStore
from factories import a_fill
from factories_venue import BASE, START, USD, Bar, a_convert, a_path, a_protected_intent, a_simulated_venue, a_taker
from trader.errors import AccountReplaced, VenueUnavailable
from trader.model.codec import canonical_json
from trader.model.conversions import ConversionStatus
from trader.model.ids import Asset, Instant
from trader.model.orders import Fill
from trader.sim.account import SimAccount, SimAccountStore
from trader.sim.archive import RECENT_SECONDS, load_whole, split_ended
from trader.sim.orders import SimConversion, SimOrder

EVER = Instant(0)
#: At the venue it is an error of the venue's kind.
REFUSED = (AccountReplaced, VenueUnavailable)


def an_account(**totals: str) -> SimAccount:
    """So much money, and nothing else."""
    return SimAccount(totals={Asset(name): Decimal(amount) for name, amount in totals.items()})


def a_large_account(assets: int) -> SimAccount:
    """Random names and amounts: 40 bytes each that cannot be packed."""
    chance = Random(7)  # a fixed seed
    return SimAccount(
        totals={Asset(chance.randbytes(32).hex()): Decimal(chance.getrandbits(64)) for _ in range(assets)}
    )


def some_fills(count: int, first: int = 0) -> dict[str, Fill]:
    """Fills one second apart, by keys in the order of their times."""
    fills = {number: replace(a_fill(number=number), time=Instant(number)) for number in range(first, first + count)}
    return {f"FILL#{number:010d}#{fill.trade_id}": fill for number, fill in fills.items()}


def an_account_at_work() -> SimAccount:
    """Active, filled and cancelled orders, their fills, and conversions in every state."""
    store = InMemorySimAccountStore[SimAccount]()
    venue = a_simulated_venue(a_path(Bar(low=99.0, volume=15.0), *[Bar()] * 100), accounts=store)
    venue.exchange.submit(a_protected_intent(expires_at=Instant(START + 10**6)))
    venue.exchange.submit(a_taker())
    for name in ("c1", "c2"):
        quoted = venue.exchange.quote_conversion(a_convert(name))
        if name == "c1":
            venue.exchange.commit_conversion(quoted, a_convert(name))
    venue.pass_bars()
    venue.exchange.cancel([venue.accepted(venue.exchange.submit(a_protected_intent("other")))])
    account = store.load()
    assert account is not None
    return account


# --- the account


def test_store_that_was_never_written_has_no_account(account_store: SimAccountStore) -> None:
    """So that the venue opens with its opening balances."""
    assert account_store.load() is None
    assert account_store.read_archived("ORDER#x", SimOrder) is None
    assert {} == account_store.list_archived("FILL#", "FILL$", Fill)


def test_account_comes_back_as_it_was_saved(account_bench: AccountBench) -> None:
    """Amounts keep every digit, also for whoever opens the store anew."""
    account = an_account(USD="0.000000000001")
    store = account_bench.open()

    store.save(account)

    assert account == store.load()
    assert account == account_bench.open().load()


def test_unchanged_account_is_the_same_object(account_bench: AccountBench) -> None:
    """A venue loads its account at every call, so that must cost nothing, neither after a save nor after a read."""
    store, account = account_bench.open(), an_account(USD="1")
    store.save(account)
    reader = account_bench.open()

    assert account is store.load()
    assert reader.load() is reader.load()


def test_account_of_before_is_read(account_bench: AccountBench) -> None:
    """As plain text, without what is new since then; and it is replaced by the next save."""
    account = an_account_at_work()
    text = canonical_json(account).replace('"complete_since":0,', "")
    account_bench.put_plain(text)

    store = account_bench.open()
    found = store.load()
    store.save(an_account(USD="2"), replaces=found)

    assert '"complete_since"' not in text
    assert account == found
    assert an_account(USD="2") == account_bench.open().load()


def test_account_larger_than_an_item_comes_back_whole_and_may_shrink_again(account_bench: AccountBench) -> None:
    """DynamoDB takes 400 KB as one item. What is open must be kept however much it is."""
    store = account_bench.open()
    for assets in (45_000, 25_000, 15_000, 1, 15_000):
        account = a_large_account(assets)

        store.save(account, replaces=store.load())

        assert account == store.load()
        assert account == account_bench.open().load()


# --- who may save


def test_account_saved_meanwhile_is_not_replaced(account_bench: AccountBench) -> None:
    """A look without the lease began before a run sent an order: what it makes of the account of before is refused."""
    account_bench.open().save(an_account(USD="1"))
    looking, running = account_bench.open(), account_bench.open()
    seen, loaded = looking.load(), running.load()
    running.save(an_account(USD="2"), replaces=loaded)

    for sleeper in (looking, account_bench.open()):
        with pytest.raises(REFUSED, match="another"):
            sleeper.save(an_account(USD="3"), some_fills(1), replaces=seen)

    assert an_account(USD="2") == running.load() == account_bench.open().load()
    assert {} == account_bench.open().list_archived("FILL#", "FILL$", Fill)


def test_account_is_opened_once(account_bench: AccountBench) -> None:
    """Two that found none: the second would forget what the first has sent."""
    first, second = account_bench.open(), account_bench.open()
    assert (None, None) == (first.load(), second.load())
    first.save(an_account(USD="1"))

    with pytest.raises(REFUSED, match="another"):
        second.save(an_account(USD="2"))

    assert an_account(USD="1") == second.load()


def test_whoever_was_refused_loads_again_and_goes_on(account_bench: AccountBench) -> None:
    """Large accounts and small ones: what is compared is all of it."""
    large = a_large_account(15_000)
    first, second = account_bench.open(), account_bench.open()
    first.save(large)
    seen = second.load()
    first.save(replace(large, complete_since=Instant(1)), replaces=first.load())

    with pytest.raises(REFUSED, match="another"):
        second.save(large, replaces=seen)
    second.save(an_account(USD="2"), replaces=second.load())
    first.save(an_account(USD="3"), replaces=first.load())

    assert an_account(USD="3") == account_bench.open().load()


# --- the archive


def test_what_left_the_account_is_found_by_key_and_by_range(account_bench: AccountBench) -> None:
    """Fills by their times, an order and a conversion by its id; whoever opens the store anew finds them too."""
    account = an_account_at_work()
    kept, ended = split_ended(account, Instant(START + 10**7))
    store = account_bench.open()

    store.save(account)
    store.save(kept, ended, replaces=account)

    assert {SimConversion, SimOrder, Fill} == {type(value) for value in ended.values()}
    for opened in (store, account_bench.open()):
        assert kept == opened.load()
        assert account == load_whole(opened)
        for key, value in ended.items():
            assert value == opened.read_archived(key, type(value))
        assert opened.read_archived("ORDER#nobody", SimOrder) is None


def test_range_ends_before_its_last_key(account_store: SimAccountStore) -> None:
    """Keys are compared as text; the first belongs to the range, the last does not."""
    fills = some_fills(20)
    account_store.save(an_account(), fills)
    keys = list(fills)

    assert fills == account_store.list_archived("FILL#", "FILL$", Fill)
    assert {key: fills[key] for key in keys[3:7]} == account_store.list_archived(keys[3], keys[7], Fill)
    assert {} == account_store.list_archived(keys[3], keys[3], Fill)
    assert {} == account_store.list_archived("ORDER#", "ORDER$", SimOrder)


def test_what_is_kept_twice_is_there_once(account_bench: AccountBench) -> None:
    """A save whose answer was lost is done again, and may bring more than the first."""
    store = account_bench.open()

    store.save(an_account(USD="1"), some_fills(3))
    store.save(an_account(USD="2"), some_fills(4), replaces=store.load())
    other = account_bench.open()
    other.save(an_account(USD="3"), some_fills(4), replaces=other.load())

    assert some_fills(4) == account_bench.open().list_archived("FILL#", "FILL$", Fill)
    assert some_fills(4) == store.list_archived("FILL#", "FILL$", Fill)
    assert an_account(USD="3") == store.load()


def test_more_than_fits_into_one_transaction_leaves_at_once(account_bench: AccountBench) -> None:
    """A hundred and one and more, as when an account of before is read for the first time."""
    store = account_bench.open()

    store.save(an_account(USD="1"), some_fills(101))
    store.save(an_account(USD="2"), some_fills(350, first=101), replaces=store.load())

    assert some_fills(451) == account_bench.open().list_archived("FILL#", "FILL$", Fill)
    assert an_account(USD="2") == account_bench.open().load()


# --- the venue on top


def test_two_venues_over_one_store_are_one_venue(account_bench: AccountBench) -> None:
    """Orders, brackets, fills and conversions of the first are there in the second, to the last digit, however old."""
    path = a_path(Bar(low=99.0, volume=15.0), *[Bar()] * 288)
    first = a_simulated_venue(path, accounts=account_bench.open())
    first.exchange.submit(a_protected_intent())
    bought = first.accepted(first.exchange.submit(a_taker()))
    quoted = first.exchange.quote_conversion(a_convert())
    first.exchange.commit_conversion(quoted, a_convert())
    first.pass_bars()
    expected = (first.exchange.orders(EVER), first.exchange.fills(EVER), first.exchange.balances())
    second = a_simulated_venue(path, accounts=account_bench.open())
    second.pass_bars()

    at_once = second.exchange.orders(EVER), second.exchange.fills(EVER), second.exchange.balances()
    second.clock.advance(RECENT_SECONDS + 1)
    second.exchange.balances()
    third = a_simulated_venue(path, accounts=account_bench.open())
    third.clock.set(second.clock.now())

    assert expected == at_once
    assert set(expected[1]) == set(third.exchange.fills(EVER))
    assert [order.venue_order_id for order in expected[0]] == [
        each.venue_order_id for each in third.exchange.orders(EVER)
    ]
    assert {bought} == {fill.venue_order_id for fill in third.exchange.order_fills([bought])}
    assert ConversionStatus.COMPLETED is third.exchange.read_conversion(quoted, a_convert()).status
    assert second.exchange.submit(a_taker()) == third.exchange.submit(a_taker())
    assert expected[2][BASE].total == third.exchange.balances()[BASE].total
    assert expected[2][USD].total == third.exchange.balances()[USD].total
