"""The function end to end: every event, every mode, against AWS by moto and the venue over HTTP."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from integration.conftest import World, a_tick
from trader.errors import ConfigError, MalformedData
from trader.model.ids import VenueOrderId
from trader.model.orders import Side

EVENTS = Path(__file__).parents[2] / "events"


def an_event(name: str) -> Any:
    return json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))


def test_dry_run_tick_decides_and_sends_nothing(world: World) -> None:
    """A verdict for every product, and no order anywhere."""
    summary = world.invoke(a_tick())

    assert ("COMPLETED", 0) == (summary["outcome"], summary["orders_sent"])
    assert any(line["event"] == "VerdictGiven" for line in world.audit())
    assert {} == world.ledger("DRY_RUN#main")["orders"]


def test_paper_tick_places_an_order_that_was_announced(world: World) -> None:
    """The order in the ledger is the one the audit announced before it was sent."""
    world.mode("PAPER")

    summary = world.invoke(a_tick())

    announced = {
        line["body"]["intent"]["client_order_id"] for line in world.audit() if line["event"] == "OrderIntended"
    }
    assert summary["orders_sent"] >= 1
    assert announced == set(world.ledger("PAPER#main")["orders"])


def test_redelivered_tick_does_nothing_new(world: World) -> None:
    """The same event twice is one cycle."""
    world.mode("PAPER")
    event = a_tick()
    world.invoke(event)
    before = world.ledger("PAPER#main")

    summary = world.invoke(event)

    assert "SKIPPED" == summary["outcome"]
    assert before == world.ledger("PAPER#main")


def test_live_tick_places_its_order_at_the_venue_once(world: World) -> None:
    """With all three keys turned the order is at the venue, under our id, with its bracket."""
    world.mode("LIVE", confirmed="yes")

    summary = world.invoke(a_tick())

    orders = world.ledger("LIVE#main")["orders"]
    assert "COMPLETED" == summary["outcome"]
    assert summary["orders_sent"] >= 1
    assert all(record["venue_order_id"] for record in orders.values())


def test_live_fill_is_stored_with_the_ledger_that_counts_it(world: World) -> None:
    """The price falls through the bid we left: the next tick books the fill, once, as an item of its own."""
    world.mode("LIVE", confirmed="yes")
    world.invoke(a_tick(seconds_ago=2))
    order = next(iter(world.ledger("LIVE#main")["orders"].values()))
    intent = order["intent"]
    world.venue.venue.set_price(intent["product_id"], str(Decimal(intent["limit_price"]) * Decimal("0.999")))

    summary = world.invoke(a_tick(seconds_ago=1))
    again = world.invoke(a_tick())

    stored = world.dynamodb.scan(TableName="trader")["Items"]
    fills = [json.loads(item["body"]["S"]) for item in stored if item["sk"]["S"].startswith("FILL#")]
    assert (summary["fills"], 0) == (len(fills), again["fills"])
    assert order["venue_order_id"] in {fill["venue_order_id"] for fill in fills}


def test_live_without_confirmation_is_refused(world: World) -> None:
    """One missing key of three is enough."""
    world.mode("LIVE")

    with pytest.raises(ConfigError, match="LiveTradingConfirmed"):
        world.invoke(a_tick())


@pytest.mark.parametrize("word", ["HALT", "banana"])
def test_switch_that_does_not_say_run_stops_entries(world: World, word: str) -> None:
    """An unknown word is HALT."""
    world.mode("PAPER")
    world.switch(word)

    summary = world.invoke(a_tick())

    assert ("HALTED", 0) == (summary["outcome"], summary["orders_sent"])


def test_change_of_the_switch_runs_a_cycle_at_once(world: World) -> None:
    """Working entries are cancelled by the very invocation that the change causes."""
    world.mode("PAPER")
    world.invoke(a_tick(seconds_ago=1))
    world.switch("HALT")

    summary = world.invoke({**an_event("kill-switch-changed"), "time": a_tick()["scheduled_time"]})

    entries = [
        record for record in world.ledger("PAPER#main")["orders"].values() if record["intent"]["purpose"] == "ENTRY"
    ]
    assert "HALTED" == summary["outcome"]
    assert {"CANCELLED"} == {record["status"] for record in entries}


def test_flatten_leaves_no_order_and_no_lot(world: World) -> None:
    """The operator's command does what the switch would."""
    world.mode("PAPER")
    world.invoke(a_tick(seconds_ago=1))

    summary = world.invoke(an_event("flatten"))

    ledger = world.ledger("PAPER#main")
    live = [each for each in ledger["orders"].values() if each["status"] not in ("CANCELLED", "FILLED", "EXPIRED")]
    assert "COMPLETED" == summary["outcome"]
    assert ([], {}) == (live, ledger["lots"])


