"""The chain as one pure function: facts in, a decision out."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from factories import (
    CYCLE,
    NOW,
    OTHER,
    PREFIX,
    RULES,
    USD,
    USDC,
    Scripted,
    a_bracket_intent,
    a_held_ledger,
    a_ledger,
    a_lot,
    a_proposal,
    a_sale,
    an_intent,
    an_order_record,
    scripted,
    shipped_settings,
    some_facts,
)
from factories_market import some_bars
from trader.entry.wiring import build_pipeline
from trader.errors import DataError, MissingData
from trader.model.codec import digest_of
from trader.model.cycle_state import Cooldown, FailureStreak, Regime, RegimeState
from trader.model.decisions import Decision, Outcome, TradeProposal
from trader.model.denials import DenialCode
from trader.model.events import AuditNote, EventKind
from trader.model.ids import Asset, ClientOrderId, Instant, ProductId, StrategyId
from trader.model.inputs import CycleInputs, HeldProduct, StrategyContext
from trader.model.ledger import Ledger
from trader.model.lots import Lot
from trader.model.market import Depth, Granularity, Quote
from trader.model.money import Notional, Price, Quantity
from trader.model.orders import OrderPurpose
from trader.model.round_trips import RoundTrip
from trader.model.trading_state import TradingState
from trader.settings import Settings
from trader.settings.schedule import ScheduleSettings
from trader.stages.pipeline import Pipeline
from trader.stages.universe.checks import count_failure
from trader.strategies.base import Strategy

SOL, ETH = ProductId("SOL-USD"), ProductId("ETH-USD")
LOT = ClientOrderId(PREFIX + "entry")
FEE = Decimal("0.005")
#: SOL has just risen, ADA has just fallen.
MOVES = {"SOL-USD": 4.0, "ADA-USD": -6.0}
CHOPPY = RegimeState(Regime.CHOP, Regime.CHOP)


def shipped() -> Pipeline:
    return build_pipeline(shipped_settings())


def told(*strategies: Strategy, settings: Settings | None = None, **sections: Any) -> Pipeline:
    """A pipeline of strategies that do what a test says."""
    settings = shipped_settings() if settings is None else settings
    names = (RULES, OTHER)[: len(strategies)]
    plain = replace(settings.strategies[RULES], **sections)
    settings = replace(settings, strategies=dict.fromkeys(names, plain))
    return Pipeline.build(settings, dict(zip(names, strategies, strict=True)))


def verdicts(decision: Decision) -> Mapping[str, tuple[Outcome, DenialCode | None]]:
    return {verdict.product_id: (verdict.outcome, verdict.code) for verdict in decision.verdicts}


def holding(ledger: Ledger | None = None, **over: Any) -> Ledger:
    """One unit of ETH bought at 100, in a choppy market."""
    return replace(a_held_ledger() if ledger is None else ledger, regime=CHOPPY, **over)


def at_price(inputs: CycleInputs, price: str) -> CycleInputs:
    """The same facts with ETH quoted at another price."""
    quote = Quote(ETH, Price(price), Price(Decimal(price) + Decimal("0.01")), NOW)
    return replace(inputs, quotes={**inputs.quotes, ETH: quote})


# --- the same facts, the same decision


def busy_facts() -> CycleInputs:
    """A rise to buy, a fall to refuse, a lot to sell, an order to cancel."""
    working = an_order_record(an_intent("ada", product_id="ADA-USD", expires_at=NOW))
    return at_price(some_facts(moves=MOVES, ledger=holding(a_held_ledger(None, working))), "93")


def test_same_facts_give_the_same_decision() -> None:
    """Twice from one pipeline, once from another, once in two halves."""
    inputs, pipeline = busy_facts(), shipped()

    first = pipeline.decide(inputs)

    assert first == pipeline.decide(inputs)
    assert first == shipped().decide(busy_facts())
    assert first == pipeline.conclude(pipeline.propose(inputs, pipeline.screen(inputs)), inputs)


def test_decision_does_not_depend_on_the_order_of_the_facts() -> None:
    """A venue lists its products as it likes."""
    inputs = busy_facts()
    backwards: dict[str, Any] = {
        name: dict(reversed(getattr(inputs, name).items())) for name in ("products", "quotes", "bars", "depth")
    }

    assert digest_of(shipped().decide(inputs)) == digest_of(shipped().decide(replace(inputs, **backwards)))


PRINT_DIGEST = """
from unit.stages.test_pipeline import busy_facts, shipped
from trader.model.codec import digest_of
print(digest_of(shipped().decide(busy_facts())))
"""


@pytest.mark.parametrize("seed", ["0", "1", "4711"])
def test_decision_is_the_same_in_every_process(seed: str) -> None:
    """Accident 17: whatever seed Python hashes text with, byte for byte."""
    root = Path(__file__).resolve().parents[3]
    paths = os.pathsep.join(str(root / each) for each in ("src", "tests"))
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": paths}

    other = subprocess.run(
        [sys.executable, "-c", PRINT_DIGEST], env=environment, capture_output=True, text=True, check=True, timeout=60
    )

    assert digest_of(shipped().decide(busy_facts())) == other.stdout.strip()


def test_busy_facts_are_busy() -> None:
    """The tests above would prove nothing on a quiet market."""
    decision = shipped().decide(busy_facts())

    assert [OrderPurpose.EXIT, OrderPurpose.ENTRY] == [intent.purpose for intent in decision.plan.intents]
    assert (ClientOrderId("t247-ada"),) == decision.plan.cancels


# --- the chain


def test_every_product_considered_has_one_verdict_from_the_stage_that_decided() -> None:
    """A rise is bought, a fall is not, what is quiet is named so."""
    decision = shipped().decide(some_facts(moves=MOVES))

    said = verdicts(decision)
    assert len(said) == len(decision.verdicts)
    assert (Outcome.ENTERING, None) == said["SOL-USD"]
    assert (Outcome.REFUSED, DenialCode.CONFIRMATIONS_BELOW_MIN) == said["ADA-USD"]
    assert (Outcome.REFUSED, DenialCode.TRIGGER_MISSING) == said["BTC-USD"]
    assert (Outcome.REFUSED, DenialCode.PRODUCT_MISSING) == said["LINK-USD"]


def test_order_book_is_read_for_what_somebody_wants_to_buy() -> None:
    """Not for what is sold, and not for what nobody wants."""
    ledger = holding()
    pipeline = told(scripted(a_proposal(), a_sale(ledger.lots[LOT])))

    inputs = some_facts(ledger=ledger)

    assert (SOL,) == pipeline.propose(inputs, pipeline.screen(inputs)).products_to_buy()


@pytest.mark.parametrize(
    ("depth", "code"),
    [
        ({}, DenialCode.DEPTH_MISSING),
        ({SOL: Depth(SOL, Notional(10**9), Notional("99999.99"))}, DenialCode.DEPTH_BELOW_MIN),
        ({SOL: Depth(SOL, Notional(0), Notional(100_000))}, None),
    ],
)
def test_nothing_is_bought_from_a_book_that_is_thin_or_unread(
    depth: dict[ProductId, Depth], code: DenialCode | None
) -> None:
    """Judged on the asks; and the refusal carries the proposal."""
    decision = told(scripted(a_proposal())).decide(some_facts(depth=depth))

    wish = a_proposal(edge_multiple=Decimal("1.5"))
    assert [(code, wish)] * (code is not None) == [(d.code, d.proposal) for d in decision.review.denials]
    assert (code is None) is bool(decision.plan.intents)


def test_sale_needs_no_order_book() -> None:
    """Getting out is not refused for a thin market."""
    ledger = holding()

    decision = told(scripted(a_sale(ledger.lots[LOT]))).decide(some_facts(ledger=ledger, depth={}))

    assert [OrderPurpose.EXIT] == [intent.purpose for intent in decision.plan.intents]


def test_exit_outweighs_another_strategys_purchase() -> None:
    """What is stopped out is not bought in the same breath."""
    inputs = at_price(some_facts(ledger=holding()), "93")

    decision = told(scripted(a_proposal("ETH-USD"))).decide(inputs)

    assert [OrderPurpose.EXIT] == [intent.purpose for intent in decision.plan.intents]
    assert (Outcome.EXITING, None) == verdicts(decision)["ETH-USD"]


# --- what strategies see


def test_strategy_sees_its_own_lots_only() -> None:
    """The other's are none of its business."""
    lots = [a_lot("ETH-USD"), a_lot("BTC-USD", strategy=OTHER)]
    mine, theirs = Scripted(), Scripted()

    told(mine, theirs).decide(some_facts(ledger=holding(a_ledger(lots=lots))))

    assert [["ETH-USD"], ["BTC-USD"]] == [[lot.product_id for lot in each.seen[0].lots] for each in (mine, theirs)]


