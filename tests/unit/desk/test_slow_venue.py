"""What the cases of the slow venue come to: the last line, the limits, the page."""

from __future__ import annotations

from dataclasses import replace

import pytest

from desk.drill.function_process import ERROR, KILLED, Invoked
from desk.drill.slow_venue import Ended, Ticked, assess, write_page
from desk.drill.slow_world import Case, Delayed, Left
from trader.model.trading_state import TradingState

FLAT = Left(held=0, unsold=0, bare=0, booked=0)
ONE = Case(5, Delayed.ALL, 1, TradingState.FLATTEN)
EIGHT = Case(5, Delayed.ALL, 8, TradingState.FLATTEN)


def a_tick(outcome: str = "COMPLETED", left: Left = FLAT) -> Ticked:
    return Ticked(Invoked(outcome, 60.0), left)


def unsold(count: int, bare: int = 0) -> Left:
    return Left(held=count, unsold=count, bare=bare, booked=count)


def test_last_line_names_the_worst_of_all_cases() -> None:
    """Eight lots took two ticks, one of them killed; the lot that was bare is counted."""
    ended = [Ended(ONE, (a_tick(),)), Ended(EIGHT, (a_tick(KILLED, unsold(3, bare=1)), a_tick()))]

    verdict = assess(ended)

    assert "ticks_1_lot=1 ticks_8_lots=2 completed_with_exit_left=0 killed=1 bare=1 cases=2" == str(verdict)
    assert verdict.is_good


@pytest.mark.parametrize(
    ("case", "ticks", "expected"),
    [
        pytest.param(ONE, (a_tick(ERROR, unsold(1)), a_tick()), False, id="one lot, two ticks"),
        pytest.param(EIGHT, (a_tick(ERROR, unsold(5)), a_tick()), True, id="eight lots, two ticks"),
        pytest.param(EIGHT, (a_tick(ERROR, unsold(5)),) * 2 + (a_tick(),), False, id="eight lots, three ticks"),
        pytest.param(ONE, (a_tick(ERROR, unsold(1)),), False, id="given up"),
        pytest.param(ONE, (), False, id="not begun when time was over"),
        pytest.param(replace(ONE, delay=8), (a_tick(ERROR, unsold(1)), a_tick()), True, id="not limited"),
        pytest.param(replace(ONE, delay=8), (a_tick(left=unsold(1)), a_tick()), False, id="silent is never good"),
        pytest.param(EIGHT, (a_tick(left=Left(1, 0, 0, 1)), a_tick()), True, id="COMPLETED while a sale works"),
        pytest.param(ONE, (a_tick(left=Left(0, 0, 0, 1)),), False, id="sold and not booked"),
    ],
)
def test_limits(case: Case, ticks: tuple[Ticked, ...], expected: bool) -> None:
    """One tick for one lot, two for eight, and an exit is never left in silence."""
    assert expected == assess([Ended(case, ticks)]).is_good


def test_page_has_a_cell_for_each_case() -> None:
    """With what happened on the way; what was not tried has none."""
    left = unsold(8, bare=1)
    ended = [Ended(ONE, (a_tick(),)), Ended(EIGHT, (a_tick(KILLED, left), *[a_tick(left=left)] * 3))]

    page = write_page(ended, 210, 600)

    assert "| 5 s | all | 1 | `>4` `k` `c` `b` | - | - | - | - |" in page
    assert "| 8 s | all | - | - | - | - | - | - |" in page
    assert "2 cases in 10 minutes" in page
    assert "after 210 s" in page
