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
from dataclasses import astuple, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from simulation.mutants.table import Row
from simulation.mutants.table import rows as mutant_rows
from simulation.order_life.visits import Visits, visits
from simulation.pairs import draw_pairs, every_pair, play_pairs
from simulation.wire.assumptions import ALL_HOLD, ASSUMPTIONS, Consequence, consequence
from simulation.wire.halts import SALES, Halted, halted
from simulation.wire.outages import CYCLES, DEPENDENCIES, Observed, observed
from simulation.wire.sweeps import Outcome, every_job, outcome

Line = Sequence[object]

#: So many pairs of crashes are drawn; `make nightly` plays all.
_PAIRS = 3_000
_PAGE = Path(__file__).with_name("page.md")
_SOAKS = Path(__file__).parents[3] / "docs/soak-runs.txt"


@dataclass(frozen=True)
class Findings:
    """Everything the document tells."""

    sweeps: Sequence[Outcome]
    outages: Sequence[Observed]
    halts: Sequence[Halted]
    consequences: Sequence[Consequence]
    life: Visits
    pairs: Sequence[str]
    mutants: Sequence[Row]
    seconds: float

    @property
    def broken(self) -> list[str]:
        """Every violation, with what is needed to play it again; mutants that got away, and steps nobody took."""
        return [
            *(line for each in self.sweeps for line in each.broken),
            *(f"without {each.dependency}, {each.cycle}: {line}" for each in self.outages for line in each.found),
            *(line for each in self.halts for line in each.found),
            *(
                f"{each.doubled} orders were doubled, {each.noticed} of them noticed: {each.assumption}"
                for each in self.consequences
                if each.doubled > (0 if each.assumption == ALL_HOLD else each.noticed)
            ),
            *(f"{each.test} lets a mutant pass: {each.mutant}" for each in self.mutants if not each.is_caught),
            *self.pairs,
            *(f"no script takes the step {step}" for step in self.life.scripts.unvisited),
            *([f"{self.life.illegal} illegal steps"] if self.life.illegal else ()),
        ]


def gathered(processes: int, seed: int) -> Findings:
    """Play everything; of the pairs of crashes those that the seed draws."""
    begun = time.monotonic()
    # Not forked: threads of a venue may be running here, and would be missing there.
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        rows = pool.map(outcome, every_job(), chunksize=8)
        outages = pool.map(partial(_apply, observed), [(name, cycle) for name in DEPENDENCIES for cycle in CYCLES])
        halts = pool.map(halted, SALES)
        consequences = pool.map(consequence, ASSUMPTIONS)
        life = pool.submit(visits)
        played = list(rows), list(outages), list(halts), list(consequences), life.result()
    pairs = play_pairs(draw_pairs(_PAIRS, seed), processes)
    return Findings(*played, pairs, mutant_rows(processes=processes), time.monotonic() - begun)


def sweep_table(rows: Sequence[Outcome]) -> list[Line]:
    """One line for each sweep and kind of cycle, and the sum."""
    lines: list[Line] = []
    for sweep, kind in dict.fromkeys((each.sweep, each.kind) for each in rows):
        lines.append((sweep, kind, *_counted([each for each in rows if (each.sweep, each.kind) == (sweep, kind)])))
    return [*lines, ("**all**", "", *_counted(rows))]


def _counted(rows: Sequence[Outcome]) -> tuple[int, int, int, int]:
    methods = {each.method for each in rows}
    return len(rows), len(methods), sum(each.compared for each in rows), sum(len(each.broken) for each in rows)


def text_of(found: Findings, seed: int) -> str:
    """Write the document."""
    struck = Counter(each.method for each in found.sweeps)
    return _PAGE.read_text(encoding="utf-8").format(
        sweeps=table(
            ("sweep", "cycle", "cases", "kinds of request", "compared", "violations"),
            "llrrrr",
            sweep_table(found.sweeps),
        ),
        struck=table(("request", "times"), "lr", struck.most_common()),
        outages=table(
            ("gone", "in a cycle of", "requests lost", "it ended", "placed", "bare", "the next one", "violations"),
            "llrlrrlr",
            [(*astuple(each)[:-1], len(each.found)) for each in found.outages],
        ),
        halts=table(
            ("in a cycle of", "moments", "bare", "violations"),
            "lrrr",
            [(each.cycle, each.moments, each.bare, len(each.found)) for each in found.halts],
        ),
        consequences=table(
            ("assumption", "cases", "doubled", "noticed", "copies at most"),
            "lrrrr",
            [astuple(each) for each in found.consequences],
        ),
        life=found.life.summary(),
        pairs=f"{_PAIRS:,}",
        seed=seed,
        every_pair=f"{len(every_pair()):,}",
        wrong_pairs=len(found.pairs),
        mutants=table(
            ("mutant", "what is broken", "caught by"),
            "lll",
            [(each.mutant, each.broken, f"`{each.test}`") for each in found.mutants if not each.is_ordinary],
        ),
        soaks=_SOAKS.read_text(encoding="utf-8").rstrip() if _SOAKS.exists() else "none recorded",
    )


def table(head: Sequence[str], sides: str, rows: Iterable[Line]) -> str:
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
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    found = gathered(given.processes, given.seed)
    given.document.write_text(text_of(found, given.seed), encoding="utf-8")
    for line in found.broken[:20]:
        print(line)
    counts = Counter(each.sweep for each in found.sweeps)
    print(
        *(f"{sweep}={count}" for sweep, count in counts.items()),
        f"outages={len(found.outages)} halts={sum(each.moments for each in found.halts)}",
        f"assumptions={sum(each.cases for each in found.consequences)} mutants={len(found.mutants)}",
        f"pairs={_PAIRS} pairs_seed={given.seed}",
        f"violations={len(found.broken)} seconds={found.seconds:.0f}",
    )
    sys.exit(bool(found.broken))


if __name__ == "__main__":
    main()
