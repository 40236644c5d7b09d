"""The law of the lease, without the storage: who may take it, what a commit needs, how the item is written down.

``LeasedStore`` is a state store but for the places where its texts lie.

Both local stores keep this item as text, so what a real store would fail to write or read fails here as well. The
ledger within stays text until somebody asks for it: a commit needs the owner, the epoch and the version only.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum

from trader.errors import InvariantViolation, LeaseHeld, LedgerCorrupt, VersionConflict
from trader.model.codec import canonical_json, decode, read_stored, translate_damage
from trader.model.commands import Command, read_commands
from trader.model.events import OwedRecord
from trader.model.frozen import replace
from trader.model.ids import ClientOrderId, Instant, Scope
from trader.model.ledger import Ledger
from trader.model.order_record import OrderRecord
from trader.model.orders import Fill
from trader.model.schema import upgrade_stored
from trader.model.unknown import NONE_UNKNOWN, UnknownFields
from trader.ports import LeaseGrant, StateReading

#: An item as it is written here. One that a person has edited is read as well, only slower.
_ITEM = re.compile(
    r'\{(?:"commands":(\{.*?\}),)?"epoch":(\d+),"expires_at":(\d+),"ledger":(null|\{.*\}),"owner":("[^"\\]*"),"version":(\d+)\}',
    re.DOTALL,
)

_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class LeaseItem:
    """What is stored for one scope. An empty owner means that the lease is free; *ledger* is JSON.

    *commands* has the text of each slot that is not empty.
    """

    owner: str = ""
    epoch: int = 0
    version: int = 0
    expires_at: Instant = Instant(0)
    ledger: str = "null"
    commands: Mapping[str, str] = field(default_factory=dict)
    unknown: UnknownFields = NONE_UNKNOWN

    def take(self, scope: Scope, owner: str, now: Instant, lease_seconds: int) -> LeaseItem:
        """Take the lease for an owner. Raises: LeaseHeld while somebody else's lease lasts."""
        if not owner or lease_seconds <= 0:
            raise InvariantViolation(f"{scope}: a lease needs an owner and a length, not {owner!r}, {lease_seconds} s")
        if self.owner and self.expires_at > now:
            raise LeaseHeld(self.owner, self.expires_at)
        return replace(self, owner=owner, epoch=self.epoch + 1, expires_at=Instant(now + lease_seconds))

    def commit(self, grant: LeaseGrant, ledger: Ledger, *, release: bool) -> LeaseItem:
        """Replace the ledger. Raises: VersionConflict if the grant is not the newest."""
        self._check(grant)
        if grant.version != self.version:
            raise VersionConflict(grant.epoch, self.epoch)
        if ledger.scope != grant.scope:
            raise InvariantViolation(f"ledger of {ledger.scope} committed under a lease on {grant.scope}")
        item = replace(self, version=self.version + 1, ledger=canonical_json(ledger))
        return item.free() if release else item

    def release(self, grant: LeaseGrant) -> LeaseItem:
        """Give the lease back. Raises: VersionConflict if it is no longer the grant's."""
        self._check(grant)
        return self.free()

    def with_command(self, command: Command) -> LeaseItem:
        """Put a command into its slot, unless one that counts more lies there."""
        text = command.text()
        if self.commands.get(command.slot, "") >= text:
            return self
        return replace(self, commands={**self.commands, command.slot: text})

    def without_commands(self, commands: Sequence[Command]) -> LeaseItem:
        """Empty the slots that hold these very commands."""
        texts = {each.text() for each in commands}
        return replace(self, commands={slot: text for slot, text in self.commands.items() if text not in texts})

    def free(self) -> LeaseItem:
        """Nobody holds the lease; the epoch stays, so the next one is higher."""
        return replace(self, owner="", expires_at=Instant(0))

    def _check(self, grant: LeaseGrant) -> None:
        if (grant.epoch, grant.owner) != (self.epoch, self.owner):
            raise VersionConflict(grant.epoch, self.epoch)

    def text(self) -> str:
        """Write the item down, as canonical JSON."""
        texts = {name: str(getattr(self, name)) for name in ("epoch", "expires_at", "version")}
        texts |= {"ledger": self.ledger, "owner": canonical_json(self.owner), **dict(self.unknown)}
        texts |= {"commands": canonical_json(self.commands)} if self.commands else {}
        return f"{{{','.join([f'{canonical_json(name)}:{texts[name]}' for name in sorted(texts)])}}}"


