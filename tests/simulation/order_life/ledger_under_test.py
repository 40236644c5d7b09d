"""Our side of the order life: a ledger that only production code changes, held against the model after every change."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from types import TracebackType

from desk.in_memory import InMemoryAuditLog, InMemoryKillSwitch, InMemoryStateStore
from factories import SCOPE, an_intent, shipped_settings
from factories_venue import SOL, USD, a_product
from simulation.order_life.model import Model, Tally, Waits, name_of
from simulation.order_life.truth import too_soon_forgotten, unsettled, untrue, went_back
from simulation.order_life.venue import CancelWay, Crashed, LifeVenue, Way
from simulation.world import RUN_SECONDS
from trader.cycle.account import read_account
from trader.cycle.act import Executor
from trader.cycle.run_time import RunTime
from trader.errors import VenueError
from trader.model.commands import NO_COMMANDS
from trader.model.decisions import Plan
from trader.model.events import AuditNote, EventKind
from trader.model.ids import ClientOrderId, CycleId, Instant
from trader.model.inputs import AccountView
from trader.model.ledger import Ledger, open_ledger
from trader.model.money import Notional, Price, Quantity
from trader.model.order_life import OrderStatus
from trader.model.order_record import OrderRecord
from trader.model.orders import ATTACHED, OrderIntent, OrderPurpose, OrderStatusReport
from trader.model.trading_state import TradingState
from trader.ports import Identity, Ports, TimeBudget
from trader.stages.execution.protection import name_order, plan_protective_order
from trader.stages.reconcile.account import Reconciled, reconcile
from trader.stages.reconcile.doubts import is_resendable
from trader.stages.submission import remember_plan

SETTINGS = shipped_settings()
CYCLE = SETTINGS.cycle
#: A doubt is waited for until the last run that could have sent it is over, and quiet after that.
PATIENCE = Waits(resend=CYCLE.max_tick_age_seconds, run=RUN_SECONDS, quiet=CYCLE.quiet_period_seconds)
_VIEWS_KEPT = 8
#: A sale that nobody answers is sent again so often, and no more.
_RESENDS = 4

Move = tuple[str, OrderStatus, OrderStatus]


class LedgerUnderTest:
    """Orders from decision to oblivion. Each operation is an invocation of ours, or something that happens meanwhile.

    Raises: AssertionError as soon as ledger, model and venue cannot all be right, with everything that was done.
    """

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        tally.lives += 1
        self.venue = LifeVenue(SETTINGS.execution.order_prefix)
        self.clock = self.venue.clock
        self.model = Model(PATIENCE)
        self.model.left = self.venue.exchange.left
        self.ledger = open_ledger(SCOPE, USD, Notional(100_000))
        self.switch = InMemoryKillSwitch()
        self.views: list[AccountView] = []
        self.booked: set[str] = set()
        self.forgotten: set[str] = set()
        self.ended: dict[str, OrderStatus] = {}
        self.strays: set[str] = set()
        self.done: list[str] = []
        self._lease_until = self.clock.now()
        self._notes: list[AuditNote] = []
        self._noted = 0
        self._written_off: set[str] = set()
        self.venue.exchange.watch = self._watch
        self._committed = self.ledger, self.model.snapshot(), self.booked
        self._stack = ExitStack()

    def __enter__(self) -> LedgerUnderTest:
        self._stack.enter_context(self.venue)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    # --- deciding and sending

    def decide(
        self,
        *,
        price: str = "99.90",
        quantity: str = "2",
        attach: bool = False,
        life_seconds: int = 600,
        way: Way | None = Way.ANSWERED,
    ) -> ClientOrderId:
        """Decide a buy and send it in the same invocation; without a way the process dies once it is remembered."""
        now = self._begin(f"decide {price} x {quantity}, attach={attach}, {life_seconds} s, {way}")
        intent = an_intent(
            str(len(self.done)),
            product_id=SOL,
            quantity=Quantity(quantity),
            limit_price=Price(price),
            decided_at=now,
            expires_at=Instant(now + life_seconds),
            attach_bracket=attach,
        )
        self._follow(Plan(intents=(intent,)), way)
        return intent.client_order_id

    def sell(self, lot_id: ClientOrderId, limit: str, way: Way | None, *, has_cover: bool = True) -> ClientOrderId:
        """Sell a lot out, what covers a rest beside it, as the plan does; the turn takes away its other orders."""
        now = self._begin(f"sell {lot_id} at {limit}, {way}, has_cover={has_cover}")
        lot, run_id, rules = self.ledger.lots[lot_id], self._run_id(), SETTINGS.execution
        order_id, n = name_order(self.ledger, lot, OrderPurpose.EXIT, run_id, rules)
        sale = lot.sell(order_id, run_id, now, lot.quantity, Price(limit))
        covers = tuple(
            each.intent.client_order_id
            for each in self.ledger.orders_of(lot_id)
            if each.intent.covers_lot and each.is_active
        )
        sale = replace(sale, n=n, depends_on=covers, reason="time")
        cover = plan_protective_order(self.ledger, lot, lot.quantity, a_product(), (run_id, now), rules)
        waiting = (replace(cover, contingent_on=order_id),) if cover is not None and has_cover else ()
        self._follow(Plan(intents=(sale,), covers=waiting), way)
        return order_id

    def resend(self, order_id: ClientOrderId, way: Way = Way.ANSWERED, stall_seconds: int = 0) -> None:
        """Send a remembered intent again, if it still may be sent."""
        now = self._begin(f"resend {order_id}, {way}, after {stall_seconds} s")
        if is_resendable(self.ledger, self.ledger.orders[order_id], now, SETTINGS):
            self.venue.exchange.stall_seconds = stall_seconds
            self._act(Plan(), remembered=(order_id,), way=way)

    def cancel(self, order_id: ClientOrderId, way: CancelWay = CancelWay.TAKEN) -> None:
        """Ask the venue to cancel."""
        self._begin(f"cancel {order_id}, {way}")
        self._act(Plan(), cancels=(order_id,), way=way)

    # --- hearing

    def look(self) -> None:
        """Read the account and reconcile, or find that it cannot be read."""
        now = self._begin("look")
        try:
            view = read_account(self.venue.exchange, self.ledger, now, SETTINGS)
        except VenueError:
            return
        finally:
            self.venue.calm()
        self.views = [*self.views[1 - _VIEWS_KEPT :], view]
        self._hear(view)

    def hear_again(self, back: int) -> None:
        """Reconcile with a view that is older than what the ledger knows."""
        self._begin(f"hear again {back} back")
        self._hear(self.views[-1 - back % len(self.views)])

    def settle(self) -> None:
        """Let every lag and every doubt run out; then ledger and venue must say the same of every order."""
        self.note("settle")
        self.venue.calm()
        self.venue.lag()
        for _ in range(_RESENDS):
            for order_id in self.in_doubt():
                self.resend(order_id)
        self.clock.advance(PATIENCE.resend + PATIENCE.wait + 1)
        self.look()
        self.look()
        self._demand(list(unsettled(self.venue, self.ledger, self.forgotten)))

    def wait(self, seconds: int) -> None:
        """Let time pass."""
        self.note(f"wait {seconds}")
        self.clock.advance(seconds)

    def note(self, what: str) -> None:
        """Count something that is done, and remember it for the report of a failure."""
        self.tally.done += 1
        self.done.append(f"{self.clock.now()} {what}")

    # --- for those who choose

    def in_doubt(self) -> list[ClientOrderId]:
        """Orders that may be sent again."""
        now = self.clock.now()
        return sorted(
            key for key, each in self.ledger.orders.items() if is_resendable(self.ledger, each, now, SETTINGS)
        )

    def working(self) -> list[ClientOrderId]:
        """Orders the ledger has at the venue."""
        found = (each for each in self.ledger.orders.values() if each.venue_order_id and not each.status.is_final)
        return sorted(each.intent.client_order_id for each in found)

    def status_of(self, order_id: ClientOrderId) -> OrderStatus:
        """What the ledger believes, or as what it dropped the order."""
        return self.ledger.orders[order_id].status if order_id in self.ledger.orders else self.ended[order_id]

    def cover_of(self, sale: ClientOrderId) -> ClientOrderId:
        """The order that waits for the end of a sale."""
        cover = self.ledger.contingent(sale)
        assert cover is not None, f"nothing waits for {sale}"
        return cover.intent.client_order_id

    def withheld_by_older_release(self, order_id: ClientOrderId) -> None:
        """Let the ledger be one of a release that kept what it had withheld."""
        self.note(f"{order_id} is withheld, and kept")
        self.model.kept(order_id)
        record = replace(self.ledger.orders[order_id], status=OrderStatus.WITHHELD, final_at=self.clock.now())
        self._take(self.ledger.with_order(record))

    # --- inside

    def _begin(self, what: str) -> Instant:
        # Whoever died holds the lease until it ends.
        self.clock.set(max(self.clock.now(), self._lease_until))
        self.note(what)
        return self.clock.now()

    def _run_id(self) -> CycleId:
        return CycleId(f"run-{len(self.done)}")

    def _follow(self, plan: Plan, way: Way | None) -> None:
        """Commit a plan and act on it; without a way the process dies in between."""
        now = self.clock.now()
        until = Instant(now + RUN_SECONDS)
        for intent in (*plan.intents, *plan.covers):
            self.model.decided(intent, until)
        self._take(remember_plan(self.ledger, plan, (), now, until))
        if way is None:
            self._lease_until = until
        else:
            self._act(plan, way=way)

    def _act(
        self,
        plan: Plan,
        *,
        remembered: Iterable[ClientOrderId] = (),
        cancels: tuple[ClientOrderId, ...] = (),
        way: Way | CancelWay,
    ) -> None:
        venue, now = self.venue, self.clock.now()
        lease_until = Instant(now + RUN_SECONDS)
        remembered = tuple(remembered)
        if remembered:
            self._take_up(remembered, now)
        self._store(self.ledger)
        self._notes, self._noted, self._written_off = [], 0, set()
        self.switch.word = TradingState.HALT if way is Way.SWITCHED_OFF else TradingState.RUN
        executor = Executor(
            ledger=replace(self.ledger, cancels=cancels),
            settings=SETTINGS,
            ports=self._ports(),
            exchange=venue.exchange,
            commands=NO_COMMANDS,
            time=RunTime(self.clock, TimeBudget(), lease_until),
            run_id=self._run_id(),
            is_recorded=True,
            commit=self._store,
            announce=partial(self._announce, until=lease_until),
            on_reconciled=self._keep,
            notes=self._notes,
            withheld_exits={},
            exposed={},
            strange={},
        )
        venue.expect(way)
        try:
            executor.execute(plan, remembered)
        except Crashed:
            self.ledger, snapshot, self.booked = self._committed
            self.model.restore(snapshot)
            self.forgotten -= set(self.ledger.orders)
            self.strays -= set(self.ledger.orders)
            self._lease_until = lease_until
        else:
            self._take(replace(executor.ledger, cancels=()))
            noted = {note.subject for note in self._notes if note.kind is EventKind.ORDER_WITHHELD}
            self._demand([f"{each} was withheld and nobody said so" for each in sorted(self._written_off - noted)])
        finally:
            venue.calm()

    def _store(self, ledger: Ledger) -> None:
        """Keep a ledger as the one that a process finds that starts from here."""
        self._take(ledger)
        self._committed = self.ledger, self.model.snapshot(), set(self.booked)

    def _announce(self, ledger: Ledger, until: Instant) -> Ledger:
        """Store what a turn is about to send; the notes say what that is, and the ledger must say the same."""
        for note in self._notes[self._noted :]:
            if note.kind is EventKind.ORDER_INTENDED:
                self.model.decided(note.body["intent"], until)
            elif note.kind is EventKind.SENDING_BEGUN:
                for order_id in note.body["released"]:
                    self.model.released(order_id, until)
        self._noted = len(self._notes)
        self._store(ledger)
        return self.ledger

    def _watch(self, intent: OrderIntent) -> None:
        """Whatever leaves was committed before, byte for byte, and as something that may have left."""
        stored = self._committed[0].orders.get(intent.client_order_id)
        wrong = stored is None or stored.intent != intent or not stored.is_in_doubt
        self._demand([f"{intent.client_order_id} was sent while the store has {stored}"] if wrong else [])

    def _take_up(self, remembered: tuple[ClientOrderId, ...], now: Instant) -> None:
        """Commit that these are about to be sent again, as a cycle does before it sends anything."""
        for key in remembered:
            self.model.taken_up(key, now)
        self._take(remember_plan(self.ledger, Plan(), remembered, now, Instant(now + RUN_SECONDS)))

    def _ports(self) -> Ports:
        exchange = self.venue.exchange
        identity = Identity(SCOPE, "order-life", "test")
        return Ports(exchange, exchange, InMemoryStateStore(), InMemoryAuditLog(), self.switch, self.clock, identity)

    def _hear(self, view: AccountView) -> None:
        self.venue.exchange.take()
        self.venue.exchange.listed, self.venue.exchange.lists_all = view.orders, True
        done = reconcile(self.ledger, view, SETTINGS)
        self._keep(done, view.read_at)
        again = reconcile(done.ledger, view, SETTINGS)
        news = [note for note in again.notes if note[0] is not EventKind.MISMATCH_FOUND]
        self._demand([] if again.ledger == done.ledger and not news else [f"the same view twice is news: {news}"])

    def _keep(self, done: Reconciled, read_at: Instant | None = None) -> None:
        at = self.clock.now() if read_at is None else read_at
        lists_all = self.venue.exchange.lists_all
        answers, listed = self.venue.exchange.take()
        for order_id, answer in answers:
            self.model.answered(order_id, answer, at)
        if listed is not None:
            sendable = {
                name_of(each) for each in done.ledger.orders.values() if is_resendable(done.ledger, each, at, SETTINGS)
            }
            self.model.told(listed, at, sendable if lists_all else None)
        for record in done.finished:
            if record.status is OrderStatus.WITHHELD and record.intent.client_order_id in self.model.beliefs:
                self._write_off(record)
        wrong = [f"fill {each.trade_id} was booked twice" for each in done.new_fills if each.trade_id in self.booked]
        self.booked |= {each.trade_id for each in done.new_fills}
        wrong += [str(body) for _, _, body in done.notes if "not booked" in str(body.get("reason"))]
        said = [
            (body["order"], body["was"], body["is"]) for kind, _, body in done.notes if kind is EventKind.ORDER_OBSERVED
        ]
        # What an answer says, and what is written off, is noted elsewhere.
        heard = {order_id for order_id, _ in answers}
        moves = self._changes(done.ledger, forgotten=done.finished)
        changed = [move for move in moves if move[0] not in heard and move[2] is not OrderStatus.WITHHELD]
        if sorted(said) != sorted(changed):
            wrong.append(f"noted were {said}, changed have {changed}")
        if listed is not None and lists_all:
            wrong += self._silent(listed, done)
        self._take(done.ledger, done.finished, wrong, at)

    def _write_off(self, record: OrderRecord) -> None:
        order_id = record.intent.client_order_id
        # One that an older release kept has been written off before.
        if self.model.beliefs[order_id].status is OrderStatus.WITHHELD:
            return
        was = self.model.beliefs[order_id].status
        self.model.withheld(order_id)
        if was is not OrderStatus.CONTINGENT:
            self._written_off.add(order_id)

    def _silent(self, listed: Iterable[OrderStatusReport], done: Reconciled) -> list[str]:
        """Name the orders that the venue works after it refused them, if nobody is told of them."""
        noted = {note.subject for note in done.notes if note.kind is EventKind.MISMATCH_FOUND}
        strays = [each for each in listed if each.client_order_id in self.strays and not each.status.is_final]
        return [f"nobody is told of {each}" for each in strays if each.venue_order_id not in noted]

    def _changes(self, ledger: Ledger, forgotten: Iterable[OrderRecord] = ()) -> list[Move]:
        steps = []
        for record in (*ledger.orders.values(), *forgotten):
            old = self.ledger.orders.get(record.intent.client_order_id)
            # An attached bracket is born as accepted as its parent was.
            waits = record.intent.contingent_on is not None
            born = OrderStatus.CONTINGENT if waits else OrderStatus.INTENDED
            born = OrderStatus.PENDING if record.intent.reason == ATTACHED else born
            was = born if old is None else old.status
            if was is not record.status:
                steps.append((str(record.intent.client_order_id), was, record.status))
        return steps

    def _take(
        self,
        ledger: Ledger,
        forgotten: tuple[OrderRecord, ...] = (),
        wrong: Iterable[str] = (),
        at: Instant | None = None,
    ) -> None:
        found = list(wrong)
        for _, was, then in self._changes(ledger, forgotten):
            if not self.tally.saw(was, then):
                found.append(f"illegal: {was} -> {then}")
        for record in forgotten:
            found += self._forget(record, self.clock.now() if at is None else at)
        found += [
            f"lost: {key}" for key in self.ledger.orders if key not in ledger.orders and key not in self.forgotten
        ]
        for key, record in ledger.orders.items():
            found += [*went_back(self.ledger.orders.get(key), record), *untrue(self.venue, record)]
        self.ledger = ledger
        self._demand([*found, *self.model.differs(ledger), *self.model.complaints])

    def _forget(self, record: OrderRecord, at: Instant) -> list[str]:
        order_id, is_gone = record.intent.client_order_id, name_of(record) in self.model.leaving
        self.forgotten.add(order_id)
        self.ended[order_id] = record.status
        self.model.forgot(name_of(record))
        age = at - (at if record.final_at is None else record.final_at)
        wrong = [] if is_gone or age >= CYCLE.order_memory_seconds else [f"{order_id} was forgotten after {age} s"]
        if is_gone and record.status is OrderStatus.REJECTED and self.venue.order_of(order_id) is not None:
            # The venue lied: the order is another's now, and as long as it is open every look must say so.
            self.strays.add(order_id)
            return wrong
        return [*wrong, *too_soon_forgotten(self.venue, record)]

    def _demand(self, wrong: list[str]) -> None:
        assert not wrong, "\n".join([*wrong, "after:", *self.done])
