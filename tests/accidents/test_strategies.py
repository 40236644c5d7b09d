"""Accidents that one strategy made and others paid for: 49, 50, 51, 55 and 56, told as whole cycles.

Two strategies share an account. One of them does as the test says; what must hold is told by the other's lots.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from accidents.one_account import BTC, DIP, SOL, Bar, World, a_path, a_world, listed
from factories import OTHER, RULES, Scripted, a_proposal, a_sale, shipped_settings
from factories_venue import START, STEP
from trader.cycle import CycleOutcome, CycleReport
from trader.errors import DataError, InvariantViolation
from trader.model.codec import digest_of
from trader.model.decisions import Denial, Outcome, TradeProposal, Verdict
from trader.model.denials import DenialCode
from trader.model.events import EventKind
from trader.model.ids import Asset, Instant, ProductId, StrategyId
from trader.model.inputs import StrategyContext
from trader.model.market import Product, Quote
from trader.model.money import Notional, Price
from trader.model.orders import OrderPurpose, Side
from trader.model.trading_state import TradingState
from trader.settings import Settings
from trader.settings.schedule import ScheduleSettings
from trader.stages.pipeline import Pipeline
from trader.strategies.base import Strategy
from trader.strategies.mean_reversion import MeanReversion

QUIET = [Bar()] * 24
USDC_SOL = ProductId("SOL-USDC")

Propose = Callable[[StrategyContext], Sequence[TradeProposal | Denial]]


def shared(rules: Strategy, other: Strategy, **world: Any) -> World:
    """A world in which both trade, with half of the equity each; what is said of it is said as to ``a_world``."""
    made = a_world(strategy=Scripted(), **world)
    section = replace(made.pipeline.settings.strategies[RULES], weight_pct=Decimal(50))
    settings = replace(made.pipeline.settings, strategies={RULES: section, OTHER: section})
    return with_pipeline(made, settings, rules, other)


def with_pipeline(world: World, settings: Settings, rules: Strategy, other: Strategy) -> World:
    """The same world under these settings and strategies."""
    pipeline = Pipeline.build(replace(settings, digest=digest_of(settings)), {RULES: rules, OTHER: other})
    return replace(world, pipeline=pipeline)


def at(*answers: tuple[int, Propose]) -> Scripted:
    """A strategy that answers in some cycles, counted from 0 by the bars that have closed, and else says nothing."""
    told = dict(answers)
    return Scripted(lambda context: told.get((context.now - START) // STEP, lambda _: ())(context))


def always(propose: Propose) -> Scripted:
    return Scripted(propose)


def buy(strategy: StrategyId, product_id: str = "SOL-USD", **over: Any) -> Propose:
    """Buy once more; the terms are so wide that only the strategy itself sells."""
    terms = {"strategy": strategy, "take_profit_pct": Decimal(60), "stop_loss_pct": Decimal(30), **over}
    return lambda _: [a_proposal(product_id, **terms)]


def sell_all(context: StrategyContext) -> Sequence[TradeProposal]:
    return [TradeProposal.sell(lot, "it says so") for lot in context.lots]


def verdict_on(report: CycleReport, product_id: ProductId = SOL) -> Verdict:
    assert report.decision is not None
    return next(each for each in report.decision.verdicts if each.product_id == product_id)


def purposes(report: CycleReport) -> list[OrderPurpose]:
    assert report.decision is not None
    return [intent.purpose for intent in report.decision.plan.intents]


def lots_of(world: World, strategy: StrategyId) -> list[ProductId]:
    return [lot.product_id for lot in world.ledger.lots.values() if lot.strategy == strategy]


def failures(report: CycleReport) -> list[str]:
    return [note.body["error"] for note in report.notes if note.kind is EventKind.STRATEGY_FAILED]


# --- 49


def divides_by_zero(_: StrategyContext) -> Sequence[TradeProposal]:
    return [a_proposal(size_pct=Decimal(1) / 0)]


def misses_a_product(context: StrategyContext) -> Sequence[TradeProposal]:
    return [a_proposal(context.candidates[ProductId("NONE-USD")].product.product_id)]


def breaks_off(_: StrategyContext) -> Iterator[TradeProposal]:
    yield a_proposal("BTC-USD")
    raise InvariantViolation("half of it was said")


def spoils_the_market(context: StrategyContext) -> Sequence[TradeProposal]:
    context.candidates.clear()  # type: ignore[attr-defined]
    return ()


def calls_itself(context: StrategyContext) -> Sequence[TradeProposal]:
    return calls_itself(context)


class Speechless(Exception):
    """An error that fails when it is to be shown."""

    def __str__(self) -> str:
        raise RuntimeError


def is_speechless(_: StrategyContext) -> Sequence[TradeProposal]:
    raise Speechless


def cannot_be_stored(_: StrategyContext) -> Sequence[TradeProposal]:
    raise ValueError("half a pair: \ud800" * 100)


BAD: list[Any] = [
    divides_by_zero,
    misses_a_product,
    breaks_off,
    spoils_the_market,
    calls_itself,
    is_speechless,
    cannot_be_stored,
    lambda _: None,
    lambda _: 1.5,
    lambda _: [None],
    lambda _: [{"product_id": "SOL-USD"}],
    lambda _: [Denial(SOL, DenialCode.RULE_MISSING, "strategies", {"why": object})],  # type: ignore[dict-item]
]


def through_its_stop(rules: Propose, other: Propose) -> World:
    """SOL was bought by the rules, its bracket is gone, its stop is passed; what both say now is the test's."""
    world = shared(
        at((0, buy(RULES, stop_loss_pct=Decimal(6))), (2, rules)),
        at((2, other)),
        paths={SOL: a_path(DIP, Bar(90), *QUIET)},
    )
    world.cycles(1)
    world.cycle()
    world.venue.cancel([order.venue_order_id for order in world.stored.active.values()])
    world.pass_bars()
    assert [SOL] == lots_of(world, RULES)
    return world


