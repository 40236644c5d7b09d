"""What the venue answered for each product: a value, or the cause why there is none.

A cause names the call, then its status or what does not fit: ``GET /best_bid_ask: SOL-USD: bids: empty``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from trader.adapters.coinbase.http import Call
from trader.adapters.coinbase.wire.market import UnfitNumbers
from trader.errors import DataError, MalformedData, MissingData, StaleData, VenueError, VenueProtocol
from trader.model.ids import ProductId
from trader.model.listings import UnusableSizes

T = TypeVar("T")


def read_or_explain(call: object, reader: Callable[..., T], raw: Any, *rest: Any) -> T | DataError:
    """Read the answer to a call, or say why it gives nothing: it failed, makes no sense or lacks the fact."""
    if isinstance(raw, VenueError):
        # Names its call already.
        return MissingData(str(raw))
    try:
        return reader(raw, *rest)
    except UnfitNumbers as error:
        return UnusableSizes(f"{call}: {error}", error.told)
    except VenueProtocol as error:
        return MalformedData(f"{call}: {error}")
    except StaleData as error:
        return StaleData(f"{call}: {error}", error.newest)
    except DataError as error:
        return type(error)(f"{call}: {error}")


def match_rows(
    call: Call, wanted: Sequence[ProductId], rows: Sequence[Any] | DataError, reader: Callable[[Any], T]
) -> Mapping[ProductId, T | DataError]:
    """Read the rows of one answer for several products; every product wanted is answered, and no other."""
    if isinstance(rows, DataError):
        return dict.fromkeys(wanted, rows)
    found, nameless = read_by_product(call, rows, reader)
    return {each: found.get(each) or nameless or MissingData(f"{call}: {each}: not in the answer") for each in wanted}


def read_by_product(
    call: Call, rows: Sequence[Any], reader: Callable[[Any], T]
) -> tuple[dict[ProductId, T | DataError], MalformedData | None]:
    """Read rows by the product they name, and say what is wrong with the first that names none."""
    found: dict[ProductId, T | DataError] = {}
    nameless: MalformedData | None = None
    for row in rows:
        product_id = name_product(row)
        answer = read_or_explain(f"{call}: {product_id}" if product_id else call, reader, row)
        if product_id is None:
            nameless = nameless or (answer if isinstance(answer, MalformedData) else None)
        elif not isinstance(answer, DataError):
            found[product_id] = answer
        else:
            # A sound row stands, whatever another one of the same name says.
            found.setdefault(product_id, answer)
    return found, nameless


def name_product(row: Any) -> ProductId | None:
    """Return the product that a row is about; None if it does not say."""
    name = row.get("product_id") if isinstance(row, dict) else None
    return ProductId(name) if isinstance(name, str) and name else None
