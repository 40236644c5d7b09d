"""The ledger packed, as large as it comes: one item as long as it fits, parts of it where it does not."""

from __future__ import annotations

import zlib
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError

from desk.cost.realistic_ledger import make_ledger
from factories import SCOPE, USD, a_fill, a_ledger, an_intent, an_order_record
from factories_size import noise, of_size, packed_size, with_noise
from factories_venue import START
from trader.adapters.aws.state_store import DynamoStateStore
from trader.adapters.aws.stored_text import PART_BYTES_MAX
from trader.errors import LedgerCorrupt, StoreUnavailable, VersionConflict
from trader.model.codec import canonical_json
from trader.model.events import OwedRecord
from trader.model.ids import Instant
from trader.model.ledger import Ledger
from trader.model.order_life import OrderStatus
from trader.model.order_record import OrderRecord
from trader.ports import LeaseGrant
from unit.adapters.aws.conftest import Client, size_of

LEASE = 60
#: What DynamoDB takes of one item.
ITEM_BYTES_MAX = 409_600
KEY = {"pk": {"S": SCOPE}, "sk": {"S": "LEDGER"}}


def books(cash: str = "1000") -> Ledger:
    return a_ledger(cash={USD: cash})


def large(digits: int = 900_000) -> Ledger:
    """Books that pack to more than one item may have: to three parts, unless told otherwise."""
    return with_noise(books(), digits)


@cache
def at_edge(size: int) -> Ledger:
    """Books that pack to just so many bytes."""
    return of_size(books(), size)


def committed(store: DynamoStateStore, ledger: Ledger, **named: Any) -> LeaseGrant:
    """Take the lease and commit; the lease is kept."""
    return store.commit(store.acquire(SCOPE, "a", START, LEASE), ledger, **named)


def put_plain(client: Client, text: str, **more: Any) -> None:
    """Store a ledger as releases before packed ledgers did."""
    item = {**KEY, "ledger": {"S": text}, "epoch": {"N": "7"}, "version": {"N": "3"}, "owner": {"S": ""}, **more}
    client.inner.put_item(TableName="trader", Item=item)


# --- packed, and plain as before


def test_ledger_is_stored_packed_in_one_item(client: Client, store: DynamoStateStore) -> None:
    """As canonical JSON, in a Binary, in a fraction of its length."""
    ledger = make_ledger(30, 5, 20, scope=SCOPE)

    committed(store, ledger)

    (item,) = client.stored("")
    assert canonical_json(ledger) == zlib.decompress(item["ledger"]["B"]).decode()
    assert 4 * size_of(item) < len(canonical_json(ledger))


def test_quiet_cycle_is_one_request_to_acquire_and_one_to_commit(client: Client, store: DynamoStateStore) -> None:
    """Two updates, outside of any transaction, which would cost twice."""
    committed(store, books(), release=True)
    client.requests.clear()

    store.commit(store.acquire(SCOPE, "b", START, LEASE), books("900"), release=True)

    assert ["update", "update"] == client.requests


def test_ledger_that_was_stored_plain_is_read_and_replaced(client: Client, store: DynamoStateStore) -> None:
    """Of the old text nothing is left that anybody could take for the ledger."""
    put_plain(client, canonical_json(books("900")))

    grant = store.acquire(SCOPE, "a", START, LEASE)
    read = store.ledger(SCOPE)
    store.commit(grant, books("800"))

    (item,) = client.stored("")
    assert (books("900"), books("900"), len(canonical_json(books("900")))) == (grant.ledger, read, grant.size_bytes)
    assert ["B"] == list(item["ledger"])
    assert books("800") == store.ledger(SCOPE)


def test_plain_ledger_of_more_than_a_part_is_replaced_as_well(client: Client, store: DynamoStateStore) -> None:
    """It was larger than what one item holds of a packed one."""
    ledger = with_noise(books(), PART_BYTES_MAX)
    put_plain(client, canonical_json(ledger))

    store.commit(store.acquire(SCOPE, "a", START, LEASE), ledger, release=True)

    assert ["LEDGER"] == [item["sk"]["S"] for item in client.stored("")]
    assert ledger == store.acquire(SCOPE, "b", START, LEASE).ledger


