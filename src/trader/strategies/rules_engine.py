"""The rules table: what a trigger of some kind and direction becomes, if it is strong and confirmed.

A fall is never bought for its momentum. The only rows that may answer a downward trigger are the flush reversal
(price_move down) and the dip (momentum down), and both must ask for confirmations that the fall has turned.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import fsum
from typing import Annotated, NamedTuple

from trader import indicators
from trader.model.decisions import Denial, Detail, Direction, TradeProposal, Trigger, TriggerKind
from trader.model.denials import DenialCode
from trader.model.durations import count_in
from trader.model.ids import StrategyId
from trader.model.inputs import Candidate, StrategyContext
from trader.model.lots import EVERY_EXIT
from trader.model.money import from_float
from trader.model.orders import Side
from trader.settings import Settings
from trader.settings.bounds import Between, FloatRatio, LookBack, Pct
from trader.settings.checks import entries
from trader.settings.policy import RuleSettings, TriggersSettings
from trader.strategies.base import STAGE, compute_risked_size_pct, round_size_pct

_MAY_ANSWER_A_FALL = frozenset({TriggerKind.PRICE_MOVE, TriggerKind.MOMENTUM})


@dataclass(frozen=True, slots=True)
class RulesEngineSettings:
    """The rows, how conviction is made of what was seen, and how much to stake.

    ``volatility_window`` is the look-back of the volatility that sizes are scaled with.
    """

    rules: tuple[RuleSettings, ...]
    strength_weight: FloatRatio
    confidence_weight: FloatRatio
    boost_above_vwap: FloatRatio
    boost_higher_low: FloatRatio
    boost_rsi: FloatRatio
    boost_bounce: FloatRatio
    boost_core: FloatRatio
    conviction_min: FloatRatio
    risk_per_trade_pct: Pct
    volatility_target_pct: Annotated[Decimal, Between("0", "1000")]
    volatility_window: LookBack

    def __post_init__(self) -> None:
        """Refuse two rows for one trigger, and a row that would buy a fall as it falls."""
        keys = [(rule.trigger, rule.direction) for rule in self.rules]
        for kind, direction in keys:
            if keys.count((kind, direction)) > 1:
                raise ValueError(f"rules: {kind} {direction} stands there twice")
        for rule in self.rules:
            if rule.direction is Direction.DOWN and (
                rule.trigger not in _MAY_ANSWER_A_FALL or rule.confirmations_min == 0
            ):
                raise ValueError(
                    f"rules: {rule.trigger} down with confirmations_min {rule.confirmations_min}; a fall may be "
                    f"answered by price_move or momentum only, with at least 1 confirmation"
                )


@dataclass(frozen=True, slots=True)
class RulesEngine:
    """Settings bound to the mapping of triggers to proposals."""

    reads_triggers = True
    bars = ()
    exits = EVERY_EXIT

    strategy_id: StrategyId
    settings: RulesEngineSettings

    def propose(self, context: StrategyContext) -> Sequence[TradeProposal | Denial]:
        """Answer every trigger with a buy, or with the first condition that it fails.

        The order of conditions: RULE_MISSING, POSITION_HELD, CONFIRMATIONS_BELOW_MIN, MOVE_BELOW_MIN,
        CONVICTION_BELOW_MIN, HISTORY_TOO_SHORT.
        """
        rules = {(rule.trigger, rule.direction): rule for rule in self.settings.rules}
        return [
            self._answer(trigger, rules.get((trigger.kind, trigger.direction)), context)
            for trigger in context.triggers.values()
        ]

    def _answer(self, trigger: Trigger, rule: RuleSettings | None, context: StrategyContext) -> TradeProposal | Denial:
        if rule is None:
            return self._deny(
                trigger,
                DenialCode.RULE_MISSING,
                kind=trigger.kind.value,
                direction=trigger.direction.value,
                move_pct=trigger.move * 100,
                strength=trigger.strength,
            )
        candidate = context.candidates[trigger.product_id]
        held = sum(lot.base == candidate.product.base for lot in context.lots)
        if held:
            return self._deny(trigger, DenialCode.POSITION_HELD, lots=held)
        if trigger.confirmations.count < rule.confirmations_min:
            return self._deny(
                trigger,
                DenialCode.CONFIRMATIONS_BELOW_MIN,
                confirmations=trigger.confirmations.count,
                confirmations_min=rule.confirmations_min,
            )
        if abs(trigger.move) * 100 < rule.move_pct_min:
            return self._deny(
                trigger, DenialCode.MOVE_BELOW_MIN, move_pct=trigger.move * 100, move_pct_min=rule.move_pct_min
            )
        components = self._components(trigger, is_core=trigger.product_id in context.core_products)
        conviction = _conviction(components)
        if conviction < self.settings.conviction_min:
            return self._deny(
                trigger,
                DenialCode.CONVICTION_BELOW_MIN,
                conviction=conviction,
                conviction_min=self.settings.conviction_min,
                **components,
            )
        window = candidate.bars.count(self.settings.volatility_window)
        if len(candidate.bars) <= window:
            return self._deny(
                trigger,
                DenialCode.HISTORY_TOO_SHORT,
                bars=len(candidate.bars),
                bars_min=window + 1,
            )
        base_size_pct = context.base_size_pct[trigger.product_id]
        return self._proposal(trigger, rule, candidate, base_size_pct, components)

    def _proposal(
        self,
        trigger: Trigger,
        rule: RuleSettings,
        candidate: Candidate,
        base_size_pct: Decimal,
        components: Mapping[str, float],
    ) -> TradeProposal:
        size = compute_risked_size_pct(
            stop_pct=rule.stop_pct,
            volatility=indicators.annualized_volatility(
                candidate.bars, candidate.bars.count(self.settings.volatility_window)
            ),
            base_size_pct=base_size_pct,
            risk_per_trade_pct=self.settings.risk_per_trade_pct,
            volatility_target_pct=self.settings.volatility_target_pct,
        )
        return TradeProposal(
            strategy=self.strategy_id,
            product_id=trigger.product_id,
            base=candidate.product.base,
            side=Side.BUY,
            size_pct=round_size_pct(size * rule.size_factor * from_float(trigger.confidence)),
            confidence=trigger.confidence,
            conviction=_conviction(components),
            reason=_reason(trigger),
            stop_loss_pct=rule.stop_pct,
            take_profit_pct=rule.target_pct,
            max_hold_hours=rule.hold_hours_max,
            rule=f"{rule.trigger} {rule.direction}",
            components=components,
            trigger=trigger,
            style=rule.style,
        )

    def _components(self, trigger: Trigger, *, is_core: bool) -> Mapping[str, float]:
        """Name what conviction is made of; a boost that does not apply is written as zero."""
        settings, signs = self.settings, trigger.confirmations
        return {
            "strength": settings.strength_weight * trigger.strength,
            "confidence": settings.confidence_weight * trigger.confidence,
            "above_vwap": settings.boost_above_vwap * signs.above_vwap,
            "higher_low": settings.boost_higher_low * signs.higher_low,
            "rsi": settings.boost_rsi * signs.rsi_crossed_up,
            "bounce": settings.boost_bounce * signs.bounced,
            "core": settings.boost_core * is_core,
        }

    def _deny(self, trigger: Trigger, code: DenialCode, **details: Detail) -> Denial:
        return Denial(trigger.product_id, code, STAGE, details, strategy=self.strategy_id)


def _conviction(components: Mapping[str, float]) -> float:
    # fsum, because sum rounds differently from one Python version to the next.
    return min(fsum(components.values()), 1.0)


def _reason(trigger: Trigger) -> str:
    return (
        f"{trigger.kind} {trigger.direction}: {trigger.move * 100:+.2f} %, strength {trigger.strength:.2f}, "
        f"confidence {trigger.confidence:.2f}, {trigger.confirmations.count} of 4 confirmations"
    )


class Reach(NamedTuple):
    """The weakest and the strongest that a kind of trigger can be: strength, confidence."""

    weakest: tuple[float, float]
    strongest: tuple[float, float]


def find_contradictions(strategy_id: StrategyId, settings: Settings) -> tuple[str, ...]:
    """Name every rule that no trigger can satisfy, and a conviction gate that never opens or never closes."""
    own = settings.strategies[strategy_id].settings
    assert isinstance(own, RulesEngineSettings)
    key = f"strategies.{strategy_id}.settings"
    window = count_in(own.volatility_window, settings.bars.granularity.seconds)
    return (
        *_check_conviction(key, own, settings),
        *entries.check_stakes(key, own.risk_per_trade_pct, own.volatility_target_pct),
        *entries.check_window(f"{key}.volatility_window", window + 1, settings),
        *(
            line
            for index, rule in enumerate(own.rules)
            for line in _check_rule(f"{key}.rules[{index}]", rule, settings)
        ),
    )


def compute_reach(kind: TriggerKind, triggers: TriggersSettings) -> Reach:
    """Say how weak and how strong a trigger of this kind can be, over all regimes."""
    move, spike = triggers.price_move, triggers.volume_spike
    turn, momentum = triggers.reversal, triggers.momentum
    if kind is TriggerKind.PRICE_MOVE:
        strengths = (move.strength_both, move.strength_long, move.strength_short)
        confidences = (move.confidence_both, move.confidence_long, move.confidence_short)
        return Reach((min(strengths), min(confidences)), (max(strengths), max(confidences)))
    if kind is TriggerKind.VOLUME_SPIKE:
        ratio = min(spike.ratio.chop, spike.ratio.bull, spike.ratio.bear)
        strength = min(max(ratio - 1, 0.0) / spike.strength_span, 1.0)
        return Reach((strength, min(ratio / spike.confidence_span, 1.0)), (1.0, 1.0))
    if kind is TriggerKind.BREAKOUT:
        return Reach(
            (triggers.breakout.strength_min, triggers.breakout.confidence), (1.0, triggers.breakout.confidence)
        )
    if kind is TriggerKind.REVERSAL:
        return Reach((min(turn.bounce_pct_min / turn.strength_span_pct, 1.0), turn.confidence), (1.0, turn.confidence))
    # The share of bars that went the way of the whole move may be anything.
    return Reach((min(momentum.move_min_pct / momentum.strength_span_pct, 1.0), 0.0), (1.0, 1.0))


def _check_conviction(key: str, own: RulesEngineSettings, settings: Settings) -> Iterator[str]:
    if not own.rules:
        yield f"{key}.rules: none, so no trigger is ever answered; allowed is at least one"
        return
    signs = sorted((own.boost_above_vwap, own.boost_higher_low, own.boost_rsi, own.boost_bounce))
    lowest, highest = [], []
    for index, rule in enumerate(own.rules):
        span = compute_reach(rule.trigger, settings.triggers)
        turned = settings.triggers.reversal.confirmations_min if rule.trigger is TriggerKind.REVERSAL else 0
        least = sum(signs[: max(rule.confirmations_min, turned)])
        lowest.append(_weighed(own, span.weakest) + least)
        highest.append(min(_weighed(own, span.strongest) + sum(signs) + own.boost_core, 1.0))
        if highest[-1] < own.conviction_min:
            yield (
                f"{key}.rules[{index}]: {rule.trigger} {rule.direction} reaches a conviction of {highest[-1]:.4g} at "
                f"most; allowed is a {key}.conviction_min, now {own.conviction_min:g}, that it can reach"
            )
    if own.conviction_min <= min(lowest):
        yield (
            f"{key}.conviction_min: {own.conviction_min:g} is reached by every trigger and never decides; "
            f"allowed is above {min(lowest):.4g}"
        )


def _weighed(own: RulesEngineSettings, seen: tuple[float, float]) -> float:
    return own.strength_weight * seen[0] + own.confidence_weight * seen[1]


def _check_rule(key: str, rule: RuleSettings, settings: Settings) -> Iterator[str]:
    confidence = from_float(compute_reach(rule.trigger, settings.triggers).strongest[1])
    yield from entries.check_size(key, rule.size_factor * confidence, settings)


STRATEGY = RulesEngine
SETTINGS = RulesEngineSettings
