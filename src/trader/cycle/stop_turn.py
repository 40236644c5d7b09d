"""The turn of a raised stop: the order with the old one goes, the order with the new one comes in its place.

Refused, the old stop is placed again: the new one is then that of the exit engine alone. Refused as well, the lot is
sold: nothing at the venue would protect it. Where flags or increments say that the new order would be refused, or time
is short, the old one is not touched.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trader.cycle.cover import NO_TIME, RestCover
from trader.cycle.look import await_final, read_product, read_quote
from trader.model.frozen import replace
from trader.model.ids import ClientOrderId
from trader.model.lots import Lot
from trader.model.market import Product
from trader.model.orders import Accepted, OrderIntent, OrderPurpose, Rejected, Submission
from trader.stages.execution.context import is_in_increments, name_restrictions, round_sellable
from trader.stages.execution.exit_orders import price_sale
from trader.stages.execution.protection import name_order

if TYPE_CHECKING:
    from trader.cycle.act import Executor

#: Why a lot is sold that nothing protects any more.
UNPROTECTED = "unprotected"


@dataclass(slots=True)
class StopTurn:
    """One turn. ``order_id`` is the new order, which depends on those that it replaces."""

    hands: Executor
    order_id: ClientOrderId
    is_new: bool

    def play(self) -> None:
        """Replace the orders with the old stop, and leave nothing uncovered that can be covered."""
        hands = self.hands
        intent = hands.ledger.orders[self.order_id].intent
        product = self._may_replace(intent)
        if isinstance(product, str):
            hands.withhold(self.order_id, product, is_new=self.is_new, rings=False)
            return
        before = [order_id for order_id in map(ClientOrderId, intent.depends_on) if order_id in hands.ledger.orders]
        stops = [hands.ledger.orders[order_id].intent.stop_price for order_id in before]
        hands.cancel(before)
        record = hands.ledger.orders.get(self.order_id)
        if record is None or not record.is_in_doubt:
            return
        lot = hands.ledger.lots.get(intent.lot_id)
        if lot is None or (reason := hands.why_not_send(intent, 0)) is not None:
            # What is uncovered now is covered when the run ends.
            reason = "nothing is left of the lot" if lot is None else reason
            hands.withhold(self.order_id, str(reason), is_new=self.is_new, rings=False)
            return
        answer = self._cover(lot, intent, product).send(intent)
        old = min((each for each in stops if each is not None), default=None)
        if isinstance(answer, Rejected) and old is not None:
            as_before = replace(lot, bracket=replace(lot.bracket, stop_price=old))
            answer = self._cover(as_before, intent, product).protect()
        if isinstance(answer, Rejected):
            self._sell(lot, intent, product, answer)

    def _may_replace(self, intent: OrderIntent) -> Product | str:
        """Read the product's flags anew; say why the old order must stay."""
        hands, seconds = self.hands, self.hands.time.turn_seconds()
        if (reason := hands.why_not_begin(intent, seconds)) is not None:
            return reason
        product = read_product(hands, intent.product_id)
        if isinstance(product, str):
            return product
        if closed := name_restrictions(product, intent.configuration):
            return f"the venue takes no such order now: {', '.join(closed)}"
        if not is_in_increments(intent, product):
            return "its sizes are others than they were"
        return product if hands.time.has_time(seconds) else NO_TIME

    def _cover(self, lot: Lot, intent: OrderIntent, product: Product) -> RestCover:
        return RestCover(self.hands, lot, intent.quantity, intent, self.order_id, product, may_be_held=True)

    def _sell(self, lot: Lot, intent: OrderIntent, product: Product, refused: Submission) -> None:
        """Sell what the venue protects in no way any more, at a bounded price below the bid of now."""
        hands = self.hands
        reason = refused.reason if isinstance(refused, Rejected) else ""
        hands.exposed[lot.lot_id] = f"refused: {reason}"
        quote = read_quote(hands, product)
        if quote is None or quote.is_crossed or product.post_only or not hands.may_send(OrderPurpose.EXIT):
            return
        rules, quantity = hands.settings.execution, round_sellable(intent.quantity, product, quote.bid)
        if quantity <= 0 or not hands.time.has_time(hands.time.order_seconds()):
            return
        order_id, n = name_order(hands.ledger, lot, OrderPurpose.EXIT, hands.run_id, rules)
        price = price_sale(quote, product, quantity, 0, rules)
        sale = replace(
            lot.sell(order_id, hands.run_id, hands.ports.clock.now(), quantity, price), n=n, reason=UNPROTECTED
        )
        hands.remember([sale])
        if isinstance(hands.submit(sale.client_order_id), Accepted):
            await_final(hands, [sale.client_order_id])
