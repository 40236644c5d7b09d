"""Files of candles: what they are called, their header, and what may be wrong with a row, for all who read them."""

from __future__ import annotations

import gzip
import re
import zlib
from pathlib import Path

from trader.errors import ConfigError, DataError, MalformedData
from trader.model.ids import ProductId
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
NAMES = tuple(HEADER.split(","))
COLUMNS = len(NAMES)

#: How files of text end.
TEXT_ENDINGS = (".csv", ".csv.gz")

_NAME = re.compile(rf"([A-Z0-9]+-(?:{'|'.join(QUOTES)}))-({'|'.join(SUFFIXES)})((?:\.[a-z]+)+)")
_SUFFIX_OF = {granularity: suffix for suffix, granularity in SUFFIXES.items()}


def list_candle_files(
    folder: Path, endings: tuple[str, ...] = TEXT_ENDINGS
) -> dict[Granularity, dict[ProductId, Path]]:
    """Find the files of candles in a folder, by length of bar and product; files of other names are left alone.

    Raises: ConfigError if it is no folder, or if two files hold the same candles in two formats.
    """
    if not folder.is_dir():
        found = "no folder" if folder.exists() else "not there"
        raise ConfigError(f"{folder} is {found}; allowed is a folder of candles")
    files: dict[Granularity, dict[ProductId, Path]] = {}
    for file in sorted(folder.iterdir()):
        match = _NAME.fullmatch(file.name)
        if match is None or match[3] not in endings:
            continue
        product_id, of_length = ProductId(match[1]), files.setdefault(SUFFIXES[match[2]], {})
        if product_id in of_length:
            raise ConfigError(f"{folder}: {of_length[product_id].name} and {file.name} are the same; leave one of them")
        of_length[product_id] = file
    return files


def name_candles(product_id: ProductId, granularity: Granularity) -> str:
    """Name the candles of a product as files are called, without the ending: ``BTC-USD-5m``."""
    return f"{product_id}-{_SUFFIX_OF[granularity]}"


def read_plain(file: Path) -> bytes:
    """Read a file of text, unpacked if its name says that it is packed, with lines that end in a newline.

    Raises: DataError for a file that cannot be read or unpacked, or that holds other than ASCII.
    """
    try:
        packed = file.read_bytes()
        content = gzip.decompress(packed) if file.suffix == ".gz" else packed
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{file}: {error}") from error
    if not content.isascii():
        raise DataError(f"{file}: not all of it is plain text (ASCII)")
    return content.replace(b"\r\n", b"\n") if b"\r" in content else content


def read_rows(file: Path) -> bytes:
    """Read the rows below the header, a newline between them and none at the end; empty if there are none.

    Raises: DataError for a file that cannot be read or unpacked; MalformedData for another header.
    """
    content = read_plain(file)
    first = content.find(b"\n") if b"\n" in content else len(content)
    header, end = content[:first].decode(), len(content)
    if header != HEADER:
        raise MalformedData(f"{file}, line 1: expected {HEADER!r}, found {header!r}")
    while content.endswith(b"\n", first, end):
        end -= 1
    # Once: what is copied here is as long as the file.
    return content[first + 1 : end]


def parse_row(file: Path, number: int, row: str) -> Candle:
    """Read the row of a line. Raises: MalformedData naming file, line and value."""
    place = f"{file}, line {number}"
    cells = row.split(",")
    if len(cells) != COLUMNS:
        raise MalformedData(f"{place}: {len(cells)} cells instead of {COLUMNS}: {row!r}")
    values = []
    for name, cell in zip(NAMES[1:], cells[1:], strict=True):
        try:
            values.append(float(cell))
        except ValueError as error:
            raise MalformedData(f"{place}: {name} {cell!r} is not a number") from error
    try:
        candle = Candle(int(cells[0]), *values)
    except ValueError as error:
        raise MalformedData(f"{place}: start {cells[0]!r} is not a whole number") from error
    check_values(place, candle, repr(row))
    return candle


def check_values(place: str, candle: Candle, shown: str) -> None:
    """Refuse numbers that make no candle. Raises: MalformedData naming the place, and the row as it is shown."""
    # Every comparison with what is not a number is false.
    in_range = 0 < candle.low <= candle.open <= candle.high and candle.low <= candle.close <= candle.high
    if not (in_range and candle.high < float("inf") and 0 <= candle.volume < float("inf")):
        raise MalformedData(f"{place}: {shown} is no candle")


def check_start(place: str, start: int, previous: int, step: int) -> None:
    """Refuse a start off the grid, or one that does not ascend. Raises: MalformedData naming the place."""
    if start % step:
        raise MalformedData(f"{place}: start {start} is not a multiple of {step}")
    if start <= previous:
        raise MalformedData(f"{place}: start {start} does not follow {previous}")


def parse_rows(file: Path, rows: bytes, step: int) -> list[Candle]:
    """Read rows one by one, to find the first that is wrong. Raises: MalformedData naming file, line and value."""
    candles: list[Candle] = []
    for number, row in enumerate(rows.decode().split("\n") if rows else (), start=2):
        candle = parse_row(file, number, row)
        check_start(f"{file}, line {number}", candle.start, candles[-1].start if candles else -1, step)
        candles.append(candle)
    return candles
