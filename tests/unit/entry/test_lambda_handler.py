"""What the function does around a command; what comes of commands is told in tests/integration."""

from __future__ import annotations

import contextlib
import gc
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from desk.invoke import Context
from factories import CYCLE, NOW, shipped_settings, some_facts
from trader.cycle import CycleOutcome, CycleReport
from trader.entry.runtime import Runtime
from trader.entry.wiring import build_pipeline
from trader.errors import ConfigError, MalformedData
from trader.model.ids import Instant
from trader.model.inputs import Tick

# Logger and Metrics read these when the handler is imported, as in Lambda, where they are there from the start.
os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "trader")
os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "Trader")

from trader.entry import lambda_handler, telemetry

STATUS = {"command": "status"}


class Built:
    """A runtime without a world."""

    def status(self) -> dict[str, str]:
        return {"scope": "PAPER#main"}


@pytest.fixture(autouse=True)
def new_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The state in which the module leaves a process that has imported it."""
    monkeypatch.setattr(lambda_handler, "_runtime", None)
    gc.disable()
    gc.unfreeze()
    yield
    gc.enable()
    gc.freeze()


class Ran(Built):
    """A runtime whose run ended like this."""

    def __init__(self, outcome: CycleOutcome = CycleOutcome.COMPLETED, **report: Any) -> None:
        decision = build_pipeline(shipped_settings()).decide(some_facts())
        tick = Tick(CYCLE, NOW, Instant(NOW + 55))
        self.report = CycleReport(tick, outcome, **{"decision": decision, **report})

    def run(self, *_: Any, **__: Any) -> CycleReport:
        return self.report


def printed_of(
    runtime: Ran, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], **event: Any
) -> list[dict[str, Any]]:
    """Every line that one tick prints for CloudWatch, or another event's."""
    monkeypatch.setattr(Runtime, "build", staticmethod(lambda _: runtime))
    with contextlib.suppress(lambda_handler.CycleAborted):
        lambda_handler.handler({"scheduled_time": "2026-11-22T10:15:00Z", **event}, Context())
    return [json.loads(each) for each in capsys.readouterr().out.splitlines() if '"_aws"' in each]


@pytest.mark.parametrize("outcome", CycleOutcome)
def test_tick_that_was_completed_or_halted_is_a_heartbeat(
    outcome: CycleOutcome, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever says HALT has not killed the schedule; what was skipped, abstained or aborted says nothing."""
    printed = printed_of(Ran(outcome), monkeypatch, capsys)

    is_heartbeat = outcome in (CycleOutcome.COMPLETED, CycleOutcome.HALTED)
    assert [[1.0]] * is_heartbeat == [line["Heartbeat"] for line in printed]


def test_run_between_the_ticks_is_no_heartbeat(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would hide a dead schedule."""
    assert [] == printed_of(Ran(), monkeypatch, capsys, watch=True)


@pytest.mark.parametrize(("hour", "size", "expected"), [(0, 7_278, [7278.0]), (0, 0, None), (1, 7_278, None)])
def test_size_of_the_ledger_is_published_in_one_hour_of_a_day(
    hour: int,
    size: int,
    expected: list[float] | None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In bytes, by a tick that knows it; in every other hour it would cost as much again."""
    midnight = NOW - NOW % 86_400
    runtime = Ran(ledger_bytes=size)
    runtime.report = replace(
        runtime.report, tick=replace(runtime.report.tick, scheduled_at=Instant(midnight + 3600 * hour))
    )

    (printed,) = printed_of(runtime, monkeypatch, capsys)

    units = {each["Name"]: each["Unit"] for each in printed["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
    assert (expected, "Bytes" if expected else None) == (printed.get("LedgerBytes"), units.get("LedgerBytes"))


def test_equity_size_and_seconds_are_in_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line costs less than a metric."""
    logged: list[dict[str, Any]] = []
    monkeypatch.setattr(lambda_handler.logger, "info", lambda _, extra: logged.append(extra))
    monkeypatch.setattr(Runtime, "build", staticmethod(lambda _: Ran(ledger_bytes=7_278)))

    lambda_handler.handler({"scheduled_time": "2026-11-22T10:15:00Z"}, Context())

    assert [("10000", 7_278, 0.0)] == [(each["equity"], each["ledger_bytes"], each["seconds"]) for each in logged]


def test_what_rings_is_counted_and_each_of_it_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One number for the alarm, one line of the log for each, up to twenty; none is zero."""
    logged: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(telemetry.logger, "warning", lambda text, extra: logged.append((text, extra)))

    telemetry.write_alarm("Attention", [f"strategy {number} failed" for number in range(30)])
    telemetry.write_alarm("Exposed", [])

    lines = [json.loads(each) for each in capsys.readouterr().out.splitlines()]
    assert [[30.0], [0.0]] == [lines[0]["Attention"], lines[1]["Exposed"]]
    assert [("Attention", {"what": f"strategy {number} failed"}) for number in range(20)] == logged


def test_aborted_run_ends_the_invocation_in_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The books are closed by then; what Lambda counts as an error rings."""
    reason = "2 sales or protections were due and did not leave: a: no time; b: no time"
    monkeypatch.setattr(Runtime, "build", staticmethod(lambda _: Ran(CycleOutcome.ABORTED, reason=reason)))

    with pytest.raises(lambda_handler.CycleAborted, match=reason):
        lambda_handler.handler({"scheduled_time": "2026-11-22T10:15:00Z"}, Context())


def test_garbage_is_collected_again_once_the_runtime_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what was made so far is not looked through."""
    monkeypatch.setattr(Runtime, "build", staticmethod(lambda _: Built()))

    lambda_handler.handler(STATUS, Context())

    assert (True, True) == (gc.isenabled(), gc.get_freeze_count() > 0)


def test_garbage_is_collected_again_if_the_runtime_cannot_be_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process is kept and invoked again; whatever every attempt leaves behind would fill its memory."""
    monkeypatch.delenv("TRADER_TABLE", raising=False)

    with pytest.raises(ConfigError):
        lambda_handler.handler(STATUS, Context())

    assert gc.isenabled()


def test_event_that_nobody_understands_builds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused before anything is asked for."""
    built: list[object] = []
    monkeypatch.setattr(Runtime, "build", staticmethod(built.append))

    with pytest.raises(MalformedData):
        lambda_handler.handler({"command": "sing"}, Context())

    assert [] == built
