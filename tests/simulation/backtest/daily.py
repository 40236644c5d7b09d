"""A strategy that decides once a day, on days and hours: what the backtest must know of clocks and of long bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from trader.model.decisions import Denial, TradeProposal
from trader.model.denials import DenialCode
from trader.model.ids import Asset, ProductId, StrategyId
from trader.model.inputs import Candidate, StrategyContext
from trader.model.lots import EVERY_EXIT, GeneralExit
from trader.model.market import BarsNeeded, Granularity
from trader.model.money import ONE, ZERO, Price
from trader.model.orders import Side
from trader.model.targets import StopChange, TargetWeight
from trader.strategies.base import STAGE, Answer

DAILY = StrategyId("daily")


@dataclass(frozen=True, slots=True)
class DailyTerms:
    """When it is asked, and what it buys. Units: UTC clock, hours, bars, percent of the equity and of the price.

    One that *weighs* answers with weights and raised stops instead of purchases and sales.
    """

    at: str
    catch_up_hours: int
    days: int = 1
    hours: int = 4
    size_pct: Decimal = Decimal(5)
    stop_pct: Decimal = Decimal(2)
    hold_hours: int | None = 7
    rest_hours: int = 20
    exits: frozenset[GeneralExit] = EVERY_EXIT
    weighs: bool = False


@dataclass(frozen=True)
class Daily:
    """Buys what closed higher than some hours ago, and sells it at a later turn when it closed lower."""

    strategy_id: StrategyId
    settings: DailyTerms

    reads_triggers = False

    @property
    def exits(self) -> frozenset[GeneralExit]:
        """As drawn."""
        return self.settings.exits

    @property
    def bars(self) -> Sequence[BarsNeeded]:
        """Days and hours."""
        terms = self.settings
        return BarsNeeded(Granularity.ONE_DAY, terms.days), BarsNeeded(Granularity.ONE_HOUR, terms.hours)

    def propose(self, context: StrategyContext) -> Sequence[Answer]:
        """Answer what it holds, and every other candidate."""
        if self.settings.weighs:
            return self._weigh(context)
        held = {lot.base for lot in context.lots}
        answers: list[TradeProposal | Denial] = [
            TradeProposal.sell(lot, "lower")
            for lot in context.lots
            if (rise := self._measure_rise(lot.product_id, context)) is not None and rise < 0
        ]
        return [*answers, *(self._answer(each, found, held, context) for each, found in context.candidates.items())]

    def _weigh(self, context: StrategyContext) -> list[Answer]:
        """Want more of what rose more, and the stop of every lot a little higher."""
        terms, said = self.settings, list[Answer]()
        for product_id, candidate in context.candidates.items():
            rise = self._measure_rise(product_id, context)
            weight = Decimal(0) if rise is None or rise <= 0 else Decimal("0.1") if rise < 0.01 else Decimal("0.2")
            said.append(
                TargetWeight(
                    self.strategy_id, product_id, candidate.product.base, weight,
                    stop_loss_pct=terms.stop_pct, band=Decimal("0.02"), max_hold_hours=terms.hold_hours,
                )
            )  # fmt: skip
        for lot in context.lots:
            stop = Price(lot.bracket.stop_price * Decimal("1.01"))
            said.append(StopChange(self.strategy_id, lot.product_id, lot.base, lot.lot_id, stop))
        return said

    def _measure_rise(self, product_id: ProductId, context: StrategyContext) -> float | None:
        days, hours = (context.bars(product_id, each) for each in (Granularity.ONE_DAY, Granularity.ONE_HOUR))
        return None if days is None or hours is None else hours.close[-1] / hours.close[0] - 1

    def _answer(
        self, product_id: ProductId, candidate: Candidate, held: set[Asset], context: StrategyContext
    ) -> TradeProposal | Denial:
        terms, rise = self.settings, self._measure_rise(product_id, context)
        stopped = [
            each for each in context.round_trips if each.base == candidate.product.base and each.ending == "stop"
        ]
        if stopped and context.now - stopped[-1].closed_at < terms.rest_hours * 3600:
            details = {"stopped_at": stopped[-1].closed_at}
            return Denial(product_id, DenialCode.POSITION_HELD, STAGE, details, self.strategy_id)
        if candidate.product.base in held or rise is None or rise <= 0:
            code = DenialCode.POSITION_HELD if candidate.product.base in held else DenialCode.MOVE_BELOW_MIN
            return Denial(product_id, code, STAGE, {}, self.strategy_id)
        return TradeProposal(
            strategy=self.strategy_id,
            product_id=product_id,
            base=candidate.product.base,
            side=Side.BUY,
            # No more than a quarter of what is left of its own part.
            size_pct=min(terms.size_pct, (context.cash or ZERO) / (context.equity or ONE) * 25) or Decimal("0.01"),
            confidence=1.0,
            conviction=1.0,
            reason="higher",
            stop_loss_pct=terms.stop_pct,
            take_profit_pct=terms.stop_pct * 2,
            max_hold_hours=terms.hold_hours,
        )
