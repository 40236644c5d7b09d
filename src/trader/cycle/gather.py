"""Read the world: switch, account, market. Reads only; what cannot be read is said, never made up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import TypeVar

from trader.cycle.products import list_holdings, load_products
from trader.cycle.run_time import RunTime
from trader.errors import DataError, MissingData, TraderError, VenueError
from trader.model.commands import NO_COMMANDS, StandingCommands
from trader.model.cycle_state import FeeCache, ProductCache
from trader.model.frozen import replace
from trader.model.ids import Asset, Instant, ProductId
from trader.model.inputs import CycleInputs, Tick
from trader.model.ledger import Ledger
from trader.model.listings import list_books
from trader.model.market import Balance, Bars, BarsNeeded, FeeRates, split_answers
from trader.model.orders import OrderPurpose
from trader.model.trading_state import TradingState
from trader.ports import ExchangeAdapter, MarketData, Ports
from trader.settings import Settings
from trader.stages.pipeline import Pipeline
from trader.stages.universe.manager import UniverseScreen

T = TypeVar("T")


def read_switch(ports: Ports) -> TradingState | None:
    """Read the kill switch; None if it cannot be read, which is HALT."""
    try:
        return ports.kill_switch.read()
    except TraderError:
        return None


def read_trading_state(ports: Ports) -> TradingState:
    """Read the kill switch; unreadable is HALT."""
    return read_switch(ports) or TradingState.HALT


def gather_inputs(
    tick: Tick,
    ledger: Ledger,
    balances: Mapping[Asset, Balance] | None,
    state: TradingState,
    pipeline: Pipeline,
    ports: Ports,
    time: RunTime,
    commands: StandingCommands = NO_COMMANDS,
) -> tuple[CycleInputs, UniverseScreen]:
    """Read everything a decision needs but the order books, and screen the universe on the way.

    What is held comes first: it says how many lots must go, and so how much time is left for what concerns entries.
    Nothing of that is read where no entry is possible; where only sales are, what a strategy may sell by, in a tick.
    The ledger in the inputs has its caches refreshed. What cannot be read is named in ``failures``; then nothing is
    entered, and what can be done without it still is.
    """
    fees = FeeRates(
        pipeline.settings.exchange.assumed_maker_fee_ratio, pipeline.settings.exchange.assumed_taker_fee_ratio
    )
    inputs = CycleInputs(
        cycle_id=tick.cycle_id,
        now=ports.clock.now(),
        scheduled_at=tick.scheduled_at,
        trading_state=state,
        ledger=ledger,
        products=ledger.known_products,
        quotes={},
        bars={},
        benchmark=MissingData("the benchmark was not read"),
        fees=ledger.fees.rates if ledger.fees else fees,
        available=_available(balances),
        causes=ledger.products.causes if ledger.products else {},
        commands=commands,
    )
    inputs = _Reading(inputs, pipeline, ports).read_held()
    if tick.decides and state.permits(OrderPurpose.EXIT) and state is not TradingState.FLATTEN:
        with ports.budget.limited(time.entries_until(pipeline.count_turns(inputs))):
            return _Reading(inputs, pipeline, ports).read_market()
    return inputs, pipeline.screen(inputs)


class _Reading:
    """What was read so far. Each read stands for itself: what fails is named, and the others go on."""

    def __init__(self, inputs: CycleInputs, pipeline: Pipeline, ports: Ports) -> None:
        self.inputs = inputs
        self.pipeline = pipeline
        self.market = ports.market
        self.exchange = ports.exchange

    def read_held(self) -> CycleInputs:
        """Read quotes and flags of what is held or worked, and the price of the stable assets we hold."""
        ledger, pegs = self.inputs.ledger, self.pipeline.settings.risk.pegs
        ours = tuple(dict.fromkeys(each.product_id for each in list_holdings(ledger)))
        paid_with = (
            product_id for asset in sorted(ledger.cash) if ledger.cash[asset] for product_id in pegs.get(asset, ())
        )
        wanted = tuple(dict.fromkeys((*ours, *paid_with)))
        if wanted:
            with self._failing("quotes", wanted):
                self._add_quotes(wanted)
        if ours:
            with self._failing("flags"):
                self._add_flags(ours)
        return self.inputs

    def read_market(self) -> tuple[CycleInputs, UniverseScreen]:
        """Read what entries need, or what a strategy sells by where there may be none."""
        settings, now = self.pipeline.settings, self.inputs.now
        if self.inputs.enters:
            with self._failing("products", self._unknown_products()):
                self._set_ledger(load_products(self.inputs.ledger, self.pipeline, self.market, now))
            unquoted = tuple(each for each in self.inputs.products if each not in self.inputs.quotes)
            with self._failing("quotes", unquoted):
                self._add_quotes(unquoted)
        screen = self.pipeline.screen(self.inputs)
        wanted = screen.products_needing_bars()
        with self._failing("bars", bars=wanted):
            bars = self.market.bars(wanted, settings.bars.granularity, settings.bars.count, now) if wanted else {}
            self.inputs = replace(self.inputs, bars=bars)
        with self._failing("benchmark", benchmark=True):
            self.inputs = replace(self.inputs, benchmark=_benchmark(settings, self.market, now))
        if self.inputs.enters:
            with self._failing("fees"):
                self._set_ledger(_with_fees(self.inputs.ledger, settings, self.exchange, now))
        for need in self.pipeline.list_bars_needed(self.inputs):
            self._read_strategy_bars(need, wanted)
        return self.inputs, screen

    def _read_strategy_bars(self, need: BarsNeeded, product_ids: Iterable[ProductId]) -> None:
        """Read bars that only some strategies need, last of all; without them those are denied, and nobody else is.

        A product without the bars of every cycle is read only if it is held: it is no candidate.
        """
        before, held = self.inputs, self.inputs.ledger.held_bases()
        wanted = [
            each
            for each in product_ids
            if isinstance(before.bars.get(each), Bars)
            or (each in before.products and before.products[each].base in held)
        ]
        bars: Mapping[ProductId, Bars | DataError] = {}
        failures = before.failures
        try:
            bars = self.market.bars(wanted, need.granularity, need.count, before.now) if wanted else bars
        except VenueError as error:
            bars = dict.fromkeys(wanted, MissingData(str(error)))
            failures = (*failures, f"{need.granularity} bars: {error}")
        self.inputs = replace(before, strategy_bars={**before.strategy_bars, need: bars}, failures=failures)

    def _unknown_products(self) -> Iterator[ProductId]:
        """Name the products for which the list is read, one for each base of which nothing is known, if asked."""
        rows, ledger = self.pipeline.universe.rows, self.inputs.ledger
        known = {each.base for each in self.inputs.products.values()}
        known |= set(ledger.products.unlisted if ledger.products is not None else ())
        yield from (rows.name_listings(base)[0] for base in rows.name_bases(ledger.held_bases()) if base not in known)

    @contextmanager
    def _failing(
        self,
        what: str,
        product_ids: Iterable[ProductId] = (),
        *,
        bars: Iterable[ProductId] = (),
        benchmark: bool = False,
    ) -> Iterator[None]:
        """Name a read that fails as a whole, and that it is the cause of what is missing then."""
        try:
            yield
        except VenueError as error:
            before, missing = self.inputs, MissingData(str(error))
            self.inputs = replace(
                before,
                complete=False,
                failures=(*before.failures, f"{what}: {error}"),
                causes={**before.causes, **dict.fromkeys(product_ids, str(error))},
                bars={**before.bars, **dict.fromkeys(bars, missing)},
                benchmark=missing if benchmark else before.benchmark,
            )

    def _set_ledger(self, ledger: Ledger) -> None:
        if ledger is self.inputs.ledger:
            return
        products = ledger.known_products
        found = products.keys() - self.inputs.products.keys()
        missing = ledger.products.causes if ledger.products else {}
        causes = {each: cause for each, cause in self.inputs.causes.items() if each not in found}
        self.inputs = replace(
            self.inputs,
            ledger=ledger,
            products=products,
            causes={**{each: cause for each, cause in missing.items() if each not in products}, **causes},
            fees=ledger.fees.rates if ledger.fees else self.inputs.fees,
        )

    def _add_quotes(self, product_ids: Sequence[ProductId]) -> None:
        """Quote each order book once, by a listing that takes orders if there is one; all its listings share the quote.

        A book that gives no quote under that name, as it may where it is view-only, is asked for under its other names.
        """
        products = self.inputs.products
        wanted = {products[each].canonical_id for each in product_ids if each in products}
        books = list_books(each for each in products.values() if each.canonical_id in wanted)
        names = {each: books[products[each].canonical_id] if each in products else (each,) for each in product_ids}
        for part in (slice(1), slice(1, None)):
            unquoted = [book for book in names.values() if self.inputs.quotes.keys().isdisjoint(book)]
            asked = tuple(dict.fromkeys(name for book in unquoted for name in book[part]))
            if asked:
                answered, missing = split_answers(self.market.quotes(asked))
                quotes, causes = {**self.inputs.quotes, **answered}, {**self.inputs.causes, **missing}
                self.inputs = replace(self.inputs, quotes=quotes, causes=causes)
        quotes, causes = {**self.inputs.quotes}, {**self.inputs.causes}
        for each, book in names.items():
            quote, cause = _find_first(book, quotes), _find_first(book, causes)
            if quote is not None:
                quotes[each] = quote if quote.product_id == each else replace(quote, product_id=each)
                causes.pop(each, None)
            elif cause is not None:
                causes[each] = cause
        self.inputs = replace(self.inputs, quotes=quotes, causes=causes)

    def _add_flags(self, product_ids: Sequence[ProductId]) -> None:
        """Renew what the ledger remembers of these products: the venue may have closed them a minute ago."""
        ledger, answers = self.inputs.ledger, self.market.products(product_ids)
        known = ledger.products or ProductCache(Instant(0), ())
        self._set_ledger(ledger.with_products(known.renew(answers)))
        if missing := split_answers(answers)[1]:
            self.inputs = replace(self.inputs, causes={**missing, **self.inputs.causes})


def _find_first(names: Iterable[ProductId], values: Mapping[ProductId, T]) -> T | None:
    for name in names:
        if name in values:
            return values[name]
    return None


def add_depth(
    inputs: CycleInputs, product_ids: tuple[ProductId, ...], settings: Settings, market: MarketData
) -> CycleInputs:
    """Add the order books of the products somebody wants to buy; without them those are denied."""
    if not product_ids:
        return inputs
    try:
        depth, causes = split_answers(market.depth(product_ids, settings.universe.depth_band_bps))
    except VenueError as error:
        causes = dict.fromkeys(product_ids, str(error))
        return replace(inputs, causes={**inputs.causes, **causes}, failures=(*inputs.failures, f"depth: {error}"))
    return replace(inputs, depth=depth, causes={**inputs.causes, **causes})


def _available(balances: Mapping[Asset, Balance] | None) -> Mapping[Asset, Decimal] | None:
    return None if balances is None else {asset: balance.available for asset, balance in balances.items()}


def _benchmark(settings: Settings, market: MarketData, now: Instant) -> Bars | DataError:
    wanted = settings.bars
    found = market.bars((wanted.benchmark,), wanted.benchmark_granularity, wanted.benchmark_count, now)
    return found.get(wanted.benchmark, MissingData(f"no bars of {wanted.benchmark}"))


def _with_fees(ledger: Ledger, settings: Settings, exchange: ExchangeAdapter | None, now: Instant) -> Ledger:
    cache = ledger.fees
    if exchange is None or (cache is not None and now - cache.fetched_at < settings.exchange.fee_cache_hours * 3600):
        return ledger
    return replace(ledger, fees=FeeCache(now, exchange.fee_rates()))
