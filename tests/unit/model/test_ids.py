"""Ids follow from decisions and instants, and from nothing else."""

import pytest

from trader.model.ids import (
    CycleId,
    Instant,
    client_order_id,
    cycle_id_at,
    is_tick_id,
    rfc3339,
    run_id_at,
    utc_day,
    utc_week,
)

DECISION = ("PAPER#main", "20261122T101500Z", "rules_engine", "SOL-USD", "BUY", "ENTRY", 0)


def test_cycle_is_named_after_its_scheduled_second() -> None:
    """In UTC, to the second, readable."""
    assert CycleId("20261122T101500Z") == cycle_id_at(Instant(1_795_342_500))


def test_run_of_an_event_is_named_after_its_instant_and_what_woke_it() -> None:
    """So it is never the cycle of the tick of the same second, and has no place in the order of ticks."""
    run_id = run_id_at(Instant(1_795_342_500), "flatten")

    assert CycleId("20261122T101500Z-flatten") == run_id
    assert (True, False) == (is_tick_id(cycle_id_at(Instant(1_795_342_500))), is_tick_id(run_id))


def test_two_events_of_one_second_wake_two_runs() -> None:
    """And a repeated delivery of one of them names the same run."""
    one, other = (run_id_at(Instant(1_795_342_500), "switch", each) for each in ("6a7e8feb", "0c1d2e3f"))

    assert one != other
    assert one == run_id_at(Instant(1_795_342_500), "switch", "6a7e8feb")
    assert one.startswith("20261122T101500Z-switch.")


def test_day_begins_at_midnight_utc() -> None:
    """One second decides which day a loss belongs to."""
    midnight = Instant(1_795_392_000)

    assert ("2026-11-22", "2026-11-23") == (utc_day(Instant(midnight - 1)), utc_day(midnight))


def test_week_begins_on_monday_utc() -> None:
    """The 22nd of November 2026 is a Sunday."""
    monday = Instant(1_795_392_000)

    assert ("2026-W47", "2026-W48") == (utc_week(Instant(monday - 1)), utc_week(monday))


def test_week_over_new_year_belongs_to_one_year() -> None:
    """Friday, 1 January 2027, is in the last week of 2026."""
    assert "2026-W53" == utc_week(Instant(1_798_761_600))


def test_instant_is_written_as_the_venue_reads_it() -> None:
    """RFC 3339 with a Z."""
    assert "2026-11-22T10:15:00Z" == rfc3339(Instant(1_795_342_500))


def test_same_decision_has_the_same_id_in_every_release() -> None:
    """Pinned: if this text changes, orders in flight over an upgrade are sent twice."""
    assert "t247-af2c9495dbf31637f33818770d21" == client_order_id("t247-", *DECISION)


@pytest.mark.parametrize("part", range(len(DECISION)))
def test_id_differs_if_any_part_of_the_decision_differs(part: int) -> None:
    """Each of its parts counts."""
    other = [*DECISION[:part], "another", *DECISION[part + 1 :]]

    assert client_order_id("t247-", *DECISION) != client_order_id("t247-", *other)


def test_parts_do_not_run_into_one_another() -> None:
    """Where one part ends and the next begins is part of the decision."""
    assert client_order_id("p-", "ab", "c") != client_order_id("p-", "a", "bc")


def test_id_fits_what_the_venue_accepts() -> None:
    """The longest prefix and 28 hexadecimal digits are 44 characters."""
    assert 44 == len(client_order_id("abcdefghijklmno-", *DECISION))
