"""Products, quotes, bars and settings for tests: small, sound by default, each field open to a keyword."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import accumulate
from typing import Any

from trader.model.cycle_state import Regime
from trader.model.decisions import Confirmations, Direction, Trigger, TriggerKind
from trader.model.ids import Asset, ClientOrderId, Instant, ProductId, StrategyId
from trader.model.inputs import Candidate, HeldProduct, StrategyContext
from trader.model.lots import Lot
from trader.model.market import Bars, Granularity, Product, Quote, expected_last_start
from trader.model.money import Notional, Price, Quantity
from trader.model.orders import Bracket
from trader.settings.policy import (
    BreakoutSettings,
    ByRegime,
    ConfirmationSettings,
    MomentumSettings,
    PriceMoveSettings,
    RegimeSettings,
    ReversalSettings,
    RuleSettings,
    TriggersSettings,
    VolumeSpikeSettings,
)
from trader.settings.universe import ClusterSettings, TierSettings, UniverseSettings
from trader.stages.universe.manager import UniverseManager
from trader.strategies.mean_reversion import MeanReversionSettings
from trader.strategies.rules_engine import RulesEngineSettings

#: Sunday, 2026-11-22, 10:15 UTC: the instant most tests stand at.
NOW = Instant(1_795_342_500)  # 2026-11-22T10:15:00Z

TIER_1, TIER_2, TIER_3 = "tier_1_core", "tier_2_rotational", "tier_3_dynamic"
QUOTES = (Asset("USD"), Asset("USDC"), Asset("USDT"))


# --- market facts


def a_product(product_id: str = "BTC-USD", **overrides: Any) -> Product:
    """A product that is open, busy and old; *overrides* are its fields, plain values welcome."""
    base, _, quote = product_id.partition("-")
    product = Product(
        product_id=ProductId(product_id),
        base=Asset(base),
        quote=Asset(quote),
        base_increment=Quantity("0.00000001"),
        price_increment=Price("0.01"),
        quote_increment=Notional("0.01"),
        base_size_min=Quantity("0.00000001"),
        base_size_max=Quantity("3400"),
        quote_size_min=Notional("1"),
        quote_size_max=Notional("150000000"),
        volume_24h=Notional("50000000"),
        price=Price("100"),
    )
    return replace(product, **overrides)


def a_quote(
    product_id: str = "BTC-USD", *, bid: str = "99.99", ask: str = "100.01", time: int = NOW, mid: str | None = None
) -> Quote:
    """A fresh quote with a spread of 2 bps; with *mid*, around that price instead."""
    if mid is not None:
        bid, ask = str(Decimal(mid) * Decimal("0.9999")), str(Decimal(mid) * Decimal("1.0001"))
    return Quote(ProductId(product_id), Price(bid), Price(ask), Instant(time))


def some_bars(
    closes: Sequence[float],
    *,
    volume: float | Sequence[float] = 100.0,
    reach: float = 0.0,
    high: Sequence[float] | None = None,
    low: Sequence[float] | None = None,
    granularity: Granularity = Granularity.FIVE_MINUTE,
    now: int = NOW,
    filled: int = 0,
) -> Bars:
    """Bars with these closes, the last one being the newest closed bar at *now*.

    Each opens at the close before it and spans both, plus *reach* on either side.
    """
    count, step = len(closes), granularity.seconds
    last = expected_last_start(granularity, Instant(now))
    opens = (closes[0], *closes[:-1]) if closes else ()
    pairs = tuple(zip(opens, closes, strict=True))
    return Bars(
        granularity=granularity,
        start=tuple(range(last - (count - 1) * step, last + 1, step)),
        open=tuple(opens),
        high=tuple(high) if high is not None else tuple(max(pair) + reach for pair in pairs),
        low=tuple(low) if low is not None else tuple(min(pair) - reach for pair in pairs),
        close=tuple(closes),
        volume=(float(volume),) * count if isinstance(volume, int | float) else tuple(volume),
        filled=filled,
    )


def flat_bars(count: int = 300, price: float = 100.0, **overrides: Any) -> Bars:
    """Bars that all close at one price."""
    return some_bars([price] * count, **overrides)


def with_move(bars: Bars, pct: float, over: int, *, reach: float = 0.0) -> Bars:
    """The same bars, the last *over* of them walking in equal steps to *pct* percent from where they stood."""
    start = bars.close[-1 - over]
    step = start * pct / 100 / over
    closes = (*bars.close[:-over], *accumulate([step] * over, initial=start))
    moved = some_bars((*closes[: -over - 1], *closes[-over:]), volume=bars.volume, reach=reach)
    return replace(
        moved,
        high=(*bars.high[:-over], *moved.high[-over:]),
        low=(*bars.low[:-over], *moved.low[-over:]),
        filled=bars.filled,
    )


def a_candidate(
    product_id: str = "BTC-USD", *, bars: Bars | None = None, tier: str = TIER_1, **overrides: Any
) -> Candidate:
    """A candidate with flat bars and a fresh quote."""
    product = a_product(product_id)
    candidate = Candidate(product, (product,), tier, a_quote(product_id), bars if bars is not None else flat_bars())
    return replace(candidate, **overrides)


# --- settings with the defaults of the trading bible


def universe_settings(**overrides: Any) -> UniverseSettings:
    """The three tiers and everything around them."""
    settings = UniverseSettings(
        products_cache_minutes=60,
        quote_age_seconds_max=30,
        listing_age_days_min=30,
        enter_after_cycles=3,
        leave_after_cycles=3,
        failures_max_ratio=0.5,
        correlation_max=0.85,
        correlation_window="1d",
        depth_band_bps=Decimal(20),
        tiers={
            TIER_1: tier_settings(bases=("BTC", "ETH", "SOL")),
            TIER_2: tier_settings(
                bases=("DOGE", "XRP", "ADA", "AVAX", "DOT", "LINK", "UNI", "ATOM", "ALGO", "XLM", "HBAR"),
                spread_bps_max="35",
                volume_24h_min="5000000",
                depth_min="25000",
                allocation_max_pct="20",
                base_size_pct="2",
                slippage_bps_max="40",
            ),
            TIER_3: tier_settings(
                discover_max=10,
                price_min="0.01",
                spread_bps_max="60",
                volume_24h_min="8000000",
                depth_min="10000",
                allocation_max_pct="7",
                base_size_pct="0.7",
                slippage_bps_max="60",
            ),
        },
        never_trade=(Asset("LUNA"),),
        stable_bases=(Asset("USDC"), Asset("USDT"), Asset("DAI"), Asset("PYUSD")),
        bans={},
        clusters={
            "DEFI": a_cluster("UNI", "AAVE", "LINK"),
            "LAYER1": a_cluster("ETH", "SOL", "ADA", "AVAX", "DOT", "ATOM", "ALGO"),
            "LAYER2": a_cluster("ARB", "OP", "MATIC", cap="6"),
            "MEME": a_cluster("DOGE", "SHIB", "PEPE", cap="4"),
        },
    )
    return replace(settings, **overrides)


def tier_settings(
    *,
    bases: Sequence[str] = (),
    discover_max: int = 0,
    price_min: str = "0",
    spread_bps_max: str = "20",
    volume_24h_min: str = "10000000",
    depth_min: str = "100000",
    allocation_max_pct: str = "40",
    base_size_pct: str = "3",
    slippage_bps_max: str = "20",
) -> TierSettings:
    """A tier with the limits of tier 1."""
    return TierSettings(
        spread_bps_max=Decimal(spread_bps_max),
        volume_24h_min=Decimal(volume_24h_min),
        depth_min=Decimal(depth_min),
        allocation_max_pct=Decimal(allocation_max_pct),
        base_size_pct=Decimal(base_size_pct),
        slippage_bps_max=Decimal(slippage_bps_max),
        bases=tuple(Asset(base) for base in bases),
        discover_max=discover_max,
        price_min=Decimal(price_min),
    )


def a_cluster(*bases: str, cap: str = "10") -> ClusterSettings:
    """A theme of these assets."""
    return ClusterSettings(tuple(Asset(base) for base in bases), Decimal(cap))


def a_universe_manager(**overrides: Any) -> UniverseManager:
    """The default universe; *overrides* are those of its settings."""
    return UniverseManager(universe_settings(**overrides), 0.10, QUOTES, 289)


def regime_settings(**overrides: Any) -> RegimeSettings:
    """Thresholds and size multipliers."""
    settings = RegimeSettings(
        crash_trend_pct=10.0,
        crash_volatility_pct=100.0,
        bull_trend_pct=10.0,
        bull_volatility_pct=60.0,
        bear_trend_pct=5.0,
        confirm_cycles=3,
        size_multiplier={
            Regime.BULL: Decimal("1.2"),
            Regime.CHOP: Decimal("1.0"),
            Regime.BEAR: Decimal("0.5"),
            Regime.CRASH: Decimal(0),
        },
    )
    return replace(settings, **overrides)


def triggers_settings(**overrides: Any) -> TriggersSettings:
    """All five kinds and both filters."""
    settings = TriggersSettings(
        max_gap_ratio=0.10,
        per_cycle_max=10,
        outlier_window="100m",
        outlier_move_pct=10.0,
        outlier_volume_ratio=0.1,
        atr_period="70m",
        atr_windows=7,
        atr_ratio_min=1.05,
        price_move=PriceMoveSettings(
            short_window="15m",
            long_window="1h",
            short_pct=ByRegime(chop=1.2, bull=3.5, bear=3.0),
            long_pct=ByRegime(chop=2.5, bull=7.0, bear=7.0),
            strength_both=0.80,
            strength_long=0.70,
            strength_short=0.60,
            confidence_both=0.85,
            confidence_long=0.75,
            confidence_short=0.70,
        ),
        volume_spike=VolumeSpikeSettings(
            window="1h",
            history="1d",
            ratio=ByRegime(chop=1.8, bull=2.0, bear=2.0),
            move_min_pct=0.5,
            strength_span=3.0,
            confidence_span=4.0,
        ),
        breakout=BreakoutSettings(lookback="1d", strength_min=0.5, confidence=0.80),
        reversal=ReversalSettings(
            lookback="1d",
            low_age_min="1h",
            bounce_pct_min=3.0,
            strength_span_pct=20.0,
            confidence=0.60,
            confirmations_min=3,
        ),
        momentum=MomentumSettings(lookback="1d", share_window="12h", move_min_pct=2.0, strength_span_pct=10.0),
        confirmations=confirmation_settings(),
    )
    return replace(settings, **overrides)


def confirmation_settings(**overrides: Any) -> ConfirmationSettings:
    """The four signs that a fall has turned."""
    settings = ConfirmationSettings(
        vwap_window="1h", low_window="1h", rsi_period="70m", rsi_level=50.0, bounce_window="3h", bounce_pct_min=0.6
    )
    return replace(settings, **overrides)


def a_rule(
    trigger: TriggerKind,
    direction: Direction,
    terms: tuple[str, str, int, str],
    **overrides: Any,
) -> RuleSettings:
    """One row; *terms* are stop, target, hours and size factor."""
    stop, target, hours, factor = terms
    rule = RuleSettings(trigger, direction, Decimal(stop), Decimal(target), hours, Decimal(factor))
    return replace(rule, **overrides)


def rules_settings(**overrides: Any) -> RulesEngineSettings:
    """The whole table."""
    up, down = Direction.UP, Direction.DOWN
    settings = RulesEngineSettings(
        rules=(
            a_rule(TriggerKind.PRICE_MOVE, up, ("6", "12", 48, "1.0")),
            a_rule(TriggerKind.PRICE_MOVE, down, ("10", "20", 24, "0.7"), confirmations_min=3),
            a_rule(TriggerKind.VOLUME_SPIKE, up, ("8", "15", 72, "1.0")),
            a_rule(TriggerKind.BREAKOUT, up, ("6", "20", 120, "1.2")),
            a_rule(TriggerKind.REVERSAL, up, ("12", "25", 48, "0.8")),
            a_rule(TriggerKind.MOMENTUM, up, ("8", "15", 72, "1.0")),
            a_rule(TriggerKind.MOMENTUM, down, ("10", "18", 48, "0.85"), confirmations_min=3, move_pct_min=3.0),
        ),
        strength_weight=0.5,
        confidence_weight=0.3,
        boost_above_vwap=0.04,
        boost_higher_low=0.04,
        boost_rsi=0.03,
        boost_bounce=0.04,
        boost_core=0.02,
        conviction_min=0.45,
        risk_per_trade_pct=Decimal("0.5"),
        volatility_target_pct=Decimal(60),
        volatility_window="1d",
    )
    return replace(settings, **overrides)


def mean_reversion_settings(**overrides: Any) -> MeanReversionSettings:
    """A band of four hours."""
    settings = MeanReversionSettings(
        band_window="4h",
        entry_z=2.0,
        exit_z=0.0,
        stop_pct=Decimal(4),
        target_pct=Decimal(8),
        hold_hours_max=24,
        size_factor=Decimal(1),
        confidence=0.6,
        strength_span_z=4.0,
        risk_per_trade_pct=Decimal("0.5"),
        volatility_target_pct=Decimal(60),
        volatility_window="1d",
    )
    return replace(settings, **overrides)


# --- what strategies see


def a_trigger(
    kind: TriggerKind = TriggerKind.PRICE_MOVE, direction: Direction = Direction.UP, **overrides: Any
) -> Trigger:
    """A strong trigger without confirmations, its move signed like its direction."""
    move = 0.05 if direction is Direction.UP else -0.05
    trigger = Trigger(ProductId("BTC-USD"), kind, direction, 0.8, 0.85, move, Confirmations())
    return replace(trigger, **overrides)


ALL_CONFIRMED = Confirmations(above_vwap=True, higher_low=True, rsi_crossed_up=True, bounced=True)


def a_lot(product_id: str = "BTC-USD", *, strategy: str = "rules_engine", **overrides: Any) -> Lot:
    """A lot of one unit bought at 100."""
    base, _, quote = product_id.partition("-")
    lot = Lot(
        lot_id=ClientOrderId(f"lot-{product_id}"),
        strategy=StrategyId(strategy),
        product_id=ProductId(product_id),
        base=Asset(base),
        quote=Asset(quote),
        quantity=Quantity(1),
        cost=Notional(100),
        entry_fees=Notional("0.6"),
        opened_at=Instant(NOW - 3600),
        bracket=Bracket(Price(94), Price(112)),
        max_hold_until=Instant(NOW + 48 * 3600),
    )
    return replace(lot, **overrides)


def a_context(*candidates: Candidate, triggers: Sequence[Trigger] = (), **overrides: Any) -> StrategyContext:
    """A quiet market of these candidates, a round trip costing 1.8 %, a base size of 3 %.

    What is held of a candidate's base asset has the candidate's quote and bars; anything else has neither.
    """
    shown = {each.product.product_id: each for each in candidates or (a_candidate(),)}
    context = StrategyContext(
        now=NOW,
        regime=Regime.CHOP,
        candidates=shown,
        triggers={trigger.product_id: trigger for trigger in triggers},
        lots=(),
        round_trip_ratio=dict.fromkeys(shown, Decimal("0.018")),
        base_size_pct=dict.fromkeys(shown, Decimal(3)),
    )
    by_base = {each.product.base: each for each in shown.values()}
    held = {lot.product_id: a_held_product(lot.base, by_base.get(lot.base)) for lot in overrides.get("lots", ())}
    return replace(context, **{"held": held, **overrides})


def a_held_product(base: str, like: Candidate | None = None, **overrides: Any) -> HeldProduct:
    """A product on which a lot is held: known as well as a candidate is, or not at all."""
    quote, bars = (None, None) if like is None else (like.quote, like.bars)
    return replace(HeldProduct(Asset(base), quote, bars), **overrides)