def read_lease_item(text: str, where: str, known: str = "") -> LeaseItem:
    """Read an item back, all but the ledger in it, whose text may be *known*.

    Raises: LedgerCorrupt naming the place, for what is not an item.
    """
    with translate_damage(where):
        found = _ITEM.fullmatch(text)
        # What a newer release keeps beside the ledger may stand behind it.
        if found is not None and (found[4] == known or _DECODER.raw_decode(text, found.start(4))[1] == found.end(4)):
            commands, epoch, expires_at, ledger, owner, version = found.groups()
            slots = json.loads(commands) if commands else {}
            return LeaseItem(json.loads(owner), int(epoch), int(version), Instant(int(expires_at)), ledger, slots)
        plain = json.loads(text)
        item: LeaseItem = decode(LeaseItem, {**plain, "ledger": canonical_json(plain["ledger"])})
    return item


def read_ledger(text: str, where: str) -> Ledger | None:
    """Read the ledger of an item; None before the first commit.

    Raises: LedgerCorrupt naming the place, for anything but a ledger of this schema, the one before or the next one.
    """
    return None if text == "null" else read_stored(Ledger, text, where, upgrade_stored)


class Kept(StrEnum):
    """What a store keeps of a scope."""

    LEDGER = "ledger"
    FILLS = "fills"
    ORDERS = "orders"
    OWED = "owed"


