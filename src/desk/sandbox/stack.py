"""The stack of template.yaml, made in moto from the template itself.

SAM's translator makes CloudFormation of it and moto creates what it knows. The types it lacks are made by calls of
their own (`stack_rest`); the secret comes first, with the names of alarms and alias, since others refer to them.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from desk.sandbox import stack_rest
from desk.sandbox.sam_tool import translate_template

REGION = "us-east-1"
ACCOUNT = "123456789012"
_BUCKET, _KEY = "sandbox-artefacts", "artefact.zip"
_KEY_STORE = "AWS::SecretsManager::Secret"
_ALARM = "AWS::CloudWatch::Alarm"
_ALIAS = "AWS::Lambda::Alias"
_VERSION = "AWS::Lambda::Version"
_KEPT = "RetainExceptOnCreate"


@dataclass(frozen=True, slots=True)
class Stack:
    """What was made: each function's variables as the stack gave them, the outputs, and how each type came to be.

    ``publisher`` is empty unless the stack has DomainEvents.
    """

    name: str
    variables: dict[str, str]
    publisher: dict[str, str]
    outputs: dict[str, str]
    secret: str
    by_cloudformation: tuple[str, ...]
    by_calls: tuple[str, ...]
    left_out: tuple[str, ...] = stack_rest.LEFT_OUT


def create_stack(
    template: Path, name: str, endpoint: str, parameters: Mapping[str, str], key_file: Mapping[str, str]
) -> Stack:
    """Create the stack at an endpoint, and put the venue's key where its function reads it.

    Raises: ConfigError if the template cannot be translated; ClientError if AWS's stand-in refuses something.
    """
    import boto3  # noqa: PLC0415 - development only

    session = boto3.session.Session("testing", "testing", region_name=REGION)

    def client(service: str) -> Any:
        return session.client(service, endpoint_url=endpoint)

    _upload_artefact(client("s3"))
    plain = translate_template(template, f"s3://{_BUCKET}/{_KEY}", REGION)
    secrets = {key: each for key, each in plain["Resources"].items() if each["Type"] == _KEY_STORE}
    arns = {key: _create_secret(client, name, key, each, key_file) for key, each in secrets.items()}
    rest = stack_rest.find_missing_resources(plain)
    known = arns | _known_names(name, rest)
    plain["Resources"] = {
        key: _kept(each)
        for key, each in plain["Resources"].items()
        if key not in {*rest, *secrets} and each["Type"] not in stack_rest.LEFT_OUT
    }
    plain = _with_known(plain, known)
    rest = _with_known(rest, known)
    asked = stack_rest.list_references(rest)
    outputs = _deploy(client("cloudformation"), name, plain, asked, parameters)
    by_calls = stack_rest.create(name, rest, outputs.asked, client)
    variables = _variables(client, outputs.own["FunctionName"])
    if parameter := variables.get("TRADER_KEY_PARAMETER"):
        # CloudFormation makes no SecureString: a person does.
        client("ssm").put_parameter(Name=parameter, Value=json.dumps(key_file), Type="SecureString")
    return Stack(
        name=name,
        variables=variables,
        publisher=_variables(client, outputs.own["EventPublisherName"]) if "EventPublisherName" in outputs.own else {},
        outputs=outputs.own,
        secret=next(iter(arns.values()), ""),
        by_cloudformation=tuple(sorted({each["Type"] for each in plain["Resources"].values()})),
        by_calls=tuple(sorted({*by_calls, *({_KEY_STORE} if secrets else ())})),
    )


@dataclass(frozen=True, slots=True)
class _Outputs:
    own: dict[str, str]
    asked: dict[str, str]


def _deploy(
    cloudformation: Any, name: str, plain: dict[str, Any], asked: Mapping[str, Any], parameters: Mapping[str, str]
) -> _Outputs:
    numbered = {f"Sandbox{number}": key for number, key in enumerate(asked)}
    outputs = plain.get("Outputs", {}) | {number: {"Value": asked[key]} for number, key in numbered.items()}
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=json.dumps(plain | {"Outputs": outputs}),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    values = {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}
    return _Outputs(
        own={key: value for key, value in values.items() if key not in numbered},
        asked={key: values[number] for number, key in numbered.items()},
    )


def _kept(resource: dict[str, Any]) -> dict[str, Any]:
    # moto knows one word for what outlives its stack, and takes back nothing when it could not make all.
    return resource | {"DeletionPolicy": "Retain"} if resource.get("DeletionPolicy") == _KEPT else resource


def _known_names(stack: str, rest: Mapping[str, Any]) -> dict[str, str]:
    # What the resources made by calls are called; ${...} in a name is for moto to resolve.
    known = {}
    for key, each in rest.items():
        if each["Type"] == _ALARM:
            known[key] = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{stack}-{key}"
        elif each["Type"] == _VERSION:
            known[key] = "1"  # of a stack that was just made
        elif each["Type"] == _ALIAS:
            function = each["Properties"]["FunctionName"]["Ref"]
            known[key] = f"${{{function}.Arn}}:{each['Properties']['Name']}"
        elif each["Type"] == stack_rest.SWITCH:
            known[key] = each["Properties"]["Parameter"]["Name"]["Fn::Sub"]
    return known


def _with_known(value: Any, known: Mapping[str, str]) -> Any:
    """Put the names of what is made beforehand, or not by CloudFormation, in place of references to it."""
    if isinstance(value, str):
        for name, text in known.items():
            value = value.replace(f"${{{name}.Arn}}", text).replace(f"${{{name}}}", text)
        return value
    if isinstance(value, list):
        return [_with_known(each, known) for each in value]
    if isinstance(value, dict):
        named = value.get("Ref") or next(iter(value.get("Fn::GetAtt", [])), None)
        if isinstance(named, str) and named in known:
            return {"Fn::Sub": known[named]} if "${" in known[named] else known[named]
        return {key: _with_known(each, known) for key, each in value.items()}
    return value


def _create_secret(client: Any, stack: str, key: str, resource: Mapping[str, Any], value: Mapping[str, str]) -> str:
    # Whatever its condition says: a secret that nobody may read does no harm, and LIVE can be tried against the venue.
    properties = resource.get("Properties", {})
    made = client("secretsmanager").create_secret(Name=f"{stack}-{key}", SecretString=json.dumps(value), **properties)
    return str(made["ARN"])


def _upload_artefact(s3: Any) -> None:
    empty = io.BytesIO()
    with zipfile.ZipFile(empty, "w") as archive:
        archive.writestr("empty", "")
    s3.create_bucket(Bucket=_BUCKET)
    s3.put_object(Bucket=_BUCKET, Key=_KEY, Body=empty.getvalue())


def _variables(client: Any, function: str) -> dict[str, str]:
    answer = client("lambda").get_function_configuration(FunctionName=function)
    return {key: str(value) for key, value in answer["Environment"]["Variables"].items()}
