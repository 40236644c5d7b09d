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
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from desk.markets.candle_files import ENDINGS, HEADER, name_candles, read_rows
from desk.markets.candle_rows import read_starts
from trader.adapters.local.atomic_files import replace_bytes
from trader.errors import ConfigError, DataError, MalformedData
from trader.model.ids import ProductId
from trader.model.market import Candle, Granularity

Replace = Callable[[Path, bytes], None]

_UNFINISHED = ".unfinished"
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


class KeptRows(NamedTuple):
    """Candles as they stand in a file, a newline between two of them, and where each starts. Units: epoch seconds."""

    rows: bytes
    starts: Sequence[int]

    def cut(self, stretch: Stretch) -> KeptRows:
        """Return those of a stretch."""
        first, last = bisect_left(self.starts, stretch.start), bisect_left(self.starts, stretch.end)
        if (first, last) == (0, len(self.starts)):
            return self
        return KeptRows(b"\n".join(self.rows.split(b"\n")[first:last]), self.starts[first:last])


NOTHING = KeptRows(b"", ())


class PartialCandles:
    """The candles of one product and length of bar in a folder, as far as they were downloaded."""

    def __init__(
        self, folder: Path, product_id: ProductId, granularity: Granularity, replace: Replace = replace_bytes
    ) -> None:
        """Look at what there is.

        Raises: ConfigError for a file of candles that nobody knows how it was asked for, or that would have another
        beside it with the same candles; DataError for a note of what was asked for that cannot be read.
        """
        name = name_candles(product_id, granularity)
        self.file = folder / f"{name}.csv.gz"
        self._granularity = granularity
        self._asked_file = name_asked(folder, product_id, granularity)
        self._parts = folder / _UNFINISHED / name
        self._replace = replace
        self.asked, self._candles = read_asked(self._asked_file, granularity.seconds)
        if self._candles and not self.file.exists():
            # Somebody removed the candles, and wants them again.
            self.asked, self._candles = None, 0
        if self.asked is None and self.file.exists() and not self._parts.exists():
            raise ConfigError(f"{self.file} is no download that could be gone on with; allowed is another folder")
        for other in (folder / f"{name}{ending}" for ending in ENDINGS):
            if other != self.file and other.exists():
                raise ConfigError(f"{other} has the same candles; allowed is another folder")

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

    def keep(self, piece: Stretch, candles: Iterable[Candle]) -> None:
        """Keep the candles of a piece; none is an answer too."""
        self._replace(self._part(piece), format_candles(candles))

    def load(self) -> KeptRows:
        """Return the candles of what was asked for and finished: a killed process may have put more into the file.

        Raises: DataError for a file that cannot be read or is damaged; MalformedData if it is not what was written.
        """
        if self.asked is None or not self.file.exists():
            return NOTHING
        kept = _read_rows(self.file, self._granularity.seconds).cut(self.asked)
        check_count(self.file, self._candles, len(kept.starts))
        return kept

    def finish(self, pieces: Sequence[Stretch]) -> KeptRows:
        """Put the pieces, which were all kept, into the file; return all candles there are now, none if none traded.

        Raises: DataError for a file that cannot be read or is damaged.
        """
        kept = _join([self.load(), *map(self._load_part, pieces)])
        if pieces:
            stretches = [*pieces, *([] if self.asked is None else [self.asked])]
            self.asked = Stretch(min(each.start for each in stretches), max(each.end for each in stretches))
            self._candles = len(kept.starts)
            if kept.rows:
                self._replace(self.file, gzip.compress(f"{HEADER}\n".encode() + kept.rows + b"\n", mtime=0))
            told = {"start": self.asked.start, "end": self.asked.end, "candles": self._candles}
            self._replace(self._asked_file, f"{json.dumps(told)}\n".encode())
        shutil.rmtree(self._parts, ignore_errors=True)
        with contextlib.suppress(OSError):
            self._parts.parent.rmdir()
        return kept

    def _part(self, piece: Stretch) -> Path:
        return self._parts / f"{piece.start}-{piece.end}.csv"

    def _load_part(self, piece: Stretch) -> KeptRows:
        file = self._part(piece)
        return NOTHING if file.stat().st_size <= len(HEADER) + 1 else _read_rows(file, self._granularity.seconds)


def sweep_left_overs(folder: Path) -> None:
    """Remove what killed downloads left of single writes. Only for who has the folder to himself."""
    for each in folder.iterdir():
        if _LEFT_OVER.fullmatch(each.name):
            each.unlink(missing_ok=True)


def list_unfinished(folder: Path) -> tuple[str, ...]:
    """Name what downloads that did not come to their end have kept pieces of: ``BTC-USD-5m``."""
    pieces = folder / _UNFINISHED
    return tuple(sorted(each.name for each in pieces.iterdir())) if pieces.is_dir() else ()


def format_candles(candles: Iterable[Candle]) -> bytes:
    """Write candles as a file of text has them: the same numbers always give the same bytes."""
    rows = (f"{row.start},{','.join(map(_format, row[1:]))}\n" for row in candles)
    return f"{HEADER}\n{''.join(rows)}".encode()


def name_asked(folder: Path, product_id: ProductId, granularity: Granularity) -> Path:
    """Name the file that says what was asked for: ``BTC-USD-5m.asked.json``."""
    return folder / f"{name_candles(product_id, granularity)}.asked.json"


def check_count(file: Path, told: int, found: int) -> None:
    """Refuse a file that has not as many candles as were asked for and told. Raises: MalformedData."""
    if told != found:
        raise MalformedData(
            f"{file}: {found} candles of the stretch that was asked for, but {told} were downloaded; "
            "without the file they are downloaded again"
        )


def read_asked(file: Path, step: int) -> tuple[Stretch | None, int]:
    """Read what was asked for, and how many candles that gave; None and 0 without such a file.

    Raises: DataError for a file that cannot be read; MalformedData for one that says something else.
    """
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


def _format(number: float) -> str:
    return repr(number).removesuffix(".0")


def _read_rows(file: Path, step: int) -> KeptRows:
    rows = read_rows(file)
    return KeptRows(rows, read_starts(file, rows, step))


def _join(parts: list[KeptRows]) -> KeptRows:
    ordered = sorted((each for each in parts if each.starts), key=lambda each: each.starts[0])
    return KeptRows(b"\n".join(each.rows for each in ordered), [at for each in ordered for at in each.starts])
