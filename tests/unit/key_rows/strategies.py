"""What each key of the sections ``strategies`` and ``allocation`` decides."""

import re
from collections.abc import Callable, Mapping

from factories_market import NOW, a_lot
from factories_settings import GONE
from trader.model.market import Bars
from unit.config_keys import Outcome, Row, every
from unit.key_rows import shapes
from unit.key_rows.world import ETH, SOL, Seen, decision, holding, on

_RULES, _REVERTS = "strategies.rules_engine", "strategies.mean_reversion"
_RULE = f"{_RULES}.settings.rules"

_BURST = on(Seen(bars=shapes.burst()))
_TWO_BURSTS = on(Seen(bars=shapes.burst()), Seen(ETH, shapes.burst()))
_SNAP = on(Seen(bars=shapes.snap()))
_SAG = on(Seen(bars=shapes.sag()))
_TWO_SAGS = on(Seen(bars=shapes.sag(4)), Seen(ETH, shapes.sag(8)))

#: Mean reversion alone.
_ALONE = {f"{_REVERTS}.enabled": "true", f"{_RULES}.enabled": "false"}
_BOTH = {f"{_REVERTS}.enabled": "true"}
# So little at risk that the stop and the volatility make the size, and not the tier.
_TIMID = {f"{_RULES}.settings.risk_per_trade_pct": "0.05"}
_TIMID_ALONE = {**_ALONE, f"{_REVERTS}.settings.risk_per_trade_pct": "0.02"}


def _after_minutes(name: str, minutes: int, bars: Bars) -> Outcome:
    """What happens when a strategy ran last so many minutes ago."""
    return on(Seen(bars=bars), books={"strategy_runs": {name: NOW - minutes * 60}})


def _of_rule(to: object) -> Callable[[str], Row]:
    """A row for each rule: what becomes of the very trigger that the rule answers."""

    def row(key: str) -> Row:
        place = re.search(r"rules\[(\d+)\]", key)
        assert place is not None
        index = int(place[1])
        # Looked up when it is proved, so that a rule without a shape fails there and nowhere else.
        return Row(to, lambda settings: decision(settings, Seen(bars=shapes.OF_RULES[index]())))

    return row


_RULE_FIELDS: Mapping[str, object] = {
    "stop_pct": 5,
    "target_pct": 30,
    "hold_hours_max": 24 * 7,
    "size_factor": "0.5",
    "confirmations_min": 4,
    "move_pct_min": 50,
}


def _conviction(minimum: str) -> dict[str, object]:
    return {f"{_RULES}.settings.conviction_min": minimum}


_RULES_ENGINE: Mapping[str, Row] = {
    "enabled": Row("false", _BURST),
    "weight_pct": Row(1, _BURST),
    "trades_per_cycle_max": Row(1, _TWO_BURSTS),
    "settings.strength_weight": Row("0.2", _BURST, _conviction("0.65")),
    "settings.confidence_weight": Row("0.1", _BURST, _conviction("0.65")),
    # With all four signs in the core tier the conviction is 0.825.
    **{
        f"settings.boost_{sign}": Row(0, _SNAP, _conviction("0.82"))
        for sign in ("above_vwap", "higher_low", "rsi", "bounce", "core")
    },
    "settings.conviction_min": Row("0.83", _SNAP),
    "settings.risk_per_trade_pct": Row("0.1", _BURST, _TIMID),
    "settings.volatility_target_pct": Row(30, _BURST, _TIMID),
    "settings.volatility_window": Row("1h", _BURST, _TIMID),
}

_MEAN_REVERSION: Mapping[str, Row] = {
    "enabled": Row("true", _SAG),
    "weight_pct": Row(1, _SAG, _ALONE),
    "schedule.every_minutes": Row(5, _after_minutes("mean_reversion", 10, shapes.sag()), _ALONE),
    "trades_per_cycle_max": Row(2, _TWO_SAGS, _ALONE),
    "settings.band_window": Row("1h", _SAG, _ALONE),
    "settings.entry_z": Row(4, _SAG, _ALONE),
    "settings.exit_z": Row(
        1, on(Seen(bars=shapes.mended()), books=holding(a_lot(SOL, strategy="mean_reversion"))), _ALONE
    ),
    "settings.stop_pct": Row(5, _SAG, _ALONE),
    "settings.target_pct": Row(10, _SAG, _ALONE),
    "settings.hold_hours_max": Row(12, _SAG, _ALONE),
    "settings.size_factor": Row("0.7", _SAG, _ALONE),
    "settings.confidence": Row("0.5", _SAG, _ALONE),
    # Of two sags the deeper one is bought, until both count as deep as can be.
    "settings.strength_span_z": Row(3, _TWO_SAGS, _ALONE),
    "settings.risk_per_trade_pct": Row("0.04", _SAG, _TIMID_ALONE),
    "settings.volatility_target_pct": Row(30, _SAG, _TIMID_ALONE),
    "settings.volatility_window": Row("1h", _SAG, _TIMID_ALONE),
}


_ALLOCATION: Mapping[str, Row] = {
    "net_opposed": Row(
        "false", on(Seen(bars=shapes.burst()), books=holding(a_lot(SOL, strategy="mean_reversion"))), _BOTH
    ),
    "one_entry_per_product": Row(
        "false", on(Seen(bars=shapes.flush())), {**_BOTH, f"{_REVERTS}.settings.entry_z": "0.7"}
    ),
}

ROWS: dict[str, Row] = {
    **{f"{_RULES}.{key}": row for key, row in _RULES_ENGINE.items()},
    **{f"{_REVERTS}.{key}": row for key, row in _MEAN_REVERSION.items()},
    **{f"allocation.{key}": row for key, row in _ALLOCATION.items()},
    **{
        key: row
        for field, to in _RULE_FIELDS.items()
        for key, row in every(f"{_RULE}[*].{field}", _of_rule(to)).items()
    },
    # Each trigger and direction may stand there once, so a row becomes another one only where that one is gone.
    f"{_RULE}[*].trigger": Row("volume_spike", _BURST, {f"{_RULE}[2]": GONE}, at=f"{_RULE}[0].trigger"),
    f"{_RULE}[*].direction": Row(
        "down", _BURST, {f"{_RULE}[1]": GONE, f"{_RULE}[0].confirmations_min": 2}, at=f"{_RULE}[0].direction"
    ),
}
