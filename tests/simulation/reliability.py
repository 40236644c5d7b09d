"""Exactly once, as measured: plays every sweep on the real adapters and writes docs/reliability.md.

What takes minutes is spread over processes, because each has one AWS of its own. Ends with 1 if anything was violated.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from simulation.wire_assumptions import ASSUMPTIONS, Consequence, consequence
from simulation.wire_outages import CYCLES, DEPENDENCIES, Observed, observed
from simulation.wire_sweeps import Outcome, crash_jobs, outcome, overtaken_jobs

Row = Sequence[object]

_TEXT = """# Exactly once, tried out

Written by `make reliability`. The cycle and its adapters are those that run in Lambda: the ledger in DynamoDB, the
audit in S3, the switch in SSM (all by moto, reached through botocore), the venue the simulated one, over HTTP. Faults
strike at single requests, below the adapters and below the libraries they use, which ask again as they do in Lambda.
Time is virtual. After every cycle an outsider compares the venue's books, the stored items and the audit objects
(`tests/simulation/checker.py`), and looks at every order as it leaves.

## Sweeps

*crash*: at each request of a cycle the process dies before it, dies after it, or the answer is lost; a dead cycle is
started again at once, when its lease has run out, or never. *stall*: before each request the cycle freezes until its
lease has run out and the tick was redelivered, or the next tick came; then it wakes up. *twin*: before each request
the same tick is delivered once more. Each case is a history of its own, played to three quiet ticks after its end.
*compared* cases had to end with the books of the undisturbed history to the last digit; the others are held against
the invariants alone, because there the tick's decision may rightly be lost. A *recovery* is the second invocation of a
tick whose first died after it had committed its orders.

{sweeps}

The requests that were struck:

{struck}

## When something is not there

Observed: one thing is gone for a whole cycle, from its first request to its last, then all is well again. *placed* are
the orders that reached the venue meanwhile, *bare* the lots without protection after it.

{outages}

ERROR is an exception out of the function, and ABORTED is raised by the handler as well: the alarm on errors rings.

## If the venue is not what we take it for

Three things are assumed that nobody promises and that could only be tried with money: that the venue tells a client id
it has seen, for how long it does, and how soon a listing shows an order. Here each is made false, and the requests
that send an order are struck as above; or the request itself is lost. *doubled*: an order exists twice at the venue;
*noticed*: the audit log speaks of a mismatch.

{consequences}

An order whose answer was lost is looked for in the listing before it is sent again, under the same id: it takes a late
listing *and* a venue that does not know its ids for a second one.
"""


@dataclass(frozen=True)
class Findings:
    """Everything the document tells."""

    sweeps: Sequence[Outcome]
    outages: Sequence[Observed]
    consequences: Sequence[Consequence]
    seconds: float

    @property
    def broken(self) -> list[str]:
        """Every violation, with what is needed to play it again."""
        found = [line for each in self.sweeps for line in each.broken]
        return found + [
            f"without {each.dependency}, {each.cycle}: {line}" for each in self.outages for line in each.found
        ]


def gathered(processes: int) -> Findings:
    """Play everything."""
    begun = time.monotonic()
    jobs = [*crash_jobs(), *overtaken_jobs()]
    # Not forked: threads of a venue may be running here, and would be missing there.
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        rows = pool.map(outcome, jobs, chunksize=8)
        outages = pool.map(partial(_apply, observed), [(name, cycle) for name in DEPENDENCIES for cycle in CYCLES])
        consequences = pool.map(consequence, ASSUMPTIONS)
        return Findings(list(rows), list(outages), list(consequences), time.monotonic() - begun)


def sweep_table(rows: Sequence[Outcome]) -> list[Row]:
    """One line for each sweep and kind of cycle, and the sum."""
    reached = [each for each in rows if each.method != "not reached"]
    lines: list[Row] = []
    for sweep, kind in dict.fromkeys((each.sweep, each.kind) for each in reached):
        lines.append((sweep, kind, *_counted([each for each in reached if (each.sweep, each.kind) == (sweep, kind)])))
    return [*lines, ("**all**", "", *_counted(reached))]


def _counted(rows: Sequence[Outcome]) -> tuple[int, int, int, int]:
    methods = {each.method for each in rows}
    return len(rows), len(methods), sum(each.compared for each in rows), sum(len(each.broken) for each in rows)


def text_of(found: Findings) -> str:
    """Write the document."""
    struck = Counter(each.method for each in found.sweeps if each.method != "not reached")
    outages = [
        (
            each.dependency,
            each.cycle,
            each.requests_lost,
            each.outcome,
            each.placed,
            each.bare,
            each.after,
            len(each.found),
        )
        for each in found.outages
    ]
    sweeps = table(
        ("sweep", "cycle", "cases", "requests", "compared", "violations"), "llrrrr", sweep_table(found.sweeps)
    )
    return _TEXT.format(
        sweeps=sweeps,
        struck=table(("request", "times"), "lr", struck.most_common()),
        outages=table(
            ("gone", "in a cycle of", "requests lost", "it ended", "placed", "bare", "the next one", "violations"),
            "llrlrrlr",
            outages,
        ),
        consequences=table(
            ("assumption", "cases", "doubled", "noticed", "copies at most"),
            "lrrrr",
            [(each.assumption, each.cases, each.doubled, each.noticed, each.most) for each in found.consequences],
        ),
    )


def table(head: Sequence[str], sides: str, rows: Iterable[Row]) -> str:
    """Write a table; r stands for a column of numbers."""
    rule = ["--:" if side == "r" else "---" for side in sides]
    lines = [head, rule, *([f"{each:,}" if isinstance(each, int) else str(each) for each in row] for row in rows)]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def _apply(function: object, arguments: tuple[object, ...]) -> object:
    return function(*arguments)  # type: ignore[operator]


def main() -> None:
    """Write the document, and print the line for machines last."""
    parser = argparse.ArgumentParser(description="Play every sweep on the real adapters.")
    parser.add_argument("document", type=Path)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    found = gathered(given.processes)
    given.document.write_text(text_of(found), encoding="utf-8")
    for line in found.broken[:20]:
        print(line)
    counts = Counter(each.sweep for each in found.sweeps if each.method != "not reached")
    print(
        f"crash={counts['crash']} stall={counts['stall']} twin={counts['twin']} outages={len(found.outages)} "
        f"assumptions={len(found.consequences)} violations={len(found.broken)} seconds={found.seconds:.0f}"
    )
    sys.exit(bool(found.broken))


if __name__ == "__main__":
    main()
