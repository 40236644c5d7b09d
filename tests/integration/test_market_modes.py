"""The drill of market modes: its page is the one that is committed, its limits are kept, and mutants break them."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from desk.drill.market_modes import Case, main, make_settings, run_case, run_drill, write_page, write_summary
from desk.drill.market_modes_venue import SITUATIONS, Situation
from desk.drill.market_modes_world import Run
from trader.cycle import CycleReport, run_cycle
from trader.model.ids import ClientOrderId
from trader.model.inputs import Tick
from trader.model.money import Price
from trader.model.orders import OrderIntent, Rejected, Submission
from trader.ports import ExchangeAdapter, Ports
from trader.stages.pipeline import Pipeline

PAGE = Path(__file__).parents[2] / "docs/market-modes.md"

DUE = Situation("exit due", is_due=True)
UNFILLED = next(each for each in SITUATIONS if each.name == "exit due, sale taken, nothing filled")


class NeverCovers:
    """A mutant: no order that covers a lot leaves; the bracket that came with its entry is all there ever is."""

    def __init__(self, inner: ExchangeAdapter) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def submit(self, intent: OrderIntent) -> Submission:
        if intent.is_protection or intent.is_resting_sale:
            return Rejected("UNKNOWN_FAILURE_REASON")
        return self._inner.submit(intent)


def never_cover(tick: Tick, pipeline: Pipeline, ports: Ports) -> CycleReport:
    """A cycle whose executor never covers what a sale leaves."""
    assert ports.exchange is not None
    return run_cycle(tick, pipeline, replace(ports, exchange=cast("ExchangeAdapter", NeverCovers(ports.exchange))))


def never_ring(tick: Tick, pipeline: Pipeline, ports: Ports) -> CycleReport:
    """A cycle that names no lot that stands bare."""
    return replace(run_cycle(tick, pipeline, ports), exposed={})


def sell_twice(tick: Tick, pipeline: Pipeline, ports: Ports) -> CycleReport:
    """A cycle that sells every lot once more."""
    report = run_cycle(tick, pipeline, ports)
    assert ports.exchange is not None
    assert report.before is not None
    for lot in report.before.lots.values():
        again = ClientOrderId(f"t247-again-{tick.cycle_id}")
        ports.exchange.submit(lot.sell(again, tick.cycle_id, tick.scheduled_at, lot.quantity, Price(80)))
    return report


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return run_drill()


def test_committed_page_is_what_the_drill_writes_now(cases: list[Case]) -> None:
    """`make market-modes` would change nothing."""
    assert write_page(cases) == PAGE.read_text(encoding="utf-8")


def test_every_case_keeps_the_limits(cases: list[Case]) -> None:
    """No lot is bare where an order could be placed, none is bare in silence, nothing is oversold."""
    assert [] == [str(case) for case in cases if not case.is_good]
    assert "modes=10 situations=22 cases=220 bare=0 rang=35 oversold=0" == write_summary(cases)


def test_nothing_accumulates(cases: list[Case]) -> None:
    """At the end of any cycle there is one order for the lot, or none."""
    assert [] == [str(case) for case in cases if any(len(each.orders) > 1 for each in case.seen)]


def test_executor_that_never_covers_breaks_the_limit() -> None:
    """The lot is bare in a market that takes orders; that it rings is no excuse."""
    case = run_case("online", UNFILLED, make_settings(), never_cover)

    assert (True, True, False, False) == (case.is_bare, case.rang, case.is_silent, case.is_good)


def test_cycle_that_does_not_ring_breaks_the_limit() -> None:
    """Also in a market that takes no order, where a lot may be bare."""
    late = Situation("mode begins at the cancellation", is_due=True, is_late=True)

    case = run_case("cancel_only", late, make_settings(), never_ring)

    assert (False, True, False) == (case.is_bare, case.is_silent, case.is_good)
    assert "SILENT" in str(case)


def test_sale_too_much_breaks_the_limit() -> None:
    """The account's owner has more of the coin, so the venue takes it."""
    case = run_case("online", DUE, make_settings(), sell_twice)

    assert (True, False) == (case.is_oversold, case.is_good)


@pytest.mark.parametrize(("run", "code"), [(run_cycle, 0), (never_cover, 1)], ids=["sound", "mutant"])
def test_drill_ends_in_error_if_a_limit_is_broken(
    run: Run, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page is written all the same; the last line counts, the lines before it name the cases."""
    page = tmp_path / "page.md"
    monkeypatch.setattr(sys, "argv", ["market_modes", str(page)])
    with pytest.raises(SystemExit) as ended:
        main(run)

    *broken, last = capsys.readouterr().out.splitlines()
    assert code == ended.value.code
    assert f"bare={len(broken)} " in last
    assert bool(code) == any(
        line.startswith("online: exit due, sale taken, nothing filled: nothing") for line in broken
    )
    assert last in page.read_text(encoding="utf-8")
