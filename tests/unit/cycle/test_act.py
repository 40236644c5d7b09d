"""Doing what was committed: what a submission makes of an order, what is withheld, in which order things are sent."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from accidents.one_account import (
    DIP,
    ETH,
    SOL,
    USDC,
    Bar,
    World,
    a_path,
    a_world,
    answering,
    down,
    down_after,
    listed,
    with_settings,
)
from desk.in_memory import ManualClock
from factories import (
    NOW,
    PREFIX,
    SCOPE,
    Scripted,
    a_bracket_intent,
    a_convert_intent,
    a_ledger,
    a_parent,
    a_proposal,
    an_exit_intent,
    an_intent,
    an_order_record,
    scripted,
)
from factories_venue import START
from trader.cycle import CycleOutcome, run_cycle
from trader.errors import VenueError, VenueProtocol, VenueThrottled, VenueUnavailable
from trader.model.conversions import ConversionRecord, ConversionStatus
from trader.model.cycle_state import EntryPacing
from trader.model.decisions import Plan
from trader.model.events import EventKind
from trader.model.ids import Asset, Instant, ProductId, VenueOrderId, cycle_id_at
from trader.model.inputs import Tick
from trader.model.money import Notional, Price
from trader.model.order_life import OrderStatus
from trader.model.orders import Accepted, Liquidity, OrderIntent, OrderPurpose, Rejected, Submission, Unknown
from trader.model.trading_state import TradingState
from trader.sim.account import SimAccount
from trader.sim.orders import Execution
from trader.stages.submission import apply_submission, remember_plan

QUIET = [Bar()] * 24
#: The end of the run that sends.
UNTIL = Instant(NOW + 210)


# --- what a submission says


def test_accepted_order_is_pending_under_the_venues_ids() -> None:
    """Its attached bracket is known from the first answer."""
    record = apply_submission(an_order_record(status=OrderStatus.INTENDED), Accepted(V, VenueOrderId("child")), NOW)

    assert (OrderStatus.PENDING, V, "child") == (record.status, record.venue_order_id, record.attached_order_id)


def test_rejected_order_is_over_with_its_reason() -> None:
    """Nothing of it exists."""
    record = apply_submission(an_order_record(status=OrderStatus.INTENDED), Rejected("INSUFFICIENT_FUND"), NOW)

    assert (OrderStatus.REJECTED, NOW, "INSUFFICIENT_FUND") == (record.status, record.final_at, record.note)


def test_order_without_an_answer_is_in_doubt_since_it_was_sent() -> None:
    """Unknown is doubt, not failure."""
    record = apply_submission(an_order_record(status=OrderStatus.INTENDED), Unknown("timeout"), NOW)

    assert (OrderStatus.IN_DOUBT, NOW, None, True) == (record.status, record.sent_at, record.final_at, record.is_active)


V = VenueOrderId("venue-1")


# --- what a plan makes of the ledger


def test_planned_orders_and_conversions_exist_before_they_are_sent() -> None:
    """Intended, with nothing known of them."""
    ledger = remember_plan(a_ledger(), Plan((an_intent(),), conversions=(a_convert_intent(),)), (), NOW, UNTIL)

    assert [OrderStatus.INTENDED] == [record.status for record in ledger.orders.values()]
    assert {"convert-1": ConversionRecord(a_convert_intent(), ConversionStatus.INTENDED)} == ledger.conversions


def test_entries_and_exits_count_as_trades_protection_does_not() -> None:
    """Only the entry sets the pace."""
    plan = Plan((an_intent(), an_exit_intent(), a_bracket_intent()))

    pacing = remember_plan(
        a_ledger(entry_pacing=EntryPacing("2026-11-22", 5, (Instant(NOW - 100),))), plan, (), NOW, UNTIL
    ).entry_pacing

    assert EntryPacing("2026-11-22", 7, (Instant(NOW - 100), NOW), {Asset("ETH"): NOW}) == pacing


def test_second_child_of_a_parent_is_no_new_entry() -> None:
    """It was entered for the pace when the first left: all of them are one entry, and one trade."""
    intent = an_intent()
    paced_at = Instant(NOW - 300)
    before = EntryPacing("2026-11-22", 1, (paced_at,), {intent.base: paced_at})
    parent = a_parent(parent_id=intent.lot_id, paced_at=paced_at)
    ledger = a_ledger(entry_pacing=before, parents={intent.lot_id: parent})

    assert before == remember_plan(ledger, Plan((intent,)), (), NOW, UNTIL).entry_pacing


def test_second_child_is_an_entry_if_the_first_gave_its_place_back() -> None:
    """Else an entry that the market refused first would count for no pace at all."""
    intent = an_intent(attempt=1)
    ledger = a_ledger(parents={intent.lot_id: a_parent(parent_id=intent.lot_id, tries=1)})

    after = remember_plan(ledger, Plan((intent,)), (), NOW, UNTIL)

    assert EntryPacing("2026-11-22", 1, (NOW,), {intent.base: NOW}) == after.entry_pacing
    assert NOW == after.parents[intent.lot_id].paced_at


def test_new_day_counts_its_trades_from_nothing() -> None:
    """And entries of the day before yesterday are forgotten."""
    before = EntryPacing("2026-11-21", 99, (Instant(NOW - 86_400), Instant(NOW - 86_399)))

    pacing = remember_plan(a_ledger(entry_pacing=before), Plan(), (), NOW, UNTIL).entry_pacing

    assert EntryPacing("2026-11-22", 0, (Instant(NOW - 86_399),)) == pacing


# --- what is withheld


def statuses(world: World) -> list[OrderStatus]:
    return [record.status for record in world.ledger.orders.values()]


def ended(world: World) -> list[OrderStatus]:
    """What is stored beside the ledger of orders that left it."""
    return [record.status for record in world.store.finished(SCOPE)]


def after_first_submit(change: Callable[[World], None]) -> Callable[[World], Any]:
    """A meddler that lets one order leave and then changes the world."""

    def make(world: World) -> Any:
        def submit(original: Callable[[OrderIntent], Submission], intent: OrderIntent) -> Submission:
            answer = original(intent)
            change(world)
            return answer

        return submit

    return make


def a_world_with_two_entries() -> World:
    return a_world(strategy=scripted(a_proposal("SOL-USD"), a_proposal("ETH-USD", conviction=0.1)))


@pytest.mark.parametrize("word", [TradingState.REDUCE_ONLY, TradingState.HALT, TradingState.FLATTEN, None, "nonsense"])
def test_switch_is_read_again_before_every_order(word: str | None) -> None:
    """Flipped, gone or garbled after the first order, the second does not leave; it never left, so it is over."""
    world = a_world_with_two_entries()
    world.meddlers["exchange.submit"] = after_first_submit(lambda w: setattr(w.kill_switch, "word", word))(world)

    report = world.cycle()

    assert 1 == world.sent()
    assert ([OrderStatus.OPEN], [OrderStatus.WITHHELD]) == (statuses(world), ended(world))
    assert "OrderWithheld" in [kind for kind, _, _ in report.notes]


def test_no_order_leaves_without_time_to_settle() -> None:
    """An order takes two answers, and the books eight seconds; what did not leave is over."""
    world = a_world_with_two_entries()

    world.cycle(seconds=9)

    assert (0, [], [OrderStatus.WITHHELD] * 2) == (world.sent(), statuses(world), ended(world))


def test_no_order_leaves_late_in_the_lease() -> None:
    """Somebody else might be at work by then."""
    world = a_world_with_two_entries()
    world.meddlers["exchange.submit"] = after_first_submit(lambda w: w.clock.advance(205))(world)

    world.cycle()

    assert 1 == world.sent()


def test_remembered_intent_that_is_withheld_stays_in_doubt() -> None:
    """It may have left in an earlier invocation: HALT does not prove that it did not."""
    world = a_world(strategy=scripted(a_proposal("SOL-USD")))
    world.meddlers["exchange.submit"] = answering(Unknown("timeout"))
    world.cycle()

    world.kill_switch.word = TradingState.HALT
    world.clock.advance(60)
    world.cycle()

    assert (1, [OrderStatus.IN_DOUBT]) == (world.sent(), statuses(world))


def test_remembered_intent_is_committed_as_sent_before_it_is_sent_again() -> None:
    """Who stalls around the second sending leaves no doubt about when it was: the wait for it counts from there."""
    world = a_world(strategy=scripted(a_proposal("SOL-USD")))
    world.meddlers["exchange.submit"] = answering(Unknown("timeout"))
    world.cycle()
    stored: list[Instant | None] = []

    def stalled(*_: Any) -> Submission:
        stored.extend(record.sent_at for record in world.ledger.orders.values())
        return Unknown("timeout")

    world.meddlers["exchange.submit"] = stalled
    world.clock.advance(60)
    world.cycle()

    assert [Instant(START + 60)] == stored


def a_world_to_exit(*, shows_bracket: bool = True, **world: Any) -> World:
    """SOL held with its bracket at the venue, which may not have shown it yet; its time is up."""
    asked: list[int] = []

    def answer(_: Any) -> Any:
        asked.append(1)
        return (a_proposal("SOL-USD", max_hold_hours=1),) if len(asked) == 1 else ()

    made = a_world(strategy=Scripted(answer), paths={SOL: a_path(DIP, *QUIET)}, **world)
    made.cycles(1)
    if not shows_bracket:
        for listing in ("exchange.orders", "exchange.known_orders"):
            made.meddlers[listing] = lambda original, asked: [
                each for each in original(asked) if each.originating_order_id is None
            ]
    made.cycle()
    made.clock.advance(3600)
    return made


def test_exit_leaves_once_its_bracket_is_over() -> None:
    """Cancel, read back, then sell: in one cycle."""
    world = a_world_to_exit()
    world.calls.clear()

    world.cycle()

    doings = [call for call in world.calls if call in ("exchange.cancel", "exchange.order", "exchange.submit")]
    last = doings.index("exchange.submit")
    assert ["exchange.cancel", "exchange.order"] == doings[last - 2 : last]
    assert {} == world.ledger.lots


@pytest.mark.parametrize("cancel", [down, answering({})], ids=["no answer", "not taken"])
def test_exit_is_withheld_while_its_bracket_lives(cancel: Any) -> None:
    """Both could fill: then more would be sold than is held. The next cycle tries again."""
    world = a_world_to_exit()
    sent = world.sent()

    world.meddlers["exchange.cancel"] = cancel
    world.cycle()
    withheld = world.sent()
    del world.meddlers["exchange.cancel"]
    world.pass_bars()
    world.cycle()

    assert (sent, sent + 1) == (withheld, world.sent())
    assert {} == world.ledger.lots


@pytest.mark.parametrize("taken", [True, False, None])
def test_cancel_is_written_down_with_what_the_venue_said(taken: bool | None) -> None:
    """One that it does not mention was not taken."""
    world = a_world_to_exit()
    (bracket,) = world.stored.active
    world.meddlers["exchange.cancel"] = answering({} if taken is None else {bracket: taken})

    report = world.cycle()

    said = [note.body["taken"] for note in report.notes if note.kind is EventKind.CANCEL_REQUESTED]
    assert [taken is True] == said


@pytest.mark.parametrize(("looks", "sold"), [(4, True), (5, False)])
def test_cancel_that_takes_a_moment_is_waited_for(looks: int, sold: bool) -> None:
    """Four looks at the order, and no more: what is not over by then is exited by the next cycle."""
    world = a_world_to_exit()
    seen: list[int] = []

    def at_last(original: Any, order_id: VenueOrderId) -> Any:
        seen.append(1)
        if len(seen) == looks:
            world.venue.cancel(list(world.stored.active))
        return original(order_id)

    world.meddlers["exchange.cancel"] = lambda _, ids: dict.fromkeys(ids, True)
    world.meddlers["exchange.order"] = at_last
    world.cycle()

    assert sold is (not world.ledger.lots)


@pytest.mark.parametrize(("looks", "waits"), [(1, 0), (2, 1), (3, 2), (5, 3)])
def test_order_is_looked_at_every_half_second_after_a_cancel(
    looks: int, waits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look at once, three more at a distance, and no wait after the last: the venue needs time, not questions."""
    world = a_world_to_exit()
    seen, waited = list[int](), list[tuple[int, float]]()

    def at_last(original: Any, order_id: VenueOrderId) -> Any:
        seen.append(1)
        if len(seen) == looks:
            world.venue.cancel(list(world.stored.active))
        return original(order_id)

    world.meddlers["exchange.cancel"] = lambda _, ids: dict.fromkeys(ids, True)
    world.meddlers["exchange.order"] = at_last
    monkeypatch.setattr(ManualClock, "wait", lambda _, seconds: waited.append((len(seen), seconds)))
    world.cycle()

    assert [(look, 0.5) for look in range(1, waits + 1)] == waited


