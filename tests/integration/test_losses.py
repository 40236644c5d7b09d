"""What is lost, one part of the stack after the other, and what brings it back: docs/losses.md, as far as moto goes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import boto3
import pytest

from desk.cli.app import build
from desk.cli.app import run as run_command
from integration.aws_call_recorder import EAR
from integration.conftest import World, a_tick
from integration.test_lambda_handler import an_event
from trader.adapters.aws import clients
from trader.entry.lambda_handler import CycleAborted
from trader.errors import StoreUnavailable
from trader.model.orders import OrderPurpose, Side

LIVE = "LIVE#main"
ITEM = {"pk": {"S": LIVE}, "sk": {"S": "LEDGER"}}
KEYS: dict[str, Any] = {
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
    "BillingMode": "PAY_PER_REQUEST",
}
ELSEWHERE = "eu-central-1"


@pytest.fixture
def live(world: World) -> World:
    """LIVE with one lot, bought and protected in the last minute."""
    world.mode("LIVE", confirmed="yes")
    world.invoke(a_tick(seconds_ago=40))
    fill_entries(world)
    world.invoke(a_tick(seconds_ago=35))
    assert 1 == len(lots(world))
    assert ["OPEN"] == [order["status"] for order in protection(world)]
    return world


def fill_entries(world: World) -> None:
    """Let somebody trade through every purchase that works."""
    venue = world.venue.venue
    for order in venue.orders():
        if order.core.side is Side.BUY and order.is_active:
            venue.set_price(order.core.product_id, str(order.core.limit_price * Decimal("0.995")), "1000000")


def lots(world: World) -> dict[str, Any]:
    return dict(world.ledger(LIVE)["lots"])


def protection(world: World) -> list[dict[str, Any]]:
    orders = world.ledger(LIVE)["orders"].values()
    return [each for each in orders if each["intent"]["purpose"] == OrderPurpose.PROTECTION]


def purchases(world: World) -> list[str]:
    """Our purchases that the venue ever saw."""
    ours = [order.core for order in world.venue.venue.orders() if order.core.side is Side.BUY]
    return sorted(each.client_order_id for each in ours)


def type_word(world: World, *words: str, table: str = "trader", bucket: str = "audit") -> int:
    """Type `trader …` about the stack; that is no call of the function's."""
    where = ["--config", str(world.config), "--mode", "LIVE", "--table", table, "--bucket", bucket]
    with EAR.unheard(), pytest.raises(SystemExit) as left:
        run_command(build(), [*words, *where])
    return int(left.value.code or 0)


def rebuild(world: World, *more: str, **where: str) -> int:
    return type_word(world, "ledger", "rebuild", "--venue", world.venue.url, *more, **where)


def empty(world: World, bucket: str = "audit") -> dict[str, bytes]:
    """Take every object out of a bucket; return what they were."""
    held = {}
    for row in world.s3.list_objects_v2(Bucket=bucket).get("Contents", []):
        held[row["Key"]] = world.s3.get_object(Bucket=bucket, Key=row["Key"])["Body"].read()
        world.s3.delete_object(Bucket=bucket, Key=row["Key"])
    return held


# --- the table


def test_lost_table_stops_everything_and_is_made_anew_from_the_records(live: World) -> None:
    """Without it no run begins; with an empty one none enters; rebuilt, the next one goes on where the last ended."""
    before, bought = lots(live), purchases(live)
    live.dynamodb.delete_table(TableName="trader")
    with pytest.raises(StoreUnavailable, match="ResourceNotFoundException"):
        live.invoke(a_tick(seconds_ago=30))
    live.dynamodb.create_table(TableName="trader", **KEYS)
    with pytest.raises(CycleAborted, match="trader ledger rebuild"):
        live.invoke(a_tick(seconds_ago=25))

    written = rebuild(live, "--write")
    next_one = live.invoke(a_tick(seconds_ago=20))

    assert (0, "COMPLETED") == (written, next_one["outcome"])
    assert (before, bought) == (lots(live), purchases(live))
    assert 0 == type_word(live, "audit", "verify")


