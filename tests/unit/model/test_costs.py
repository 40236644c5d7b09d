"""What a round trip costs, and what a trade must promise to be worth it."""

from decimal import Decimal

from factories import a_quote
from trader.model.costs import hurdle_pct, round_trip_ratio
from trader.model.market import FeeRates

FEES = FeeRates(maker=Decimal("0.005"), taker=Decimal("0.009"))
#: 99.95 to 100.05: ten basis points.
QUOTE = a_quote(bid="99.95", ask="100.05")


def test_maker_entry_pays_maker_and_taker_fee_spread_and_slippage() -> None:
    """0.5 % + 0.9 % + 0.1 % + 0.1 %: the exit always counts as a taker, because a stop is one."""
    cost = round_trip_ratio(FEES, QUOTE, Decimal(10), entry_takes=False)

    assert Decimal("0.016") == cost


def test_taker_entry_pays_the_taker_fee_and_slippage_twice() -> None:
    """0.9 % + 0.9 % + 0.1 % + 2 × 0.1 %."""
    cost = round_trip_ratio(FEES, QUOTE, Decimal(10), entry_takes=True)

    assert Decimal("0.021") == cost


def test_hurdle_is_the_cost_in_percent_times_the_multiple() -> None:
    """1.6 % of cost, one and a half times."""
    assert Decimal("2.4000") == hurdle_pct(Decimal("0.016"), Decimal("1.5"))
