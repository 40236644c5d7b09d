"""Accidents 32, 35, 38 and 40: what a refusal costs, and what it does not. The venue of each test only says no."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from accidents.hostile_venue import MODES, QUIET, holding_due, is_covered, lot_of, refuse, show
from accidents.one_account import DIP, ETH, SOL, Bar, World, a_path, a_world, down, listed
from factories import SCOPE, Scripted, a_proposal, scripted
from trader.cycle import CycleOutcome
from trader.errors import VenueAuth, VenueProtocol
from trader.model.denials import DenialCode
from trader.model.events import EventKind
from trader.model.ids import Asset, Instant, ProductId
from trader.model.money import Notional, Price, Quantity
from trader.model.order_life import OrderStatus
from trader.model.orders import OrderConfiguration, OrderPurpose, Rejected
from trader.model.refusals import REFUSALS, RefusalClass, classify_refusal
from trader.model.trading_state import TradingState

ENTRY, EXIT, PROTECTION = OrderPurpose.ENTRY, OrderPurpose.EXIT, OrderPurpose.PROTECTION

#: Two words of each class that is no try, as the venue says them, and what nobody ever heard.
NO_TRIES = [
    "PERMISSION_DENIED",
    "GEOFENCING_RESTRICTION",
    "INSUFFICIENT_FUND",
    "PREVIEW_HOLD_FAILURE",
    "INVALID_SIZE_PRECISION",
    "INVALID_BASE_SIZE_TOO_SMALL",
    "TOO_MANY_OPEN_ORDERS",
    "A_WORD_OF_TOMORROW",
]
CYCLES = 200


def size(world: World) -> int:
    return len(world.store.texts[SCOPE])


def wishing(*product_ids: ProductId, **over: Any) -> World:
    """A strategy that wants these every time it is asked, in a world whose pace would not stop it."""
    proposals = [a_proposal(each, conviction=0.9 - n / 10) for n, each in enumerate(product_ids)]
    plain: dict[str, Any] = {"paths": {each: a_path(*QUIET) for each in product_ids}, "strategy": scripted(*proposals)}
    return a_world(**{**plain, **over})


# --- 32


@pytest.mark.parametrize("reason", NO_TRIES)
@pytest.mark.parametrize("purposes", [(EXIT,), (EXIT, PROTECTION)], ids=["the sale", "whatever sells"])
def test_refused_sale_is_sent_ever_more_seldom_and_leaves_no_trace_but_a_count(
    reason: str, purposes: tuple[OrderPurpose, ...]
) -> None:
    """32: 200 cycles: at most a sale every third after the first five, twice in one turn where it may fit at last."""
    world = holding_due()
    refusing = refuse(world, reason, *purposes)

    world.cycles(20)
    early = size(world)
    world.cycles(CYCLES - 20)

    turns = 5 + CYCLES // 3
    assert len({each.cycle_id for each in refusing.of(EXIT)}) <= turns
    assert len(refusing.of(EXIT)) <= 2 * turns
    assert len(refusing.of(PROTECTION)) <= 2 * turns
    assert size(world) <= early * 1.1
    # Trouble of the venue's own is remembered for an hour: an order may have been taken all the same.
    kept = sum(record.status is OrderStatus.REJECTED for record in world.ledger.orders.values())
    assert kept <= (12 if classify_refusal(reason) is RefusalClass.EDGE else 0)
    assert {"SOL-USD"} == {lot.product_id for lot in world.ledger.lots.values()}


@pytest.mark.parametrize("reason", NO_TRIES)
def test_refused_entry_is_sent_ever_more_seldom_and_leaves_no_trace_but_a_count(reason: str) -> None:
    """32: a wish that is never given up, 200 cycles long; one that is forbidden is asked once."""
    world = wishing(SOL)
    refusing = refuse(world, reason)

    world.cycles(20)
    early = size(world)
    world.cycles(CYCLES - 20)

    is_forbidden = REFUSALS.get(reason) is RefusalClass.PERMISSION
    assert len(refusing.sent) <= (1 if is_forbidden else 5 + CYCLES // 3)
    kept = len(world.ledger.orders)
    assert kept <= (6 if classify_refusal(reason) is RefusalClass.EDGE else 0)
    assert size(world) <= early * 1.1
    assert len(refusing.sent) == len(world.store.finished(SCOPE)) + kept
    assert (0, ()) == (world.ledger.entry_pacing.trades_today, world.ledger.entry_pacing.entries)


@pytest.mark.parametrize(
    ("reason", "rings"),
    [
        ("PERMISSION_DENIED", [0]),
        ("COMMANDER_REJECTED_NEW_ORDER", [2]),
        ("INVALID_SIZE_PRECISION", []),
        ("INVALID_NO_LIQUIDITY", []),
    ],
)
def test_refused_entry_rings_where_a_person_should_know_and_then_is_counted(reason: str, rings: list[int]) -> None:
    """32: at once what is forbidden, trouble of the venue's own the third time in a row, nothing else; once each."""
    world = wishing(SOL)
    refusing = refuse(world, reason)
    rang: list[int] = []

    for _ in range(12):
        sent = len(refusing.sent)
        if world.cycle().outcome is CycleOutcome.ABORTED:
            rang.append(sent)
        world.pass_bars()

    assert rings == rang


