"""A ledger store that keeps the values themselves: what is frozen need not become text to be safe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trader.errors import LeaseHeld, VersionConflict
from trader.model.commands import NO_COMMANDS, Command, read_commands
from trader.model.events import OwedRecord
from trader.model.frozen import replace
from trader.model.ids import ClientOrderId, Instant, Scope
from trader.model.ledger import Ledger
from trader.model.order_record import OrderRecord
from trader.model.orders import Fill
from trader.ports import LeaseGrant, StateReading


class ObjectStore:
    """One scope's ledger, fills and finished orders. The lease fences as in every store."""

    def __init__(self) -> None:
        self.ledger: Ledger | None = None
        self.fills: dict[str, Fill] = {}
        self.finished: dict[ClientOrderId, OrderRecord] = {}
        self.epoch = self.version = 0
        self._owner, self._expires_at = "", Instant(0)
        self._owed: dict[str, OwedRecord] = {}
        self._slots: dict[str, str] = {}
        self._commands = NO_COMMANDS

    def acquire(self, scope: Scope, owner: str, now: Instant, lease_seconds: int) -> LeaseGrant:
        if self._owner and self._expires_at > now:
            raise LeaseHeld(self._owner, self._expires_at)
        self.epoch += 1
        self._owner, self._expires_at = owner, Instant(now + lease_seconds)
        return LeaseGrant(
            scope, owner, self.epoch, self.version, self._expires_at, self.ledger, commands=self._commands
        )

    def skip(self, ledger: Ledger, runs: int) -> None:
        """Take the books as so many runs would have left them that changed nothing else."""
        self.ledger, self.epoch, self.version = ledger, self.epoch + runs, self.version + runs

    def keep_finished(self, finished: Sequence[OrderRecord]) -> None:
        """Keep orders that left the books."""
        self.finished |= {record.intent.client_order_id: record for record in finished}

    def look(self, scope: Scope) -> StateReading:  # noqa: ARG002 - there is one scope
        return StateReading(self.ledger, self._commands, self._owner, self._expires_at)

    def write_command(self, scope: Scope, command: Command) -> None:  # noqa: ARG002 - there is one scope
        text = command.text()
        self._slots[command.slot] = max(text, self._slots.get(command.slot, ""))
        self._commands = read_commands(self._slots)

    def put_commands(self, slots: Mapping[str, str]) -> None:
        """Take these commands for those that stand, by slot."""
        self._slots = dict(slots)
        self._commands = read_commands(self._slots)

    def renew_commands(self, grant: LeaseGrant) -> LeaseGrant:
        return replace(grant, commands=self._commands)

    def drop_commands(self, grant: LeaseGrant, commands: Sequence[Command]) -> LeaseGrant:
        gone = {each.text() for each in commands}
        self._slots = {slot: text for slot, text in self._slots.items() if text not in gone}
        self._commands = read_commands(self._slots)
        return replace(grant, commands=grant.commands.without(commands))

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
        self._check(grant)
        self.version += 1
        self.ledger = ledger
        self.fills |= {fill.trade_id: fill for fill in fills}
        self.finished |= {record.intent.client_order_id: record for record in finished}
        self._owed |= {record.key: record for record in owed}
        for key in repaid:
            self._owed.pop(key, None)
        if release:
            self._owner = ""
        return replace(grant, version=self.version, ledger=ledger, is_outdated=grant.commands != self._commands)

    def read_owed(self, scope: Scope, keys: Sequence[str]) -> Sequence[OwedRecord]:  # noqa: ARG002 - there is one scope
        return [self._owed[key] for key in keys]

    def read_finished(self, scope: Scope, order_ids: Sequence[ClientOrderId]) -> Sequence[OrderRecord]:  # noqa: ARG002
        return [self.finished[each] for each in order_ids if each in self.finished]

    def release(self, grant: LeaseGrant) -> None:
        self._check(grant)
        self._owner = ""

    def _check(self, grant: LeaseGrant) -> None:
        if (grant.epoch, grant.owner) != (self.epoch, self._owner):
            raise VersionConflict(grant.epoch, self.epoch)
