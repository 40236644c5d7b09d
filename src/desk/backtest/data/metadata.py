"""What is known of a product beside its candles: its metadata, as the venue told them once.

Increments, sizes and flags change, and nobody has those of the past: what is recorded is as of the instant it was read.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from desk.markets.candle_market import make_product
from trader.errors import ConfigError, DataError, MalformedData
from trader.model.codec import decode, encode
from trader.model.frozen import replace
from trader.model.ids import Instant, ProductId, rfc3339
from trader.model.market import Candle, Product

if TYPE_CHECKING:
    # A download records metadata where there is no NumPy.
    from desk.backtest.data.columns import CandleSource, Columns

METADATA_ENDING = ".product.json"
# As many as the increments are guessed by.
_NEWEST = 500


@dataclass(frozen=True, slots=True)
class RecordedProduct:
    """A product, and when its metadata were read; without an instant they were made up from its candles."""

    product: Product
    read_at: Instant | None = None

    def as_traded(self) -> Product:
        """Return it as it must have been while it had candles: open to everybody. Flags of today say nothing of then.

        Volume and price of the instant it was read are left out: they would be knowledge of the future.
        """
        return replace(
            self.product,
            status="online",
            is_disabled=False,
            trading_disabled=False,
            cancel_only=False,
            limit_only=False,
            post_only=False,
            in_auction=False,
            view_only=False,
            volume_24h=type(self.product.volume_24h)(0),
            price=None,
        )


def name_metadata(folder: Path, product_id: ProductId) -> Path:
    """Name the file of a product's metadata: ``BTC-USD.product.json``, one for all lengths of bar."""
    return folder / f"{product_id}{METADATA_ENDING}"


def format_metadata(recorded: RecordedProduct) -> bytes:
    """Write metadata as their file has them: increments, sizes, flags, and since when it is listed, if that is told."""
    read_at = None if recorded.read_at is None else rfc3339(recorded.read_at)
    told = {"read_at": read_at, "product": encode(recorded.product)}
    return (json.dumps(told, indent=2, sort_keys=True) + "\n").encode()


def read_metadata(folder: Path, product_id: ProductId) -> RecordedProduct | None:
    """Read what was recorded of a product; None if nothing was.

    Raises: DataError for a file that cannot be read; MalformedData naming file and field, or another product in it.
    """
    file = name_metadata(folder, product_id)
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        read_at = Instant(int(datetime.fromisoformat(told["read_at"]).timestamp()))
        product = decode(Product, told["product"])
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataError(f"{file}: {error}") from error
    except KeyError as error:
        raise MalformedData(f"{file}: {error} is missing") from error
    except (ValueError, TypeError, RecursionError, MalformedData) as error:
        raise MalformedData(f"{file}: {error}") from error
    if product.product_id != product_id:
        raise MalformedData(f"{file}: these are the metadata of {product.product_id}")
    return RecordedProduct(product, read_at)


def find_product(source: CandleSource, product_id: ProductId, folder: Path | None = None) -> RecordedProduct:
    """Return what was recorded of a product in a folder, else what its finest candles show.

    Raises: ConfigError if there are no candles of it either; DataError.
    """
    recorded = None if folder is None else read_metadata(folder, product_id)
    if recorded is not None:
        return recorded
    lengths = source.granularities(product_id)
    if not lengths:
        raise ConfigError(f"nothing is known of {product_id}: neither metadata nor candles are there")
    return RecordedProduct(make_product(product_id, _take_newest(source.load(product_id, lengths[0]))))


def _take_newest(columns: Columns) -> list[Candle]:
    prices = (columns.start, columns.open, columns.high, columns.low, columns.close, columns.volume)
    return [Candle(*row) for row in zip(*(each[-_NEWEST:].tolist() for each in prices), strict=True)]
