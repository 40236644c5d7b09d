"""The turn of a sale: what covers the lot goes, the sale leaves, and what it leaves unsold is covered again.

1. An entry that still buys for the lot is cancelled, and the orders that cover it: but only after the product's flags
   were read anew and say that the sale can be taken.
2. What became of them is read by their ids, not from the whole account.
3. Of a sale of a part the rest is protected first. What is left now is sold. If that is not what was decided, another
   order is announced, committed and sent instead.
4. Refused, failed when it is read back, or closed with a rest: the rest is covered again, by the order that was
   committed together with the sale; where that cannot protect any more, by a sale that rests at the bounded price, or
   at the ask if the book takes makers only by now.
   Coins that our own cancelled order still holds are waited for. After a sale without an answer nothing follows in the
   same turn: it may have sold the lot.

The switch is asked once, when the turn begins: told HALT in the middle, it would have to leave a lot uncovered for as
long as HALT lasts. Lots are sold one after the other, so no lot waits uncovered for the turn of another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trader.cycle.cover import NO_TIME, RestCover
from trader.cycle.look import await_final, await_free, read_product
from trader.model.frozen import replace
from trader.model.ids import ClientOrderId
from trader.model.market import Product
from trader.model.money import ZERO, Price, Quantity, ceil_to
from trader.model.order_life import OrderStatus
from trader.model.order_record import OrderRecord
from trader.model.orders import Accepted, OrderIntent, OrderPurpose, Rejected, Submission
from trader.model.protection import awaits_bracket, find_bracket
from trader.model.refusals import RefusalClass
from trader.model.tallies import FAILED_LATER
from trader.stages.execution.context import is_in_increments, name_restrictions, round_sellable
from trader.stages.execution.protection import compute_uncovered, name_order
from trader.stages.exits import FLATTEN

if TYPE_CHECKING:
    from trader.cycle.act import Executor

#: Of the answers of a turn, those still to come when the flags were read.
_ANSWERS, _ANSWERS_LEFT = 6, 5


@dataclass(slots=True)
class SaleTurn:
    """One turn. ``order_id`` is the sale as it was decided; ``has_cancelled`` says that coins may still be held."""

    hands: Executor
    order_id: ClientOrderId
    is_new: bool
    has_cancelled: bool = False

    def play(self) -> None:
        """Sell, and leave nothing uncovered that can be covered."""
        hands = self.hands
        intent = hands.ledger.orders[self.order_id].intent
        self._look_for_brackets(intent)
        before = self._orders_before(intent)
        seconds = hands.time.turn_seconds() if before else hands.time.order_seconds()
        reason = hands.why_not_begin(intent, seconds) or hands.why_not_send(intent, seconds, ignoring=before)
        if reason is not None:
            hands.withhold(self.order_id, reason, is_new=self.is_new, rings=True)
            return
        product = self._read_product(intent, is_covered=bool(before))
        if isinstance(product, str):
            hands.withhold(self.order_id, product, is_new=self.is_new, rings=True)
            return
        if closed := name_restrictions(product, intent.configuration):
            # What covers the lot stays. A lot that nothing covers rings by itself.
            reason = f"the venue takes no such order now: {', '.join(closed)}"
            hands.withhold(self.order_id, reason, is_new=self.is_new, rings=False)
            return
        if before and self._renewed(intent, product, intent.quantity) is None:
            # What covers the lot stays here, too: the venue would refuse the sale, and then the bracket as well.
            reason = "its sizes are others than they were: they allow no such sale"
            hands.withhold(self.order_id, reason, is_new=self.is_new, rings=True)
            return
        if not hands.time.has_time(seconds * _ANSWERS_LEFT // _ANSWERS):
            hands.withhold(self.order_id, NO_TIME, is_new=self.is_new, rings=True)
            return
        if before:
            hands.cancel(before)
            self.has_cancelled = True
            self._look_for_brackets(intent)
        record = hands.ledger.orders.get(self.order_id)
        if record is None or not record.is_in_doubt:
            return
        still = [each for each in before if self._is_open(each)]
        # What covered it is gone: what is left of the run is for the sale.
        reason = f"order {still[0]} is not final" if still else hands.why_not_send(intent, 0)
        if reason is not None:
            hands.withhold(self.order_id, reason, is_new=self.is_new, rings=True)
            return
        sale = self._fit(intent, product, has_grown=any(hands.ledger.orders[each].intent.is_entry for each in before))
        if sale is not None:
            self._sell(sale, product)

    # --- before the sale

    def _read_product(self, intent: OrderIntent, *, is_covered: bool) -> Product | str:
        """Read flags and increments anew; where they cannot be read, what covers the lot stays.

        A lot that nothing covers, and an operator who says FLATTEN, do not wait for them: the last known ones count.
        """
        hands = self.hands
        found = read_product(hands, intent.product_id)
        if isinstance(found, str) and (not is_covered or intent.reason == FLATTEN):
            return hands.ledger.known_products.get(intent.product_id, found)
        return found

    def _look_for_brackets(self, intent: OrderIntent) -> None:
        """Ask by their ids for the brackets that came with entries, if no listing has shown them: they sell as well."""
        hands = self.hands
        for entry in self._find_unseen(intent):
            if not hands.time.has_time(hands.time.turn_seconds()) or not hands.look([entry.intent.client_order_id]):
                return
            child = hands.ledger.orders[entry.intent.client_order_id].attached_order_id
            if child is not None:
                hands.look_at([child])

    def _find_unseen(self, intent: OrderIntent) -> list[OrderRecord]:
        """Find the entries of the lot that have bought something, and whose bracket was not seen.

        One whose bracket's name is known, and that was over long ago, had it seen: it is not remembered any more.
        """
        ledger, settled = self.hands.ledger, self.hands.settled()
        records = ledger.orders_of(intent.lot_id)
        attached = [each for each in records if each.intent.is_entry and each.intent.attach_bracket and each.filled > 0]
        unseen = [each for each in attached if each.venue_order_id and find_bracket(each, records) is None]
        return [each for each in unseen if each.attached_order_id is None or awaits_bracket(each, ledger, settled)]

    def _orders_before(self, intent: OrderIntent) -> tuple[ClientOrderId, ...]:
        """Name the orders of the lot that are at the venue and must go first, those included that came to light late.

        The entry first: what it still buys could not be sold with the rest. What covers the rest only stays, where a
        run before this one had come as far.
        """
        ledger = self.hands.ledger
        lot = ledger.lots.get(intent.lot_id)
        on_sale = ledger.quantity_on_sale(intent.lot_id, self.hands.settled(), {self.order_id})
        is_free = intent.keeps_rest and lot is not None and on_sale + intent.quantity <= lot.quantity
        records = [each for each in ledger.orders_of(intent.lot_id) if each.is_at_venue and each.is_understood]
        goes = [each for each in records if each.intent.client_order_id != self.order_id]
        goes = [each for each in goes if each.intent.is_entry or not is_free]
        return tuple(each.intent.client_order_id for each in sorted(goes, key=lambda each: not each.intent.is_entry))

    def _is_open(self, order_id: ClientOrderId) -> bool:
        record = self.hands.ledger.orders.get(order_id)
        return record is not None and record.awaits_fills(self.hands.settled())

    def _fit(self, intent: OrderIntent, product: Product, *, has_grown: bool) -> OrderIntent | None:
        """Return the sale if it still is of what is left; else another one, remembered; or None if nothing is left."""
        hands = self.hands
        lot = hands.ledger.lots.get(intent.lot_id)
        others = hands.ledger.quantity_on_sale(intent.lot_id, hands.settled(), {self.order_id})
        if has_grown:
            # What an entry has bought meanwhile its bracket sells, which nobody has shown yet.
            unseen = (each for each in self._find_unseen(intent) if awaits_bracket(each, hands.ledger, hands.settled()))
            others = Quantity(others + sum((each.filled for each in unseen), ZERO))
        left = lot.quantity - others if lot is not None else Quantity(0)
        if intent.keeps_rest:
            left = min(left, intent.quantity)
        if not self.is_new:
            if intent.quantity <= left:
                return intent
            hands.withhold(self.order_id, "the lot became smaller than the order", is_new=False, rings=True)
            return None
        if intent.quantity <= left and is_in_increments(intent, product) and not has_grown:
            return intent
        sale = self._renewed(intent, product, Quantity(left))
        if sale is None:
            reason = "too little is left of the lot" if others == 0 else "another order sells of its lot"
            hands.withhold(self.order_id, reason, is_new=True, rings=others > 0)
            return None
        if sale.quantity == intent.quantity and sale.limit_price == intent.limit_price:
            return intent
        hands.withhold(self.order_id, f"sent as {sale.client_order_id}", is_new=True, rings=False)
        hands.remember([sale])
        return sale

    def _renewed(self, intent: OrderIntent, product: Product, quantity: Quantity) -> OrderIntent | None:
        """Make the sale anew, for so much at most and in the increments of now; None if that is too little."""
        hands = self.hands
        lot = hands.ledger.lots.get(intent.lot_id)
        price = Price(ceil_to(intent.limit_price, product.price_increment))
        sellable = round_sellable(quantity, product, price)
        if lot is None or sellable <= 0:
            return None
        rules = hands.settings.execution
        order_id, n = name_order(hands.ledger, lot, OrderPurpose.EXIT, hands.run_id, rules)
        return replace(
            intent, client_order_id=order_id, cycle_id=hands.run_id, n=n, quantity=sellable, limit_price=price,
            depends_on=(), decided_at=hands.ports.clock.now(),
        )  # fmt: skip

    # --- the sale, and after it

    def _sell(self, sale: OrderIntent, product: Product) -> None:
        hands = self.hands
        if sale.keeps_rest and isinstance(self._protect_rest(sale, product), Rejected):
            hands.withhold(sale.client_order_id, "its rest could not be protected", is_new=self.is_new, rings=False)
            if (rest := self._find_rest(sale, product)) is not None:
                rest.place()
            return
        submission = hands.submit(sale.client_order_id, is_new=self.is_new)
        if isinstance(submission, Rejected) and (again := self._again(sale, submission, product)) is not None:
            sale, submission = again, hands.submit(again.client_order_id)
        if isinstance(submission, Accepted):
            if sale.is_resting_sale or submission.is_filled:
                return
            await_final(hands, [sale.client_order_id])
        if not self._is_over(sale, submission):
            return
        self._ring(sale, submission)
        if (rest := self._find_rest(sale, product)) is not None:
            rest.place()
        cover = hands.ledger.contingent(self.order_id)
        if cover is not None:
            hands.withhold(cover.intent.client_order_id, "its sale is over", is_new=True, rings=False)

    def _protect_rest(self, sale: OrderIntent, product: Product) -> Submission | None:
        """Protect what a sale of a part is to leave, which it counts as sold already."""
        rest = self._find_rest(sale, product)
        return None if rest is None else rest.protect()

    def _find_rest(self, sale: OrderIntent, product: Product) -> RestCover | None:
        """Return what is to cover all of the lot that nothing covers or sells; None if that is nothing."""
        hands = self.hands
        lot = hands.ledger.lots.get(sale.lot_id)
        rest = compute_uncovered(hands.ledger, lot, hands.settled()) if lot is not None else Quantity(0)
        if lot is None or rest <= 0:
            return None
        return RestCover(hands, lot, rest, sale, self.order_id, self._known(product), self.has_cancelled)

    def _is_over(self, sale: OrderIntent, submission: Submission | None) -> bool:
        """Whether the sale is definitely refused or final: after one without an answer nothing may follow."""
        record = self.hands.ledger.orders.get(sale.client_order_id)
        return isinstance(submission, Rejected) if record is None else record.status.is_final

    def _known(self, product: Product) -> Product:
        """Return the product as it was last read: a refusal may have shown other increments."""
        return self.hands.ledger.known_products.get(product.product_id, product)

    def _again(self, sale: OrderIntent, refused: Rejected, known: Product) -> OrderIntent | None:
        """Return the sale to be sent once more in the same turn, remembered: the coins are free, or it fits now."""
        hands, product = self.hands, known
        if refused.refusal is RefusalClass.FUNDS:
            if not self.has_cancelled or not await_free(hands, sale.base, sale.quantity):
                return None
        elif refused.refusal is RefusalClass.METADATA:
            found = read_product(hands, sale.product_id)
            if isinstance(found, str):
                return None
            product = found
        else:
            return None
        if not hands.time.has_time(hands.time.order_seconds()):
            return None
        again = self._renewed(sale, product, sale.quantity)
        if again is not None:
            hands.remember([again])
        return again

    def _ring(self, sale: OrderIntent, submission: Submission | None) -> None:
        """Remember a refused or failed sale for the alarm, unless the market alone is to blame."""
        if isinstance(submission, Rejected):
            if submission.refusal not in (RefusalClass.MARKET, RefusalClass.MARKET_STATE):
                self.hands.withheld_exits[sale.client_order_id] = f"refused: {submission.reason}"
            return
        record = self.hands.ledger.orders.get(sale.client_order_id)
        if record is not None and record.status is OrderStatus.FAILED:
            self.hands.withheld_exits[sale.client_order_id] = FAILED_LATER
