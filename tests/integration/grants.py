"""What the role of a function allows, read from the template; without a word it is the trading function."""

from __future__ import annotations

from typing import Any

from architecture.test_template import Template, listed, parsed, statements
from integration.proof import BY_PARAMETER, Grants

SWITCH, KEY_PARAMETER = "/trader/test/kill-switch", "/trader/test/api-key"
PLACE = "us-east-1:123456789012"
#: What the names of the template are in the world of these tests.
REFERENCES = {
    "AWS::StackId": f"arn:aws:cloudformation:{PLACE}:stack/trader/1",
    "StateTable.Arn": f"arn:aws:dynamodb:{PLACE}:table/trader",
    "AuditBucket.Arn": "arn:aws:s3:::audit",
    "ApiSecret": f"arn:aws:secretsmanager:{PLACE}:secret:api-key",
    "SwitchParameter": SWITCH,
    "FunctionLogs.Arn": f"arn:aws:logs:{PLACE}:log-group:/trader/test/function:*",
    "EventPublisherLogs.Arn": f"arn:aws:logs:{PLACE}:log-group:/trader/test/publisher:*",
    "DomainEventBus.Arn": f"arn:aws:events:{PLACE}:event-bus/test-events",
    "SwitchMakerLogs.Arn": f"arn:aws:logs:{PLACE}:log-group:/trader/test/switch-maker:*",
    "AuditAnchorLogs.Arn": f"arn:aws:logs:{PLACE}:log-group:/trader/test/audit-anchor:*",
    "LostEvents.Arn": f"arn:aws:sqs:{PLACE}:lost-events",
    "NotifierLogs.Arn": f"arn:aws:logs:{PLACE}:log-group:/trader/test/notifier:*",
    "MessageTopic": f"arn:aws:sns:{PLACE}:messages",
    "TableGuardLogs.Arn": f"arn:aws:logs:{PLACE}:log-group:/trader/test/table-guard:*",
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::AccountId": "123456789012",
    "AWS::StackName": "test",
}
#: What Lambda itself does in the function's name; none of it is a call of ours.
LOGS = {"logs:CreateLogStream", "logs:PutLogEvents"}
PLATFORM = {*LOGS, "sqs:SendMessage"}


def resolved(value: Any) -> str:
    """The text a reference stands for in the world of these tests."""
    if isinstance(value, str):
        return value
    ((function, given),) = value.items()
    if function == "Fn::Sub":
        for name, text in REFERENCES.items():
            given = given.replace(f"${{{name}}}", text)
        assert "${" not in given, given
        return str(given)
    return REFERENCES[".".join(given) if function == "Fn::GetAtt" else given]


def statements_of_the_function(
    template: Template, mode: str, function: str = "TradingFunction"
) -> list[dict[str, Any]]:
    """Every statement that the function's role has in a mode, wherever in the template it stands."""
    resources = template["Resources"]
    ((_, (role, _)),) = resources[function]["Properties"]["Role"].items()
    conditions = {
        None: True,
        "IsPaper": mode == "PAPER",
        "HasDomainEvents": True,
        "KeepsSecret": mode == "LIVE",
        "KeepsParameter": mode == BY_PARAMETER,
    }
    found: list[dict[str, Any]] = []
    for name, resource in resources.items():
        properties = resource.get("Properties", {})
        own = list(properties.get("Policies", [])) if name == role else []
        own += [properties] if {"Ref": role} in properties.get("Roles", []) else []
        if own and conditions[resource.get("Condition")]:
            found += [each for policy in own for each in listed(policy["PolicyDocument"]["Statement"])]
    return found


def granted(mode: str, template: Template | None = None, function: str = "TradingFunction") -> Grants:
    """Every action the function's role has in a mode, with the resource it has it on."""
    statements = statements_of_the_function(template or parsed(), mode, function)
    assert {"Allow"} == {each["Effect"] for each in statements}
    return {
        (action, resolved(resource))
        for each in statements
        for action in listed(each["Action"])
        for resource in listed(each["Resource"])
    }


def granted_to_viewers() -> Grants:
    """Every action of the policy for looking, with the resource it is on."""
    return {
        (action, resolved(resource))
        for name, each in statements(parsed())
        if name == "ViewerPolicy"
        for action in listed(each["Action"])
        for resource in listed(each["Resource"])
    }


def of_its_own(mode: str, template: Template | None = None, function: str = "TradingFunction") -> Grants:
    """The grants for what the function's own code does."""
    return {grant for grant in granted(mode, template, function) if grant[0] not in PLATFORM}
