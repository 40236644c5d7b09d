"""Whoever deploys may do what CloudFormation needs for each type of the template, to what is the stack's, and no more.

What it needs is what the types' own schemas say, which come with cfn-lint; less what they need for features that the
template does not use.
"""

import json
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any

import pytest

from architecture.test_template import Template, broken, listed, parsed
from architecture.tree import ROOT
from desk.sandbox.sam_tool import find_sam, translate_template

POLICY: dict[str, Any] = json.loads((ROOT / "docs/deployer-policy.json").read_text(encoding="utf-8"))
#: What SAM makes of its own types.
MADE_BY_SAM = {
    "AWS::Serverless::Function": (
        "AWS::Lambda::Function",
        "AWS::Lambda::Version",
        "AWS::Lambda::Alias",
        "AWS::Lambda::EventInvokeConfig",
        "AWS::Lambda::Permission",
        "AWS::Events::Rule",
        "AWS::Scheduler::Schedule",
    ),
    "AWS::Serverless::LayerVersion": ("AWS::Lambda::LayerVersion",),
}
_KEYS = ("kms:*",)
_CODE = ("s3:GetObject*", "s3:GetObjectVersion")
#: What a type needs for what the template does not use: keys of our own, a VPC, replicas, streams, imports, websites.
UNUSED: dict[str, tuple[str, ...]] = {
    "AWS::DynamoDB::Table": (
        *("dynamodb:ImportTable", "dynamodb:UpdateContributorInsights", "dynamodb:*KinesisStreamingDestination"),
        *("dynamodb:PutResourcePolicy", "dynamodb:DeleteResourcePolicy", "dynamodb:*TableReplica"),
        *("dynamodb:Scan", "dynamodb:Query", "dynamodb:*Item", "kinesis:*", "logs:*", "s3:*", "iam:*", *_KEYS),
    ),
    "AWS::Events::EventBus": ("events:PutPermission", "events:RemovePermission", *_KEYS),
    "AWS::Events::Rule": ("iam:PassRole",),
    "AWS::IAM::ManagedPolicy": ("iam:Attach*", "iam:Detach*"),
    "AWS::IAM::Policy": ("iam:*UserPolicy", "iam:*GroupPolicy"),
    "AWS::IAM::Role": ("iam:AttachRolePolicy", "iam:DetachRolePolicy", "iam:*RolePermissionsBoundary"),
    "AWS::Lambda::Alias": ("lambda:*ProvisionedConcurrencyConfig", "codedeploy:*"),
    "AWS::Lambda::Function": (
        *("ec2:*", "elasticfilesystem:*", "s3files:*", "lambda:*FunctionCodeSigningConfig"),
        *("lambda:Put*Management*", "lambda:PutFunctionRecursionConfig", "lambda:PutFunctionScalingConfig"),
        *("lambda:PassCapacityProvider", "lambda:AssociateRuntimeAlias", *_KEYS),
    ),
    "AWS::Lambda::Version": (
        *("lambda:*ProvisionedConcurrencyConfig", "lambda:PutRuntimeManagementConfig"),
        "lambda:PutFunctionScalingConfig",
    ),
    "AWS::Logs::LogGroup": (
        *("logs:PutDataProtectionPolicy", "logs:DeleteDataProtectionPolicy", "logs:CreateLogDelivery", "s3:*"),
        *("firehose:*", "logs:PutResourcePolicy", "logs:DeleteResourcePolicy", "logs:PutIndexPolicy"),
        *("logs:DeleteIndexPolicy", "logs:PutBearerTokenAuthentication", "logs:*KmsKey", "logs:PutLogGroup*"),
    ),
    "AWS::S3::Bucket": (
        *("s3:PutBucketAbac", "s3:Put*AnalyticsConfiguration", "s3:*BucketCORS", "s3:PutInventoryConfiguration"),
        *("s3:PutMetricsConfiguration", "s3:PutBucketNotification", "s3:Put*Replication*", "s3:PutBucketWebsite"),
        *("s3:PutAccelerateConfiguration", "s3:Put*Acl", "s3:DeleteObject", "s3:PutBucketLogging", "s3tables:*"),
        *("s3:PutObjectLockConfiguration", "s3:PutIntelligentTieringConfiguration", "s3:*Metadata*TableConfiguration"),
        *("s3:DeleteBucketWebsite", "s3:DeleteBucketAnalytics*", "s3:DeleteBucketCors", "s3:DeleteBucketMetrics*"),
        *("s3:DeleteBucketLifecycle", "s3:DeleteBucketReplication", "iam:PassRole"),
    ),
    "AWS::SNS::Subscription": ("iam:*",),
    "AWS::SNS::Topic": ("sns:PutDataProtectionPolicy", "iam:*"),
    # The key is put there by a person, and whoever deploys need not read it.
    "AWS::SecretsManager::Secret": (
        *("secretsmanager:GetSecretValue", "secretsmanager:GetRandomPassword"),
        *("secretsmanager:ReplicateSecretToRegions", "secretsmanager:RemoveRegionsFromReplication"),
    ),
}
#: What no schema says: a resource of our own is made by a function that CloudFormation invokes in the deployer's name.
OF_OUR_OWN = ("lambda:InvokeFunction",)
#: What `sam deploy` and `sam delete` ask for themselves.
OF_SAM = {"Stack", "Transform", "TemplateSummary", "Uploads"}
#: What IAM can limit to no resource, or only to one that has no name of ours.
OF_NO_RESOURCE = {"TemplateSummary", "Subscriptions", "LogGroups"}
CHARACTERS_MAX = 6144


