"""Accidents 39 and 42: a book that is closed under one of its names, and numbers of a product that no order could keep.

39: the USD book is view-only where the user lives, the USDC book is open. Both are one book; whole cycles buy, protect
and sell under the name that takes orders.

42: an increment of "0". A row is spoilt on its way from the market to the cycle, as Coinbase would write it and as the
adapter reads it; the simulated venue goes on with the right numbers, unless a test says otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from accidents.hostile_venue import MODES, holding_due, is_covered, resting, show
from accidents.one_account import BTC, DIP, ETH, SOL, Bar, World, a_path, a_world, listed
from factories import SCOPE, Scripted, a_proposal
from trader.adapters.coinbase.answers import read_or_explain
from trader.adapters.coinbase.wire.market import read_product
from trader.cycle import CycleOutcome, CycleReport
from trader.errors import DataError, MissingData
from trader.model.decisions import Outcome, Verdict
from trader.model.denials import DenialCode
from trader.model.events import EventKind
from trader.model.ids import Asset, ProductId
from trader.model.market import Product
from trader.model.money import Price, Quantity, plain
from trader.model.orders import OrderConfiguration, OrderPurpose
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
    {"price": "0.001"},
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
        risk__correlated_pct_max=100,
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


# --- 39

SOL_USDC = ProductId("SOL-USDC")
PEGS = (ProductId("USDT-USD"), ProductId("USDT-USDC"))
#: Every way in which the venue takes no order of ours under a name; None: it does not list it at all.
CLOSED: dict[str, dict[str, Any] | None] = {
    **{name: flags for name, flags in MODES.items() if name != "post_only"},
    "not listed": None,
}
each_closed = pytest.mark.parametrize("closed", CLOSED)


def close(world: World, product_id: ProductId, closed: str) -> None:
    """From now on the venue takes no order under this name."""
    flags = CLOSED[closed]
    if flags is None:
        del world.market._products[product_id]
    else:
        show(world, product_id, **flags)


def wants_sol(context: Any) -> Any:
    """Want SOL under whichever name it is a candidate, and hold it for an hour."""
    return tuple(a_proposal(each, max_hold_hours=1) for each in context.candidates if each.startswith("SOL-"))


def a_world_with_two_listings(
    *, pays_with: str = "USDC", auto_convert: bool = False, after: Sequence[Bar] = QUIET, **over: Any
) -> World:
    """SOL against USD and against USDC on one book; the money is in one of them, and may be converted or not."""
    other = "USD" if pays_with == "USDC" else "USDC"
    path = {"USDT": [f"USDT-{pays_with}"], other: [f"USDT-{pays_with}", f"USDT-{other}"]}
    return a_world(
        strategy=Scripted(wants_sol),
        paths={SOL: a_path(DIP, *after), **dict.fromkeys(PEGS, a_path(*[Bar(1.0)] * 400, price=1.0))},
        products=[listed("SOL-USDC", alias=SOL), *(listed(each, price_increment=Price("0.0001")) for each in PEGS)],
        opening={Asset(pays_with): "10000"},
        app__accounting_asset=pays_with,
        execution__auto_convert=auto_convert,
        risk__pegs=path,
        **over,
    )


def lots(world: World) -> set[ProductId]:
    return {lot.product_id for lot in world.ledger.lots.values()}


@each_closed
def test_base_is_bought_on_the_listing_that_is_open(closed: str) -> None:
    """39: cash in USDC, SOL-USD closed: no NOT_TRADABLE, no QUOTE_MISSING; it is bought, covered, and sold again."""
    world = a_world_with_two_listings()
    close(world, SOL, closed)

    report = world.cycle()

    assert Outcome.ENTERING is verdict_on(report, SOL_USDC).outcome
    assert SOL not in {verdict.product_id for verdict in report.decision.verdicts}  # type: ignore[union-attr]
    world.pass_bars()
    world.cycle()
    assert ({SOL_USDC}, {SOL_USDC}, True) == (bought(world), lots(world), is_covered(world))
    world = with_strategy(world, Scripted())
    world.clock.advance(3600)
    assert CycleOutcome.COMPLETED is world.cycle().outcome
    assert (set(), 0) == (lots(world), resting(world))


@each_closed
def test_base_is_bought_on_the_canonical_listing_where_the_alias_is_closed(closed: str) -> None:
    """39: the other way round, with cash in USD."""
    world = a_world_with_two_listings(pays_with="USD")
    close(world, SOL_USDC, closed)

    world.cycles(2)

    assert {SOL} == bought(world)


@each_closed
def test_cash_is_converted_for_the_listing_that_is_open(closed: str) -> None:
    """39: cash in USD alone: what is open is paid with USDC."""
    world = a_world_with_two_listings(pays_with="USD", auto_convert=True)
    close(world, SOL, closed)

    world.cycles(2)

    assert ({SOL_USDC}, 1) == (bought(world), len(world.stored.conversions))


@each_closed
@pytest.mark.parametrize("also", ["view_only", "cancel_only"])
def test_base_of_which_every_listing_is_closed_is_not_tradable(closed: str, also: str) -> None:
    """39: and says so once, under one name."""
    world = a_world_with_two_listings()
    close(world, SOL_USDC, also)
    close(world, SOL, closed)

    report = world.cycle()

    (verdict,) = [each for each in report.decision.verdicts if each.product_id.startswith("SOL-")]  # type: ignore[union-attr]
    assert (DenialCode.NOT_TRADABLE, set()) == (verdict.code, bought(world))


def test_open_listing_that_nobody_pays_with_is_no_way_in() -> None:
    """39: euros are no preferred quote: the base stays closed, whatever SOL-EUR says."""
    world = a_world_with_two_listings()
    world.market._products[ProductId("SOL-EUR")] = listed("SOL-EUR", alias=SOL)
    close(world, SOL, "view_only")
    close(world, SOL_USDC, "view_only")

    assert DenialCode.NOT_TRADABLE is verdict_on(world.cycle(), SOL).code


@each_closed
def test_listing_that_closes_within_the_hour_is_left_for_the_other(closed: str) -> None:
    """39: the first order is withheld, and the flags that were read for it count; what is gone, goes with the list."""
    world = a_world_with_two_listings(pays_with="USD", auto_convert=True)
    world = with_strategy(world, Scripted())
    world.cycle()
    close(world, SOL, closed)
    world.pass_bars()
    world = with_strategy(world, Scripted(wants_sol))

    reports = world.cycles(2 if closed != "not listed" else 13)

    assert {SOL_USDC} == bought(world)
    assert DenialCode.HYSTERESIS not in {each.code for r in reports for each in r.decision.verdicts}  # type: ignore[union-attr]


@pytest.mark.parametrize("silent", [SOL, SOL_USDC], ids=str)
@pytest.mark.parametrize("held", [SOL, SOL_USDC], ids=str)
@pytest.mark.parametrize("why", ["time", "flatten", "bare"])
def test_lot_on_either_listing_is_sold_and_protected_by_the_quote_of_the_other(
    held: ProductId, silent: ProductId, why: str
) -> None:
    """39: one book: if its quote is told under one name only, that is the quote of both."""
    world = a_world_with_two_listings(pays_with=held.partition("-")[2])
    world.cycles(2)
    assert {held} == lots(world)
    world = with_strategy(world, Scripted())

    def quotes(original: Callable[..., Any], names: Any) -> Any:
        return {**original(names), **{each: MissingData("none") for each in names if each == silent}}

    world.meddlers["market.quotes"] = quotes
    if why == "bare":
        world.venue.cancel([each.venue_order_id for each in world.ledger.active_orders if each.venue_order_id])
        world.cycle()
        assert is_covered(world)
    world.kill_switch.word = TradingState.FLATTEN if why == "flatten" else TradingState.RUN
    world.clock.advance(3600)

    report = world.cycle()

    assert (CycleOutcome.COMPLETED, set(), 0) == (report.outcome, lots(world), resting(world))


@pytest.mark.parametrize("held", [SOL, SOL_USDC], ids=str)
@each_closed
def test_lot_is_sold_where_it_was_bought_when_the_other_listing_closes(held: ProductId, closed: str) -> None:
    """39: protected and sold under its own name."""
    world = a_world_with_two_listings(pays_with=held.partition("-")[2])
    world.cycles(2)
    close(world, SOL if held == SOL_USDC else SOL_USDC, closed)
    world = with_strategy(world, Scripted())
    world.venue.cancel([each.venue_order_id for each in world.ledger.active_orders if each.venue_order_id])
    world.cycle()
    assert ({held}, True) == (lots(world), is_covered(world))
    world.clock.advance(3600)

    report = world.cycle()

    assert (CycleOutcome.COMPLETED, set()) == (report.outcome, lots(world))


@each_closed
def test_lot_of_a_listing_that_closes_keeps_its_bracket(closed: str) -> None:
    """33, 39: nothing of it can be sold just now; what covers it stays, and no second lot is bought next door."""
    world = a_world_with_two_listings(pays_with="USD", auto_convert=True)
    world.cycles(2)
    close(world, SOL, closed)
    world.clock.advance(3600)

    world.cycles(3)

    assert ({SOL}, {SOL}, True) == (bought(world), lots(world), is_covered(world))
    assert 0 == world.sent("cancel")


def test_rest_is_offered_at_the_ask_that_the_open_listing_is_quoted_with() -> None:
    """33, 39: below its stop, and the book turns post-only while it is sold; the canonical listing has no quote."""
    world = a_world_with_two_listings(after=[Bar(), *[Bar(close=90.0)] * 20])
    close(world, SOL, "view_only")
    world.cycles(2)
    assert {SOL_USDC} == lots(world)
    world = with_strategy(world, Scripted())
    world.venue.cancel([each.venue_order_id for each in world.ledger.active_orders if each.venue_order_id])
    world.meddlers["market.quotes"] = lambda original, names: {
        **original(names),
        **dict.fromkeys({SOL}.intersection(names), MissingData("none")),
    }

    def submit(original: Callable[..., Any], intent: Any) -> Any:
        show(world, SOL_USDC, post_only=True)
        return original(intent)

    world.meddlers["exchange.submit"] = submit
    world.pass_bars()
    world.cycle()

    assert is_covered(world)
    assert [OrderConfiguration.POST_ONLY_GTC] == [each.intent.configuration for each in world.ledger.active_orders]


# --- 42: not held


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


# --- 42: held


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
    (bracket,) = [each.venue_order_id for each in world.ledger.active_orders]
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
    (bracket,) = [each.venue_order_id for each in world.ledger.active_orders if each.is_at_venue]
    world.venue.cancel((bracket,))  # type: ignore[arg-type]
    world.pass_bars()
    world.cycles(2)
    assert {} == world.ledger.lots


# --- 42: never sane


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
