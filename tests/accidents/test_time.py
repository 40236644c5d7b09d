"""Accidents 44 and 45: a venue that is slow, an instant that is wrong; and a bucket that fails beside a due sale."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from accidents.one_account import BTC, DIP, ETH, SOL, Bar, World, a_path, a_world, down, with_settings
from factories import SCOPE, Scripted, a_proposal
from trader.adapters.coinbase.wire.market import read_product
from trader.cycle import CycleOutcome, run_cycle
from trader.errors import AuditError, MissingData, VenueProtocol, VenueUnavailable
from trader.model.cycle_state import CycleMark, CyclePhase
from trader.model.ids import Asset, CycleId, Instant, ProductId, cycle_id_at, run_id_at
from trader.model.inputs import Tick
from trader.model.market import Bars
from trader.model.money import Price, Quantity
from trader.model.order_life import OrderStatus
from trader.model.orders import OrderPurpose, OrderStatusReport, Unknown
from trader.model.trading_state import TradingState
from trader.stages.reconcile.doubts import is_resendable
from unit.adapters.coinbase.stub import a_wire_product

_QUIET = [Bar()] * 60


class PowerCut(BaseException):
    """The process is gone; no handler of ours may hold it up."""


_EIGHT = (SOL, ETH, BTC, *(ProductId(f"{base}-USD") for base in ("ADA", "XRP", "DOGE", "LINK", "AVAX")))


def holding(*product_ids: ProductId, hours: int = 1) -> World:
    """Lots with their brackets at the venue."""
    asked: list[int] = []

    def answer(_: Any) -> Any:
        asked.append(1)
        return tuple(a_proposal(each, max_hold_hours=hours) for each in product_ids) if len(asked) == 1 else ()

    world = a_world(
        strategy=Scripted(answer),
        paths={each: a_path(DIP, *_QUIET) for each in product_ids},
        risk__entries_per_cycle_max=8,
        risk__entries_per_hour_max=8,
        risk__open_positions_max=8,
        risk__entry_spacing_seconds=0,
        risk__total_pct_max=60,
        strategies__rules_engine__trades_per_cycle_max=8,
        risk__correlated_pct_max=100,
    )
    world.cycles(3)
    assert len(product_ids) == len(world.ledger.lots)
    return world


def slow(world: World, seconds: float, *, every: int = 1, sends_only: bool = False) -> None:
    """From now on the venue takes its time for an answer; an answer longer than what is left of a run is none."""
    calls: list[int] = []
    sends = ("submit", "cancel")
    reads = ("balances", "orders", "fills", "order", "order_fills")

    def wait(ports: Any, original: Callable[..., Any], *args: Any) -> Any:
        calls.append(1)
        if len(calls) % every == 0:
            before = world.clock.at
            world.clock.set(Instant(int(before + seconds)))
            ports.budget.observe(seconds)
        return original(*args)

    ports = world.ports()
    world.ports = lambda owner="one": replace(ports, identity=replace(ports.identity, owner=owner))  # type: ignore[method-assign]
    for name in (*sends, *(() if sends_only else reads)):
        world.meddlers[f"exchange.{name}"] = lambda original, *args: wait(ports, original, *args)
    if not sends_only:
        for name in ("quotes", "products", "bars", "depth"):
            world.meddlers[f"market.{name}"] = lambda original, *args: wait(ports, original, *args)


def ticks_until_flat(world: World, most: int = 4) -> int:
    """Count the ticks until nothing is held; none of them that leaves a sale says COMPLETED."""
    for number in range(1, most + 1):
        at = Instant(world.clock.now() // 300 * 300 + 300)
        world.clock.set(at)
        report = world.cycle()
        if not world.ledger.lots:
            return number
        assert CycleOutcome.COMPLETED is not report.outcome
    return most + 1


# --- 44


@pytest.mark.parametrize("seconds", [1, 2, 3, 5])
@pytest.mark.parametrize(("lots", "most"), [(1, 1), (8, 2)])
@pytest.mark.parametrize("why", ["flatten", "time", "time under reduce-only"])
def test_position_is_left_in_few_ticks_however_slow_the_venue_answers(
    seconds: int, lots: int, most: int, why: str
) -> None:
    """44: with 3 s an answer FLATTEN sold nothing, said COMPLETED, and never would."""
    world = holding(*_EIGHT[:lots])
    if why == "flatten":
        world.kill_switch.word = TradingState.FLATTEN
    else:
        world.clock.advance(3600)
        world.kill_switch.word = TradingState.RUN if why == "time" else TradingState.REDUCE_ONLY
    slow(world, seconds)

    assert ticks_until_flat(world) <= most


@pytest.mark.parametrize("how", [{"sends_only": True}, {"every": 3}])
def test_position_is_left_when_only_some_answers_are_slow(how: dict[str, Any]) -> None:
    """44: the slowest answer of a run counts, whichever it is."""
    world = holding(*_EIGHT)
    world.kill_switch.word = TradingState.FLATTEN
    slow(world, 5, **how)

    assert ticks_until_flat(world) <= 2


@pytest.mark.parametrize(
    ("state", "unread"),
    [
        (TradingState.FLATTEN, {"market.bars", "market.depth", "exchange.fee_rates"}),
        (TradingState.HALT, {"market.bars", "market.depth", "exchange.fee_rates"}),
        (TradingState.REDUCE_ONLY, {"market.depth", "exchange.fee_rates"}),
    ],
)
def test_nothing_that_concerns_entries_is_read_where_there_can_be_none(state: TradingState, unread: set[str]) -> None:
    """44: and of what is held only its quote and its flags, under REDUCE_ONLY its bars and the benchmark's."""
    world = holding(SOL, hours=99)
    asked: list[tuple[str, Any]] = []
    for name in ("quotes", "products", "bars"):
        world.meddlers[f"market.{name}"] = lambda original, *args, name=name: (
            asked.append((name, args[0] if args else None)),
            original(*args),
        )[1]
    world.kill_switch.word = state
    world.clock.advance(7200)
    world.calls.clear()

    world.cycle()

    assert unread.isdisjoint(world.calls)
    bars = [("bars", (SOL,)), ("bars", (BTC,))] if state is TradingState.REDUCE_ONLY else []
    # Of a lot that is sold the flags are read once more, before its bracket may go.
    turns = [("products", (SOL,))] if state is TradingState.FLATTEN else []
    assert [("quotes", (SOL,)), ("products", (SOL,)), *bars, *turns] == asked


