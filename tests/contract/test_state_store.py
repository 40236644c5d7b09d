"""What every state store must do: one writer at a time, all or nothing, nothing lost by damage."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest
from moto import mock_aws

from contract.conftest import SCOPE, MotoAws, StoreBench
from factories_venue import START, an_intent
from trader.adapters.aws.state_store import DynamoStateStore
from trader.errors import InvariantViolation, LeaseHeld, LedgerCorrupt, VersionConflict
from trader.model.commands import Command, CommandKind
from trader.model.ids import Asset, ClientOrderId, Instant, Scope, TradeId, VenueOrderId
from trader.model.ledger import Ledger, open_ledger
from trader.model.money import Notional, Price, Quantity
from trader.model.order_life import OrderStatus
from trader.model.order_record import OrderRecord
from trader.model.orders import Fill, Liquidity, Side
from trader.model.schema import SCHEMA

LEASE = 60
USD = Asset("USD")


def a_ledger(cash: str = "1000") -> Ledger:
    return replace(open_ledger(SCOPE, USD, Notional(1000)), cash={USD: Notional(cash)})


def a_fill(number: int = 1) -> Fill:
    return Fill(
        TradeId(f"trade-{number}"),
        VenueOrderId("order-1"),
        an_intent().product_id,
        Side.BUY,
        Price("99.90"),
        Quantity("0.5"),
        Notional("0.29970"),
        START,
        Liquidity.MAKER,
    )


def a_record(status: OrderStatus = OrderStatus.CANCELLED) -> OrderRecord:
    return OrderRecord(an_intent(), status, VenueOrderId("order-1"), fills=(a_fill(),), final_at=START)


def test_first_lease_finds_no_ledger(state_bench: StoreBench) -> None:
    """A scope that nobody wrote to has none, rather than an empty one."""
    grant = state_bench.store.acquire(SCOPE, "a", START, LEASE)

    assert (None, "a", Instant(START + LEASE)) == (grant.ledger, grant.owner, grant.expires_at)


def test_ledger_comes_back_as_it_was_committed(state_bench: StoreBench) -> None:
    """Every value survives storage, orders and their fills included."""
    grant = state_bench.store.acquire(SCOPE, "a", START, LEASE)
    ledger = a_ledger().with_order(a_record())

    state_bench.store.commit(grant, ledger, release=True)

    assert ledger == state_bench.store.acquire(SCOPE, "b", START, LEASE).ledger


def test_ledger_is_read_without_a_lease(state_bench: StoreBench) -> None:
    """A report neither waits for a cycle nor stops one; before the first commit there is nothing to read."""
    store: Any = state_bench.store
    before = store.ledger(SCOPE)
    grant = store.acquire(SCOPE, "a", START, LEASE)
    unwritten = store.ledger(SCOPE)
    store.commit(grant, a_ledger())

    assert (None, None, a_ledger()) == (before, unwritten, store.ledger(SCOPE))


def test_lease_that_is_held_is_refused_with_its_holder(state_bench: StoreBench) -> None:
    """The second invocation learns who is at work and until when."""
    state_bench.store.acquire(SCOPE, "a", START, LEASE)

    with pytest.raises(LeaseHeld) as caught:
        state_bench.store.acquire(SCOPE, "b", Instant(START + LEASE - 1), LEASE)

    assert ("a", START + LEASE) == (caught.value.owner, caught.value.expires_at)


def test_lease_is_refused_to_its_own_holder(state_bench: StoreBench) -> None:
    """An owner is one invocation, and one invocation asks once."""
    state_bench.store.acquire(SCOPE, "a", START, LEASE)

    with pytest.raises(LeaseHeld):
        state_bench.store.acquire(SCOPE, "a", START, LEASE)


def test_expired_lease_is_taken_over_with_a_higher_epoch(state_bench: StoreBench) -> None:
    """Accident 23: a run that died blocks nobody for longer than its lease."""
    old = state_bench.store.acquire(SCOPE, "a", START, LEASE)

    new = state_bench.store.acquire(SCOPE, "b", Instant(START + LEASE), LEASE)

    assert new.epoch > old.epoch


def test_invocation_that_lost_its_lease_cannot_commit(state_bench: StoreBench) -> None:
    """Accident 23: the stalled one wakes up, is told, and changes nothing."""
    old = state_bench.store.acquire(SCOPE, "a", START, LEASE)
    new = state_bench.store.acquire(SCOPE, "b", Instant(START + LEASE), LEASE)
    state_bench.store.commit(new, a_ledger("900"))

    with pytest.raises(VersionConflict) as caught:
        state_bench.store.commit(old, a_ledger("1"), fills=[a_fill()])

    assert (old.epoch, new.epoch) == (caught.value.expected_epoch, caught.value.found_epoch)
    assert [] == state_bench.read_fills()
    assert a_ledger("900") == state_bench.store.acquire(SCOPE, "c", Instant(START + 9 * LEASE), LEASE).ledger


def test_expired_lease_that_nobody_took_still_commits(state_bench: StoreBench) -> None:
    """Epochs fence, clocks do not: a slow cycle that had no rival keeps its work."""
    grant = state_bench.store.acquire(SCOPE, "a", START, LEASE)

    state_bench.store.commit(grant, a_ledger("700"), release=True)

    assert a_ledger("700") == state_bench.store.acquire(SCOPE, "b", Instant(START + 9 * LEASE), LEASE).ledger


def test_grant_is_used_up_by_its_commit(state_bench: StoreBench) -> None:
    """The grant that the commit returns is the one to go on with; the old one is refused."""
    first = state_bench.store.acquire(SCOPE, "a", START, LEASE)
    second = state_bench.store.commit(first, a_ledger("900"))
    state_bench.store.commit(second, a_ledger("800"))

    with pytest.raises(VersionConflict):
        state_bench.store.commit(first, a_ledger("1"))


def test_other_books_under_a_grant_that_was_used_are_refused(state_bench: StoreBench) -> None:
    """The first ones stay, whatever a store takes for the repetition of a commit."""
    grant = state_bench.store.acquire(SCOPE, "a", START, LEASE)
    state_bench.store.commit(grant, a_ledger("900"))

    with pytest.raises(VersionConflict):
        state_bench.store.commit(grant, a_ledger("1"), fills=[a_fill()])

    assert [] == state_bench.read_fills()
    assert a_ledger("900") == state_bench.store.acquire(SCOPE, "b", Instant(START + LEASE), LEASE).ledger


def test_released_lease_is_free_at_once_and_the_epoch_still_rises(state_bench: StoreBench) -> None:
    """Fencing never starts over."""
    first = state_bench.store.acquire(SCOPE, "a", START, LEASE)
    state_bench.store.release(first)

    second = state_bench.store.acquire(SCOPE, "b", START, LEASE)

    assert first.epoch + 1 == second.epoch


def test_nothing_is_committed_under_a_released_lease(state_bench: StoreBench) -> None:
    """Whether it was released by itself or together with a commit."""
    alone = state_bench.store.acquire(SCOPE, "a", START, LEASE)
    state_bench.store.release(alone)
    with pytest.raises(VersionConflict):
        state_bench.store.commit(alone, a_ledger("1"))

    together = state_bench.store.acquire(SCOPE, "b", START, LEASE)
    spent = state_bench.store.commit(together, a_ledger("900"), release=True)
    with pytest.raises(VersionConflict):
        state_bench.store.commit(spent, a_ledger("1"))


def test_lease_of_another_cannot_be_released(state_bench: StoreBench) -> None:
    """A late release must not throw out the one that took over."""
    old = state_bench.store.acquire(SCOPE, "a", START, LEASE)
    state_bench.store.acquire(SCOPE, "b", Instant(START + LEASE), LEASE)

    with pytest.raises(VersionConflict):
        state_bench.store.release(old)


def test_late_release_is_told_both_epochs(state_bench: StoreBench) -> None:
    """Whoever lost a lease can say to which one."""
    old = state_bench.store.acquire(SCOPE, "a", START, LEASE)
    new = state_bench.store.acquire(SCOPE, "b", Instant(START + LEASE), LEASE)

    with pytest.raises(VersionConflict) as caught:
        state_bench.store.release(old)

    assert (old.epoch, new.epoch) == (caught.value.expected_epoch, caught.value.found_epoch)


def test_released_lease_is_over_in_the_table_too() -> None:
    """A number, as people and DynamoDB expect one there; the imitation takes any text for it."""
    with mock_aws():
        aws = MotoAws()
        store = DynamoStateStore(aws.dynamodb, "trader")
        store.release(store.acquire(SCOPE, "a", START, LEASE))

        assert ({"N": "0"}, {"S": ""}) == (aws._item()["expires_at"], aws._item()["owner"])


def test_fill_committed_twice_is_stored_once(state_bench: StoreBench) -> None:
    """The same page of fills, read again after a crash, adds nothing."""
    grant = state_bench.store.acquire(SCOPE, "a", START, LEASE)
    grant = state_bench.store.commit(grant, a_ledger(), fills=[a_fill(1)])

    state_bench.store.commit(grant, a_ledger(), fills=[a_fill(1), a_fill(2)])

    assert [a_fill(1), a_fill(2)] == state_bench.read_fills()


def test_last_word_on_a_finished_order_counts(state_bench: StoreBench) -> None:
    """A cancelled order whose last fill came late is stored once, as filled."""
    grant = state_bench.store.acquire(SCOPE, "a", START, LEASE)
    grant = state_bench.store.commit(grant, a_ledger(), finished=[a_record(OrderStatus.CANCELLED)])

    state_bench.store.commit(grant, a_ledger(), finished=[a_record(OrderStatus.FILLED)])

    assert [a_record(OrderStatus.FILLED)] == state_bench.read_finished()


def test_finished_orders_are_found_by_their_ids(state_bench: StoreBench) -> None:
    """As last stored, in the order asked for; what is not there is left out, and so is another scope's."""
    grant = state_bench.store.acquire(SCOPE, "a", START, LEASE)
    first, again = a_record(OrderStatus.CANCELLED), a_record(OrderStatus.FILLED)
    other = replace(first, intent=replace(first.intent, client_order_id=ClientOrderId("t247-other")))
    grant = state_bench.store.commit(grant, a_ledger(), finished=[first, other])
    state_bench.store.commit(grant, a_ledger(), finished=[again])
    wanted = [ClientOrderId("t247-other"), ClientOrderId("t247-nobody"), first.intent.client_order_id]

    found = state_bench.store.read_finished(SCOPE, wanted)

    assert (other, again) == tuple(found)
    assert () == tuple(state_bench.store.read_finished(Scope("PAPER#other"), wanted))


