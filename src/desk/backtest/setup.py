"""A recorded market out of a source of candles: which products, which bars, under settings that fit them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from desk.backtest.data.columns import CandleSource
from desk.backtest.data.metadata import find_product
from desk.backtest.series import ColumnSeries
from desk.backtest.world import Recorded
from desk.markets import fit_settings
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
) -> Recorded:
    """Set up everything that is quoted in the accounting asset and has bars of one length between two instants.

    Without a *granularity* the configured one is used where at least half as many products have it as the best one,
    else the finest of which that can be said. A product enters and leaves when its data do. The benchmark is read from
    bars of its own length where there are any, else it is made of the others. What is known of products beside their
    candles lies in the folder *metadata*.
    Raises: ConfigError if nothing is there; DataError.
    """
    names = [each for each in source.products() if each.endswith(f"-{settings.app.accounting_asset}")]
    length = granularity or _choose_granularity(settings, source, names)
    found = [each for each in names if length in source.granularities(each)]
    series: dict[SeriesKey, ColumnSeries] = {}
    products: list[Product] = []
    for product_id in found:
        columns = source.load(product_id, length)
        if len(columns) and int(columns.start[0]) < end and int(columns.start[-1]) + length.seconds > start:
            series[product_id, length] = ColumnSeries(columns)
            products.append(find_product(source, product_id, metadata).as_traded())
    if not products:
        asset = settings.app.accounting_asset
        raise ConfigError(f"no {length} candles in {asset} from {rfc3339(start)} to {rfc3339(end)}")
    wanted = ProductId(settings.bars.benchmark), settings.bars.benchmark_granularity
    if wanted not in series and wanted[1] in source.granularities(wanted[0]):
        series[wanted] = ColumnSeries(source.load(*wanted))
    return Recorded(fit_settings(settings, length), products, series)


def _choose_granularity(settings: Settings, source: CandleSource, names: Sequence[ProductId]) -> Granularity:
    counts = Counter(length for each in names for length in source.granularities(each))
    if not counts:
        raise ConfigError(f"there are no candles quoted in {settings.app.accounting_asset}")
    enough = max(counts.values())
    if counts[settings.bars.granularity] * 2 >= enough:
        return settings.bars.granularity
    lengths = sorted(counts, key=lambda each: each.seconds)
    return next(each for each in lengths if counts[each] * 2 >= enough)