@pytest.mark.parametrize("bad", BAD)
def test_failed_strategy_stops_nobodys_exit_and_nobodys_entry(bad: Propose) -> None:
    """49: the other's lot is sold at its stop, and it buys ETH, in the very cycle of the error."""
    world = through_its_stop(buy(RULES, "ETH-USD"), bad)

    report = world.cycle()

    assert CycleOutcome.COMPLETED is report.outcome
    assert [OrderPurpose.EXIT, OrderPurpose.ENTRY] == purposes(report)
    assert ([], 0) == (lots_of(world, RULES), world.total("SOL"))
    assert 1 == len(failures(report))


@pytest.mark.parametrize("bad", BAD)
def test_failed_strategys_own_lot_is_sold_all_the_same(bad: Propose) -> None:
    """49: the general exits do not ask it."""
    world = through_its_stop(bad, buy(OTHER, "ETH-USD"))

    report = world.cycle()

    assert [OrderPurpose.EXIT, OrderPurpose.ENTRY] == purposes(report)
    assert [] == lots_of(world, RULES)


@pytest.mark.parametrize("bad", BAD)
def test_failed_strategy_rings_and_is_named_with_its_error(bad: Propose) -> None:
    """49: in the decision, in a verdict and in the stored record, in at most two hundred characters."""
    world = shared(Scripted(), always(bad))

    report = world.cycle()

    assert report.decision is not None
    (error,) = failures(report)
    assert (OTHER,) == report.decision.failed_strategies
    assert 0 < len(error) <= 200
    assert 1 == "".join(world.audit.texts.values()).count('"event":"StrategyFailed"')


def test_failed_strategys_own_lot_is_protected() -> None:
    """49: entries come without their brackets, and it is given one while its strategy stumbles."""
    world = shared(
        at((0, buy(RULES)), (1, divides_by_zero)),
        Scripted(),
        paths={SOL: a_path(DIP, *QUIET)},
        execution__attach_brackets="false",
    )

    reports = world.cycles(2)

    assert [OrderPurpose.PROTECTION] == purposes(reports[1])


@pytest.mark.parametrize("switch", [TradingState.FLATTEN, TradingState.REDUCE_ONLY])
def test_failed_strategies_do_not_keep_an_operator_from_selling(switch: TradingState) -> None:
    """49: what the switch or the stop says is sold. Under FLATTEN no strategy is asked; under REDUCE_ONLY both fail."""
    world = through_its_stop(divides_by_zero, breaks_off)
    world.kill_switch.word = switch

    report = world.cycle()

    assert [OrderPurpose.EXIT] == purposes(report)
    assert (2 if switch is TradingState.REDUCE_ONLY else 0) == len(failures(report))


