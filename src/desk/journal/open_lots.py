"""What is held, lot by lot, as the ledger stood when the last run ended."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from desk.journal.books import Books
from trader.entry.status import describe_state
from trader.model.ids import Instant, rfc3339
from trader.model.ledger import Ledger
from trader.model.lots import Lot
from trader.model.money import HUNDRED
from trader.model.orders import Side
from trader.model.trading_state import TradingState
from trader.ports import StateReading
from trader.settings import Settings

_DAY_SECONDS = 86_400


def describe_lots(books: Books, settings: Settings, now: Instant) -> Iterator[dict[str, Any]]:
    """Tell every open lot, by product: what it cost, what it was worth last, where it ends and what protects it."""
    ledger = books.ledger
    told = describe_state(StateReading(ledger), TradingState.RUN, now, settings)
    protection = {each["lot"]: each["protection"] for each in told["lots"]}
    for lot in sorted(ledger.lots.values(), key=lambda each: (each.product_id, each.opened_at, each.lot_id)):
        mark = ledger.accepted_marks.get(lot.base)
        price = mark.price if mark is not None else None
        yield {
            "lot": lot.lot_id,
            "product": lot.product_id,
            "strategy": lot.strategy,
            "opened_at": rfc3339(lot.opened_at),
            "quantity": lot.quantity,
            "entry_price": lot.entry_price,
            "cost": lot.cost,
            "entry_fees": lot.entry_fees,
            "realized": lot.realized,
            "mark": price,
            "mark_at": rfc3339(mark.at) if mark is not None else None,
            "gain": price * lot.quantity - lot.cost if price is not None else None,
            "gain_pct": (price * lot.quantity - lot.cost) / lot.cost * HUNDRED if price is not None else None,
            "stop": lot.bracket.stop_price,
            "stop_distance_pct": (price - lot.bracket.stop_price) / price * HUNDRED if price is not None else None,
            "target": lot.bracket.target_price,
            "protection": protection[lot.lot_id],
            "protected_since": _find_protected_since(ledger, lot),
            "day": max(now - lot.opened_at, 0) // _DAY_SECONDS + 1,
            "days": -(-(lot.max_hold_until - lot.opened_at) // _DAY_SECONDS),
            "sold_by": rfc3339(lot.max_hold_until),
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
