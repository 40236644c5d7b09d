"""The whole venue: what we hold, what we ordered, what was executed, and how to change it. Needs a key."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any
from urllib.parse import quote

from trader.adapters.coinbase import pagination
from trader.adapters.coinbase.auth import Credentials, Signer, choose_signer
from trader.adapters.coinbase.failures import InvalidArgument, NotFound
from trader.adapters.coinbase.http import BASE_URL, Call, Transport
from trader.adapters.coinbase.limits import RateLimiter, RateLimits, ServerClock, TimeoutPolicy, Timing
from trader.adapters.coinbase.market_data import CoinbaseMarket
from trader.adapters.coinbase.renewal import KeySource, RenewableKey
from trader.adapters.coinbase.submit import Submitter
from trader.adapters.coinbase.wire import requests
from trader.adapters.coinbase.wire.account import (
    KeyPermissions,
    read_balances,
    read_conversion,
    read_conversion_id,
    read_fill,
    read_permissions,
    read_portfolios,
)
from trader.adapters.coinbase.wire.base import read_answer, read_row
from trader.adapters.coinbase.wire.market import read_fee_rates
from trader.adapters.coinbase.wire.orders import (
    OrderReply,
    Preview,
    make_status_report,
    read_cancelled,
    read_order,
    read_order_envelope,
    read_preview,
)
from trader.errors import ConfigError, DataError, InvariantViolation, VenueError, VenueProtocol
from trader.model.conversions import ConversionIntent, ConversionReport
from trader.model.frozen import replace
from trader.model.ids import Asset, Instant, VenueOrderId
from trader.model.inputs import AccountListing, OddRow
from trader.model.market import Balance, FeeRates
from trader.model.orders import Fill, OrderIntent, OrderStatusReport, Submission
from trader.ports import TimeBudget

Listing = Callable[[Transport, Sequence[VenueOrderId]], Iterator[Any]]

#: A request that was refused waits for it.
_TRY_OUT_SECONDS = 5.0
#: Many are refused at once where one is.
_COMPARISONS_PER_SECOND = 1 / 30
_CANCELS_PER_CALL = 100
# As many as an address has room for.
_ORDERS_PER_CALL = 100


class CoinbaseExchange(CoinbaseMarket):
    """ExchangeAdapter over HTTP. It lists the rows of all who trade in the account: the ledger says whose they are."""

    def __init__(self, transport: Transport, clock: ServerClock | None = None) -> None:
        super().__init__(transport, clock)
        self._submitter = Submitter(transport)
        self._comparing = RateLimiter(_COMPARISONS_PER_SECOND, monotonic=transport.timing.monotonic)
        transport.on_refused_token = self._compare_clocks
        # What the key in force is for, as far as the venue has told.
        self._portfolios: frozenset[str] = frozenset()

    # --- before anything else

    def self_test(self) -> KeyPermissions:
        """Compare clocks, then see whether this is a key to trade with, and with nothing more.

        Raises: VenueError; ConfigError if the key may move money out, or may not trade.
        """
        self.server_time()
        granted = self.key_permissions()
        if problems := list_key_problems(granted):
            raise ConfigError(problems)
        self._portfolios = frozenset(filter(None, [granted.portfolio_uuid])) or self._portfolios
        return granted

    def check_successor(self, granted: KeyPermissions) -> None:
        """Raise ConfigError if what was granted to another key is for another portfolio than ours."""
        told = granted.portfolio_uuid
        if told and self._portfolios and told not in self._portfolios:
            ours = ", ".join(sorted(self._portfolios))
            raise ConfigError(f"it is for portfolio {told}, and what is traded is in {ours}")

    def _compare_clocks(self) -> None:
        """Learn the venue's time anew: our clock may have been set since, and a token is as good as the time in it."""
        if self._comparing.wait_turn(self._transport.timing.monotonic()) is not None:
            with contextlib.suppress(VenueError):
                self.server_time(attempts=1)

    def key_permissions(self) -> KeyPermissions:
        """Return what our key may do. Raises: VenueError."""
        return self._read(Call("GET", "/key_permissions"), read_permissions)

    # --- the account

    def balances(self) -> Mapping[Asset, Balance | DataError]:
        return read_balances(pagination.ACCOUNTS, self._wallets())

    def account(self, since: Instant | None, known: Sequence[VenueOrderId] = ()) -> AccountListing:
        if since is None:
            tasks: list[Callable[[], Any]] = [self._wallets]
        else:
            tasks = [self._wallets, partial(self.orders, since), *self._known_batches(known)]
        generation = self._transport.key_generation
        wallets, *listed = self._transport.pool.run_each(tasks)
        if self._transport.key_generation != generation:
            # Half of it may be what another key sees, and that one's portfolio another.
            wallets, *listed = self._transport.pool.run_each(tasks)
        balances, portfolios = read_balances(pagination.ACCOUNTS, wallets), read_portfolios(wallets)
        self._portfolios = portfolios or self._portfolios
        return AccountListing(balances, tuple(chain.from_iterable(listed)), portfolios)

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

    def orders(self, since: Instant) -> Sequence[OrderStatusReport | OddRow]:
        rows = [_read_listed_order(row) for row in pagination.iterate_orders(self._transport, since)]
        # Pages shift while they are walked: a row that comes twice is one order.
        once = {row.venue_order_id: row for row in reversed(rows) if isinstance(row, OrderStatusReport)}
        reports = sorted(once.values(), key=lambda each: (each.created_at, each.venue_order_id))
        odd = [row for row in rows if isinstance(row, OddRow)]
        return (*(report for report in reports if report.created_at >= since), *odd)

    def order(self, venue_order_id: VenueOrderId) -> OrderStatusReport:
        return make_status_report(self._order(venue_order_id))

    def fills(self, since: Instant) -> Sequence[Fill | OddRow]:
        """Return the account's fills, oldest first; within a second as the venue lists them, turned round."""
        found = _read_fills(pagination.iterate_fills(self._transport, since))
        return tuple(fill for fill in found if isinstance(fill, OddRow) or fill.time >= since)

    def order_fills(self, venue_order_ids: Sequence[VenueOrderId]) -> Sequence[Fill | OddRow]:
        """Return the fills of these orders in the order of ``fills``; what the venue lists of others is left out."""
        wanted = tuple(dict.fromkeys(venue_order_ids))
        if not all(wanted):
            raise InvariantViolation("an order without an id has no fills to ask for")
        rows = [row for batch in _batches(wanted) for row in self._known_rows(pagination.iterate_order_fills, batch)]
        return tuple(fill for fill in _read_fills(rows) if fill.venue_order_id in wanted)

    def _wallets(self) -> tuple[Any, ...]:
        return tuple(pagination.iterate_accounts(self._transport))

    def _known_batches(self, known: Sequence[VenueOrderId]) -> list[Callable[[], Sequence[OrderStatusReport | OddRow]]]:
        wanted = tuple(dict.fromkeys(known))
        if not all(wanted):
            raise InvariantViolation("an order without an id cannot be asked for")
        return [partial(self._known_orders, batch) for batch in _batches(wanted)]

    def _known_orders(self, wanted: Sequence[VenueOrderId]) -> Sequence[OrderStatusReport | OddRow]:
        rows = map(_read_listed_order, self._known_rows(pagination.iterate_known_orders, wanted))
        return tuple(row for row in rows if row.venue_order_id in wanted)

    def _known_rows(self, listing: Listing, wanted: Sequence[VenueOrderId]) -> list[Any]:
        """List rows by the ids of orders. A refusal is about one of them: it is looked for, the others are answered."""
        try:
            return list(listing(self._transport, wanted))
        except (NotFound, InvalidArgument):
            if len(wanted) == 1:
                return []
        half = len(wanted) // 2
        return self._known_rows(listing, wanted[:half]) + self._known_rows(listing, wanted[half:])

    def _order(self, order_id: str) -> OrderReply:
        if not order_id:
            raise InvariantViolation("an order without an id cannot be asked for")
        call = Call("GET", f"/orders/historical/{quote(order_id, safe='')}")
        order = self._read(call, read_order_envelope)
        if order.order_id != order_id:
            raise VenueProtocol(f"{call}: order {order.order_id} was answered")
        return order

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


