"""How things stand, from what is stored: for whoever asks the function, or reads the table."""

from __future__ import annotations

from typing import Any

from trader import __version__
from trader.entry.status_entries import check_entries
from trader.entry.status_ledger import describe_ledger
from trader.model.ids import Instant, rfc3339
from trader.model.trading_state import TradingState
from trader.ports import StateReading
from trader.settings import Settings


def describe_state(
    reading: StateReading, switch: TradingState | None, now: Instant, settings: Settings
) -> dict[str, Any]:
    """Say what is allowed and why, how the last run ended, what is held and how it is protected, what is asked for.

    Without a *switch* it could not be read, which is HALT. Equity is by the last accepted bids; None if a price is
    missing. Units: texts of decimals, in full; percentages in names that end in ``_pct``; ages in seconds; instants as
    RFC 3339.
    """
    commands, ledger = reading.commands, reading.ledger
    state = commands.trading_state(switch or TradingState.HALT)
    new = {each.slot for each in commands.find_new(ledger.applied_commands if ledger is not None else {})}
    told: dict[str, Any] = {
        "now": rfc3339(now),
        "trading_state": state.value,
        "switch": switch.value if switch is not None else "unreadable",
        "why": _why(reading, switch, state),
        "config": settings.digest,
        "code": __version__,
        "period_seconds": settings.cycle.period_seconds,
        "busy": reading.owner if reading.is_held(now) else "",
        "commands": [
            {
                "command": slot,
                "issued_at": rfc3339(each.issued_at),
                "who": each.who,
                "why": each.why,
                "new": slot in new,
                **({"until": rfc3339(each.until)} if each.until is not None else {}),
            }
            for slot, each in sorted(commands.slots.items())
        ],
    }
    if commands.unread:
        told["commands_unread"] = list(commands.unread)
    if ledger is None:
        return told
    return {
        **told,
        **describe_ledger(ledger, now, settings),
        "entries": check_entries(ledger, commands, state, now, settings).tell(now),
    }


def _why(reading: StateReading, switch: TradingState | None, state: TradingState) -> str:
    if switch is None:
        return "the kill switch cannot be read, which is HALT"
    if switch is not state:
        return "a flatten stands, until a resume is said"
    held = ", which holds a flatten up" if reading.commands.is_flattening and state is TradingState.HALT else ""
    return f"the kill switch says so{held}"
