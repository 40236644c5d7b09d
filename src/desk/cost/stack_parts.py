"""What a stack has that is paid for by the month, read from the template itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from desk.template import TEMPLATE, read_template


@dataclass(frozen=True, slots=True)
class StackParts:
    """``alarm_metrics`` has each alarm with the number of metrics it looks at: each of them is paid for as an alarm."""

    alarm_metrics: dict[str, int]
    dashboards: int
    secrets: int
    memory_mb: int

    @classmethod
    def read(cls, template: Path = TEMPLATE) -> StackParts:
        """Read them as the template has them by default."""
        document = read_template(template)
        resources, parameters = document["Resources"].values(), document["Parameters"]
        alarms = {
            name: len([each for each in alarm["Properties"]["Metrics"] if "MetricStat" in each])
            if "Metrics" in alarm["Properties"]
            else 1
            for name, alarm in document["Resources"].items()
            if alarm["Type"] == "AWS::CloudWatch::Alarm"
        }
        shown = parameters["ShowDashboard"]["Default"] == "yes"
        kinds = [each["Type"] for each in resources]
        return cls(
            alarm_metrics=alarms,
            dashboards=kinds.count("AWS::CloudWatch::Dashboard") * shown,
            secrets=kinds.count("AWS::SecretsManager::Secret"),
            memory_mb=int(parameters["MemoryMegabytes"]["Default"]),
        )
