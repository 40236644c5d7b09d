"""The control path, for a venue in another process: faults, the clock, prices, keys, and what is on the books."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields, replace
from decimal import Decimal, InvalidOperation
from typing import Any

from desk.in_memory import ManualClock
from desk.sandbox.auth import Algorithm, make_key
from desk.sandbox.price_sources import read_print
from desk.sandbox.replies import JsonObject, Refusal, Reply, refuse_invalid, refuse_not_found, reply_json
from desk.sandbox.venue import Venue
from desk.sandbox.venue_clock import END_OF_TIME
from desk.sandbox.wire_order import encode_fill, encode_order
from trader.model.ids import Asset, Instant
from trader.model.money import plain

PREFIX = "/__sandbox/"

_SETTABLE = frozenset(
    {
        "delay_seconds",
        "public_cache_seconds",
        "duplicate_id_is_rejected",
        "totals_are_text",
        "token_skew_seconds",
        "clock_offset_seconds",
        "slices",
        "vault_rows",
    }
)

#: What of a product can be changed, by the name it has here.
_PRODUCT_FIELDS: Mapping[str, type] = {
    "cancel_only": bool,
    "in_auction": bool,
    "is_disabled": bool,
    "limit_only": bool,
    "post_only": bool,
    "status": str,
    "trading_disabled": bool,
    "view_only": bool,
}
_WIRE_NAMES = {"auction_mode": "in_auction"}


def handle_control(venue: Venue, method: str, path: str, body: bytes) -> Reply:
    """Do what was asked on the control path. Anyone who can reach it may: it is for a machine of one's own."""
    action = _ACTIONS.get((method, path.removeprefix(PREFIX)))
    try:
        if action is None:
            raise refuse_not_found(f"{method} {path} is no control path")
        given = json.loads(body) if body.strip() else {}
        with venue.lock:
            venue.advance()
            return reply_json(action(venue, given))
    except Refusal as refused:
        return refused.reply()
    except (ValueError, TypeError, KeyError, InvalidOperation) as error:
        return refuse_invalid(f"{type(error).__name__}: {error}").reply()


def _add_faults(venue: Venue, given: Any) -> object:
    for row in given if isinstance(given, list) else [given]:
        venue.faults.add_row(row)
    return _faults(venue, given)


def _faults(venue: Venue, _: Any) -> object:
    return {"faults": [asdict(rule) for rule in venue.faults.rules()]}


def _clear_faults(venue: Venue, given: Any) -> object:
    venue.faults.clear()
    return _faults(venue, given)


def _clock(venue: Venue, _: Any) -> object:
    return {"now": venue.time.now(), "is_virtual": venue.time.is_virtual}


def _set_clock(venue: Venue, given: Any) -> object:
    clock = venue.time.clock
    if not isinstance(clock, ManualClock):
        raise Refusal(409, "FAILED_PRECONDITION", "this venue runs on a real clock")
    clock.set(Instant(int(given["at"]))) if "at" in given else clock.advance(int(given["advance"]))
    venue.advance()
    return _clock(venue, given)


def _print(venue: Venue, given: Any) -> object:
    venue.matching.print(read_print(given, venue.time.now()))
    return {}


def _deposit(venue: Venue, given: Any) -> object:
    asset, amount = Asset(str(given["asset"])), Decimal(str(given["amount"]))
    if venue.account.available(asset) + amount < 0:
        raise refuse_invalid(f"only {venue.account.available(asset)} {asset} is free")
    venue.account.move(asset, amount, venue.time.moment())
    return _balances(venue)


def _set_options(venue: Venue, given: Any) -> object:
    changes = {name: value for name, value in given.items() if name in _SETTABLE}
    known = {each.name for each in fields(venue.options.lags)}
    lags = given.get("lags", {})
    if set(given) - _SETTABLE - {"lags"} or set(lags) - known:
        raise ValueError(f"known are {sorted(_SETTABLE)} and lags of {sorted(known)}")
    venue.configure(**changes, lags=replace(venue.options.lags, **lags))
    return {"lags": asdict(venue.options.lags)}


def _change_product(venue: Venue, given: Any) -> object:
    name = str(given.pop("product_id"))
    if venue.market.product(name) is None:
        raise refuse_not_found(f"there is no {name}")
    changes = {_WIRE_NAMES.get(key, key): value for key, value in given.items()}
    wrong = [key for key, value in changes.items() if not isinstance(value, _PRODUCT_FIELDS.get(key, ()))]
    if wrong:
        raise ValueError(f"{', '.join(wrong)}: known are {sorted(_PRODUCT_FIELDS)}: flags, and status, a text")
    venue.market.change(name, **changes)
    return {}


def _state(venue: Venue, _: Any) -> object:
    return {
        "now": venue.time.now(),
        "balances": _balances(venue),
        "orders": [encode_order(venue, order) for order in venue.account.seen_orders(END_OF_TIME)],
        "fills": [encode_fill(each) for each in venue.account.seen_executions(END_OF_TIME)],
        "requests": {"totals": venue.traffic.totals(), "highest_per_second": venue.traffic.highest()},
        "log": [asdict(seen) for seen in venue.traffic.log()[-500:]],
    }


def _forget_requests(venue: Venue, _: Any) -> object:
    venue.traffic.reset()
    return {}


def _add_key(venue: Venue, given: Any) -> object:
    return venue.add_key(make_key(Algorithm(given.get("algorithm", Algorithm.ES256)))).file()


def _revoke_key(venue: Venue, given: Any) -> object:
    venue.revoke_key(str(given["name"]))
    return {"keys": sorted(venue.keys)}


def _balances(venue: Venue) -> JsonObject:
    return {
        asset: {"available": plain(balance.available), "hold": plain(balance.hold)}
        for asset, balance in venue.account.balances(END_OF_TIME).items()
    }


_ACTIONS: Mapping[tuple[str, str], Callable[[Venue, Any], object]] = {
    ("POST", "faults"): _add_faults,
    ("GET", "faults"): _faults,
    ("DELETE", "faults"): _clear_faults,
    ("GET", "clock"): _clock,
    ("POST", "clock"): _set_clock,
    ("POST", "price"): _print,
    ("POST", "deposit"): _deposit,
    ("POST", "options"): _set_options,
    ("POST", "product"): _change_product,
    ("GET", "state"): _state,
    ("DELETE", "requests"): _forget_requests,
    ("POST", "keys"): _add_key,
    ("DELETE", "keys"): _revoke_key,
}
