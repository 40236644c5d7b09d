"""The whole venue: what we hold, what we ordered, what was executed, and how to change it. Needs a key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import quote

from trader.adapters.coinbase import pagination
from trader.adapters.coinbase.auth import Credentials, choose_signer
from trader.adapters.coinbase.failures import NotFound
from trader.adapters.coinbase.http import BASE_URL, Call, Transport
from trader.adapters.coinbase.limits import RateLimits, ServerClock, TimeoutPolicy, Timing
from trader.adapters.coinbase.market_data import CoinbaseMarket
from trader.adapters.coinbase.submit import Submitter
from trader.adapters.coinbase.wire import requests
from trader.adapters.coinbase.wire.account import (
    KeyPermissions,
    read_balances,
    read_conversion,
    read_conversion_id,
    read_fill,
    read_permissions,
)
from trader.adapters.coinbase.wire.base import read_answer
from trader.adapters.coinbase.wire.market import read_fee_rates
from trader.adapters.coinbase.wire.orders import (
    OrderHead,
    OrderReply,
    Preview,
    make_status_report,
    read_cancelled,
    read_order,
    read_order_envelope,
    read_order_head,
    read_preview,
)
from trader.errors import ConfigError, InvariantViolation, VenueProtocol
from trader.model.conversions import ConversionIntent, ConversionReport
from trader.model.ids import Asset, Instant, VenueOrderId
from trader.model.market import Balance, FeeRates
from trader.model.orders import Fill, OrderIntent, OrderStatusReport, Submission
from trader.ports import TimeBudget

_CANCELS_PER_CALL = 100
# As many as an address has room for.
_ORDERS_PER_CALL = 100


class CoinbaseExchange(CoinbaseMarket):
    """ExchangeAdapter over HTTP. *order_prefix* tells our orders from everybody else's."""

    def __init__(
        self,
        transport: Transport,
        clock: ServerClock | None = None,
        *,
        order_prefix: str,
    ) -> None:
        if not order_prefix:
            raise InvariantViolation("without an order prefix every order would be ours")
        super().__init__(transport, clock)
        self._prefix = order_prefix
        self._submitter = Submitter(transport)
        self._parents: dict[str, bool] = {}

    # --- before anything else

    def self_test(self) -> KeyPermissions:
        """Compare clocks, then see whether this is a key to trade with, and with nothing more.

        Raises: VenueError; ConfigError if the key may move money out, or may not trade.
        """
        self.server_time()
        granted = self.key_permissions()
        problems = []
        if granted.can_transfer:
            problems.append("the API key may transfer money out of the account; use one that may not")
        if not granted.can_trade:
            problems.append("the API key may not trade")
        if not granted.can_view:
            problems.append("the API key may not read the account")
        if problems:
            raise ConfigError(tuple(problems))
        return granted

    def key_permissions(self) -> KeyPermissions:
        """Return what our key may do. Raises: VenueError."""
        return self._read(Call("GET", "/key_permissions"), read_permissions)

    # --- the account

    def balances(self) -> Mapping[Asset, Balance]:
        return read_answer(pagination.ACCOUNTS, read_balances, tuple(pagination.iterate_accounts(self._transport)))

    def account(self, since: Instant | None) -> tuple[Mapping[Asset, Balance], Sequence[OrderStatusReport]]:
        if since is None:
            return self.balances(), ()
        balances, orders = self._transport.pool.run_each((self.balances, partial(self.orders, since)))
        return balances, orders

    def fee_rates(self) -> FeeRates:
        return self._read(Call("GET", "/transaction_summary", query=(("product_type", "SPOT"),)), read_fee_rates)

    # --- orders

    def submit(self, intent: OrderIntent) -> Submission:
        return self._submitter.submit(intent)

    def preview(self, intent: OrderIntent) -> Preview:
        """Ask what would become of an order; nothing is reserved and nothing promised. Raises: VenueError."""
        call = Call("POST", "/orders/preview", body=requests.encode_preview(intent))
        return read_answer(call, read_preview, self._transport.send(call))

    def cancel(self, venue_order_ids: Sequence[VenueOrderId]) -> Mapping[VenueOrderId, bool]:
        wanted = tuple(dict.fromkeys(venue_order_ids))
        if not all(wanted):
            raise InvariantViolation("an order without an id cannot be cancelled")
        taken = dict.fromkeys(wanted, False)
        for at in range(0, len(wanted), _CANCELS_PER_CALL):
            batch = wanted[at : at + _CANCELS_PER_CALL]
            call = Call("POST", "/orders/batch_cancel", body=requests.encode_cancel(batch))
            told = read_answer(call, read_cancelled, self._transport.send(call))
            taken |= {venue_order_id: told.get(venue_order_id, False) for venue_order_id in batch}
        return taken

    def orders(self, since: Instant) -> Sequence[OrderStatusReport]:
        """Return our orders and the brackets born from them; of strangers' orders only the ids are looked at."""
        rows: dict[str, tuple[OrderHead, Any]] = {}
        for row in pagination.iterate_orders(self._transport, since):
            head = read_answer(pagination.ORDERS, read_order_head, row)
            rows.setdefault(head.order_id, (head, row))
        ours = {order_id for order_id, (head, _) in rows.items() if head.client_order_id.startswith(self._prefix)}
        reports = []
        for order_id, (head, row) in rows.items():
            parent = head.originating_order_id
            if order_id in ours or parent in ours or (parent and parent not in rows and self._is_ours(parent)):
                reports.append(make_status_report(read_answer(pagination.ORDERS, read_order, row)))
        since_then = (report for report in reports if report.created_at >= since)
        return tuple(sorted(since_then, key=lambda each: (each.created_at, each.venue_order_id)))

    def order(self, venue_order_id: VenueOrderId) -> OrderStatusReport:
        return make_status_report(self._order(venue_order_id))

    def fills(self, since: Instant) -> Sequence[Fill]:
        """Return the account's fills, oldest first; within a second as the venue lists them, turned round."""
        return tuple(
            fill for fill in _read_fills(pagination.iterate_fills(self._transport, since)) if fill.time >= since
        )

    def order_fills(self, venue_order_ids: Sequence[VenueOrderId]) -> Sequence[Fill]:
        """Return the fills of these orders in the order of ``fills``; what the venue lists of others is left out."""
        wanted = tuple(dict.fromkeys(venue_order_ids))
        if not all(wanted):
            raise InvariantViolation("an order without an id has no fills to ask for")
        rows: list[Any] = []
        for at in range(0, len(wanted), _ORDERS_PER_CALL):
            rows += pagination.iterate_order_fills(self._transport, wanted[at : at + _ORDERS_PER_CALL])
        return tuple(fill for fill in _read_fills(rows) if fill.venue_order_id in wanted)

    def _order(self, order_id: str) -> OrderReply:
        if not order_id:
            raise InvariantViolation("an order without an id cannot be asked for")
        call = Call("GET", f"/orders/historical/{quote(order_id, safe='')}")
        order = self._read(call, read_order_envelope)
        if order.order_id != order_id:
            raise VenueProtocol(f"{call}: order {order.order_id} was answered")
        return order

    def _is_ours(self, order_id: str) -> bool:
        """Tell whether an order outside of the listing is ours; one the venue cannot find is asked for again."""
        if order_id not in self._parents:
            try:
                parent = self._order(order_id)
            except NotFound:
                return False
            self._parents[order_id] = parent.client_order_id.startswith(self._prefix)
        return self._parents[order_id]

    # --- conversions

    def quote_conversion(self, intent: ConversionIntent) -> str:
        call = Call("POST", "/convert/quote", body=requests.encode_conversion_quote(intent))
        return read_answer(call, read_conversion_id, self._transport.send(call))

    def commit_conversion(self, venue_conversion_id: str, intent: ConversionIntent) -> None:
        # Sent once, whatever comes: a second commit may be a second conversion.
        path = _convert_path(venue_conversion_id)
        self._transport.send(Call("POST", path, body=requests.encode_conversion_commit(intent)), again_on_401=False)

    def read_conversion(self, venue_conversion_id: str, intent: ConversionIntent) -> ConversionReport:
        query = tuple(requests.encode_accounts(intent.source, intent.target).items())
        call = Call("GET", _convert_path(venue_conversion_id), query=query)
        return self._read(call, read_conversion, intent.source, intent.target)


