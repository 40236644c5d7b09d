"""The proof of least privilege can fail: alone and over several processes, for a grant too few and for one too many."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from architecture.test_template import Template, listed, parsed
from desk.cost.aws_calls import AwsCall
from desk.sandbox.sam_tool import find_sam, translate_template
from integration.aws_call_recorder import asked_by
from integration.grants import KEY_PARAMETER, PLACE, REFERENCES, granted, of_its_own, statements_of_the_function
from integration.proof import BY_PARAMETER, DEPLOYMENTS, Asked, complaints

TESTS = Path(__file__).parents[1]


def all_that_is_granted() -> list[Asked]:
    """One call for each grant in each mode, on a resource that the grant names."""
    return [(mode, action, name.replace("*", "x")) for mode in DEPLOYMENTS for action, name in sorted(of_its_own(mode))]


def found_in(template: Template, asked: list[Asked], *, whole: bool = True) -> list[str]:
    return complaints(asked, lambda mode: of_its_own(mode, template), whole=whole)


def own_statements(template: Template) -> list[dict[str, Any]]:
    return [each for each in statements_of_the_function(template, "LIVE") if each["Sid"] not in {"Logs", "Lost"}]


def test_same_sets_are_not_complained_about() -> None:
    """The shipped template, and a call for each of its grants."""
    assert [] == found_in(parsed(), all_that_is_granted())


@pytest.mark.parametrize("number", range(len(own_statements(parsed()))))
def test_grant_that_is_taken_away_is_missed(number: int) -> None:
    """Whichever action of whichever statement; also if only some of the tests ran."""
    for action in listed(own_statements(parsed())[number]["Action"]):
        template = copy.deepcopy(parsed())
        statement = own_statements(template)[number]
        statement["Action"] = [each for each in listed(statement["Action"]) if each != action]

        for whole in (True, False):
            found = found_in(template, all_that_is_granted(), whole=whole)
            assert found, action
            assert all(line.startswith("not granted in ") and action in line for line in found)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        pytest.param({"Action": ["dynamodb:GetItem", "dynamodb:Scan"]}, "dynamodb:Scan", id="another action"),
        pytest.param({"Action": "s3:PutObject"}, "s3:PutObject on arn:aws:dynamodb", id="an action of another service"),
        pytest.param({"Resource": {"Fn::Sub": "${AuditBucket.Arn}/notes/*"}}, "audit/notes/*", id="another resource"),
    ],
)
def test_grant_that_nobody_uses_is_found(change: dict[str, Any], complaint: str) -> None:
    """A statement more, beside those that are used; unless only some of the tests ran."""
    template = copy.deepcopy(parsed())
    statements = template["Resources"]["FunctionRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    statements.append({**statements[0], **change})

    found = found_in(template, all_that_is_granted())

    assert found
    assert all(line.startswith("granted in ") and complaint in line for line in found)
    assert [] == found_in(template, all_that_is_granted(), whole=False)


def test_grant_for_the_other_store_has_to_be_used_there() -> None:
    """All else that such a deployment may is LIVE's, and used there."""
    key = ("ssm:GetParameter", f"arn:aws:ssm:{PLACE}:parameter{KEY_PARAMETER}")
    of_live = [each for each in all_that_is_granted() if each[0] != BY_PARAMETER]
    unasked = next(each for each in sorted(of_its_own(BY_PARAMETER)) if each != key)

    assert [] == found_in(parsed(), [*of_live, (BY_PARAMETER, *key)])
    assert [f"granted in {BY_PARAMETER}, never asked for: {' on '.join(key)}"] == found_in(
        parsed(), [*of_live, (BY_PARAMETER, unasked[0], unasked[1].replace("*", "x"))]
    )


def test_silence_proves_nothing() -> None:
    """If the recording breaks, all the grants are unused."""
    found = found_in(parsed(), [])

    silent = {line.removeprefix("nothing was heard in ") for line in found if line.startswith("nothing was heard")}

    assert set(DEPLOYMENTS) == silent


