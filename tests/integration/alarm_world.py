"""The function's own handler over a world in memory, and CloudWatch after it: what it prints, and what rings of it.

Minutes pass one by one. At each the schedule wakes a tick, a watch run, or nobody; Lambda tries once
more what raised, and then gives it up.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from accidents.one_account import World
from architecture.test_template import Template, parsed
from desk.invoke import Context
from integration.cloudwatch import CloudWatch, metric_of
from trader.cycle import CycleReport

# Metrics reads it when the handler is imported.
os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "trader")
os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "Trader")

from trader.entry import lambda_handler, telemetry
from trader.entry.perform import perform
from trader.model.ids import Instant, rfc3339

PERIOD, MINUTE = 300, 60


@dataclass
class Deployment:
    """A stack of the template with the function in it; ``printed`` has each line for CloudWatch with its instant."""

    world: World
    cloudwatch: CloudWatch
    printed: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    ticks: bool = True
    watches: bool = True
    raised: list[str] = field(default_factory=list)

    def run(self, request: Any, remaining_seconds: int) -> CycleReport:
        """Stand in for the process's runtime."""
        ports = replace(self.world.ports(), report=telemetry.write_alarm)
        return perform(request, self.world.pipeline, ports, remaining_seconds)

    def invoke(self, event: dict[str, Any]) -> bool:
        """Invoke the handler once; say whether it raised."""
        said, failed = io.StringIO(), False
        with contextlib.redirect_stdout(said):
            try:
                lambda_handler.handler(event, Context())
            except Exception as error:  # noqa: BLE001 - as Lambda does
                failed = True
                self.raised.append(str(error))
        lines = [json.loads(each) for each in said.getvalue().splitlines() if '"_aws"' in each]
        at = self.world.clock.now()
        self.printed += [(at, line) for line in lines]
        for line in lines:
            self.cloudwatch.put_line(line, at)
        return failed

    def wake(self, **more: Any) -> None:
        """Deliver an event as Lambda does: one that fails comes once more, and then is given up."""
        event = {"scheduled_time": rfc3339(self.world.clock.now()), **more}
        if self.invoke(event) and self.invoke(event):
            self.lose()

    def lose(self) -> None:
        """Put something into the dead-letter queue."""
        self.cloudwatch.put(metric_of(self.cloudwatch.template, "NumberOfMessagesSent"), self.world.clock.now(), 1)

    def pass_minutes(self, count: int, before: Callable[[], None] = lambda: None) -> None:
        """Let time pass: the schedules wake whom they wake, and CloudWatch looks after each minute."""
        clock, minute = self.world.clock, self.world.clock.now()
        for _ in range(count):
            before()
            is_tick = minute % PERIOD == 0
            if is_tick and self.ticks:
                self.wake()
            elif not is_tick and self.watches and clock.now() < minute + MINUTE:
                self.wake(watch=True)
            minute = Instant(minute + MINUTE)
            clock.set(max(clock.now(), minute))
            self.cloudwatch.look(minute)
        clock.set(minute)

    def pass_periods(self, count: int) -> None:
        """Let so many periods pass."""
        self.pass_minutes(count * PERIOD // MINUTE)

    def values(self, name: str, since: int = 0) -> list[float]:
        """What was printed of a metric."""
        return [value for at, line in self.printed if at >= since for value in line.get(name, [])]

    def rang(self, alarm: str) -> list[str]:
        """How an alarm changed."""
        return self.cloudwatch.rang(f"{alarm}Alarm")

    def told(self) -> list[tuple[str, str]]:
        """Everything that was told, but for the first time that an alarm finds all well."""
        names = dict.fromkeys(each.alarm for each in self.cloudwatch.told)
        return [(name, after) for name in names for after in self.cloudwatch.rang(name)]


def deploy(
    world: World, monkeypatch: pytest.MonkeyPatch, *, aligned: bool = False, template: Template | None = None
) -> Deployment:
    """Deploy the function into a world, at the next boundary of a period."""
    deployment = Deployment(world, CloudWatch(template or parsed(), aligned=aligned))
    # The stack's name, which the function of a real one has in its environment before it is imported.
    monkeypatch.setattr(telemetry.metrics, "service", "test")
    monkeypatch.setattr(lambda_handler, "_runtime", deployment)
    # A runtime that was given up for its key is made anew, over the same world.
    monkeypatch.setattr(lambda_handler, "_forget_runtime", lambda: None)
    now = world.clock.now()
    world.clock.set(Instant(-(-now // PERIOD) * PERIOD))
    return deployment
