"""Files of candles: what they are called, and their header, for all who read them."""

from __future__ import annotations

import gzip
import re
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from trader.errors import ConfigError, DataError, MalformedData
from trader.model.ids import ProductId
from trader.model.market import Granularity

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

#: How files of text end, and all files of candles.
TEXT_ENDINGS = (".csv", ".csv.gz")
PARQUET = ".parquet"
ENDINGS = (*TEXT_ENDINGS, PARQUET)

_NAME = re.compile(rf"([A-Z0-9]+-(?:{'|'.join(QUOTES)}))-({'|'.join(SUFFIXES)})((?:\.[a-z]+)+)")
# Not those that begin with a dot: what a writer that was killed leaves is nobody's.
_LIKE_CANDLES = re.compile(r"^[^.].*\.(csv|parquet)(\.\w+)?$", re.IGNORECASE)
_SUFFIX_OF = {granularity: suffix for suffix, granularity in SUFFIXES.items()}


@dataclass(frozen=True, slots=True)
class CandleFile:
    """A file of candles, as its name tells."""

    path: Path
    product_id: ProductId
    granularity: Granularity


@dataclass(frozen=True, slots=True)
class FolderContent:
    """Files of candles by name, what is wrong with two of the same candles, and files that look like candles only."""

    files: list[CandleFile] = field(default_factory=list)
    doubles: list[str] = field(default_factory=list)
    odd: list[Path] = field(default_factory=list)


def read_folder(folder: Path, endings: tuple[str, ...] = TEXT_ENDINGS) -> FolderContent:
    """Look which files of candles there are. Raises: ConfigError if it is no folder."""
    if not folder.is_dir():
        found = "no folder" if folder.exists() else "not there"
        raise ConfigError(f"{folder} is {found}; allowed is a folder of candles")
    content = FolderContent()
    named: dict[str, str] = {}
    for file in sorted(folder.iterdir()):
        match = _NAME.fullmatch(file.name)
        if match is None or match[3] not in endings:
            if _LIKE_CANDLES.search(file.name):
                content.odd.append(file)
            continue
        first = named.setdefault(f"{match[1]}-{match[2]}", file.name)
        if first != file.name:
            content.doubles.append(f"{folder}: {first} and {file.name} are the same; leave one of them")
        content.files.append(CandleFile(file, ProductId(match[1]), SUFFIXES[match[2]]))
    return content


def list_candle_files(
    folder: Path, endings: tuple[str, ...] = TEXT_ENDINGS
) -> dict[Granularity, dict[ProductId, Path]]:
    """Find the files of candles in a folder, by length of bar and product; files of other names are left alone.

    Raises: ConfigError if it is no folder, or if two files hold the same candles in two formats.
    """
    content = read_folder(folder, endings)
    if content.doubles:
        raise ConfigError(content.doubles[0])
    files: dict[Granularity, dict[ProductId, Path]] = {}
    for each in content.files:
        files.setdefault(each.granularity, {})[each.product_id] = each.path
    return files


def is_readable(product_id: str) -> bool:
    """Tell whether files of a product's candles are found by their names: of some quote assets they are not."""
    return _NAME.fullmatch(f"{product_id}-1m.csv") is not None


def name_candles(product_id: ProductId, granularity: Granularity) -> str:
    """Name the candles of a product as files are called, without the ending: ``BTC-USD-5m``."""
    return f"{product_id}-{_SUFFIX_OF[granularity]}"


def check_regular(file: Path) -> None:
    """Refuse what has no end, as a pipe or a device: reading it would wait for ever. Raises: DataError."""
    if file.exists() and not file.is_file():
        raise DataError(f"{file}: is a folder, a pipe or a device; allowed is a file")


def read_plain(file: Path) -> bytes:
    """Read a file of text, unpacked if its name says that it is packed, with lines that end in a newline.

    Raises: DataError for a file that cannot be read or unpacked, or that holds other than ASCII.
    """
    check_regular(file)
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
