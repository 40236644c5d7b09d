"""The function may do what it does, and nothing else: its role in the template against the calls it makes."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import boto3
import pytest
from moto.core import set_initial_no_auth_action_count

from desk.cost.aws_calls import Recording, list_permissions, record_calls
from integration.conftest import World, a_tick
from integration.grants import KEY_PARAMETER, LOGS, PLACE, PLATFORM, REFERENCES, granted, of_its_own
from integration.proof import BY_PARAMETER, DEPLOYMENTS, MODES, Grants, covering
from integration.template_functions import SwitchMaker, TableGuard
from integration.test_calls import cheap
from integration.test_lambda_handler import EVENTS, an_event
from trader.adapters.aws import clients
from trader.entry.lambda_handler import CycleAborted
from trader.errors import MalformedData, StoreUnavailable, TraderError
from trader.model.codec import canonical_json
from trader.model.ids import Asset, Instant
from trader.sim.account import SimAccount

SECRET = "secretsmanager:GetSecretValue"


@pytest.fixture
def recording() -> Iterator[Recording]:
    """Stands before the world does, so that its clients are heard."""
    with record_calls() as made:
        yield made


# --- the function's side


def life_in(world: World, invoke: Any, mode: str) -> None:
    """One deployment: ticks, a tick delivered twice, a switch that moves, every command, a malformed event."""
    world.mode(mode, confirmed="yes")
    world.switch("RUN")
    without_books(world)
    an_account_with_a_past(world, "PAPER")
    tick = a_tick(seconds_ago=3)
    invoke(tick)
    invoke(tick)
    world.switch("HALT")
    invoke({**an_event("kill-switch-changed"), "time": a_tick(seconds_ago=2)["scheduled_time"]})
    world.switch("RUN")
    for command in ("flatten", "status", "reconcile"):
        invoke(an_event(command))
    with pytest.raises(MalformedData):
        invoke(json.loads((EVENTS / "malformed" / "unknown-command.json").read_text(encoding="utf-8")))
    blocked = an_instant_whose_record_is_taken(world, mode)
    with pytest.raises(CycleAborted, match="holds something else"):
        invoke(blocked)
    # What that one owes is dropped by the next run: it can never be stored.
    invoke({**an_event("reconcile"), "id": "second"})


def without_books(world: World) -> None:
    """A deployment begins with nothing, also where the one before it had the same scope."""
    for item in world.dynamodb.scan(TableName="trader")["Items"]:
        world.dynamodb.delete_item(TableName="trader", Key={"pk": item["pk"], "sk": item["sk"]})
    for stored in world.s3.list_objects_v2(Bucket="audit").get("Contents", []):
        world.s3.delete_object(Bucket="audit", Key=stored["Key"])


def an_account_with_a_past(world: World, mode: str) -> None:
    """A simulated venue of which much has left the account: whoever opens books asks what it once had."""
    account = SimAccount(totals={Asset("USD"): Decimal(10_000)}, complete_since=Instant(int(time.time())))
    key = {"pk": {"S": f"{mode}#main"}, "sk": {"S": "VENUE"}}
    world.dynamodb.put_item(TableName="trader", Item={**key, "body": {"S": canonical_json(account)}})


def an_instant_whose_record_is_taken(world: World, mode: str, seconds_ago: int = -60) -> dict[str, str]:
    """A tick for whose first audit object somebody else's bytes are in the bucket already."""
    mode = mode.partition(" ")[0]
    key = {"pk": {"S": f"{mode}#main"}, "sk": {"S": "LEDGER"}}
    epoch = int(world.dynamodb.get_item(TableName="trader", Key=key)["Item"]["epoch"]["N"]) + 1
    tick = a_tick(seconds_ago=seconds_ago)
    at = datetime.fromisoformat(tick["scheduled_time"]).astimezone(UTC)
    name = f"{at:%Y%m%dT%H%M%SZ}-{epoch:08d}-decision.jsonl"
    world.s3.put_object(Bucket="audit", Key=f"audit/scope={mode}#main/dt={at:%Y-%m-%d}/{name}", Body=b"taken")
    return tick


def test_calls_and_grants_are_the_same_set(recording: Recording, world: World) -> None:
    """Every call is granted, every grant is called, each on its own resource, in every mode."""

    def heard(event: Any) -> None:
        with recording.listening():
            world.invoke(event)

    cheap(world)
    used: Grants = set()
    for mode in DEPLOYMENTS:
        recording.calls.clear()
        life_in(world, heard, mode)
        wanted = {permission for call in recording.calls for permission in list_permissions(call)}
        grants = of_its_own(mode)
        used |= {grant for each in wanted for grant in covering(grants, each)}

        assert set() == {each for each in wanted if not covering(grants, each)}, mode
    assert used == set().union(*map(of_its_own, DEPLOYMENTS))


@pytest.mark.parametrize("mode", DEPLOYMENTS)
def test_grants_name_actions_and_resources(mode: str) -> None:
    """No star in an action; a star in a resource only below the name of a thing of ours."""
    for action, resource in granted(mode):
        assert "*" not in action
        assert not resource.startswith("*")
        assert "*" not in resource.removesuffix("/audit/*").removesuffix(":*"), resource


OF_KEYS = {
    "DRY_RUN": set(),
    "PAPER": set(),
    "LIVE": {(SECRET, REFERENCES["ApiSecret"])},
    BY_PARAMETER: {("ssm:GetParameter", f"arn:aws:ssm:{PLACE}:parameter{KEY_PARAMETER}")},
}


