"""CloudWatch's rules as far as alarms go by them, for alarms read from the template; time passes minute by minute.

Source: docs.aws.amazon.com, "Configuring how CloudWatch alarms treat missing data", whose two tables are tests. How far
back CloudWatch looks is known for three periods only, where it is two more; the same is assumed for other numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from architecture.test_template import Template, of_type
from integration.grants import resolved

OK, ALARM, INSUFFICIENT = "OK", "ALARM", "INSUFFICIENT_DATA"
_MORE_PERIODS = 2
_MINUTE = 60
#: Namespace, name, and the dimensions as pairs: what makes a metric the one that is meant.
Metric = tuple[str, str, tuple[tuple[str, str], ...]]


def evaluate(points: Sequence[bool | None], state: str, *, of: int, to_alarm: int, missing: str) -> str:
    """Say the state after these points, oldest first: breaching, not, or missing; *of* periods so many *to_alarm*."""
    real = [each for each in points if each is not None]
    if len(real) >= of:
        return ALARM if sum(real[-of:]) >= to_alarm else OK
    if missing == "breaching":
        return ALARM if sum(real) + of - len(real) >= to_alarm else OK
    if sum(real) >= to_alarm:
        return ALARM
    if missing == "notBreaching":
        return OK
    assert missing == "ignore", missing
    return state if all(real) else OK


@dataclass(frozen=True, slots=True)
class Change:
    """An alarm that changed and told it: when, which, from what to what."""

    at: int
    alarm: str
    before: str
    after: str


@dataclass
class CloudWatch:
    """The alarms of a template in the world of these tests, and what they told.

    Windows end with the minute of the look, or, *aligned*, with the last whole period: which of the two AWS does is not
    said, so a test plays both.
    """

    template: Template
    aligned: bool = False
    minutes: str = "5"
    scheduled: bool = True
    points: dict[Metric, list[tuple[int, float]]] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    told: list[Change] = field(default_factory=list)

    def put(self, metric: Metric, at: int, value: float) -> None:
        """Take one value."""
        self.points.setdefault(metric, []).append((at, value))

    def put_line(self, line: Mapping[str, Any], at: int) -> None:
        """Take every metric of a line in the embedded format."""
        for group in line["_aws"]["CloudWatchMetrics"]:
            for dimensions in group["Dimensions"]:
                for each in group["Metrics"]:
                    pairs = tuple(sorted((name, str(line[name])) for name in dimensions))
                    for value in line[each["Name"]]:
                        self.put((group["Namespace"], each["Name"], pairs), at, value)

    def look(self, at: int) -> None:
        """Evaluate every alarm, at the end of a minute."""
        for name, alarm in of_type(self.template, "AWS::CloudWatch::Alarm").items():
            rule, before = alarm["Properties"], self.states.get(name, INSUFFICIENT)
            of = int(self._number(rule["EvaluationPeriods"]))
            points = [self._breaches(rule, at, back) for back in reversed(range(of + _MORE_PERIODS))]
            to_alarm = int(rule.get("DatapointsToAlarm", of))
            after = evaluate(points, before, of=of, to_alarm=to_alarm, missing=rule["TreatMissingData"])
            self.states[name] = after
            actions = {ALARM: "AlarmActions", OK: "OKActions"}.get(after, "")
            enabled = rule.get("ActionsEnabled", True)
            if after != before and rule.get(actions) and (enabled is True or self.scheduled):
                self.told.append(Change(at, name, before, after))

    def rang(self, alarm: str) -> list[str]:
        """List how an alarm changed, but for the first time that it found all well."""
        changes = [each for each in self.told if each.alarm == alarm]
        return [each.after for each in changes if (each.before, each.after) != (INSUFFICIENT, OK)]

    def _breaches(self, rule: Mapping[str, Any], at: int, back: int) -> bool | None:
        period = int(self._number(rule["Period"]))
        end = (at // period * period if self.aligned else at) - back * period
        value, threshold = (
            self._statistic(_metric(rule), rule["Statistic"], end - period, end),
            float(rule["Threshold"]),
        )
        if value is None:
            return None
        return {
            "GreaterThanOrEqualToThreshold": value >= threshold,
            "LessThanThreshold": value < threshold,
        }[rule["ComparisonOperator"]]

    def _statistic(self, metric: Metric, stat: str, begin: int, end: int) -> float | None:
        values = [value for at, value in self._recent(metric) if begin <= at < end]
        return {"Sum": sum, "Maximum": max}[stat](values) if values else None

    def _recent(self, metric: Metric) -> Iterator[tuple[int, float]]:
        return reversed(self.points.get(metric, [])[-1000:])

    def _number(self, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        if "Fn::FindInMap" in value:
            table, _, column = value["Fn::FindInMap"]
            return self.template["Mappings"][table][self.minutes][column]
        return self.template["Parameters"][value["Ref"]]["Default"]


def _metric(rule: Mapping[str, Any]) -> Metric:
    pairs = [(each["Name"], _name_of(each["Value"])) for each in rule["Dimensions"]]
    return rule["Namespace"], rule["MetricName"], tuple(sorted(pairs))


def _name_of(value: Any) -> str:
    # What is not known in the world of these tests is called as the template calls it.
    try:
        return resolved(value)
    except KeyError:
        return str(value)


def metric_of(template: Template, name: str) -> Metric:
    """The metric of this name, as an alarm looks for it."""
    alarms = of_type(template, "AWS::CloudWatch::Alarm").values()
    (found,) = {_metric(each["Properties"]) for each in alarms if each["Properties"]["MetricName"] == name}
    return found
