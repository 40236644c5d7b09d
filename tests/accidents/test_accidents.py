"""Other systems' accidents. Each happened to a real trading system; each is a test of what must hold here.

The number in a docstring is that of the accident. Most are told as whole cycles on a simulated venue, because that is
where they happened. Numbers 1 to 3 are told by the crash tests in ``simulation``, 14 and 18 by the contract of a venue
and the tests of its wire, 21, 22 and 29 by those of the adapter and the entry, 27 by those of the backtest, and 28 by
the test of every key; 39 and 42 in test_odd_markets; 47 and 48, about prices, in test_believed_prices; 49 to 51, 55
and 56, which strategies made, in test_strategies; 54 in test_protection_at_venue.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accidents.one_account import (
    BTC,
    DIP,
    ETH,
    SOL,
    USD,
    USDC,
    Bar,
    World,
    a_path,
    a_world,
    answering,
    down,
    listed,
    with_settings,
)
from factories import PREFIX, SCOPE, Scripted, a_proposal, once, scripted, shipped_settings
from factories_venue import START, STEP, an_intent
from trader.cycle import CycleOutcome
from trader.entry.wiring import VenueAccess, choose_exchange
from trader.errors import ConfigError, LedgerCorrupt, StoreUnavailable
from trader.model.capital import find_imbalance
from trader.model.decisions import Outcome
from trader.model.denials import DenialCode
from trader.model.ids import Asset, ClientOrderId, Instant, ProductId
from trader.model.money import Notional, Price, Quantity
from trader.model.order_life import OrderStatus
from trader.model.orders import Fill, OrderIntent, OrderPurpose, Side, Submission, Unknown
from trader.model.parent_life import ParentStyle
from trader.model.trading_state import TradingState
from trader.ports import ExchangeAdapter
from trader.settings import Settings
from trader.settings.app import Mode
from trader.settings.checks import find_contradictions
from trader.strategies import registry

QUIET = [Bar()] * 24


def a_world_that_bought(*after: Bar, **world: Any) -> World:
    """A world that has bought three SOL at about 100, and stands one bar later: *after* is what comes then."""
    plain: dict[str, Any] = {
        "strategy": once(a_proposal("SOL-USD", take_profit_pct=Decimal(60), stop_loss_pct=Decimal(6))),
        "paths": {SOL: a_path(DIP, *after, *QUIET)},
    }
    bought = a_world(**{**plain, **world})
    bought.cycles(1)
    bought.cycle()
    assert [SOL] == [lot.product_id for lot in bought.ledger.lots.values()]
    return bought


def code_of(report: Any, product_id: ProductId) -> DenialCode | None:
    return next(verdict.code for verdict in report.decision.verdicts if verdict.product_id == product_id)


def lost(original: Callable[[OrderIntent], Submission], intent: OrderIntent) -> Submission:
    """A meddler: the order arrives, the answer does not."""
    original(intent)
    return Unknown("the answer was lost")


def never_sent(*_: Any) -> Submission:
    """A meddler: neither arrives."""
    return Unknown("the request was lost")


class PowerCut(BaseException):
    """The invocation ends here, whatever it was doing."""


# --- 4


def test_fill_reported_in_quote_currency_never_becomes_a_position_in_base() -> None:
    """4: 300 dollars read as 300 coins: nothing is booked, the product may only be reduced, the alarm is recorded."""
    world = a_world(strategy=scripted(a_proposal("SOL-USD")), paths={SOL: a_path(DIP, *QUIET)})

    def in_quote(original: Callable[[Instant], list[Fill]], since: Instant) -> list[Fill]:
        return [replace(fill, quantity=Quantity(fill.notional)) for fill in original(since)]

    world.meddlers["exchange.fills"] = in_quote
    reports = world.cycles(6)

    assert ({}, Notional(10_000)) == (world.ledger.lots, world.ledger.cash[USD])
    assert [Asset("SOL")] == list(world.ledger.reduce_only)
    assert 1 == world.sent()
    assert "MismatchFound" in {kind for report in reports for kind, _, _ in report.notes}


def test_booked_notional_is_that_of_the_venue() -> None:
    """4: the other way round: what was read rightly is booked, to the last digit."""
    world = a_world_that_bought()

    (lot,) = world.ledger.lots.values()
    (fill,) = world.stored.fills
    assert (fill.quantity, fill.notional, fill.fee) == (lot.quantity, lot.cost, lot.entry_fees)


# --- 5


@pytest.mark.parametrize("flow", ["50000", "-9700"])
def test_money_that_comes_and_goes_in_the_account_is_neither_gain_nor_loss(flow: str) -> None:
    """5: the owner pays in, or takes nearly everything out: equity, marks and stops do not move."""
    world = a_world(strategy=Scripted())
    before = world.cycles(2)[-1].decision

    world.venue.deposit(USD, Decimal(flow))
    after = world.cycle().decision

    assert before is not None
    assert after is not None
    assert before.equity == after.equity == Notional(10_000)
    assert before.ledger.equity_marks is not None
    assert after.ledger.equity_marks is not None
    # When it was last marked is another matter.
    assert replace(before.ledger.equity_marks, last=None) == replace(after.ledger.equity_marks, last=None)
    assert not after.ledger.drawdown_halt


@pytest.mark.parametrize("capital", ["300", "60000"])
def test_change_of_the_capital_is_a_flow_and_no_result(capital: str) -> None:
    """5: a withdrawal of 97 % trips no stop: entries go on, in proportion."""
    world = a_world(strategy=Scripted())
    world.cycles(1)

    wish = scripted(a_proposal("SOL-USD", size_pct=Decimal(4)))
    world.venue.deposit(USD, Decimal(capital) - 10_000)
    changed = with_settings(world, wish, app__capital=capital, risk__position_pct_max=4)
    report = changed.cycle()

    marks = changed.ledger.equity_marks
    assert marks is not None
    assert {Notional(capital)} == {marks.day_equity, marks.week_equity, marks.peak_equity, changed.ledger.cash[USD]}
    assert report.decision is not None
    assert [Notional(Decimal(capital) * 4 / 100)] == [a.notional for a in report.decision.review.approvals]
    assert "FlowRecorded" in [kind for kind, _, _ in report.notes]


def test_open_loss_counts_and_no_deposit_hides_it() -> None:
    """5: half the equity in a coin that lost a tenth is a day's loss of 5 %, before and after a deposit."""
    wide = {
        f"risk__{name}": 60 for name in ("position_pct_max", "product_pct_max", "correlated_pct_max", "total_pct_max")
    } | {
        "universe__tiers__tier_1_core__allocation_max_pct": 60,
        "universe__clusters__LAYER1__allocation_max_pct": 60,
    }
    big = a_proposal("SOL-USD", notional="5000", stop_loss_pct=Decimal(40), take_profit_pct=Decimal(60))
    world = a_world_that_bought(*[Bar(90)] * 12, strategy=once(big), **wide)
    world.pass_bars()

    losing = with_settings(world, scripted(a_proposal("BTC-USD")), **wide)
    richer = with_settings(world, scripted(a_proposal("BTC-USD")), **wide, app__capital=11_000)
    first = losing.cycle()
    world.pass_bars()
    world.venue.deposit(USD, Decimal(1000))
    second = richer.cycle()

    assert [DenialCode.DAY_LOSS_EXCEEDS_MAX] * 2 == [code_of(report, BTC) for report in (first, second)]


