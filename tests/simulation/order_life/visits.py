"""Which steps of an order were taken, by scripts and by chance."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from simulation.order_life.machine import explored
from simulation.order_life.model import LEGAL, Tally, as_table
from simulation.order_life.scripts import directed


@dataclass(frozen=True)
class Visits:
    """What was visited, by the scripts and by chance."""

    scripts: Tally
    chance: Tally

    @property
    def illegal(self) -> int:
        """Steps that are not in the table."""
        return sum(self.scripts.illegal.values()) + sum(self.chance.illegal.values())

    def summary(self) -> str:
        """One line for a report."""
        by_scripts, by_chance = (len(LEGAL) - len(tally.unvisited) for tally in (self.scripts, self.chance))
        return (
            f"illegal {self.illegal}, legal {by_scripts} of {len(LEGAL)} by scripts, {by_chance} by chance; "
            f"{self.scripts.done} operations in scripts, {self.chance.done} in {self.chance.lives} lives by chance"
        )

    def table(self) -> str:
        """Every legal step and its visits, and the summary."""
        return "\n".join([*as_table(self.scripts.visited, self.chance.visited), self.summary()])


@lru_cache(maxsize=1)
def visits() -> Visits:
    """Run both ways once and count. Raises: AssertionError at the first step that cannot be right."""
    return Visits(directed(), explored())
