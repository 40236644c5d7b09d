"""Accidents of prices: what the universe would refuse neither sells, nor writes off, nor marks.

The number in a docstring is that of the accident. A quote is spoilt on its way from the market to the cycle; the
venue itself goes on trading at about 100.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from accidents.one_account import BTC, DIP, SOL, USD, USDC, Bar, World, a_path, a_world, listed
from desk.recovery.chain import read_chain
from desk.recovery.checkpoints import Beginning
from desk.recovery.rebuild import read_listed_account, rebuild_ledger
from factories import SCOPE, Scripted, a_proposal, once
from factories_venue import START
from trader.cycle import CycleOutcome, CycleReport
from trader.errors import DataError, MissingData
from trader.model.decisions import Outcome, Verdict
from trader.model.denials import DenialCode
from trader.model.ids import Asset, Instant, ProductId
from trader.model.ledger import Ledger
from trader.model.market import Candle, Quote
from trader.model.money import Notional, Price, Quantity
from trader.model.orders import OrderPurpose
from trader.model.trading_state import TradingState

DAY = 86_400
QUIET = [Bar()] * 24
OTHER_COIN = ProductId("NEW-USD")
Spoil = Callable[[Quote], Quote | DataError]


def quoted(bid: str, ask: str, *, age: int = 0) -> Spoil:
    """Such a bid and ask, as old as that."""
    return lambda quote: replace(quote, bid=Price(bid), ask=Price(ask), time=Instant(quote.time - age))


#: Below the stop of 94, each not to be believed for another reason.
LOW = {
    "stub bid": (quoted("0.10", "100.01"), "SPREAD_EXCEEDS_MAX"),
    "stub bid of a few percent": (quoted("93", "99"), "SPREAD_EXCEEDS_MAX"),
    "absurd ask": (quoted("93", "100000"), "SPREAD_EXCEEDS_MAX"),
    "spread just too wide": (quoted("93", "93.57"), "SPREAD_EXCEEDS_MAX"),
    "a day old": (quoted("93", "93.01", age=DAY), "QUOTE_STALE"),
    "half a minute old": (quoted("93", "93.01", age=31), "QUOTE_STALE"),
    "from tomorrow": (quoted("93", "93.01", age=-DAY), "QUOTE_STALE"),
    "crossed": (quoted("93", "92.99"), "QUOTE_CROSSED"),
    "locked": (quoted("93", "93"), "QUOTE_CROSSED"),
    "no ask": (quoted("93", "0"), "QUOTE_CROSSED"),
    "no bid": (quoted("0", "100.01"), "QUOTE_CROSSED"),
}
#: Above the target of 112, and above every peak.
HIGH = {
    "absurd bid": (quoted("5000", "100000"), "SPREAD_EXCEEDS_MAX"),
    "high bid, higher ask": (quoted("130", "131"), "SPREAD_EXCEEDS_MAX"),
    "a day old": (quoted("130", "130.01", age=DAY), "QUOTE_STALE"),
    "from tomorrow": (quoted("130", "130.01", age=-DAY), "QUOTE_STALE"),
    "crossed": (quoted("130", "100.01"), "QUOTE_CROSSED"),
    "no ask": (quoted("130", "0"), "QUOTE_CROSSED"),
}

low = pytest.mark.parametrize(("spoil", "code"), LOW.values(), ids=LOW)
high = pytest.mark.parametrize(("spoil", "code"), HIGH.values(), ids=HIGH)


def holding(product_id: ProductId = SOL, more: Mapping[ProductId, list[Candle]] | None = None, **over: Any) -> World:
    """Three coins bought at about 100 for an hour, stop at 94, target at 112, protected; one good look at them."""
    wish = a_proposal(product_id, max_hold_hours=1)
    world = a_world(strategy=once(wish), paths={product_id: a_path(DIP, *QUIET), **(more or {})}, **over)
    world.cycles(2)
    world.cycle()
    world.pass_bars()
    assert [product_id] == [lot.product_id for lot in world.ledger.lots.values()]
    assert world.ledger.accepted_marks
    return world


def spoilt(world: World, spoil: Spoil, product_id: ProductId = SOL) -> None:
    """From now on the quotes of one product are spoilt."""

    def quotes(original: Callable[..., Mapping[ProductId, Quote]], names: Any) -> Mapping[ProductId, Quote | DataError]:
        return {each: spoil(quote) if each == product_id else quote for each, quote in original(names).items()}

    world.meddlers["market.quotes"] = quotes


def verdict_on(report: CycleReport, product_id: ProductId = SOL) -> Verdict:
    """What the cycle says of a product."""
    assert report.decision is not None
    return next(verdict for verdict in report.decision.verdicts if verdict.product_id == product_id)


def what_counts(ledger: Ledger) -> tuple[object, ...]:
    """What an absurd price must not change."""
    lots = [(lot.quantity, lot.peak_price) for lot in ledger.lots.values()]
    marks = ledger.equity_marks
    assert marks is not None
    assert marks.last is not None
    # When it was last marked is another matter.
    worth = replace(marks, last=None), marks.last.equity
    return lots, ledger.dust, ledger.cash, worth, ledger.drawdown_halt, ledger.accepted_marks


# --- 47, 48: neither sold


@low
def test_absurd_bid_below_the_stop_changes_nothing(spoil: Spoil, code: str) -> None:
    """47, 48: not sold, its bracket stays, no loss is booked, nothing is dust; the verdict and the record say why."""
    world = holding()
    before, sent, cancelled = what_counts(world.ledger), world.sent(), world.sent("cancel")
    spoilt(world, spoil)

    reports = world.cycles(3)

    assert before == what_counts(world.ledger)
    assert (sent, cancelled) == (world.sent(), world.sent("cancel"))
    assert {(Outcome.HELD, code)} == {
        (verdict_on(each).outcome, verdict_on(each).details["unbelieved"]) for each in reports
    }
    assert {CycleOutcome.COMPLETED} == {each.outcome for each in reports}
    (record,) = (note.body for note in reports[0].notes if note.kind == "RiskChecked")
    assert {Asset("SOL"): world.ledger.accepted_marks[Asset("SOL")]} == record["old_marks"]


def test_believed_bid_below_the_stops_limit_does_sell() -> None:
    """47: the tests above would prove nothing if it did not; there the venue's own order can fill no more."""
    world = holding()
    spoilt(world, quoted("89", "89.01"))

    report = world.cycle()

    assert Outcome.EXITING is verdict_on(report).outcome
    assert world.sent("cancel")


