"""Every event in events/ through the function as it is invoked, against the stack of template.yaml on this machine."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from e2e.conftest import ROOT, World, a_tick

pytestmark = pytest.mark.e2e

EVENTS = ROOT / "events"
#: Which test each event of the repository is used by; a new file fails until somebody thinks about it.
COVERED = {"flatten", "kill-switch-changed", "reconcile", "scheduled-cycle", "status"}
DONE = ("CANCELLED", "FILLED", "EXPIRED")

OpenWorld = Callable[[str], World]


def live(ledger: dict[str, Any]) -> list[Any]:
    return [each for each in ledger["orders"].values() if each["status"] not in DONE]


def test_every_event_is_tried() -> None:
    """No event of the repository is only a file."""
    assert COVERED == {path.stem for path in EVENTS.glob("*.json")}


def test_dry_run_tick_decides_and_sends_nothing(open_world: OpenWorld) -> None:
    """Verdicts in the bucket, no order in the table, nothing at the venue; the repository's old tick enters nothing."""
    world = open_world("DRY_RUN")

    now = world.answer(a_tick())
    old = world.answer(EVENTS / "scheduled-cycle.json")

    assert ("COMPLETED", 0, 0) == (now["outcome"], now["orders_sent"], old["orders_sent"])
    assert any(line["event"] == "VerdictGiven" for line in world.audit())
    assert {} == world.ledger()["orders"]


def test_paper_life(open_world: OpenWorld) -> None:
    """A tick trades, its redelivery does not, status and reconcile only look, flatten clears the books."""
    world = open_world("PAPER")
    tick = a_tick(seconds_ago=2)

    first = world.answer(tick)
    traded = world.ledger()
    announced = {
        each["body"]["intent"]["client_order_id"] for each in world.audit() if each["event"] == "OrderIntended"
    }
    assert first["orders_sent"] >= 1
    assert announced == set(traded["orders"])

    again = world.answer(tick)
    assert ("SKIPPED", 0) == (again["outcome"], again["orders_sent"])
    assert traded == world.ledger()

    status = world.answer(EVENTS / "status.json")
    assert ("PAPER#main", "RUN", len(live(traded))) == (status["scope"], status["switch"], status["live_orders"])
    assert traded == world.ledger()

    reconciled = world.answer(EVENTS / "reconcile.json")
    assert ("COMPLETED", 0) == (reconciled["outcome"], reconciled["orders_sent"])

    flattened = world.answer(EVENTS / "flatten.json")
    ledger = world.ledger()
    assert "COMPLETED" == flattened["outcome"]
    assert ([], {}) == (live(ledger), ledger["lots"])


def test_kill_switch_change_cancels_entries(open_world: OpenWorld) -> None:
    """The invocation that the change causes cancels what was working; the parameter is the stack's own."""
    world = open_world("PAPER")
    world.answer(a_tick(seconds_ago=2))
    world.switch("HALT")
    event = json.loads((EVENTS / "kill-switch-changed.json").read_text(encoding="utf-8"))

    summary = world.answer({**event, "time": a_tick()["scheduled_time"]})

    entries = [each for each in world.ledger()["orders"].values() if each["intent"]["leg"] == "ENTRY"]
    assert ("HALTED", 0) == (summary["outcome"], summary["orders_sent"])
    assert entries
    assert {"CANCELLED"} == {each["status"] for each in entries}
    old = world.answer(EVENTS / "kill-switch-changed.json")
    assert old["orders_sent"] == 0


def test_malformed_events_fail_loudly_and_touch_nothing(open_world: OpenWorld) -> None:
    """Each is refused by name, the invocation fails, and nothing is written."""
    world = open_world("DRY_RUN")

    for path in sorted((EVENTS / "malformed").glob("*.json")):
        invocation = world.invoke(Path(path))

        assert invocation.failed, path.name
        assert "MalformedData" in invocation.said, path.name
    assert ([], {}) == (world.audit(), world.ledger())
