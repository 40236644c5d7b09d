"""Each answer of a strategy is checked where it enters: every number, every name, and that it can be stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from decimal import Decimal
from typing import Any

import pytest

from factories import OTHER, RULES, a_lot, a_proposal, a_sale
from factories_market import a_candidate, a_context, a_product, a_quote, a_trigger
from trader.model.codec import canonical_json
from trader.model.decisions import Denial, TradeProposal
from trader.model.denials import DenialCode
from trader.model.ids import Asset, ClientOrderId, ProductId, StrategyId
from trader.model.inputs import StrategyContext
from trader.model.money import Price, Quantity
from trader.model.orders import Side
from trader.model.targets import StopChange, TargetWeight
from trader.settings.bounds import HOLD_HOURS_LIMIT
from trader.stages.proposals.checks import describe, read_answer

SOL = ProductId("SOL-USD")
LOTS = (a_lot("ETH-USD"), a_lot("ADA-USDC"))
MARKET = a_context(a_candidate("SOL-USD"), a_candidate("ETH-USD"), lots=LOTS)
NOT_FINITE = [Decimal(text) for text in ("NaN", "sNaN", "Infinity", "-Infinity", "1E+31", "1E-31", "0E-999999")]
NOT_FINITE_FLOATS = [float("nan"), float("inf"), float("-inf")]


def fault(proposal: TradeProposal, context: StrategyContext = MARKET) -> Mapping[str, Any] | None:
    """The numbers of the refusal, or None where there is none."""
    denial = read_answer(proposal, RULES, context)
    if isinstance(denial, TradeProposal):
        assert proposal == denial
        return None
    assert (proposal.product_id, DenialCode.PROPOSAL_INVALID, "strategies", RULES, None) == (
        denial.product_id,
        denial.code,
        denial.stage,
        denial.strategy,
        denial.proposal,
    )
    return denial.details


def field(proposal: TradeProposal, context: StrategyContext = MARKET) -> str | None:
    """The field that is named."""
    details = fault(proposal, context)
    return None if details is None else details["field"]


# --- purchases


def test_sound_purchase_and_sale_pass() -> None:
    """With components as the rules make them, and for each lot."""
    assert None is fault(a_proposal("SOL-USD", components={"strength": 0.4, "confidence": 1}))
    assert [None, None] == [fault(TradeProposal.sell(lot, "back")) for lot in LOTS]


BOUNDS = [
    ("size_pct", ["0.000001", "3", "100"], ["0", "-0.000001", "-3", "100.000001", "1000"], "above 0, at most 100"),
    ("stop_loss_pct", ["0.02", "6", "99.98"], ["0", "-5", "100", "120", "1E+30"], "above 0, below 100"),
    (
        "take_profit_pct",
        ["0.01", "12", "1000000"],
        ["0", "-1", "1000000.1", "1E+30"],
        "above 0, at most 1000000, or None",
    ),
]


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, good, _, _ in BOUNDS for value in good])
def test_number_at_its_bounds_passes(name: str, value: str) -> None:
    """Both ends, and what lies between."""
    assert None is fault(a_proposal("SOL-USD", **{name: Decimal(value)}))


@pytest.mark.parametrize(
    ("name", "value", "allowed"), [(name, value, allowed) for name, _, bad, allowed in BOUNDS for value in bad]
)
def test_number_that_cannot_be_is_named(name: str, value: str, allowed: str) -> None:
    """Accident 55: with what was found, and what may be."""
    found = fault(a_proposal("SOL-USD", **{name: Decimal(value)}))

    assert found is not None
    assert (name, Decimal(value), allowed) == (found["field"], Decimal(found["found"]), found["allowed"])


@pytest.mark.parametrize("name", ["confidence", "conviction"])
@pytest.mark.parametrize(("value", "passes"), [(0.0, True), (0.5, True), (1.0, True), (-0.01, False), (1.01, False)])
@pytest.mark.parametrize("sells", [False, True])
def test_confidence_and_conviction_are_parts_of_one(name: str, value: float, passes: bool, sells: bool) -> None:
    """Of a sale as of a purchase: they decide who comes first."""
    proposal = a_sale(LOTS[0]) if sells else a_proposal("SOL-USD")

    assert (None if passes else name) == field(replace(proposal, **{name: value}))


@pytest.mark.parametrize(
    ("hours", "passes"), [(1, True), (HOLD_HOURS_LIMIT, True), (0, False), (-1, False), (HOLD_HOURS_LIMIT + 1, False)]
)
def test_time_limit_is_at_least_an_hour_and_at_most_what_a_position_may_last(hours: int, passes: bool) -> None:
    """A lost ledger is looked for as far back as a position may be held."""
    assert (None if passes else "max_hold_hours") == field(a_proposal("SOL-USD", max_hold_hours=hours))


def test_time_limit_may_be_none() -> None:
    """That is said, and not forgotten: what says nothing has 0 hours."""
    assert None is field(a_proposal("SOL-USD", max_hold_hours=None))


DECIMALS = [each.name for each in fields(TradeProposal) if each.type == "Decimal" and each.name != "edge_multiple"]
FLOATS = [each.name for each in fields(TradeProposal) if each.type == "float"]


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name in DECIMALS for value in NOT_FINITE]
    + [(name, value) for name in FLOATS for value in NOT_FINITE_FLOATS],
)
@pytest.mark.parametrize("sells", [False, True])
def test_no_field_holds_a_number_that_is_none(name: str, value: Any, sells: bool) -> None:
    """Also those that a sale has no use for: nothing could be written down that contains them."""
    proposal = a_sale(LOTS[0]) if sells else a_proposal("SOL-USD")

    assert {"field": name, "found": str(value), "allowed": "a finite number"} == fault(
        replace(proposal, **{name: value})
    )


@pytest.mark.parametrize("value", NOT_FINITE_FLOATS)
def test_what_conviction_is_made_of_is_looked_at_too(value: float) -> None:
    """It is written down beside it."""
    assert "components.strength" == field(a_proposal("SOL-USD", components={"strength": value}))


def test_trigger_is_one_that_was_shown() -> None:
    """Any of them, and what is equal to it; not one that nobody has seen, whose numbers may be anything."""
    shown = a_trigger(product_id=SOL)
    context = replace(MARKET, triggers={SOL: shown})

    assert None is field(a_proposal("SOL-USD", trigger=shown), context)
    assert None is field(a_proposal("ETH-USD", trigger=replace(shown)), context)
    assert "trigger" == field(a_proposal("SOL-USD", trigger=replace(shown, move=float("nan"))), context)
    assert "trigger" == field(a_proposal("SOL-USD", trigger=shown))


@pytest.mark.parametrize(
    "over",
    [
        {"size_pct": 0.03},
        {"size_pct": 3},
        {"stop_loss_pct": "6"},
        {"rule": True},
        {"take_profit_pct": 12},
        {"give_up_minutes": 1.5},
        {"quantity": 1.5},
        {"max_hold_hours": 1.5},
        {"max_hold_hours": True},
        {"confidence": "sure"},
        {"reason": 7},
        {"components": None},
        {"components": {"strength": "much"}},
        {"components": {1: 0.5}},
        {"components": {"\ud800": 0.5}},
        {"conviction": Decimal("0.5")},
        {"lot_id": 7},
        {"side": "BUY?"},
        {"trigger": "a trigger"},
        {"reason": "half a pair: \ud800"},
        {"components": {"strength": object}},
    ],
)
def test_field_that_could_not_be_read_again_is_refused(over: Mapping[str, Any]) -> None:
    """It would be stored in a ledger, or in a record, that nobody could read."""
    found = fault(a_proposal("SOL-USD", **over))

    assert found is not None
    assert next(iter(over)) == found["field"].partition(".")[0]
    assert found["found"].encode()


def test_other_type_is_named_with_what_it_is() -> None:
    """And with what it should have been."""
    over: dict[str, Any] = {"stop_loss_pct": "6"}

    assert {"field": "stop_loss_pct", "found": "str 6", "allowed": "Decimal"} == fault(a_proposal("SOL-USD", **over))


def test_what_goes_on_holds_no_part_that_the_strategy_could_still_change() -> None:
    """Its components are its own."""
    components = {"strength": 0.4}
    read = read_answer(a_proposal("SOL-USD", components=components), RULES, MARKET)

    components["strength"] = float("nan")

    assert a_proposal("SOL-USD", components={"strength": 0.4}) == read


def test_building_a_proposal_never_raises() -> None:
    """However impossible: it is refused where it enters, not where it is made."""
    impossible = dict.fromkeys(DECIMALS, Decimal("NaN")) | dict.fromkeys(FLOATS, float("nan"))

    assert isinstance(a_proposal("SOL-USD", **impossible), TradeProposal)


@pytest.mark.parametrize(
    ("over", "name"),
    [
        ({"product_id": "XRP-USD", "base": Asset("XRP")}, "product_id"),
        ({"product_id": "SOL-USDC"}, "product_id"),
        ({"product_id": ""}, "product_id"),
        ({"base": Asset("ETH")}, "base"),
        ({"strategy": OTHER}, "strategy"),
    ],
)
def test_purchase_is_of_a_candidate_by_the_strategy_that_was_asked(over: Mapping[str, Any], name: str) -> None:
    """Another strategy's name would spend another strategy's weight."""
    assert name == field(replace(a_proposal("SOL-USD"), **over))


def test_what_is_held_and_no_candidate_is_not_bought() -> None:
    """The universe gates entries."""
    assert "product_id" == field(a_proposal("ADA-USDC"))


# --- the prices that follow


def priced(bid: str, increment: str) -> StrategyContext:
    product = a_product("SOL-USD", price_increment=Price(increment))
    return a_context(a_candidate("SOL-USD", product=product, quote=a_quote("SOL-USD", bid=bid, ask="100000")))


@pytest.mark.parametrize(
    ("bid", "increment", "stop", "target", "name"),
    [
        # The bid is rounded down to 99.99, stop and target up: a cent is the least that a stop can be away.
        ("99.99", "0.01", "99.9999", "12", None),
        ("99.99", "0.01", "0.0101", "12", None),
        ("99.99", "0.01", "0.0099", "12", "stop_loss_pct"),
        ("99.99", "0.01", "6", "1E-25", None),
        ("99.99", "0.01", "6", "1E-30", "take_profit_pct"),
        # Steps of one: from 1 there is nowhere to go but 0.
        ("1.5", "1", "99.9999", "12", "stop_loss_pct"),
        ("1", "1", "6", "12", "stop_loss_pct"),
        ("2", "1", "50", "12", None),
        ("2", "1", "49.9999", "12", "stop_loss_pct"),
        ("2", "1", "99.9999", "12", None),
        # Less than one step.
        ("0.5", "1", "6", "12", "stop_loss_pct"),
    ],
)
def test_stop_and_target_lie_around_the_price_after_rounding(
    bid: str, increment: str, stop: str, target: str, name: str | None
) -> None:
    """To the price increment, as they would be sent."""
    proposal = a_proposal("SOL-USD", stop_loss_pct=Decimal(stop), take_profit_pct=Decimal(target))

    assert name == field(proposal, priced(bid, increment))


def test_stop_that_rounds_to_the_price_is_named_with_both() -> None:
    """And with the step that brought it there."""
    assert {
        "field": "stop_loss_pct",
        "found": "99.9999, a stop of 1 at a price of 1 in steps of 1",
        "allowed": "a stop above 0 and below the price",
    } == fault(a_proposal("SOL-USD", stop_loss_pct=Decimal("99.9999")), priced("1.5", "1"))


# --- sales


@pytest.mark.parametrize("lot_id", [None, "", "lot-of-nobody", "lot-BTC-USD"])
def test_sale_names_a_lot_of_its_own_strategy(lot_id: str | None) -> None:
    """Not none, not one that is gone, not one of another strategy: its own are those that it was shown."""
    assert "lot_id" == field(a_sale(LOTS[0], lot_id=None if lot_id is None else ClientOrderId(lot_id)))


@pytest.mark.parametrize(
    ("over", "name"),
    [
        ({"product_id": SOL}, "product_id"),
        ({"product_id": ProductId("ETH-USDC")}, "product_id"),
        ({"base": Asset("SOL")}, "base"),
        ({"strategy": OTHER}, "strategy"),
    ],
)
def test_sale_is_of_the_product_of_its_lot(over: Mapping[str, Any], name: str) -> None:
    """It would be priced at the quote of another one."""
    assert name == field(replace(a_sale(LOTS[0]), **over))


def test_sale_needs_no_stop_no_target_and_no_candidate() -> None:
    """ADA is none, and a sale has no terms."""
    sale = TradeProposal.sell(LOTS[1], "back")

    assert (Side.SELL, 0, 0, 0, 0) == (
        sale.side,
        sale.size_pct,
        sale.stop_loss_pct,
        sale.take_profit_pct,
        sale.max_hold_hours,
    )
    assert None is fault(sale)


# --- denials and texts


@pytest.mark.parametrize("value", [*NOT_FINITE, *NOT_FINITE_FLOATS])
def test_denial_holds_finite_numbers(value: Any) -> None:
    """It becomes a verdict."""
    answer = Denial(SOL, DenialCode.RULE_MISSING, "strategies", {"fine": 1.0, "move": value})

    denial = read_answer(answer, RULES, MARKET)

    assert isinstance(denial, Denial)
    assert DenialCode.PROPOSAL_INVALID is denial.code
    assert ("details.move", str(value)) == (denial.details["field"], denial.details["found"])


def test_denial_with_sound_numbers_passes() -> None:
    """Of each kind a detail may be."""
    details = {"one": 1, "half": 0.5, "third": Decimal("0.3"), "word": "nan"}

    denial = Denial(SOL, DenialCode.RULE_MISSING, "strategies", details)

    assert replace(denial, strategy=RULES) == read_answer(denial, RULES, MARKET)


@pytest.mark.parametrize(
    ("value", "text"),
    [(Decimal("1E+999999"), "1E+999999"), (None, "None"), ("\udfff", "\\udfff"), ("x" * 300, "x" * 200)],
)
def test_value_is_described_in_a_text_that_can_be_stored(value: object, text: str) -> None:
    """And never in a long one."""
    assert text == describe(value)


# --- weights, stops, parts


def a_target(**over: Any) -> TargetWeight:
    """A tenth of the capital in SOL."""
    return replace(TargetWeight(RULES, ProductId("SOL-USD"), Asset("SOL"), Decimal("0.1"), Decimal(6)), **over)


@pytest.mark.parametrize(
    ("over", "field"),
    [
        ({"weight": Decimal("-0.01")}, "weight"),
        ({"weight": Decimal("1.01")}, "weight"),
        ({"weight": Decimal("NaN")}, "weight"),
        ({"weight": 0.1}, "weight"),
        ({"band": Decimal(2)}, "band"),
        ({"stop_loss_pct": Decimal(0)}, "stop_loss_pct"),
        ({"stop_loss_pct": None}, "stop_loss_pct"),
        ({"take_profit_pct": Decimal(0)}, "take_profit_pct"),
        ({"max_hold_hours": 0}, "max_hold_hours"),
        ({"give_up_minutes": 0}, "give_up_minutes"),
        ({"give_up_minutes": 7 * 24 * 60 + 1}, "give_up_minutes"),
        ({"style": "PASSIVE?"}, "style"),
        ({"conviction": 2.0}, "conviction"),
        ({"strategy": StrategyId("another")}, "strategy"),
        ({"product_id": ProductId("NOT-USD")}, "product_id"),
        ({"base": Asset("ETH")}, "base"),
        ({"reason": "half a pair: \ud800"}, "reason"),
    ],
)
def test_weight_that_cannot_be_is_named(over: Mapping[str, Any], field: str) -> None:
    """Its field, what was found, what may be; the target does not go on."""
    denial = read_answer(a_target(**over), RULES, MARKET)

    assert isinstance(denial, Denial)
    assert (denial.code, denial.details["field"]) == (DenialCode.PROPOSAL_INVALID, field)
    assert canonical_json(denial)


@pytest.mark.parametrize("weight", ["0", "0.5", "1"])
def test_weight_within_its_bounds_goes_on_as_it_is(weight: str) -> None:
    """Both ends, and what lies between."""
    target = a_target(weight=Decimal(weight), give_up_minutes=7 * 24 * 60)

    assert target == read_answer(target, RULES, MARKET)


@pytest.mark.parametrize(
    ("over", "field"),
    [
        ({"stop_price": Decimal(0)}, "stop_price"),
        ({"stop_price": Decimal(-1)}, "stop_price"),
        ({"stop_price": Decimal("Infinity")}, "stop_price"),
        ({"stop_price": 95}, "stop_price"),
        ({"stop_price": Decimal(10**9)}, "stop_price"),
        ({"lot_id": "of nobody"}, "lot_id"),
        ({"lot_id": None}, "lot_id"),
        ({"product_id": ProductId("BTC-USD")}, "product_id"),
        ({"base": Asset("BTC")}, "base"),
        ({"strategy": StrategyId("another")}, "strategy"),
    ],
)
def test_stop_that_cannot_be_is_named(over: Mapping[str, Any], field: str) -> None:
    """Of a lot of its own, above zero, below the lot's target."""
    lot = a_lot("SOL-USD")
    change = StopChange(RULES, lot.product_id, lot.base, lot.lot_id, Price(95))
    context = replace(MARKET, lots=(lot,))

    denial = read_answer(replace(change, **over), RULES, context)

    assert change == read_answer(change, RULES, context)
    assert isinstance(denial, Denial)
    assert (denial.code, denial.details["field"]) == (DenialCode.PROPOSAL_INVALID, field)


@pytest.mark.parametrize(("quantity", "passes"), [("0.5", True), ("1000", True), ("0", False), ("-1", False)])
def test_part_of_a_sale_is_more_than_nothing(quantity: str, passes: bool) -> None:
    """More than there is, is all of it."""
    lot = a_lot("SOL-USD")
    sale = TradeProposal.sell(lot, "part", Quantity(quantity))

    read = read_answer(sale, RULES, replace(MARKET, lots=(lot,)))

    assert passes is isinstance(read, TradeProposal)