def test_cancel_whose_answer_was_lost_is_found_out() -> None:
    """It was heard all the same: what is read back counts, and the exit leaves."""
    world = a_world_to_exit()
    world.meddlers["exchange.cancel"] = down_after

    world.cycle()

    assert {} == world.ledger.lots


def test_exit_is_withheld_if_the_bracket_filled_meanwhile() -> None:
    """The coins are gone; selling them again would sell the owner's."""
    world = a_world_to_exit()
    sent = world.sent()

    def too_late(original: Any, ids: Any) -> Any:
        (child,) = world.stored.active
        world.book.save(_filled(world, child), replaces=world.book.load())
        return original(ids)

    world.meddlers["exchange.cancel"] = too_late
    world.cycle()

    assert (sent, {}, []) == (world.sent(), world.ledger.lots, list(world.stored.active))


def switched_by(world: World, word: str | None) -> Callable[..., Any]:
    """A meddler that turns the switch, then lets the call be made."""

    def call(original: Callable[..., Any], *args: Any, **named: Any) -> Any:
        world.kill_switch.word = word
        return original(*args, **named)

    return call


@pytest.mark.parametrize("word", [TradingState.HALT, None, "nonsense"])
def test_bracket_stays_where_the_switch_forbids_the_sale(word: str | None) -> None:
    """Turned after the decision: a lot that must not be sold must not be laid bare either."""
    world = a_world_to_exit()
    sent, brackets = world.sent(), set(world.stored.active)
    world.meddlers["store.commit"] = switched_by(world, word)

    world.cycles(3)

    assert (0, sent, brackets) == (world.sent("cancel"), world.sent(), set(world.stored.active))
    assert 1 == len(brackets)


