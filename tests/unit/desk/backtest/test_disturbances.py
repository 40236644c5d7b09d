"""Which ticks and looks cannot be foreseen."""

from __future__ import annotations

from desk.backtest.disturbances import Disturbance, Trouble, list_doubtful
from desk.backtest.schedule import plan_schedule
from trader.model.ids import Instant


def _list_doubtful(*spans: tuple[int, int]) -> tuple[list[int], list[int]]:
    schedule = plan_schedule(Instant(0), Instant(1500), 300, watches=True)
    troubles = [Disturbance(Trouble.OUTAGE, Instant(begin), Instant(end)) for begin, end in spans]
    ticks, looks = list_doubtful(schedule, troubles)
    return ticks, sorted(looks)


def test_nothing_is_doubtful_without_trouble() -> None:
    """Nor in one that lies between two instants."""
    assert ([], []) == _list_doubtful()
    assert ([], []) == _list_doubtful((301, 359))


def test_what_follows_a_tick_in_trouble_is_doubtful_until_the_next_one() -> None:
    """The tick at 300, the looks after it, and the tick at 600, which sees all there was."""
    assert ([1, 2], [360, 420, 480, 540]) == _list_doubtful((300, 301))


def test_what_follows_a_look_in_trouble_is_doubtful_until_the_next_tick() -> None:
    """The look at 420, the two after it, and the tick at 600; nothing before it."""
    assert ([2], [420, 480, 540]) == _list_doubtful((420, 421))


def test_trouble_over_ticks_is_doubtful_until_a_tick_without() -> None:
    """From 480 to 900: the tick at 1200 is the first that sees all."""
    ticks, looks = _list_doubtful((480, 901))

    assert [2, 3, 4] == ticks
    assert [480, 540, *range(660, 900, 60), *range(960, 1200, 60)] == looks