def thin(product_id: str) -> CycleInputs:
    """Facts in which this product's volume is one short of its tier's minimum."""
    inputs = some_facts()
    product = replace(inputs.products[ProductId(product_id)], volume_24h=Notional(9_999_999))
    return replace(inputs, products={**inputs.products, product.product_id: product})


def with_lots(inputs: CycleInputs, *lots: Lot) -> CycleInputs:
    return replace(inputs, ledger=holding(a_ledger(lots=lots)))


def held_by(strategy: Scripted) -> Mapping[ProductId, HeldProduct]:
    return strategy.seen[0].held


def test_strategy_sees_what_it_holds_whatever_the_universe_says() -> None:
    """Accident 51: too thin to be bought, and its quote and bars are there all the same."""
    strategy, inputs = Scripted(), with_lots(thin("ETH-USD"), a_lot("ETH-USD"))

    told(strategy).decide(inputs)

    assert [Asset("ETH")] == [held.base for held in held_by(strategy).values()]
    assert (inputs.quotes[ETH], inputs.bars[ETH]) == (held_by(strategy)[ETH].quote, held_by(strategy)[ETH].bars)
    assert ETH not in strategy.seen[0].candidates


def test_candidate_that_is_held_is_both() -> None:
    """With the same bars."""
    strategy, inputs = Scripted(), with_lots(some_facts(), a_lot("ETH-USD"))

    told(strategy).decide(inputs)

    assert strategy.seen[0].candidates[ETH].bars is held_by(strategy)[ETH].bars