@pytest.mark.parametrize(
    "damage", [{"B": b"\x78\x9c no stream"}, {"B": b""}, {"B": zlib.compress(b"\xff")}, {"N": "5"}]
)
def test_bytes_that_are_no_packed_ledger_are_reported_and_left_as_they_are(
    client: Client, store: DynamoStateStore, damage: dict[str, Any]
) -> None:
    """And the lease is given back."""
    put_plain(client, "", ledger=damage)

    for read in (lambda: store.ledger(SCOPE), lambda: store.acquire(SCOPE, "a", START, LEASE)):
        with pytest.raises(LedgerCorrupt, match="PAPER#main"):
            read()

    (item,) = client.stored("")
    assert (damage, "") == (item["ledger"], item["owner"]["S"])


# --- how large it is


def test_grant_tells_the_size_of_what_was_read_or_committed_and_the_limit(store: DynamoStateStore) -> None:
    """As stored; nothing before the first commit."""
    ledger = make_ledger(30, 5, 20, scope=SCOPE)

    first = store.acquire(SCOPE, "a", START, LEASE)
    after = store.commit(first, ledger, release=True)
    again = store.acquire(SCOPE, "b", START, LEASE)

    sizes = [(each.size_bytes, each.size_max) for each in (first, after, again)]
    assert [(0, ITEM_BYTES_MAX), *[(packed_size(ledger), ITEM_BYTES_MAX)] * 2] == sizes


def test_ledger_of_a_large_account_stays_below_half_of_one_item(client: Client, store: DynamoStateStore) -> None:
    """50 lots, 500 orders, 200 products in the cache, 2,000 assets of dust: entries are still allowed."""
    ledger = make_ledger(200, 50, 500, 2_000, scope=SCOPE)
    counts = (len(ledger.lots), len(ledger.orders), len(ledger.dust), len(ledger.known_products))

    grant = committed(store, ledger)

    assert (50, 500, 2_000, 200) == counts
    assert grant.size_bytes <= sum(map(size_of, client.stored(""))) < ITEM_BYTES_MAX // 2
    assert ledger == store.ledger(SCOPE)


# --- larger than one item


@pytest.mark.parametrize("times", [1, 2], ids=["sent once", "sent twice"])
@pytest.mark.parametrize("release", [False, True], ids=["kept", "released"])
@pytest.mark.parametrize(
    ("size", "items"),
    [
        (PART_BYTES_MAX - 1, 1),
        (PART_BYTES_MAX, 1),
        (PART_BYTES_MAX + 1, 2),
        (400_000, 2),
        (2 * PART_BYTES_MAX + 1, 3),
        (ITEM_BYTES_MAX - 1, 3),
        (ITEM_BYTES_MAX, 3),
        (ITEM_BYTES_MAX + 1, 3),
    ],
)
def test_ledger_at_the_edge_of_an_item_is_committed_and_read(
    client: Client, store: DynamoStateStore, size: int, items: int, release: bool, times: int
) -> None:
    """One byte more is one item more; no item and no transaction is larger than DynamoDB takes."""
    ledger = at_edge(size)
    grant = store.acquire(SCOPE, "a", START, LEASE)
    client.times = times

    after = store.commit(grant, ledger, fills=[a_fill()], release=release)

    client.times = 1
    stored = client.stored("LEDGER")
    assert (size, items, grant.version + 1) == (after.size_bytes, len(stored), after.version)
    assert max(size_of(item) for item in stored) <= ITEM_BYTES_MAX
    assert ledger == store.ledger(SCOPE) == store.acquire(SCOPE, "b", Instant(START + LEASE), LEASE).ledger
    assert 1 == len(client.stored("FILL#"))


