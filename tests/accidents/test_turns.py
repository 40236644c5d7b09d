"""Accidents 33, 34 and 41: what covers a lot while it is sold, and what a venue's rounding leaves of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from accidents.hostile_venue import (
    MODES,
    holding_due,
    is_covered,
    lot_of,
    refuse,
    resting,
    show,
    time_passes_while_waiting,
)
from accidents.one_account import SOL, Bar, World, down
from desk.recovery.chain import read_chain
from desk.recovery.checkpoints import Beginning
from desk.recovery.diff import find_differences
from desk.recovery.rebuild import read_listed_account, rebuild_ledger
from factories import SCOPE
from factories_venue import START
from trader.cycle import CycleOutcome
from trader.errors import StoreUnavailable
from trader.model.events import EventKind
from trader.model.ids import Asset, Instant, VenueOrderId
from trader.model.money import Notional, Quantity
from trader.model.order_life import OrderStatus
from trader.model.orders import (
    Accepted,
    OrderConfiguration,
    OrderIntent,
    OrderPurpose,
    OrderStatusReport,
    Rejected,
    Side,
    Submission,
)
from trader.model.trading_state import TradingState

EXIT, PROTECTION = OrderPurpose.EXIT, OrderPurpose.PROTECTION
SOLD = Asset("SOL")


def when_due(world: World, why: str) -> World:
    """Let the lot be due by its time, or by the operator's word."""
    if why == "flatten":
        world.kill_switch.word = TradingState.FLATTEN
    return world


def flags_from_the_turn_on(world: World, **flags: Any) -> list[bool]:
    """The venue closes the book when it is asked for the flags of this product a second time in a cycle."""
    asked: list[bool] = []

    def products(original: Callable[..., Any], names: Any = None) -> Any:
        if tuple(names or ()) == (SOL,):
            asked.append(True)
            if len(asked) > 1:
                show(world, **flags)
        return original(names)

    world.meddlers["market.products"] = products
    return asked


# --- 33


@pytest.mark.parametrize("why", ["time", "flatten"])
@pytest.mark.parametrize("mode", sorted(MODES))
def test_no_mode_at_the_decision_leaves_a_lot_without_its_bracket(mode: str, why: str) -> None:
    """33: eighteen cycles without any order at the venue; and when the mode ends it is sold at once."""
    world = when_due(holding_due(), why)
    show(world, **MODES[mode])

    for _ in range(6):
        world.cycle()
        assert is_covered(world)
        world.pass_bars()
    assert 0 == world.sent("cancel")
    show(world, **dict.fromkeys(MODES[mode], False) | ({"status": "online"} if mode == "offline" else {}))
    world.cycle()

    assert {} == world.ledger.lots


@pytest.mark.parametrize("why", ["time", "flatten"])
@pytest.mark.parametrize("mode", sorted(MODES))
def test_no_mode_that_begins_within_the_turn_leaves_a_lot_without_its_bracket(mode: str, why: str) -> None:
    """33: the decision saw an open book; the flags are read again before the bracket may go."""
    world = when_due(holding_due(), why)
    asked = flags_from_the_turn_on(world, **MODES[mode])
    before = world.sent()

    for _ in range(3):
        world.cycle()
        assert is_covered(world)
        world.pass_bars()

    assert len(asked) > 1
    assert (0, before) == (world.sent("cancel"), world.sent())


#: Rows in which a lot of 300 dollars is too small, or too large, for any order.
ODD_SIZES: dict[str, dict[str, Any]] = {
    "quote_size_min": {"quote_size_min": Notional(500)},
    "base_size_min": {"base_size_min": Quantity(10)},
    "base_increment": {"base_increment": Quantity(10)},
    "base_size_max": {"base_size_max": Quantity("0.0000001")},
    "quote_size_max": {"quote_size_max": Notional("0.5")},
}


