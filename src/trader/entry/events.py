"""What an incoming event asks for. Pure: an event is JSON that somebody else made, so everything in it is checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from trader.errors import MalformedData
from trader.model.ids import Instant

_SWITCH_SOURCE = "aws.ssm"
_SWITCH_DETAIL = "Parameter Store Change"
_EVENT_ID_MAX = 128


@dataclass(frozen=True, slots=True)
class RunTick:
    """The schedule fired: run the cycle of this instant."""

    scheduled_at: Instant


@dataclass(frozen=True, slots=True)
class SwitchChanged:
    """Somebody moved the kill switch: run a cycle at once, so that it is acted on now and not at the next tick."""

    changed_at: Instant
    event_id: str = ""


class Operation(StrEnum):
    """What an operator may ask for."""

    FLATTEN = "flatten"
    STATUS = "status"
    RECONCILE = "reconcile"


@dataclass(frozen=True, slots=True)
class Operate:
    """An operator asks for something."""

    operation: Operation


Command = RunTick | SwitchChanged | Operate


def parse_event(event: object) -> Command:
    """Read an event.

    ``{"scheduled_time": "2026-11-22T10:15:00Z"}`` is a tick, EventBridge's word that a parameter changed is a switch
    change, ``{"command": "flatten"}`` is an operator. Fractions of a second are cut off.
    Raises: MalformedData for anything else, naming what was found and what is allowed.
    """
    if not isinstance(event, Mapping):
        raise MalformedData(f"an event is an object, found {type(event).__name__}")
    if "scheduled_time" in event:
        return RunTick(_instant(event["scheduled_time"], "scheduled_time"))
    if event.get("source") == _SWITCH_SOURCE and event.get("detail-type") == _SWITCH_DETAIL:
        return SwitchChanged(_instant(event.get("time"), "time"), _event_id(event.get("id", "")))
    if "command" in event:
        return Operate(_operation(event["command"]))
    keys = ", ".join(sorted(map(str, event))) or "none"
    raise MalformedData(f"event with keys {keys}; allowed are scheduled_time, command, or a parameter change")


def _instant(value: Any, key: str) -> Instant:
    try:
        parsed = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise MalformedData(f"{key}: {value!r} is not an instant; allowed is 2026-11-22T10:15:00Z") from None
    if parsed.tzinfo is None:
        raise MalformedData(f"{key}: {value!r} has no time zone; allowed is 2026-11-22T10:15:00Z")
    return Instant(int(parsed.astimezone(UTC).timestamp()))


def _event_id(value: Any) -> str:
    if not isinstance(value, str) or len(value) > _EVENT_ID_MAX:
        raise MalformedData(
            f"id: {value!r:.80} is no event id; allowed is a text of {_EVENT_ID_MAX} characters at most"
        )
    return value


def _operation(value: Any) -> Operation:
    try:
        return Operation(value)
    except ValueError:
        raise MalformedData(f"command: {value!r}; allowed are {', '.join(Operation)}") from None
