"""What a refusal of the venue means for us."""

from __future__ import annotations

import pytest

from trader.model.orders import Rejected
from trader.model.refusals import PRICE_RELATIONS, REFUSALS, RefusalClass, classify_refusal, is_known_refusal


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("INVALID_LIMIT_PRICE_POST_ONLY", RefusalClass.MARKET),
        ("ORDER_ENTRY_DISABLED", RefusalClass.MARKET_STATE),
        ("INSUFFICIENT_FUND", RefusalClass.FUNDS),
        ("INVALID_SIZE_PRECISION", RefusalClass.METADATA),
        ("STOP_PRICE_ABOVE_LAST_TRADE_PRICE", RefusalClass.METADATA),
        ("GEOFENCING_RESTRICTION", RefusalClass.PERMISSION),
        ("DUPLICATE_CLIENT_ORDER_ID", RefusalClass.DUPLICATE),
        ("RISK_PROXY_FAILURE", RefusalClass.EDGE),
        ("account is not available", RefusalClass.PERMISSION),
        ("Insufficient balance in source account", RefusalClass.FUNDS),
        ("Invalid product_id", RefusalClass.MARKET_STATE),
        ("source is not enabled for trading", RefusalClass.PERMISSION),
        ("Missing required scopes", RefusalClass.PERMISSION),
        ("Target Account Not Tradable", RefusalClass.PERMISSION),
    ],
)
def test_known_refusal_has_its_class(reason: str, kind: RefusalClass) -> None:
    """Word or sentence."""
    assert kind is classify_refusal(reason)
    assert kind is Rejected(reason).refusal
    assert is_known_refusal(reason)


def test_word_of_a_preview_is_the_same_word() -> None:
    assert RefusalClass.FUNDS is classify_refusal("PREVIEW_INSUFFICIENT_FUND")
    assert is_known_refusal("PREVIEW_INSUFFICIENT_FUND")


@pytest.mark.parametrize("reason", ["", "NOBODY_KNOWS_THIS", "the account is not available"])
def test_word_that_nobody_knows_is_the_venues_own_trouble(reason: str) -> None:
    assert RefusalClass.EDGE is classify_refusal(reason)
    assert not is_known_refusal(reason)


def test_class_that_is_given_outweighs_the_words() -> None:
    """Of a page no word says what it is."""
    assert RefusalClass.PERMISSION is Rejected("HTTP 403", RefusalClass.PERMISSION).refusal


def test_every_class_has_words() -> None:
    """Prices that do not fit together are metadata until somebody knows the lot."""
    assert set(RefusalClass) == set(REFUSALS.values())
    assert {RefusalClass.METADATA} == {REFUSALS[word] for word in PRICE_RELATIONS}
    assert not any(word.startswith("PREVIEW_") for word in REFUSALS)
