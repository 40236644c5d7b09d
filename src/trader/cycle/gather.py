"""Read the world: switch, account, market. Reads only; what cannot be read is said, never made up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from trader.errors import DataError, MissingData, TraderError, VenueError
from trader.model.cycle_state import FeeCache, ProductCache
from trader.model.ids import Asset, Instant, ProductId
from trader.model.inputs import AccountView, CycleInputs, Tick
from trader.model.ledger import Ledger, Lot
from trader.model.market import Balance, Bars, FeeRates, Product, Quote, split_answers
from trader.model.orders import OrderIntent
from trader.model.trading_state import TradingState
from trader.ports import ExchangeAdapter, MarketData, Ports
from trader.settings import Settings
from trader.stages.pipeline import Pipeline
from trader.stages.reconcile.account import find_fills_start
from trader.stages.universe.manager import UniverseScreen

_SLACK_SECONDS = 60


def read_trading_state(ports: Ports) -> TradingState:
    """Read the kill switch; unreadable is HALT."""
    try:
        return ports.kill_switch.read()
    except TraderError:
        return TradingState.HALT


def read_account(exchange: ExchangeAdapter, ledger: Ledger, now: Instant) -> AccountView:
    """Read balances, and our orders, fills and conversions as far back as the ledger remembers any.

    Raises: VenueError if any part cannot be read; half a view is no view.
    """
    since = find_fills_start(ledger, _SLACK_SECONDS)
    balances = exchange.balances()
    orders = tuple(exchange.orders(since)) if since is not None else ()
    # Fills after orders: a reported fill that is not listed yet is waited for, an unreported one is booked.
    fills = tuple(exchange.fills(since)) if since is not None else ()
    conversions = tuple(
        exchange.read_conversion(record.venue_conversion_id, record.intent)
        for record in ledger.conversions.values()
        if record.is_open and record.venue_conversion_id is not None
    )
    return AccountView(now, balances, orders, fills, conversions)


def gather_inputs(
    tick: Tick,
    ledger: Ledger,
    balances: Mapping[Asset, Balance] | None,
    state: TradingState,
    pipeline: Pipeline,
    ports: Ports,
) -> tuple[CycleInputs, UniverseScreen]:
    """Read everything a decision needs but the order books, and screen the universe on the way.

    The ledger in the inputs has its caches refreshed.

    A market that cannot be read at all gives inputs without quotes and bars: then nothing is entered, and what can be
    done without prices, such as cancelling for the kill switch, still is.
    """
    settings, now = pipeline.settings, ports.clock.now()
    products: Mapping[ProductId, Product] = {}
    fees = FeeRates(settings.exchange.assumed_maker_fee_ratio, settings.exchange.assumed_taker_fee_ratio)
    complete = True
    try:
        ledger = _with_products(ledger, pipeline, ports.market, now)
    except VenueError:
        # Yesterday's metadata will do for an exit; the cycle is not complete, so nothing is entered on them.
        complete = False
    products = {product.product_id: product for product in ledger.products.products} if ledger.products else {}
    inputs = CycleInputs(
        cycle_id=tick.cycle_id,
        now=now,
        scheduled_at=tick.scheduled_at,
        trading_state=state,
        ledger=ledger,
        products=products,
        quotes={},
        bars={},
        benchmark=MissingData("the market could not be read"),
        fees=fees,
        available=_available(balances),
        complete=complete,
    )
    try:
        inputs = replace(inputs, quotes=_quotes(products, ports.market))
    except VenueError:
        return replace(inputs, complete=False), pipeline.screen(inputs)
    screen = pipeline.screen(inputs)
    try:
        bars = ports.market.bars(screen.products_needing_bars(), settings.bars.granularity, settings.bars.count, now)
        inputs = replace(inputs, bars=bars)
        inputs = replace(inputs, benchmark=_benchmark(settings, ports.market, now))
        ledger = _with_fees(ledger, settings, ports.exchange, now)
        inputs = replace(inputs, ledger=ledger, fees=ledger.fees.rates if ledger.fees else fees)
    except VenueError:
        inputs = replace(inputs, complete=False)
    return inputs, screen


def add_depth(
    inputs: CycleInputs, product_ids: tuple[ProductId, ...], settings: Settings, market: MarketData
) -> CycleInputs:
    """Add the order books of the products somebody wants to buy; without them those are denied."""
    if not product_ids:
        return inputs
    try:
        depth, _ = split_answers(market.depth(product_ids, settings.universe.depth_band_bps))
        return replace(inputs, depth=depth)
    except VenueError:
        return inputs


def _available(balances: Mapping[Asset, Balance] | None) -> Mapping[Asset, Decimal] | None:
    return None if balances is None else {asset: balance.available for asset, balance in balances.items()}


def _with_products(ledger: Ledger, pipeline: Pipeline, market: MarketData, now: Instant) -> Ledger:
    """Refresh the metadata when it is old, or knows nothing of a book on which we hold or may come to hold something.

    What was taken off the universe while an order was working for it must still be protected and sold.
    """
    cache, minutes = ledger.products, pipeline.settings.universe.products_cache_minutes
    ours: tuple[Lot | OrderIntent, ...] = (*ledger.lots.values(), *(each.intent for each in ledger.active_orders()))
    known = {product.product_id for product in cache.products} if cache is not None else set()
    is_fresh = cache is not None and now - cache.fetched_at < minutes * 60
    if is_fresh and all(each.product_id in known for each in ours):
        return ledger
    listed, _ = split_answers(market.products())
    held = frozenset(each.base for each in ours)
    pegs = {product_id for path in pipeline.settings.risk.pegs.values() for product_id in path}
    chosen = {product.product_id: product for product in pipeline.universe.shortlist(listed.values(), held)}
    chosen |= {product_id: product for product_id, product in listed.items() if product_id in pegs}
    return replace(ledger, products=ProductCache(now, tuple(chosen.values())))


def _quotes(products: Mapping[ProductId, Product], market: MarketData) -> Mapping[ProductId, Quote]:
    """Quote each book once; its aliases share the quote."""
    canonical = tuple(dict.fromkeys(product.canonical_id for product in products.values()))
    found, _ = split_answers(market.quotes(canonical))
    quotes = dict(found)
    for product in products.values():
        if product.alias is not None and product.alias in found:
            quotes[product.product_id] = replace(found[product.alias], product_id=product.product_id)
    return quotes


def _benchmark(settings: Settings, market: MarketData, now: Instant) -> Bars | DataError:
    wanted = settings.bars
    found = market.bars((wanted.benchmark,), wanted.benchmark_granularity, wanted.benchmark_count, now)
    return found.get(wanted.benchmark, MissingData(f"no bars of {wanted.benchmark}"))


def _with_fees(ledger: Ledger, settings: Settings, exchange: ExchangeAdapter | None, now: Instant) -> Ledger:
    cache = ledger.fees
    if exchange is None or (cache is not None and now - cache.fetched_at < settings.exchange.fee_cache_hours * 3600):
        return ledger
    return replace(ledger, fees=FeeCache(now, exchange.fee_rates()))
