"""Play every mode of a market against every situation of a lot, and see what rests at the venue afterwards.

The cycle is the one of production, the venue the simulated one, the clock moves only where the cycle waits: the same
code writes the same page. Each case has books, an account and a venue of its own.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from desk.drill.market_modes_venue import SITUATIONS, Situation
from desk.drill.market_modes_world import MODES, TAKING, ModeWorld, Run, Seen
from trader.adapters.config.files import load_settings
from trader.cycle import run_cycle
from trader.settings import Settings

_CONFIG = Path(__file__).parents[3] / "config"

#: So many cycles are played while the mode lasts, then one more when the market is online again.
CYCLES = 3


@dataclass(frozen=True, slots=True)
class Case:
    """What was seen of one situation in one mode: at the end of each cycle, the last after the mode's end."""

    mode: str
    situation: Situation
    seen: tuple[Seen, ...]

    @property
    def is_bare(self) -> bool:
        """Whether a lot stood bare at the end of a cycle whose market took orders."""
        *during, after = self.seen
        return after.bare > 0 or (self.mode in TAKING and any(each.bare > 0 for each in during))

    @property
    def rang(self) -> bool:
        """Whether a lot stood bare at the end of a cycle, and the cycle rang for it."""
        return any(each.bare > 0 and each.rings for each in self.seen)

    @property
    def is_silent(self) -> bool:
        """Whether a lot stood bare at the end of a cycle, and nobody was told."""
        return any(each.is_silent for each in self.seen)

    @property
    def is_oversold(self) -> bool:
        """Whether more than the lot was sold, on sale or in doubt at any moment."""
        return any(each.excess > 0 for each in self.seen)

    @property
    def is_good(self) -> bool:
        """Whether every limit is kept."""
        return not (self.is_bare or self.is_silent or self.is_oversold)

    def __str__(self) -> str:
        return f"{self.mode}: {self.situation.name}: {' -> '.join(str(each) for each in self.seen)}"


def make_settings(config: Path = _CONFIG) -> Settings:
    """Read the shipped configuration; without a strategy nothing is bought in between."""
    return replace(load_settings(config, {"TRADER_MODE": "PAPER"}).settings, strategies={})


def run_case(mode: str, situation: Situation, settings: Settings, run: Run = run_cycle) -> Case:
    """Play one case to its end. Raises: RuntimeError if it cannot be set up."""
    world = ModeWorld(mode, situation, settings, run)
    world.set_up()
    during = [world.play() for _ in range(CYCLES)]
    world.reopen()
    return Case(mode, situation, (*during, world.play()))


def run_drill(run: Run = run_cycle) -> list[Case]:
    """Play every situation in every mode."""
    settings = make_settings()
    return [run_case(mode, situation, settings, run) for situation in SITUATIONS for mode in MODES]


def write_summary(cases: Sequence[Case]) -> str:
    """Write the line for machines."""
    return (
        f"modes={len({case.mode for case in cases})} situations={len({case.situation for case in cases})} "
        f"cases={len(cases)} bare={sum(case.is_bare for case in cases)} rang={sum(case.rang for case in cases)} "
        f"oversold={sum(case.is_oversold for case in cases)}"
    )


_PAGE = """# Every mode of a market, and what rests there for a lot

Written by `make market-modes`: {cases} cases. Each plays the cycle of production at the simulated venue, with the
shipped configuration. A lot of 1.0 was bought at 100; its stop is 94, whose limit is 89.30, its target 112. The
account's owner holds 5.0 of the same asset, so that a sale too much would be of these. Nobody trades in between: what
is sold is sold by what we send.

A cell says what the venue has of the lot when the cycle has ended. `bracket` is a protective order, whether it came
with the entry or is our own. A `resting sale` is a limit on the book: bounded below the bid, or at the ask where only
makers may trade. `rings` says that the cycle ended as ABORTED: it named a lot that nothing covers, or a sale that the
venue took and then failed.

## What each mode takes, and what we do

- **online** and **limit_only** take every order of ours: none is a market order. An exit cancels the bracket and sells.
  Whatever the sale leaves is covered again in the same turn: by a bracket, or below the stop by a sale that rests.
- **post_only** takes brackets, and limits that do not cross the spread. An exit that is due leaves the bracket alone,
  for a sale at the ask may never fill. A lot that nothing covers gets a bracket; below its stop it is offered at the
  ask, anew in every cycle.
- **cancel_only**, **in_auction**, **view_only**, **trading_disabled**, **is_disabled** and every status but online
  take no order. What rests stays, whatever is due and whatever the switch says. Only an entry that is still open when
  its lot is due is cancelled: what it buys would have to be sold as well. The exit is tried again in every cycle,
  without ringing while the bracket is there.

It **rings** for a sale that was taken and then failed, although its lot is covered again. And it rings where
nothing covers a lot and no order can be placed, in every cycle until one can: that takes somebody who cancelled the
bracket by hand, or a mode that begins in the second between our look at the flags and our cancellation. The reason says
which flag, or what the venue answered.

The switch is read when a turn begins. HALT in the middle of a turn does not end it: the sale leaves, and what it does
not sell is covered again. Coins that our own cancelled order still holds are waited for, up to 12 s.

## At the end of the cycle

{first}

## Two cycles later, the mode unchanged

Nothing accumulates: there is one order for the lot or none. A sale that rests is placed anew with a wider bound.

{last}

## One cycle after the market is online again

{after}

The drill fails if a lot is bare where an order could have been placed (`bare`), if one is bare and the cycle does not
ring, or if what is sold, on sale and in doubt ever exceeds the lot (`oversold`). Its last line:

    {summary}
"""


def write_page(cases: Sequence[Case]) -> str:
    """Write what was found as a page: a row for each situation, a column for each mode."""
    return _PAGE.format(
        cases=len(cases),
        first=_table(cases, 0),
        last=_table(cases, CYCLES - 1),
        after=_table(cases, CYCLES),
        summary=write_summary(cases),
    )


def _table(cases: Sequence[Case], cycle: int) -> str:
    modes = tuple(dict.fromkeys(case.mode for case in cases))
    cells = {(case.situation, case.mode): str(case.seen[cycle]) for case in cases}
    situations = dict.fromkeys(case.situation for case in cases)
    rows = [(each.name, *(cells[each, mode] for mode in modes)) for each in situations]
    head = ("situation", *modes)
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


def main(run: Run = run_cycle) -> None:
    """Play all cases, write the page, print the line for machines last. Exits with 1 if a limit is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path, nargs="?")
    given = parser.parse_args()
    cases = run_drill(run)
    if given.page is not None:
        given.page.write_text(write_page(cases), encoding="utf-8")
    broken = [case for case in cases if not case.is_good]
    for case in broken:
        print(case)
    print(write_summary(cases))
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
