"""Read the world: switch, account, market. Reads only; what cannot be read is said, never made up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
    fees = FeeRates(settings.exchange.assumed_maker_fee_ratio, settings.exchange.assumed_taker_fee_ratio)
    causes: Mapping[ProductId, str] = {}
    failures: tuple[str, ...] = ()
    try:
        ledger = _with_products(ledger, pipeline, ports.market, now)
        causes = ledger.products.causes if ledger.products else {}
    except VenueError as error:
        # Yesterday's metadata will do for an exit; the cycle is not complete, so nothing is entered on them.
        failures = (f"products: {error}",)
        causes = dict.fromkeys(pipeline.universe.expected_products(ledger.held_bases()), str(error))
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
        causes={product_id: cause for product_id, cause in causes.items() if product_id not in products},
        failures=failures,
    )
    inputs, screen = _with_market(inputs, pipeline, ports)
    return replace(inputs, complete=not inputs.failures), screen


def add_depth(
    inputs: CycleInputs, product_ids: tuple[ProductId, ...], settings: Settings, market: MarketData
) -> CycleInputs:
    """Add the order books of the products somebody wants to buy; without them those are denied."""
    if not product_ids:
        return inputs
    try:
        depth, causes = split_answers(market.depth(product_ids, settings.universe.depth_band_bps))
    except VenueError as error:
        return _with_failure(inputs, "depth", error, product_ids)
    return replace(inputs, depth=depth, causes={**inputs.causes, **causes})


def _with_market(inputs: CycleInputs, pipeline: Pipeline, ports: Ports) -> tuple[CycleInputs, UniverseScreen]:
    """Add quotes, bars, the benchmark and fees, in this order, until one of these reads fails as a whole."""
    settings, now = pipeline.settings, inputs.now
    try:
        quotes, causes = _quotes(inputs.products, ports.market)
    except VenueError as error:
        inputs = _with_failure(inputs, "quotes", error, inputs.products)
        return inputs, pipeline.screen(inputs)
    inputs = replace(inputs, quotes=quotes, causes={**inputs.causes, **causes})
    screen = pipeline.screen(inputs)
    wanted, reading = screen.products_needing_bars(), "bars"
    try:
        bars = ports.market.bars(wanted, settings.bars.granularity, settings.bars.count, now)
        inputs, reading = replace(inputs, bars=bars), "benchmark"
        inputs, reading = replace(inputs, benchmark=_benchmark(settings, ports.market, now)), "fees"
        ledger = _with_fees(inputs.ledger, settings, ports.exchange, now)
        inputs = replace(inputs, ledger=ledger, fees=ledger.fees.rates if ledger.fees else inputs.fees)
    except VenueError as error:
        inputs, unread = _with_failure(inputs, reading, error), MissingData(str(error))
        if reading == "bars":
            inputs = replace(inputs, bars=dict.fromkeys(wanted, unread))
        if reading != "fees":
            inputs = replace(inputs, benchmark=unread)
    return inputs, screen


def _with_failure(
    inputs: CycleInputs, what: str, error: VenueError, product_ids: Iterable[ProductId] = ()
) -> CycleInputs:
    """Note a read that failed as a whole, and that it is the cause of what is missing of these products."""
    causes = {**inputs.causes, **dict.fromkeys(product_ids, str(error))}
    return replace(inputs, causes=causes, failures=(*inputs.failures, f"{what}: {error}"))


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
    listed, causes = split_answers(market.products())
    held = frozenset(each.base for each in ours)
    pegs = {product_id for path in pipeline.settings.risk.pegs.values() for product_id in path}
    chosen = {product.product_id: product for product in pipeline.universe.shortlist(listed.values(), held)}
    chosen |= {product_id: product for product_id, product in listed.items() if product_id in pegs}
    expected = pipeline.universe.expected_products(held) | pegs
    causes = {product_id: cause for product_id, cause in causes.items() if product_id in expected}
    return replace(ledger, products=ProductCache(now, tuple(chosen.values()), causes))


def _quotes(
    products: Mapping[ProductId, Product], market: MarketData
) -> tuple[Mapping[ProductId, Quote], Mapping[ProductId, str]]:
    """Quote each book once, or say why it has no quote; its aliases share either."""
    canonical = tuple(dict.fromkeys(product.canonical_id for product in products.values()))
    quotes, causes = split_answers(market.quotes(canonical))
    for product in products.values():
        if product.alias in quotes:
            quotes[product.product_id] = replace(quotes[product.alias], product_id=product.product_id)
        elif product.alias in causes:
            causes[product.product_id] = causes[product.alias]
    return quotes, causes


def _benchmark(settings: Settings, market: MarketData, now: Instant) -> Bars | DataError:
    wanted = settings.bars
    found = market.bars((wanted.benchmark,), wanted.benchmark_granularity, wanted.benchmark_count, now)
    return found.get(wanted.benchmark, MissingData(f"no bars of {wanted.benchmark}"))


def _with_fees(ledger: Ledger, settings: Settings, exchange: ExchangeAdapter | None, now: Instant) -> Ledger:
    cache = ledger.fees
    if exchange is None or (cache is not None and now - cache.fetched_at < settings.exchange.fee_cache_hours * 3600):
        return ledger
    return replace(ledger, fees=FeeCache(now, exchange.fee_rates()))
