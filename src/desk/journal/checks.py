"""The checks of risk, in their order, with the numbers that the record has of each and the limits of the configuration.

A record holds the numbers of the check that refused, and of those that the equity, the switch and the regime decide.
Of any other it is said whether it was reached, and not what it saw.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from desk.journal.decisions import RecordedDecision
from desk.journal.reasons import list_limits
from desk.journal.words import NOT_ON_RECORD, read_decimal, write_number
from trader.model.denials import DenialCode
from trader.model.money import Notional
from trader.model.portfolio import loss_pct
from trader.settings import Settings

#: As ``RiskManager`` goes through them for a purchase.
ORDER: tuple[DenialCode, ...] = (
    DenialCode.SWITCH_NOT_RUN,
    DenialCode.LEDGER_NEWER,
    DenialCode.LEDGER_UNPROVEN,
    DenialCode.CASH_NEGATIVE,
    DenialCode.CAPITAL_MISSING,
    DenialCode.LEDGER_SIZE_EXCEEDS_MAX,
    DenialCode.COMMAND_UNREAD,
    DenialCode.PRODUCT_PAUSED,
    DenialCode.STRATEGY_PAUSED,
    DenialCode.PRODUCT_REDUCE_ONLY,
    DenialCode.TICK_STALE,
    DenialCode.DATA_INCOMPLETE,
    DenialCode.VENUE_UNHEALTHY,
    DenialCode.REGIME_UNKNOWN,
    DenialCode.REGIME_CRASH,
    DenialCode.EQUITY_UNKNOWN,
    DenialCode.MARK_STALE,
    DenialCode.DAY_LOSS_EXCEEDS_MAX,
    DenialCode.WEEK_LOSS_EXCEEDS_MAX,
    DenialCode.DRAWDOWN_EXCEEDS_MAX,
    DenialCode.DAY_TRADES_EXCEED_MAX,
    DenialCode.HOUR_ENTRIES_EXCEED_MAX,
    DenialCode.ENTRY_TOO_SOON,
    DenialCode.PRODUCT_ENTRY_TOO_SOON,
    DenialCode.PRODUCT_COOLING,
    DenialCode.LOSSES_COOLING,
    DenialCode.PEG_UNKNOWN,
    DenialCode.PEG_BELOW_MIN,
    DenialCode.CYCLE_ENTRIES_EXCEED_MAX,
    DenialCode.TRADES_EXCEED_MAX,
    DenialCode.ORDER_WORKING,
    DenialCode.ORDER_IN_DOUBT,
    DenialCode.POSITIONS_EXCEED_MAX,
    DenialCode.POSITION_EXCEEDS_MAX,
    DenialCode.PRODUCT_EXCEEDS_MAX,
    DenialCode.TIER_EXCEEDS_MAX,
    DenialCode.CLUSTER_EXCEEDS_MAX,
    DenialCode.CORRELATED_EXCEEDS_MAX,
    DenialCode.STRATEGY_EXCEEDS_WEIGHT,
    DenialCode.EXPOSURE_EXCEEDS_MAX,
    DenialCode.NOTIONAL_BELOW_MIN,
)
#: From here on they are caps, and the tightest refuses.
_CAPS = ORDER[ORDER.index(DenialCode.POSITION_EXCEEDS_MAX) :]


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One check: how it went (``passed``, ``refused``, ``not reached``, ``not asked``), and its numbers."""

    code: str
    state: str
    numbers: str


def list_checks(
    decision: RecordedDecision, product: str, verdict: Mapping[str, Any], settings: Settings | None
) -> list[CheckRow]:
    """List every check of risk on a purchase of a product. Without *settings* the limits of then are not known."""
    code, stage = verdict.get("code"), verdict.get("stage")
    is_asked = any(each.get("side") == "BUY" for each in decision.proposals(product))
    refused = next((n for n, each in enumerate(ORDER) if stage == "risk" and each == code), None)
    numbers = _list_numbers(decision, settings)
    rows = []
    for place, each in enumerate(ORDER):
        told = numbers.get(each, NOT_ON_RECORD)
        if not is_asked or str(code).startswith("DEPTH_"):
            state = "not asked"
        elif refused is None:
            # A verdict of another stage says nothing of what risk found, unless execution came after it.
            state = "passed" if stage == "execution" else NOT_ON_RECORD
        elif place == refused:
            state = "refused"
            limits = [limit.write() for limit in list_limits(code, verdict.get("details") or {})]
            told = ", ".join(limits) or told
        elif refused >= ORDER.index(_CAPS[0]) and each in _CAPS:
            state = "not the tightest"
        else:
            state = "passed" if place < refused else "not reached"
        rows.append(CheckRow(each.value, state, told))
    return rows


def list_losses(decision: RecordedDecision, settings: Settings | None) -> dict[DenialCode, str]:
    """Write what the equity has changed by since each of its marks, and how far it may fall, if that is known."""
    marks, equity = decision.risk.get("equity_marks"), read_decimal(decision.risk.get("equity"))
    if equity is None or not isinstance(marks, dict):
        return {}
    names = (
        (DenialCode.DAY_LOSS_EXCEEDS_MAX, "day_equity", "day_loss_pct_max"),
        (DenialCode.WEEK_LOSS_EXCEEDS_MAX, "week_equity", "week_loss_pct_max"),
        (DenialCode.DRAWDOWN_EXCEEDS_MAX, "peak_equity", "drawdown_pct_max"),
    )
    found: dict[DenialCode, str] = {}
    for code, mark, limit in names:
        start = read_decimal(marks.get(mark))
        if start is not None:
            most = "" if settings is None else f" of -{write_number(getattr(settings.risk, limit))} %"
            found[code] = f"{-loss_pct(Notional(start), Notional(equity)):+.2f} %{most}"
    return found


def _list_numbers(decision: RecordedDecision, settings: Settings | None) -> dict[DenialCode, str]:
    inputs, risk = decision.inputs, decision.risk
    numbers = {
        DenialCode.SWITCH_NOT_RUN: str(inputs.get("trading_state", NOT_ON_RECORD)),
        DenialCode.REGIME_CRASH: f"size × {risk.get('size_multiplier', NOT_ON_RECORD)}",
        DenialCode.DATA_INCOMPLETE: f"{len(inputs.get('failures') or ())} reads failed",
    }
    numbers |= list_losses(decision, settings)
    size, size_max = (read_decimal(inputs.get(name)) for name in ("ledger_bytes", "ledger_bytes_max"))
    if size is not None and size_max:
        numbers[DenialCode.LEDGER_SIZE_EXCEEDS_MAX] = f"{size:,} of {size_max:,} bytes"
    if isinstance(inputs.get("now"), int) and isinstance(inputs.get("scheduled_at"), int):
        most = f"{settings.cycle.max_tick_age_seconds} s" if settings is not None else NOT_ON_RECORD
        numbers[DenialCode.TICK_STALE] = f"{inputs['now'] - inputs['scheduled_at']} s of {most}"
    return numbers