def test_believed_bid_below_the_stop_is_the_venues_to_sell() -> None:
    """54: its order has triggered and sells down to 5 % below; nothing of it is cancelled, and the verdict says so."""
    world = holding()
    sent = world.sent()
    spoilt(world, quoted("93", "93.01"))

    verdict = verdict_on(world.cycle())

    assert (Outcome.HELD, True) == (verdict.outcome, "venue_sells" in verdict.details)
    assert (sent, 0) == (world.sent(), world.sent("cancel"))


@low
@pytest.mark.parametrize("switch", [TradingState.RUN, TradingState.FLATTEN])
def test_exit_that_is_not_judged_by_price_is_not_sold_at_an_absurd_one(
    spoil: Spoil, code: str, switch: TradingState
) -> None:
    """47, 48: its time is up, or everything must go: no order at that bid, the bracket stays, it rings and says why."""
    world = holding()
    world.kill_switch.word = switch
    if switch is TradingState.RUN:
        world.pass_bars(12)
    spoilt(world, spoil)
    sent = world.sent()

    report = world.cycle()

    assert report.decision is not None
    (denial,) = report.decision.plan.denials
    assert (DenialCode.QUOTE_MISSING, code) == (denial.code, denial.details["unbelieved"])
    assert [] == [intent for intent in report.decision.plan.intents if intent.purpose is OrderPurpose.EXIT]
    assert (CycleOutcome.ABORTED, sent, 0) == (report.outcome, world.sent(), world.sent("cancel"))


# --- 47: no dust


@low
def test_three_hundred_dollars_are_no_dust_at_any_price(spoil: Spoil, code: str) -> None:
    """47: even without any order that could still sell it."""
    world = holding(execution__attach_brackets="false")
    ledger = world.ledger
    (lot,) = ledger.lots.values()
    assert lot.cost > 299

    spoilt(world, spoil)
    world.meddlers["exchange.submit"] = lambda *_: pytest.fail(f"nothing is to be sent: {code}")
    world.cycles(2)

    assert ([lot.lot_id], ()) == (list(world.ledger.lots), world.ledger.dust)


