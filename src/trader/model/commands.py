"""What an operator asked for, and what follows from all that stands.

A command is a standing order. It lies in a slot beside the ledger: one for each kind, and for each lot or pause. A slot
only moves forward in the order of ``Command.text``, so a command that arrives twice, late or out of order is the same
as one that arrived once. What is allowed follows from the kill switch and the slots, and from nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from trader.errors import MalformedData
from trader.model.codec import canonical_json, decode
from trader.model.frozen import replace
from trader.model.ids import Asset, ClientOrderId, CycleId, Instant, StrategyId
from trader.model.trading_state import TradingState
from trader.model.unknown import NONE_UNKNOWN, UnknownFields

#: From the most cautious state to the least; of several that are asked for the first counts.
_CAUTION = (TradingState.HALT, TradingState.FLATTEN, TradingState.REDUCE_ONLY, TradingState.RUN)


class CommandKind(StrEnum):
    """What an operator may ask for."""

    FLATTEN = "flatten"
    RESUME = "resume"
    CLOSE = "close"
    PAUSE = "pause"
    CLEAR_DRAWDOWN = "clear-drawdown"
    RECONCILE = "reconcile"


@dataclass(frozen=True, slots=True)
class Command:
    """One command: what, when it was said, by whom and why.

    ``target`` is what it is about: the lot that ``close`` sells, or what ``pause`` keeps from being bought, as
    ``product SOL`` or ``strategy rules_engine``, before the instant ``until``. With ``abandon`` a ``resume`` leaves the
    lots that a ``flatten`` should have sold.
    """

    kind: CommandKind
    issued_at: Instant
    command_id: str
    who: str = ""
    why: str = ""
    target: str = ""
    until: Instant | None = None
    abandon: bool = False
    unknown: UnknownFields = NONE_UNKNOWN

    @property
    def slot(self) -> str:
        """Where it lies: a newer command takes the place of an older one of the same slot."""
        return f"{self.kind} {self.target}".rstrip()

    def text(self) -> str:
        """Write it down so that texts are in the order in which commands count: by instant, then by id."""
        return f"{self.issued_at:012d} {self.command_id} {canonical_json(self)}"

    def is_newer(self, mark: CommandMark | None) -> bool:
        """Whether it was said after the one that was applied last of its slot."""
        return mark is None or (self.issued_at, self.command_id) > (mark.issued_at, mark.command_id)

    def is_pausing(self, base: Asset, strategy: StrategyId, now: Instant) -> bool:
        """Whether it keeps a strategy from buying an asset now."""
        is_meant = self.target in (f"product {base}", f"strategy {strategy}")
        return self.kind is CommandKind.PAUSE and is_meant and self.until is not None and now < self.until


@dataclass(frozen=True, slots=True)
class CommandMark:
    """The newest command of a slot that a finished run has acted on, and which run that was."""

    issued_at: Instant
    command_id: str
    run_id: CycleId
    unknown: UnknownFields = NONE_UNKNOWN


@dataclass(frozen=True, slots=True)
class StandingCommands:
    """All slots of one scope. ``unread`` names those that hold what this code does not know."""

    slots: Mapping[str, Command] = field(default_factory=dict)
    unread: tuple[str, ...] = ()

    def find(self, kind: CommandKind, target: str = "") -> Command | None:
        """Return what stands in one slot."""
        return self.slots.get(f"{kind} {target}".rstrip())

    @property
    def is_flattening(self) -> bool:
        """Whether a flatten stands: no resume was said after it."""
        flatten, resume = self.find(CommandKind.FLATTEN), self.find(CommandKind.RESUME)
        return flatten is not None and (resume is None or resume.issued_at <= flatten.issued_at)

    def trading_state(self, switch: TradingState) -> TradingState:
        """Return what is allowed: what the switch says, or what the commands say if that is more cautious."""
        said = {switch, TradingState.FLATTEN} if self.is_flattening else {switch}
        return next(state for state in _CAUTION if state in said)

    def closing(self) -> frozenset[ClientOrderId]:
        """Name the lots that are to be sold one by one."""
        return frozenset(ClientOrderId(each.target) for each in self._of(CommandKind.CLOSE))

    def find_pause(self, base: Asset, strategy: StrategyId, now: Instant) -> Command | None:
        """Return the pause that keeps a strategy from buying an asset now."""
        return next((each for each in self._of(CommandKind.PAUSE) if each.is_pausing(base, strategy, now)), None)

    def find_new(self, applied: Mapping[str, CommandMark]) -> tuple[Command, ...]:
        """Return the commands that no finished run has acted on."""
        return tuple(each for slot, each in sorted(self.slots.items()) if each.is_newer(applied.get(slot)))

    def without(self, commands: Iterable[Command]) -> StandingCommands:
        """Leave these very commands out."""
        gone = tuple(commands)
        return replace(self, slots={slot: each for slot, each in self.slots.items() if each not in gone})

    def _of(self, kind: CommandKind) -> tuple[Command, ...]:
        return tuple(each for each in self.slots.values() if each.kind is kind)


#: Nobody has asked for anything.
NO_COMMANDS = StandingCommands()


def read_commands(texts: Mapping[str, str]) -> StandingCommands:
    """Read the slots from their texts. One that this code cannot read is named, and the others are read."""
    slots, unread = {}, []
    for slot, text in sorted(texts.items()):
        try:
            command: Command = decode(Command, json.loads(text.split(" ", 2)[-1]))
        except (MalformedData, ValueError):
            unread.append(slot)
        else:
            slots[slot] = command
    return StandingCommands(slots, tuple(unread)) if texts else NO_COMMANDS