def test_entries_are_cut_off_and_not_the_exit() -> None:
    """44: reading the market takes all that is left beside the turn; the sale leaves, nothing is entered."""
    world = holding(SOL)
    world.clock.advance(3600)
    ports = world.ports()
    limits: list[float] = []

    def bars(original: Callable[..., Any], *args: Any) -> Any:
        limits.append(ports.budget.until)
        world.clock.set(Instant(int(ports.budget.until)))
        raise VenueUnavailable("not asked, the run has no time left")

    world.ports = lambda owner="one": ports  # type: ignore[method-assign]
    world.meddlers["market.bars"] = bars

    report = world.cycle()

    assert {} == world.ledger.lots
    assert CycleOutcome.ABSTAINED is report.outcome
    # A turn of six answers, two to settle, eight seconds to close.
    assert report.tick.deadline - 8 - 2 - 6 == limits[0]


# --- 45


@pytest.mark.parametrize("ahead", [61, 3600, 400 * 86_400])
def test_tick_from_the_future_is_refused_and_changes_nothing(ahead: int) -> None:
    """45: local time written as UTC; every tick after it was SKIPPED until then."""
    world = holding(SOL, hours=99)
    before, calls = dict(world.store.texts), len(world.calls)

    report = world.cycle(scheduled=world.clock.now() + ahead)

    assert CycleOutcome.ABORTED is report.outcome
    assert f"{ahead} s ahead of the clock" in report.reason
    assert (before, calls) == (world.store.texts, len(world.calls))
    assert CycleOutcome.COMPLETED is world.cycle().outcome


def test_tick_a_minute_ahead_runs() -> None:
    """45: clocks differ a little."""
    world = holding(SOL, hours=99)

    assert CycleOutcome.COMPLETED is world.cycle(scheduled=world.clock.now() + 60).outcome


