"""A folder in which a lot of three SOL is held and protected, as the stores of one machine write it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from desk.cli.app import build
from desk.cli.app import run as run_command
from factories_settings import CONFIG
from simulation.recovery_world import after_tick
from simulation.scenarios import ENTRY
from simulation.world import SCOPE
from trader.adapters.local.atomic_files import replace_text
from trader.adapters.local.files import FileStateStore
from trader.model.ids import Instant
from trader.ports import StateReading

LOT = "t247-66b905a4076e287e65e110062d16"
#: Shortly after its last run.
NOW, NOW_TEXT = Instant(1_795_349_520), "2026-11-22T12:12:00Z"
VARIABLES = (
    "TRADER_CONFIG_DIR",
    "TRADER_MODE",
    "TRADER_TABLE",
    "TRADER_AUDIT_BUCKET",
    "TRADER_SECRET",
    "TRADER_COMMAND_BUS",
    "TRADER_KILL_SWITCH",
)


def make_folder(home: Path) -> Path:
    """Write the folder, its kill switch at RUN."""
    replace_text(ledger_in(home), after_tick(ENTRY, 2).store.texts[SCOPE])
    switch_in(home).write_text("RUN\n", encoding="utf-8")
    return home


def ledger_in(home: Path) -> Path:
    return FileStateStore(home).folder(SCOPE) / "ledger.json"


def switch_in(home: Path) -> Path:
    return home / "kill-switch"


def look(home: Path) -> StateReading:
    """What is stored."""
    return FileStateStore(home).look(SCOPE)


def texts_in(folder: Path) -> Mapping[str, str]:
    """Every file but locks, and what it holds."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {str(path): path.read_text(encoding="utf-8") for path in files}


def run(*arguments: str) -> int:
    """The code a command leaves the process with."""
    with pytest.raises(SystemExit) as left:
        run_command(build(), arguments)
    return int(left.value.code or 0)


def run_in(home: Path, *arguments: str, at: str = NOW_TEXT) -> int:
    """The same in a folder, said at an instant; by the clock if that is empty."""
    said = ("--at", at) if at else ()
    return run(*arguments, "--home", str(home), "--mode", "PAPER", "--config", str(CONFIG), *said)
