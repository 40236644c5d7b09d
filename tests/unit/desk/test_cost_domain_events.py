"""What telling others costs: large events count more than once, and a month is its cycles."""

from __future__ import annotations

from decimal import Decimal

import pytest

from desk.cost.domain_events import BILLED_BYTES, Told, count_billed, price_told, write_rows
from trader.model.domain_events import EVENT_BYTES_MAX, DomainEvent
from trader.model.ids import Instant

EMPTY = DomainEvent("Kind", Instant(0), "").size


@pytest.mark.parametrize(
    ("size", "billed"), [(EMPTY, 1), (BILLED_BYTES, 1), (BILLED_BYTES + 1, 2), (EVENT_BYTES_MAX, 4)]
)
def test_event_is_billed_by_each_64_kb_begun(size: int, billed: int) -> None:
    """Not by the piece."""
    assert billed == count_billed(DomainEvent("Kind", Instant(0), "x" * (size - EMPTY)))


def test_month_is_its_quiet_and_its_trading_cycles() -> None:
    """At 15 minutes 2,918.4 of them, of which 608 trade; a dollar for a million events."""
    cost = price_told(15, Told(1, 100, 0), Told(2, 200, 10))

    assert Decimal("0.35264") == cost["Events on the bus"]
    assert Decimal("0.029184") == cost["Bars on the bus"]
    assert Decimal("0.0035264") == cost["What S3 says"]


def test_table_has_a_row_for_each_part_and_their_sum() -> None:
    """The last line is what one pays."""
    rows = list(write_rows(Told(1, 100, 0), Told(2, 200, 10)))
    total = sum(price_told(5, Told(1, 100, 0), Told(2, 200, 10)).values())

    assert 8 == len(rows)
    assert f"**{total:.2f}**" in rows[-1]
