"""Reading the world: what cannot be read is said, never made up; what changes slowly is not asked every time."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from accidents.one_account import (
    BTC,
    DIP,
    ETH,
    SOL,
    Bar,
    World,
    a_path,
    a_world,
    answering,
    down,
    listed,
    with_settings,
)
from factories import Scripted, a_ledger, a_proposal, once, scripted
from factories_venue import START, STEP
from trader.cycle import CycleOutcome
from trader.cycle.account import read_account
from trader.cycle.gather import gather_inputs, read_trading_state
from trader.cycle.run_time import RunTime
from trader.errors import MalformedData, MissingData, VenueUnavailable
from trader.model.denials import DenialCode
from trader.model.events import EventKind
from trader.model.ids import Instant, ProductId, cycle_id_at
from trader.model.inputs import CycleInputs, Tick
from trader.model.ledger import Ledger
from trader.model.market import BarsNeeded, FeeRates, Granularity
from trader.model.trading_state import TradingState
from trader.settings.schedule import ScheduleSettings
from trader.stages.pipeline import Pipeline
from trader.stages.universe.manager import UniverseScreen

QUIET = [Bar()] * 24


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        *((each.value, each) for each in TradingState),
        (None, TradingState.HALT),
        ("run", TradingState.HALT),
        ("", TradingState.HALT),
    ],
)
def test_switch_is_one_of_its_words_or_halt(word: str | None, expected: TradingState) -> None:
    """Unreadable and unknown alike."""
    world = a_world()
    world.kill_switch.word = word

    assert expected is read_trading_state(world.ports())


# --- the account


def test_account_without_any_order_is_asked_for_no_fills() -> None:
    """An order of ours that was forgotten may show; its fills are asked for by its id then."""
    world = a_world(strategy=Scripted())
    world.cycle()
    asked_to_open_the_books = world.sent("orders")

    view = read_account(world.ports().exchange, world.ledger, world.clock.now(), world.pipeline.settings)  # type: ignore[arg-type]

    assert ((), (), {"USD"}) == (view.orders, view.fills, set(view.balances))
    assert (2, 1, 0) == (asked_to_open_the_books, world.sent("orders") - asked_to_open_the_books, world.sent("fills"))


def test_account_is_read_from_before_the_last_look_and_not_from_the_age_of_an_order() -> None:
    """An hour back for orders, to the last look for fills, a minute of slack each; what is open by its id."""
    world = a_world(strategy=scripted(a_proposal("SOL-USD")))
    world.cycle()
    asked: dict[str, list[Any]] = {"orders": [], "fills": [], "known_orders": []}
    for name, seen in asked.items():
        world.meddlers[f"exchange.{name}"] = lambda original, at, seen=seen: seen.append(at) or original(at)

    for _ in range(40):
        world.pass_bars()
        last, now = world.clock.now() - STEP, world.clock.now()
        for seen in asked.values():
            seen.clear()
        world.cycle()

        # The second look of a cycle is from the first one on.
        assert {now - 3600 - 60} == set(asked["orders"])
        assert {last - 60} == set(asked["fills"]) - {now - 60}


def test_fills_are_read_after_orders() -> None:
    """A claimed fill that is not listed yet is waited for, one that nobody claimed is booked: not the other way."""
    world = a_world(strategy=scripted(a_proposal("SOL-USD")))
    world.cycle()
    world.calls.clear()

    world.pass_bars()
    world.cycle()

    assert world.calls.index("exchange.orders") < world.calls.index("exchange.fills")


@pytest.mark.parametrize("part", ["balances", "orders", "fills"])
def test_half_a_view_is_no_view(part: str) -> None:
    """Whichever half is missing."""
    world = a_world(strategy=scripted(a_proposal("SOL-USD")))
    world.cycle()
    world.meddlers[f"exchange.{part}"] = down

    with pytest.raises(VenueUnavailable):
        read_account(world.ports().exchange, world.ledger, world.clock.now(), world.pipeline.settings)  # type: ignore[arg-type]


# --- the market


def gather(world: World, tick: Tick, ledger: Ledger, pipeline: Pipeline) -> tuple[CycleInputs, UniverseScreen]:
    """What a cycle reads under RUN, without an account."""
    ports = world.ports()
    return gather_inputs(
        tick, ledger, None, TradingState.RUN, pipeline, ports, RunTime(ports.clock, ports.budget, tick.deadline)
    )


def cycle_count(world: World, call: str, minutes: int) -> int:
    """How often something was asked in cycles over so many minutes."""
    world.cycles(minutes // 5)
    return world.calls.count(call)


@pytest.mark.parametrize(("minutes", "asked"), [(60, 1), (65, 2)])
def test_products_are_believed_for_an_hour(minutes: int, asked: int) -> None:
    """Then asked again."""
    assert asked == cycle_count(a_world(strategy=Scripted()), "market.products", minutes)


@pytest.mark.parametrize("bars", [0, 1], ids=["an order works", "a lot is held"])
def test_products_are_asked_for_again_when_a_book_of_ours_is_not_among_them(bars: int) -> None:
    """Taken off the universe while an order was working: what it buys must still be protected and sold."""
    world = a_world(strategy=scripted(a_proposal("SOL-USD")), paths={SOL: a_path(DIP, *QUIET)})
    world.cycle()
    for _ in range(bars):
        world.pass_bars()
        world.cycle()
    ledger = world.ledger
    assert ledger.products is not None
    assert (bars == 1) == bool(ledger.lots)
    others = tuple(each for each in ledger.products.products if each.product_id != SOL)
    forgetful = replace(ledger, products=replace(ledger.products, products=others))
    tick = Tick(cycle_id_at(START), START, Instant(START + 210))

    inputs, _ = gather(world, tick, forgetful, world.pipeline)

    assert SOL in inputs.products
    assert SOL in names_in(inputs.ledger)


def test_product_with_nothing_but_an_open_order_stays_listed_off_the_universe() -> None:
    """Nothing of it is held yet; what the order buys must find its increments, or it could not be protected."""
    world = a_world(strategy=scripted(a_proposal("SOL-USD")))
    world.cycle()
    assert ({}, 1) == (world.ledger.lots, len(world.ledger.active_orders))
    listless = with_settings(
        world,
        Scripted(),
        universe__tiers__tier_1_core__bases=["BTC", "ETH"],
        universe__tiers__tier_3_dynamic__volume_24h_min=1_000_000_000_000,
    )
    now = world.clock.advance(3600)
    tick = Tick(cycle_id_at(now), now, Instant(now + 210))

    inputs, _ = gather(world, tick, world.ledger, listless.pipeline)
    idle, _ = gather(world, tick, a_ledger(), listless.pipeline)

    assert SOL in inputs.products
    assert (True, False) == (SOL in names_in(inputs.ledger), SOL in names_in(idle.ledger))


@pytest.mark.parametrize("bars", [0, 1], ids=["an order works", "a lot is held"])
@pytest.mark.parametrize("answer", [None, MalformedData("no increment"), MissingData("gone")], ids=str)
def test_what_is_ours_keeps_its_metadata_whatever_a_new_list_says(answer: Any, bars: int) -> None:
    """Left out or senseless: what was known last serves to sell by, and the reason stands beside it."""
    world = a_world(strategy=once(a_proposal("SOL-USD")), paths={SOL: a_path(DIP, *QUIET)})
    world.cycles(1 + bars)
    before = world.ledger.known_products[SOL]

    def products(original: Any, *wanted: Any) -> Any:
        rest = {each: row for each, row in original(*wanted).items() if each != SOL}
        return rest if answer is None and not wanted else {**rest, SOL: answer or MissingData("not in the answer")}

    world.meddlers["market.products"] = products
    now = world.clock.advance(3600)
    inputs, _ = gather(world, Tick(cycle_id_at(now), now, Instant(now + 210)), world.ledger, world.pipeline)

    assert before == inputs.products[SOL]
    assert inputs.ledger.products is not None
    cause = str(answer) if answer is not None else "the venue does not list it"
    assert (now, cause) == (inputs.ledger.products.fetched_at, inputs.ledger.products.causes[SOL])


def names_in(ledger: Ledger) -> set[ProductId]:
    """The products whose metadata the ledger remembers."""
    assert ledger.products is not None
    return {product.product_id for product in ledger.products.products}


def test_fees_are_those_of_the_account_believed_for_a_day() -> None:
    """Asked once in a cycle that has nothing yet."""
    world = a_world(strategy=Scripted())
    rates = FeeRates(maker=Decimal("0.001"), taker=Decimal("0.002"))
    world.meddlers["exchange.fee_rates"] = answering(rates)

    assert 1 == cycle_count(world, "exchange.fee_rates", 60)
    assert world.ledger.fees is not None
    assert rates == world.ledger.fees.rates


def test_fees_are_assumed_where_there_is_no_account() -> None:
    """And nothing is cached that nobody said."""
    strategy = Scripted()
    world = a_world(strategy=strategy, trades=False)

    world.cycle()

    # 0.5 + 0.9 % of fees, the spread of the candles' market, 10 bps of slippage.
    assert world.ledger.fees is None
    assert pytest.approx(0.0156, abs=1e-4) == float(strategy.seen[0].round_trip_ratio[SOL])


def test_aliases_share_the_quote_of_their_book() -> None:
    """One book, one question, two names; a book that has no quote under either has none by any door."""
    aliases = [listed("SOL-USDC", alias=SOL), listed("ETH-USDC", alias=ETH)]
    world = a_world(products=aliases, strategy=Scripted())
    world.cycle()
    asked: list[Any] = []

    def without_eth(original: Any, names: Any) -> Any:
        asked.append(names)
        return {name: quote for name, quote in original(names).items() if not name.startswith("ETH")}

    world.meddlers["market.quotes"] = without_eth
    tick = Tick(cycle_id_at(START), START, Instant(START + 210))
    inputs, _ = gather(world, tick, world.ledger, world.pipeline)

    alias = ProductId("SOL-USDC")
    assert (True, False) == (SOL in asked[0], alias in asked[0])
    assert replace(inputs.quotes[SOL], product_id=alias) == inputs.quotes[alias]
    assert {ETH, ProductId("ETH-USDC")}.isdisjoint(inputs.quotes)


SOL_USDC = ProductId("SOL-USDC")


@pytest.mark.parametrize(
    ("sol", "quoted", "asked"),
    [
        ({}, {SOL, SOL_USDC}, [[SOL]]),
        ({}, {SOL_USDC}, [[SOL], [SOL_USDC]]),
        ({"view_only": True}, {SOL_USDC}, [[SOL_USDC]]),
        ({"view_only": True}, {SOL}, [[SOL_USDC], [SOL]]),
        ({"cancel_only": True}, {SOL, SOL_USDC}, [[SOL_USDC]]),
        (None, {SOL_USDC}, [[SOL_USDC]]),
    ],
    ids=["both", "alias alone", "view-only", "view-only, quoted alone", "cancel-only", "not listed"],
)
def test_book_is_quoted_under_whichever_name_gives_a_quote(
    sol: dict[str, Any] | None, quoted: set[ProductId], asked: list[list[ProductId]]
) -> None:
    """Accident 39: first that which takes orders, then, if need be, the others; all of them share it."""
    products = [listed("SOL-USDC", alias=SOL), listed("SOL-USD", **(sol or {}))]
    world = a_world(products=products, strategy=Scripted())
    if sol is None:
        del world.market._products[SOL]
    questions: list[list[ProductId]] = []

    def quotes(original: Any, names: Any) -> Any:
        questions.append([name for name in names if name.startswith("SOL")])
        missing = dict.fromkeys((n for n in names if n.startswith("SOL") and n not in quoted), MissingData("none"))
        return {**original(names), **missing}

    world.meddlers["market.quotes"] = quotes
    tick = Tick(cycle_id_at(START), START, Instant(START + 210))

    inputs, screen = gather(world, tick, a_ledger(), world.pipeline)

    names = {SOL, SOL_USDC} if sol is not None else {SOL_USDC}
    assert names == {name for name in inputs.quotes if name.startswith("SOL")}
    assert 1 == len({(inputs.quotes[name].bid, inputs.quotes[name].ask) for name in names})
    assert asked == [each for each in questions if each]
    assert {} == {name: cause for name, cause in inputs.causes.items() if name in names}
    assert [None] == [refusal for name, refusal in screen.refusals.items() if name.startswith("SOL")]


def test_candles_are_read_of_what_passes_the_checks_that_need_none() -> None:
    """A closed product costs no request, unless we hold it."""
    world = a_world(products=[listed("SOL-USD", is_disabled=True)], strategy=Scripted())
    asked: list[Any] = []
    world.meddlers["market.bars"] = lambda original, names, *rest: asked.append(names) or original(names, *rest)

    world.cycle()

    assert (BTC in asked[0], SOL in asked[0]) == (True, False)


@pytest.mark.parametrize("part", ["quotes", "bars"])
def test_market_that_cannot_be_read_enters_nothing(part: str) -> None:
    """The cycle abstains from entries, and the failure counts."""
    world = a_world(strategy=scripted(a_proposal("SOL-USD")), universe__tiers__tier_2_rotational__bases=())
    world.cycles(1)
    world.clock.advance(3600)
    world.meddlers[f"market.{part}"] = down
    sent = world.sent()

    report = world.cycle()

    assert (sent, CycleOutcome.ABSTAINED, 1) == (
        world.sent(),
        report.outcome,
        world.ledger.failure_streak.failed_cycles,
    )


def test_market_that_never_could_be_read_enters_nothing() -> None:
    """Not even the list of products is there: no strategy is shown a candidate."""
    strategy = scripted(a_proposal("SOL-USD"))
    world = a_world(strategy=strategy)
    world.meddlers["market.products"] = down

    world.cycle()

    assert ({}, 0) == (strategy.seen[0].candidates, world.sent())


def test_market_that_cannot_be_read_does_not_stop_the_switch() -> None:
    """HALT cancels a working entry without a single price."""
    world = a_world(strategy=scripted(a_proposal("SOL-USD")))
    world.cycles(1)
    world.meddlers["market.quotes"] = down

    world.kill_switch.word = TradingState.HALT
    world.cycle()

    assert {} == world.stored.active


def test_order_book_that_cannot_be_read_is_a_refusal() -> None:
    """Of what wanted to be bought."""
    world = a_world(strategy=scripted(a_proposal("SOL-USD")))
    world.meddlers["market.depth"] = down

    report = world.cycle()

    assert report.decision is not None
    assert {SOL: DenialCode.DEPTH_MISSING} == {
        v.product_id: v.code for v in report.decision.verdicts if v.product_id == SOL
    }


def test_order_books_are_read_of_candidates_with_a_proposal_only() -> None:
    """Without one none is read at all."""
    wants, idle = a_world(strategy=scripted(a_proposal("SOL-USD"))), a_world(strategy=Scripted())
    asked: list[Any] = []
    wants.meddlers["market.depth"] = lambda original, names, band: asked.append(names) or original(names, band)

    wants.cycle()
    idle.cycle()

    assert ([(SOL,)], 0) == (asked, idle.calls.count("market.depth"))


# --- causes


@pytest.mark.parametrize("part", ["products", "quotes", "bars", "fee_rates"])
def test_read_that_failed_as_a_whole_is_named_with_its_cause(part: str) -> None:
    """In the inputs, and as the reason of a cycle that abstains."""
    world = a_world(strategy=Scripted())
    port, what = ("exchange", "fees") if part == "fee_rates" else ("market", part)
    world.meddlers[f"{port}.{part}"] = down

    report = world.cycle()

    failure = f"{what}: the venue does not answer"
    assert (CycleOutcome.ABSTAINED, True) == (report.outcome, report.reason.endswith(failure))
    (inputs,) = [note.body for note in report.notes if note.kind is EventKind.INPUTS_GATHERED]
    # The benchmark is read by the same question as bars.
    also = ("benchmark: the venue does not answer",) if part == "bars" else ()
    assert (failure, *also) == inputs["failures"]


def test_benchmark_that_cannot_be_read_is_told_from_the_bars() -> None:
    """It is read after them, in the same way."""
    world = a_world(strategy=Scripted())
    calls: list[Any] = []

    def second_down(original: Any, *args: Any) -> Any:
        calls.append(args)
        return original(*args) if len(calls) == 1 else down()

    world.meddlers["market.bars"] = second_down

    assert world.cycle().reason.endswith("benchmark: the venue does not answer")


@pytest.mark.parametrize("part", ["products", "quotes", "bars", "depth"])
def test_product_whose_data_are_missing_says_why(part: str) -> None:
    """Also where it was the whole read that failed."""
    world = a_world(strategy=Scripted() if part != "depth" else scripted(a_proposal("SOL-USD")))
    world.meddlers[f"market.{part}"] = down

    report = world.cycle()

    assert report.decision is not None
    (verdict,) = [each for each in report.decision.verdicts if each.product_id == SOL]
    assert "the venue does not answer" in verdict.details.values()


def test_aliases_share_the_cause_of_their_book() -> None:
    """One book, one question, two names."""
    world = a_world(products=[listed("SOL-USDC", alias=SOL)], strategy=Scripted())
    world.meddlers["market.quotes"] = lambda original, names: {
        name: MissingData("no bids") if name.startswith("SOL") else quote for name, quote in original(names).items()
    }
    tick = Tick(cycle_id_at(START), START, Instant(START + 210))

    inputs, _ = gather(world, tick, a_ledger(), world.pipeline)

    assert {SOL: "no bids", "SOL-USDC": "no bids"} == inputs.causes
    assert (True, ()) == (inputs.complete, inputs.failures)


def test_cause_of_a_missing_product_is_remembered_as_long_as_the_list() -> None:
    """Of those that are expected; hundreds of others are nobody's business."""
    world = a_world(strategy=Scripted())
    odd = MalformedData("no increment")
    world.meddlers["market.products"] = lambda original: {**original(), SOL: odd, ProductId("ODD-USD"): odd}

    reports = world.cycles(2)

    assert 1 == world.calls.count("market.products")
    for report in reports:
        assert report.decision is not None
        (verdict,) = [each for each in report.decision.verdicts if each.product_id == SOL]
        assert (DenialCode.PRODUCT_MISSING, "no increment") == (verdict.code, verdict.details["cause"])
    assert world.ledger.products is not None
    assert {SOL: "no increment"} == world.ledger.products.causes