# --- 6


def test_no_equity_is_ever_written_that_a_quote_did_not_give() -> None:
    """6: a new day begins while nobody quotes what we hold: it begins at the last price that was believed."""
    world = a_world_that_bought(*[Bar()] * 288)
    before, (mark,) = world.ledger.equity_marks, world.ledger.accepted_marks.values()
    world.clock.set(Instant(START + 12 * 3600))

    world.meddlers["market.quotes"] = answering({})
    blind = world.cycle()
    after_blind = world.ledger.equity_marks
    del world.meddlers["market.quotes"]
    world.pass_bars()
    world.cycle()

    assert blind.decision is not None
    assert before is not None
    assert after_blind is not None
    worth = world.ledger.cash[USD] + mark.price * sum(lot.quantity for lot in world.ledger.lots.values())
    assert (worth, {Asset("SOL"): mark}) == (blind.decision.equity, blind.decision.old_marks)
    assert ("2026-11-22", "2026-11-23", worth) == (before.day, after_blind.day, after_blind.day_equity)
    assert mark.at < world.ledger.accepted_marks[Asset("SOL")].at


def test_first_marks_wait_for_the_first_equity() -> None:
    """6: books that begin with a coin nobody prices have no marks, and buy nothing."""
    world = a_world(
        strategy=scripted(a_proposal("BTC-USD"), a_proposal("SOL-USD", conviction=0.1)),
        paths={SOL: a_path(DIP, *QUIET), BTC: a_path(DIP, *QUIET)},
    )
    world.cycles(1)
    world.cycle()
    text = json.loads(world.store.texts[SCOPE])
    text["ledger"]["equity_marks"] = None
    text["ledger"]["accepted_marks"] = {}
    world.store.texts[SCOPE] = json.dumps(text)

    world.meddlers["market.quotes"] = answering({})
    world.pass_bars()
    world.cycle()

    assert world.ledger.lots
    assert world.ledger.equity_marks is None


