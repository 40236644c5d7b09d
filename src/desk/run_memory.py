"""What a run reads from its folder once and then keeps in memory, and what of it is new since it was kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from desk.backtest.store import ObjectStore
from desk.in_memory import InMemoryAuditLog, InMemorySimAccountStore
from desk.run_batch import Batch, RunFiles
from desk.run_journal import RunJournal, find_end
from trader.adapters.local.archive import SortedValues
from trader.adapters.local.files import FileSimAccountStore
from trader.adapters.local.lease import LeaseItem
from trader.errors import StoreUnavailable
from trader.model.codec import canonical_json
from trader.model.commands import Command
from trader.model.events import OwedRecord
from trader.model.frozen import replace
from trader.model.ids import Scope
from trader.model.ledger import Ledger
from trader.model.order_record import OrderRecord
from trader.model.orders import Fill
from trader.ports import LeaseGrant
from trader.sim.account import SimAccount
from trader.sim.archive import read_archive


class StoreAhead(ObjectStore):
    """The books of a run, read from its folder, and what is new in them."""

    def __init__(self, files: RunFiles, scope: Scope) -> None:
        super().__init__()
        item = files.item(scope)
        if item.owner:
            raise StoreUnavailable(f"{files.folder(scope)}: {item.owner} holds the lease")
        self.ledger, self.epoch, self.version = files.ledger(scope), item.epoch, item.version
        self.fills = {fill.trade_id: fill for fill in files.fills(scope)}
        self.keep_finished(files.finished(scope))
        self._owed = {key: OwedRecord(key, body) for key, body in files.list_owed(scope).items()}
        self.put_commands(item.commands)
        self.began: LeaseItem = item
        self.known_owed = dict(self._owed)
        folder = files.folder(scope)
        self.new_fills, self.new_orders = find_end(folder / "fills.jsonl"), find_end(folder / "orders.jsonl")
        self.dropped: list[str] = []

    @property
    def owed(self) -> Mapping[str, OwedRecord]:
        """The audit objects that wait to be stored."""
        return self._owed

    def drop_commands(self, grant: LeaseGrant, commands: Sequence[Command]) -> LeaseGrant:
        self.dropped += [each.text() for each in commands]
        return super().drop_commands(grant, commands)

    def commit(
        self,
        grant: LeaseGrant,
        ledger: Ledger,
        *,
        fills: Sequence[Fill] = (),
        finished: Sequence[OrderRecord] = (),
        owed: Sequence[OwedRecord] = (),
        repaid: Sequence[str] = (),
        release: bool = False,
    ) -> LeaseGrant:
        known, ended = self.fills, self.finished
        self.new_fills.lines += [canonical_json(each) for each in fills if known.get(each.trade_id) != each]
        self.new_orders.lines += [
            canonical_json(each) for each in finished if ended.get(each.intent.client_order_id) != each
        ]
        return super().commit(grant, ledger, fills=fills, finished=finished, owed=owed, repaid=repaid, release=release)


class AccountsAhead(InMemorySimAccountStore[SimAccount]):
    """The account of a simulated venue, read from its file, and what has left it since it was kept."""

    def __init__(self, path: Path) -> None:
        files = FileSimAccountStore(path, SimAccount)
        super().__init__(files.load(), SortedValues(read_archive(files)))
        self.kept, self.ended = self.load(), find_end(path.with_suffix(".jsonl"))

    def save(
        self,
        account: SimAccount,
        ended: Mapping[str, Any] = MappingProxyType({}),
        *,
        replaces: SimAccount | None = None,
    ) -> None:
        super().save(account, ended, replaces=replaces)
        self.ended.lines += [canonical_json({"key": key, "value": value}) for key, value in ended.items()]


class RunMemory:
    """A run between two batches: its books, its simulated venue's account, its record, and its journal.

    Raises: StoreUnavailable, also if somebody has the lease; LedgerCorrupt.
    """

    def __init__(self, folder: Path, scope: Scope, account: Path, journal: RunJournal) -> None:
        self._folder, self._scope, self._account = folder, scope, account
        self._files = RunFiles(folder)
        self.store, self.accounts = StoreAhead(self._files, scope), AccountsAhead(account)
        self.audit = InMemoryAuditLog()
        self._lines = (self.store.new_fills, self.store.new_orders, self.accounts.ended, journal.ahead)

    def keep(self) -> None:
        """Put what is new into the folder, and hear the commands that were given meanwhile.

        Raises: StoreUnavailable, after which nothing more may be run here: what lies in the folder counts.
        """
        self.store.put_commands(self._files.keep(self._take()))

    def _take(self) -> Batch:
        store, began = self.store, self.store.began
        books = replace(
            began, epoch=store.epoch, version=store.version, ledger=canonical_json(store.ledger), commands={}
        )
        account, owed = self.accounts.load(), store.owed
        written = {f"audit/{key}": text for key, text in self.audit.texts.items()}
        written |= {self._name_owed(key): each.body for key, each in owed.items() if key not in store.known_owed}
        if account is not None and account is not self.accounts.kept:
            written[self._name(self._account)] = canonical_json(account)
        batch = Batch(
            scope=self._scope,
            epoch=began.epoch,
            version=began.version,
            books=books.text(),
            dropped=tuple(store.dropped),
            written=written,
            appended={self._name(each.path): each.take() for each in self._lines if each.lines},
            removed=tuple(self._name_owed(key) for key in store.known_owed if key not in owed),
        )
        store.began, store.known_owed, store.dropped = books, dict(owed), []
        self.accounts.kept, self.audit.texts = account, {}
        return batch

    def _name(self, path: Path) -> str:
        return path.relative_to(self._folder).as_posix()

    def _name_owed(self, key: str) -> str:
        return self._name(self._files.folder(self._scope) / "owed" / quote(key, safe=""))