def test_list_that_cannot_be_read_is_no_cause_for_what_is_known_of_before() -> None:
    """Yesterday's metadata are used; only what they lack is missing."""
    world = a_world(strategy=Scripted())
    world.cycles(1)
    world.clock.advance(3600)
    world.meddlers["market.products"] = down
    now = world.clock.now()
    tick = Tick(cycle_id_at(now), now, Instant(now + 210))

    inputs, _ = gather(world, tick, world.ledger, world.pipeline)
    blind, _ = gather(world, tick, a_ledger(), world.pipeline)

    assert ("products: the venue does not answer",) == inputs.failures
    assert ({}, {"the venue does not answer"}) == (inputs.causes, set(blind.causes.values()))
    assert {BTC, ETH, SOL} <= blind.causes.keys()


def test_path_dips_where_the_tests_say() -> None:
    """The stage set of these tests: a bar that falls through the bid."""
    world = a_world(paths={SOL: a_path(DIP, *QUIET)}, strategy=scripted(a_proposal("SOL-USD")))

    world.cycles(2)

    assert world.ledger.lots


# --- bars that only some strategies need

HOURS = BarsNeeded(Granularity.ONE_HOUR, 20)


def an_hourly_world(strategy: Scripted) -> World:
    """Asked every fifteen minutes, on hours of its own."""
    world = a_world(strategy=strategy)
    settings = world.pipeline.settings
    (name,) = settings.strategies
    paced = replace(settings.strategies[name], schedule=ScheduleSettings(every_minutes=15))
    settings = replace(settings, strategies={name: paced})
    return replace(world, pipeline=Pipeline.build(settings, {name: strategy}))


