"""The ports in memory, for tests and backtests. They forgive nothing that the real ones would not.

The ledger is kept as text and read back from it, so a value that does not survive storage is found here first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from trader.adapters.local.archive import SortedValues
from trader.adapters.local.lease import Kept, LeasedStore, LeaseItem, read_ledger
from trader.errors import AccountReplaced, AuditConflict, StoreUnavailable
from trader.model.codec import decode, sha256_hex
from trader.model.events import AuditText
from trader.model.ids import Instant, Scope
from trader.model.ledger import Ledger
from trader.model.order_record import OrderRecord
from trader.model.orders import Fill
from trader.model.trading_state import TradingState, parse_trading_state

AccountT = TypeVar("AccountT")
KindT = TypeVar("KindT")


class InMemoryStateStore(LeasedStore):
    """Ledgers in a dict of texts, by scope. ``texts`` is open to tests that damage it."""

    def __init__(self) -> None:
        self.texts: dict[Scope, str] = {}
        self._fills: dict[Scope, dict[str, str]] = {}
        self._finished: dict[Scope, dict[str, str]] = {}
        self.owed: dict[tuple[Scope, str], str] = {}

    def fills(self, scope: Scope) -> tuple[Fill, ...]:
        """Read every fill that was committed, in the order of their first commit."""
        return tuple(decode(Fill, json.loads(text)) for text in self._fills.get(scope, {}).values())

    def finished(self, scope: Scope) -> tuple[OrderRecord, ...]:
        """Read every finished order that was committed, as last committed."""
        return tuple(decode(OrderRecord, json.loads(text)) for text in self._finished.get(scope, {}).values())

    def _ledger(self, item: LeaseItem, scope: Scope) -> Ledger | None:
        return read_ledger(item.ledger, self._where(scope, Kept.LEDGER))

    def _where(self, scope: Scope, kept: Kept) -> str:
        return f"{kept} of {scope}"

    def _lock(self, _: Scope) -> AbstractContextManager[None]:
        return nullcontext()

    def _read(self, scope: Scope) -> str | None:
        return self.texts.get(scope)

    def _write(self, scope: Scope, text: str) -> None:
        self.texts[scope] = text

    def _read_orders(self, scope: Scope) -> Mapping[str, str]:
        return self._finished.get(scope, {})

    def _read_owed(self, scope: Scope, key: str) -> str | None:
        return self.owed.get((scope, key))

    def _write_owed(self, scope: Scope, key: str, text: str | None) -> None:
        self.owed.pop((scope, key), None)
        if text is not None:
            self.owed[scope, key] = text

    def _append(self, scope: Scope, fills: Mapping[str, str], orders: Mapping[str, str]) -> None:
        self._fills.setdefault(scope, {}).update(fills)
        self._finished.setdefault(scope, {}).update(orders)


class InMemoryAuditLog:
    """Audit objects in a dict of texts, by key."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def write(self, record: AuditText, *, urgent: bool = False) -> str:  # noqa: ARG002 - memory is quick
        text = record.text()
        if self.texts.setdefault(record.key, text) != text:
            raise AuditConflict(f"{record.key} holds something else already")
        return sha256_hex(text)


class InMemoryKillSwitch:
    """A word in a variable. None stands for a switch that cannot be read."""

    def __init__(self, word: str | None = TradingState.RUN) -> None:
        self.word = word

    def read(self) -> TradingState:
        if self.word is None:
            raise StoreUnavailable("the kill switch cannot be read")
        return parse_trading_state(self.word, "kill switch")


class InMemorySimAccountStore(Generic[AccountT]):
    """A simulated venue's account in a variable, and its archive. The values are frozen, so they need not be copied."""

    def __init__(self, account: AccountT | None = None, archive: SortedValues[Any] | None = None) -> None:
        self._account = account
        self.archive: SortedValues[Any] = SortedValues() if archive is None else archive

    def load(self) -> AccountT | None:
        return self._account

    def save(
        self, account: AccountT, ended: Mapping[str, Any] = MappingProxyType({}), *, replaces: AccountT | None = None
    ) -> None:
        if replaces is not self._account:
            raise AccountReplaced("another account lies there by now")
        self.archive.add(ended)
        self._account = account

    def put(self, account: AccountT) -> None:
        """Set the account to what it is known to have become."""
        self._account = account

    def read_archived(self, key: str, kind: type[KindT]) -> KindT | None:
        value = self.archive.get(key)
        assert value is None or isinstance(value, kind), f"{key} is no {kind.__name__}: {value}"
        return value

    def list_archived(self, first: str, last: str, kind: type[KindT]) -> Mapping[str, KindT]:
        values = self.archive.between(first, last)
        assert all(isinstance(value, kind) for value in values.values()), f"{first} to {last}: not all {kind.__name__}"
        return values


@dataclass(frozen=True, slots=True)
class FixedClock:
    """A clock that stands still."""

    at: Instant

    def now(self) -> Instant:
        return self.at

    def wait(self, seconds: float) -> None:
        """Return at once: nothing happens while this clock waits."""


@dataclass(slots=True)
class ManualClock:
    """A clock that moves when told to."""

    at: Instant

    def now(self) -> Instant:
        return self.at

    def wait(self, seconds: float) -> None:
        """Return at once: nothing happens while this clock waits."""

    def set(self, at: Instant) -> None:
        """Jump to an instant."""
        self.at = at

    def advance(self, seconds: int) -> Instant:
        """Let time pass and return the new instant."""
        self.at = Instant(self.at + seconds)
        return self.at
