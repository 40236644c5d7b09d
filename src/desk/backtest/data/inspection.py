"""What lies in a folder of candles: its files by what they hold, and all that is wrong with them.

Wrong is what a reader refuses, found by the reader's own code, and what no reader would ever look at. A bucket that is
not there is not wrong: nothing traded, or the venue was down, and candles do not tell which.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import lt
from pathlib import Path
from typing import TYPE_CHECKING

from desk.backtest.data.cache import check_count, list_unfinished, name_asked, read_asked
from desk.backtest.data.gaps import Gap, find_gaps
from desk.backtest.data.metadata import METADATA_ENDING, read_metadata
from desk.backtest.requirements import check_installed
from desk.markets.candle_files import ENDINGS, PARQUET, CandleFile, check_regular, read_folder, read_rows
from desk.markets.candle_rows import find_faults
from trader.errors import ConfigError, DataError, MalformedData
from trader.model.ids import Instant, ProductId

if TYPE_CHECKING:
    from desk.backtest.data.columns import Columns

_STARTS = re.compile(rb"^[0-9]+(?=,)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Listed:
    """A file of candles. ``starts`` is empty, and ``problem`` says why, if they cannot be told. Units: bytes."""

    file: CandleFile
    size: int
    digest: str
    starts: Sequence[int] = ()
    problem: str = ""

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """The holes between its candles."""
        return find_gaps(self.file.granularity, self.starts)


@dataclass(frozen=True, slots=True)
class Checked:
    """What was looked at, with what is wrong a line each; gaps, and names of downloads without an end, are no faults.

    ``gaps`` are of each file that has any.
    """

    files: int
    candles: int
    faults: tuple[str, ...]
    gaps: dict[Path, tuple[Gap, ...]]
    unfinished: tuple[str, ...]


def list_folder(folder: Path) -> Iterator[Listed]:
    """Tell of each file of candles what it holds and when, by name; prices are not looked at.

    Raises: ConfigError if it is no folder, or there are none; or without DuckDB for Parquet.
    """
    for each in _find_files(folder):
        try:
            check_regular(each.path)
            content = each.path.read_bytes()
        except DataError as error:
            yield Listed(each, 0, "", problem=str(error))
            continue
        except OSError as error:
            yield Listed(each, 0, "", problem=f"{each.path}: {error.strerror}")
            continue
        size, digest = len(content), hashlib.sha256(content).hexdigest()
        try:
            yield Listed(each, size, digest, _read_starts(each))
        except DataError as error:
            yield Listed(each, size, digest, problem=str(error))


def check_folder(folder: Path, now: Instant, gap_buckets: int | None = None) -> Checked:
    """Check every file of candles, what was asked for of it, and what was recorded of its product.

    No candle may be open at *now*; a gap of more than *gap_buckets* is a fault as well.
    Raises: ConfigError if it is no folder, or there are none; or without DuckDB for Parquet.
    """
    content = read_folder(folder, ENDINGS)
    faults = [*content.doubles, *(_tell_odd(each) for each in content.odd)]
    gaps: dict[Path, tuple[Gap, ...]] = {}
    count = 0
    for each in _find_files(folder):
        starts, found = _find_faults(each, now)
        count += len(starts)
        faults += found or _find_count_faults(folder, each, starts)
        if found:
            # Where rows are left out there would be holes that are none.
            continue
        if holes := find_gaps(each.granularity, starts):
            gaps[each.path] = holes
        faults += (f"{each.path}: {gap}" for gap in holes if gap_buckets is not None and gap.buckets > gap_buckets)
    faults += _find_metadata_faults(folder)
    return Checked(len(content.files), count, tuple(faults), gaps, list_unfinished(folder))


def _find_files(folder: Path) -> list[CandleFile]:
    content = read_folder(folder, ENDINGS)
    if not content.files and not content.odd:
        raise ConfigError(f"{folder}: no files of candles; they are called as BTC-USD-5m.csv.gz is")
    return content.files


def _tell_odd(file: Path) -> str:
    return f"{file}: no reader takes a file of this name; allowed are names like BTC-USD-5m.csv.gz"


def _read_starts(file: CandleFile) -> Sequence[int]:
    if file.path.suffix == PARQUET:
        return [int(start) for start in _read_columns(file).start]
    rows = read_rows(file.path)
    starts = list(map(int, _STARTS.findall(rows)))
    step = file.granularity.seconds
    is_sound = bool(starts) and len(starts) == rows.count(b"\n") + 1 and all(map(lt, starts, starts[1:]))
    if not is_sound or any(map(step.__rmod__, starts)):
        raise MalformedData(
            f"{file.path}: not every row begins with a start after the one before, a multiple of {step}"
        )
    return starts


def _find_faults(file: CandleFile, now: Instant) -> tuple[Sequence[int], list[str]]:
    try:
        if file.path.suffix != PARQUET:
            return find_faults(file.path, read_rows(file.path), file.granularity.seconds, now)
        columns = _read_columns(file)
    except DataError as error:
        return (), [str(error)]
    # Text is looked at without NumPy.
    from desk.backtest.data.checks import find_column_faults  # noqa: PLC0415

    return [int(start) for start in columns.start], list(find_column_faults(str(file.path), columns, now))


def _read_columns(file: CandleFile) -> Columns:
    check_installed("numpy", "duckdb")
    from desk.backtest.data.folder import read_parquet  # noqa: PLC0415

    return read_parquet(file.path, file.granularity)


def _find_count_faults(folder: Path, file: CandleFile, starts: Iterable[int]) -> list[str]:
    """Compare a download with what is told of it, as going on with it would."""
    try:
        asked, told = read_asked(name_asked(folder, file.product_id, file.granularity), file.granularity.seconds)
        if asked is not None:
            check_count(file.path, told, sum(asked.start <= start < asked.end for start in starts))
    except DataError as error:
        return [str(error)]
    return []


def _find_metadata_faults(folder: Path) -> Iterator[str]:
    for file in sorted(folder.glob(f"*{METADATA_ENDING}")):
        try:
            read_metadata(folder, ProductId(file.name.removesuffix(METADATA_ENDING)))
        except DataError as error:
            yield str(error)
