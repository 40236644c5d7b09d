"""PAPER at the HTTP sandbox against the backtest of the same candles. ``make same-as-live``; SEED, LIVE_TICKS.

Both engines replay the instants of a play's ticks and looks. Every run of the exhaustive one must be the play's: what
was decided, sent and filled, every note of the journal, each field of the books before and after. The screened one must
be at the ticks that it runs, and leave the same books. Answers that a fault lay under are given to the replay as the
play got them, at their own question, and nothing else is: so a fault explains what follows from such answers, no more.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from desk.backtest.engines import run_exhaustive, run_screened
from desk.backtest.fault_record import FaultRecord
from desk.backtest.tally import Tally
from desk.backtest.world import Recorded, World
from desk.in_memory import InMemoryAuditLog
from simulation.backtest.comparison import SCREENS
from simulation.backtest.live_markets import draw_live_market, read_live_market
from simulation.backtest.paper_play import PaperPlay, Run, play_paper
from simulation.backtest.run_comparison import compare_books, compare_reports, compare_values
from trader.cycle.report import CycleReport
from trader.model.ids import Instant

TICKS = 2000
_SHOWN = 20


@dataclass(frozen=True)
class Found:
    """What a replay came to: what differs, and how many runs differ from one that knows of no fault."""

    unexplained: list[str]
    explained: int


class SeenWorld(World):
    """A world that keeps what each of its runs did, the looks at which nothing was due among them."""

    def __init__(self, recorded: Recorded, faults: FaultRecord, *, keeps_record: bool) -> None:
        super().__init__(recorded, faults=faults)
        self.reports: dict[tuple[Instant, bool], CycleReport] = {}
        if keeps_record:
            self.ports = replace(self.ports, audit=InMemoryAuditLog())

    def run(self, scheduled: Instant, start: Instant | None = None) -> CycleReport:
        """Run a tick, and keep its report."""
        report = super().run(scheduled, start)
        self.reports[self.clock.now(), False] = report
        return report

    def watch(self, at: Instant) -> CycleReport:
        """Look, and keep the report."""
        report = self.reports[at, True] = super().watch(at)
        return report


def compare_play(recorded: Recorded, play: PaperPlay) -> Found:
    """Replay a play by both engines, and without its faults; say what differs."""
    found = [*_compare_exhaustive(recorded, play, play.record), *_compare_screened(recorded, play)]
    without = {each.partition(":")[0] for each in _compare_exhaustive(recorded, play, FaultRecord())}
    return Found(found, len(without - {each.partition(":")[0] for each in found}))


def _compare_exhaustive(recorded: Recorded, play: PaperPlay, faults: FaultRecord) -> Iterator[str]:
    world = SeenWorld(recorded, faults, keeps_record=True)
    run_exhaustive(world, play.schedule(), lambda *_: None)
    for run in play.runs:
        for each in _compare_runs(run, world, has_journal=True):
            yield f"{_name(run)}: {each}"
    for each in _compare_ends(play, world):
        yield f"at the end: {each}"


def _compare_screened(recorded: Recorded, play: PaperPlay) -> Iterator[str]:
    world = SeenWorld(recorded, play.record, keeps_record=False)
    theirs = run_screened(world, recorded, play.schedule(), SCREENS, lambda *_: None, [play.record])
    ours = Tally()
    for run in play.runs:
        if run.report is not None and not run.is_watch:
            ours.add(run.report)
        if (run.start, run.is_watch) in world.reports:
            for each in _compare_runs(run, world, has_journal=False):
                yield f"screened, {_name(run)}: {each}"
    for each in (*_compare_ends(play, world), *compare_values("days", ours.by_date(), theirs.by_date())):
        yield f"screened, at the end: {each}"


def _compare_runs(run: Run, world: SeenWorld, *, has_journal: bool) -> Iterator[str]:
    other = world.reports.get((run.start, run.is_watch))
    if run.report is None or other is None:
        yield f"made by one only, or failed {run.error}"
    else:
        yield from compare_reports(run.report, other, has_journal=has_journal)


def _compare_ends(play: PaperPlay, world: World) -> Iterator[str]:
    yield from compare_books("at the end", play.ledger, world.ledger)
    yield from compare_values("fills", play.fills, world.store.fills)
    yield from compare_values("finished orders", play.finished, world.store.finished)


def _name(run: Run) -> str:
    return f"{'look' if run.is_watch else 'tick'} at {run.start}"


def describe_play(seed: int, play: PaperPlay, found: Found) -> str:
    """Write the line a play ends with."""
    looks = sum(each.is_watch for each in play.runs)
    decisions = sum(each.report is not None and each.report.decision is not None for each in play.runs)
    unexplained = {each.partition(":")[0] for each in found.unexplained}
    return (
        f"seed={seed} ticks={len(play.runs) - looks} looks={looks} faults={play.played.total()} "
        f"orders={len(play.list_orders())} fills={len(play.fills)} decisions={decisions} "
        f"different={len(found.unexplained)} explained={found.explained} unexplained={len(unexplained)}"
    )


def main() -> int:
    """Play, replay, compare; print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--ticks", type=int, default=TICKS)
    parser.add_argument("--no-faults", action="store_true", help="nothing goes wrong at the venue")
    parser.add_argument("--recorded", action="store_true", help="on recorded minutes, not on drawn ones")
    parser.add_argument("--folder", type=Path, help="keep what the play wrote here")
    told = parser.parse_args()
    market = read_live_market() if told.recorded else draw_live_market(told.seed, told.ticks)
    chance, begun = None if told.no_faults else random.Random(f"same as live/{told.seed}"), time.process_time()
    with tempfile.TemporaryDirectory() as scratch:
        play = play_paper(market, told.ticks, told.folder or Path(scratch), chance)
    played = time.process_time()
    found = compare_play(market.recorded, play)
    for line in found.unexplained[:_SHOWN]:
        print(f"DIFFERENT {line}")
    print(f"faults: {', '.join(f'{name} {count}' for name, count in sorted(play.played.items()) if count) or 'none'}")
    print(f"seconds of CPU: {played - begun:.0f} played, {time.process_time() - played:.0f} replayed three times")
    print(describe_play(told.seed, play, found))
    return int(bool(found.unexplained) or not play.fills)


if __name__ == "__main__":
    sys.exit(main())
