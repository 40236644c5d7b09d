"""What an operator changed in the folder that a loop works in: the kill switch, or a command in its slot.

On AWS an event wakes the function; here somebody looks, about once a second. Whether a file was touched at all is asked
first, which costs next to nothing.
"""

from __future__ import annotations

import uuid
from pathlib import Path

from trader.adapters.local.files import FileStateStore
from trader.entry.events import SwitchChanged
from trader.errors import TraderError
from trader.model.commands import Command
from trader.model.trading_state import TradingState
from trader.ports import Ports

_Mark = tuple[int, int, int] | None


class FolderChanges:
    """Tells what is new since the last look. Commands that stand at the first look are new."""

    def __init__(self, home: Path, store: FileStateStore, ports: Ports) -> None:
        self._store, self._ports = store, ports
        self._switch_file, self._ledger_file = home / "kill-switch", store.folder(ports.identity.scope) / "ledger.json"
        self._switch_mark, self._word = _mark(self._switch_file), self._read_switch()
        self._ledger_mark: _Mark = None
        self._told: dict[str, str] = {}

    def find(self) -> SwitchChanged | Command | None:
        """Return a change to run for, once. Raises: StoreUnavailable, LedgerCorrupt."""
        return self._find_switch() or self._find_command()

    def _find_switch(self) -> SwitchChanged | None:
        mark = _mark(self._switch_file)
        if mark == self._switch_mark:
            return None
        self._switch_mark, word = mark, self._read_switch()
        if word is self._word:
            return None
        self._word = word
        return SwitchChanged(self._ports.clock.now(), uuid.uuid4().hex)

    def _find_command(self) -> Command | None:
        mark = _mark(self._ledger_file)
        if mark == self._ledger_mark:
            return None
        # Before the look: one that fails is told once, and not every second.
        self._ledger_mark = mark
        reading = self._store.look(self._ports.identity.scope)
        new = reading.commands.find_new(reading.ledger.applied_commands if reading.ledger is not None else {})
        fresh = [each for each in new if self._told.get(each.slot) != each.text()]
        # What a run could not act on is no news a second later: the next look, which is due anyway, tries again.
        self._told = {each.slot: each.text() for each in new if each not in fresh[1:]}
        if len(fresh) > 1:
            self._ledger_mark = None
        return fresh[0] if fresh else None

    def _read_switch(self) -> TradingState | None:
        """Read the switch; None if it cannot be read, which counts as HALT."""
        try:
            return self._ports.kill_switch.read()
        except TraderError:
            return None


def _mark(path: Path) -> _Mark:
    try:
        seen = path.stat()
    except OSError:
        return None
    return seen.st_mtime_ns, seen.st_ino, seen.st_size