def test_sale_is_one_turn_with_the_end_of_its_bracket() -> None:
    """HALT that comes in between is met after the sale; before it, the lot would be bare for as long as HALT lasts."""
    world = a_world_to_exit()
    sent = world.sent()
    world.meddlers["exchange.cancel"] = switched_by(world, TradingState.HALT)

    world.cycle()

    assert (1, sent + 1, {}) == (world.sent("cancel"), world.sent(), world.ledger.lots)


def a_world_with_two_lots_to_sell(**world: Any) -> World:
    """ETH and SOL held, both by their brackets, the time of both up; ETH is sold first."""
    proposals = iter([(a_proposal("SOL-USD", max_hold_hours=1), a_proposal("ETH-USD", max_hold_hours=1))])
    strategy = Scripted(lambda _: next(proposals, ()))
    made = a_world(strategy=strategy, paths={SOL: a_path(DIP, *QUIET), ETH: a_path(DIP, *QUIET)}, **world)
    made.cycles(1)
    return made


def test_halt_between_two_sales_stops_the_second_and_leaves_its_bracket() -> None:
    """Each sale asks for itself; what is told HALT keeps what protects it."""
    world = a_world_with_two_lots_to_sell()
    world.cycle()
    world.clock.advance(3600)
    world.meddlers["exchange.submit"] = after_first_submit(lambda w: setattr(w.kill_switch, "word", TradingState.HALT))(
        world
    )

    world.cycles(3)

    (lot,) = world.ledger.lots.values()
    (bracket,) = world.stored.active.values()
    assert (lot.quantity, lot.base) == (bracket.remaining, bracket.base)


