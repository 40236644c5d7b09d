"""What a cycle costs: write units call by call, and what packing saves of them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from desk.cost.aws_calls import AwsCall
from desk.cost.cycles import Measured, Runs, count_write_units
from desk.cost.footprint import Footprint
from desk.cost.ledger_writes import LARGE, REALISTIC, Business, measure_writes, write_rows
from desk.cost.month import LIMITS, Usage, add_up, count_writes, list_missed, price_looks, price_month
from desk.cost.realistic_ledger import make_ledger
from desk.cost.stack_parts import StackParts
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


def a_run(**over: Any) -> Measured:
    """A cycle of two writes and one record."""
    calls = {"dynamodb:UpdateItem": 2, "s3:PutObject": 1, **over.pop("calls", {})}
    return Measured(**{"calls": calls, "write_units": 4, "item_bytes": 2000, "audit_bytes": 13_000, "log_bytes": 1300,
                       "orders": 0, "market_requests": 18, **over})  # fmt: skip


def a_usage(**over: Any) -> Usage:
    """The template's stack on a ledger of 8 KB."""
    look = a_run(calls={"dynamodb:UpdateItem": 0, "s3:PutObject": 0, "dynamodb:GetItem": 1}, log_bytes=1100)
    runs = Runs(a_run(), a_run(), a_run(orders=1), look, look)
    return Usage(**{"runs": runs, "stack": StackParts.read(), "ledger_bytes": 8_000, **over})


def test_stack_is_priced_as_the_template_has_it() -> None:
    """Four alarms of one metric each, one secret, no dashboard; one with two metrics would count twice."""
    stack = StackParts.read()

    assert ([1] * 4, 0, 1, 256) == (
        list(stack.alarm_metrics.values()),
        stack.dashboards,
        stack.secrets,
        stack.memory_mb,
    )


def test_alarm_is_priced_by_the_metrics_it_looks_at(tmp_path: Path) -> None:
    """A sum of two is two alarms on the bill."""
    metrics = [{"Id": "all", "Expression": "SUM([a, b])"}, *({"Id": each, "MetricStat": {}} for each in "ab")]
    document = {
        "Parameters": {"ShowDashboard": {"Default": "yes"}, "MemoryMegabytes": {"Default": 512}},
        "Resources": {
            "Sum": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Metrics": metrics}},
            "Shown": {"Type": "AWS::CloudWatch::Dashboard", "Properties": {}},
        },
    }
    file = tmp_path / "template.yaml"
    file.write_text(yaml.safe_dump(document), encoding="utf-8")

    assert StackParts({"Sum": 2}, 1, 0, 512) == StackParts.read(file)


def test_month_at_five_minutes_stays_below_its_limits() -> None:
    """On what a cycle and a look ask for; the key is the largest line."""
    usage = a_usage()
    month = price_month(usage)

    assert add_up(month) <= LIMITS["usd_5min"]
    assert add_up(price_looks(usage, usage.runs.held_look)) <= LIMITS["usd_watch"]
    assert "The key" == max((name for name in month if name != "Alarms"), key=lambda name: month[name])
    assert Decimal("0.4") == month["Alarms"] == month["The key"]


def test_month_grows_with_what_is_chosen() -> None:
    """A larger ledger, a dashboard, a shorter period cost more; a parameter in place of the secret costs less."""
    usual = add_up(price_month(a_usage()))

    assert usual < add_up(price_month(a_usage(ledger_bytes=50_000)))
    assert usual + 3 == add_up(price_month(a_usage(shows_dashboard=True)))
    assert usual < add_up(price_month(a_usage(minutes=1)))
    assert usual - Decimal("0.405") == add_up(price_month(a_usage(has_secret=False)))


def test_account_of_the_simulated_venue_is_written_beside_the_ledger() -> None:
    """It is small, however large the ledger is."""
    usage = a_usage()
    run = a_run(calls={"dynamodb:PutItem": 1}, venue_units=3)

    assert 2 * 8 + 3 == count_writes(run, usage)


def test_missed_limits_are_named() -> None:
    """Money, memory, and time that was assumed too short."""
    figures = {"usd_5min": Decimal("1.51"), "usd_watch": Decimal("0.30"), "peak_mb": Decimal(201)}
    slow, quick = Footprint(100, 0.1, 8.0), Footprint(100, 0.02, 0.5)

    missed = list_missed(figures, StackParts.read(), slow, quick)

    assert ["usd_5min=1.51", "peak_mb=201", "a cycle takes 8.67 s"] == [
        each[: len(start)]
        for each, start in zip(missed, ("usd_5min=1.51", "peak_mb=201", "a cycle takes 8.67 s"), strict=True)
    ]


def test_estimate_stretches_processor_time_and_not_the_waiting() -> None:
    """A tenth of a second of a core is seven tenths of 256 MB's share."""
    estimate = Footprint(100, 0.1, 3.1).estimate_seconds(256)

    assert Decimal("3.77") == estimate


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
