"""When a strategy is asked: at a pace, or once a day from a time of the clock on."""

from __future__ import annotations

from typing import Any

import pytest

from architecture.tree import ROOT
from factories_settings import shipped_trees, with_override
from trader.adapters.config.files import load_settings, parse_settings
from trader.errors import ConfigError
from trader.model.ids import Instant, StrategyId
from trader.settings.schedule import EVERY_CYCLE, ScheduleSettings

DAY = 86_400
#: 2025-01-02, 00:10 UTC.
TEN_PAST = Instant(1_735_776_600)
DAILY = ScheduleSettings(at="00:10", catch_up_hours=12)
OVER = Instant(TEN_PAST + 12 * 3600)


def at(seconds: int) -> Instant:
    return Instant(TEN_PAST + seconds)


@pytest.mark.parametrize("last", [None, at(0)])
def test_without_a_schedule_it_is_due_in_every_cycle(last: Instant | None) -> None:
    """Also twice at one instant."""
    assert EVERY_CYCLE.is_due(last, at(0))


@pytest.mark.parametrize(
    ("now", "last", "due"),
    [
        (at(-1), None, False),
        (at(0), None, True),
        (at(0), at(-DAY), True),
        (at(0), at(-1), True),
        (at(300), at(0), False),
        (at(12 * 3600 - 1), at(-DAY), True),
        (OVER, at(-DAY), False),
        (at(DAY), at(300), True),
    ],
)
def test_daily_strategy_is_due_from_its_time_on_until_it_has_decided(
    now: Instant, last: Instant | None, due: bool
) -> None:
    """For twelve hours, then the day is gone."""
    assert due is DAILY.is_due(last, now)


@pytest.mark.parametrize(
    ("now", "last", "missed"),
    [
        (at(12 * 3600 - 1), at(-DAY), None),
        (OVER, at(-DAY), OVER),
        (OVER, at(0), None),
        (at(20 * 3600), at(-DAY), OVER),
        (at(20 * 3600), OVER, None),
        # The next day's turn is not the one that was missed.
        (at(DAY), at(-DAY), OVER),
        (at(DAY), OVER, None),
        (at(5 * DAY), at(0), Instant(OVER + 4 * DAY)),
    ],
)
def test_turn_is_missed_when_its_hours_are_over(now: Instant, last: Instant, missed: Instant | None) -> None:
    """The newest of them is said, and none twice."""
    assert missed == DAILY.find_missed(last, now)


@pytest.mark.parametrize(
    ("now", "last", "following"),
    [
        (at(-60), at(-DAY), at(0)),
        (at(60), at(-DAY), at(60)),
        (at(60), at(0), at(DAY)),
        (at(13 * 3600), at(-DAY), at(13 * 3600)),
        (at(13 * 3600), OVER, at(DAY)),
    ],
)
def test_next_turn_is_when_it_is_due_or_missed(now: Instant, last: Instant, following: Instant) -> None:
    """No instant between says anything else."""
    assert following == DAILY.find_next(last, now)
    for instant in range(now, following, 1800):
        assert not DAILY.is_due(last, Instant(instant)), instant
        assert DAILY.find_missed(last, Instant(instant)) is None, instant


def test_pace_has_its_next_turn_after_its_minutes() -> None:
    """And at once if it never had one."""
    paced = ScheduleSettings(every_minutes=15)

    assert (at(900), at(0)) == (paced.find_next(at(0), at(300)), paced.find_next(None, at(0)))


@pytest.mark.parametrize(("now", "last"), [(12 * 3600 - 301, False), (12 * 3600 - 300, True)])
def test_last_chance_is_the_tick_after_which_the_hours_are_over(now: int, last: bool) -> None:
    """Ticks of five minutes."""
    assert last is DAILY.is_last_chance(at(now), 300)


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        ({"at": "00:10", "every_minutes": 15}, "schedule: every_minutes 15 and at 00:10; allowed is one of the two"),
        ({"catch_up_hours": 3}, "schedule: catch_up_hours 3 without at; allowed is beside at only"),
        ({"at": "24:00"}, "schedule.at: 24:00 has the wrong shape; allowed is a time of the UTC clock in quotes"),
        ({"at": 10}, "schedule.at: 10 is a number; allowed is a time of the UTC clock"),
        ({"at": "00:10", "catch_up_hours": 24}, "schedule.catch_up_hours: 24 is out of range; allowed is 1 to 23"),
        ({"each": 15}, "schedule.each: unknown key"),
        ({"every_minutes": 4}, "schedule.every_minutes: 4 never decides"),
    ],
)
def test_schedule_that_cannot_be_is_refused_in_words(schedule: dict[str, Any], said: str) -> None:
    """With the key path and what is allowed."""
    with pytest.raises(ConfigError) as refused:
        parse_settings(with_override(shipped_trees(), "strategies.rules_engine.schedule", schedule))

    assert said in str(refused.value)


def test_hours_that_may_be_over_before_the_next_tick_are_refused() -> None:
    """A day could pass without a chance."""
    trees = with_override(shipped_trees(), "strategies.rules_engine.schedule", {"at": "00:10", "catch_up_hours": 1})
    trees = with_override(trees, "cycle.period_seconds", 7200)

    with pytest.raises(ConfigError, match=r"schedule.catch_up_hours: 1 may be over before the next tick"):
        parse_settings(trees)


def test_pace_of_an_earlier_release_is_told_its_new_name() -> None:
    """It stood beside the weight."""
    trees = with_override(shipped_trees(), "strategies.mean_reversion.every_minutes", 15)

    with pytest.raises(ConfigError, match=r"every_minutes: is called strategies.mean_reversion.schedule.every_minutes"):
        parse_settings(trees)


def test_schedule_may_be_changed_where_no_file_says_it() -> None:
    """As a sweep does; a key that there is none of is refused all the same."""
    path = "strategies.rules_engine.schedule.every_minutes"

    changed = load_settings(ROOT / "config", {}, {path: 30}).settings

    assert ScheduleSettings(every_minutes=30) == changed.strategies[StrategyId("rules_engine")].schedule
    with pytest.raises(ConfigError, match=r"strategies.rules_engine.pace: unknown key"):
        load_settings(ROOT / "config", {}, {"strategies.rules_engine.pace.every_minutes": 30})
