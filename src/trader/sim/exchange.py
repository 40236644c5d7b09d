"""A venue that exists only in its account: the whole ExchangeAdapter, for paper trading and the backtest.

It is lazy. Nothing happens between calls; each call first matches everything up to now, bar by bar, and saves what
came of it, unless whoever calls only looks: that one has no lease, and the run that has it finds the same again. The
public half is passed on to the market it was given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from trader.errors import DataError, VenueError, VenueProtocol
from trader.model.conversions import ConversionIntent, ConversionReport, ConversionStatus
from trader.model.frozen import replace
from trader.model.ids import Asset, Instant, ProductId, VenueOrderId
from trader.model.inputs import AccountListing
from trader.model.market import Balance, Bars, Depth, FeeRates, Granularity, Product, Quote
from trader.model.money import ZERO, Notional
from trader.model.order_life import OrderStatus
from trader.model.orders import (
    Accepted,
    Fill,
    OrderConfiguration,
    OrderIntent,
    OrderStatusReport,
    Rejected,
    Side,
    Submission,
    Unknown,
)
from trader.ports import Clock, MarketData, TimeBudget
from trader.settings.app import SimulationSettings
from trader.sim.account import SimAccount, SimAccountStore
from trader.sim.archive import (
    RECENT_SECONDS,
    VenueAccounts,
    find_order,
    is_worth_saving,
    list_fills,
    list_order_fills,
    list_orders,
    name_conversion,
    read_conversion,
    split_ended,
)
from trader.sim.checks import POST_ONLY, why_reject
from trader.sim.fills import fill_marketable
from trader.sim.matching import Tape, book_execution, match_all
from trader.sim.orders import SimConversion, SimOrder, derive_venue_id, make_order

#: The one conversion the venue offers, one to one and free.
CONVERTIBLE = frozenset({Asset("USD"), Asset("USDC")})

_TAKES_ON_ARRIVAL = frozenset({OrderConfiguration.LIMIT_IOC, OrderConfiguration.LIMIT_GTC})

# How far into the book an immediate order is assumed to see.
_DEPTH_BAND_BPS = Decimal(20)


class SimulatedExchange:
    """The simulated venue. *opening* is what its owner pays in, *budget* the run's.

    All of the opening is paid in where the store has no account yet, else what it has changed by.
    What ended longer than ``recent_seconds`` ago is asked of the account's archive, see ``trader.sim.archive``.
    """

    recent_seconds = RECENT_SECONDS

    def __init__(
        self,
        market: MarketData,
        tape: Tape,
        settings: SimulationSettings,
        clock: Clock,
        accounts: SimAccountStore,
        *,
        opening: Mapping[Asset, Decimal],
        order_prefix: str = "",
        budget: TimeBudget | None = None,
    ) -> None:
        self._market = market
        self._tape = tape
        self._settings = settings
        self._clock = clock
        self._accounts = VenueAccounts(accounts)
        self._opening = opening
        self._prefix = order_prefix
        self._budget = budget or TimeBudget()
        self._stored: SimAccount | None = None
        #: An instant, the account as it is stored, and what that has become by then: the same, or hardly more.
        self._matched: tuple[Instant, SimAccount, SimAccount] | None = None

    # --- the public half

    def products(self, product_ids: Sequence[ProductId] | None = None) -> Mapping[ProductId, Product | DataError]:
        return self._market.products(product_ids)

    def quotes(self, product_ids: Sequence[ProductId]) -> Mapping[ProductId, Quote | DataError]:
        return self._market.quotes(product_ids)

    def bars(
        self, product_ids: Sequence[ProductId], granularity: Granularity, count: int, now: Instant
    ) -> Mapping[ProductId, Bars | DataError]:
        return self._market.bars(product_ids, granularity, count, now)

    def depth(self, product_ids: Sequence[ProductId], band_bps: Decimal) -> Mapping[ProductId, Depth | DataError]:
        return self._market.depth(product_ids, band_bps)

    # --- the account

    def balances(self) -> Mapping[Asset, Balance]:
        return self._visible().balances()

    def account(self, since: Instant | None, known: Sequence[VenueOrderId] = ()) -> AccountListing:
        account = self._visible()
        if since is None:
            return AccountListing(account.balances())
        listed = list_orders(account, self._accounts, since, self._prefix)
        names = {each.venue_order_id for each in listed}
        older = (account.order(name) for name in known if name not in names)
        orders = (*listed, *(order for order in older if order is not None))
        return AccountListing(account.balances(), tuple(order.report() for order in orders))

    def fee_rates(self) -> FeeRates:
        return FeeRates(self._settings.maker_fee_ratio, self._settings.taker_fee_ratio)

    def deposit(self, asset: Asset, amount: Decimal) -> None:
        """Pay in, or out if the amount is negative, as the account's owner might at any time.

        Raises: VenueProtocol if more is taken out than is free.
        """
        account = self._advanced()
        if account.available(asset) + amount < 0:
            raise VenueProtocol(f"{account.available(asset)} {asset} is free, {-amount} was asked for")
        self._save(account.with_change(asset, amount))

    # --- orders

    def submit(self, intent: OrderIntent) -> Submission:
        try:
            return self._submit(intent)
        except VenueError as error:
            return Unknown(str(error))

    def cancel(self, venue_order_ids: Sequence[VenueOrderId]) -> Mapping[VenueOrderId, bool]:
        account, now = self._advanced(), self._clock.now()
        taken: dict[VenueOrderId, bool] = {}
        for venue_order_id in venue_order_ids:
            order = account.active.get(venue_order_id)
            can_end = order is not None and not order.awaits_tape(now)
            if can_end:
                account = account.end_order(venue_order_id, OrderStatus.CANCELLED, now)
            taken[venue_order_id] = taken.get(venue_order_id, False) or can_end
        self._save(account)
        return taken

    def orders(self, since: Instant) -> Sequence[OrderStatusReport]:
        listed = list_orders(self._visible(), self._accounts, since, self._prefix)
        return tuple(order.report() for order in listed)

    def order(self, venue_order_id: VenueOrderId) -> OrderStatusReport:
        order = find_order(self._visible(), self._accounts, venue_order_id)
        if order is None:
            raise VenueProtocol(f"there is no order {venue_order_id}")
        return order.report()

    def fills(self, since: Instant) -> Sequence[Fill]:
        return list_fills(self._visible(), self._accounts, since)

    def order_fills(self, venue_order_ids: Sequence[VenueOrderId]) -> Sequence[Fill]:
        return list_order_fills(self._visible(), self._accounts, venue_order_ids)

    # --- conversions

    def quote_conversion(self, intent: ConversionIntent) -> str:
        account = self._advanced()
        if {intent.source, intent.target} != CONVERTIBLE:
            raise VenueProtocol(f"no conversion of {intent.source} into {intent.target}")
        if not 0 < intent.amount <= account.available(intent.source):
            raise VenueProtocol(f"{account.available(intent.source)} {intent.source} is free, not {intent.amount}")
        name = name_conversion(account, self._accounts, intent.conversion_id)
        conversion = SimConversion(name, intent.conversion_id, intent.source, intent.target, intent.amount)
        self._save(account.with_conversion(conversion))
        return name

    def commit_conversion(self, venue_conversion_id: str, intent: ConversionIntent) -> None:
        account = self._advanced()
        conversion = read_conversion(account, self._accounts, venue_conversion_id, intent)
        if conversion.status is not ConversionStatus.QUOTED:
            raise VenueProtocol(f"conversion {venue_conversion_id} is {conversion.status} already")
        if conversion.amount > account.available(conversion.source):
            self._save(account.with_conversion(replace(conversion, status=ConversionStatus.FAILED)))
            raise VenueProtocol(
                f"{account.available(conversion.source)} {conversion.source} is free, not {conversion.amount}"
            )
        done = replace(conversion, status=ConversionStatus.COMPLETED, done_at=self._clock.now())
        account = account.with_change(conversion.source, -conversion.amount).with_change(
            conversion.target, conversion.amount
        )
        self._save(account.with_conversion(done))

    def read_conversion(self, venue_conversion_id: str, intent: ConversionIntent) -> ConversionReport:
        conversion = read_conversion(self._advanced(), self._accounts, venue_conversion_id, intent)
        received = conversion.amount if conversion.status is ConversionStatus.COMPLETED else Notional(0)
        return ConversionReport(venue_conversion_id, conversion.status, received)

    # --- inside

    def _submit(self, intent: OrderIntent) -> Submission:
        account, now = self._advanced(), self._clock.now()
        known = find_order(account, self._accounts, derive_venue_id(intent.client_order_id, 0))
        if known is not None:
            # As at Coinbase: the first order with this id is the answer, even if this request differs from it.
            return self._accepted(known)
        product = self._market.products([intent.product_id])[intent.product_id]
        if isinstance(product, DataError):
            return Rejected("INVALID_PRODUCT_ID")
        touch = self._tape.touch(intent.product_id)
        reason = why_reject(intent, product, touch, now)
        if reason is not None:
            return Rejected(reason)
        rates = self._settings
        fee_rate = rates.maker_fee_ratio if intent.configuration in POST_ONLY else rates.taker_fee_ratio
        order = make_order(intent, product, fee_rate, now)
        asset, hold = order.hold
        if hold > account.available(asset):
            return Rejected("INSUFFICIENT_FUND")
        account = account.with_order(order)
        if order.configuration in _TAKES_ON_ARRIVAL and touch is not None:
            account = self._taken(account, order, touch, now)
        self._save(account)
        return self._accepted(account.order(order.venue_order_id) or order)

    def _accepted(self, order: SimOrder) -> Accepted:
        """Answer with what is seen of the order at once, which is nothing where answers lag."""
        is_filled = order.status is OrderStatus.FILLED and not self._settings.visibility_lag_seconds
        return Accepted(order.venue_order_id, order.child, is_filled)

    def _taken(self, account: SimAccount, order: SimOrder, touch: Quote, now: Instant) -> SimAccount:
        depth = self._market.depth([order.product_id], _DEPTH_BAND_BPS)[order.product_id]
        shown = Notional(0)
        if not isinstance(depth, DataError):
            shown = depth.ask_notional if order.side is Side.BUY else depth.bid_notional
        execution = fill_marketable(order, touch, shown, self._settings)
        if execution is not None:
            account = book_execution(account, order, execution, now, self._settings)
        if order.configuration is OrderConfiguration.LIMIT_IOC and order.venue_order_id in account.active:
            account = account.end_order(order.venue_order_id, OrderStatus.CANCELLED, now)
        return account

    def _visible(self) -> SimAccount:
        lag = self._settings.visibility_lag_seconds
        account = self._advanced()
        return account.as_of(Instant(self._clock.now() - lag)) if lag else account

    def _advanced(self) -> SimAccount:
        now = self._clock.now()
        stored = self._stored = self._accounts.load()
        if self._matched is not None and self._matched[0] == now and self._matched[1] is stored:
            return self._matched[2]
        opened = (
            SimAccount(totals=dict(self._opening), paid_in=dict(self._opening))
            if stored is None
            else stored.follow_capital(self._opening)
        )
        if self._budget.only_looks:
            return match_all(opened, self._tape, self._settings, now)
        # What leaves was saved within the account before, so wherever a save breaks off, only what happened is kept.
        oldest = Instant(now - self._settings.visibility_lag_seconds - self.recent_seconds)
        recent, ended = split_ended(opened, oldest)
        account = match_all(recent, self._tape, self._settings, now)
        if stored is None or is_worth_saving(account, stored):
            self._save(account, ended)
        elif account is not stored or all(until >= now for until in account.matched_until.values()):
            # There was something to read, or there is no more: whoever looks once more at this instant finds the same.
            self._matched = now, stored, account
        return account

    def _save(self, account: SimAccount, ended: Mapping[str, Any] = MappingProxyType({})) -> None:
        assert all(amount >= ZERO for amount in account.totals.values()), f"negative balance: {account.totals}"
        assert not self._budget.only_looks, "whoever only looks changes nothing"
        self._accounts.save(account, ended, replaces=self._stored)
        self._stored = account