def test_bracket_is_not_cancelled_without_time_for_the_sale() -> None:
    """A turn takes six answers, and the books eight seconds. It rings, and the next cycle has all of its time."""
    world = a_world_to_exit()
    brackets = set(world.stored.active)

    report = world.cycle(seconds=13)
    late = set(world.stored.active)
    world.pass_bars()
    world.cycle(seconds=14)

    assert (brackets, {}) == (late, world.ledger.lots)
    assert (CycleOutcome.ABORTED, 1) == (report.outcome, len(report.withheld_exits))


def test_time_of_a_turn_is_counted_by_the_slowest_answer_of_the_run() -> None:
    """Six answers of seven seconds: with 42 left before the books are closed it begins, with 41 it does not."""
    outcomes = []
    for seconds in (50, 49):
        world = a_world_to_exit()
        ports = world.ports()
        budget = ports.budget
        world.meddlers["exchange.balances"] = lambda original, budget=budget: (budget.observe(7.0), original())[1]
        tick = Tick(cycle_id_at(world.clock.now()), world.clock.now(), Instant(world.clock.now() + seconds))
        outcomes.append((run_cycle(tick, world.pipeline, ports).outcome, len(world.ledger.lots)))

    assert [(CycleOutcome.COMPLETED, 0), (CycleOutcome.ABORTED, 1)] == outcomes


