"""Accident 42: an increment of "0", and whatever else of a product's numbers no order could keep.

A row is spoilt on its way from the market to the cycle, as Coinbase would write it and as the adapter reads it; the
simulated venue goes on with the right numbers, unless a test says otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from accidents.hostile_venue import holding_due, is_covered, resting, show
from accidents.one_account import BTC, DIP, ETH, SOL, Bar, World, a_path, a_world
from factories import SCOPE, Scripted, a_proposal
from trader.adapters.coinbase.answers import read_or_explain
from trader.adapters.coinbase.wire.market import read_product
from trader.cycle import CycleOutcome, CycleReport
from trader.errors import DataError
from trader.model.decisions import Outcome, Verdict
from trader.model.denials import DenialCode
from trader.model.events import EventKind
from trader.model.ids import ProductId
from trader.model.market import Product
from trader.model.money import Price, Quantity, plain
from trader.model.orders import OrderPurpose
from trader.model.trading_state import TradingState
from unit.adapters.coinbase.stub import a_wire_product

Change = Callable[[dict[str, Any]], dict[str, Any]]
QUIET = [Bar()] * 400

#: What an increment cannot be, and a limit not either; the wire has numbers as text, and null or "" for nothing.
NONSENSE = ["-1", "NaN", "Infinity", "1e30", "1e-30", "1e999999", "abc", "", None, 0.5, True, {}]
INCREMENTS = ["base_increment", "quote_increment", "price_increment"]
LIMITS = ["base_min_size", "base_max_size", "quote_min_size", "quote_max_size"]
#: What they are called here, where that is another name.
OURS = {
    "base_min_size": "base_size_min",
    "base_max_size": "base_size_max",
    "quote_min_size": "quote_size_min",
    "quote_max_size": "quote_size_max",
    "approximate_quote_24h_volume": "volume_24h",
}
ODD_ROWS = [
    *({name: value} for name in INCREMENTS for value in ("0", "0.000", *NONSENSE)),
    *({name: value} for name in LIMITS for value in NONSENSE),
    {"price_increment": "1000"},
    {"base_increment": "200000"},
    dict.fromkeys(INCREMENTS, "0"),
    dict.fromkeys([*INCREMENTS, *LIMITS], ""),
    {"price": "-1"},
    {"price": "NaN"},
    {"approximate_quote_24h_volume": "1e999999"},
]
#: One of each kind.
ODD_KINDS: list[dict[str, Any]] = [
    {"base_increment": "0"},
    {"price_increment": "0"},
    {"quote_increment": "-1"},
    {"base_increment": "NaN"},
    {"price_increment": "1e30"},
    {"base_increment": "1e-30"},
    {"price_increment": ""},
    {"base_increment": None},
    {"base_min_size": "-1"},
    {"base_min_size": "1e30"},
    {"quote_min_size": "NaN"},
    {"price_increment": "1000"},
    {"base_increment": "200000"},
    dict.fromkeys([*INCREMENTS, *LIMITS], ""),
    {"price": "-1"},
]
each_odd_kind = pytest.mark.parametrize("row", ODD_KINDS, ids=str)


def spoilt(row: Mapping[str, Any]) -> Change:
    return lambda right: {**right, **row}


def as_wire(product: Product) -> dict[str, Any]:
    """A product as Coinbase writes it."""
    sizes = {
        "base_increment": product.base_increment,
        "quote_increment": product.quote_increment,
        "price_increment": product.price_increment,
        "base_min_size": product.base_size_min,
        "base_max_size": product.base_size_max,
        "quote_min_size": product.quote_size_min,
        "quote_max_size": product.quote_size_max,
        "approximate_quote_24h_volume": product.volume_24h,
    }
    flags = ("is_disabled", "trading_disabled", "cancel_only", "limit_only", "post_only", "view_only")
    return a_wire_product(
        product.product_id,
        price=plain(product.price) if product.price is not None else "",
        alias=product.alias or "",
        status=product.status,
        auction_mode=product.in_auction,
        **{name: plain(value) for name, value in sizes.items()},
        **{name: getattr(product, name) for name in flags},
    )


def spoil(world: World, change: Change, *product_ids: ProductId) -> None:
    """From now on the rows of these products are changed on their way."""

    def products(original: Callable[..., Mapping[ProductId, Product]], *wanted: Any) -> Any:
        return {key: read(key, each) if key in product_ids else each for key, each in original(*wanted).items()}

    def read(product_id: ProductId, product: Product | DataError) -> Product | DataError:
        if isinstance(product, DataError):
            return product
        return read_or_explain(f"GET /products: {product_id}", read_product, change(as_wire(product)))

    world.meddlers["market.products"] = products


def wanting(*product_ids: ProductId) -> World:
    """A strategy that wants these whenever it is asked, as far as they are candidates."""

    def answer(context: Any) -> Any:
        return tuple(a_proposal(each) for each in product_ids if each in context.candidates)

    return a_world(
        strategy=Scripted(answer),
        paths={each: a_path(DIP, *QUIET) for each in product_ids},
        risk__entries_per_cycle_max=8,
        risk__entry_spacing_seconds=0,
        strategies__rules_engine__trades_per_cycle_max=8,
    )


def with_strategy(world: World, strategy: Scripted) -> World:
    """The same world, its one strategy replaced."""
    pipeline = world.pipeline
    return replace(world, pipeline=replace(pipeline, strategies=dict.fromkeys(pipeline.strategies, strategy)))


def verdict_on(report: CycleReport, product_id: ProductId) -> Verdict:
    assert report.decision is not None
    return next(each for each in report.decision.verdicts if each.product_id == product_id)


def bought(world: World) -> set[ProductId]:
    return {ProductId(order.product_id) for order in world.buys()}


def test_row_that_is_read_as_it_is_changes_nothing() -> None:
    """42: the hand between market and cycle of these tests is a true one."""
    world = wanting(SOL, ETH)
    spoil(world, dict, BTC, SOL, ETH)

    world.cycles(3)

    assert {SOL, ETH} == bought(world)


# --- not held


@pytest.mark.parametrize("row", ODD_ROWS, ids=str)
def test_product_of_which_the_numbers_make_no_sense_is_left_out_with_its_reason(row: dict[str, Any]) -> None:
    """42: its cause stands in the ledger and in its verdict, cycle by cycle; the others are traded as ever."""
    world = wanting(SOL, ETH)
    spoil(world, spoilt(row), SOL)

    reports = world.cycles(3)

    assert {ETH} == bought(world)
    assert world.ledger.products is not None
    cause = world.ledger.products.causes[SOL]
    assert cause.startswith("GET /products: SOL-USD: ")
    assert any(name in cause or OURS.get(name, name) in cause for name in row)
    for report in reports:
        verdict = verdict_on(report, SOL)
        assert (DenialCode.PRODUCT_MISSING, cause) == (verdict.code, verdict.details["cause"])
        assert CycleOutcome.COMPLETED is report.outcome


def test_product_comes_back_with_its_numbers() -> None:
    """42: with the next list, and without a trace."""
    world = wanting(SOL)
    spoil(world, spoilt({"base_increment": "0"}), SOL)
    world.cycle()
    world.meddlers.clear()

    world.clock.advance(3600)
    world.cycles(6)

    assert {SOL} == bought(world)
    assert world.ledger.products is not None
    assert {} == world.ledger.products.causes


@each_odd_kind
def test_numbers_that_stop_making_sense_before_an_order_leaves_stop_it(row: dict[str, Any]) -> None:
    """42: the list was right a minute ago; read anew for the entry, the row is not."""
    world = wanting(SOL)
    world.meddlers["exchange.submit"] = lambda *_: pytest.fail("an order left")
    world.meddlers["market.depth"] = lambda original, *asked: (spoil(world, spoilt(row), SOL), original(*asked))[1]

    report = world.cycle()

    (reason,) = [note.body["reason"] for note in report.notes if note.kind is EventKind.ORDER_WITHHELD]
    assert reason.startswith("GET /products: SOL-USD: ")
    assert set() == bought(world)


def test_increment_that_reaches_the_cycle_unread_is_refused_there_too() -> None:
    """42: whatever market it is: the simulated one hands over what a test says."""
    world = wanting(SOL, ETH)
    show(world, SOL, base_increment=Quantity(0), price_increment=Price("NaN"))
    world.meddlers["market.quotes"] = lambda original, names: original([each for each in names if each != SOL])

    report = world.cycle()

    assert {ETH} == bought(world)
    assert "must be" in str(verdict_on(report, SOL).details["cause"])


# --- held


@pytest.mark.parametrize("hours", [0, 1], ids=["the list is fresh", "the list is read anew"])
@pytest.mark.parametrize("why", ["time", "flatten"])
@each_odd_kind
def test_held_product_whose_numbers_stop_making_sense_is_sold_by_the_last_that_did(
    row: dict[str, Any], why: str, hours: int
) -> None:
    """42: the bracket goes, the sale leaves in the increments of before, nothing crashes."""
    world = holding_due()
    if why == "flatten":
        world.kill_switch.word = TradingState.FLATTEN
    spoil(world, spoilt(row), SOL)
    world.clock.advance(hours * 3600)

    report = world.cycle()

    assert CycleOutcome.COMPLETED is report.outcome
    assert ({}, 0) == (world.ledger.lots, resting(world))


@each_odd_kind
def test_held_product_whose_numbers_stop_making_sense_is_protected_by_the_last_that_did(row: dict[str, Any]) -> None:
    """42: its bracket was lost; the new one is in the increments of before, and the verdict says what is wrong."""
    world = holding_due(hours=48)
    (bracket,) = [each.venue_order_id for each in world.ledger.active_orders()]
    spoil(world, spoilt(row), SOL)
    world.venue.cancel((bracket,))  # type: ignore[arg-type]

    world.cycles(2)
    report = world.cycle()

    assert is_covered(world)
    verdict = verdict_on(report, SOL)
    assert (Outcome.HELD, DenialCode.PRODUCT_MISSING) == (verdict.outcome, verdict.code)
    assert str(verdict.details["cause"]).startswith("GET /products: SOL-USD: ")
    assert CycleOutcome.COMPLETED is report.outcome


def test_nothing_more_is_bought_where_the_numbers_make_no_sense() -> None:
    """42: the last that did serve what is held, not what might be."""
    world = holding_due(hours=48)
    spoil(world, spoilt({"base_increment": "0"}), SOL)
    wants = Scripted(lambda context: (a_proposal("SOL-USD"),) if SOL in context.candidates else ())
    world = with_strategy(world, wants)
    before = len(world.buys())

    world.cycles(20)

    assert before == len(world.buys())
    assert all(SOL not in context.candidates for context in wants.seen)
    assert wants.seen[0].held[SOL].bars is not None


@pytest.mark.parametrize("flags", [{"cancel_only": True}, {"trading_disabled": True}, {"status": "delisted"}], ids=str)
@pytest.mark.parametrize(
    "row", [{"base_increment": "0"}, {"price_increment": ""}, dict.fromkeys(LIMITS, "NaN")], ids=str
)
def test_flags_beside_senseless_numbers_still_count(row: dict[str, Any], flags: dict[str, Any]) -> None:
    """33, 42: a product on its way out has neither increments nor a market; its bracket stays until it is open."""
    world = holding_due()
    spoil(world, spoilt({**row, **flags}), SOL)

    for _ in range(3):
        world.cycle()
        assert is_covered(world)
        world.pass_bars()
    assert 0 == world.sent("cancel")
    spoil(world, spoilt(row), SOL)
    world.cycle()

    assert {} == world.ledger.lots


@pytest.mark.parametrize("why", ["time", "flatten"])
@pytest.mark.parametrize(
    "row", [{"base_min_size": "1000000"}, {"quote_max_size": "0.5"}, {"base_max_size": "0"}], ids=str
)
def test_limits_that_contradict_each_other_take_no_bracket_away(row: dict[str, Any], why: str) -> None:
    """33, 42: they may be meant; what covers a lot stays, and what nothing covers is offered all the same."""
    world = holding_due()
    world.kill_switch.word = TradingState.FLATTEN if why == "flatten" else TradingState.RUN
    spoil(world, spoilt(row), SOL)

    report = world.cycle()

    assert (0, True) == (world.sent("cancel"), is_covered(world))
    assert (CycleOutcome.ABORTED, 1) == (report.outcome, len(report.withheld_exits))
    (bracket,) = [each.venue_order_id for each in world.ledger.active_orders() if each.is_at_venue]
    world.venue.cancel((bracket,))  # type: ignore[arg-type]
    world.pass_bars()
    world.cycles(2)
    assert {} == world.ledger.lots


# --- never sane


def edit_ledger(world: World, change: Callable[[dict[str, Any]], None]) -> None:
    """Change what is stored, as an older release may have left it."""
    stored = json.loads(world.store.texts[SCOPE])
    change(stored["ledger"])
    world.store.texts[SCOPE] = json.dumps(stored)


def store_row(world: World, **numbers: str) -> None:
    """Store other numbers of SOL; without any, nothing of it at all."""

    def change(ledger: dict[str, Any]) -> None:
        rows = ledger["products"]["products"]
        kept = [{**each, **numbers} if each["product_id"] == SOL else each for each in rows]
        ledger["products"]["products"] = kept if numbers else [each for each in rows if each["product_id"] != SOL]

    edit_ledger(world, change)


def holding_two() -> World:
    """A lot of SOL and one of ETH, both with their brackets, both due."""
    wanted = [a_proposal(each, max_hold_hours=1) for each in ("SOL-USD", "ETH-USD")]
    asked: list[int] = []

    def answer(_: Any) -> Any:
        asked.append(1)
        return tuple(wanted) if len(asked) == 1 else ()

    world = with_strategy(wanting(SOL, ETH), Scripted(answer))
    world.cycles(3)
    assert {SOL, ETH} == {lot.product_id for lot in world.ledger.lots.values()}
    world.clock.advance(3600 - 2 * 300)
    return world


@pytest.mark.parametrize("state", list(TradingState))
@pytest.mark.parametrize("is_bare", [False, True], ids=["covered", "bare"])
@pytest.mark.parametrize(
    "numbers",
    [{"base_increment": "0"}, {"price_increment": "0"}, {"base_increment": "-1", "quote_size_max": "-1"}, {}],
    ids=["base", "price", "negative", "unknown"],
)
def test_lot_of_which_no_sane_numbers_were_ever_known_hinders_no_other(
    numbers: dict[str, str], is_bare: bool, state: TradingState
) -> None:
    """42: neither the stored row nor that of the venue: the run goes on, sells the other lot, and names this one."""
    world = holding_two()
    store_row(world, **numbers)
    spoil(world, spoilt({"base_increment": "0"}), SOL)
    sol = next(lot.lot_id for lot in world.ledger.lots.values() if lot.product_id == SOL)
    if is_bare:
        world.venue.cancel([each.venue_order_id for each in world.ledger.orders_of(sol) if each.venue_order_id])
    world.kill_switch.word = state

    reports = world.cycles(2)

    sells = state.permits(OrderPurpose.EXIT)
    assert ({SOL} if sells else {SOL, ETH}) == {lot.product_id for lot in world.ledger.lots.values()}
    assert {CycleOutcome.ABORTED if sells else CycleOutcome.HALTED} == {each.outcome for each in reports}
    assert [is_bare] * 2 == [sol in report.exposed for report in reports]
    assert (Decimal(0) if is_bare else world.ledger.lots[sol].quantity) == resting(world)


def test_lot_of_which_no_sane_numbers_were_ever_known_goes_when_they_come() -> None:
    """42: by what is read of the product, the list not waited for."""
    world = holding_two()
    store_row(world, base_increment="0")
    spoil(world, spoilt({"base_increment": "0"}), SOL)
    world.cycles(2)
    world.meddlers.clear()

    world.cycle()

    assert world.ledger.products is not None
    assert ({}, {}) == (world.ledger.lots, world.ledger.products.causes)