@pytest.mark.parametrize("alias", [ETH, None])
def test_lot_of_another_listing_is_seen_with_the_bars_of_its_asset(alias: ProductId | None) -> None:
    """Bought as ETH-USDC, on the same order book or on its own: bars are read of ETH-USD only."""
    other = ProductId("ETH-USDC")
    strategy, inputs = Scripted(), with_lots(thin("ETH-USD"), a_lot("ETH-USDC"))
    listed = replace(inputs.products[ETH], product_id=other, quote=USDC, alias=alias)
    quote = replace(inputs.quotes[ETH], product_id=other)
    inputs = replace(inputs, products={**inputs.products, other: listed}, quotes={**inputs.quotes, other: quote})

    told(strategy).decide(inputs)

    assert [other] == list(held_by(strategy))
    assert (quote, inputs.bars[ETH]) == (held_by(strategy)[other].quote, held_by(strategy)[other].bars)


def test_what_could_not_be_read_of_a_held_product_is_not_made_up() -> None:
    """No bars, a crossed quote, no product at all."""
    strategy = Scripted()
    inputs = with_lots(some_facts(), a_lot("ETH-USD"), a_lot("SOL-USD"), a_lot("XRP-USD"))
    crossed = replace(inputs.quotes[SOL], ask=inputs.quotes[SOL].bid)
    inputs = replace(inputs, bars={**inputs.bars, ETH: MissingData("none")}, quotes={**inputs.quotes, SOL: crossed})

    told(strategy).decide(inputs)

    assert (None, None) == (held_by(strategy)[ETH].bars, held_by(strategy)[SOL].quote)
    assert HeldProduct(Asset("XRP"), None, None) == held_by(strategy)[ProductId("XRP-USD")]


