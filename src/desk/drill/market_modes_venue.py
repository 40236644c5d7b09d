"""The situations of `make market-modes`, and a market and a venue that make them happen.

The venue is the simulated one. Its tricks begin with the mode: it fills a part of what it is told to cancel, keeps held
what a cancelled order held, takes a sale and fails it, or changes its mode while a sale is under way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from desk.in_memory import InMemoryKillSwitch, InMemorySimAccountStore
from desk.markets.candle_market import CandleMarket
from trader.errors import DataError
from trader.model.ids import Asset, Instant, ProductId, VenueOrderId
from trader.model.inputs import AccountListing
from trader.model.market import Balance, Depth, Product
from trader.model.money import ZERO, Notional, Quantity
from trader.model.order_life import OrderStatus
from trader.model.orders import (
    Accepted,
    Liquidity,
    OrderConfiguration,
    OrderIntent,
    OrderStatusReport,
    Rejected,
    Side,
    Submission,
)
from trader.model.trading_state import TradingState
from trader.ports import Clock
from trader.settings import Settings
from trader.sim.account import SimAccount
from trader.sim.exchange import SimulatedExchange
from trader.sim.matching import book_execution
from trader.sim.orders import Execution, SimOrder

PART, _NOTHING = Quantity("0.4"), Quantity(0)


@dataclass(frozen=True, slots=True)
class Situation:
    """What a lot meets when its market changes its mode.

    ``price`` is the market's from then on. ``is_bare``: the account's owner has cancelled what covered the lot.
    ``filled_at_cancel`` is what the protective order sells before its cancellation takes effect; ``shown`` what the
    book takes of each sale, all if it is None; with ``fails`` the venue takes a sale and fails it. A cancelled order's
    coins stay held for ``hold_seconds``. With ``halts`` the switch says HALT from the first cancellation on, with
    ``is_late`` the mode begins only there. ``switch`` is what it says when the mode begins. With ``has_resting_sale``
    a cycle has already let a sale rest.
    """

    name: str
    is_due: bool = False
    price: float = 100.0
    is_entry_open: bool = False
    is_bare: bool = False
    filled_at_cancel: Quantity = Quantity(0)
    shown: Quantity | None = None
    fails: bool = False
    hold_seconds: int = 0
    halts: bool = False
    is_late: bool = False
    has_resting_sale: bool = False
    switch: TradingState = TradingState.RUN


SITUATIONS = (
    Situation("protection rests, nothing is due"),
    Situation("protection has triggered: bid 92", price=92.0),
    Situation("fell through the protection: bid 85", price=85.0),
    Situation("fell through the protection, nobody buys", price=85.0, shown=_NOTHING),
    Situation("exit due", is_due=True),
    Situation("exit due, 0.4 sold by the bracket at its cancellation", is_due=True, filled_at_cancel=PART),
    Situation(
        "exit due, 0.4 sold at the cancellation, nothing filled", is_due=True, filled_at_cancel=PART, shown=_NOTHING
    ),
    Situation("exit due, entry of 1.0 has bought 0.6 and is open", is_due=True, is_entry_open=True),
    Situation("exit due, sale accepted, then failed", is_due=True, shown=_NOTHING, fails=True),
    Situation("exit due, sale taken, nothing filled", is_due=True, shown=_NOTHING),
    Situation("exit due, sale taken, 0.4 filled", is_due=True, shown=PART),
    Situation("exit due, coins held 8 s after the cancellation", is_due=True, hold_seconds=8),
    Situation("exit due, coins held 8 s, nothing filled", is_due=True, hold_seconds=8, shown=_NOTHING),
    Situation("nothing covers it, nothing is due", is_bare=True),
    Situation("nothing covers it, below its stop: bid 90", is_bare=True, price=90.0),
    Situation("nothing covers it, below its stop, nobody buys", is_bare=True, price=90.0, shown=_NOTHING),
    Situation("a sale rests below the stop", has_resting_sale=True, is_bare=True, price=90.0, shown=_NOTHING),
    Situation(
        "a sale rests below the stop, FLATTEN",
        has_resting_sale=True,
        is_bare=True,
        price=90.0,
        shown=_NOTHING,
        switch=TradingState.FLATTEN,
    ),
    Situation("exit due, HALT at the cancellation", is_due=True, halts=True),
    Situation("exit due, HALT at the cancellation, nothing filled", is_due=True, halts=True, shown=_NOTHING),
    Situation("exit due, mode begins at the cancellation", is_due=True, is_late=True),
    Situation("fell through the protection, mode begins at the cancellation", price=85.0, is_late=True),
)


class ModeMarket(CandleMarket):
    """A market of candles whose products carry flags, and whose book may be thin."""

    flags: Mapping[str, Any] = {}
    shown: Quantity | None = None

    def products(self, product_ids: Sequence[ProductId] | None = None) -> Mapping[ProductId, Product | DataError]:
        found = super().products(product_ids)
        return {
            product_id: answer if isinstance(answer, DataError) else replace(answer, **self.flags)
            for product_id, answer in found.items()
        }

    def depth(self, product_ids: Sequence[ProductId], band_bps: Decimal) -> Mapping[ProductId, Depth | DataError]:
        if self.shown is None:
            return super().depth(product_ids, band_bps)
        sides = {product_id: self._shown_notional(product_id, self.shown) for product_id in product_ids}
        return {product_id: Depth(product_id, side, side) for product_id, side in sides.items()}

    def _shown_notional(self, product_id: ProductId, shown: Quantity) -> Notional:
        touch = self.touch(product_id)
        return Notional(shown * touch.bid if touch is not None else 0)


class TrickyVenue:
    """The simulated venue with the tricks of a situation. *on_submitted* is called after every order."""

    def __init__(
        self,
        inner: SimulatedExchange,
        market: ModeMarket,
        accounts: InMemorySimAccountStore[SimAccount],
        settings: Settings,
        clock: Clock,
        on_submitted: Callable[[], None],
    ) -> None:
        self._inner, self._market, self._accounts = inner, market, accounts
        self._settings, self._clock, self._on_submitted = settings, clock, on_submitted
        self._situation, self._flags = Situation("none"), dict[str, Any]()
        self._switch = InMemoryKillSwitch()
        self._failed: set[VenueOrderId] = set()
        self._held: list[tuple[Asset, Decimal, Instant]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def begin(self, situation: Situation, flags: Mapping[str, Any], switch: InMemoryKillSwitch) -> None:
        """Let the situation, and unless it is late the mode, begin."""
        self._situation, self._flags, self._switch = situation, dict(flags), switch
        self._market.shown = situation.shown
        if not situation.is_late:
            self._market.flags = self._flags

    def reopen(self) -> None:
        """Let the market be online again."""
        self._flags = {}
        self._market.flags = self._flags

    def fill(self, order: SimOrder, quantity: Quantity) -> None:
        """Fill a part of a resting order at its own price."""
        account = self._accounts.load()
        assert account is not None
        execution = Execution(order.limit_price, quantity, Liquidity.MAKER)
        simulation = self._settings.simulation
        filled = book_execution(account, order, execution, self._clock.now(), simulation)
        self._accounts.save(filled, replaces=account)

    # --- what is not as usual

    def balances(self) -> Mapping[Asset, Balance]:
        found = dict(self._inner.balances())
        for asset, balance in found.items():
            held = self._still_held(asset)
            found[asset] = Balance(asset, balance.available - held, balance.hold + held)
        return found

    def account(self, since: Instant | None, known: Sequence[VenueOrderId] = ()) -> AccountListing:
        listing = self._inner.account(since, known)
        told = (self._told(each) if isinstance(each, OrderStatusReport) else each for each in listing.orders)
        return replace(listing, balances=self.balances(), orders=tuple(told))

    def orders(self, since: Instant) -> Sequence[OrderStatusReport]:
        return tuple(self._told(report) for report in self._inner.orders(since))

    def order(self, venue_order_id: VenueOrderId) -> OrderStatusReport:
        return self._told(self._inner.order(venue_order_id))

    def cancel(self, venue_order_ids: Sequence[VenueOrderId]) -> Mapping[VenueOrderId, bool]:
        situation = self._situation
        for order in self._find_active(venue_order_ids):
            if situation.filled_at_cancel and order.side is Side.SELL:
                self.fill(order, Quantity(min(situation.filled_at_cancel, order.remaining)))
        for order in self._find_active(venue_order_ids):
            if situation.hold_seconds and order.side is Side.SELL:
                until = Instant(self._clock.now() + situation.hold_seconds)
                self._held.append((order.base, order.remaining, until))
        taken = self._inner.cancel(venue_order_ids)
        if situation.halts:
            self._switch.word = TradingState.HALT
        self._market.flags = self._flags
        return taken

    def submit(self, intent: OrderIntent) -> Submission:
        if intent.side is Side.SELL and self._still_held(intent.base):
            return Rejected("INSUFFICIENT_FUND")
        submission = self._inner.submit(intent)
        is_immediate = intent.configuration is OrderConfiguration.LIMIT_IOC
        if self._situation.fails and is_immediate and isinstance(submission, Accepted):
            self._failed.add(submission.venue_order_id)
        self._on_submitted()
        return submission

    # --- inside

    def _find_active(self, venue_order_ids: Sequence[VenueOrderId]) -> list[SimOrder]:
        account = self._accounts.load() or SimAccount()
        return [account.active[each] for each in venue_order_ids if each in account.active]

    def _still_held(self, asset: Asset) -> Decimal:
        now = self._clock.now()
        return sum((amount for base, amount, until in self._held if base == asset and now < until), ZERO)

    def _told(self, report: OrderStatusReport) -> OrderStatusReport:
        return replace(report, status=OrderStatus.FAILED) if report.venue_order_id in self._failed else report
