"""A few dozen flips of the switch while cycles send; `make kill-drill` does a thousand, and writes them up."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from desk.drill.kill_switch import PARAMETER, Findings, find_violations, measure_latencies, run_drill
from desk.drill.multi_order import Ran, Sent
from desk.drill.switch_flipper import Flip, Look
from trader.cycle import CycleOutcome, CycleReport
from trader.model.ids import CycleId, Instant
from trader.model.inputs import Tick
from trader.model.orders import OrderPurpose
from trader.model.trading_state import TradingState
from trader.ports import KillSwitch

REPORT = CycleReport(Tick(CycleId("20261122T101500Z"), Instant(0), Instant(55)), CycleOutcome.COMPLETED)


class ReadOnce:
    """A mutant: the switch is read at the start of the cycle and believed from then on."""

    def __init__(self, inner: KillSwitch) -> None:
        self._inner = inner
        self._word: TradingState | None = None

    def read(self) -> TradingState:
        self._word = self._word or self._inner.read()
        return self._word


@pytest.fixture(scope="module", autouse=True)
def deployed() -> Iterator[None]:
    """The drill's parameter is this deployment's switch; the same adapter reads it, and is heard doing so."""
    with pytest.MonkeyPatch.context() as changed:
        changed.setenv("TRADER_KILL_SWITCH", PARAMETER)
        yield


@pytest.fixture(scope="module")
def found(deployed: None) -> Findings:
    return run_drill(40, unreadable=2)


def test_no_order_is_taken_after_the_flag_was_readable(found: Findings) -> None:
    """40 flips at random moments, and orders on both sides of them."""
    assert [] == found.violations
    assert found.flips >= 40
    assert found.accepted > 0
    assert found.withheld > 0


def test_unreadable_switch_lets_no_order_out(found: Findings) -> None:
    """The parameter is gone, or says banana, before the first order of a cycle that decided on many."""
    assert 0 == found.unreadable_accepted
    assert found.unreadable_intended > 0


def test_switch_that_is_read_once_a_cycle_is_found_out() -> None:
    """The drill can fail: both its checks see the mutant."""
    found = run_drill(10, wrap=ReadOnce, unreadable=1)

    assert found.violations
    assert found.unreadable_accepted > 0


RUN_THEN_HALT = [Flip(0.0, 0.1, "RUN"), Flip(5.0, 5.1, "HALT")]


@pytest.mark.parametrize(
    ("look", "expected"),
    [
        pytest.param(Look(4.9, 5.3), [], id="the reading was under way"),
        pytest.param(Look(5.05, 5.3), [], id="the flip was under way"),
        pytest.param(Look(5.2, 5.3), ["a: taken, the switch said HALT"], id="the flag was readable"),
        pytest.param(Look(1.0, 1.1), ["a: taken, the switch said HALT"], id="nobody looked in its turn"),
    ],
)
def test_order_is_judged_by_the_last_look_of_its_own_turn(look: Look, expected: list[str]) -> None:
    """The order is handed over at 5.4; its turn began at 3."""
    ran = Ran(REPORT, 1, [Sent("a", OrderPurpose.ENTRY, 5.4, 3.0)], {"a": 5.5})

    assert expected == find_violations(ran, [look], RUN_THEN_HALT)


def test_latency_ends_with_the_last_order_before_the_switch_lets_go_again() -> None:
    """Orders at 5.2 and 5.4 after a flag at 5.1; the one at 8 was allowed again."""
    flips = [*RUN_THEN_HALT, Flip(7.0, 7.1, "RUN")]
    ran = Ran(REPORT, 3, [], {"a": 5.2, "b": 5.4, "c": 8.0})

    latencies, stops = measure_latencies(ran, flips)

    assert ([pytest.approx(0.3)], 1) == (latencies, stops)