@pytest.mark.parametrize("when", ["decision", "turn"])
@pytest.mark.parametrize("why", ["time", "flatten"])
@pytest.mark.parametrize("row", sorted(ODD_SIZES))
def test_row_whose_sizes_allow_no_sale_leaves_the_lot_its_bracket(row: str, why: str, when: str) -> None:
    """33: the venue would take neither the sale nor the bracket again; 300 dollars are no dust."""
    world = when_due(holding_due(), why)
    right = {name: getattr(world.market._products[SOL], name) for name in ODD_SIZES[row]}
    if when == "decision":
        show(world, **ODD_SIZES[row])
    else:
        flags_from_the_turn_on(world, **ODD_SIZES[row])

    for _ in range(3):
        world.cycle()
        assert is_covered(world)
        world.pass_bars()
    assert 0 == world.sent("cancel")
    world.meddlers.clear()
    show(world, **right)
    world.cycle()

    assert {} == world.ledger.lots


@pytest.mark.parametrize("mode", sorted(MODES))
def test_mode_that_begins_between_cancel_and_sale_covers_the_lot_or_rings(mode: str) -> None:
    """33: nobody could know; a book that takes stops gets the bracket back, any other is told of and watched."""
    world = holding_due()

    def close_then_cancel(original: Callable[..., Any], ids: Any) -> Any:
        taken = original(ids)
        show(world, **MODES[mode])
        return taken

    world.meddlers["exchange.cancel"] = close_then_cancel
    for _ in range(3):
        report = world.cycle()
        assert is_covered(world) or [lot_of(world).lot_id] == list(report.exposed)
        assert is_covered(world) or CycleOutcome.ABORTED is report.outcome
        world.pass_bars()
    assert is_covered(world) is (mode == "post_only")
    del world.meddlers["exchange.cancel"]
    show(world, **dict.fromkeys(MODES[mode], False) | ({"status": "online"} if mode == "offline" else {}))
    world.pass_bars(3)
    world.cycle()

    assert {} == world.ledger.lots


@pytest.mark.parametrize(
    "reason",
    [
        "PERMISSION_DENIED",
        "INVALID_SIZE_PRECISION",
        "INSUFFICIENT_FUND",
        "TRADING_DISABLED",
        "INVALID_NO_LIQUIDITY",
        "TOO_MANY_OPEN_ORDERS",
        "A_WORD_OF_TOMORROW",
        "",
    ],
)
@pytest.mark.parametrize("why", ["time", "flatten"])
def test_refused_sale_puts_the_bracket_back_in_the_same_cycle(reason: str, why: str) -> None:
    """33: whatever the reason."""
    world = when_due(holding_due(), why)
    refuse(world, reason, EXIT)

    for _ in range(4):
        world.cycle()
        assert is_covered(world)
        world.pass_bars()


@pytest.mark.parametrize("volume", [1.0, 10.0, 29.0])
def test_rest_of_a_partly_filled_sale_is_covered_in_the_same_cycle(volume: float) -> None:
    """33: the book was thin; what is left has its bracket, no more and no less."""
    world = holding_due()
    depth = world.market.depth
    world.market.depth = lambda names, band: {  # type: ignore[method-assign]
        name: replace(each, bid_notional=type(each.bid_notional)(Decimal(volume) * 10))  # type: ignore[union-attr]
        for name, each in depth(names, band).items()
    }

    report = world.cycle()

    assert 0 < lot_of(world).quantity < 3
    assert (lot_of(world).quantity, {}) == (resting(world), report.exposed)


class TakenThenFailed:
    """A venue that takes orders, sells a part of some, and fails them when they are read back."""

    def __init__(self, world: World, *purposes: OrderPurpose, status: OrderStatus = OrderStatus.FAILED) -> None:
        self.sent: list[OrderIntent] = []
        self._purposes, self._status = purposes, status
        world.meddlers["exchange.submit"] = self.submit
        world.meddlers["exchange.order"] = lambda original, name: self.seen.get(name) or original(name)
        world.meddlers["exchange.orders"] = lambda original, since: [*original(since), *self.seen.values()]
        self.seen: dict[VenueOrderId, OrderStatusReport] = {}

    def submit(self, original: Callable[[OrderIntent], Submission], intent: OrderIntent) -> Submission:
        """Take it under a name of its own."""
        if intent.purpose not in self._purposes:
            return original(intent)
        self.sent.append(intent)
        name = VenueOrderId(f"taken-{intent.client_order_id}")
        self.seen[name] = OrderStatusReport(
            name, intent.client_order_id, intent.product_id, intent.side, self._status, Quantity(0), intent.decided_at
        )
        return Accepted(name)


