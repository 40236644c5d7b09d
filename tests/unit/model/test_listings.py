"""What a row about a product comes to: usable or not, and what is kept of before; which rows share an order book."""

from __future__ import annotations

from dataclasses import fields, replace
from decimal import Decimal
from typing import Any

import pytest

from factories_market import NOW, a_product
from trader.errors import DataError, MalformedData, MissingData
from trader.model.cycle_state import ProductCache
from trader.model.flaws import find_flaw
from trader.model.ids import Asset, ProductId
from trader.model.listings import UnusableSizes, list_books, merge_row, remember_row
from trader.model.market import Product

BTC = ProductId("BTC-USD")
INCREMENTS = ["base_increment", "price_increment", "quote_increment"]
LIMITS = ["base_size_min", "base_size_max", "quote_size_min", "quote_size_max"]
NUMBERS = [*INCREMENTS, *LIMITS, "volume_24h", "price"]
#: Numbers with which nothing can be computed, or that cannot be meant by anybody.
NONSENSE = ["-1", "-1e-18", "NaN", "sNaN", "Infinity", "-Infinity", "1e19", "1e30", "1e-19", "1e999999", "0e999999"]
FLAGS = {"cancel_only": True, "status": "delisted"}


def with_number(name: str, value: str) -> Product:
    return a_product(**{name: Decimal(value)})


@pytest.mark.parametrize(
    "over",
    [
        {},
        {"price": None},
        {"price": Decimal(0)},
        {"volume_24h": Decimal(0)},
        {"base_size_min": Decimal(0), "quote_size_min": Decimal(0)},
        {"base_size_min": Decimal("0.000000000000000000000")},
        {"base_increment": Decimal("1e-18")},
        {"base_increment": Decimal(1000), "price_increment": Decimal("1e-12"), "price": Decimal("1e-9")},
        {"price_increment": Decimal(100)},
        {"base_size_min": Decimal(3400), "base_size_max": Decimal(3400)},
        {"base_size_max": Decimal("11996772.8407292192545075")},
        {"base_size_min": Decimal("26.7187"), "base_increment": Decimal("0.1")},
    ],
    ids=str,
)
def test_product_that_orders_can_be_made_by_has_no_flaw(over: dict[str, Any]) -> None:
    """Sizes of every scale that were ever listed; a dead product has no price, and a limit may be met."""
    assert find_flaw(a_product(**over)) is None


@pytest.mark.parametrize("value", NONSENSE)
@pytest.mark.parametrize("name", NUMBERS)
def test_number_that_cannot_be_meant_is_a_flaw(name: str, value: str) -> None:
    """It is named, with what it must be."""
    flaw = find_flaw(with_number(name, value))

    assert flaw is not None
    assert flaw.startswith(f"{name}: {Decimal(value)} must be ")


@pytest.mark.parametrize("value", ["0", "-0", "0.000", "0e-8"])
@pytest.mark.parametrize("name", [*INCREMENTS, "base_size_max", "quote_size_max"])
def test_increment_and_maximum_of_zero_are_flaws(name: str, value: str) -> None:
    """Accident 42."""
    flaw = find_flaw(with_number(name, value))

    assert flaw is not None
    assert flaw.startswith(f"{name}: {Decimal(value)} must be above 0")


@pytest.mark.parametrize(
    ("over", "said"),
    [
        ({"base_increment": "3401"}, "base_increment: 3401 must be at most 3400"),
        ({"quote_increment": "150000001"}, "quote_increment: 150000001 must be at most 150000000"),
        ({"price_increment": "100.01"}, "price_increment: 100.01 must be at most 100"),
        ({"base_size_min": "3401"}, "base_size_max: 3400 must be above 0 and at least base_size_min, 3401"),
        ({"quote_size_min": "150000001"}, "quote_size_max: 150000000 must be above 0 and at least quote_size_min"),
        (
            {"base_size_min": "2", "quote_size_max": "199"},
            "base_size_min: worth 200, it must be at most quote_size_max",
        ),
    ],
    ids=str,
)
def test_numbers_that_leave_room_for_no_order_are_a_flaw(over: dict[str, str], said: str) -> None:
    """One step is more than all there may be, or a minimum more than its maximum."""
    flaw = find_flaw(a_product(**{name: Decimal(value) for name, value in over.items()}))

    assert flaw is not None
    assert flaw.startswith(said)


# --- merging


@pytest.mark.parametrize("value", NONSENSE)
@pytest.mark.parametrize("name", NUMBERS)
def test_number_that_cannot_be_meant_gives_way_to_that_of_before(name: str, value: str) -> None:
    """Flags and all other numbers are those of now."""
    before, answer = a_product(), replace(with_number(name, value), **FLAGS)

    merged, cause = merge_row(answer, before)

    assert replace(before, **FLAGS) == merged
    assert find_flaw(answer) == cause
    assert (None, cause) == merge_row(answer, None)