# --- 7


@given(
    volumes=st.lists(st.floats(0.0, 60.0).map(lambda volume: round(volume, 2)), min_size=8, max_size=14),
    answers=st.lists(st.sampled_from(["plain", "lost", "never sent"]), min_size=14, max_size=14),
)
def test_filled_and_resting_never_exceed_what_was_approved(volumes: list[float], answers: list[str]) -> None:
    """7: a strategy that never stops asking, entries that fill in slivers, answers that get lost: 3 % and not more."""
    bars = [Bar(low=99.0, volume=volume) for volume in volumes]
    world = a_world(
        strategy=scripted(a_proposal("SOL-USD", notional="900", take_profit_pct=Decimal(60))),
        paths={SOL: a_path(*bars, *QUIET)},
        risk__product_spacing_minutes=0,
        risk__entries_per_hour_max=100,
    )
    meddlers: dict[str, Any] = {"lost": lost, "never sent": never_sent}

    for number in range(len(bars)):
        world.meddlers["exchange.submit"] = meddlers.get(answers[number], lambda original, intent: original(intent))
        world.cycle()
        bought = sum(fill.notional for fill in world.stored.fills if fill.side is Side.BUY)
        resting = sum(o.remaining * o.limit_price for o in world.stored.active.values() if o.side is Side.BUY)
        assert bought + resting <= Decimal(300)
        assert all(order.filled <= order.quantity for order in world.buys())
        world.pass_bars()

    assert {USD: 0} == find_imbalance(world.ledger)


# --- 8


def undisturbed() -> World:
    """Two assets bought, in parts, and one of them sold again by its stop."""
    parts = [Bar(low=99.0, volume=15.0), Bar(low=99.0, volume=15.0)]
    return a_world(
        strategy=once(a_proposal("SOL-USD"), a_proposal("ETH-USD", conviction=0.5)),
        paths={SOL: a_path(*parts, Bar(90), *QUIET), ETH: a_path(*parts, *QUIET)},
    )


def run_through(world: World) -> World:
    world.cycles(6)
    return world


@pytest.mark.parametrize(
    "page",
    [
        lambda original, since: [*original(since)] * 10,
        lambda original, since: [*reversed(original(since))] * 2,
        lambda original, since: sorted(original(since), key=lambda fill: (fill.side is Side.BUY, fill.trade_id)),
    ],
    ids=["ten times", "backwards", "sells first"],
)
def test_fills_read_again_and_again_are_booked_once(page: Any) -> None:
    """8: the same page ten times, backwards, out of order: the same books as without."""
    straight, world = run_through(undisturbed()), undisturbed()

    world.meddlers["exchange.fills"] = page
    run_through(world)

    assert straight.ledger.closed_lots
    assert straight.ledger == replace(world.ledger, audit_head=straight.ledger.audit_head)
    assert len(straight.store.fills(SCOPE)) == len(world.store.fills(SCOPE)) == len(world.stored.fills)


def test_fills_that_come_late_are_booked_all_the_same() -> None:
    """8: every other page is half empty: the books of the end are those of an orderly venue."""
    straight, world = run_through(undisturbed()), undisturbed()
    pages: list[int] = []

    def half(original: Callable[[Instant], list[Fill]], since: Instant) -> list[Fill]:
        pages.append(1)
        fills = list(original(since))
        return fills[::2] if len(pages) % 2 else fills

    world.meddlers["exchange.fills"] = half
    run_through(world)

    assert (straight.ledger.cash, straight.ledger.by_strategy) == (world.ledger.cash, world.ledger.by_strategy)
    assert set(straight.ledger.closed_lots) == set(world.ledger.closed_lots)


# --- 9


@pytest.mark.parametrize("listing", ["orders", "fills", "balances"])
def test_account_that_cannot_be_read_closes_nothing_and_opens_nothing(listing: str) -> None:
    """9: the cycle abstains; every order is where it was."""
    world = a_world(strategy=scripted(a_proposal("SOL-USD")))
    world.cycles(1)
    before, sent = world.ledger, world.sent()

    world.meddlers[f"exchange.{listing}"] = down
    report = world.cycle()

    assert CycleOutcome.ABSTAINED is report.outcome
    assert (before.orders, before.lots, before.cash) == (world.ledger.orders, world.ledger.lots, world.ledger.cash)
    assert (sent, 0) == (world.sent(), world.sent("cancel"))