def test_bars_of_a_strategy_are_read_when_it_is_due_and_in_no_other_cycle() -> None:
    """Four cycles: due in the first and the fourth."""
    strategy = Scripted(bars=[HOURS])
    world, asked = an_hourly_world(strategy), []
    world.meddlers["market.bars"] = lambda original, *wanted: asked.append(wanted[1:3]) or original(*wanted)

    world.cycles(4)

    own = (HOURS.granularity, HOURS.count)
    assert (2, 2) == (asked.count(own), len(strategy.seen))
    bars = strategy.seen[0].bars(SOL, Granularity.ONE_HOUR)
    assert bars is not None
    assert (20, Granularity.ONE_HOUR) == (len(bars), bars.granularity)


def test_bars_of_a_strategy_that_cannot_be_read_keep_nobody_else_from_entering() -> None:
    """The cycle is complete and names the read; the strategy's turn comes again with the next cycle."""
    strategy = Scripted(bars=[HOURS])
    world, asked = an_hourly_world(strategy), []

    def fail(original: Any, *wanted: Any) -> Any:
        if wanted[1:3] == (HOURS.granularity, HOURS.count):
            asked.append(wanted)
            raise VenueUnavailable("GET /candles: HTTP 503")
        return original(*wanted)

    world.meddlers["market.bars"] = fail
    first = world.cycle()
    world.pass_bars()
    world.cycle()

    assert first.decision is not None
    assert (CycleOutcome.COMPLETED, True) == (first.outcome, first.decision.complete)
    assert "ONE_HOUR bars: GET /candles: HTTP 503" in first.decision.failures
    assert {DenialCode.DATA_MISSING} == {each.code for each in first.decision.verdicts if each.product_id in (SOL, ETH)}
    assert (2, {}) == (len(asked), dict(world.ledger.strategy_runs))
