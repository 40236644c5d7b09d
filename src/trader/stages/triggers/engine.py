"""Look at every candidate's closed bars, and make at most one trigger of what is seen there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from trader import indicators
from trader.model.cycle_state import Regime
from trader.model.decisions import Confirmations, Denial, Details, Trigger
from trader.model.denials import DenialCode
from trader.model.durations import count_in
from trader.model.ids import ProductId
from trader.model.inputs import Candidate, Detection
from trader.model.market import Bars
from trader.settings.policy import TriggersSettings
from trader.stages.triggers import signals
from trader.stages.triggers.signals import Features, Signal

STAGE = "triggers"
_FEATURES = tuple(each.name for each in fields(Features))


def count_bars_needed(settings: TriggersSettings, bar_seconds: int) -> int:
    """Count the bars of so many seconds that a product must have for every kind and filter to be computed.

    The history behind a volume spike is not counted: it is as long as there are bars for.
    """
    spans = (
        settings.price_move.short_window,
        settings.price_move.long_window,
        settings.volume_spike.window,
        settings.breakout.lookback,
        settings.momentum.lookback,
        settings.momentum.share_window,
        settings.outlier_window,
    )
    return max(
        *(count_in(span, bar_seconds) + 1 for span in spans),
        count_in(settings.reversal.lookback, bar_seconds),
        count_in(settings.atr_period, bar_seconds) * settings.atr_windows + 1,
        indicators.confirmation_bars(settings.confirmations, bar_seconds),
    )


@dataclass(frozen=True, slots=True)
class TriggerEngine:
    """Settings bound to the detection of events."""

    settings: TriggersSettings

    def detect(self, candidates: Mapping[ProductId, Candidate], regime: Regime) -> Detection:
        """Find the best trigger of each candidate; every candidate ends with a trigger or a denial, never both.

        Only the ``per_cycle_max`` best triggers go on, best first; equal scores go by product id.
        """
        triggers: list[Trigger] = []
        denials: list[Denial] = []
        lengths = {candidate.bars.granularity.seconds for candidate in candidates.values()}
        bars_min = max((count_bars_needed(self.settings, each) for each in lengths), default=0)
        for product_id, candidate in candidates.items():
            found = self._evaluate(product_id, candidate.bars, regime, bars_min)
            if isinstance(found, Trigger):
                triggers.append(found)
            else:
                denials.append(found)
        triggers.sort(key=lambda trigger: (-trigger.score, trigger.product_id))
        limit = self.settings.per_cycle_max
        for rank, trigger in enumerate(triggers[limit:], start=limit + 1):
            details = {"rank": rank, "rank_max": limit, "score": trigger.score, "score_min": triggers[limit - 1].score}
            denials.append(Denial(trigger.product_id, DenialCode.TRIGGERS_EXCEED_MAX, STAGE, details))
        return Detection({trigger.product_id: trigger for trigger in triggers[:limit]}, tuple(denials))

    def _evaluate(self, product_id: ProductId, bars: Bars, regime: Regime, bars_min: int) -> Trigger | Denial:
        if len(bars) < bars_min:
            details: Details = {"bars": len(bars), "bars_min": bars_min}
            return Denial(product_id, DenialCode.HISTORY_TOO_SHORT, STAGE, details)
        if outlier := self._outlier(bars):
            return Denial(product_id, DenialCode.PRICE_OUTLIER, STAGE, outlier)
        features = signals.compute_features(bars, self.settings)
        best, signs = self._best(bars, features, regime)
        if best is None:
            details = self._distance_to_trigger(bars, features, regime)
            return Denial(product_id, DenialCode.TRIGGER_MISSING, STAGE, details)
        if quiet := self._low_volatility(bars):
            return Denial(product_id, DenialCode.VOLATILITY_TOO_LOW, STAGE, {**quiet, "kind": best.kind.value})
        return Trigger(
            product_id=product_id,
            kind=best.kind,
            direction=best.direction,
            strength=best.strength,
            confidence=best.confidence,
            move=best.move,
            confirmations=signs or indicators.confirmations(bars, self.settings.confirmations),
            features={name: float(getattr(features, name)) for name in _FEATURES},
        )

    def _best(self, bars: Bars, features: Features, regime: Regime) -> tuple[Signal | None, Confirmations | None]:
        """Return the strongest signal, and the confirmations if they had to be computed."""
        settings = self.settings
        signs, turned = None, None
        if signals.is_bouncing(settings.reversal, features, bars):
            signs = indicators.confirmations(bars, settings.confirmations)
            turned = signals.detect_reversal(settings.reversal, features, bars, signs)
        seen = (
            signals.detect_price_move(settings.price_move, regime, features),
            signals.detect_volume_spike(settings.volume_spike, regime, features),
            signals.detect_breakout(settings.breakout, features, bars, settings.atr_period),
            turned,
            signals.detect_momentum(settings.momentum, features, bars),
        )
        # max keeps the first of equals: the order above is the order of preference.
        best = max(filter(None, seen), key=lambda each: each.strength * each.confidence, default=None)
        return best, signs

    def _outlier(self, bars: Bars) -> Details | None:
        """Give the numbers of a last close far from the bars before it that hardly anybody traded at.

        The mean leaves the last bar out: an outlier must not vouch for itself.
        """
        settings, count = self.settings, bars.count(self.settings.outlier_window)
        usual = indicators.mean(bars.close, count, skip=1)
        away_pct = (bars.close[-1] / usual - 1) * 100
        if abs(away_pct) <= settings.outlier_move_pct:
            return None
        volume = indicators.mean(bars.volume, count, skip=1)
        if bars.volume[-1] >= settings.outlier_volume_ratio * volume:
            return None
        return {
            "move_pct": away_pct,
            "move_pct_max": settings.outlier_move_pct,
            "volume_ratio": bars.volume[-1] / volume,
            "volume_ratio_min": settings.outlier_volume_ratio,
        }

    def _low_volatility(self, bars: Bars) -> Details | None:
        """Give the numbers of a market too quiet to pay for a trade.

        The average true range of the last ``atr_period`` is held against the median over ``atr_windows`` neighbouring
        stretches of that length, the last one itself included. A market without any range is always too quiet.
        """
        ranges = indicators.average_true_ranges(bars, bars.count(self.settings.atr_period), self.settings.atr_windows)
        limit = self.settings.atr_ratio_min * indicators.median(ranges)
        if ranges[-1] >= limit and ranges[-1] > 0:
            return None
        return {"atr": ranges[-1], "atr_min": limit}

    def _distance_to_trigger(self, bars: Bars, features: Features, regime: Regime) -> Details:
        """Say how close every kind came to firing, its limit beside it."""
        settings, close = self.settings, bars.close[-1]
        return {
            "short_move_pct": features.short_return * 100,
            "short_move_pct_min": settings.price_move.short_pct.at(regime),
            "long_move_pct": features.long_return * 100,
            "long_move_pct_min": settings.price_move.long_pct.at(regime),
            "volume_ratio": features.volume_ratio,
            "volume_ratio_min": settings.volume_spike.ratio.at(regime),
            "above_high_pct": (close / features.high_before - 1) * 100,
            "bounce_pct": (close / features.low - 1) * 100,
            "bounce_pct_min": settings.reversal.bounce_pct_min,
            "momentum_pct": features.momentum * 100,
            "momentum_pct_min": settings.momentum.move_min_pct,
        }
