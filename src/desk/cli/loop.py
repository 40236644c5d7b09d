"""``trader run --venue``: the trading loop on this machine, until it is told to stop."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from desk.cli.exit_codes import ExitCode
from desk.cli.located import System
from desk.cli.options import CONFIG_DIR, read_settings
from desk.controls import FolderControls
from desk.folder_lock import lock_folder
from desk.key_file import KeyFile
from desk.location import locate_folder
from desk.loop.farewell import describe_rest
from desk.loop.pace import REAL_PACE, Pace
from desk.loop.telling import Telling
from desk.loop.trading_loop import TradingLoop, open_when_there
from desk.patient_output import write_at_once
from desk.real_venue import CONFIRMED, check_venue, list_missing_keys, name_folder, open_http_venue
from desk.stop import StopRequest
from trader.adapters.local.files import FileStateStore
from trader.entry.wiring import build_local_ports, build_pipeline, list_live_blockers, why_not_confirmed
from trader.errors import ConfigError, TraderError
from trader.model.trading_state import TradingState
from trader.ports import Ports
from trader.settings import Settings
from trader.settings.app import Mode


def refuse_beside_venue(options: Mapping[str, object]) -> None:
    """Refuse what has no meaning for a loop that goes by the clock. Raises: ConfigError naming all that was given."""
    if given := [f"{option} {value}" for option, value in options.items() if value is not None]:
        raise ConfigError(f"{', '.join(given)}: not with --venue, which runs at the instants of the clock")


def read_loop_settings(config: Path, mode: Mode | None, key_file: Path | None) -> Settings:
    """Read the configuration. Raises: ConfigError; of LIVE with everything else that is missing for it, at once."""
    try:
        return read_settings(config, mode)
    except ConfigError as error:
        if Mode.LIVE.value not in (mode, os.environ.get("TRADER_MODE")):
            raise
        key = KeyFile(key_file) if key_file is not None else None
        others = (why_not_confirmed(os.environ.get(CONFIRMED, "")), *list_missing_keys(os.environ, key))
        raise ConfigError((*error.problems, *filter(None, others))) from None


def run_at_venue(
    url: str,
    settings: Settings,
    home: Path,
    *,
    key_file: Path | None = None,
    as_json: bool = False,
    config: Path = CONFIG_DIR,
    pace: Pace = REAL_PACE,
) -> ExitCode:
    """Run the loop in the venue's folder below *home* until it is told to stop; return how to leave the process.

    *config* is where the settings are from, for the lines that it names.
    Raises: ConfigError, NotNow, and what no later run would mend.
    """
    folder, clock, stop = home / name_folder(url), pace.clock, StopRequest()
    key = KeyFile(key_file) if key_file is not None else None
    access = open_http_venue(url, settings, os.environ, key, pace.timing)
    if settings.app.mode is Mode.LIVE and (reasons := list_live_blockers(settings, access)):
        raise ConfigError(reasons)
    telling = Telling(settings, sys.stdout, as_json)

    def open_ports() -> Ports:
        check_venue(url)
        return replace(build_local_ports(settings, folder, access, clock), report=telling.tell_alarm)

    with lock_folder(folder) as lock, stop.listen():
        _say(f"market: {url}; mode: {settings.app.mode}; folder: {folder}; Ctrl-C ends it after the cycle at work")
        ports = open_when_there(open_ports, url, clock, stop, _say)
        if ports is not None:
            _tell_switch(ports, folder)
            _tell_flatten(ports, System(locate_folder(folder), settings.app.mode, config))
            try:
                TradingLoop(build_pipeline(settings), ports, folder, lock, telling, stop, key, pace.look_seconds).run()
            finally:
                telling.end()
            ledger = FileStateStore(folder).ledger(ports.identity.scope)
            for line in describe_rest(ledger, settings, clock.now(), shlex.join(["trader", *sys.argv[1:]])):
                telling.say(line)
    return ExitCode.INTERRUPTED if stop.signal is signal.SIGINT else ExitCode.DONE


def _tell_switch(ports: Ports, folder: Path) -> None:
    """Say what the kill switch allows if that is not everything: a loop that trades nothing must not be a riddle."""
    try:
        state = ports.kill_switch.read()
    except TraderError as error:
        _say(f"the kill switch cannot be read, which counts as HALT: {error}")
        return
    if state is not TradingState.RUN:
        command = FolderControls(folder).name_switch_command(TradingState.RUN)
        _say(f"the kill switch says {state}; to let it trade: {command}")
    elif ports.identity.scope.startswith(Mode.LIVE):
        command = f"trader halt {FolderControls(folder).options}"
        _say(f"the kill switch says {state}: orders are sent from the first cycle on; to hold them back: {command}")


def _tell_flatten(ports: Ports, system: System) -> None:
    """Say that a flatten stands, and what ends it. What cannot be read, the loop says itself."""
    with contextlib.suppress(TraderError):
        if ports.store.look(ports.identity.scope).commands.is_flattening:
            command = f"trader resume --reason TEXT {system.options()}"
            _say(f"a flatten stands, under which nothing is bought; to end it: {command}")


def _say(text: str) -> None:
    write_at_once(sys.stderr, f"{text}\n")