def test_believed_price_writes_nothing_off_that_cost_more_than_dust_may() -> None:
    """47: the coin fell to nothing, and its venue asks for a whole one: it is kept, not forgotten."""
    world = holding(products=[listed("SOL-USD", base_size_min=Quantity("0.000001"))])
    coarse = listed("SOL-USD", base_size_min=Quantity(1000))
    world.meddlers["market.products"] = lambda original, names: {**original(names), SOL: coarse}
    spoilt(world, quoted("0.01", "0.010001"))

    world.cycles(4)

    assert (1, ()) == (len(world.ledger.lots), world.ledger.dust)


# --- 48: no mark


@low
def test_absurd_bid_stops_no_entry_as_a_loss(spoil: Spoil, code: str) -> None:
    """48: no day loss, no drawdown, in any later cycle; the equity is what it was at the last good price."""
    world = holding()
    (mark,) = world.ledger.accepted_marks.values()
    spoilt(world, spoil)

    report = world.cycle()

    assert report.decision is not None
    (lot,) = world.ledger.lots.values()
    assert world.ledger.cash[USD] + mark.price * lot.quantity == report.decision.equity, code
    assert not world.ledger.drawdown_halt
    del world.meddlers["market.quotes"]
    world.pass_bars()
    after = world.cycle()
    assert after.decision is not None
    assert {} == after.decision.old_marks


@high
def test_absurd_bid_above_everything_changes_nothing(spoil: Spoil, code: str) -> None:
    """48: no target, no trailing stop after it, no peak of the lot or of the drawdown."""
    world = holding(exits__trailing="true")
    before, sent = what_counts(world.ledger), world.sent()
    spoilt(world, spoil)

    report = world.cycle()
    del world.meddlers["market.quotes"]
    world.pass_bars()
    after = world.cycle()

    assert code == verdict_on(report).details["unbelieved"]
    assert before[0] == what_counts(world.ledger)[0]
    assert before[3:5] == what_counts(world.ledger)[3:5]
    assert (sent, 0) == (world.sent(), world.sent("cancel"))
    assert Outcome.HELD is verdict_on(after).outcome


def test_coin_that_was_never_priced_has_no_equity() -> None:
    """6, 48: its first quote is a day old: nobody knows what it is worth, and nothing is bought."""
    world = a_world(strategy=once(a_proposal("SOL-USD")), paths={SOL: a_path(DIP, *QUIET)})
    world.cycles(1)
    spoilt(world, quoted("93", "93.01", age=DAY))

    report = world.cycle()

    assert report.decision is not None
    assert (1, None, {}) == (len(world.ledger.lots), report.decision.equity, world.ledger.accepted_marks)


@pytest.mark.parametrize("spoil", [LOW["stub bid"][0], LOW["a day old"][0], HIGH["absurd bid"][0]])
def test_rebuilt_books_believe_what_the_lost_ones_believed(spoil: Spoil) -> None:
    """48: the record keeps every quote, absurd ones too; made anew from it the marks and peaks are the same."""
    world = holding()
    spoilt(world, spoil)
    world.cycles(2)

    chain = read_chain(world.audit.texts)
    listed_now = read_listed_account(world.venue, chain, Instant(START - DAY), world.clock.now())
    made = rebuild_ledger(world.pipeline.settings, SCOPE, Beginning(chain), listed_now).ledger

    assert what_counts(world.ledger) == what_counts(made)


