"""``trader halt`` and ``trader reduce-only``: the two words of the kill switch that only ever allow less.

Neither reads the configuration or the ledger, so that no fault in them keeps a system from being halted. RUN and
FLATTEN are set by hand.
"""

from __future__ import annotations

import typer

from desk.cli.command_desk import UNSEEN
from desk.cli.located import System, with_system
from desk.controls import Controls, open_controls
from trader.errors import CommandRefused, MalformedData, StoreError
from trader.model.trading_state import TradingState


def register(app: typer.Typer) -> None:
    """Add ``trader halt`` and ``trader reduce-only``."""
    app.command("halt")(halt)
    app.command("reduce-only")(reduce_only)


@with_system("switch")
def halt(system: System) -> None:
    """Set the kill switch to HALT: nothing is sent, our open entries are cancelled, protective orders stay."""
    controls = open_controls(system.location)
    _set(controls, TradingState.HALT, _read(controls)[0])


@with_system("switch")
def reduce_only(system: System) -> None:
    """Set the kill switch from RUN to REDUCE_ONLY: no entries; exits and protection work."""
    controls = open_controls(system.location)
    before, told = _read(controls)
    if before not in (TradingState.RUN, TradingState.REDUCE_ONLY):
        raise CommandRefused(
            f"the kill switch {told}: REDUCE_ONLY may allow more than that, or end it; to set it nevertheless: "
            f"{controls.name_switch_command(TradingState.REDUCE_ONLY)}"
        )
    _set(controls, TradingState.REDUCE_ONLY, before)


def _read(controls: Controls) -> tuple[TradingState | None, str]:
    try:
        state = controls.read_switch()
    except (StoreError, MalformedData) as error:
        return None, f"cannot be read ({error})"
    return state, f"says {state}"


def _set(controls: Controls, wanted: TradingState, before: TradingState | None) -> None:
    controls.write_switch(wanted)
    now, told = _read(controls)
    print(f"kill switch: {before or UNSEEN} before, {now or UNSEEN} now" + ("" if now else f": {told}"))
    print("the next run acts on it, and one at work before its next order; trader status shows what came of it")
    if before not in (None, wanted):
        print(f"to go back: {controls.name_switch_command(before or wanted)}")