def test_key_is_granted_in_live_only() -> None:
    """The same call in PAPER, or with the key in the other store, lies outside the grants."""
    calls = {
        "LIVE": ("secretsmanager:GetSecretValue", REFERENCES["ApiSecret"]),
        BY_PARAMETER: ("ssm:GetParameter", f"arn:aws:ssm:{PLACE}:parameter{KEY_PARAMETER}"),
    }
    for mode in DEPLOYMENTS:
        for allowed, call in calls.items():
            assert int(mode != allowed) == len(found_in(parsed(), [(mode, *call)], whole=False)), (mode, call)


def test_resource_is_the_one_the_deployment_was_told() -> None:
    """Its own table by whatever name is the template's; any other table is nobody's."""
    call = AwsCall("dynamodb", "GetItem", {"TableName": "mine"})

    assert {("LIVE", "dynamodb:GetItem", REFERENCES["StateTable.Arn"])} == asked_by(
        call, {"TRADER_MODE": "LIVE", "TRADER_TABLE": "mine"}
    )
    assert not {each[2] for each in asked_by(call, {"TRADER_TABLE": "min"})} & {REFERENCES["StateTable.Arn"]}


def test_call_that_nobody_thought_of_is_outside_the_grants() -> None:
    """An operation for which no resource is known is heard all the same."""
    asked = asked_by(AwsCall("dynamodb", "Scan", {"TableName": "trader"}), {"TRADER_TABLE": "trader"})

    assert 1 == len(found_in(parsed(), list(asked), whole=False))


@pytest.mark.skipif(find_sam() is None, reason="SAM's translator is not here; make template installs it")
def test_expansion_by_sam_grants_nothing_more() -> None:
    """What CloudFormation gets to see of the function's role is what stands in template.yaml."""
    expanded = translate_template(TESTS.parent / "template.yaml", "s3://bucket/key", "us-east-1")

    for mode in DEPLOYMENTS:
        assert granted(mode) == granted(mode, expanded)


# --- the whole way, in a pytest of its own

CONFTEST = """
from pathlib import Path
import pytest
from integration.proof import DEPLOYMENTS, PROPERTY, Proof

ASKED = [(mode, action, "table") for mode in DEPLOYMENTS for action in ("x:Get", "x:Put")]

def pytest_configure(config):
    if not hasattr(config, "workerinput"):
        grants = {(action, "table") for action in config.getini("granted")}
        config.pluginmanager.register(Proof(config.rootpath, Path(__file__).parent, lambda mode: grants))

def pytest_addoption(parser):
    parser.addini("granted", "", type="args")

def pytest_runtest_makereport(item, call):
    if call.when == "teardown":
        item.user_properties.append((PROPERTY, [each for each in ASKED if each[1].lower() == f"x:{item.name[5:]}"]))
"""


@pytest.mark.parametrize(
    ("granted_there", "options", "status", "said"),
    [
        pytest.param("x:Get x:Put", ["-n2"], 0, "calls and grants are the same set", id="the same"),
        pytest.param("x:Get", ["-n2"], 1, "not granted in LIVE: x:Put", id="one too few"),
        pytest.param("x:Get x:Put x:Scan", [], 1, "granted in LIVE, never asked for: x:Scan", id="one too many"),
        pytest.param("x:Get x:Put x:Scan", ["-kget"], 0, "part of the tests ran", id="one too many, one test left out"),
    ],
)
def test_run_is_red_when_the_sets_differ(
    tmp_path: Path, granted_there: str, options: list[str], status: int, said: str
) -> None:
    """Two files, one call each, by one process or two; all tests pass, and the run fails if the grants are others."""
    (tmp_path / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text(f"[pytest]\ngranted = {granted_there}\n", encoding="utf-8")
    for name in ("get", "put"):
        (tmp_path / f"test_{name}.py").write_text(f"def test_{name}():\n    pass\n", encoding="utf-8")
    path = os.pathsep.join([str(TESTS), str(TESTS.parent / "src")])
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, str(tmp_path)]

    done = subprocess.run(
        command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=False
    )

    assert status == done.returncode, done.stdout + done.stderr
    assert said in done.stdout
    assert ("1 failed" in done.stdout) == bool(status)
