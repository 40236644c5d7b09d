"""Parents and their children, the orders that open lots: price, size, time, tries, and what is cut or refused."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pytest

from factories import (
    CYCLE,
    NOW,
    PREFIX,
    RULES,
    SCOPE,
    USD,
    USDC,
    a_ledger,
    a_market,
    a_portfolio,
    a_product,
    a_proposal,
    a_quote,
    an_approval,
    an_edge,
    shipped_settings,
)
from factories_market import TIER_2
from trader.model.conversions import ConversionIntent
from trader.model.decisions import Denial, TradeProposal, Trim
from trader.model.denials import DenialCode
from trader.model.edges import UNMEASURED
from trader.model.ids import Instant, client_order_id
from trader.model.ledger import Ledger
from trader.model.market import FeeRates
from trader.model.money import Notional, Price, Quantity, plain
from trader.model.orders import Bracket, OrderConfiguration, OrderIntent, OrderPurpose, Side
from trader.model.parent_life import ParentStyle
from trader.model.parents import ParentOrder
from trader.model.refusals import RefusalClass
from trader.model.tallies import OrderTally, Refusals
from trader.settings import Settings
from trader.stages.execution import ExecutionContext
from trader.stages.execution.child_orders import plan_child
from trader.stages.execution.funding import BuyingPower
from trader.stages.execution.parent_orders import PlannedParent, plan_parent


@dataclass(frozen=True)
class Made:
    """A parent and the first child that it gets."""

    parent: ParentOrder
    intent: OrderIntent
    conversion: ConversionIntent | None
    trim: Trim | None


def make(
    *,
    notional: str = "300",
    market: ExecutionContext | None = None,
    ledger: Ledger | None = None,
    proposal: TradeProposal | None = None,
    settings: Settings | None = None,
    tries: int = 0,
) -> Made | Denial:
    settings = shipped_settings() if settings is None else settings
    ledger = a_ledger() if ledger is None else ledger
    market = a_market() if market is None else market
    buying_power = BuyingPower(settings.execution, settings.risk, a_portfolio(ledger), market)
    planned = plan_parent(an_approval(proposal, notional=notional), ledger, market, settings, buying_power)
    if isinstance(planned, Denial):
        return planned
    parent = replace(planned.parent, tries=tries)
    child = plan_child(parent, ledger, market, settings, buying_power)
    return child if isinstance(child, Denial) else Made(parent, child, planned.conversion, planned.trim)


def entered(**world: Any) -> Made:
    made = make(**world)
    assert isinstance(made, Made), made
    return made


def refused(**world: Any) -> Denial:
    made = make(**world)
    assert isinstance(made, Denial), made
    return made


# --- the order


def test_entry_is_a_post_only_order_at_the_best_bid() -> None:
    """With its stop, its target, its time limit and the fee it may cost: of as much as 300 buy at the worst price."""
    intent = entered().intent

    parent_id = client_order_id(PREFIX, SCOPE, CYCLE, f"{RULES}|SOL", "PARENT")
    order_id = client_order_id(PREFIX, SCOPE, CYCLE, parent_id, OrderPurpose.ENTRY, 0)
    assert (
        OrderIntent(
            client_order_id=order_id,
            cycle_id=CYCLE,
            strategy=RULES,
            product_id=intent.product_id,
            base=intent.base,
            quote=USD,
            side=Side.BUY,
            purpose=OrderPurpose.ENTRY,
            configuration=OrderConfiguration.POST_ONLY_GTD,
            quantity=Quantity("2.99401197"),
            limit_price=Price("99.99"),
            lot_id=parent_id,
            decided_at=NOW,
            expires_at=Instant(NOW + 600),
            bracket=Bracket(Price("94.00"), Price("111.99")),
            attach_bracket=True,
            max_hold_until=Instant(NOW + 48 * 3600),
            fee_rate_max=Decimal("0.005"),
            reason="price_move up",
        )
        == intent
    )


def test_entry_without_a_time_limit_opens_a_lot_without_one() -> None:
    """All else is as ever."""
    timed = entered().intent

    untimed = entered(proposal=a_proposal("SOL-USD", max_hold_hours=None)).intent

    assert replace(timed, max_hold_until=None) == untimed


def test_entry_lives_for_two_cycles_from_the_scheduled_instant() -> None:
    """A late tick does not give it longer."""
    market = a_market(now=Instant(NOW + 90), scheduled_at=NOW)

    intent = entered(market=market).intent

    assert (NOW + 600, NOW + 90) == (intent.expires_at, intent.decided_at)


@pytest.mark.parametrize(("attach", "expected"), [(True, True), (False, False)])
def test_bracket_travels_along_if_the_settings_say_so(attach: bool, expected: bool) -> None:
    """Either way the entry knows what protection its lot is to have."""
    settings = shipped_settings()
    settings = replace(settings, execution=replace(settings.execution, attach_brackets=attach))

    intent = entered(settings=settings).intent

    assert expected is intent.attach_bracket
    assert intent.bracket is not None


# --- rounding


def test_size_and_price_are_rounded_down_stop_and_target_up() -> None:
    """In the product's own increments."""
    product = a_product("SOL-USD", price_increment=Price("0.5"), base_increment=Quantity("0.1"))
    market = a_market(product, quotes=[a_quote("SOL-USD", bid="99.99", ask="100.49")])

    intent = entered(market=market).intent

    assert (Quantity("3.0"), Price("99.5")) == (intent.quantity, intent.limit_price)
    assert Bracket(Price("94.0"), Price("111.5")) == intent.bracket