@pytest.mark.parametrize("damage", ["", "{", '{"schema":9}', "null", "\x00\x01", '{"owner":"","epoch":"one"}'])
def test_damaged_ledger_is_reported_and_left_as_it_is(state_bench: StoreBench, damage: str) -> None:
    """Accident 15: what cannot be read is never replaced by a fresh start."""
    grant = state_bench.store.acquire(SCOPE, "a", START, LEASE)
    grant = state_bench.store.commit(grant, a_ledger())
    state_bench.write_raw(damage)

    with pytest.raises(LedgerCorrupt):
        state_bench.store.acquire(SCOPE, "b", Instant(START + LEASE), LEASE)
    # The old grant is stopped by the damage, or by the lease that was taken to look at it.
    with pytest.raises((LedgerCorrupt, VersionConflict)):
        state_bench.store.commit(grant, a_ledger("1"))

    assert damage == state_bench.read_raw()


def test_ledger_of_a_newer_schema_is_not_touched(state_bench: StoreBench) -> None:
    """Old code that meets new state stops, instead of dropping what it does not know."""
    grant = state_bench.store.acquire(SCOPE, "a", START, LEASE)
    state_bench.store.commit(grant, a_ledger(), release=True)
    newer = re.sub(r"(schema\W+)\d+", r"\g<1>99", state_bench.read_raw())
    state_bench.write_raw(newer)

    with pytest.raises(LedgerCorrupt):
        state_bench.store.acquire(SCOPE, "b", START, LEASE)

    assert newer == state_bench.read_raw()


