"""Ids follow from decisions and instants, and from nothing else."""

import pytest

from trader.model.ids import CycleId, Instant, client_order_id, cycle_id_at, instant_of, rfc3339, utc_day, utc_week

DECISION = ("PAPER#main", "20261122T101500Z", "rules_engine", "SOL-USD", "BUY", "ENTRY", 0)


def test_cycle_is_named_after_its_scheduled_second() -> None:
    """In UTC, to the second, readable."""
    assert CycleId("20261122T101500Z") == cycle_id_at(Instant(1_795_342_500))


def test_cycle_id_leads_back_to_its_instant() -> None:
    """A record can be put back in time from its name alone."""
    at = Instant(1_795_342_500)

    assert at == instant_of(cycle_id_at(at))


def test_text_that_is_no_cycle_id_is_refused() -> None:
    """A date without a time names no cycle."""
    with pytest.raises(ValueError, match="20261122"):
        instant_of(CycleId("20261122"))


def test_day_begins_at_midnight_utc() -> None:
    """One second decides which day a loss belongs to."""
    midnight = instant_of(CycleId("20261123T000000Z"))

    assert ("2026-11-22", "2026-11-23") == (utc_day(Instant(midnight - 1)), utc_day(midnight))


def test_week_begins_on_monday_utc() -> None:
    """The 22nd of November 2026 is a Sunday."""
    monday = instant_of(CycleId("20261123T000000Z"))

    assert ("2026-W47", "2026-W48") == (utc_week(Instant(monday - 1)), utc_week(monday))


def test_week_over_new_year_belongs_to_one_year() -> None:
    """Friday, 1 January 2027, is in the last week of 2026."""
    assert "2026-W53" == utc_week(instant_of(CycleId("20270101T000000Z")))


def test_instant_is_written_as_the_venue_reads_it() -> None:
    """RFC 3339 with a Z."""
    assert "2026-11-22T10:15:00Z" == rfc3339(instant_of(CycleId("20261122T101500Z")))


def test_same_decision_has_the_same_id_in_every_release() -> None:
    """Pinned: if this text changes, orders in flight over an upgrade are sent twice."""
    assert "t247-af2c9495dbf31637f33818770d21" == client_order_id("t247-", *DECISION)


@pytest.mark.parametrize("part", range(len(DECISION)))
def test_id_differs_if_any_part_of_the_decision_differs(part: int) -> None:
    """Scope, cycle, strategy, product, side, leg and attempt each count."""
    other = [*DECISION[:part], "another", *DECISION[part + 1 :]]

    assert client_order_id("t247-", *DECISION) != client_order_id("t247-", *other)


def test_parts_do_not_run_into_one_another() -> None:
    """Where one part ends and the next begins is part of the decision."""
    assert client_order_id("p-", "ab", "c") != client_order_id("p-", "a", "bc")


def test_id_fits_what_the_venue_accepts() -> None:
    """The longest prefix and 28 hexadecimal digits are 44 characters."""
    assert 44 == len(client_order_id("abcdefghijklmno-", *DECISION))
