"""What the sweeps on the real adapters found, each with a test of its own. The fault was mended where it was made."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from simulation.nemesis import Fault, Nemesis
from simulation.wire.halts import halted
from simulation.wire.outages import observed
from simulation.wire.wires import TABLE
from simulation.wire.world import wires
from simulation.world import SCOPE, START
from trader.adapters.aws.state_store import DynamoStateStore
from trader.errors import LeaseHeld, VersionConflict
from trader.model.ids import Asset, Instant, ProductId, TradeId, VenueOrderId
from trader.model.ledger import Ledger, open_ledger
from trader.model.money import Notional, Price, Quantity
from trader.model.orders import Fill, Liquidity, Side

LEDGER: Ledger = open_ledger(SCOPE, Asset("USD"), Notional(10_000))
FILL = Fill(
    trade_id=TradeId("t1"),
    venue_order_id=VenueOrderId("v1"),
    product_id=ProductId("SOL-USD"),
    side=Side.BUY,
    price=Price(100),
    quantity=Quantity(1),
    fee=Notional("0.6"),
    time=START,
    liquidity=Liquidity.MAKER,
)


@pytest.fixture
def store() -> DynamoStateStore:
    """An empty table on the wire."""
    wires().aws.reset("RUN")
    return DynamoStateStore(wires().aws.clients["dynamodb"], TABLE)


def unanswered(call: int = 1) -> Nemesis:
    """Whoever takes the answer away; botocore then sends the same request again."""
    return Nemesis(call, Fault.LOST_REPLY)


def test_lease_whose_answer_was_lost_is_ours(store: DynamoStateStore) -> None:
    """The repeated request meets the lease that the first one took; the tick must not be skipped for that."""
    with wires().hands.of(unanswered()):
        grant = store.acquire(SCOPE, "one", START, 120)

    assert ("one", 1) == (grant.owner, grant.epoch)
    assert store.commit(grant, LEDGER).version == 1


def test_lease_of_another_is_not_taken_for_ours(store: DynamoStateStore) -> None:
    """Neither that of somebody else from the same instant nor one of our own from before."""
    store.acquire(SCOPE, "one", START, 120)

    for owner, at in (("two", START), ("one", Instant(START + 1))):
        with wires().hands.of(unanswered()), pytest.raises(LeaseHeld):
            store.acquire(SCOPE, owner, at, 120)


@pytest.mark.parametrize("release", [False, True])
@pytest.mark.parametrize("fills", [(), (FILL,)], ids=["alone", "with a fill"])
def test_commit_whose_answer_was_lost_is_done(store: DynamoStateStore, fills: tuple[Fill, ...], release: bool) -> None:
    """The repeated request meets the version that the first one wrote: nothing is aborted, nothing written twice."""
    grant = store.acquire(SCOPE, "one", START, 120)

    with wires().hands.of(unanswered()):
        done = store.commit(grant, LEDGER, fills=fills, release=release)

    assert done.version == 1
    assert store.ledger(SCOPE) == LEDGER
    if not release:
        assert store.commit(done, LEDGER).version == 2


def test_commit_after_a_commit_of_another_content_is_a_conflict(store: DynamoStateStore) -> None:
    """The same grant used twice is a fault of ours, and the second ledger is not taken for the first."""
    grant = store.acquire(SCOPE, "one", START, 120)
    store.commit(grant, LEDGER)

    with pytest.raises(VersionConflict):
        store.commit(grant, replace(LEDGER, dust={Asset("SOL"): Decimal(1)}))


def test_release_whose_answer_was_lost_is_done(store: DynamoStateStore) -> None:
    """The repeated request finds the lease free already, at our own epoch."""
    grant = store.acquire(SCOPE, "one", START, 120)

    with wires().hands.of(unanswered()):
        store.release(grant)

    assert store.acquire(SCOPE, "two", START, 120).epoch == 2


def test_release_of_a_lease_that_was_taken_over_is_a_conflict(store: DynamoStateStore) -> None:
    """Also if the one who took it over has given it back since."""
    grant = store.acquire(SCOPE, "one", START, 120)
    other = store.acquire(SCOPE, "two", Instant(START + 120), 120)
    store.release(other)

    with pytest.raises(VersionConflict):
        store.release(grant)


def test_flatten_without_prices_leaves_the_bracket_where_it_is() -> None:
    """Found by taking the market away from a FLATTEN: the bracket was cancelled, and nothing could be sold."""
    seen = observed("venue: products, quotes, candles", "flatten")

    assert seen.requests_lost > 0
    assert (0, 0) == (seen.placed, seen.bare)
    assert () == seen.found


def test_halt_lays_bare_only_who_died_between_the_end_of_a_bracket_and_its_sale() -> None:
    """Found by turning the switch before each call: the bracket had gone before the switch was asked about the sale."""
    seen = halted("exit")

    assert () == seen.found
    assert 0 < seen.bare < seen.moments / 4
