"""The commands that mend what ``trader status`` shows in red, as they can be typed where it was typed."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from desk.cli.located import System
from desk.cli.options import CONFIG_DIR
from desk.controls import Controls
from trader.model.trading_state import TradingState
from trader.settings import Settings


@dataclass(frozen=True, slots=True)
class Mends:
    """The lines that mend something in this very system.

    ``system`` is where commands are led to; ``tick`` is what starts a run, ``allow_exits`` what sets the kill switch so
    that protection may be sent, ``allow_all`` so that everything may be, ``show_switch`` says why that of a stack
    cannot be read.
    """

    system: System
    tick: str
    allow_exits: str
    allow_all: str
    show_switch: str

    @property
    def is_local(self) -> bool:
        """Whether it lies in a folder, where time may be another than ours."""
        return self.system.location.home is not None

    def name(self, words: str) -> str:
        """Return a command of ours, with the options that lead to this system."""
        parts = _TAKES.get(words.partition(" ")[0], _TAKES["status"])
        return f"trader {words} {name_options(self.system, parts)}".rstrip()


#: The parts of a stack, of those that status knows, that a command has options for.
_TAKES: Mapping[str, tuple[str, ...]] = {"status": ("table", "switch"), "halt": ("switch",), "ledger": ("table",)}


def name_options(system: System, parts: tuple[str, ...]) -> str:
    """Return the words that lead a command that knows these parts to the system."""
    words, location = system.options(), system.location
    named = {part: f"--{part} {shlex.quote(str(getattr(location, part)))}" for part in _TAKES["status"]}
    given = [option for part, option in named.items() if getattr(location, part)]
    if location.options != " ".join(given):
        return words
    return " ".join(named[part] for part in parts if named[part] in given) + words.removeprefix(location.options)


def make_mends(system: System, settings: Settings, controls: Controls) -> Mends:
    """Name what mends things in a system."""
    tick = _name_tick(system, settings) if controls.is_local else f"trader reconcile {system.options()}"
    show_switch = f"aws ssm get-parameter --name {shlex.quote(system.location.switch or '')}"
    allow_exits, allow_all = map(controls.name_switch_command, (TradingState.REDUCE_ONLY, TradingState.RUN))
    return Mends(system, tick, allow_exits, allow_all, show_switch)


def _name_tick(system: System, settings: Settings) -> str:
    """Name what runs a cycle in a folder; the folder's name says on which market."""
    home = system.location.home
    assert home is not None
    kind, _, which = home.name.partition("-")
    words = ["trader", "cycle", "--mode", settings.app.mode.value]
    if kind == "synthetic" and which != "7":
        words += ["--seed", which]
    if kind == "venue":
        host, _, port = which.rpartition("-")
        words += ["--venue", f"http://{host}:{port}" if port.isdecimal() else f"https://{which}"]
    words += [] if str(home.parent) == ".trader" else ["--home", str(home.parent)]
    words += [] if system.config == CONFIG_DIR else ["--config", str(system.config)]
    return shlex.join(words)
