"""What each failure of the venue comes to, for each endpoint the adapter uses. ``make venue-faults`` writes it down.

A row is observed: the adapter calls a venue over a socket, the fault hits once or every time, and what is reported is
what the adapter returned, what the venue counted, and what the venue has on its books.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from desk.in_memory import ManualClock
from desk.sandbox.faults import Fault
from desk.sandbox.market import PriceSource
from desk.sandbox.price_sources import make_synthetic_source
from desk.sandbox.server import VenueServer
from desk.sandbox.venue import Venue
from trader.adapters.coinbase.adapter import CoinbaseExchange, open_exchange
from trader.adapters.coinbase.auth import Credentials
from trader.adapters.coinbase.limits import RateLimits, TimeoutPolicy, Timing
from trader.errors import VenueError
from trader.model.conversions import ConversionIntent
from trader.model.ids import Asset, ClientOrderId, CycleId, Instant, ProductId, StrategyId, VenueOrderId
from trader.model.market import Granularity
from trader.model.money import Notional, Price, Quantity
from trader.model.orders import Accepted, OrderConfiguration, OrderIntent, OrderPurpose, Rejected, Side, Unknown

NOW = Instant(1_767_225_600)
PREFIX = "t247-"
_BTC = ProductId("BTC-USD")
_ETH = ProductId("ETH-USD")
_FOR_EVER = 0
_FAST = RateLimits(10_000, 10_000, 10_000, 4)

Work = Callable[[CoinbaseExchange, VenueOrderId], object]

#: What the adapter does, and which requests of it are hit: method and beginning of the path.
ENDPOINTS: dict[str, tuple[str, str, Work]] = {
    "GET /products": ("GET", "/products$", lambda exchange, _: exchange.products()),
    "GET /best_bid_ask": ("GET", "/best_bid_ask", lambda exchange, _: exchange.quotes([_BTC, _ETH])),
    "GET candles": (
        "GET",
        "/market/products/",
        lambda exchange, _: exchange.bars([_BTC, _ETH], Granularity.FIVE_MINUTE, 50, NOW),
    ),
    "GET /product_book": ("GET", "/market/product_book", lambda exchange, _: exchange.depth([_BTC], Decimal(20))),
    "GET /accounts": ("GET", "/accounts", lambda exchange, _: exchange.balances()),
    "GET /key_permissions": ("GET", "/key_permissions", lambda exchange, _: exchange.key_permissions()),
    "GET /transaction_summary": ("GET", "/transaction_summary", lambda exchange, _: exchange.fee_rates()),
    "GET /time": ("GET", "/time", lambda exchange, _: exchange.server_time()),
    "GET orders": ("GET", "/orders/historical/batch", lambda exchange, _: exchange.orders(Instant(0))),
    "GET fills": ("GET", "/orders/historical/fills", lambda exchange, _: exchange.fills(Instant(0))),
    "GET order": ("GET", "/orders/historical/", lambda exchange, known: exchange.order(known)),
    "GET fills of an order": (
        "GET",
        "/orders/historical/fills",
        lambda exchange, known: exchange.order_fills([known]),
    ),
    "POST /orders": ("POST", "/orders$", lambda exchange, _: exchange.submit(make_order("probe"))),
    "POST /orders, read-back": ("GET", "/orders/historical/", lambda exchange, _: exchange.submit(make_order("probe"))),
    "POST /orders/batch_cancel": ("POST", "/orders/batch_cancel", lambda exchange, known: exchange.cancel([known])),
    "POST /orders/preview": ("POST", "/orders/preview", lambda exchange, _: exchange.preview(make_order("probe"))),
    "POST /convert/quote": ("POST", "/convert/quote", lambda exchange, _: exchange.quote_conversion(make_conversion())),
    "POST /convert/trade": ("POST", "/convert/trade", lambda exchange, _: _converted(exchange)),
    "GET /convert/trade": (
        "GET",
        "/convert/trade",
        lambda exchange, _: exchange.read_conversion(exchange.quote_conversion(make_conversion()), make_conversion()),
    ),
}
SUBMITTING = ("POST /orders", "POST /orders, read-back")


@dataclass(frozen=True, slots=True)
class Row:
    """What one fault did to one endpoint. *orders* counts orders under the probe's id at the venue."""

    endpoint: str
    fault: Fault
    lasting: bool
    returned: str
    requests: int
    orders: int

    @property
    def is_safe(self) -> bool:
        """At most one order, and its fate known, or said to be unknown."""
        if self.orders > 1:
            return False
        return self.endpoint not in SUBMITTING or not (self.returned.startswith("Rejected") and self.orders)