def test_empty_listing_closes_nothing_and_opens_nothing() -> None:
    """9: a page without our order is no proof of its end: it stays live, counts, and is not sent again."""
    world = a_world(strategy=scripted(a_proposal("SOL-USD")))
    world.cycles(1)

    world.meddlers["exchange.orders"] = answering([])
    world.meddlers["exchange.known_orders"] = answering([])
    world.meddlers["exchange.order"] = down
    world.meddlers["exchange.cancel"] = answering({})
    world.cycles(8)

    (record,) = world.ledger.orders.values()
    assert (OrderStatus.OPEN, 1) == (record.status, world.sent())


# --- 10


def bought_within(world: World, product_id: ProductId, cycles: int) -> bool:
    world.cycles(cycles)
    return any(order.product_id == product_id for order in world.buys())


def test_fall_is_never_bought_as_a_rise() -> None:
    """10: one candle of minus 6 %: no cycle of the next hour buys it; the same candle upwards is bought."""
    falls = a_world(paths={SOL: a_path(Bar(), Bar(94), *[Bar(94)] * 14)})
    rises = a_world(paths={SOL: a_path(Bar(), Bar(106), *[Bar(106)] * 14)})

    assert (False, True) == (bought_within(falls, SOL, 13), bought_within(rises, SOL, 3))


def test_sign_of_a_move_is_kept_end_to_end() -> None:
    """10: the record of the cycle says down, with a negative move, and names the refusal."""
    world = a_world(paths={SOL: a_path(Bar(94), *[Bar(94)] * 6)})
    world.pass_bars()

    report = world.cycle()

    assert report.decision is not None
    (trigger,) = (each for each in report.decision.triggers if each.product_id == SOL)
    assert ("down", True) == (trigger.direction, trigger.move < -0.05)
    assert DenialCode.CONFIRMATIONS_BELOW_MIN is code_of(report, SOL)


# --- 11


@pytest.mark.parametrize("switch", [TradingState.RUN, TradingState.REDUCE_ONLY])
def test_position_beyond_its_stop_is_sold_though_nothing_else_happens(switch: TradingState) -> None:
    """11: the venue's bracket is gone, no strategy says a word, entries are forbidden: it is exited."""
    world = a_world_that_bought(Bar(90))
    world.venue.cancel([order.venue_order_id for order in world.stored.active.values()])
    world.pass_bars()

    world.kill_switch.word = switch
    report = world.cycle()

    assert report.decision is not None
    assert [("stop", Side.SELL)] == [(p.reason, p.side) for p in report.decision.proposals]
    assert (Decimal(0), {}) == (world.total("SOL"), world.ledger.lots)


def test_position_is_sold_when_its_time_is_up_with_no_market_data_at_all_but_a_quote() -> None:
    """11: exits do not wait for candles."""
    world = a_world_that_bought(strategy=once(a_proposal("SOL-USD", max_hold_hours=1)))
    world.clock.advance(3600)

    world.meddlers["market.bars"] = lambda _, names, *__: {}
    world.cycle()

    assert (Decimal(0), {}) == (world.total("SOL"), world.ledger.lots)


def test_exit_runs_while_the_list_of_products_cannot_be_read() -> None:
    """11: the cached metadata are old, the venue does not answer for new ones, and the operator says FLATTEN."""
    world = a_world_that_bought(universe__products_cache_minutes=0)
    world.pass_bars()
    world.meddlers["market.products"] = down
    world.kill_switch.word = TradingState.FLATTEN

    report = world.cycle()

    assert report.outcome is CycleOutcome.ABSTAINED
    assert {} == world.ledger.lots
    assert 1 == world.ledger.failure_streak.failed_cycles


# --- 12

FOREIGN = {USD: "10000", Asset("SOL"): "900", Asset("ETH"): "50", Asset("BTC"): "1"}


def with_orders_of_the_owner(world: World) -> dict[str, Any]:
    """Two orders by hand, one under no name of ours at all; they are listed among ours, as some venues do."""
    by_hand = {
        "hand-1": an_intent(limit_price=Price(50), expires_at=Instant(START + 90_000), quantity=Quantity(2)),
        "hand-2": an_intent(
            side=Side.SELL, limit_price=Price(400), expires_at=Instant(START + 90_000), quantity=Quantity(700)
        ),
    }
    for name, intent in by_hand.items():
        world.venue.submit(replace(intent, client_order_id=ClientOrderId(name)))

    def everything(original: Callable[[Instant], Any], since: Instant) -> list[Any]:
        theirs = [o.report() for o in world.stored.active.values() if not o.root.startswith(PREFIX)]
        return [*original(since), *theirs]

    world.meddlers["exchange.orders"] = everything
    return {key: order for key, order in world.stored.active.items() if order.client_order_id in by_hand}


