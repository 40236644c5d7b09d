"""What a run counts: ticks, how many of them were run and were not quiet, and a line a day."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from desk.backtest.quiet import is_quiet
from trader.cycle.report import CycleReport
from trader.model.ids import Instant
from trader.model.ledger import Ledger
from trader.model.money import Notional

#: Seconds of a day; days are counted since 1970.
DAY_SECONDS = 86_400


@dataclass
class DayLine:
    """One UTC day: the equity as it was last known in it, and how often what was said of a product."""

    equity: Notional | None = None
    verdicts: Counter[str] = field(default_factory=Counter)


@dataclass
class Tally:
    """The counts of a run. ``watches`` are the looks between ticks that found something due."""

    ticks: int = 0
    exact: int = 0
    notable: int = 0
    watches: int = 0
    days: defaultdict[int, DayLine] = field(default_factory=lambda: defaultdict(DayLine))

    @property
    def verdicts(self) -> Counter[str]:
        """How often what was said of a product, over the whole run: an outcome, or the code of a denial."""
        return sum((each.verdicts for each in self.days.values()), Counter())

    def add(self, report: CycleReport) -> bool:
        """Count a tick that was run; returns whether it was anything but quiet."""
        self.ticks, self.exact = self.ticks + 1, self.exact + 1
        at = report.tick.scheduled_at
        if report.decision is not None:
            counts = ((each.code or each.outcome).value for each in report.decision.verdicts)
            self.days[at // DAY_SECONDS].verdicts.update(counts)
        if report.after is not None:
            self.note_equity(at, report.after)
        is_notable = not is_quiet(report)
        self.notable += is_notable
        return is_notable

    def note_equity(self, at: Instant, ledger: Ledger) -> None:
        """Keep the equity that books know after a tick; a later one of the same day takes its place."""
        marks = ledger.equity_marks
        if marks is not None and marks.last is not None:
            self.days[at // DAY_SECONDS].equity = marks.last.equity

    def add_skipped(self, ticks: int, verdicts: Mapping[int, Counter[str]]) -> None:
        """Count ticks that were not run, and what would have been said in them, by day."""
        self.ticks += ticks
        for day, counts in verdicts.items():
            self.days[day].verdicts += counts

    def by_date(self) -> Mapping[date, DayLine]:
        """Return the lines under their dates, in order."""
        return {datetime.fromtimestamp(day * DAY_SECONDS, UTC).date(): self.days[day] for day in sorted(self.days)}
