"""Faults of the venue that the books took in without a word: each one rings now, and stops what depends on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from accidents.hostile_venue import QUIET
from accidents.one_account import BTC, DIP, SOL, World, a_path, a_world, with_settings
from factories import NOW, Scripted, a_held_ledger, a_proposal, a_quote, once, scripted, shipped_settings
from trader.cycle import CycleReport, run_cycle
from trader.cycle.alarms import ATTENTION
from trader.errors import VenueProtocol
from trader.model.cycle_state import AcceptedMark
from trader.model.denials import DenialCode
from trader.model.ids import Asset, ClientOrderId, Instant, ProductId, VenueOrderId, cycle_id_at
from trader.model.inputs import Tick
from trader.model.market import Quote
from trader.model.money import Notional, Price
from trader.model.orders import Fill, OrderStatusReport, Side
from trader.model.portfolio import find_unbelieved
from trader.stages.reconcile.ownership import VANISHED
from trader.stages.valuation import mark_equity

SOL_COIN = Asset("SOL")


def heard(world: World) -> tuple[CycleReport, list[str]]:
    """Run a cycle at this instant and hear what calls for attention."""
    told: list[str] = []

    def report(name: str, found: Sequence[str]) -> None:
        told.extend(found if name == ATTENTION else ())

    now = world.clock.now()
    ports = replace(world.ports(), report=report)
    return run_cycle(Tick(cycle_id_at(now), now, Instant(now + 210)), world.pipeline, ports), told


def codes(report: CycleReport) -> set[DenialCode]:
    """Why the proposals of a cycle were denied."""
    assert report.decision is not None
    return {each.code for each in report.decision.review.denials}


SETTINGS = shipped_settings()
WIDE = {
    f"risk__{name}": 60 for name in ("position_pct_max", "product_pct_max", "correlated_pct_max", "total_pct_max")
} | {
    "universe__tiers__tier_1_core__allocation_max_pct": 60,
    "universe__clusters__LAYER1__allocation_max_pct": 60,
}


# --- a fill whose numbers cannot be


def with_fill(world: World, side: Side, **over: Any) -> None:
    """From now on the venue tells other numbers of its fills of one side."""

    def page(original: Callable[..., Sequence[Fill]], *args: Any) -> Sequence[Fill]:
        return [replace(each, **over) if each.side is side else each for each in original(*args)]

    world.meddlers["exchange.fills"] = world.meddlers["exchange.order_fills"] = page


@pytest.mark.parametrize(
    ("side", "over"),
    [
        (Side.BUY, {"fee": Notional(1_000_000)}),
        (Side.BUY, {"fee": Notional(-1_000_000)}),
        (Side.BUY, {"price": Price("0.01")}),
        (Side.SELL, {"fee": Notional(1_000_000)}),
        (Side.SELL, {"fee": Notional(-1_000_000)}),
        (Side.SELL, {"price": Price(99_500)}),
        (Side.SELL, {"price": Price("0.01")}),
    ],
)
def test_absurd_fill_is_booked_rings_and_nothing_is_entered_by_it(side: Side, over: dict[str, Any]) -> None:
    """Its lot follows from it; nobody's wealth does: no mark moves, no drawdown, no entry into anything."""
    world = a_world(strategy=once(a_proposal("SOL-USD", max_hold_hours=1)), paths={SOL: a_path(DIP, *QUIET)})
    with_fill(world, side, **over)
    world.cycles(2)
    while not any(each.side is side for each in world.stored.fills):
        world.cycles(1)
    wish = with_settings(world, scripted(a_proposal("BTC-USD", notional="100"), a_proposal("SOL-USD", notional="100")))
    before = wish.ledger.equity_marks

    (first, rang), again = heard(wish), []
    wish.pass_bars()
    for _ in range(2):
        again.append(heard(wish)[1])
        wish.pass_bars()

    # Where it leaves less cash in the books, or more, that is asked before the equity, which nobody knows either.
    money = {DenialCode.CASH_NEGATIVE, DenialCode.CAPITAL_MISSING}
    assert codes(first) <= money or codes(first) == {DenialCode.EQUITY_UNKNOWN, DenialCode.PRODUCT_REDUCE_ONLY}
    assert first.decision is not None
    assert first.decision.equity is None
    (why,) = wish.ledger.reduce_only.values()
    assert f"{next(iter(over.values()))}" in why
    looks = [[line for line in lines if line.startswith("SOL ")] for lines in (rang, *again)]
    assert [[f"SOL takes no entries until a person has looked: {why}"]] * 3 == looks
    assert (before, False) == (wish.ledger.equity_marks, wish.ledger.drawdown_halt)
    assert (side is Side.BUY) is bool(wish.ledger.lots)


