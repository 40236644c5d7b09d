"""After every plan, each lot is being sold, is protected, or cannot be for a reason that can be named."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import event, given
from hypothesis import strategies as st

from property.strategies import World, with_plan, worlds
from trader.model.decisions import Approval, Plan
from trader.model.ledger import Ledger
from trader.model.lots import Lot
from trader.model.money import ZERO, floor_to
from trader.model.orders import OrderConfiguration, OrderPurpose, Side
from trader.model.protection import find_venue_sale
from trader.model.trading_state import TradingState
from trader.stages.exits import ExitEngine

NORMAL = st.sampled_from((TradingState.RUN, TradingState.RUN, TradingState.REDUCE_ONLY))


def plan_with_exits(world: World) -> tuple[Plan, tuple[Approval, ...]]:
    """What a cycle would do: forced exits first, then what is proposed; and what risk let through."""
    ledger, market = world.portfolio.ledger, world.market
    switch = world.portfolio.trading_state
    exits = ExitEngine(world.settings.exits, world.settings.cycle.quiet_period_seconds).propose(
        ledger, market.quotes, world.regime, switch, market.now
    )
    lots = {each.lot_id for each in exits}
    others = tuple(each for each in world.proposals if not each.reduces or each.lot_id not in lots)
    all_of_it = World(world.settings, world.portfolio, market, world.regime, (*exits, *others))
    review = all_of_it.review()
    return all_of_it.plan(review), review.approvals


@given(worlds(switches=NORMAL))
def test_every_lot_is_exiting_protected_or_unprotectable(world: World) -> None:
    """No lot is left to itself."""
    plan, _ = plan_with_exits(world)
    for lot in world.portfolio.ledger.lots.values():
        how = state_of(lot, world, plan)
        event(how.partition(":")[0])
        assert how != "left to itself", lot


def state_of(lot: Lot, world: World, plan: Plan) -> str:
    """What is being done about a lot once the plan is committed."""
    ledger, market = world.portfolio.ledger, world.market
    orders = with_plan(ledger, plan).orders_of(lot.lot_id)
    live = [record for record in orders if record.is_active and record.intent.client_order_id not in gone(plan)]
    if any(record.intent.purpose is OrderPurpose.EXIT for record in live):
        return "exiting"
    covered = sum((record.remaining for record in live if record.intent.side is Side.SELL), ZERO)
    bare = lot.quantity - covered
    if bare <= 0:
        return "protected"
    settled = market.now - world.settings.cycle.quiet_period_seconds
    if any(
        record.intent.purpose is OrderPurpose.ENTRY
        and record.intent.attach_bracket
        and (not record.status.is_final or (record.final_at or 0) > settled)
        for record in orders
    ):
        return "protected by the bracket that its entry carries"
    quote, product = market.quotes[lot.product_id], market.products[lot.product_id]
    price = lot.bracket.stop_price if quote.is_crossed else min(lot.bracket.stop_price, quote.bid)
    rounded = floor_to(bare, product.base_increment)
    if rounded < product.base_size_min or rounded * price < product.quote_size_min:
        return "unprotectable: too small to sell"
    if not quote.is_crossed and quote.bid >= lot.bracket.target_price and covered > 0:
        # Cancelling the rest of the bracket to sell as a taker would cost the fee; it fills at once where it stands.
        return "unprotectable: above its target, which rests at the venue for a part"
    return "left to itself"


@given(worlds())
def test_no_lot_is_sold_twice(world: World) -> None:
    """All sales that may still fill, less what is cancelled first, never exceed the lot."""
    plan, _ = plan_with_exits(world)
    before, after = world.portfolio.ledger, with_plan(world.portfolio.ledger, plan)
    for lot in before.lots.values():
        if any(intent.lot_id == lot.lot_id for intent in plan.intents):
            assert on_sale(after, lot, plan) <= max(lot.quantity, on_sale(before, lot, plan))


@given(worlds())
def test_exit_waits_for_the_brackets_it_replaces(world: World) -> None:
    """The exit names every live bracket of its lot, and takes them away itself, in its own turn."""
    plan, _ = plan_with_exits(world)
    for intent in plan.intents:
        if intent.purpose is OrderPurpose.EXIT:
            brackets = {
                record.intent.client_order_id
                for record in world.portfolio.ledger.orders_of(intent.lot_id)
                if record.intent.purpose is OrderPurpose.PROTECTION and record.is_active
            }
            assert brackets == set(intent.depends_on)
            assert brackets.isdisjoint(plan.cancels)


@given(worlds())
def test_only_our_acknowledged_or_replaced_orders_are_cancelled(world: World) -> None:
    """A cancel names a live order of the ledger, once."""
    plan, _ = plan_with_exits(world)

    assert len(plan.cancels) == len(set(plan.cancels))
    assert all(world.portfolio.ledger.orders[order_id].is_active for order_id in plan.cancels)


@given(worlds(switches=st.sampled_from((TradingState.HALT, TradingState.FLATTEN, TradingState.REDUCE_ONLY))))
def test_switch_is_obeyed_by_every_plan(world: World) -> None:
    """Nothing is bought unless the switch says RUN; with HALT nothing is sent and protection stays."""
    plan, _ = plan_with_exits(world)
    switch = world.portfolio.trading_state

    assert OrderPurpose.ENTRY not in {intent.purpose for intent in plan.intents}
    assert () == plan.conversions
    if switch is TradingState.HALT:
        assert () == plan.intents
        cancelled = {world.portfolio.ledger.orders[order_id].intent.purpose for order_id in plan.cancels}
        assert OrderPurpose.PROTECTION not in cancelled


@given(worlds(switches=st.just(TradingState.FLATTEN)))
def test_flatten_offers_every_lot_for_sale(world: World) -> None:
    """Unless it is on its way out, by us or by the venue, has no market, or is too small to be sold."""
    plan, _ = plan_with_exits(world)
    ledger, quotes = world.portfolio.ledger, world.market.quotes
    selling = {intent.lot_id for intent in plan.intents if intent.purpose is OrderPurpose.EXIT}
    refused = {denial.proposal.lot_id for denial in plan.denials if denial.proposal is not None}
    for lot in ledger.lots.values():
        records = ledger.orders_of(lot.lot_id)
        leaving = any(record.intent.purpose is OrderPurpose.EXIT and record.is_active for record in records)
        # From its trigger down to its own limit its protective order is what sells it.
        sold_by_venue = find_venue_sale(ledger, lot, quotes[lot.product_id].bid) is not None
        assert leaving or sold_by_venue or lot.lot_id in selling | refused


@given(worlds())
def test_bracket_is_never_placed_outside_the_market(world: World) -> None:
    """A new bracket has the bid between its stop and its target, where there is a bid; its prices are no lower."""
    for intent in world.plan().intents:
        if intent.configuration is OrderConfiguration.BRACKET_GTC:
            quote, lot = world.market.quotes.get(intent.product_id), world.portfolio.ledger.lots[intent.lot_id]
            assert intent.stop_price is not None
            assert lot.bracket.stop_price <= intent.stop_price
            assert lot.bracket.target_price <= intent.limit_price
            assert intent.stop_price < intent.limit_price
            # A crossed book says as little as none: then the venue is asked.
            assert quote is None or quote.is_crossed or lot.bracket.stop_price < quote.bid < lot.bracket.target_price


def gone(plan: Plan) -> set[str]:
    """What is cancelled by the plan, or by an exit of it before it leaves."""
    return {*plan.cancels, *(each for intent in plan.intents for each in intent.depends_on)}


def on_sale(ledger: Ledger, lot: Lot, plan: Plan) -> Decimal:
    """What of a lot its orders may still sell."""
    return sum(
        (
            record.remaining
            for record in ledger.orders_of(lot.lot_id)
            if record.intent.side is Side.SELL and record.is_active and record.intent.client_order_id not in gone(plan)
        ),
        ZERO,
    )