def test_nothing_trades_on_a_table_beside_the_stacks(live: World) -> None:
    """Restored from a point in time it lies under another name, to which nothing refers; it can be looked at."""
    live.dynamodb.update_continuous_backups(
        TableName="trader", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    live.dynamodb.restore_table_to_point_in_time(
        SourceTableName="trader", TargetTableName="trader-restored", UseLatestRestorableTime=True
    )
    for item in live.dynamodb.scan(TableName="trader")["Items"]:
        live.dynamodb.put_item(TableName="trader-restored", Item=item)
    then = live.dynamodb.scan(TableName="trader-restored")["Items"]

    live.invoke(a_tick(seconds_ago=20))

    assert then == live.dynamodb.scan(TableName="trader-restored")["Items"]
    assert 0 == type_word(live, "ledger", "show", table="trader-restored")


# --- a ledger of before


def test_ledger_of_before_is_brought_up_to_date_by_a_rebuild(live: World, capsys: pytest.CaptureFixture[str]) -> None:
    """What was bought and sold since then is in the records; the rebuild names it, and no purchase is repeated."""
    old, old_lots = live.dynamodb.get_item(TableName="trader", Key=ITEM)["Item"], lots(live)
    live.invoke({**an_event("flatten"), "id": "c-1"})
    sold, bought, lot_id = lots(live), purchases(live), next(iter(old_lots))
    live.dynamodb.put_item(TableName="trader", Item=old)

    shown = rebuild(live)
    told = capsys.readouterr().out
    written = rebuild(live, "--write")
    next_one = live.invoke(a_tick(seconds_ago=2))

    assert (0, 0, {}) == (shown, written, sold)
    assert f"lots {lot_id}" in told
    assert ({}, bought) == (lots(live), purchases(live)[: len(bought)])
    assert "COMPLETED" == next_one["outcome"]
    assert 0 == type_word(live, "audit", "verify")


def test_ledger_of_before_is_not_traded_on_unnoticed(live: World) -> None:
    """Given to the function all the same, it rings, and enters nothing in what it sees orders of its own of."""
    old = live.dynamodb.get_item(TableName="trader", Key=ITEM)["Item"]
    live.invoke({**an_event("flatten"), "id": "c-1"})
    sales = filled_sales(live)
    live.dynamodb.put_item(TableName="trader", Item=old)

    with pytest.raises(CycleAborted, match="neither covered nor being sold"):
        live.invoke({**an_event("reconcile"), "id": "c-2"})

    assert sales == filled_sales(live) != []
    assert set(live.ledger(LIVE)["reduce_only"]) == {lot["product_id"].split("-")[0] for lot in lots(live).values()}
    assert 1 == type_word(live, "audit", "verify")


def filled_sales(world: World) -> list[str]:
    """The sales that the venue filled."""
    return sorted(
        order.order_id for order in world.venue.venue.orders() if order.core.side is Side.SELL and order.core.filled
    )


# --- the bucket


def test_lost_bucket_stops_entries_and_no_sale(live: World) -> None:
    """It ends in error, which rings; what is sold is recorded beside the ledger, and stored once there is a bucket."""
    empty(live)
    live.s3.delete_bucket(Bucket="audit")
    with pytest.raises(CycleAborted, match="is owed, nothing was entered"):
        live.invoke({**an_event("flatten"), "id": "c-1"})
    owed = list(live.ledger(LIVE)["owed"])
    live.s3.create_bucket(Bucket="audit")
    live.invoke({**an_event("reconcile"), "id": "c-2"})

    assert {} == lots(live)
    assert owed != [] == live.ledger(LIVE)["owed"]
    assert {f"audit/{key}" for key in owed} <= {
        row["Key"] for row in live.s3.list_objects_v2(Bucket="audit")["Contents"]
    }


def test_history_of_a_new_bucket_begins_in_the_middle(live: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Cycles go on; verify and rebuild say that the beginning is missing, and only the ledger has it."""
    empty(live)
    next_one = live.invoke(a_tick(seconds_ago=20))

    codes = [type_word(live, "audit", "verify"), rebuild(live)]

    told = "".join(capsys.readouterr())
    assert ("COMPLETED", [1, 1]) == (next_one["outcome"], codes)
    assert "no object begins the chain" in told


def test_bucket_filled_from_a_copy_is_as_before(live: World) -> None:
    """As `aws s3 sync` brings it back; the chain does not know the difference."""
    copy = empty(live)
    for key, body in copy.items():
        live.s3.put_object(Bucket="audit", Key=key, Body=body)
    live.invoke(a_tick(seconds_ago=20))

    assert [0, 0] == [type_word(live, "audit", "verify"), rebuild(live)]


# --- the secret


def test_lost_secret_stops_new_processes_and_leaves_the_protection(live: World) -> None:
    """One that has read it goes on; a new one says which secret it lacks, and goes on when there is a key again."""
    text = live.secrets.get_secret_value(SecretId="api-key")["SecretString"]
    live.secrets.delete_secret(SecretId="api-key", RecoveryWindowInDays=7)
    warm = live.invoke(a_tick(seconds_ago=30))
    live.mode("LIVE", confirmed="yes")
    with pytest.raises(StoreUnavailable, match="secret api-key"):
        live.invoke(a_tick(seconds_ago=25))
    resting = [order for order in live.venue.venue.orders() if order.is_active and order.core.side is Side.SELL]
    live.secrets.restore_secret(SecretId="api-key")
    assert text == live.secrets.get_secret_value(SecretId="api-key")["SecretString"]

    back = live.invoke(a_tick(seconds_ago=20))

    assert ("COMPLETED", "COMPLETED", 1) == (warm["outcome"], back["outcome"], len(resting))


# --- the region


Copy = dict[str, bytes]


@pytest.fixture
def elsewhere(live: World, monkeypatch: pytest.MonkeyPatch) -> tuple[World, Copy]:
    """A stack in another region, with nothing in it but the key; and what a copy of the records has."""
    names = ("dynamodb", "s3", "ssm", "secretsmanager")
    new = {name: boto3.client(name, region_name=ELSEWHERE) for name in names}
    new["dynamodb"].create_table(TableName="trader", **KEYS)
    new["s3"].create_bucket(Bucket="elsewhere", CreateBucketConfiguration={"LocationConstraint": ELSEWHERE})
    switch = live.ssm.describe_parameters()["Parameters"][0]["Name"]
    new["ssm"].put_parameter(Name=switch, Value="RUN", Type="String")
    key = live.secrets.get_secret_value(SecretId="api-key")["SecretString"]
    new["secretsmanager"].create_secret(Name="api-key", SecretString=key)
    copy = empty(live)
    live.dynamodb.delete_table(TableName="trader")
    monkeypatch.setenv("AWS_DEFAULT_REGION", ELSEWHERE)
    monkeypatch.setenv("TRADER_AUDIT_BUCKET", "elsewhere")
    monkeypatch.setattr(clients, "_SESSION", None)
    live.dynamodb, live.s3 = new["dynamodb"], new["s3"]
    live.mode("LIVE", confirmed="yes")
    return live, copy


def test_lost_region_is_left_with_a_copy_of_the_records(elsewhere: tuple[World, Copy]) -> None:
    """The ledger is made anew from them and the venue, there, and the lot is held on."""
    world, copy = elsewhere
    bought = purchases(world)
    for key, body in copy.items():
        world.s3.put_object(Bucket="elsewhere", Key=key, Body=body)

    written = rebuild(world, "--write", bucket="elsewhere")
    held = list(lots(world))
    next_one = world.invoke(a_tick(seconds_ago=20))

    assert 1 == len(held)
    assert (0, "COMPLETED", bought) == (written, next_one["outcome"], purchases(world))
    assert (held, ["OPEN"]) == (list(lots(world)), [order["status"] for order in protection(world)])
    assert 0 == type_word(world, "audit", "verify", bucket="elsewhere")


def test_lost_region_without_a_copy_trades_nothing(
    elsewhere: tuple[World, Copy], capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither tick nor rebuild makes books of nothing; what was bought stays protected at the venue."""
    world, _ = elsewhere
    before = [order for order in world.venue.venue.orders() if order.is_active]
    with pytest.raises(CycleAborted, match=r"or another execution\.order_prefix"):
        world.invoke(a_tick(seconds_ago=20))

    code = rebuild(world, "--write", bucket="elsewhere")

    assert (1, True) == (code, "nothing to rebuild from" in capsys.readouterr().err)
    assert before == [order for order in world.venue.venue.orders() if order.is_active]
    assert {Side.SELL} == {order.core.side for order in before}
