"""What AWS charges: public list prices of us-east-1, without free tiers. Units: US dollars.

Written from memory of the public price list and not looked up again: check them before relying on a cent.
"""

from __future__ import annotations

from decimal import Decimal

PRICES_AS_OF = "2025-11"
REGION = "us-east-1"

_MILLION = Decimal(1_000_000)
_GIGABYTE = Decimal(1024**3)

LAMBDA_REQUEST = Decimal("0.20") / _MILLION
LAMBDA_ARM_GB_SECOND = Decimal("0.0000133334")
DYNAMODB_WRITE_UNIT = Decimal("0.625") / _MILLION
DYNAMODB_READ_UNIT = Decimal("0.125") / _MILLION
DYNAMODB_GB_MONTH = Decimal("0.25")
DYNAMODB_PITR_GB_MONTH = Decimal("0.20")
S3_PUT = Decimal("0.005") / 1000
S3_GET = Decimal("0.0004") / 1000
S3_BYTE_MONTH = Decimal("0.023") / _GIGABYTE
#: Standard parameters at standard throughput cost nothing.
SSM_STANDARD_READ = Decimal(0)
SECRET_MONTH = Decimal("0.40")
SECRET_READ = Decimal("0.05") / 10_000
SCHEDULER_INVOCATION = Decimal("1.00") / _MILLION
LOGS_BYTE = Decimal("0.50") / _GIGABYTE
METRIC_MONTH = Decimal("0.30")
ALARM_MONTH = Decimal("0.10")
DASHBOARD_MONTH = Decimal("3.00")
