"""What becomes of an operator's commands: which are taken, what a run does about them, when they are done with."""

from __future__ import annotations

from collections.abc import Collection

from trader.model.commands import Command, CommandKind, CommandMark, StandingCommands
from trader.model.events import AuditNote, EventKind
from trader.model.frozen import replace
from trader.model.ids import CycleId, Instant, StrategyId
from trader.model.ledger import Ledger
from trader.model.money import Notional
from trader.model.trading_state import TradingState

#: Nothing is said this far ahead of the clock but by mistake.
_AHEAD_SECONDS = 60
#: No event is delivered again after this: what a slot held may be forgotten.
_FORGOTTEN_SECONDS = 3600
#: More slots than this are not opened, so that the item keeps room for the ledger.
_SLOTS_MAX = 100


def why_refuse(
    command: Command,
    ledger: Ledger | None,
    commands: StandingCommands,
    switch: TradingState,
    now: Instant,
    strategies: Collection[StrategyId],
) -> str | None:
    """Say why a command is not taken: for its time, for what there is not, or for what is still held; or None."""
    ahead = command.issued_at - now
    if ahead > _AHEAD_SECONDS:
        return f"issued_at lies {ahead} s ahead of the clock; allowed are {_AHEAD_SECONDS} s"
    if command.target and command.slot not in commands.slots and len(commands.slots) >= _SLOTS_MAX:
        return f"{len(commands.slots)} commands stand already; allowed are {_SLOTS_MAX}"
    lots = ledger.lots if ledger is not None else {}
    match command.kind:
        case CommandKind.CLOSE if command.target not in lots:
            return f"there is no lot {command.target}; open are {', '.join(sorted(lots)) or 'none'}"
        case CommandKind.PAUSE if command.slot not in commands.slots:
            if command.until is not None and command.until <= now:
                return "until lies in the past"
            named = [f"strategy {each}" for each in sorted(strategies)]
            if command.target.startswith("strategy ") and command.target not in named:
                return f"there is no {command.target}; allowed are {', '.join(named)}"
        case CommandKind.RESUME:
            return _why_not_resume(command, ledger, commands, switch)
        case _:
            pass
    return None


def _why_not_resume(
    command: Command, ledger: Ledger | None, commands: StandingCommands, switch: TradingState
) -> str | None:
    flatten = commands.find(CommandKind.FLATTEN)
    if flatten is not None and flatten.issued_at == command.issued_at:
        return "a flatten was said in the same second, and counts; resume with a later issued_at"
    is_meant = flatten is not None and flatten.issued_at < command.issued_at and commands.is_flattening
    lots = ledger.lots.values() if ledger is not None else ()
    if command.abandon or not lots or not (is_meant or switch is TradingState.FLATTEN):
        return None
    left = ", ".join(f"{lot.quantity:f} {lot.base} ({lot.lot_id})" for lot in lots)
    return f"the flatten has not sold {left}; wait for it, or resume with abandon to keep them"


def is_done(command: Command, ledger: Ledger, commands: StandingCommands, now: Instant) -> bool:
    """Whether nothing is left to be done about a command: a run acted on it.

    What it sells is sold, and no order of ours buys, or may still buy, what it keeps from being bought.
    """
    if command.is_newer(ledger.applied_commands.get(command.slot)):
        return False
    buying = [each.intent for each in ledger.active_orders if each.intent.is_entry]
    match command.kind:
        case CommandKind.FLATTEN:
            return not (commands.is_flattening and (ledger.lots or buying or ledger.parents))
        case CommandKind.CLOSE:
            return command.target not in {*ledger.lots, *ledger.parents, *(each.lot_id for each in buying)}
        case CommandKind.PAUSE:
            stands = commands.slots.get(command.slot) == command
            return not (stands and any(command.is_pausing(each.base, each.strategy, now) for each in buying))
        case _:
            return True


def clear_drawdown(
    ledger: Ledger, equity: Notional | None, commands: StandingCommands
) -> tuple[Ledger, tuple[AuditNote, ...]]:
    """Let the drawdown begin anew at today's equity, once for each command; not while nobody knows the equity."""
    command, marks = commands.find(CommandKind.CLEAR_DRAWDOWN), ledger.equity_marks
    if command is None or not command.is_newer(ledger.applied_commands.get(command.slot)):
        return ledger, ()
    if equity is None or marks is None:
        return ledger, ()
    body = {"peak_before": marks.peak_equity, "peak": equity, "halted": ledger.drawdown_halt, "command": command}
    note = AuditNote(EventKind.DRAWDOWN_CLEARED, command.command_id, body)
    return replace(ledger, drawdown_halt=False, equity_marks=replace(marks, peak_equity=equity)), (note,)


def mark_applied(
    ledger: Ledger, commands: StandingCommands, run_id: CycleId, *, is_cleared: bool
) -> tuple[Ledger, tuple[AuditNote, ...]]:
    """Remember which commands this run acted on, and forget those whose slots are empty.

    A ``clear-drawdown`` counts only if the drawdown *is_cleared*: it waits for a run that knows the equity.
    """
    waiting = commands.find_new(ledger.applied_commands)
    new = [each for each in waiting if is_cleared or each.kind is not CommandKind.CLEAR_DRAWDOWN]
    gone = sorted(ledger.applied_commands.keys() - commands.slots.keys() - set(commands.unread))
    if not new and not gone:
        return ledger, ()
    kept = {slot: mark for slot, mark in ledger.applied_commands.items() if slot not in gone}
    applied = {**kept, **{each.slot: CommandMark(each.issued_at, each.command_id, run_id) for each in new}}
    notes = [AuditNote(EventKind.COMMAND_APPLIED, each.slot, {"command": each, "run": run_id}) for each in new]
    notes += [AuditNote(EventKind.COMMANDS_FORGOTTEN, "commands", {"slots": gone})] if gone else []
    return replace(ledger, applied_commands=applied), tuple(notes)


def find_over(ledger: Ledger, commands: StandingCommands, now: Instant) -> tuple[Command, ...]:
    """Name the commands whose slots may be emptied: lots that are sold, pauses that are over."""
    return tuple(
        each
        for each in commands.slots.values()
        if now - each.issued_at > _FORGOTTEN_SECONDS and _is_over(each, ledger, now)
    )


def _is_over(command: Command, ledger: Ledger, now: Instant) -> bool:
    if command.kind is CommandKind.CLOSE:
        buying = (each.intent.lot_id for each in ledger.active_orders if each.intent.is_entry)
        return command.target not in {*ledger.lots, *ledger.parents, *buying}
    return command.kind is CommandKind.PAUSE and command.until is not None and command.until <= now
