"""Which settings of the rules engine leave a rule, or the conviction gate, nothing to decide."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from trader.model import feasibility_entries as entries
from trader.model.decisions import TriggerKind
from trader.model.ids import StrategyId
from trader.model.money import from_float
from trader.model.policy import RuleSettings, TriggersSettings
from trader.model.settings import Settings
from trader.strategies.rules_engine import RulesEngineSettings


class Reach(NamedTuple):
    """The weakest and the strongest that a kind of trigger can be: strength, confidence."""

    weakest: tuple[float, float]
    strongest: tuple[float, float]


def find_contradictions(strategy_id: StrategyId, settings: Settings) -> tuple[str, ...]:
    """Name every rule that no trigger can satisfy, and a conviction gate that never opens or never closes."""
    own = settings.strategies[strategy_id].settings
    assert isinstance(own, RulesEngineSettings)
    key = f"strategies.{strategy_id}.settings"
    return (
        *_conviction(key, own, settings),
        *entries.check_stakes(key, own.risk_per_trade_pct, own.volatility_target_pct, own.edge_multiple),
        *entries.check_window(f"{key}.volatility_bars", own.volatility_bars + 1, settings),
        *(line for index, rule in enumerate(own.rules) for line in _rule(f"{key}.rules[{index}]", rule, own, settings)),
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


def _conviction(key: str, own: RulesEngineSettings, settings: Settings) -> Iterator[str]:
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


def _rule(key: str, rule: RuleSettings, own: RulesEngineSettings, settings: Settings) -> Iterator[str]:
    yield from entries.check_edge(key, rule, own.edge_multiple, settings)
    confidence = from_float(compute_reach(rule.trigger, settings.triggers).strongest[1])
    yield from entries.check_size(key, rule.size_factor * confidence, settings)
