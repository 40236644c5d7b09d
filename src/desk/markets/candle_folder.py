"""Candles from a folder of ``<PRODUCT>-<suffix>.csv.gz`` files, read when asked for and kept."""

from __future__ import annotations

from pathlib import Path

from desk.markets.candle_files import list_candle_files, read_rows
from desk.markets.candle_rows import parse_candles, parse_columns, parse_row
from desk.markets.file_series import FileSeries
from trader.errors import ConfigError, MalformedData
from trader.model.ids import Instant, ProductId, rfc3339
from trader.model.market import Candle, Granularity


class CandleFolder:
    """Which candles there are, and the candles. Files of other names are left alone.

    With *now* no candle may still be open then: what it says may change.
    """

    def __init__(self, path: Path, now: Instant | None = None) -> None:
        self._path, self._now = path, now
        self._files = list_candle_files(path)
        self._candles: dict[Path, list[Candle]] = {}
        self._spans: dict[Path, tuple[int, int]] = {}
        #: Of files that span a window that was asked for: they are read next, and are not unpacked once more.
        self._rows: dict[Path, bytes] = {}

    def granularities(self) -> tuple[Granularity, ...]:
        """Return the lengths of bar there are files for, finest first."""
        return tuple(sorted(self._files, key=lambda each: each.seconds))

    def products(
        self, granularity: Granularity, start: Instant | None = None, end: Instant | None = None
    ) -> tuple[ProductId, ...]:
        """Return the products with candles of this length; with a window, those whose candles span all of it."""
        files = self._files.get(granularity, {})
        return tuple(product_id for product_id, file in files.items() if self._covers(file, granularity, start, end))

    def choose_granularity(self, configured: Granularity, start: Instant, end: Instant) -> Granularity:
        """Settle which bars to run a window on.

        The configured length, if at least half as many products span the window with it as with the best covered
        length; else the finest length of which that can be said. Raises: ConfigError if no file spans the window.
        """
        counts = {each: len(self.products(each, start, end)) for each in self.granularities()}
        enough = max(counts.values(), default=0)
        if enough == 0:
            raise ConfigError(f"{self._path}: no candles from {rfc3339(start)} to {rfc3339(end)}")
        if counts.get(configured, 0) * 2 >= enough:
            return configured
        return next(each for each, count in counts.items() if count * 2 >= enough)

    def open_series(self, product_id: ProductId, granularity: Granularity) -> FileSeries:
        """Read and check all rows of a product, and make candles of those only that are asked for.

        Raises: ConfigError if there is no such file; MalformedData naming file, line and value.
        """
        file = self._find(product_id, granularity)
        columns = parse_columns(file, self._take_rows(file), granularity.seconds, self._now)
        return FileSeries(granularity, columns)

    def load(self, product_id: ProductId, granularity: Granularity) -> list[Candle]:
        """Read all candles of a product, oldest first.

        Raises: ConfigError if there is no such file; MalformedData naming file, line and value.
        """
        file = self._find(product_id, granularity)
        if file not in self._candles:
            self._candles[file] = parse_candles(file, self._take_rows(file), granularity.seconds, self._now)
        return self._candles[file]

    def span(self, product_id: ProductId, granularity: Granularity) -> tuple[Instant, Instant]:
        """Return when the first candle of a product starts and the last one ends.

        Raises: ConfigError if there is no such file; MalformedData.
        """
        file = self._find(product_id, granularity)
        first, last = self._span(file)
        self._rows.pop(file, None)
        return Instant(first), Instant(last + granularity.seconds)

    def _find(self, product_id: ProductId, granularity: Granularity) -> Path:
        file = self._files.get(granularity, {}).get(product_id)
        if file is None:
            raise ConfigError(f"{self._path}: there are no {granularity} candles of {product_id}")
        return file

    def _take_rows(self, file: Path) -> bytes:
        return self._rows.pop(file) if file in self._rows else read_rows(file)

    def _covers(self, file: Path, granularity: Granularity, start: Instant | None, end: Instant | None) -> bool:
        if start is None and end is None:
            return True
        first, last = self._span(file)
        covers = (start is None or first <= start) and (end is None or last + granularity.seconds >= end)
        if not covers:
            self._rows.pop(file, None)
        return covers

    def _span(self, file: Path) -> tuple[int, int]:
        # Unpacking is cheap beside parsing: only the first and the last row are read.
        if file not in self._spans:
            rows = read_rows(file)
            if not rows:
                raise MalformedData(f"{file}: no candles")
            first, last = rows.partition(b"\n")[0].decode(), rows[rows.rfind(b"\n") + 1 :].decode()
            count = rows.count(b"\n") + 1
            self._spans[file] = parse_row(file, 2, first).start, parse_row(file, count + 1, last).start
            self._rows[file] = rows
        return self._spans[file]
