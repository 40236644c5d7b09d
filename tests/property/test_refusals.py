"""Whatever a venue refuses or loses, and wherever the process dies: one body an id, no lot sold twice, none left bare.

Whole cycles over one lot that is due or near its stop, and entries that never stop being wished. The account's owner
holds coins of the same asset, so that the venue would take an order for more than the lot.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from accidents.hostile_venue import QUIET, bodies_by_id
from accidents.one_account import DIP, ETH, SOL, USD, Bar, World, a_path, a_world, down, down_after
from factories import Scripted, a_proposal
from trader.cycle import CycleOutcome, CycleReport
from trader.model.ids import Asset, ClientOrderId, Instant
from trader.model.money import ZERO
from trader.model.orders import OrderIntent, Rejected, Side, Submission, Unknown

#: One word of each class, and one that nobody knows.
WORDS = (
    "INVALID_NO_LIQUIDITY",
    "STOP_PRICE_ABOVE_LAST_TRADE_PRICE",
    "TRADING_DISABLED",
    "INSUFFICIENT_FUND",
    "INVALID_SIZE_PRECISION",
    "PERMISSION_DENIED",
    "DUPLICATE_CLIENT_ORDER_ID",
    "RATE_LIMIT_EXCEEDED",
    "A_WORD_OF_TOMORROW",
)
TAKEN, NEVER_SENT, LOST = "taken", "never sent", "lost"
#: Less than any order of these products can be.
INCREMENT = Decimal("0.000001")


class PowerCut(BaseException):
    """The process is gone."""


@dataclass(frozen=True)
class Round:
    """One tick: what each POST and each cancel is answered, which commit the process dies at, and what comes after."""

    answers: tuple[str, ...] = ()
    cancels: tuple[str, ...] = ()
    dies_at: int | None = None
    dies_before: bool = False
    repeats: bool = False
    seconds: int = 300


ROUNDS = st.builds(
    Round,
    answers=st.lists(st.sampled_from((TAKEN, TAKEN, NEVER_SENT, LOST, *WORDS)), max_size=5).map(tuple),
    cancels=st.lists(st.sampled_from(("taken", "taken", "lost", "unheard", "refused")), max_size=2).map(tuple),
    dies_at=st.none() | st.integers(0, 4),
    dies_before=st.booleans(),
    repeats=st.booleans(),
    seconds=st.sampled_from((60, 300, 300, 900)),
)


@dataclass
class Trial:
    """A world, what was sent in it, and what of that nobody knows the end of."""

    world: World
    sent: list[OrderIntent] = field(default_factory=list)
    unanswered: dict[ClientOrderId, OrderIntent] = field(default_factory=dict)

    def play(self, round_: Round) -> None:
        """Run a tick, after a power cut once more, and perhaps again when it is finished."""
        world, at = self.world, self.world.clock.now()
        answers, cancels = list(round_.answers), list(round_.cancels)
        commits: list[int] = []

        def submit(original: Callable[[OrderIntent], Submission], intent: OrderIntent) -> Submission:
            return self.answer(answers.pop(0) if answers else TAKEN, original, intent)

        def cancel(original: Callable[..., Any], ids: Any) -> Any:
            how = cancels.pop(0) if cancels else "taken"
            if how == "lost":
                return down_after(original, ids)
            if how == "unheard":
                return down()
            return dict.fromkeys(ids, False) if how == "refused" else original(ids)

        def commit(original: Callable[..., Any], *args: Any, **named: Any) -> Any:
            commits.append(1)
            if len(commits) - 1 != round_.dies_at:
                return original(*args, **named)
            if not round_.dies_before:
                original(*args, **named)
            raise PowerCut

        world.meddlers |= {"exchange.submit": submit, "exchange.cancel": cancel, "store.commit": commit}
        self.run(at, "one", answers)
        if round_.repeats:
            self.run(at, "two", answers)
        world.clock.set(Instant(max(at + round_.seconds, world.clock.now())))

    def run(self, at: Instant, owner: str, answers: list[str]) -> None:
        """Run the tick until a process lives through it."""
        try:
            report = self.world.cycle(scheduled=at, owner=owner, seconds=50)
        except PowerCut:
            # Its lease has ended when the next one comes.
            self.world.clock.advance(60)
            self.run(at, "another", answers)
        else:
            # A tick that comes again when it is finished is no cycle: it looks at nothing.
            if report.outcome is not CycleOutcome.SKIPPED:
                self.check(report)

    def answer(self, how: str, original: Callable[[OrderIntent], Submission], intent: OrderIntent) -> Submission:
        """Take an order, refuse it, or lose it before or after."""
        self.sent.append(intent)
        if intent.side is Side.SELL:
            assert self.free(intent.base, without=intent.client_order_id) >= intent.quantity
        self.unanswered.pop(intent.client_order_id, None)
        if how == NEVER_SENT or how.startswith("DUPLICATE"):
            self.unanswered[intent.client_order_id] = intent
            return Unknown(how) if how == NEVER_SENT else Rejected(how)
        is_known = any(order.client_order_id == intent.client_order_id for order in self.orders())
        if how in WORDS and not is_known:
            return Rejected(how)
        answer = original(intent)
        return Unknown(how) if how == LOST else answer

    def orders(self) -> list[Any]:
        """Every order that the venue ever had."""
        self.world.venue.balances()
        return [*self.world.stored.active.values(), *self.world.stored.finished.values()]

    def free(self, base: Asset, without: ClientOrderId | None = None) -> Decimal:
        """What was bought of an asset and neither sold, nor is at the venue to be sold, nor was sent without answer."""
        # What is stored before anything is sent says of which the wait is over: nothing of those was ever seen.
        known_of = self.world.ledger.orders
        self.unanswered = {
            key: each for key, each in self.unanswered.items() if key in known_of and known_of[key].is_active
        }
        orders = [order for order in self.orders() if order.base == base and order.client_order_id != without]
        bought = sum((order.filled for order in orders if order.side is Side.BUY), ZERO)
        sold = sum((order.filled for order in orders if order.side is Side.SELL), ZERO)
        known = {order.client_order_id for order in orders}
        doubted = sum(
            (
                each.quantity
                for key, each in self.unanswered.items()
                if each.side is Side.SELL and each.base == base and key not in known and key != without
            ),
            ZERO,
        )
        return bought - sold - self.resting(base, without) - doubted

    def resting(self, base: Asset, without: ClientOrderId | None = None) -> Decimal:
        """What is at the venue to be sold."""
        active = self.world.stored.active.values()
        ours = (each for each in active if each.side is Side.SELL and each.base == base)
        return sum((each.remaining for each in ours if each.client_order_id != without), ZERO)

    def check(self, report: CycleReport) -> None:
        """Hold the end of a cycle against the venue's own book."""
        ledger = self.world.ledger
        assert {1} >= {len(bodies) for bodies in bodies_by_id(self.sent).values()}
        left = {each.client_order_id for each in self.sent}
        for lot in ledger.lots.values():
            assert self.free(lot.base) >= 0
            sales = [each for each in ledger.orders_of(lot.lot_id) if each.intent.side is Side.SELL and each.is_active]
            # An intent that a dead process remembered and never sent sells nothing: its bracket had not gone yet.
            doubted = [each for each in sales if each.is_in_doubt and each.intent.client_order_id in left]
            at_venue = [each for each in sales if not each.is_in_doubt]
            assert sum((each.remaining for each in (*doubted, *at_venue)), ZERO) <= lot.quantity
            on_sale = self.resting(lot.base) + sum((each.intent.quantity for each in doubted), ZERO)
            assert on_sale >= lot.quantity - INCREMENT or lot.lot_id in report.exposed


