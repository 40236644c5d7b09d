"""Bars that only some strategies need: who is asked, about what, and whose turn waits, where they are not there."""

from __future__ import annotations

from typing import Any

import pytest

from factories import NOW, RULES, Scripted, a_held_ledger, a_ledger, some_facts, strategy_settings
from factories_market import flat_bars
from factories_settings import shipped_settings
from trader.errors import ConfigError, DataError, MalformedData, MissingData, StaleData
from trader.model.cycle_state import Regime, RegimeState
from trader.model.decisions import Decision
from trader.model.denials import DenialCode
from trader.model.events import AuditNote, EventKind
from trader.model.frozen import replace
from trader.model.ids import Instant, ProductId
from trader.model.inputs import CycleInputs
from trader.model.ledger import Ledger
from trader.model.market import Bars, BarsNeeded, Granularity
from trader.settings.schedule import ScheduleSettings
from trader.stages.pipeline import Pipeline

SOL, ETH = ProductId("SOL-USD"), ProductId("ETH-USD")
DAYS = BarsNeeded(Granularity.ONE_DAY, 160)
CHOPPY = RegimeState(Regime.CHOP, Regime.CHOP)
DAY_BARS = flat_bars(160, granularity=Granularity.ONE_DAY)
#: Due since a quarter of an hour, for half a day.
OPENED = NOW - 900
DAILY = ScheduleSettings(at=f"{OPENED % 86_400 // 3600:02}:{OPENED % 3600 // 60:02}")
YESTERDAY = {RULES: Instant(OPENED - 86_400)}


def a_pipeline(strategy: Scripted, schedule: ScheduleSettings = DAILY) -> Pipeline:
    settings = shipped_settings()
    section = replace(strategy_settings(), schedule=schedule)
    return Pipeline.build(replace(settings, strategies={RULES: section}), {RULES: strategy})


def some_inputs(ledger: Ledger | None = None, now: int = NOW, **days: Bars | DataError) -> CycleInputs:
    """Five products with all their days, but for what is said of some."""
    books = replace(a_ledger() if ledger is None else ledger, regime=CHOPPY)
    inputs = some_facts(ledger=replace(books, strategy_runs=books.strategy_runs or YESTERDAY), now=now)
    series: dict[ProductId, Bars | DataError] = dict.fromkeys(inputs.bars, DAY_BARS)
    series |= {ProductId(f"{base}-USD"): bars for base, bars in days.items()}
    return replace(inputs, strategy_bars={DAYS: series})


def denied(decision: Decision) -> dict[str, Any]:
    """What is said of products for want of data."""
    return {each.product_id: each.code for each in decision.verdicts if each.code and each.code.startswith("DATA_")}


def test_strategy_sees_the_bars_it_needs_beside_those_of_every_cycle() -> None:
    """By product and length; of a length that nobody declared, none."""
    strategy = Scripted(bars=[DAYS])

    a_pipeline(strategy).decide(some_inputs())

    (context,) = strategy.seen
    assert context.bars(SOL, Granularity.ONE_DAY) is DAY_BARS
    assert context.bars(SOL, Granularity.FIVE_MINUTE) is context.candidates[SOL].bars
    assert context.bars(SOL, Granularity.ONE_HOUR) is None


def test_largest_count_of_a_length_is_what_is_needed() -> None:
    """A strategy may name what each of its parts needs."""
    parts = [BarsNeeded(Granularity.ONE_DAY, 20), DAYS, BarsNeeded(Granularity.ONE_HOUR, 5)]

    pipeline = a_pipeline(Scripted(bars=parts))

    assert (BarsNeeded(Granularity.ONE_HOUR, 5), DAYS) == pipeline.needs[RULES]


@pytest.mark.parametrize("bars", [[("ONE_DAY", 5)], [BarsNeeded(Granularity.ONE_DAY, 0)], [160]])
def test_needs_that_cannot_be_read_are_refused_before_anything_runs(bars: list[Any]) -> None:
    """A cycle does not stumble over them."""
    with pytest.raises(ConfigError, match=r"strategies.rules_engine: needs"):
        a_pipeline(Scripted(bars=bars))


def test_exit_that_there_is_none_of_is_refused_before_anything_runs() -> None:
    """A slip of the pen would let an exit not apply."""
    with pytest.raises(ConfigError, match=r"'trailng' is not a valid GeneralExit of its exits; allowed are target"):
        a_pipeline(Scripted(exits={"trailng"}))  # type: ignore[arg-type]


def test_bars_as_every_cycle_reads_them_are_read_once() -> None:
    """They are shown under their length, too."""
    same = BarsNeeded(Granularity.FIVE_MINUTE, 300)
    strategy = Scripted(bars=[same])
    pipeline = a_pipeline(strategy)

    pipeline.decide(some_inputs())

    assert () == pipeline.list_bars_needed(some_inputs())
    assert strategy.seen[0].bars(SOL, Granularity.FIVE_MINUTE) is strategy.seen[0].candidates[SOL].bars


