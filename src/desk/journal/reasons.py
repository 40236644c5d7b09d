"""What a denial would have needed to be none: the number beside its limit, the setting behind it, what to type next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from desk.journal.words import Limit, find_limits, read_decimal, write_number, write_span
from trader.model.denials import DenialCode
from trader.model.money import ZERO


class _Pair(NamedTuple):
    """Names of a number and its limit that do not tell by themselves which is which."""

    value: str
    limit: str
    is_least: bool = False
    is_strict: bool = False


#: What a notional must be for the least one to be left of it after the fee.
_BEFORE_FEE = "min_before_fee"

_PAIRS: Mapping[str, _Pair] = {
    "LEDGER_SIZE_EXCEEDS_MAX": _Pair("size_bytes", "size_max_bytes", is_strict=True),
    "CASH_NEGATIVE": _Pair("cash", "limit", is_least=True),
    "CAPITAL_MISSING": _Pair("found", "booked", is_least=True),
    "TICK_STALE": _Pair("age_seconds", "limit"),
    "DAY_LOSS_EXCEEDS_MAX": _Pair("loss_pct", "limit_pct", is_strict=True),
    "WEEK_LOSS_EXCEEDS_MAX": _Pair("loss_pct", "limit_pct", is_strict=True),
    "DRAWDOWN_EXCEEDS_MAX": _Pair("loss_pct", "limit_pct", is_strict=True),
    "DAY_TRADES_EXCEED_MAX": _Pair("trades", "limit", is_strict=True),
    "TRADES_EXCEED_MAX": _Pair("trades", "limit", is_strict=True),
    "HOUR_ENTRIES_EXCEED_MAX": _Pair("entries", "limit", is_strict=True),
    "ENTRY_TOO_SOON": _Pair("seconds", "limit", is_least=True),
    "PRODUCT_ENTRY_TOO_SOON": _Pair("seconds", "limit", is_least=True),
    "PEG_BELOW_MIN": _Pair("price", "limit", is_least=True),
    "POSITIONS_EXCEED_MAX": _Pair("positions", "limit", is_strict=True),
    "PRICE_EXCEEDS_BAND": _Pair("ask", "limit"),
    "STOP_TOO_SOON": _Pair("seconds", "limit", is_least=True),
    "STOP_TOO_LOW": _Pair("stop", "least", is_least=True),
    "STOP_TOO_HIGH": _Pair("stop", "limit"),
    **dict.fromkeys(
        (
            "POSITION_EXCEEDS_MAX",
            "PRODUCT_EXCEEDS_MAX",
            "TIER_EXCEEDS_MAX",
            "CLUSTER_EXCEEDS_MAX",
            "CORRELATED_EXCEEDS_MAX",
            "STRATEGY_EXCEEDS_WEIGHT",
            "EXPOSURE_EXCEEDS_MAX",
        ),
        _Pair("room", _BEFORE_FEE, is_least=True),
    ),
    "NOTIONAL_BELOW_MIN": _Pair("wish", _BEFORE_FEE, is_least=True),
}
#: Where the numbers of an edge are, by the stage that looked at it. It must be more than that.
_EDGES = (_Pair("edge_pct", "hurdle_pct", True, True), _Pair("edge_pct", "edge_pct_min", True, True))

#: What a trigger asks for beside its number.
_BESIDE: Mapping[str, str] = {
    "volume_ratio": "a move of the price",
    "bounce_pct": "an old low and signs of a turn",
}

#: What of the configuration a code rests on.
SETTINGS: Mapping[str, str] = {
    "PRICE_BELOW_MIN": "universe.tiers.<tier>.price_min",
    "VOLUME_BELOW_MIN": "universe.tiers.<tier>.volume_24h_min",
    "SPREAD_EXCEEDS_MAX": "universe.tiers.<tier>.spread_bps_max",
    "DEPTH_BELOW_MIN": "universe.tiers.<tier>.depth_min",
    "LISTING_TOO_NEW": "universe.listing_age_days_min",
    "HYSTERESIS": "universe.enter_after_cycles",
    "EXCLUDED": "universe.never_trade",
    "BANNED": "universe.bans",
    "DATA_GAPPED": "triggers.max_gap_ratio",
    "VOLATILITY_TOO_LOW": "triggers.atr_ratio_min",
    "TRIGGER_MISSING": "triggers",
    "TRIGGERS_EXCEED_MAX": "triggers.per_cycle_max",
    "RULE_MISSING": "strategies.<strategy>.settings.rules",
    "CONFIRMATIONS_BELOW_MIN": "strategies.<strategy>.settings.rules",
    "MOVE_BELOW_MIN": "strategies.<strategy>.settings.rules",
    "CONVICTION_BELOW_MIN": "strategies.<strategy>.settings.conviction_min",
    "EDGE_UNMEASURED": "app.live_without_evidence",
    "EDGE_BELOW_COST": "costs.edge_multiple",
    "TRADES_EXCEED_MAX": "strategies.<strategy>.trades_per_cycle_max",
    "DATA_INCOMPLETE": "universe.failures_max_ratio",
    "VENUE_UNHEALTHY": "risk.failed_cooldown_minutes",
    "REGIME_CRASH": "regime.size_multiplier",
    "DAY_LOSS_EXCEEDS_MAX": "risk.day_loss_pct_max",
    "WEEK_LOSS_EXCEEDS_MAX": "risk.week_loss_pct_max",
    "DRAWDOWN_EXCEEDS_MAX": "risk.drawdown_pct_max",
    "DAY_TRADES_EXCEED_MAX": "risk.trades_per_day_max",
    "HOUR_ENTRIES_EXCEED_MAX": "risk.entries_per_hour_max",
    "ENTRY_TOO_SOON": "risk.entry_spacing_seconds",
    "PRODUCT_ENTRY_TOO_SOON": "risk.product_spacing_minutes",
    "PRODUCT_COOLING": "risk.cooldown_*_minutes",
    "LOSSES_COOLING": "risk.loss_streak_cooldown_minutes",
    "PEG_BELOW_MIN": "risk.peg_min",
    "POSITIONS_EXCEED_MAX": "risk.open_positions_max",
    "CYCLE_ENTRIES_EXCEED_MAX": "risk.entries_per_cycle_max",
    "POSITION_EXCEEDS_MAX": "risk.position_pct_max",
    "PRODUCT_EXCEEDS_MAX": "risk.product_pct_max",
    "TIER_EXCEEDS_MAX": "universe.tiers.<tier>.allocation_max_pct",
    "CORRELATED_EXCEEDS_MAX": "risk.correlated_pct_max",
    "CLUSTER_EXCEEDS_MAX": "universe.clusters.<cluster>.allocation_max_pct",
    "STRATEGY_EXCEEDS_WEIGHT": "strategies.<strategy>.weight_pct",
    "EXPOSURE_EXCEEDS_MAX": "risk.total_pct_max",
    "NOTIONAL_BELOW_MIN": "risk.notional_min",
    "REFUSAL_RECENT": "execution.refusal_wait_seconds",
    "PRICE_EXCEEDS_BAND": "universe.tiers.<tier>.slippage_bps_max",
}

#: What ends a denial that no number ends, in words.
_ENDS: Mapping[str, str] = {
    "SWITCH_NOT_RUN": "a kill switch that says RUN, and no standing flatten",
    "LEDGER_NEWER": "the release that wrote the ledger",
    "LEDGER_UNPROVEN": "books that are made anew (`trader ledger rebuild`), or are again what they were",
    "CASH_NEGATIVE": "a sale, or a higher app.capital, that covers what is missing",
    "CAPITAL_MISSING": "the cash to be back at the venue, or app.capital to be lowered by what is gone",
    "TICK_STALE": "the next tick, which is fresh",
    "NOT_TRADABLE": "the venue to allow its trade again",
    "BANNED": "the end of its ban",
    "QUOTE_MISSING": "a best bid and ask of it",
    "QUOTE_STALE": "a quote that is as new as the clock says",
    "QUOTE_CROSSED": "a bid below the ask",
    "DATA_MISSING": "its candles",
    "DATA_MALFORMED": "candles that make sense",
    "DATA_GAPPED": "a trade in more of its bars",
    "DATA_STALE": "its newest closed candle",
    "HISTORY_TOO_SHORT": "more bars of it",
    "HYSTERESIS": "to pass the checks in more cycles in a row",
    "DEPTH_MISSING": "an order book that can be read",
    "PEG_UNKNOWN": "a price of the stable asset",
    "PRODUCT_PAUSED": "the end of the pause",
    "STRATEGY_PAUSED": "the end of the pause",
    "COMMAND_UNREAD": "a release that knows the command, or the command given again",
    "PRODUCT_REDUCE_ONLY": "ledger and venue to agree about the asset",
    "POSITION_HELD": "the lot that is held to be sold first",
    "TARGET_HELD": "a weight further away from what is held and being bought than its band",
    "ORDER_WORKING": "the order that works to be filled or gone",
    "ORDER_IN_DOUBT": "the venue to show the order, or its doubt to run out",
    "STRATEGIES_OPPOSED": "the sale of the asset to be over",
    "RULE_MISSING": "a rule for this trigger and direction",
    "REGIME_CRASH": "a benchmark that is out of its crash",
    "REGIME_UNKNOWN": "a benchmark that can be read",
    "EQUITY_UNKNOWN": "a price of everything that is held",
    "MARK_STALE": "a quote of it that is believed",
    "CYCLE_ENTRIES_EXCEED_MAX": "fewer and weaker rivals in the same cycle",
    "TRADES_EXCEED_MAX": "fewer and weaker rivals in the same cycle",
    "DRAWDOWN_EXCEEDS_MAX": "a person who clears the drawdown stop",
    "EXCLUDED": "another list of what is never traded",
}

#: What to type next; <product> and <base> are filled in.
_NEXT: Mapping[str, str] = {
    "SWITCH_NOT_RUN": "trader status",
    "LEDGER_NEWER": "trader status",
    "LEDGER_UNPROVEN": "trader ledger rebuild",
    "CASH_NEGATIVE": "trader ledger show",
    "CAPITAL_MISSING": "trader status",
    "COMMAND_UNREAD": "trader status",
    "PRODUCT_PAUSED": "trader pause <product> --for 0m",
    "STRATEGY_PAUSED": "trader status",
    "PRODUCT_REDUCE_ONLY": "trader reconcile",
    "DRAWDOWN_EXCEEDS_MAX": 'trader clear-drawdown --reason "…"',
    "DAY_LOSS_EXCEEDS_MAX": "trader trades --since 1d",
    "WEEK_LOSS_EXCEEDS_MAX": "trader trades --since 7d",
    "LOSSES_COOLING": "trader trades --since 1d",
    "PRODUCT_COOLING": "trader trades --product <product>",
    "POSITION_HELD": "trader lots --product <product>",
    "TARGET_HELD": "trader lots --product <product>",
    "POSITIONS_EXCEED_MAX": "trader lots",
    "EXPOSURE_EXCEEDS_MAX": "trader lots",
    "STRATEGY_EXCEEDS_WEIGHT": "trader lots",
    "ORDER_IN_DOUBT": "trader status",
    "REGIME_UNKNOWN": "trader cycles",
    "DATA_INCOMPLETE": "trader cycles",
    "VENUE_UNHEALTHY": "trader cycles",
    "EQUITY_UNKNOWN": "trader status",
    "MARK_STALE": "trader status",
}


def find_code(code: Any) -> DenialCode | None:
    """Return the denial code of a record; None if there is none, or this release does not know it."""
    return next((each for each in DenialCode if each == code), None)


def list_limits(code: str | None, details: Mapping[str, Any]) -> list[Limit]:
    """List the numbers behind a denial beside their limits, those nearest to deciding otherwise first."""
    found = find_limits(details)
    if code == DenialCode.EDGE_BELOW_COST:
        found = [limit for pair in _EDGES for limit in _read_pair(pair, details)]
    pair = _PAIRS.get(code or "")
    if pair is not None:
        # A wish that is too small itself would be so under any cap.
        small = [each for each in _read_pair(_PAIRS["NOTIONAL_BELOW_MIN"], details) if not each.holds]
        found = [*_read_pair(pair, details), *(small if pair.value == "room" else []), *found]
    above = read_decimal(details.get("above_high_pct"))
    if above is not None:
        # The limit of a breakout is the high itself.
        found.append(Limit("above_high_pct", above, ZERO, is_least=True, is_strict=True))
    return found


def _read_pair(pair: _Pair, details: Mapping[str, Any]) -> list[Limit]:
    value = read_decimal(details.get(f"denied_{pair.value}", details.get(pair.value)))
    # Older records have the least notional only, of which the fee is still to be taken.
    limit = read_decimal(details.get(pair.limit, details.get("min") if pair.limit == _BEFORE_FEE else None))
    if value is None or limit is None:
        return []
    return [Limit(pair.value, value, limit, pair.is_least, pair.is_strict)]


def describe_need(code: str | None, details: Mapping[str, Any]) -> str:
    """Say what would have had to be otherwise, as far as the record tells; empty if nothing was refused."""
    if code is None:
        return ""
    limits = list_limits(code, details)
    if code == DenialCode.TRIGGER_MISSING and limits:
        return _describe_triggers(limits)
    if code == DenialCode.TICK_STALE:
        return _ENDS[code]
    # A number may be on record under two names.
    wants = list(dict.fromkeys(each.write_need() for each in limits if not each.holds))
    if code == DenialCode.DRAWDOWN_EXCEEDS_MAX:
        # It stands until it is cleared, also when the equity is back.
        wants.append(_ENDS[code])
    if wants:
        return (" or " if code == DenialCode.PRICE_OUTLIER else " and ").join(wants)
    left = read_decimal(details.get("seconds_left", details.get("seconds")))
    if left is not None and left > 0:
        return f"to wait {write_span(int(left))}"
    if code == DenialCode.MARK_STALE and (stale := [name for name in details if name != "limit"]):
        return f"a quote of {', '.join(stale)} that is believed"
    if code == DenialCode.EQUITY_UNKNOWN and details:
        return f"a person who has looked at what was booked of {', '.join(details)}"
    if code in _ENDS:
        return _ENDS[code]
    known = find_code(code)
    return f"an end of this: {known.meaning}" if known is not None else "what this release does not know"


def _describe_triggers(limits: Sequence[Limit]) -> str:
    """Say what any of the triggers would have needed, the nearest first; some ask for more than their number."""
    wants = []
    for each in limits:
        beside = _BESIDE.get(each.name, "")
        if not each.holds:
            wants.append(each.write_need() + (f" with {beside}" if beside else ""))
        elif beside:
            wants.append(f"{beside} beside {each.title} {write_number(each.value)}")
    return f"one of: {wants[0]} (the nearest)" + "".join(f", {each}" for each in wants[1:]) if wants else ""


def choose_next(product: str, outcome: str, code: str | None) -> str:
    """Choose the command that says more, or mends it."""
    if outcome in ("ENTERING", "EXITING", "PROTECTING"):
        return f"trader fills --product {product}"
    typed = _NEXT.get(code or "")
    if typed is None:
        typed = "trader lots --product <product>" if outcome == "HELD" else "trader why --summary --since 7d"
    return typed.replace("<product>", product)
