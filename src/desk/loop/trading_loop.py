"""Wait for what is due, do it, say what came of it; until somebody asks to stop."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from desk.counting import write_count
from desk.folder_lock import FolderLock, keep_visitors_out
from desk.key_file import KeyFile
from desk.loop.changes import FolderChanges
from desk.loop.pace import LOOK_SECONDS
from desk.loop.schedule import count_missed, find_beginning, find_due, find_next, find_tick
from desk.loop.telling import Telling
from desk.stop import StopRequest
from trader.adapters.local.files import FileStateStore
from trader.entry.events import RunTick, RunWatch, SwitchChanged
from trader.entry.perform import note_key_trouble, perform
from trader.errors import ConfigError, InvariantViolation, LedgerCorrupt, TraderError, VenueAuth, VenueError
from trader.model.commands import Command
from trader.model.ids import Instant, rfc3339
from trader.ports import Clock, Ports
from trader.stages.pipeline import Pipeline

_TRY_AGAIN_SECONDS = 5
#: What no later run would mend.
_FINAL = (ConfigError, LedgerCorrupt, InvariantViolation)


class TradingLoop:
    """One machine's stand-in for the schedule, its events, and the function that they wake.

    It has the folder to itself, so a lease that is held when it begins, and is not that of a visitor, is that of a dead
    process; and so is its own, where a disk that failed kept it from being given back. ``look_seconds`` is how often it
    looks for what an operator changed.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        ports: Ports,
        home: Path,
        lock: FolderLock,
        telling: Telling,
        stop: StopRequest,
        key: KeyFile | None = None,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._pipeline, self._ports, self._home, self._lock = pipeline, ports, home, lock
        self._store = FileStateStore(home)
        self._telling, self._stop, self._key = telling, stop, key
        self._look_seconds = look_seconds

    def run(self) -> None:
        """Run until stopped.

        Raises: LedgerCorrupt, ConfigError, InvariantViolation; StoreUnavailable at the start, and if the folder was
        moved or removed.
        """
        cycle, clock = self._pipeline.settings.cycle, self._ports.clock
        scope = self._ports.identity.scope
        with keep_visitors_out(self._home) as is_alone:
            if is_alone:
                self._store.free_lease(scope)
        ledger = self._store.ledger(scope)
        changes = FolderChanges(self._home, self._store, self._ports)
        seen = find_beginning(ledger.last_cycle if ledger is not None else None, clock.now(), cycle)
        begun = clock.now()
        if ledger is None and not self._stop.is_asked:
            # Whoever begins sees at once what there is; a tick that is this old enters nothing yet.
            seen = begun
            self._perform(RunTick(find_tick(seen, cycle)))
        elif ledger is not None:
            self._telling.tell_resumed(ledger, begun)
        while not self._stop.is_asked:
            self._lock.check()
            now = clock.now()
            # A clock that was put back must not keep everything waiting until it is where it was.
            seen = min(seen, now)
            request = self._find_change(changes) or find_due(seen, now, cycle)
            if request is None:
                clock.wait(min(self._look_seconds, find_next(now, cycle) - now))
                continue
            if isinstance(request, RunTick | RunWatch):
                self._tell_missed(count_missed(max(seen, begun), now, request, cycle), now)
                seen = now
            self._perform(request)

    def _tell_missed(self, count: int, now: Instant) -> None:
        if count > 0:
            ticks = write_count(count, "tick was", "ticks were")
            self._telling.say(
                f"{rfc3339(now)} {ticks} missed: the machine slept, its clock was put forward, or a run took that long"
            )

    def _find_change(self, changes: FolderChanges) -> SwitchChanged | Command | None:
        try:
            return changes.find()
        except LedgerCorrupt as error:
            self._await_sound_ledger(error)
            return None
        except _FINAL:
            raise
        except TraderError as error:
            self._telling.say(f"the folder could not be looked at: {error}")
            return None

    def _await_sound_ledger(self, error: LedgerCorrupt) -> None:
        """Give whoever edits the ledger by hand a moment to have it whole. Raises: the error after that."""
        for _ in range(_TRY_AGAIN_SECONDS):
            self._ports.clock.wait(1)
            with contextlib.suppress(TraderError):
                self._store.ledger(self._ports.identity.scope)
                return
        raise error

    def _perform(self, request: RunTick | RunWatch | SwitchChanged | Command) -> None:
        if self._key is not None:
            self._key.begin_run()
        # Nothing of ours is at work now. What cannot be read here, the run cannot read either, and says so.
        with contextlib.suppress(TraderError):
            self._store.free_lease(self._ports.identity.scope, self._ports.identity.owner)
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
        # Counted, since a clock may be put back.
        for _ in range(_TRY_AGAIN_SECONDS):
            if not stop.is_asked:
                clock.wait(1)
    return None