@pytest.mark.parametrize(("increment", "stop_pct"), [("100", "6"), ("50", "49"), ("0.01", "0.009")])
def test_stop_that_rounds_up_to_the_price_is_no_stop(increment: str, stop_pct: str) -> None:
    """Accident 55: an alias may be traded in coarser steps than the product that was looked at."""
    paid_with = a_product("SOL-USD", price_increment=Price(increment))
    market = a_market(paid_with, quotes=[a_quote("SOL-USD", bid="100", ask="100.01")])

    denial = refused(market=market, proposal=a_proposal(stop_loss_pct=Decimal(stop_pct)))

    assert ("execution", DenialCode.PROPOSAL_INVALID) == (denial.stage, denial.code)
    assert Decimal(100) == denial.details["price"] == denial.details["stop"]


def test_bracket_is_checked_in_the_steps_of_the_product_that_is_bought() -> None:
    """SOL-USDC pays, in steps of 50; from 100 a stop of 6 percent is at 94 on SOL-USD, and nowhere on SOL-USDC."""
    canonical = a_product("SOL-USD")
    alias = a_product("SOL-USDC", alias=canonical.product_id, price_increment=Price(50))
    quotes = [a_quote(each, bid="100", ask="100.01") for each in ("SOL-USD", "SOL-USDC")]
    market = a_market(canonical, alias, quotes=quotes)

    denial = refused(market=market, ledger=a_ledger(cash={USDC: "10000"}), settings=without_conversions())

    assert DenialCode.PROPOSAL_INVALID is denial.code


def without_conversions() -> Settings:
    settings = shipped_settings()
    return replace(settings, execution=replace(settings.execution, auto_convert=False))


@pytest.mark.parametrize("notional", ["11", "33.333333", "299.99", "1234.56789"])
def test_entry_never_exceeds_what_was_approved(notional: str) -> None:
    """However the increments fall."""
    for increment in ("0.00000001", "0.001", "0.1"):
        market = a_market(a_product("SOL-USD", base_increment=Quantity(increment)))
        made = entered(market=market, notional=notional)
        intent = made.intent

        least = Decimal(notional) * Decimal("0.997") - 100 * Decimal(increment)
        assert least < intent.notional <= made.parent.notional_left <= Decimal(notional)


def test_numbers_are_written_without_an_exponent() -> None:
    """Of an order of a millionth of a coin too."""
    product = a_product("SOL-USD", base_increment=Quantity("1E-8"), price_increment=Price("1E+2"))
    market = a_market(product, quotes=[a_quote("SOL-USD", bid="150000000", ask="150000100")])

    intent = entered(market=market, notional="15.1").intent

    assert ("0.0000001", "150000000") == (plain(intent.quantity), plain(intent.limit_price))


# --- sizes the venue takes


