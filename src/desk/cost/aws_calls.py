"""What is asked of AWS, call by call, as botocore itself announces it; and what IAM calls the same thing.

Only clients made while the recording stands are heard, and only while it listens: a test's own calls are not the
function's. Whoever listens to everything can tell them apart by the caller.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from botocore import handlers

#: What botocore announces before each call, for every service and operation.
EVENT = "provide-client-params.*.*"


@dataclass(frozen=True, slots=True)
class AwsCall:
    """One call: service and operation as botocore names them, what was sent, and the module that asked."""

    service: str
    operation: str
    params: Mapping[str, Any]
    caller: str = ""

    @classmethod
    def of_event(cls, params: Mapping[str, Any], model: Any) -> AwsCall:
        """Read botocore's event while it is being told: the caller is still on the stack then."""
        return cls(model.service_model.service_name, model.name, dict(params), _caller())

    @property
    def name(self) -> str:
        """The call as people write it: ``s3:PutObject``."""
        return f"{self.service}:{self.operation}"


@dataclass
class Recording:
    """The calls so far. Nothing is recorded unless it listens."""

    calls: list[AwsCall] = field(default_factory=list)
    _listens: bool = False

    @contextmanager
    def listening(self) -> Iterator[list[AwsCall]]:
        """Listen while the context is open; gives the calls made in it."""
        first, self._listens = len(self.calls), True
        made: list[AwsCall] = []
        try:
            yield made
        finally:
            self._listens = False
            made += self.calls[first:]

    def hear(self, params: Mapping[str, Any], model: Any, **_: Any) -> None:
        """Take one of botocore's events."""
        if self._listens:
            self.calls.append(AwsCall.of_event(params, model))


@contextmanager
def record_calls() -> Iterator[Recording]:
    """Hear every client of every session that is made from now on."""
    recording = Recording()
    hook = (EVENT, recording.hear)
    handlers.BUILTIN_HANDLERS.append(hook)
    try:
        yield recording
    finally:
        handlers.BUILTIN_HANDLERS.remove(hook)


def _caller() -> str:
    """Name the module whose code called the client: on the stack, the one that is behind boto's own."""
    frame, inside = inspect.currentframe(), False
    while frame is not None:
        name = str(frame.f_globals.get("__name__", ""))
        is_boto = name.partition(".")[0] in {"boto3", "botocore"}
        if inside and not is_boto:
            return name
        inside, frame = inside or is_boto, frame.f_back
    return ""


def list_permissions(call: AwsCall) -> set[tuple[str, str]]:
    """Return what the caller must be allowed: actions, each with the ARN it is asked for.

    A transaction has no action of its own: each of its parts needs what it would need alone. The account and the
    region are those of moto. Raises: LookupError for a call nobody has thought about yet.
    """
    params = call.params
    if call.name == "dynamodb:TransactWriteItems":
        parts = [(kind, each[kind]) for each in params["TransactItems"] for kind in each]
        return {(_PARTS[kind], _table(part)) for kind, part in parts}
    action = "s3:GetObjectVersion" if "VersionId" in params else _ACTIONS.get(call.name, call.name)
    return {(action, _RESOURCES[call.name](params))}


def _table(params: Mapping[str, Any]) -> str:
    return f"arn:aws:dynamodb:{_PLACE}:table/{params['TableName']}"


def _object(params: Mapping[str, Any]) -> str:
    return f"arn:aws:s3:::{params['Bucket']}/{params['Key']}"


def _bucket(params: Mapping[str, Any]) -> str:
    return f"arn:aws:s3:::{params['Bucket']}"


def _log_group(params: Mapping[str, Any]) -> str:
    return f"arn:aws:logs:{_PLACE}:log-group:{params['logGroupName']}:*"


def _parameter(params: Mapping[str, Any]) -> str:
    return f"arn:aws:ssm:{_PLACE}:parameter{params['Name']}"


def _bus(params: Mapping[str, Any]) -> str:
    # The bus of the first entry is that of all: a request of ours has one.
    return f"arn:aws:events:{_PLACE}:event-bus/{params['Entries'][0]['EventBusName']}"


def _secret(params: Mapping[str, Any]) -> str:
    return f"arn:aws:secretsmanager:{_PLACE}:secret:{params['SecretId']}"


_PARTS = {
    "Put": "dynamodb:PutItem",
    "Update": "dynamodb:UpdateItem",
    "Delete": "dynamodb:DeleteItem",
    "ConditionCheck": "dynamodb:ConditionCheckItem",
}
#: Where IAM has another word than the service.
_ACTIONS = {"s3:ListObjectsV2": "s3:ListBucket", "s3:ListObjectVersions": "s3:ListBucketVersions"}
_PLACE = "us-east-1:123456789012"
_RESOURCES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "dynamodb:GetItem": _table,
    "dynamodb:PutItem": _table,
    "dynamodb:Query": _table,
    "dynamodb:UpdateItem": _table,
    "events:PutEvents": _bus,
    "logs:FilterLogEvents": _log_group,
    "s3:GetObject": _object,
    "s3:ListObjectVersions": _bucket,
    "s3:ListObjectsV2": _bucket,
    "s3:PutObject": _object,
    "ssm:GetParameter": _parameter,
    "secretsmanager:GetSecretValue": _secret,
}
