"""What a loop says when it ends: what rests, what the mode means for it, how to go on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from desk.loop.farewell import describe_rest
from factories_settings import shipped_settings
from simulation.recovery_world import after_tick
from simulation.scenarios import ENTRY
from trader.model.ids import Instant
from trader.model.ledger import Ledger
from trader.model.money import Quantity
from trader.model.order_life import OrderStatus
from trader.settings.app import Mode

NOW = Instant(1_795_349_520)
COMMAND = "trader run --venue http://127.0.0.1:8787 --mode PAPER"


def farewell(ledger: Ledger | None, mode: str = "PAPER") -> list[str]:
    return describe_rest(ledger, shipped_settings({"app.mode": mode}), NOW, COMMAND)


def a_ledger(ticks: int) -> Ledger:
    ledger = after_tick(ENTRY, ticks).ledger()
    assert ledger is not None
    return ledger


def test_lot_is_named_with_the_order_that_protects_it() -> None:
    """Quantity, stop and target as they rest at the venue."""
    first = farewell(a_ledger(2))[0]

    assert first.startswith("SOL-USD 2.994")
    assert "held: stop " in first
    assert " and target " in first
    assert first.endswith(" at the venue")


def test_part_of_a_lot_that_an_order_covers_is_named_and_so_is_the_rest() -> None:
    """An order for less than the lot is not told as if it were for all of it."""
    ledger = a_ledger(2)
    part = {
        key: replace(each, intent=replace(each.intent, quantity=Quantity("1.8"))) if each.intent.is_protection else each
        for key, each in ledger.orders.items()
    }

    first = farewell(replace(ledger, orders=part))[0]

    assert first.startswith("SOL-USD 2.994 held: stop ")
    assert first.endswith(" at the venue for 1.8 of it; 1.194 of it in no order")


def test_lot_without_protection_is_said_to_have_none() -> None:
    """What the venue has not got protects nothing."""
    ledger = a_ledger(2)
    unsent = {key: replace(each, status=OrderStatus.CANCELLED) for key, each in ledger.orders.items()}

    assert "NOT protected at the venue" in farewell(replace(ledger, orders=unsent))[0]


def test_open_entry_is_named_with_the_instant_at_which_it_dies() -> None:
    """By itself, because entries are good till a date."""
    first = farewell(a_ledger(0))[0]

    assert first.startswith("SOL-USD buy ")
    assert "open, it dies by itself at 2026-11-22T" in first


def test_order_in_doubt_is_said_to_be_in_doubt() -> None:
    """Nobody may take it for an order that rests."""
    ledger = a_ledger(0)
    doubtful = {key: replace(each, status=OrderStatus.IN_DOUBT) for key, each in ledger.orders.items()}

    assert ": in doubt, nobody knows" in farewell(replace(ledger, orders=doubtful))[0]


@pytest.mark.parametrize(
    ("mode", "means"),
    [("PAPER", "nothing fills while nothing looks"), ("LIVE", "goes on working"), ("DRY_RUN", "nothing was ever sent")],
)
def test_mode_says_what_becomes_of_it_and_the_last_line_how_to_go_on(mode: str, means: str) -> None:
    """Also before the first cycle."""
    for ledger in (None, a_ledger(2)):
        lines = farewell(ledger, mode)

        assert means in lines[-2]
        assert lines[-2].startswith(Mode(mode))
        assert lines[-1].endswith(COMMAND)


def test_empty_books_are_said_to_be_empty() -> None:
    """In modes that send something."""
    assert farewell(None)[0] == "nothing is held, and no order of ours is open"
    assert len(farewell(None, "DRY_RUN")) == 2
