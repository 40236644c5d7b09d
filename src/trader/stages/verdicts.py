"""One verdict per product: what became of it, and the numbers that decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trader.model.decisions import Denial, Details, Outcome, Plan, Verdict
from trader.model.edges import EdgeSource
from trader.model.ids import ClientOrderId, ProductId
from trader.model.inputs import BelievedQuotes
from trader.model.ledger import Ledger
from trader.model.lots import Lot
from trader.model.money import HUNDRED, ZERO
from trader.model.orders import OrderIntent, OrderPurpose
from trader.model.parents import ParentOrder
from trader.model.protection import find_venue_sale

_OUTCOMES = {
    OrderPurpose.EXIT: Outcome.EXITING,
    OrderPurpose.ENTRY: Outcome.ENTERING,
    OrderPurpose.PROTECTION: Outcome.PROTECTING,
}
_RANK = (Outcome.EXITING, Outcome.ENTERING, Outcome.PROTECTING)


def give_verdicts(
    considered: Sequence[ProductId],
    ledger: Ledger,
    believed: BelievedQuotes,
    plan: Plan,
    denials: Sequence[Denial],
) -> tuple[Verdict, ...]:
    """Say exactly one thing about every product considered, held, refused, or touched by an order.

    An order outweighs a holding, a holding outweighs a refusal; of several refusals the one furthest down the chain
    stands, because it is what finally decided. *denials* come in the order of the chain. What is held and refused
    besides has the stage, code and numbers of the refusal behind the numbers of its lots. Of a lot it is said why its
    quote is not believed, and which order of the venue's is selling it.
    """
    # The products considered, found by any alias of theirs: BTC-USDC is BTC-USD on the same book.
    by_base = {_base_of(product_id): product_id for product_id in reversed(considered)}
    listed = {product_id: product_id for product_id in considered}

    def alias_of(product_id: ProductId) -> ProductId:
        return listed.get(product_id) or by_base.get(_base_of(product_id), product_id)

    orders: dict[ProductId, OrderIntent] = {}
    for intent in sorted(plan.intents, key=lambda each: _RANK.index(_OUTCOMES[each.purpose])):
        orders.setdefault(alias_of(intent.product_id), intent)
    lots: dict[ProductId, list[Lot]] = {}
    for lot in ledger.lots.values():
        lots.setdefault(alias_of(lot.product_id), []).append(lot)
    held = {product_id: _held(ledger, each, believed) for product_id, each in lots.items()}
    parents = {**ledger.parents, **{each.parent_id: each for each in plan.parents}}
    last = {alias_of(denial.product_id): denial for denial in denials}
    every = dict.fromkeys((*considered, *orders, *lots, *last))
    return tuple(
        _verdict(product_id, orders.get(product_id), parents, held.get(product_id), last.get(product_id))
        for product_id in every
    )


def _base_of(product_id: ProductId) -> str:
    return product_id.rpartition("-")[0]


def _verdict(
    product_id: ProductId,
    order: OrderIntent | None,
    parents: Mapping[ClientOrderId, ParentOrder],
    held: Details | None,
    denial: Denial | None,
) -> Verdict:
    if order is not None:
        details: Details = {
            "notional": order.notional,
            "quantity": order.quantity,
            "price": order.limit_price,
            "reason": order.reason,
        }
        if order.stop_price is not None:
            details = {**details, "stop": order.stop_price}
        parent = parents.get(order.lot_id) if order.is_entry else None
        if parent is not None and parent.edge_source is not EdgeSource.MEASURED:
            details = {**details, "edge": parent.edge_source.value}
        return Verdict(product_id, _OUTCOMES[order.purpose], "execution", None, details)
    if denial is None:
        outcome, stage = (Outcome.REFUSED, "strategies") if held is None else (Outcome.HELD, "exits")
        return Verdict(product_id, outcome, stage, None, held or {})
    if held is None:
        return Verdict(product_id, Outcome.REFUSED, denial.stage, denial.code, denial.details)
    return Verdict(product_id, Outcome.HELD, denial.stage, denial.code, _behind(held, denial.details))


def _held(ledger: Ledger, lots: Sequence[Lot], believed: BelievedQuotes) -> Details:
    quantity = sum((lot.quantity for lot in lots), ZERO)
    cost = sum((lot.cost for lot in lots), ZERO)
    details: dict[str, object] = {"quantity": quantity, "cost": cost, **believed.describe(lots[0].product_id)}
    quote = believed.quotes.get(lots[0].product_id)
    if quote is not None and cost > 0:
        details["gain_pct"] = (quote.bid * quantity - cost) / cost * HUNDRED
    sales = (find_venue_sale(ledger, lot, quote.bid) for lot in lots if quote is not None)
    selling = [sale.intent.client_order_id for sale in sales if sale is not None]
    if selling:
        details["venue_sells"] = ", ".join(selling)
    return details  # type: ignore[return-value]


def _behind(held: Details, denied: Details) -> Details:
    # The lots keep their names: a denial that has a quantity or a cost of its own speaks of another one.
    return {**held, **{f"denied_{name}" if name in held else name: value for name, value in denied.items()}}
