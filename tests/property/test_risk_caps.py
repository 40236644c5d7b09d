"""Whatever is proposed on whatever portfolio: no cap is exceeded by what risk approves and execution plans.

Exposure and cash are computed here a second time, from the orders and lots themselves and none of the portfolio's own
arithmetic, with everything that was planned counted as in doubt.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal

from hypothesis import event, given
from hypothesis import strategies as st

from property.strategies import STRATEGIES, World, eager_worlds, plain_world, with_plan, worlds
from trader.model.decisions import DenialCode, RiskReview, TradeProposal
from trader.model.ids import Asset, StrategyId
from trader.model.ledger import Ledger
from trader.model.money import ZERO
from trader.model.order_life import OrderStatus
from trader.model.order_record import OrderRecord
from trader.model.orders import OrderPurpose, Side
from trader.model.portfolio import Portfolio
from trader.model.trading_state import TradingState

Key = tuple[StrategyId, Asset]

OVER = frozenset(
    {
        OrderStatus.FILLED,
        OrderStatus.CANCELLED,
        OrderStatus.EXPIRED,
        OrderStatus.FAILED,
        OrderStatus.REJECTED,
        OrderStatus.WITHHELD,
        OrderStatus.ABANDONED,
    }
)
#: All sorts of worlds, and as many in which several entries compete for what is left of caps and cash.
WORLDS = st.one_of(worlds(), eager_worlds())
#: What may stand against a sale: checks 1 to 3 of the rule book, and an exit that is under way.
AGAINST_SALES = {DenialCode.SWITCH_NOT_RUN, DenialCode.POSITION_MISSING, DenialCode.ORDER_WORKING}


def to_come(record: OrderRecord) -> Decimal:
    """What of an order may still fill: all that is not booked, or once it is over all that was claimed and is not.

    Nothing of one that is contingent on a sale: it has certainly not left, and only protection ever is.
    """
    if record.status is OrderStatus.CONTINGENT:
        return ZERO
    booked = sum((fill.quantity for fill in record.fills), ZERO)
    whole = record.reported_filled if record.status in OVER else record.intent.quantity
    return max(whole - booked, ZERO)


def exposures(ledger: Ledger, portfolio: Portfolio) -> Mapping[Key, Decimal]:
    """Per strategy and asset: lots at their last mark, or at cost without one, and every buy that may still fill."""
    found: dict[Key, Decimal] = {}
    for lot in ledger.lots.values():
        mark = portfolio.ledger.accepted_marks.get(lot.base)
        key = lot.strategy, lot.base
        found[key] = found.get(key, ZERO) + (mark.price * lot.quantity if mark is not None else lot.cost)
    for record in ledger.orders.values():
        intent = record.intent
        if intent.side is Side.BUY:
            key = intent.strategy, intent.base
            found[key] = found.get(key, ZERO) + intent.limit_price * to_come(record)
    return found


def groups(world: World) -> list[tuple[str, Decimal, Callable[[Key], bool]]]:
    """Every cap of the policy: its name, its percentage of the equity, and what counts against it."""
    risk, universe, portfolio = world.settings.risk, world.settings.universe, world.portfolio
    caps: list[tuple[str, Decimal, Callable[[Key], bool]]] = [("total", risk.total_pct_max, lambda _: True)]
    for strategy in STRATEGIES:
        weight = world.settings.strategies[strategy].weight_pct
        caps.append((f"weight of {strategy}", weight, lambda key, who=strategy: key[0] == who))
    for base in portfolio.tiers:
        caps.append((f"product {base}", risk.product_pct_max, lambda key, what=base: key[1] == what))
        for strategy in STRATEGIES:
            pct = risk.position_pct_max * world.multiplier
            caps.append((f"position {strategy} {base}", pct, lambda key, pair=(strategy, base): key == pair))
    for name, tier in universe.tiers.items():
        inside = {base for base, of in portfolio.tiers.items() if of == name}
        caps.append((name, tier.allocation_max_pct, lambda key, some=inside: key[1] in some))
    for name, cluster in universe.clusters.items():
        inside = {base for base, of in portfolio.clusters.items() if name in of} | set(cluster.bases)
        caps.append((name, cluster.allocation_max_pct, lambda key, some=inside: key[1] in some))
    return caps


@given(WORLDS)
def test_no_cap_is_exceeded_by_what_a_plan_adds(world: World) -> None:
    """Position, product, tier, cluster, weight and total hold with everything planned in doubt."""
    plan = world.plan()
    after = with_plan(world.portfolio.ledger, plan)
    entries = [intent for intent in plan.intents if intent.side is Side.BUY]
    event(f"{len(entries)} entries planned")
    if not entries:
        return

    was, now = exposures(world.portfolio.ledger, world.portfolio), exposures(after, world.portfolio)

    equity = world.portfolio.equity
    assert equity is not None, "an entry without a known equity"
    for name, pct, counts in groups(world):
        before = sum((amount for key, amount in was.items() if counts(key)), ZERO)
        total = sum((amount for key, amount in now.items() if counts(key)), ZERO)
        added = sum((each.notional for each in entries if counts((each.strategy, each.base))), ZERO)
        assert before + added == total, name
        assert added == 0 or total <= equity * pct / 100, f"{name}: {before} + {added} > {pct} % of {equity}"


@given(WORLDS)
def test_cash_is_never_promised_twice(world: World) -> None:
    """Per quote asset a plan spends and converts away no more than is free, at the venue too, and what comes in."""
    plan, ledger, available = world.plan(), world.portfolio.ledger, world.market.available

    for asset, cash in ledger.cash.items():
        spent = sum((each.cost_max for each in plan.intents if each.side is Side.BUY and each.quote == asset), ZERO)
        given_away = sum((each.amount for each in plan.conversions if each.source == asset), ZERO)
        received = sum((each.amount for each in plan.conversions if each.target == asset), ZERO)
        free = cash - promised(ledger, asset)
        free = free if available is None else min(free, available[asset])
        assert spent + given_away <= max(free, ZERO) + received, asset
        after = cash + received - promised(with_plan(ledger, plan), asset)
        assert after >= min(cash - promised(ledger, asset), ZERO)


@given(WORLDS)
def test_conversions_move_something_once(world: World) -> None:
    """A conversion is of more than nothing, named once, waited for by an order, and between two assets."""
    plan = world.plan()
    event(f"{len(plan.conversions)} conversions planned")

    assert len(plan.conversions) == len({each.conversion_id for each in plan.conversions})
    for conversion in plan.conversions:
        assert conversion.amount > 0
        assert conversion.source != conversion.target
        assert any(conversion.conversion_id in intent.depends_on for intent in plan.intents)


def test_two_conversions_of_one_size_are_two() -> None:
    """Found here: both entries trimmed to the same cap need the same cents, and must not share one conversion."""
    world = plain_world(0, 10_000, "ADA", "ETH")
    plan = world.plan()

    assert [Decimal("302.70")] * 2 == [conversion.amount for conversion in plan.conversions]
    assert 2 == len(with_plan(world.portfolio.ledger, plan).conversions)


@given(WORLDS)
def test_every_intent_has_an_id_of_its_own(world: World) -> None:
    """Two orders under one id would be one order at the venue, and one in the ledger."""
    ids = [intent.client_order_id for intent in world.plan().intents]

    assert len(ids) == len(set(ids))
    assert not set(ids) & set(world.portfolio.ledger.orders)


@given(WORLDS)
def test_every_proposal_is_answered_exactly_once(world: World) -> None:
    """Approved or denied, never both and never neither; only what is approved is trimmed."""
    review = world.review()
    answers = Counter(id(each.proposal) for each in (*review.approvals, *review.denials))

    assert Counter(map(id, world.proposals)) == answers
    assert {id(each.proposal) for each in review.trims} <= {id(each.proposal) for each in review.approvals}


@given(WORLDS)
def test_trimming_never_enlarges(world: World) -> None:
    """What is approved is at most what was asked for, and less exactly if a trim says so."""
    review, equity = world.review(), world.portfolio.equity
    trimmed = {id(each.proposal): each for each in review.trims}
    for trim in review.trims:
        event(f"trimmed by {trim.code}")

    for approval in review.approvals:
        if approval.proposal.reduces:
            continue
        assert equity is not None
        wish = equity * approval.proposal.size_pct / 100 * world.multiplier
        trim = trimmed.get(id(approval.proposal))
        assert 0 < approval.notional <= wish
        assert (approval.notional < wish) == (trim is not None)
        assert trim is None or trim.notional == approval.notional


@given(WORLDS)
def test_no_order_is_larger_than_its_approval(world: World) -> None:
    """Execution may cut what risk approved, and never adds to it."""
    review = world.review()
    plan = world.plan(review)
    room = Counter[tuple[str, str, Side]]()
    for approval in review.approvals:
        proposal = approval.proposal
        amount = approval.quantity if proposal.reduces else approval.notional
        room[proposal.strategy, proposal.base, proposal.side] += amount  # type: ignore[assignment]

    for intent in plan.intents:
        if intent.purpose is not OrderPurpose.PROTECTION:
            amount = intent.quantity if intent.side is Side.SELL else intent.notional
            room[intent.strategy, intent.base, intent.side] -= amount  # type: ignore[assignment]
    assert all(left >= 0 for left in room.values())


@given(WORLDS)
def test_sale_is_never_denied_by_what_guards_against_new_risk(world: World) -> None:
    """Losses, pace, rests, pegs, counts and caps say nothing about getting out."""
    sales: set[int] = {id(each) for each in world.proposals if each.reduces}
    denied = {denial.code for denial in world.review().denials if id(denial.proposal) in sales}

    assert denied <= AGAINST_SALES
    assert DenialCode.SWITCH_NOT_RUN not in denied or world.portfolio.trading_state is TradingState.HALT


@given(WORLDS)
def test_positions_and_entries_stay_within_their_counts(world: World) -> None:
    """No plan opens more positions than allowed at all, or enters more often than allowed in one cycle."""
    plan, ledger, risk = world.plan(), world.portfolio.ledger, world.settings.risk
    entries = [intent for intent in plan.intents if intent.purpose is OrderPurpose.ENTRY]

    was, now = positions(ledger), positions(with_plan(ledger, plan))
    assert len(entries) <= risk.entries_per_cycle_max
    assert was == now or len(now) <= risk.open_positions_max


@given(WORLDS)
def test_nothing_is_bought_where_a_buy_may_still_fill(world: World) -> None:
    """One live buy per asset among the remembered, whichever book it stands on and whoever sent it."""
    waiting = {
        record.intent.base
        for record in world.portfolio.ledger.orders.values()
        if record.intent.side is Side.BUY and to_come(record) > 0
    }

    bought = {intent.base for intent in world.plan().intents if intent.side is Side.BUY}
    assert not bought & waiting


@given(WORLDS, st.randoms(use_true_random=False))
def test_order_of_the_proposals_does_not_matter(world: World, chance: object) -> None:
    """Priority is by conviction, then by name, not by who came first; allocation lets no two of one name through."""
    one_each = {(each.strategy, each.base, each.lot_id): each for each in world.proposals}
    straight, shuffled = list(one_each.values()), list(one_each.values())
    chance.shuffle(shuffled)  # type: ignore[attr-defined]

    first, again = (replace(world, proposals=tuple(each)).review() for each in (straight, shuffled))

    assert answered(first) == answered(again)


def promised(ledger: Ledger, asset: Asset) -> Decimal:
    """What buys, fees included, and conversions may still take of a quote asset."""
    buys = (each for each in ledger.orders.values() if each.intent.side is Side.BUY and each.intent.quote == asset)
    total = sum((each.intent.limit_price * to_come(each) * (1 + each.intent.fee_rate_max) for each in buys), ZERO)
    return total + sum(
        (each.intent.amount for each in ledger.conversions.values() if each.is_open and each.intent.source == asset),
        ZERO,
    )


def positions(ledger: Ledger) -> set[Key]:
    """Strategy and asset of all that is held or may come to be held."""
    held = {(lot.strategy, lot.base) for lot in ledger.lots.values()}
    return held | {
        (record.intent.strategy, record.intent.base)
        for record in ledger.orders.values()
        if record.intent.side is Side.BUY and to_come(record) > 0
    }


def answered(review: RiskReview) -> Counter[tuple[object, ...]]:
    """A review without the order of its parts."""
    return Counter(
        [
            *(("approved", name(each.proposal), each.notional, each.quantity) for each in review.approvals),
            *(("denied", name(each.proposal), each.code) for each in review.denials),
        ]
    )


def name(proposal: TradeProposal | None) -> tuple[object, ...]:
    """Enough of a proposal to tell it from others."""
    assert proposal is not None
    return proposal.strategy, proposal.base, proposal.side, proposal.size_pct, proposal.conviction, proposal.lot_id
