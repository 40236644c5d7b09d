"""The stored ledger item as it lies there, sound or not; and the one write that replaces what is not a ledger.

The stores themselves refuse to touch an item they cannot read. Here it can be replaced on purpose, in one conditional
write: at no instant is there an item without a ledger, on which a cycle would open empty books.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from trader.adapters.local.atomic_files import lock_file, replace_text
from trader.adapters.local.files import FileStateStore
from trader.adapters.local.lease import LeaseItem, read_lease_item, read_ledger
from trader.errors import LeaseHeld, LedgerCorrupt, StoreUnavailable, VersionConflict
from trader.model.codec import canonical_json
from trader.model.commands import Command
from trader.model.ids import Instant, Scope
from trader.model.ledger import Ledger
from trader.model.order_record import OrderRecord
from trader.model.orders import Fill

_DIGITS = 12


@dataclass(frozen=True, slots=True)
class StoredLedger:
    """What lies in the store: the lease, the text of the ledger, and the ledger or why that text is none."""

    text: str
    owner: str
    epoch: int
    version: int
    expires_at: Instant
    ledger: Ledger | None
    problem: str = ""

    def is_held(self, now: Instant) -> bool:
        """Whether somebody's lease lasts."""
        return bool(self.owner) and self.expires_at > now


class LedgerItems(Protocol):
    """The place of the ledger items."""

    def find(self, scope: Scope) -> StoredLedger | None:
        """Read the item without a lease and without writing; None if there is none. Raises: StoreUnavailable."""

    def put(
        self,
        scope: Scope,
        found: StoredLedger | None,
        ledger: Ledger,
        epoch: int,
        now: Instant,
        commands: Sequence[Command] = (),
    ) -> None:
        """Put a ledger where none is, or where something is that is no ledger; the lease is free afterwards.

        With it go *commands* whose slots are empty; those that stand there still are left. One conditional write.
        Raises: LeaseHeld, VersionConflict if it is no longer as found, StoreUnavailable.
        """

    def set_aside(self, scope: Scope, text: str) -> str:
        """Keep an old text for good, and say where. Raises: StoreUnavailable."""

    def read_owed(self, scope: Scope) -> Mapping[str, str]:
        """Return the audit objects that wait beside the ledger to be stored, by key, whatever became of the ledger.

        Raises: StoreUnavailable, LedgerCorrupt.
        """

    def read_fills(self, scope: Scope) -> Sequence[Fill]:
        """Return every fill that was committed. Raises: StoreUnavailable, LedgerCorrupt."""

    def read_finished(self, scope: Scope) -> Sequence[OrderRecord]:
        """Return every finished order that was committed. Raises: StoreUnavailable, LedgerCorrupt."""


def from_bytes(content: bytes) -> str:
    """Take bytes for a text, also where they are none; ``to_bytes`` gives the same bytes again."""
    return content.decode("utf-8", errors="surrogateescape")


def to_bytes(text: str) -> bytes:
    """Return the bytes of a stored text, whatever lay there."""
    return text.encode("utf-8", errors="surrogateescape")


def replace_item(
    there: StoredLedger | None,
    found: StoredLedger | None,
    ledger: Ledger,
    epoch: int,
    now: Instant,
    commands: Sequence[Command] = (),
) -> LeaseItem:
    """Decide what may be written in place of an item. Raises: LeaseHeld, VersionConflict."""
    if there is not None and there.is_held(now):
        raise LeaseHeld(there.owner, there.expires_at)
    if (there and (there.text, there.epoch)) != (found and (found.text, found.epoch)):
        raise VersionConflict(found.epoch if found else 0, there.epoch if there else 0)
    slots = {each.slot: each.text() for each in commands} | _save_commands(there.text if there is not None else "")
    return LeaseItem("", epoch, (there.version if there else 0) + 1, Instant(0), canonical_json(ledger), slots)


def read_stored_item(text: str, where: str) -> StoredLedger:
    """Read an item of the local stores, as far as it can be read."""
    try:
        item = read_lease_item(text, where)
        ledger = read_ledger(item.ledger, where)
    except LedgerCorrupt as error:
        return replace(_lease_of(text), problem=str(error))
    return StoredLedger(text, item.owner, item.epoch, item.version, item.expires_at, ledger)


def _lease_of(text: str) -> StoredLedger:
    """Save the lease out of a damaged item, if that much of it is left."""
    plain = _load(text)
    numbers = [plain.get(name) for name in ("epoch", "version", "expires_at")]
    epoch, version, expires_at = (number if type(number) is int else 0 for number in numbers)
    owner = plain.get("owner")
    return StoredLedger(text, owner if isinstance(owner, str) else "", epoch, version, Instant(expires_at), None)


def _save_commands(text: str) -> dict[str, str]:
    """Save the commands out of an item, sound or not: they stand, whatever became of the ledger."""
    commands = _load(text).get("commands")
    slots = commands.items() if isinstance(commands, dict) else ()
    return {slot: each for slot, each in slots if isinstance(each, str)}


def _load(text: str) -> dict[str, Any]:
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return plain if isinstance(plain, dict) else {}


class FileLedgerItems:
    """The items of a FileStateStore."""

    def __init__(self, home: Path) -> None:
        self._store = FileStateStore(home)

    def find(self, scope: Scope) -> StoredLedger | None:
        path = self._path(scope)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreUnavailable(f"{path}: {error}") from error
        return read_stored_item(from_bytes(content), str(path))

    def put(
        self,
        scope: Scope,
        found: StoredLedger | None,
        ledger: Ledger,
        epoch: int,
        now: Instant,
        commands: Sequence[Command] = (),
    ) -> None:
        path = self._path(scope)
        try:
            with lock_file(path.parent / ".lock"):
                replace_text(path, replace_item(self.find(scope), found, ledger, epoch, now, commands).text())
        except OSError as error:
            raise StoreUnavailable(f"{path}: {error}") from error

    def set_aside(self, scope: Scope, text: str) -> str:
        content = to_bytes(text)
        digest = hashlib.sha256(content).hexdigest()[:_DIGITS]
        path = self._path(scope).with_name(f"ledger-{digest}.set-aside")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        except OSError as error:
            raise StoreUnavailable(f"{path}: {error}") from error
        return str(path)

    def read_owed(self, scope: Scope) -> Mapping[str, str]:
        return self._store.list_owed(scope)

    def read_fills(self, scope: Scope) -> Sequence[Fill]:
        return self._store.fills(scope)

    def read_finished(self, scope: Scope) -> Sequence[OrderRecord]:
        return self._store.finished(scope)

    def _path(self, scope: Scope) -> Path:
        return self._store.folder(scope) / "ledger.json"
