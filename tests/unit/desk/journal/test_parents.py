"""``trader parents``: what is still being bought, with what is at the venue and what nobody knows."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from desk.cli import books_columns
from factories import a_parent, an_intent, an_order_record
from simulation.recovery_world import after_tick
from simulation.scenarios import ENTRY
from trader.model.ids import ClientOrderId, Instant, rfc3339
from trader.model.money import Price, Quantity
from trader.model.order_life import OrderStatus
from trader.model.order_record import OrderRecord
from trader.model.parent_life import ParentEnd, ParentState, ParentStyle
from trader.model.parents import ParentOrder
from unit.desk.journal.recorded import read_json, run_in, write_world
from unit.desk.journal.test_books import store_ledger

#: After the first tick of the scenario its parent rests with a child at the venue.
_TICK = 1


def child_of(parent: ParentOrder, name: str, quantity: str, status: OrderStatus) -> OrderRecord:
    intent = an_intent(
        name,
        lot_id=parent.parent_id,
        product_id=parent.product_id,
        base=parent.base,
        quantity=Quantity(quantity),
        limit_price=Price(100),
    )
    return an_order_record(intent, status=status)


def make_home(home: Path, *parents: ParentOrder, orders: tuple[OrderRecord, ...] = ()) -> Path:
    """Books with these parents and children, of a run that ended."""
    world = after_tick(ENTRY, 2)
    ledger = world.ledger()
    assert ledger is not None
    write_world(home, world)
    known = {each.intent.client_order_id: each for each in orders}
    store_ledger(home, replace(ledger, parents={each.parent_id: each for each in parents}, orders=known, lots={}))
    return home


def some_parents(at: Instant) -> tuple[ParentOrder, ...]:
    """One that is bought, one that sleeps, one that ends, and one of a newer release; decided in this order."""
    terms: dict[str, Any] = {"give_up_at": Instant(at + 900), "max_hold_until": Instant(at + 86_400)}

    def name(word: str) -> ClientOrderId:
        return ClientOrderId(f"t247-{word}")

    return (
        a_parent("SOL-USD", parent_id=name("a"), decided_at=Instant(at - 3), filled=Quantity("0.25"), tries=2, **terms),
        a_parent("ETH-USD", parent_id=name("b"), decided_at=Instant(at - 2), state=ParentState.SLEEPING, **terms),
        a_parent(
            "BTC-USD",
            parent_id=name("c"),
            decided_at=Instant(at - 1),
            state=ParentState.ENDING,
            end=ParentEnd.GAVE_UP,
            **terms,
        ),
        a_parent("XRP-USD", parent_id=name("d"), decided_at=at, style=ParentStyle.keep("ICEBERG"), **terms),
    )


def read_instant() -> Instant:
    ledger = after_tick(ENTRY, 2).ledger()
    assert ledger is not None
    assert ledger.last_run is not None
    return ledger.last_run.ended_at


def test_parent_says_what_is_bought_open_and_in_doubt(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of its children one rests, one is in doubt, one was given up after a doubt; one that is over counts no more."""
    at = read_instant()
    parent = some_parents(at)[0]
    children = (
        child_of(parent, "open", "0.3", OrderStatus.OPEN),
        child_of(parent, "doubt", "0.2", OrderStatus.IN_DOUBT),
        child_of(parent, "abandoned", "0.1", OrderStatus.ABANDONED),
        child_of(parent, "over", "0.4", OrderStatus.CANCELLED),
    )
    make_home(tmp_path, parent, orders=children)

    assert 0 == run_in(tmp_path, "parents", "--json")
    told: Any = read_json(capsys)
    (row,) = told["parents"]
    numbers = {name: Decimal(row[name]) for name in ("quantity", "filled", "open", "in_doubt", "price_max")}

    assert {
        "quantity": Decimal(1),
        "filled": Decimal("0.25"),
        "open": Decimal("0.3"),
        "in_doubt": Decimal("0.3"),
        "price_max": Decimal("100.2"),
    } == numbers
    assert ("rules_engine", "SOL-USD", "PASSIVE_THEN_TAKER", "WORKING", 2) == tuple(
        row[name] for name in ("strategy", "product", "style", "state", "tries")
    )
    assert (900, rfc3339(Instant(at + 900)), None) == (row["seconds_left"], row["give_up_at"], row["end"])
    assert rfc3339(at) == told["as_of"]
    assert 0 == run_in(tmp_path, "parents")
    assert "nobody knows whether the venue has 0.3 of it → trader status" in " ".join(capsys.readouterr().out.split())