@pytest.mark.parametrize("cash", ["900", "1000"])
def test_large_ledger_goes_on_from_grant_to_grant(store: DynamoStateStore, cash: str) -> None:
    """It grows by a part, and shrinks by one."""
    grant = committed(store, large())
    ledger = large()

    for digits in (900_000, 500_000, 1_600_000, 0):
        ledger = with_noise(books(cash), digits)
        grant = store.commit(grant, ledger)

    assert ledger == store.ledger(SCOPE)


def test_ledger_that_has_become_small_leaves_no_part_and_is_one_request_again(
    client: Client, store: DynamoStateStore
) -> None:
    """The parts go in the transaction of the small one."""
    grant = committed(store, large())
    before = len(client.stored("LEDGER#"))

    grant = store.commit(grant, books())
    client.requests.clear()
    store.commit(grant, books("900"))

    assert (2, [], ["update"]) == (before, client.stored("LEDGER#"), client.requests)


def test_part_that_was_left_over_is_not_read(client: Client, store: DynamoStateStore) -> None:
    """Whoever wrote the small ledger may not have known of it."""
    grant = committed(store, large())

    store.commit(replace(grant, size_bytes=0), books())

    assert 2 == len(client.stored("LEDGER#"))
    assert books() == store.ledger(SCOPE) == store.acquire(SCOPE, "b", Instant(START + LEASE), LEASE).ledger


def test_invocation_that_lost_its_lease_replaces_no_part(client: Client, store: DynamoStateStore) -> None:
    """All of it is refused, or none."""
    lost = store.acquire(SCOPE, "a", START, LEASE)
    new = store.acquire(SCOPE, "b", Instant(START + LEASE), LEASE)
    store.commit(new, large())
    before = client.stored("LEDGER")

    with pytest.raises(VersionConflict):
        store.commit(lost, with_noise(books("1"), 900_000))

    assert before == client.stored("LEDGER")


def test_books_that_differ_in_the_last_part_only_are_no_repetition(store: DynamoStateStore) -> None:
    """What a commit meets is compared to its last byte before it is taken for that commit."""
    grant = store.acquire(SCOPE, "a", START, LEASE)
    store.commit(grant, replace(large(), audit_head="1", unrecorded=1))

    with pytest.raises(VersionConflict):
        store.commit(grant, replace(large(), audit_head="1", unrecorded=2))


# --- read while it is written


def test_ledger_replaced_between_two_parts_is_read_again(client: Client, store: DynamoStateStore) -> None:
    """Half of one and half of the other is no ledger."""
    grants = [committed(store, large())]
    newer = with_noise(books("900"), 920_000)

    def replace_once(sort_key: str) -> None:
        if sort_key == "LEDGER#2" and len(grants) == 1:
            grants.append(DynamoStateStore(client.inner, "trader").commit(grants[0], newer))

    client.before_read = replace_once

    assert newer == store.ledger(SCOPE)
    assert 2 == len(grants)


def test_ledger_replaced_each_time_it_is_read_is_unavailable(client: Client, store: DynamoStateStore) -> None:
    """A few times, and then it is said."""
    grants = [committed(store, large())]
    other = DynamoStateStore(client.inner, "trader")

    def replace_it(sort_key: str) -> None:
        if sort_key == "LEDGER#2":
            grants.append(other.commit(grants[-1], with_noise(books(str(len(grants))), 920_000)))

    client.before_read = replace_it

    with pytest.raises(StoreUnavailable, match="replaced each time"):
        store.ledger(SCOPE)
    assert 2 < len(grants) < 10


def test_ledger_of_which_a_part_is_missing_is_corrupt_and_the_lease_given_back(
    client: Client, store: DynamoStateStore
) -> None:
    """Under the lease nobody replaces it, so nothing is waited for."""
    committed(store, large(), release=True)
    client.inner.delete_item(TableName="trader", Key={**KEY, "sk": {"S": "LEDGER#2"}})

    with pytest.raises(LedgerCorrupt, match="a part of it is missing"):
        store.acquire(SCOPE, "b", START, LEASE)

    assert "" == client.stored("LEDGER")[0]["owner"]["S"]