def test_last_cycle_in_the_future_is_told_with_the_command_that_helps() -> None:
    """45: books that a wrong clock ran; ticks say so, an operator's run works all the same."""
    world = holding(SOL, hours=99)
    future = replace(world.ledger, last_cycle=CycleMark(CycleId("20271122T101500Z"), CyclePhase.FINISHED))
    grant = world.store.acquire(SCOPE, "wrong clock", world.clock.now(), 60)
    world.store.commit(grant, future, release=True)

    report = world.cycle()
    now = world.clock.now()
    world.kill_switch.word = TradingState.FLATTEN
    run = Tick(run_id_at(now, "switch"), now, Instant(now + 210))
    flattened = run_cycle(run, world.pipeline, world.ports())

    assert CycleOutcome.ABORTED is report.outcome
    assert "trader ledger forget-cycle" in report.reason
    assert (CycleOutcome.COMPLETED, {}) == (flattened.outcome, world.ledger.lots)
    assert future.last_cycle == world.ledger.last_cycle


@pytest.mark.parametrize("kind", ["switch", "flatten", "reconcile"])
def test_what_an_operator_asks_for_is_never_too_late(kind: str) -> None:
    """45: it was asked for before the last tick ran; only ticks have an order."""
    world = holding(SOL, hours=99)
    said = Instant(world.clock.now() - 600)
    world.kill_switch.word = TradingState.FLATTEN

    report = run_cycle(
        Tick(run_id_at(said, kind), said, Instant(world.clock.now() + 210)), world.pipeline, world.ports()
    )

    assert (CycleOutcome.COMPLETED, {}) == (report.outcome, world.ledger.lots)


def test_tick_and_a_command_of_one_second_are_two_runs() -> None:
    """45: neither takes the other's place, and no id is made twice."""
    world = holding(SOL, hours=99)
    now = world.clock.now()
    world.kill_switch.word = TradingState.FLATTEN
    world.meddlers["exchange.cancel"] = down
    world.meddlers["exchange.order"] = down

    first = world.cycle(scheduled=now)
    world.meddlers.clear()
    second = run_cycle(Tick(run_id_at(now, "flatten"), now, Instant(now + 210)), world.pipeline, world.ports())

    exits = [
        note.body["intent"].client_order_id
        for report in (first, second)
        for note in report.notes
        if note.kind == "OrderIntended" and note.body["intent"].purpose is OrderPurpose.EXIT
    ]
    assert 2 == len(set(exits)) == len(exits)
    assert {} == world.ledger.lots


# --- the audit bucket beside a due sale


@pytest.mark.parametrize("fails", [(1,), (2,), (1, 2)], ids=str)
def test_sale_does_not_wait_for_its_record(fails: tuple[int, ...]) -> None:
    """Whichever put fails: sold in its tick; the record is owed, and stored by the next run, byte for byte."""
    world = holding(SOL)
    world.clock.advance(3600)
    puts: list[bool] = []

    def write(original: Callable[..., str], record: Any, *, urgent: bool = False) -> str:
        puts.append(urgent)
        if len(puts) in fails:
            raise AuditError("the bucket is gone")
        return original(record, urgent=urgent)

    world.meddlers["audit.write"] = write
    report = world.cycle()
    owed = dict(world.store.owed)
    world.meddlers.clear()
    world.pass_bars()
    after = world.cycle()

    assert {} == world.ledger.lots
    assert (CycleOutcome.ABORTED, CycleOutcome.COMPLETED) == (report.outcome, after.outcome)
    assert "the bucket is gone" in report.reason
    assert all(puts)
    assert len(owed) >= len(fails)
    assert ((), {}) == (world.ledger.owed, world.store.owed)
    assert {key: text for (_, key), text in owed.items()}.items() <= world.audit.texts.items()


class _Unwritable(float):
    """A number that a decision can use, and nobody can write down."""

    def __repr__(self) -> str:
        raise RuntimeError("it cannot be written down")


