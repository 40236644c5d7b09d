"""When ticks and looks come."""

from __future__ import annotations

from desk.backtest.schedule import Schedule, plan_schedule
from trader.model.ids import Instant


def test_tick_comes_every_period_and_a_look_at_every_other_minute() -> None:
    """From the first to the last instant, both included."""
    found = plan_schedule(Instant(600), Instant(1200), 300, watches=True)

    assert [600, 900, 1200] == list(found.ticks) == list(found.starts)
    assert [660, 720, 780, 840, 960, 1020, 1080, 1140] == list(found.watches)


def test_nobody_looks_at_the_instant_of_a_tick_wherever_ticks_begin() -> None:
    """A start that is no multiple of the period; and one within a minute."""
    found = plan_schedule(Instant(660), Instant(1260), 300, watches=True)
    odd = plan_schedule(Instant(630), Instant(930), 300, watches=True)

    assert not {*found.ticks} & {*found.watches}
    assert [660, 960, 1260] == list(found.ticks)
    assert [660, 720, 780, 840, 900] == list(odd.watches)


def test_late_and_missed_ticks_are_odd() -> None:
    """And so is the one after a gap."""
    found = plan_schedule(Instant(0), Instant(1500), 300, late={Instant(600): 45}, missed=[Instant(900)])

    assert [0, 300, 600, 1200, 1500] == list(found.ticks)
    assert [0, 300, 645, 1200, 1500] == list(found.starts)
    assert [2, 3] == found.list_odd(300)


def test_ticks_on_time_begin_at_their_instants() -> None:
    """Any instants, from anything that gives them."""
    found = Schedule.on_time(Instant(at) for at in (60, 360))

    assert ((60, 360), (60, 360), ()) == (found.ticks, found.starts, found.watches)
