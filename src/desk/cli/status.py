"""``trader status``: how things stand, from what is stored, without the lease and without asking the venue."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Annotated, Any

import typer
from rich.console import Console, Group
from rich.live import Live

from desk.cli.exit_codes import ExitCode
from desk.cli.located import System, with_system
from desk.cli.options import AsJson, read_instant
from desk.cli.status_mends import make_mends
from desk.cli.status_rows import list_findings, make_sections
from desk.cli.status_screen import Section, lay_out
from desk.controls import UNSEEN, Controls, open_controls
from trader.adapters.local.clock import SystemClock
from trader.entry.status import describe_state
from trader.entry.wiring import make_scope
from trader.errors import ConfigError, LedgerCorrupt, MalformedData, StoreError, StoreUnavailable
from trader.model.ids import Instant, Scope
from trader.model.trading_state import TradingState
from trader.ports import StateReading
from trader.settings import Settings

#: Piped, lines are as long as on a small terminal, and none is left out.
_PIPED_WIDTH, _PIPED_HEIGHT = 80, 10_000
_EVERY_SECONDS = 5


def register(app: typer.Typer) -> None:
    """Add ``trader status``."""
    app.command("status")(status)


@with_system("table", "switch")
def status(
    system: System,
    at: Annotated[str | None, typer.Option("--at", help="Look as of this instant, RFC 3339.")] = None,
    is_watching: Annotated[bool, typer.Option("--watch", help="Renew the screen until Ctrl-C.")] = False,
    every: Annotated[int | None, typer.Option("--every", min=1, max=3600, help="Seconds between two looks; 5.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what is allowed and why, the last run, equity and limits, lots and their protection, doubts, commands.

    Ends with 1 if a line is red; each of those ends with the command that mends it. A halt on purpose is no error.
    """
    _check_watch(at, every, is_watching=is_watching, as_json=as_json)
    location, settings = system.location, system.settings()
    if location.home is None and location.table is None:
        raise ConfigError("--table is not given; allowed is the stack's output TableName")
    controls, scope = open_controls(location), make_scope(settings)
    controls.check_scope(scope)
    mends = make_mends(system, settings, controls)
    said = read_instant(at, "--at") if at is not None else None

    def look() -> tuple[dict[str, Any], list[Section]]:
        told = _describe(controls, scope, said, system, settings)
        return told, make_sections(told, mends)

    if is_watching:
        sections = _watch(look, _EVERY_SECONDS if every is None else every)
    else:
        told, sections = look()
        if as_json:
            findings = [{"finding": row.text, "mend": row.mend} for row in list_findings(sections)]
            print(json.dumps({**told, "findings": findings}, ensure_ascii=False))
        else:
            _print(sections)
    if list_findings(sections):
        raise typer.Exit(ExitCode.WRONG)


def _check_watch(at: str | None, every: int | None, *, is_watching: bool, as_json: bool) -> None:
    if not is_watching:
        if every is not None:
            raise ConfigError(f"--every {every} needs --watch")
        return
    for given, option in ((as_json, "--json"), (at is not None, "--at")):
        if given:
            raise ConfigError(f"--watch and {option} exclude one another; allowed is one of them")
    if not sys.stdout.isatty():
        raise ConfigError("--watch needs a terminal; allowed in a pipe are --json and no option, once for each look")


def _watch(look: Callable[[], tuple[dict[str, Any], list[Section]]], every: int) -> list[Section]:
    """Renew the screen until Ctrl-C, which is how it ends; leave the last look behind. An end by kill is the same.

    Both also where a shell that started the process had SIGINT ignored.
    """
    console, sections = Console(highlight=False), look()[1]
    ends = signal.SIGINT, signal.SIGTERM
    before = {number: signal.signal(number, signal.default_int_handler) for number in ends}
    try:
        with Live(console=console, screen=True, auto_refresh=False) as live:
            while True:
                lines = lay_out(sections, console.width, console.height - 1)
                live.update(Group(*lines[: console.height - 1]), refresh=True)
                time.sleep(every)
                sections = look()[1]
    except KeyboardInterrupt:
        pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    _print(sections)
    return sections


def _print(sections: list[Section]) -> None:
    console = Console()
    width, height = (console.width, console.height - 1) if console.is_terminal else (_PIPED_WIDTH, _PIPED_HEIGHT)
    if os.environ.get("COLUMNS", "").isdigit():
        width = int(os.environ["COLUMNS"])
    for line in lay_out(sections, width, height):
        # What cannot be broken, as a long path in a command, is left to the terminal, which can copy it whole.
        console.print(line, highlight=False, no_wrap=True, overflow="ignore", crop=False)


def _describe(
    controls: Controls, scope: Scope, said: Instant | None, system: System, settings: Settings
) -> dict[str, Any]:
    """Say how things stand; ``ledger_problem`` and ``switch_problem`` say of what is missing why it is.

    ``worker`` is who acts on what is due: a process of this machine, by its number, or the function; None if nobody.
    """
    told: dict[str, Any] = {"scope": scope, "is_local": controls.is_local, "worker": controls.find_worker()}
    reading = StateReading()
    try:
        reading = controls.look(scope)
    except LedgerCorrupt as error:
        # One that a newer release wrote is no damage, and must not be made anew by this one.
        is_newer = "this code reads" in str(error)
        told |= {"ledger_problem": str(error), "ledger_state": "newer" if is_newer else "corrupt"}
    except StoreError as error:
        told |= {"ledger_problem": str(error), "ledger_state": "unseen"}
    else:
        if reading.ledger is None:
            # A table may hold another mode's.
            whose = "" if controls.is_local else "; --mode says whose"
            told |= {"ledger_problem": f"no run has committed one yet{whose}", "ledger_state": "none"}
    switch: TradingState | None = None
    is_unseen = False
    try:
        switch = controls.read_switch()
    except (StoreError, MalformedData) as error:
        told["switch_problem"] = str(error)
        # What keeps us from reading a stack's switch need not keep the function from it; a wrong word does.
        is_unseen = isinstance(error, StoreUnavailable) and not controls.is_local
    now = said if said is not None else _choose_now(system, reading)
    told |= describe_state(reading, switch, now, settings)
    told |= {"own_time": said is None and _is_run(system), "flatten_stands": reading.commands.is_flattening}
    if is_unseen:
        told |= {"trading_state": UNSEEN, "switch": UNSEEN, "why": f"the kill switch: {told['switch_problem']}"}
        told |= {"entries": {"open": None, "unseen": []}} if "entries" in told else {}
    return told


def _choose_now(system: System, reading: StateReading) -> Instant:
    """Look at a run of ``trader run`` as of its own last tick: its market has a time of its own."""
    last = reading.ledger.last_run if reading.ledger is not None else None
    return last.ended_at if last is not None and _is_run(system) else SystemClock().now()


def _is_run(system: System) -> bool:
    home = system.location.home
    return home is not None and (home / "run.json").exists()
