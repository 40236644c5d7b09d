"""What DynamoDB makes of a commit: how much fits into one transaction, and writes that were sent twice."""

from __future__ import annotations

import pytest

from factories import SCOPE, USD, a_fill, a_ledger
from factories_venue import START
from trader.adapters.aws.state_store import DynamoStateStore
from trader.errors import LeaseHeld, VersionConflict
from trader.model.ids import Instant
from trader.model.ledger import Ledger
from trader.model.orders import Fill
from unit.adapters.aws.conftest import Client

LEASE = 60
#: What DynamoDB takes in one transaction.
ITEMS_MAX = 100


def books(cash: str = "1000") -> Ledger:
    return a_ledger(cash={USD: cash})


def some_fills(count: int) -> list[Fill]:
    return [a_fill(number=number) for number in range(count)]


# --- how much fits


@pytest.mark.parametrize(
    ("items", "transactions"),
    [(2, [2]), (99, [99]), (100, [100]), (101, [1, 100]), (199, [99, 100]), (200, [100, 100]), (201, [1, 100, 100])],
)
def test_commit_of_many_items_is_cut_into_transactions_the_last_with_the_ledger(
    client: Client, store: DynamoStateStore, items: int, transactions: list[int]
) -> None:
    """The ledger and its fills: what counts a fill is never stored before the fill."""
    fills = some_fills(items - 1)
    grant = store.acquire(SCOPE, "a", START, LEASE)

    store.commit(grant, books("900"), fills=fills)

    assert transactions == [len(each) for each in client.transactions]
    assert max(transactions) <= ITEMS_MAX
    with_ledger = [any("Update" in action for action in each) for each in client.transactions]
    assert [False] * (len(transactions) - 1) + [True] == with_ledger
    assert books("900") == store.ledger(SCOPE)
    assert len(fills) == len(client.stored("FILL#"))


def test_transaction_of_one_item_too_many_is_refused(client: Client) -> None:
    """What the limit is there for; a DynamoDB that took it would prove nothing here."""
    puts = [
        {"Put": {"TableName": "trader", "Item": {"pk": {"S": SCOPE}, "sk": {"S": f"FILL#{number}"}}}}
        for number in range(ITEMS_MAX + 1)
    ]

    with pytest.raises(Exception, match="less than or equal to 100"):
        client.transact_write_items(TransactItems=puts)
    client.transact_write_items(TransactItems=puts[1:])


def test_fills_that_were_stored_ahead_change_nothing_if_the_lease_is_lost(
    client: Client, store: DynamoStateStore
) -> None:
    """They lie under their keys, and the ledger that counts them does not come."""
    lost = store.acquire(SCOPE, "a", START, LEASE)
    grant = store.acquire(SCOPE, "b", Instant(START + LEASE), LEASE)
    store.commit(grant, books("900"))

    with pytest.raises(VersionConflict):
        store.commit(lost, books("1"), fills=some_fills(ITEMS_MAX))

    assert books("900") == store.ledger(SCOPE)
    assert 1 == len(client.stored("FILL#")), "what did not fit beside the ledger"


# --- an answer that was lost


@pytest.mark.parametrize("release", [False, True], ids=["kept", "released"])
@pytest.mark.parametrize("fills", [0, 1, 100], ids=["ledger alone", "one transaction", "two transactions"])
def test_commit_that_is_sent_twice_is_done_once(
    client: Client, store: DynamoStateStore, fills: int, release: bool
) -> None:
    """The refusal of the second is our own write, so the cycle goes on with the next version."""
    grant = store.acquire(SCOPE, "a", START, LEASE)
    client.times = 2

    after = store.commit(grant, books("900"), fills=some_fills(fills), release=release)

    assert (grant.epoch, grant.version + 1, books("900")) == (after.epoch, after.version, after.ledger)
    assert books("900") == store.ledger(SCOPE)
    assert fills == len(client.stored("FILL#"))


def test_grant_that_comes_of_a_commit_sent_twice_is_good_for_the_next(client: Client, store: DynamoStateStore) -> None:
    """Version by version."""
    grant = store.acquire(SCOPE, "a", START, LEASE)
    client.times = 2

    store.commit(store.commit(grant, books("900")), books("800"), release=True)

    assert books("800") == store.acquire(SCOPE, "b", START, LEASE).ledger


@pytest.mark.parametrize("fills", [0, 1], ids=["ledger alone", "one transaction"])
def test_other_books_under_the_same_grant_are_no_repetition(store: DynamoStateStore, fills: int) -> None:
    """The next version is there, and holds something else: that is not what we have just written."""
    grant = store.acquire(SCOPE, "a", START, LEASE)
    store.commit(grant, books("900"))

    with pytest.raises(VersionConflict):
        store.commit(grant, books("1"), fills=some_fills(fills))

    assert books("900") == store.ledger(SCOPE)


def test_commit_after_a_released_one_is_no_repetition(store: DynamoStateStore) -> None:
    """The same books, but the lease is no longer ours."""
    grant = store.acquire(SCOPE, "a", START, LEASE)
    store.commit(grant, books("900"), release=True)

    with pytest.raises(VersionConflict):
        store.commit(grant, books("900"))


def test_same_books_under_the_lease_of_another_are_no_repetition(store: DynamoStateStore) -> None:
    """Who was overtaken is told so, even if it came to the same."""
    old = store.acquire(SCOPE, "a", START, LEASE)
    new = store.acquire(SCOPE, "b", Instant(START + LEASE), LEASE)
    store.commit(new, books("900"))

    with pytest.raises(VersionConflict) as caught:
        store.commit(old, books("900"))

    assert (old.epoch, new.epoch) == (caught.value.expected_epoch, caught.value.found_epoch)


def test_lease_that_is_asked_for_twice_by_one_question_is_granted(client: Client, store: DynamoStateStore) -> None:
    """Refused to ourselves it would block the tick for as long as it lasts; a second question is refused."""
    client.times = 2

    grant = store.acquire(SCOPE, "a", START, LEASE)

    assert ("a", 1, Instant(START + LEASE)) == (grant.owner, grant.epoch, grant.expires_at)
    with pytest.raises(LeaseHeld):
        store.acquire(SCOPE, "a", START, LEASE)


def test_lease_that_is_given_back_twice_is_free(client: Client, store: DynamoStateStore) -> None:
    """And nobody is told that it was another's."""
    grant = store.acquire(SCOPE, "a", START, LEASE)
    client.times = 2

    store.release(grant)

    client.times = 1
    assert 2 == store.acquire(SCOPE, "b", START, LEASE).epoch