@pytest.mark.parametrize("switch", list(TradingState))
def test_coins_and_orders_of_the_owner_are_never_touched(switch: TradingState) -> None:
    """12: nine tenths of the account are the owner's: under every word of the switch, from entry to exit."""
    world = a_world_that_bought(opening=FOREIGN, strategy=once(a_proposal("SOL-USD", max_hold_hours=1)))
    theirs = with_orders_of_the_owner(world)

    world.kill_switch.word = switch
    world.cycles(16)

    ours = sum((lot.quantity for lot in world.ledger.lots.values()), Decimal(0))
    assert theirs == {key: world.stored.active.get(key) for key in theirs}
    assert {"SOL": Decimal(900) + ours, "ETH": Decimal(50), "BTC": Decimal(1)} == {
        asset: world.total(asset) for asset in ("SOL", "ETH", "BTC")
    }
    assert (switch is TradingState.HALT) is (ours > 0)
    assert {} == world.ledger.reduce_only


def test_coins_of_the_owner_count_neither_as_equity_nor_as_exposure() -> None:
    """12: 90,000 of somebody else's SOL leave our caps and our equity alone."""
    world = a_world(opening=FOREIGN, strategy=scripted(a_proposal("SOL-USD")))

    report = world.cycle()

    assert report.decision is not None
    assert Notional(10_000) == report.decision.equity
    assert [Notional(300)] == [approval.notional for approval in report.decision.review.approvals]


def test_money_of_the_owner_is_not_spent() -> None:
    """12: a million in the account, a thousand in the books."""
    world = a_world(
        opening={USD: "1000000"},
        strategy=scripted(a_proposal("SOL-USD", size_pct=Decimal(100))),
        app__capital=1000,
        risk__position_pct_max=100,
        risk__product_pct_max=100,
        risk__correlated_pct_max=100,
        risk__total_pct_max=100,
        universe__tiers__tier_1_core__allocation_max_pct=100,
        universe__clusters__LAYER1__allocation_max_pct=100,
        strategies__rules_engine__weight_pct=100,
    )

    world.cycle()

    (order,) = world.buys()
    assert Decimal(900) < order.quantity * order.limit_price * Decimal("1.005") <= Decimal(1000)


# --- 13


ADA_USDC = ProductId("ADA-USDC")


def a_world_of_two_dollars(usdc: float, later: float | None = None) -> World:
    """ADA is sold for USDC only, and USDC is worth *usdc*, an hour later *later*; SOL is sold for USD."""
    fine = {"price_increment": Price("0.0001")}
    paths = {
        SOL: a_path(DIP, *QUIET),
        ADA_USDC: a_path(DIP, *QUIET),
        ProductId("USDT-USD"): a_path(*[Bar(1.0)] * 24, price=1.0),
        ProductId("USDT-USDC"): a_path(*[Bar(1 / usdc)] * 6, *[Bar(1 / (later or usdc))] * 18, price=1 / usdc),
    }
    return a_world(
        paths=paths,
        products=[listed("USDT-USD", **fine), listed("USDT-USDC", **fine)],
        strategy=scripted(a_proposal("ADA-USDC"), a_proposal("SOL-USD", conviction=0.5)),
    )


def test_stable_coin_at_its_peg_is_converted_into_and_paid_with() -> None:
    """13: the stories below are not won because nobody would pay with it anyway."""
    world = a_world_of_two_dollars(1.0)

    world.cycle()

    assert {"ADA-USDC", "SOL-USD"} == {order.product_id for order in world.buys()}
    assert 1 == len(world.stored.conversions)


def test_stable_coin_off_its_peg_is_not_bought_and_not_paid_with() -> None:
    """13: at 0.88 what is sold for it alone is not bought; what is sold for dollars is."""
    world = a_world_of_two_dollars(0.88)

    report = world.cycle()

    assert DenialCode.QUOTE_ASSET_MISSING is code_of(report, ADA_USDC)
    assert {"SOL-USD"} == {order.product_id for order in world.buys()}
    assert {} == world.stored.conversions


