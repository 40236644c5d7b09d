"""What an outsider sees of a loop that trades at a simulated venue: its folder, and the venue's own account.

A snapshot is taken while nobody commits. Orders and records that came later than the ledger are no contradiction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from desk.sandbox.venue import Venue
from simulation.soak.market import SoakScenario
from simulation.wire.account_book import read_book
from trader.adapters.local.atomic_files import lock_file
from trader.adapters.local.files import FileStateStore
from trader.model.commands import StandingCommands
from trader.model.ids import Scope
from trader.model.ledger import Ledger
from trader.model.order_record import OrderRecord
from trader.model.orders import Fill, Liquidity
from trader.ports import StateReading
from trader.sim.account import SimAccount


@dataclass(frozen=True)
class Snapshot:
    """An observed world at one instant."""

    scenario: SoakScenario
    reading: StateReading
    fills: Sequence[Fill]
    orders: Sequence[OrderRecord]
    owed: Mapping[str, str]
    audit: Mapping[str, str]
    account: SimAccount

    def book(self) -> SimAccount:
        """The venue's own book."""
        return self.account

    def ledger(self) -> Ledger | None:
        """The ledger as stored."""
        return self.reading.ledger

    def commands(self) -> StandingCommands:
        """What stands in the slots."""
        return self.reading.commands

    def lease_owner(self) -> str:
        """Who holds the lease; nobody is an empty text."""
        return self.reading.owner

    def stored_fills(self) -> Sequence[Fill]:
        """Every fill that was stored.

        A liquidity that is not known is taken from the venue's book: the answer that was stored had damaged words.
        """
        told = {fill.trade_id: fill.liquidity for fill in self.account.fills}
        return [
            replace(fill, liquidity=told.get(fill.trade_id, fill.liquidity))
            if fill.liquidity is Liquidity.UNKNOWN
            else fill
            for fill in self.fills
        ]

    def stored_orders(self) -> Sequence[OrderRecord]:
        """Every order that was stored as finished."""
        return self.orders

    def owed_texts(self) -> Mapping[str, str]:
        """Every audit object that waits beside the ledger to be stored, by its key."""
        return self.owed

    def audit_texts(self) -> Mapping[str, str]:
        """Every object of the audit log by its key."""
        return self.audit


class _HeldStore(FileStateStore):
    """The store of somebody who has its lock already."""

    @contextmanager
    def _lock(self, scope: Scope) -> Iterator[None]:
        yield


class FolderWorld:
    """Takes snapshots of a folder and a venue."""

    def __init__(self, scenario: SoakScenario, folder: Path, scope: Scope, venue: Venue) -> None:
        self._scenario, self._folder, self._scope, self._venue = scenario, folder, scope, venue
        self._store = _HeldStore(folder)
        self._audit: dict[str, str] = {}

    def take(self) -> Snapshot:
        """Look. What lay in the audit once has to lie there still, as it was: it is read once."""
        scope, store = self._scope, self._store
        with lock_file(store.folder(scope) / ".lock"):
            reading, owed = store.look(scope), store.list_owed(scope)
            fills, orders = store.fills(scope), store.finished(scope)
        # No order leaves before its record is written, and none is taken while this looks: so all are announced.
        with self._venue.lock:
            self._read_audit()
            account = read_book(self._venue, self._audit)
        return Snapshot(self._scenario, reading, fills, orders, owed, dict(self._audit), account)

    def _read_audit(self) -> None:
        root = self._folder / "audit"
        for path in root.rglob("*.jsonl"):
            key = path.relative_to(root).as_posix()
            if key not in self._audit:
                self._audit[key] = path.read_text(encoding="utf-8")
