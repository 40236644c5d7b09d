"""Measure what buying by parent orders comes to: tries, seconds, maker share, given up.

Over how often a strategy is asked, how it buys, and where the market goes. The cycles and looks are those of
production, the venue the simulated one, the time virtual. The same code and seed write the same page.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from statistics import median_high

from desk.drill.execution_world import MINUTES_MAX, Case, MarketKind, Purchase, play_case
from desk.drill.growth import make_settings
from trader.model.parent_life import ParentStyle
from trader.settings import Settings

SEED, PURCHASES = 1, 20
#: How often a strategy is asked, in minutes: every cycle, and what the shipped strategies and others ask for.
CADENCES = {0: "every cycle", 15: "15 min", 60: "1 h", 1440: "1 d"}
CASES = tuple(Case(pace, style, market) for pace in CADENCES for style in ParentStyle for market in MarketKind)
#: What has to be: tries in a market that moves away, of those that do not take at once; seconds until one that takes is
#: filled; the share that one is a maker of who waits for the market, in a market that stands still. Percent.
TRIES_MIN, TAKER_SECONDS_MAX, MAKER_PCT_MIN = 2, 60, 40

#: Plays one purchase; a test may put a faulty one here.
Play = Callable[[Case, Settings, str], Purchase]


@dataclass(frozen=True, slots=True)
class Measured:
    """One row: a case, and each of its purchases."""

    case: Case
    purchases: Sequence[Purchase]

    @property
    def tries(self) -> list[int]:
        return sorted(each.tries for each in self.purchases)

    @property
    def tries_min(self) -> int:
        """The fewest tries that one had which its first did not fill; 0 if the first filled each of them."""
        return min((each.tries for each in self.purchases if each.tries != 1 or not each.is_filled), default=0)

    @property
    def seconds(self) -> list[int]:
        """Of those that were filled, in order."""
        return sorted(each.seconds for each in self.purchases if each.seconds is not None)

    @property
    def given_up(self) -> int:
        return sum(each.is_over and not each.is_filled for each in self.purchases)

    @property
    def maker_pct(self) -> int | None:
        """What was bought as a maker, in percent of what was spent; None if nothing was. Rounding: to the whole."""
        spent = sum((each.notional for each in self.purchases), Decimal(0))
        maker = sum((each.maker_notional for each in self.purchases), Decimal(0))
        return round(maker / spent * 100) if spent else None

    @property
    def broken(self) -> int:
        """Purchases that bought more than was wanted, or anything above the worst price."""
        return sum(each.is_broken for each in self.purchases)


@dataclass(frozen=True, slots=True)
class Summary:
    """What the limits are about, over all rows."""

    tries_min: int
    given_up_still: int
    taker_seconds_max: int
    maker_pct_still: int
    passive_taken: int
    broken: int

    def find_faults(self) -> list[str]:
        """Say which limits are broken."""
        faults = []
        if self.tries_min < TRIES_MIN:
            faults.append(f"a purchase got {self.tries_min} tries in a market that moves away; {TRIES_MIN} are due")
        if self.given_up_still:
            faults.append(f"{self.given_up_still} purchases that may take were given up in a market that stands still")
        if self.taker_seconds_max > TAKER_SECONDS_MAX:
            faults.append(f"one that takes at once needed {self.taker_seconds_max} s")
        if self.maker_pct_still < MAKER_PCT_MIN:
            faults.append(f"one that waits first was a maker of {self.maker_pct_still} % where the market stands still")
        if self.passive_taken:
            faults.append(f"{self.passive_taken} purchases that may only rest took")
        if self.broken:
            faults.append(f"{self.broken} purchases bought too much, or too dear")
        return faults


def measure(case: Case, settings: Settings, seed: int, purchases: int, play: Play = play_case) -> Measured:
    """Play a case so many times, each in a market of its own."""
    return Measured(case, [play(case, settings, f"{seed}-{number}") for number in range(purchases)])


def summarize(rows: Sequence[Measured]) -> Summary:
    """Find what the limits are about. A limit about cases that were not played is kept."""
    away = [each for each in rows if each.case.market is MarketKind.RISING and each.case.style is not ParentStyle.TAKER]
    still = [each for each in rows if each.case.market is MarketKind.STILL]
    waiting = [each for each in still if each.case.style is ParentStyle.PASSIVE_THEN_TAKER]
    taking = [each for each in rows if each.case.style is ParentStyle.TAKER]
    resting = [each for each in rows if each.case.style is ParentStyle.PASSIVE]
    seconds = [one.seconds if one.seconds is not None else MINUTES_MAX * 60 for row in taking for one in row.purchases]
    return Summary(
        tries_min=min((row.tries_min for row in away), default=TRIES_MIN),
        given_up_still=sum(row.given_up for row in still if row.case.style.may_take),
        taker_seconds_max=max(seconds, default=0),
        maker_pct_still=min((row.maker_pct or 0 for row in waiting), default=100),
        passive_taken=sum(one.maker_notional != one.notional for row in resting for one in row.purchases),
        broken=sum(row.broken for row in rows),
    )


def write_line(rows: Sequence[Measured], seed: int) -> str:
    """Write the line for machines."""
    found = summarize(rows)
    return (
        f"cases={len(rows)} purchases={sum(len(each.purchases) for each in rows)} tries_min={found.tries_min} "
        f"given_up_still={found.given_up_still} taker_seconds_max={found.taker_seconds_max} "
        f"maker_pct_still={found.maker_pct_still} passive_taken={found.passive_taken} broken={found.broken} seed={seed}"
    )


_HEADS = (
    "asked", "style", "market", "tries median", "most", "seconds to fill median", "most", "as a maker", "given up",
)  # fmt: skip


def write_table(rows: Sequence[Measured]) -> str:
    """Write a row for each case."""
    marks = ["---", "---", "---", *["--:"] * (len(_HEADS) - 3)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (_HEADS, marks, *map(_list_cells, rows)))


def _list_cells(row: Measured) -> tuple[str, ...]:
    seconds, pct = row.seconds, row.maker_pct
    return (
        CADENCES[row.case.every_minutes],
        row.case.style.value,
        row.case.market.value,
        str(median_high(row.tries)),
        str(row.tries[-1]),
        str(median_high(seconds)) if seconds else "",
        str(seconds[-1]) if seconds else "",
        "" if pct is None else f"{pct} %",
        f"{row.given_up} of {len(row.purchases)}",
    )


_PAGE = """# What buying by parent orders comes to

