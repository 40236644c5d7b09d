"""``trader halt`` and ``trader reduce-only``: the two words of the kill switch that only ever allow less.

Nothing that is wrong with the configuration or the ledger keeps a system from being halted. RUN and
FLATTEN are set by hand.
"""

from __future__ import annotations

import typer

from desk.cli.attendance import measure_timeout, prepare, tell_idle, tell_interrupted
from desk.cli.command_desk import read_login
from desk.cli.located import System, with_system
from desk.cli.word_options import WordOptions, with_word_options
from desk.confirmation import Stopwatch, SwitchWord
from desk.controls import UNSEEN, Controls, open_controls
from desk.errors import NotNow
from trader.adapters.local.clock import SystemClock
from trader.entry.wiring import make_scope
from trader.errors import CommandRefused, MalformedData, StoreError
from trader.model.ids import rfc3339
from trader.model.trading_state import TradingState
from trader.settings import Settings


def register(app: typer.Typer) -> None:
    """Add ``trader halt`` and ``trader reduce-only``."""
    app.command("halt")(halt)
    app.command("reduce-only")(reduce_only)


@with_system("switch", "table")
@with_word_options
def halt(system: System, word: WordOptions) -> None:
    """Set the kill switch to HALT: nothing is sent, our open entries are cancelled, protective orders stay.

    The reason is printed, and kept nowhere: the switch is one word.
    """
    controls = open_controls(system.location)
    _set(controls, TradingState.HALT, _read(controls), system, word)


@with_system("switch", "table")
@with_word_options
def reduce_only(system: System, word: WordOptions) -> None:
    """Set the kill switch from RUN to REDUCE_ONLY: no entries; exits and protection work.

    The reason is printed, and kept nowhere: the switch is one word.
    """
    controls = open_controls(system.location)
    before = _read(controls)
    if before[0] not in (TradingState.RUN, TradingState.REDUCE_ONLY):
        raise CommandRefused(
            f"the kill switch {before[1]}: REDUCE_ONLY may allow more than that, or end it; to set it nevertheless: "
            f"{controls.name_switch_command(TradingState.REDUCE_ONLY)}"
        )
    _set(controls, TradingState.REDUCE_ONLY, before, system, word)


def _read(controls: Controls) -> tuple[TradingState | None, str]:
    try:
        state = controls.read_switch()
    except MalformedData as error:
        return None, f"cannot be read ({error})"
    except StoreError as error:
        return None, f"cannot be read ({error})" if controls.is_local else f"is {UNSEEN} ({error})"
    return state, f"says {state}"


def _set(
    controls: Controls, wanted: TradingState, before: tuple[TradingState | None, str], system: System, word: WordOptions
) -> None:
    is_idle, look = controls.find_worker() is None, f"trader status {system.options()}"
    # A run that the word wakes may be quick: whose books these are is found out before, and cannot keep it back.
    settings, problem = _load(system) if word.waits and not is_idle else (None, "")
    controls.write_switch(wanted)
    pace, written_at = Stopwatch(), SystemClock().now()
    now = _read(controls)
    print(f"kill switch: {before[0] or before[1]} before, {now[0] or now[1]} now")
    if word.reason:
        reason = " ".join(word.reason.split())
        print(f"said {rfc3339(written_at)} by {read_login()}: {reason}; no record keeps this line")
    if before[0] not in (None, wanted):
        print(f"to go back: {controls.name_switch_command(before[0] or wanted)}")
    if is_idle:
        tell_idle(look)
    elif not word.waits:
        print(f"the next run acts on it, and one at work before its next order: {look}")
    elif settings is None:
        raise NotNow(_name_unseen(wanted, problem, look))
    else:
        _attend(SwitchWord(controls, wanted, written_at), settings, word, pace, look)


def _load(system: System) -> tuple[Settings | None, str]:
    """Read the configuration, or say why it cannot be read."""
    try:
        return system.settings(), ""
    except Exception as error:
        return None, "; ".join(str(error).splitlines())


def _name_unseen(wanted: TradingState, why: str, look: str) -> str:
    return f"the kill switch's {wanted} is set; whether a run has acted on it is {UNSEEN} ({why}): {look}"


def _attend(switch: SwitchWord, settings: Settings, word: WordOptions, pace: Stopwatch, look: str) -> None:
    """Wait for a run that began after the word was written; nothing that fails here takes it back."""
    name, scope, controls = f"the kill switch's {switch.wanted}", make_scope(settings), switch.controls
    try:
        reading = controls.look(scope)
        # What is stored now, before anything else is read, is what a later run is told from.
        switch.judge(reading, SystemClock().now())
    except StoreError as error:
        raise NotNow(_name_unseen(switch.wanted, str(error), look)) from None
    except KeyboardInterrupt:
        tell_interrupted(f"{name} stands nevertheless: {look}")
    timeout = measure_timeout(word, settings.cycle.period_seconds)
    prepare(controls, scope, SystemClock(), reading, "", timeout, look).attend(switch, name, pace)
