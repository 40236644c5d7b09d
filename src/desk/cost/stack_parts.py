"""What a stack has that is paid for by the month, read from the template itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

TEMPLATE = Path(__file__).parents[3] / "template.yaml"


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
        document = yaml.load(template.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a safe one
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


class _Loader(yaml.SafeLoader):
    """Reads what the short forms of CloudFormation's functions are applied to, and forgets the function."""


def _read_argument(loader: yaml.Loader, _: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_mapping(node, deep=True) if isinstance(node, yaml.MappingNode) else None


_Loader.add_multi_constructor("!", _read_argument)
