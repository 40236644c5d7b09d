"""Whatever the venue does, an order is at most one order, and its fate is known or said to be unknown."""

from __future__ import annotations

from pathlib import Path

import pytest

from desk.sandbox.fault_matrix import ENDPOINTS, SUBMITTING, Row, run_matrix
from desk.sandbox.faults import Fault

TABLE = Path(__file__).parents[2] / "docs" / "venue-faults.md"


@pytest.mark.parametrize("endpoint", SUBMITTING)
def test_no_fault_doubles_an_order_or_misreports_it(endpoint: str) -> None:
    """Every fault, once and lasting, on sending an order and on reading it back."""
    found = list(run_matrix([endpoint]))

    assert 2 * len(Fault) == len(found)
    assert [] == [row for row in found if not row.is_safe]


def test_published_table_has_every_row() -> None:
    """The table in docs names each endpoint and fault there is."""
    text = TABLE.read_text(encoding="utf-8")

    missing = [(end, fault) for end in ENDPOINTS for fault in Fault if f"| {end} | {fault} | once |" not in text]
    assert [] == missing
    assert f"{2 * len(ENDPOINTS) * len(Fault)} rows, 0 in which" in text


def test_a_doubled_or_misreported_order_would_be_seen() -> None:
    """The check can fail."""
    doubled = Row("POST /orders", Fault.TIMEOUT_AFTER, lasting=False, returned="Accepted", requests=2, orders=2)
    denied = Row("POST /orders", Fault.TIMEOUT_AFTER, lasting=False, returned="Rejected: no", requests=2, orders=1)

    assert (False, False) == (doubled.is_safe, denied.is_safe)
