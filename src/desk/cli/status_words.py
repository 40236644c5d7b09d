"""How numbers and instants are written on the screen of ``trader status``: in full where they are acted on."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from trader.model.commands import CommandKind
from trader.model.ids import Instant, rfc3339
from trader.model.money import plain

_CENT = Decimal("0.01")
_REASON_MAX, _LISTED = 100, 3
MINUS = "\N{MINUS SIGN}"


def format_money(amount: str, *, signed: bool = False) -> str:
    """Write an amount in hundredths, by thousands."""
    value = Decimal(format(Decimal(amount), ".2f"))
    text = f"{abs(value):,.2f}"
    return f"{_sign(value, signed=signed)}{text}"


def format_change(pct: str, least: Decimal | None = None) -> str:
    """Write a change in percent, always with its sign; *least* is how low it may be."""
    value = _round(Decimal(pct), least)
    return f"{_sign(value, signed=True)}{abs(value)} %"


def format_number(value: str) -> str:
    """Write a quantity, a price or a limit whole."""
    return plain(Decimal(value))


def format_pct(value: Decimal, most: Decimal | None = None) -> str:
    """Write a share in percent, with one decimal; *most* is what it may be."""
    return f"{_round(value, most)} %"


def _round(value: Decimal, limit: Decimal | None) -> Decimal:
    """Round to a tenth; what is only near its limit is not written as if it had reached it, nor what is beyond."""
    rounded = Decimal(format(value, ".1f"))
    if limit is None or rounded != limit or value == limit:
        return rounded
    return value.quantize(_CENT, ROUND_FLOOR if value < limit else ROUND_CEILING)


def format_clock(at: str, now: str, *, seconds: bool = False) -> str:
    """Write an instant as a time of day; with its day, if that is not today."""
    day, _, clock = at.removesuffix("Z").partition("T")
    text = clock if seconds else clock[:5]
    return text if now.startswith(day) else f"{day} {text}"


def format_span(seconds: int) -> str:
    """Write a length of time in one or two of its units."""
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if days >= 2:
        return f"{days} d"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min" if minutes > 2 else f"{seconds} s"


def shorten(text: str) -> str:
    """Cut a reason off that is long; the records have all of it."""
    return textwrap.shorten(text, _REASON_MAX, placeholder=" …")


def list_some(words: Sequence[str]) -> str:
    """List the first of some words, and count the others."""
    rest = len(words) - _LISTED
    return ", ".join(words[:_LISTED]) + (f" and {rest} more" if rest > 0 else "")


def seconds_between(first: str, second: str) -> int:
    """Return how much later the second instant is."""
    return int((datetime.fromisoformat(second) - datetime.fromisoformat(first)).total_seconds())


def name_run(run_id: str, now: str) -> str:
    """Say when a run was due, and what woke it if that was no tick: ``10:15:30 flatten``."""
    instant, _, kind = run_id.partition("-")
    try:
        at = rfc3339(Instant(int(datetime.strptime(instant, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp())))
    except ValueError:
        return run_id
    return f"{format_clock(at, now, seconds=True)} {kind.partition('.')[0]}".rstrip()


def name_command_again(slot: str) -> str:
    """Return the words that give the command of a slot once more; none if this release has no such command."""
    kind, _, target = slot.partition(" ")
    if kind not in set(CommandKind):
        return ""
    if kind == CommandKind.PAUSE:
        what, _, name = target.partition(" ")
        return f"pause {name}-USD --for 0m" if what == "product" else f"pause {name} --for 0m"
    needs_reason = kind in (CommandKind.RESUME, CommandKind.CLEAR_DRAWDOWN)
    return f'{kind} {target} --reason "said again"'.replace("  ", " ") if needs_reason else slot


def _sign(value: Decimal, *, signed: bool) -> str:
    return MINUS if value < 0 else "+" if signed and value > 0 else ""
