"""Other systems' accidents, on AWS as moto plays it; tests/accidents holds those that need no cloud."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from botocore import handlers

from integration.conftest import World, a_tick
from integration.test_lambda_handler import an_event
from trader.entry import lambda_handler
from trader.entry.lambda_handler import CycleAborted
from trader.errors import ConfigError, LedgerCorrupt, MalformedData, StoreUnavailable

LIVE = "LIVE#main"
LEDGER = {"pk": {"S": LIVE}, "sk": {"S": "LEDGER"}}
WRITES = {"UpdateItem", "TransactWriteItems"}


class PowerCut(BaseException):
    """The process is gone: nothing of ours gets to see this."""


@dataclass
class Meddler:
    """Does something once, right before the first call of the function for which it is time."""

    when: Callable[[str], bool] = lambda _: False
    then: Callable[[], None] = lambda: None

    def arm(self, when: Callable[[str], bool], then: Callable[[], None]) -> None:
        self.when, self.then = when, then

    def hear(self, model: Any, **_: Any) -> None:
        if self.when(model.name):
            self.when = lambda _: False
            self.then()


def nth(operations: set[str], number: int) -> Callable[[str], bool]:
    """It is time at the n-th call of these operations."""
    left = number

    def is_it(name: str) -> bool:
        nonlocal left
        left -= name in operations
        return name in operations and left == 0

    return is_it


@pytest.fixture
def meddler() -> Iterator[Meddler]:
    """Stands before the world does, so that its clients can be meddled with."""
    made = Meddler()
    hook = ("before-call.*.*", made.hear)
    handlers.BUILTIN_HANDLERS.append(hook)
    yield made
    handlers.BUILTIN_HANDLERS.remove(hook)


@pytest.fixture
def live(meddler: Meddler, world: World) -> World:
    """LIVE at the simulated venue."""
    world.mode("LIVE", confirmed="yes")
    return world


def item(world: World) -> dict[str, Any]:
    return dict(world.dynamodb.get_item(TableName="trader", Key=LEDGER).get("Item", {}))


def lease_runs_out(world: World) -> None:
    """What a lease's length of waiting would do; its length is checked on the way."""
    held = int(item(world)["expires_at"]["N"]) - int(time.time())
    assert 0 < held <= 120
    values = {":past": {"N": str(int(time.time()) - 1)}}
    world.dynamodb.update_item(
        TableName="trader", Key=LEDGER, UpdateExpression="SET expires_at = :past", ExpressionAttributeValues=values
    )


def new_process(world: World) -> None:
    world.mode("LIVE", confirmed="yes")


def at_the_venue(world: World) -> dict[str, str]:
    """Our orders as the venue has them: id and state; children of brackets have no id of ours."""
    return {
        order.core.client_order_id: order.core.status.value
        for order in world.venue.venue.orders()
        if order.core.client_order_id.startswith("t247-")
    }


def in_the_books(world: World) -> dict[str, str]:
    return {name: record["status"] for name, record in world.ledger(LIVE)["orders"].items()}


# --- 2, 23


def test_run_that_died_between_sending_and_storing_is_finished_by_the_next(live: World, meddler: Meddler) -> None:
    """2: the order is at the venue, its answer was never stored; the next cycle adopts it and sends no other."""
    meddler.arm(lambda name: name in WRITES and bool(at_the_venue(live)), cut)
    event = a_tick()
    with pytest.raises(PowerCut):
        live.invoke(event)
    sent = at_the_venue(live)
    lease_runs_out(live)
    new_process(live)

    summary = live.invoke(event)

    assert len(sent) >= 1
    assert ("COMPLETED", sent, sent) == (summary["outcome"], at_the_venue(live), in_the_books(live))


def test_run_that_died_blocks_nobody_for_longer_than_its_lease(live: World, meddler: Meddler) -> None:
    """23: until the lease is over the next tick steps back; then it takes over."""
    meddler.arm(nth({"PutObject"}, 1), cut)
    with pytest.raises(PowerCut):
        live.invoke(a_tick(seconds_ago=2))
    new_process(live)

    early = live.invoke(a_tick(seconds_ago=1))
    lease_runs_out(live)
    later = live.invoke(a_tick())

    assert ["SKIPPED", "COMPLETED"] == [early["outcome"], later["outcome"]]
    assert "2" == item(live)["epoch"]["N"]


def cut() -> None:
    raise PowerCut


# --- 3


def test_two_invocations_at_once_are_one_set_of_orders(live: World, meddler: Meddler) -> None:
    """3: while one is about to record its decision, the same tick is delivered to another process."""
    event, seen = a_tick(), list[str]()

    def the_other() -> None:
        new_process(live)
        seen.append(live.invoke(event)["outcome"])

    meddler.arm(nth({"PutObject"}, 1), the_other)
    first = live.invoke(event)
    again = live.invoke(event)

    assert (["SKIPPED"], "COMPLETED", "SKIPPED") == (seen, first["outcome"], again["outcome"])
    assert first["orders_sent"] == len(at_the_venue(live)) >= 1
    assert at_the_venue(live) == in_the_books(live)