def test_bracket_is_not_cancelled_after_an_answer_of_the_switch_that_took_too_long() -> None:
    """The time for the sale is looked at once more, after the switch."""
    world = a_world_to_exit()
    brackets = set(world.stored.active)

    def slow(original: Callable[..., Any]) -> Any:
        world.clock.advance(8)
        return original()

    world.meddlers["kill_switch.read"] = slow
    world.cycle(seconds=26)

    assert (0, brackets) == (world.sent("cancel"), set(world.stored.active))


def test_bracket_that_comes_to_light_while_acting_goes_before_the_sale() -> None:
    """12: the sale was decided without it; sent beside it, it leaves a bracket that sells coins of the owner."""
    world = a_world_with_two_lots_to_sell(opening={Asset("USD"): "10000", Asset("SOL"): "40"})

    def listing(original: Callable[..., Any], since: Instant) -> Any:
        is_late = not world.sent("cancel")
        return [
            each
            for each in original(since)
            if not (is_late and each.originating_order_id is not None and each.product_id == SOL)
        ]

    world.meddlers["exchange.orders"] = listing
    world.cycle()
    world.clock.advance(3600)
    world.cycle()

    assert ({}, []) == (world.ledger.lots, list(world.stored.active))
    assert (2, Decimal(40)) == (world.sent("cancel"), world.total("SOL"))


def test_remembered_sale_is_not_sent_beside_a_bracket_that_was_shown_meanwhile() -> None:
    """12: the process died after the commit; the next one sees the bracket before it sends anything."""
    world = a_world_to_exit(opening={Asset("USD"): "10000", Asset("SOL"): "40"}, shows_bracket=False)
    world.meddlers["exchange.submit"] = answering(Unknown("timeout"))
    world.meddlers["exchange.order"] = down
    world.cycle()
    undecided = len(world.stored.active)
    world.meddlers.clear()
    world.clock.advance(60)
    world.cycle()

    assert (1, [], {}) == (undecided, list(world.stored.active), world.ledger.lots)
    assert Decimal(40) == world.total("SOL")


def test_looking_whether_a_cancel_is_over_ends_when_time_does() -> None:
    """The venue is slow, and the cancel is not taken: two looks, and no more."""
    world = a_world_to_exit()
    world.meddlers["exchange.cancel"] = answering({})
    world.meddlers["exchange.order"] = lambda original, each: (world.clock.advance(15), original(each))[1]
    world.calls.clear()

    world.cycle(seconds=39)

    assert 2 == world.calls.count("exchange.order")


def test_bracket_of_a_lot_too_small_to_sell_stays_under_halt() -> None:
    """It was to go so that the lot can be written off; that can wait."""
    world = a_world_to_exit()
    brackets = set(world.stored.active)
    coarse = [listed("SOL-USD", quote_size_min=Notional(1_000_000)), listed("BTC-USD")]
    world.meddlers["market.products"] = answering({product.product_id: product for product in coarse})
    world.meddlers["store.commit"] = switched_by(world, TradingState.HALT)

    world.cycles(2)

    assert (0, brackets) == (world.sent("cancel"), set(world.stored.active))


def _filled(world: World, order_id: VenueOrderId) -> SimAccount:
    order = world.stored.active[order_id]
    execution = Execution(Price(112), order.quantity, Liquidity.MAKER)
    return world.stored.apply_execution(order, execution, world.clock.now(), Decimal("0.005"))


# --- conversions


def a_world_that_converts(**world: Any) -> World:
    """ADA is sold for USDC only; there are only dollars."""
    name = "ADA-USDC"
    paths = {ProductId(each): a_path(DIP, *QUIET) for each in (name, "USDT-USD", "USDT-USDC")}
    return a_world(paths=paths, strategy=scripted(a_proposal(name)), **world)


def test_conversion_is_journaled_before_it_is_committed_and_its_order_follows() -> None:
    """The venue's id is in the store before the commit that is not idempotent; then the order that it pays for."""
    world = a_world_that_converts()

    world.cycle()

    doings = [
        c
        for c in world.calls
        if c.startswith(("exchange.quote", "exchange.commit", "exchange.read", "store.commit", "exchange.submit"))
    ]
    assert [
        "store.commit",
        "exchange.quote_conversion",
        "store.commit",
        "exchange.commit_conversion",
        "exchange.read_conversion",
        "exchange.submit",
        "store.commit",
    ] == doings
    assert ["ADA-USDC"] == [order.product_id for order in world.buys()]