def test_word_that_nobody_knows_rings() -> None:
    """35: it is waited out like the venue's own trouble, and a person looks it up."""
    world = wishing(SOL)
    refuse(world, "A_WORD_OF_TOMORROW", times=1)

    report = world.cycle()

    assert CycleOutcome.ABORTED is report.outcome
    assert "a word that nobody knows: A_WORD_OF_TOMORROW" in report.reason


@pytest.mark.parametrize("words", [("INSUFFICIENT_FUND", "HOLD_FAILURE"), ("edge 403, ray 1", "edge 403, ray 2")])
def test_wait_grows_although_the_venue_says_it_in_other_words(words: tuple[str, str]) -> None:
    """32: a reason that holds a number is another each time."""
    world = wishing(SOL)
    sent: list[Any] = []

    def say(_: Any, intent: Any) -> Rejected:
        sent.append(intent)
        return Rejected(words[len(sent) % 2])

    world.meddlers["exchange.submit"] = say
    world.cycles(60)

    assert len(sent) <= 5 + 60 // 3


@pytest.mark.parametrize("purpose", [ENTRY, EXIT, PROTECTION])
@pytest.mark.parametrize("reason", ["PERMISSION_DENIED", "UNSUPPORTED_ORDER_CONFIGURATION", "account is not available"])
def test_one_forbidden_order_stops_entries_into_its_asset_and_rings_once(reason: str, purpose: OrderPurpose) -> None:
    """32: a person has to look; what is held stays covered, and nothing but the first cycle makes a noise."""
    world = wishing(SOL) if purpose is ENTRY else holding_due(hours=99 if purpose is PROTECTION else 1)
    if purpose is PROTECTION:
        world.venue.cancel([order.venue_order_id for order in world.stored.active.values()])
    refuse(world, reason, purpose, times=1)

    reports = world.cycles(4)

    told = [note for report in reports for note in report.notes if note.kind is EventKind.MISMATCH_FOUND]
    assert [Asset("SOL")] == list(world.ledger.reduce_only)
    assert 1 == len(told)
    assert 1 == [report.outcome for report in reports].count(CycleOutcome.ABORTED)


def test_forbidden_asset_stays_forbidden_when_coins_were_missing_for_a_while() -> None:
    """32: the shortage goes away by itself, the prohibition does not."""
    world = holding_due()
    refuse(world, "PERMISSION_DENIED", EXIT)
    world.cycles(1)

    world.meddlers["exchange.balances"] = lambda original: {
        asset: balance for asset, balance in original().items() if asset != "SOL"
    }
    world.cycles(4)
    del world.meddlers["exchange.balances"]
    world.cycles(4)

    assert "PERMISSION_DENIED" in world.ledger.reduce_only[Asset("SOL")]


@pytest.mark.parametrize("reason", ["PERMISSION_DENIED", "INSUFFICIENT_FUND", "INVALID_PRICE_PRECISION"])
@pytest.mark.parametrize("state", [TradingState.RUN, TradingState.FLATTEN])
def test_cycle_whose_due_sale_was_refused_does_not_say_that_all_is_well(state: TradingState, reason: str) -> None:
    """32: covered again, but told to flatten it did not."""
    world = holding_due()
    world.kill_switch.word = state
    refuse(world, reason, EXIT)

    report = world.cycle()

    assert (CycleOutcome.ABORTED, True) == (report.outcome, is_covered(world))
    assert reason in report.reason


# --- 35


