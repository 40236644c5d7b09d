"""What an outsider can see of a world: the venue's books, the stored items, the audit objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from simulation.world import Scenario
from trader.model.commands import StandingCommands
from trader.model.ledger import Ledger
from trader.model.order_record import OrderRecord
from trader.model.orders import Fill
from trader.sim.account import SimAccount


class ObservedWorld(Protocol):
    """A world in memory or one on the real adapters; a checker cannot tell which."""

    @property
    def scenario(self) -> Scenario:
        """The market, the settings and the ticks."""
        ...

    def book(self) -> SimAccount:
        """The venue's own book, brought up to now."""
        ...

    def ledger(self) -> Ledger | None:
        """The ledger as stored."""
        ...

    def commands(self) -> StandingCommands:
        """What stands in the slots."""
        ...

    def lease_owner(self) -> str:
        """Who holds the lease; nobody is an empty text."""
        ...

    def stored_fills(self) -> Sequence[Fill]:
        """Every fill that was stored."""
        ...

    def stored_orders(self) -> Sequence[OrderRecord]:
        """Every order that was stored as finished."""
        ...

    def owed_texts(self) -> Mapping[str, str]:
        """Every audit object that waits beside the ledger to be stored, by its key."""
        ...

    def audit_texts(self) -> Mapping[str, str]:
        """Every object of the audit log by its key."""
        ...