@pytest.mark.parametrize(
    ("product", "taken"),
    [
        ({"quote_size_min": Notional("299.37")}, True),
        ({"quote_size_min": Notional("300.01")}, False),
        ({"base_size_min": Quantity("2.99401197")}, True),
        ({"base_size_min": Quantity("2.99401198")}, False),
        ({"base_increment": Quantity(4), "base_size_min": Quantity(4)}, False),
    ],
)
def test_order_below_the_venues_minimum_is_refused_here(product: dict[str, Any], taken: bool) -> None:
    """In value, in quantity, and after rounding."""
    made = make(market=a_market(a_product("SOL-USD", **product)))

    assert taken is isinstance(made, Made)
    assert taken or (isinstance(made, Denial) and made.code is DenialCode.NOTIONAL_BELOW_MIN)


@pytest.mark.parametrize("product", [{"quote_size_max": Notional(200)}, {"base_size_max": Quantity("1.99600798")}])
def test_order_above_the_venues_maximum_is_cut_and_says_so(product: dict[str, Any]) -> None:
    """A cut nobody hears of would look like a choice."""
    made = entered(market=a_market(a_product("SOL-USD", **product)))

    assert (Quantity("1.99600798"), DenialCode.NOTIONAL_EXCEEDS_MAX) == (
        made.intent.quantity,
        made.trim.code if made.trim else None,
    )


@pytest.mark.parametrize("product", [{}, {"quote_size_max": Notional(300)}])
def test_order_that_fits_is_not_cut(product: dict[str, Any]) -> None:
    """Rounding down is no cut, and the maximum itself is taken."""
    assert entered(market=a_market(a_product("SOL-USD", **product))).trim is None


def test_order_at_the_venues_minimum_is_taken() -> None:
    """Three at 100 where 300 is the least."""
    market = a_market(
        a_product("SOL-USD", quote_size_min=Notional(300), base_size_min=Quantity(3)),
        quotes=[a_quote("SOL-USD", bid="100", ask="100.01")],
    )

    assert Notional(300) == entered(market=market, notional="300.60").intent.notional


# --- capital


def test_capital_that_is_short_cuts_the_order_and_says_so() -> None:
    """100 in hand pay for 99.10 and the dearest fee it may come to."""
    made = entered(ledger=a_ledger(cash="100"))

    assert made.trim == Trim(a_proposal(), made.parent.notional_left, DenialCode.CAPITAL_EXCEEDED)
    assert Decimal("99.99") < made.parent.reserve <= Decimal(100)


def test_fee_counts_as_cost() -> None:
    """300 for 300 is short of 2.70, a taker's fee; 302.70 is not."""
    short, enough = entered(ledger=a_ledger(cash="300")), entered(ledger=a_ledger(cash="302.70"))

    assert (True, False) == (short.trim is not None, enough.trim is not None)


@pytest.mark.parametrize("notional", ["300", "33.333333333333333333333333333", "0.17777777777777777777777777"])
def test_capital_that_suffices_is_no_cut(notional: str) -> None:
    """Not even in the last digit of a long number."""
    product = a_product("SOL-USD", quote_size_min=Notional("0.01"))

    assert entered(notional=notional, market=a_market(product)).trim is None


def test_capital_that_is_too_short_for_any_order_is_refused() -> None:
    """Half a dollar buys nothing here."""
    denial = refused(ledger=a_ledger(cash="0.50"))

    assert (DenialCode.CAPITAL_EXCEEDED, Notional(300)) == (denial.code, denial.details["approved"])


def test_no_money_at_all_is_no_quote_asset() -> None:
    """On none of its books."""
    assert DenialCode.QUOTE_ASSET_MISSING is refused(ledger=a_ledger(cash="0")).code


def test_product_that_is_no_candidate_is_not_bought() -> None:
    """Whoever proposed it."""
    assert DenialCode.PRODUCT_MISSING is refused(market=a_market(candidates=False)).code


# --- tries