def test_ledger_of_the_next_schema_keeps_what_is_new_in_it(state_bench: StoreBench) -> None:
    """Accident 61: a rollback meets a ledger with one more field, works with it, and gives it back whole."""
    grant = state_bench.store.acquire(SCOPE, "a", START, LEASE)
    state_bench.store.commit(grant, a_ledger(), release=True)
    added = f'"schema":{SCHEMA + 1},"schema_note":{{"a":["1.50",null]}}'
    state_bench.write_raw(state_bench.read_raw().replace(f'"schema":{SCHEMA}', added))

    grant = state_bench.store.acquire(SCOPE, "b", START, LEASE)
    assert grant.ledger is not None
    state_bench.store.commit(grant, replace(grant.ledger, audit_head="x"), release=True)

    assert added in state_bench.read_raw()
    assert '"audit_head":"x"' in state_bench.read_raw()


def test_scopes_do_not_see_one_another(state_bench: StoreBench) -> None:
    """A lease and a ledger belong to one scope only."""
    grant = state_bench.store.acquire(SCOPE, "a", START, LEASE)
    state_bench.store.commit(grant, a_ledger())

    other = state_bench.store.acquire(Scope("LIVE#main"), "b", START, LEASE)

    assert other.ledger is None


def test_ledger_of_another_scope_is_our_bug(state_bench: StoreBench) -> None:
    """It would overwrite somebody else's books."""
    grant = state_bench.store.acquire(Scope("LIVE#main"), "a", START, LEASE)

    with pytest.raises(InvariantViolation):
        state_bench.store.commit(grant, a_ledger())


# --- commands


def a_command(kind: CommandKind = CommandKind.FLATTEN, at: int = START, number: int = 1, **over: Any) -> Command:
    return Command(kind, Instant(at), f"event-{number}", **over)


