"""The sandbox's switch, moved as on AWS: the stack's own rule wakes its alias, and the handler acts on the word."""

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
