"""The venue's answers have the shape of those that were recorded from the real one.

The recordings are not part of the project; they are read where they lie and the tests are skipped where they are not.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from factories_venue import START
from unit.desk.sandbox.venues import Client, limit, market, stop_limit

RECORDINGS = Path(__file__).parents[5] / "shared" / "fixtures" / "coinbase"

HOUR = f"start={START - 3600}&end={START}&granularity=FIVE_MINUTE"

pytestmark = pytest.mark.skipif(not RECORDINGS.is_dir(), reason=f"no recordings at {RECORDINGS}")


def recorded(name: str) -> Any:
    """A recording."""
    return json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8"))


def shape(value: Any, names: frozenset[str] = frozenset()) -> Any:
    """Keys and kinds of values; what a dict of *names* says is left open, since products and orders differ."""
    if isinstance(value, dict):
        return {key: "…" if key in names else shape(each, names) for key, each in value.items()}
    if isinstance(value, list):
        return [shape(value[0], names)] if value else []
    return type(value).__name__


def assert_has(expected: Any, actual: Any, where: str = "") -> None:
    """Everything recorded is there with the same kind of value; empty and absent values fit any."""
    if isinstance(expected, dict):
        assert isinstance(actual, dict), where
        assert [] == [f"{where}.{key}" for key in expected if key not in actual]
        for key, each in expected.items():
            assert_has(each, actual[key], f"{where}.{key}")
    elif isinstance(expected, list) and expected and actual:
        assert_has(expected[0], actual[0], f"{where}[0]")
    elif expected is not None and actual is not None:
        assert type(expected) is type(actual), f"{where}: {expected!r} was recorded, {actual!r} is sent"


def test_product(client: Client) -> None:
    assert_has(recorded("fastmm_product_BTC-USD_live_2026-09-30"), client.public("/market/products/SOL-USD").json())
    assert set(recorded("fastmm_product_BTC-USD_live_2026-09-30")) == set(client.get("/products/SOL-USD"))


def test_products(client: Client) -> None:
    assert_has(recorded("cotiq_get_products"), client.get("/products"))


def test_finished_order(client: Client) -> None:
    order_id = client.placed(limit())
    client.venue.set_price("SOL-USD", "99")

    assert_has(recorded("cotiq_get_order_filled"), client.get(f"/orders/historical/{order_id}"))


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("cotiq_get_accounts", "/accounts"),
        ("ccxt_doc_fills_BTC-USDT_size_in_quote", "/orders/historical/fills"),
        ("ccxt_doc_orders_batch_BTC-USDT_market_buy_quote_size", "/orders/historical/batch"),
        ("cotiq_get_product_book", "/product_book?product_id=SOL-USD"),
        ("cotiq_get_best_bid_ask", "/best_bid_ask"),
        ("cotiq_get_product_market_trades", "/products/SOL-USD/ticker"),
        ("fastmm_time_live_2026-09-30", "/time"),
        ("cotiq_get_product_candles", f"/products/SOL-USD/candles?{HOUR}"),
    ],
)  # fmt: skip
def test_list(client: Client, name: str, path: str) -> None:
    client.placed(market(quote_size="10"))
    route, _, query = path.partition("?")

    answer = client.get(route, **dict(pair.split("=") for pair in query.split("&") if pair))

    assert_has(recorded(name), answer)


def test_fee_summary(client: Client) -> None:
    """Its totals are whole numbers while nothing was traded, which JSON writes as it pleases."""
    expected = recorded("cotiq_get_transaction_summary")
    client.placed(market(quote_size="10"))

    assert set(expected) <= set(client.get("/transaction_summary"))
    assert_has(expected["fee_tier"], client.get("/transaction_summary")["fee_tier"])


def test_order_taken(client: Client) -> None:
    expected, answer = recorded("cotiq_post_create_order_success"), client.order(limit())

    assert shape(expected) == shape(answer)


def test_order_refused(client: Client) -> None:
    names = frozenset({"limit_limit_gtc", "market_market_ioc", "stop_limit_stop_limit_gtc"})
    poor = client.order(limit("99.90", "200"))
    spent = client.order(market(quote_size="50000.0"))
    above = client.order(stop_limit("101", "99"), "SELL")

    assert recorded("cotiq_post_create_order_insufficient_fund")["error_response"] == poor["error_response"]
    assert shape(recorded("other_create_order_insufficient_fund_market_2026-02-16")) == shape(spent)
    expected = recorded("ccxt_doc_create_order_failure_stop_above_last")
    assert (shape(expected, names), expected["error_response"]) == (shape(above, names), above["error_response"])


@pytest.mark.parametrize("name", ["success", "insufficient_fund", "invalid_config"])
def test_preview(client: Client, name: str) -> None:
    expected = recorded(f"cotiq_post_preview_order_{name}")
    size, configuration = ("1000" if name == "insufficient_fund" else "1"), {}
    if name != "invalid_config":
        configuration = limit("99.90", size)
    body = {"product_id": "SOL-USD", "side": "BUY", "order_configuration": configuration}

    answer = client.send("POST", "/orders/preview", body).json()

    assert_has(expected, answer)
    assert (expected["errs"], expected["warning"]) == (answer["errs"], answer["warning"])


def test_cancellation(client: Client) -> None:
    stranger = recorded("cotiq_post_cancel_order_fail")
    name = stranger["results"][0]["order_id"]

    assert stranger["results"] == client.cancel(name)
    assert shape(recorded("cotiq_post_cancel_order_success")["results"]) == shape(client.cancel(client.placed(limit())))


def test_edit(client: Client) -> None:
    """What one client recorded is not what the official one can read, so it comes on demand only."""
    order_id = client.placed(limit())
    client.venue.faults.add("errors_as_object", "POST", "/orders/edit")

    answer = client.send("POST", "/orders/edit", {"order_id": order_id, "price": "99", "size": "2"})

    assert recorded("ccxt_doc_edit_order_success") == answer.json()


def test_words_of_refusals_are_members_of_the_venues_enums() -> None:
    """Every reason in the sources is one the venue has."""
    enums = recorded("enums")
    known = set(enums["spec_NewOrderFailureReason"]) | set(enums["spec_EditOrderFailureReason"])
    known |= {name.removeprefix("PREVIEW_") for name in enums["doc_PreviewFailureReason"]}
    sources = Path(__file__).parents[4] / "src" / "desk" / "sandbox"
    words = set()
    for file in ("checks", "configurations", "reasons"):
        text = (sources / f"{file}.py").read_text(encoding="utf-8")
        words |= set(re.findall(r'"([A-Z]+(?:_[A-Z]+)+)"', text))

    assert words
    assert set() == {word for word in words if not word.startswith(("STOP_DIRECTION", "PREVIEW_", "UNKNOWN_"))} - known
