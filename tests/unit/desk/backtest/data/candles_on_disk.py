"""Files of candles for tests."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from pathlib import Path

import duckdb

from desk.markets.candle_files import HEADER, NAMES
from trader.model.ids import ProductId
from trader.model.market import Candle, Granularity

BTC, ETH = ProductId("BTC-USD"), ProductId("ETH-USD")
FIVE, HOUR = Granularity.FIVE_MINUTE, Granularity.ONE_HOUR


def put(folder: Path, name: str, *rows: str, header: str = HEADER) -> Path:
    """Write a candle file; its name says whether it is packed."""
    file, content = folder / name, ("\n".join([header, *rows]) + "\n").encode()
    file.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return file


def put_parquet(folder: Path, name: str, select: str) -> Path:
    """Write what a SELECT of DuckDB gives."""
    file = folder / name
    with duckdb.connect() as engine:
        engine.execute(f"COPY ({select}) TO '{file}' (FORMAT parquet)")
    return file


def a_row(start: int, close: float = 11) -> str:
    return f"{start},10,12,9,{close},5"


def rows_of(candles: Iterable[Candle]) -> str:
    """The candles as VALUES of a SELECT."""
    values = ", ".join(f"({each.start}, {', '.join(f'{number}::DOUBLE' for number in each[1:])})" for each in candles)
    names = ", ".join(f'"{name}"' for name in NAMES)
    return f"SELECT * FROM (VALUES {values}) AS t({names})"