# --- an order that the venue shows no longer


def unlisting(world: World, *, found: bool) -> None:
    """From now on the venue's listings leave our active orders out; by itself each is *found*, or not."""
    gone = {each.venue_order_id for each in world.stored.active.values()}

    def page(original: Callable[..., Sequence[OrderStatusReport]], *args: Any) -> Sequence[OrderStatusReport]:
        return [each for each in original(*args) if each.venue_order_id not in gone]

    def single(original: Callable[..., OrderStatusReport], name: VenueOrderId) -> OrderStatusReport:
        if name in gone and not found:
            raise VenueProtocol(f"there is no order {name}")
        return original(name)

    world.meddlers |= {"exchange.orders": page, "exchange.known_orders": page, "exchange.order": single}


def with_one_entry() -> World:
    """An entry that rests at 100 in a market that stays above it."""
    return a_world(strategy=once(a_proposal("SOL-USD")), paths={SOL: a_path(*QUIET)})


def with_one_lot() -> World:
    """A lot that its bracket covers."""
    world = a_world(strategy=once(a_proposal("SOL-USD")), paths={SOL: a_path(DIP, *QUIET)})
    world.cycles(3)
    assert world.ledger.lots
    return world


@pytest.mark.parametrize("make", [with_one_entry, with_one_lot])
def test_order_that_the_venue_shows_no_longer_rings_and_nothing_takes_its_place(make: Callable[[], World]) -> None:
    """It may have filled: it stays what it was, its asset is in reduce-only, and every cycle rings."""
    world = make()
    world.cycles(1)
    (lost,) = world.ledger.active_orders
    sent = world.sent()
    unlisting(world, found=False)

    first, rang = heard(world)[1], []
    for _ in range(5):
        world.pass_bars()
        rang.append(heard(world)[1])

    why = world.ledger.reduce_only[SOL_COIN]
    assert f"{lost.intent.client_order_id} ({lost.venue_order_id})" in why
    assert ([], [[f"SOL takes no entries until a person has looked: {why}"]] * 5) == (first, rang)
    assert sent == world.sent()
    assert lost.status is world.ledger.orders[lost.intent.client_order_id].status
    assert 1 == sum(text.count(f'"reason":"{VANISHED}"') for text in world.audit.texts.values())


def test_order_that_listings_leave_out_is_found_by_itself() -> None:
    """Its own page counts for more than a list: nothing rings, and its end is seen."""
    world = with_one_entry()
    world.cycles(1)
    (order,) = world.ledger.active_orders
    unlisting(world, found=True)

    rang = [heard(world)[1] for _ in range(6) if not world.pass_bars()]

    assert ([[]] * 6, {}) == (rang, world.ledger.reduce_only)
    assert world.ledger.orders[order.intent.client_order_id].status.is_final


def test_order_that_is_shown_again_is_forgiven() -> None:
    """What the venue found again is no oddity, and its asset may be bought again."""
    world = with_one_lot()
    unlisting(world, found=False)
    world.cycles(3)
    assert world.ledger.reduce_only

    world.meddlers.clear()
    _, rang = heard(world)

    assert ([], {}) == (rang, world.ledger.reduce_only)
    assert {None} == {each.missing_since for each in world.ledger.orders.values()}


# --- a lot whose price nobody believes


