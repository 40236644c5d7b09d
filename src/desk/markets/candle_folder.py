"""Candles from a folder of ``<PRODUCT>-<suffix>.csv.gz`` files, read when asked for and kept."""

from __future__ import annotations

from itertools import repeat
from operator import le, lt
from pathlib import Path

from desk.markets.candle_files import COLUMNS, list_candle_files, parse_row, parse_rows, read_rows
from trader.errors import ConfigError, MalformedData
from trader.model.ids import Instant, ProductId, rfc3339
from trader.model.market import Candle, Granularity


class CandleFolder:
    """Which candles there are, and the candles. Files of other names are left alone."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._files = list_candle_files(path)
        self._candles: dict[Path, list[Candle]] = {}
        self._spans: dict[Path, tuple[int, int]] = {}

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

    def load(self, product_id: ProductId, granularity: Granularity) -> list[Candle]:
        """Read all candles of a product, oldest first.

        Raises: ConfigError if there is no such file; MalformedData naming file, line and value.
        """
        file = self._files.get(granularity, {}).get(product_id)
        if file is None:
            raise ConfigError(f"{self._path}: there are no {granularity} candles of {product_id}")
        if file not in self._candles:
            self._candles[file] = _parse(file, read_rows(file), granularity.seconds)
        return self._candles[file]

    def span(self, product_id: ProductId, granularity: Granularity) -> tuple[Instant, Instant]:
        """Return when the first candle of a product starts and the last one ends.

        Raises: ConfigError if there is no such file; MalformedData.
        """
        file = self._files.get(granularity, {}).get(product_id)
        if file is None:
            raise ConfigError(f"{self._path}: there are no {granularity} candles of {product_id}")
        first, last = self._span(file)
        return Instant(first), Instant(last + granularity.seconds)

    def _covers(self, file: Path, granularity: Granularity, start: Instant | None, end: Instant | None) -> bool:
        if start is None and end is None:
            return True
        first, last = self._span(file)
        return (start is None or first <= start) and (end is None or last + granularity.seconds >= end)

    def _span(self, file: Path) -> tuple[int, int]:
        # Unpacking is cheap beside parsing: only the first and the last row are read.
        if file not in self._spans:
            rows = read_rows(file)
            if not rows:
                raise MalformedData(f"{file}: no candles")
            first, last = rows.partition(b"\n")[0].decode(), rows[rows.rfind(b"\n") + 1 :].decode()
            count = rows.count(b"\n") + 1
            self._spans[file] = parse_row(file, 2, first).start, parse_row(file, count + 1, last).start
        return self._spans[file]


def _parse(file: Path, body: bytes, step: int) -> list[Candle]:
    """Turn a whole file into candles, column by column; only a file with a fault is read row by row, to find it."""
    rows = body.count(b"\n") + 1 if body else 0
    cells = body.decode().replace("\n", ",").split(",") if body else []
    try:
        if len(cells) != rows * COLUMNS:
            raise ValueError
        starts = list(map(int, cells[0::COLUMNS]))
        opens, highs, lows, closes, volumes = (list(map(float, cells[at::COLUMNS])) for at in range(1, COLUMNS))
        is_sound = (
            all(map(lt, starts, starts[1:]))
            and not any(start % step for start in starts)
            and all(map(lt, repeat(0.0), lows))
            and all(map(le, lows, opens))
            and all(map(le, opens, highs))
            and all(map(le, lows, closes))
            and all(map(le, closes, highs))
            and all(map(lt, highs, repeat(float("inf"))))
            and all(map(le, repeat(0.0), volumes))
            and all(map(lt, volumes, repeat(float("inf"))))
        )
    except ValueError:
        is_sound = False
    if not is_sound:
        return parse_rows(file, body, step)
    # The tuple's own constructor: Candle's would take most of the time of the whole function.
    rows_of_values = zip(starts, opens, highs, lows, closes, volumes, strict=True)
    return list(map(tuple.__new__, repeat(Candle), rows_of_values))
