"""What each key of the section ``triggers`` decides."""

from collections.abc import Mapping

from unit.config_keys import Row
from unit.key_rows import shapes
from unit.key_rows.world import ETH, Seen, on

_BULL, _BEAR = shapes.hours(112), shapes.hours(93)


_BURST = on(Seen(bars=shapes.burst()))
_JUMP = on(Seen(bars=shapes.jump()))
_SPRINT = on(Seen(bars=shapes.sprint()))
_CROWD = on(Seen(bars=shapes.many()))
_TURN = on(Seen(bars=shapes.turn()))
_CLIMB = on(Seen(bars=shapes.climb()))
_CONVICTION = {"strategies.rules_engine.settings.conviction_min": "0.55"}

_FILTERS: Mapping[str, Row] = {
    "max_gap_ratio": Row("0.05", on(Seen(bars=shapes.gapped(20)))),
    "per_cycle_max": Row(1, on(Seen(bars=shapes.burst()), Seen(ETH, shapes.jump()))),
    # The mean of the last four closes before it is nearer to a price that has been rising.
    "outlier_window": Row("20m", on(Seen(bars=shapes.outlier()))),
    "outlier_move_pct": Row(30, on(Seen(bars=shapes.outlier()))),
    "outlier_volume_ratio": Row("0.01", on(Seen(bars=shapes.outlier()))),
    # The rise is over: the last four bars are as quiet as any.
    "atr_period": Row("20m", on(Seen(bars=shapes.rested()))),
    # The last stretch is no livelier than the one before it, but much livelier than the five before that.
    "atr_windows": Row(2, on(Seen(bars=shapes.lively()))),
    "atr_ratio_min": Row(9, _BURST),
}

_PRICE_MOVE: Mapping[str, Row] = {
    "short_window": Row("5m", _SPRINT),
    "long_window": Row("30m", _JUMP),
    "short_pct.chop": Row(2, _SPRINT),
    "short_pct.bull": Row("4.5", on(Seen(bars=shapes.sprint(100.3)), benchmark=_BULL)),
    "short_pct.bear": Row("4.5", on(Seen(bars=shapes.sprint(100.3)), benchmark=_BEAR)),
    "long_pct.chop": Row(4, _JUMP),
    "long_pct.bull": Row(9, on(Seen(bars=shapes.march()), benchmark=_BULL)),
    "long_pct.bear": Row(9, on(Seen(bars=shapes.march()), benchmark=_BEAR)),
    "strength_both": Row(0, _BURST, _CONVICTION),
    "strength_long": Row(0, _JUMP, _CONVICTION),
    "strength_short": Row(0, _SPRINT, _CONVICTION),
    "confidence_both": Row("0.8", _BURST),
    "confidence_long": Row("0.7", _JUMP),
    "confidence_short": Row("0.65", _SPRINT),
}

_VOLUME_SPIKE: Mapping[str, Row] = {
    "window": Row("5h", _CROWD),
    "history": Row("4h", on(Seen(bars=shapes.many(before=200.0)))),
    "ratio.chop": Row("3.1", _CROWD),
    "ratio.bull": Row("3.1", on(Seen(bars=shapes.many()), benchmark=_BULL)),
    "ratio.bear": Row("3.1", on(Seen(bars=shapes.many()), benchmark=_BEAR)),
    "move_min_pct": Row("1.1", _CROWD),
    "strength_span": Row(30, _CROWD),
    "confidence_span": Row(5, _CROWD),
}

_BREAKOUT: Mapping[str, Row] = {
    "lookback": Row("20h", on(Seen(bars=shapes.breach(old_high=101.0)))),
    "strength_min": Row(0, on(Seen(bars=shapes.breach())), _CONVICTION),
    "confidence": Row("0.7", on(Seen(bars=shapes.breach()))),
}

_REVERSAL: Mapping[str, Row] = {
    "lookback": Row("150m", _TURN),
    "low_age_min": Row("750m", _TURN),
    "bounce_pct_min": Row(9, _TURN),
    "strength_span_pct": Row(100, _TURN),
    "confidence": Row("0.5", _TURN),
    "confirmations_min": Row(4, _TURN),
}

_MOMENTUM: Mapping[str, Row] = {
    "lookback": Row("5h", _CLIMB),
    "share_window": Row("1h", _CLIMB),
    "move_min_pct": Row("5.5", _CLIMB),
    "strength_span_pct": Row(100, _CLIMB),
}

# A reversal has three of the four signs, and asks for three. Where the fourth one is meant, it asks for all of them.
_ALL_SIGNS = {"triggers.reversal.confirmations_min": 4}

_CONFIRMATIONS: Mapping[str, Row] = {
    "vwap_window": Row("25h", on(Seen(bars=shapes.turn_from_above()))),
    "low_window": Row("10h", _TURN),
    "rsi_period": Row("500m", on(Seen(bars=shapes.turn_at_once())), _ALL_SIGNS),
    "rsi_level": Row(90, on(Seen(bars=shapes.turn_at_once())), _ALL_SIGNS),
    "bounce_window": Row("20m", _TURN),
    "bounce_pct_min": Row(4, _TURN),
}

ROWS: dict[str, Row] = {
    f"triggers.{section}{key}": row
    for section, rows in {
        "": _FILTERS,
        "price_move.": _PRICE_MOVE,
        "volume_spike.": _VOLUME_SPIKE,
        "breakout.": _BREAKOUT,
        "reversal.": _REVERSAL,
        "momentum.": _MOMENTUM,
        "confirmations.": _CONFIRMATIONS,
    }.items()
    for key, row in rows.items()
}
