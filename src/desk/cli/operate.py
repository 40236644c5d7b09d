"""What an operator commands: ``trader flatten``, ``resume``, ``close``, ``pause``, ``clear-drawdown``, ``reconcile``.

A command is written down where the next run finds it, or put onto a stack's bus; none of them writes the kill switch.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from desk.cli.attendance import measure_timeout, prepare, tell_idle, tell_interrupted
from desk.cli.command_desk import CommandDesk, open_command_desk
from desk.cli.located import System, with_system
from desk.cli.options import read_instant
from desk.cli.sale_question import ask_to_sell
from desk.cli.word_options import WordOptions, with_word_options
from desk.confirmation import CommandWord, Stopwatch
from desk.controls import make_command
from desk.in_memory import FixedClock
from trader.adapters.local.clock import SystemClock
from trader.errors import CommandRefused, ConfigError
from trader.model.commands import CommandKind
from trader.model.ids import Instant, rfc3339
from trader.model.money import plain

AtOption = Annotated[
    str | None, typer.Option("--at", help="When it was said, RFC 3339; now without it. For one that got lost.")
]
YesOption = Annotated[bool, typer.Option("--yes", help="Sell without asking.")]
_PRODUCT = re.compile(r"[A-Za-z0-9]{1,32}-[A-Za-z0-9]{1,31}")
_EXAMPLE_SECONDS = 2 * 3600
_SPAN = re.compile(r"(?=\d)(?:(\d{1,4})d)?(?:(\d{1,4})h)?(?:(\d{1,4})m)?")


def register(app: typer.Typer) -> None:
    """Add the commands of an operator."""
    for name, command in (
        ("flatten", flatten),
        ("resume", resume),
        ("close", close),
        ("pause", pause),
        ("clear-drawdown", clear_drawdown),
        ("reconcile", reconcile),
    ):
        app.command(name)(command)


@with_system("table", "bus", "switch")
@with_word_options
def flatten(
    system: System,
    word: WordOptions,
    yes: YesOption = False,
    at: AtOption = None,
) -> None:
    """Cancel our orders, sell our lots, enter nothing, until trader resume."""
    desk, fields = _open_desk(system, at), {"why": word.reason}
    desk.draft(CommandKind.FLATTEN, fields)
    _give(_ask(desk, "flatten", None, is_agreed=yes), CommandKind.FLATTEN, fields, word)


@with_system("table", "bus", "switch")
@with_word_options
def resume(
    system: System,
    word: WordOptions,
    abandon: Annotated[bool, typer.Option("--abandon", help="Keep the lots that a flatten has not sold.")] = False,
    at: AtOption = None,
) -> None:
    """End every flatten that was commanded, and say whether the kill switch allows trading.

    It takes a stop back, and needs a reason.
    """
    fields = {"why": word.reason, **({"abandon": True} if abandon else {})}
    _give(_open_desk(system, at), CommandKind.RESUME, fields, word)


@with_system("table", "bus", "switch")
@with_word_options
def close(
    system: System,
    word: WordOptions,
    lot: Annotated[str, typer.Argument(help="The lot's id, or its product if that has one lot only.")],
    yes: YesOption = False,
    at: AtOption = None,
) -> None:
    """Sell one lot; all others stay."""
    desk = _open_desk(system, at)
    lot = _find_lot(lot, desk)
    fields = {"why": word.reason, "lot": lot}
    desk.draft(CommandKind.CLOSE, fields)
    _give(_ask(desk, f"close {lot}", lot, is_agreed=yes), CommandKind.CLOSE, fields, word)


@with_system("table", "bus", "switch")
@with_word_options
def pause(
    system: System,
    word: WordOptions,
    what: Annotated[str, typer.Argument(metavar="PRODUCT|STRATEGY", help="SOL-USD, or rules_engine.")],
    until: Annotated[str | None, typer.Option("--until", help="Instant, RFC 3339, or a day.")] = None,
    span: Annotated[str | None, typer.Option("--for", help="30m, 2h, 1d12h; 0m ends a pause.")] = None,
    at: AtOption = None,
) -> None:
    """Enter nothing of one product, or of one strategy, for a while. Exits and protection go on.

    All products of a base asset are paused together: SOL-USD is SOL-USDC, too.
    """
    desk = _open_desk(system, at)
    example = rfc3339(Instant(desk.now + _EXAMPLE_SECONDS))
    if (until is None) == (span is None):
        given = "both are given" if until is not None else "neither is given"
        raise ConfigError(f"pause: {given}; allowed is either --until {example} or --for 2h")
    end = read_instant(until, "--until", example) if until is not None else Instant(desk.now + _read_span(span or ""))
    fields = {"why": word.reason, **_name_paused(what, desk), "until": rfc3339(end)}
    _check_end(fields, desk)
    _give(desk, CommandKind.PAUSE, fields, word)


@with_system("table", "bus", "switch")
@with_word_options
def clear_drawdown(
    system: System,
    word: WordOptions,
    at: AtOption = None,
) -> None:
    """Let the drawdown begin anew at today's equity, so that entries are allowed again.

    It takes a stop back, and needs a reason.
    """
    _give(_open_desk(system, at), CommandKind.CLEAR_DRAWDOWN, {"why": word.reason}, word)


@with_system("table", "bus", "switch")
@with_word_options
def reconcile(
    system: System,
    word: WordOptions,
    at: AtOption = None,
) -> None:
    """Read the account, book what is found there, protect what lies open, and enter nothing."""
    _give(_open_desk(system, at), CommandKind.RECONCILE, {"why": word.reason}, word)


def _open_desk(system: System, at: str | None) -> CommandDesk:
    return open_command_desk(system, read_instant(at, "--at") if at is not None else None)


def _give(desk: CommandDesk, kind: CommandKind, fields: dict[str, Any], word: WordOptions) -> None:
    """Give a command, and wait for what comes of it where anything runs."""
    controls, look = desk.controls, desk.status
    is_idle = controls.find_worker() is None
    attendance = None
    if word.waits and not is_idle:
        clock = FixedClock(desk.now) if desk.is_timeless else SystemClock()
        timeout = measure_timeout(word, desk.settings.cycle.period_seconds)
        attendance = prepare(controls, desk.scope, clock, desk.sight.state, desk.sight.unseen, timeout, look)
    pace = Stopwatch()
    try:
        command = desk.give(kind, fields)
        if kind is CommandKind.RESUME:
            desk.tell_switch()
    except KeyboardInterrupt:
        tell_interrupted(f"nobody knows whether {kind} is given: {look}")
    if attendance is not None:
        attendance.attend(CommandWord(command), command.slot, pace)
        if kind is CommandKind.RESUME:
            desk.tell_resumed()
    elif is_idle:
        tell_idle(look)
    else:
        print(f"{controls.next_step}: {look}")


def _ask(desk: CommandDesk, what: str, lot_id: str | None, *, is_agreed: bool) -> CommandDesk:
    """Ask before a sale, and look again if that took somebody's time."""
    ledger = desk.sight.state.ledger if desk.sight.state is not None else None
    held = list(ledger.lots.values()) if ledger is not None else []
    lots = [each for each in held if lot_id in (None, each.lot_id)]
    if lots or desk.sight.unseen:
        desk.tell_held_up()
    asked = ask_to_sell(what, ledger, lots, desk.sight.unseen, is_agreed=is_agreed)
    return desk.renew() if asked else desk


