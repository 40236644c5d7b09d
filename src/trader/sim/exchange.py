"""A venue that exists only in its book: the whole ExchangeAdapter, for paper trading and the backtest.

It is lazy. Nothing happens between calls; each call first matches everything up to now, bar by bar, and saves. The
public half is passed on to the market it was given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from trader.errors import DataError, StoreError, VenueError, VenueProtocol, VenueUnavailable
from trader.model.codec import sha256_hex
from trader.model.converts import ConvertIntent, ConvertState, ConvertStatus
from trader.model.ids import Asset, Instant, ProductId, VenueOrderId
from trader.model.market import Balance, Bars, Depth, FeeRates, Granularity, Product, Quote
from trader.model.money import ZERO, Notional
from trader.model.orders import (
    Accepted,
    Fill,
    OrderIntent,
    OrderKind,
    OrderState,
    OrderStatus,
    Rejected,
    Side,
    Submission,
    Unknown,
)
from trader.model.settings import SimulationSettings
from trader.ports import Clock, MarketData
from trader.sim.book import BookStore, VenueBook
from trader.sim.checks import refusal
from trader.sim.fills import take
from trader.sim.matching import charged, matched
from trader.sim.orders import VenueConvert, VenueOrder, venue_id
from trader.sim.tape import Tape

#: The one conversion the venue offers, one to one and free.
CONVERTIBLE = frozenset({Asset("USD"), Asset("USDC")})

# How far into the book an immediate order is assumed to see.
_DEPTH_BAND_BPS = Decimal(20)


class SimulatedExchange:
    """The simulated venue. *opening* is what the account holds if the store has no book yet.

    Finished orders and their fills are remembered for 30 days, see ``trader.sim.book``.
    """

    def __init__(
        self,
        market: MarketData,
        tape: Tape,
        settings: SimulationSettings,
        clock: Clock,
        books: BookStore,
        *,
        opening: Mapping[Asset, Decimal],
        order_prefix: str = "",
    ) -> None:
        self._market = market
        self._tape = tape
        self._settings = settings
        self._clock = clock
        self._books = books
        self._opening = opening
        self._prefix = order_prefix
        self._products: tuple[Instant, Mapping[ProductId, Product]] | None = None

    # --- the public half

    def products(self) -> Sequence[Product]:
        return self._market.products()

    def quotes(self, product_ids: Sequence[ProductId]) -> Mapping[ProductId, Quote]:
        return self._market.quotes(product_ids)

    def bars(
        self, product_ids: Sequence[ProductId], granularity: Granularity, count: int, now: Instant
    ) -> Mapping[ProductId, Bars | DataError]:
        return self._market.bars(product_ids, granularity, count, now)

    def depth(self, product_ids: Sequence[ProductId], band_bps: Decimal) -> Mapping[ProductId, Depth]:
        return self._market.depth(product_ids, band_bps)

    # --- the account

    def balances(self) -> Mapping[Asset, Balance]:
        return self._visible().balances()

    def fee_rates(self) -> FeeRates:
        return FeeRates(self._settings.maker_fee_ratio, self._settings.taker_fee_ratio)

    def deposit(self, asset: Asset, amount: Decimal) -> None:
        """Pay in, or out if the amount is negative, as the account's owner might at any time.

        Raises: VenueProtocol if more is taken out than is free.
        """
        book = self._advanced()
        if book.available(asset) + amount < 0:
            raise VenueProtocol(f"{book.available(asset)} {asset} is free, {-amount} was asked for")
        self._save(book.with_change(asset, amount))

    # --- orders

    def submit(self, intent: OrderIntent) -> Submission:
        try:
            return self._submit(intent)
        except VenueError as error:
            return Unknown(str(error))

    def cancel(self, venue_order_ids: Sequence[VenueOrderId]) -> Mapping[VenueOrderId, bool]:
        book, now = self._advanced(), self._clock.now()
        taken: dict[VenueOrderId, bool] = {}
        for venue_order_id in venue_order_ids:
            order = book.live.get(venue_order_id)
            if order is not None:
                book = book.ended(venue_order_id, OrderStatus.CANCELLED, now)
            taken[venue_order_id] = taken.get(venue_order_id, False) or order is not None
        self._save(book)
        return taken

    def orders(self, since: Instant) -> Sequence[OrderState]:
        book = self._visible()
        ours = (
            order
            for order in (*book.finished.values(), *book.live.values())
            if order.created_at >= since and order.root.startswith(self._prefix)
        )
        return tuple(order.state() for order in sorted(ours, key=lambda each: (each.created_at, each.venue_order_id)))

    def fills(self, since: Instant) -> Sequence[Fill]:
        return tuple(fill for fill in self._visible().fills if fill.time >= since)

    # --- conversions

    def convert_quote(self, intent: ConvertIntent) -> str:
        book = self._advanced()
        if {intent.source, intent.target} != CONVERTIBLE:
            raise VenueProtocol(f"no conversion of {intent.source} into {intent.target}")
        if not 0 < intent.amount <= book.available(intent.source):
            raise VenueProtocol(f"{book.available(intent.source)} {intent.source} is free, not {intent.amount}")
        asked = sum(1 for each in book.converts.values() if each.convert_id == intent.convert_id)
        name = sha256_hex(f"convert|{intent.convert_id}|{asked}")[:32]
        convert = VenueConvert(name, intent.convert_id, intent.source, intent.target, intent.amount)
        self._save(book.with_convert(convert))
        return name

    def convert_commit(self, venue_convert_id: str, intent: ConvertIntent) -> None:
        book = self._advanced()
        convert = _known_convert(book, venue_convert_id, intent)
        if convert.status is not ConvertStatus.QUOTED:
            raise VenueProtocol(f"conversion {venue_convert_id} is {convert.status} already")
        if convert.amount > book.available(convert.source):
            self._save(book.with_convert(replace(convert, status=ConvertStatus.FAILED)))
            raise VenueProtocol(f"{book.available(convert.source)} {convert.source} is free, not {convert.amount}")
        done = replace(convert, status=ConvertStatus.COMPLETED, done_at=self._clock.now())
        book = book.with_change(convert.source, -convert.amount).with_change(convert.target, convert.amount)
        self._save(book.with_convert(done))

    def convert_state(self, venue_convert_id: str, intent: ConvertIntent) -> ConvertState:
        convert = _known_convert(self._advanced(), venue_convert_id, intent)
        received = convert.amount if convert.status is ConvertStatus.COMPLETED else Notional(0)
        return ConvertState(venue_convert_id, convert.status, received)

    # --- inside

    def _submit(self, intent: OrderIntent) -> Submission:
        book, now = self._advanced(), self._clock.now()
        known = book.order(venue_id(intent.client_order_id, 0))
        if known is not None:
            # As at Coinbase: the first order with this id is the answer, even if this request differs from it.
            return Accepted(known.venue_order_id, known.child)
        product = self._product(intent.product_id, now)
        if product is None:
            return Rejected("INVALID_PRODUCT_ID")
        touch = self._tape.touch(intent.product_id)
        reason = refusal(intent, product, touch, now)
        if reason is not None:
            return Rejected(reason)
        order = self._order(intent, product, now)
        asset, hold = order.hold
        if hold > book.available(asset):
            return Rejected("INSUFFICIENT_FUND")
        book = book.with_order(order)
        if order.kind is OrderKind.LIMIT_IOC and touch is not None:
            book = self._taken(book, order, touch, now)
        self._save(book)
        return Accepted(order.venue_order_id, order.child)

    def _taken(self, book: VenueBook, order: VenueOrder, touch: Quote, now: Instant) -> VenueBook:
        depth = self._market.depth([order.product_id], _DEPTH_BAND_BPS).get(order.product_id)
        shown = Notional(0)
        if depth is not None:
            shown = depth.ask_notional if order.side is Side.BUY else depth.bid_notional
        execution = take(order, touch, shown, self._settings)
        if execution is not None:
            book = charged(book, order, execution, now, self._settings)
        if order.venue_order_id in book.live:
            book = book.ended(order.venue_order_id, OrderStatus.CANCELLED, now)
        return book

    def _order(self, intent: OrderIntent, product: Product, now: Instant) -> VenueOrder:
        is_maker = intent.kind is OrderKind.POST_ONLY_GTD
        attached = intent.bracket if intent.attach else None
        return VenueOrder(
            venue_order_id=venue_id(intent.client_order_id, 0),
            client_order_id=intent.client_order_id,
            root=intent.client_order_id,
            product_id=intent.product_id,
            base=product.base,
            quote=product.quote,
            side=intent.side,
            kind=intent.kind,
            quantity=intent.quantity,
            limit_price=intent.limit_price,
            created_at=now,
            price_increment=product.price_increment,
            base_increment=product.base_increment,
            fee_rate=self._settings.maker_fee_ratio if is_maker else self._settings.taker_fee_ratio,
            stop_price=intent.stop_price,
            expires_at=intent.expires_at if is_maker else None,
            bracket=attached,
            child=venue_id(intent.client_order_id, 1) if attached is not None else None,
        )

    def _product(self, product_id: ProductId, now: Instant) -> Product | None:
        # Read once per instant: a cycle may send several orders, and on a real market this is a request.
        if self._products is None or self._products[0] != now:
            self._products = now, {product.product_id: product for product in self._market.products()}
        return self._products[1].get(product_id)

    def _visible(self) -> VenueBook:
        lag = self._settings.visibility_lag_seconds
        book = self._advanced()
        return book.seen_at(Instant(self._clock.now() - lag)) if lag else book

    def _advanced(self) -> VenueBook:
        try:
            stored = self._books.load()
        except StoreError as error:
            raise VenueUnavailable(f"the simulated book cannot be read: {error}") from error
        opened = VenueBook(totals=dict(self._opening)) if stored is None else stored
        book = matched(opened, self._tape, self._settings, self._clock.now())
        if book is not stored:
            self._save(book)
        return book

    def _save(self, book: VenueBook) -> None:
        assert all(amount >= ZERO for amount in book.totals.values()), f"negative balance: {book.totals}"
        try:
            self._books.save(book)
        except StoreError as error:
            raise VenueUnavailable(f"the simulated book cannot be saved: {error}") from error


def _known_convert(book: VenueBook, venue_convert_id: str, intent: ConvertIntent) -> VenueConvert:
    convert = book.converts.get(venue_convert_id)
    if convert is None or (convert.convert_id, convert.amount) != (intent.convert_id, intent.amount):
        raise VenueProtocol(f"there is no conversion {venue_convert_id} of {intent.amount} {intent.source}")
    return convert