@cache
def schemas() -> dict[str, dict[str, list[str]]]:
    """What each type's operations need, by type and operation."""
    found = {}
    for file in files("cfnlint.data.schemas.resources").iterdir():
        if file.name.endswith(".json"):
            schema = json.loads(file.read_text(encoding="utf-8"))
            handlers = schema.get("handlers", {})
            found[schema.get("typeName", file.name)] = {
                name: handlers[name].get("permissions", [])
                for name in ("create", "read", "update", "delete")
                if name in handlers
            }
    return found


def types_of(template: Template) -> set[str]:
    """What CloudFormation makes of the template; a resource of our own by its own name."""
    stated = {resource["Type"] for resource in template["Resources"].values()}
    return set().union(*(MADE_BY_SAM.get(each, (each,)) for each in stated))


def matches(action: str, patterns: Iterator[str] | tuple[str, ...] | list[str]) -> bool:
    """As IAM does, which knows no upper case."""
    return any(fnmatchcase(action.lower(), pattern.lower()) for pattern in patterns)


def needed_by(kind: str) -> set[str]:
    """The actions for one type."""
    if kind.startswith("Custom::"):
        return set(OF_OUR_OWN)
    if not schemas().get(kind):
        raise LookupError(f"{kind}: no schema says what it needs")
    stated = {action for actions in schemas()[kind].values() for action in actions}
    skipped = (*UNUSED.get(kind, ()), *(_CODE if kind.startswith("AWS::Lambda::") else ()))
    return {action for action in stated if not matches(action, skipped)}


def granted() -> list[str]:
    return [action for each in POLICY["Statement"] for action in listed(each["Action"])]


def list_missing(template: Template) -> list[str]:
    """What a type of the template needs and the policy does not have."""
    return sorted(
        f"{kind}: {action}"
        for kind in types_of(template)
        for action in needed_by(kind)
        if not matches(action, granted())
    )


def test_deployer_may_make_change_and_delete_every_type() -> None:
    """Each action that a type's schema names."""
    assert [] == list_missing(parsed())


@pytest.mark.parametrize("kind", ["AWS::KMS::Key", "AWS::StepFunctions::StateMachine", "AWS::SSM::Parameter"])
def test_type_that_is_new_is_found(kind: str) -> None:
    """One resource is enough; nobody may deploy it yet."""
    assert list_missing(broken("Another", {"Type": kind, "Properties": {}}))


def test_type_that_nobody_knows_is_found() -> None:
    """Rather than taken for one that needs nothing."""
    with pytest.raises(LookupError, match="no schema"):
        list_missing(broken("Another", {"Type": "AWS::Luck::Coin", "Properties": {}}))


def test_nothing_is_granted_that_no_type_needs() -> None:
    """Action by action, but for those that SAM itself asks for."""
    needs = [action for kind in types_of(parsed()) for action in needed_by(kind)]
    granted_for_types = [
        (each["Sid"], action)
        for each in POLICY["Statement"]
        if each["Sid"] not in OF_SAM
        for action in listed(each["Action"])
    ]

    assert [] == [
        f"{sid}: {pattern}" for sid, pattern in granted_for_types if not any(matches(one, [pattern]) for one in needs)
    ]


@pytest.mark.parametrize("action", ["dynamodb:CreateTable", "scheduler:*Schedule", "iam:PassRole", *OF_OUR_OWN])
def test_action_that_is_taken_away_is_missed(action: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison with the schemas sees it."""
    kept = [
        {**each, "Action": [one for one in listed(each["Action"]) if one != action]} for each in POLICY["Statement"]
    ]
    monkeypatch.setitem(POLICY, "Statement", kept)

    assert list_missing(parsed())


def test_deployer_may_do_so_to_what_bears_the_stacks_name_only() -> None:
    """Or to what SAM keeps for itself; roles are handed to the two services that take one."""
    names = ("trader-", "aws-sam-cli-managed-default", "DependenciesLayer", "ConfigLayer", "ApiSecret-", "Serverless-")
    everywhere = {each["Sid"] for each in POLICY["Statement"] if each["Resource"] == "*"}
    resources = [one for each in POLICY["Statement"] for one in listed(each["Resource"]) if one != "*"]
    (passing,) = [each for each in POLICY["Statement"] if "iam:PassRole" in listed(each["Action"])]

    assert OF_NO_RESOURCE == everywhere
    assert [] == [one for one in resources if not any(name in one for name in names)]
    assert {"iam:PassedToService": ["lambda.amazonaws.com", "scheduler.amazonaws.com"]} == passing["Condition"][
        "StringEquals"
    ]


def test_policy_fits_into_a_managed_one() -> None:
    """IAM counts characters without blanks."""
    assert len(json.dumps(POLICY, separators=(",", ":"))) <= CHARACTERS_MAX


def test_what_sam_makes_is_known() -> None:
    """The translator makes these types of the template, and no other."""
    if find_sam() is None:
        pytest.skip("no SAM anywhere, whose translator would be asked")
    plain = translate_template(ROOT / "template.yaml", "s3://bucket/key", "us-east-1")

    assert types_of(parsed()) == {resource["Type"] for resource in plain["Resources"].values()}
