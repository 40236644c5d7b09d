"""The life of an order told a second time, in few words: what may be believed of it after what was heard.

The model shares nothing with reconcile but the names of the statuses. It is told what the ledger is told, answers and
listings, and says what the ledger must then believe; the venue's own book says whether that can be true.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from trader.model.ids import ClientOrderId, Instant, VenueOrderId
from trader.model.ledger import Ledger
from trader.model.order_life import TRANSITIONS, OrderStatus
from trader.model.order_record import OrderRecord
from trader.model.orders import Accepted, OrderIntent, OrderStatusReport, Rejected, Submission
from trader.model.refusals import RefusalClass

Step = tuple[OrderStatus, OrderStatus]

IN_DOUBT = frozenset({OrderStatus.INTENDED, OrderStatus.IN_DOUBT})
GIVEN_UP = frozenset({OrderStatus.REJECTED, OrderStatus.WITHHELD, OrderStatus.ABANDONED})
OVER = frozenset({OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.FAILED})
WORKING = frozenset(OrderStatus) - IN_DOUBT - GIVEN_UP - OVER - {OrderStatus.CONTINGENT}

LEGAL: tuple[Step, ...] = tuple((was, then) for was, row in TRANSITIONS.items() for then in sorted(row))


def may_step(was: OrderStatus, then: OrderStatus) -> bool:
    """The rules behind the table, not the table."""
    if then is was or then is OrderStatus.CONTINGENT:
        return False
    if then is OrderStatus.INTENDED:
        return was is OrderStatus.CONTINGENT
    if then is OrderStatus.IN_DOUBT:
        return was is OrderStatus.INTENDED
    if then is OrderStatus.WITHHELD:
        return was in {OrderStatus.CONTINGENT, OrderStatus.INTENDED}
    if then in GIVEN_UP:
        return was in IN_DOUBT
    # From here on the venue has spoken, and only a last fill can change what is over there.
    return was not in OVER or (then is OrderStatus.FILLED and was in {OrderStatus.CANCELLED, OrderStatus.EXPIRED})


@dataclass
class Tally:
    """Which steps a ledger was seen to make, and of how many things that were done to it."""

    visited: Counter[Step] = field(default_factory=Counter)
    illegal: Counter[Step] = field(default_factory=Counter)
    done: int = 0
    lives: int = 0

    def saw(self, was: OrderStatus, then: OrderStatus) -> bool:
        """Count a change of status; False if it is none of the table's."""
        self.visited[was, then] += 1
        is_legal = (was, then) in LEGAL
        if not is_legal:
            self.illegal[was, then] += 1
        return is_legal

    @property
    def unvisited(self) -> list[Step]:
        """The rows of the table that nothing visited."""
        return [step for step in LEGAL if not self.visited[step]]


@dataclass(frozen=True)
class Belief:
    """What we know of one order: its status, when it was decided, when it was last sent in vain.

    ``waits_for`` is the sale it is contingent on; ``may_have_left`` says that somebody may have sent it in vain.
    """

    status: OrderStatus
    decided_at: Instant
    sender_until: Instant
    waits_for: ClientOrderId | None = None
    may_have_left: bool = False


@dataclass(frozen=True)
class Waits:
    """For how long a doubt may be sent again, how long a run may send, and how long the venue may hide an order."""

    resend: int
    run: int
    quiet: int

    @property
    def wait(self) -> int:
        """How long a doubt is waited for at most, from when its sender began."""
        return self.run + self.quiet