def test_strategy_sees_what_its_own_part_of_the_equity_is_and_what_is_left_of_it() -> None:
    """40 % of a quarter of 10,000; a lot worth 100 at its mark and a working buy of 201.01 with its fee taken."""
    mine, theirs = Scripted(), Scripted()
    working = an_intent("ada", product_id="ADA-USD", quantity=Quantity(2), limit_price=Price(100), fee_rate_max=FEE)
    inputs = some_facts(ledger=a_ledger(regime=CHOPPY, working=[working], lots=[a_lot("ETH-USD")]))
    pipeline = told(mine, theirs, weight_pct=Decimal(40))

    pipeline.decide(inputs)

    (context,), (other,) = mine.seen, theirs.seen
    equity = context.equity
    assert equity is not None
    assert equity == other.equity
    assert (equity / 10, equity / 10) == (context.capital, other.capital)
    taken = inputs.quotes[ETH].bid + 2 * 100 * (1 + FEE)
    assert (equity / 10 - taken, equity / 10) == (context.cash, other.cash)


def test_strategy_without_an_equity_is_told_of_no_money() -> None:
    """What is held has no price, and never had one."""
    strategy = Scripted()
    inputs = with_lots(some_facts(), a_lot("ETH-USD"))

    told(strategy).decide(replace(inputs, quotes={each: q for each, q in inputs.quotes.items() if each != ETH}))

    (context,) = strategy.seen
    assert (None, None, None) == (context.equity, context.capital, context.cash)


def test_strategy_sees_its_own_round_trips_only() -> None:
    """Oldest first, as they closed."""
    mine, theirs = Scripted(), Scripted()
    rows = (a_round_trip("one"), a_round_trip("two", strategy=OTHER), a_round_trip("three"))

    told(mine, theirs).decide(some_facts(ledger=a_ledger(regime=CHOPPY, round_trips=rows)))

    assert [["one", "three"], ["two"]] == [[row.lot_id for row in each.seen[0].round_trips] for each in (mine, theirs)]


def a_round_trip(name: str, strategy: StrategyId = RULES) -> RoundTrip:
    at, price = Instant(NOW - 900), Price(100)
    return RoundTrip(ClientOrderId(name), strategy, ETH, at, at, price, price, Notional(-1), "stop")


def test_strategy_sees_its_own_held_products_only() -> None:
    """Like its lots."""
    mine, theirs = Scripted(), Scripted()
    inputs = with_lots(some_facts(), a_lot("ETH-USD"), a_lot("BTC-USD", strategy=OTHER))

    told(mine, theirs).decide(inputs)

    assert [["ETH-USD"], ["BTC-USD"]] == [list(held_by(each)) for each in (mine, theirs)]


def test_strategy_sees_costs_and_base_sizes_of_every_candidate() -> None:
    """0.5 + 0.9 % of fees, 2 bps of spread, 10 of slippage; 3 % in the first tier, 2 % in the second."""
    strategy = Scripted()

    told(strategy).decide(some_facts())

    (context,) = strategy.seen
    assert pytest.approx(Decimal("0.0152")) == context.round_trip_ratio[SOL]
    assert (Decimal(3), Decimal(2)) == (context.base_size_pct[SOL], context.base_size_pct[ProductId("ADA-USD")])
    assert {"BTC-USD", "ETH-USD", "SOL-USD"} == set(context.core_products)


@pytest.mark.parametrize(("ago", "asked"), [(899, 0), (900, 1)])
def test_strategy_is_asked_when_it_is_due(ago: int, asked: int) -> None:
    """And remembered as asked."""
    strategy = Scripted()
    ledger = a_ledger(regime=CHOPPY, strategy_runs={RULES: Instant(NOW - ago)})

    decision = told(strategy, schedule=ScheduleSettings(every_minutes=15)).decide(some_facts(ledger=ledger))

    assert asked == len(strategy.seen)
    assert {RULES: NOW if asked else NOW - ago} == decision.ledger.strategy_runs


