"""How things stand, from what is stored: for whoever asks the function, or reads the table."""

from __future__ import annotations

from typing import Any

from trader.model.ids import Instant, rfc3339
from trader.model.ledger import Ledger
from trader.model.lots import Lot
from trader.model.orders import Side
from trader.model.portfolio import equity_of
from trader.model.trading_state import TradingState
from trader.ports import StateReading
from trader.settings import Settings
from trader.stages.execution.protection import compute_uncovered, find_exposed, why_exposed


def describe_state(
    reading: StateReading, switch: TradingState | None, now: Instant, settings: Settings
) -> dict[str, Any]:
    """Say what is allowed and why, how the last run ended, what is held and how it is protected, what is asked for.

    Without a *switch* it could not be read, which is HALT. Equity is by the last accepted bids; None if a price is
    missing. Units: texts of decimals, ages in seconds.
    """
    commands, ledger = reading.commands, reading.ledger
    state = commands.trading_state(switch or TradingState.HALT)
    new = {each.slot for each in commands.find_new(ledger.applied_commands if ledger is not None else {})}
    told: dict[str, Any] = {
        "trading_state": state.value,
        "switch": switch.value if switch is not None else "unreadable",
        "why": _why(reading, switch, state),
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
    return told if ledger is None else {**told, **_describe_ledger(ledger, now, settings)}


def _why(reading: StateReading, switch: TradingState | None, state: TradingState) -> str:
    if switch is None:
        return "the kill switch cannot be read, which is HALT"
    if switch is not state:
        return "a flatten stands, until a resume is said"
    held = ", which holds a flatten up" if reading.commands.is_flattening and state is TradingState.HALT else ""
    return f"the kill switch says so{held}"


def _describe_ledger(ledger: Ledger, now: Instant, settings: Settings) -> dict[str, Any]:
    last, quiet = ledger.last_run, settings.cycle.quiet_period_seconds
    exposed = set(find_exposed(ledger, now, quiet))
    equity = equity_of(ledger, {})
    return {
        "last_cycle": ledger.last_cycle.cycle_id if ledger.last_cycle else None,
        "last_run": None
        if last is None
        else {"run": last.run_id, "outcome": last.outcome, "reason": last.reason, "age_seconds": now - last.ended_at},
        "equity": None if equity is None else str(equity),
        "drawdown_halt": ledger.drawdown_halt,
        "cash": {asset: str(amount) for asset, amount in ledger.cash.items()},
        "lots": [
            _describe_lot(
                lot,
                f"none: {why_exposed(ledger, lot.lot_id, now, quiet)}"
                if lot.lot_id in exposed
                else _describe_cover(ledger, lot, Instant(now - quiet)),
            )
            for lot in sorted(ledger.lots.values(), key=lambda each: (each.product_id, each.lot_id))
        ],
        "active_orders": len(ledger.active_orders()),
        "orders_in_doubt": [each.intent.client_order_id for each in ledger.active_orders() if each.is_in_doubt],
        "reduce_only": dict(ledger.reduce_only),
    }


def _describe_cover(ledger: Ledger, lot: Lot, settled: Instant) -> str:
    """Say what sells a lot that is not exposed: nobody may take a sale, or an order in doubt, for protection."""
    selling = [each for each in ledger.orders_of(lot.lot_id) if each.is_active and each.intent.side is Side.SELL]
    if doubtful := sorted(each.intent.client_order_id for each in selling if each.is_in_doubt):
        return f"unknown: nobody knows whether the venue has {', '.join(doubtful)}"
    if any(each.intent.is_exit for each in selling):
        return "none: it is being sold"
    if compute_uncovered(ledger, lot, settled) >= lot.quantity:
        return "none: it is too little for the venue"
    return "in place"


def _describe_lot(lot: Lot, protection: str) -> dict[str, Any]:
    return {
        "lot": lot.lot_id,
        "product": lot.product_id,
        "strategy": lot.strategy,
        "quantity": str(lot.quantity),
        "entry_price": str(lot.entry_price),
        "stop_price": str(lot.bracket.stop_price),
        "sold_by": rfc3339(lot.max_hold_until),
        "protection": protection,
    }
