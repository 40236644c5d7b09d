"""``trader status``: how things stand, from what is stored, without the lease and without asking the venue."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from desk.cli.command_desk import UNSEEN
from desk.cli.located import System, with_system
from desk.cli.options import AsJson, open_console, read_instant
from desk.cli.status_screen import make_rows, print_rows
from desk.controls import Controls, open_controls
from trader.adapters.local.clock import SystemClock
from trader.entry.status import describe_state
from trader.entry.wiring import make_scope
from trader.errors import ConfigError, MalformedData, StoreError, StoreUnavailable
from trader.model.ids import Instant, Scope, rfc3339
from trader.model.trading_state import TradingState
from trader.ports import StateReading
from trader.settings import Settings

_WIDTH = 80


def register(app: typer.Typer) -> None:
    """Add ``trader status``."""
    app.command("status")(status)


@with_system("table", "switch")
def status(
    system: System,
    at: Annotated[str | None, typer.Option("--at", help="Look as of this instant, RFC 3339.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what is allowed and why, how the last run ended, lots and their protection, doubts, standing commands.

    Ends with 1 if a line is red: a lot without protection, a command that cannot be read, no ledger or none that can be
    read, a switch that cannot, a last run that was aborted or is older than three periods. A halt is no error.
    """
    location, settings = system.location, system.settings()
    controls = open_controls(location)
    if location.home is None and location.table is None:
        raise ConfigError("--table is not given; allowed is the stack's output TableName")
    scope = make_scope(settings)
    controls.check_scope(scope)
    now = read_instant(at, "--at") if at is not None else SystemClock().now()
    told = _describe(controls, scope, now, settings)
    rows = make_rows(told, settings.cycle.period_seconds)
    red = [row for row in rows if row.mend]
    if as_json:
        print(json.dumps({**told, "findings": [{"finding": row.text, "mend": row.mend} for row in red]}))
    else:
        print_rows(rows, open_console(_WIDTH))
    if red:
        raise typer.Exit(1)


def _describe(controls: Controls, scope: Scope, now: Instant, settings: Settings) -> dict[str, Any]:
    """Say how things stand; ``ledger_problem`` and ``switch_problem`` say of what is missing why it is."""
    told: dict[str, Any] = {"scope": scope, "now": rfc3339(now), "is_local": controls.is_local}
    reading = StateReading()
    try:
        reading = controls.look(scope)
    except StoreError as error:
        told["ledger_problem"] = str(error)
    else:
        if reading.ledger is None:
            told["ledger_problem"] = "no run has committed one yet"
            # A table may hold another mode's.
            told["ledger_problem"] += "" if controls.is_local else "; --mode says whose"
    switch: TradingState | None = None
    is_unseen = False
    try:
        switch = controls.read_switch()
    except (StoreError, MalformedData) as error:
        told["switch_problem"] = str(error)
        # What keeps us from reading a stack's switch need not keep the function from it; a wrong word does.
        is_unseen = isinstance(error, StoreUnavailable) and not controls.is_local
    told |= describe_state(reading, switch, now, settings)
    if is_unseen:
        told |= {"trading_state": UNSEEN, "switch": UNSEEN, "why": f"the kill switch: {told['switch_problem']}"}
    return told
