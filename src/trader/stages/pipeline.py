"""The chain: universe → triggers → strategies → allocation → risk → execution. Pure, and the only place that knows all.

``decide`` is what a cycle concludes from its facts. It is made in two halves because the order book is read only for
products that have a proposal: ``propose`` finds those, ``conclude`` decides about them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from trader.model.costs import round_trip_ratio
from trader.model.decisions import Decision, Denial, RiskReview, TradeProposal
from trader.model.facts import Detection, Facts, StrategyContext, UniverseSelection
from trader.model.ids import ProductId, StrategyId
from trader.model.ledger import Ledger
from trader.model.memory import Health
from trader.model.money import Notional
from trader.model.orders import Side
from trader.model.portfolio import Conditions, Portfolio, Switch
from trader.model.settings import Settings
from trader.stages.allocation import Allocated, CapitalAllocator
from trader.stages.execution import ExecutionEngine, Market
from trader.stages.exits import ExitEngine
from trader.stages.portfolio import Note, pegs, quotes_by_base, sweep_dust, with_marks
from trader.stages.regime import RegimeReading, assess
from trader.stages.risk import RiskManager
from trader.stages.triggers import TriggerEngine
from trader.stages.universe import UniverseManager
from trader.stages.verdicts import verdicts
from trader.strategies.base import Strategy


@dataclass(frozen=True, slots=True)
class Draft:
    """Half a decision: what the strategies want and allocation lets through, before depth, risk and execution."""

    reading: RegimeReading
    selection: UniverseSelection
    detection: Detection
    conditions: Conditions
    ledger: Ledger
    equity: Notional | None
    allocated: Allocated
    strategy_denials: tuple[Denial, ...]
    ran: tuple[StrategyId, ...]
    notes: tuple[Note, ...]

    def products_to_buy(self) -> tuple[ProductId, ...]:
        """Name the products whose order book is needed to conclude."""
        return tuple(dict.fromkeys(p.product_id for p in self.allocated.proposals if p.side is Side.BUY))


@dataclass(frozen=True, slots=True)
class Pipeline:
    """All stages bound to one configuration. Frozen: it may be kept between cycles, and changes nothing if it is."""

    settings: Settings
    strategies: Mapping[StrategyId, Strategy]
    universe: UniverseManager
    triggers: TriggerEngine
    exits: ExitEngine
    allocator: CapitalAllocator
    risk: RiskManager
    execution: ExecutionEngine

    @staticmethod
    def of(settings: Settings, strategies: Mapping[StrategyId, Strategy]) -> Pipeline:
        """Bind every stage to its section."""
        triggers = TriggerEngine(settings.triggers)
        return Pipeline(
            settings=settings,
            strategies=strategies,
            universe=UniverseManager(
                settings.universe,
                settings.triggers.max_gap_ratio,
                settings.execution.preferred_quotes,
                triggers.bars_needed(),
            ),
            triggers=triggers,
            exits=ExitEngine(settings.exits, settings.cycle.quiet_period_seconds),
            allocator=CapitalAllocator(settings.allocation, settings.strategies),
            risk=RiskManager(
                settings.risk,
                settings.universe,
                settings.strategies,
                settings.regime.size_multiplier,
                settings.cycle.max_tick_age_seconds,
                settings.exchange.assumed_taker_fee_ratio,
                settings.app.accounting_asset,
                settings.cycle.quiet_period_seconds,
            ),
            execution=ExecutionEngine(settings),
        )

    def decide(self, facts: Facts) -> Decision:
        """Conclude everything from the facts: the same facts and settings give the same decision, to the bit."""
        return self.conclude(self.propose(facts), facts)

    def propose(self, facts: Facts) -> Draft:
        """Run the chain as far as it goes without order books. Exits come first and do not depend on the rest."""
        settings, switch = self.settings, facts.switch
        reading = assess(facts.benchmark, facts.ledger.regime, settings.regime)
        regime = reading.memory.current
        ledger, notes = sweep_dust(facts, facts.ledger)
        ledger = self.exits.with_peaks(ledger, facts.quotes)
        prices = pegs(facts.quotes, settings.risk.pegs)
        ledger, equity = with_marks(ledger, facts.quotes, prices, facts.now, settings.risk)
        held = frozenset(lot.base for lot in ledger.lots.values())
        selection = self.universe.select(facts.products, facts.quotes, facts.bars, ledger.membership, facts.now, held)
        detection = self.triggers.detect(selection.candidates, regime)
        forced = self.exits.propose(ledger, facts.quotes, regime, switch, facts.now)
        ran = self.allocator.due(ledger.strategy_runs, facts.scheduled_at)
        wishes, refusals = self._ask(ran, facts, ledger, reading, selection, detection)
        failed_ratio = self.universe.failed_ratio(selection)
        complete = facts.complete and failed_ratio <= settings.universe.failures_max_ratio
        return Draft(
            reading=reading,
            selection=selection,
            detection=detection,
            conditions=Conditions(facts.now, facts.scheduled_at, switch, prices, complete),
            ledger=ledger,
            equity=equity,
            allocated=self.allocator.allocate(forced, wishes),
            strategy_denials=refusals,
            ran=ran,
            notes=notes,
        )

    def _ask(
        self,
        due: tuple[StrategyId, ...],
        facts: Facts,
        ledger: Ledger,
        reading: RegimeReading,
        selection: UniverseSelection,
        detection: Detection,
    ) -> tuple[tuple[TradeProposal, ...], tuple[Denial, ...]]:
        costs, tiers = self.settings.costs, self.settings.universe.tiers
        round_trips = {
            product_id: round_trip_ratio(facts.fees, candidate.quote, costs.slippage_bps, entry_takes=False)
            for product_id, candidate in selection.candidates.items()
        }
        core = next(iter(tiers))
        wishes: list[TradeProposal] = []
        refusals: list[Denial] = []
        for strategy_id in due:
            context = StrategyContext(
                now=facts.now,
                regime=reading.memory.current,
                candidates=selection.candidates,
                triggers=detection.triggers,
                lots=tuple(lot for lot in ledger.lots.values() if lot.strategy == strategy_id),
                round_trip_ratio=round_trips,
                base_size_pct={
                    product_id: tiers[candidate.tier].base_size_pct
                    for product_id, candidate in selection.candidates.items()
                },
                core_products=frozenset(p for p, c in selection.candidates.items() if c.tier == core),
            )
            for answer in self.strategies[strategy_id].propose(context):
                (refusals if isinstance(answer, Denial) else wishes).append(answer)  # type: ignore[arg-type]
        return tuple(wishes), tuple(refusals)

    def conclude(self, draft: Draft, facts: Facts) -> Decision:
        """Check depth, risk and capital, plan the orders, and say one thing about every product."""
        proposals, depth_denials = self._with_depth(draft, facts)
        held = {lot.base for lot in draft.ledger.lots.values()}
        wanted = {proposal.base for proposal in proposals if proposal.side is Side.BUY}
        portfolio = Portfolio(
            ledger=draft.ledger,
            conditions=draft.conditions,
            quotes=quotes_by_base(draft.ledger, facts.quotes),
            clusters=self.universe.clusters_of(draft.selection.candidates, wanted, held),
            tiers=draft.selection.tiers,
            equity=draft.equity,
        )
        regime = draft.reading.memory.current
        review = self.risk.check_all(proposals, portfolio, regime)
        market = Market(
            cycle_id=facts.cycle_id,
            now=facts.now,
            scheduled_at=facts.scheduled_at,
            products=facts.products,
            quotes=facts.quotes,
            candidates=draft.selection.candidates,
            fees=facts.fees,
            available=facts.available,
        )
        entries_allowed = facts.switch is Switch.RUN and self.settings.regime.size_multiplier.get(regime, 0) > 0
        plan = self.execution.plan(review.approvals, portfolio, market, entries_allowed=entries_allowed)
        denials = (
            *draft.selection.denials,
            *draft.detection.denials,
            *draft.strategy_denials,
            *draft.allocated.denials,
            *depth_denials,
            *review.denials,
            *plan.denials,
        )
        return Decision(
            regime=regime,
            equity=draft.equity,
            triggers=tuple(draft.detection.triggers.values()),
            proposals=draft.allocated.proposals,
            review=RiskReview(review.approvals, review.trims, (*depth_denials, *review.denials)),
            plan=plan,
            verdicts=verdicts(draft.selection.considered, draft.ledger, facts.quotes, plan, denials),
            ledger=self._remember(draft),
            notes=draft.notes,
            complete=draft.conditions.data_complete,
        )

    def _with_depth(self, draft: Draft, facts: Facts) -> tuple[list[TradeProposal], tuple[Denial, ...]]:
        kept: list[TradeProposal] = []
        denials: list[Denial] = []
        for proposal in draft.allocated.proposals:
            candidate = draft.selection.candidates.get(proposal.product_id)
            denial = None
            if proposal.side is Side.BUY and candidate is not None:
                denial = self.universe.depth_denial(candidate, facts.depth.get(proposal.product_id))
            if denial is None:
                kept.append(proposal)
            else:
                denials.append(replace(denial, strategy=proposal.strategy, proposal=proposal))
        return kept, tuple(denials)

    def _remember(self, draft: Draft) -> Ledger:
        ledger, now = draft.ledger, draft.conditions.now
        return replace(
            ledger,
            membership=draft.selection.membership,
            regime=draft.reading.memory,
            health=next_health(ledger.health, self.settings, draft.conditions),
            strategy_runs={**ledger.strategy_runs, **dict.fromkeys(draft.ran, draft.conditions.scheduled_at)},
            cooldowns={base: rest for base, rest in ledger.cooldowns.items() if now < rest.until},
        )


def next_health(health: Health, settings: Settings, conditions: Conditions) -> Health:
    """Count cycles whose data failed; enough of them in a row earn a rest, one good cycle clears the count."""
    if conditions.data_complete:
        return Health(0, health.rest_until)
    failed = health.failed_cycles + 1
    if failed < settings.risk.failed_cycles_max:
        return Health(failed, health.rest_until)
    return Health(0, type(conditions.now)(conditions.now + settings.risk.failed_rest_minutes * 60))
