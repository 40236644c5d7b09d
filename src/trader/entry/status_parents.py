"""What a ledger says of its parents: what each may still buy, what of that is on its way, and until when."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from trader.model.ids import Instant, rfc3339
from trader.model.ledger import Ledger
from trader.model.money import ZERO, plain
from trader.model.order_life import OrderStatus
from trader.model.parents import ParentOrder


def describe_parents(ledger: Ledger, now: Instant) -> list[dict[str, Any]]:
    """Say what each parent is, as plain JSON, in the order in which a run works them.

    ``open`` is what its children at the venue may still buy, ``in_doubt`` what nobody knows the venue to have. Units:
    base units; the quote asset for ``price_max``, and for ``cost_max``, which is before fees; seconds from *now*.
    """
    ordered = sorted(ledger.parents.values(), key=lambda each: (each.decided_at, each.parent_id))
    return [_describe_parent(ledger, each, now) for each in ordered]


def _describe_parent(ledger: Ledger, parent: ParentOrder, now: Instant) -> dict[str, Any]:
    ends_at = min(parent.give_up_at, parent.max_hold_until or parent.give_up_at)
    working, doubtful = _sum_children(ledger, parent)
    return {
        "parent": parent.parent_id,
        "strategy": parent.strategy,
        "product": parent.product_id,
        "style": parent.style.value,
        "state": parent.state.value,
        "understood": parent.is_understood,
        "end": None if parent.end is None else parent.end.value,
        "quantity": plain(parent.quantity),
        "filled": plain(parent.filled),
        "open": plain(working),
        "in_doubt": plain(doubtful),
        "price_max": plain(parent.price_max),
        "cost_max": plain(parent.notional_left if parent.may_buy else ZERO),
        "quote": parent.quote,
        "stop_price": plain(parent.bracket.stop_price),
        "target_price": None if parent.bracket.target_price is None else plain(parent.bracket.target_price),
        "tries": parent.tries,
        "decided_at": rfc3339(parent.decided_at),
        "give_up_at": rfc3339(ends_at),
        "seconds_left": max(ends_at - now, 0),
    }


def _sum_children(ledger: Ledger, parent: ParentOrder) -> tuple[Decimal, Decimal]:
    """Sum what the children of a parent may still fill: at the venue, and where nobody knows whether the venue has it.

    One that was given up after a doubt is in doubt as long as it is remembered: it may come alive.
    """
    working, doubtful = ZERO, ZERO
    for child in ledger.orders_of(parent.parent_id):
        if not child.intent.is_entry:
            continue
        if child.status is OrderStatus.ABANDONED:
            doubtful += child.intent.quantity - child.filled
        elif child.is_active and child.is_in_doubt:
            doubtful += child.remaining
        elif child.is_active:
            working += child.remaining
    return working, doubtful
