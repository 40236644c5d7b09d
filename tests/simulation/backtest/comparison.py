"""Runs a market by both engines and names what differs: books, fills, orders, verdicts, ticks that were told of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields

from desk.backtest.advance import MADE_ANEW
from desk.backtest.disturbances import Disturbance
from desk.backtest.engines import run_exhaustive, run_screened
from desk.backtest.schedule import Schedule
from desk.backtest.screen.strategies import Screens, StrategyScreen
from desk.backtest.tally import Tally
from desk.backtest.world import Recorded, World
from desk.bench import breakout_screen
from trader.cycle.report import CycleReport
from trader.model.decisions import Decision
from trader.model.ledger import Ledger

SCREENS: dict[str, StrategyScreen] = {"breakout": breakout_screen.assess}


@dataclass
class Played:
    """One engine's run: its world, its counts, and of each tick it told of books and decision."""

    world: World
    tally: Tally = field(default_factory=Tally)
    books: dict[str, tuple[Ledger | None, Ledger | None]] = field(default_factory=dict)
    decisions: dict[str, Decision | None] = field(default_factory=dict)

    def note(self, _: int, report: CycleReport) -> None:
        """Keep what a tick, or a look, found, decided and left."""
        self.books[report.tick.cycle_id] = report.before, report.after
        self.decisions[report.tick.cycle_id] = report.decision


def play(
    recorded: Recorded, schedule: Schedule, screens: Screens | None, disturbances: Sequence[Disturbance] = ()
) -> Played:
    """Run one engine: the screened one with these screens, the exhaustive one without any."""
    played = Played(World(recorded, disturbances))
    if screens is None:
        played.tally = run_exhaustive(played.world, schedule, played.note)
    else:
        played.tally = run_screened(played.world, recorded, schedule, screens, played.note, disturbances)
    return played


def find_differences(truth: Played, other: Played) -> list[str]:
    """Name everything by which a run differs from that of every tick."""
    theirs = other.tally.by_date()
    found = [f"day {day}" for day, line in truth.tally.by_date().items() if theirs.get(day) != line]
    found += [name for name in ("ticks", "watches") if getattr(truth.tally, name) != getattr(other.tally, name)]
    found += [f"tick {tick} was told of by one" for tick in sorted(truth.books.keys() ^ other.books.keys())]
    for name in ("fills", "finished", "epoch", "version"):
        if getattr(truth.world.store, name) != getattr(other.world.store, name):
            found.append(name)
    for tick in sorted(truth.books.keys() & other.books.keys()):
        for when, one, another in zip(("before", "after"), truth.books[tick], other.books[tick], strict=True):
            found += [f"{name} {when} tick {tick}" for name in compare_books(one, another)]
    last = compare_books(truth.world.ledger, other.world.ledger)
    return [*found, *(f"{name} at the end" for name in last)]


def compare_books(ours: Ledger | None, theirs: Ledger | None) -> Iterator[str]:
    """Name the fields in which two ledgers differ, but for those that every tick writes anew."""
    for each in fields(Ledger):
        if each.name not in MADE_ANEW and getattr(ours, each.name, None) != getattr(theirs, each.name, None):
            yield each.name
