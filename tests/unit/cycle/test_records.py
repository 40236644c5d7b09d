"""What becomes of a record whose storing was not answered: it may be there all the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from accidents.one_account import World, a_world
from desk.recovery.chain import read_chain
from trader.cycle.records import Records
from trader.cycle.run_time import RunTime
from trader.errors import AuditError
from trader.model.events import AuditNote, EventKind
from trader.model.ids import Instant, cycle_id_at
from trader.model.ledger import Ledger

NOTES = (AuditNote(EventKind.CYCLE_SETTLED, "cycle", {}), AuditNote(EventKind.BARS_READ, "SOL-USD", {"close": "1"}))


def lose_the_answer(original: Any, *args: Any, **named: Any) -> Any:
    original(*args, **named)
    raise AuditError("no answer")


def write(world: World, ledger: Ledger, *, most: int) -> Ledger:
    """Let a run write one object, or owe it, and commit; so many bytes of what is owed are kept."""
    now, ports = world.clock.now(), world.ports()
    grant = ports.store.acquire(ledger.scope, "one", now, 60)
    time = RunTime(world.clock, ports.budget, Instant(now + 240))
    records = Records(ports, time, grant, cycle_id_at(now), owed_bytes_max=most)
    ledger = records.write(ledger, "decision", NOTES, urgent=False, may_owe=True)
    owed, repaid = records.take()
    ports.store.commit(grant, ledger, owed=owed, repaid=repaid, release=True)
    world.clock.advance(300)
    return ledger


@pytest.mark.parametrize("most", [0, 10_000], ids=["without bars", "whole"])
@pytest.mark.parametrize("is_first", [True, False])
def test_record_that_was_stored_without_an_answer_breaks_no_chain(most: int, is_first: bool) -> None:
    """What is owed in its place may be another text, without the bars; then it has another name."""
    world = a_world()
    world.cycle()
    ledger = world.ledger
    if is_first:
        world.audit.texts.clear()
        ledger = replace(ledger, audit_head="")
    world.meddlers["audit.write"] = lose_the_answer
    ledger = write(world, ledger, most=most)
    del world.meddlers["audit.write"]

    ledger = write(world, write(world, ledger, most=most), most=most)

    chain = read_chain(world.audit.texts)
    assert ((), 0, ()) == (chain.problems, ledger.unrecorded, ledger.owed)
    assert ledger.audit_head == chain.head
    assert 1 == len(chain.openings)
    assert (1 if most == 0 else 0) == len(chain.orphaned)
