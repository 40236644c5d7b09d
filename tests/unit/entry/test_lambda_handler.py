"""What the function does around a command; what comes of commands is told in tests/integration."""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from desk.invoke import Context
from factories import CYCLE, NOW, a_ledger, shipped_settings, some_facts
from trader.cycle import CycleOutcome, CycleReport
from trader.entry.runtime import Runtime
from trader.entry.wiring import build_pipeline
from trader.errors import ConfigError, MalformedData
from trader.model.events import AuditNote, EventKind
from trader.model.ids import ClientOrderId, Instant, StrategyId
from trader.model.inputs import Tick

# Logger and Metrics read these when the handler is imported, as in Lambda, where they are there from the start.
os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "trader")
os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "Trader")

from trader.entry import lambda_handler

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
    yield
    gc.enable()
    gc.unfreeze()


class Ran(Built):
    """A runtime whose cycle ended like this."""

    def __init__(self, *failures: tuple[str, str]) -> None:
        notes = tuple(
            AuditNote(EventKind.STRATEGY_FAILED, who, {"strategy": who, "error": why}) for who, why in failures
        )
        decision = build_pipeline(shipped_settings()).decide(some_facts())
        decision = replace(decision, failed_strategies=tuple(StrategyId(who) for who, _ in failures))
        self.report = CycleReport(
            Tick(CYCLE, NOW, Instant(NOW + 55)), CycleOutcome.COMPLETED, decision=decision, notes=notes
        )

    def run(self, *_: Any, **__: Any) -> CycleReport:
        return self.report


def metrics_and_errors(
    runtime: Ran, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[dict[str, Any], list[tuple[str, dict[str, Any]]]]:
    """What one tick prints for CloudWatch, and what it logs as an error."""
    logged: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(lambda_handler.logger, "error", lambda text, extra: logged.append((text, extra)))
    monkeypatch.setattr(Runtime, "build", staticmethod(lambda _: runtime))
    lambda_handler.handler({"scheduled_time": "2026-11-22T10:15:00Z"}, Context())
    (line,) = (each for each in capsys.readouterr().out.splitlines() if '"_aws"' in each)
    return json.loads(line), logged


def test_failed_strategies_are_counted_and_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One number for the alarm, one line of the log for each with its text."""
    runtime = Ran(("mean_reversion", "ZeroDivisionError: by zero"), ("rules_engine", "KeyError: 'SOL-USD'"))

    printed, logged = metrics_and_errors(runtime, monkeypatch, capsys)

    assert [2.0] == printed["StrategiesFailed"]
    assert [
        ("strategy failed", "mean_reversion", "ZeroDivisionError: by zero"),
        ("strategy failed", "rules_engine", "KeyError: 'SOL-USD'"),
    ] == [(text, extra["strategy"], extra["error"]) for text, extra in logged]


def test_cycle_without_failed_strategies_says_nothing_of_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No metric, which would be paid for, and no line of the log."""
    printed, logged = metrics_and_errors(Ran(), monkeypatch, capsys)

    assert "StrategiesFailed" not in printed
    assert [] == logged


@pytest.mark.parametrize(("size", "expected"), [(7_278, [7278.0]), (0, None)])
def test_size_of_the_ledger_is_published_by_each_run_that_knows_it(
    size: int, expected: list[float] | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In bytes; a run that was skipped has not looked, and says nothing."""
    runtime = Ran()
    runtime.report = replace(runtime.report, ledger_bytes=size)

    printed, _ = metrics_and_errors(runtime, monkeypatch, capsys)

    units = {each["Name"]: each["Unit"] for each in printed["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
    assert (expected, "Bytes" if size else None) == (printed.get("LedgerBytes"), units.get("LedgerBytes"))


def test_sales_without_time_are_counted_and_end_the_invocation_in_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The books are closed by then; what Lambda counts as an error rings."""
    runtime = Ran()
    reason = "2 sales or protections were due and did not leave: a: no time; b: no time"
    runtime.report = replace(
        runtime.report,
        outcome=CycleOutcome.ABORTED,
        reason=reason,
        withheld_exits={ClientOrderId("a"): "no time", ClientOrderId("b"): "no time"},
        after=a_ledger(owed=("key",), unrecorded=3),
    )
    monkeypatch.setattr(Runtime, "build", staticmethod(lambda _: runtime))

    with pytest.raises(lambda_handler.CycleAborted, match=reason):
        lambda_handler.handler({"scheduled_time": "2026-11-22T10:15:00Z"}, Context())

    (line,) = (each for each in capsys.readouterr().out.splitlines() if '"_aws"' in each)
    printed = json.loads(line)
    assert ([2.0], [4.0], [1.0]) == (printed["ExitsWithheld"], printed["AuditOwed"], printed["CyclesAborted"])


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