def test_order_does_not_leave_before_its_conversion_is_done() -> None:
    """The quote was refused: no money, no order."""
    world = a_world_that_converts()
    world.meddlers["exchange.quote_conversion"] = down

    world.cycle()

    assert (0, {}) == (world.sent(), world.stored.conversions if world.book.load() else {})


def test_commit_whose_answer_was_lost_is_not_repeated() -> None:
    """The state is asked instead; the money moved once."""
    world = a_world_that_converts()
    world.meddlers["exchange.commit_conversion"] = down_after

    world.cycles(3)

    assert 1 == world.calls.count("exchange.commit_conversion")
    assert [ConversionStatus.COMPLETED] == [conversion.status for conversion in world.stored.conversions.values()]
    assert world.ledger.cash[USDC] == world.total("USDC")


def test_commit_that_never_arrived_is_not_repeated_either() -> None:
    """It stays open, and its order is withheld; what the next cycle decides is another conversion."""
    world = a_world_that_converts(risk__product_spacing_minutes=0)
    committed: list[str] = []

    def swallowed(_: Any, venue_id: str, intent: Any) -> Any:
        committed.append(intent.conversion_id)
        raise VenueUnavailable("no answer")

    world.meddlers["exchange.commit_conversion"] = swallowed
    world.cycles(2)

    assert (2, 2) == (len(committed), len(set(committed)))
    assert [ConversionStatus.QUOTED] * 2 == [record.status for record in world.ledger.conversions.values()]
    assert 0 == world.sent()


@pytest.mark.parametrize("error", [VenueUnavailable, VenueThrottled, VenueProtocol])
def test_conversion_that_cannot_be_read_stops_no_cycle(error: type[VenueError]) -> None:
    """A sale had waited for it, in every run; nothing is converted until it is known what became of it."""

    def unreadable(*_: Any) -> Any:
        raise error("no word of it")

    world = a_world_that_converts(risk__product_spacing_minutes=0)
    world.meddlers["exchange.commit_conversion"] = down
    world.cycle()
    world.meddlers["exchange.read_conversion"] = unreadable
    world.pass_bars()

    reports = world.cycles(3)

    assert {CycleOutcome.COMPLETED} == {each.outcome for each in reports}
    assert (1, 1) == (len(world.ledger.conversions), world.calls.count("exchange.commit_conversion"))


def test_nothing_is_converted_without_time_to_settle() -> None:
    """A conversion is not idempotent: it must not be begun and left."""
    world = a_world_that_converts()

    world.cycle(seconds=9)

    assert 0 == world.calls.count("exchange.quote_conversion")


def test_nothing_is_converted_once_the_switch_is_flipped() -> None:
    """It was to pay for an entry."""
    world = a_world_that_converts()
    words = iter([TradingState.RUN, *[TradingState.REDUCE_ONLY] * 9])
    world.meddlers["kill_switch.read"] = lambda _: next(words)

    world.cycle()

    assert (0, 0) == (world.calls.count("exchange.quote_conversion"), world.sent())


# --- the order of things


def test_exits_leave_before_entries() -> None:
    """Less risk first."""
    sold: list[OrderPurpose] = []
    world = a_world_to_exit()
    world = with_settings(world, scripted(a_proposal("ETH-USD")))

    def note(original: Callable[[OrderIntent], Submission], intent: OrderIntent) -> Submission:
        sold.append(intent.purpose)
        return original(intent)

    world.meddlers["exchange.submit"] = note
    world.cycle()

    assert [OrderPurpose.EXIT, OrderPurpose.ENTRY] == sold
    assert {ETH, SOL} == {order.product_id for order in world.buys()}


def test_intent_is_sent_again_byte_for_byte() -> None:
    """The price has moved, the tick is another; what is sent is what was decided."""
    seen: list[OrderIntent] = []
    world = a_world(strategy=scripted(a_proposal("SOL-USD")), paths={SOL: a_path(Bar(101), *QUIET)})

    def swallow(_: Any, intent: OrderIntent) -> Submission:
        seen.append(intent)
        return Unknown("timeout")

    world.meddlers["exchange.submit"] = swallow
    world.cycle()
    world.clock.set(Instant(START + 120))
    world.cycle()

    assert 2 == len(seen)
    assert seen[0] == seen[1]
    assert seen[0].client_order_id.startswith(PREFIX)
