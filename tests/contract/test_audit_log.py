"""What every audit log must do: keep each object, once and for good."""

from __future__ import annotations

import pytest

from factories_venue import START
from trader.errors import AuditError
from trader.model.events import AuditEvent, AuditObject, EventKind
from trader.model.ids import CycleId, Scope
from trader.ports import AuditLog, name_audit_object

CYCLE = CycleId("20261122T120000Z")


def an_object(body: str = "x", part: str = "decision") -> AuditObject:
    event = AuditEvent(EventKind.CYCLE_SETTLED, CYCLE, START, "cycle", {"body": body})
    return AuditObject(name_audit_object(Scope("PAPER#main"), CYCLE, 1, part), "previous", (event,))


def test_digest_is_that_of_the_object(audit_log: AuditLog) -> None:
    """The next object carries it, so it must be the digest of what was stored."""
    assert an_object().digest == audit_log.write(an_object())


def test_writing_the_same_again_is_fine(audit_log: AuditLog) -> None:
    """A retry after a lost answer finds its own bytes."""
    first = audit_log.write(an_object())

    assert first == audit_log.write(an_object())


def test_written_object_is_never_changed(audit_log: AuditLog) -> None:
    """Other bytes under the same key are an error, and the first ones stay."""
    audit_log.write(an_object("first"))

    with pytest.raises(AuditError):
        audit_log.write(an_object("second"))

    assert an_object("first").digest == audit_log.write(an_object("first"))


def test_parts_of_a_cycle_lie_side_by_side(audit_log: AuditLog) -> None:
    """A decision and its outcome are two objects."""
    decision, outcome = an_object("d", "decision"), an_object("o", "outcome")

    assert [decision.digest, outcome.digest] == [audit_log.write(decision), audit_log.write(outcome)]
