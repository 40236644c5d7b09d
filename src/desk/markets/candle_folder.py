"""Candles from a folder of ``<PRODUCT>-<suffix>.csv.gz`` files, read when asked for and kept."""

from __future__ import annotations

import gzip
import re
import zlib
from itertools import repeat
from operator import le, lt
from pathlib import Path

from trader.errors import ConfigError, DataError, MalformedData
from trader.model.ids import Instant, ProductId, rfc3339
from trader.model.market import Candle, Granularity

SUFFIXES = {
    "1m": Granularity.ONE_MINUTE,
    "5m": Granularity.FIVE_MINUTE,
    "15m": Granularity.FIFTEEN_MINUTE,
    "30m": Granularity.THIRTY_MINUTE,
    "1h": Granularity.ONE_HOUR,
    "2h": Granularity.TWO_HOUR,
    "4h": Granularity.FOUR_HOUR,
    "6h": Granularity.SIX_HOUR,
    "1d": Granularity.ONE_DAY,
}
QUOTES = ("USD", "USDC", "USDT")
HEADER = "start,open,high,low,close,volume"

_NAME = re.compile(rf"([A-Z0-9]+-(?:{'|'.join(QUOTES)}))-({'|'.join(SUFFIXES)})\.csv(?:\.gz)?")
_COLUMNS = HEADER.count(",") + 1


class CandleFolder:
    """Which candles there are, and the candles. Files of other names are left alone."""

    def __init__(self, path: Path) -> None:
        if not path.is_dir():
            raise ConfigError(
                f"{path} is {'no folder' if path.exists() else 'not there'}; allowed is a folder of candles"
            )
        self._path = path
        self._files: dict[Granularity, dict[ProductId, Path]] = {}
        for file in sorted(path.iterdir()):
            match = _NAME.fullmatch(file.name)
            if match is not None:
                self._files.setdefault(SUFFIXES[match[2]], {})[ProductId(match[1])] = file
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
            self._candles[file] = _parse(file, _read(file), granularity.seconds)
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
            text = _read(file).rstrip("\n")
            count = text.count("\n")
            if count == 0:
                raise MalformedData(f"{file}: no candles")
            first = text[len(HEADER) + 1 :].partition("\n")[0]
            last = text[text.rindex("\n") + 1 :]
            self._spans[file] = _row(file, 2, first).start, _row(file, count + 1, last).start
        return self._spans[file]


def _read(file: Path) -> str:
    try:
        packed = file.read_bytes()
        text = (gzip.decompress(packed) if file.suffix == ".gz" else packed).decode("ascii").replace("\r\n", "\n")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise DataError(f"{file}: {error}") from error
    header, _, _ = text.partition("\n")
    if header != HEADER:
        raise MalformedData(f"{file}, line 1: expected {HEADER!r}, found {header!r}")
    return text


def _parse(file: Path, text: str, step: int) -> list[Candle]:
    """Turn a whole file into candles, column by column; only a file with a fault is read row by row, to find it."""
    body = text[len(HEADER) + 1 :].rstrip("\n")
    rows = body.count("\n") + 1 if body else 0
    cells = body.replace("\n", ",").split(",") if body else []
    try:
        if len(cells) != rows * _COLUMNS:
            raise ValueError
        starts = list(map(int, cells[0::_COLUMNS]))
        opens, highs, lows, closes, volumes = (list(map(float, cells[at::_COLUMNS])) for at in range(1, _COLUMNS))
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
        raise _fault(file, body, step)
    # The tuple's own constructor: Candle's would take most of the time of the whole function.
    rows_of_values = zip(starts, opens, highs, lows, closes, volumes, strict=True)
    return list(map(tuple.__new__, repeat(Candle), rows_of_values))


def _fault(file: Path, body: str, step: int) -> MalformedData:
    previous = -1
    for number, row in enumerate(body.split("\n"), start=2):
        try:
            candle = _row(file, number, row)
        except MalformedData as error:
            return error
        if candle.start % step:
            return MalformedData(f"{file}, line {number}: start {candle.start} is not a multiple of {step}")
        if candle.start <= previous:
            return MalformedData(f"{file}, line {number}: start {candle.start} does not follow {previous}")
        previous = candle.start
    return MalformedData(f"{file}: rows do not have {_COLUMNS} cells")


def _row(file: Path, number: int, row: str) -> Candle:
    cells = row.split(",")
    if len(cells) != _COLUMNS:
        raise MalformedData(f"{file}, line {number}: {len(cells)} cells instead of {_COLUMNS}: {row!r}")
    values = []
    for name, cell in zip(HEADER.split(",")[1:], cells[1:], strict=True):
        try:
            values.append(float(cell))
        except ValueError as error:
            raise MalformedData(f"{file}, line {number}: {name} {cell!r} is not a number") from error
    try:
        candle = Candle(int(cells[0]), *values)
    except ValueError as error:
        raise MalformedData(f"{file}, line {number}: start {cells[0]!r} is not a whole number") from error
    # Every comparison with what is not a number is false.
    in_range = 0 < candle.low <= candle.open <= candle.high and candle.low <= candle.close <= candle.high
    if not (in_range and candle.high < float("inf") and 0 <= candle.volume < float("inf")):
        raise MalformedData(f"{file}, line {number}: {row!r} is no candle")
    return candle
