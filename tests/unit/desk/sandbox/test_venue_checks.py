"""Orders that are not taken, and in which words; and what a preview says of them."""

from __future__ import annotations

from typing import Any

import pytest

from factories_venue import SOL, a_product
from unit.desk.sandbox.conftest import Open
from unit.desk.sandbox.venues import Client, bracket, limit, limit_until, market, stop_limit

BRACKET_IN_QUOTE = {"trigger_bracket_gtc": {**bracket()["trigger_bracket_gtc"], "quote_size": "5"}}
ATTACHED = {"trigger_bracket_gtc": {"limit_price": "110", "stop_trigger_price": "95"}}


@pytest.mark.parametrize(
    ("configuration", "side", "reason"),
    [
        (limit("99.90", "2.0001"), "BUY", "INVALID_SIZE_PRECISION"),
        (limit("99.901"), "BUY", "INVALID_PRICE_PRECISION"),
        (limit("99.90", "0.001"), "BUY", "INVALID_BASE_SIZE_TOO_SMALL"),
        (limit("99.90", "0"), "BUY", "INVALID_BASE_SIZE_TOO_SMALL"),
        (limit("99.90", "0.005"), "BUY", "INVALID_QUOTE_SIZE_TOO_SMALL"),
        (limit("99.90", "100001"), "BUY", "INVALID_BASE_SIZE_TOO_LARGE"),
        (limit("99.90", "20000"), "BUY", "INVALID_QUOTE_SIZE_TOO_LARGE"),
        (limit("100.05"), "BUY", "INVALID_LIMIT_PRICE_POST_ONLY"),
        (limit("99.95"), "SELL", "INVALID_LIMIT_PRICE_POST_ONLY"),
        (limit("99.90", "200"), "BUY", "INSUFFICIENT_FUND"),
        (limit("101", "11"), "SELL", "INSUFFICIENT_FUND"),
        (limit_until(0), "BUY", "END_TIME_IS_IN_THE_PAST"),
        (market(quote_size="5.001"), "BUY", "INVALID_QUOTE_SIZE_PRECISION"),
        (market(quote_size="0.99"), "BUY", "INVALID_QUOTE_SIZE_TOO_SMALL"),
        (market(quote_size="10000.01"), "BUY", "INSUFFICIENT_FUND"),
        (market(base_size="0.005"), "SELL", "INVALID_QUOTE_SIZE_TOO_SMALL"),
        (market(quote_size="50"), "SELL", "INVALID_ORDER_CONFIG"),
        (market(quote_size="50", base_size="1"), "BUY", "INVALID_ORDER_CONFIG"),
        (market(), "BUY", "INVALID_ORDER_CONFIG"),
        (bracket(), "BUY", "INVALID_BRACKET_ORDER_SIDE"),
        (bracket("110", "111"), "SELL", "INVALID_BRACKET_PRICES"),
        (bracket("110", "100"), "SELL", "STOP_PRICE_ABOVE_LAST_TRADE_PRICE"),
        (bracket("110", "95.001"), "SELL", "INVALID_STOP_PRICE_PRECISION"),
        (BRACKET_IN_QUOTE, "SELL", "QUOTE_SIZE_NOT_ALLOWED_FOR_BRACKET"),
        (stop_limit("101", "99"), "SELL", "STOP_PRICE_ABOVE_LAST_TRADE_PRICE"),
        (stop_limit("99", "105", up=True), "BUY", "STOP_PRICE_BELOW_LAST_TRADE_PRICE"),
        (stop_limit("95", "96"), "SELL", "STOP_PRICE_BELOW_LIMIT_PRICE"),
        (stop_limit("105", "104", up=True), "BUY", "STOP_PRICE_ABOVE_LIMIT_PRICE"),
        ({}, "BUY", "UNSUPPORTED_ORDER_CONFIGURATION"),
        ({**limit(), **bracket()}, "BUY", "UNSUPPORTED_ORDER_CONFIGURATION"),
        ({"market_market_fok": {"quote_size": "5"}}, "BUY", "UNSUPPORTED_ORDER_CONFIGURATION"),
        (limit("1E+2"), "BUY", "NON_NUMERIC_ORDER_SIZE"),
        (limit("99.90", "-2"), "BUY", "NON_NUMERIC_ORDER_SIZE"),
        ({"limit_limit_gtd": {"base_size": "2", "limit_price": "99.90"}}, "BUY", "GTD_ORDERS_MUST_HAVE_END_TIME"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_order_is_refused_with_the_venues_reason(client: Client, configuration: Any, side: str, reason: str) -> None:
    """HTTP 200, success false; the reason stands in one of three places, as at the real venue."""
    answer = client.order(configuration, side)

    told = answer["error_response"]
    places = (told.get("new_order_failure_reason"), told.get("preview_failure_reason", "").removeprefix("PREVIEW_"))
    assert not answer["success"]
    assert reason in places
    assert {"success", "error_response", "order_configuration"} == set(answer)
    assert [] == client.venue.orders()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"side": "SELL"}, "BRACKET_ORDER_NOT_SUPPORTED"),
        ({"attached": {"trigger_bracket_gtc": {"limit_price": "99", "stop_trigger_price": "95"}}},
         "INVALID_BRACKET_PRICES"),
        ({"attached": {"trigger_bracket_gtc": {"limit_price": "110.001", "stop_trigger_price": "95"}}},
         "INVALID_ATTACHED_TAKE_PROFIT_PRICE_PRECISION"),
        ({"attached": {"trigger_bracket_gtc": {"limit_price": "110", "stop_trigger_price": "95.001"}}},
         "INVALID_ATTACHED_STOP_LOSS_PRICE_PRECISION"),
        ({"attached": {"trigger_bracket_gtc": {**ATTACHED["trigger_bracket_gtc"], "base_size": "2"}}},
         "ATTACHED_ORDER_SIZE_MUST_BE_NIL"),
        ({"attached": {"limit_limit_gtc": {}}}, "INVALID_ORDER_TYPE_FOR_ATTACHED"),
        ({"configuration": stop_limit("95", "94"), "side": "SELL"}, "ATTACHED_ORDERS_ONLY_ALLOWED_ON_MARKET_LIMIT"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_attached_order_is_checked(client: Client, changes: dict[str, Any], reason: str) -> None:
    price = "101" if changes.get("side") == "SELL" else "99.90"
    configuration = changes.get("configuration", limit(price))
    attached = changes.get("attached", ATTACHED)

    answer = client.order(configuration, changes.get("side", "BUY"), attached_order_configuration=attached)

    assert f"PREVIEW_{reason}" == answer["error_response"]["preview_failure_reason"]


@pytest.mark.parametrize(
    ("gate", "reason"),
    [
        ("is_disabled", "ORDER_ENTRY_DISABLED"),
        ("cancel_only", "ORDER_ENTRY_DISABLED"),
        ("in_auction", "ORDER_ENTRY_DISABLED"),
        ("trading_disabled", "TRADING_DISABLED"),
    ],
)
def test_closed_gate_keeps_every_order_out(open_venue: Open, gate: str, reason: str) -> None:
    client = open_venue(product=a_product(SOL, **{gate: True}))

    assert reason == client.order(limit())["error_response"]["error"]


def test_limit_only_and_post_only_products_take_no_takers(open_venue: Open) -> None:
    limits = open_venue(product=a_product(SOL, limit_only=True))
    makers = open_venue(product=a_product(SOL, post_only=True))

    refused = [
        limits.order(market(quote_size="10")),
        makers.order({"sor_limit_ioc": {"base_size": "1", "limit_price": "101"}}),
    ]

    assert ["PREVIEW_NOT_ALLOWED_BY_MARKET_STATE"] * 2 == [
        answer["error_response"]["preview_failure_reason"] for answer in refused
    ]
    assert limits.order(limit())["success"]


def test_unknown_product_is_named_in_words(client: Client) -> None:
    told = client.order(limit(), product_id="NONE-USD")["error_response"]

    assert ("INVALID_PRODUCT_ID", "Invalid product_id") == (told["error"], told["message"])


def test_insufficient_funds_are_told_as_recorded(client: Client) -> None:
    told = client.order(market(quote_size="10001"))

    assert {
        "error": "INSUFFICIENT_FUND",
        "message": "Insufficient balance in source account",
        "error_details": "",
        "preview_failure_reason": "PREVIEW_INSUFFICIENT_FUND",
    } == told["error_response"]
    assert {"quote_size": "10001", "rfq_enabled": False, "rfq_disabled": False, "reduce_only": False} == told[
        "order_configuration"
    ]["market_market_ioc"]


def test_stop_above_the_last_trade_is_told_in_one_place_only(client: Client) -> None:
    told = client.order(stop_limit("101", "99"), "SELL")["error_response"]

    assert {
        "error": "UNKNOWN_FAILURE_REASON",
        "message": "",
        "error_details": "",
        "preview_failure_reason": "PREVIEW_STOP_PRICE_ABOVE_LAST_TRADE_PRICE",
    } == told


@pytest.mark.parametrize(
    "changes",
    [
        {"side": "HOLD"},
        {"client_order_id": ""},
        {"client_order_id": "x" * 129},
        {"order_configuration": {"unheard_of": {}}},
        {"order_configuration": "limit"},
        {"order_configuration": {"limit_limit_gtc": {"base_size": 2, "limit_price": "99.9"}}},
        {"order_configuration": {"limit_limit_gtc": {"base_size": "2", "limit_price": "99.9", "post_only": "yes"}}},
        {"order_configuration": {"limit_limit_gtd": {"base_size": "2", "limit_price": "99", "end_time": "soon"}}},
        {"order_configuration": {"stop_limit_stop_limit_gtc": {
            "base_size": "2", "limit_price": "99", "stop_price": "98", "stop_direction": "DOWN"}}},
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_a_bad_request(client: Client, changes: dict[str, Any]) -> None:
    body = {"client_order_id": "x", "product_id": "SOL-USD", "side": "BUY", "order_configuration": limit()}

    answer = client.send("POST", "/orders", body | changes)

    assert 400 == answer.status_code
    assert {"error", "error_details", "message"} == set(answer.json())


def test_camel_case_is_accepted_as_proto_json_does(client: Client) -> None:
    body = {
        "clientOrderId": "camel",
        "productId": "SOL-USD",
        "side": "BUY",
        "orderConfiguration": {"limitLimitGtc": {"baseSize": "2", "limitPrice": "99.90", "postOnly": True}},
    }

    assert client.send("POST", "/orders", body).json()["success"]


def test_preview_estimates_with_the_rate_the_order_would_pay(client: Client) -> None:
    """A post-only order pays the maker's 0.6 %, a market order 1.2 %, which is inside what it spends."""
    resting = client.send("POST", "/orders/preview", _body(limit("99.90", "2"))).json()
    taking = client.send("POST", "/orders/preview", _body(market(quote_size="101.20"))).json()

    assert ("200.9988", "1.1988", [], ["UNKNOWN"], "2") == tuple(
        resting[name] for name in ("order_total", "commission_total", "errs", "warning", "base_size")
    )
    assert ("101.2", "1.2", "99.95", "100.05") == tuple(
        taking[name] for name in ("order_total", "commission_total", "best_bid", "best_ask")
    )
    assert [] == client.venue.orders()


def test_preview_without_funds_has_totals_and_without_sense_has_none(client: Client) -> None:
    poor = client.send("POST", "/orders/preview", _body(limit("99.90", "1000"))).json()
    senseless = client.send("POST", "/orders/preview", _body({})).json()

    assert (["PREVIEW_INSUFFICIENT_FUND"], "100499.4") == (poor["errs"], poor["order_total"])
    assert (["PREVIEW_INVALID_ORDER_CONFIG"], "", []) == (
        senseless["errs"],
        senseless["order_total"],
        senseless["warning"],
    )


def test_edit_preview_totals_the_changed_order(client: Client) -> None:
    order_id = client.placed(limit())

    told = client.send("POST", "/orders/edit_preview", {"order_id": order_id, "price": "99", "size": "3"}).json()

    assert ("298.782", []) == (told["order_total"], told["errors"])


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("PostOrder_insufficient_fund", "/orders"),
        ("CancelOrders_failure", "/orders/batch_cancel"),
        ("EditOrder_failure", "/orders/edit"),
        ("PreviewEditOrder_failure", "/orders/edit_preview"),
        ("PreviewOrder_insufficient_fund", "/orders/preview"),
    ],
)
def test_canned_errors_of_the_static_sandbox_are_served(client: Client, name: str, path: str) -> None:
    answer = client.send("POST", path, {}, headers={"X-Sandbox": name})

    assert 200 == answer.status_code
    assert any(word in answer.text for word in ("INSUFFICIENT_FUND", "UNKNOWN_CANCEL_ORDER", "ORDER_NOT_FOUND"))


def _body(configuration: Any) -> dict[str, Any]:
    return {"product_id": "SOL-USD", "side": "BUY", "order_configuration": configuration}