def test_lease_is_given_back_where_a_part_cannot_be_read(client: Client, store: DynamoStateStore) -> None:
    """The next run need not wait for its end."""
    committed(store, large(), release=True)

    def fail(_: str) -> None:
        raise ConnectionClosedError(endpoint_url="dynamodb")

    client.before_read = fail

    with pytest.raises(StoreUnavailable):
        store.acquire(SCOPE, "b", START, LEASE)
    assert "" == client.stored("LEDGER")[0]["owner"]["S"]


# --- what lies beside it


def of_many_fills(count: int) -> OrderRecord:
    """An order that was filled in so many pieces, and cancelled."""
    trades = [replace(a_fill(number=number), trade_id=noise(64, 64 * number)) for number in range(count)]
    return replace(an_order_record(an_intent(), OrderStatus.CANCELLED), fills=tuple(trades))


@pytest.mark.parametrize(("fills", "items"), [(10, 1), (2_000, 1), (6_000, 2)])
def test_finished_order_of_any_size_is_kept_and_found(
    client: Client, store: DynamoStateStore, fills: int, items: int
) -> None:
    """Readable as it lies there, or packed, or packed in parts."""
    record = of_many_fills(fills)

    committed(store, books(), finished=[record])

    stored = client.stored("ORDER#")
    assert items == len(stored)
    assert max(map(size_of, stored)) <= ITEM_BYTES_MAX
    assert [record] == list(store.read_finished(SCOPE, [record.intent.client_order_id]))


@pytest.mark.parametrize(("digits", "items"), [(1_000, 1), (400_000, 2), (2_000_000, 6)])
def test_owed_record_of_any_size_is_kept_until_it_is_repaid(
    client: Client, store: DynamoStateStore, digits: int, items: int
) -> None:
    """A sale does not wait for the bucket, whatever there is to say about it; nothing of the record is left over."""
    record = OwedRecord("audit-key", noise(digits))

    grant = committed(store, books(), owed=[record])
    kept = len(client.stored("OWED#"))
    read = store.read_owed(SCOPE, ["audit-key"])
    store.commit(grant, books(), repaid=["audit-key"])

    assert (items, [record], []) == (kept, list(read), client.stored("OWED#"))


def test_owed_record_of_which_a_part_is_missing_is_corrupt(client: Client, store: DynamoStateStore) -> None:
    """The run that wants to store it says so and goes on with those after it."""
    committed(store, books(), owed=[OwedRecord("audit-key", noise(600_000))])
    client.inner.delete_item(TableName="trader", Key={**KEY, "sk": {"S": "OWED#audit-key#1"}})

    with pytest.raises(LedgerCorrupt, match="owed record audit-key"):
        store.read_owed(SCOPE, ["audit-key"])


def test_commit_of_more_than_a_transaction_takes_is_cut_the_last_with_the_ledger(
    client: Client, store: DynamoStateStore
) -> None:
    """Seven records of a megabyte beside a ledger of three parts: the client holds each transaction to 4 MB."""
    owed = [OwedRecord(f"key-{number}", str(number) + noise(1_800_000)) for number in range(7)]

    committed(store, large(), owed=owed)

    with_ledger = [any("Update" in action for action in each) for each in client.transactions]
    assert len(with_ledger) > 1
    assert [False] * (len(with_ledger) - 1) + [True] == with_ledger
    assert owed == list(store.read_owed(SCOPE, [each.key for each in owed]))
    assert large() == store.ledger(SCOPE)


def test_order_that_finished_twice_in_one_run_is_stored_once(store: DynamoStateStore) -> None:
    """DynamoDB refuses a transaction that writes an item twice, and would refuse it for ever."""
    first, again = of_many_fills(0), of_many_fills(1)

    committed(store, books(), finished=[first, again], fills=[a_fill(), a_fill()])

    assert [again] == list(store.read_finished(SCOPE, [first.intent.client_order_id]))