def test_failed_strategy_is_asked_again_in_the_next_cycle() -> None:
    """49: its day is not over because it stumbled once."""
    calls: list[Instant] = []

    def stumble(context: StrategyContext) -> Sequence[TradeProposal]:
        calls.append(context.now)
        return [a_proposal(strategy=OTHER)] if len(calls) > 1 else divides_by_zero(context)

    world = shared(Scripted(), Scripted(stumble))
    settings = world.pipeline.settings
    daily = {
        **settings.strategies,
        OTHER: replace(settings.strategies[OTHER], schedule=ScheduleSettings(every_minutes=1440)),
    }
    world = with_pipeline(world, replace(settings, strategies=daily), Scripted(), Scripted(stumble))

    reports = world.cycles(3)

    assert [[], [OrderPurpose.ENTRY], []] == [purposes(report) for report in reports]
    assert [START, START + STEP] == calls


# --- 50


WANTED: list[dict[str, Any]] = [
    {"conviction": 1.0},
    {"conviction": 0.0},
    {"size_pct": Decimal(100)},
    # Risk would deny it anyway: too small, or wanted by somebody who holds it already.
    {"size_pct": Decimal("0.001")},
]


@pytest.mark.parametrize("over", WANTED)
@pytest.mark.parametrize("net_opposed", ["true", "false"])
def test_wish_to_buy_stops_no_strategys_sale(over: Mapping[str, Any], net_opposed: str) -> None:
    """50: one wants out of SOL, the other in, cycle after cycle: it is sold in the first of them."""
    world = shared(
        at((0, buy(RULES)), (1, sell_all), (2, sell_all)),
        at((1, buy(OTHER, **over)), (2, buy(OTHER, **over))),
        paths={SOL: a_path(DIP, *QUIET)},
        allocation__net_opposed=net_opposed,
    )

    reports = world.cycles(3)

    assert OrderPurpose.EXIT is purposes(reports[1])[0]
    assert [] == lots_of(world, RULES)


def test_wish_to_buy_waits_for_the_sale_and_has_its_turn_then() -> None:
    """50: the sale is one cycle's, the purchase the next one's, if nothing else forbids it."""
    world = shared(
        at((0, buy(RULES)), (1, sell_all)),
        at((1, buy(OTHER)), (2, buy(OTHER))),
        paths={SOL: a_path(DIP, *QUIET)},
        risk__product_spacing_minutes="0",
        risk__cooldown_loss_minutes="0",
    )

    reports = world.cycles(3)

    assert ([OrderPurpose.EXIT], [OrderPurpose.ENTRY]) == (purposes(reports[1]), purposes(reports[2]))
    denied = reports[1].decision.review.denials if reports[1].decision else ()
    assert () == denied


# --- 51


Listing = Mapping[ProductId, Product | DataError]


def changed(**fields: Any) -> Callable[[World], World]:
    """From now on the venue says something else of SOL."""

    def change(world: World) -> World:
        def listing(original: Callable[..., Listing], *wanted: Any) -> Listing:
            return {
                product_id: replace(each, **fields) if isinstance(each, Product) and each.base == "SOL" else each
                for product_id, each in original(*wanted).items()
            }

        world.meddlers["market.products"] = listing
        return world

    return change


def ruled_out(**fields: Any) -> Callable[[World], World]:
    """From now on the configuration of the universe says something else."""

    def change(world: World) -> World:
        settings = world.pipeline.settings
        settings = replace(settings, universe=replace(settings.universe, **fields))
        return with_pipeline(world, settings, *(world.pipeline.strategies[each] for each in (RULES, OTHER)))

    return change


def wide(world: World) -> World:
    """From now on the spread is half a percent: too wide to buy, narrow enough to be believed of what is held."""

    def quotes(original: Callable[..., Mapping[ProductId, Quote]], names: Any) -> Mapping[ProductId, Quote]:
        found = original(names)
        wide = {each: quote for each, quote in found.items() if each == SOL}
        return {**found, **{each: replace(quote, ask=Price(quote.bid * 1005 / 1000)) for each, quote in wide.items()}}

    world.meddlers["market.quotes"] = quotes
    return world


