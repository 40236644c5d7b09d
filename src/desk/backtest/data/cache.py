"""A download on disk: each stretch is kept as soon as it is there, and a kill between any two writes loses no other.

Beside the candles of a product, ``BTC-USD-5m.csv.gz``, stands what was asked for, ``BTC-USD-5m.asked.json``: without it
a hole could not be told from what nobody asked for. Stretches lie in ``.unfinished`` until all that is wanted is there;
then the file is written with them, then what was asked for, then they go. Each of these steps may be the last of a
process: the next one finds the stretches still there, takes from the file only what had been asked for, and comes to
the same bytes.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from desk.backtest.data.columns import Columns
from desk.backtest.data.folder import read_candle_file
from desk.markets.candle_files import HEADER, NAMES, name_candles
from trader.adapters.local.atomic_files import replace_bytes
from trader.errors import ConfigError, DataError, MalformedData
from trader.model.ids import ProductId
from trader.model.market import Granularity

Replace = Callable[[Path, bytes], None]

_UNFINISHED = ".unfinished"
_ROWS_AT_ONCE = 10_000
#: What a kill in the middle of a write leaves beside the file that was to be written.
_LEFT_OVER = re.compile(r"\.[A-Z0-9]+-[A-Z0-9]+[\w.-]*\.(?:csv\.gz|json)\.\w+")


@dataclass(frozen=True, slots=True)
class Stretch:
    """Buckets in a row: those that start from *start* on and before *end*. Units: epoch seconds, on the grid."""

    start: int
    end: int

    def split(self, seconds: int) -> Iterator[Stretch]:
        """Cut it where the epoch's multiples of so many seconds lie: another stretch is cut at the same places."""
        start = self.start
        while start < self.end:
            end = min(start // seconds * seconds + seconds, self.end)
            yield Stretch(start, end)
            start = end


class PartialCandles:
    """The candles of one product and length of bar in a folder, as far as they were downloaded."""

    def __init__(
        self, folder: Path, product_id: ProductId, granularity: Granularity, replace: Replace = replace_bytes
    ) -> None:
        """Look at what there is. Raises: ConfigError for a file of candles that nobody knows how it was asked for."""
        name = name_candles(product_id, granularity)
        self.file = folder / f"{name}.csv.gz"
        self._granularity = granularity
        self._asked_file = folder / f"{name}.asked.json"
        self._parts = folder / _UNFINISHED / name
        self._replace = replace
        self.asked, candles = _read_asked(self._asked_file, granularity.seconds)
        if candles and not self.file.exists():
            # Somebody removed the candles, and wants them again.
            self.asked = None
        if self.asked is None and self.file.exists() and not self._parts.exists():
            raise ConfigError(f"{self.file} is no download that could be gone on with; allowed is another folder")

    def plan(self, wanted: Stretch, buckets: int) -> tuple[Stretch, ...]:
        """Return what has to be there, kept already or not, before the file can hold all that is wanted.

        It holds one stretch without a hole in what was asked for, so what lies between is wanted as well.
        """
        seconds = buckets * self._granularity.seconds
        if self.asked is None:
            return tuple(wanted.split(seconds))
        before, after = Stretch(wanted.start, self.asked.start), Stretch(self.asked.end, wanted.end)
        return (*before.split(seconds), *after.split(seconds))

    def has(self, piece: Stretch) -> bool:
        """Tell whether a piece was kept."""
        return self._part(piece).exists()

    def keep(self, piece: Stretch, columns: Columns) -> None:
        """Keep the candles of a piece; none is an answer too."""
        self._replace(self._part(piece), format_candles(columns))

    def load(self) -> Columns:
        """Return the candles of what was asked for and finished: a killed process may have put more into the file.

        Raises: DataError for a file that cannot be read or is damaged.
        """
        if self.asked is None or not self.file.exists():
            return Columns.from_candles(self._granularity, ())
        columns = read_candle_file(self.file, self._granularity)
        first, last = np.searchsorted(columns.start, [self.asked.start, self.asked.end])
        return Columns(self._granularity, *(getattr(columns, name)[first:last] for name in NAMES))

    def finish(self, pieces: Sequence[Stretch]) -> Columns:
        """Put the pieces, which were all kept, into the file; return all candles there are now, none if none traded.

        Raises: DataError for a file that cannot be read or is damaged.
        """
        columns = _join(self._granularity, [self.load(), *map(self._load_part, pieces)])
        if pieces:
            stretches = [*pieces, *([] if self.asked is None else [self.asked])]
            self.asked = Stretch(min(each.start for each in stretches), max(each.end for each in stretches))
            if len(columns):
                self._replace(self.file, gzip.compress(format_candles(columns), mtime=0))
            told = {"start": self.asked.start, "end": self.asked.end, "candles": len(columns)}
            self._replace(self._asked_file, f"{json.dumps(told)}\n".encode())
        shutil.rmtree(self._parts, ignore_errors=True)
        with contextlib.suppress(OSError):
            self._parts.parent.rmdir()
        return columns

    def _part(self, piece: Stretch) -> Path:
        return self._parts / f"{piece.start}-{piece.end}.csv"

    def _load_part(self, piece: Stretch) -> Columns:
        file = self._part(piece)
        if file.stat().st_size <= len(HEADER) + 1:
            return Columns.from_candles(self._granularity, ())
        return read_candle_file(file, self._granularity)


def sweep_left_overs(folder: Path) -> None:
    """Remove what killed downloads left of single writes. Only for who has the folder to himself."""
    for each in folder.iterdir():
        if _LEFT_OVER.fullmatch(each.name):
            each.unlink(missing_ok=True)


def format_candles(columns: Columns) -> bytes:
    """Write candles as a file of text has them: the same numbers always give the same bytes."""
    # Years of minutes at once would be a gigabyte of small texts.
    starts = range(0, len(columns), _ROWS_AT_ONCE)
    return b"".join((f"{HEADER}\n".encode(), *(_format_rows(columns, slice(at, at + _ROWS_AT_ONCE)) for at in starts)))


def _format_rows(columns: Columns, which: slice) -> bytes:
    prices = (map(_format, getattr(columns, name)[which].tolist()) for name in NAMES[1:])
    rows = zip(map(str, columns.start[which].tolist()), *prices, strict=True)
    return "".join(f"{','.join(row)}\n" for row in rows).encode()


def _format(number: float) -> str:
    return repr(number).removesuffix(".0")


def _join(granularity: Granularity, parts: list[Columns]) -> Columns:
    ordered = sorted((each for each in parts if len(each)), key=lambda each: int(each.start[0]))
    if not ordered:
        return Columns.from_candles(granularity, ())
    return Columns(granularity, *(np.concatenate([getattr(each, name) for each in ordered]) for name in NAMES))


def _read_asked(file: Path, step: int) -> tuple[Stretch | None, int]:
    try:
        told = json.loads(file.read_text(encoding="ascii"))
        stretch, candles = Stretch(told["start"], told["end"]), int(told["candles"])
        if not (stretch.start < stretch.end and stretch.start % step == stretch.end % step == 0):
            raise ValueError
    except FileNotFoundError:
        return None, 0
    except OSError as error:
        raise DataError(f"{file}: {error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise MalformedData(f"{file}: this is no stretch of time on the grid of {step} s") from error
    return stretch, candles
