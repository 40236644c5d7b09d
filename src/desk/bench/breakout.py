"""The strategy that every peer of the backtest benchmark runs: buy a new high on twice the usual volume.

A plug-in: no file of ``trader.strategies``, so that nobody trades it by a line in policy.yaml.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from decimal import Decimal
from math import fsum
from typing import ClassVar

from trader.model.decisions import Denial, TradeProposal
from trader.model.denials import DenialCode
from trader.model.ids import Asset, ProductId, StrategyId
from trader.model.inputs import Candidate, StrategyContext
from trader.model.lots import EVERY_EXIT, GeneralExit
from trader.model.market import BarsNeeded
from trader.model.orders import Side
from trader.strategies.base import STAGE


@dataclass(frozen=True, slots=True)
class BreakoutTerms:
    """The benchmark's numbers. Units: bars, percent of the equity and of the price, hours."""

    lookback_bars: int = 288
    volume_ratio: float = 2.0
    size_pct: Decimal = Decimal(5)
    stop_pct: Decimal = Decimal(2)
    target_pct: Decimal = Decimal(4)
    hold_hours: int = 8


@dataclass(frozen=True, slots=True)
class Breakout:
    """Close above every close of the look-back before it, on more than so many times its mean volume."""

    reads_triggers: ClassVar[bool] = False
    bars: ClassVar[Sequence[BarsNeeded]] = ()
    exits: ClassVar[Set[GeneralExit]] = EVERY_EXIT

    strategy_id: StrategyId
    settings: BreakoutTerms

    def propose(self, context: StrategyContext) -> Sequence[TradeProposal | Denial]:
        """Answer every candidate: one lot of each asset at most."""
        held = {lot.base for lot in context.lots}
        return [self._answer(product_id, each, held) for product_id, each in context.candidates.items()]

    def _answer(self, product_id: ProductId, candidate: Candidate, held: set[Asset]) -> TradeProposal | Denial:
        terms, bars = self.settings, candidate.bars
        if candidate.product.base in held:
            return Denial(product_id, DenialCode.POSITION_HELD, STAGE, {}, self.strategy_id)
        count, close = terms.lookback_bars, bars.close
        # First, since every second bar closes below the one before it.
        if close[-1] <= close[-2]:
            return Denial(product_id, DenialCode.MOVE_BELOW_MIN, STAGE, {"close": close[-1], "before": close[-2]})
        highest = max(close[-count - 1 : -1])
        if close[-1] <= highest:
            return Denial(product_id, DenialCode.MOVE_BELOW_MIN, STAGE, {"close": close[-1], "highest": highest})
        # Only here, since most bars are no new high: a mean of 288 volumes is the dearest part of an answer.
        volume_ratio = bars.volume[-1] / (fsum(bars.volume[-count:]) / count)
        if volume_ratio <= terms.volume_ratio:
            return Denial(product_id, DenialCode.MOVE_BELOW_MIN, STAGE, {"volume_ratio": volume_ratio})
        return TradeProposal(
            strategy=self.strategy_id,
            product_id=product_id,
            base=candidate.product.base,
            side=Side.BUY,
            size_pct=terms.size_pct,
            confidence=1.0,
            conviction=1.0,
            reason="new high on volume",
            stop_loss_pct=terms.stop_pct,
            take_profit_pct=terms.target_pct,
            max_hold_hours=terms.hold_hours,
        )
