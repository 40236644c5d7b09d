"""What we say to the venue: an intent always gives the same bytes, so that sending it again is sending the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from trader.errors import InvariantViolation
from trader.model.conversions import ConversionIntent
from trader.model.ids import Asset, VenueOrderId, rfc3339
from trader.model.money import plain
from trader.model.orders import OrderConfiguration, OrderIntent


def encode_order(intent: OrderIntent) -> bytes:
    """Write a new order. Raises: InvariantViolation if the intent lacks what its kind needs."""
    return _bytes({"client_order_id": intent.client_order_id, **_order(intent)})


def encode_preview(intent: OrderIntent) -> bytes:
    """Write the question what would become of an order. Raises: InvariantViolation."""
    return _bytes(_order(intent))


def encode_cancel(venue_order_ids: tuple[VenueOrderId, ...]) -> bytes:
    """Write a request to cancel."""
    return _bytes({"order_ids": list(venue_order_ids)})


def encode_conversion_quote(intent: ConversionIntent) -> bytes:
    """Write the question what a conversion would give."""
    return _bytes({**encode_accounts(intent.source, intent.target), "amount": plain(intent.amount)})


def encode_conversion_commit(intent: ConversionIntent) -> bytes:
    """Write the order to convert."""
    return _bytes(encode_accounts(intent.source, intent.target))


def encode_accounts(source: Asset, target: Asset) -> Mapping[str, str]:
    """Name both sides of a conversion; the venue wants them with every question about it."""
    return {"from_account": source, "to_account": target}


def _bytes(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, sort_keys=True, separators=(",", ":")).encode()


def _order(intent: OrderIntent) -> Mapping[str, Any]:
    order: dict[str, Any] = {
        "product_id": intent.product_id,
        "side": intent.side.value,
        "order_configuration": _configuration(intent),
    }
    if intent.attach_bracket:
        # Without a size: the bracket inherits it, and sending one is an error.
        order["attached_order_configuration"] = {"trigger_bracket_gtc": _attached(intent)}
    return order


def _configuration(intent: OrderIntent) -> Mapping[str, Any]:
    terms = {"base_size": plain(intent.quantity), "limit_price": plain(intent.limit_price)}
    match intent.configuration:
        case OrderConfiguration.POST_ONLY_GTD:
            if intent.expires_at is None:
                raise InvariantViolation(f"{intent.client_order_id} is good till no date")
            end_time = rfc3339(intent.expires_at)
            return {"limit_limit_gtd": {**terms, "end_time": end_time, "post_only": True}}
        case OrderConfiguration.LIMIT_IOC:
            return {"sor_limit_ioc": terms}
        case OrderConfiguration.BRACKET_GTC:
            if intent.stop_price is None:
                raise InvariantViolation(f"{intent.client_order_id} is a bracket without a stop")
            return {"trigger_bracket_gtc": {**terms, "stop_trigger_price": plain(intent.stop_price)}}
        case OrderConfiguration.STOP_LIMIT_GTC:
            if intent.stop_price is None:
                raise InvariantViolation(f"{intent.client_order_id} is a stop-limit without a stop")
            stop = {"stop_price": plain(intent.stop_price), "stop_direction": "STOP_DIRECTION_STOP_DOWN"}
            return {"stop_limit_stop_limit_gtc": {**terms, **stop}}
        case OrderConfiguration.LIMIT_GTC | OrderConfiguration.POST_ONLY_GTC:
            return {
                "limit_limit_gtc": {
                    **terms,
                    "post_only": intent.configuration is OrderConfiguration.POST_ONLY_GTC,
                }
            }


def _attached(intent: OrderIntent) -> Mapping[str, str]:
    if intent.bracket is None or intent.bracket.target_price is None:
        raise InvariantViolation(f"{intent.client_order_id} has no stop and target to attach")
    bracket, target = intent.bracket, intent.bracket.target_price
    return {"limit_price": plain(target), "stop_trigger_price": plain(bracket.stop_price)}