@pytest.mark.parametrize(
    ("changes", "used"),
    [
        ({}, True),
        ({"scheduled_at": Instant(NOW - 120)}, True),
        ({"scheduled_at": Instant(NOW - 121)}, False),
        ({"complete": False}, False),
        ({"trading_state": TradingState.REDUCE_ONLY}, False),
        ({"trading_state": TradingState.FLATTEN}, False),
        ({"trading_state": TradingState.HALT}, False),
    ],
)
@pytest.mark.parametrize("before", [{}, {RULES: Instant(NOW - 90_000)}])
def test_cycle_that_could_not_act_uses_up_nobodys_turn(
    changes: dict[str, Any], used: bool, before: dict[StrategyId, Instant]
) -> None:
    """A strategy of once a day is asked, and asked again as soon as what it wants can be bought.

    Where nothing that it goes by was read, it is not asked.
    """
    strategy = Scripted()
    inputs = replace(some_facts(ledger=a_ledger(regime=CHOPPY, strategy_runs=before)), **changes)

    decision = told(strategy, schedule=ScheduleSettings(every_minutes=1440)).decide(inputs)

    is_blind = inputs.trading_state in (TradingState.FLATTEN, TradingState.HALT)
    assert (0 if is_blind else 1) == len(strategy.seen)
    assert ({RULES: inputs.scheduled_at} if used else before) == decision.ledger.strategy_runs


@pytest.mark.parametrize(("failed", "used"), [(2, True), (3, False)])
def test_cycle_with_too_little_data_uses_up_nobodys_turn(failed: int, used: bool) -> None:
    """Two of five products may fail, three not."""
    pipeline = told(Scripted(), settings=small_universe(0.4))

    assert used is bool(pipeline.decide(without_bars(failed)).ledger.strategy_runs)


def test_strategy_that_failed_keeps_its_turn() -> None:
    """The other one has had its own."""
    decision = told(Scripted(raises), Scripted()).decide(some_facts())

    assert {OTHER: NOW} == decision.ledger.strategy_runs


def test_strategy_whose_turn_was_not_used_up_is_asked_in_the_next_cycle() -> None:
    """And from then on at its own pace."""
    strategy = Scripted()
    pipeline = told(strategy, schedule=ScheduleSettings(every_minutes=1440))
    halted = pipeline.decide(some_facts(trading_state=TradingState.REDUCE_ONLY)).ledger
    first = pipeline.decide(some_facts(ledger=halted, now=NOW + 300)).ledger

    pipeline.decide(some_facts(ledger=first, now=NOW + 600))

    assert [NOW, NOW + 300] == [context.now for context in strategy.seen]


@pytest.mark.parametrize(("reads", "ago", "looked"), [(True, 900, True), (False, 900, False), (True, 899, False)])
def test_triggers_are_looked_for_where_a_due_strategy_reads_them(reads: bool, ago: int, looked: bool) -> None:
    """For nobody else: they are a good part of what a cycle costs."""
    ledger = a_ledger(regime=CHOPPY, strategy_runs={RULES: Instant(NOW - ago)})
    pipeline = told(Scripted(reads_triggers=reads), schedule=ScheduleSettings(every_minutes=15))

    decision = pipeline.decide(some_facts(moves=MOVES, ledger=ledger))

    assert looked == bool(decision.triggers)


# --- a strategy that fails


def raises(_: StrategyContext) -> Sequence[TradeProposal]:
    raise ZeroDivisionError("division by zero")


def clears_the_market(context: StrategyContext) -> Sequence[TradeProposal]:
    context.candidates.clear()  # type: ignore[attr-defined]
    return ()


def clears_the_triggers(context: StrategyContext) -> Sequence[TradeProposal]:
    context.triggers.clear()  # type: ignore[attr-defined]
    return ()


BAD = [raises, clears_the_market, clears_the_triggers]


@pytest.mark.parametrize("bad", BAD)
def test_failed_strategy_takes_nothing_with_it(bad: Callable[[StrategyContext], Sequence[TradeProposal]]) -> None:
    """Accident 49: plan, ledger and all but what it says of itself are those of a cycle in which it wanted nothing."""
    ledger = holding(a_held_ledger(None, an_order_record(an_intent("ada", product_id="ADA-USD", expires_at=NOW))))
    inputs = at_price(some_facts(moves=MOVES, ledger=ledger), "93")
    good = scripted(a_proposal(strategy=OTHER))

    failing, silent = (told(each, good).decide(inputs) for each in (Scripted(bad), Scripted()))

    assert [OrderPurpose.EXIT, OrderPurpose.ENTRY] == [intent.purpose for intent in failing.plan.intents]
    assert (silent.plan, silent.review, silent.ledger.lots) == (failing.plan, failing.review, failing.ledger.lots)
    assert ((), (RULES,)) == (silent.failed_strategies, failing.failed_strategies)