class Model:
    """Every order by its name: the client id, or that of its parent and ``/child`` for an attached bracket.

    ``left`` is when a copy of an order was last put on the wire; no crash makes that undone. ``leaving`` are those that
    the ledger must drop at once, for certainly nothing of them exists.
    """

    def __init__(self, patience: Waits) -> None:
        self.patience = patience
        self.beliefs: dict[str, Belief] = {}
        self.venue_ids: dict[VenueOrderId, str] = {}
        self.left: dict[str, Instant] = {}
        self.leaving: set[str] = set()
        self.complaints: list[str] = []

    def snapshot(self) -> tuple[dict[str, Belief], dict[VenueOrderId, str]]:
        """What a crash falls back to."""
        return dict(self.beliefs), dict(self.venue_ids)

    def restore(self, snapshot: tuple[dict[str, Belief], dict[VenueOrderId, str]]) -> None:
        """Forget what was heard since, as a process that died does."""
        self.beliefs, self.venue_ids = dict(snapshot[0]), dict(snapshot[1])
        self.leaving.clear()

    # --- what happens

    def decided(self, intent: OrderIntent, until: Instant) -> None:
        """An intent was committed; its sender can send it *until* then, or waits for the end of a sale."""
        sale = intent.contingent_on
        status = OrderStatus.INTENDED if sale is None else OrderStatus.CONTINGENT
        self.beliefs[intent.client_order_id] = Belief(status, intent.decided_at, until, sale)

    def released(self, order_id: ClientOrderId, until: Instant) -> None:
        """What waited for the end of a sale may be sent: the sale must be over."""
        belief = self.beliefs[order_id]
        if belief.status is not OrderStatus.CONTINGENT or self._may_sell(belief):
            self.complaints.append(f"{order_id} was released as {belief} while {belief.waits_for} may still sell")
        self.beliefs[order_id] = replace(belief, status=OrderStatus.INTENDED, sender_until=until)

    def answered(self, order_id: ClientOrderId, answer: Submission, at: Instant) -> None:
        """The adapter said what became of sending.

        A refused order is gone, unless an earlier copy may exist, or the venue is in trouble of its own.
        """
        if isinstance(answer, Accepted):
            self.venue_ids[answer.venue_order_id] = order_id
            self._believe(order_id, OrderStatus.PENDING)
        elif isinstance(answer, Rejected) and (
            self.beliefs[order_id].may_have_left or answer.refusal is RefusalClass.EDGE
        ):
            self._believe(order_id, OrderStatus.REJECTED)
        elif isinstance(answer, Rejected):
            self._leaves(order_id)
        else:
            belief = replace(self.beliefs[order_id], status=OrderStatus.IN_DOUBT, sender_until=at)
            self.beliefs[order_id] = replace(belief, may_have_left=True)

    def taken_up(self, order_id: ClientOrderId, at: Instant) -> None:
        """It was committed that it is about to be sent again."""
        until = Instant(at + self.patience.run)
        self.beliefs[order_id] = replace(self.beliefs[order_id], sender_until=until, may_have_left=True)

    def withheld(self, order_id: ClientOrderId) -> None:
        """It was written off: it must never have been sent, and no sale may still leave a rest that it has to cover."""
        belief = self.beliefs[order_id]
        if belief.status is OrderStatus.CONTINGENT:
            if self._may_sell(belief):
                self.complaints.append(f"{order_id} was dropped while {belief.waits_for} may still sell")
        elif belief.status is not OrderStatus.INTENDED or belief.may_have_left or order_id in self.left:
            self.complaints.append(f"{order_id} was withheld as {belief} and may have left")
        self._leaves(order_id)

    def kept(self, order_id: ClientOrderId) -> None:
        """It was withheld by an older release, which left it in the ledger."""
        self._believe(order_id, OrderStatus.WITHHELD)

    def told(self, states: Iterable[OrderStatusReport], at: Instant, sendable: Collection[str] | None) -> None:
        """The venue listed orders; what it did not list proves nothing until patience ends.

        Patience does not end for what may still be sent again, as a sale may whose lot is there. Without *sendable*
        the venue spoke of one order only, which says nothing of any other.
        """
        for state in sorted(states, key=lambda each: each.originating_order_id is not None):
            name = self._name_of(state)
            if name is None:
                continue
            self.venue_ids[state.venue_order_id] = name
            if may_step(self.beliefs[name].status, state.status):
                self._believe(name, state.status)
        if sendable is None:
            return
        for name, belief in self.beliefs.items():
            if name in sendable or belief.status not in IN_DOUBT:
                continue
            if at - belief.sender_until >= self.patience.quiet:
                self._believe(name, OrderStatus.ABANDONED)
                if name in self.left and at - self.left[name] < self.patience.quiet:
                    self.complaints.append(f"{name} was given up {at - self.left[name]} s after it was last sent")

    def forgot(self, name: str) -> None:
        """The ledger dropped it."""
        if name not in self.leaving:
            del self.beliefs[name]
        self.leaving.discard(name)
        self.venue_ids = {key: other for key, other in self.venue_ids.items() if other != name}

    # --- what must be so

    def differs(self, ledger: Ledger) -> list[str]:
        """Where the ledger believes something else, kept what must leave, or sent what was to wait."""
        believed = {name_of(record): record.status for record in ledger.orders.values()}
        expected = {name: belief.status for name, belief in self.beliefs.items()}
        waiting = (name for name, status in expected.items() if status is OrderStatus.CONTINGENT)
        early = [f"{name} was sent while it was contingent" for name in waiting if name in self.left]
        return early + [
            f"{name} is {believed.get(name)}, expected is {expected.get(name)}"
            for name in sorted({*believed, *expected})
            if believed.get(name) is not expected.get(name)
        ]

    def _leaves(self, name: str) -> None:
        del self.beliefs[name]
        self.leaving.add(name)

    def _may_sell(self, belief: Belief) -> bool:
        sale = self.beliefs.get(belief.waits_for or "")
        return sale is not None and not sale.status.is_final

    def _believe(self, name: str, status: OrderStatus) -> None:
        self.beliefs[name] = replace(self.beliefs[name], status=status)

    def _name_of(self, state: OrderStatusReport) -> str | None:
        if state.client_order_id in self.beliefs:
            return state.client_order_id
        known = self.venue_ids.get(state.venue_order_id)
        if known is not None or state.originating_order_id is None:
            return known
        parent = self.venue_ids.get(state.originating_order_id)
        if parent is None:
            return None
        decided_at = self.beliefs[parent].decided_at
        self.beliefs[f"{parent}/child"] = Belief(OrderStatus.PENDING, decided_at, decided_at)
        return f"{parent}/child"


def name_of(record: OrderRecord) -> str:
    """The name of a record here."""
    intent = record.intent
    return f"{intent.lot_id}/child" if intent.reason == "attached" else str(intent.client_order_id)


def as_table(directed: Mapping[Step, int], random: Mapping[Step, int]) -> list[str]:
    """Every legal step, how often the scripts took it and how often chance did."""
    lines = [f"{'was':<21} {'then':<21} scripts  chance"]
    return lines + [f"{was:<21} {then:<21} {directed[was, then]:>7} {random[was, then]:>7}" for was, then in LEGAL]