@pytest.mark.parametrize("mode", DEPLOYMENTS)
def test_only_live_may_read_the_key_and_from_one_place(mode: str) -> None:
    """In the other modes there is no grant, whatever the environment says; in LIVE it is for the one store."""
    of_keys = {(action, resource) for action, resource in granted(mode) if "api-key" in resource or action == SECRET}

    assert OF_KEYS[mode] == of_keys
    assert not {action for action, _ in granted(mode) if action.startswith("kms:")}


@pytest.mark.parametrize("mode", DEPLOYMENTS)
def test_platform_may_write_the_functions_log_and_what_is_lost_and_no_other(mode: str) -> None:
    """What Lambda does for the function is granted apart from what the function does."""
    given = {(action, resource) for action, resource in granted(mode) if action in PLATFORM}

    logs = {(action, REFERENCES["FunctionLogs.Arn"]) for action in LOGS}
    assert logs | {("sqs:SendMessage", REFERENCES["LostEvents.Arn"])} == given


@pytest.mark.usefixtures("world")
def test_switch_makers_calls_and_grants_are_the_same_set(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    """A role of its own: the one parameter, made and taken away; its log; nothing that the trading function has."""
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    maker = SwitchMaker()
    with recording.listening():
        statuses = [maker.play(request) for request in ("Create", "Update", "Delete")]
    asked = {(call.name, f"arn:aws:ssm:{PLACE}:parameter{call.params['Name']}") for call in recording.calls}
    logs = {(action, REFERENCES["SwitchMakerLogs.Arn"]) for action in LOGS}

    assert ["SUCCESS"] * 3 == statuses
    assert asked == of_its_own("LIVE", function="SwitchMaker")
    assert asked | logs == granted("LIVE", function="SwitchMaker")
    assert not set().union(*map(granted, MODES)) & (asked | logs)


@pytest.mark.usefixtures("world")
def test_table_guards_calls_and_grants_are_the_same_set(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    """A role of its own: the one table, looked at and protected, never written or deleted."""
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    guard = TableGuard()
    with recording.listening():
        statuses = [guard.play(request) for request in ("Create", "Update", "Delete")]
    asked = {(call.name, f"arn:aws:dynamodb:{PLACE}:table/{call.params['TableName']}") for call in recording.calls}
    logs = {(action, REFERENCES["TableGuardLogs.Arn"]) for action in LOGS}

    assert ["SUCCESS"] * 3 == statuses
    assert asked == of_its_own("LIVE", function="TableGuard")
    assert asked | logs == granted("LIVE", function="TableGuard")


# --- enforced


def policy_for_moto(mode: str, without: str = "") -> str:
    """The role's policy as moto can enforce it.

    moto asks for S3 by resource and for everything else on "*", and has a name of its own for a transaction; that
    actions and resources are those of the template is proved above.
    """
    statements = [
        {
            "Effect": "Allow",
            "Action": [action, *(["dynamodb:TransactWriteItems"] if action == "dynamodb:UpdateItem" else [])],
            "Resource": resource if action.startswith("s3:") else "*",
        }
        for action, resource in sorted(granted(mode))
        if action != without
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def assume(monkeypatch: pytest.MonkeyPatch, policy: str, name: str) -> None:
    """Run as a role with this policy and nothing else, as Lambda does: keys and token in the environment."""
    trusts = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    iam = boto3.client("iam")
    document = json.dumps({"Version": "2012-10-17", "Statement": [trusts]})
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]
    iam.put_role_policy(RoleName=name, PolicyName="Calls", PolicyDocument=policy)
    keys = boto3.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="function")["Credentials"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys["SecretAccessKey"])
    monkeypatch.setenv("AWS_SESSION_TOKEN", keys["SessionToken"])
    monkeypatch.setattr(clients, "_SESSION", None)


def test_every_mode_lives_on_the_templates_role_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """With IAM enforced the whole life passes; what is the function's key is the role's, not the test's."""
    cheap(world)
    enforced = set_initial_no_auth_action_count(0)(world.invoke)
    for mode in DEPLOYMENTS:
        assume(monkeypatch, policy_for_moto(mode), f"role-{mode.replace(' ', '-')}")

        life_in(world, enforced, mode)


def test_role_that_lacks_a_grant_fails(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The enforcement is real; and with PAPER's role the key cannot be read even by a function that wants to."""
    cheap(world)
    enforced = set_initial_no_auth_action_count(0)(world.invoke)
    assume(monkeypatch, policy_for_moto("PAPER"), "paper")
    world.mode("LIVE", confirmed="yes")
    with pytest.raises(StoreUnavailable, match=r"secret api-key: (403|AccessDenied)"):
        enforced(a_tick())
    # moto asks for no grant to delete inside a transaction.
    asked = {action for action, _ in granted("PAPER")} - PLATFORM - {"dynamodb:DeleteItem"}
    for number, action in enumerate(sorted(asked)):
        assume(monkeypatch, policy_for_moto("PAPER", without=action), f"lacks-{number}")
        world.mode("PAPER")

        assert "denied" == told_by(world, enforced, action, number), action


def told_by(world: World, invoke: Any, action: str, number: int) -> str:
    """What the function says when it may not do this: it raises, halts for the switch, abstains for PAPER's account.

    Each *number* is a tick of its own, later than the one before, however fast the machine is.
    """
    if action == "dynamodb:Query":
        an_account_with_a_past(world, "PAPER")
    if action == "s3:GetObject":
        event: Any = an_instant_whose_record_is_taken(world, "PAPER", -number)
    else:
        event = an_event("status") if action == "dynamodb:GetItem" else a_tick(seconds_ago=-number)
    try:
        summary = invoke(event)
    except TraderError as error:
        return "denied" if re.search("403|AccessDenied", str(error)) else str(error)
    halts = action == "ssm:GetParameter" and summary["outcome"] == "HALTED"
    return "denied" if halts or "venue: 403" in summary["reason"] else str(summary)
