"""Which quotes of what is held may be believed: fresh, a market, and not absurdly wide."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from factories import NOW, a_ledger, a_lot, a_quote, a_sale, shipped_settings
from factories_market import TIER_3
from trader.model.denials import DenialCode
from trader.model.ids import Asset, ProductId
from trader.model.inputs import BelievedQuotes
from trader.model.market import Quote
from trader.stages.universe.believed_quotes import believe_quotes

BTC, DOGE, NEW = ProductId("BTC-USD"), ProductId("DOGE-USD"), ProductId("NEW-USD")


def believed(*quotes: Quote, held: tuple[str, ...] = (BTC,), multiple: str = "3", **universe: Any) -> BelievedQuotes:
    """What is believed of these quotes, as shipped but for what is said."""
    settings = shipped_settings()
    return believe_quotes(
        a_ledger(lots=[a_lot(each) for each in held]),
        {quote.product_id: quote for quote in quotes},
        {BTC: "GET /best_bid_ask: HTTP 503"},
        NOW,
        replace(settings.universe, **universe),
        replace(settings.exits, spread_multiple_max=Decimal(multiple)),
    )


def wide(product_id: str, bps: str) -> Quote:
    """A quote around 100 with such a spread."""
    half = Decimal(bps) / 200
    return a_quote(product_id, bid=str(100 - half), ask=str(100 + half))


@pytest.mark.parametrize(
    ("quote", "code", "details"),
    [
        (None, DenialCode.QUOTE_MISSING, {"cause": "GET /best_bid_ask: HTTP 503"}),
        (a_quote(time=NOW - 31), DenialCode.QUOTE_STALE, {"age_seconds": 31, "age_seconds_max": 30}),
        (a_quote(time=NOW + 61), DenialCode.QUOTE_STALE, {"age_seconds": -61, "age_seconds_max": 30}),
        (a_quote(bid="100", ask="100"), DenialCode.QUOTE_CROSSED, {"bid": 100, "ask": 100}),
        (a_quote(bid="100", ask="0"), DenialCode.QUOTE_CROSSED, {"bid": 100, "ask": 0}),
        (a_quote(bid="0", ask="100"), DenialCode.QUOTE_CROSSED, {"bid": 0, "ask": 100}),
        (wide("BTC-USD", "60.1"), DenialCode.SPREAD_EXCEEDS_MAX, {"spread_bps": Decimal("60.1"), "spread_bps_max": 60}),
    ],
)
def test_quote_that_is_not_believed_has_its_reason_with_numbers(
    quote: Quote | None, code: DenialCode, details: dict[str, object]
) -> None:
    """Missing, old, from the future, crossed, one-sided, wide."""
    found = believed(*([quote] if quote else []))

    assert ({}, {BTC: (code, details)}) == (found.quotes, found.refusals)
    assert {"unbelieved": code.value, **details} == found.describe(BTC)


@pytest.mark.parametrize("quote", [a_quote(), a_quote(time=NOW - 30), a_quote(time=NOW + 60), wide("BTC-USD", "60")])
def test_limits_themselves_are_believed(quote: Quote) -> None:
    """Thirty seconds old, a minute ahead, three times the spread of the tier."""
    found = believed(quote)

    assert ({BTC: quote}, {}, {}) == (found.quotes, found.refusals, found.describe(BTC))


WIDTHS = [("60", [BTC, DOGE, NEW]), ("105", [DOGE, NEW]), ("180", [NEW]), ("181", [])]


@pytest.mark.parametrize(("bps", "expected"), WIDTHS)
def test_each_tier_has_its_own_room(bps: str, expected: list[ProductId]) -> None:
    """20, 35 and 60 bps, three times; an asset that no tier lists has the dynamic one's."""
    held = (BTC, DOGE, NEW)

    assert expected == list(believed(*(wide(each, bps) for each in held), held=held).quotes)


def test_where_no_tier_discovers_the_last_one_counts() -> None:
    """Whoever holds it still has a limit."""
    tiers = {name: replace(tier, discover_max=0) for name, tier in shipped_settings().universe.tiers.items()}

    assert [NEW] == list(believed(wide(NEW, "180"), held=(NEW,), tiers=tiers).quotes)
    assert TIER_3 == replace(shipped_settings().universe, tiers=tiers).dynamic_tier


def test_multiple_is_a_setting() -> None:
    """Once the tier's spread and no more."""
    assert [[], [BTC]] == [list(believed(wide(BTC, bps), multiple="1").quotes) for bps in ("20.1", "20")]


def test_only_what_is_held_is_judged() -> None:
    """The rest is for the universe: it is neither believed nor left out."""
    other, crossed = a_quote("ETH-USD", time=0), a_quote(bid="100", ask="90")

    found = believed(other, crossed)

    assert [BTC] == list(found.refusals)
    assert {other.product_id: other} == found.filter({BTC: crossed, other.product_id: other})


def test_denial_for_want_of_a_quote_says_why_there_is_none() -> None:
    """Others are left as they are, and so is one of a product that is not held."""
    sale = a_sale(a_lot("BTC-USD"))
    missing = sale.deny("execution", DenialCode.QUOTE_MISSING, product=BTC)
    other = sale.deny("execution", DenialCode.NOTIONAL_BELOW_MIN, quantity=1)
    foreign = replace(missing, product_id=ProductId("ETH-USD"))

    told = believed(a_quote(time=NOW - 86_400)).explain([missing, other, foreign])

    why = {"unbelieved": "QUOTE_STALE", "age_seconds": 86_400, "age_seconds_max": 30}
    assert (replace(missing, details={"product": BTC, **why}), other, foreign) == told


def test_two_listings_of_one_asset_are_judged_each_by_its_quote() -> None:
    """In a stable order."""
    twin = ProductId("BTC-USDC")

    found = believed(a_quote(), a_quote(twin, time=0), held=(twin, BTC))

    assert ([BTC], [twin]) == (list(found.quotes), list(found.refusals))
    assert {Asset("BTC")} == {a_lot(each).base for each in (BTC, twin)}
