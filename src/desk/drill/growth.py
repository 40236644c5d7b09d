"""Play stories of many cycles, and see whether the ledger and PAPER's account grow with the time that passes.

The cycle is the one of production, the venue the simulated one, both with the shipped configuration. After every cycle
ledger and account are measured as they are stored: as text and, where they were largest, as the item that is written.
What is open stays the same in every story, so what grows, grows with time. The same code writes the same page.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from desk.drill.growth_lots import DUE_AFTER, TROUBLES, LotWorld
from desk.drill.growth_measure import WINDOW, Growth, measure_account_item, measure_growth, measure_ledger_item
from desk.drill.growth_trades import PLAYED, TRIPS_A_DAY, PaperWorld, RatchetWorld, RepricedWorld, RestingWorld
from desk.drill.growth_world import SCOPE, GrowthWorld, Run
from trader.adapters.config.files import load_settings
from trader.cycle import run_cycle
from trader.errors import TraderError
from trader.model.codec import canonical_json
from trader.model.ledger import Ledger
from trader.settings import Settings
from trader.sim.account import SimAccount

_CONFIG = Path(__file__).parents[3] / "config"

CYCLES, _PAPER_DAYS, _RAISES = 600, 60, 200
#: An item may have so many KB; DynamoDB takes no more than 400.
ITEM_KB_MAX = 100
# The memory of orders is 12 cycles, every other rhythm of the stories divides it.
_RHYTHM = 12


@dataclass(frozen=True, slots=True)
class Story:
    """So many cycles in a world. ``rhythm`` is the number of cycles after which everything comes again."""

    name: str
    make: Callable[[Settings, int, Run], GrowthWorld]
    cycles: int = CYCLES
    rhythm: int = _RHYTHM


STORIES = (
    *(Story(trouble.name, partial(LotWorld, trouble)) for trouble in TROUBLES),
    Story(f"{CYCLES // 2} resting entries, none filled", RestingWorld),
    Story(f"a parent repriced {CYCLES // 2} times, none filled", RepricedWorld),
    Story(f"a lot with {_RAISES} raised stops, a day apart", RatchetWorld, 2 * _RAISES, 2),
    Story(
        f"{TRIPS_A_DAY} round trips a day, {_PAPER_DAYS} days",
        PaperWorld,
        _PAPER_DAYS * TRIPS_A_DAY * len(PLAYED),
        TRIPS_A_DAY * len(PLAYED),
    ),
)


@dataclass(frozen=True, slots=True)
class Measured:
    """What was seen of the ledger, or of the account. Units: the largest item in KB, rounded up."""

    growth: Growth
    item_kb: int


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a story: sizes, the orders that were sent, how its cycles ended, and which ones crashed."""

    story: Story
    ledger: Measured
    account: Measured
    sent: int
    outcomes: Mapping[str, int]
    crashes: tuple[str, ...] = ()

    def find_faults(self) -> list[str]:
        """Say which limits are broken."""
        faults = [f"{self.story.name}: {crash}" for crash in self.crashes]
        for what, seen in (("ledger", self.ledger), ("account", self.account)):
            if grown := seen.growth.bytes_per_cycle:
                faults.append(f"{self.story.name}: the {what} grows by {grown} bytes a cycle")
            if seen.item_kb > ITEM_KB_MAX:
                faults.append(f"{self.story.name}: the {what} is an item of {seen.item_kb} KB")
        return faults


def make_settings(config: Path = _CONFIG) -> Settings:
    """Read the shipped configuration; what trades is a strategy of the stories, or none."""
    return replace(load_settings(config, {"TRADER_MODE": "PAPER"}).settings, strategies={})


def run_story(story: Story, settings: Settings, run: Run = run_cycle) -> Told:
    """Play a story to its end. Raises: RuntimeError if it is not what its name says."""
    world = story.make(settings, story.cycles, run)
    world.set_up()
    before = world.venue.sent
    ledgers, accounts, crashes = list[int](), list[int](), list[str]()
    ledger, account = world.ledger(), world.account()
    for number in range(story.cycles):
        try:
            world.play_next(number)
        except TraderError as error:
            crashes.append(f"cycle {number + 1} crashed: {type(error).__name__}: {error}")
        ledgers.append(_count_bytes(world.ledger()))
        accounts.append(_count_bytes(world.account()))
        ledger = world.ledger() if ledgers[-1] >= max(ledgers) else ledger
        account = world.account() if accounts[-1] >= max(accounts) else account
    if not crashes:
        world.check(story.cycles)
    return Told(
        story,
        Measured(measure_growth(ledgers, story.rhythm), measure_ledger_item(ledger)),
        Measured(measure_growth(accounts, story.rhythm), measure_account_item(account, SCOPE)),
        world.venue.sent - before,
        dict(world.outcomes),
        tuple(crashes),
    )


