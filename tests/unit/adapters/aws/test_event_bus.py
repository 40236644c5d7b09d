"""What goes to the bus in one request, and what is put again when it takes only a part."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from trader.adapters.aws.event_bus import ENTRIES_MAX, EventBus, read_record
from trader.errors import PublishError
from trader.model.domain_events import EVENT_BYTES_MAX, SOURCE, DomainEvent
from trader.model.ids import Instant

Entries = list[dict[str, Any]]
EMPTY = DomainEvent("Kind", Instant(0), "").size


def size_of(entry: dict[str, Any]) -> int:
    """As the service's own page counts it."""
    return 14 + sum(len(entry[name].encode()) for name in ("Source", "DetailType", "Detail"))


@dataclass
class Bus:
    """Takes what a bus takes; *refuses* says of the Nth request which of its places are refused, and with what code."""

    refuses: Callable[[int, int], str] = lambda _request, _place: ""
    requests: list[Entries] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)

    def put_events(self, *, Entries: Entries) -> dict[str, Any]:  # noqa: N803 - botocore's word
        assert 1 <= len(Entries) <= 10
        assert sum(map(size_of, Entries)) <= 262_144
        number = len(self.requests)
        self.requests.append(Entries)
        codes = [self.refuses(number, place) for place in range(len(Entries))]
        self.taken += [entry["Detail"] for entry, code in zip(Entries, codes, strict=True) if not code]
        told = [{"ErrorCode": code, "ErrorMessage": "planted"} if code else {"EventId": "x"} for code in codes]
        return {"FailedEntryCount": sum(map(bool, codes)), "Entries": told}

    def publish(self, events: list[DomainEvent]) -> None:
        EventBus(self, "bus", sleep=self.pauses.append).publish(events)


def some_events(count: int, size: int = 100) -> list[DomainEvent]:
    """So many, each of that many bytes, told apart by their beginning."""
    return [DomainEvent("Kind", Instant(60), f"{number:03d}".ljust(size - EMPTY, ".")) for number in range(count)]


def details(events: list[DomainEvent]) -> list[str]:
    return [event.detail for event in events]


@pytest.mark.parametrize(("count", "requests"), [(0, []), (1, [1]), (10, [10]), (11, [10, 1]), (25, [10, 10, 5])])
def test_ten_at_most_go_in_one_request_in_their_order(count: int, requests: list[int]) -> None:
    """None is left out, none comes twice."""
    bus, events = Bus(), some_events(count)

    bus.publish(events)

    assert 10 == ENTRIES_MAX
    assert requests == [len(entries) for entries in bus.requests]
    assert (details(events), []) == (bus.taken, bus.pauses)


@pytest.mark.parametrize(
    ("sizes", "requests"),
    [
        pytest.param([EVENT_BYTES_MAX // 2] * 2, [2], id="exactly full"),
        pytest.param([EVENT_BYTES_MAX // 2, EVENT_BYTES_MAX // 2 + 1], [1, 1], id="one byte more"),
        pytest.param([EVENT_BYTES_MAX] * 3, [1, 1, 1], id="each full by itself"),
        pytest.param([100, EVENT_BYTES_MAX, 100], [1, 1, 1], id="a large one between small ones"),
    ],
)
def test_request_is_no_larger_than_the_bus_takes(sizes: list[int], requests: list[int]) -> None:
    """All its entries together."""
    bus = Bus()
    events = [some_events(1, size)[0] for size in sizes]

    bus.publish(events)

    assert requests == [len(entries) for entries in bus.requests]
    assert details(events) == bus.taken


def test_entry_says_who_what_and_when() -> None:
    """The instant is that of the event, not that of its being told."""
    bus = Bus()

    bus.publish([DomainEvent("FillApplied", Instant(60), "{}")])

    assert [
        {
            "EventBusName": "bus",
            "Source": SOURCE,
            "DetailType": "FillApplied",
            "Time": datetime(1970, 1, 1, 0, 1, tzinfo=UTC),
            "Detail": "{}",
        }
    ] == bus.requests[0]


def test_only_what_was_refused_is_put_again() -> None:
    """In its order, and before the next request; the pauses grow."""
    refused = {0: {2, 5, 9}, 1: {1}}
    bus = Bus(lambda request, place: "ThrottlingException" if place in refused.get(request, ()) else "")
    events = some_events(11)

    bus.publish(events)

    assert [10, 3, 1, 1] == [len(entries) for entries in bus.requests]
    assert [events[number].detail for number in (2, 5, 9)] == [entry["Detail"] for entry in bus.requests[1]]
    assert sorted(details(events)) == sorted(bus.taken)
    assert events[10].detail == bus.taken[-1]
    assert bus.pauses == sorted(set(bus.pauses))
    assert 2 == len(bus.pauses)


def test_what_is_refused_to_the_end_is_said_with_its_codes() -> None:
    """What comes after it waits for the next attempt at the whole object."""
    codes = {0: "InternalFailure", 1: "ThrottlingException", 2: "ThrottlingException"}
    bus = Bus(lambda _request, place: codes.get(place, "") if len(bus.requests[-1]) != 1 else "")
    events = some_events(11)

    with pytest.raises(PublishError, match="refused after 5 attempts: 1 × InternalFailure, 2 × ThrottlingException"):
        bus.publish(events)

    assert [10, 3, 3, 3, 3] == [len(entries) for entries in bus.requests]
    assert details(events[3:10]) == bus.taken


class Refusing:
    """A client that may do nothing."""

    def put_events(self, **_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "planted"}}, "PutEvents")

    def get_object(self, **_: Any) -> None:
        raise ClientError({"Error": {"Code": "NoSuchKey", "Message": "planted"}}, "GetObject")


def test_refusal_of_a_request_names_the_code_and_nothing_else() -> None:
    """A message may quote what was sent."""
    with pytest.raises(PublishError, match=r"^bus bus: AccessDeniedException$"):
        EventBus(Refusing(), "bus").publish(some_events(1))
    with pytest.raises(PublishError, match=r"^audit object key: NoSuchKey$"):
        read_record(Refusing(), "bucket", "key")


def test_record_is_read_as_utf_8() -> None:
    """As it was written."""

    class Bucket:
        def get_object(self, **asked: str) -> dict[str, Any]:
            return {"Body": io.BytesIO(f"{asked['Bucket']}/{asked['Key']} €".encode())}

    assert "bucket/key €" == read_record(Bucket(), "bucket", "key")
