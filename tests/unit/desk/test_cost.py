"""What a cycle costs: write units call by call, and what packing saves of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from desk.cost.aws_calls import AwsCall
from desk.cost.cycles import count_write_units
from desk.cost.ledger_writes import LARGE, REALISTIC, Business, measure_writes, write_rows
from desk.cost.realistic_ledger import make_ledger
from trader.adapters.aws.stored_text import PART_BYTES_MAX
from trader.model.codec import canonical_json, decode, encode
from trader.model.ids import Scope
from trader.model.ledger import Ledger

SCOPE = Scope("LIVE#main")


def an_item(size: int) -> dict[str, Any]:
    """An item of so many bytes."""
    return {"pk": {"S": "x"}, "body": {"B": b"." * (size - 7)}}


@pytest.fixture(autouse=True)
def aws_region(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test asks for keys that may be on this machine."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.mark.parametrize(
    ("operation", "params", "units"),
    [
        ("PutItem", {"Item": an_item(1024)}, 1),
        ("PutItem", {"Item": an_item(1025)}, 2),
        ("UpdateItem", {}, 3),
        ("GetItem", {}, 0),
        ("TransactWriteItems", {"TransactItems": [{"Update": {}}, {"Put": {"Item": an_item(1025)}}]}, 10),
        ("TransactWriteItems", {"TransactItems": [{"Delete": {"Key": an_item(20)}}]}, 2),
    ],
)
def test_write_units_are_kilobytes_begun_and_twice_that_in_a_transaction(
    operation: str, params: dict[str, Any], units: int
) -> None:
    """Beside a ledger of 2.5 KB; a read writes nothing."""
    assert units == count_write_units(AwsCall("dynamodb", operation, params), 2_560)


def test_quiet_cycle_on_a_realistic_ledger_takes_a_fifth_of_the_write_units_it_took() -> None:
    """As the store itself sends it; two writes of the same item."""
    measured = measure_writes(REALISTIC)

    assert (30, 5, 20) == (REALISTIC.products, REALISTIC.lots, REALISTIC.orders)
    assert measured.plain_units == 2 * -(-measured.plain_bytes // 1024)
    assert measured.packed_units == 2 * -(-measured.packed_bytes // 1024) <= 16
    assert measured.plain_units > 5 * measured.packed_units


def test_ledger_that_never_fitted_one_item_has_no_units_of_before() -> None:
    """The page says so; packed it fits, and costs two plain writes."""
    measured = measure_writes(LARGE)

    assert measured.plain_units is None
    assert measured.packed_units == 2 * -(-measured.packed_bytes // 1024)
    assert "does not fit" in write_rows([measured])[-1]


def test_ledger_of_more_than_one_item_costs_a_transaction() -> None:
    """Twice the price of a plain write."""
    measured = measure_writes(replace(LARGE, orders=2 * LARGE.orders))

    assert measured.packed_bytes > PART_BYTES_MAX
    assert measured.packed_units > 2 * -(-measured.packed_bytes // 1024)


def test_realistic_ledger_holds_what_was_asked_for_and_is_the_same_each_time() -> None:
    """And is one that the code reads back."""
    made = make_ledger(7, 3, 11, 5, scope=SCOPE)

    assert (7, 3, 11, 5) == (len(made.known_products), len(made.lots), len(made.orders), len(made.dust))
    assert made == decode(Ledger, encode(made))
    assert canonical_json(made) == canonical_json(make_ledger(7, 3, 11, 5, scope=SCOPE))
    assert canonical_json(made) != canonical_json(make_ledger(7, 3, 11, 5, scope=SCOPE, seed=2))
    assert "7 products, 3 lots, 11 orders, 5 assets of dust" == str(Business(7, 3, 11, 5))