def test_stable_coin_that_loses_its_peg_while_we_hold_it_stops_every_entry() -> None:
    """13: it is marked at what it is worth, never at 1.00, and nothing is bought, for whatever money."""
    world = a_world_of_two_dollars(1.0, later=0.88)
    world.cycles(2)
    assert world.ledger.cash[USDC] > 0
    sent = world.sent()

    world.clock.advance(3600)
    report = world.cycle()

    assert {DenialCode.PEG_BELOW_MIN} == {code_of(report, product) for product in (SOL, ADA_USDC)}
    assert sent == world.sent()


# --- 15


def test_books_that_cannot_be_read_are_never_replaced_by_new_ones() -> None:
    """15: damaged text is left as it is, nothing is sent, the invocation fails loudly."""
    world = a_world(strategy=scripted(a_proposal("SOL-USD")))
    world.cycles(1)
    world.store.texts[SCOPE] = damaged = world.store.texts[SCOPE][:-20]
    world.calls.clear()

    with pytest.raises(LedgerCorrupt):
        world.cycle()

    assert (damaged, ["store.acquire"]) == (world.store.texts[SCOPE], world.calls)


def test_store_that_does_not_answer_stops_the_cycle_before_anything_is_asked() -> None:
    """15: without books nobody knows what is ours."""
    world = a_world(strategy=scripted(a_proposal("SOL-USD")))

    def silent(*_: Any) -> Any:
        raise StoreUnavailable("no answer")

    world.meddlers["store.acquire"] = silent
    with pytest.raises(StoreUnavailable):
        world.cycle()

    assert ["store.acquire"] == world.calls


# --- 17


def ids_of(world: World) -> list[str]:
    return [order.client_order_id for order in world.buys()]


def test_same_decision_has_the_same_id_over_a_minutes_edge() -> None:
    """17: the same tick, run by another process 61 seconds later: one id."""
    on_time, late = (a_world(strategy=scripted(a_proposal("SOL-USD"))) for _ in range(2))
    late.clock.advance(61)

    on_time.cycle(scheduled=START)
    late.cycle(scheduled=START, owner="another process")

    assert ids_of(on_time) == ids_of(late)
    assert 1 == len(ids_of(late))


def test_order_sent_again_over_a_minutes_edge_is_the_same_order() -> None:
    """17: the answer is lost, the invocation dies, the next one sends the frozen intent again: one order."""
    world = a_world(strategy=scripted(a_proposal("SOL-USD")))

    def die(original: Callable[[OrderIntent], Submission], intent: OrderIntent) -> Submission:
        original(intent)
        raise PowerCut

    world.meddlers["exchange.submit"] = die
    with pytest.raises(PowerCut):
        world.cycle(scheduled=START, seconds=100)
    del world.meddlers["exchange.submit"]
    world.clock.advance(105)
    world.cycle(scheduled=START, owner="another process")

    assert 1 == len(world.buys())
    assert [OrderStatus.OPEN] == [record.status for record in world.ledger.orders.values()]


def test_equal_decisions_of_two_ticks_are_two_orders() -> None:
    """17: the same wish, size and price in the next cycle is honest, and has an id of its own."""
    world = a_world(
        strategy=scripted(a_proposal("SOL-USD")), risk__product_spacing_minutes=0, execution__entry_ttl_cycles=1
    )

    world.cycles(3)

    assert 3 == len(set(ids_of(world)))
    assert 1 == len({(order.quantity, order.limit_price) for order in world.buys()})


# --- 19


def test_dust_never_blocks_an_exit() -> None:
    """19: a sliver where the smallest order is a coin: it is written off, the books close, nothing is sent for ever."""
    world = a_world(
        # One that may take would buy the rest before it is given up.
        strategy=once(a_proposal("SOL-USD", max_hold_hours=1, style=ParentStyle.PASSIVE)),
        paths={SOL: a_path(Bar(low=99.0, volume=0.4), *QUIET)},
        products=[listed("SOL-USD", base_size_min=Quantity(1))],
    )
    world.cycles(14)
    sent = world.sent()

    world.cycles(4)

    (dust,) = world.ledger.dust
    assert (Quantity("0.04"), {}) == (dust.quantity, world.ledger.lots)
    assert (Decimal("0.04"), sent) == (world.total("SOL"), world.sent())
    assert {USD: 0} == find_imbalance(world.ledger)


