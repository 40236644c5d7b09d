"""The implementations that every contract is run through. A new one is one more line in its table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from trader.adapters.local.files import FileAuditLog, FileBookStore, FileKillSwitch, FileStateStore
from trader.adapters.local.memory import InMemoryAuditLog, InMemoryBookStore, InMemoryKillSwitch, InMemoryStateStore
from trader.model.ids import Scope
from trader.model.orders import Fill, OrderRecord
from trader.model.portfolio import Switch
from trader.ports import AuditLog, KillSwitch, StateStore
from trader.sim.book import BookStore, VenueBook

pytest.register_assert_rewrite("contract.exchange_cases")

SCOPE = Scope("PAPER#main")


@dataclass
class StoreBench:
    """A state store, and what a test may do behind its back."""

    store: StateStore
    read_fills: Callable[[], list[Fill]]
    read_finished: Callable[[], list[OrderRecord]]
    read_raw: Callable[[], str]
    write_raw: Callable[[str], None]


@dataclass
class SwitchBench:
    """A kill switch, and the operator's hand on it; None takes the switch away."""

    switch: KillSwitch
    put: Callable[[str | None], None]


def _memory_store(_: Path) -> StoreBench:
    store = InMemoryStateStore()
    return StoreBench(
        store,
        lambda: list(store.fills(SCOPE)),
        lambda: list(store.finished(SCOPE)),
        lambda: store.texts[SCOPE],
        lambda text: store.texts.update({SCOPE: text}),
    )


def _file_store(home: Path) -> StoreBench:
    store = FileStateStore(home)
    path = store.folder(SCOPE) / "ledger.json"
    return StoreBench(
        store,
        lambda: list(store.fills(SCOPE)),
        lambda: list(store.finished(SCOPE)),
        lambda: path.read_text(encoding="utf-8"),
        lambda text: _put(path, text),
    )


def _memory_switch(_: Path) -> SwitchBench:
    switch = InMemoryKillSwitch()
    return SwitchBench(switch, lambda word: setattr(switch, "word", word))


def _file_switch(home: Path) -> SwitchBench:
    path = home / "kill-switch"
    FileKillSwitch(path).write(Switch.RUN)
    return SwitchBench(FileKillSwitch(path), lambda word: path.unlink() if word is None else _put(path, word))


def _put(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


STATE_STORES: dict[str, Callable[[Path], StoreBench]] = {"memory": _memory_store, "files": _file_store}
AUDIT_LOGS: dict[str, Callable[[Path], AuditLog]] = {"memory": lambda _: InMemoryAuditLog(), "files": FileAuditLog}
KILL_SWITCHES: dict[str, Callable[[Path], SwitchBench]] = {"memory": _memory_switch, "files": _file_switch}
BOOK_STORES: dict[str, Callable[[Path], BookStore]] = {
    "memory": lambda _: InMemoryBookStore[VenueBook](),
    "files": lambda home: FileBookStore(home / "book.json", VenueBook),
}


@pytest.fixture(params=STATE_STORES)
def state_bench(request: pytest.FixtureRequest, tmp_path: Path) -> StoreBench:
    return STATE_STORES[request.param](tmp_path)


@pytest.fixture(params=AUDIT_LOGS)
def audit_log(request: pytest.FixtureRequest, tmp_path: Path) -> AuditLog:
    return AUDIT_LOGS[request.param](tmp_path)


@pytest.fixture(params=KILL_SWITCHES)
def switch_bench(request: pytest.FixtureRequest, tmp_path: Path) -> SwitchBench:
    return KILL_SWITCHES[request.param](tmp_path)


@pytest.fixture(params=BOOK_STORES)
def book_store(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return BOOK_STORES[request.param](tmp_path)
