"""A recorded event happens now, whatever the time of day: its instants keep their distances, its id is its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from architecture.tree import ROOT
from desk.current_events import make_current
from trader.entry.events import AskStatus, RunTick, RunWatch, SwitchChanged, parse_event
from trader.errors import MalformedData
from trader.model.commands import Command
from trader.model.ids import Instant

#: Shortly after midnight, at noon, and in the last second of a year.
NOWS = [Instant(1_796_083_230), Instant(1_796_126_400), Instant(1_798_761_599)]
#: Those for the trading function; what S3 says is the publisher's.
EVENTS = [file for file in sorted((ROOT / "events").glob("*.json")) if "aws.s3" not in file.read_text(encoding="utf-8")]
MALFORMED = sorted((ROOT / "events/malformed").glob("*.json"))


def recorded(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("now", NOWS)
@pytest.mark.parametrize("file", EVENTS, ids=lambda file: file.stem)
def test_event_of_the_repository_happens_now(file: Path, now: Instant) -> None:
    """What was said a little before the event came is still so; what ends later ends later."""
    request = parse_event(make_current(recorded(file), now), now)

    match request:
        case RunTick(at) | RunWatch(at) | SwitchChanged(at):
            assert now == at
        case Command():
            assert now - 10 <= request.issued_at <= now
            assert request.until is None or now < request.until
        case AskStatus():
            assert recorded(file) == make_current(recorded(file), now)


@pytest.mark.parametrize("file", MALFORMED, ids=lambda file: file.stem)
def test_malformed_event_stays_malformed(file: Path) -> None:
    """For the same reason."""
    reasons = []
    for event in (recorded(file), make_current(recorded(file), NOWS[0])):
        with pytest.raises(MalformedData) as refused:
            parse_event(event, NOWS[0])
        reasons.append(str(refused.value))

    assert reasons[0] == reasons[1]


def test_id_is_another_each_time() -> None:
    """So that the same file is another event, as it would be on AWS; nothing else changes."""
    event = recorded(ROOT / "events/kill-switch-changed.json")

    first, second = make_current(event, NOWS[0]), make_current(event, NOWS[0])

    assert 3 == len({event["id"], first["id"], second["id"]})
    assert {**event, "id": "", "time": ""} == {**first, "id": "", "time": ""}


@pytest.mark.parametrize("event", [[], {"scheduled_time": 5}, {"time": "2026-13-40T00:00:00Z"}, {"hello": "you"}])
def test_event_that_says_no_instant_stays_as_it_is(event: Any) -> None:
    """It is the function's business what to make of it."""
    assert event == make_current(event, NOWS[0])
