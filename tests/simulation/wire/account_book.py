"""A simulated venue's own account as the checker reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from desk.sandbox.venue import Venue
from desk.sandbox.venue_clock import to_second
from desk.sandbox.wire_order import encode_fill
from simulation.checker import audit_file, list_records
from trader.model.conversions import ConversionStatus
from trader.model.ids import TradeId
from trader.model.money import Notional
from trader.sim.account import SimAccount
from trader.sim.orders import SimConversion


def read_book(venue: Venue, audit: Mapping[str, str]) -> SimAccount:
    """Read the account, brought up to now; *audit* holds the records that conversions were announced in."""
    with venue.lock:
        venue.advance()
        cores = {order.order_id: order.core for order in venue.account.orders.values()}
        return SimAccount(
            totals=dict(venue.account.totals),
            active={key: core for key, core in cores.items() if not core.status.is_final},
            finished={
                key: replace(core, final_at=core.final_at or venue.time.now())
                for key, core in cores.items()
                if core.status.is_final
            },
            fills=tuple(
                replace(each.fill, trade_id=TradeId(encode_fill(each)["entry_id"])) for each in venue.account.executions
            ),
            conversions=_read_conversions(venue, audit),
        )


def _read_conversions(venue: Venue, audit: Mapping[str, str]) -> dict[str, SimConversion]:
    """Read every conversion, under an id of ours that was announced for just this: the venue is told none.

    Of those announced alike, each stands for one that was done; one more gets the last id once more.
    """
    announced: dict[tuple[object, ...], list[str]] = {}
    for key, text in sorted(list_records(audit).items()):
        for each in audit_file(key, text).conversions:
            sides = announced.setdefault((each["source"], each["target"], Decimal(each["amount"])), [])
            if each["conversion_id"] not in sides:
                sides.append(each["conversion_id"])
    found = {}
    for conversion in venue.conversions.known.values():
        done = None if conversion.committed is None else to_second(conversion.committed)
        ours = announced.get((conversion.source, conversion.target, conversion.amount), [conversion.trade_id])
        found[conversion.trade_id] = SimConversion(
            conversion.trade_id,
            ours.pop(0) if done is not None and len(ours) > 1 else ours[0],
            conversion.source,
            conversion.target,
            Notional(conversion.amount),
            ConversionStatus.QUOTED if done is None else ConversionStatus.COMPLETED,
            done,
        )
    return found
