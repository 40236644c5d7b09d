"""The picture of the lives says what the tables say, and says so when they differ."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from architecture.tree import ROOT
from desk import docs_pictures
from desk.docs_pictures import write_lives
from desk.docs_tables import LIVES
from trader.model.order_life import TRANSITIONS, OrderStatus
from trader.model.parent_life import PARENT_TRANSITIONS, ParentState


def list_arrows(picture: str) -> list[str]:
    return [line for line in picture.splitlines() if 'marker-end="url' in line]


def test_every_state_stands_in_the_picture_once() -> None:
    """Of parents and of orders; the page shows it."""
    texts = [each.text for each in ET.fromstring(write_lives()).iter() if each.tag.endswith("}text")]

    assert [] == [name for name in (*OrderStatus, *ParentState) if texts.count(name) != 1]
    assert f"]({LIVES})" in (ROOT / "docs/life-of-an-order.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("start", "end"),
    [(start, end) for start in PARENT_TRANSITIONS for end in ParentState if start is not end],
    ids=str,
)
def test_step_of_a_parent_is_an_arrow(start: ParentState, end: ParentState, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that the table gains or loses is one that the picture gains or loses."""
    before = len(list_arrows(write_lives()))
    table = {**PARENT_TRANSITIONS, start: PARENT_TRANSITIONS[start] ^ {end}}
    monkeypatch.setattr(docs_pictures, "PARENT_TRANSITIONS", table)
    # From a state that nothing follows an arrow leads out of the ledger.
    leaves = sum(not after for after in table.values()) - sum(not after for after in PARENT_TRANSITIONS.values())
    change = -1 if end in PARENT_TRANSITIONS[start] else 1

    assert before + change + leaves == len(list_arrows(write_lives()))


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (OrderStatus.CONTINGENT, OrderStatus.ABANDONED),
        (OrderStatus.INTENDED, OrderStatus.IN_DOUBT),
        (OrderStatus.IN_DOUBT, OrderStatus.WITHHELD),
        (OrderStatus.REJECTED, OrderStatus.INTENDED),
        (OrderStatus.FAILED, OrderStatus.FILLED),
    ],
)
def test_step_of_an_order_is_an_arrow(start: OrderStatus, end: OrderStatus, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same."""
    before = len(list_arrows(write_lives()))
    monkeypatch.setattr(docs_pictures, "TRANSITIONS", {**TRANSITIONS, start: TRANSITIONS[start] ^ {end}})

    assert before + (-1 if end in TRANSITIONS[start] else 1) == len(list_arrows(write_lives()))


def test_state_without_a_place_and_box_of_two_minds_are_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither can be drawn as it is."""
    monkeypatch.setattr(docs_pictures, "TRANSITIONS", {**TRANSITIONS, OrderStatus.keep("PARKED"): frozenset()})
    with pytest.raises(ValueError, match="PARKED"):
        write_lives()
    changed = {**TRANSITIONS, OrderStatus.EXPIRED: frozenset[OrderStatus]()}
    monkeypatch.setattr(docs_pictures, "TRANSITIONS", changed)
    with pytest.raises(ValueError, match="CANCELLED, EXPIRED are not followed by the same"):
        write_lives()
