"""Count what one look at the account asks for, and time it: over a young lot, and over one of half a year.

The account's owner trades beside it all the time. What a look costs must follow from what is new since the last one,
never from the age of a lot nor from the owner's business. Over a socket, against the simulated Coinbase.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from desk.in_memory import ManualClock
from desk.sandbox.fault_matrix import make_order
from desk.sandbox.ids import derive_uuid
from desk.sandbox.orders import Order
from desk.sandbox.price_sources import make_synthetic_source
from desk.sandbox.server import VenueServer
from desk.sandbox.venue import Venue
from desk.sandbox.venue_clock import Micros
from trader.adapters.coinbase.adapter import CoinbaseExchange, open_exchange
from trader.adapters.coinbase.auth import Credentials
from trader.adapters.coinbase.limits import RateLimits
from trader.adapters.config.files import load_settings
from trader.cycle.account import read_account
from trader.entry.wiring import make_scope
from trader.model.ids import Asset, ClientOrderId, Instant, TradeId, VenueOrderId
from trader.model.inputs import AccountView
from trader.model.ledger import Ledger, open_ledger
from trader.model.money import Notional, Price, Quantity
from trader.model.order_life import OrderStatus
from trader.model.order_record import OrderRecord
from trader.model.orders import Accepted, Bracket, OrderConfiguration
from trader.settings import Settings
from trader.stages.reconcile.account import reconcile
from trader.stages.reconcile.ownership import remember_look

_NOW, _DAY = Instant(1_767_225_600), 86_400
#: The look before was so long ago: what the owner traded since is new.
_PAUSE = 1_800
_PRICE = "100000"
_ROWS_PER_PAGE = 250
_LOOKS = 5
#: What one look may ask for beside the pages of what is new.
REQUESTS_MAX = 4
#: A look over an old lot may take so much more CPU time of ours than one over a young lot; what is new is read too.
RATIO_MAX = 2.0


@dataclass(frozen=True, slots=True)
class Look:
    """What one look asked for, and what it found. *pages* are the requests that only what is new is the cause of."""

    requests: int
    pages: int
    rows: int
    cpu_ms: float
    lots: int

    @property
    def is_bounded(self) -> bool:
        """Whether it asked for no more than it may."""
        return self.requests - self.pages <= REQUESTS_MAX


class AccountWorld:
    """An account with one lot of ours under its bracket, beside an owner who trades."""

    def __init__(self, server: VenueServer, clock: ManualClock, settings: Settings) -> None:
        self.venue, self.clock, self.settings = server.venue, clock, settings
        self.exchange: CoinbaseExchange = open_exchange(
            Credentials(server.key.name, server.key.secret), server.url, limits=RateLimits(1e6, 1e6, 1e6, parallel=1)
        )
        self.venue.set_price("BTC-USD", _PRICE)
        self.ledger = self._open_lot()

    def _open_lot(self) -> Ledger:
        settings = self.settings
        plain = make_order("lot")
        intent = replace(
            plain,
            configuration=OrderConfiguration.LIMIT_IOC,
            limit_price=Price(Decimal(_PRICE) * Decimal("1.01")),
            quantity=Quantity("0.001"),
            expires_at=None,
            bracket=Bracket(Price(1000), Price(900_000)),
            attach_bracket=True,
            max_hold_until=Instant(_NOW + 10_000 * _DAY),
        )
        ledger = open_ledger(make_scope(settings), Asset("USD"), Notional(10_000)).with_order(OrderRecord(intent))
        answer = self.exchange.submit(intent)
        if not isinstance(answer, Accepted):
            raise SystemExit(f"the venue did not take the entry: {answer}")
        record = OrderRecord(intent, OrderStatus.PENDING, answer.venue_order_id, answer.attached_order_id)
        self.ledger = ledger.with_order(record)
        for _ in range(3):
            self.look()
        return self.ledger

    def look(self) -> AccountView:
        """Look at the account, and book what it says."""
        view = read_account(self.exchange, self.ledger, self.clock.now(), self.settings)
        done = reconcile(self.ledger, view, self.settings)
        self.ledger = remember_look(done.ledger, view)
        return view

    def let_owner_trade(self, begin: Instant, end: Instant, a_day: int) -> None:
        """Add so many trades a day of the owner's, each an order that was filled at once, evenly over a time."""
        venue = self.venue
        ours = next(order for order in venue.orders() if order.core.status is OrderStatus.FILLED)
        execution = next(each for each in venue.account.executions if each.fill.venue_order_id == ours.order_id)
        for number in range((end - begin) * a_day // _DAY):
            at = Instant(begin + number * _DAY // a_day)
            order = _make_owners(ours, at, sequence := ours.sequence * 1_000_000 + number)
            venue.account.put(order, Micros(at * 1_000_000))
            fill = replace(
                execution.fill, trade_id=TradeId(derive_uuid(f"owner|{at}")), venue_order_id=order.order_id, time=at
            )
            moment = Micros(at * 1_000_000)
            venue.account.executions.append(replace(execution, fill=fill, at=moment, sequence=sequence))

    def measure(self) -> Look:
        """Look several times at the same, and take the quickest."""
        before, spent = self.ledger, []
        for _ in range(_LOOKS):
            self.venue.traffic.reset()
            self.ledger, begun = before, time.thread_time()
            view = self.look()
            spent.append(time.thread_time() - begun)
        asked = Counter(each.path.rsplit("/", 1)[-1] for each in self.venue.traffic.log())
        rows = len(view.fills)
        # A page that has rows does not say that it is the last: one more is asked for.
        pages = -(-rows // _ROWS_PER_PAGE) + len(view.orders) // _ROWS_PER_PAGE
        return Look(sum(asked.values()), pages, rows, 1000 * min(spent), len(self.ledger.lots))


def _make_owners(like: Order, at: Instant, sequence: int) -> Order:
    name = VenueOrderId(derive_uuid(f"owner|{at}|{sequence}"))
    by_hand = ClientOrderId(f"by-hand-{sequence}")
    core = replace(like.core, venue_order_id=name, client_order_id=by_hand, created_at=at, child=None)
    return replace(like, core=core, created=Micros(at * 1_000_000), sequence=sequence)


def measure_look(settings: Settings, days: int, trades_a_day: int) -> Look:
    """Measure a look over a lot of so many days, beside an owner who trades so often."""
    clock = ManualClock(_NOW)
    venue = Venue(make_synthetic_source(now=_NOW), clock, opening={Asset("USD"): Decimal(100_000)})
    with VenueServer(venue) as server:
        world = AccountWorld(server, clock, settings)
        end = Instant(_NOW + max(days * _DAY, 2 * _PAUSE))
        world.let_owner_trade(Instant(_NOW + 1), end, trades_a_day)
        clock.set(Instant(end - 2 * _PAUSE))
        world.look()
        clock.set(Instant(end - _PAUSE))
        world.look()
        clock.set(end)
        look = world.measure()
        world.exchange.close()
    return look


def main() -> None:
    """Print both looks, and the line for machines last; exit with 1 if an old lot costs more than it may."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=180)
    parser.add_argument("--trades", type=int, default=200, help="trades a day of the owner's")
    parser.add_argument("--config", type=Path, default=Path("config"))
    given = parser.parse_args()
    settings = load_settings(given.config, {}).settings
    young, old = measure_look(settings, 0, 0), measure_look(settings, given.days, given.trades)
    for name, look in (("young", young), ("old", old)):
        print(
            f"{name}: {look.requests} requests, {look.pages} of them pages of what is new, {look.rows} fills listed, "
            f"{look.cpu_ms:.1f} ms of CPU, {look.lots} lot"
        )
    age, ratio = timedelta(days=given.days), old.cpu_ms / young.cpu_ms
    print(
        f"lot_days={age.days} owner_trades={given.days * given.trades} requests={old.requests} pages={old.pages} "
        f"requests_max={REQUESTS_MAX} cpu_ms_young={young.cpu_ms:.1f} cpu_ms={old.cpu_ms:.1f} ratio={ratio:.2f} "
        f"ratio_max={RATIO_MAX}"
    )
    holds = young.lots == old.lots == 1
    sys.exit(0 if holds and young.is_bounded and old.is_bounded and ratio <= RATIO_MAX else 1)


if __name__ == "__main__":
    main()