LEAVES = {
    DenialCode.VOLUME_BELOW_MIN: changed(volume_24h=Notional(9_999_999)),
    DenialCode.LISTING_TOO_NEW: changed(listed_at=Instant(START - 86_400)),
    DenialCode.SPREAD_EXCEEDS_MAX: wide,
    DenialCode.EXCLUDED: ruled_out(never_trade=(Asset("SOL"),)),
    DenialCode.STABLE_BASE: ruled_out(stable_bases=(Asset("SOL"),)),
    DenialCode.BANNED: ruled_out(bans={Asset("SOL"): "2099-01-01"}),
}


def with_a_lot(product_id: ProductId = SOL, **world: Any) -> World:
    """SOL was bought by the strategy that reverts; then it falls by 3 percent, and comes back a bar later."""
    world = {"universe__products_cache_minutes": "0", "paths": {SOL: a_path(DIP, Bar(97), Bar(100), *QUIET)}, **world}
    bought = shared(Scripted(), at((0, buy(OTHER, product_id))), **world)
    bought.cycles(1)
    bought.cycle()
    bought.pass_bars()
    assert [product_id] == lots_of(bought, OTHER)
    return bought


def go_on(world: World, rules: Strategy) -> list[CycleReport]:
    """Two cycles more, in which the shipped strategy looks after the lot."""
    reverts = MeanReversion(OTHER, shipped_settings().strategies[OTHER].settings)
    return with_pipeline(world, world.pipeline.settings, rules, reverts).cycles(2)


@pytest.mark.parametrize("code", LEAVES)
def test_coin_that_left_the_universe_is_sold_by_its_own_strategy(code: DenialCode) -> None:
    """51: far below its mean it is kept, back there it is sold; bought it would not be, by anybody."""
    world = LEAVES[code](with_a_lot())
    rules = always(buy(RULES))

    kept, sold = go_on(world, rules)

    assert all(SOL not in context.candidates for context in rules.seen)
    assert (Outcome.HELD, DenialCode.PROPOSAL_INVALID) == (verdict_on(kept).outcome, verdict_on(kept).code)
    assert ([], [OrderPurpose.EXIT]) == (purposes(kept), purposes(sold))
    assert ([], 0) == (lots_of(world, OTHER), world.total("SOL"))


def test_coin_in_the_universe_is_kept_and_sold_at_the_same_points() -> None:
    """51: the tests above would prove nothing if it were not."""
    world = with_a_lot()

    kept, sold = go_on(world, Scripted())

    assert (Outcome.HELD, DenialCode.POSITION_HELD) == (verdict_on(kept).outcome, verdict_on(kept).code)
    assert ([], [OrderPurpose.EXIT]) == (purposes(kept), purposes(sold))


def test_coin_bought_on_another_listing_is_sold_when_the_canonical_one_leaves() -> None:
    """51: the lot is of ADA-USDC. Then ADA-USD is listed on the same book, becomes canonical, and is too thin."""
    ada, ada_usdc = ProductId("ADA-USD"), ProductId("ADA-USDC")
    path, dollar = a_path(DIP, Bar(97), Bar(100), *QUIET), a_path(*[Bar(1.0)] * 24, price=1.0)
    pegs = (ProductId("USDT-USD"), ProductId("USDT-USDC"))
    is_listed: list[bool] = []

    def listing(original: Callable[..., Listing], *wanted: Any) -> Listing:
        shown = dict(original(*wanted))
        if not is_listed:
            return {product_id: each for product_id, each in shown.items() if product_id != ada}
        changes: Mapping[ProductId, dict[str, Any]] = {
            ada: {"volume_24h": Notional(4_999_999)},
            ada_usdc: {"alias": ada},
        }
        return {
            product_id: replace(each, **changes.get(product_id, {})) if isinstance(each, Product) else each
            for product_id, each in shown.items()
        }

    world = shared(
        Scripted(),
        at((0, buy(OTHER, ada_usdc))),
        paths={ada: path, ada_usdc: path, **dict.fromkeys(pegs, dollar)},
        products=[listed(each, price_increment=Price("0.0001")) for each in pegs],
        universe__products_cache_minutes="0",
    )
    world.meddlers["market.products"] = listing
    world.cycles(1)
    world.cycle()
    world.pass_bars()
    assert [ada_usdc] == lots_of(world, OTHER)
    is_listed.append(True)
    rules = Scripted()

    kept, sold = go_on(world, rules)

    assert all(ada not in context.candidates for context in rules.seen)
    assert DenialCode.POSITION_HELD is verdict_on(kept, ada).code
    assert ([], [OrderPurpose.EXIT]) == (purposes(kept), purposes(sold))
    assert [] == lots_of(world, OTHER)