@pytest.mark.parametrize("bad", BAD)
def test_failed_strategy_spoils_nobodys_view(bad: Callable[[StrategyContext], Sequence[TradeProposal]]) -> None:
    """What the next one sees is what it would have seen."""
    seen, unspoiled = Scripted(), Scripted()
    inputs = some_facts(moves=MOVES)

    told(Scripted(bad), seen).decide(inputs)
    told(Scripted(), unspoiled).decide(inputs)

    assert unspoiled.seen == seen.seen
    assert seen.seen[0].candidates


def test_verdict_and_notes_say_that_a_strategy_failed_and_how() -> None:
    """The product with a trigger shows it, the others keep their own reasons; one note of it is in the decision."""
    decision = told(Scripted(raises)).decide(some_facts(moves=MOVES))

    body = {"strategy": RULES, "error": "ZeroDivisionError: division by zero"}
    (verdict,) = (each for each in decision.verdicts if each.product_id == SOL)
    assert ("strategies", DenialCode.STRATEGY_FAILED, body) == (verdict.stage, verdict.code, verdict.details)
    assert (Outcome.REFUSED, DenialCode.TRIGGER_MISSING) == verdicts(decision)["BTC-USD"]
    assert (AuditNote(EventKind.STRATEGY_FAILED, RULES, body),) == decision.notes


def test_verdict_of_a_failed_strategys_own_lot_says_so() -> None:
    """It is held, and nobody judged it but the general exits."""
    protected = a_held_ledger(None, an_order_record(a_bracket_intent()))
    decision = told(Scripted(raises)).decide(some_facts(ledger=holding(protected)))

    (verdict,) = (each for each in decision.verdicts if each.product_id == ETH)
    assert (Outcome.HELD, "strategies", DenialCode.STRATEGY_FAILED) == (verdict.outcome, verdict.stage, verdict.code)
    assert {"quantity", "cost", "gain_pct", "strategy", "error"} == set(verdict.details)


# --- when the world is not well


def test_unknown_regime_buys_nothing_and_still_sells() -> None:
    """Without a benchmark nobody knows the market."""
    inputs = at_price(some_facts(ledger=replace(holding(), regime=RegimeState())), "93")

    decision = told(scripted(a_proposal())).decide(replace(inputs, benchmark=MissingData("none")))

    assert [OrderPurpose.EXIT] == [intent.purpose for intent in decision.plan.intents]
    assert (Outcome.REFUSED, DenialCode.REGIME_UNKNOWN) == verdicts(decision)["SOL-USD"]


def test_decision_keeps_the_reading_its_regime_rests_on() -> None:
    """A benchmark that fell by a fifth: the numbers stand in the decision and in what they refused."""
    fallen = some_bars([100.0] * 100 + [80.0] * 68, granularity=Granularity.ONE_HOUR)

    decision = told(scripted(a_proposal())).decide(some_facts(benchmark=fallen))

    (verdict,) = (each for each in decision.verdicts if each.product_id == SOL)
    assert (Regime.CRASH, pytest.approx(-20.0), Decimal(0)) == (
        decision.reading.raw,
        decision.reading.trend_pct,
        decision.size_multiplier,
    )
    assert DenialCode.REGIME_CRASH is verdict.code
    assert (decision.reading.trend_pct, decision.reading.volatility_pct, decision.size_multiplier) == tuple(
        verdict.details[name] for name in ("trend_pct", "volatility_pct", "size_multiplier")
    )


def test_crash_cancels_working_entries() -> None:
    """They are risk nobody wants any more."""
    working = an_order_record(an_intent("ada", product_id="ADA-USD"))
    ledger = replace(a_ledger(working=[working]), regime=RegimeState(Regime.CRASH, Regime.CRASH))

    decision = told(Scripted()).decide(some_facts(ledger=ledger, benchmark=MissingData("none")))

    assert (ClientOrderId("t247-ada"),) == decision.plan.cancels


