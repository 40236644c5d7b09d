"""Cover what a sale has left of its lot, and what lies open when all is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trader.cycle.look import await_free, read_product, read_quote
from trader.model.frozen import replace
from trader.model.ids import ClientOrderId
from trader.model.lots import Lot
from trader.model.market import Product
from trader.model.money import Price, Quantity, ceil_to
from trader.model.orders import OrderConfiguration, OrderIntent, OrderPurpose, Rejected, Submission
from trader.model.refusals import PRICE_RELATIONS, RefusalClass
from trader.stages.execution.context import is_in_increments, name_restrictions, round_sellable
from trader.stages.execution.exit_orders import plan_resting_sale, price_sale
from trader.stages.execution.protection import compute_uncovered, name_order, plan_protective_order

if TYPE_CHECKING:
    from trader.cycle.act import Executor

NO_TIME = "no time left in this invocation"
FORBIDDEN = "the kill switch forbids it"


@dataclass(slots=True)
class RestCover:
    """What covers the rest that a sale has left of a lot; with it ends the turn of the sale.

    ``order_id`` is the sale as it was decided, ``sale`` as it was sent last. ``may_be_held``: an order of the lot was
    cancelled in this turn, and may hold its coins for a while.
    """

    hands: Executor
    lot: Lot
    quantity: Quantity
    sale: OrderIntent
    order_id: ClientOrderId
    product: Product
    may_be_held: bool

    def place(self) -> None:
        """Send the order that waited for the end of the sale, or another one if the rest is another."""
        hands = self.hands
        waiting = hands.ledger.contingent(self.order_id)
        cover = waiting.intent if waiting is not None else None
        if cover is not None and cover.quantity <= self.quantity and is_in_increments(cover, self.product):
            hands.remember([], [cover.client_order_id])
        else:
            rests = cover is not None and cover.is_exit
            if cover is not None:
                hands.withhold(cover.client_order_id, "the rest is another", is_new=True, rings=False)
            cover = self._make(self.quantity, self.sale, self.product, rests=rests)
            if cover is None:
                return
            hands.remember([cover])
        submission = self.send(cover)
        if isinstance(submission, Rejected) and cover.is_protection and _is_through(submission):
            resting = self._make(self.quantity, self.sale, self.product, rests=True)
            if resting is not None:
                hands.remember([resting])
                submission = self.send(resting)
        is_closed = isinstance(submission, Rejected) and submission.refusal is RefusalClass.MARKET_STATE
        if is_closed and (offer := self._make_offer()) is not None:
            hands.remember([offer])
            submission = self.send(offer)
        if isinstance(submission, Rejected):
            hands.exposed[self.lot.lot_id] = f"refused: {submission.reason}"

    def protect(self) -> Submission | None:
        """Place a protective order of its own for so much, whatever waits for the end of a sale.

        Returns the venue's answer; None if it is too little for the venue, or no time is left.
        """
        cover = self._make(self.quantity, self.sale, self.product, rests=False)
        if cover is None:
            return None
        self.hands.remember([cover])
        return self.send(cover)

    def _make(self, quantity: Quantity, sale: OrderIntent, product: Product, *, rests: bool) -> OrderIntent | None:
        """Make the order that covers so much: a protective one, or one that *rests* at the sale's bounded price."""
        hands, rules = self.hands, self.hands.settings.execution
        decided = (hands.run_id, hands.ports.clock.now())
        if not rests:
            return plan_protective_order(hands.ledger, self.lot, quantity, product, decided, rules)
        price = Price(ceil_to(sale.limit_price, product.price_increment))
        sellable = round_sellable(quantity, product, price)
        part = replace(sale, quantity=sellable, limit_price=price, cycle_id=decided[0], decided_at=decided[1])
        return plan_resting_sale(hands.ledger, part, product, rules) if sellable > 0 else None

    def _make_offer(self) -> OrderIntent | None:
        """Offer the rest at the ask of now, if since the flags were read the book has come to take makers only."""
        hands, sale = self.hands, self.sale
        product = read_product(hands, sale.product_id)
        if isinstance(product, str) or not product.post_only or product.trading_restrictions:
            return None
        quote = read_quote(hands, product)
        if quote is None or quote.is_crossed:
            return None
        price = price_sale(quote, product, self.quantity, sale.attempt, hands.settings.execution)
        return self._make(self.quantity, replace(sale, limit_price=price), product, rests=True)

    def send(self, cover: OrderIntent) -> Submission | None:
        """Send what covers; once more, if the coins are free then, or if it fits the increments of now."""
        submission = self.hands.submit(cover.client_order_id)
        if not isinstance(submission, Rejected) or (again := self._again(cover, submission)) is None:
            return submission
        self.hands.remember([again])
        return self.hands.submit(again.client_order_id)

    def _again(self, cover: OrderIntent, refused: Rejected) -> OrderIntent | None:
        hands = self.hands
        if refused.refusal is RefusalClass.FUNDS:
            if not self.may_be_held or not await_free(hands, cover.base, cover.quantity):
                return None
            order_id, n = name_order(hands.ledger, self.lot, cover.purpose, hands.run_id, hands.settings.execution)
            return replace(cover, client_order_id=order_id, cycle_id=hands.run_id, n=n, contingent_on=None)
        if refused.refusal is not RefusalClass.METADATA or _is_through(refused):
            return None
        product = read_product(hands, cover.product_id)
        if isinstance(product, str) or is_in_increments(cover, product):
            return None
        return self._make(cover.quantity, cover, product, rests=cover.is_exit)


def _is_through(refused: Rejected) -> bool:
    """Whether a stop was refused because the price is through it."""
    return refused.refusal is RefusalClass.MARKET or refused.reason.removeprefix("PREVIEW_") in PRICE_RELATIONS


def cover_lots(hands: Executor) -> None:
    """Protect the lots that are uncovered when all is done, as after an entry that filled at once.

    What the venue has just refused is not asked for again before its wait is over.
    """
    for lot in sorted(hands.ledger.lots.values(), key=lambda each: each.lot_id):
        uncovered = compute_uncovered(hands.ledger, lot, hands.settled())
        tally = hands.ledger.lot_tally(lot.lot_id, OrderPurpose.PROTECTION)
        if uncovered <= 0 or lot.lot_id in hands.exposed or tally.why_wait(hands.ports.clock.now()) is not None:
            continue
        reason = _cover(hands, lot, uncovered)
        if reason is not None:
            hands.exposed[lot.lot_id] = reason


def _cover(hands: Executor, lot: Lot, uncovered: Quantity) -> str | None:
    """Place the protective order of a lot that nothing covers, which is a turn; or say why it is not there."""
    if not hands.time.has_time(hands.time.order_seconds()):
        return NO_TIME
    product = read_product(hands, lot.product_id)
    if isinstance(product, str):
        return product
    if closed := name_restrictions(product, OrderConfiguration.BRACKET_GTC):
        return f"the venue takes no order now: {', '.join(closed)}"
    decided = (hands.run_id, hands.ports.clock.now())
    cover = plan_protective_order(hands.ledger, lot, uncovered, product, decided, hands.settings.execution)
    if cover is None:
        return None
    hands.remember([cover])
    if not hands.may_send(OrderPurpose.PROTECTION):
        # Left as it is: whoever says HALT may be selling by hand.
        hands.withhold(cover.client_order_id, FORBIDDEN, is_new=True, rings=False)
        return FORBIDDEN
    submission = hands.submit(cover.client_order_id, seconds=hands.time.order_seconds())
    return f"refused: {submission.reason}" if isinstance(submission, Rejected) else None
