"""Candles from a folder of files, ``<PRODUCT>-<suffix>.csv``, ``.csv.gz`` or ``.parquet``, in NumPy columns."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from desk.backtest.data.checks import check_columns, is_sound
from desk.backtest.data.columns import Columns
from desk.backtest.requirements import check_installed
from desk.markets.candle_files import ENDINGS, NAMES, PARQUET, check_regular, list_candle_files, read_rows
from desk.markets.candle_rows import is_numeric, parse_candles
from trader.errors import ConfigError, DataError, MalformedData
from trader.model.ids import Instant, ProductId
from trader.model.market import Granularity

_ROW = np.dtype([(name, np.int64 if name == "start" else np.float64) for name in NAMES])


class CandleFolderSource:
    """CandleSource over a folder: a product is read when it is asked for, and kept. Other files are left alone.

    With *now* no candle may still be open then: what it says may change.
    """

    has_only_closes = False

    def __init__(self, path: Path, now: Instant | None = None) -> None:
        self.path, self._now = path, now
        self._files = list_candle_files(path, ENDINGS)
        self._kept: dict[Path, Columns] = {}

    def products(self) -> tuple[ProductId, ...]:
        """Return every product there is a file of, by name."""
        return tuple(sorted({product_id for files in self._files.values() for product_id in files}))

    def granularities(self, product_id: ProductId) -> tuple[Granularity, ...]:
        """Return the lengths of bar there are files of a product for, finest first."""
        found = (granularity for granularity, files in self._files.items() if product_id in files)
        return tuple(sorted(found, key=lambda each: each.seconds))

    def load(self, product_id: ProductId, granularity: Granularity) -> Columns:
        """Read all candles of a product.

        Raises: ConfigError if there is no such file; DataError for one that cannot be read; MalformedData naming
        file, line (or row) and value, or a file without candles.
        """
        file = self._files.get(granularity, {}).get(product_id)
        if file is None:
            raise ConfigError(f"{self.path}: there are no {granularity} candles of {product_id}")
        if file not in self._kept:
            self._kept[file] = read_candle_file(file, granularity, self._now)
        return self._kept[file]


def read_candle_file(file: Path, granularity: Granularity, now: Instant | None = None) -> Columns:
    """Read one file, by its ending.

    Raises: ConfigError without DuckDB for Parquet; DataError; MalformedData naming file, line (or row) and value.
    """
    if file.suffix != PARQUET:
        return _read_text(file, granularity, now)
    columns = read_parquet(file, granularity)
    check_columns(str(file), columns, now)
    return columns


def _read_text(file: Path, granularity: Granularity, now: Instant | None) -> Columns:
    rows = read_rows(file)
    columns = _parse(rows, granularity, now) if rows else None
    if columns is None:
        # By the reader that makes tuples: it finds the fault, or takes what Python takes for a number.
        return Columns.from_candles(granularity, parse_candles(file, rows, granularity.seconds, now))
    return columns


def _parse(rows: bytes, granularity: Granularity, now: Instant | None) -> Columns | None:
    """Read all rows at once; None if any of them is not as it should be."""
    if not is_numeric(rows):
        return None
    try:
        with warnings.catch_warnings():
            # Such as that a start is no whole number.
            warnings.simplefilter("error")
            table = np.loadtxt(io.BytesIO(rows), _ROW, comments=None, delimiter=",", encoding="ascii", ndmin=1)
    except (ValueError, Warning):
        return None
    columns = _split(granularity, {name: table[name] for name in NAMES})
    # Empty lines were passed over.
    return columns if len(columns) == rows.count(b"\n") + 1 and is_sound(columns, now) else None


def read_parquet(file: Path, granularity: Granularity) -> Columns:
    """Read a file of Parquet as it is: what its numbers say is not looked at. Raises: ConfigError; DataError."""
    check_regular(file)
    check_installed("duckdb")
    # Loaded for Parquet alone: it takes as much memory as all the candles together.
    import duckdb  # noqa: PLC0415

    prices = ", ".join(f'CAST("{name}" AS DOUBLE) AS "{name}"' for name in NAMES[1:])
    try:
        with duckdb.connect(config={"threads": 1}) as engine:
            query = f'SELECT "start", {prices} FROM read_parquet(?)'  # noqa: S608 - names of ours
            table: dict[str, Any] = engine.execute(query, [str(file)]).fetchnumpy()
    except duckdb.Error as error:
        raise DataError(f"{file}: {str(error).partition(chr(10))[0]}") from error
    for name, column in table.items():
        if np.ma.is_masked(column):
            at = int(np.flatnonzero(np.ma.getmaskarray(column))[0])
            raise MalformedData(f"{file}, row {at + 1}: {name} is empty")
    if table["start"].dtype.kind not in "iu":
        raise MalformedData(f"{file}: start is {table['start'].dtype}; allowed are whole seconds")
    return _split(granularity, table)


def _split(granularity: Granularity, table: dict[str, NDArray[Any]]) -> Columns:
    # Copies: a column of its own takes one cache line for eight numbers, a column of a table eight.
    start = np.array(table["start"], dtype=np.int64)
    return Columns(granularity, start, *(np.array(table[name], dtype=np.float64) for name in NAMES[1:]))
