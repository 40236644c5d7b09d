"""Count the ticks until all is sold, at a venue that answers late, of a function that is killed when its time is over.

The function is the one that runs in Lambda, in LIVE and on a real clock, against AWS by moto and the simulated venue
over HTTP. Each case has a venue, books and a kill switch of its own. They run side by side: what they do is wait.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path

from desk.drill.function_process import KILLED, Invoked
from desk.drill.slow_world import Case, Delayed, Left, Stage, open_stage, open_world
from trader.cycle import CycleOutcome
from trader.model.trading_state import TradingState

_CONFIG = Path(__file__).parents[3] / "config"

DELAYS, LOTS = (0.2, 1.0, 2.0, 3.0, 5.0, 8.0), (1, 8)
REASONS = {
    TradingState.FLATTEN: "FLATTEN",
    TradingState.RUN: "time, RUN",
    TradingState.REDUCE_ONLY: "time, REDUCE_ONLY",
}
_REQUESTS = {Delayed.ALL: "all", Delayed.POST: "POST", Delayed.GET: "GET", Delayed.THIRD: "one in three"}

#: A case that is not flat after so many ticks is given up, and counts as one more.
TICKS_MAX = 4
#: By the number of lots, how many ticks it may take to be flat if no answer takes longer than the limited delay.
TICKS_ALLOWED = {1: 1, 8: 2}
LIMITED_DELAY = 5.0

_MINUTES, _AT_ONCE = 15, 48
# Setting a case up is work, not waiting, and there are few processors.
_SETTING_UP_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Ticked:
    """One tick: how the invocation ended, and what it left."""

    invoked: Invoked
    left: Left

    @property
    def is_silent(self) -> bool:
        """Whether it said COMPLETED while a lot that was due was neither sold nor being sold."""
        return self.invoked.outcome == CycleOutcome.COMPLETED and self.left.unsold > 0

    def __str__(self) -> str:
        said, left = self.invoked.said[-200:], self.left
        return f"{self.invoked.outcome} after {self.invoked.seconds:.0f} s, {left}{', ' if said else ''}{said}"


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of a case."""

    case: Case
    ticks: tuple[Ticked, ...] = ()

    @property
    def is_flat(self) -> bool:
        """Whether no lot is left, neither at the venue nor in the books."""
        return bool(self.ticks) and not self.ticks[-1].left.held and not self.ticks[-1].left.booked

    @property
    def ticks_needed(self) -> int:
        """After how many ticks it was flat; one more than are tried if it never was."""
        return len(self.ticks) if self.is_flat else TICKS_MAX + 1

    @property
    def killed(self) -> int:
        """How many of its invocations were killed."""
        return sum(tick.invoked.outcome == KILLED for tick in self.ticks)

    @property
    def silent(self) -> int:
        """How many of its ticks left an exit in silence."""
        return sum(tick.is_silent for tick in self.ticks)

    @property
    def bare(self) -> int:
        """How many lots had no order at the venue at the end of a tick, all ticks together."""
        return sum(tick.left.bare for tick in self.ticks)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the cases come to. ``ticks``: the worst by number of lots, of limited delays; 0 where there is no case."""

    ticks: dict[int, int]
    silent: int
    killed: int
    bare: int
    cases: int

    @property
    def is_good(self) -> bool:
        """Whether all was sold within the ticks that are allowed, and no exit was left in silence."""
        return not self.silent and all(self.ticks[lots] <= allowed for lots, allowed in TICKS_ALLOWED.items())

    def __str__(self) -> str:
        return (
            f"ticks_1_lot={self.ticks[1]} ticks_8_lots={self.ticks[8]} completed_with_exit_left={self.silent} "
            f"killed={self.killed} bare={self.bare} cases={self.cases}"
        )


def assess(ended: Sequence[Ended]) -> Verdict:
    """Sum the cases up."""
    limited = [each for each in ended if each.case.delay <= LIMITED_DELAY]
    return Verdict(
        ticks={lots: max((e.ticks_needed for e in limited if e.case.lots == lots), default=0) for lots in LOTS},
        silent=sum(each.silent for each in ended),
        killed=sum(each.killed for each in ended),
        bare=sum(each.bare for each in ended),
        cases=len(ended),
    )


@dataclass
class SlowVenueDrill:
    """Cases side by side on one stage, each invocation killed after so many seconds. *say* is told of each tick."""

    stage: Stage
    time_out: float
    say: Callable[[str], None] = print
    _setting_up: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(_SETTING_UP_AT_ONCE))

    def run(self, cases: Sequence[Case], seconds: float, at_once: int = _AT_ONCE) -> list[Ended]:
        """Run the cases, the longest first; give up what is not done after so many seconds.

        Raises: RuntimeError if a case cannot be set up.
        """
        longest_first = sorted(cases, key=lambda case: -case.delay * (case.lots + 1))
        timer = threading.Timer(seconds, self.stage.over.set)
        timer.start()
        with ThreadPoolExecutor(at_once) as pool:
            try:
                futures = [pool.submit(self._play, f"slow-{number}", case) for number, case in enumerate(longest_first)]
                ended = [future.result() for future in as_completed(futures)]
            finally:
                timer.cancel()
                # If one case has failed, the others end at their next look.
                self.stage.over.set()
        return sorted(ended, key=lambda each: cases.index(each.case))

    def _play(self, name: str, case: Case) -> Ended:
        over, ended = self.stage.over, Ended(case)
        with open_world(case, name, self.stage) as world:
            with self._setting_up:
                if not over.is_set():
                    world.set_up()
            while not over.is_set() and not ended.is_flat and len(ended.ticks) < TICKS_MAX:
                world.wait_for_next_tick()
                tick = Ticked(world.invoke(self.time_out), world.look())
                if not over.is_set():
                    ended = Ended(case, (*ended.ticks, tick))
                    self.say(f"{case}: tick {len(ended.ticks)}: {tick}")
        return ended


_PAGE = """# A venue that answers late

