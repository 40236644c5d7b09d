"""Chance at the order life: a Hypothesis state machine whose rules are its operations."""

from __future__ import annotations

from contextlib import ExitStack

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from simulation.order_life.ledger_under_test import CYCLE, LedgerUnderTest
from simulation.order_life.model import WORKING, Tally
from simulation.order_life.venue import CancelWay, Way
from trader.model.ids import ClientOrderId, Instant
from trader.model.order_life import OrderStatus
from trader.model.orders import Side
from trader.model.protection import awaits_bracket

EXAMPLES, STEPS = 110, 40
_ORDERS_MAX = 8
#: Most orders are simply answered; the rest goes wrong in every way there is.
_WAYS = (*(Way.ANSWERED,) * len(Way), *Way)
#: A stall may end just before the time from which nothing may leave.
_STALLS = (0, 0, 60, 89)
_LAGS = (
    {},
    {"listing": 5, "fills": 5, "balance": 5, "order": 5},
    {"fills": 90},
    {"listing": 45},
    {"listing": 400, "balance": 400},
    {"pending": 60, "settled": 30},
    {"cancel": 40},
    {"cancel": 40, "listing": 45, "fills": 20},
)
#: What the venue may do to an order by itself, beyond what prices and time do to it.
_WORDS = (*sorted(WORKING), OrderStatus.CANCELLED, OrderStatus.FAILED, OrderStatus.FILLED)
Sale = tuple[str, bool, Way | None]
#: Limit, whether a cover waits for the end of it, and how it goes. Without a way the process dies before it leaves.
_SALES = st.tuples(
    st.sampled_from(("90", "99.95", "120")), st.sampled_from((True, True, False)), st.sampled_from((*_WAYS, None))
)
#: A last fill comes soon or never.
_LAST_FILL_SECONDS = 300