Written by `make execution-table`, seed {seed}: {cases} cases, {purchases} purchases in each. A strategy wishes to
buy, and goes on wishing in each of its turns until it has a lot. The cycles and looks are those of production, a
cycle every {minutes:.0f} minutes and a look at every other minute, in virtual time at the simulated venue, with the
shipped configuration. Each purchase has a market of its own, on candles of a minute: it stands still, or from the
decision on moves a basis point a minute. A bar reaches a basis point beyond its open and close on the average, and
the bid lies three below the price, so that one resting order in twenty is reached in a minute that stands still. How
a parent is worked, [life-of-an-order.md](life-of-an-order.md) tells.

*Tries* are the child orders that the venue had. *Seconds* count from the decision to the last fill, of what was
filled. *Given up* are the parents whose time was over before all was bought: the shortest of
`execution.give_up_minutes` and the time to the strategy's next turn, and a strategy that wishes again in that turn
goes on with the same parent. So one that is asked often follows the market for as long as it wishes; one that is
asked once an hour or a day has half an hour.

{table}

What it is not: a market. No order of ours moves the price, nobody runs ahead of it, and the simulated venue fills a
resting order once the price trades through it by an increment. The shares say what the rules come to, not what
Coinbase will fill.

## Broken limits

In a market that moves away whoever waits gets at least {tries_min} tries; where it stands still nobody who may take
is given up, and one that waits first is a maker of {maker_pct_min} % at least; one that takes at once is filled
within {taker_seconds} s; one that may only rest never takes; and nothing is bought above the worst price, nor more
than was wanted.

{faults}

The last line of the command:

    {line}
"""


def write_page(rows: Sequence[Measured], settings: Settings, seed: int) -> str:
    """Write what was found as a page."""
    faults = [f"- {fault}" for fault in summarize(rows).find_faults()]
    return _PAGE.format(
        seed=seed,
        cases=len(rows),
        purchases=max(len(each.purchases) for each in rows),
        minutes=settings.cycle.period_seconds / 60,
        table=write_table(rows),
        tries_min=TRIES_MIN,
        maker_pct_min=MAKER_PCT_MIN,
        taker_seconds=TAKER_SECONDS_MAX,
        faults="\n".join(faults) or "None is broken.",
        line=write_line(rows, seed),
    )


def main(cases: Sequence[Case] = CASES, play: Play = play_case) -> None:
    """Play all cases, write the page, print the line for machines last. Exits with 1 if a limit is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path, nargs="?")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--purchases", type=int, default=PURCHASES, help="in each case; at least one")
    given = parser.parse_args()
    if given.purchases < 1:
        parser.error(f"--purchases {given.purchases}; allowed is 1 or more")
    settings = make_settings()
    rows = [measure(case, settings, given.seed, given.purchases, play) for case in cases]
    if given.page is not None:
        given.page.write_text(write_page(rows, settings, given.seed), encoding="utf-8")
    print(write_table(rows))
    faults = summarize(rows).find_faults()
    for fault in faults:
        print(fault)
    print(write_line(rows, given.seed))
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
