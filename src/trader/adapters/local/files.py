"""The ports in a folder, for paper trading on one machine.

::

    <home>/kill-switch                       one word
    <home>/scope=PAPER#main/ledger.json      lease and ledger, replaced in one step
    <home>/scope=PAPER#main/fills.jsonl      one fill a line
    <home>/scope=PAPER#main/orders.jsonl     one finished order a line; of several about one order the last counts
    <home>/scope=PAPER#main/owed/…           audit objects that wait to be stored
    <home>/audit/scope=…/dt=…/….jsonl        written once
    <home>/….json                            the account of a simulated venue
    <home>/….jsonl                           what has left that account, one fill, order or conversion a line
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from types import MappingProxyType
from typing import Any, Generic, TypeVar
from urllib.parse import quote, unquote

from trader.adapters.local.archive import ArchiveFile
from trader.adapters.local.atomic_files import (
    append_lines,
    create_text,
    lock_file,
    read_lines,
    read_text,
    replace_text,
    translate_errors,
)
from trader.adapters.local.lease import Kept, LeasedStore
from trader.errors import AccountReplaced, AuditConflict, AuditError, StoreUnavailable
from trader.model.codec import canonical_json, read_stored, sha256_hex, translate_damage
from trader.model.events import AuditText
from trader.model.ids import Scope
from trader.model.order_record import OrderRecord
from trader.model.orders import Fill
from trader.model.schema import upgrade_stored
from trader.model.trading_state import TradingState, parse_trading_state

AccountT = TypeVar("AccountT")
KindT = TypeVar("KindT")

_NAMES = {Kept.LEDGER: "ledger.json", Kept.FILLS: "fills.jsonl", Kept.ORDERS: "orders.jsonl", Kept.OWED: "owed"}


class FileStateStore(LeasedStore):
    """Ledgers as files, one folder per scope; processes keep each other out with a file lock."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def fills(self, scope: Scope) -> tuple[Fill, ...]:
        """Read every fill that was committed, in the order of their first commit.

        Without the lock, whose file would be a trace of somebody who only looks: lines are added whole.
        """
        lines = _lines(self._path(scope, Kept.FILLS), _fill_key)
        where = self._where(scope, Kept.FILLS)
        return tuple(read_stored(Fill, text, where) for text in lines.values())

    def finished(self, scope: Scope) -> tuple[OrderRecord, ...]:
        """Read every finished order that was committed, as last committed; without the lock, like ``fills``."""
        where = self._where(scope, Kept.ORDERS)
        return tuple(read_stored(OrderRecord, text, where) for text in self._read_orders(scope).values())

    def list_owed(self, scope: Scope) -> dict[str, str]:
        """Read every audit object that waits to be stored, by its key, whether or not the ledger names it.

        Without the lock, whose file would be a trace of somebody who only looks: each is written and removed at once.
        """
        folder = self._path(scope, Kept.OWED)
        with translate_errors(folder):
            found = {unquote(each.name): read_text(each) for each in sorted(folder.glob("*.jsonl"))}
        return {key: text for key, text in found.items() if text is not None}

    def folder(self, scope: Scope) -> Path:
        """Where the files of a scope lie."""
        return self._home / f"scope={quote(scope, safe='#')}"

    def _path(self, scope: Scope, kept: Kept) -> Path:
        return self.folder(scope) / _NAMES[kept]

    def _where(self, scope: Scope, kept: Kept) -> str:
        return str(self._path(scope, kept))

    @contextmanager
    def _lock(self, scope: Scope) -> Iterator[None]:
        folder = self.folder(scope)
        with translate_errors(folder), lock_file(folder / ".lock"):
            yield

    def _lock_for_reading(self, scope: Scope) -> AbstractContextManager[None]:
        # Who only looks makes no folder where there is none any more: a new one would be taken for one with books.
        return self._lock(scope) if self.folder(scope).exists() else nullcontext()

    def _read(self, scope: Scope) -> str | None:
        return read_text(self._path(scope, Kept.LEDGER))

    def _write(self, scope: Scope, text: str) -> None:
        replace_text(self._path(scope, Kept.LEDGER), text)

    def _append(self, scope: Scope, fills: Mapping[str, str], orders: Mapping[str, str]) -> None:
        _append_new(self._path(scope, Kept.FILLS), fills, _fill_key)
        _append_new(self._path(scope, Kept.ORDERS), orders, _order_key)

    def _read_orders(self, scope: Scope) -> Mapping[str, str]:
        return _lines(self._path(scope, Kept.ORDERS), _order_key)

    def _read_owed(self, scope: Scope, key: str) -> str | None:
        return read_text(self._owed(scope, key))

    def _write_owed(self, scope: Scope, key: str, text: str | None) -> None:
        path = self._owed(scope, key)
        if text is None:
            path.unlink(missing_ok=True)
        else:
            replace_text(path, text)

    def _owed(self, scope: Scope, key: str) -> Path:
        return self._path(scope, Kept.OWED) / quote(key, safe="")