def test_exit_sells_what_can_be_sold_and_writes_off_the_rest() -> None:
    """19: rounded down to whole coins, 3 of 3.0040 go; the sliver does not keep the position open."""
    world = a_world_that_bought(
        strategy=once(a_proposal("SOL-USD", notional="301", max_hold_hours=1)), risk__position_pct_max=4
    )
    coarse = [listed("SOL-USD", base_increment=Quantity(1), base_size_min=Quantity(1)), listed("BTC-USD")]
    world.meddlers["market.products"] = answering({product.product_id: product for product in coarse})
    world.clock.advance(3700)

    world.cycles(3)

    assert ({}, [Quantity("0.003992")]) == (world.ledger.lots, [dust.quantity for dust in world.ledger.dust])
    assert Decimal("0.003992") == world.total("SOL")


# --- 20


def test_order_the_venue_cannot_find_stays_in_doubt_until_a_quiet_period_is_over() -> None:
    """20: unheard of 59 seconds after it was last sent it blocks its product; at 60 it never arrived."""
    world = a_world(strategy=scripted(a_proposal("SOL-USD")))
    world.meddlers["exchange.submit"] = never_sent
    world.cycle()
    world.clock.set(Instant(START + 100))
    world.cycle()
    del world.meddlers["exchange.submit"]

    world.clock.set(Instant(START + 159))
    doubtful = world.cycle()
    in_doubt = [record.status for record in world.ledger.orders.values()]
    world.clock.set(Instant(START + 160))
    world.cycle()

    assert (DenialCode.ORDER_IN_DOUBT, [OrderStatus.IN_DOUBT]) == (code_of(doubtful, SOL), in_doubt)
    assert [OrderStatus.ABANDONED] == [record.status for record in world.ledger.orders.values()]
    assert [] == world.buys()


def test_order_in_doubt_blocks_its_product() -> None:
    """20: whatever the pace allows."""
    world = a_world(strategy=scripted(a_proposal("SOL-USD")), risk__product_spacing_minutes=0)
    world.meddlers["exchange.submit"] = never_sent
    world.cycle()

    world.clock.set(Instant(START + 100))
    world.cycle()
    world.clock.set(Instant(START + 159))
    report = world.cycle()

    # The first and its repetition, byte for byte.
    assert (DenialCode.ORDER_IN_DOUBT, 2) == (code_of(report, SOL), world.sent())


def test_order_in_doubt_counts_in_full_for_everything_else() -> None:
    """20: under a total of 4 % the unanswered 300 leave 100 for another asset."""
    proposals = iter([(a_proposal("SOL-USD"),), (), (a_proposal("BTC-USD"),)])
    world = a_world(strategy=Scripted(lambda _: next(proposals)), risk__total_pct_max=4)
    world.meddlers["exchange.submit"] = never_sent
    world.cycle()

    world.clock.set(Instant(START + 100))
    world.cycle()
    world.clock.set(Instant(START + 159))
    report = world.cycle()

    assert report.decision is not None
    (approval,) = report.decision.review.approvals
    # 300 less what rounding to the increments left.
    assert Decimal(100) <= approval.notional < Decimal("100.01")


def test_order_that_shows_up_late_is_adopted() -> None:
    """20: it was there all the time; the listing lagged."""
    world = a_world(strategy=once(a_proposal("SOL-USD")))
    world.meddlers["exchange.submit"] = lost
    world.meddlers["exchange.orders"] = answering([])
    world.cycle()
    world.clock.set(Instant(START + 179))
    world.cycle()

    del world.meddlers["exchange.orders"]
    world.pass_bars()
    world.cycle()

    (record,) = world.ledger.orders.values()
    assert (OrderStatus.OPEN, 1) == (record.status, len(world.buys()))


# --- 23


def test_run_that_died_blocks_nobody_for_longer_than_its_lease() -> None:
    """23: until its lease is over, 5 s after its deadline, the next tick steps back; then it takes over."""
    world = a_world(strategy=once(a_proposal("SOL-USD")))

    def cut(*_: Any) -> Any:
        raise PowerCut

    world.meddlers["exchange.submit"] = cut
    with pytest.raises(PowerCut):
        world.cycle(scheduled=START, seconds=100)
    del world.meddlers["exchange.submit"]

    world.clock.set(Instant(START + 104))
    early = world.cycle(owner="the next")
    world.clock.set(Instant(START + 105))
    later = world.cycle(owner="the next")

    assert [CycleOutcome.SKIPPED, CycleOutcome.COMPLETED] == [early.outcome, later.outcome]
    assert 1 == len(world.buys())


# --- 24


