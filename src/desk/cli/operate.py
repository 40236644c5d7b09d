"""What an operator commands: ``trader flatten``, ``resume``, ``close``, ``pause``, ``clear-drawdown``, ``reconcile``.

A command is written down where the next run finds it, or put onto a stack's bus; none of them writes the kill switch.
"""

from __future__ import annotations

import re
from typing import Annotated

import typer

from desk.cli.command_desk import CommandDesk, open_command_desk
from desk.cli.located import System, with_system
from desk.cli.options import read_instant
from trader.errors import ConfigError
from trader.model.commands import CommandKind
from trader.model.ids import Instant, StrategyId, rfc3339

WhyOption = Annotated[str, typer.Option("--why", help="The reason, one line; it goes into the record.")]
ReasonOption = Annotated[str, typer.Option("--why", help="The reason, one line: needed, since this takes a stop back.")]
AtOption = Annotated[
    str | None, typer.Option("--at", help="When it was said, RFC 3339; now without it. For one that got lost.")
]
_PRODUCT = re.compile(r"[A-Za-z0-9]{1,32}-[A-Za-z0-9]{1,31}")
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
def flatten(
    system: System,
    why: WhyOption = "",
    at: AtOption = None,
) -> None:
    """Cancel our orders, sell our lots, enter nothing, until trader resume."""
    desk = _open_desk(system, at)
    desk.give(CommandKind.FLATTEN, {"why": why})


@with_system("table", "bus", "switch")
def resume(
    system: System,
    why: ReasonOption,
    abandon: Annotated[bool, typer.Option("--abandon", help="Keep the lots that a flatten has not sold.")] = False,
    at: AtOption = None,
) -> None:
    """End every flatten that was commanded, and say whether the kill switch allows trading."""
    desk = _open_desk(system, at)
    desk.give(CommandKind.RESUME, {"why": why, **({"abandon": True} if abandon else {})})
    desk.tell_switch()


@with_system("table", "bus", "switch")
def close(
    system: System,
    lot: Annotated[str, typer.Argument(help="The lot's id, as trader status prints it.")],
    why: WhyOption = "",
    at: AtOption = None,
) -> None:
    """Sell one lot; all others stay."""
    desk = _open_desk(system, at)
    desk.give(CommandKind.CLOSE, {"why": why, "lot": lot})


@with_system("table", "bus", "switch")
def pause(
    system: System,
    what: Annotated[str, typer.Argument(metavar="PRODUCT|STRATEGY", help="SOL-USD, or rules_engine.")],
    until: Annotated[str | None, typer.Option("--until", help="Instant, RFC 3339, or a day.")] = None,
    span: Annotated[str | None, typer.Option("--for", help="30m, 2h, 1d12h; 0m ends a pause.")] = None,
    why: WhyOption = "",
    at: AtOption = None,
) -> None:
    """Enter nothing of one product, or of one strategy, for a while. Exits and protection go on.

    All products of a base asset are paused together: SOL-USD is SOL-USDC, too.
    """
    desk = _open_desk(system, at)
    if (until is None) == (span is None):
        given = "both are given" if until is not None else "neither is given"
        raise ConfigError(f"pause: {given}; allowed is either --until 2026-11-24T00:00:00Z or --for 2h")
    end = read_instant(until, "--until") if until is not None else Instant(desk.now + _read_span(span or ""))
    desk.give(CommandKind.PAUSE, {"why": why, **_name_paused(what, desk), "until": rfc3339(end)})


@with_system("table", "bus", "switch")
def clear_drawdown(
    system: System,
    why: ReasonOption,
    at: AtOption = None,
) -> None:
    """Let the drawdown begin anew at today's equity, so that entries are allowed again."""
    desk = _open_desk(system, at)
    desk.give(CommandKind.CLEAR_DRAWDOWN, {"why": why})


@with_system("table", "bus", "switch")
def reconcile(
    system: System,
    why: WhyOption = "",
    at: AtOption = None,
) -> None:
    """Read the account, book what is found there, protect what lies open, and enter nothing."""
    desk = _open_desk(system, at)
    desk.give(CommandKind.RECONCILE, {"why": why})


def _open_desk(system: System, at: str | None) -> CommandDesk:
    return open_command_desk(system, read_instant(at, "--at") if at is not None else None)


def _read_span(text: str) -> int:
    """Read how long, in seconds."""
    if (found := _SPAN.fullmatch(text)) is None:
        raise ConfigError(f"--for: {text!r} is no time span; allowed are 30m, 2h, 3d and 1d12h")
    days, hours, minutes = (int(each or 0) for each in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60


def _name_paused(what: str, desk: CommandDesk) -> dict[str, str]:
    """Tell a strategy from a product; a product that nobody knows there is said to be so, and paused nevertheless."""
    ledger = desk.sight.state.ledger if desk.sight.state is not None else None
    strategies = {*desk.settings.strategies, *(ledger.by_strategy if ledger is not None else ())}
    if StrategyId(what) in strategies:
        return {"strategy": what}
    if not _PRODUCT.fullmatch(what):
        known = ", ".join(sorted(strategies))
        raise ConfigError(f"pause: {what!r} is no strategy and no product; allowed are BASE-QUOTE, as SOL-USD, {known}")
    product = what.upper()
    if ledger is not None and ledger.known_products:
        bases = {each.base for each in ledger.known_products.values()}
        if product.split("-")[0] not in bases:
            print(f"note: no product of {product.split('-')[0]} is known there")
    return {"product": product}
