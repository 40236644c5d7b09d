"""The audit told again, object by object, through the very code that made the ledger the first time.

Fills come from the venue; the audit says in which cycle each was learnt of, and what was intended, decided and
remembered between them. Only where the venue no longer lists a fill does the audit's copy of it count.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from desk.recovery.chain import ChainObject, Recorded
from desk.recovery.conversions import read_conversion_report
from desk.recovery.event_handlers import EVENT_HANDLERS, apply_risk_check, assume_plenty, recall_order, recall_released
from trader.model.codec import decode_told
from trader.model.conversions import ConversionIntent, ConversionStatus
from trader.model.cycle_state import CycleMark, CyclePhase
from trader.model.decisions import Plan
from trader.model.events import EventKind
from trader.model.ids import ClientOrderId, CycleId, Instant, TradeId, is_tick_id
from trader.model.inputs import AccountView
from trader.model.ledger import Ledger
from trader.model.money import Notional
from trader.model.order_life import OrderStatus
from trader.model.order_record import OrderRecord
from trader.model.orders import Accepted, Fill, OrderIntent, OrderStatusReport, Rejected, Submission, Unknown
from trader.model.parents import ParentOrder
from trader.model.portfolio import record_flow
from trader.settings import Settings
from trader.stages import submission
from trader.stages.reconcile.account import Reconciled, reconcile
from trader.stages.reconcile.doubts import find_resendable
from trader.stages.submission import Settled, remember_orders, remember_plan, settle_submission, withhold_order

#: In the order in which one reconciliation notes them: an event of an earlier rank begins the next reconciliation.
_RANKS = {
    EventKind.ORDER_OBSERVED: 0,
    EventKind.FILL_APPLIED: 1,
    EventKind.CONVERSION_OBSERVED: 2,
    EventKind.LOT_CLOSED: 3,
}
_SUBMISSIONS: dict[str, type[Submission]] = {kind.__name__: kind for kind in (Accepted, Rejected, Unknown)}
#: How the trade ids of adopted quantities begin: no venue ever lists one.
ADOPTED = "adopted-"

#: Parts of a cycle's record; any other part was written by an operator.
_DECISION, _TURN, _OUTCOME = "decision", "turn", "outcome"


@dataclass(slots=True)
class Replay:
    """The books as they grow. ``doubtful`` are conversions that may have been done behind the record's back.

    Without ``trades`` nothing announced was ever sent. ``careful``: the record has gaps, so the peak never falls.
    ``kept`` are orders that had left the books before.
    """

    settings: Settings
    ledger: Ledger
    listed: Mapping[TradeId, Fill]
    trades: bool
    careful: bool = False
    kept: Mapping[ClientOrderId, OrderRecord] = field(default_factory=dict)
    openings: int = 0
    fills: list[Fill] = field(default_factory=list)
    finished: dict[ClientOrderId, OrderRecord] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    doubtful: dict[str, ConversionIntent] = field(default_factory=dict)
    configurations: list[str] = field(default_factory=list)
    _waiting: list[Recorded] = field(default_factory=list)
    _plan: Plan = field(default_factory=Plan)
    _new: frozenset[ClientOrderId] = frozenset()
    _inputs_at: Instant = field(default=Instant(0))
    _until: Instant | None = None
    _key: str = ""
    _sends: bool = False
    _released: tuple[ClientOrderId, ...] = ()

    def adopt(self, done: Reconciled) -> None:
        """Adopt what a reconciliation found, and what of it is stored beside the ledger."""
        self.ledger = done.ledger
        self.fills += done.new_fills
        self.finished |= {record.intent.client_order_id: record for record in done.finished}

    def apply_object(self, each: ChainObject, following: ChainObject | None) -> None:
        """Apply one object. *following* tells whether the cycle came to its outcome."""
        at = each.events[-1].at if each.events else Instant(0)
        same_run = following is not None and (following.cycle_id, following.epoch) == (each.cycle_id, each.epoch)
        concluded = same_run and following is not None and following.part.startswith((_TURN, _OUTCOME))
        abstained = any(event.kind == EventKind.CYCLE_SETTLED for event in each.events)
        self._plan, self._waiting, self._until, self._released = Plan(), [], None, ()
        self._key, self._sends = each.key, each.part == _DECISION or each.part.startswith(_TURN)
        # Every cycle that could read the account reconciled, and forgot what was old, with or without news to note.
        due = self.trades and each.part == _DECISION and not abstained
        for event in each.known_events():
            if event.kind in _RANKS or event.kind == EventKind.MISMATCH_FOUND:
                self._queue(event)
                continue
            if self._waiting or (due and event.kind != EventKind.FLOW_RECORDED):
                self._settle(event.at)
                due = False
            if (remember := EVENT_HANDLERS.get(event.kind)) is not None:
                self.ledger = remember(self.ledger, event, self.settings)
            if (act := _ACTS.get(event.kind)) is not None:
                act(self, event)
        if self._waiting or (self.trades and (due or each.part == _OUTCOME)):
            self._settle(at)
        if each.part == _DECISION:
            self._apply_decision(each, at, concluded=concluded)
        elif each.part.startswith(_TURN):
            self._apply_turn(at)
        elif each.part == _OUTCOME:
            self.ledger = _marked(replace(self.ledger, cancels=()), each.cycle_id, CyclePhase.FINISHED)
        self.ledger = replace(self.ledger, audit_head=each.digest)

    # --- what the account said

    def _queue(self, event: Recorded) -> None:
        last = max((_RANKS.get(EventKind(each.kind), 0) for each in self._waiting), default=0)
        if self._waiting and (
            _RANKS.get(EventKind(event.kind), last) < last
            or event.body.get("read_at") != self._waiting[-1].body.get("read_at")
        ):
            self._settle(event.at)
        self._waiting.append(event)

    def _settle(self, at: Instant) -> None:
        """Reconcile with what this cycle learnt of the account, and with no more."""
        bodies = [(event.kind, event.body) for event in self._waiting]
        self._waiting = []
        at = Instant(max((int(body["read_at"]) for _, body in bodies if "read_at" in body), default=at))
        reports = tuple(
            decode_told(OrderStatusReport, body["report"])
            for kind, body in bodies
            if kind == EventKind.ORDER_OBSERVED and "report" in body
        )
        fills = tuple(self._fill(body) for kind, body in bodies if "fill" in body)
        conversions = tuple(
            report
            for kind, body in bodies
            if kind == EventKind.CONVERSION_OBSERVED and (report := read_conversion_report(self, body)) is not None
        )
        for body in (body for kind, body in bodies if kind == EventKind.FILL_APPLIED):
            self._introduce(ClientOrderId(body["order"]), decode_told(Fill, body["fill"]))
        self.adopt(
            reconcile(
                self.ledger, AccountView(at, assume_plenty(self.ledger), reports, fills, conversions), self.settings
            )
        )
        for kind, body in bodies:
            if kind == EventKind.ORDER_OBSERVED and "report" not in body:
                self._abandon(ClientOrderId(body["order"]), at)

    def _fill(self, body: Mapping[str, Any]) -> Fill:
        told: Fill = decode_told(Fill, body["fill"])
        found = self.listed.get(told.trade_id)
        if found is None:
            if not told.trade_id.startswith(ADOPTED):
                self.unknown.append(f"fill {told.trade_id}: the venue no longer lists it; booked as the audit has it")
            return told
        if found != replace(told, unknown=found.unknown):
            self.unknown.append(f"fill {told.trade_id}: the audit has {told}, the venue {found}; booked is the venue's")
        return found

    def _introduce(self, key: ClientOrderId, fill: Fill) -> None:
        # That the venue named its own id for an order is not always noted by itself; its fill says it too.
        record = self.ledger.orders.get(key)
        if record is not None and record.venue_order_id is None:
            self.ledger = self.ledger.with_order(replace(record, venue_order_id=fill.venue_order_id))

    def _abandon(self, key: ClientOrderId, at: Instant) -> None:
        record = self.ledger.orders.get(key)
        if record is not None and record.is_in_doubt:
            self.ledger = self.ledger.with_order(replace(record, status=OrderStatus.ABANDONED, final_at=at))

    # --- what was decided and done

    def apply_flow(self, event: Recorded) -> None:
        if not event.body.get("opening"):
            self.ledger = record_flow(self.ledger, Notional(event.body["change"]))
            return
        self.openings += 1
        if self.openings > 1:
            self.unknown.append(f"{self._key}: the books were opened a second time; both records are folded into one")

    def apply_inputs(self, event: Recorded) -> None:
        self._inputs_at = Instant(event.body["now"])
        self.ledger = replace(self.ledger, portfolio=str(event.body.get("portfolio", "")) or self.ledger.portfolio)
        if event.body["config"] not in self.configurations:
            self.configurations.append(str(event.body["config"]))

    def apply_risk(self, event: Recorded) -> None:
        """Take the marks as recorded; a record with gaps never lowers the peak."""
        before = self.ledger.equity_marks
        ledger = apply_risk_check(self.ledger, event, self.settings)
        if self.careful and before is not None and ledger.equity_marks is not None:
            peak = max(before.peak_equity, ledger.equity_marks.peak_equity)
            ledger = replace(ledger, equity_marks=replace(ledger.equity_marks, peak_equity=peak))
        kept = {base: cooldown for base, cooldown in ledger.cooldowns.items() if self._inputs_at < cooldown.until}
        self.ledger = replace(ledger, cooldowns=kept)

    def apply_execution(self, event: Recorded) -> None:
        self._plan = replace(self._plan, cancels=tuple(ClientOrderId(name) for name in event.body["cancels"]))

    def apply_parent(self, event: Recorded) -> None:
        parent: ParentOrder = decode_told(ParentOrder, event.body["parent"])
        self._plan = replace(self._plan, parents=(*self._plan.parents, parent))

    def apply_intent(self, event: Recorded) -> None:
        """Collect what was announced; an operator's announcement takes effect at once."""
        if "conversion" in event.body:
            conversion = decode_told(ConversionIntent, event.body["conversion"])
            self._plan = replace(self._plan, conversions=(*self._plan.conversions, conversion))
            return
        order: OrderIntent = decode_told(OrderIntent, event.body["intent"])
        if not self._sends:
            self.ledger = self.ledger.with_order(OrderRecord(order))
        elif order.contingent_on is not None:
            self._plan = replace(self._plan, covers=(*self._plan.covers, order))
        else:
            self._plan = replace(self._plan, intents=(*self._plan.intents, order))

    def apply_sending(self, event: Recorded) -> None:
        """Take from when on nothing of this run can leave any more; a record of before does not say."""
        self._until = Instant(event.body["until"])
        self._released = tuple(ClientOrderId(name) for name in event.body.get("released", ()))

    def apply_withheld(self, event: Recorded) -> None:
        record = self.ledger.orders.get(ClientOrderId(event.body["order"]))
        if record is None or not (record.is_in_doubt or record.is_contingent):
            return
        if record.intent.client_order_id in self._new:
            self._keep(withhold_order(self.ledger, record.intent.client_order_id, str(event.body["reason"]), event.at))

    def apply_recalled(self, event: Recorded) -> None:
        order_id = ClientOrderId(event.body["order"])
        record = self.finished.get(order_id) or self.kept.get(order_id)
        if record is not None:
            self.ledger = recall_order(self.ledger, record)
        elif order_id not in self.ledger.orders:
            self.unknown.append(f"order {order_id}: it had left and came back, and no record that is left announced it")

    def apply_submission(self, event: Recorded) -> None:
        record = self.ledger.orders.get(ClientOrderId(event.body["order"]))
        if record is None or not record.is_in_doubt:
            return
        if event.body["as"] not in _SUBMISSIONS:
            return  # the order stays in doubt, until the venue shows it
        said = decode_told(_SUBMISSIONS[event.body["as"]], event.body["submission"])
        rules = self.settings.execution
        self._keep(settle_submission(self.ledger, record.intent.client_order_id, said, event.at, rules))

    def _keep(self, settled: Settled) -> None:
        self.ledger = settled.ledger
        self.finished |= {record.intent.client_order_id: record for record in settled.finished}

    def _apply_turn(self, at: Instant) -> None:
        """Remember what a turn announced in the middle of a run."""
        if self.trades:
            self.ledger, released, lost = recall_released(self.ledger, self.finished, self._released)
            self.unknown += [f"order {each}: it was let go, and no record that is left announced it" for each in lost]
            self.ledger = remember_orders(self.ledger, self._plan.intents, released, at, self._until)
            self._new |= {intent.client_order_id for intent in self._plan.intents}

    def _apply_decision(self, each: ChainObject, at: Instant, *, concluded: bool) -> None:
        plan, self._new = self._plan, frozenset()
        ledger = _marked(self.ledger, each.cycle_id, CyclePhase.FINISHED)
        if not self.trades:
            self.ledger = ledger
            return
        ledger = submission.remember_parents(ledger, plan.parents)
        resent = find_resendable(ledger, at, self.settings)
        ledger = replace(ledger, cancels=tuple(dict.fromkeys((*ledger.cancels, *plan.cancels))))
        if concluded or plan.intents or plan.conversions or resent or ledger.cancels:
            ledger = remember_plan(ledger, plan, resent, at, self._until)
            ledger = _marked(ledger, each.cycle_id, CyclePhase.COMMITTED)
        self.ledger, self._new = ledger, frozenset(each.client_order_id for each in (*plan.intents, *plan.covers))
        if not concluded:
            # It died on the way: a conversion may have been quoted, even done, without a line about it.
            waiting = (record for record in ledger.conversions.values() if record.status is ConversionStatus.INTENDED)
            self.doubtful |= {record.intent.conversion_id: record.intent for record in waiting}


def _marked(ledger: Ledger, cycle_id: CycleId, phase: CyclePhase) -> Ledger:
    return replace(ledger, last_cycle=CycleMark(cycle_id, phase)) if is_tick_id(cycle_id) else ledger


_ACTS: dict[str, Callable[[Replay, Recorded], None]] = {
    EventKind.FLOW_RECORDED: Replay.apply_flow,
    EventKind.INPUTS_GATHERED: Replay.apply_inputs,
    EventKind.RISK_CHECKED: Replay.apply_risk,
    EventKind.EXECUTION_PLANNED: Replay.apply_execution,
    EventKind.PARENT_PLANNED: Replay.apply_parent,
    EventKind.ORDER_INTENDED: Replay.apply_intent,
    EventKind.SENDING_BEGUN: Replay.apply_sending,
    EventKind.ORDER_RECALLED: Replay.apply_recalled,
    EventKind.ORDER_SUBMITTED: Replay.apply_submission,
    EventKind.ORDER_WITHHELD: Replay.apply_withheld,
}
