"""Rows of the account's owner, as odd as rows have been seen or may become: among ours they must mean nothing.

The owner trades by hand, by other programs and in other markets; the venue corrects, reverses and migrates. Each shape
is a plain row of theirs with one thing changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

_AMOUNT = {"value": "12.5", "currency": "DOGE"}
_ORDER: Mapping[str, object] = {
    "order_id": "0b5ee0f6-0000-4000-8000-00000000b0b0",
    "client_order_id": "by-hand-7",
    "product_id": "DOGE-USD",
    "product_type": "SPOT",
    "side": "BUY",
    "status": "OPEN",
    "created_time": "2025-03-04T05:06:07.089Z",
    "order_configuration": {"limit_limit_gtc": {"base_size": "12.5", "limit_price": "0.07", "post_only": False}},
    "filled_size": "2.5",
    "number_of_fills": "1",
    "settled": False,
    "attached_order_id": "",
    "originating_order_id": "",
}
_FILL: Mapping[str, object] = {
    "entry_id": "b0b0" * 16,
    "trade_id": "0b5ee0f6-0000-4000-8000-0000000f1110",
    "order_id": "0b5ee0f6-0000-4000-8000-00000000b0b0",
    "trade_time": "2099-03-04T05:06:07.089Z",
    "trade_type": "FILL",
    "price": "0.07",
    "size": "2.5",
    "commission": "0.001",
    "product_id": "DOGE-USD",
    "sequence_timestamp": "2099-03-04T05:06:07.090Z",
    "liquidity_indicator": "TAKER",
    "size_in_quote": False,
    "side": "BUY",
}
_WALLET: Mapping[str, object] = {
    "uuid": "0b5ee0f6-0000-4000-8000-000000a11e70",
    "name": "DOGE Wallet",
    "currency": "DOGE",
    "available_balance": _AMOUNT,
    "hold": {"value": "0", "currency": "DOGE"},
    "active": True,
    "ready": True,
    "type": "ACCOUNT_TYPE_CRYPTO",
    "platform": "ACCOUNT_PLATFORM_CONSUMER",
}
#: So many of them are in one answer.
_AT_ONCE = 6
#: What is no row at all.
_NO_ROWS: tuple[object, ...] = (None, "a line of text", 7, [], {}, [["nested"]])
_NUMBERS: tuple[object, ...] = ("", "NaN", "-1", "1e999999", 0.1, True, {"value": "1"}, "9" * 300)
_TIMES: tuple[object, ...] = ("", "yesterday", 1_700_000_000, "2025-03-04T05:06:07", "0001-01-01T00:00:00Z")
_CHANGES: Mapping[str, Mapping[str, tuple[object, ...]]] = {
    "orders": {
        "order_id": ("", None, 5, "\ud800", "x" * 5_000),
        "client_order_id": ("", None, 5, {"id": "by-hand-7"}),
        "originating_order_id": ("0b5ee0f6-0000-4000-8000-00000000dad0", 5),
        "product_id": ("", "BIP-20DEC30-CDE", "ETH-PERP-INTX", 5, []),
        "side": ("", "UNKNOWN_ORDER_SIDE", "SHORT", 1),
        "status": ("FILLED", "SOMETHING_NEW", "", 3, []),
        "created_time": _TIMES,
        "filled_size": _NUMBERS,
        "order_configuration": (None, [], {"twap_limit_gtd": None}, {"a": {"base_size": "much"}}, "market"),
        "settled": ("perhaps", 2),
    },
    "fills": {
        "order_id": ("", None, 5),
        "entry_id": (5, []),
        "trade_type": ("REVERSAL", "CORRECTION", "SYNTHETIC", "SOMETHING_NEW", "", 5),
        "trade_time": _TIMES,
        "price": ("0", *_NUMBERS),
        "size": ("0", *_NUMBERS),
        "commission": _NUMBERS,
        "product_id": ("", "BIP-20DEC30-CDE", 5),
        "side": ("", "UNKNOWN_ORDER_SIDE", 1),
        "size_in_quote": ("perhaps", 2),
        "liquidity_indicator": (5, []),
    },
    "accounts": {
        "currency": ("", None, 5, "\ud800"),
        "type": ("", "ACCOUNT_TYPE_STAKED", "ACCOUNT_TYPE_VAULT", 5, None),
        "platform": ("ACCOUNT_PLATFORM_INTX", "SOMETHING_NEW", 5),
        "available_balance": (None, [], "12.5", *({"value": each, "currency": "DOGE"} for each in _NUMBERS)),
        "hold": (None, [], *({"value": each, "currency": "DOGE"} for each in _NUMBERS)),
        "retail_portfolio_id": (5, []),
    },
}
_PLAIN: Mapping[str, Mapping[str, object]] = {"orders": _ORDER, "fills": _FILL, "accounts": _WALLET}
#: The lists that such rows are found in, by their key in the answer.
LISTINGS = tuple(_PLAIN)


def make_foreign_rows(listing: str) -> tuple[object, ...]:
    """Make the owner's rows of a listing: a plain one, and every shape of an odd one.

    A key that is left out, one with a value of another kind, one with no value; and what is no row at all.
    """
    return tuple(_shapes(listing))


def _shapes(listing: str) -> Iterator[object]:
    row = _PLAIN[listing]
    yield dict(row)
    yield from _NO_ROWS
    for key in row:
        yield {name: value for name, value in row.items() if name != key}
    for key, values in _CHANGES[listing].items():
        for value in values:
            yield {**row, key: value}
    # As several things change at once when something is wrong.
    yield dict.fromkeys(row)
    yield dict.fromkeys(row, "")
    yield {key: [value] for key, value in row.items()}


def add_foreign_rows(value: object, number: int) -> object:
    """Put some of the owner's rows around, and between, those of every listing in an answer.

    Which ones the *number* of the answer says: they take turns, so that so many answers have had every shape.
    """
    if not isinstance(value, dict):
        return value
    grown = {key: _mixed(each, make_foreign_rows(key), number) for key, each in value.items() if key in LISTINGS}
    return {**value, **grown}


def _mixed(rows: object, foreign: tuple[object, ...], number: int) -> object:
    if not isinstance(rows, list):
        return rows
    mixed: list[object] = []
    begin = number * _AT_ONCE
    chosen = [foreign[(begin + each) % len(foreign)] for each in range(_AT_ONCE)]
    for place, row in enumerate((*rows, *[None] * max(_AT_ONCE - len(rows), 1))):
        mixed += chosen[place : place + 1]
        mixed += [row] if place < len(rows) else []
    return mixed
