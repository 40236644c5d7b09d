"""The bytes of an order: the same for the same intent, and saying what was decided."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factories_venue import (
    SOL_USDC,
    USDC,
    a_bracket,
    a_convert,
    a_limit,
    a_protected_intent,
    a_stop_limit,
    a_taker,
    an_exit,
    an_intent,
)
from trader.adapters.coinbase.wire.requests import (
    encode_conversion_commit,
    encode_conversion_quote,
    encode_order,
    encode_preview,
)
from trader.errors import InvariantViolation
from trader.model.money import Price, Quantity
from trader.model.orders import OrderConfiguration


def test_entry_is_post_only_on_the_wire() -> None:
    """Accident 18: the flag that was dropped cost taker fees on every maker order."""
    body = json.loads(encode_order(an_intent()))

    assert {
        "client_order_id": "t-entry",
        "product_id": "SOL-USD",
        "side": "BUY",
        "order_configuration": {
            "limit_limit_gtd": {
                "base_size": "2",
                "limit_price": "99.9",
                "end_time": "2026-11-22T12:10:00Z",
                "post_only": True,
            }
        },
    } == body
    assert body["order_configuration"]["limit_limit_gtd"]["post_only"] is True


def test_attached_bracket_has_prices_and_no_size() -> None:
    """The size is inherited; one that is sent is an error."""
    body = json.loads(encode_order(a_protected_intent()))

    assert {"trigger_bracket_gtc": {"limit_price": "110", "stop_trigger_price": "95"}} == body[
        "attached_order_configuration"
    ]


def test_bracket_that_is_not_to_be_attached_stays_home() -> None:
    """It is sent on its own after the fill."""
    intent = replace(a_protected_intent(), attach_bracket=False)

    assert "attached_order_configuration" not in json.loads(encode_order(intent))


def test_taker_is_immediate_or_cancelled() -> None:
    """Buying through the USDC door."""
    body = json.loads(encode_order(a_taker(product_id=SOL_USDC, quote=USDC)))

    assert "SOL-USDC" == body["product_id"]
    assert {"sor_limit_ioc": {"base_size": "2", "limit_price": "101"}} == body["order_configuration"]


def test_exit_sells() -> None:
    """By base size, as every sale must be."""
    body = json.loads(encode_order(an_exit()))

    assert ("SELL", {"sor_limit_ioc": {"base_size": "2", "limit_price": "99"}}) == (
        body["side"],
        body["order_configuration"],
    )


def test_separate_bracket_has_size_target_and_stop() -> None:
    """Target as limit price, stop as trigger."""
    expected = {"trigger_bracket_gtc": {"base_size": "2", "limit_price": "110", "stop_trigger_price": "95"}}

    assert expected == json.loads(encode_order(a_bracket()))["order_configuration"]


def test_stop_limit_has_both_prices_and_points_down() -> None:
    """The stop of a lot without a target."""
    part = {
        "base_size": "2",
        "limit_price": "90.25",
        "stop_price": "95",
        "stop_direction": "STOP_DIRECTION_STOP_DOWN",
    }

    assert {"stop_limit_stop_limit_gtc": part} == json.loads(encode_order(a_stop_limit()))["order_configuration"]


@pytest.mark.parametrize(
    ("kind", "post_only"), [(OrderConfiguration.LIMIT_GTC, False), (OrderConfiguration.POST_ONLY_GTC, True)]
)
def test_limit_without_a_date_says_whether_it_may_take(kind: OrderConfiguration, post_only: bool) -> None:
    """One key of the venue, two kinds of ours."""
    expected = {"limit_limit_gtc": {"base_size": "2", "limit_price": "101", "post_only": post_only}}

    assert expected == json.loads(encode_order(a_limit(configuration=kind)))["order_configuration"]


def test_preview_is_the_order_without_its_id() -> None:
    """The venue refuses the id there."""
    order = json.loads(encode_order(an_intent()))
    del order["client_order_id"]

    assert order == json.loads(encode_preview(an_intent()))


@given(
    quantity=st.decimals(Decimal("1e-12"), Decimal("1e12"), allow_nan=False),
    price=st.decimals(Decimal("1e-10"), Decimal("1e10"), allow_nan=False),
)
def test_numbers_are_plain_and_exact(quantity: Decimal, price: Decimal) -> None:
    """No exponent, no digit lost, and twice the same bytes."""
    intent = a_taker(quantity=Quantity(quantity), limit_price=Price(price))

    body = encode_order(intent)

    terms = json.loads(body)["order_configuration"]["sor_limit_ioc"]
    assert (quantity, price) == (Decimal(terms["base_size"]), Decimal(terms["limit_price"]))
    assert not any(mark in text for text in terms.values() for mark in "eE")
    assert body == encode_order(intent)


def test_bytes_have_one_order_and_no_spaces() -> None:
    """Whatever built them, in whatever process."""
    body = encode_order(an_intent())

    assert json.dumps(json.loads(body), sort_keys=True, separators=(",", ":")).encode() == body


@pytest.mark.parametrize(
    "intent",
    [
        an_intent(expires_at=None),
        replace(a_bracket(), stop_price=None),
        a_stop_limit(stop_price=None),
        an_intent(attach_bracket=True),
    ],
    ids=["no date", "no stop", "no stop of a stop-limit", "no bracket"],
)
def test_intent_that_lacks_what_its_kind_needs_is_our_bug(intent) -> None:  # type: ignore[no-untyped-def]
    """Nothing is sent instead of something else."""
    with pytest.raises(InvariantViolation):
        encode_order(intent)


def test_conversion_names_both_assets() -> None:
    """The amount is part of the question only."""
    assert {"from_account": "USD", "to_account": "USDC", "amount": "100"} == json.loads(
        encode_conversion_quote(a_convert())
    )
    assert {"from_account": "USD", "to_account": "USDC"} == json.loads(encode_conversion_commit(a_convert()))
