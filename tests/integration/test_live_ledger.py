"""`trader ledger` in LIVE: the table is lost behind the function's back, with orders and a fill at the venue."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from desk.cli.app import build
from desk.cli.app import run as run_command
from integration.aws_call_recorder import EAR
from integration.conftest import World, a_tick

LIVE = "LIVE#main"


def ledger_command(world: World, *arguments: str) -> int:
    with EAR.unheard(), pytest.raises(SystemExit) as left:
        run_command(build(), ["ledger", *arguments, "--config", str(world.config), "--mode", "LIVE"])
    return int(left.value.code or 0)


def sent(world: World) -> list[str]:
    """Our orders at the venue; children of brackets have no id of ours."""
    ids = (order.core.client_order_id for order in world.venue.venue.orders())
    return sorted(each for each in ids if each.startswith("t247-"))


def lose_the_table(world: World) -> None:
    for item in world.dynamodb.scan(TableName="trader")["Items"]:
        world.dynamodb.delete_item(TableName="trader", Key={"pk": item["pk"], "sk": item["sk"]})


@pytest.fixture
def bought(world: World) -> dict[str, Any]:
    """LIVE has bought something, and knows it."""
    world.mode("LIVE", confirmed="yes")
    world.invoke(a_tick(seconds_ago=4))
    intent = next(iter(world.ledger(LIVE)["orders"].values()))["intent"]
    world.venue.venue.set_price(intent["product_id"], str(Decimal(intent["limit_price"]) * Decimal("0.999")))
    world.invoke(a_tick(seconds_ago=3))
    world.invoke(a_tick(seconds_ago=2))
    return world.ledger(LIVE)


def test_lost_table_is_rebuilt_in_live_and_nothing_is_bought_again(
    world: World, bought: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """The next tick refuses to open empty books; the rebuilt ones are the lost ones, and the tick after goes on."""
    before = sent(world)
    lose_the_table(world)
    with pytest.raises(Exception, match="there is no ledger, but the venue lists"):
        world.invoke(a_tick(seconds_ago=1))

    dry = ledger_command(world, "rebuild")
    nothing = world.dynamodb.scan(TableName="trader")["Items"]
    wet = ledger_command(world, "rebuild", "--write")
    made = world.ledger(LIVE)
    summary = world.invoke(a_tick())

    assert (0, 0, "COMPLETED") == (dry, wet, summary["outcome"])
    assert not any("ledger" in item for item in nothing)
    assert {} != bought["lots"]
    for name in ("cash", "lots", "closed_lots", "dust", "capital", "orders"):
        assert bought[name] == made[name], name
    assert before == sent(world)
    said = capsys.readouterr()
    assert world.venue.key.secret.strip() not in said.out + said.err + json.dumps(made)


@pytest.mark.parametrize("missing", ["TRADER_LIVE_CONFIRMED", "TRADER_SECRET"])
def test_live_books_are_not_touched_without_confirmation_and_key(
    world: World, bought: dict[str, Any], missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the function itself would not start."""
    monkeypatch.delenv(missing)

    code = ledger_command(world, "rebuild", "--write")

    assert (78, bought) == (code, world.ledger(LIVE))
