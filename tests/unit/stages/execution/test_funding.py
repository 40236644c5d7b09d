"""Which quote asset pays: the one we hold, in the preferred order, else one converted into it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from factories import (
    CYCLE,
    NOW,
    PREFIX,
    SCOPE,
    USD,
    USDC,
    USDT,
    a_ledger,
    a_market,
    a_portfolio,
    a_product,
    an_intent,
    shipped_settings,
)
from trader.model.conversions import ConversionIntent
from trader.model.ids import Asset, Instant, ProductId, client_order_id
from trader.model.market import Product
from trader.model.money import Notional
from trader.stages.execution.funding import BuyingPower, Funding

SOL = a_product("SOL-USD")
SOL_USDC = a_product("SOL-USDC", alias=ProductId("SOL-USD"))
SOL_USDT = a_product("SOL-USDT")


def a_purse(
    cash: str | Mapping[Asset, str],
    *,
    available: Mapping[Asset, str] | None = None,
    pegs: Mapping[Asset, Decimal] | None = None,
    depegged: Mapping[Asset, Instant] | None = None,
    working: Any = (),
    **rules: Any,
) -> BuyingPower:
    settings = shipped_settings()
    ledger = a_ledger(cash=cash, working=working, depegged=depegged or {})
    limits = None if available is None else {asset: Decimal(amount) for asset, amount in available.items()}
    return BuyingPower(
        replace(settings.execution, **rules),
        settings.risk,
        a_portfolio(ledger, **({} if pegs is None else {"pegs": pegs})),
        a_market(SOL, available=limits),
    )


def funded(buying_power: BuyingPower, cost: str, *books: Product) -> tuple[str, Decimal, Asset | None] | None:
    funding = buying_power.reserve(books or (SOL, SOL_USDC), Notional(cost))
    return None if funding is None else (funding.product.product_id, funding.amount, funding.convert_from)


# --- what is free


def test_free_is_what_working_orders_leave_and_the_venue_has() -> None:
    """The smaller of the two: what is in the books, and what is there."""
    working = [an_intent()]

    books, venue = (
        funded(a_purse("1000", working=working, **there), "1000", SOL) for there in ({}, {"available": {USD: "300"}})
    )

    assert [("SOL-USD", Decimal(900), None), ("SOL-USD", Decimal(300), None)] == [books, venue]


def test_money_of_the_owner_is_not_ours_to_spend() -> None:
    """Accident 12: a million in the account does not make our books larger."""
    assert Decimal(1000) == a_purse("1000", available={USD: "1000000"}).free[USD]


def test_asset_the_venue_does_not_list_is_not_there() -> None:
    """Whatever the books say."""
    assert a_purse("1000", available={}).reserve([SOL], Notional(1)) is None


# --- which book


def test_first_preferred_quote_that_covers_the_cost_pays() -> None:
    """USD before USDC before USDT, whatever the order of the books."""
    rich = {USD: "500", USDC: "500", USDT: "500"}

    assert ("SOL-USD", Decimal(100), None) == funded(a_purse(rich), "100", SOL_USDT, SOL_USDC, SOL)
    assert ("SOL-USDT", Decimal(100), None) == funded(
        a_purse(rich, preferred_quotes=(USDT, USDC, USD)), "100", SOL, SOL_USDT
    )


def test_alias_book_is_used_for_the_asset_we_hold() -> None:
    """With USDC only, SOL-USDC is bought, and nothing converted."""
    assert ("SOL-USDC", Decimal(100), None) == funded(a_purse({USD: "99.99", USDC: "500"}), "100")


def test_book_that_is_closed_is_passed_by() -> None:
    """Its flags are read for every door."""
    closed = replace(SOL, trading_disabled=True)

    assert ("SOL-USDC", Decimal(100), None) == funded(a_purse({USD: "500", USDC: "500"}), "100", closed, SOL_USDC)


def test_cost_itself_is_covered() -> None:
    """To the last cent."""
    assert ("SOL-USD", Decimal(100), None) == funded(a_purse("100"), "100")


# --- conversion


def test_short_of_the_quote_asset_it_is_converted() -> None:
    """40 are there, 60 come from USDC."""
    assert ("SOL-USD", Decimal(100), USDC) == funded(a_purse({USD: "40", USDC: "60"}), "100")


def test_conversion_needs_all_of_what_is_missing() -> None:
    """59.99 do not fill a gap of 60: then there is what there is, on the richest book."""
    assert ("SOL-USDC", Decimal("59.99"), None) == funded(a_purse({USD: "40", USDC: "59.99"}), "100")


@pytest.mark.parametrize("rules", [{"auto_convert": False}, {"conversion_pairs": ("USD-USDC",)}])
def test_nothing_is_converted_that_may_not_be(rules: dict[str, Any]) -> None:
    """Switched off, or not that way round."""
    buying_power = a_purse({USDC: "500"}, **rules)

    assert funded(buying_power, "100", SOL) is None


def test_conversion_is_made_up_to_a_cent() -> None:
    """100.123 of which 40 are there: 60.13, named after the decision."""
    buying_power = a_purse({USD: "40", USDC: "500"})
    funding = buying_power.reserve([SOL], Notional("100.123"))
    assert funding is not None

    conversion = buying_power.use(funding, Notional("100.123"))

    amount = Notional("60.13")
    conversion_id = client_order_id(PREFIX, SCOPE, CYCLE, "convert", USDC, USD, amount, 1)
    assert ConversionIntent(conversion_id, CYCLE, USDC, USD, amount, NOW) == conversion
    assert {USD: Decimal("0.007"), USDC: Decimal("439.87"), USDT: Decimal(0)} == buying_power.free


def test_nothing_is_converted_once_rounding_made_the_order_cheap_enough() -> None:
    """100 were asked for, 80 it costs, 90 are there: a conversion of less than nothing must not leave."""
    buying_power = a_purse({USD: "90", USDC: "500"})

    conversion = buying_power.use(Funding(SOL, Decimal(100), USDC), Notional(80))

    assert conversion is None
    assert (Decimal(10), Decimal(500)) == (buying_power.free[USD], buying_power.free[USDC])


def test_what_the_first_entry_spends_the_second_cannot() -> None:
    """One purse for a whole plan."""
    buying_power = a_purse("150")
    first = buying_power.reserve([SOL], Notional(100))
    assert first is not None
    buying_power.use(first, Notional(100))

    assert ("SOL-USD", Decimal(50), None) == funded(buying_power, "100", SOL)


# --- too little


def test_richest_book_gives_what_there_is() -> None:
    """If neither suffices and nothing can be converted."""
    assert ("SOL-USDC", Decimal(60), None) == funded(a_purse({USD: "20", USDC: "60"}), "100")


def test_without_any_money_there_is_no_funding() -> None:
    """Nor without a book."""
    assert funded(a_purse({USD: "0"}), "100") is None
    assert funded(a_purse("500"), "100", a_product("SOL-EUR")) is None


# --- pegs


@pytest.mark.parametrize("pegs", [{}, {USDC: Decimal("0.984")}])
def test_stable_asset_without_its_peg_neither_pays_nor_is_converted(pegs: dict[Asset, Decimal]) -> None:
    """Accident 13: with no price, or too low a one, it is as if it were not there."""
    assert funded(a_purse({USDC: "500"}, pegs=pegs), "100") is None
    assert funded(a_purse({USD: "500"}, pegs=pegs), "100", SOL_USDC) is None


def test_stable_asset_at_its_limit_pays() -> None:
    """0.985 is still a dollar."""
    assert ("SOL-USDC", Decimal(100), None) == funded(a_purse({USDC: "500"}, pegs={USDC: Decimal("0.985")}), "100")


def test_stable_asset_that_lost_its_peg_lately_does_not_pay_yet() -> None:
    """It is back at a dollar, and rests all the same: nothing is converted into it either."""
    buying_power = a_purse({USD: "500", USDC: "500"}, depegged={USDC: Instant(NOW - 60)})

    assert funded(buying_power, "100", SOL_USDC) is None
    assert ("SOL-USD", Decimal(100), None) == funded(buying_power, "100")


def test_asset_we_count_in_needs_no_peg() -> None:
    """A dollar is a dollar."""
    assert ("SOL-USD", Decimal(100), None) == funded(a_purse("500", pegs={}), "100")