# --- 55


NAN, INFINITE = float("nan"), float("inf")
IMPOSSIBLE: list[tuple[str, Any]] = [
    ("stop_loss_pct", Decimal(120)),
    ("stop_loss_pct", Decimal(100)),
    ("stop_loss_pct", Decimal(-5)),
    ("stop_loss_pct", Decimal(0)),
    ("stop_loss_pct", Decimal("0.0001")),
    ("stop_loss_pct", Decimal("NaN")),
    ("take_profit_pct", Decimal(0)),
    ("take_profit_pct", Decimal(-1)),
    ("take_profit_pct", Decimal("Infinity")),
    ("take_profit_pct", Decimal("1E+999999")),
    ("size_pct", Decimal(0)),
    ("size_pct", Decimal(-3)),
    ("size_pct", Decimal("100.1")),
    ("size_pct", Decimal("sNaN")),
    ("max_hold_hours", 0),
    ("max_hold_hours", -24),
    ("max_hold_hours", 10**30),
    ("confidence", NAN),
    ("confidence", 1.5),
    ("conviction", INFINITE),
    ("conviction", -0.1),
    ("base", Asset("ETH")),
    ("product_id", ProductId("NONE-USD")),
    ("strategy", OTHER),
]
UNREADABLE: list[tuple[str, Any]] = [
    ("size_pct", 0.03),
    ("stop_loss_pct", 6.0),
    ("max_hold_hours", 1.5),
    ("reason", 42),
]


@pytest.mark.parametrize(
    ("name", "value", "field"),
    [*((name, value, name) for name, value in IMPOSSIBLE), *((name, value, name) for name, value in UNREADABLE)],
)
def test_impossible_proposal_is_denied_alone_with_its_number(name: str, value: Any, field: str) -> None:
    """55: nothing of it is sent and it is named; what is sound in the same answer, and the other strategy, go on."""
    bad = replace(a_proposal(conviction=1.0), **{name: value})
    world = shared(at((0, lambda _: [bad, a_proposal("BTC-USD")])), at((0, buy(OTHER, "ETH-USD"))))

    report = world.cycle()

    verdict = verdict_on(report, bad.product_id)
    assert CycleOutcome.COMPLETED is report.outcome
    assert {"BTC-USD", "ETH-USD"} == {order.product_id for order in world.buys()}
    assert (Outcome.REFUSED, DenialCode.PROPOSAL_INVALID, field) == (
        verdict.outcome,
        verdict.code,
        verdict.details["field"],
    )
    assert [] == failures(report)


@pytest.mark.parametrize("stop_pct", ["99.9999", "50", "6", "0.01"])
def test_stop_that_a_coarse_increment_brings_to_the_price_is_no_order(stop_pct: str) -> None:
    """55: SOL in steps of 60, bid just below 100: every stop is rounded up to the 60 it should be below."""
    world = shared(at((0, buy(RULES, stop_loss_pct=Decimal(stop_pct)))), Scripted())
    world = changed(price_increment=Price(60))(world)

    report = world.cycle()

    assert ("stop_loss_pct", []) == (verdict_on(report).details["field"], world.buys())


@pytest.mark.parametrize(
    ("over", "name"),
    [
        ({"lot_id": "somebody-elses"}, "lot_id"),
        ({"lot_id": None}, "lot_id"),
        ({"product_id": BTC, "base": Asset("BTC")}, "product_id"),
        ({"conviction": NAN}, "conviction"),
    ],
)
def test_impossible_sale_is_denied_alone(over: Mapping[str, Any], name: str) -> None:
    """55: a lot that is none of its own, a lot at another product's price; the lot stays and stays protected."""
    world = shared(
        at((0, buy(RULES)), (1, lambda context: [replace(a_sale(context.lots[0]), **over)])),
        Scripted(),
        paths={SOL: a_path(DIP, *QUIET)},
    )

    _, report = world.cycles(2)

    assert name == verdict_on(report, over.get("product_id", SOL)).details["field"]
    assert ([], [SOL]) == (purposes(report), lots_of(world, RULES))


