"""What DynamoDB makes of a simulated account: how it is packed, what one request costs, and parts of several saves."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from factories import SCOPE, a_fill
from factories_size import noise
from trader.adapters.aws.sim_account_store import DynamoSimAccountStore
from trader.adapters.aws.stored_text import PART_BYTES_MAX
from trader.errors import AccountReplaced, LedgerCorrupt, StoreUnavailable
from trader.model.codec import canonical_json
from trader.model.ids import Asset, Instant, Scope
from trader.model.orders import Fill
from trader.sim.account import SimAccount
from unit.adapters.aws.conftest import Client, size_of, size_of_action

#: What DynamoDB takes of one item, and in one transaction.
ITEM_BYTES_MAX, TRANSACTION_BYTES_MAX = 409_600, 4 * 1024 * 1024


def a_store(client: Client, scope: Scope = SCOPE) -> DynamoSimAccountStore[SimAccount]:
    return DynamoSimAccountStore(client, "trader", scope, SimAccount)


def an_account(assets: int = 1, seed: int = 1) -> SimAccount:
    """Random names and amounts, 40 bytes each that cannot be packed."""
    chance = Random(seed)
    return SimAccount(
        totals={Asset(chance.randbytes(32).hex()): Decimal(chance.getrandbits(64)) for _ in range(assets)}
    )


def some_fills(count: int, digits: int = 1) -> dict[str, Fill]:
    """Fills one second apart; *digits* make them as large as wanted."""
    fills = [replace(a_fill(number=number, fee="1" * digits), time=Instant(number)) for number in range(count)]
    return {f"FILL#{fill.time:010d}#{fill.trade_id}": fill for fill in fills}


def some_large_fills(count: int, digits: int) -> dict[str, Fill]:
    """Fills whose names cannot be packed."""
    fills = some_fills(count)
    return {
        key: replace(fill, trade_id=fill.trade_id + noise(digits, at)) for at, (key, fill) in enumerate(fills.items())
    }


def replace_by(store: DynamoSimAccountStore[SimAccount], account: SimAccount) -> None:
    """Save an account in place of the one that is there."""
    store.save(account, replaces=store.load())


def once(sort_key: str, act: Callable[[], object]) -> Callable[[str], None]:
    """Act before the first read of an item."""
    left = [act]

    def act_once(read: str) -> None:
        if read == sort_key and left:
            left.pop()()

    return act_once


# --- how it is stored


def test_account_is_stored_as_packed_json_in_one_item(client: Client) -> None:
    """Whose body is the canonical JSON."""
    account = SimAccount(totals={Asset("USD"): Decimal(1)})

    a_store(client).save(account)

    (item,) = client.stored("")
    assert canonical_json(account) == zlib.decompress(item["body"]["B"]).decode()
    assert {"pk", "sk", "body"} == item.keys()


def test_what_has_left_is_stored_by_scope_kind_and_time(client: Client) -> None:
    """One readable item each; a scope finds its own only."""
    fills = some_fills(2)

    a_store(client).save(an_account(), fills)

    assert ["VENUE", *(f"VENUE#{key}" for key in fills)] == client.names()
    assert {canonical_json(fill) for fill in fills.values()} == {
        item["body"]["S"] for item in client.stored("VENUE#FILL")
    }
    assert {} == a_store(client, Scope("PAPER#other")).list_archived("FILL#", "FILL$", Fill)


def test_large_account_leaves_no_parts_behind(client: Client) -> None:
    """Each part is an item within the limit; what is not needed any more is deleted, also by one that has only read."""
    store = a_store(client)
    store.save(an_account(25_000))
    items = client.stored("")
    store.save(an_account(8_000), replaces=store.load())
    fewer = client.names()
    again = a_store(client)
    again.save(an_account(), replaces=again.load())

    assert ["VENUE", *(f"VENUE#{number}" for number in range(1, len(items)))] == [item["sk"]["S"] for item in items]
    assert 5 <= len(items)
    assert max(map(size_of, items)) <= ITEM_BYTES_MAX
    assert ["VENUE", "VENUE#1"] == fewer
    assert ["VENUE"] == client.names()


def test_plain_account_larger_than_a_part_is_replaced_by_one_put(client: Client) -> None:
    """As it was written before accounts were packed; there was only one item of it."""
    account = an_account(3_000)
    text = canonical_json(account)
    client.inner.put_item(TableName="trader", Item={"pk": {"S": SCOPE}, "sk": {"S": "VENUE"}, "body": {"S": text}})
    store = a_store(client)

    found = store.load()
    store.save(account, replaces=found)

    assert (account, ["read", "put"]) == (found, client.requests)
    assert len(text) > PART_BYTES_MAX
    assert account == a_store(client).load()


def test_value_of_any_size_leaves_the_account(client: Client) -> None:
    """One that packs to more than an item may have is found by key and by range, and its parts are no values."""
    fills = some_large_fills(3, 600_000)

    a_store(client).save(an_account(), fills)

    keys = list(fills)
    assert ["VENUE", *(f"VENUE#{key}{part}" for key in keys for part in ("", "#1"))] == client.names()
    assert max(map(size_of, client.stored(""))) <= ITEM_BYTES_MAX
    assert fills == a_store(client).list_archived("FILL#", "FILL$", Fill)
    assert {key: fills[key] for key in keys[:1]} == a_store(client).list_archived(keys[0], keys[1], Fill)
    assert fills[keys[1]] == a_store(client).read_archived(keys[1], Fill)


# --- what it costs


def test_save_without_anything_that_leaves_is_one_plain_put(client: Client) -> None:
    """Half the price of a transaction."""
    store = a_store(client)

    store.save(an_account())
    store.load()

    assert ["put", "read"] == client.requests


def test_save_over_a_known_account_is_one_plain_put(client: Client) -> None:
    """The condition costs nothing: no read before it, no transaction."""
    store, account = a_store(client), an_account()
    store.save(account)
    client.requests.clear()

    store.save(an_account(2), replaces=account)

    assert ["put"] == client.requests


@pytest.mark.parametrize(
    ("items", "transactions"), [(1, [2]), (99, [100]), (100, [1, 100]), (101, [2, 100]), (250, [51, 100, 100])]
)
def test_save_is_cut_into_transactions_the_last_with_the_account(
    client: Client, items: int, transactions: list[int]
) -> None:
    """What has left the account is stored before the account is without it."""
    a_store(client).save(an_account(), some_fills(items))

    assert transactions == [len(each) for each in client.transactions]
    with_account = [any(put["Put"]["Item"]["sk"]["S"] == "VENUE" for put in each) for each in client.transactions]
    assert [False] * (len(transactions) - 1) + [True] == with_account
    assert some_fills(items) == a_store(client).list_archived("FILL#", "FILL$", Fill)


def test_transaction_keeps_to_four_megabytes(client: Client) -> None:
    """Also with fewer than a hundred items."""
    account, fills = an_account(20_000), some_fills(40, digits=150_000)

    a_store(client).save(account, fills)

    sizes = [sum(map(size_of_action, each)) for each in client.transactions]
    assert 2 == len(sizes)
    assert TRANSACTION_BYTES_MAX / 2 < sizes[1] <= TRANSACTION_BYTES_MAX
    assert account == a_store(client).load()
    assert fills == a_store(client).list_archived("FILL#", "FILL$", Fill)


def test_range_is_read_page_by_page(client: Client) -> None:
    """DynamoDB gives a megabyte at a time."""
    store, fills = a_store(client), some_fills(7)
    store.save(an_account(), fills)
    client.requests.clear()

    found = store.list_archived("FILL#", "FILL$", Fill)

    assert fills == found
    assert ["query"] * 4 == client.requests


# --- what can go wrong


@pytest.mark.parametrize("assets", [1, 8_000])
def test_save_that_was_sent_twice_is_there_once(client: Client, assets: int) -> None:
    """As after an answer that was lost."""
    client.times = 2

    a_store(client).save(an_account(assets), some_fills(2))

    assert an_account(assets) == a_store(client).load()
    assert some_fills(2) == a_store(client).list_archived("FILL#", "FILL$", Fill)


@pytest.mark.parametrize("assets", [1, 8_000])
@pytest.mark.parametrize("fills", [0, 2])
def test_account_replaced_twice_by_one_save_is_no_conflict(client: Client, assets: int, fills: int) -> None:
    """What refuses the second request is what the first has written."""
    store, old, new = a_store(client), an_account(assets, seed=1), an_account(assets, seed=2)
    store.save(old)
    client.times = 2

    store.save(new, some_fills(fills), replaces=old)

    assert new is store.load()
    assert new == a_store(client).load()


@pytest.mark.parametrize("assets", [1, 8_000])
@pytest.mark.parametrize("fills", [0, 2])
def test_save_over_an_account_of_somebody_else_changes_nothing(client: Client, assets: int, fills: int) -> None:
    """As a run that slept through the end of its lease; not even a part that comes after the first is written."""
    store, old, new = a_store(client), an_account(assets, seed=1), an_account(assets, seed=2)
    store.save(old)
    replace_by(a_store(client.inner), new)
    before = client.stored("")

    with pytest.raises(AccountReplaced, match="account of the simulated venue"):
        store.save(an_account(assets, seed=3), some_fills(fills), replaces=old)

    assert before == client.stored("")
    assert new == store.load()


def test_account_replaced_while_it_is_read_is_read_again(client: Client) -> None:
    """A reader without the lease: the head is of one save, the next part of another."""
    old, new = an_account(8_000, seed=1), an_account(8_000, seed=2)
    a_store(client).save(old)
    client.before_read = once("VENUE#1", lambda: replace_by(a_store(client.inner), new))

    assert new == a_store(client).load()


def test_account_that_shrinks_while_it_is_read_is_read_again(client: Client) -> None:
    """The part that was to be read next is gone."""
    writer = a_store(client.inner)
    writer.save(an_account(8_000))
    client.before_read = once("VENUE#1", lambda: replace_by(writer, an_account()))

    assert an_account() == a_store(client).load()


def test_account_replaced_each_time_it_is_read_is_unavailable(client: Client) -> None:
    """A few times, and then it is said: asking later may help, and nothing is damaged."""
    writer, seeds = a_store(client.inner), iter(range(100))
    writer.save(an_account(8_000, next(seeds)))

    def replace_it(sort_key: str) -> None:
        if sort_key == "VENUE#1":
            replace_by(writer, an_account(8_000, next(seeds)))

    client.before_read = replace_it

    with pytest.raises(StoreUnavailable, match="replaced each time"):
        a_store(client).load()
    assert 3 < next(seeds) < 10


@pytest.mark.parametrize("part", [None, {}, {"part": {"B": b"of another save"}}, {"part": {"S": "text"}}])
def test_parts_of_two_saves_are_never_taken_for_an_account(client: Client, part: Mapping[str, Any] | None) -> None:
    """Somebody must look; nothing is made up."""
    a_store(client).save(an_account(8_000))
    key = {"pk": {"S": SCOPE}, "sk": {"S": "VENUE#1"}}
    client.inner.delete_item(TableName="trader", Key=key)
    if part is not None:
        client.inner.put_item(TableName="trader", Item={**key, **part})

    with pytest.raises(LedgerCorrupt, match="account of the simulated venue: a part of it is missing"):
        a_store(client).load()


@pytest.mark.parametrize(
    "body",
    [{"B": b"not packed"}, {"B": zlib.compress(b"{}")[:-1]}, {"B": zlib.compress(b"[1]")}, {"S": "{"}, {"S": "[]"}],
)
def test_damaged_account_is_told_apart_from_none(client: Client, body: Mapping[str, Any]) -> None:
    """A venue that opened anew would forget what is owed."""
    a_store(client).save(an_account())
    client.change("VENUE", body=body)

    with pytest.raises(LedgerCorrupt, match="account of the simulated venue"):
        a_store(client).load()


@pytest.mark.parametrize("body", [{"S": "{}"}, {"S": ""}, {"B": b"not packed"}])
def test_damaged_record_is_named(client: Client, body: Mapping[str, Any]) -> None:
    """By its key, whether it was asked for or is one of a range."""
    ((key, fill),) = some_fills(1).items()
    a_store(client).save(an_account(), {key: fill})
    client.change(f"VENUE#{key}", body=body)

    with pytest.raises(LedgerCorrupt, match=f"account of the simulated venue, {key}"):
        a_store(client).read_archived(key, Fill)
    with pytest.raises(LedgerCorrupt, match=f"account of the simulated venue, {key}"):
        a_store(client).list_archived("FILL#", "FILL$", Fill)


def test_record_of_which_a_part_is_missing_is_named(client: Client) -> None:
    """The same."""
    ((key, fill),) = some_large_fills(1, 600_000).items()
    a_store(client).save(an_account(), {key: fill})
    client.inner.delete_item(TableName="trader", Key={"pk": {"S": SCOPE}, "sk": {"S": f"VENUE#{key}#1"}})

    with pytest.raises(LedgerCorrupt, match=f"{key}: a part of it is missing"):
        a_store(client).read_archived(key, Fill)
    with pytest.raises(LedgerCorrupt, match=f"{key}: a part of it is missing"):
        a_store(client).list_archived("FILL#", "FILL$", Fill)


def test_store_that_does_not_answer_says_so(client: Client) -> None:
    """Whatever is asked of it, and what was known before is known still."""
    store = a_store(client)
    account = an_account()
    store.save(account)
    client.is_broken = True

    for ask in (
        store.load,
        lambda: store.save(an_account(2), replaces=account),
        lambda: store.save(an_account(2), some_fills(1), replaces=account),
        lambda: store.read_archived("ORDER#1", Fill),
        lambda: store.list_archived("FILL#", "FILL$", Fill),
    ):
        with pytest.raises(StoreUnavailable, match=r"account of the simulated venue.*: ThrottlingException"):
            ask()
    client.is_broken = False
    assert an_account() == store.load()
