"""A strategy beside its screen: every tick of a recorded market is asked of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from desk.backtest.grid import MarketGrid
from desk.backtest.screen.codes import ABSENT, decode_verdict
from desk.backtest.screen.strategies import Answers, find_screen
from desk.backtest.world import Recorded
from desk.in_memory import ManualClock
from desk.markets.candle_market import CandleMarket
from factories_market import a_context, a_lot
from trader.model.costs import round_trip_ratio
from trader.model.cycle_state import Regime
from trader.model.decisions import TradeProposal
from trader.model.ids import Instant, ProductId
from trader.model.inputs import Candidate, HeldProduct, StrategyContext
from trader.model.market import Bars, FeeRates, Quote
from trader.stages.triggers.engine import TriggerEngine
from trader.strategies.mean_reversion import MeanReversion
from trader.strategies.rules_engine import RulesEngine


@dataclass(frozen=True)
class Asked:
    """A strategy, the market, and whether it holds a lot of every product."""

    recorded: Recorded
    strategy: RulesEngine | MeanReversion
    is_held: bool

    def show(self, at: Instant, regime: Regime) -> tuple[StrategyContext, dict[ProductId, str]]:
        """Return what the strategy sees at a tick, and what the triggers' stage says of products without one."""
        recorded, settings = self.recorded, self.recorded.settings
        clock = ManualClock(at)
        market = CandleMarket(recorded.products, recorded.series, settings.simulation, clock)
        names = [each.product_id for each in recorded.products]
        bars = market.bars(names, settings.bars.granularity, settings.bars.count, at)
        quotes = market.quotes(names)
        candidates = {}
        for product in recorded.products:
            tier = next(name for name, each in settings.universe.tiers.items() if product.base in each.bases)
            series, quote = bars[product.product_id], quotes[product.product_id]
            if isinstance(series, Bars) and isinstance(quote, Quote):
                candidates[product.product_id] = Candidate(product, (product,), tier, quote, series)
        engine = TriggerEngine(settings.triggers)
        detection = engine.detect(candidates if self.strategy.reads_triggers else {}, regime)
        fees = FeeRates(settings.simulation.maker_fee_ratio, settings.simulation.taker_fee_ratio)
        core = next(iter(settings.universe.tiers))
        lots = [a_lot(name, strategy=self.strategy.strategy_id) for name in names] if self.is_held else []
        held = {
            each.product_id: HeldProduct(
                each.base, None, found if isinstance(found := bars[each.product_id], Bars) else None
            )
            for each in lots
        }
        context = a_context(
            *candidates.values(),
            triggers=tuple(detection.triggers.values()),
            regime=regime,
            lots=tuple(lots),
            held=held,
            round_trip_ratio={
                name: round_trip_ratio(fees, each.quote, settings.costs.slippage_bps, entry_takes=False)
                for name, each in candidates.items()
            },
            core_products=frozenset(name for name, each in candidates.items() if each.tier == core),
        )
        return replace(context, candidates=MappingProxyType(candidates)), {
            each.product_id: each.code.value for each in detection.denials
        }


def assert_screened(asked: Asked, ticks: Sequence[Instant], regimes: list[Regime]) -> int:
    """Ask both at every tick: what is said the screen may see, and its code is right. Returns how many it expects."""
    recorded, strategy = asked.recorded, asked.strategy
    grid = MarketGrid(recorded, ticks)
    assess = find_screen(strategy)
    assert assess is not None
    answers = assess(grid, strategy.settings, regimes)
    expected = 0
    for row, (at, regime) in enumerate(zip(ticks, regimes, strict=True)):
        context, undetected = asked.show(at, regime)
        said: dict[ProductId, set[str]] = {}
        for each in strategy.propose(context):
            said.setdefault(each.product_id, set()).add("" if isinstance(each, TradeProposal) else each.code.value)
        for product_id, answer in answers.items():
            if product_id not in context.candidates and not (asked.is_held and answer.is_loyal):
                continue
            may = bool((answer.sells if asked.is_held else answer.proposes)[row])
            expected += may
            exact = said.get(product_id, set())
            assert may or "" not in exact, (at, product_id)
            if not may:
                assert (exact, undetected.get(product_id)) == _say(answer, row, is_held=asked.is_held), (at, product_id)
    return expected


def _say(answer: Answers, row: int, *, is_held: bool) -> tuple[set[str], str | None]:
    code = (answer.held if is_held else answer.free)[row]
    detected = ABSENT if answer.detected is None else answer.detected[row]
    return (
        set() if code == ABSENT else {decode_verdict(int(code))},
        None if detected == ABSENT else decode_verdict(int(detected)),
    )
