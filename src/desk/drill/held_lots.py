"""Lots for the function to sell in a drill, opened by the function itself.

The ledger is given entries that are remembered and not sent yet; the function's next run sends and books them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from desk.sandbox.venue import Venue
from trader.adapters.aws.state_store import DynamoStateStore
from trader.adapters.local.clock import SystemClock
from trader.model.cycle_state import EntryPacing
from trader.model.ids import Instant, ProductId, Scope, StrategyId, client_order_id, cycle_id_at, utc_day
from trader.model.ledger import open_ledger
from trader.model.money import Notional, Price, Quantity, ceil_to, floor_to
from trader.model.order_record import OrderRecord
from trader.model.orders import Bracket, OrderConfiguration, OrderIntent, OrderPurpose, Side
from trader.settings import Settings

SCOPE = Scope("LIVE#main")
#: One lot each, largest market first.
PRODUCTS = tuple(
    ProductId(name)
    for name in ("BTC-USD", "ETH-USD", "SOL-USD", "XRP-USD", "DOGE-USD", "ADA-USD", "LINK-USD", "AVAX-USD")
)
#: What the copy of the configuration says instead: LIVE is not forbidden, and after the entries that were just made
#: nothing is bought for an hour, although the market is read and proposals are made as always.
_CHANGES = {
    r"read_only: true": "read_only: false",
    r"live_without_evidence: false": "live_without_evidence: true",
    r"entry_spacing_seconds: \d+": "entry_spacing_seconds: 3600",
}
_LOT_WORTH = Decimal(100)
#: So far above the ask that the entry fills at once, and so far from it that stop and target are out of reach.
_ENTRY, _STOP, _TARGET = Decimal("1.01"), Decimal("0.7"), Decimal("1.6")
_FEE_RATE_MAX = Decimal("0.02")
_LEASE_SECONDS = 30


def prepare_config(config: Path, folder: Path) -> None:
    """Copy the configuration into a new folder; there LIVE is allowed, and nothing is bought besides the lots."""
    folder.mkdir(parents=True)
    done = set()
    for file in config.glob("*.yaml"):
        text = file.read_text(encoding="utf-8")
        for old, new in _CHANGES.items():
            text, times = re.subn(old, new, text)
            done |= {old} if times else set()
        (folder / file.name).write_text(text, encoding="utf-8")
    assert done == set(_CHANGES), f"the configuration has no {set(_CHANGES) - done}"


def remember_entries(
    store: DynamoStateStore, venue: Venue, settings: Settings, products: Sequence[ProductId], hold_until: Instant
) -> None:
    """Write books that look as if their last run had died before it sent what it had committed."""
    now = SystemClock().now()
    ledger = open_ledger(SCOPE, settings.app.accounting_asset, Notional(settings.app.capital))
    entries = [_entry(venue, settings, product_id, now, hold_until) for product_id in products]
    for entry in entries:
        ledger = ledger.with_order(OrderRecord(entry))
    last = dict.fromkeys((entry.base for entry in entries), now)
    pacing = EntryPacing(utc_day(now), len(entries), (now,) * len(entries), last)
    grant = store.acquire(SCOPE, "drill", now, _LEASE_SECONDS)
    store.commit(grant, replace(ledger, entry_pacing=pacing), release=True)


def _entry(venue: Venue, settings: Settings, product_id: ProductId, now: Instant, hold_until: Instant) -> OrderIntent:
    with venue.lock:
        product, touch = venue.market.product(product_id), venue.market.touch(product_id)
    assert product is not None
    assert touch is not None
    increment = product.price_increment
    price = ceil_to(touch.ask * _ENTRY, increment)
    name = client_order_id(settings.execution.order_prefix, SCOPE, product_id)
    return OrderIntent(
        client_order_id=name,
        cycle_id=cycle_id_at(now),
        strategy=StrategyId("rules_engine"),
        product_id=product_id,
        base=product.base,
        quote=product.quote,
        side=Side.BUY,
        purpose=OrderPurpose.ENTRY,
        configuration=OrderConfiguration.LIMIT_IOC,
        quantity=Quantity(floor_to(_LOT_WORTH / price, product.base_increment)),
        limit_price=Price(price),
        lot_id=name,
        decided_at=now,
        bracket=Bracket(Price(floor_to(price * _STOP, increment)), Price(ceil_to(price * _TARGET, increment))),
        attach_bracket=True,
        max_hold_until=hold_until,
        fee_rate_max=_FEE_RATE_MAX,
        reason="drill",
    )
