"""LIVE against the simulated venue: one order for one decision, the venue's own fills, and the key nowhere."""

from __future__ import annotations

import json
import re
import zlib
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from desk.sandbox.orders import Order
from desk.sandbox.wire_order import encode_fill
from e2e.conftest import OpenWorld
from e2e.invocation import ROOT
from e2e.world import World, a_tick, entries, just_below, working
from trader.model.money import plain

pytestmark = pytest.mark.e2e

#: How a token that was signed with the key begins, and that it goes on.
TOKEN = re.compile(r"eyJ[\w-]{8,}\.[\w-]+")


def at_the_venue(world: World, side: str) -> list[Order]:
    """The orders that arrived there by themselves; the bracket that an entry carries came with it."""
    orders = world.sandbox.venue.venue.orders()
    return [order for order in orders if order.core.parent is None and order.core.side == side]


def posted(world: World) -> int:
    """How many times an order was sent, whatever became of it."""
    log = world.sandbox.venue.venue.traffic.log()
    return sum((seen.method, seen.path) == ("POST", "/api/v3/brokerage/orders") for seen in log)


def ids(orders: list[Order]) -> list[str]:
    return sorted(order.core.client_order_id for order in orders)


def venue_fills(world: World, side: str) -> list[tuple[str, ...]]:
    """The fills as the venue tells them."""
    told = [encode_fill(each) for each in world.sandbox.venue.venue.account.executions]
    keys = ("order_id", "entry_id", "price", "size", "commission")
    return sorted(tuple(str(fill[key]) for key in keys) for fill in told if fill["side"] == side)


def booked(world: World, side: str) -> list[tuple[str, ...]]:
    """The same, as they stand in the table."""
    told = [
        (f["venue_order_id"], f["trade_id"], *(plain(Decimal(f[key])) for key in ("price", "quantity", "fee")))
        for f in world.fills(side)
    ]
    return sorted(told)


def test_live_life(open_world: OpenWorld, live_config: Path) -> None:
    """Each order arrives once under its own id, redelivery adds none, fills are booked, flatten sells at the venue."""
    world = open_world("LIVE", {"LiveTradingConfirmed": "yes", "LogLevel": "DEBUG"}, live_config)
    tick = a_tick(seconds_ago=2)

    first = world.answer(tick)
    placed, wanted = world.ledger(), entries(world.ledger())
    assert ("COMPLETED", len(wanted)) == (first["outcome"], first["orders_sent"])
    assert wanted
    assert sorted(placed["orders"]) == ids(at_the_venue(world, "BUY"))
    assert len(wanted) == posted(world)

    again = world.answer(tick)
    assert ("SKIPPED", 0) == (again["outcome"], again["orders_sent"])
    assert (placed, len(wanted)) == (world.ledger(), posted(world))

    world.trade(just_below(wanted))
    filled = world.answer(a_tick())
    lots = world.ledger()["lots"]
    assert ("COMPLETED", len(wanted)) == (filled["outcome"], filled["fills"])
    assert venue_fills(world, "BUY") == booked(world, "BUY")
    assert {each["intent"]["lot_id"]: each["intent"]["quantity"] for each in wanted} == {
        name: lot["quantity"] for name, lot in lots.items()
    }

    flattened = world.answer(ROOT / "events/flatten.json")
    after, exits = world.ledger(), at_the_venue(world, "SELL")
    assert ("COMPLETED", len(lots)) == (flattened["outcome"], flattened["fills"])
    assert venue_fills(world, "SELL") == booked(world, "SELL")
    assert set(ids(exits)) <= set(after["orders"])
    assert {1} == set(Counter(ids(at_the_venue(world, "BUY") + exits)).values())
    assert (len(wanted) + len(exits)) == posted(world)
    assert ([], {}) == (working(after), after["lots"])
    assert not [order for order in world.sandbox.venue.venue.orders() if order.is_active]
    assert {Decimal(0)} == {world.sandbox.venue.venue.account.totals[lot["base"]] for lot in lots.values()}

    nowhere_is_the_key(world)


def unpack(value: bytes) -> str:
    """The text that an attribute of the table holds packed."""
    return zlib.decompress(value).decode()


def nowhere_is_the_key(world: World) -> None:
    """The key was read, and used; neither it nor a token is in a log, a record or an item."""
    secret = json.loads(
        world.sandbox.client("secretsmanager").get_secret_value(SecretId=world.names["TRADER_SECRET"])["SecretString"]
    )
    planted = [secret["name"], *(line for line in secret["privateKey"].splitlines() if "-----" not in line)]
    told: dict[str, Any] = {"log": "".join(world.said), "audit": world.audit(), "table": world.items()}
    assert world.sandbox.venue.key.secret == secret["privateKey"]
    assert len(planted) > 1
    for place, content in told.items():
        # What is packed is looked into: a key in it would be as well hidden from this test as from nobody else.
        text = content if isinstance(content, str) else json.dumps(content, default=unpack)
        assert len(text) > 100, place
        assert [] == [part for part in planted if part in text], place
        assert TOKEN.search(text) is None, place


def test_key_in_parameter_store_is_all_that_live_needs(open_world: OpenWorld, live_config: Path) -> None:
    """No secret is named to the function; the SecureString that a person has made is read by its name."""
    chosen = {"LiveTradingConfirmed": "yes", "KeyStore": "PARAMETER_STORE"}
    world = open_world("LIVE", chosen, live_config)

    answer = world.answer(a_tick())

    assert (False, True) == ("TRADER_SECRET" in world.names, "TRADER_KEY_PARAMETER" in world.names)
    assert ("COMPLETED", True) == (answer["outcome"], answer["orders_sent"] > 0)
