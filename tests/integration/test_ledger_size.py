"""Whole cycles on a ledger in DynamoDB that is larger than one item: sales go on, nothing is entered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import boto3
import pytest
from moto import mock_aws

from accidents.one_account import DIP, ETH, SOL, Bar, World, a_path, a_world, with_settings
from factories import SCOPE, a_proposal, once, scripted
from factories_size import of_size, packed_size, with_noise
from factories_venue import START, STEP
from integration.conftest import World as Function
from integration.conftest import a_tick
from integration.test_lambda_handler import an_event
from trader.adapters.aws.state_store import DynamoStateStore
from trader.adapters.aws.stored_text import PART_BYTES_MAX
from trader.adapters.aws.table import ITEM_BYTES_MAX
from trader.cycle import CycleOutcome
from trader.model.denials import DenialCode
from trader.model.ids import Instant, Scope
from trader.model.ledger import Ledger
from trader.model.orders import Side
from trader.model.trading_state import TradingState

QUIET = [Bar()] * 24
#: Packed sizes: at the edges of one item as we write it, of half of what DynamoDB takes, and of all of it; far beyond.
SIZES = [
    *(PART_BYTES_MAX + off for off in (-1, 0, 1)),
    *(ITEM_BYTES_MAX // 2 + off for off in (-1, 0)),
    *(ITEM_BYTES_MAX + off for off in (-1, 0, 1)),
    1_000_000,
]


@pytest.fixture
def dynamodb(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A table, under the name that the grants know it by."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("TRADER_TABLE", "trader")
    with mock_aws():
        client = boto3.client("dynamodb", region_name="us-east-1")
        client.create_table(
            TableName="trader",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            BillingMode="PAY_PER_REQUEST",
        )
        yield client


def holding(dynamodb: Any, size: int = 0) -> World:
    """A world that has bought three SOL for an hour at most, its ledger in DynamoDB, padded to *size* bytes there."""
    lot = a_proposal("SOL-USD", take_profit_pct=Decimal(60), stop_loss_pct=Decimal(6), max_hold_hours=1)
    world = a_world(strategy=once(lot), paths={SOL: a_path(DIP, *QUIET)})
    world.store = DynamoStateStore(dynamodb, "trader")
    world.cycles(1)
    world.cycle()
    assert [SOL] == [each.product_id for each in world.ledger.lots.values()]
    if size:
        rewrite(world.store, SCOPE, of_size(world.ledger, size))
    world.pass_bars(13)
    world.calls.clear()
    return with_settings(world, scripted(a_proposal("ETH-USD")))


def rewrite(store: DynamoStateStore, scope: Scope, ledger: Ledger) -> None:
    """Replace the ledger behind the back of whoever runs the cycles."""
    store.commit(store.acquire(scope, "a test", Instant(10**10), 60), ledger, release=True)


def sold(world: World) -> list[str]:
    """The products of which the account sold everything it held."""
    return [fill.product_id for fill in world.stored.fills if fill.side is Side.SELL]


@pytest.mark.parametrize("size", SIZES)
def test_lot_whose_time_is_over_is_sold_whatever_the_size_of_the_ledger(dynamodb: Any, size: int) -> None:
    """The sale is committed before it leaves, and settled; another asset is bought only below half of an item."""
    world = holding(dynamodb, size)
    before = packed_size(world.ledger)

    report = world.cycle()
    after = world.ledger

    assert report.decision is not None
    denied = [each for each in report.decision.review.denials if each.code is DenialCode.LEDGER_SIZE_EXCEEDS_MAX]
    numbers = {"size_bytes": size, "size_max_bytes": ITEM_BYTES_MAX // 2}
    assert (size, CycleOutcome.COMPLETED) == (before, report.outcome)
    assert (["SOL-USD"], {}) == (sold(world), after.lots)
    assert ([] if size < ITEM_BYTES_MAX // 2 else [(ETH, numbers)]) == [(e.product_id, e.details) for e in denied]
    assert bool(denied) != any(order.product_id == ETH for order in world.buys())
    assert packed_size(after) == report.ledger_bytes > size - 1000


@pytest.mark.parametrize("size", SIZES)
def test_flatten_sells_whatever_the_size_of_the_ledger(dynamodb: Any, size: int) -> None:
    """And cancels the bracket first."""
    world = holding(dynamodb, size)
    world.kill_switch.word = TradingState.FLATTEN

    report = world.cycle()

    assert (CycleOutcome.COMPLETED, ["SOL-USD"], {}) == (report.outcome, sold(world), world.ledger.lots)
    assert (1, {}) == (world.sent("cancel"), world.stored.active)


@pytest.mark.parametrize("size", [PART_BYTES_MAX + 1, 1_000_000])
def test_lot_is_protected_and_an_entry_cancelled_whatever_the_size_of_the_ledger(dynamodb: Any, size: int) -> None:
    """Someone took the bracket away by hand: there is another one; under HALT what waits to be bought is cancelled."""
    world = holding(dynamodb)
    world.clock.set(START + 2 * STEP)
    world.cycle()
    waiting = [order for order in world.stored.active.values() if order.side is Side.BUY]
    bracket = next(key for key, order in world.stored.active.items() if order.side is Side.SELL)
    rewrite(world.store, SCOPE, of_size(world.ledger, size))
    world.venue.cancel([bracket])
    world.pass_bars()

    world.cycle()
    covered = [order for order in world.stored.active.values() if order.side is Side.SELL]
    world.kill_switch.word = TradingState.HALT
    world.pass_bars()
    world.cycle()

    assert (1, [ETH]) == (len(covered), [order.product_id for order in waiting])
    assert [] == [order for order in world.stored.active.values() if order.side is Side.BUY]


# --- the function


def test_function_flattens_on_a_ledger_of_three_items_and_rings(
    world: Function, capsys: pytest.CaptureFixture[str]
) -> None:
    """In LIVE: nothing is entered any more, the lot is sold, and the alarm hears of the size in each of the runs."""
    world.mode("LIVE", confirmed="yes")
    scope, store = Scope("LIVE#main"), DynamoStateStore(world.dynamodb, "trader")
    world.invoke(a_tick(seconds_ago=4))
    intent = next(iter(world.ledger(scope)["orders"].values()))["intent"]
    world.venue.venue.set_price(intent["product_id"], str(Decimal(intent["limit_price"]) * Decimal("0.999")))
    world.invoke(a_tick(seconds_ago=3))
    ledger = store.ledger(scope)
    assert ledger is not None
    rewrite(store, scope, with_noise(ledger, 900_000))
    capsys.readouterr()

    tick = world.invoke(a_tick(seconds_ago=2))
    flattened = world.invoke(an_event("flatten"))

    after = store.ledger(scope)
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    rings = [line["Attention"] for line in printed if "Attention" in line]
    assert after is not None
    assert (1, {}) == (len(ledger.lots), after.lots)
    assert ["COMPLETED", "COMPLETED"] == [tick["outcome"], flattened["outcome"]]
    assert [[1.0], [1.0]] == rings
