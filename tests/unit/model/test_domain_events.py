"""The lines of an audit object as events: what each tells, how large it may be, and what is no audit object."""

from __future__ import annotations

import json
from typing import Any

import pytest

from factories import CYCLE, NOW
from trader.errors import MalformedData
from trader.model.codec import sha256_hex
from trader.model.domain_events import EVENT_BYTES_MAX, SOURCE, DomainEvent, read_domain_events
from trader.model.events import AuditEvent, AuditObject, EventKind
from trader.model.ids import Instant
from trader.model.schema import SCHEMA

NAME = f"scope=PAPER#main/dt=2026-11-22/{CYCLE}-00000007-decision.jsonl"
KEY = f"audit/{NAME}"


def an_event(subject: str = "one", kind: EventKind = EventKind.FILL_APPLIED, **body: Any) -> AuditEvent:
    return AuditEvent(kind, CYCLE, NOW, subject, body)


def an_object(*events: AuditEvent) -> str:
    return AuditObject(NAME, "before", events).text()


def read(text: str, key: str = KEY) -> tuple[DomainEvent, ...]:
    return read_domain_events("bucket", key, text)


def an_event_of_size(size: int) -> AuditEvent:
    """A line that makes an event of exactly so many bytes; its own length, told within, keeps its number of digits."""
    padding = "x" * (size - 1000)
    (made,) = read(an_object(an_event(text=padding)))
    return an_event(text=padding + "x" * (size - made.size))


def test_each_line_is_an_event_of_its_kind_in_its_order() -> None:
    """The first one opens the object, and is none."""
    kinds = list(EventKind)

    events = read(an_object(*(an_event(kind=kind) for kind in kinds)))

    assert [kind.value for kind in kinds] == [event.kind for event in events]
    assert {NOW} == {event.at for event in events}


def test_event_tells_what_the_line_tells_and_where_it_stands() -> None:
    """Its id is the line's own, so that a repeat is recognized; its digest is that of the line's bytes."""
    line = an_event(price="1.50").line()

    (event,) = read(an_object(an_event(price="1.50")))

    assert {
        "id": an_event().event_id,
        "cycle": CYCLE,
        "at": NOW,
        "scope": "PAPER#main",
        "schema": SCHEMA,
        "body": {"price": "1.50"},
        "record": {"bucket": "bucket", "key": KEY, "line": 2, "digest": sha256_hex(line), "bytes": len(line)},
    } == json.loads(event.detail)


def test_object_read_again_gives_the_same_bytes() -> None:
    """Whatever was published of it before."""
    text = an_object(an_event("one"), an_event("two"))

    assert read(text) == read(text)
    assert 2 == len({json.loads(event.detail)["id"] for event in read(text)})


def test_line_that_just_fits_is_whole_and_one_byte_more_is_a_pointer() -> None:
    """Without its body, which is read in the bucket; the events around it are whole."""
    fits, larger = an_event_of_size(EVENT_BYTES_MAX), an_event_of_size(EVENT_BYTES_MAX + 1)

    whole, pointer, after = read(an_object(fits, larger, an_event("after", ok=True)))

    assert EVENT_BYTES_MAX == whole.size
    assert json.loads(whole.detail)["body"] == fits.body
    told = json.loads(pointer.detail)
    assert (None, larger.event_id, 3) == (told["body"], told["id"], told["record"]["line"])
    assert (sha256_hex(larger.line()), len(larger.line())) == (told["record"]["digest"], told["record"]["bytes"])
    assert {"ok": True} == json.loads(after.detail)["body"]


def test_size_is_counted_in_bytes_as_the_service_does() -> None:
    """Source, kind and detail in UTF-8, and 14 for the instant."""
    event = DomainEvent("Ünd", Instant(0), '{"a":"€"}')

    assert 14 + len(SOURCE) + 4 + 11 == event.size


@pytest.mark.parametrize("odd", ["\u2028", "\u2029", "\x85", "\x1c", "\r", "\n"])
def test_text_with_an_odd_line_end_stays_in_its_line(odd: str) -> None:
    """Only the audit's own line end separates lines."""
    (event,) = read(an_object(an_event(text=f"before{odd}after")))

    assert f"before{odd}after" == json.loads(event.detail)["body"]["text"]


def test_kind_of_a_newer_release_is_told_as_it_is() -> None:
    """The publisher may be older than what writes the audit."""
    text = an_object(an_event()).replace('"FillApplied"', '"MoonReached"')

    assert ["MoonReached"] == [event.kind for event in read(text)]


def test_object_of_schema_1_says_no_schema() -> None:
    """As the oldest ones are."""
    text = an_object(an_event()).replace(f',"schema":{SCHEMA}', "")

    assert 1 == json.loads(read(text)[0].detail)["schema"]


def test_object_without_events_has_none() -> None:
    """It is whole all the same."""
    assert () == read(an_object())


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("", "line 1 is no line", id="empty"),
        pytest.param("{}\n", "line 1 is no line", id="an empty line of JSON"),
        pytest.param(an_event().line() + "\n", "line 1 is no line", id="no first line"),
        pytest.param(an_object(an_event())[:-20], "line 2 is no line", id="cut short"),
        pytest.param(an_object(an_event()) + "\n", "line 3 is no line", id="a line too many"),
        pytest.param(an_object() + '["event"]\n', "line 2 is no line", id="no object"),
        pytest.param(an_object() + '{"event":"FillApplied"}\n', "line 2 is no line", id="without its id"),
        pytest.param(an_object().replace("main", "other"), "opens another object", id="another scope"),
        pytest.param(an_object().replace("ObjectOpened", "ObjectClosed"), "opens another object", id="another opening"),
    ],
)
def test_what_is_no_audit_object_is_refused(text: str, complaint: str) -> None:
    """Nothing of it goes out."""
    with pytest.raises(MalformedData, match=complaint):
        read(text)