@pytest.mark.parametrize(
    "spoil", [quoted("0.01", "1"), quoted("0.9", "1.1"), quoted("0.5", "0.5001", age=DAY)], ids=["stub", "wide", "old"]
)
def test_absurd_quote_of_a_stable_coin_makes_nobody_rich_or_poor(spoil: Spoil) -> None:
    """48: half of the cash was worth fifty times as much, and from then on the drawdown stop stood."""
    pairs = (ProductId("USDT-USD"), ProductId("USDT-USDC"))
    world = a_world(
        strategy=Scripted(lambda _: ()),
        paths={pair: a_path(*QUIET, price=1.0) for pair in pairs},
        products=[listed(pair, price_increment=Price("0.0001")) for pair in pairs],
    )
    world.cycle()
    grant = world.store.acquire(SCOPE, "hand", world.clock.now(), 10)
    half = Notional(5000)
    mixed = replace(world.ledger, cash={USD: half, USDC: half}, converted={USD: Notional(-5000), USDC: half})
    world.store.commit(grant, mixed, fills=(), finished=(), release=True)
    before = world.ledger.equity_marks
    world.pass_bars()
    spoilt(world, spoil, pairs[1])

    report = world.cycle()

    assert report.decision is not None
    assert (None, before, False) == (report.decision.equity, world.ledger.equity_marks, world.ledger.drawdown_halt)


@pytest.mark.parametrize(
    ("pair", "spoil"),
    [
        ("USDT-USD", quoted("1e25", "1.0001e25")),
        ("USDT-USD", quoted("2.5", "2.5001")),
        ("USDT-USDC", quoted("1e-25", "1.0001e-25")),
        ("USDT-USDC", quoted("1e25", "1.0001e25")),
        ("USDT-USDC", lambda _: MissingData("gone")),
    ],
    ids=["huge", "high", "divided by next to nothing", "worth nothing", "missing"],
)
def test_no_price_of_cash_keeps_a_due_sale_waiting(pair: str, spoil: Spoil) -> None:
    """48: a dollar of another kind that is worth a septillion ended every cycle before it could sell."""
    pairs = (ProductId("USDT-USD"), ProductId("USDT-USDC"))
    world = holding(
        more={each: a_path(*[Bar(1.0)] * 24, price=1.0) for each in pairs},
        products=[listed(each, price_increment=Price("0.0001")) for each in pairs],
    )
    grant = world.store.acquire(SCOPE, "hand", world.clock.now(), 10)
    half = Notional(world.ledger.cash[USD] / 2)
    mixed = replace(world.ledger, cash={USD: half, USDC: half}, converted={USD: Notional(-half), USDC: half})
    world.store.commit(grant, mixed, fills=(), finished=(), release=True)
    peak = world.ledger.equity_marks
    assert peak is not None
    world.pass_bars(12)
    spoilt(world, spoil, ProductId(pair))

    world.cycle()

    assert {} == world.ledger.lots
    assert world.ledger.equity_marks is not None
    assert world.ledger.equity_marks.peak_equity <= peak.peak_equity


# --- other tiers


@pytest.mark.parametrize(("ask", "unbelieved"), [("94.60", False), ("94.80", True)])
def test_coin_of_the_third_tier_has_more_room(ask: str, unbelieved: bool) -> None:
    """47: 60 bps three times, for a coin that no tier lists."""
    busy = [replace(bar, volume=20_000.0) for bar in (DIP, *QUIET)]
    rows = [candle._replace(volume=20_000.0) for candle in a_path(*busy)]
    world = a_world(strategy=once(a_proposal(OTHER_COIN, notional="60")), paths={OTHER_COIN: rows})
    world.cycles(3)
    assert [OTHER_COIN] == [lot.product_id for lot in world.ledger.lots.values()]
    spoilt(world, quoted("93", ask), OTHER_COIN)

    verdict = verdict_on(world.cycle(), OTHER_COIN)

    assert (Outcome.HELD, unbelieved) == (verdict.outcome, "unbelieved" in verdict.details)
    assert unbelieved is ("venue_sells" not in verdict.details)


def test_other_coins_go_on() -> None:
    """47: one absurd quote is that coin's alone; the other is bought in the same cycle."""
    said = [(a_proposal("SOL-USD"),), (), (), (a_proposal("BTC-USD"),)]
    world = a_world(
        strategy=Scripted(lambda _: said.pop(0) if said else ()),
        paths={SOL: a_path(DIP, *QUIET), BTC: a_path(*QUIET)},
    )
    world.cycles(3)
    spoilt(world, quoted("0.10", "100.01"))

    report = world.cycle()

    assert Outcome.ENTERING is verdict_on(report, BTC).outcome
    assert Outcome.HELD is verdict_on(report).outcome
    assert Notional(0) < world.ledger.cash[USD] < Decimal(10_000)
