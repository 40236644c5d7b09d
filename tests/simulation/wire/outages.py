"""What happens when one of the things a cycle depends on is not there for a whole cycle: observed, one row each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulation.checker import unprotected
from simulation.nemesis import Nemesis
from simulation.scenarios import ENTRY, EXIT_BY_TIME, FLATTEN
from simulation.wire.telling import Telling
from simulation.wire.world import open_wire_world
from simulation.world import Scenario

_READS = ("venue GET /accounts", "venue GET /orders/historical")
_MARKET = (
    "venue GET /products",
    "venue GET /best_bid_ask",
    "venue GET /product_book",
    "venue GET /market",
    "venue GET /transaction_summary",
)

#: What is gone, and the beginnings of the names of the requests that fail.
DEPENDENCIES: dict[str, tuple[str, ...]] = {
    "table (DynamoDB)": ("dynamodb.",),
    "audit bucket (S3)": ("s3.",),
    "kill switch (SSM)": ("ssm.",),
    "venue, all of it": ("venue ",),
    "venue: account, orders, fills": _READS,
    "venue: products, quotes, candles": _MARKET,
    "venue: placing orders": ("venue POST /orders",),
    "venue: cancelling": ("venue POST /orders/batch_cancel",),
}
#: A cycle that would enter, one that would exit, and one that is told to sell everything.
CYCLES: dict[str, tuple[Scenario, int]] = {
    "entry": (ENTRY, 0),
    "exit": (EXIT_BY_TIME, 3),
    "flatten": (FLATTEN, 2),
}


class Outage(Nemesis):
    """Everything whose name begins so gets no answer, and nothing of it arrives."""

    def __init__(self, beginnings: tuple[str, ...]) -> None:
        super().__init__()
        self.beginnings = beginnings
        self.hits = 0
        self.sent: list[str] = []

    def strike(
        self, name: str, act: Callable[[], Any], lose: Callable[[], Any] | None, args: tuple[Any, ...] = ()
    ) -> Any:
        """Send it, unless it goes to what is gone."""
        if name.startswith(self.beginnings) and lose is not None:
            self.hits += 1
            self.trail.append(name)
            return lose()
        if name == "venue POST /orders":
            self.sent.append(name)
        return super().strike(name, act, lose, args)


@dataclass(frozen=True)
class Observed:
    """One outage of one whole cycle.

    ``outcome`` is how the cycle ended, ERROR if it raised; ``placed`` counts orders that reached the venue in it,
    ``bare`` lots without protection after it; ``after`` is how the next, undisturbed cycle ended.
    """

    dependency: str
    cycle: str
    requests_lost: int
    outcome: str
    placed: int
    bare: int
    after: str
    found: tuple[str, ...]


def observed(dependency: str, cycle: str) -> Observed:
    """Take one dependency away from one cycle; then all is well again, and the scenario is played to its end."""
    beginnings, (scenario, tick) = DEPENDENCIES[dependency], CYCLES[cycle]
    with open_wire_world(scenario) as world:
        telling = Telling(world)
        beats = telling.beats
        telling.play(beats[:tick], "before")
        telling.stage(beats[tick])
        outage = Outage(beginnings)
        report = telling.invoke(beats[tick], "without", outage)
        bare = len(unprotected(world))
        telling.look(healthy=False)
        telling.stage(beats[tick + 1])
        after = telling.cycle(beats[tick + 1], "after")
        telling.play(beats[tick + 2 :], "later")
        telling.conclude()
        return Observed(
            dependency,
            cycle,
            outage.hits,
            "ERROR" if report is None else report.outcome.value,
            len(outage.sent),
            bare,
            "ERROR" if after is None else after.outcome.value,
            tuple(telling.found),
        )
