"""Every event the project ships is understood, or refused with one clear line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from desk.invoke import FUNCTION, find_function
from trader.entry.events import AskStatus, Request, RunTick, RunWatch, SwitchChanged, parse_event
from trader.errors import MalformedData
from trader.model.commands import Command, CommandKind
from trader.model.ids import Instant

EVENTS = Path(__file__).parents[3] / "events"
TICK = Instant(1_795_342_500)

NOW = Instant(TICK + 7)
REQUEST = "request-1"

UNDERSTOOD: dict[str, Request] = {
    "bus-clear-drawdown.json": Command(
        CommandKind.CLEAR_DRAWDOWN,
        TICK,
        "0b1c7f5e-3c1d-4a52-9d7e-6a1f0c9b2e14",
        "ada",
        "the loss was a deposit moved away",
    ),
    "bus-close.json": Command(
        CommandKind.CLOSE,
        TICK,
        "0b1c7f5e-3c1d-4a52-9d7e-6a1f0c9b2e12",
        "ada",
        "its project was hacked",
        target="t247-6878db6828832327f1e3ec8f1f49",
    ),
    "bus-flatten.json": Command(
        CommandKind.FLATTEN,
        TICK,
        "0b1c7f5e-3c1d-4a52-9d7e-6a1f0c9b2e10",
        "ada",
        "the exchange announced a halt of trading",
    ),
    "bus-pause.json": Command(
        CommandKind.PAUSE,
        TICK,
        "0b1c7f5e-3c1d-4a52-9d7e-6a1f0c9b2e13",
        "ada",
        "a fork on Monday",
        target="product SOL",
        until=Instant(1795478400),
    ),
    "bus-reconcile.json": Command(
        CommandKind.RECONCILE,
        TICK,
        "0b1c7f5e-3c1d-4a52-9d7e-6a1f0c9b2e15",
        "ada",
        "a look after maintenance at Coinbase",
    ),
    "bus-resume.json": Command(
        CommandKind.RESUME,
        Instant(TICK + 60),
        "0b1c7f5e-3c1d-4a52-9d7e-6a1f0c9b2e11",
        "ada",
        "trading has resumed, all lots are sold",
    ),
    "clear-drawdown.json": Command(
        CommandKind.CLEAR_DRAWDOWN, NOW, REQUEST, "ada", "the loss was a deposit moved away"
    ),
    "close.json": Command(
        CommandKind.CLOSE, NOW, REQUEST, "ada", "its project was hacked", target="t247-6878db6828832327f1e3ec8f1f49"
    ),
    "flatten.json": Command(CommandKind.FLATTEN, NOW, REQUEST, "ada", "the exchange announced a halt of trading"),
    "kill-switch-changed.json": SwitchChanged(Instant(TICK + 100), "6a7e8feb-b491-4cf7-a9f1-bf3703467718"),
    "pause-product.json": Command(
        CommandKind.PAUSE, TICK, REQUEST, "ada", "a fork on Monday", target="product SOL", until=Instant(1795478400)
    ),
    "pause-strategy.json": Command(
        CommandKind.PAUSE,
        TICK,
        REQUEST,
        "ada",
        "its hit ratio is being looked at",
        target="strategy rules_engine",
        until=Instant(1795478400),
    ),
    "reconcile.json": Command(CommandKind.RECONCILE, NOW, REQUEST, "ada", "a look after maintenance at Coinbase"),
    "resume-abandon.json": Command(
        CommandKind.RESUME,
        Instant(TICK + 60),
        REQUEST,
        "ada",
        "the last lot cannot be sold, its product was delisted",
        abandon=True,
    ),
    "resume.json": Command(
        CommandKind.RESUME, Instant(TICK + 60), REQUEST, "ada", "trading has resumed, all lots are sold"
    ),
    "scheduled-cycle.json": RunTick(TICK),
    "status.json": AskStatus(),
    "watch.json": RunWatch(Instant(1795342560)),
}


def _read(path: Path) -> object:
    return json.loads(path.read_text(encoding="utf-8"))


def test_every_shipped_event_has_its_row() -> None:
    """A new file in events needs an expectation here, unless it is for the other function."""
    ours = [path.name for path in EVENTS.glob("*.json") if find_function(_read(path)) == FUNCTION]

    assert sorted(UNDERSTOOD) == sorted(ours)


@pytest.mark.parametrize("name", sorted(UNDERSTOOD))
def test_a_shipped_event_is_understood(name: str) -> None:
    """Each file asks for exactly what its name says."""
    command = parse_event(_read(EVENTS / name), NOW, REQUEST)

    assert UNDERSTOOD[name] == command


@pytest.mark.parametrize("event_id", [7, None, "x" * 129])
def test_id_of_an_event_is_a_short_text(event_id: object) -> None:
    """It becomes a part of the name of a run."""
    event = json.loads((EVENTS / "kill-switch-changed.json").read_text(encoding="utf-8"))

    with pytest.raises(MalformedData, match="is no event id; allowed are 128"):
        parse_event({**event, "id": event_id}, NOW)


@pytest.mark.parametrize("path", sorted((EVENTS / "malformed").glob("*.json")), ids=lambda path: path.stem)
def test_a_malformed_event_is_refused_in_one_line(path: Path) -> None:
    """What is not understood is named, with what would be."""
    with pytest.raises(MalformedData, match=r"allowed|object") as refusal:
        parse_event(_read(path), NOW)

    assert 1 == len(str(refusal.value).splitlines())


def test_an_instant_without_a_time_zone_is_refused() -> None:
    """Local time of some machine is nobody's schedule."""
    with pytest.raises(MalformedData, match="time zone"):
        parse_event({"scheduled_time": "2026-11-22T10:15:00"}, NOW)


def test_an_instant_in_another_zone_is_the_same_instant() -> None:
    """A time zone is understood, not dropped."""
    command = parse_event({"scheduled_time": "2026-11-22T11:15:00.900+01:00"}, NOW)

    assert RunTick(TICK) == command


def test_command_of_the_bus_that_does_not_say_when_counts_from_when_it_was_put_there() -> None:
    """A second delivery of it is the same command."""
    event = json.loads((EVENTS / "bus-flatten.json").read_text(encoding="utf-8"))
    event["detail"].pop("issued_at")

    said = [parse_event(event, Instant(NOW + later)) for later in (0, 600)]

    assert said[0] == said[1]
    assert isinstance(said[0], Command)
    assert Instant(TICK + 2) == said[0].issued_at