@pytest.mark.parametrize(
    ("unfilled", "kind"),
    [
        (0, OrderConfiguration.POST_ONLY_GTD),
        (1, OrderConfiguration.POST_ONLY_GTD),
        (2, OrderConfiguration.POST_ONLY_GTD),
        (3, OrderConfiguration.LIMIT_IOC),
        (9, OrderConfiguration.LIMIT_IOC),
    ],
)
def test_maker_is_repriced_twice_then_taker(unfilled: int, kind: OrderConfiguration) -> None:
    """Each order has an id of its own: it is numbered by what was made, never by what was tried."""
    ledger = a_ledger(tallies={f"{RULES}|SOL|ENTRY": OrderTally(7, touched_at=NOW)})
    made = entered(ledger=ledger, tries=unfilled)
    intent = made.intent

    order_id = client_order_id(PREFIX, SCOPE, CYCLE, made.parent.parent_id, OrderPurpose.ENTRY, 7)
    assert (kind, unfilled, 7, order_id) == (intent.configuration, intent.attempt, intent.n, intent.client_order_id)


@pytest.mark.parametrize(
    ("style", "tries", "kind"),
    [
        (ParentStyle.PASSIVE, 99, OrderConfiguration.POST_ONLY_GTD),
        (ParentStyle.TAKER, 0, OrderConfiguration.LIMIT_IOC),
    ],
)
def test_style_says_whether_a_child_takes(style: ParentStyle, tries: int, kind: OrderConfiguration) -> None:
    """One that rests only never does, one that takes does so at once."""
    assert kind is entered(proposal=a_proposal(style=style), tries=tries).intent.configuration


def test_entry_waits_after_a_refusal_that_was_not_the_markets() -> None:
    """And says for how long, how often it was refused, and why."""
    refused_before = Refusals("PERMISSION_DENIED", 2, Instant(NOW + 45))
    tally = OrderTally(2, refusals={RefusalClass.PERMISSION: refused_before})

    denial = refused(ledger=a_ledger(tallies={f"{RULES}|SOL|ENTRY": tally}))

    parent = client_order_id(PREFIX, SCOPE, CYCLE, f"{RULES}|SOL", "PARENT")
    expected = (DenialCode.REFUSAL_RECENT, {"parent": parent, "reason": "PERMISSION_DENIED", "count": 2, "seconds": 45})
    assert expected == (denial.code, denial.details)


# --- the taker


def as_taker(**world: Any) -> Made | Denial:
    return make(tries=3, **world)


def test_taker_pays_at_most_the_tiers_slippage_above_the_mid() -> None:
    """100 and 20 basis points, at the taker's fee, without an expiry: what is not there at once is not bought."""
    made = as_taker()

    assert isinstance(made, Made)
    assert (OrderConfiguration.LIMIT_IOC, Price("100.20"), Decimal("0.009"), None) == (
        made.intent.configuration,
        made.intent.limit_price,
        made.intent.fee_rate_max,
        made.intent.expires_at,
    )


def test_takers_price_is_rounded_down() -> None:
    """Into the band, not beyond it: 100.20 on a grid of seven cents is 100.17."""
    made = as_taker(market=a_market(a_product("SOL-USD", price_increment=Price("0.07"))))

    assert isinstance(made, Made)
    assert Price("100.17") == made.intent.limit_price


def rests(made: Made | Denial) -> bool:
    """Whether the child rests on the book although it was its turn to take."""
    assert isinstance(made, Made), made
    return made.intent.configuration is OrderConfiguration.POST_ONLY_GTD


@pytest.mark.parametrize(("ask", "taken"), [("100.40", True), ("100.41", False)])
def test_child_does_not_take_what_is_beyond_its_band(ask: str, taken: bool) -> None:
    """In the second tier 40 basis points above the mid of 100.00, where the bid goes down as the ask goes up."""
    bid = str(200 - Decimal(ask))
    market = a_market(quotes=[a_quote("SOL-USD", bid=bid, ask=ask)], tier=TIER_2)

    assert taken is not rests(as_taker(market=market))
    immediate = as_taker(market=market, proposal=a_proposal(style=ParentStyle.TAKER))
    assert taken or (isinstance(immediate, Denial) and immediate.code is DenialCode.PRICE_EXCEEDS_BAND)


@pytest.mark.parametrize(("edge_pct", "taken"), [("3.04", True), ("3.02", False)])
def test_taker_must_still_pay_for_itself(edge_pct: str, taken: bool) -> None:
    """0.9 % twice, 2 bps of spread and 10 of slippage twice are 2.02 %; with 1.5 % a hurdle of 3.03 %."""
    assert taken is not rests(as_taker(proposal=a_proposal(edge=an_edge(edge_pct), edge_multiple=Decimal("1.5"))))
    immediate = as_taker(
        proposal=a_proposal(edge=an_edge(edge_pct), edge_multiple=Decimal("1.5"), style=ParentStyle.TAKER)
    )
    assert taken or (isinstance(immediate, Denial) and immediate.code is DenialCode.EDGE_BELOW_COST)


