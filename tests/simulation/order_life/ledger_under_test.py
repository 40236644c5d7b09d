"""Our side of the order life: a ledger that only production code changes, held against the model after every change."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType

from desk.in_memory import InMemoryAuditLog, InMemoryKillSwitch, InMemoryStateStore
from factories import SCOPE, an_exit_intent, an_intent, shipped_settings
from factories_venue import SOL, USD
from simulation.order_life.model import Model, Tally, Waits, name_of
from simulation.order_life.truth import too_soon_forgotten, unsettled, untrue, went_back
from simulation.order_life.venue import CancelWay, Crashed, LifeVenue, Way
from simulation.world import RUN_SECONDS
from trader.cycle.act import Executor
from trader.cycle.gather import read_account
from trader.cycle.run_time import RunTime
from trader.errors import VenueError
from trader.model.decisions import Plan
from trader.model.events import EventKind
from trader.model.ids import ClientOrderId, Instant
from trader.model.inputs import AccountView
from trader.model.ledger import Ledger, open_ledger
from trader.model.money import Notional, Price, Quantity
from trader.model.order_life import OrderStatus
from trader.model.orders import OrderIntent, OrderRecord
from trader.model.trading_state import TradingState
from trader.ports import Identity, Ports, TimeBudget
from trader.stages.reconcile.account import Reconciled, reconcile
from trader.stages.reconcile.doubts import is_resendable
from trader.stages.submission import remember_plan

SETTINGS = shipped_settings()
CYCLE = SETTINGS.cycle
#: A doubt is waited for until the last run that could have sent it is over, and quiet after that.
PATIENCE = Waits(resend=CYCLE.max_tick_age_seconds, run=RUN_SECONDS, quiet=CYCLE.quiet_period_seconds)
_VIEWS_KEPT = 8


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
        self.done: list[str] = []
        self._lease_until = self.clock.now()
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
            str(self.tally.done),
            product_id=SOL,
            quantity=Quantity(quantity),
            limit_price=Price(price),
            decided_at=now,
            expires_at=Instant(now + life_seconds),
            attach_bracket=attach,
        )
        self._commit(intent)
        if way is None:
            self._lease_until = Instant(now + RUN_SECONDS)
        else:
            self._act(Plan(intents=(intent,)), way=way)
        return intent.client_order_id

    def sell(self, lot_id: ClientOrderId, limit: str, way: Way) -> None:
        """Sell a lot out, after its other orders are cancelled, as the plan does."""
        now = self._begin(f"sell {lot_id} at {limit}, {way}")
        lot = self.ledger.lots[lot_id]
        working = tuple(each.intent.client_order_id for each in self.ledger.orders_of(lot_id) if each.is_active)
        intent = an_exit_intent(
            f"exit-{self.tally.done}",
            product_id=SOL,
            quantity=lot.quantity,
            limit_price=Price(limit),
            lot_id=lot_id,
            decided_at=now,
            depends_on=working,
        )
        self._commit(intent)
        self._act(Plan(intents=(intent,)), cancels=working, way=way)

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
            view = read_account(self.venue.exchange, self.ledger, now)
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
        """What the ledger believes."""
        return self.ledger.orders[order_id].status

    # --- inside

    def _begin(self, what: str) -> Instant:
        # Whoever died holds the lease until it ends.
        self.clock.set(max(self.clock.now(), self._lease_until))
        self.note(what)
        return self.clock.now()

    def _commit(self, intent: OrderIntent) -> None:
        now = self.clock.now()
        self.model.decided(intent.client_order_id, intent.decided_at)
        self._take(remember_plan(self.ledger, Plan(intents=(intent,)), (), now, Instant(now + RUN_SECONDS)))

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
        self._committed = self.ledger, self.model.snapshot(), set(self.booked)
        self.switch.word = TradingState.HALT if way is Way.SWITCHED_OFF else TradingState.RUN
        executor = Executor(
            ledger=replace(self.ledger, cancels=cancels),
            settings=SETTINGS,
            ports=self._ports(),
            exchange=venue.exchange,
            time=RunTime(self.clock, TimeBudget(), lease_until),
            is_recorded=True,
            commit=self._take,
            on_reconciled=self._keep,
        )
        venue.expect(way)
        try:
            executor.execute(plan, remembered)
        except Crashed:
            self.ledger, snapshot, self.booked = self._committed
            self.model.restore(snapshot)
            self.forgotten -= set(self.ledger.orders)
            self._lease_until = lease_until
        else:
            if venue.exchange.answer is not None:
                self.model.answered(*venue.exchange.answer, self.clock.now())
            for kind, subject, _ in executor.notes:
                if kind is EventKind.ORDER_WITHHELD:
                    self.model.withheld(ClientOrderId(subject), is_new=bool(plan.intents))
            self._take(replace(executor.ledger, cancels=()))
        finally:
            venue.calm()

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
        self.venue.exchange.listed, self.venue.exchange.lists_all = view.orders, True
        done = reconcile(self.ledger, view, SETTINGS)
        self._keep(done, view.read_at)
        again = reconcile(done.ledger, view, SETTINGS)
        news = [note for note in again.notes if note[0] is not EventKind.MISMATCH_FOUND]
        self._demand([] if again.ledger == done.ledger and not news else [f"the same view twice is news: {news}"])

    def _keep(self, done: Reconciled, read_at: Instant | None = None) -> None:
        at = self.clock.now() if read_at is None else read_at
        sendable = {
            name_of(each) for each in done.ledger.orders.values() if is_resendable(done.ledger, each, at, SETTINGS)
        }
        self.model.told(self.venue.exchange.listed, at, sendable if self.venue.exchange.lists_all else None)
        wrong = [f"fill {each.trade_id} was booked twice" for each in done.new_fills if each.trade_id in self.booked]
        self.booked |= {each.trade_id for each in done.new_fills}
        wrong += [str(body) for _, _, body in done.notes if "not booked" in str(body.get("reason"))]
        said = [(body["was"], body["is"]) for kind, _, body in done.notes if kind is EventKind.ORDER_OBSERVED]
        changed = self._changes(done.ledger, forgotten=done.finished)
        if sorted(said) != sorted(changed):
            wrong.append(f"noted were {said}, changed have {changed}")
        self._take(done.ledger, done.finished, wrong)

    def _changes(self, ledger: Ledger, forgotten: Iterable[OrderRecord] = ()) -> list[tuple[OrderStatus, OrderStatus]]:
        steps = []
        for record in (*ledger.orders.values(), *forgotten):
            old = self.ledger.orders.get(record.intent.client_order_id)
            # An attached bracket is born as accepted as its parent was.
            born = OrderStatus.PENDING if record.intent.reason == "attached" else OrderStatus.INTENDED
            was = born if old is None else old.status
            if was is not record.status:
                steps.append((was, record.status))
        return steps

    def _take(self, ledger: Ledger, forgotten: tuple[OrderRecord, ...] = (), wrong: Iterable[str] = ()) -> None:
        found = list(wrong)
        for was, then in self._changes(ledger, forgotten):
            if not self.tally.saw(was, then):
                found.append(f"illegal: {was} -> {then}")
        for record in forgotten:
            found += self._forget(record)
        found += [
            f"lost: {key}" for key in self.ledger.orders if key not in ledger.orders and key not in self.forgotten
        ]
        for key, record in ledger.orders.items():
            found += [*went_back(self.ledger.orders.get(key), record), *untrue(self.venue, record)]
        self.ledger = ledger
        self._demand([*found, *self.model.differs(ledger), *self.model.complaints])

    def _forget(self, record: OrderRecord) -> list[str]:
        self.forgotten.add(record.intent.client_order_id)
        self.model.forgot(name_of(record))
        return list(too_soon_forgotten(self.venue, record))

    def _demand(self, wrong: list[str]) -> None:
        assert not wrong, "\n".join([*wrong, "after:", *self.done])
