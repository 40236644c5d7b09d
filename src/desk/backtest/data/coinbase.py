"""Candles from Coinbase's public API into a folder; asked again, it goes on where it was, and asks for nothing twice.

The trading system's own client asks: its time-outs, its repetitions and its budget of requests hold here too. What is
not closed for a minute is not taken, since the venue may still change it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from desk.backtest.data.cache import PartialCandles, Replace, Stretch, sweep_left_overs
from desk.backtest.data.checks import check_columns
from desk.backtest.data.columns import Columns
from desk.backtest.data.gaps import Gap, find_gaps
from desk.backtest.data.metadata import RecordedProduct, format_metadata, name_metadata
from desk.folder_lock import lock_folder
from trader.adapters.coinbase.market_data import BUCKETS_MAX, CoinbaseMarket
from trader.adapters.local.atomic_files import replace_bytes, translate_errors
from trader.errors import ConfigError, DataError, TraderError, VenueProtocol
from trader.model.ids import Instant, ProductId, rfc3339
from trader.model.market import Candle, Granularity

_SETTLED_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to download. The window is cut to whole buckets; a hole of more than ``gap_buckets`` is reported."""

    product_ids: Sequence[ProductId]
    granularity: Granularity
    start: Instant
    end: Instant
    gap_buckets: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a download is. Units: buckets, of all its products together; what was there before counts as done."""

    product_id: ProductId
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Downloaded:
    """What there is of a product now, from whichever run.

    A gap may be an outage, or buckets without a trade: the venue tells no difference. ``problem`` is why there is no
    more, or ``without_metadata`` why nothing new was recorded beside the candles; both None if all went well.
    """

    product_id: ProductId
    candles: int = 0
    gaps: tuple[Gap, ...] = ()
    problem: TraderError | None = None
    without_metadata: DataError | None = None


def _say_nothing(_progress: Progress) -> None:
    pass


@dataclass(frozen=True)
class CoinbaseDownload:
    """A way from a market into a folder. ``on_progress`` is called after each piece that was kept.

    A piece is what ``parallel`` requests, under way together, answer; a kill loses the answers of one piece.
    """

    market: CoinbaseMarket
    folder: Path
    on_progress: Callable[[Progress], None] = _say_nothing
    parallel: int = 8
    replace: Replace = field(default=replace_bytes, repr=False)

    def run(self, wanted: Wanted) -> tuple[Downloaded, ...]:
        """Download what is wanted and not there yet, product by product; the same again finishes what was cut short.

        A product that the venue does not know, or of which it tells nonsense, stops no other.
        Raises: ConfigError for a window without a closed bucket or a file of others; VenueError if the venue does not
        answer; NotNow if another process works in the folder; DataError for a file that cannot be read or written.
        """
        with lock_folder(self.folder), translate_errors(self.folder, DataError):
            sweep_left_overs(self.folder)
            now = self.market.server_time()
            stretch = _cut_to_closed(wanted, now)
            jobs = [_Job(self, each, wanted.granularity, stretch) for each in dict.fromkeys(wanted.product_ids)]
            causes = self._record_products([job.product_id for job in jobs], now)
            count = _Count(self.on_progress, sum(job.buckets for job in jobs))
            found = []
            for job in jobs:
                problem = job.fill(count)
                columns = job.finish() if problem is None else job.candles.load()
                gaps = find_gaps(columns, wanted.gap_buckets)
                found.append(Downloaded(job.product_id, len(columns), gaps, problem, causes.get(job.product_id)))
            return tuple(found)

    def _record_products(self, product_ids: Sequence[ProductId], now: Instant) -> dict[ProductId, DataError]:
        causes = {}
        for product_id, product in self.market.products(product_ids).items():
            if isinstance(product, DataError):
                causes[product_id] = product
            else:
                self.replace(name_metadata(self.folder, product_id), format_metadata(RecordedProduct(product, now)))
        return causes


class _Count:
    """Counts buckets and tells whoever shows them."""

    def __init__(self, tell: Callable[[Progress], None], total: int) -> None:
        self._tell, self._total, self._done = tell, total, 0

    def add(self, product_id: ProductId, buckets: int) -> None:
        self._done += buckets
        self._tell(Progress(product_id, self._done, self._total))


class _Job:
    """One product of a download."""

    def __init__(
        self, download: CoinbaseDownload, product_id: ProductId, granularity: Granularity, stretch: Stretch
    ) -> None:
        self.product_id = product_id
        self.candles = PartialCandles(download.folder, product_id, granularity, download.replace)
        self._market, self._granularity = download.market, granularity
        self._pieces = self.candles.plan(stretch, download.parallel * BUCKETS_MAX)

    @property
    def buckets(self) -> int:
        return sum(map(self._count, self._pieces))

    def fill(self, count: _Count) -> TraderError | None:
        """Keep every piece; return why one cannot be had. Raises: VenueError if there is no answer at all."""
        left = self.buckets
        for piece in self._pieces:
            if not self.candles.has(piece):
                try:
                    columns = self._ask(piece)
                except (VenueProtocol, DataError) as error:
                    count.add(self.product_id, left)
                    return error
                self.candles.keep(piece, columns)
            left -= self._count(piece)
            count.add(self.product_id, self._count(piece))
        return None

    def finish(self) -> Columns:
        return self.candles.finish(self._pieces)

    def _count(self, piece: Stretch) -> int:
        return (piece.end - piece.start) // self._granularity.seconds

    def _ask(self, piece: Stretch) -> Columns:
        step = self._granularity.seconds
        windows = [(each.start, each.end - step) for each in piece.split(BUCKETS_MAX * step)]
        pages = self._market.candles(self.product_id, self._granularity, windows)
        place = f"{self.product_id}, {self._granularity}"
        rows: list[Candle] = []
        for (first, last), page in zip(windows, pages, strict=True):
            inside = {candle.start: candle for candle in page if first <= candle.start <= last}
            if page and not inside:
                asked = f"{rfc3339(Instant(first))} to {rfc3339(Instant(last))}"
                raise VenueProtocol(f"{place}: none of {len(page)} candles is from {asked}, as was asked for")
            rows += (inside[start] for start in sorted(inside))
        columns = Columns.from_candles(self._granularity, rows)
        check_columns(place, columns)
        return columns


def _cut_to_closed(wanted: Wanted, now: Instant) -> Stretch:
    step = wanted.granularity.seconds
    start, end = -(-wanted.start // step) * step, min(wanted.end, now - _SETTLED_SECONDS) // step * step
    if start >= end:
        asked = f"{rfc3339(wanted.start)} to {rfc3339(wanted.end)}"
        raise ConfigError(f"no {wanted.granularity} bucket from {asked} is closed; allowed is an earlier window")
    return Stretch(start, end)