def test_command_is_written_while_somebody_holds_the_lease(state_bench: StoreBench) -> None:
    """It stands from then on, whoever looks, and the holder commits as before."""
    store = state_bench.store
    grant = store.acquire(SCOPE, "a", START, LEASE)

    store.write_command(SCOPE, a_command())
    grant = store.commit(grant, a_ledger())

    assert {"flatten": a_command()} == store.look(SCOPE).commands.slots
    assert {"flatten": a_command()} == store.renew_commands(grant).commands.slots


def test_command_is_remembered_before_there_are_books(state_bench: StoreBench) -> None:
    """The first lease brings it, and there is still no ledger."""
    store = state_bench.store

    store.write_command(SCOPE, a_command())
    grant = store.acquire(SCOPE, "a", START, LEASE)

    assert (None, {"flatten": a_command()}) == (grant.ledger, grant.commands.slots)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_slot_only_moves_forward(state_bench: StoreBench, order: tuple[int, ...]) -> None:
    """Twice, late and out of order are the same as once: the instant decides, and in one second the id."""
    told = [a_command(number=9), a_command(at=START + 1, number=1), a_command(at=START + 1, number=2)]

    for index in (*order, *order):
        state_bench.store.write_command(SCOPE, told[index])

    assert {"flatten": told[2]} == state_bench.store.look(SCOPE).commands.slots


def test_commands_about_different_things_stand_beside_one_another(state_bench: StoreBench) -> None:
    """Each lot, each pause and each kind has a slot of its own."""
    told = [
        a_command(),
        a_command(CommandKind.RESUME, why="the market is back", abandon=True),
        a_command(CommandKind.CLOSE, target="lot-1"),
        a_command(CommandKind.CLOSE, target="lot-2"),
        a_command(CommandKind.PAUSE, target="product SOL", until=Instant(START + 60), who='a "b" {c},"epoch":1'),
    ]

    for each in told:
        state_bench.store.write_command(SCOPE, each)

    assert {each.slot: each for each in told} == state_bench.store.acquire(SCOPE, "a", START, LEASE).commands.slots


def test_lease_given_back_says_that_a_command_came_meanwhile(state_bench: StoreBench) -> None:
    """It is free all the same, and the commands that the run knew make no difference."""
    store = state_bench.store
    store.write_command(SCOPE, a_command())
    grant = store.acquire(SCOPE, "a", START, LEASE)
    known = store.commit(grant, a_ledger(), release=True)
    grant = store.acquire(SCOPE, "b", START, LEASE)
    store.write_command(SCOPE, a_command(CommandKind.RECONCILE))

    late = store.commit(grant, a_ledger("7"), release=True)

    assert (False, True, "") == (known.is_outdated, late.is_outdated, store.look(SCOPE).owner)
    assert a_ledger("7") == store.look(SCOPE).ledger


def test_command_read_again_makes_no_lease_outdated(state_bench: StoreBench) -> None:
    """What came before the first turn was acted on."""
    store = state_bench.store
    grant = store.acquire(SCOPE, "a", START, LEASE)
    store.write_command(SCOPE, a_command())

    grant = store.commit(store.renew_commands(grant), a_ledger(), release=True)

    assert not grant.is_outdated


def test_lease_that_was_lost_is_not_mistaken_for_a_command(state_bench: StoreBench) -> None:
    """Another took over, and a command came: the commit is refused."""
    store = state_bench.store
    grant = store.acquire(SCOPE, "a", START, LEASE)
    store.acquire(SCOPE, "b", Instant(START + LEASE), LEASE)
    store.write_command(SCOPE, a_command())

    with pytest.raises(VersionConflict):
        store.commit(grant, a_ledger(), release=True)


def test_slot_is_emptied_only_of_what_was_seen(state_bench: StoreBench) -> None:
    """A newer command in the same slot stays."""
    store = state_bench.store
    old, new = a_command(CommandKind.CLOSE, target="lot-1"), a_command(CommandKind.CLOSE, START + 5, target="lot-2")
    store.write_command(SCOPE, old)
    store.write_command(SCOPE, new)
    grant = store.acquire(SCOPE, "a", START, LEASE)

    grant = store.drop_commands(grant, [old, a_command(CommandKind.CLOSE, START + 4, target="lot-2")])

    assert {"close lot-2": new} == grant.commands.slots == store.look(SCOPE).commands.slots
    assert not store.commit(grant, a_ledger(), release=True).is_outdated


def test_look_sees_who_is_busy(state_bench: StoreBench) -> None:
    """It changes nothing, and needs no lease."""
    store = state_bench.store
    grant = store.acquire(SCOPE, "a", START, LEASE)
    store.commit(grant, a_ledger())

    seen = store.look(SCOPE)

    assert (a_ledger(), "a", True, False) == (
        seen.ledger,
        seen.owner,
        seen.is_held(Instant(START + LEASE - 1)),
        seen.is_held(Instant(START + LEASE)),
    )
