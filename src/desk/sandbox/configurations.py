"""Reading the body of an order: which of the configurations it is, and what it says.

What is not JSON of the right shape is a bad request; what has the shape and makes no sense is an order refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from desk.sandbox.orders import OrderRequest, OrderType, TimeInForce
from desk.sandbox.reasons import OrderRefused, refuse_market_sell_in_quote
from desk.sandbox.replies import JsonObject, refuse_invalid, refuse_value
from desk.sandbox.venue_clock import parse_moment, to_second
from trader.model.ids import Instant
from trader.model.money import Notional, Price, Quantity
from trader.model.orders import Bracket, Side

CLIENT_ORDER_ID_MAX = 128

_PLAIN_NUMBER = re.compile(r"\d+(\.\d*)?|\.\d+")
_CAMEL = re.compile(r"(?<=[a-z0-9])([A-Z])")
_ATTACHABLE = "trigger_bracket_gtc"


@dataclass(frozen=True, slots=True)
class _Variant:
    kind: OrderType
    time_in_force: TimeInForce
    needs: tuple[str, ...]
    echoed: tuple[str, ...] = ()


_LIMIT = ("base_size", "limit_price")
_STOP = ("base_size", "limit_price", "stop_price", "stop_direction")
_BRACKET = ("base_size", "limit_price", "stop_trigger_price")
_MARKET_ECHO = ("rfq_enabled", "rfq_disabled", "reduce_only")

_VARIANTS: Mapping[str, _Variant] = {
    "market_market_ioc": _Variant(OrderType.MARKET, TimeInForce.IOC, (), _MARKET_ECHO),
    "sor_limit_ioc": _Variant(OrderType.LIMIT, TimeInForce.IOC, _LIMIT, ("rfq_disabled",)),
    "limit_limit_gtc": _Variant(OrderType.LIMIT, TimeInForce.GTC, _LIMIT, ("rfq_disabled",)),
    "limit_limit_gtd": _Variant(OrderType.LIMIT, TimeInForce.GTD, (*_LIMIT, "end_time"), ("rfq_disabled",)),
    "limit_limit_fok": _Variant(OrderType.LIMIT, TimeInForce.FOK, _LIMIT, ("rfq_disabled",)),
    "stop_limit_stop_limit_gtc": _Variant(OrderType.STOP_LIMIT, TimeInForce.GTC, _STOP, ("reduce_only",)),
    "stop_limit_stop_limit_gtd": _Variant(
        OrderType.STOP_LIMIT, TimeInForce.GTD, (*_STOP, "end_time"), ("reduce_only",)
    ),
    "trigger_bracket_gtc": _Variant(OrderType.BRACKET, TimeInForce.GTC, _BRACKET),
    "trigger_bracket_gtd": _Variant(OrderType.BRACKET, TimeInForce.GTD, (*_BRACKET, "end_time")),
}
#: Known to the real venue, and not offered on spot, or not by this one.
_NOT_HERE = frozenset({"market_market_fok", "twap_limit_gtd", "scaled_limit_gtc"})
_DIRECTIONS = {"STOP_DIRECTION_STOP_UP": True, "STOP_DIRECTION_STOP_DOWN": False}


def convert_to_snake_keys(value: object) -> object:
    """Accept the camel case of proto JSON: ``baseSize`` is ``base_size``."""
    if isinstance(value, dict):
        return {
            _CAMEL.sub(lambda match: "_" + match[1].lower(), key): convert_to_snake_keys(each)
            for key, each in value.items()
        }
    return [convert_to_snake_keys(each) for each in value] if isinstance(value, list) else value


def read_side(body: JsonObject) -> Side:
    """Read the side. Raises: Refusal."""
    try:
        return Side(read_text(body, "side"))
    except ValueError as error:
        raise refuse_value("side", read_text(body, "side")) from error


def read_text(body: JsonObject, name: str) -> str:
    """Read a text member; one that is absent is empty. Raises: Refusal for a number, which proto JSON refuses too."""
    value = body.get(name, "")
    if value is None:
        return ""
    if not isinstance(value, str):
        raise refuse_invalid(f"invalid value for string field {name}: {value!r}")
    return value


def read_configuration(body: JsonObject) -> JsonObject:
    """Return the configuration as it was sent, with the members the venue adds to its echo. Raises: Refusal."""
    given = body.get("order_configuration") or {}
    if not isinstance(given, dict) or not all(isinstance(part, dict) for part in given.values()):
        raise refuse_invalid("order_configuration must be an object")
    echo = {}
    for name, part in given.items():
        if name not in _VARIANTS and name not in _NOT_HERE:
            raise refuse_invalid(f'unknown field "{name}" in order_configuration')
        added = dict.fromkeys(_VARIANTS[name].echoed, False) if name in _VARIANTS else {}
        echo[name] = {**added, **part}
    return echo


def read_request(body: JsonObject, configuration: JsonObject) -> OrderRequest:
    """Read an order. Raises: Refusal, OrderRefused."""
    side, (name, part) = read_side(body), _only_one(configuration)
    variant = _VARIANTS[name]
    for needed in variant.needs:
        if needed == "end_time" and not part.get(needed):
            raise OrderRefused("GTD_ORDERS_MUST_HAVE_END_TIME")
        if not part.get(needed):
            raise OrderRefused("INVALID_ORDER_CONFIG", f"{needed} is missing", error="UNSUPPORTED_ORDER_CONFIGURATION")
    base, quote = _number(part, "base_size"), _number(part, "quote_size")
    if variant.kind is OrderType.MARKET:
        if quote is not None and side is Side.SELL:
            raise refuse_market_sell_in_quote()
        if (base is None) == (quote is None):
            raise OrderRefused("INVALID_ORDER_CONFIG", error="UNSUPPORTED_ORDER_CONFIGURATION")
    elif quote is not None:
        bracket = variant.kind is OrderType.BRACKET
        raise OrderRefused("QUOTE_SIZE_NOT_ALLOWED_FOR_BRACKET" if bracket else "INVALID_ORDER_CONFIG")
    attached, attached_configuration = _attached(body, variant)
    limit = _number(part, "limit_price")
    stop = _number(part, "stop_trigger_price" if variant.kind is OrderType.BRACKET else "stop_price")
    post_only = part.get("post_only") or False
    if not isinstance(post_only, bool):
        raise refuse_invalid(f"invalid value for bool field post_only: {post_only!r}")
    return OrderRequest(
        client_order_id=read_text(body, "client_order_id"),
        product_id=read_text(body, "product_id"),
        side=side,
        configuration=configuration,
        order_type=variant.kind,
        time_in_force=variant.time_in_force,
        base_size=Quantity(base) if base is not None else None,
        quote_size=Notional(quote) if quote is not None else None,
        limit_price=Price(limit) if limit is not None else None,
        stop_price=Price(stop) if stop is not None else None,
        stops_upward=_goes_up(part) if variant.kind is OrderType.STOP_LIMIT else False,
        end_time=_end_time(part) if variant.time_in_force is TimeInForce.GTD else None,
        post_only=post_only,
        attached=attached,
        attached_configuration=attached_configuration,
    )


def _only_one(configuration: JsonObject) -> tuple[str, JsonObject]:
    if len(configuration) != 1:
        raise OrderRefused("UNSUPPORTED_ORDER_CONFIGURATION", "exactly one order configuration is needed")
    ((name, part),) = configuration.items()
    if name in _NOT_HERE:
        raise OrderRefused("UNSUPPORTED_ORDER_CONFIGURATION", f"{name} is not supported")
    return name, part


def _number(part: JsonObject, name: str) -> str | None:
    text = read_text(part, name)
    if not text:
        return None
    if not _PLAIN_NUMBER.fullmatch(text):
        raise OrderRefused("NON_NUMERIC_ORDER_SIZE", f"{name} {text!r} is not a plain number")
    return text


def _goes_up(part: JsonObject) -> bool:
    word = read_text(part, "stop_direction")
    if word not in _DIRECTIONS:
        raise refuse_value("stop_direction", word)
    return _DIRECTIONS[word]


def _end_time(part: JsonObject) -> Instant:
    text = read_text(part, "end_time")
    try:
        return to_second(parse_moment(text))
    except ValueError as error:
        raise refuse_invalid(f"invalid value for timestamp field end_time: {text!r}") from error


def _attached(body: JsonObject, variant: _Variant) -> tuple[Bracket | None, JsonObject | None]:
    given = body.get("attached_order_configuration")
    if not given:
        return None, None
    if not isinstance(given, dict) or set(given) != {_ATTACHABLE} or not isinstance(given[_ATTACHABLE], dict):
        raise OrderRefused("INVALID_ORDER_TYPE_FOR_ATTACHED")
    if variant.kind not in {OrderType.LIMIT, OrderType.MARKET}:
        raise OrderRefused("ATTACHED_ORDERS_ONLY_ALLOWED_ON_MARKET_LIMIT")
    part = given[_ATTACHABLE]
    if part.get("base_size") or part.get("quote_size"):
        raise OrderRefused("ATTACHED_ORDER_SIZE_MUST_BE_NIL")
    target, stop = _number(part, "limit_price"), _number(part, "stop_trigger_price")
    if target is None or stop is None:
        raise OrderRefused("ATTACHED_ORDER_MUST_HAVE_POSITIVE_PRICES")
    return Bracket(Price(stop), Price(target)), given