def a_trial(closes: list[float], hours: int) -> Trial:
    """SOL bought and an hour old; SOL and ETH are wished from then on, whatever was refused before."""
    proposals = (
        a_proposal("SOL-USD", max_hold_hours=hours, take_profit_pct=Decimal(9)),
        a_proposal("ETH-USD", conviction=0.5),
    )
    after = [Bar(close) for close in closes]
    world = a_world(
        strategy=Scripted(lambda _: proposals),
        paths={SOL: a_path(DIP, *[Bar()] * 11, *after, *QUIET[:60]), ETH: a_path(*[DIP, *after] * 3, *QUIET[:60])},
        opening={USD: "10000", Asset("SOL"): "50", Asset("ETH"): "50"},
        risk__product_spacing_minutes=0,
        risk__entries_per_hour_max=100,
    )
    world.cycles(2)
    world.clock.set(Instant(world.clock.now() + 3600 - 300))
    assert world.ledger.lots
    return Trial(world)


@settings(max_examples=300)
@given(
    st.lists(ROUNDS, min_size=1, max_size=7),
    st.lists(st.sampled_from((100.0, 101.0, 96.0, 93.0, 88.0, 110.0)), min_size=4, max_size=8),
    st.sampled_from((1, 1, 99)),
)
@example(rounds=[Round((word, word, word)) for word in WORDS], closes=[100.0] * 4, hours=1)
@example(
    rounds=[Round((NEVER_SENT,) * 3, dies_at=number, repeats=True) for number in range(5)], closes=[93.0] * 4, hours=1
)
@example(rounds=[Round((LOST, word, LOST), ("lost",), 1, repeats=True) for word in WORDS], closes=[88.0] * 4, hours=99)
def test_no_refusal_or_crash_makes_an_id_twice_sells_a_lot_twice_or_leaves_it_bare_in_silence(
    rounds: list[Round], closes: list[float], hours: int
) -> None:
    """32 to 35: any answers, at any POST; repeats and re-runs of any tick; any price."""
    trial = a_trial(closes, hours)

    for round_ in rounds:
        trial.play(round_)
