"""The resource types that moto's CloudFormation lacks, each made by the call that CloudFormation would make.

Their properties are the template's own. References in them are resolved by moto, as outputs of the stack; numbers and
flags, which outputs turn into text, get their kind back from botocore's description of the call. They are made in the
order of the template, in which SAM puts a version before its alias, and that before what names it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

SWITCH = "Custom::SwitchParameter"
_PROTECTION = "Custom::TableProtection"
# Stands for no value on the way through an output.
_NOTHING = "AWS::NoValue"

Client = Callable[[str], Any]
Properties = dict[str, Any]


def find_missing_resources(template: Mapping[str, Any]) -> dict[str, Properties]:
    """Pick the resources that are made here, by their logical names."""
    return {name: each for name, each in template["Resources"].items() if each["Type"] in _CALLS}


def list_references(resources: Mapping[str, Properties]) -> dict[str, Any]:
    """Collect what moto has to resolve: each intrinsic function in the properties, and each condition.

    What only a resource asks for that may not be made, is asked for under its condition: it may refer to another such.
    """
    found = {}
    for name, each in resources.items():
        condition = each.get("Condition")
        for value in _intrinsics(each.get("Properties", {})):
            asked = _with_nothing(value)
            found[_key(value, condition)] = {"Fn::If": [condition, asked, _NOTHING]} if condition else asked
        found[_made(name)] = {"Fn::If": [condition, "yes", "no"]} if condition else "yes"
    return found


def create(stack: str, resources: Mapping[str, Properties], resolved: Mapping[str, str], client: Client) -> list[str]:
    """Make every resource whose condition holds; return their types."""
    made = []
    for name, each in resources.items():
        if resolved[_made(name)] != "yes":
            continue
        service, operation, arguments_of = _CALLS[each["Type"]]
        properties = _resolve(each.get("Properties", {}), resolved, each.get("Condition"))
        connection = client(service)
        method = connection.meta.method_to_api_mapping[operation]
        shape = connection.meta.service_model.operation_model(method).input_shape
        for arguments in arguments_of(f"{stack}-{name}", properties):
            getattr(connection, operation)(**_typed(arguments, shape))
        made.append(each["Type"])
    return made


def _made(name: str) -> str:
    return f"{name}IsMade"


def _key(value: Any, condition: str | None) -> str:
    return json.dumps([condition, value], sort_keys=True)


def _with_nothing(value: Any) -> Any:
    """Put a text in place of "no value", which no output can be."""
    if value == {"Ref": "AWS::NoValue"}:
        return _NOTHING
    if isinstance(value, dict):
        return {key: _with_nothing(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_with_nothing(each) for each in value]
    return value


def _is_intrinsic(value: Any) -> bool:
    return isinstance(value, dict) and len(value) == 1 and next(iter(value)).startswith(("Ref", "Fn::"))


def _intrinsics(value: Any) -> Iterator[Any]:
    if _is_intrinsic(value):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _intrinsics(each)
    elif isinstance(value, list):
        for each in value:
            yield from _intrinsics(each)


def _resolve(value: Any, resolved: Mapping[str, str], condition: str | None) -> Any:
    if _is_intrinsic(value):
        return resolved[_key(value, condition)]
    if isinstance(value, dict):
        told = {key: _resolve(each, resolved, condition) for key, each in value.items()}
        return {key: each for key, each in told.items() if each != _NOTHING}
    if isinstance(value, list):
        return [each for each in (_resolve(each, resolved, condition) for each in value) if each != _NOTHING]
    return value


def _typed(value: Any, shape: Any) -> Any:
    kind = shape.type_name
    if kind == "structure":
        return {key: _typed(each, shape.members[key]) for key, each in value.items()}
    if kind == "list":
        return [_typed(each, shape.member) for each in value]
    if kind in {"integer", "long"}:
        return int(value)
    if kind in {"double", "float"}:
        return float(value)
    if kind == "boolean":
        return str(value).lower() == "true"
    return value


def _policy(properties: Properties) -> str:
    return json.dumps(properties["PolicyDocument"])


def _alarm(name: str, properties: Properties) -> list[Properties]:
    return [{"AlarmName": name, **properties}]


def _as_it_is(_name: str, properties: Properties) -> list[Properties]:
    return [properties]


def _permission(name: str, properties: Properties) -> list[Properties]:
    return [{"StatementId": name, **properties}]


def _parameter(_name: str, properties: Properties) -> list[Properties]:
    return [properties["Parameter"]]


def _protection(_name: str, properties: Properties) -> list[Properties]:
    return [{"TableName": properties["TableName"], "DeletionProtectionEnabled": True}]


def _topic_policy(_name: str, properties: Properties) -> list[Properties]:
    policy = _policy(properties)
    return [{"TopicArn": each, "AttributeName": "Policy", "AttributeValue": policy} for each in properties["Topics"]]


def _queue_policy(_name: str, properties: Properties) -> list[Properties]:
    policy = _policy(properties)
    return [{"QueueUrl": each, "Attributes": {"Policy": policy}} for each in properties["Queues"]]


#: Left out: it denies what does not come over TLS. moto is plain http here, and it passes over a statement's condition,
#: so the policy would deny everything. What it says is asserted in tests/architecture/test_template.py.
LEFT_OUT = ("AWS::S3::BucketPolicy",)

_CALLS: dict[str, tuple[str, str, Callable[[str, Properties], list[Properties]]]] = {
    "AWS::CloudWatch::Alarm": ("cloudwatch", "put_metric_alarm", _alarm),
    "AWS::Lambda::Alias": ("lambda", "create_alias", _as_it_is),
    "AWS::Lambda::EventInvokeConfig": ("lambda", "put_function_event_invoke_config", _as_it_is),
    "AWS::Lambda::Permission": ("lambda", "add_permission", _permission),
    "AWS::Lambda::Version": ("lambda", "publish_version", _as_it_is),
    "AWS::SNS::Subscription": ("sns", "subscribe", _as_it_is),
    "AWS::SNS::TopicPolicy": ("sns", "set_topic_attributes", _topic_policy),
    "AWS::SQS::QueuePolicy": ("sqs", "set_queue_attributes", _queue_policy),
    "AWS::Scheduler::Schedule": ("scheduler", "create_schedule", _as_it_is),
    # The functions behind these two run nowhere here. This is the call that each makes when a stack is made.
    SWITCH: ("ssm", "put_parameter", _parameter),
    _PROTECTION: ("dynamodb", "update_table", _protection),
}
