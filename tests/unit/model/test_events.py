"""What is written down: ids that survive a crash, one line per event, files chained to the one before."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

from factories import CYCLE, NOW
from trader.model.codec import sha256_hex
from trader.model.events import AuditEvent, AuditObject, EventKind
from trader.model.ids import CycleId, Instant

EVENT = AuditEvent(EventKind.ORDER_INTENDED, CYCLE, NOW, "t247-1", {"b": Decimal("1.50"), "a": [1, None]})


def test_same_event_derived_again_has_the_same_id() -> None:
    """Whenever it is written, and whatever else has been learnt of it."""
    again = replace(EVENT, at=Instant(NOW + 99), body={"more": True})

    assert EVENT.event_id == again.event_id


def test_event_of_another_kind_cycle_or_subject_has_another_id() -> None:
    """Those three are what makes an event."""
    others = (
        replace(EVENT, kind=EventKind.ORDER_SUBMITTED),
        replace(EVENT, cycle_id=CycleId("20261122T102000Z")),
        replace(EVENT, subject="t247-2"),
    )

    assert 4 == len({EVENT.event_id, *(other.event_id for other in others)})


def test_event_is_one_line_of_json_with_sorted_keys() -> None:
    """Numbers of money are text, so that no reader rounds them."""
    line = EVENT.line()

    assert {"a": [1, None], "b": "1.5"} == json.loads(line)["body"]
    assert sorted(json.loads(line)) == list(json.loads(line))
    assert "\n" not in line


def test_file_opens_with_the_digest_of_the_file_before() -> None:
    """A missing or changed file breaks the chain visibly."""
    text = AuditObject("key", "digest-of-before", (EVENT,)).text()

    header, line, end = text.split("\n")
    assert {"event": "ObjectOpened", "schema": 2, "previous": "digest-of-before", "key": "key"} == json.loads(header)
    assert (EVENT.line(), "") == (line, end)


def test_digest_is_that_of_the_whole_file() -> None:
    """Header included, so that the chain is part of what is sealed."""
    written = AuditObject("key", "before", (EVENT,))

    assert sha256_hex(written.text()) == written.digest
    assert written.digest != replace(written, previous="other").digest