def test_every_number_of_a_row_may_be_senseless_at_once() -> None:
    """Then all of before serve; of several, each by itself."""
    before = a_product()
    answer = a_product(**dict.fromkeys(NUMBERS, Decimal("NaN")), **FLAGS)
    mixed = a_product(base_increment=Decimal(9999), price_increment=Decimal(0), quote_size_max=Decimal(-1))

    assert replace(before, **FLAGS) == merge_row(answer, before)[0]
    assert before == merge_row(mixed, before)[0]


def test_limits_that_contradict_are_remembered_as_they_were() -> None:
    """For now they may be meant: nothing can be sold by them."""
    before, answer = a_product(), a_product(base_size_min=Decimal(9999), **FLAGS)

    assert answer == merge_row(answer, before)[0]
    assert replace(before, **FLAGS) == remember_row(answer, before)[0]
    assert (None, find_flaw(answer)) == remember_row(answer, None)


@pytest.mark.parametrize("over", [{"price": Decimal("0.001")}, {"quote_size_max": Decimal("1e-6")}], ids=str)
def test_what_is_remembered_has_no_flaw(over: dict[str, Any]) -> None:
    """A price below the increment: which of the two is wrong nobody knows; the next run must not throw both away."""
    remembered, cause = remember_row(a_product(**over, **FLAGS), a_product())

    assert replace(a_product(), **FLAGS) == remembered
    assert "must be" in cause


def test_row_that_was_not_read_whole_tells_its_flags() -> None:
    """Its numbers are those of before, if there are any, and if it is about the same assets."""
    before = a_product()
    told = {"product_id": BTC, "base": before.base, "quote": before.quote, **FLAGS}
    answer, other = UnusableSizes("odd", told), UnusableSizes("odd", {**told, "quote": Asset("EUR")})

    assert (replace(before, **FLAGS), "odd") == merge_row(answer, before) == remember_row(answer, before)
    assert (None, "odd") == merge_row(answer, None)
    assert (None, "the row is about BTC and EUR") == merge_row(other, before)


@pytest.mark.parametrize("error", [MissingData("gone"), MalformedData("odd")])
def test_answer_that_tells_nothing_gives_no_product(error: DataError) -> None:
    """Whatever was known: the caller decides whether that serves without flags."""
    assert (None, str(error)) == merge_row(error, a_product())


def test_sound_row_is_taken_as_it_is() -> None:
    """One about other assets is not."""
    assert (a_product(**FLAGS), "") == merge_row(a_product(**FLAGS), a_product())
    assert (a_product(), "") == merge_row(a_product(), None)
    assert (None, "the row is about XYZ and USD") == merge_row(a_product(base=Asset("XYZ")), a_product())


def test_every_number_of_a_product_is_judged() -> None:
    """A new one is judged as well, or this fails."""
    numbers = {each.name for each in fields(Product) if isinstance(getattr(a_product(), each.name), Decimal)}

    assert set(NUMBERS) == numbers


# --- the cache


def a_cache(*products: Product, **causes: str) -> ProductCache:
    return ProductCache(NOW, products, {ProductId(name.replace("_", "-")): cause for name, cause in causes.items()})


def test_cache_keeps_the_last_row_that_made_sense_and_says_what_is_wrong_with_the_newest() -> None:
    """Until a sound one comes."""
    before = a_cache(a_product())

    odd = before.renew({BTC: a_product(base_increment=Decimal(0), **FLAGS)})
    sound = odd.renew({BTC: a_product()})

    assert ((replace(a_product(), **FLAGS),), [BTC]) == (odd.products, list(odd.causes))
    assert before == sound


@pytest.mark.parametrize("answers", [{}, {BTC: MissingData("not in the answer")}], ids=["not asked", "not answered"])
def test_cache_does_not_forget_what_was_not_answered(answers: dict[ProductId, DataError]) -> None:
    """Nor what was wrong with it."""
    for cache in (a_cache(a_product()), a_cache(a_product(), BTC_USD="odd"), a_cache(BTC_USD="odd")):
        assert cache == cache.renew(answers)


def test_cache_of_an_older_release_is_cleared_of_what_no_order_can_be_made_by() -> None:
    """The rest stays as it is."""
    sound, odd = a_product("ETH-USD"), a_product(base_increment=Decimal(0))

    cleared = a_cache(sound, odd).drop_unusable()

    assert a_cache(sound, BTC_USD="base_increment: 0 must be above 0") == cleared
    assert cleared.drop_unusable() is cleared


# --- order books


def test_listings_of_a_book_begin_with_one_that_takes_orders() -> None:
    """Of several the canonical one; products of other books stand alone."""
    alias = a_product("BTC-USDC", alias=BTC)
    tether = a_product("BTC-USDT")

    assert {BTC: (BTC, "BTC-USDC"), "BTC-USDT": ("BTC-USDT",)} == list_books([alias, tether, a_product()])
    assert {BTC: ("BTC-USDC", BTC)} == list_books([a_product(view_only=True), alias])
    assert {BTC: (BTC, "BTC-USDC")} == list_books([a_product(view_only=True), replace(alias, cancel_only=True)])
    assert {BTC: ("BTC-USDC",)} == list_books([alias])
    assert {BTC: (BTC,)} == list_books([a_product(alias=BTC)])
