"""What a ledger says of itself: how the last run ended, what is held, how it is protected, what is under way."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from trader.entry.status_parents import describe_parents
from trader.model.conversions import ConversionRecord
from trader.model.ids import Asset, Instant, rfc3339, utc_day, utc_week
from trader.model.ledger import Ledger
from trader.model.lots import Lot
from trader.model.money import HUNDRED, ZERO, Notional, plain
from trader.model.order_record import OrderRecord
from trader.model.orders import Side
from trader.model.portfolio import Portfolio, advance_equity_marks, assess_equity, loss_pct
from trader.settings import Settings
from trader.settings.policy import RiskSettings
from trader.stages.execution.protection import compute_uncovered, find_exposed, why_exposed

_DAY = 86400
_TICK_FORMAT = "%Y%m%dT%H%M%SZ"
#: How a run ended that has read the account to its end.
_COMPLETED = "COMPLETED"


def describe_ledger(ledger: Ledger, now: Instant, settings: Settings) -> dict[str, Any]:
    """Say what the ledger holds, as plain JSON. Units: as ``describe_state``."""
    equity = assess_equity(ledger)
    active, newer = ledger.active_orders, ledger.newer
    return {
        "last_cycle": ledger.last_cycle.cycle_id if ledger.last_cycle else None,
        "next_due": _name_next(ledger, settings.cycle.period_seconds),
        "last_run": _describe_run(ledger, now),
        "accounting_asset": ledger.accounting_asset,
        "equity": None if equity is None else plain(equity),
        "unpriced": _list_unpriced(ledger),
        **_describe_losses(ledger, equity, now, settings.risk),
        "capital": plain(ledger.capital),
        "unmarked_flow": plain(ledger.unmarked_flow),
        "drawdown_halt": ledger.drawdown_halt,
        "cash": {asset: plain(amount) for asset, amount in ledger.cash.items()},
        "reserved": {asset: plain(amount) for asset, amount in _sum_reserved(ledger).items()},
        **_describe_exposure(ledger, equity, now, settings.risk),
        "lots": _describe_lots(ledger, now, settings),
        "parents": describe_parents(ledger, now),
        "active_orders": len(active),
        "orders_in_doubt": [each.intent.client_order_id for each in active if each.is_in_doubt],
        "orders": [_describe_order(each, now) for each in active],
        "conversions": [_describe_conversion(each) for each in ledger.conversions.values() if each.is_open],
        "cooldowns": _list_cooldowns(ledger, now),
        "failed_cycles": ledger.failure_streak.failed_cycles,
        "regime": ledger.regime.current.value,
        "reduce_only": dict(ledger.reduce_only),
        "results": _sum_results(ledger),
        "audit_owed": len(ledger.owed),
        **({"newer": dict(newer)} if newer is not None else {}),
    }


def _name_next(ledger: Ledger, period_seconds: int) -> str | None:
    """Name the tick after the last cycle; where none was, or its name is not that of a tick, nobody knows.

    Ticks come at the instants of the period, whatever instant a cycle by hand had.
    """
    try:
        name = ledger.last_cycle.cycle_id if ledger.last_cycle else ""
        last = datetime.strptime(name, _TICK_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None
    return rfc3339(Instant((int(last.timestamp()) // period_seconds + 1) * period_seconds))


def _describe_run(ledger: Ledger, now: Instant) -> dict[str, Any] | None:
    last = ledger.last_run
    if last is None:
        return None
    return {
        "run": last.run_id,
        "outcome": last.outcome,
        "reason": last.reason,
        "began_at": rfc3339(last.began_at),
        "ended_at": rfc3339(last.ended_at),
        "age_seconds": now - last.ended_at,
    }


def _list_unpriced(ledger: Ledger) -> list[str]:
    """Name what has no price here: lots that were never marked, and stable assets that no tick has priced yet."""
    lots = {lot.base for lot in ledger.lots.values()}
    cash = {asset for asset, amount in ledger.cash.items() if amount and asset != ledger.accounting_asset}
    return sorted((lots | cash) - ledger.accepted_marks.keys())


def _describe_losses(ledger: Ledger, equity: Notional | None, now: Instant, risk: RiskSettings) -> dict[str, Any]:
    """Compare the equity with where it began: below zero is a loss. Marks of another day or week say nothing of now.

    A flow that no cycle has marked yet scales the marks here as it will there: it is no gain, and no loss.
    """
    known = ledger.equity_marks
    marks = advance_equity_marks(ledger, equity, now).equity_marks
    starts: dict[str, Notional | None] = {"day": None, "week": None, "peak": None}
    if known is not None and marks is not None:
        starts["day"] = marks.day_equity if known.day == utc_day(now) else None
        starts["week"] = marks.week_equity if known.week == utc_week(now) else None
        starts["peak"] = marks.peak_equity
    limits = {"day": risk.day_loss_pct_max, "week": risk.week_loss_pct_max, "peak": risk.drawdown_pct_max}
    return {
        "changes": {
            name: {
                "change_pct": None if start is None or equity is None else plain(-loss_pct(start, equity)),
                "loss_pct_max": plain(limits[name]),
            }
            for name, start in starts.items()
        }
    }


def _sum_reserved(ledger: Ledger) -> dict[Asset, Decimal]:
    """Sum by quote asset what parents, other open buys, and open conversions may still take."""
    parents = {key: each for key, each in ledger.parents.items() if each.may_buy}
    taken = [(each.quote, Decimal(each.reserve)) for each in parents.values()]
    taken += [(each.intent.quote, each.open_cost) for each in ledger.active_orders if each.intent.lot_id not in parents]
    taken += [(each.intent.source, each.intent.amount) for each in ledger.conversions.values() if each.is_open]
    sums: dict[Asset, Decimal] = {}
    for asset, amount in taken:
        if amount:
            sums[asset] = sums.get(asset, ZERO) + amount
    return sums


def _describe_exposure(ledger: Ledger, equity: Notional | None, now: Instant, risk: RiskSettings) -> dict[str, Any]:
    portfolio = Portfolio(ledger=ledger, now=now, scheduled_at=now, clusters={}, tiers={}, equity=None)
    exposure = sum(portfolio.exposures().values(), ZERO)
    return {
        "exposure": plain(exposure),
        "exposure_pct": plain(exposure / equity * HUNDRED) if equity else None,
        "exposure_pct_max": plain(risk.total_pct_max),
    }


def _list_cooldowns(ledger: Ledger, now: Instant) -> list[dict[str, str]]:
    """List what is not bought for a while, what concerns everything first."""
    ends = [
        ("", ledger.loss_streak.cooldown_until, f"{ledger.loss_streak.losses} losses in a row"),
        ("", ledger.failure_streak.cooldown_until, f"{ledger.failure_streak.failed_cycles} failed cycles in a row"),
        *((base, each.until, each.reason) for base, each in sorted(ledger.cooldowns.items())),
    ]
    return [{"asset": base, "until": rfc3339(until), "reason": why} for base, until, why in ends if until > now]


def _sum_results(ledger: Ledger) -> dict[str, Any]:
    """Sum what all strategies have come to since the books were opened."""
    parts = ledger.by_strategy.values()
    return {
        "realized": plain(sum((each.realized for each in parts), ZERO)),
        "fees": plain(sum((each.fees for each in parts), ZERO)),
        "wins": sum(each.wins for each in parts),
        "losses": sum(each.losses for each in parts),
    }


def _describe_order(record: OrderRecord, now: Instant) -> dict[str, Any]:
    intent = record.intent
    return {
        "order": intent.client_order_id,
        "product": intent.product_id,
        "side": intent.side.value,
        "purpose": intent.purpose.value,
        "configuration": intent.configuration.value,
        "status": record.status.value,
        "in_doubt": record.is_in_doubt,
        "quantity": plain(intent.quantity),
        "filled": plain(record.filled),
        "limit_price": plain(intent.limit_price),
        "stop_price": None if intent.stop_price is None else plain(intent.stop_price),
        "lot": intent.lot_id,
        "decided_at": rfc3339(intent.decided_at),
        "age_seconds": now - intent.decided_at,
        "expires_at": None if intent.expires_at is None else rfc3339(intent.expires_at),
    }


def _describe_conversion(record: ConversionRecord) -> dict[str, str]:
    intent = record.intent
    told = {"conversion": intent.conversion_id, "status": record.status.value, "amount": plain(intent.amount)}
    return {**told, "source": intent.source, "target": intent.target, "decided_at": rfc3339(intent.decided_at)}


def _describe_lots(ledger: Ledger, now: Instant, settings: Settings) -> list[dict[str, Any]]:
    quiet = settings.cycle.quiet_period_seconds
    exposed = set(find_exposed(ledger, now, quiet))
    return [
        _describe_lot(
            ledger,
            lot,
            f"none: {why_exposed(ledger, lot.lot_id, now, quiet)}"
            if lot.lot_id in exposed
            else _describe_cover(ledger, lot, Instant(now - quiet)),
            now,
        )
        for lot in sorted(ledger.lots.values(), key=lambda each: (each.product_id, each.lot_id))
    ]


def _describe_cover(ledger: Ledger, lot: Lot, settled: Instant) -> str:
    """Say what sells a lot that is not exposed: nobody may take a sale, or an order in doubt, for protection."""
    selling = [each for each in ledger.orders_of(lot.lot_id) if each.is_active and each.intent.side is Side.SELL]
    if doubtful := sorted(each.intent.client_order_id for each in selling if each.is_in_doubt or each.missing_since):
        return f"unknown: nobody knows whether the venue has {', '.join(doubtful)}"
    if any(each.intent.is_exit for each in selling):
        return "none: it is being sold"
    if not lot.quantity:
        return "none: it is sold out, and its entry may still be filled"
    if compute_uncovered(ledger, lot, settled) >= lot.quantity:
        return "none: it is too little for the venue"
    return "in place"


def _describe_lot(ledger: Ledger, lot: Lot, protection: str, now: Instant) -> dict[str, Any]:
    mark, target, until = ledger.accepted_marks.get(lot.base), lot.bracket.target_price, lot.max_hold_until
    price = None if mark is None else mark.price
    at_venue = [each for each in ledger.orders_of(lot.lot_id) if each.intent.covers_lot and each.is_at_venue]
    last = ledger.last_run
    # A run that completed has read the account; of any other nobody knows how far it came.
    is_shown = bool(at_venue) and all(each.missing_since is None for each in at_venue)
    is_seen = is_shown and last is not None and last.outcome == _COMPLETED
    return {
        "lot": lot.lot_id,
        "product": lot.product_id,
        "strategy": lot.strategy,
        "quantity": plain(lot.quantity),
        "entry_price": plain(lot.entry_price) if lot.quantity else None,
        "price": None if price is None else plain(price),
        "price_at": None if mark is None else rfc3339(mark.at),
        "price_unbelieved_seconds": now - ledger.unbelieved.get(lot.product_id, now),
        "value": None if price is None else plain(price * lot.quantity),
        "gain_pct": None if price is None or not lot.cost else plain((price / lot.entry_price - 1) * HUNDRED),
        "stop_price": plain(lot.bracket.stop_price),
        "stop_distance_pct": None if not price else plain((price - lot.bracket.stop_price) / price * HUNDRED),
        "target_price": None if target is None else plain(target),
        "opened_at": rfc3339(lot.opened_at),
        "sold_by": None if until is None else rfc3339(until),
        "day": max(now - lot.opened_at, 0) // _DAY + 1,
        "days": None if until is None else max(-((lot.opened_at - until) // _DAY), 1),
        "protection": protection,
        "protected_by": [each.intent.client_order_id for each in at_venue],
        "seen_at": rfc3339(last.ended_at) if is_seen and last is not None else None,
    }