def test_exit_into_an_empty_book_widens_step_by_step_and_not_without_end() -> None:
    """24: nobody buys: 50, 100, 150, 200 basis points below the bid, one step a cycle, and there it stays."""
    world = a_world_that_bought(strategy=once(a_proposal("SOL-USD", max_hold_hours=1)))
    world.clock.advance(3700)
    prices: list[Price] = []

    def nobody_buys(original: Callable[[OrderIntent], Submission], intent: OrderIntent) -> Submission:
        if intent.purpose is not OrderPurpose.EXIT:
            return original(intent)
        prices.append(intent.limit_price)
        return original(replace(intent, limit_price=Price(100_000)))

    world.meddlers["exchange.submit"] = nobody_buys
    world.cycles(6)

    # Of a bid of 99.97, rounded up to the cent.
    assert ["99.48", "98.98", "98.48", "97.98", "97.98", "97.98"] == [str(price) for price in prices]


# --- 25


def test_cap_trims_by_priority_and_refuses_no_batch() -> None:
    """25: 26 % wished under a cap of 25 %: the better wish whole, the other what is left, the last one nothing."""
    proposals = [
        a_proposal("BTC-USD", notional="1100", conviction=0.5),
        a_proposal("SOL-USD", notional="1500", conviction=0.9),
        a_proposal("ETH-USD", notional="900", conviction=0.1),
    ]
    world = a_world(
        strategy=scripted(*proposals),
        risk__position_pct_max=20,
        risk__product_pct_max=20,
        risk__correlated_pct_max=100,
        risk__entries_per_cycle_max=3,
        strategies__rules_engine__trades_per_cycle_max=3,
        universe__clusters__LAYER1__allocation_max_pct=50,
    )

    report = world.cycle()

    assert report.decision is not None
    assert [(SOL, Notional(1500)), (BTC, Notional(1000))] == [
        (approval.proposal.product_id, approval.notional) for approval in report.decision.review.approvals
    ]
    assert DenialCode.EXPOSURE_EXCEEDS_MAX is code_of(report, ETH)
    placed = sum(order.quantity * order.limit_price for order in world.buys())
    # Sized at the worst price that they may pay.
    assert Decimal(2490) < placed <= Decimal(2500)


# --- 26


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("app.capital", "100", "risk.notional_min"),
        ("risk.total_pct_max", "0", "risk.total_pct_max"),
        ("strategies.rules_engine.settings.conviction_min", "1", "conviction_min"),
        ("regime.crash_volatility_pct", "1", "volatility"),
    ],
)
def test_thresholds_under_which_nothing_could_pass_are_named_at_load(key: str, value: str, said: str) -> None:
    """26: the shipped set contradicts nothing; one number moved, and the check says which gate is dead."""
    assert () == (*find_contradictions(shipped_settings()), *registry.find_contradictions(shipped_settings()))
    settings = shipped_settings({key: value})
    found = (*find_contradictions(settings), *registry.find_contradictions(settings))

    assert any(said in line for line in found), found


# --- 30


def test_shipped_configuration_is_safe() -> None:
    """30: a dry run, the venue read only, one strategy: two changes and a deploy parameter stand before an order."""
    settings = shipped_settings()

    assert (Mode.DRY_RUN, True) == (settings.app.mode, settings.exchange.read_only)


def hands(settings: Settings) -> ExchangeAdapter | None:
    """What the wiring hands out for a configuration, on a market that could be traded on."""
    world = a_world()

    def open_live() -> ExchangeAdapter:
        raise AssertionError("the key was read")

    return choose_exchange(
        settings, VenueAccess(world.market, world.market, open_live), world.clock, lambda: world.book
    )


def test_shipped_configuration_hands_out_nothing_that_could_send_an_order() -> None:
    """30: the object does not exist."""
    assert hands(shipped_settings()) is None


def test_cycle_without_hands_decides_records_and_sends_nothing() -> None:
    """30: and its books hold no order that never was."""
    world = a_world(strategy=scripted(a_proposal("SOL-USD")), trades=False)

    report = world.cycle()

    assert report.decision is not None
    assert Outcome.ENTERING in {verdict.outcome for verdict in report.decision.verdicts}
    assert [] == [call for call in world.calls if call.startswith("exchange.")]
    assert ({}, True) == (world.ledger.orders, bool(world.audit.texts))


def test_live_is_refused_with_every_reason() -> None:
    """30: one word in a file does not make it real; no key is read before all of it is deliberate."""
    live = replace(shipped_settings(), app=replace(shipped_settings().app, mode=Mode.LIVE))

    with pytest.raises(ConfigError) as refused:
        hands(live)

    assert 2 == len(refused.value.problems)


def test_step_is_the_period_of_the_shipped_cycle() -> None:
    """The stories above are told in cycles of five minutes."""
    assert STEP == shipped_settings().cycle.period_seconds
