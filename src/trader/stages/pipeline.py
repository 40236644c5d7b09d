"""The chain: universe → triggers → strategies → allocation → risk → execution. Pure, and the only place that knows all.

``decide`` is what a cycle concludes from its inputs. It is made in two halves because the order book is read only for
products that have a proposal: ``propose`` finds those, ``conclude`` decides about them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from trader.model.cycle_state import Regime
from trader.model.decisions import Decision, Denial, Plan, RiskReview, TradeProposal
from trader.model.frozen import replace
from trader.model.ids import StrategyId
from trader.model.inputs import BelievedQuotes, CycleInputs
from trader.model.ledger import Ledger
from trader.model.market import BarsNeeded
from trader.model.money import ZERO, Notional
from trader.model.orders import OrderPurpose, Side
from trader.model.portfolio import Portfolio, list_exposed_bases
from trader.model.trading_state import TradingState
from trader.settings import Settings
from trader.settings.evidence import EvidenceDemand
from trader.stages.allocation import CapitalAllocator
from trader.stages.commands import clear_drawdown
from trader.stages.edge_gate import EdgeGate
from trader.stages.execution import ExecutionContext, ExecutionEngine
from trader.stages.execution.protection import find_exposed
from trader.stages.exits import ExitEngine
from trader.stages.partial_decision import PartialDecision
from trader.stages.proposals import (
    Needs,
    ask_strategies,
    check_readiness,
    list_bars_needed,
    make_contexts,
    settle_answers,
)
from trader.stages.regime import assess, keep
from trader.stages.risk import RiskManager
from trader.stages.triggers.engine import TriggerEngine, count_bars_needed
from trader.stages.universe.believed_quotes import believe_pegs, believe_quotes, select_entry_quotes
from trader.stages.universe.checks import count_failure, name_data_failures
from trader.stages.universe.manager import UniverseManager, UniverseScreen
from trader.stages.valuation import find_old_marks, mark_equity, price_pegs, sweep_dust
from trader.stages.verdicts import give_verdicts
from trader.strategies.base import Strategy, read_exits, read_needs


@dataclass(frozen=True, slots=True)
class Pipeline:
    """All stages bound to one configuration. Frozen: it may be kept between cycles, and changes nothing if it is."""

    settings: Settings
    strategies: Mapping[StrategyId, Strategy]
    needs: Needs
    universe: UniverseManager
    triggers: TriggerEngine
    exits: ExitEngine
    edge_gate: EdgeGate
    allocator: CapitalAllocator
    risk: RiskManager
    execution: ExecutionEngine

    @staticmethod
    def build(
        settings: Settings,
        strategies: Mapping[StrategyId, Strategy],
        demand: EvidenceDemand = EvidenceDemand.OPTIONAL,
    ) -> Pipeline:
        """Bind every stage to its section; *demand* is what becomes of purchases that nobody has measured."""
        triggers = TriggerEngine(settings.triggers)
        return Pipeline(
            settings=settings,
            strategies=strategies,
            needs={each: read_needs(each, strategy) for each, strategy in strategies.items()},
            universe=UniverseManager(
                settings.universe,
                settings.triggers.max_gap_ratio,
                settings.execution.preferred_quotes,
                count_bars_needed(settings.triggers, settings.bars.granularity.seconds),
            ),
            triggers=triggers,
            exits=ExitEngine(
                settings.exits,
                settings.cycle.quiet_period_seconds,
                {each: read_exits(each, strategy) for each, strategy in strategies.items()},
            ),
            edge_gate=EdgeGate(settings.evidence, settings.costs, demand),
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

    def decide(self, inputs: CycleInputs) -> Decision:
        """Conclude everything from the inputs: the same inputs and settings give the same decision, to the bit."""
        return self.conclude(self.propose(inputs, self.screen(inputs)), inputs)

    def screen(self, inputs: CycleInputs) -> UniverseScreen:
        """Judge the universe without bars, to name those worth reading; without entries, only of what is held."""
        ledger = inputs.ledger
        screen = self.universe.screen(
            inputs.products, inputs.quotes, inputs.now, ledger.held_bases(), inputs.causes, ledger.products
        )
        return screen if inputs.enters else screen.only_held()

    def count_turns(self, inputs: CycleInputs) -> int:
        """Count the lots that must go or are bare, and the sales in doubt, as far as the quotes read so far tell."""
        ledger, regime, state = inputs.ledger, inputs.ledger.regime.current, inputs.trading_state
        quotes, closing = self._believe(inputs).quotes, inputs.commands.closing()
        lots = {each.lot_id for each in self.exits.propose(ledger, quotes, regime, state, inputs.now, closing)}
        lots |= set(find_exposed(ledger, inputs.now, self.settings.cycle.quiet_period_seconds))
        lots |= {r.intent.lot_id for r in ledger.active_orders if r.is_in_doubt and r.intent.side is Side.SELL}
        return len(lots)

    def list_bars_needed(self, inputs: CycleInputs) -> tuple[BarsNeeded, ...]:
        """List the bars that strategies which are due need beside those that every cycle reads."""
        return list_bars_needed(self._list_due(inputs), self.needs, self.settings)

    def _list_due(self, inputs: CycleInputs) -> tuple[StrategyId, ...]:
        return self.allocator.due(inputs.ledger.strategy_runs, inputs.scheduled_at)

    def _believe(self, inputs: CycleInputs) -> BelievedQuotes:
        rules = self.settings.universe, self.settings.exits
        return believe_quotes(inputs.ledger, inputs.quotes, inputs.causes, inputs.now, *rules)

    def propose(self, inputs: CycleInputs, screen: UniverseScreen) -> PartialDecision:
        """Run the chain as far as it goes without order books. Exits come first and do not depend on the rest."""
        settings, state = self.settings, inputs.trading_state
        judges = inputs.decides and state in (TradingState.RUN, TradingState.REDUCE_ONLY)
        memory = inputs.ledger.regime
        reading = assess(inputs.benchmark, memory, settings.regime) if judges else keep(memory)
        regime = reading.state.current
        believed = self._believe(inputs)
        ledger, notes = sweep_dust(inputs, inputs.ledger, believed.quotes, settings.exits.dust_value_max)
        ledger = self.exits.raise_peaks(ledger, believed.quotes)
        prices = price_pegs(believe_pegs(inputs.quotes, inputs.now, settings), settings.risk.pegs)
        ledger, equity = mark_equity(ledger, believed.quotes, prices, inputs.now, settings.risk)
        ledger, cleared = clear_drawdown(ledger, equity, inputs.commands)
        selection = self.universe.admit(screen, inputs.bars, ledger.membership)
        exits = self.exits.propose(ledger, believed.quotes, regime, state, inputs.now, inputs.commands.closing())
        due = self._list_due(inputs) if judges else ()
        ready = check_readiness(due, self.needs, inputs, ledger, selection, settings)
        reads_triggers = any(self.strategies[strategy_id].reads_triggers for strategy_id in ready.asked)
        detection = self.triggers.detect(selection.candidates if reads_triggers else {}, regime)
        shown = replace(inputs, quotes=believed.filter(inputs.quotes)) if believed.refusals else inputs
        contexts = make_contexts(ready, shown, ledger, regime, selection, detection, equity, settings)
        answers = ask_strategies(self.strategies, contexts, ready.denials)
        least = Notional(settings.risk.notional_min)
        answers, ledger = settle_answers(answers, ledger, contexts, believed.quotes, least, inputs.now)
        failed_ratio = self.universe.failed_ratio(selection) if inputs.enters else 0
        gated = self.edge_gate.check(answers.proposals, selection.candidates, inputs.fees)
        complete = inputs.complete and failed_ratio <= settings.universe.failures_max_ratio
        # One that is asked once a day has not had its day when it failed, or when nothing it wanted could be bought.
        is_fresh = inputs.now - inputs.scheduled_at <= settings.cycle.max_tick_age_seconds
        kept = {*answers.failed, *ready.unfinished} if complete and is_fresh and inputs.enters else set(due)
        used = [each for each in due if each not in kept]
        turns = self.allocator.end_turns(ledger.strategy_runs, used, inputs.scheduled_at, counts=judges)
        return PartialDecision(
            reading=reading,
            believed=believed,
            selection=selection,
            detection=detection,
            ledger=ledger,
            equity=equity,
            pegs=prices,
            complete=complete,
            failures=(*inputs.failures, *name_data_failures(selection.denials)),
            answers=answers,
            gated=gated,
            allocated=self.allocator.allocate(exits, gated.proposals),
            runs=turns.last_runs,
            notes=(*notes, *cleared, *answers.notes, *turns.notes, *self.edge_gate.note_override()),
        )

    def conclude(self, partial: PartialDecision, inputs: CycleInputs) -> Decision:
        """Check depth, risk and capital, plan the orders, and say one thing about every product."""
        proposals, depth_denials = self.universe.check_depths(partial.allocated.proposals, partial.selection, inputs)
        portfolio = self._portfolio(partial, inputs, proposals)
        regime = partial.reading.state.current
        context = ExecutionContext(
            cycle_id=inputs.cycle_id,
            now=inputs.now,
            scheduled_at=inputs.scheduled_at,
            products=inputs.products,
            quotes=partial.believed.filter(inputs.quotes),
            candidates=partial.selection.candidates,
            fees=inputs.fees,
            entry_quotes=select_entry_quotes(partial.ledger, partial.selection, inputs, self.settings.universe),
            available=inputs.available,
            limits=partial.answers.limits,
        )
        review, plan = self._review(proposals, portfolio, regime, context)
        plan = replace(plan, denials=partial.believed.explain(plan.denials))
        denials = (
            *partial.selection.denials,
            *partial.detection.denials,
            *partial.answers.denials,
            *partial.gated.denials,
            *partial.allocated.denials,
            *depth_denials,
            *review.denials,
            *plan.denials,
        )
        return Decision(
            regime=regime,
            equity=partial.equity,
            triggers=tuple(partial.detection.triggers.values()),
            proposals=partial.allocated.proposals,
            review=RiskReview(review.approvals, review.trims, (*depth_denials, *review.denials)),
            plan=plan,
            verdicts=give_verdicts(partial.selection.considered, partial.ledger, partial.believed, plan, denials),
            ledger=self._remember(partial, inputs),
            notes=partial.notes,
            complete=partial.complete,
            failures=partial.failures,
            reading=partial.reading,
            size_multiplier=self.settings.regime.size_multiplier.get(regime, ZERO),
            failed_strategies=partial.answers.failed,
            old_marks=find_old_marks(partial.ledger, partial.believed.refusals),
        )

    def _review(
        self, proposals: Sequence[TradeProposal], portfolio: Portfolio, regime: Regime, context: ExecutionContext
    ) -> tuple[RiskReview, Plan]:
        """Check risk and plan orders; again without a purchase that cannot become one, which takes nobody's place."""
        multiplier = self.settings.regime.size_multiplier.get(regime, ZERO)
        entries_allowed = portfolio.trading_state.permits(OrderPurpose.ENTRY) and multiplier > 0
        impossible: list[Denial] = []
        while True:
            review = self.risk.check_all(proposals, portfolio, regime)
            resting = {
                **self.risk.check_parents(portfolio, regime, review.approvals),
                **self.edge_gate.check_parents(portfolio.ledger.parents),
            }
            plan = self.execution.plan(review.approvals, portfolio, context, resting, entries_allowed=entries_allowed)
            lost = [each for each in plan.denials if each.proposal is not None and not each.proposal.reduces]
            if not lost or not (review.denials or review.trims):
                return review, replace(plan, denials=(*impossible, *plan.denials))
            impossible += lost
            proposals = tuple(each for each in proposals if all(each is not denial.proposal for denial in lost))

    def _portfolio(
        self, partial: PartialDecision, inputs: CycleInputs, proposals: Iterable[TradeProposal]
    ) -> Portfolio:
        ledger = partial.ledger
        wanted, held = {each.base for each in proposals if each.side is Side.BUY}, ledger.held_bases()
        peers = self.universe.find_peers(partial.selection.candidates, wanted, list_exposed_bases(ledger))
        return Portfolio(
            ledger=partial.ledger,
            now=inputs.now,
            scheduled_at=inputs.scheduled_at,
            clusters=self.universe.assign_clusters(peers, held),
            peers=peers,
            tiers=partial.selection.tiers,
            equity=partial.equity,
            trading_state=inputs.trading_state,
            pegs=partial.pegs,
            data_complete=partial.complete,
            data_failures=partial.failures,
            reading=partial.reading,
            ledger_bytes=inputs.ledger_bytes,
            ledger_bytes_max=inputs.ledger_bytes_max,
            commands=inputs.commands,
        )

    def _remember(self, partial: PartialDecision, inputs: CycleInputs) -> Ledger:
        ledger, now = partial.ledger, inputs.now
        streak = ledger.failure_streak
        if inputs.decides:
            streak = count_failure(streak, self.settings.risk, now, data_complete=partial.complete)
        return replace(
            ledger,
            membership=partial.selection.membership if inputs.enters else ledger.membership,
            regime=partial.reading.state,
            failure_streak=streak,
            strategy_runs=partial.runs,
            cooldowns={base: cooldown for base, cooldown in ledger.cooldowns.items() if now < cooldown.until},
        )