def _find_lot(name: str, desk: CommandDesk) -> str:
    """Find the id of a lot that is held, as far as can be seen; say so if it is being sold already.

    The only lot of a product has its name, too. Raises: CommandRefused naming what is held.
    """
    state = desk.sight.state
    if state is None:
        return name
    ledger = state.ledger
    lots = list(ledger.lots.values()) if ledger is not None else []
    of_product = [each for each in lots if each.product_id == name.upper()]
    found = [each for each in lots if each.lot_id == name] or of_product
    if len(found) != 1:
        is_sold = ledger is not None and name in ledger.closed_lots
        there = ", ".join(f"{each.lot_id} ({plain(each.quantity)} {each.product_id})" for each in lots)
        told = "is sold already" if is_sold else f"may be any of {len(found)}" if found else "is not held"
        raise CommandRefused(
            f"close: lot {name!r:.80} {told}; " + (f"there are {there}" if there else "nothing is held")
        )
    lot_id = found[0].lot_id
    if state.commands.is_flattening or lot_id in state.commands.closing():
        print("note: that it is to be sold was said before, and still stands")
    return lot_id


def _check_end(fields: Mapping[str, str], desk: CommandDesk) -> None:
    """Make sure that a pause that is over at once ends one that stands. Raises: ConfigError, CommandRefused."""
    command = make_command(CommandKind.PAUSE, {**fields, "issued_at": rfc3339(desk.now)}, desk.now)
    state = desk.sight.state
    if command.until is None or command.until > desk.now or state is None or command.slot in state.commands.slots:
        return
    over = f"it would end {fields['until']}, which lies in the past: it is {rfc3339(desk.now)}"
    raise CommandRefused(f"{command.slot} does not stand, so that there is nothing to end; {over}")


def _read_span(text: str) -> int:
    """Read how long, in seconds."""
    if (found := _SPAN.fullmatch("".join(text.split()).lower())) is None:
        raise ConfigError(f"--for: {text!r} is no span; allowed are 30m, 2h, 3d, 1d12h, and 0m, which ends a pause")
    days, hours, minutes = (int(each or 0) for each in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60


def _name_paused(what: str, desk: CommandDesk) -> dict[str, str]:
    """Tell a strategy from a product; a product that nobody knows there is said to be so, and paused nevertheless."""
    ledger = desk.sight.state.ledger if desk.sight.state is not None else None
    strategies = {*desk.settings.strategies, *(ledger.by_strategy if ledger is not None else ())}
    if (strategy := next((each for each in strategies if each.lower() == what.lower()), None)) is not None:
        return {"strategy": strategy}
    if not _PRODUCT.fullmatch(what):
        known = ", ".join(sorted(strategies))
        raise ConfigError(f"pause: {what!r} is no strategy and no product; allowed are BASE-QUOTE, as SOL-USD, {known}")
    product = what.upper()
    if ledger is not None and ledger.known_products:
        bases = {each.base for each in ledger.known_products.values()}
        if product.split("-")[0] not in bases:
            print(f"note: no product of {product.split('-')[0]} is known there")
    return {"product": product}