def test_only_who_is_due_needs_bars() -> None:
    """A set of days is not read in every cycle."""
    pipeline = a_pipeline(Scripted(bars=[DAYS]))
    decided = replace(a_ledger(), strategy_runs={RULES: Instant(OPENED)})

    assert (DAYS,) == pipeline.list_bars_needed(some_inputs())
    assert () == pipeline.list_bars_needed(some_inputs(decided))


@pytest.mark.parametrize(
    ("error", "code"), [(MissingData("503"), DenialCode.DATA_MISSING), (StaleData("old"), DenialCode.DATA_STALE)]
)
def test_daily_strategy_waits_for_bars_that_may_still_come(error: DataError, code: DenialCode) -> None:
    """It decides once, on the whole of its data: it is not asked, its day is not used up, the product says why."""
    strategy = Scripted(bars=[DAYS])

    decision = a_pipeline(strategy).decide(some_inputs(SOL=error))

    assert [] == strategy.seen
    assert YESTERDAY == decision.ledger.strategy_runs
    assert {SOL: code} == denied(decision)


def test_daily_strategy_decides_on_what_there_is_in_the_last_tick_of_its_hours() -> None:
    """Without the product whose days never came."""
    strategy, last = Scripted(bars=[DAYS]), OPENED + 12 * 3600 - 300

    decision = a_pipeline(strategy).decide(some_inputs(now=last, SOL=MissingData("503")))

    assert SOL not in strategy.seen[0].candidates
    assert ETH in strategy.seen[0].candidates
    assert {RULES: last} == decision.ledger.strategy_runs


def test_bar_that_makes_no_sense_keeps_no_day_waiting() -> None:
    """It would make none in the next cycle either."""
    strategy = Scripted(bars=[DAYS])

    decision = a_pipeline(strategy).decide(some_inputs(SOL=MalformedData("low above high")))

    assert SOL not in strategy.seen[0].candidates
    assert {RULES: NOW} == decision.ledger.strategy_runs
    assert {SOL: DenialCode.DATA_MALFORMED} == denied(decision)


def test_strategy_with_a_pace_is_asked_about_the_others_and_keeps_its_turn() -> None:
    """Its next chance is the next cycle."""
    strategy = Scripted(bars=[DAYS])
    pipeline = a_pipeline(strategy, ScheduleSettings(every_minutes=60))

    decision = pipeline.decide(some_inputs(SOL=MissingData("503")))

    assert ({ETH} <= set(strategy.seen[0].candidates), SOL in strategy.seen[0].candidates) == (True, False)
    assert YESTERDAY == decision.ledger.strategy_runs


def test_held_product_that_is_no_candidate_keeps_no_day_waiting() -> None:
    """It may have no market any more; the strategy is shown that its days are not there."""
    strategy, held = Scripted(bars=[DAYS]), a_held_ledger()
    inputs = some_inputs(held, ETH=MissingData("gone"))
    inputs = replace(inputs, bars={**inputs.bars, ETH: MissingData("gone")})

    decision = a_pipeline(strategy).decide(inputs)

    assert strategy.seen[0].bars(ETH, Granularity.ONE_DAY) is None
    assert {RULES: NOW} == decision.ledger.strategy_runs


def test_day_that_is_gone_is_said_once() -> None:
    """By the first cycle after its hours; the next day is another turn."""
    pipeline, over = a_pipeline(Scripted(bars=[DAYS])), OPENED + 12 * 3600

    first = pipeline.decide(some_inputs(now=over + 60))
    second = pipeline.decide(some_inputs(first.ledger, now=over + 360))
    next_day = pipeline.decide(some_inputs(second.ledger, now=OPENED + 86_400))

    body = {"strategy": RULES, "since": YESTERDAY[RULES], "until": over}
    assert (AuditNote(EventKind.TURN_MISSED, RULES, body),) == first.notes
    assert ((), {RULES: over}) == (second.notes, second.ledger.strategy_runs)
    assert {RULES: OPENED + 86_400} == next_day.ledger.strategy_runs


def test_strategy_that_was_never_asked_has_missed_no_turn() -> None:
    """Books that are opened in the evening have no day behind them."""
    inputs = some_inputs(now=OPENED + 13 * 3600)
    inputs = replace(inputs, ledger=replace(inputs.ledger, strategy_runs={}))

    decision = a_pipeline(Scripted(bars=[DAYS])).decide(inputs)

    assert () == decision.notes
    assert {RULES: OPENED + 12 * 3600} == decision.ledger.strategy_runs
