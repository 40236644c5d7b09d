"""When a tick is quiet: it proposes, sends, cancels and fills nothing, and turns no latch. Both engines ask this."""

from __future__ import annotations

from trader.cycle.report import CycleOutcome, CycleReport
from trader.model.ids import ClientOrderId
from trader.model.ledger import Ledger
from trader.model.order_life import OrderStatus
from trader.model.orders import Side
from trader.settings import Settings
from trader.sim.account import SimAccount


def is_quiet(report: CycleReport) -> bool:
    """Whether a finished tick did nothing but look: what it changed in the ledger, time would have changed as well."""
    decision, before, after = report.decision, report.before, report.after
    if report.outcome is not CycleOutcome.COMPLETED or decision is None or before is None or after is None:
        return False
    plan = decision.plan
    is_idle = not (
        decision.proposals or plan.intents or plan.covers or plan.cancels or plan.conversions or plan.parents
    )
    return is_idle and decision.complete and not report.new_fills and _latches(before) == _latches(after)


def _latches(ledger: Ledger) -> tuple[object, ...]:
    """Return what must not turn in a quiet tick. Orders that are over and booked may leave."""
    orders = {key: (each.status, each.filled) for key, each in ledger.orders.items() if each.is_active}
    members = {key for key, each in ledger.membership.items() if each.member}
    return (
        orders,
        {key: each.bracket for key, each in ledger.lots.items()},
        ledger.parents,
        ledger.regime.current,
        ledger.membership.keys(),
        members,
        ledger.drawdown_halt,
        ledger.reduce_only,
        ledger.cash_shortage,
        ledger.cash_shifted,
        ledger.dust,
        ledger.unbelieved.keys(),
        ledger.alarms.ringing.keys(),
    )


def is_calm(ledger: Ledger, account: SimAccount, settings: Settings) -> bool:
    """Whether only the market, or an instant that falls due, can make the next tick anything but quiet.

    The last run saw all there is to see; nothing is in doubt, on its way or missing; no parent is worked; every lot is
    covered by an order that rests at the venue.
    """
    if (
        ledger.last_run is None
        or ledger.last_run.outcome != CycleOutcome.COMPLETED
        or ledger.alarms.ringing
        or ledger.alarms.unread_switches
        or ledger.owed
        or ledger.cancels
        or ledger.parents
        or ledger.reduce_only
        or ledger.cash_shortage is not None
        or ledger.cash_shifted
        or ledger.unbelieved
        or ledger.depegged
        or ledger.unmarked_flow
        or ledger.equity_marks is None
        or ledger.products is None
        or ledger.failure_streak.failed_cycles
        or any(amount for asset, amount in ledger.cash.items() if asset != ledger.accounting_asset)
        or any(each.is_open for each in ledger.conversions.values())
        or settings.simulation.visibility_lag_seconds
    ):
        return False
    resting = set()
    for record in ledger.orders.values():
        if record.is_contingent:
            return False
        if record.is_active:
            if record.status is not OrderStatus.OPEN or not record.is_understood or record.intent.is_exit:
                return False
            resting.add(record.venue_order_id)
    return resting == account.active.keys() and all(_is_covered(ledger, lot_id, settings) for lot_id in ledger.lots)


def _is_covered(ledger: Ledger, lot_id: ClientOrderId, settings: Settings) -> bool:
    lot = ledger.lots[lot_id]
    if lot.cost <= settings.exits.dust_value_max or lot.quantity <= 0:
        return False
    covers = [each for each in ledger.orders_of(lot.lot_id) if each.intent.side is Side.SELL and each.is_at_venue]
    if lot.stop_changed_at is not None and any(
        (each.intent.stop_price or lot.bracket.stop_price) < lot.bracket.stop_price for each in covers
    ):
        return False
    return sum(each.remaining for each in covers) >= lot.quantity