def test_sale_does_not_wait_for_the_bars_of_its_tick() -> None:
    """They are written down when everything has been sent: nothing that is wrong with them stops an exit."""
    world = holding(SOL)
    world.clock.advance(3600)

    def read(original: Callable[..., Any], *args: Any) -> Any:
        return {
            each: replace(bars, volume=tuple(map(_Unwritable, bars.volume))) if isinstance(bars, Bars) else bars
            for each, bars in original(*args).items()
        }

    world.meddlers["market.bars"] = read
    sent = world.sent()
    with pytest.raises(RuntimeError, match="written down"):
        world.cycle()
    left = world.sent() - sent
    world.meddlers.clear()
    world.pass_bars()
    world.cycle()

    assert ({}, 1) == (world.ledger.lots, left)
    assert 1 == sum(order.intent.purpose is OrderPurpose.EXIT for order in world.ledger.orders.values())


def test_owed_record_that_can_never_be_stored_keeps_nobody_waiting() -> None:
    """Its key holds other bytes: it is counted and named, and the next run is as good as any."""
    world = holding(SOL)
    world.clock.advance(3600)
    at = world.clock.now()
    (epoch,) = {grant.epoch for grant in [world.store.acquire(SCOPE, "look", at, 1)]}
    world.store.texts[SCOPE] = world.store.texts[SCOPE].replace('"owner":"look"', '"owner":""')
    day = cycle_id_at(at)
    key = f"scope={SCOPE}/dt={day[:4]}-{day[4:6]}-{day[6:8]}/{day}-{epoch + 1:08d}-decision.jsonl"
    world.audit.texts[key] = "taken"

    report = world.cycle(scheduled=at)
    world.pass_bars()
    after = world.cycle()

    assert {} == world.ledger.lots
    assert (CycleOutcome.ABORTED, CycleOutcome.COMPLETED) == (report.outcome, after.outcome)
    assert ((), 1) == (world.ledger.owed, world.ledger.unrecorded)


def test_shortage_counts_after_a_second_look() -> None:
    """Balances are read before fills: a purchase that fills in between looks like coins that are missing."""
    world = holding(SOL, hours=99)
    looks: list[int] = []

    def late(original: Callable[..., Any]) -> Any:
        looks.append(1)
        found = dict(original())
        if len(looks) == 1:
            found.pop("SOL", None)
        return found

    world.meddlers["exchange.balances"] = late
    world.cycle()
    once = dict(world.ledger.reduce_only)
    world.meddlers["exchange.balances"] = lambda original: {
        asset: balance for asset, balance in original().items() if asset != "SOL"
    }
    world.pass_bars()
    world.cycle()

    assert ({}, {"SOL"}) == (once, set(world.ledger.reduce_only))


def test_report_of_one_order_is_all_that_is_looked_at_after_a_cancel() -> None:
    """The account is read at the beginning and at the end of a run, whatever is cancelled in between."""
    world = holding(*_EIGHT[:3])
    world.kill_switch.word = TradingState.FLATTEN
    seen: list[OrderStatusReport] = []
    world.meddlers["exchange.order"] = lambda original, each: (seen.append(original(each)), seen[-1])[1]
    world.calls.clear()

    world.cycle()

    assert {} == world.ledger.lots
    assert (3, 0, 2) == (len(seen), world.calls.count("exchange.order_fills"), world.calls.count("exchange.balances"))


# --- one run and the next


