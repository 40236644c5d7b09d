"""What an incoming event asks for. Pure: an event is JSON that somebody else made, so everything in it is checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from trader.errors import MalformedData
from trader.model.commands import Command, CommandKind
from trader.model.ids import Instant

_SWITCH_SOURCE = "aws.ssm"
_SWITCH_DETAIL = "Parameter Store Change"
_OPERATOR_SOURCE = "trader.operator"
_STATUS = "status"
_TEXT_MAX = 120
_YEAR_MIN = 1970
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_PRODUCT = re.compile(r"[A-Za-z0-9.]{1,32}-[A-Za-z0-9.]{1,32}")
_EVENT_ID = re.compile(r"[A-Za-z0-9_-]{0,128}")
#: What takes a stop back says why.
_EXPLAINED = (CommandKind.RESUME, CommandKind.CLEAR_DRAWDOWN)
#: The fields of a command beside those that each may have.
_FIELDS: Mapping[CommandKind, tuple[str, ...]] = {
    CommandKind.CLOSE: ("lot",),
    CommandKind.PAUSE: ("product", "strategy", "until"),
    CommandKind.RESUME: ("abandon",),
}


@dataclass(frozen=True, slots=True)
class RunTick:
    """The schedule fired: run the cycle of this instant."""

    scheduled_at: Instant


@dataclass(frozen=True, slots=True)
class SwitchChanged:
    """Somebody moved the kill switch: run a cycle at once, so that it is acted on now and not at the next tick."""

    changed_at: Instant
    event_id: str = ""


@dataclass(frozen=True, slots=True)
class RunWatch:
    """The schedule between the ticks fired: look, and run if something is due."""

    scheduled_at: Instant


@dataclass(frozen=True, slots=True)
class AskStatus:
    """Somebody wants to know how things stand."""


Request = RunTick | RunWatch | SwitchChanged | Command | AskStatus


def parse_event(event: object, now: Instant, request_id: str = "") -> Request:
    """Read an event.

    ``{"scheduled_time": "2026-11-22T10:15:00Z"}`` is a tick, with ``"watch": true`` a look between two ticks;
    EventBridge's word that a parameter changed is a switch change; ``{"command": "flatten", "issued_at": …}``, or the
    same as an event of the stack's bus, is a command. One that does not say when it was issued, which a resume must,
    counts from when its event was put on the bus, or as now; one without an id has that of the request. Fractions of a
    second are cut off.
    Raises: MalformedData for anything else, naming what was found and what is allowed.
    """
    if not isinstance(event, Mapping):
        raise MalformedData(f"an event is an object, found {type(event).__name__}")
    if "scheduled_time" in event and not event.keys() & {"command", "source"}:
        at = _instant(event["scheduled_time"], "scheduled_time")
        return RunWatch(at) if _flag(event, "watch") else RunTick(at)
    if event.get("source") == _SWITCH_SOURCE and event.get("detail-type") == _SWITCH_DETAIL:
        return SwitchChanged(_instant(event.get("time"), "time"), _event_id(event.get("id", "")))
    if event.get("source") == _OPERATOR_SOURCE:
        detail = event.get("detail")
        if not isinstance(detail, Mapping):
            raise MalformedData(f"detail: an object is expected, found {type(detail).__name__}")
        if told_twice := sorted(detail.keys() & {"command", "id"}):
            raise MalformedData(f"detail: {told_twice[0]!r} is no field of it; the event itself has it")
        # Every delivery of an event has the same time, so that one without issued_at stays the same command.
        told = {"issued_at": event.get("time"), **detail} if event.get("detail-type") != CommandKind.RESUME else detail
        return _command({**told, "command": event.get("detail-type")}, _event_id(event.get("id", "")), now)
    if event.get("command") == _STATUS:
        return AskStatus()
    if "command" in event:
        return _command(event, _event_id(event.get("id", request_id)), now)
    keys = ", ".join(sorted(map(str, event))) or "none"
    raise MalformedData(
        f"event with keys {keys!r:.80}; allowed are scheduled_time, command, or an event of the stack's rules"
    )


def _command(told: Mapping[str, Any], command_id: str, now: Instant) -> Command:
    kind = _kind(told["command"])
    why = _text(told, "why")
    if kind in _EXPLAINED and not why:
        raise MalformedData(f'{kind}: why is missing; allowed is a line that says the reason, as "looked at it"')
    if kind is CommandKind.RESUME and "issued_at" not in told:
        raise MalformedData("resume: issued_at is missing; allowed is the instant at which it was said")
    if unknown := sorted(told.keys() - {"command", "id", "issued_at", "who", "why", *_FIELDS.get(kind, ())}):
        allowed = ", ".join(("issued_at", "who", "why", *_FIELDS.get(kind, ())))
        raise MalformedData(f"{kind}: {unknown[0]!r:.80} is no field of it; allowed are {allowed}")
    return Command(
        kind=kind,
        issued_at=_instant(told["issued_at"], "issued_at") if "issued_at" in told else now,
        command_id=command_id,
        who=_text(told, "who"),
        why=why,
        target=_target(kind, told),
        until=_instant(told.get("until"), "until") if kind is CommandKind.PAUSE else None,
        abandon=_flag(told, "abandon"),
    )


def _target(kind: CommandKind, told: Mapping[str, Any]) -> str:
    if kind is CommandKind.CLOSE:
        return _name(told, "lot")
    if kind is not CommandKind.PAUSE:
        return ""
    if ("product" in told) == ("strategy" in told):
        raise MalformedData("pause: allowed is either product or strategy, to say what is paused")
    if "strategy" in told:
        return f"strategy {_name(told, 'strategy')}"
    # All books of an asset are one: whoever pauses SOL-USD does not want SOL-USDC instead.
    product = told["product"]
    if not isinstance(product, str) or not _PRODUCT.fullmatch(product):
        raise MalformedData(f"product: {product!r:.80} is no product; allowed is a name like SOL-USD")
    return f"product {product.split('-')[0].upper()}"


def _name(told: Mapping[str, Any], key: str) -> str:
    value = told.get(key)
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise MalformedData(f"{key}: {value!r:.80} is no name; allowed are letters, digits, dashes and underscores")
    return value


def _text(told: Mapping[str, Any], key: str) -> str:
    value = told.get(key, "")
    if not isinstance(value, str) or len(value) > _TEXT_MAX or not value.isprintable():
        # What was put there by mistake may be a secret: it is not told again.
        found = f"{len(value)} characters" if isinstance(value, str) else type(value).__name__
        raise MalformedData(f"{key}: found {found}; allowed is a line of {_TEXT_MAX} printable characters at most")
    return value.strip()


def _flag(told: Mapping[str, Any], key: str) -> bool:
    value = told.get(key, False)
    if not isinstance(value, bool):
        raise MalformedData(f"{key}: {value!r:.80}; allowed are true and false")
    return value


def _instant(value: Any, key: str) -> Instant:
    try:
        parsed = datetime.fromisoformat(value)
        at = parsed.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise MalformedData(f"{key}: {value!r:.80} is not an instant; allowed is 2026-11-22T10:15:00Z") from None
    if parsed.tzinfo is None:
        raise MalformedData(f"{key}: {value!r:.80} has no time zone; allowed is 2026-11-22T10:15:00Z")
    if at.year < _YEAR_MIN:
        # Runs and their records are named after instants: four digits of a year, and none from before there were any.
        raise MalformedData(f"{key}: {value!r:.80} lies before {_YEAR_MIN}; allowed is 2026-11-22T10:15:00Z")
    return Instant(int(at.timestamp()))


def _event_id(value: Any) -> str:
    if not isinstance(value, str) or not _EVENT_ID.fullmatch(value):
        raise MalformedData(f"id: {value!r:.80} is no event id; allowed are 128 letters, digits and dashes at most")
    return value


def _kind(value: Any) -> CommandKind:
    try:
        return CommandKind(value)
    except ValueError:
        raise MalformedData(f"command: {value!r:.80}; allowed are {', '.join((*CommandKind, _STATUS))}") from None
