"""No record of the audit can be replaced, deleted or re-dated with the function's rights, whatever they become.

IAM's rule, played on the statements of the template: a request is granted by an Allow of the role, unless a Deny of the
bucket's policy is about it. moto refuses every put under a policy on ``s3:if-none-match``, so it cannot be tried there.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from architecture.test_template import Template, broken, listed, parsed, properties
from trader.model.checkpoints import Checkpoint
from trader.model.ids import Asset, CycleId, Scope
from trader.model.ledger import open_ledger
from trader.model.money import Notional
from trader.ports import name_audit_object

BUCKET = "arn:aws:s3:::audit"
RECORD = f"{BUCKET}/audit/scope=LIVE#main/dt=2026-11-29/20261129T101500Z-00000007-decision.jsonl"
NAMES = {"AuditBucket.Arn": BUCKET, "FunctionRole.Arn": "arn:aws:iam::123456789012:role/trader"}
CREATES = {"s3:if-none-match": "*"}

#: Every action of S3 by which an object, or what keeps it, becomes another one.
REWRITES = (
    ("s3:PutObject", RECORD),
    ("s3:DeleteObject", RECORD),
    ("s3:DeleteObjectVersion", RECORD),
    ("s3:PutObjectAcl", RECORD),
    ("s3:PutObjectTagging", RECORD),
    ("s3:PutObjectRetention", RECORD),
    ("s3:PutObjectLegalHold", RECORD),
    ("s3:BypassGovernanceRetention", RECORD),
    ("s3:ReplicateObject", RECORD),
    ("s3:ReplicateDelete", RECORD),
    ("s3:RestoreObject", RECORD),
    ("s3:PutBucketVersioning", BUCKET),
    ("s3:PutLifecycleConfiguration", BUCKET),
    ("s3:PutBucketPolicy", BUCKET),
    ("s3:DeleteBucketPolicy", BUCKET),
    ("s3:PutBucketObjectLockConfiguration", BUCKET),
    ("s3:PutReplicationConfiguration", BUCKET),
    ("s3:DeleteBucket", BUCKET),
)


def text_of(value: Any) -> str:
    """What a reference of the template stands for here."""
    if isinstance(value, str):
        return value
    ((function, given),) = value.items()
    if function == "Fn::GetAtt":
        return NAMES[".".join(given)]
    for name, text in NAMES.items():
        given = given.replace(f"${{{name}}}", text)
    return str(given)


def is_about(statement: Mapping[str, Any], action: str, target: str, context: Mapping[str, str]) -> bool:
    """Whether a statement is about a request. Knows the operators that the template uses, and fails on another."""
    if "NotAction" in statement:
        named = not any(fnmatch.fnmatchcase(action, each) for each in listed(statement["NotAction"]))
    else:
        named = any(fnmatch.fnmatchcase(action, each) for each in listed(statement["Action"]))
    there = any(fnmatch.fnmatchcase(target, text_of(each)) for each in listed(statement["Resource"]))
    return named and there and all(holds(*each, context) for each in statement.get("Condition", {}).items())


def holds(operator: str, wanted: Mapping[str, Any], context: Mapping[str, str]) -> bool:
    """Whether one operator of a condition holds for each of its keys."""
    for key, value in wanted.items():
        if operator == "Null":
            met = (key not in context) == (value == "true")
        elif operator == "Bool":
            met = context.get(key) == value
        else:
            assert operator == "ArnEquals", operator
            met = context.get(key) == text_of(value)
        if not met:
            return False
    return True


def is_allowed(
    template: Template, action: str, target: str, more: Iterable[dict[str, Any]] = (), **keys: Mapping[str, str]
) -> bool:
    """Whether the function's role may do it, with *more* grants than it has."""
    context = {"aws:SecureTransport": "true", "aws:PrincipalArn": NAMES["FunctionRole.Arn"], **keys.get("headers", {})}
    bucket = properties(template, "AuditBucketPolicy")["PolicyDocument"]["Statement"]
    grants = [
        each
        for policy in properties(template, "FunctionRole")["Policies"]
        for each in policy["PolicyDocument"]["Statement"]
        if any("s3:" in action for action in listed(each["Action"]))
    ]
    denied = any(each["Effect"] == "Deny" and is_about(each, action, target, context) for each in bucket)
    granted = any(is_about(each, action, target, context) for each in [*grants, *more])
    return granted and not denied


