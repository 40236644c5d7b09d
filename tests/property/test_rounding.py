"""Rounding is always against us, and never by more than one increment."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from property.strategies import World, eager_worlds, worlds
from trader.model.money import ceil_to, floor_to, is_multiple, plain
from trader.model.orders import OrderConfiguration, OrderIntent, OrderPurpose, Side
from trader.model.trading_state import TradingState

INCREMENTS = st.builds(
    lambda digit, places: Decimal(digit).scaleb(-places), st.sampled_from((1, 1, 2, 5, 25)), st.integers(-2, 10)
)
VALUES = st.builds(
    lambda number, places: Decimal(number).scaleb(-places), st.integers(-(10**14), 10**16), st.integers(0, 12)
)
#: Any finite decimal, whatever its exponent.
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20)

RUNNING = st.one_of(worlds(switches=st.just(TradingState.RUN)), eager_worlds())


@given(VALUES, INCREMENTS)
def test_floor_is_the_largest_multiple_not_above(value: Decimal, increment: Decimal) -> None:
    """At most the value, less than one increment below it, and a whole number of increments."""
    floor = floor_to(value, increment)

    assert floor <= value < floor + increment
    assert (Fraction(floor) / Fraction(increment)).denominator == 1


@given(VALUES, INCREMENTS)
def test_ceiling_is_the_smallest_multiple_not_below(value: Decimal, increment: Decimal) -> None:
    """At least the value, less than one increment above it, and a whole number of increments."""
    ceiling = ceil_to(value, increment)

    assert ceiling - increment < value <= ceiling
    assert (Fraction(ceiling) / Fraction(increment)).denominator == 1


@given(VALUES, INCREMENTS)
def test_what_is_round_stays_as_it_is(value: Decimal, increment: Decimal) -> None:
    """Rounding twice is rounding once, and both directions agree on a multiple."""
    floor = floor_to(value, increment)

    assert floor == floor_to(floor, increment) == ceil_to(floor, increment)
    assert ceil_to(value, increment) - floor in (0, increment)


@given(VALUES, INCREMENTS)
def test_what_is_a_multiple_leaves_no_remainder(value: Decimal, increment: Decimal) -> None:
    """And what is none does."""
    assert is_multiple(value, increment) is ((Fraction(value) / Fraction(increment)).denominator == 1)
    assert is_multiple(floor_to(value, increment), increment)


@given(VALUES, VALUES, INCREMENTS)
def test_rounding_keeps_the_order(one: Decimal, other: Decimal, increment: Decimal) -> None:
    """The larger value never rounds to the smaller result."""
    low, high = sorted((one, other))

    assert floor_to(low, increment) <= floor_to(high, increment)
    assert ceil_to(low, increment) <= ceil_to(high, increment)


@given(DECIMALS)
def test_plain_text_has_no_exponent_and_is_read_back_the_same(value: Decimal) -> None:
    """Only digits, a sign and a point; no zero at the end of a fraction; the same number."""
    text = plain(value)

    assert set(text) <= set("-0123456789.")
    assert Decimal(text) == value
    assert "." not in text or text[-1] not in "0."


@given(DECIMALS, st.integers(0, 6))
def test_plain_text_depends_on_the_number_alone(value: Decimal, zeros: int) -> None:
    """Zeros behind the point, however they came there, make no other text."""
    padded = Decimal((value.as_tuple().sign, (*value.as_tuple().digits, *(0,) * zeros), _exponent(value) - zeros))

    assert plain(value) == plain(padded)


@given(RUNNING)
def test_entry_costs_no_more_than_was_approved(world: World) -> None:
    """Quantity × limit stays within the approval, and with its fee within the approval and its fee, exactly."""
    review = world.review()
    approved: dict[tuple[str, str], Fraction] = {}
    for approval in review.approvals:
        key = approval.proposal.strategy, approval.proposal.base
        approved[key] = approved.get(key, Fraction(0)) + Fraction(approval.notional)

    for intent in world.plan(review).intents:
        if intent.purpose is OrderPurpose.ENTRY:
            room, fee = approved[intent.strategy, intent.base], 1 + Fraction(intent.fee_rate_max)
            assert Fraction(intent.quantity) * Fraction(intent.limit_price) <= room
            assert Fraction(intent.cost_max) <= room * fee


@given(RUNNING)
def test_everything_sent_fits_the_increments_of_its_product(world: World) -> None:
    """Sizes and all prices are multiples, sizes within the venue's bounds, notionals at its minimum or above."""
    for intent in world.plan().intents:
        product = world.market.products[intent.product_id]
        prices = [intent.limit_price, intent.stop_price]
        prices += [intent.bracket.stop_price, intent.bracket.target_price] if intent.bracket else []

        assert intent.quantity % product.base_increment == 0
        assert product.base_size_min <= intent.quantity <= product.base_size_max
        assert all(price > 0 and price % product.price_increment == 0 for price in prices if price is not None)
        worst = intent.limit_price if intent.stop_price is None else intent.stop_price
        assert worst * intent.quantity >= product.quote_size_min


@given(RUNNING)
def test_entry_never_pays_more_than_it_may(world: World) -> None:
    """A maker bids at most the best bid; a taker at least the ask and at most its tier's slippage above the mid."""
    for intent in world.plan().intents:
        if intent.purpose is not OrderPurpose.ENTRY:
            continue
        quote = world.market.quotes[intent.product_id]
        if intent.configuration is OrderConfiguration.POST_ONLY_GTD:
            assert (
                quote.bid - world.market.products[intent.product_id].price_increment < intent.limit_price <= quote.bid
            )
        else:
            tier = world.settings.universe.tiers[world.portfolio.tiers[intent.base]]
            assert quote.ask <= intent.limit_price <= quote.mid * (1 + tier.slippage_bps_max / 10_000)


@given(RUNNING)
def test_exit_never_sells_below_its_slippage(world: World) -> None:
    """Never under the bid less the widest slippage, nor under that of its attempt; never more than the lot."""
    rules, ledger = world.settings.execution, world.portfolio.ledger
    for intent in world.plan().intents:
        if intent.purpose is not OrderPurpose.EXIT:
            continue
        bid = world.market.quotes[intent.product_id].bid
        bps = rules.exit_slippage_bps + rules.exit_slippage_step_bps * intent.attempt
        assert intent.limit_price >= bid * (1 - min(bps, rules.exit_slippage_bps_max) / 10_000)
        assert intent.quantity <= ledger.lots[intent.lot_id].quantity


@given(RUNNING)
def test_bracket_is_rounded_towards_us(world: World) -> None:
    """Stop and target are never below the wished percentage, and the entry lies between them."""
    proposals = {(each.strategy, each.base): each for each in world.proposals if each.side is Side.BUY}
    for intent in world.plan().intents:
        if intent.purpose is not OrderPurpose.ENTRY:
            continue
        wish = proposals[intent.strategy, intent.base]
        stop, target = _bracket(intent)
        assert intent.limit_price * (1 - wish.stop_loss_pct / 100) <= stop < intent.limit_price
        assert intent.limit_price * (1 + wish.take_profit_pct / 100) <= target


def _bracket(intent: OrderIntent) -> tuple[Decimal, Decimal]:
    assert intent.bracket is not None
    return intent.bracket.stop_price, intent.bracket.target_price


def _exponent(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)
    return exponent


def test_zero_is_plain_however_it_is_written() -> None:
    """No sign, no point, no exponent."""
    assert {"0"} == {plain(Decimal(text)) for text in ("0", "0.000", "0E+5", "0E-12")}