@pytest.mark.parametrize("reason", [*NO_TRIES, "NOT_ALLOWED_BY_MARKET_STATE", "TRADING_DISABLED"])
def test_refusals_that_the_market_did_not_make_never_widen_the_price_of_an_exit(reason: str) -> None:
    """35: refused ten cycles long, then taken: at the first step, as if nothing had been."""
    world = holding_due()
    refusing = refuse(world, reason, EXIT)
    world.cycles(10)

    refusing.purposes = ()
    world.cycles(4)

    assert ({Price("99.48")}, {0}) == (
        {each.limit_price for each in refusing.of(EXIT)},
        {each.attempt for each in refusing.of(EXIT)},
    )
    assert {} == world.ledger.lots


@pytest.mark.parametrize("reason", [*NO_TRIES, "NOT_ALLOWED_BY_MARKET_STATE", "INELIGIBLE_PAIR"])
def test_refusals_that_the_market_did_not_make_never_turn_a_maker_into_a_taker(reason: str) -> None:
    """35: three permission errors, and the taker's price was paid."""
    world = wishing(SOL, risk__product_spacing_minutes=0, risk__entries_per_hour_max=100)
    refusing = refuse(world, reason)

    world.cycles(30)
    refusing.purposes = ()
    world.cycles(4)

    assert {OrderConfiguration.POST_ONLY_GTD} == {each.configuration for each in refusing.sent}
    assert {0} == {each.attempt for each in refusing.refused}


@pytest.mark.parametrize("reason", ["INVALID_LIMIT_PRICE_POST_ONLY", "INVALID_NO_LIQUIDITY", "BREACHED_PRICE_LIMIT"])
def test_refusal_that_the_market_made_is_a_try(reason: str) -> None:
    """35: the other way round, one step for each cycle up to the last."""
    world = holding_due()
    refusing = refuse(world, reason, EXIT)

    world.cycles(6)

    steps = ["99.48", "98.98", "98.48", "97.98", "97.98", "97.98"]
    assert [Price(each) for each in steps] == [each.limit_price for each in refusing.of(EXIT)]
    assert is_covered(world)