def _count_bytes(value: Ledger | SimAccount) -> int:
    return len(canonical_json(value).encode())


def write_summary(told: Sequence[Told]) -> str:
    """Write the line for machines."""
    seen = [each for one in told for each in (one.ledger, one.account)]
    return (
        f"stories={len(told)} cycles={sum(each.story.cycles for each in told)} "
        f"bytes_per_cycle_max={max(each.growth.bytes_per_cycle for each in seen)} "
        f"item_kb_max={max(each.item_kb for each in seen)}"
    )


_HEADS = (
    "story", "cycles", "orders sent",
    "ledger: bytes middle", "bytes last", "bytes per cycle", "item KB",
    "account: bytes middle", "bytes last", "bytes per cycle", "item KB",
)  # fmt: skip


def write_table(told: Sequence[Told]) -> str:
    """Write a row for each story."""
    rows = [
        (each.story.name, str(each.story.cycles), str(each.sent), *_list_cells(each.ledger), *_list_cells(each.account))
        for each in told
    ]
    marks = ["---", *["--:"] * (len(_HEADS) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (_HEADS, marks, *rows))


def _list_cells(seen: Measured) -> tuple[str, ...]:
    growth = seen.growth
    return str(round(growth.middle)), str(round(growth.last)), str(growth.bytes_per_cycle), str(seen.item_kb)


_PAGE = """# What grows with the time that passes

Written by `make growth`: {stories} stories, {cycles} cycles. Each plays the cycle of production at the simulated venue,
with the shipped configuration and a cycle every {minutes:.0f} minutes. After every cycle the ledger is measured, and
the simulated venue's account, which PAPER keeps as well. What is open stays the same all the time, so both should: what
is over is forgotten after a while, and counts of it are kept.

*Bytes* are those of the text, before it is packed: the median of {window} cycles in the middle of the story, and of the
last {window}. *Bytes per cycle* is the difference, divided by the cycles between them, in whole bytes. *Item KB* is
what the table is given of the largest text, in units of 1,024 bytes. DynamoDB takes no item above 400 KB: a ledger
that has to fit into one can be committed no more, and nothing is sold.

{table}

- A lot of 1.0 was bought at 100; its stop is 94, its target 112. Unless its name says otherwise, its protective order
  is cancelled at the venue before the first cycle, as by a person, and after {due} cycles the lot has been held for as
  long as it may: first it is only to be protected, then it is to be sold as well. Nobody else trades.
- *Small parts*: the book takes 0.001 of each sale, and in each bar as much of the bracket, so the lot is not sold in
  all that time.
- The resting entries come one after another, without the pace that the configuration asks for. Half of them expire,
  half are cancelled by a person.
- The parent is one purchase from the first cycle to the last: the market rises by a cent a cycle, so its child is left
  behind, goes, and the next one follows in the cycle after. That is more children than a day has cycles.
- Of each day with a raised stop two cycles are played: that in which its strategy raises it, so that the order at the
  venue is replaced, and the next.
- Of the round trips in PAPER those cycles are played in which something happens, {played} of 14. Each is an entry that
  rests, a bracket and a sale.

## Broken limits

Nothing may grow by a byte a cycle, and no item may be larger than {item_kb_max} KB.

{faults}

The last line of the command:

    {summary}
"""


def write_page(told: Sequence[Told], settings: Settings) -> str:
    """Write what was found as a page."""
    faults = [f"- {fault}" for each in told for fault in each.find_faults()]
    return _PAGE.format(
        stories=len(told),
        cycles=sum(each.story.cycles for each in told),
        minutes=settings.cycle.period_seconds / 60,
        window=WINDOW,
        table=write_table(told),
        due=DUE_AFTER,
        played=len(PLAYED),
        item_kb_max=ITEM_KB_MAX,
        faults="\n".join(faults) or "None is broken.",
        summary=write_summary(told),
    )


def main(stories: Sequence[Story] = STORIES, run: Run = run_cycle) -> None:
    """Play all stories, write the page, print the line for machines last. Exits with 1 if a limit is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path, nargs="?")
    given = parser.parse_args()
    settings = make_settings()
    told = [run_story(story, settings, run) for story in stories]
    if given.page is not None:
        given.page.write_text(write_page(told, settings), encoding="utf-8")
    print(write_table(told))
    faults = [fault for each in told for fault in each.find_faults()]
    for fault in faults:
        print(fault)
    print(write_summary(told))
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