def test_stalled_invocation_that_wakes_up_sends_nothing(live: World, meddler: Meddler) -> None:
    """3: its lease ran out before it committed, and another did the job; it is fenced off and says so."""
    outcomes = []

    def overtaken() -> None:
        lease_runs_out(live)
        new_process(live)
        outcomes.append(live.invoke(a_tick())["outcome"])

    meddler.arm(nth(WRITES, 2), overtaken)
    with pytest.raises(CycleAborted, match="VersionConflict"):
        live.invoke(a_tick(seconds_ago=1))

    assert ["COMPLETED"] == outcomes
    assert at_the_venue(live) == in_the_books(live)
    assert len(at_the_venue(live)) >= 1


# --- 15


@pytest.mark.parametrize("damaged", ["{", '{"schema":99}', "[]"])
def test_books_that_cannot_be_read_stop_everything_and_stay_as_they_are(live: World, damaged: str) -> None:
    """15: loud failure, no order, the bytes untouched, and the lease given back for whoever repairs them."""
    values = {"ledger": {"S": damaged}, "epoch": {"N": "7"}, "version": {"N": "3"}}
    live.dynamodb.put_item(TableName="trader", Item={**LEDGER, **values})

    with pytest.raises(LedgerCorrupt):
        live.invoke(a_tick())

    after = item(live)
    assert (damaged, "3", "") == (after["ledger"]["S"], after["version"]["N"], after["owner"]["S"])
    assert ({}, []) == (at_the_venue(live), live.audit())


# --- 16


def test_order_is_stopped_by_a_switch_that_moved_after_the_decision(live: World, meddler: Meddler) -> None:
    """16: the second look at the parameter is the one before the order."""
    meddler.arm(nth({"GetParameter"}, 2), lambda: live.switch("HALT"))

    summary = live.invoke(a_tick())

    assert (0, {}) == (summary["orders_sent"], at_the_venue(live))
    assert {} == in_the_books(live), "what certainly never left is over"


def test_switch_cancels_what_works_by_the_invocation_it_causes(live: World) -> None:
    """16: no signal is needed for it."""
    live.invoke(a_tick(seconds_ago=1))
    working = at_the_venue(live)
    live.switch("HALT")

    summary = live.invoke({**an_event("kill-switch-changed"), "time": a_tick()["scheduled_time"]})

    assert {"OPEN"} == set(working.values())
    assert ("HALTED", {"CANCELLED"}) == (summary["outcome"], set(at_the_venue(live).values()))


def test_switch_that_cannot_be_read_lets_nothing_out(live: World, meddler: Meddler) -> None:
    """16: the parameter is gone between the decision and the order."""
    name = live.ssm.describe_parameters()["Parameters"][0]["Name"]
    meddler.arm(nth({"GetParameter"}, 2), lambda: live.ssm.delete_parameter(Name=name))

    summary = live.invoke(a_tick())

    assert (0, {}) == (summary["orders_sent"], at_the_venue(live))


# --- 22


def test_every_way_to_break_the_function_is_raised_and_told_once(
    live: World,
    meddler: Meddler,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """22: Lambda counts what is raised, and the alarm looks at that count; nothing is swallowed, nothing told twice."""

    def bug() -> None:
        raise ZeroDivisionError("ours")

    ways: Mapping[str, tuple[type[Exception], dict[str, str], Callable[[], None]]] = {
        "an event nobody knows": (MalformedData, {}, lambda: None),
        "a variable is missing": (ConfigError, {"TRADER_TABLE": ""}, lambda: None),
        "no such configuration": (ConfigError, {"TRADER_CONFIG_DIR": "/nowhere"}, lambda: None),
        "no such table": (StoreUnavailable, {"TRADER_TABLE": "gone"}, lambda: None),
        "no such secret": (ConfigError, {"TRADER_SECRET": "gone"}, lambda: None),
        "no such bucket": (CycleAborted, {"TRADER_AUDIT_BUCKET": "gone"}, lambda: None),
        "a bug of ours": (ZeroDivisionError, {}, lambda: meddler.arm(nth({"PutObject"}, 1), bug)),
    }
    for number, (way, (error, variables, break_it)) in enumerate(ways.items()):
        break_it()
        event = {"command": "sing"} if error is MalformedData else a_tick(seconds_ago=20 - number)
        with monkeypatch.context() as changed:
            for name, value in variables.items():
                changed.setenv(name, value)
            monkeypatch.setattr(lambda_handler, "_runtime", None)
            caplog.clear()
            capsys.readouterr()
            with pytest.raises(error):
                live.invoke(event)
        told = [each for each in caplog.records if each.levelname == "ERROR" or vars(each).get("outcome") == "ABORTED"]
        metrics = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]

        assert 1 == len(told), way
        assert not [each for each in metrics if sum(each.get("CyclesCompleted", [0]))], way
        if error is ZeroDivisionError:
            lease_runs_out(live)
    assert {} == at_the_venue(live)
