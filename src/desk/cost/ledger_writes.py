"""What a quiet cycle writes of a ledger: packed, as the store does it, and as plain text, as it did before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import boto3

from desk.cost.aws_calls import record_calls
from desk.cost.cycles import TABLE, count_units, count_write_units, create_table
from desk.cost.realistic_ledger import NOW, make_ledger
from desk.mocked_aws import open_mocked_aws
from trader.adapters.aws.state_store import DynamoStateStore
from trader.adapters.aws.table import ITEM_BYTES_MAX, measure_item
from trader.model.codec import canonical_json
from trader.model.ids import Scope

_SCOPE = Scope("LIVE#main")
_REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class Business:
    """How much a ledger holds."""

    products: int
    lots: int
    orders: int
    dust: int = 0

    def __str__(self) -> str:
        """Name it as the page does."""
        dust = f", {self.dust:,} assets of dust" if self.dust else ""
        return f"{self.products} products, {self.lots} lots, {self.orders} orders{dust}"


@dataclass(frozen=True, slots=True)
class LedgerWrites:
    """Bytes of all its items, and write units of a quiet cycle: one update takes the lease, one commits.

    A plain text of more than an item takes has no units: it could not be written.
    """

    business: Business
    plain_bytes: int
    packed_bytes: int
    plain_units: int | None
    packed_units: int


#: An account as it is after some weeks, and one that is large for this system.
REALISTIC = Business(products=30, lots=5, orders=20)
LARGE = Business(products=200, lots=50, orders=500, dust=2_000)


def measure_writes(business: Business) -> LedgerWrites:
    """Let the store take the lease of a ledger and commit it, and count what that writes."""
    ledger = make_ledger(business.products, business.lots, business.orders, business.dust, scope=_SCOPE)
    with record_calls() as recording, open_mocked_aws():
        dynamodb = boto3.client("dynamodb", _REGION, aws_access_key_id="cost", aws_secret_access_key="cost")  # noqa: S106
        create_table(dynamodb)
        store = DynamoStateStore(dynamodb, TABLE)
        store.commit(store.acquire(_SCOPE, "pid-4711-0a1b2c3d", NOW, 215), ledger, release=True)
        with recording.listening() as calls:
            store.commit(store.acquire(_SCOPE, "pid-4711-0a1b2c3d", NOW, 215), ledger, release=True)
        items = {item["sk"]["S"]: item for item in dynamodb.scan(TableName=TABLE)["Items"]}
    item = items["LEDGER"]
    plain = measure_item({**item, "ledger": {"S": canonical_json(ledger)}})
    return LedgerWrites(
        business=business,
        plain_bytes=plain,
        packed_bytes=sum(map(measure_item, items.values())),
        plain_units=2 * count_units(plain) if plain <= ITEM_BYTES_MAX else None,
        packed_units=sum(count_write_units(call, measure_item(item)) for call in calls),
    )


def write_rows(measured: Sequence[LedgerWrites]) -> list[str]:
    """Write them as the rows of a table."""
    return [
        "| a ledger of | bytes before | bytes now | write units before | write units now |",
        "|---|--:|--:|--:|--:|",
        *(
            f"| {each.business} | {each.plain_bytes:,} | {each.packed_bytes:,} | "
            f"{each.plain_units or 'does not fit an item'} | {each.packed_units} |"
            for each in measured
        ),
    ]
