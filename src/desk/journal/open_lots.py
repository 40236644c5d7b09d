"""What is held, lot by lot, as the ledger stood when the last run ended."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from desk.journal.books import Books
from trader.entry.status import describe_state
from trader.model.ids import Instant, rfc3339
from trader.model.ledger import Ledger
from trader.model.lots import Lot
from trader.model.orders import Side
from trader.model.trading_state import TradingState
from trader.ports import StateReading
from trader.settings import Settings


def describe_lots(books: Books, settings: Settings, now: Instant) -> Iterator[dict[str, Any]]:
    """Tell every open lot, by product: what it cost, what it was worth last, where it ends and what protects it.

    What ``trader status`` says of it too is taken from there. The gain is that of the price alone, before any fee.
    """
    ledger = books.ledger
    told = describe_state(StateReading(ledger), TradingState.RUN, now, settings)
    by_name = {each["lot"]: each for each in told["lots"]}
    for lot in sorted(ledger.lots.values(), key=lambda each: (each.product_id, each.opened_at, each.lot_id)):
        known = by_name[lot.lot_id]
        yield {
            "lot": lot.lot_id,
            "product": lot.product_id,
            "strategy": lot.strategy,
            "opened_at": known["opened_at"],
            "quantity": lot.quantity,
            "entry_price": known["entry_price"],
            "cost": lot.cost,
            "entry_fees": lot.entry_fees,
            "realized": lot.realized,
            "mark": known["price"],
            "mark_at": known["price_at"],
            "gain": None if known["value"] is None else Decimal(known["value"]) - lot.cost,
            "gain_pct": known["gain_pct"],
            "stop": known["stop_price"],
            "stop_distance_pct": known["stop_distance_pct"],
            "target": known["target_price"],
            "protection": known["protection"],
            "protected_since": _find_protected_since(ledger, lot),
            "protection_seen_at": known["seen_at"],
            "day": known["day"],
            "days": known["days"],
            "sold_by": known["sold_by"],
        }


def _find_protected_since(ledger: Ledger, lot: Lot) -> str | None:
    """Return since when the orders that protect a lot were decided, the oldest of them; None if none is at the venue.

    A bracket that came with its entry protects from the first fill on.
    """
    records = [each for each in ledger.orders_of(lot.lot_id) if each.is_at_venue and each.intent.side is Side.SELL]
    since = [
        max(each.intent.decided_at, lot.opened_at) if each.intent.is_attached else each.intent.decided_at
        for each in records
        if each.intent.is_protection
    ]
    return rfc3339(Instant(min(since))) if since else None
