"""The sandbox's switch and bus, used as on AWS: the stack's own rules wake its alias, and the handler acts on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from desk.invoke import find_architecture, invoke_by_process
from desk.sandbox.aws import AwsSandbox
from e2e.invocation import ROOT

pytestmark = pytest.mark.e2e


def test_moving_the_switch_wakes_the_handler(tmp_path: Path) -> None:
    """Making the stack wakes nobody, a word that is none is refused, HALT is acted on at once."""
    woken: list[tuple[str, dict[str, Any]]] = []
    parameters = {"Mode": "PAPER", "Architecture": find_architecture()}
    template = ROOT / "template.yaml"
    with AwsSandbox(template, parameters=parameters, deliver=lambda *each: woken.append(each)) as sandbox:
        name, ssm = sandbox.stack.outputs["KillSwitchName"], sandbox.client("ssm")
        with pytest.raises(ClientError, match="failed to satisfy constraint"):
            ssm.put_parameter(Name=name, Value="GO", Overwrite=True)
        before = list(woken)
        ssm.put_parameter(Name=name, Value="HALT", Overwrite=True)
        ((target, event),) = woken
        (tmp_path / "event.json").write_text(json.dumps(event), encoding="utf-8")
        answer = invoke_by_process(tmp_path / "event.json", sandbox.environment()).answer

    assert ([], sandbox.stack.outputs["FunctionAlias"]) == (before, target)
    assert "HALTED" == answer["outcome"]
    assert "-switch." in answer["cycle"]


def test_command_wakes_though_the_schedule_is_off() -> None:
    """On the stack's bus by its own rule; ScheduleState stops tick and looks alike, and nothing else."""
    woken: list[tuple[str, dict[str, Any]]] = []
    parameters = {"Mode": "PAPER", "Architecture": find_architecture(), "ScheduleState": "DISABLED"}
    command = json.loads((ROOT / "events/bus-flatten.json").read_text(encoding="utf-8"))
    stack: dict[str, Any] = {"name": "commands", "parameters": parameters}
    with AwsSandbox(ROOT / "template.yaml", **stack, deliver=lambda *each: woken.append(each)) as sandbox:
        outputs = sandbox.stack.outputs
        entry = {"Source": command["source"], "DetailType": "flatten", "Detail": json.dumps(command["detail"])}
        told = sandbox.client("events").put_events(Entries=[{**entry, "EventBusName": outputs["CommandBusName"]}])
        schedules = {
            each: sandbox.client("scheduler").get_schedule(Name=f"commands-{each}") for each in ("tick", "watch")
        }
        policies = [
            sandbox.client("iam").get_policy(PolicyArn=outputs[f"{each}PolicyArn"])["Policy"]["AttachmentCount"]
            for each in ("Viewer", "Operator")
        ]

    assert {"DISABLED"} == {each["State"] for each in schedules.values()}
    assert {outputs["FunctionAlias"]} == {each["Target"]["Arn"] for each in schedules.values()}
    assert "cron(1-4,6-9,11-14," in schedules["watch"]["ScheduleExpression"]
    assert [(outputs["FunctionAlias"], told["Entries"][0]["EventId"])] == [(at, event["id"]) for at, event in woken]
    assert ("commands", command["detail"]) == (outputs["CommandBusName"], woken[0][1]["detail"])
    assert [0, 0] == policies