class LeasedStore(ABC):
    """A StateStore over texts: one lease item for each scope, and lines of fills and finished orders."""

    _known: tuple[str, Ledger | None] = ("null", None)

    def acquire(self, scope: Scope, owner: str, now: Instant, lease_seconds: int) -> LeaseGrant:
        with self._lock(scope):
            item = self._item(scope).take(scope, owner, now, lease_seconds)
            grant = LeaseGrant(
                scope,
                owner,
                item.epoch,
                item.version,
                item.expires_at,
                self._ledger(item, scope),
                commands=read_commands(item.commands),
            )
            self._write(scope, item.text())
            return grant

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
        with self._lock(grant.scope):
            item = self._item(grant.scope).commit(grant, ledger, release=release)
            # All of it becomes text before any of it is kept; and the ledger comes last, so that lines of a commit that
            # did not get that far are written again, and kept once.
            text = item.text()
            self._append(
                grant.scope,
                {f"{fill.venue_order_id}/{fill.trade_id}": canonical_json(fill) for fill in fills},
                {record.intent.client_order_id: canonical_json(record) for record in finished},
            )
            for record in owed:
                self._write_owed(grant.scope, record.key, record.body)
            self._write(grant.scope, text)
            self._known = item.ledger, ledger
            # Last, so that none is missing that the ledger still names.
            for key in repaid:
                self._write_owed(grant.scope, key, None)
            is_outdated = release and read_commands(item.commands) != grant.commands
        return replace(grant, version=item.version, ledger=ledger, is_outdated=is_outdated)

    def look(self, scope: Scope) -> StateReading:
        with self._lock_for_reading(scope):
            item = self._item(scope)
            ledger = self._ledger(item, scope)
        return StateReading(ledger, read_commands(item.commands), item.owner, item.expires_at)

    def write_command(self, scope: Scope, command: Command) -> None:
        with self._lock(scope):
            self._write(scope, self._item(scope).with_command(command).text())

    def renew_commands(self, grant: LeaseGrant) -> LeaseGrant:
        with self._lock(grant.scope):
            return replace(grant, commands=read_commands(self._item(grant.scope).commands))

    def drop_commands(self, grant: LeaseGrant, commands: Sequence[Command]) -> LeaseGrant:
        with self._lock(grant.scope):
            self._write(grant.scope, self._item(grant.scope).without_commands(commands).text())
        return replace(grant, commands=grant.commands.without(commands))

    def release(self, grant: LeaseGrant) -> None:
        with self._lock(grant.scope):
            self._write(grant.scope, self._item(grant.scope).release(grant).text())

    def free_lease(self, scope: Scope, owner: str | None = None) -> None:
        """Give back a lease, or that of one owner, of whom is known that he does nothing under it any more."""
        with self._lock(scope):
            if (item := self._item(scope)).owner and owner in (None, item.owner):
                self._write(scope, item.free().text())

    def read_owed(self, scope: Scope, keys: Sequence[str]) -> Sequence[OwedRecord]:
        with self._lock_for_reading(scope):
            bodies = {key: self._read_owed(scope, key) for key in keys}
        if missing := [key for key, body in bodies.items() if body is None]:
            raise LedgerCorrupt(f"{self._where(scope, Kept.OWED)}: the owed record {missing[0]} is missing")
        return tuple(OwedRecord(key, body) for key, body in bodies.items() if body is not None)

    def read_finished(self, scope: Scope, order_ids: Sequence[ClientOrderId]) -> Sequence[OrderRecord]:
        with self._lock_for_reading(scope):
            texts = self._read_orders(scope)
        where = self._where(scope, Kept.ORDERS)
        return tuple(read_stored(OrderRecord, texts[each], where) for each in order_ids if each in texts)

    def ledger(self, scope: Scope) -> Ledger | None:
        """Read the ledger without a lease, for reports."""
        with self._lock_for_reading(scope):
            return self._ledger(self._item(scope), scope)

    def _item(self, scope: Scope) -> LeaseItem:
        text = self._read(scope)
        return LeaseItem() if text is None else read_lease_item(text, self._where(scope, Kept.LEDGER), self._known[0])

    def _ledger(self, item: LeaseItem, scope: Scope) -> Ledger | None:
        # The same text is the same ledger, so that one that nobody else has changed is not decoded again.
        known = self._known
        if known[0] != item.ledger:
            known = self._known = item.ledger, read_ledger(item.ledger, self._where(scope, Kept.LEDGER))
        return known[1]

    @abstractmethod
    def _where(self, scope: Scope, kept: Kept) -> str:
        """Name the place of what is kept, for errors."""

    @abstractmethod
    def _lock(self, scope: Scope) -> AbstractContextManager[None]:
        """Keep everybody else out of a scope."""

    def _lock_for_reading(self, scope: Scope) -> AbstractContextManager[None]:
        """Keep everybody else out of a scope while it is only read."""
        return self._lock(scope)

    @abstractmethod
    def _read(self, scope: Scope) -> str | None:
        """Return the text of an item; None if there is none."""

    @abstractmethod
    def _write(self, scope: Scope, text: str) -> None:
        """Replace the text of an item, wholly or not at all."""

    @abstractmethod
    def _read_owed(self, scope: Scope, key: str) -> str | None:
        """Return the text of an audit object that is owed; None if there is none."""

    @abstractmethod
    def _write_owed(self, scope: Scope, key: str, text: str | None) -> None:
        """Keep the text of an audit object that is owed, or drop it if *text* is None."""

    @abstractmethod
    def _read_orders(self, scope: Scope) -> Mapping[str, str]:
        """Return the text of every finished order by its id, as last kept."""

    @abstractmethod
    def _append(self, scope: Scope, fills: Mapping[str, str], orders: Mapping[str, str]) -> None:
        """Keep texts by key: a fill is kept once, of several texts of one order the last counts."""
