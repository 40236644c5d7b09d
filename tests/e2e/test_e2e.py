"""Every event in events/ through the function as it is invoked, against the stack of template.yaml on this machine.

The order of the files counts: the paper world places its orders here, and what became of them is looked at last, in
test_paper_fill.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from desk import invoke
from e2e.conftest import OpenWorld
from e2e.invocation import ROOT
from e2e.world import PaperLife, World, a_tick, entries

pytestmark = pytest.mark.e2e

EVENTS = ROOT / "events"
#: Which test each event of the repository is used by; a new file fails until somebody thinks about it.
COVERED = {"kill-switch-changed", "scheduled-cycle", "status", "watch"}
#: Those that are for another function than the trading one, by its name in the template.
OF_OTHERS = {"audit-object-created": invoke.PUBLISHER}
#: Commands that are obeyed where nothing is held, the older ones first, and those that are refused, with the reason.
OBEYED = (
    "bus-flatten",
    "bus-resume",
    "bus-clear-drawdown",
    "bus-reconcile",
    "resume-abandon",
    "resume",
    "flatten",
    "clear-drawdown",
    "reconcile",
)
REFUSED = {
    "bus-close": "there is no lot",
    "bus-pause": "until lies in the past",
    "close": "there is no lot",
    "pause-product": "until lies in the past",
    "pause-strategy": "until lies in the past",
}


@pytest.fixture(scope="module")
def dry(open_world: OpenWorld) -> World:
    return open_world("DRY_RUN")


def test_every_event_is_tried() -> None:
    """No event of the repository is only a file."""
    functions = {path.stem: invoke.find_function(json.loads(path.read_text())) for path in EVENTS.glob("*.json")}

    assert COVERED | set(OBEYED) | set(REFUSED) | set(OF_OTHERS) == set(functions)
    assert OF_OTHERS == {name: function for name, function in functions.items() if function != invoke.FUNCTION}


def test_paper_tick_places_announced_orders_once(paper: PaperLife) -> None:
    """What the audit announced is in the table; the redelivered tick and the status change nothing."""
    world = paper.world
    announced = [each["intent"]["client_order_id"] for each in world.audit("OrderIntended")]
    assert paper.first["orders_sent"] >= 1
    assert sorted(paper.placed["orders"]) == sorted(announced)

    again = world.answer(paper.tick)
    status = world.answer(EVENTS / "status.json")

    assert ("SKIPPED", 0) == (again["outcome"], again["orders_sent"])
    assert ("PAPER#main", "RUN", len(announced)) == (status["scope"], status["trading_state"], status["active_orders"])
    assert (paper.placed, []) == (world.ledger(), world.fills())


@pytest.fixture(scope="module")
def current(open_world: OpenWorld) -> World:
    return open_world("DRY_RUN")


@pytest.mark.parametrize("name", sorted(COVERED | set(OBEYED) | set(REFUSED)))
def test_event_of_the_repository_works_at_any_time(current: World, name: str) -> None:
    """As `make invoke-local` invokes it: as if it happened now. Only a lot that is not there cannot be closed."""
    told = ["--now", "--env-vars", str(current.variables)]
    command = [sys.executable, "-m", "desk.invoke", *told, str(EVENTS / f"{name}.json")]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    answer = json.loads(done.stdout.splitlines()[-1]) if done.stdout else {}
    if name in {"close", "bus-close"}:
        assert (1, True) == (done.returncode, "there is no lot" in done.stderr)
    elif name not in {"status", "watch"}:
        assert (0, "COMPLETED") == (done.returncode, answer["outcome"]), done.stderr[-500:]
    else:
        assert 0 == done.returncode


def test_malformed_events_fail_loudly_and_touch_nothing(dry: World) -> None:
    """Each is refused by name, the invocation fails, and nothing is written."""
    before = (dry.audit(), dry.items())

    for path in sorted((EVENTS / "malformed").glob("*.json")):
        invocation = dry.invoke(Path(path))

        assert invocation.failed, path.name
        assert "MalformedData" in invocation.said, path.name
    assert before == (dry.audit(), dry.items())


def test_dry_run_tick_decides_and_sends_nothing(dry: World) -> None:
    """Verdicts in the bucket, no order in the table, nothing at the venue; the repository's old tick enters nothing."""
    now = dry.answer(a_tick())
    old = dry.answer(EVENTS / "scheduled-cycle.json")

    assert ("COMPLETED", 0, 0) == (now["outcome"], now["orders_sent"], old["orders_sent"])
    assert dry.audit("VerdictGiven")
    assert ({}, []) == (dry.ledger()["orders"], dry.sandbox.venue.venue.orders())


def test_kill_switch_change_cancels_entries(open_world: OpenWorld) -> None:
    """The invocation that the change causes cancels what was working; the parameter is the stack's own."""
    world = open_world("PAPER")
    world.answer(a_tick(seconds_ago=2))
    world.switch("HALT")
    event = json.loads((EVENTS / "kill-switch-changed.json").read_text(encoding="utf-8"))

    summary = world.answer({**event, "time": a_tick()["scheduled_time"]})
    old = world.answer(EVENTS / "kill-switch-changed.json")

    assert ("HALTED", 0, 0) == (summary["outcome"], summary["orders_sent"], old["orders_sent"])
    assert {"CANCELLED"} == {each["status"] for each in entries(world.ledger())}


def test_commands_are_obeyed_or_refused_with_the_reason(dry: World) -> None:
    """Each as the file says it, on the bus or directly; a look between the ticks finds nothing to do."""
    dry.answer(a_tick())
    looked = dry.answer(EVENTS / "watch.json")

    outcomes = {name: dry.answer(EVENTS / f"{name}.json")["outcome"] for name in OBEYED}
    refusals = {name: dry.invoke(EVENTS / f"{name}.json") for name in REFUSED}

    assert "SKIPPED" == looked["outcome"]
    assert {"COMPLETED", "SKIPPED"} >= set(outcomes.values())
    for name, reason in REFUSED.items():
        assert refusals[name].failed, name
        assert reason in refusals[name].said, name


def test_publisher_tells_what_a_tick_has_written(open_world: OpenWorld) -> None:
    """The other function of the stack, by the event of the repository: every line, and an object that is not there."""
    world = open_world("PAPER", {"DomainEvents": "ENABLED"})
    world.answer(a_tick())
    bucket = world.names["TRADER_AUDIT_BUCKET"]
    event = json.loads((EVENTS / "audit-object-created.json").read_text(encoding="utf-8"))
    (item,) = world.sandbox.client("s3").list_objects_v2(Bucket=bucket, Prefix="audit/", MaxKeys=1)["Contents"]
    lines = world.sandbox.client("s3").get_object(Bucket=bucket, Key=item["Key"])["Body"].read().decode().split("\n")
    here = {**event["detail"], "bucket": {"name": bucket}}

    told = world.answer({**event, "detail": {**here, "object": {"key": item["Key"]}}})
    absent = world.invoke({**event, "detail": here})

    assert {"key": item["Key"], "events": len(lines) - 2} == told
    assert absent.failed
    assert "NoSuchKey" in absent.said
