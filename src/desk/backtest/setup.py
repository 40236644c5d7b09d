"""A recorded market out of a source of candles: which products, which bars, under settings that fit them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from desk.backtest.data.columns import CandleSource
from desk.backtest.data.metadata import find_product
from desk.backtest.series import ColumnSeries
from desk.backtest.world import Recorded
from desk.markets import fit_settings, list_lengths
from desk.markets.candle_market import SeriesKey
from trader.errors import ConfigError
from trader.model.ids import Instant, ProductId, rfc3339
from trader.model.market import Granularity, Product
from trader.settings import Settings


def record_market(
    settings: Settings,
    source: CandleSource,
    start: Instant,
    end: Instant,
    *,
    granularity: Granularity | None = None,
    metadata: Path | None = None,
    only: Collection[ProductId] = (),
    stretch: bool = False,
) -> Recorded:
    """Set up everything that is quoted in the accounting asset and has bars of one length between two instants.

    Without a *granularity* the configured one is used where at least half as many products have it over half of that
    time as the best one, else the finest of which that can be said. A product enters and leaves when its data do. The
    benchmark is read from bars of its own length where there are any, else it is made of the others, also where *only*
    other products are traded. With *stretch* look-backs are as many of these bars as of the configured ones. What is
    known of products beside their candles lies in the folder *metadata*.
    Raises: ConfigError if nothing is there; DataError.
    """
    names = [each for each in source.products() if each.endswith(f"-{settings.app.accounting_asset}")]
    length = granularity or _choose_granularity(settings, source, names, (start, end))
    found = [each for each in names if length in source.granularities(each)]
    for each in only:
        if each not in found:
            there = ", ".join(found)
            raise ConfigError(f"--products {each!r:.80}: there are no {length} candles of it; there are {there}")
    found = [each for each in found if not only or each in only]
    series: dict[SeriesKey, ColumnSeries] = {}
    products: list[Product] = []
    for product_id in found:
        columns = source.load(product_id, length)
        if len(columns) and int(columns.start[0]) < end and int(columns.start[-1]) + length.seconds > start:
            series[product_id, length] = ColumnSeries(columns)
            products.append(find_product(source, product_id, metadata).as_traded())
    if not products:
        asked = f"no {length} candles in {settings.app.accounting_asset} from {rfc3339(start)} to {rfc3339(end)}"
        raise ConfigError(f"{_name_folder(metadata)}{asked}; {_tell_candles(source, names)}")
    _add_lengths(series, settings, source)
    benchmark = ProductId(settings.bars.benchmark)
    for wanted in (settings.bars.benchmark_granularity, length):
        if (benchmark, wanted) not in series and wanted in source.granularities(benchmark):
            series[benchmark, wanted] = ColumnSeries(source.load(benchmark, wanted))
    return Recorded(fit_settings(settings, length, stretch=stretch), products, series)


def _add_lengths(series: dict[SeriesKey, ColumnSeries], settings: Settings, source: CandleSource) -> None:
    """Add the bars that strategies need of their own, as far as the candles have any of that length themselves."""
    for product_id in {each for each, _ in series}:
        for length in list_lengths(settings):
            if (product_id, length) not in series and length in source.granularities(product_id):
                series[product_id, length] = ColumnSeries(source.load(product_id, length))


def _choose_granularity(
    settings: Settings, source: CandleSource, names: Sequence[ProductId], window: tuple[Instant, Instant]
) -> Granularity:
    """Choose the configured length, else the finest, of those that at least half as many products have as the best."""
    lengths = sorted({length for each in names for length in source.granularities(each)}, key=lambda each: each.seconds)
    if not lengths:
        raise ConfigError(f"there are no candles quoted in {settings.app.accounting_asset}")
    having = {length: [each for each in names if length in source.granularities(each)] for length in lengths}
    counts = {length: sum(_covers(source, each, length, window) for each in having[length]) for length in lengths}
    wanted, enough = settings.bars.granularity, max(counts.values())
    # Finest first; but what is configured comes before all.
    ordered = sorted(lengths, key=lambda each: (each is not wanted, each.seconds))
    return next(each for each in ordered if counts[each] * 2 >= enough)


def _covers(source: CandleSource, product_id: ProductId, length: Granularity, window: tuple[Instant, Instant]) -> bool:
    """Whether there are candles of a product over half of a window at least."""
    columns, (start, end) = source.load(product_id, length), window
    if not len(columns):
        return False
    first, last = int(columns.start[0]), int(columns.start[-1]) + length.seconds
    return 2 * (min(last, end) - max(first, start)) >= end - start


def _name_folder(folder: Path | None) -> str:
    return "" if folder is None else f"--candles {folder}: "


def _tell_candles(source: CandleSource, names: Sequence[ProductId]) -> str:
    """Say which lengths of bar there are, and from when to when."""
    spans: dict[Granularity, tuple[int, int]] = {}
    for each in names:
        for length in source.granularities(each):
            start = source.load(each, length).start
            low, high = spans.get(length, (int(start[0]), 0))
            spans[length] = min(low, int(start[0])), max(high, int(start[-1]) + length.seconds)
    if not spans:
        return "there are none at all"
    told = (
        f"{length} from {rfc3339(Instant(low))} to {rfc3339(Instant(high))}"
        for length, (low, high) in sorted(spans.items(), key=lambda each: each[0].seconds)
    )
    return f"there are {', '.join(told)}"
