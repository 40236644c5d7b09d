"""How large a ledger and a simulated account are, and whether they grow with the cycles that pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from statistics import median
from typing import Any

from desk.in_memory import InMemoryStateStore
from trader.adapters.aws.sim_account_store import DynamoSimAccountStore
from trader.adapters.aws.state_store import DynamoStateStore
from trader.model.ids import Instant, Scope
from trader.model.ledger import Ledger
from trader.sim.account import SimAccount

#: So many cycles are looked at in the middle, and so many at the end.
WINDOW = 20
_TABLE, _KIB = "growth", 1024


@dataclass(frozen=True, slots=True)
class Growth:
    """The median size in the middle and at the end, so many cycles apart. Units: bytes."""

    middle: Fraction
    last: Fraction
    cycles: int

    @property
    def bytes_per_cycle(self) -> int:
        """Whole bytes by which it grew a cycle, 0 if it became smaller. Rounding: half a byte up.

        A number that gains a digit or two in all those cycles is no growth; a record that stays is.
        """
        return max(floor((self.last - self.middle) / self.cycles + Fraction(1, 2)), 0)


def measure_growth(sizes: Sequence[int], rhythm: int = 1) -> Growth:
    """Compare the last cycles with as many in the middle.

    Both windows begin at the same point of a *rhythm*, the number of cycles after which everything comes again, so that
    what swings is not taken for growth. Raises: ValueError if there are too few cycles for two windows.
    """
    if len(sizes) < 2 * WINDOW:
        raise ValueError(f"{len(sizes)} cycles are too few, {2 * WINDOW} are needed")
    last = len(sizes) - WINDOW
    between = last - last // 2
    between = between // rhythm * rhythm or between
    middle = last - between
    return Growth(_median(sizes[middle : middle + WINDOW]), _median(sizes[last:]), between)


def _median(sizes: Sequence[int]) -> Fraction:
    return Fraction(median(sizes))


def measure_ledger_item(ledger: Ledger) -> int:
    """Return what a commit of this ledger writes, all its parts together, in KB. Rounding: up."""
    table = _Table()
    grant = InMemoryStateStore().acquire(ledger.scope, "drill", Instant(0), 1)
    DynamoStateStore(table, _TABLE).commit(grant, ledger)
    return ceil(table.written / _KIB)


def measure_account_item(account: SimAccount, scope: Scope) -> int:
    """Return what saving this account writes, all its parts together, in KB. Rounding: up."""
    table = _Table()
    DynamoSimAccountStore(table, _TABLE, scope, SimAccount).save(account)
    return ceil(table.written / _KIB)


class _Table:
    # A client of DynamoDB that takes every write and keeps how much it was.

    def __init__(self) -> None:
        self.written = 0

    def put_item(self, **request: Any) -> Mapping[str, Any]:
        self._weigh(request)
        return {}

    def update_item(self, **request: Any) -> Mapping[str, Any]:
        self._weigh(request)
        return {"Attributes": {}}

    def transact_write_items(self, **request: Any) -> Mapping[str, Any]:
        for action in request["TransactItems"]:
            for write in action.values():
                self._weigh(write)
        return {}

    def _weigh(self, write: Mapping[str, Any]) -> None:
        values = write.get("Item") or write.get("ExpressionAttributeValues") or {}
        self.written += _size(values)


def _size(value: Any) -> int:
    match value:
        case Mapping():
            return sum(_size(each) for each in value.values())
        case list() | tuple():
            return sum(_size(each) for each in value)
        case bytes():
            return len(value)
        case _:
            return len(str(value).encode())