def test_run_that_was_woken_late_and_killed_lets_the_punctual_next_tick_run() -> None:
    """It began 59 s late and died at the end of its time, its lease in its hands; the next tick takes it and sells."""
    world = holding(SOL)
    due = Instant(world.clock.now() // 300 * 300 + 3600)
    world.clock.set(Instant(due + 59))

    def killed(*_: Any) -> Any:
        world.clock.set(Instant(due + 59 + 210))
        raise PowerCut

    world.meddlers["exchange.submit"] = killed
    with pytest.raises(PowerCut):
        world.cycle(scheduled=due)
    world.meddlers.clear()
    world.clock.set(Instant(due + 300))
    report = world.cycle(owner="the next")

    assert CycleOutcome.COMPLETED is report.outcome
    assert {} == world.ledger.lots


# --- what must never block a lot for ever


def a_bracket_of(world: World) -> Any:
    (bracket,) = (each for each in world.ledger.orders.values() if each.intent.is_protection and not each.is_contingent)
    return bracket


def next_tick(world: World) -> Any:
    world.clock.set(Instant(world.clock.now() // 300 * 300 + 300))
    return world.cycle()


def test_sale_behind_a_bracket_with_a_fill_that_is_never_listed_leaves() -> None:
    """The run died after its commit; then the venue reports 1e-8 of the bracket filled, and never lists it."""
    world = holding(SOL)
    world.clock.advance(3600)

    def die(*_: Any) -> Any:
        raise PowerCut

    world.meddlers["exchange.cancel"] = die
    with pytest.raises(PowerCut):
        world.cycle()
    bracket = a_bracket_of(world).venue_order_id
    world.meddlers.clear()
    world.venue.cancel((bracket,))
    world.kill_switch.word = TradingState.FLATTEN

    def odd(report: OrderStatusReport) -> OrderStatusReport:
        if report.venue_order_id != bracket:
            return report
        return replace(report, status=OrderStatus.CANCELLED, filled_quantity=Quantity("0.00000001"))

    world.meddlers["exchange.orders"] = lambda original, *args: tuple(map(odd, original(*args)))
    world.meddlers["exchange.order"] = lambda original, *args: odd(original(*args))

    for _ in range(3):
        next_tick(world)

    assert {} == world.ledger.lots


@pytest.mark.parametrize("unanswered", [OrderPurpose.EXIT, OrderPurpose.PROTECTION])
def test_order_that_the_venue_never_answers_does_not_hold_its_lot(unanswered: OrderPurpose) -> None:
    """One id gets no answer, ever: each tick that leaves the sale says so, and after a few another id sells."""
    world = holding(SOL)
    first: list[Any] = []

    def submit(original: Callable[..., Any], intent: Any) -> Any:
        if intent.purpose is unanswered and (not first or intent.client_order_id in first):
            first[:] = [intent.client_order_id]
            return Unknown("HTTP 404")
        return original(intent)

    world.venue.cancel((a_bracket_of(world).venue_order_id,))
    world.meddlers["exchange.submit"] = submit
    next_tick(world)
    world.kill_switch.word = TradingState.FLATTEN
    reports = []
    while world.ledger.lots and len(reports) < 8:
        reports.append(next_tick(world))

    assert {} == world.ledger.lots
    assert 1 < len(reports) <= 6
    assert CycleOutcome.COMPLETED not in [report.outcome for report in reports[:-1]]


@pytest.mark.parametrize(
    "over",
    [
        {"base_increment": "0"},
        {"base_increment": "-1"},
        {"price_increment": "0"},
        {"base_max_size": "0"},
        {"quote_min_size": "1000000000000000"},
        {"base_min_size": "-1"},
    ],
    ids=str,
)
def test_product_row_that_no_order_could_keep_is_no_product(over: dict[str, str]) -> None:
    """8: the row of before stays, and nobody's exit stops for it."""
    with pytest.raises(VenueProtocol, match=r"must be"):
        read_product(a_wire_product(**over))


def test_row_that_speaks_of_other_assets_is_not_about_what_we_hold() -> None:
    """8: the product keeps the metadata it had; the lot is sold."""
    world = holding(SOL)
    world.kill_switch.word = TradingState.FLATTEN

    def renamed(original: Callable[..., Any], *wanted: Any) -> Any:
        return {key: replace(row, base=Asset("XYZ")) if wanted else row for key, row in original(*wanted).items()}

    world.meddlers["market.products"] = renamed
    next_tick(world)

    assert {} == world.ledger.lots


@pytest.mark.parametrize("late", [True, False], ids=["no time left", "throttled"])
def test_lot_that_lost_its_bracket_and_was_not_sold_rings(late: bool) -> None:
    """3: the cancel was taken and could not be looked at: the run says what it left, and does not say COMPLETED."""
    world = holding(SOL)
    world.clock.advance(3600)
    at = Instant(world.clock.now() // 300 * 300 + 300)
    world.clock.set(at)

    def unread(*_: Any) -> Any:
        if late:
            world.clock.set(Instant(at + 202))
        raise VenueUnavailable("not sent, the run has no time left")

    world.meddlers["exchange.order"] = unread
    report = world.cycle()

    assert (CycleOutcome.ABORTED, 1) == (report.outcome, len(report.withheld_exits))
    assert "is not final" in report.reason


def test_second_look_that_fails_stops_no_exit() -> None:
    """6: coins of another asset look missing, and the venue does not answer a second time: nothing is known of them."""
    world = holding(SOL, ETH)
    world.clock.advance(3600)
    looks: list[int] = []

    def balances(original: Callable[..., Any]) -> Any:
        looks.append(1)
        if len(looks) == 2:
            raise VenueUnavailable("HTTP 503")
        return {asset: each for asset, each in original().items() if asset != "ETH" or len(looks) > 2}

    world.meddlers["exchange.balances"] = balances
    world.cycle()

    assert ({}, {}) == (world.ledger.lots, world.ledger.reduce_only)


def test_what_looks_short_in_one_look_only_is_not_short() -> None:
    """6: SOL in the first look, ETH in the second."""
    world = holding(SOL, ETH, hours=99)
    looks: list[int] = []

    def balances(original: Callable[..., Any]) -> Any:
        looks.append(1)
        gone = {1: "SOL", 2: "ETH"}.get(len(looks))
        return {asset: each for asset, each in original().items() if asset != gone}

    world.meddlers["exchange.balances"] = balances
    world.cycle()

    assert {} == world.ledger.reduce_only


def test_records_of_before_are_stored_only_while_there_is_time_to_spare() -> None:
    """8: a slow bucket and many owed records: the run ends in its time and commits what it got done."""
    world = holding(SOL, hours=99)
    world.meddlers["audit.write"] = raise_audit_error
    for _ in range(12):
        next_tick(world)

    def slowly(original: Callable[..., str], record: Any, *, urgent: bool = False) -> str:
        world.clock.advance(25)
        return original(record, urgent=urgent)

    world.meddlers["audit.write"] = slowly
    owed = len(world.ledger.owed)
    begun = Instant(world.clock.now() // 300 * 300 + 300)
    next_tick(world)

    assert world.clock.now() - begun <= 210
    assert 0 < len(world.ledger.owed) < owed


def raise_audit_error(*_: Any, **__: Any) -> Any:
    """A bucket that is gone."""
    raise AuditError("gone")


def test_entry_withheld_for_want_of_a_record_is_no_entry() -> None:
    """9: beside a sale whose record is owed: neither the pace nor the strategy's turn is used up."""
    world = holding(SOL)
    asked: list[int] = []
    wants = with_settings(world, Scripted(lambda _: (asked.append(1), (a_proposal("ETH-USD"),))[1]))
    wants.clock.advance(3600)
    before = wants.ledger.entry_pacing
    wants.meddlers["audit.write"] = raise_audit_error

    wants.cycle()

    assert (1, {}) == (len(asked), wants.ledger.lots)
    assert before.entries == wants.ledger.entry_pacing.entries
    assert before.last_entry == wants.ledger.entry_pacing.last_entry
    assert before.trades_today + 1 == wants.ledger.entry_pacing.trades_today


@pytest.mark.parametrize("quotes", [{}, None], ids=["none", "crossed"])
def test_flatten_that_cannot_see_a_price_does_not_say_completed(quotes: dict[Any, Any] | None) -> None:
    """10: it names the product and why."""
    world = holding(SOL)
    world.kill_switch.word = TradingState.FLATTEN

    def none(original: Callable[..., Any], names: Any) -> Any:
        if quotes is None:
            return {key: replace(each, ask=Price(each.bid / 2)) for key, each in original(names).items()}
        return {name: MissingData("GET /best_bid_ask: not in the answer") for name in names}

    world.meddlers["market.quotes"] = none
    report = next_tick(world)

    assert CycleOutcome.ABORTED is report.outcome
    assert "SOL-USD: QUOTE_MISSING" in report.reason


def test_clock_that_was_put_back_makes_no_buy_young() -> None:
    """11: a buy in doubt is not sent again in every run until the clock is there once more."""
    world = a_world(strategy=Scripted(lambda _: (a_proposal("SOL-USD"),)))
    world.meddlers["exchange.submit"] = lambda *_: Unknown("timeout")
    world.cycle()
    (record,) = world.ledger.orders.values()

    assert not is_resendable(world.ledger, record, Instant(record.intent.decided_at - 86_400), world.pipeline.settings)
