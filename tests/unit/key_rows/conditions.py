"""What each key of the sections ``regime``, ``exits`` and ``costs`` decides."""

from collections.abc import Mapping

from factories_market import a_lot
from trader.model.cycle_state import Regime, RegimeState
from trader.model.money import Notional, Price, Quantity
from unit.config_keys import Outcome, Row
from unit.key_rows import shapes
from unit.key_rows.world import SOL, Seen, believing, holding, on

_MARCH = Seen(bars=shapes.march())


def _while_benchmark(end: float, zigzag: float = 0.1) -> Outcome:
    """A product jumps in every regime's eyes, while the benchmark walks from 100 to *end*."""
    return on(_MARCH, benchmark=shapes.hours(end, zigzag))


def _held_at(bid: str, *, peak: str = "0", benchmark: float = 100.0, spread_bps: str = "2") -> Outcome:
    """A lot bought at 100 with its stop at 94 and its target at 112."""
    lot = a_lot(SOL, peak_price=Price(peak))
    seen = Seen(bars=shapes.quiet(), price=bid, spread_bps=spread_bps)
    return on(seen, books=holding(lot), benchmark=shapes.hours(benchmark))


def _left(cost: str) -> Outcome:
    """A sliver worth 4 is left of a lot, where the venue sells whole coins."""
    lot = a_lot(SOL, quantity=Quantity("0.04"), cost=Notional(cost))
    seen = Seen(bars=shapes.quiet(), price="100", product={"base_size_min": Quantity(1)})
    return on(seen, books=holding(lot))


_REGIME: Mapping[str, Row] = {
    "crash_trend_pct": Row(7, _while_benchmark(92)),
    "crash_volatility_pct": Row(70, _while_benchmark(100, 0.45)),
    "bull_trend_pct": Row(15, _while_benchmark(112)),
    "bull_volatility_pct": Row(30, _while_benchmark(112, 0.25)),
    "bear_trend_pct": Row(8, _while_benchmark(94)),
    "confirm_cycles": Row(
        2,
        on(_MARCH, benchmark=shapes.hours(94), books={"regime": RegimeState(Regime.CHOP, Regime.BEAR, held_cycles=1)}),
    ),
    "size_multiplier.bull": Row("1.1", _while_benchmark(112)),
    "size_multiplier.chop": Row("0.9", _while_benchmark(100)),
    "size_multiplier.bear": Row("0.4", _while_benchmark(94)),
    "size_multiplier.crash": Row("0.1", _while_benchmark(88)),
}

_TRAILING = {"exits.trailing": "true"}

_EXITS: Mapping[str, Row] = {
    "spread_multiple_max": Row(2, _held_at("90", spread_bps="50")),
    "dust_value_max": Row(3, _left("4")),
    "trailing": Row("true", _held_at("103", peak="106")),
    "trailing_arm_pct": Row(8, _held_at("103", peak="106"), _TRAILING),
    "trailing_giveback_pct": Row(5, _held_at("103", peak="106"), _TRAILING),
    "crash_tighten_ratio": Row(1, _held_at("96.5", benchmark=88)),
}

ROWS: dict[str, Row] = {
    **{f"regime.{key}": row for key, row in _REGIME.items()},
    **{f"exits.{key}": row for key, row in _EXITS.items()},
    "costs.slippage_bps": Row(60, believing(on(Seen(bars=shapes.burst())))),
    "costs.edge_multiple": Row(2, believing(on(Seen(bars=shapes.burst())))),
}
