"""Send what was committed: cancels, conversions, remembered intents, new intents. Past here nothing raises VenueError.

Everything sent is in the store already, under its final id; what only a turn shows to be needed is announced and
committed in its middle. The switch is read again before every single turn, and the clock is asked whether there is time
for all of it: a withheld order that certainly never left is written off at once. A sale or protection that was due and
did not leave, for whatever reason but the switch, is remembered for the alarm.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from trader.cycle.account import make_view, reconcile_account
from trader.cycle.convert import convert_all
from trader.cycle.cover import FORBIDDEN, NO_TIME, cover_lots
from trader.cycle.gather import read_trading_state
from trader.cycle.look import await_final, read_product
from trader.cycle.run_time import RunTime
from trader.cycle.stop_turn import StopTurn
from trader.cycle.turn import SaleTurn
from trader.errors import VenueError
from trader.model.commands import StandingCommands
from trader.model.conversions import ConversionStatus
from trader.model.decisions import Plan
from trader.model.events import AuditNote, EventKind
from trader.model.ids import Asset, ClientOrderId, CycleId, Instant, VenueOrderId
from trader.model.inputs import AccountListing
from trader.model.ledger import Ledger
from trader.model.orders import OrderIntent, OrderPurpose, Rejected, Side, Submission
from trader.model.refusals import RefusalClass, is_known_refusal
from trader.ports import ExchangeAdapter, Ports
from trader.settings import Settings
from trader.stages.execution.context import is_in_increments, name_restrictions
from trader.stages.reconcile.account import Reconciled, apply_reports
from trader.stages.submission import Settled, remember_orders, settle_submission, withhold_order

#: More orders than this are looked at by reading the account: then that takes fewer requests.
_LOOKED_AT_SINGLY = 2
#: Trouble of the venue's own is told of when it has come so often in a row.
_LASTING = 3
#: Why an entry did not leave.
PAUSED = "an operator paused it"


@dataclass(slots=True)
class Executor:
    """One cycle's hands: the ledger as it changes, what was noted, and the time there is.

    What concerns entries is withheld unless the decision ``is_recorded``. ``commit`` stores the ledger; ``announce``
    also the notes that are not stored yet, and returns the ledger as committed. ``on_reconciled`` is told of every
    change that ends orders or brings fills: they must be stored by the same write as the first ledger without them,
    which may be one in the middle of acting.
    """

    ledger: Ledger
    settings: Settings
    ports: Ports
    exchange: ExchangeAdapter
    commands: StandingCommands
    time: RunTime
    run_id: CycleId
    is_recorded: bool
    commit: Callable[[Ledger], None]
    announce: Callable[[Ledger], Ledger]
    on_reconciled: Callable[[Reconciled], None]
    notes: list[AuditNote]
    withheld_exits: dict[ClientOrderId, str]
    exposed: dict[ClientOrderId, str]
    strange: dict[ClientOrderId, str]

    def execute(self, plan: Plan, resent: Iterable[ClientOrderId]) -> None:
        """Do the plan. The order of things is part of the design: less risk first, what was remembered before new."""
        brackets = tuple(order_id for order_id in self.ledger.cancels if self._unprotects_lot(order_id))
        self.cancel(order_id for order_id in self.ledger.cancels if order_id not in brackets)
        # They stay where the switch forbids to sell.
        if brackets and self.may_send(OrderPurpose.EXIT):
            self.cancel(brackets)
        orders = [(order_id, False) for order_id in resent]
        orders += [(each.client_order_id, True) for each in plan.intents]
        for side in (Side.SELL, Side.BUY):
            if side is Side.BUY:
                convert_all(self)
            for order_id, is_new in orders:
                record = self.ledger.orders.get(order_id)
                if record is None or record.intent.side is not side or not record.is_in_doubt:
                    continue
                if record.intent.is_exit:
                    SaleTurn(self, order_id, is_new=is_new).play()
                elif record.intent.is_protection and record.intent.depends_on:
                    StopTurn(self, order_id, is_new=is_new).play()
                else:
                    self._send(record.intent, is_new=is_new)
        if self.refresh():
            cover_lots(self)

    # --- looking

    def refresh(self) -> bool:
        """Read the account and reconcile; False if it could not be read."""
        try:
            _, done = reconcile_account(self.exchange, self.ledger, self.ports, self.settings)
        except VenueError:
            return False
        self._keep(done)
        return True

    def look(self, order_ids: Sequence[ClientOrderId]) -> bool:
        """Look at a few orders and their fills only; False if they could not be read."""
        known = (self.ledger.orders[order_id] for order_id in order_ids if order_id in self.ledger.orders)
        venue_ids = [record.venue_order_id for record in known if record.venue_order_id is not None]
        return self.refresh() if len(venue_ids) > _LOOKED_AT_SINGLY else self.look_at(venue_ids)

    def look_at(self, venue_ids: Sequence[VenueOrderId]) -> bool:
        """Look at orders by the venue's ids, and at the fills of those that report some; False if that failed.

        What an order reports as filled leads, and its fills follow: where it reports no more than is booked, there are
        none to be read.
        """
        booked = {record.venue_order_id: record.filled for record in self.ledger.orders.values()}
        try:
            reports = [self.exchange.order(venue_order_id) for venue_order_id in venue_ids]
            grown = [
                report.venue_order_id
                for report in reports
                if report.filled_quantity > booked.get(report.venue_order_id, 0)
            ]
            fills = self.exchange.order_fills(grown) if grown else ()
        except VenueError:
            return False
        view = make_view(self.ports.clock.now(), AccountListing({}, reports), fills)
        self._keep(apply_reports(self.ledger, view, self.settings))
        return True

    def settled(self) -> Instant:
        """Return the instant before which what was over has had its time to be listed."""
        return Instant(self.ports.clock.now() - self.settings.cycle.quiet_period_seconds)

    # --- what is remembered

    def remember(self, intents: Sequence[OrderIntent], released: Sequence[ClientOrderId] = ()) -> None:
        """Announce and commit orders that only this run's turn has shown to be needed, before they are sent."""
        now, until = self.ports.clock.now(), self.time.deadline
        self.ledger = remember_orders(self.ledger, intents, released, now, until)
        self.notes += [AuditNote(EventKind.ORDER_INTENDED, each.client_order_id, {"intent": each}) for each in intents]
        body = {"until": until, "resent": (), "released": released}
        subject = "|".join((*(each.client_order_id for each in intents), *released))
        self.notes.append(AuditNote(EventKind.SENDING_BEGUN, subject, body))
        self.ledger = self.announce(self.ledger)

    def withhold(self, order_id: ClientOrderId, reason: str, *, is_new: bool, rings: bool) -> None:
        """Do not send an order. One that certainly never left is over, and so is what was contingent on it."""
        record = self.ledger.orders[order_id]
        if rings and record.intent.side is Side.SELL and reason != FORBIDDEN:
            self.withheld_exits[order_id] = reason
        # A remembered intent may have left in an earlier invocation: it stays in doubt until proven otherwise.
        if is_new:
            self._settle(withhold_order(self.ledger, order_id, reason, self.ports.clock.now()))
        self.notes.append(AuditNote(EventKind.ORDER_WITHHELD, order_id, {"order": order_id, "reason": reason}))
        cover = self.ledger.contingent(order_id)
        if is_new and cover is not None:
            self.withhold(cover.intent.client_order_id, "its sale was not sent", is_new=True, rings=False)

    def _settle(self, settled: Settled) -> None:
        self._keep(Reconciled(settled.ledger, finished=settled.finished))

    def _keep(self, done: Reconciled) -> None:
        self.ledger = done.ledger
        self.notes += done.notes
        self.on_reconciled(done)

    # --- sending

    def cancel(self, order_ids: Iterable[ClientOrderId]) -> None:
        """Cancel orders, and read back what became of them."""
        known = (self.ledger.orders[order_id] for order_id in order_ids if order_id in self.ledger.orders)
        ours = [record for record in known if record.is_at_venue and record.is_understood]
        wanted = {record.venue_order_id: record for record in ours if record.venue_order_id}
        if not wanted:
            return
        try:
            taken = self.exchange.cancel(tuple(wanted))
        except VenueError as error:
            # The request may have been heard all the same: what follows depends on what is read back, as always.
            body = {"orders": list(wanted), "error": str(error)}
            self.notes.append(AuditNote(EventKind.CANCEL_REQUESTED, "failed", body))
        else:
            for venue_order_id, record in wanted.items():
                told = {"order": record.intent.client_order_id, "taken": taken.get(venue_order_id, False)}
                self.notes.append(AuditNote(EventKind.CANCEL_REQUESTED, record.intent.client_order_id, told))
        await_final(self, (record.intent.client_order_id for record in wanted.values()))

    def submit(self, order_id: ClientOrderId, *, seconds: int = 0, is_new: bool = True) -> Submission | None:
        """Send a remembered order, and remember what became of it.

        Returns None if there are no such *seconds* left any more: of a turn that has begun nothing is left out for want
        of them.
        """
        if not self.time.has_time(seconds):
            self.withhold(order_id, NO_TIME, is_new=is_new, rings=True)
            return None
        intent = self.ledger.orders[order_id].intent
        submission, was_reduced = self.exchange.submit(intent), self.ledger.reduce_only.keys()
        now = self.ports.clock.now()
        self._settle(settle_submission(self.ledger, order_id, submission, now, self.settings.execution))
        body = {"order": order_id, "as": type(submission).__name__, "submission": submission, "resent": not is_new}
        self.notes.append(AuditNote(EventKind.ORDER_SUBMITTED, order_id, body))
        if isinstance(submission, Rejected) and (strange := self._name_strange(intent, submission, was_reduced)):
            self.strange[order_id] = strange
            self.notes.append(AuditNote(EventKind.MISMATCH_FOUND, order_id, {"reason": strange}))
        return submission

    def _name_strange(self, intent: OrderIntent, refused: Rejected, was_reduced: Collection[Asset]) -> str | None:
        """Say what a person should know of a refusal: once for each trouble, whatever was refused."""
        if intent.base in self.ledger.reduce_only and intent.base not in was_reduced:
            return self.ledger.reduce_only[intent.base]
        if refused.kind is None and not is_known_refusal(refused.reason):
            return f"the venue refused with a word that nobody knows: {refused.reason}"
        lasting = self.ledger.tally(intent).refusals.get(RefusalClass.EDGE)
        if refused.refusal is RefusalClass.EDGE and lasting is not None and lasting.count == _LASTING:
            return f"the venue has been in trouble {lasting.count} times in a row: {refused.reason}"
        return None

    def _send(self, intent: OrderIntent, *, is_new: bool) -> None:
        """Send one entry or one protective order, which is one turn."""
        order_id, seconds = intent.client_order_id, self.time.order_seconds()
        reason = self.why_not_begin(intent, seconds) or self.why_not_send(intent, seconds)
        if reason is None and intent.is_entry and is_new:
            reason = self._why_not_enter(intent)
        if reason is not None:
            self.withhold(order_id, reason, is_new=is_new, rings=True)
            return
        submission = self.submit(order_id, seconds=seconds, is_new=is_new)
        if isinstance(submission, Rejected):
            if intent.is_protection:
                self.exposed[intent.lot_id] = f"refused: {submission.reason}"
            if submission.refusal in (RefusalClass.METADATA, RefusalClass.MARKET_STATE):
                read_product(self, intent.product_id)

    def _why_not_enter(self, intent: OrderIntent) -> str | None:
        """Say what the product's flags and increments, read anew, have against an entry."""
        product = read_product(self, intent.product_id, enters=True)
        if isinstance(product, str):
            return product
        if closed := name_restrictions(product, intent.configuration):
            return f"the venue takes no such order now: {', '.join(closed)}"
        return None if is_in_increments(intent, product) else "its increments are others than they were"

    def _unprotects_lot(self, order_id: ClientOrderId) -> bool:
        """Whether this is the bracket of a lot that we hold; it goes when the lot is too small to be sold."""
        record = self.ledger.orders.get(order_id)
        return record is not None and record.intent.is_protection and record.intent.lot_id in self.ledger.lots

    def why_not_begin(self, intent: OrderIntent, seconds: int) -> str | None:
        """Return why a turn of so many *seconds* must not begin now, or None."""
        if intent.is_entry and not self.is_recorded:
            return "its record could not be stored"
        if not self.time.has_time(seconds):
            return NO_TIME
        if (
            intent.is_entry
            and self.commands.find_pause(intent.base, intent.strategy, self.ports.clock.now()) is not None
        ):
            return PAUSED
        return None if self.may_send(intent.purpose) else FORBIDDEN

    def why_not_send(self, intent: OrderIntent, seconds: int, ignoring: Collection[str] = ()) -> str | None:
        """Return why an order must not leave now, *ignoring* the orders that are cancelled just before; or None.

        *seconds* is the time that must still be left: what leads up to the order, and the order itself.
        """
        for needed in intent.depends_on:
            order = self.ledger.orders.get(ClientOrderId(needed))
            if needed not in ignoring and order is not None and order.awaits_fills(self.settled()):
                return f"order {needed} is not final"
            conversion = self.ledger.conversions.get(needed)
            if conversion is not None and conversion.status is not ConversionStatus.COMPLETED:
                return f"conversion {needed} is not done"
        if intent.is_protection and (reason := self._why_not_protect(intent)) is not None:
            return reason
        # Asked again, last: reading the switch may have taken longer than the lease, and then the order is another's.
        return None if self.time.has_time(seconds) else NO_TIME

    def _why_not_protect(self, intent: OrderIntent) -> str | None:
        """Say if the lot has not got what a protective order wants, apart from what other orders may sell of it."""
        lot = self.ledger.lots.get(intent.lot_id)
        if lot is None or lot.quantity < intent.quantity:
            return "the lot became smaller than the order"
        others = self.ledger.quantity_on_sale(intent.lot_id, self.settled(), {intent.client_order_id})
        return "another order sells of its lot" if others + intent.quantity > lot.quantity else None

    def may_send(self, purpose: OrderPurpose) -> bool:
        """Ask the switch; what the commands say is known."""
        return self.commands.trading_state(read_trading_state(self.ports)).permits(purpose)
