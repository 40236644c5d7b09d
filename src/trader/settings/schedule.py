"""When a strategy is asked: in every cycle, every so many minutes, or once a day from a time of the clock on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from trader.model.ids import Instant
from trader.settings.bounds import Between, Count, Matching

_DAY, _HOUR, _MINUTE = 86400, 3600, 60
#: So long after its time of the clock a day's decision may still be made, unless the settings say otherwise.
CATCH_UP_HOURS = 12

ClockTime = Annotated[
    str, Matching("([01][0-9]|2[0-3]):[0-5][0-9]", 'a time of the UTC clock in quotes, such as "00:10"')
]


@dataclass(frozen=True, slots=True)
class ScheduleSettings:
    """The turns of a strategy. ``every_minutes`` is their pace, 0 is every cycle; ``at`` is a time of the UTC clock.

    From ``at`` on the strategy is due until it has decided for that day, for ``catch_up_hours`` at most (12 if nothing
    is said); then the day's turn is missed.
    """

    every_minutes: Count = 0
    at: ClockTime | None = None
    catch_up_hours: Annotated[int, Between("1", "23")] | None = None

    def __post_init__(self) -> None:
        """Refuse two schedules at once, and hours that nothing is caught up in."""
        if self.at is not None and self.every_minutes:
            raise ValueError(f"every_minutes {self.every_minutes} and at {self.at}; allowed is one of the two")
        if self.at is None and self.catch_up_hours is not None:
            raise ValueError(f"catch_up_hours {self.catch_up_hours} without at; allowed is beside at only")

    @property
    def catch_up_seconds(self) -> int:
        """For how long a day's turn can be made up for. Units: seconds."""
        return (CATCH_UP_HOURS if self.catch_up_hours is None else self.catch_up_hours) * _HOUR

    def is_due(self, last: Instant | None, now: Instant) -> bool:
        """Whether its turn has come, when the *last* one was used up, or missed, then."""
        if self.at is None:
            return last is None or now - last >= self.every_minutes * _MINUTE
        opened = self._find_opening(now)
        return now - opened < self.catch_up_seconds and (last is None or last < opened)

    def is_last_chance(self, now: Instant, period_seconds: int) -> bool:
        """Whether no later tick of this schedule can make up for the day's turn."""
        return self.at is not None and now + period_seconds - self._find_opening(now) >= self.catch_up_seconds

    def find_missed(self, last: Instant | None, now: Instant) -> Instant | None:
        """Return when the newest turn was over that nobody used; None if none was missed since the *last* one."""
        if self.at is None:
            return None
        opened = self._find_opening(Instant(now - self.catch_up_seconds))
        return Instant(opened + self.catch_up_seconds) if last is None or last < opened else None

    def find_next(self, last: Instant | None, now: Instant) -> Instant:
        """Return the first instant from *now* on at which it is due, or at which a turn is found to be missed."""
        if self.at is None:
            return now if last is None else Instant(max(now, last + self.every_minutes * _MINUTE))
        if self.is_due(last, now) or self.find_missed(last, now) is not None:
            return now
        return Instant(self._find_opening(now) + _DAY)

    def _find_opening(self, now: Instant) -> Instant:
        """Return the newest instant up to *now* at which the clock shows the time."""
        assert self.at is not None
        hours, minutes = map(int, self.at.split(":"))
        offset = hours * _HOUR + minutes * _MINUTE
        return Instant((now - offset) // _DAY * _DAY + offset)


EVERY_CYCLE = ScheduleSettings()
