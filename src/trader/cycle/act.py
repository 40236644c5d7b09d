"""Send what was committed: cancels, conversions, remembered intents, new intents. Past here nothing raises VenueError.

Everything sent is in the store already, under its final id. The switch is read again before every single order (of an
exit: before its bracket is cancelled), and the clock is asked whether there is time for the whole turn: a withheld
order that certainly never left is written off at once. A sale or protection that was due and did not leave, for
whatever reason but the switch, is remembered for the alarm.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

from trader.cycle.gather import read_trading_state, reconcile_account
from trader.cycle.run_time import RunTime
from trader.errors import VenueError
from trader.model.conversions import ConversionStatus
from trader.model.decisions import Plan
from trader.model.events import AuditNote, EventKind
from trader.model.ids import ClientOrderId, Instant, VenueOrderId
from trader.model.ledger import Ledger
from trader.model.order_life import OrderStatus
from trader.model.orders import OrderIntent, OrderPurpose, OrderRecord, Rejected, Side
from trader.ports import ExchangeAdapter, Ports
from trader.settings import Settings
from trader.stages.reconcile.account import Reconciled, apply_reports
from trader.stages.submission import apply_submission

_POLLS = 4
_POLL_SECONDS = 0.5
#: More orders than this are looked at by reading the account: then that takes fewer requests.
_LOOKED_AT_SINGLY = 2

_NO_TIME = "no time left in this invocation"
_FORBIDDEN = "the kill switch forbids it"

Commit = Callable[[Ledger], None]


@dataclass(slots=True)
class Executor:
    """One cycle's hands: the ledger as it changes, what was noted, and the time there is.

    What concerns entries is withheld unless the decision ``is_recorded``. ``on_reconciled`` is told of every
    reconciliation at once: fills and finished orders must be stored by the same write as the first ledger that contains
    them, which may be one in the middle of acting.
    """

    ledger: Ledger
    settings: Settings
    ports: Ports
    exchange: ExchangeAdapter
    time: RunTime
    is_recorded: bool
    commit: Commit
    on_reconciled: Callable[[Reconciled], None]
    notes: list[AuditNote] = field(default_factory=list)
    withheld_exits: dict[ClientOrderId, str] = field(default_factory=dict)

    def execute(self, plan: Plan, resent: Iterable[ClientOrderId]) -> None:
        """Do the plan. The order of things is part of the design: less risk first, what was remembered before new."""
        brackets = tuple(order_id for order_id in self.ledger.cancels if self._unprotects_lot(order_id))
        self._cancel(order_id for order_id in self.ledger.cancels if order_id not in brackets)
        # They stay where the switch forbids to sell.
        if brackets and self._may_send(OrderPurpose.EXIT):
            self._cancel(brackets)
        orders = [(order_id, False) for order_id in resent]
        orders += [(intent.client_order_id, True) for intent in plan.intents]
        for side in (Side.SELL, Side.BUY):
            if side is Side.BUY:
                self._convert()
            for order_id, is_new in orders:
                if self.ledger.orders[order_id].intent.side is side:
                    self._send(order_id, is_new=is_new)

    def refresh(self) -> bool:
        """Read the account and reconcile; False if it could not be read."""
        try:
            _, done = reconcile_account(self.exchange, self.ledger, self.ports.clock, self.settings)
        except VenueError:
            return False
        self._keep(done)
        return True

    def _look(self, order_ids: Sequence[ClientOrderId]) -> bool:
        """Look at a few orders and their fills only; False if they could not be read."""
        venue_ids = [each for order_id in order_ids if (each := self.ledger.orders[order_id].venue_order_id)]
        return self.refresh() if len(venue_ids) > _LOOKED_AT_SINGLY else self._look_at(venue_ids)

    def _look_at(self, venue_ids: Sequence[VenueOrderId]) -> bool:
        try:
            reports = [self.exchange.order(venue_order_id) for venue_order_id in venue_ids]
            fills = self.exchange.order_fills(venue_ids)
        except VenueError:
            return False
        self._keep(apply_reports(self.ledger, reports, fills, self.ports.clock.now(), self.settings))
        return True

    def _keep(self, done: Reconciled) -> None:
        self.ledger = done.ledger
        self.notes += done.notes
        self.on_reconciled(done)

    def _cancel(self, order_ids: Iterable[ClientOrderId]) -> None:
        wanted = {
            record.venue_order_id: record
            for record in (self.ledger.orders[order_id] for order_id in order_ids if order_id in self.ledger.orders)
            if record.venue_order_id is not None and not record.status.is_final
        }
        if not wanted:
            return
        try:
            taken = self.exchange.cancel(tuple(wanted))
        except VenueError as error:
            # The request may have been heard all the same: what follows depends on what is read back, as always.
            self.notes.append(
                AuditNote(EventKind.CANCEL_REQUESTED, "failed", {"orders": list(wanted), "error": str(error)})
            )
        else:
            for venue_order_id, record in wanted.items():
                body = {"order": record.intent.client_order_id, "taken": taken.get(venue_order_id, False)}
                self.notes.append(AuditNote(EventKind.CANCEL_REQUESTED, record.intent.client_order_id, body))
        self._await_final(record.intent.client_order_id for record in wanted.values())

    def _unprotects_lot(self, order_id: ClientOrderId) -> bool:
        """Whether this is the bracket of a lot that we hold; it goes when the lot is too small to be sold."""
        record = self.ledger.orders.get(order_id)
        return record is not None and record.intent.is_protection and record.intent.lot_id in self.ledger.lots

    def _await_final(self, order_ids: Iterable[ClientOrderId]) -> None:
        """Read the final state of cancelled orders back; a cancel that was taken is not yet a cancelled order."""
        waiting = tuple(order_ids)
        for poll in range(_POLLS):
            if self._look(waiting) and not any(self.ledger.orders[each].is_active for each in waiting):
                return
            if poll + 1 == _POLLS or not self.time.has_time(self.time.order_seconds()):
                return
            self.ports.clock.wait(_POLL_SECONDS)

    # --- conversions

    def _convert(self) -> None:
        """Quote, remember the venue's id, then commit: committing is not idempotent, so it happens at most once."""
        for record in tuple(self.ledger.conversions.values()):
            if record.status is not ConversionStatus.INTENDED or not self.is_recorded:
                continue
            if not (self._may_send(OrderPurpose.ENTRY) and self.time.has_time(self.time.order_seconds())):
                continue
            try:
                venue_id = self.exchange.quote_conversion(record.intent)
                quoted = replace(record, status=ConversionStatus.QUOTED, venue_conversion_id=venue_id)
                self.ledger = self.ledger.with_conversion(quoted)
                self.commit(self.ledger)
                self.exchange.commit_conversion(venue_id, record.intent)
            except VenueError as error:
                body = {"conversion": record.intent, "error": str(error)}
                self.notes.append(
                    AuditNote(EventKind.CONVERSION_OBSERVED, f"{record.intent.conversion_id}|doubt", body)
                )
        if any(record.is_open for record in self.ledger.conversions.values()):
            self.refresh()

    # --- orders

    def _send(self, order_id: ClientOrderId, *, is_new: bool) -> None:
        """Send one order, which is one turn: of an exit, the cancellation of its bracket is a part.

        The switch is asked when the turn begins, and not again between the two: told HALT there, it would
        have to leave a lot without its bracket for as long as HALT lasts.
        """
        record = self.ledger.orders[order_id]
        if not record.is_in_doubt:
            return
        self._look_for_bracket(record.intent)
        brackets = self._brackets_before(record.intent)
        seconds = self.time.turn_seconds() if brackets else self.time.order_seconds()
        reason = self._why_not_begin(record.intent, seconds)
        reason = reason or self._why_not_send(record.intent, seconds, ignoring=brackets)
        if reason is None and brackets:
            self._cancel(brackets)
            record = self.ledger.orders[order_id]
            if not record.is_in_doubt:
                return
            # The bracket is gone: what is left of the run is for the sale.
            reason = self._why_not_send(record.intent, 0)
        if reason is not None:
            if record.intent.side is Side.SELL and reason != _FORBIDDEN:
                self.withheld_exits[order_id] = reason
            self._withhold(record, reason, is_new=is_new)
            return
        submission = self.exchange.submit(record.intent)
        if isinstance(submission, Rejected) and record.intent.side is Side.SELL:
            self.withheld_exits[order_id] = f"refused: {submission.reason}"
        self.ledger = self.ledger.with_order(apply_submission(record, submission, self.ports.clock.now()))
        body = {"order": order_id, "as": type(submission).__name__, "submission": submission, "resent": not is_new}
        self.notes.append(AuditNote(EventKind.ORDER_SUBMITTED, order_id, body))

    def _look_for_bracket(self, intent: OrderIntent) -> None:
        """Ask by its id for the bracket that came with the entry, if no listing has shown it: it would sell as well."""
        entry = self.ledger.orders.get(intent.lot_id)
        if not intent.is_exit or entry is None or not entry.intent.attach_bracket or entry.venue_order_id is None:
            return
        if any(record.intent.is_attached for record in self.ledger.orders_of(intent.lot_id)):
            return
        if self.time.has_time(self.time.turn_seconds()) and self._look([intent.lot_id]):
            child = self.ledger.orders[intent.lot_id].attached_order_id
            if child is not None:
                self._look_at([child])

    def _brackets_before(self, intent: OrderIntent) -> tuple[ClientOrderId, ...]:
        """Name the brackets at the venue that must go before an exit, those included that it was not decided with."""
        if not intent.is_exit:
            return ()
        return tuple(
            record.intent.client_order_id
            for record in self.ledger.orders_of(intent.lot_id)
            if record.intent.is_protection and record.venue_order_id is not None and not record.status.is_final
        )

    def _why_not_begin(self, intent: OrderIntent, seconds: int) -> str | None:
        """Say what is against a turn of so many *seconds* before it begins."""
        if intent.is_entry and not self.is_recorded:
            return "its record could not be stored"
        if not self.time.has_time(seconds):
            return _NO_TIME
        return None if self._may_send(intent.purpose) else _FORBIDDEN

    def _why_not_send(self, intent: OrderIntent, seconds: int, ignoring: Collection[str] = ()) -> str | None:
        """Say what is against an order when it is about to leave, *ignoring* the orders cancelled just before.

        *seconds* is the time that must still be left: what leads up to the order, and the order itself.
        """
        for needed in intent.depends_on:
            order = self.ledger.orders.get(ClientOrderId(needed))
            if needed not in ignoring and order is not None and order.awaits_fills(self._settled()):
                return f"order {needed} is not final"
            conversion = self.ledger.conversions.get(needed)
            if conversion is not None and conversion.status is not ConversionStatus.COMPLETED:
                return f"conversion {needed} is not done"
        if intent.side is Side.SELL and (reason := self._why_not_sell(intent, ignoring)) is not None:
            return reason
        # Asked again, last: reading the switch may have taken longer than the lease, and then the order is another's.
        return None if self.time.has_time(seconds) else _NO_TIME

    def _why_not_sell(self, intent: OrderIntent, ignoring: Collection[str]) -> str | None:
        """Say if the lot has not got what an exit wants, apart from what other orders of ours may still sell of it."""
        lot = self.ledger.lots.get(intent.lot_id)
        if lot is None or lot.quantity < intent.quantity:
            return "the lot became smaller than the order"
        without = {intent.client_order_id, *map(ClientOrderId, ignoring)}
        others = self.ledger.quantity_on_sale(intent.lot_id, self._settled(), without)
        return "another order sells of its lot" if others + intent.quantity > lot.quantity else None

    def _settled(self) -> Instant:
        # What was over by then the venue has had its time to list.
        return Instant(self.ports.clock.now() - self.settings.cycle.quiet_period_seconds)

    def _may_send(self, purpose: OrderPurpose) -> bool:
        return read_trading_state(self.ports).permits(purpose)

    def _withhold(self, record: OrderRecord, reason: str, *, is_new: bool) -> None:
        # A remembered intent may have left in an earlier invocation: it stays in doubt until proven otherwise.
        if is_new:
            now = self.ports.clock.now()
            self.ledger = self.ledger.with_order(
                replace(record, status=OrderStatus.WITHHELD, final_at=now, note=reason)
            )
        body = {"order": record.intent.client_order_id, "reason": reason}
        self.notes.append(AuditNote(EventKind.ORDER_WITHHELD, record.intent.client_order_id, body))