@pytest.mark.parametrize("why", ["time", "flatten"])
def test_sale_that_was_taken_and_failed_puts_the_bracket_back_in_the_same_cycle_and_rings(why: str) -> None:
    """33: accepted is not sold."""
    world = when_due(holding_due(), why)
    TakenThenFailed(world, EXIT)

    report = world.cycle()

    assert (True, CycleOutcome.ABORTED) == (is_covered(world), report.outcome)


@pytest.mark.parametrize("purposes", [(EXIT,), (PROTECTION,), (EXIT, PROTECTION)], ids=str)
def test_orders_that_fail_after_they_were_taken_are_sent_ever_more_seldom(purposes: tuple[OrderPurpose, ...]) -> None:
    """33, 32: the venue takes the next one as well; that ends no wait."""
    world = holding_due()
    if EXIT not in purposes:
        world = holding_due(hours=99)
        world.venue.cancel([order.venue_order_id for order in world.stored.active.values()])
    failing = TakenThenFailed(world, *purposes)

    world.cycles(40)

    assert 5 <= len(failing.sent) <= len(purposes) * (5 + 40 // 3)


def test_bracket_that_fails_after_it_was_taken_is_told_of() -> None:
    """33: the lot is named in every cycle in which nothing covers it."""
    world = holding_due()
    TakenThenFailed(world, EXIT, PROTECTION)

    for _ in range(5):
        report = world.cycle()
        assert [lot_of(world).lot_id] == list(report.exposed)
        world.pass_bars()


@pytest.mark.parametrize("bars", [1, 2, 12])
def test_bracket_that_fails_after_a_rest_is_placed_again_by_the_cycle_that_sees_it(bars: int) -> None:
    """33: the wait is for what fails at once, time and again; a lot is not left bare for a period by it."""
    world = holding_due(hours=99)
    (bracket,) = world.stored.active.values()
    world.pass_bars(bars)
    world.venue.cancel([bracket.venue_order_id])
    world.meddlers["exchange.orders"] = lambda original, since: [
        replace(each, status=OrderStatus.FAILED) if each.venue_order_id == bracket.venue_order_id else each
        for each in original(since)
    ]

    report = world.cycle()

    assert (True, {}, CycleOutcome.COMPLETED) == (is_covered(world), report.exposed, report.outcome)


@pytest.mark.parametrize("status", [OrderStatus.PENDING, OrderStatus.OPEN, OrderStatus.UNKNOWN_ORDER_STATUS])
def test_immediate_sale_that_the_venue_never_ends_is_told_of(status: OrderStatus) -> None:
    """33: it stands for a sale, over a lot without any order."""
    world = holding_due()
    TakenThenFailed(world, EXIT, status=status)

    reports = world.cycles(5)

    assert [[lot_of(world).lot_id]] * 4 == [list(report.exposed) for report in reports[1:]]
    assert {CycleOutcome.ABORTED} == {report.outcome for report in reports[1:]}


def test_sale_that_was_taken_and_never_shows_is_told_of() -> None:
    """33: neither listed nor found by its id."""
    world = holding_due()
    world.meddlers["exchange.submit"] = lambda _, intent: Accepted(VenueOrderId(f"ghost-{intent.client_order_id}"))

    reports = world.cycles(5)

    assert {CycleOutcome.ABORTED} == {report.outcome for report in reports[1:]}
    assert all(report.exposed for report in reports[1:])


def test_bracket_whose_cancel_is_never_taken_stays_and_the_sale_rings() -> None:
    """33: nothing is sold beside it."""
    world = holding_due()
    world.meddlers["exchange.cancel"] = lambda _, ids: dict.fromkeys(ids, False)
    before = world.sent()

    for _ in range(4):
        report = world.cycle()
        assert (CycleOutcome.ABORTED, True, before) == (report.outcome, is_covered(world), world.sent())
        world.pass_bars()


# --- 34


def holding_coins(world: World, seconds: float) -> list[OrderIntent]:
    """After a cancel the venue holds the coins for so long: balances and orders say so."""
    time_passes_while_waiting(world)
    until: list[float] = []
    refused: list[OrderIntent] = []

    def cancel(original: Callable[..., Any], ids: Any) -> Any:
        until.append(world.clock.now() + seconds)
        return original(ids)

    def is_held() -> bool:
        return bool(until) and world.clock.now() < until[-1]

    def balances(original: Callable[..., Any]) -> Any:
        found = dict(original())
        if is_held() and SOLD in found:
            all_of_it = found[SOLD].available + found[SOLD].hold
            found[SOLD] = replace(found[SOLD], available=Decimal(0), hold=all_of_it)
        return found

    def submit(original: Callable[..., Any], intent: OrderIntent) -> Submission:
        if intent.side is Side.SELL and is_held():
            refused.append(intent)
            return Rejected("INSUFFICIENT_FUND")
        return original(intent)

    world.meddlers |= {"exchange.cancel": cancel, "exchange.balances": balances, "exchange.submit": submit}
    return refused


@pytest.mark.parametrize("seconds", [1, 5, 8])
@pytest.mark.parametrize("why", ["time", "flatten"])
def test_coins_that_our_own_cancelled_order_holds_are_waited_for_and_sold_in_the_same_cycle(
    seconds: int, why: str
) -> None:
    """34: one refusal, and the lot was bare for a whole period."""
    world = when_due(holding_due(), why)
    refused = holding_coins(world, seconds)

    report = world.cycle()

    assert ({}, Decimal(0)) == (world.ledger.lots, world.total("SOL"))
    assert (1, {}) == (len(refused), report.exposed)


@pytest.mark.parametrize("seconds", [14, 20, 100, 10**9])
def test_coins_that_are_not_released_in_time_are_protected_again_or_told_of(seconds: int) -> None:
    """34: waited for no longer than the run allows."""
    world = holding_due()
    holding_coins(world, seconds)

    for _ in range(4):
        report = world.cycle()
        is_told = report.outcome is CycleOutcome.ABORTED and [*report.exposed] == [*world.ledger.lots]
        assert is_covered(world) or is_told
        assert not world.ledger.lots or CycleOutcome.ABORTED is report.outcome
        world.pass_bars()

    # Where the cover waits long enough to be taken, the next turn begins anew; uncovered, the coins are free by then.
    assert bool(world.ledger.lots) is (seconds != 100)


# --- 41

#: Half a base increment of these products, and what is more.
HALF, MORE = Decimal("0.0000005"), Decimal("0.0000006")


def reports_more(world: World, which: str, excess: Decimal) -> None:
    """The venue says that orders of a kind were filled by so much more than their fills."""

    def kind_of(report: OrderStatusReport) -> str:
        if report.side is Side.BUY:
            return "entry"
        order = world.stored.order(report.venue_order_id)
        return "exit" if order is not None and order.configuration is OrderConfiguration.LIMIT_IOC else "bracket"

    def more(report: OrderStatusReport) -> OrderStatusReport:
        if kind_of(report) != which or not report.filled_quantity:
            return report
        return replace(report, filled_quantity=Quantity(report.filled_quantity + excess))

    world.meddlers["exchange.order"] = lambda original, name: more(original(name))
    for listing in ("exchange.orders", "exchange.known_orders"):
        world.meddlers[listing] = lambda original, asked: [more(each) for each in original(asked)]


def holding_of(which: str) -> World:
    """A lot that its bracket will sell, or an exit; an entry is looked at while it is young."""
    if which == "bracket":
        return holding_due([Bar(90)] * 12, hours=99)
    return holding_due(minutes_old=10 if which == "entry" else 60)


def sold_by(which: str, excess: Decimal) -> tuple[World, list[Any]]:
    """A lot that a bracket or an exit sells, and what is noted in two hours."""
    world = holding_of(which)
    reports_more(world, which, excess)
    return world, [note for report in world.cycles(26) for note in report.notes]


@pytest.mark.parametrize("which", ["entry", "exit", "bracket"])
@pytest.mark.parametrize("excess", [Decimal("1e-9"), Decimal("1e-7"), HALF])
def test_order_that_reports_a_hair_more_than_its_fills_ends_with_one_note(which: str, excess: Decimal) -> None:
    """41: alive for ever, over a lot of nothing."""
    world, notes = sold_by(which, excess)

    assert ({}, {}, {}) == (world.ledger.lots, world.ledger.orders, world.ledger.reduce_only)
    assert 1 == [note.kind for note in notes].count(EventKind.ORDER_ROUNDED)
    assert 1 == [note.kind for note in notes].count(EventKind.LOT_CLOSED)


@pytest.mark.parametrize("which", ["entry", "exit", "bracket"])
@pytest.mark.parametrize("excess", [MORE, Decimal("0.000001"), Decimal("0.5")])
def test_order_that_reports_more_than_that_is_told_of_and_leaves_no_lot_of_nothing(which: str, excess: Decimal) -> None:
    """41: the fills may still come, so it is not forgotten; its asset takes no entries until a person looked."""
    world, notes = sold_by(which, excess)

    assert 0 == [note.kind for note in notes].count(EventKind.ORDER_ROUNDED)
    assert 1 == [note.kind for note in notes].count(EventKind.MISMATCH_FOUND)
    assert ([SOLD], {}) == (list(world.ledger.reduce_only), world.ledger.lots)


@pytest.mark.parametrize("which", ["entry", "exit", "bracket"])
def test_hair_is_not_tolerated_before_the_quiet_period_is_over(which: str) -> None:
    """41: the fill may be listed a moment later."""
    world = holding_of(which)
    world.pass_bars(2)
    reports_more(world, which, HALF)

    noted = []
    for _ in range(4):
        noted.append(EventKind.ORDER_ROUNDED in [note.kind for note in world.cycle().notes])
        world.clock.advance(25)

    # The entry of this world was over long before.
    assert ([True, False, False, False] if which == "entry" else [False, False, False, True]) == noted


# --- the record of a turn


@pytest.mark.parametrize("what", ["nothing filled", "taken, then failed", "PERMISSION_DENIED", "A_WORD_OF_TOMORROW"])
def test_books_are_made_anew_from_the_record_of_a_turn_that_let_its_cover_go(what: str) -> None:
    """The sale sold nothing, and what waited for its end left: a rebuild had taken it for withheld, and fell over."""
    world = holding_due()
    if what == "nothing filled":
        depth = world.market.depth
        world.market.depth = lambda names, band: {  # type: ignore[method-assign]
            name: replace(each, bid_notional=Notional(0))  # type: ignore[arg-type]
            for name, each in depth(names, band).items()
        }
    elif what == "taken, then failed":
        TakenThenFailed(world, EXIT)
    else:
        refuse(world, what, EXIT, times=1)
    for _ in range(2):
        world.cycle()
        assert is_covered(world)

        chain = read_chain(world.audit.texts)
        account = read_listed_account(world.venue, chain, Instant(START - 86_400), world.clock.now())
        made = rebuild_ledger(world.pipeline.settings, SCOPE, Beginning(chain), account)

        assert ((), ()) == (chain.problems, find_differences(world.ledger, made.ledger))
        world.pass_bars()


@pytest.mark.parametrize("state", [TradingState.FLATTEN, TradingState.RUN, TradingState.REDUCE_ONLY])
def test_lot_that_lies_open_is_covered_though_nobody_knows_its_price(state: TradingState) -> None:
    """33: without a quote nothing is sold; a bracket needs none, for the venue refuses a stop the price is through."""
    world = holding_due()
    world.venue.cancel([order.venue_order_id for order in world.stored.active.values()])
    world.meddlers["market.quotes"] = down
    world.kill_switch.word = state

    report = world.cycle()

    assert is_covered(world)
    assert {} == report.exposed


def test_run_that_dies_of_its_store_in_a_turn_names_what_it_had_left_undone() -> None:
    """The store fails when the next order is announced: what was due and did not leave is told of all the same."""
    world = holding_due()

    def refuse_then_lose_the_store(original: Callable[..., Any], intent: OrderIntent) -> Any:
        world.meddlers["store.commit"] = lose
        return Rejected("a word nobody knows")

    def lose(*_: Any, **__: Any) -> Any:
        raise StoreUnavailable("throttled")

    world.meddlers["exchange.submit"] = refuse_then_lose_the_store
    report = world.cycle()

    assert CycleOutcome.ABORTED is report.outcome
    assert report.withheld_exits or report.exposed