def _read_fills(rows: Iterable[Any]) -> Sequence[Fill]:
    """Read each fill once, oldest first; the venue lists the newest first. Raises: VenueError."""
    newest_first = [read_answer(pagination.FILLS, read_fill, row) for row in rows]
    once = {fill.trade_id: fill for fill in reversed(newest_first)}
    return tuple(sorted(once.values(), key=lambda fill: fill.time))


def _convert_path(venue_conversion_id: str) -> str:
    return f"/convert/trade/{quote(venue_conversion_id, safe='')}"


def open_exchange(
    credentials: Credentials,
    order_prefix: str,
    base_url: str = BASE_URL,
    *,
    limits: RateLimits | None = None,
    timeouts: TimeoutPolicy | None = None,
    timing: Timing | None = None,
    ca_file: str | None = None,
    budget: TimeBudget | None = None,
) -> CoinbaseExchange:
    """Make the whole venue. Nothing is asked yet: ``self_test`` comes first.

    Nothing takes longer than the *budget* of the run, however long the venue is silent.

    Raises: ConfigError if the key's secret has no known shape.
    """
    timing = timing or Timing()
    clock = ServerClock(timing.wall)
    signer = choose_signer(credentials, clock.now)
    transport = Transport(
        base_url, signer, limits=limits, timeouts=timeouts, timing=timing, ca_file=ca_file, budget=budget
    )
    return CoinbaseExchange(transport, clock, order_prefix=order_prefix)