@pytest.mark.parametrize("word", ["HALT", "banana"])
def test_flatten_sells_nothing_while_the_switch_says_halt(world: World, word: str) -> None:
    """HALT is absolute: the lot and its bracket stay as they are; the same command sells once the switch says RUN."""
    world.mode("LIVE", confirmed="yes")
    world.invoke(a_tick(seconds_ago=4))
    intent = next(iter(world.ledger("LIVE#main")["orders"].values()))["intent"]
    world.venue.venue.set_price(intent["product_id"], str(Decimal(intent["limit_price"]) * Decimal("0.999")))
    world.invoke(a_tick(seconds_ago=3))
    world.invoke(a_tick(seconds_ago=2))
    lots, brackets = world.ledger("LIVE#main")["lots"], working(world)
    world.switch(word)

    halted = world.invoke(an_event("flatten"))
    kept = world.ledger("LIVE#main")["lots"], working(world)
    world.switch("RUN")
    # A cycle is named by its second.
    second = int(time.time())
    while int(time.time()) == second:
        time.sleep(0.01)
    summary = world.invoke(an_event("flatten"))

    assert lots
    assert brackets
    assert ("HALTED", 0) == (halted["outcome"], halted["orders_sent"])
    assert (lots, brackets) == kept
    assert ("COMPLETED", {}) == (summary["outcome"], world.ledger("LIVE#main")["lots"])


def working(world: World) -> set[VenueOrderId]:
    """What works at the venue to sell."""
    orders = world.venue.venue.orders()
    return {
        each.core.venue_order_id for each in orders if each.core.side is Side.SELL and not each.core.status.is_final
    }


def test_status_reads_and_changes_nothing(world: World) -> None:
    """It answers without a lease."""
    world.mode("PAPER")
    world.invoke(a_tick())
    before = world.ledger("PAPER#main")

    status = world.invoke(an_event("status"))

    assert ("PAPER#main", "RUN") == (status["scope"], status["trading_state"])
    assert before == world.ledger("PAPER#main")


def test_reconcile_books_and_decides_nothing(world: World) -> None:
    """No verdict, no new order."""
    world.mode("PAPER")

    summary = world.invoke(an_event("reconcile"))

    assert ("COMPLETED", 0) == (summary["outcome"], summary["orders_sent"])
    assert not [line for line in world.audit() if line["event"] == "VerdictGiven"]


@pytest.mark.parametrize("path", sorted((EVENTS / "malformed").glob("*.json")), ids=lambda path: path.stem)
def test_malformed_event_fails_loudly_and_touches_nothing(world: World, path: Path) -> None:
    """The function raises, so that the alarm sees it."""
    with pytest.raises(MalformedData):
        world.invoke(json.loads(path.read_text(encoding="utf-8")))

    assert [] == world.audit()


def test_planted_key_appears_in_no_output(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Accident 29: not in the log, not in the audit, not in the store."""
    world.mode("LIVE", confirmed="yes")
    world.invoke(a_tick())

    secret_lines = [line for line in world.venue.key.secret.splitlines() if "-----" not in line]
    said = capsys.readouterr().out + json.dumps(world.audit()) + json.dumps(world.ledger("LIVE#main"))
    assert not [line for line in secret_lines if line in said]
    assert world.venue.key.name not in said