def test_edge_at_the_hurdle_is_not_enough() -> None:
    """It must exceed it."""
    market = a_market(quotes=[a_quote("SOL-USD", bid="100", ask="100.01")], fees=FeeRates(Decimal(0), Decimal("0.005")))
    settings = shipped_settings()
    settings = replace(settings, costs=replace(settings.costs, slippage_bps=Decimal(0)))
    cost_pct = market.quotes[a_product("SOL-USD").product_id].spread_bps / 100 + 1
    at, above = (
        a_proposal(edge=an_edge(str(t)), edge_multiple=Decimal(1))
        for t in (
            cost_pct,
            cost_pct + Decimal("0.0001"),
        )
    )

    assert rests(as_taker(market=market, settings=settings, proposal=at))
    assert not rests(as_taker(market=market, settings=settings, proposal=above))


def test_maker_needs_no_second_edge_gate() -> None:
    """It was judged as a maker already."""
    assert isinstance(make(proposal=a_proposal(edge=an_edge("0"))), Made)


def test_what_nobody_measured_may_take() -> None:
    """Where it may be bought at all it may be as its style says: there is no number to hold against the costs."""
    assert not rests(as_taker(proposal=a_proposal(edge=UNMEASURED)))


# --- the purse, seen from the order


def test_parent_waits_for_the_conversion_that_pays_for_it() -> None:
    """It is for as much as the parent may take in all, fees of a taker included, less what there is."""
    made = entered(ledger=a_ledger(cash={USDC: "1000", USD: "100"}))

    assert made.conversion is not None
    assert (USDC, USD, USD) == (made.conversion.source, made.conversion.target, made.intent.quote)
    assert made.parent.reserve <= 100 + made.conversion.amount < made.parent.reserve + Decimal("0.01")


def test_order_that_needs_no_conversion_waits_for_nothing() -> None:
    """The money is there."""
    made = entered()

    assert (None, ()) == (made.conversion, made.intent.depends_on)


# --- a wish that replaces what is wanted


def replaced(before: ParentOrder, notional: str, **over: Any) -> PlannedParent | Denial:
    ledger, settings = a_ledger(parents={before.parent_id: before}, **over), shipped_settings()
    buying_power = BuyingPower(settings.execution, settings.risk, a_portfolio(ledger), a_market())
    return plan_parent(an_approval(notional=notional), ledger, a_market(), settings, buying_power)


@pytest.mark.parametrize(
    ("filled", "notional", "quantity"),
    [
        ("0", "300", "2.99401197"),
        ("0", "150", "1.49700598"),
        ("1", "300", "2.99401197"),
        ("1", "150", "1.49900199"),
        ("1", "90", "1"),
        ("0", "302", "2.99401197"),
        ("0", "298", "2.99401197"),
        ("0", "309", "3.08383233"),
    ],
)
def test_new_wish_replaces_what_is_wanted_and_never_adds(filled: str, notional: str, quantity: str) -> None:
    """What is bought counts: at 100 each, one of three is a third. A smaller wish than that buys no more."""
    before = replace(entered().parent, filled=Quantity(filled), spent=Notional(100 * Decimal(filled)), tries=2)

    planned = replaced(before, notional)

    assert isinstance(planned, PlannedParent)
    assert (before.parent_id, Quantity(quantity), 2) == (
        planned.parent.parent_id,
        planned.parent.quantity,
        planned.parent.tries,
    )


def test_wish_that_cannot_be_paid_leaves_the_parent_as_it_was() -> None:
    """And what it has set aside stays so: nobody else gets it."""
    before = entered().parent
    ledger = a_ledger(parents={before.parent_id: before}, cash="303")
    settings, market = shipped_settings(), a_market(candidates=False)
    buying_power = BuyingPower(settings.execution, settings.risk, a_portfolio(ledger), market)
    free = dict(buying_power.free)

    made = plan_parent(an_approval(notional="300"), ledger, market, settings, buying_power)

    assert isinstance(made, Denial)
    assert free == buying_power.free
