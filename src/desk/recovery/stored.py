"""The ledger items and the records of a system and nothing else of it: no venue, no key. So it is quickly loaded."""

from __future__ import annotations

from pathlib import Path

from desk.journal.runs import DayReader
from desk.location import StoreLocation
from desk.recovery.chain import FolderAuditReader
from desk.recovery.ledger_item import FileLedgerItems, LedgerItems
from trader.errors import ConfigError


def locate_items(location: StoreLocation) -> LedgerItems:
    """Open the ledger items that the options name and nothing else: no venue, no key. Raises: ConfigError."""
    check_location(location)
    if location.table is not None and location.bucket is not None:
        from desk.recovery.aws import DynamoLedgerItems  # noqa: PLC0415 - a laptop needs no boto3
        from trader.adapters.aws.clients import open_client  # noqa: PLC0415

        return DynamoLedgerItems(open_client("dynamodb"), location.table, open_client("s3"), location.bucket)
    return FileLedgerItems(location.home or Path())


def locate_records(location: StoreLocation) -> DayReader:
    """Open the audit that the options name. Raises: ConfigError."""
    check_location(location)
    if location.table is not None and location.bucket is not None:
        from desk.recovery.aws import S3AuditReader  # noqa: PLC0415 - a laptop needs no boto3
        from trader.adapters.aws.clients import open_client  # noqa: PLC0415

        return S3AuditReader(open_client("s3"), location.bucket)
    return FolderAuditReader((location.home or Path()) / "audit")


def check_location(location: StoreLocation) -> None:
    """Refuse a place that is none, or half of one. Raises: ConfigError."""
    if (location.table is None) != (location.bucket is None):
        raise ConfigError("--table and --bucket go together: the ledger lies in the one, the audit in the other")
    if location.home is None and location.table is None:
        raise ConfigError(
            "neither a folder nor a table with its bucket is named; allowed is --home, --stack or --sandbox"
        )
