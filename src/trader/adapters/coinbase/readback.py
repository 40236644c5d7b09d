"""Is this order at the venue the one we sent? Field by field: a reused id is answered with somebody else's order."""

from __future__ import annotations

from collections.abc import Iterator

from trader.adapters.coinbase.wire_orders import OrderReply
from trader.model.ids import ProductId
from trader.model.orders import OrderIntent, OrderConfiguration

# Two doors to one book; orders sent through one may be reported under the other.
_UNIFIED_QUOTES = frozenset({"USD", "USDC"})

# The venue's clock against the one that decided.
_CLOCK_SLACK_SECONDS = 60


def find_difference(intent: OrderIntent, order: OrderReply) -> str | None:
    """Name the first field in which the order differs from the intent; None if it is the one."""
    for name, sent, found in _fields(intent, order):
        if sent != found:
            return f"{name} is {found}, sent was {sent}"
    if not is_same_book(intent.product_id, ProductId(order.product_id)):
        return f"product_id is {order.product_id}, sent was {intent.product_id}"
    if order.created_time < intent.decided_at - _CLOCK_SLACK_SECONDS:
        return f"created_time is {order.created_time}, decided was {intent.decided_at}"
    return None


def is_same_book(one: ProductId, other: ProductId) -> bool:
    """Tell whether two products are one book: the same, or one base against USD and against USDC."""
    (base, _, quote), (other_base, _, other_quote) = one.rpartition("-"), other.rpartition("-")
    return one == other or (base == other_base and {quote, other_quote} == _UNIFIED_QUOTES)


def _fields(intent: OrderIntent, order: OrderReply) -> Iterator[tuple[str, object, object]]:
    terms = order.terms
    yield "client_order_id", intent.client_order_id, order.client_order_id
    yield "side", intent.side, order.side
    yield "base_size", intent.quantity, terms.base_size
    yield "limit_price", intent.limit_price, terms.limit_price
    if intent.configuration is OrderConfiguration.POST_ONLY_GTD:
        yield "post_only", True, terms.post_only
    if intent.configuration is OrderConfiguration.BRACKET_GTC:
        yield "stop_trigger_price", intent.stop_price, terms.stop_trigger_price
    attached = order.attached_terms
    # Not every listing repeats the bracket; one that does must be ours.
    if intent.attach_bracket and intent.bracket is not None and attached is not None:
        yield "attached limit_price", intent.bracket.target_price, attached.limit_price
        yield "attached stop_trigger_price", intent.bracket.stop_price, attached.stop_trigger_price
