"""Wait for what is due, do it, say what came of it; until somebody asks to stop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from desk.key_file import KeyFile
from desk.loop.changes import FolderChanges
from desk.loop.pace import LOOK_SECONDS
from desk.loop.schedule import find_beginning, find_due, find_next, find_tick
from desk.loop.telling import Telling
from desk.stop import StopRequest
from trader.adapters.local.files import FileStateStore
from trader.entry.events import RunTick, RunWatch, SwitchChanged
from trader.entry.perform import note_key_trouble, perform
from trader.errors import ConfigError, InvariantViolation, LedgerCorrupt, TraderError, VenueAuth, VenueError
from trader.model.commands import Command
from trader.model.ids import Instant
from trader.ports import Clock, Ports
from trader.stages.pipeline import Pipeline

_TRY_AGAIN_SECONDS = 5
#: What no later run would mend.
_FINAL = (ConfigError, LedgerCorrupt, InvariantViolation)


class TradingLoop:
    """One machine's stand-in for the schedule, its events, and the function that they wake.

    It has the folder to itself, so a lease that is held when it begins is that of a dead process. ``look_seconds`` is
    how often it looks for what an operator changed.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        ports: Ports,
        home: Path,
        telling: Telling,
        stop: StopRequest,
        key: KeyFile | None = None,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._pipeline, self._ports, self._home = pipeline, ports, home
        self._telling, self._stop, self._key = telling, stop, key
        self._look_seconds = look_seconds

    def run(self) -> None:
        """Run until stopped. Raises: LedgerCorrupt, ConfigError, InvariantViolation; StoreUnavailable at the start."""
        cycle, clock = self._pipeline.settings.cycle, self._ports.clock
        store, scope = FileStateStore(self._home), self._ports.identity.scope
        store.free_lease(scope)
        ledger = store.ledger(scope)
        changes = FolderChanges(self._home, store, self._ports)
        seen = find_beginning(ledger.last_cycle if ledger is not None else None, clock.now(), cycle)
        if ledger is None and not self._stop.is_asked:
            # Whoever begins sees at once what there is; a tick that is this old enters nothing yet.
            seen = clock.now()
            self._perform(RunTick(find_tick(seen, cycle)))
        while not self._stop.is_asked:
            now = clock.now()
            # A clock that was put back must not keep everything waiting until it is where it was.
            seen = min(seen, now)
            request = self._find_change(changes) or find_due(seen, now, cycle)
            if request is None:
                clock.wait(min(self._look_seconds, find_next(now, cycle) - now))
                continue
            if isinstance(request, RunTick | RunWatch):
                seen = now
            self._perform(request)

    def _find_change(self, changes: FolderChanges) -> SwitchChanged | Command | None:
        try:
            return changes.find()
        except _FINAL:
            raise
        except TraderError as error:
            self._telling.say(f"the folder could not be looked at: {error}")
            return None

    def _perform(self, request: RunTick | RunWatch | SwitchChanged | Command) -> None:
        if self._key is not None:
            self._key.begin_run()
        try:
            report = perform(request, self._pipeline, self._ports, self._pipeline.settings.cycle.run_seconds)
        except _FINAL:
            raise
        except TraderError as error:
            self._telling.tell_failure(request, error, self._ports.clock.now())
            return
        report = note_key_trouble(report, self._key.trouble if self._key is not None else "")
        self._telling.tell(request, report, self._ports.clock.now())


def open_when_there(
    open_ports: Callable[[], Ports], url: str, clock: Clock, stop: StopRequest, say: Callable[[str], None]
) -> Ports | None:
    """Put the world together as soon as the venue answers; None if somebody asked to stop before.

    Raises: ConfigError; VenueAuth if the key is refused, which waiting does not mend.
    """
    is_said = False
    while not stop.is_asked:
        try:
            return open_ports()
        except VenueAuth:
            raise
        except VenueError as error:
            if not is_said:
                say(f"{url} gives no usable answer; it is asked again every {_TRY_AGAIN_SECONDS} s: {error}")
            is_said = True
        until = Instant(clock.now() + _TRY_AGAIN_SECONDS)
        while clock.now() < until and not stop.is_asked:
            clock.wait(1)
    return None