def test_strategy_sells_no_lot_of_another() -> None:
    """55: it was not shown the lot, and its id alone does not help."""
    stolen: list[TradeProposal] = []
    world = shared(
        at((0, buy(RULES))),
        at((1, lambda _: [replace(each, strategy=OTHER) for each in stolen])),
        paths={SOL: a_path(DIP, *QUIET)},
    )
    world.cycles(1)
    (intent,) = (record.intent for record in world.ledger.orders.values())
    stolen.append(replace(a_proposal(), side=Side.SELL, lot_id=intent.lot_id, size_pct=Decimal(0)))

    report = world.cycle()

    assert DenialCode.PROPOSAL_INVALID is verdict_on(report).code
    assert [SOL] == lots_of(world, RULES)


# --- 56


def entered_again(world: World) -> Instant:
    """When SOL is bought next, if somebody wants it in every cycle; in all the cycles before it cools down."""
    world = with_pipeline(world, world.pipeline.settings, Scripted(), always(buy(OTHER)))
    codes = []
    while OrderPurpose.ENTRY not in purposes(report := world.cycle()):
        codes.append(verdict_on(report).code)
        world.pass_bars()
    assert {DenialCode.PRODUCT_COOLING} == set(codes)
    return world.clock.now()


@pytest.mark.parametrize(("loss", "win"), [(6, 7), (6, 6), (7, 6), (6, 12), (12, 6)])
def test_hour_of_rest_after_a_loss_outlasts_the_minutes_after_a_win(loss: int, win: int) -> None:
    """56: bought at 110 and at 90, both sold at 100, in some order or at once: the hour counts from the loss."""
    bars = [Bar(110, low=109), *[Bar(90)] * 3, Bar(90, low=89), *[Bar(100)] * 60]
    world = shared(
        at((0, buy(RULES)), (loss, sell_all)),
        at((4, buy(OTHER)), (win, sell_all)),
        paths={SOL: a_path(*bars, price=110)},
    )
    world.cycles(max(loss, win) + 1)

    results = {name: (part.wins, part.losses) for name, part in world.ledger.by_strategy.items()}
    assert {RULES: (0, 1), OTHER: (1, 0)} == results
    assert START + loss * STEP + 3600 == entered_again(world)


@pytest.mark.parametrize("win", [3, 8, 20])
def test_two_hours_of_rest_after_a_stop_outlast_the_minutes_after_a_win(win: int) -> None:
    """56: both bought at 110, one is stopped out at 103, the other sells at 125."""
    world = shared(
        at((0, buy(RULES, stop_loss_pct=Decimal(6)))),
        at((0, buy(OTHER)), (win, sell_all)),
        paths={SOL: a_path(Bar(110, low=109), Bar(100), *[Bar(125)] * 60, price=110)},
        allocation__one_entry_per_product="false",
    )
    world.cycles(win + 1)

    assert "stop" == world.ledger.cooldowns[Asset("SOL")].reason
    assert START + 2 * STEP + 7200 == entered_again(world)


@pytest.mark.parametrize("loss", [7, 8])
def test_rest_that_ends_earlier_is_replaced_by_one_that_ends_later(loss: int) -> None:
    """56: the ten minutes after a win are no protection from an hour."""
    world = shared(
        at((0, buy(RULES)), (loss, sell_all)),
        at((4, buy(OTHER)), (6, sell_all)),
        paths={SOL: a_path(Bar(110, low=109), *[Bar(90)] * 3, Bar(90, low=89), *[Bar(100)] * 60, price=110)},
    )
    world.cycles(7)
    after_the_win = world.ledger.cooldowns[Asset("SOL")]
    world.cycles(loss - 6)

    assert START + 6 * STEP + 600 == after_the_win.until
    assert START + loss * STEP + 3600 == world.ledger.cooldowns[Asset("SOL")].until
