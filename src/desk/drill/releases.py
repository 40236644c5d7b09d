"""Go back from the next release to this one and forward again, while lots are to be sold and a FLATTEN stands.

The next release is a writer of text: it adds fields at every depth, words that this release does not know, a schema and
readers it does not have, and a slot beside the ledger. In a second case it leaves nothing but a parent of a style that
this release does not know, half of it on the book. The cycle is the one of production, the venue the simulated one.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, field
from decimal import Decimal

from desk.drill.growth import make_settings
from desk.drill.growth_world import Run
from desk.drill.release_parent import run_parent_case
from desk.drill.release_world import FREE, ReleaseWorld
from desk.in_memory import InMemoryStateStore
from trader.cycle import CycleOutcome, CycleReport, run_cycle
from trader.errors import TraderError
from trader.model.denials import DenialCode
from trader.model.money import ZERO
from trader.model.orders import Side

#: So many ticks under the FLATTEN, and so many after it is resumed from: then a strategy wants to enter.
TICKS = 10


@dataclass(slots=True)
class Told:
    """What happened between the two changes of the release.

    ``refused`` are cycles that could not work, ``lost`` what the next release does not find again, ``doubled`` orders
    that sell what is sold or spoken for, ``touched`` orders of the next release that were cancelled, ``entered`` orders
    that buy, ``unsold`` lots of which something was left that could be sold. ``denied`` entries prove that one was
    wanted; ``kept`` is what the next release does find.
    """

    refused: int = 0
    lost: int = 0
    doubled: int = 0
    touched: int = 0
    entered: int = 0
    unsold: int = 0
    ticks: int = 0
    kept: int = 0
    denied: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        """Whether nothing went wrong, and what was to be tried was tried."""
        wrong = (self.refused, self.lost, self.doubled, self.touched, self.entered, self.unsold)
        return not any(wrong) and self.denied > 0 and self.kept > 0

    def line(self) -> str:
        """Write the line for machines."""
        return (
            f"refused={self.refused} lost={self.lost} doubled={self.doubled} touched={self.touched} "
            f"entered={self.entered} unsold={self.unsold} ticks={self.ticks} kept={self.kept} denied={self.denied}"
        )


def run_drill(store: InMemoryStateStore | None = None, run: Run = run_cycle, ticks: int = TICKS) -> Told:
    """Play the whole: open lots, let the next release write, go back, tick, and look as the next release would."""
    world = ReleaseWorld(make_settings(), 2 * ticks, store or InMemoryStateStore(), run)
    world.set_up()
    world.write_next()
    newer, begun = world.newer_orders(), len(world.watched.intents)
    world.watched.cancelled.clear()
    told = Told()
    for number in range(2 * ticks):
        if number == ticks:
            world.resume()
        told.ticks += 1
        try:
            _count_cycle(told, world.play_after_setup(number))
        except TraderError as error:
            told.refused += 1
            told.faults.append(f"tick {number + 1}: {type(error).__name__}: {error}")
            continue
        if gone := world.find_lost():
            told.lost = max(told.lost, len(gone))
            told.faults += [f"tick {number + 1}: lost {each}" for each in gone]
    told.kept = len(world.planted)
    told.touched = len(newer & set(world.watched.cancelled))
    _count_orders(told, world, begun)
    return told


def _count_cycle(told: Told, report: CycleReport) -> None:
    # A sale that is left to an order of the next release rings, as it should.
    rings = report.outcome is CycleOutcome.ABORTED and DenialCode.LEDGER_NEWER in report.reason
    if report.outcome not in (CycleOutcome.COMPLETED, CycleOutcome.HALTED) and not rings:
        told.refused += 1
        told.faults.append(f"tick {told.ticks}: {report.outcome}: {report.reason}")
    denials = report.decision.review.denials if report.decision is not None else ()
    told.denied += sum(
        each.code is DenialCode.LEDGER_NEWER and each.proposal is not None and not each.proposal.reduces
        for each in denials
    )


def _count_orders(told: Told, world: ReleaseWorld, begun: int) -> None:
    sent, lots = world.watched.intents[begun:], world.read_plain()["lots"]
    names = [each.client_order_id for each in sent]
    told.doubled = len(names) - len(set(names))
    told.entered = sum(each.side is Side.BUY for each in sent)
    for name, free in FREE.items():
        lot_id = world.lot_ids[name]
        offered = sum((each.quantity for each in sent if each.side is Side.SELL and each.lot_id == lot_id), ZERO)
        told.doubled += offered > free
        left = Decimal(lots[lot_id]["quantity"]) if lot_id in lots else ZERO
        told.unsold += left > Decimal(1) - free
        if left < Decimal(1) - free:
            told.doubled += 1
            told.faults.append(f"{name}: only {left} is left")


def main(store: InMemoryStateStore | None = None, run: Run = run_cycle) -> None:
    """Play the drill and print the line for machines last. Exits with 1 if anything went wrong."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    told, of_parent = run_drill(store, run), run_parent_case(run=run)
    for fault in (*told.faults, *of_parent.faults):
        print(fault)
    print(f"{told.line()} {of_parent.line()}")
    sys.exit(0 if told.is_sound and of_parent.is_sound else 1)


if __name__ == "__main__":
    main()