def find_ways_to_rewrite(template: Template) -> list[str]:
    """What of all that would change a record is left, were the role granted everything."""
    everything = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    return [action for action, target in REWRITES if is_allowed(template, action, target, [everything])]


def test_function_can_write_a_record_and_read_it() -> None:
    """Else the other tests would pass on a bucket that takes nothing."""
    template = parsed()

    assert is_allowed(template, "s3:PutObject", RECORD, headers=CREATES)
    assert is_allowed(template, "s3:GetObject", RECORD)
    assert not is_allowed(template, "s3:PutObject", RECORD.replace("/audit/", "/set-aside/"), headers=CREATES)


def test_no_record_can_be_replaced_with_the_functions_rights() -> None:
    """Neither as they are, nor if somebody grants it all that S3 has."""
    template = parsed()

    assert [] == [action for action, target in REWRITES if is_allowed(template, action, target)]
    assert [] == find_ways_to_rewrite(template)


@pytest.mark.parametrize(
    ("place", "value", "opened"),
    [
        ("1.Condition.Null", {"s3:if-none-match": "false"}, ["s3:PutObject"]),
        ("1.Effect", "Allow", ["s3:PutObject"]),
        ("1.Resource", {"Fn::Sub": "${AuditBucket.Arn}/other/*"}, ["s3:PutObject"]),
        (
            "2.NotAction",
            ["s3:GetObject", "s3:PutObject", "s3:DeleteObject*"],
            ["s3:DeleteObject", "s3:DeleteObjectVersion"],
        ),
        (
            "2.Resource",
            {"Fn::Sub": "${AuditBucket.Arn}/*"},
            [action for action, target in REWRITES if target == BUCKET],
        ),
        ("2.Condition.ArnEquals", {"aws:PrincipalArn": "arn:aws:iam::123456789012:role/other"}, None),
    ],
)
def test_way_that_is_opened_is_found(place: str, value: Any, opened: list[str] | None) -> None:
    """One change of the bucket's policy is enough."""
    template = broken(f"AuditBucketPolicy.Properties.PolicyDocument.Statement.{place}", value)

    found = find_ways_to_rewrite(template)

    assert found == (opened if opened is not None else [action for action, _ in REWRITES if action != "s3:PutObject"])


def test_old_versions_are_kept_as_long_as_records() -> None:
    """They are what a change is found by."""
    *_, ends, _ = properties(parsed(), "AuditBucket")["LifecycleConfiguration"]["Rules"]

    assert {"NoncurrentDays": ends["ExpirationInDays"]} == ends["NoncurrentVersionExpiration"]


def test_no_rule_ends_a_checkpoint() -> None:
    """What a rule ends lies below the prefix of the records; checkpoints lie beside it, within the same grant."""
    rules = properties(parsed(), "AuditBucket")["LifecycleConfiguration"]["Rules"]
    ending = [rule.get("Prefix", "") for rule in rules if "ExpirationInDays" in rule or "ExpirationDate" in rule]
    record = name_audit_object(Scope("LIVE#main"), CycleId("20261201T000000Z"), 1, "decision")
    checkpoint = Checkpoint("2026-12", open_ledger(Scope("LIVE#main"), Asset("USD"), Notional(1))).make_record()

    assert ending
    assert all(f"audit/{record}".startswith(prefix) for prefix in ending)
    assert not any(f"audit/{checkpoint.key}".startswith(prefix) for prefix in ending)
