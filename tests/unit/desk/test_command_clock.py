"""What the tries of the command clock come to: the plan, the limits, the last line, the page."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from queue import Queue
from threading import Event
from typing import cast

import pytest

from desk.drill.clock_tries import ANSWERS, Ended, Try, Way, plan_tries
from desk.drill.clock_world import ClockWorld
from desk.drill.command_clock import Verdict, run_waiting, write_page

IDLE = Try(Way.SWITCH, 0.05, 1, runs=False, seed=1)
BUSY = replace(IDLE, runs=True)
FLAT = Ended(IDLE, 2.0, left=0, missing=0, booked=0, working=0)


class World:
    """A world whose every try ends flat, after some time."""

    def __init__(self, seconds: float = 0.0) -> None:
        self._seconds, self.over = seconds, Event()

    def play(self, attempt: Try) -> Ended:
        time.sleep(self._seconds)
        return replace(FLAT, attempt=attempt)


def a_queue(tries: Sequence[Try]) -> Queue[Try]:
    waiting = Queue[Try]()
    for attempt in tries:
        waiting.put(attempt)
    return waiting


def play(world: World, waiting: Queue[Try], until: float = math.inf) -> list[Ended]:
    return run_waiting(cast("ClockWorld", world), waiting, until, say=lambda _: None)


def test_half_of_each_kind_meets_a_tick() -> None:
    """Fifty of each way and answer with one lot, four with three."""
    tries = plan_tries(50, 4, ANSWERS)

    kinds = Counter((each.way, each.delay, each.lots, each.runs) for each in tries)
    assert {(way, delay, 1, runs): 25 for way in Way for delay in ANSWERS for runs in (False, True)} | {
        (way, delay, 3, runs): 2 for way in Way for delay in ANSWERS for runs in (False, True)
    } == kinds


def test_every_try_is_played_once() -> None:
    """By whichever of two worlds is free; then nothing waits."""
    tries = plan_tries(4, 1, ANSWERS)
    waiting = a_queue(tries)

    with ThreadPoolExecutor(2) as pool:
        ended = [each for hand in [pool.submit(play, World(0.01), waiting) for _ in range(2)] for each in hand.result()]

    assert sorted(map(str, tries)) == sorted(str(each.attempt) for each in ended)
    assert [] == play(World(), waiting)


def test_what_is_not_begun_in_time_is_a_failure() -> None:
    """The time is over with the first try; nobody calls the rest flat."""
    tries = plan_tries(2, 0, [0.05])

    ended = play(World(0.2), a_queue(tries), time.time() + 0.1)

    assert 1 == len(ended)
    assert not Verdict(ended, (), len(tries)).is_good


def test_nothing_begins_when_another_world_has_failed() -> None:
    """Whoever failed has said that all is over."""
    world = World()
    world.over.set()

    assert [] == play(world, a_queue([IDLE]))


@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        pytest.param(FLAT, True, id="flat"),
        pytest.param(replace(FLAT, seconds=900.0), True, id="late is not judged"),
        pytest.param(replace(FLAT, seconds=None), False, id="nothing sold"),
        pytest.param(replace(FLAT, left=1), False, id="coins left"),
        pytest.param(replace(FLAT, booked=1), False, id="sold and not booked"),
        pytest.param(replace(FLAT, working=1), False, id="an order still works"),
        pytest.param(replace(FLAT, missing=1), False, id="a coin of the owner is gone"),
    ],
)
def test_limits(ended: Ended, expected: bool) -> None:
    """They are on counts, whichever way the function was invoked."""
    verdicts = [Verdict([FLAT, ended], (), 2).is_good, Verdict([FLAT], [ended], 2).is_good]

    assert [expected, expected] == verdicts


def test_last_line_has_times_of_one_lot() -> None:
    """Of each way and answer; those of three lots stand on the page, those by SAM by themselves."""
    ended = [
        FLAT,
        replace(FLAT, attempt=BUSY, seconds=4.0, came_again=True),
        replace(FLAT, attempt=replace(IDLE, lots=3), seconds=99.0),
        replace(FLAT, attempt=replace(IDLE, way=Way.BUS, delay=1.0), seconds=None, left=1),
    ]

    line = str(Verdict(ended, [replace(FLAT, seconds=12.0)], 5))

    assert (
        "tries=5 planned=5 flat=4 oversold=0 came_again=1 tick_running=1 "
        "switch_50ms_p50=3.0 switch_50ms_max=4.0 sam_p50=12.0 sam_max=12.0"
    ) == line


def test_page_has_a_row_for_each_kind() -> None:
    """One that is not flat is told; where no tick ran there is no time."""
    bus = replace(IDLE, way=Way.BUS, delay=1.0)
    ended = [FLAT, replace(FLAT, attempt=BUSY, seconds=4.0), replace(FLAT, attempt=bus, seconds=None, left=1)]

    page = write_page(Verdict(ended, [FLAT], 4), 600, 8)

    assert "4 tries in 10 minutes, 3 of them flat, 0 oversold" in page
    assert "| `ssm put-parameter`, FLATTEN | 0.05 s | 1 | 2 | 2 | 3.0 | 4.0 | 4.0 | 4.0 |" in page
    assert "| `events put-events`, `flatten` | 1 s | 1 | 1 | 0 | - | - | - | - |" in page
    assert "| `ssm put-parameter`, FLATTEN, by `sam local invoke` | 0.05 s | 1 | 1 | 1 | 2.0 | 2.0 | - | - |" in page