@pytest.mark.parametrize(
    ("switch", "purposes", "cancels"),
    [
        (TradingState.RUN, [OrderPurpose.EXIT, OrderPurpose.ENTRY], 0),
        (TradingState.REDUCE_ONLY, [OrderPurpose.EXIT], 1),
        (TradingState.FLATTEN, [OrderPurpose.EXIT], 1),
        (TradingState.HALT, [], 1),
    ],
)
def test_switch_holds_along_the_whole_chain(switch: TradingState, purposes: list[OrderPurpose], cancels: int) -> None:
    """A stop, an entry and a working entry under each of its words."""
    working = an_order_record(an_intent("ada", product_id="ADA-USD"))
    inputs = at_price(some_facts(ledger=holding(a_held_ledger(None, working)), trading_state=switch), "93")

    decision = told(scripted(a_proposal())).decide(inputs)

    assert purposes == [intent.purpose for intent in decision.plan.intents]
    assert cancels == len(decision.plan.cancels)


def without_bars(count: int) -> CycleInputs:
    """Facts of the five listed products of a small universe, of which so many have no bars."""
    inputs = some_facts()
    failed: dict[ProductId, DataError] = {name: MissingData("none") for name in list(inputs.bars)[:count]}
    return replace(inputs, bars={**inputs.bars, **failed})


def small_universe(failures_max_ratio: float) -> Settings:
    """Exactly the five products of the facts."""
    settings = shipped_settings({"universe.failures_max_ratio": failures_max_ratio})
    tiers = dict(settings.universe.tiers)
    tiers["tier_2_rotational"] = replace(tiers["tier_2_rotational"], bases=(Asset("ADA"), Asset("DOGE")))
    tiers["tier_3_dynamic"] = replace(tiers["tier_3_dynamic"], discover_max=0)
    return replace(settings, universe=replace(settings.universe, tiers=tiers))


@pytest.mark.parametrize(("failed", "complete"), [(2, True), (3, False)])
def test_cycle_abstains_from_entries_if_too_much_is_missing(failed: int, complete: bool) -> None:
    """Two of five are two fifths; three are more."""
    pipeline = told(scripted(a_proposal("DOGE-USD")), settings=small_universe(0.4))

    decision = pipeline.decide(without_bars(failed))

    assert complete is decision.complete
    assert complete is bool(decision.plan.intents)
    assert (DenialCode.DATA_INCOMPLETE in [d.code for d in decision.review.denials]) is not complete


@pytest.mark.parametrize(
    ("failures", "first"), [(("fees: HTTP 503",), "fees: HTTP 503"), ((), "BTC-USD: DATA_MISSING: none")]
)
def test_cycle_that_abstains_says_why(failures: tuple[str, ...], first: str) -> None:
    """What failed as a whole comes before what failed of one product; all of it is counted."""
    inputs = replace(without_bars(3), failures=failures, complete=not failures)

    decision = told(scripted(a_proposal("DOGE-USD")), settings=small_universe(0.4)).decide(inputs)

    (denial,) = [each for each in decision.review.denials if each.code is DenialCode.DATA_INCOMPLETE]
    assert {"cause": first, "failures": 3 + len(failures)} == denial.details
    assert first == decision.failures[0]


def test_equity_that_is_unknown_stops_entries_only() -> None:
    """Accident 6: a lot without a quote; the other one is sold, the marks stay."""
    ledger = holding(a_held_ledger().with_lot(a_lot("XRP-USD")))
    inputs = at_price(some_facts(ledger=ledger), "93")

    decision = told(scripted(a_proposal())).decide(inputs)

    assert (None, ledger.equity_marks) == (decision.equity, decision.ledger.equity_marks)
    assert [OrderPurpose.EXIT] == [intent.purpose for intent in decision.plan.intents]
    assert (Outcome.REFUSED, DenialCode.EQUITY_UNKNOWN) == verdicts(decision)["SOL-USD"]