class FileAuditLog:
    """Audit objects as files below one folder, each written once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, record: AuditText, *, urgent: bool = False) -> str:  # noqa: ARG002 - a disk is quick
        text, path = record.text(), self._folder / record.key
        if Path(record.key).is_absolute() or ".." in Path(record.key).parts:
            raise AuditError(f"{record.key} is not a key")
        with translate_errors(path, AuditError):
            try:
                create_text(path, text)
            except FileExistsError:
                if path.read_bytes() != text.encode():
                    raise AuditConflict(f"{path} holds something else already") from None
        return sha256_hex(text)


class FileKillSwitch:
    """One word in a file. No file means that the switch cannot be read, not that it says RUN."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> TradingState:
        try:
            word = self._path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise StoreUnavailable(f"{self._path}: {error}") from error
        return parse_trading_state(word, str(self._path))

    def write(self, switch: TradingState) -> None:
        """Set the switch. Raises: StoreUnavailable."""
        with translate_errors(self._path):
            replace_text(self._path, f"{switch}\n")


class FileSimAccountStore(Generic[AccountT]):
    """The account of a simulated venue as one file, and its archive as another of the same name with .jsonl at its end.

    *kind* is the account's class: this package does not know the simulator.
    """

    def __init__(self, path: Path, kind: type[AccountT]) -> None:
        self._path = path
        self._archive = ArchiveFile(path.with_suffix(".jsonl"))
        self._kind = kind
        self._known: tuple[str, AccountT] | None = None

    def load(self) -> AccountT | None:
        with translate_errors(self._path):
            text = read_text(self._path)
        if text is None:
            self._known = None
            return None
        # The same text is the same object, so that an unchanged account is not decoded again.
        if self._known is None or self._known[0] != text:
            self._known = text, read_stored(self._kind, text, str(self._path), upgrade_stored)
        return self._known[1]

    def save(
        self, account: AccountT, ended: Mapping[str, Any] = MappingProxyType({}), *, replaces: AccountT | None = None
    ) -> None:
        text = canonical_json(account)
        before, loaded = self._known or (None, None)
        with translate_errors(self._path), lock_file(self._path.with_name(f".{self._path.name}.lock")):
            if replaces is not loaded or read_text(self._path) != before:
                raise AccountReplaced(f"{self._path}: another account lies there by now")
            if ended:
                self._archive.append(ended)
            replace_text(self._path, text)
        self._known = text, account

    def read_archived(self, key: str, kind: type[KindT]) -> KindT | None:
        return self._archive.read(key, kind)

    def list_archived(self, first: str, last: str, kind: type[KindT]) -> Mapping[str, KindT]:
        return self._archive.between(first, last, kind)


KeyOf = Callable[[dict[str, Any]], str]


def _fill_key(item: dict[str, Any]) -> str:
    return f"{item['venue_order_id']}/{item['trade_id']}"


def _order_key(item: dict[str, Any]) -> str:
    return str(item["intent"]["client_order_id"])


def _lines(path: Path, key_of: KeyOf) -> dict[str, str]:
    with translate_errors(path):
        lines = read_lines(path)
    known = {}
    for number, line in enumerate(lines, start=1):
        with translate_damage(f"{path} line {number}"):
            known[key_of(json.loads(line))] = line.decode()
    return known


def _append_new(path: Path, lines: Mapping[str, str], key_of: KeyOf) -> None:
    if lines:
        known = _lines(path, key_of)
        append_lines(path, [line for key, line in lines.items() if known.get(key) != line])
