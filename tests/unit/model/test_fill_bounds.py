"""Tests of what the numbers of a fill may be."""

import pytest

from factories import NOW, a_bracket_intent, a_fill, an_exit_intent, an_intent, an_order_record
from trader.model.cycle_state import AcceptedMark
from trader.model.fill_bounds import why_implausible
from trader.model.money import Notional, Price, Quantity, plain
from trader.model.orders import OrderIntent, Side

BUY, SALE, BRACKET = an_intent(), an_exit_intent(), a_bracket_intent()


def why(intent: OrderIntent, mark: str | None = "100", **over: object) -> str | None:
    """Why a fill of one unit at the order's limit, for half a unit of fee, cannot be."""
    numbers: dict[str, object] = {
        "side": intent.side,
        "price": intent.limit_price,
        "quantity": Quantity(1),
        "fee": Notional("0.5"),
    }
    fill = a_fill(intent, **{**numbers, **over})
    return why_implausible(an_order_record(intent), fill, AcceptedMark(Price(mark), NOW) if mark else None)


@pytest.mark.parametrize("intent", [BUY, SALE, BRACKET])
@pytest.mark.parametrize("fee", ["1000000", "-1000000", "25", "-2"])
def test_fee_beyond_any_documented_rate_cannot_be(intent: OrderIntent, fee: str) -> None:
    """Whoever charges a quarter, or pays a fiftieth, means something else."""
    said = why(intent, fee=Notional(fee))

    assert said is not None
    assert said.startswith(f"fee {fee} on {plain(intent.limit_price)}, allowed is from -")


@pytest.mark.parametrize(
    ("price", "quantity", "fee"),
    [
        ("10000", "0.001", "1.25"),
        ("21220.64", "0.00000022068450074920", "0.0000280983986004"),
        ("100", "1", "1.2"),
        ("100", "1", "-0.05"),
        ("0.03", "1", "0.01"),
        ("0.03", "1", "-0.01"),
        ("100", "1", "0"),
    ],
    ids=["the venue's sample", "recorded", "highest rate", "rebate", "rounded up", "tiny rebate", "free"],
)
def test_fee_that_a_venue_charges_is_believed(price: str, quantity: str, fee: str) -> None:
    """What Coinbase shows in its samples, recordings and tables, and a smallest fill rounded to a cent."""
    intent = an_intent(limit_price=Price(price))

    assert why(intent, None, price=Price(price), quantity=Quantity(quantity), fee=Notional(fee)) is None


@pytest.mark.parametrize(
    ("intent", "price"),
    [(SALE, "99500"), (SALE, "201"), (SALE, "89"), (SALE, "0.01"), (BRACKET, "225"), (BRACKET, "84"), (BUY, "49")],
)
def test_price_that_neither_order_nor_market_allows_cannot_be(intent: OrderIntent, price: str) -> None:
    """A sale far below its limit, or at twice what it asks and the market pays; a purchase at half."""
    said = why(intent, price=Price(price))

    assert said is not None
    assert said.startswith(f"price {price}, allowed is from")


@pytest.mark.parametrize(
    ("intent", "price", "mark"),
    [
        (SALE, "99.50", "100"),
        (SALE, "105", "100"),
        (SALE, "310", "300"),
        (BRACKET, "112", "100"),
        (BRACKET, "89.30", "100"),
        (BRACKET, "120", None),
        (BUY, "100", None),
        (BUY, "60", "100"),
        (BUY, "25", "24"),
    ],
    ids=["limit", "better", "waited long", "target", "stop", "no mark", "entry", "cheap entry", "fallen market"],
)
def test_price_within_the_order_and_the_market_is_believed(intent: OrderIntent, price: str, mark: str | None) -> None:
    """The limit, something better, the stop's own limit, and what a market that moved on pays."""
    assert why(intent, mark, price=Price(price)) is None


def test_side_says_which_bound_counts() -> None:
    """What a purchase costs at most is bounded by its intent; only a sale may be too dear here."""
    assert (Side.BUY, Side.SELL) == (BUY.side, SALE.side)
    assert why(BUY, price=Price(1000)) is None
    assert why(SALE, price=Price(1000)) is not None