Written by `make slow-venue`: {cases} cases in {minutes:.0f} minutes. The function is the one that runs in Lambda, in
LIVE with the shipped configuration, on a real clock, against AWS by moto and the simulated venue over HTTP, some of
whose answers come late. An invocation is killed when its time is over: after {time_out:g} s, as for a period of 5
minutes. Each tick has a process of its own, so it starts cold; it begins when the one before has ended and, if that was
killed, when its lease has run out.

A lot is sold because the kill switch says FLATTEN, or because it has been held for as long as it may, while the switch
says RUN or REDUCE_ONLY. The market is read as in every cycle; only the pace of entries forbids to buy.

**A number is how many ticks it took until all was sold and booked.** A column is a reason and a number of lots.

{table}

`>{ticks_max}`: not after {ticks_max} ticks, and given up. `k`: an invocation was killed. `c`: one said COMPLETED and
left an exit that was due neither done nor working. `b`: at the end of a tick a lot had no order at the venue, neither a
sale nor a bracket. `-`: not tried.

With answers after {limited:g} s or less, one lot may take {allowed[1]} tick and eight lots {allowed[8]}. There may
never be a `c`.
"""


def write_page(ended: Sequence[Ended], time_out: float, seconds: float) -> str:
    """Write what was found as a page: a row for delay and requests, a column for reason and lots."""
    found = {each.case: each for each in ended}
    columns = list(product(REASONS, LOTS))
    heads = ["answers after", "requests", *(f"{REASONS[word]}: {lots}" for word, lots in columns)]
    rows = [
        [f"{delay:g} s", _REQUESTS[delayed]]
        + [_cell(found.get(Case(delay, delayed, lots, word))) for word, lots in columns]
        for delay, delayed in product(DELAYS, Delayed)
    ]
    head, *body = (f"| {' | '.join(cells)} |" for cells in (heads, *rows))
    return _PAGE.format(
        cases=len(ended),
        minutes=seconds / 60,
        time_out=time_out,
        table="\n".join([head, "|--:|---|" + "--:|" * len(columns), *body]),
        ticks_max=TICKS_MAX,
        limited=LIMITED_DELAY,
        allowed=TICKS_ALLOWED,
    )


def _cell(ended: Ended | None) -> str:
    if ended is None:
        return "-"
    number = str(ended.ticks_needed) if ended.is_flat else f"`>{len(ended.ticks)}`"
    marks = {"`k`": ended.killed, "`c`": ended.silent, "`b`": ended.bare}
    return " ".join([number, *(mark for mark, count in marks.items() if count)])


def main() -> None:
    """Run all cases or a part, write the page, print the line for machines last. Exits with 1 if a limit is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path, nargs="?")
    parser.add_argument("--delays", type=float, nargs="+", default=DELAYS, help="seconds until an answer")
    parser.add_argument("--requests", type=Delayed, choices=Delayed, nargs="+", default=list(Delayed))
    parser.add_argument("--lots", type=int, choices=LOTS, nargs="+", default=LOTS)
    parser.add_argument("--words", type=TradingState, choices=REASONS, nargs="+", default=list(REASONS))
    parser.add_argument("--minutes", type=float, default=_MINUTES, help="what is not done then is given up")
    parser.add_argument("--at-once", type=int, default=_AT_ONCE, help="cases side by side")
    parser.add_argument("--time-out", type=float, help="seconds, if not the template's")
    given = parser.parse_args()
    # Whatever ends it, folders and processes go.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    cases = [Case(*each) for each in product(given.delays, given.requests, given.lots, given.words)]
    begun = time.monotonic()
    with open_stage(_CONFIG) as stage:
        time_out = given.time_out or stage.settings.cycle.run_seconds
        drill = SlowVenueDrill(stage, time_out, partial(print, flush=True))
        ended = drill.run(cases, 60 * given.minutes, given.at_once)
    if given.page is not None:
        given.page.write_text(write_page(ended, time_out, time.monotonic() - begun), encoding="utf-8")
    verdict = assess(ended)
    print(verdict)
    sys.exit(0 if verdict.is_good else 1)


if __name__ == "__main__":
    main()
