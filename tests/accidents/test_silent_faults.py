"""Faults of the venue that the books took in without a word: each one rings now, and stops what depends on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from accidents.hostile_venue import QUIET
from accidents.one_account import DIP, SOL, World, a_path, a_world, with_settings
from factories import a_proposal, once, scripted
from trader.cycle import CycleReport, run_cycle
from trader.cycle.alarms import ATTENTION
from trader.model.denials import DenialCode
from trader.model.ids import Asset, Instant, cycle_id_at
from trader.model.inputs import Tick
from trader.model.money import Notional, Price
from trader.model.orders import Fill, Side

SOL_COIN = Asset("SOL")


def heard(world: World) -> tuple[CycleReport, list[str]]:
    """Run a cycle at this instant and hear what calls for attention."""
    told: list[str] = []

    def report(name: str, found: Sequence[str]) -> None:
        told.extend(found if name == ATTENTION else ())

    now = world.clock.now()
    ports = replace(world.ports(), report=report)
    return run_cycle(Tick(cycle_id_at(now), now, Instant(now + 210)), world.pipeline, ports), told


def codes(report: CycleReport) -> set[DenialCode]:
    """Why the proposals of a cycle were denied."""
    assert report.decision is not None
    return {each.code for each in report.decision.review.denials}


# --- a fill whose numbers cannot be


def with_fill(world: World, side: Side, **over: Any) -> None:
    """From now on the venue tells other numbers of its fills of one side."""

    def page(original: Callable[..., Sequence[Fill]], *args: Any) -> Sequence[Fill]:
        return [replace(each, **over) if each.side is side else each for each in original(*args)]

    world.meddlers["exchange.fills"] = world.meddlers["exchange.order_fills"] = page


@pytest.mark.parametrize(
    ("side", "over"),
    [
        (Side.BUY, {"fee": Notional(1_000_000)}),
        (Side.BUY, {"fee": Notional(-1_000_000)}),
        (Side.BUY, {"price": Price("0.01")}),
        (Side.SELL, {"fee": Notional(1_000_000)}),
        (Side.SELL, {"fee": Notional(-1_000_000)}),
        (Side.SELL, {"price": Price(99_500)}),
        (Side.SELL, {"price": Price("0.01")}),
    ],
)
def test_absurd_fill_is_booked_rings_and_nothing_is_entered_by_it(side: Side, over: dict[str, Any]) -> None:
    """Its lot follows from it; nobody's wealth does: no mark moves, no drawdown, no entry into anything."""
    world = a_world(strategy=once(a_proposal("SOL-USD", max_hold_hours=1)), paths={SOL: a_path(DIP, *QUIET)})
    with_fill(world, side, **over)
    world.cycles(2)
    while not any(each.side is side for each in world.stored.fills):
        world.cycles(1)
    wish = with_settings(world, scripted(a_proposal("BTC-USD", notional="100"), a_proposal("SOL-USD", notional="100")))
    before = wish.ledger.equity_marks

    (first, rang), again = heard(wish), []
    wish.pass_bars()
    for _ in range(2):
        again.append(heard(wish)[1])
        wish.pass_bars()

    assert codes(first) == {DenialCode.EQUITY_UNKNOWN, DenialCode.PRODUCT_REDUCE_ONLY}
    (why,) = wish.ledger.reduce_only.values()
    assert f"{next(iter(over.values()))}" in why
    assert [[f"SOL takes no entries until a person has looked: {why}"]] * 3 == [rang, *again]
    assert (before, False) == (wish.ledger.equity_marks, wish.ledger.drawdown_halt)
    assert (side is Side.BUY) is bool(wish.ledger.lots)
