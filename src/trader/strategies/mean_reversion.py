"""Buy what closed far below its own mean, sell when it is back there. Looks at no trigger."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import sqrt
from typing import Annotated

from trader import indicators
from trader.model.decisions import Denial, Detail, TradeProposal
from trader.model.denials import DenialCode
from trader.model.durations import count_in
from trader.model.ids import Asset, ProductId, StrategyId
from trader.model.inputs import Candidate, StrategyContext
from trader.model.lots import EVERY_EXIT, Lot
from trader.model.market import Bars
from trader.model.money import from_float
from trader.model.orders import Side
from trader.settings import Settings
from trader.settings.bounds import Between, FloatRatio, HoldHours, LookBack, Multiple, Pct
from trader.settings.checks import entries
from trader.strategies.base import STAGE, compute_risked_size_pct, round_size_pct


@dataclass(frozen=True, slots=True)
class MeanReversionSettings:
    """The band of closes, how far outside it to buy, how near its mean to sell, and the terms of the trade.

    ``entry_z`` and ``exit_z`` are magnitudes below the mean, in standard deviations. A z of ``strength_span_z`` or
    more is full strength; conviction is the mean of strength and confidence.
    """

    band_window: LookBack
    entry_z: Multiple
    exit_z: Multiple
    stop_pct: Annotated[Decimal, Between("0.1", "50")]
    target_pct: Annotated[Decimal, Between("0.1", "500")]
    hold_hours_max: HoldHours
    size_factor: Annotated[Decimal, Between("0", "5")]
    confidence: FloatRatio
    strength_span_z: Annotated[float, Between("0.1", "100")]
    risk_per_trade_pct: Pct
    volatility_target_pct: Annotated[Decimal, Between("0", "1000")]
    volatility_window: LookBack

    def __post_init__(self) -> None:
        """Refuse a band that is left where it is entered: every buy would be sold at once."""
        if self.exit_z >= self.entry_z:
            raise ValueError(f"exit_z {self.exit_z} must be below entry_z {self.entry_z}")


@dataclass(frozen=True, slots=True)
class MeanReversion:
    """Settings bound to the two questions: far enough below to buy, near enough to sell."""

    reads_triggers = False
    bars = ()
    exits = EVERY_EXIT

    strategy_id: StrategyId
    settings: MeanReversionSettings

    def propose(self, context: StrategyContext) -> Sequence[TradeProposal | Denial]:
        """Answer every asset it holds, candidate or not, and every other candidate.

        Each lot of an asset that is back at its mean is sold. Where a held product has no bars nothing is said: the
        universe has said why, and the lot's stop, target and time limit hold.
        """
        lots: dict[Asset, list[Lot]] = {}
        for lot in context.lots:
            lots.setdefault(lot.base, []).append(lot)
        answers: list[TradeProposal | Denial] = []
        for held in lots.values():
            product_id = held[0].product_id
            bars = context.held[product_id].bars
            if bars is not None:
                answers += self._answer_held(product_id, held, bars)
        for product_id, candidate in context.candidates.items():
            if candidate.product.base not in lots:
                answers.append(self._answer_candidate(product_id, candidate, context))
        return answers

    def _answer_held(self, product_id: ProductId, lots: Sequence[Lot], bars: Bars) -> Sequence[TradeProposal | Denial]:
        settings, count = self.settings, bars.count(self.settings.band_window)
        if len(bars) < count:
            return [self._deny_history(product_id, bars, count)]
        z = indicators.z_score(bars.close, count)
        if z >= -settings.exit_z:
            return [self._exit(lot, z) for lot in lots]
        return [self._deny(product_id, DenialCode.POSITION_HELD, lots=len(lots), z=z, z_exit=-settings.exit_z)]

    def _answer_candidate(
        self, product_id: ProductId, candidate: Candidate, context: StrategyContext
    ) -> TradeProposal | Denial:
        count = candidate.bars.count(self.settings.band_window)
        bars_min = max(count, candidate.bars.count(self.settings.volatility_window) + 1)
        if len(candidate.bars) < bars_min:
            return self._deny_history(product_id, candidate.bars, bars_min)
        z = indicators.z_score(candidate.bars.close, count)
        return self._entry(product_id, candidate, z, context)

    def _entry(
        self, product_id: ProductId, candidate: Candidate, z: float, context: StrategyContext
    ) -> TradeProposal | Denial:
        settings = self.settings
        if z > -settings.entry_z:
            return self._deny(product_id, DenialCode.MOVE_BELOW_MIN, z=z, z_max=-settings.entry_z)
        size = compute_risked_size_pct(
            stop_pct=settings.stop_pct,
            volatility=indicators.annualized_volatility(
                candidate.bars, candidate.bars.count(settings.volatility_window)
            ),
            base_size_pct=context.base_size_pct[product_id],
            risk_per_trade_pct=settings.risk_per_trade_pct,
            volatility_target_pct=settings.volatility_target_pct,
        )
        strength = min(abs(z) / settings.strength_span_z, 1.0)
        components = {"strength": strength / 2, "confidence": settings.confidence / 2}
        return TradeProposal(
            strategy=self.strategy_id,
            product_id=product_id,
            base=candidate.product.base,
            side=Side.BUY,
            size_pct=round_size_pct(size * settings.size_factor * from_float(settings.confidence)),
            confidence=settings.confidence,
            conviction=components["strength"] + components["confidence"],
            reason=f"below its mean: z {z:+.2f} over {settings.band_window}",
            stop_loss_pct=settings.stop_pct,
            take_profit_pct=settings.target_pct,
            max_hold_hours=settings.hold_hours_max,
            components=components,
        )

    def _exit(self, lot: Lot, z: float) -> TradeProposal:
        return TradeProposal.sell(lot, f"back at its mean: z {z:+.2f} over {self.settings.band_window}")

    def _deny_history(self, product_id: ProductId, bars: Bars, bars_min: int) -> Denial:
        return self._deny(product_id, DenialCode.HISTORY_TOO_SHORT, bars=len(bars), bars_min=bars_min)

    def _deny(self, product_id: ProductId, code: DenialCode, **details: Detail) -> Denial:
        return Denial(product_id, code, STAGE, details, strategy=self.strategy_id)


def find_contradictions(strategy_id: StrategyId, settings: Settings) -> tuple[str, ...]:
    """Name what keeps it from ever buying, and a strength that says nothing."""
    own = settings.strategies[strategy_id].settings
    assert isinstance(own, MeanReversionSettings)
    key, seconds = f"strategies.{strategy_id}.settings", settings.bars.granularity.seconds
    band, window = count_in(own.band_window, seconds), count_in(own.volatility_window, seconds)
    return (
        *_check_band(key, own, band),
        *entries.check_stakes(key, own.risk_per_trade_pct, own.volatility_target_pct),
        *entries.check_window(f"{key}.band_window", band, settings),
        *entries.check_window(f"{key}.volatility_window", window + 1, settings),
        *entries.check_size(key, own.size_factor * from_float(own.confidence), settings),
    )


def _check_band(key: str, own: MeanReversionSettings, bars: int) -> Iterator[str]:
    # The last close is one of those its own mean and deviation are made of, so there is a furthest it can be.
    furthest = (bars - 1) / sqrt(bars)
    if own.entry_z >= furthest:
        yield (
            f"{key}.entry_z: {own.entry_z:g} can never be reached by one of the {bars} bars of {key}.band_window "
            f"{own.band_window}; allowed is below {furthest:.4g}"
        )
    if own.strength_span_z <= own.entry_z:
        yield (
            f"{key}.strength_span_z: {own.strength_span_z:g} makes every entry full strength; "
            f"allowed is above {key}.entry_z {own.entry_z:g}"
        )


STRATEGY = MeanReversion
SETTINGS = MeanReversionSettings