def make_order(name: str) -> OrderIntent:
    """Make a small post-only buy far below the market."""
    order_id = ClientOrderId(PREFIX + name)
    return OrderIntent(
        client_order_id=order_id,
        cycle_id=CycleId("20260101T000000Z"),
        strategy=StrategyId("rules_engine"),
        product_id=_BTC,
        base=Asset("BTC"),
        quote=Asset("USD"),
        side=Side.BUY,
        purpose=OrderPurpose.ENTRY,
        configuration=OrderConfiguration.POST_ONLY_GTD,
        quantity=Quantity("0.001"),
        limit_price=Price("50000"),
        lot_id=order_id,
        decided_at=NOW,
        expires_at=Instant(NOW + 600),
        fee_rate_max=Decimal("0.006"),
    )


def make_conversion() -> ConversionIntent:
    """Convert a little cash."""
    cycle_id = CycleId("20260101T000000Z")
    return ConversionIntent("convert", cycle_id, Asset("USD"), Asset("USDC"), Notional(10), NOW)


def run_matrix(endpoints: Iterable[str] = tuple(ENDPOINTS), faults: Iterable[Fault] = tuple(Fault)) -> Iterator[Row]:
    """Try every fault on every endpoint, once and lasting, each on a venue of its own."""
    source = make_synthetic_source(now=NOW)
    faults = tuple(faults)
    for endpoint in endpoints:
        for fault in faults:
            for lasting in (False, True):
                yield _row(source, endpoint, fault, lasting=lasting)


def _row(source: PriceSource, endpoint: str, fault: Fault, *, lasting: bool) -> Row:
    method, path, work = ENDPOINTS[endpoint]
    with VenueServer(Venue(source, ManualClock(NOW))) as server:
        exchange = open_exchange(
            Credentials(server.key.name, server.key.secret),
            server.url,
            limits=_FAST,
            timeouts=TimeoutPolicy(answer_seconds=0.15),
            # Back-off passes quickly; what is observed is what is sent, not how long it takes.
            timing=Timing(sleep=lambda seconds: time.sleep(min(seconds, 0.002))),
        )
        known = exchange.submit(make_order("known"))
        known_id = known.venue_order_id if isinstance(known, Accepted) else VenueOrderId("none")
        server.venue.faults.add(fault, method, path, count=_FOR_EVER if lasting else 1)
        before = len(server.venue.traffic.log())
        returned = _said(work, exchange, known_id)
        requests = len(server.venue.traffic.log()) - before
        orders = sum(order.core.client_order_id == PREFIX + "probe" for order in server.venue.orders())
        exchange.close()
    return Row(endpoint, fault, lasting, returned, requests, orders)


def _converted(exchange: CoinbaseExchange) -> str:
    exchange.commit_conversion(exchange.quote_conversion(make_conversion()), make_conversion())
    return "committed"


def _said(work: Work, exchange: CoinbaseExchange, known: VenueOrderId) -> str:
    try:
        answer = work(exchange, known)
    except VenueError as error:
        return type(error).__name__
    if isinstance(answer, Rejected | Unknown):
        return f"{type(answer).__name__}: {answer.reason}"
    return type(answer).__name__ if isinstance(answer, Accepted) else "answer"


def write_markdown(found: Iterable[Row]) -> str:
    """Lay the rows out as a table."""
    lines = [
        "# What the venue's failures come to",
        "",
        "Written by `make venue-faults`: the adapter over a socket against the simulated venue, one fault at a time,",
        "hitting once or every time. *Requests* were counted by the venue; *orders* are those under the probe's id.",
        "",
        "| endpoint | fault | hits | returned | requests | orders |",
        "|---|---|---|---|--:|--:|",
    ]
    count = unsafe = 0
    for row in found:
        count, unsafe = count + 1, unsafe + (not row.is_safe)
        hits = "always" if row.lasting else "once"
        orders = str(row.orders) if row.endpoint in SUBMITTING else ""
        said = row.returned.replace("|", "/")
        lines.append(f"| {row.endpoint} | {row.fault} | {hits} | {said} | {row.requests} | {orders} |")
    lines += ["", f"{count} rows, {unsafe} in which an order was doubled or its fate misreported.", ""]
    return "\n".join(lines)


def main() -> None:
    """Write the table to the file that is the first argument, and print its last line."""
    text = write_markdown(run_matrix())
    Path(sys.argv[1] if len(sys.argv) > 1 else "docs/venue-faults.md").write_text(text, encoding="utf-8")
    sys.stdout.write(text.splitlines()[-1] + "\n")


if __name__ == "__main__":
    main()