def list_key_problems(granted: KeyPermissions) -> tuple[str, ...]:
    """Say why a key that was granted this is none to trade with: it has to trade and to look, and may do no more."""
    problems = {
        "the API key may transfer money out of the account; use one that may not": granted.can_transfer,
        "the API key may not trade": not granted.can_trade,
        "the API key may not read the account": not granted.can_view,
    }
    return tuple(problem for problem, is_there in problems.items() if is_there)


def _read_listed_order(row: Any) -> OrderStatusReport | OddRow:
    order = read_row(pagination.ORDERS, read_order, row)
    return order if isinstance(order, OddRow) else make_status_report(order)


def _read_fills(rows: Iterable[Any]) -> Sequence[Fill | OddRow]:
    """Read each fill once, oldest first, then what cannot be read; the venue lists the newest first."""
    newest_first = [read_row(pagination.FILLS, read_fill, row) for row in rows]
    once = {fill.trade_id: fill for fill in reversed(newest_first) if isinstance(fill, Fill)}
    odd = (row for row in newest_first if isinstance(row, OddRow))
    return (*sorted(once.values(), key=lambda fill: fill.time), *odd)


def _batches(venue_order_ids: Sequence[VenueOrderId]) -> Iterator[Sequence[VenueOrderId]]:
    return (venue_order_ids[at : at + _ORDERS_PER_CALL] for at in range(0, len(venue_order_ids), _ORDERS_PER_CALL))


def _convert_path(venue_conversion_id: str) -> str:
    return f"/convert/trade/{quote(venue_conversion_id, safe='')}"


def open_exchange(
    credentials: Credentials,
    base_url: str = BASE_URL,
    *,
    limits: RateLimits | None = None,
    timeouts: TimeoutPolicy | None = None,
    timing: Timing | None = None,
    ca_file: str | None = None,
    budget: TimeBudget | None = None,
    source: KeySource | None = None,
) -> CoinbaseExchange:
    """Make the whole venue. Nothing is asked yet: ``self_test`` comes first.

    Nothing takes longer than the *budget* of the run, however long the venue is silent. A key that is refused is read
    again at its *source*; another one takes its place if it may do the same, in the same portfolio.

    Raises: ConfigError if the key's secret has no known shape.
    """
    timing = timing or Timing()
    clock = ServerClock(timing.wall)
    connect = partial(Transport, base_url, limits=limits, timing=timing, ca_file=ca_file, budget=budget)

    def try_out(candidate: Credentials) -> None:
        patience = replace(timeouts or TimeoutPolicy(), read_seconds=_TRY_OUT_SECONDS)
        trial = CoinbaseExchange(connect(choose_signer(candidate, clock.now), timeouts=patience), clock)
        try:
            exchange.check_successor(trial.self_test())
        finally:
            trial.close()

    signer: Signer = choose_signer(credentials, clock.now)
    if source is not None:
        signer = RenewableKey(credentials, source, try_out, clock.now)
    exchange = CoinbaseExchange(connect(signer, timeouts=timeouts), clock)
    return exchange
