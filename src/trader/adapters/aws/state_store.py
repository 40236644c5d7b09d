"""The ledger in one DynamoDB item, fills and finished orders in items of their own.

::

    pk = PAPER#main   sk = LEDGER                     owner, claim, epoch, version, expires_at,
                                                      ledger (JSON, packed), parts,
                                                      commands (see command_slots)
                      sk = LEDGER#1, LEDGER#2, …      part (what the first does not hold)
                      sk = FILL#<order>/<trade>       body (JSON)
                      sk = ORDER#<client order id>    body (JSON)
                      sk = OWED#<audit key>           body (JSON Lines, packed)

Every write is conditional on the epoch: an invocation that lost its lease changes nothing.

The client below sends a request again whose answer was lost. If the first one had been done, the second is refused,
and what refuses it is our own write: so a refusal is looked at before it is believed.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from trader.adapters.aws.clients import translate_errors
from trader.adapters.aws.command_slots import count_writes, empty_slots, read_slots, write_slot
from trader.adapters.aws.stored_text import StoredText, count_parts, name_bodies
from trader.adapters.aws.table import (
    ITEM_BYTES_MAX,
    Action,
    DynamoTable,
    Item,
    Refused,
    check_whole,
    name_parts,
    read_number,
)
from trader.errors import InvariantViolation, LeaseHeld, LedgerCorrupt, StoreError, StoreUnavailable, VersionConflict
from trader.model.codec import canonical_json, read_stored
from trader.model.commands import Command
from trader.model.events import OwedRecord
from trader.model.frozen import replace
from trader.model.ids import ClientOrderId, Instant, Scope
from trader.model.ledger import Ledger
from trader.model.order_record import OrderRecord
from trader.model.orders import Fill
from trader.model.schema import upgrade_stored
from trader.ports import LeaseGrant, StateReading

#: The sort key of the item.
LEDGER = "LEDGER"


class DynamoStateStore:
    """One table, one item per scope for lease and ledger."""

    def __init__(self, client: Any, table: str) -> None:
        self._table = DynamoTable(client, table)
        # How many parts follow a body that was read: whoever drops an owed record has read it before.
        self._parts: dict[str, int] = {}

    def acquire(self, scope: Scope, owner: str, now: Instant, lease_seconds: int) -> LeaseGrant:
        """Take the lease and read the ledger with the same conditional write."""
        if not owner or lease_seconds <= 0:
            raise InvariantViolation(f"{scope}: a lease needs an owner and a length, not {owner!r}, {lease_seconds} s")
        # Names this very question, so that its repetition can be told from a second one.
        claim = secrets.token_hex(8)
        values = {
            ":owner": {"S": owner},
            ":claim": {"S": claim},
            ":free": {"S": ""},
            ":now": {"N": str(now)},
            ":until": {"N": str(now + lease_seconds)},
            ":zero": {"N": "0"},
            ":one": {"N": "1"},
        }
        update = self._table.make_update(
            scope,
            LEDGER,
            "SET #owner = :owner, claim = :claim, expires_at = :until, "
            "epoch = if_not_exists(epoch, :zero) + :one, version = if_not_exists(version, :zero)",
            "attribute_not_exists(#owner) OR #owner = :free OR expires_at <= :now",
            values,
        )
        try:
            with translate_errors(f"lease of {scope}", StoreUnavailable):
                item = self._table.update(update, reads=True)
        except Refused as refused:
            item = refused.item
            if _text(item, "claim") != claim:
                raise LeaseHeld(_text(item, "owner"), Instant(read_number(item, "expires_at"))) from None
        _, epoch, version = _mark(item)
        grant = LeaseGrant(
            scope,
            owner,
            epoch,
            version,
            Instant(read_number(item, "expires_at")),
            None,
            commands=read_slots(item),
            command_count=count_writes(item),
        )
        try:
            return self._with_ledger(grant, item)
        except StoreError:
            # Nobody can work with this ledger; the lease is given back so that the alarm does not hide behind it.
            with contextlib.suppress(StoreError):
                self.release(grant)
            raise

    def _with_ledger(self, grant: LeaseGrant, item: Item) -> LeaseGrant:
        if "ledger" not in item:
            return replace(grant, size_max=ITEM_BYTES_MAX)
        with translate_errors(f"ledger of {grant.scope}", StoreUnavailable):
            stored = self._table.read_text(item, "ledger")
        # Nobody else replaces it now.
        stored = check_whole(stored, f"ledger of {grant.scope}")
        ledger = decode_ledger(grant.scope, stored)
        return replace(grant, ledger=ledger, size_bytes=stored.size, size_max=ITEM_BYTES_MAX)

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
        """Replace the ledger, with new fills, finished orders and owed records in the same transaction."""
        if ledger.scope != grant.scope:
            raise InvariantViolation(f"ledger of {ledger.scope} committed under a lease on {grant.scope}")
        stored = StoredText.pack(canonical_json(ledger))
        beside = [
            *self._table.replace_parts(grant.scope, LEDGER, stored, count_parts(grant.size_bytes)),
            *(action for key in repaid for action in self._delete_body(grant.scope, f"OWED#{key}")),
        ]
        others = self._put_bodies(grant.scope, name_bodies(fills, finished, owed))
        try:
            seen = self._commit(grant, stored, beside, others, release=release)
        except Refused as refused:
            if not self._is_ours(refused.item, grant, stored, release=release):
                raise VersionConflict(grant.epoch, read_number(refused.item, "epoch")) from None
            seen = count_writes(refused.item)
        return replace(
            grant,
            version=grant.version + 1,
            ledger=ledger,
            size_bytes=stored.size,
            size_max=ITEM_BYTES_MAX,
            is_outdated=release and seen != grant.command_count,
        )

    def _commit(
        self, grant: LeaseGrant, stored: StoredText, beside: list[Action], others: list[Action], *, release: bool
    ) -> int:
        """Commit; return how often commands were written by then, as far as it matters. Raises: Refused."""
        with translate_errors(f"commit of {grant.scope}", StoreUnavailable):
            # What does not fit beside the ledger goes first: stored before it counts, and stored once by its key.
            if not release:
                self._table.write([self._make_commit(grant, stored), *beside], others)
                return grant.command_count
            try:
                heeding = self._make_commit(grant, stored, release=True, heeds=True)
                self._table.write([heeding, *beside], others)
            except Refused as refused:
                if _mark(refused.item) != (grant.owner, grant.epoch, grant.version):
                    raise
                # Only a command came in between. The lease is given back all the same: nobody waits in vain.
                self._table.write([self._make_commit(grant, stored, release=True), *beside], others)
                return count_writes(refused.item)
            return grant.command_count

    def _make_commit(
        self, grant: LeaseGrant, stored: StoredText, *, release: bool = False, heeds: bool = False
    ) -> Action:
        """Make the update that replaces the ledger; one that *heeds* commands only if they are those of the grant."""
        free = ", #owner = :free, expires_at = :zero" if release else ""
        unwritten = "" if grant.command_count else " OR attribute_not_exists(commands)"
        heed = f" AND (commands = :seen{unwritten})" if heeds else ""
        values = {
            ":owner": {"S": grant.owner},
            ":epoch": {"N": str(grant.epoch)},
            ":version": {"N": str(grant.version)},
            ":next": {"N": str(grant.version + 1)},
            ":ledger": stored.head,
            ":parts": name_parts(stored),
            **({":free": {"S": ""}, ":zero": {"N": "0"}} if release else {}),
            **({":seen": {"N": str(grant.command_count)}} if heeds else {}),
        }
        expression = f"SET ledger = :ledger, parts = :parts, version = :next{free}"
        condition = f"#owner = :owner AND epoch = :epoch AND version = :version{heed}"
        return {"Update": self._table.make_update(grant.scope, LEDGER, expression, condition, values)}

    def _is_ours(self, item: Item, grant: LeaseGrant, stored: StoredText, *, release: bool) -> bool:
        """Tell whether what refused a commit is that commit, done before.

        Nobody but us writes under our epoch, so the next version of it is what we have just written.
        """
        if _mark(item) != ("" if release else grant.owner, grant.epoch, grant.version + 1):
            return False
        with translate_errors(f"commit of {grant.scope}", StoreUnavailable):
            return self._table.read_text(item, "ledger") == stored

    def release(self, grant: LeaseGrant) -> None:
        """Give the lease back; the epoch stays, so that the next one is higher."""
        values = {
            ":owner": {"S": grant.owner},
            ":epoch": {"N": str(grant.epoch)},
            ":free": {"S": ""},
            ":zero": {"N": "0"},
        }
        expression = "SET #owner = :free, expires_at = :zero"
        update = self._table.make_update(grant.scope, LEDGER, expression, "#owner = :owner AND epoch = :epoch", values)
        try:
            with translate_errors(f"release of {grant.scope}", StoreUnavailable):
                self._table.update(update)
        except Refused as refused:
            if _mark(refused.item) != ("", grant.epoch, grant.version):
                raise VersionConflict(grant.epoch, read_number(refused.item, "epoch")) from None

    def look(self, scope: Scope) -> StateReading:
        """Read lease, ledger and commands without a lease."""
        what = f"ledger of {scope}"
        with translate_errors(what, StoreUnavailable):
            found = self._table.find_text(scope, LEDGER, "ledger")
        if found is None:
            return StateReading()
        item, stored = found
        ledger = decode_ledger(scope, check_whole(stored, what)) if "ledger" in item else None
        return StateReading(ledger, read_slots(item), _text(item, "owner"), Instant(read_number(item, "expires_at")))

    def write_command(self, scope: Scope, command: Command) -> None:
        """Put a command into its slot."""
        write_slot(self._table, scope, LEDGER, command)

    def renew_commands(self, grant: LeaseGrant) -> LeaseGrant:
        """Read the commands again."""
        with translate_errors(f"commands of {grant.scope}", StoreUnavailable):
            item = self._table.read(grant.scope, LEDGER) or {}
        return replace(grant, commands=read_slots(item), command_count=count_writes(item))

    def drop_commands(self, grant: LeaseGrant, commands: Sequence[Command]) -> LeaseGrant:
        """Empty slots whose business is over."""
        empty_slots(self._table, grant.scope, LEDGER, commands)
        return replace(grant, commands=grant.commands.without(commands))

    def ledger(self, scope: Scope) -> Ledger | None:
        """Read the ledger without a lease, for reports. Raises: StoreUnavailable, LedgerCorrupt."""
        return self.look(scope).ledger

    def read_owed(self, scope: Scope, keys: Sequence[str]) -> Sequence[OwedRecord]:
        """Read the audit objects that are owed, one after the other."""
        bodies = {key: self._read_body(scope, f"OWED#{key}", f"owed record {key}") for key in keys}
        if missing := [key for key, body in bodies.items() if body is None]:
            raise LedgerCorrupt(f"owed record {missing[0]}: it is missing")
        return tuple(OwedRecord(key, body) for key, body in bodies.items() if body is not None)

    def read_finished(self, scope: Scope, order_ids: Sequence[ClientOrderId]) -> Sequence[OrderRecord]:
        """Read finished orders by their ids, one after the other."""
        found = []
        for order_id in order_ids:
            what = f"finished order {order_id}"
            if (body := self._read_body(scope, f"ORDER#{order_id}", what)) is not None:
                found.append(read_stored(OrderRecord, body, what))
        return tuple(found)

    # --- what is stored beside the ledger

    def _read_body(self, scope: Scope, sort_key: str, what: str) -> str | None:
        stored = self._table.find_body(scope, sort_key, what)
        if stored is None:
            return None
        self._parts[sort_key] = len(stored.parts)
        return stored.text(what)

    def _put_bodies(self, scope: Scope, bodies: Mapping[str, StoredText]) -> list[Action]:
        return [put for sort_key, stored in bodies.items() for put in self._table.put_text(scope, sort_key, stored)]

    def _delete_body(self, scope: Scope, sort_key: str) -> list[Action]:
        return self._table.delete_text(scope, sort_key, self._parts.pop(sort_key, 0))


def _text(item: Item, name: str) -> str:
    text: str = item.get(name, {}).get("S", "")
    return text


def _mark(item: Item) -> tuple[str, int, int]:
    """Who holds the lease, the epoch, the version."""
    return _text(item, "owner"), read_number(item, "epoch"), read_number(item, "version")


def decode_ledger(scope: Scope, stored: StoredText) -> Ledger:
    """Read a stored ledger, of this schema or the one before. Raises: LedgerCorrupt."""
    what = f"ledger of {scope}"
    return read_stored(Ledger, stored.text(what), what, upgrade_stored)
