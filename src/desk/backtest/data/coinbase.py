"""Candles from Coinbase's public API into a folder; asked again, it goes on where it was, and asks for nothing twice.

The trading system's own client asks: its time-outs, its repetitions and its budget of requests hold here too. What is
not closed for a minute is not taken, since the venue may still change it. An answer that makes no sense is never kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from desk.backtest.data.cache import KeptRows, PartialCandles, Replace, Stretch, sweep_left_overs
from desk.backtest.data.gaps import Gap, find_gaps
from desk.backtest.data.metadata import RecordedProduct, format_metadata, name_metadata
from desk.folder_lock import lock_folder
from desk.markets.candle_rows import check_start, check_values
from trader.adapters.coinbase.failures import InvalidArgument, NotFound
from trader.adapters.coinbase.market_data import BUCKETS_MAX, CoinbaseMarket
from trader.adapters.local.atomic_files import replace_bytes, translate_errors
from trader.errors import ConfigError, DataError, TraderError, VenueProtocol, VenueThrottled, VenueUnavailable
from trader.model.ids import Instant, ProductId, rfc3339
from trader.model.market import Candle, Granularity

_SETTLED_SECONDS = 60
# How soon a wait hears that it is to end.
_SLICE_SECONDS = 0.2


class Interrupted(TraderError):
    """Somebody asked the download to end; what was kept is there, and the same download goes on."""


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
    """How far a download is. Units: buckets, of all its products together.

    What was there before counts as done; ``asked`` is how many of those done this run has asked for.
    """

    product_id: ProductId
    done: int
    total: int
    asked: int = 0


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


def _say_nothing(*_: object) -> None:
    pass


def _go_on() -> bool:
    return False


@dataclass(frozen=True)
class CoinbaseDownload:
    """A way from a market into a folder. ``on_progress`` is called after each piece that was kept.

    A piece is what ``parallel`` requests, under way together, answer; a kill loses the answers of one piece. Where
    there was no answer, or one without sense, the piece is asked for again after each of ``pauses``, in seconds, and
    ``on_trouble`` is told why and how long the pause is. ``is_stopped`` is asked before each piece.
    """

    market: CoinbaseMarket
    folder: Path
    on_progress: Callable[[Progress], None] = _say_nothing
    parallel: int = 8
    pauses: Sequence[float] = ()
    on_trouble: Callable[[TraderError, float], None] = _say_nothing
    is_stopped: Callable[[], bool] = _go_on
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)
    replace: Replace = field(default=replace_bytes, repr=False)

    def run(self, wanted: Wanted) -> tuple[Downloaded, ...]:
        """Download what is wanted and not there yet, product by product; the same again finishes what was cut short.

        A product that the venue does not know, or of which it tells nonsense, stops no other.
        Raises: ConfigError for a window without a closed bucket or a file of others; VenueError if the venue does not
        answer; NotNow if another process works in the folder; DataError for a file that cannot be read or written;
        Interrupted.
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
                starts = (job.finish() if problem is None else job.candles.load()).starts
                gaps = find_gaps(wanted.granularity, starts, wanted.gap_buckets)
                found.append(Downloaded(job.product_id, len(starts), gaps, problem, causes.get(job.product_id)))
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
        self._tell, self._total, self._done, self._asked = tell, total, 0, 0

    def add(self, product_id: ProductId, buckets: int, *, is_asked: bool) -> None:
        self._done += buckets
        self._asked += buckets if is_asked else 0
        self._tell(Progress(product_id, self._done, self._total, self._asked))


class _Job:
    """One product of a download."""

    def __init__(
        self, download: CoinbaseDownload, product_id: ProductId, granularity: Granularity, stretch: Stretch
    ) -> None:
        self.product_id = product_id
        self.candles = PartialCandles(download.folder, product_id, granularity, download.replace)
        self._download, self._granularity = download, granularity
        self._pieces = self.candles.plan(stretch, download.parallel * BUCKETS_MAX)

    @property
    def buckets(self) -> int:
        return sum(map(self._count, self._pieces))

    def fill(self, count: _Count) -> TraderError | None:
        """Keep every piece; return why one cannot be had.

        Raises: VenueError if there is no answer at all; Interrupted.
        """
        left = self.buckets
        for piece in self._pieces:
            self._heed_stop()
            is_asked = not self.candles.has(piece)
            if is_asked:
                try:
                    candles = self._ask_until_answered(piece)
                except (VenueProtocol, DataError) as error:
                    count.add(self.product_id, left, is_asked=False)
                    return error
                self.candles.keep(piece, candles)
            left -= self._count(piece)
            count.add(self.product_id, self._count(piece), is_asked=is_asked)
        return None

    def finish(self) -> KeptRows:
        return self.candles.finish(self._pieces)

    def _count(self, piece: Stretch) -> int:
        return (piece.end - piece.start) // self._granularity.seconds

    def _ask_until_answered(self, piece: Stretch) -> list[Candle]:
        for pause in self._download.pauses:
            try:
                return self._ask(piece)
            except (NotFound, InvalidArgument):
                # That is an answer, and stays the same.
                raise
            except (VenueUnavailable, VenueThrottled, VenueProtocol, DataError) as error:
                self._download.on_trouble(error, pause)
            left = pause
            while left > 0:
                self._heed_stop()
                self._download.sleep(min(left, _SLICE_SECONDS))
                left -= _SLICE_SECONDS
        return self._ask(piece)

    def _heed_stop(self) -> None:
        if self._download.is_stopped():
            raise Interrupted(f"{self.product_id}: somebody asked the download to end")

    def _ask(self, piece: Stretch) -> list[Candle]:
        step = self._granularity.seconds
        windows = [(each.start, each.end - step) for each in piece.split(BUCKETS_MAX * step)]
        pages = self._download.market.candles(self.product_id, self._granularity, windows)
        place = f"{self.product_id}, {self._granularity}"
        rows: list[Candle] = []
        for (first, last), page in zip(windows, pages, strict=True):
            # A bucket too many at an end is left out. Any other that was not asked for may stand where one of ours did.
            odd = next((each.start for each in page if not first - step <= each.start <= last + step), None)
            if odd is not None:
                asked = f"{rfc3339(Instant(first))} to {rfc3339(Instant(last))}"
                raise VenueProtocol(f"{place}: a candle of start {odd} is not from {asked}, as was asked for")
            # The same twice is no harm; one start with two prices is, and shows below.
            rows += sorted({candle for candle in page if first <= candle.start <= last})
        _check_candles(place, rows, step)
        return rows


def _check_candles(place: str, candles: Sequence[Candle], step: int) -> None:
    previous = -1
    for candle in candles:
        at = f"{place}, {rfc3339(Instant(candle.start))}"
        check_values(at, candle, repr(tuple(candle)))
        check_start(at, candle.start, previous, step)
        previous = candle.start


def _cut_to_closed(wanted: Wanted, now: Instant) -> Stretch:
    step = wanted.granularity.seconds
    start, end = -(-wanted.start // step) * step, min(wanted.end, now - _SETTLED_SECONDS) // step * step
    if start >= end:
        asked = f"{rfc3339(wanted.start)} to {rfc3339(wanted.end)}"
        raise ConfigError(f"no {wanted.granularity} bucket from {asked} is closed; allowed is an earlier window")
    return Stretch(start, end)