def quoting(world: World, spoil: Callable[[Quote], Quote | None], product_id: ProductId = SOL) -> None:
    """From now on the quotes of one product are spoilt, or are none."""

    def quotes(original: Callable[..., Mapping[ProductId, Quote]], names: Any) -> dict[ProductId, Quote]:
        told = {each: spoil(quote) if each == product_id else quote for each, quote in original(names).items()}
        return {each: quote for each, quote in told.items() if quote is not None}

    world.meddlers["market.quotes"] = quotes


SPOILT: Mapping[str, Callable[[Quote], Quote | None]] = {
    "SPREAD_EXCEEDS_MAX": lambda quote: replace(quote, bid=Price(70), ask=Price(75)),
    "QUOTE_CROSSED": lambda quote: replace(quote, bid=Price(70), ask=Price(69)),
    "QUOTE_STALE": lambda quote: replace(quote, bid=Price(70), ask=Price("70.01"), time=Instant(quote.time - 300)),
    "QUOTE_MISSING": lambda _: None,
}


@pytest.mark.parametrize("code", SPOILT)
def test_price_that_is_not_believed_for_long_rings_and_stops_entries(code: str) -> None:
    """Half of the books fall unseen: a blip is waited out, then nothing is bought and every tick rings."""
    wish = a_proposal("SOL-USD", notional="5000", max_hold_hours=48)
    world = a_world(strategy=once(wish), paths={SOL: a_path(DIP, *QUIET)}, **WIDE)
    world.cycles(3)
    later = with_settings(world, scripted(a_proposal("BTC-USD", notional="300")), **WIDE)
    quoting(later, SPOILT[code])

    runs = []
    for _ in range(5):
        runs.append(heard(later))
        later.pass_bars()

    told = [found for _, found in runs]
    assert [[], []] == told[:2]
    assert [f"SOL-USD is held, and no price of it has been believed for {age} s: {code}" for age in (900, 1200)] == [
        *told[2],
        *told[3],
    ]
    assert DenialCode.MARK_STALE not in codes(runs[1][0])
    assert [{DenialCode.MARK_STALE}] * 3 == [codes(report) for report, _ in runs[2:]]
    assert not any(report.decision.plan.intents for report, _ in runs[2:] if report.decision is not None)

    quoting(later, lambda quote: quote)
    later.pass_bars()
    report, rang = heard(later)

    assert ([], {}) == (rang, later.ledger.unbelieved)
    assert DenialCode.MARK_STALE not in codes(report)


def test_exit_of_another_coin_goes_on_while_a_price_is_not_believed() -> None:
    """Nothing is entered; what is due is sold."""
    said = [(a_proposal("SOL-USD"), a_proposal("BTC-USD", max_hold_hours=1))]
    world = a_world(
        strategy=Scripted(lambda _: said.pop(0) if said else ()),
        paths={SOL: a_path(DIP, *QUIET), BTC: a_path(DIP, *QUIET)},
    )
    world.cycles(3)
    assert {SOL, BTC} == {lot.product_id for lot in world.ledger.lots.values()}
    quoting(world, SPOILT["SPREAD_EXCEEDS_MAX"])

    world.cycles(14)

    assert [SOL] == [lot.product_id for lot in world.ledger.lots.values()]
    assert [SOL] == list(world.ledger.unbelieved)


def test_price_of_one_listing_says_nothing_of_another_book() -> None:
    """The same coin is held in two books: the one whose quotes are believed keeps nobody from hearing of the other."""
    ledger = a_held_ledger(accepted_marks={Asset("ETH"): AcceptedMark(Price(100), NOW)})
    (lot,) = ledger.lots.values()
    other = replace(lot, lot_id=ClientOrderId("t247-other"), product_id=ProductId("ETH-USDT"), quote=Asset("USDT"))
    ledger = ledger.with_lot(other)

    for age in (0, 300, 600, 900):
        now = Instant(NOW + age)
        ledger = mark_equity(ledger, {lot.product_id: a_quote("ETH-USD", time=now)}, {}, now, SETTINGS.risk)[0]

    assert {"ETH-USDT": 900} == find_unbelieved(ledger, Instant(NOW + 900))