def test_time_is_over_where_its_lot_would_be_sold(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whichever comes first; what is past has no seconds left."""
    at = read_instant()
    first, second, *_ = some_parents(at)
    soon = replace(first, max_hold_until=Instant(at + 60))
    past = replace(second, give_up_at=Instant(at - 60), max_hold_until=None)
    make_home(tmp_path, soon, past)

    assert 0 == run_in(tmp_path, "parents", "--json")
    told: Any = read_json(capsys)

    assert [60, 0] == [each["seconds_left"] for each in told["parents"]]


def test_every_state_is_listed_in_the_order_of_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Asleep, ending and why, and one of a newer release, which is said to be left alone."""
    make_home(tmp_path, *reversed(some_parents(read_instant())))

    assert 0 == run_in(tmp_path, "parents", "--csv")
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert 0 == run_in(tmp_path, "parents")
    text = capsys.readouterr().out

    assert ["SOL-USD", "ETH-USD", "BTC-USD", "XRP-USD"] == [each["product"] for each in rows]
    assert ["WORKING", "SLEEPING", "ENDING", "WORKING"] == [each["state"] for each in rows]
    assert ["", "", "GAVE_UP", ""] == [each["end"] for each in rows]
    assert tuple(rows[0]) == tuple(books_columns.NAMES["parents"])
    assert "NEWER" in next(line for line in text.splitlines() if line.startswith("XRP-USD"))
    assert "t247-d is of a newer release" in text


@pytest.mark.parametrize("width", [60, 80, 140, 240])
def test_table_is_never_cut(
    width: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is wanted, bought and paid at most stays at every width; all is there where there is room."""
    monkeypatch.setenv("COLUMNS", str(width))
    make_home(tmp_path, *some_parents(read_instant()))

    assert 0 == run_in(tmp_path, "parents")
    lines = capsys.readouterr().out.splitlines()

    place = f"PAPER#main · {tmp_path}"
    assert not [line for line in lines if cell_len(line) > width and line != place]
    assert [] == [each.head for each in books_columns.PARENTS if each.rank == 0 and each.head not in lines[0]]
    everything = [each.head for each in books_columns.PARENTS if each.head not in lines[0]]
    assert (width < 240) == bool(everything)


def test_nothing_to_buy_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And whose books they are."""
    make_home(tmp_path)

    assert 0 == run_in(tmp_path, "parents")
    assert ["no parents", f"PAPER#main · {tmp_path}"] == capsys.readouterr().out.splitlines()


def test_parents_are_chosen_by_product_and_number(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And it is said of how many."""
    make_home(tmp_path, *some_parents(read_instant()))

    assert 0 == run_in(tmp_path, "parents", "--product", "eth")
    assert "1 of 4 parents" in capsys.readouterr().out
    assert 0 == run_in(tmp_path, "parents", "--limit", "2", "--json")
    told: Any = read_json(capsys)
    assert ["BTC-USD", "XRP-USD"] == [each["product"] for each in told["parents"]]


def test_parent_of_a_cycle_is_told_as_by_status(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What production opened, with its child at the venue."""
    world = after_tick(ENTRY, _TICK)
    ledger = world.ledger()
    assert ledger is not None
    (parent,) = ledger.parents.values()
    write_world(tmp_path, world)

    assert 0 == run_in(tmp_path, "parents", "--json")
    told: Any = read_json(capsys)
    (row,) = told["parents"]
    assert run_in(tmp_path, "status", "--json", "--at", told["as_of"]) in (0, 1)
    status: Any = read_json(capsys)

    assert (parent.parent_id, parent.quantity) == (row["parent"], Decimal(row["open"]))
    assert {name: status["parents"][0][name] for name in row} == row