def test_quote_asset_that_lost_its_peg_stops_entries() -> None:
    """Accident 13: USDC at 0.88 by way of its path."""
    ledger = replace(a_ledger(cash={USD: "9900", USDC: "100"}), regime=CHOPPY)
    inputs = some_facts(ledger=ledger)
    pegs = {
        ProductId("USDT-USD"): Quote(ProductId("USDT-USD"), Price("0.9999"), Price("1.0001"), NOW),
        ProductId("USDT-USDC"): Quote(ProductId("USDT-USDC"), Price("1.136"), Price("1.137"), NOW),
    }

    decision = told(scripted(a_proposal())).decide(replace(inputs, quotes={**inputs.quotes, **pegs}))

    assert (Outcome.REFUSED, DenialCode.PEG_BELOW_MIN) == verdicts(decision)["SOL-USD"]
    assert {USDC: NOW} == decision.ledger.depegged


def test_what_moves_with_a_holding_shares_the_cap_of_its_theme() -> None:
    """BTC, as quiet as the DOGE we hold for 300: of the four percent for memes 100 are left."""
    ledger = holding(a_ledger(lots=[a_lot("DOGE-USD", quantity=Quantity(3))], cash="9700"))

    decision = told(scripted(a_proposal("BTC-USD"))).decide(some_facts(ledger=ledger))

    (trim,) = decision.review.trims
    assert DenialCode.CLUSTER_EXCEEDS_MAX is trim.code
    assert pytest.approx(Decimal(100), abs=Decimal("0.5")) == trim.notional


# --- memory


def test_decision_remembers_what_the_next_cycle_needs() -> None:
    """Regime, membership, who ran; rests that are over are dropped, the plan is not in it yet."""
    cooldowns = {Asset("ADA"): Cooldown(NOW, "loss"), Asset("ETH"): Cooldown(Instant(NOW + 1), "loss")}
    ledger = a_ledger(regime=CHOPPY, cooldowns=cooldowns)

    after = told(scripted(a_proposal())).decide(some_facts(ledger=ledger)).ledger

    assert (Regime.CHOP, {RULES: NOW}, [Asset("ETH")], {}) == (
        after.regime.current,
        after.strategy_runs,
        list(after.cooldowns),
        after.orders,
    )
    assert after.membership[SOL].member


@pytest.mark.parametrize(
    ("before", "complete", "after"),
    [
        (FailureStreak(), True, FailureStreak()),
        (FailureStreak(), False, FailureStreak(1)),
        (FailureStreak(1), False, FailureStreak(2)),
        (FailureStreak(2), False, FailureStreak(0, Instant(NOW + 3600))),
        (FailureStreak(2), True, FailureStreak(0)),
        (FailureStreak(1, Instant(NOW + 9)), True, FailureStreak(0, Instant(NOW + 9))),
    ],
)
def test_third_failed_cycle_in_a_row_earns_a_rest(before: FailureStreak, complete: bool, after: FailureStreak) -> None:
    """Of an hour; one good cycle clears the count, not the rest."""
    assert after == count_failure(before, shipped_settings().risk, NOW, data_complete=complete)


def test_dust_is_swept_before_anything_is_judged() -> None:
    """Accident 19: what cannot be sold is not a position, and the record says so."""
    ledger = holding()
    ledger = ledger.with_lot(replace(ledger.lots[LOT], quantity=ledger.lots[LOT].quantity / 1000, cost=Notional("0.1")))

    decision = told(Scripted()).decide(some_facts(ledger=ledger, trading_state=TradingState.FLATTEN))

    assert ({}, 1) == (decision.ledger.lots, len(decision.ledger.dust))
    assert ["DustBooked"] == [kind for kind, _, _ in decision.notes]


def test_ids_of_orders_follow_from_the_cycle_and_the_strategy() -> None:
    """Accident 17: another cycle, another strategy, another id."""
    inputs = some_facts()
    ids = {
        told(scripted(a_proposal())).decide(each).plan.intents[0].client_order_id
        for each in (inputs, replace(inputs, cycle_id=type(CYCLE)("20261122T102000Z")))
    }
    other = told(Scripted(), scripted(a_proposal(strategy=StrategyId(OTHER)))).decide(inputs).plan.intents[0]

    assert 3 == len({*ids, other.client_order_id})