class OrderMachine(RuleBasedStateMachine):
    """Draws what happens next. Numbers stand for orders: which one, modulo how many there are."""

    tally = Tally()

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()
        self.life = self._stack.enter_context(LedgerUnderTest(self.tally))
        self.entries: list[ClientOrderId] = []

    def teardown(self) -> None:
        with self._stack:
            self.life.settle()

    # --- our side

    @initialize(
        ways=st.tuples(st.sampled_from(_WAYS), st.sampled_from(_WAYS), st.sampled_from(_WAYS)),
        attach=st.booleans(),
        lag=st.integers(0, len(_LAGS) - 1),
        volume=st.sampled_from(("1", "4", "1000")),
        sale=_SALES,
    )
    def begin(self, ways: tuple[Way, Way, Way], attach: bool, lag: int, volume: str, sale: Sale) -> None:
        """Hypothesis leaves whole rules out of a life; one without orders and sales would show nothing."""
        self.lag(lag)
        self.entries += [self.life.decide(way=way, attach=attach) for way in ways]
        self.wait(1)
        self.price("99", "1000", returns=False)
        self.price("100", volume, returns=False)
        self.look()
        if self._lots():
            self.sell(0, sale)

    @precondition(lambda self: len(self.entries) < _ORDERS_MAX)
    @rule(
        price=st.sampled_from(("99.90", "99.90", "98", "101")),
        quantity=st.sampled_from(("2", "0.5")),
        attach=st.booleans(),
        life_seconds=st.sampled_from((600, 60)),
        way=st.sampled_from((*_WAYS, None)),
    )
    def decide(self, price: str, quantity: str, attach: bool, life_seconds: int, way: Way | None) -> None:
        order_id = self.life.decide(price=price, quantity=quantity, attach=attach, life_seconds=life_seconds, way=way)
        self.entries.append(order_id)

    @precondition(lambda self: self.life.in_doubt())
    @rule(which=st.integers(0, 7), way=st.sampled_from(_WAYS), stall_seconds=st.sampled_from(_STALLS))
    def resend(self, which: int, way: Way, stall_seconds: int) -> None:
        doubts = self.life.in_doubt()
        self.life.resend(doubts[which % len(doubts)], way, stall_seconds)

    @precondition(lambda self: self.life.working())
    @rule(which=st.integers(0, 7), way=st.sampled_from(tuple(CancelWay)))
    def cancel(self, which: int, way: CancelWay) -> None:
        working = self.life.working()
        self.life.cancel(working[which % len(working)], way)

    @precondition(lambda self: self._lots())
    @rule(which=st.integers(0, 7), sale=_SALES)
    def sell(self, which: int, sale: Sale) -> None:
        lots = self._lots()
        limit, has_cover, way = sale
        self.life.sell(lots[which % len(lots)], limit, way, has_cover=has_cover)

    @rule()
    def look(self) -> None:
        self.life.look()

    @precondition(lambda self: self.life.views)
    @rule(back=st.integers(0, 7))
    def hear_again(self, back: int) -> None:
        self.life.hear_again(back)

    @rule()
    def settle(self) -> None:
        self.life.settle()

    # --- the venue's side

    @rule(
        price=st.sampled_from(("93", "97", "99", "99.89", "100", "102", "113")),
        volume=st.sampled_from(("3", "12", "1000")),
        returns=st.booleans(),
    )
    def price(self, price: str, volume: str, returns: bool) -> None:
        self.life.note(f"price {price} x {volume}, returns={returns}")
        self.life.venue.price(price, volume)
        if returns:
            self.life.venue.price("100", "1")

    @rule(seconds=st.sampled_from((1, 30, 61, 130, 310, 700, 4000)))
    def wait(self, seconds: int) -> None:
        self.life.wait(seconds)

    @rule(which=st.integers(0, len(_LAGS) - 1))
    def lag(self, which: int) -> None:
        self.life.note(f"lag {_LAGS[which]}")
        self.life.venue.lag(**_LAGS[which])

    @rule(is_rejected=st.booleans())
    def answer_duplicates(self, is_rejected: bool) -> None:
        self.life.note(f"duplicates are rejected: {is_rejected}")
        self.life.venue.venue.configure(duplicate_id_is_rejected=is_rejected)

    @rule(slices=st.integers(1, 3))
    def slice_fills(self, slices: int) -> None:
        self.life.note(f"{slices} slices")
        self.life.venue.venue.configure(slices=slices)

    @rule()
    def forget_ids(self) -> None:
        self.life.note("forget ids")
        self.life.venue.forget_ids()

    @rule(which=st.integers(0, 7), word=st.sampled_from(_WORDS))
    def say(self, which: int, word: OrderStatus) -> None:
        venue = self.life.venue
        orders = [order for order in venue.orders().values() if order.is_active and order.core.side is Side.BUY]
        if orders:
            order = orders[which % len(orders)]
            if word is not OrderStatus.FAILED or not order.core.filled:
                self.life.note(f"{order.core.client_order_id} becomes {word}")
                venue.say(order, word)

    @rule(which=st.integers(0, 7))
    def fill_at_last(self, which: int) -> None:
        venue = self.life.venue
        ended = {OrderStatus.CANCELLED, OrderStatus.EXPIRED}
        soon = self.life.clock.now() - _LAST_FILL_SECONDS
        orders = [
            order
            for order in venue.orders().values()
            if order.core.status in ended and order.core.side is Side.BUY and (order.core.final_at or 0) >= soon
        ]
        if orders:
            order = orders[which % len(orders)]
            self.life.note(f"{order.core.client_order_id} is filled at last")
            venue.say(order, OrderStatus.FILLED)

    def _lots(self) -> list[ClientOrderId]:
        """Lots that may be sold: no sale of them is under way, and no bracket may be there that nobody has seen yet."""
        ledger = self.life.ledger
        settled = Instant(self.life.clock.now() - CYCLE.quiet_period_seconds)
        found = []
        for lot_id, lot in sorted(ledger.lots.items()):
            records = ledger.orders_of(lot_id)
            is_busy = any(each.is_in_doubt or (each.intent.is_exit and each.is_active) for each in records)
            if lot.quantity > 0 and not is_busy and not any(awaits_bracket(each, ledger, settled) for each in records):
                found.append(lot_id)
        return found


def explored(examples: int = EXAMPLES, steps: int = STEPS) -> Tally:
    """Let chance play. Raises: AssertionError with everything that was done, as small as Hypothesis can make it."""
    OrderMachine.tally = Tally()
    # Repeatable wherever it is called from, under pytest's profile or without one.
    limits = settings(
        deadline=None,
        derandomize=True,
        database=None,
        max_examples=examples,
        stateful_step_count=steps,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )
    run_state_machine_as_test(OrderMachine, settings=limits)
    return OrderMachine.tally