@pytest.mark.parametrize("seconds", [5, 20, 59])
def test_ladder_is_climbed_by_one_step_a_minute_however_often_it_is_tried(seconds: int) -> None:
    """35: ticks that come faster than that."""
    world = holding_due()
    refusing = refuse(world, "INVALID_NO_LIQUIDITY", EXIT)
    begun = world.clock.now()

    for _ in range(180 // seconds):
        world.cycle()
        world.clock.advance(seconds)

    for intent in refusing.of(EXIT):
        assert intent.attempt <= 1 + (intent.decided_at - begun) // 60


def test_entry_that_we_cancelled_ourselves_before_its_time_is_no_try() -> None:
    """35: the switch goes back and forth; nobody but ourselves took the orders away."""
    world = wishing(SOL, risk__product_spacing_minutes=0, risk__entries_per_hour_max=100)
    sent = refuse(world, "", times=0)

    for _ in range(5):
        world.kill_switch.word = TradingState.RUN
        world.cycle()
        world.clock.advance(60)
        world.kill_switch.word = TradingState.REDUCE_ONLY
        world.cycle()
        world.clock.advance(60)

    assert {OrderConfiguration.POST_ONLY_GTD} == {each.configuration for each in sent.sent}


# --- 38


@pytest.mark.parametrize("mode", sorted(set(MODES) - {"post_only"}))
@pytest.mark.parametrize("bars_before", [0, 1, 11])
def test_no_entry_goes_into_a_book_that_closed_just_before_its_signal(mode: str, bars_before: int) -> None:
    """38: the list of products is an hour old; four orders went into a cancel-only book."""
    world = a_world(strategy=Scripted(), paths={SOL: a_path(*QUIET)})
    world.cycles(12 - bars_before)
    show(world, **MODES[mode])
    world.pass_bars(bars_before)
    refusing = refuse(world, "", times=0)

    eager = wishing(SOL)
    world.pipeline = eager.pipeline
    reports = world.cycles(8)

    assert [] == refusing.sent
    assert () == world.ledger.entry_pacing.entries
    assert {CycleOutcome.COMPLETED} == {report.outcome for report in reports}


@pytest.mark.parametrize(
    "change",
    [
        {"base_increment": Quantity("0.01")},
        {"price_increment": Price("0.1")},
        {"base_increment": Quantity("0.1"), "price_increment": Price("0.05")},
    ],
    ids=["size", "price", "both"],
)
@pytest.mark.parametrize("purpose", [ENTRY, EXIT, PROTECTION])
def test_increments_that_changed_cost_at_most_one_refusal(change: dict[str, Any], purpose: OrderPurpose) -> None:
    """38: a changed size step was refused seven times."""
    if purpose is ENTRY:
        world = a_world(strategy=Scripted(), paths={SOL: a_path(DIP, *QUIET)})
        world.cycles(1)
        world.pipeline = wishing(SOL).pipeline
    else:
        world = holding_due(hours=99 if purpose is PROTECTION else 1)
    if purpose is PROTECTION:
        world.venue.cancel([order.venue_order_id for order in world.stored.active.values()])
    show(world, **change)
    reports = world.cycles(6)

    refused = [
        note.body["submission"]
        for report in reports
        for note in report.notes
        if note.kind is EventKind.ORDER_SUBMITTED and isinstance(note.body["submission"], Rejected)
    ]
    assert len(refused) <= 1
    assert world.sent() > 1


@pytest.mark.parametrize("purpose", [EXIT, PROTECTION])
def test_increments_that_change_in_the_middle_of_a_turn_cost_one_refusal_and_no_cover(purpose: OrderPurpose) -> None:
    """38: read, then changed, then refused: read again and sent again, what covers the rest too."""
    world = holding_due()
    changed: list[bool] = []

    def submit(original: Callable[..., Any], intent: Any) -> Any:
        if intent.purpose is purpose and not changed:
            changed.append(True)
            show(world, base_increment=Quantity("0.01"), price_increment=Price("0.1"))
        if intent.purpose is EXIT and (changed or purpose is PROTECTION):
            answer = original(intent)
            return answer if isinstance(answer, Rejected) else Rejected("INVALID_NO_LIQUIDITY")
        return original(intent)

    def refuse_sales(original: Callable[..., Any], intent: Any) -> Any:
        if intent.purpose is EXIT and purpose is PROTECTION:
            return Rejected("INVALID_NO_LIQUIDITY")
        if intent.purpose is EXIT and changed:
            return Rejected("INVALID_NO_LIQUIDITY")
        return submit(original, intent)

    world.meddlers["exchange.submit"] = refuse_sales
    report = world.cycle()

    refused = [
        note.body["submission"].reason
        for note in report.notes
        if note.kind is EventKind.ORDER_SUBMITTED and isinstance(note.body["submission"], Rejected)
    ]
    assert 1 == sum("PRECISION" in reason for reason in refused)
    assert {} == report.exposed
    assert lot_of(world).quantity - sum(each.remaining for each in world.stored.active.values()) < Decimal("0.01")


# --- 40


@pytest.mark.parametrize(
    "reason", ["INSUFFICIENT_FUND", "PERMISSION_DENIED", "INVALID_SIZE_PRECISION", "A_WORD_OF_TOMORROW"]
)
def test_refused_entry_gives_its_place_in_the_hour_to_another_product(reason: str) -> None:
    """40: one entry an hour; the first is refused and waits, half a minute later the second product has it."""
    world = wishing(SOL, ETH, risk__entries_per_hour_max=1)
    refusing = refuse(world, reason, times=1)

    world.cycle()
    world.clock.advance(30)
    world.cycle()

    assert [SOL] == [each.product_id for each in refusing.refused]
    assert [ETH] == [order.product_id for order in world.buys()]
    assert 1 == len(world.ledger.entry_pacing.entries)


@pytest.mark.parametrize("reason", ["INSUFFICIENT_FUND", "INVALID_SIZE_PRECISION", "TRADING_DISABLED"])
def test_entry_that_is_refused_for_ever_does_not_keep_another_product_out(reason: str) -> None:
    """40: while it waits it is not approved in the place of another."""
    world = wishing(SOL, ETH, risk__entries_per_hour_max=1)
    world.meddlers["exchange.submit"] = lambda original, intent: (
        Rejected(reason) if intent.product_id == SOL else original(intent)
    )

    world.cycles(12)

    assert {ETH} == {order.product_id for order in world.buys()}


def test_entry_withheld_for_its_flags_gives_its_place_in_the_hour_to_another_product() -> None:
    """40: the same for one that never left."""
    world = wishing(SOL, ETH, risk__entries_per_hour_max=1)
    read = world.market.products

    def closed_when_asked_alone(original: Callable[..., Any], names: Any = None) -> Any:
        if tuple(names or ()) == (SOL,):
            show(world, cancel_only=True)
        return read(names)

    world.meddlers["market.products"] = closed_when_asked_alone
    world.cycles(2)

    assert [ETH] == [order.product_id for order in world.buys()]
    assert [Asset("ETH")] == list(world.ledger.entry_pacing.last_entry)


def test_entry_that_the_market_refused_first_counts_for_the_pace_when_it_is_taken() -> None:
    """40: its place came back with the refusal, and is taken again by the next try."""
    world = wishing(SOL, ETH, risk__entries_per_hour_max=1)
    refuse(world, "INVALID_LIMIT_PRICE_POST_ONLY", times=1)

    world.cycles(4)

    assert 1 == len({order.product_id for order in world.buys()})
    assert 1 == len(world.ledger.entry_pacing.entries)


ADA_USDC = ProductId("ADA-USDC")


def needing_a_conversion(**over: Any) -> World:
    """ADA is sold for USDC only, of which there is none; SOL for dollars."""
    fine = {"price_increment": Price("0.0001")}
    pegs = {ProductId(name): a_path(*[Bar(1.0)] * 400, price=1.0) for name in ("USDT-USD", "USDT-USDC")}
    return wishing(
        ADA_USDC,
        SOL,
        paths={SOL: a_path(*QUIET), ADA_USDC: a_path(*QUIET), **pegs},
        products=[listed(name, **fine) for name in pegs],
        **over,
    )


@pytest.mark.parametrize(
    "error", [VenueProtocol("source is not enabled"), VenueAuth("forbidden"), VenueProtocol("Account is not available")]
)
def test_entry_whose_conversion_is_refused_gives_its_place_to_another_product(error: Exception) -> None:
    """40: it used up the hour of another, in every cycle."""
    world = needing_a_conversion(risk__entries_per_hour_max=1)
    asked: list[Instant] = []

    def refuse_conversion(*_: Any) -> str:
        asked.append(world.clock.now())
        raise error

    world.meddlers["exchange.quote_conversion"] = refuse_conversion
    world.cycles(12)
    taken = {order.product_id for order in world.buys()}
    world.cycles(48)

    assert {SOL} == taken
    assert Notional(0) == world.ledger.cash.get(Asset("USDC"), Notional(0))
    # Once for each of the first waits, then every fifteen minutes, while an entry for it is wished at all.
    assert 1 <= len(asked) <= 5 + 60 // 3


def test_refused_conversion_is_not_asked_for_again_at_once() -> None:
    """40: a run a few seconds later finds the wait."""
    world = needing_a_conversion(risk__entries_per_hour_max=1)
    asked: list[bool] = []

    def refuse_conversion(*_: Any) -> str:
        asked.append(True)
        raise VenueProtocol("source is not enabled")

    world.meddlers["exchange.quote_conversion"] = refuse_conversion
    world.cycle()
    world.clock.advance(10)
    report = world.cycle()

    assert report.decision is not None
    assert (1, {SOL}) == (len(asked), {order.product_id for order in world.buys()})
    codes = {verdict.code for verdict in report.decision.verdicts if verdict.product_id == ADA_USDC}
    assert codes <= {DenialCode.QUOTE_ASSET_MISSING, DenialCode.HOUR_ENTRIES_EXCEED_MAX}


def test_conversion_that_nobody_answered_for_is_not_done_beside_the_next_one() -> None:
    """40: only a question was asked; the entry of a later cycle asks for itself, and one conversion pays for it."""
    world = needing_a_conversion()
    world.meddlers["exchange.quote_conversion"] = down
    world.cycle()
    del world.meddlers["exchange.quote_conversion"]

    for seconds in (10, 70, 70):
        world.clock.advance(seconds)
        world.cycle()

    assert 1 == sum(each.done_at is not None for each in world.stored.conversions.values())
    assert [] == [each for each in world.ledger.conversions.values() if each.is_open]


@pytest.mark.parametrize("bars", [1, 3])
def test_order_that_was_definitely_refused_and_taken_all_the_same_is_known_again(bars: int) -> None:
    """1: it left the ledger as refused; the venue shows it, open or filled, and it is followed like any other."""
    world = wishing(SOL, paths={SOL: a_path(DIP, *QUIET)})

    def lie(original: Callable[..., Any], intent: Any) -> Rejected:
        original(intent)
        world.meddlers.clear()
        return Rejected("INSUFFICIENT_FUND")

    world.meddlers["exchange.submit"] = lie
    world.cycle()
    forgotten = dict(world.ledger.orders)
    world.pass_bars(bars)
    report = world.cycle()
    world.cycles(2)

    assert {} == forgotten
    assert EventKind.ORDER_RECALLED in [note.kind for note in report.notes]
    assert {"SOL-USD"} == {lot.product_id for lot in world.ledger.lots.values()}
    assert 1 == len(world.buys())
    assert is_covered(world)
