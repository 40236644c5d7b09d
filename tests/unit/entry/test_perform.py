"""A run that did not end well says what was wrong with the key."""

from __future__ import annotations

import pytest

from trader.cycle import CycleOutcome, CycleReport
from trader.entry.perform import note_key_trouble
from trader.model.ids import Instant, cycle_id_at
from trader.model.inputs import Tick

AT = Instant(1_795_348_800)


def a_report(outcome: CycleOutcome, reason: str = "") -> CycleReport:
    return CycleReport(Tick(cycle_id_at(AT), AT, Instant(AT + 200)), outcome, reason)


@pytest.mark.parametrize("outcome", [CycleOutcome.COMPLETED, CycleOutcome.SKIPPED])
def test_trouble_that_hindered_nothing_is_not_told(outcome: CycleOutcome) -> None:
    """The run did what it should."""
    assert note_key_trouble(a_report(outcome), "the key that was refused") == a_report(outcome)


@pytest.mark.parametrize("outcome", [CycleOutcome.ABORTED, CycleOutcome.ABSTAINED, CycleOutcome.HALTED])
def test_trouble_stands_once_in_the_reason_of_a_run_that_failed(outcome: CycleOutcome) -> None:
    """Whatever it failed for."""
    added = note_key_trouble(a_report(outcome, "no quotes"), "no other key")
    known = note_key_trouble(a_report(outcome, "refused: no other key"), "no other key")

    assert added.reason == "no quotes; the venue refused our key: no other key"
    assert known.reason == "refused: no other key"
    assert added.is_key_refused
    assert known.is_key_refused


def test_run_without_trouble_is_as_it_was() -> None:
    """Its reason is its own."""
    report = a_report(CycleOutcome.ABORTED, "no time")

    assert note_key_trouble(report, "") is report
