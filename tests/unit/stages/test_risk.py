"""May it be done, and how much of it: every refusal at its threshold, every cap with its trim, and their order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from factories import (
    NOW,
    OTHER,
    PREFIX,
    RULES,
    USD,
    USDC,
    WIDE,
    a_bracket_intent,
    a_held_ledger,
    a_ledger,
    a_lot,
    a_parent,
    a_portfolio,
    a_proposal,
    a_risk_manager,
    a_sale,
    an_exit_intent,
    an_intent,
    an_order_record,
    some_marks,
    strategy_settings,
)
from factories_market import TIER_2, TIER_3
from trader.model.cycle_state import (
    AcceptedMark,
    Cooldown,
    EntryPacing,
    FailureStreak,
    LossStreak,
    Regime,
    RegimeReading,
)
from trader.model.decisions import Approval, RiskReview, TradeProposal, Trim
from trader.model.denials import DenialCode
from trader.model.fill_bounds import IMPLAUSIBLE
from trader.model.ids import Asset, ClientOrderId, Instant, ProductId
from trader.model.ledger import Ledger
from trader.model.money import Notional, Price, Quantity
from trader.model.order_life import OrderStatus
from trader.model.orders import OrderConfiguration, OrderPurpose
from trader.model.portfolio import Portfolio
from trader.model.schema import SCHEMA
from trader.model.trading_state import TradingState
from trader.stages.risk import RiskManager

CHOP = Regime.CHOP
DAY = "2026-11-22"
SOL, ETH, BTC = Asset("SOL"), Asset("ETH"), Asset("BTC")


def check(
    *proposals: TradeProposal,
    ledger: Ledger | None = None,
    regime: Regime = CHOP,
    risk: RiskManager | None = None,
    equity: str | None = "10000",
    view: Mapping[str, Any] | None = None,
    **conditions: Any,
) -> RiskReview:
    """Review proposals in a portfolio that refuses nothing but for what is said."""
    portfolio = a_portfolio(ledger, equity=equity, **conditions, **(view or {}))
    return (risk or a_risk_manager()).check_all(proposals or [a_proposal()], portfolio, regime)


def codes(review: RiskReview) -> list[DenialCode]:
    return [denial.code for denial in review.denials]


def refusal(**world: Any) -> DenialCode | None:
    """What a single buy is refused for in this world."""
    review = check(**world)
    assert 1 == len(review.approvals) + len(review.denials)
    return review.denials[0].code if review.denials else None


def amounts(review: RiskReview) -> list[tuple[str, Notional]]:
    return [(approval.proposal.product_id, approval.notional) for approval in review.approvals]


def paced(*ago: int, today: int = 0, product_ago: int | None = None, day: str = DAY) -> Ledger:
    """Books with entries so many seconds ago."""
    last = {} if product_ago is None else {SOL: Instant(NOW - product_ago)}
    return a_ledger(entry_pacing=EntryPacing(day, today, tuple(Instant(NOW - each) for each in ago), last))


# --- the sample


def test_order_in_doubt_still_counts_as_exposure() -> None:
    """An unanswered buy of 250 leaves room for 350 under a cap of 600."""
    ledger = a_ledger(working=[an_intent(notional="250")])
    wish = a_proposal(notional="400")

    review = a_risk_manager(total_notional_max="600").check_all([wish], a_portfolio(ledger), Regime.CHOP)

    assert [Trim(wish, Notional("350"), DenialCode.EXPOSURE_EXCEEDS_MAX)] == list(review.trims)


def test_wish_that_breaks_nothing_is_approved_in_full() -> None:
    """Three percent of 10,000, untrimmed."""
    wish = a_proposal(notional="300")

    assert RiskReview((Approval(wish, Notional(300)),)) == check(wish)


# --- 1: switch and ledger


@pytest.mark.parametrize("switch", [TradingState.REDUCE_ONLY, TradingState.HALT, TradingState.FLATTEN])
def test_nothing_is_bought_unless_the_switch_says_run(switch: TradingState) -> None:
    """Three of its four words forbid entries."""
    assert DenialCode.SWITCH_NOT_RUN is refusal(trading_state=switch)


@pytest.mark.parametrize(
    ("size", "size_max", "expected"),
    [
        (0, 0, None),
        (10**9, 0, None),
        (204_799, 204_800, None),
        (204_800, 204_800, DenialCode.LEDGER_SIZE_EXCEEDS_MAX),
        (10**6, 204_800, DenialCode.LEDGER_SIZE_EXCEEDS_MAX),
    ],
)
def test_nothing_is_bought_once_the_ledger_is_as_large_as_it_may_be(
    size: int, size_max: int, expected: DenialCode | None
) -> None:
    """Where the store says how large that is."""
    assert expected is refusal(ledger_bytes=size, ledger_bytes_max=size_max)


def test_asset_the_venue_disagrees_about_is_not_bought() -> None:
    """Only that one: another asset is."""
    ledger = a_ledger(reduce_only={SOL: "less at the venue"})

    review = check(a_proposal("SOL-USD"), a_proposal("ETH-USD"), ledger=ledger)

    assert [DenialCode.PRODUCT_REDUCE_ONLY] == codes(review)
    assert [("ETH-USD", Notional(300))] == amounts(review)


# --- 2: freshness and health


@pytest.mark.parametrize(("age", "expected"), [(119, None), (120, None), (121, DenialCode.TICK_STALE)])
def test_tick_may_be_so_old_and_no_older(age: int, expected: DenialCode | None) -> None:
    """The limit itself is still fresh."""
    assert expected is refusal(scheduled_at=Instant(NOW - age))


def test_nothing_is_bought_on_half_a_market() -> None:
    """If too much could not be read, the cycle abstains."""
    assert DenialCode.DATA_INCOMPLETE is refusal(data_complete=False)


@pytest.mark.parametrize(("left", "expected"), [(1, DenialCode.VENUE_UNHEALTHY), (0, None), (-1, None)])
def test_nothing_is_bought_while_a_failing_venue_rests(left: int, expected: DenialCode | None) -> None:
    """The rest ends at its instant."""
    assert expected is refusal(ledger=a_ledger(failure_streak=FailureStreak(0, Instant(NOW + left))))


# --- regime


def test_unknown_regime_is_no_regime_to_buy_in() -> None:
    """A missing input denies, with its own code."""
    assert DenialCode.REGIME_UNKNOWN is refusal(regime=Regime.UNKNOWN)


def test_crash_allows_no_entry() -> None:
    """Its multiplier is zero."""
    assert DenialCode.REGIME_CRASH is refusal(regime=Regime.CRASH)


@pytest.mark.parametrize(("regime", "notional"), [(Regime.BULL, 360), (Regime.CHOP, 300), (Regime.BEAR, 150)])
def test_regime_scales_the_wish(regime: Regime, notional: int) -> None:
    """A wish of 300 is 360 in a bull market and 150 in a bear one; that is no trim."""
    review = check(regime=regime)

    assert ([("SOL-USD", Notional(notional))], ()) == (amounts(review), review.trims)


# --- 4: loss stops


@pytest.mark.parametrize(
    ("equity", "marks", "expected"),
    [
        ("9700.01", some_marks(), None),
        ("9700", some_marks(), DenialCode.DAY_LOSS_EXCEEDS_MAX),
        ("9300.01", some_marks(day="9300"), None),
        ("9300", some_marks(day="9300"), DenialCode.WEEK_LOSS_EXCEEDS_MAX),
        ("9000.01", some_marks(day="9000", week="9000"), None),
        ("9000", some_marks(day="9000", week="9000"), DenialCode.DRAWDOWN_EXCEEDS_MAX),
        ("8000", some_marks(), DenialCode.DAY_LOSS_EXCEEDS_MAX),
    ],
)
def test_losses_stop_entries_at_their_limit(equity: str, marks: Any, expected: DenialCode | None) -> None:
    """3 % of the day, 7 % of the week, 10 % of the peak; the limit itself stops."""
    assert expected is refusal(equity=equity, ledger=a_ledger(equity_marks=marks))


def test_drawdown_stop_holds_after_the_equity_has_recovered() -> None:
    """Until an operator clears it."""
    assert DenialCode.DRAWDOWN_EXCEEDS_MAX is refusal(ledger=a_ledger(drawdown_halt=True))


@pytest.mark.parametrize(("age", "expected"), [(0, None), (899, None), (900, DenialCode.MARK_STALE)])
def test_loss_that_nobody_can_see_stops_entries(age: int, expected: DenialCode | None) -> None:
    """Equity rests on a price of a quarter of an hour ago: what is lost since is in no stop."""
    unbelieved = {ProductId("ETH-USD"): Instant(NOW - age)}

    assert expected is refusal(ledger=a_ledger(unbelieved=unbelieved))


def test_fill_that_cannot_be_is_named_where_it_stops_entries() -> None:
    """Equity is unknown for want of a price, or by a number that nobody believes: which of them is said."""
    why = f"{IMPLAUSIBLE}: fee 1000000 on 100"
    review = check(equity=None, ledger=a_ledger(reduce_only={Asset("ETH"): why}))

    assert [{"ETH": why}] == [each.details for each in review.denials]


@pytest.mark.parametrize(("equity", "marks"), [(None, some_marks()), ("10000", None)])
def test_loss_that_cannot_be_computed_stops_entries(equity: str | None, marks: Any) -> None:
    """Accident 6: neither the equity nor its starting point is made up."""
    assert DenialCode.EQUITY_UNKNOWN is refusal(equity=equity, ledger=a_ledger(equity_marks=marks))


# --- 5: pacing


@pytest.mark.parametrize(("today", "expected"), [(119, None), (120, DenialCode.DAY_TRADES_EXCEED_MAX)])
def test_so_many_trades_a_day(today: int, expected: DenialCode | None) -> None:
    """The hundred and twenty-first is refused."""
    assert expected is refusal(ledger=paced(today=today), risk=a_risk_manager(trades_per_day_max=120))


def test_trades_of_yesterday_do_not_count() -> None:
    """The day begins at midnight UTC."""
    ledger = paced(today=120, day="2026-11-21")

    assert refusal(ledger=ledger, risk=a_risk_manager(trades_per_day_max=120)) is None


@pytest.mark.parametrize(
    ("ago", "expected"),
    [((100, 200), None), ((100, 200, 3599), DenialCode.HOUR_ENTRIES_EXCEED_MAX), ((100, 200, 3600), None)],
)
def test_so_many_entries_an_hour(ago: tuple[int, ...], expected: DenialCode | None) -> None:
    """The fourth within an hour is refused; an hour ago is no longer within."""
    assert expected is refusal(ledger=paced(*ago), risk=a_risk_manager(entries_per_hour_max=3))


@pytest.mark.parametrize(("ago", "expected"), [(89, DenialCode.ENTRY_TOO_SOON), (90, None)])
def test_so_long_between_entries(ago: int, expected: DenialCode | None) -> None:
    """Ninety seconds, into whatever it was."""
    assert expected is refusal(ledger=paced(ago, 600))


@pytest.mark.parametrize(("ago", "expected"), [(899, DenialCode.PRODUCT_ENTRY_TOO_SOON), (900, None)])
def test_so_long_between_entries_into_one_asset(ago: int, expected: DenialCode | None) -> None:
    """A quarter of an hour; another asset may be entered meanwhile."""
    ledger = paced(product_ago=ago)

    assert expected is refusal(ledger=ledger)
    assert () == check(a_proposal("ETH-USD"), ledger=ledger).denials


def test_entries_of_this_review_count_for_the_pace() -> None:
    """The second of two is the fourth of the hour, and the last of the day."""
    proposals = a_proposal("SOL-USD"), a_proposal("ETH-USD", conviction=0.5)

    hourly = check(*proposals, ledger=paced(100, 200), risk=a_risk_manager(entries_per_hour_max=3))
    daily = check(*proposals, ledger=paced(today=119), risk=a_risk_manager(trades_per_day_max=120))

    assert [[DenialCode.HOUR_ENTRIES_EXCEED_MAX], [DenialCode.DAY_TRADES_EXCEED_MAX]] == [codes(hourly), codes(daily)]
    assert [["SOL-USD"]] * 2 == [[each.proposal.product_id for each in r.approvals] for r in (hourly, daily)]


# --- 6: cool-downs


@pytest.mark.parametrize(("left", "expected"), [(1, DenialCode.PRODUCT_COOLING), (0, None)])
def test_asset_rests_after_a_round_trip(left: int, expected: DenialCode | None) -> None:
    """Until its instant, and only that asset."""
    ledger = a_ledger(cooldowns={SOL: Cooldown(Instant(NOW + left), "stop")})

    assert expected is refusal(ledger=ledger)
    assert () == check(a_proposal("ETH-USD"), ledger=ledger).denials


@pytest.mark.parametrize(("left", "expected"), [(1, DenialCode.LOSSES_COOLING), (0, None)])
def test_everything_rests_after_losses_in_a_row(left: int, expected: DenialCode | None) -> None:
    """Until its instant."""
    assert expected is refusal(ledger=a_ledger(loss_streak=LossStreak(0, Instant(NOW + left))))


# --- 7: stable coins


@pytest.mark.parametrize(
    ("price", "expected"),
    [("0.985", None), ("0.984999", DenialCode.PEG_BELOW_MIN), ("0.88", DenialCode.PEG_BELOW_MIN)],
)
def test_stable_coin_we_hold_must_be_worth_its_dollar(price: str, expected: DenialCode | None) -> None:
    """Accident 13: 0.985 is enough, less stops every entry."""
    ledger = a_ledger(cash={USD: "9000", USDC: "1000"})

    assert expected is refusal(ledger=ledger, pegs={USDC: Decimal(price)})


def test_stable_coin_without_a_price_stops_entries() -> None:
    """Nobody assumes it is worth a dollar."""
    assert DenialCode.PEG_UNKNOWN is refusal(ledger=a_ledger(cash={USD: "9000", USDC: "1000"}), pegs={})


@pytest.mark.parametrize("pegs", [{}, {USDC: Decimal("0.5")}])
def test_stable_coin_we_do_not_hold_stops_nothing(pegs: dict[Asset, Decimal]) -> None:
    """Nor does the asset we count in."""
    assert refusal(ledger=a_ledger(cash={USD: "10000", USDC: "0"}), pegs=pegs) is None


def test_peg_that_was_lost_by_what_we_no_longer_hold_stops_nothing() -> None:
    """What pays is looked at again when it is spent."""
    assert refusal(ledger=a_ledger(cash={USD: "9000", USDC: "0"}, depegged={USDC: NOW})) is None


@pytest.mark.parametrize(("ago", "expected"), [(3599, DenialCode.PEG_BELOW_MIN), (3600, None)])
def test_peg_that_was_lost_stops_entries_for_an_hour(ago: int, expected: DenialCode | None) -> None:
    """Though it is back at a dollar."""
    ledger = a_ledger(cash={USD: "9000", USDC: "1000"}, depegged={USDC: Instant(NOW - ago)})

    assert expected is refusal(ledger=ledger)


# --- 8: counts


@pytest.mark.parametrize(("limit", "kept"), [(0, 0), (1, 1), (2, 2), (3, 2)])
def test_so_many_entries_a_cycle(limit: int, kept: int) -> None:
    """The better ones; sales are not counted."""
    lot = a_lot("ADA-USD")
    proposals = a_proposal("ETH-USD", conviction=0.5), a_proposal("SOL-USD"), a_sale(lot)

    review = check(*proposals, ledger=a_ledger(lots=[lot]), risk=a_risk_manager(entries_per_cycle_max=limit))

    assert ["ADA-USD", "SOL-USD", "ETH-USD"][: kept + 1] == [each.proposal.product_id for each in review.approvals]
    assert [DenialCode.CYCLE_ENTRIES_EXCEED_MAX] * (2 - kept) == codes(review)


@pytest.mark.parametrize(("limit", "kept"), [(0, []), (1, ["BTC-USD"]), (2, ["BTC-USD", "SOL-USD"])])
def test_strategy_makes_so_many_trades_a_cycle(limit: int, kept: list[str]) -> None:
    """The best of them; the others are told how many there are already."""
    risk = a_risk_manager(strategies={RULES: strategy_settings(trades_per_cycle_max=limit)})
    proposals = [a_proposal("SOL-USD", conviction=0.6), a_proposal("BTC-USD", conviction=0.7)]

    review = risk.check_all(proposals, a_portfolio(), CHOP)

    assert kept == [each.proposal.product_id for each in review.approvals]
    assert [{"trades": limit, "limit": limit}] * (2 - limit) == [each.details for each in review.denials]
    assert {DenialCode.TRADES_EXCEED_MAX} >= set(codes(review))


def test_each_strategy_has_its_own_count_of_trades() -> None:
    """One's are not the other's, and one that is refused for another reason takes no place."""
    once = strategy_settings(trades_per_cycle_max=1)
    proposals = [
        a_proposal("SOL-USD", conviction=0.9, size_pct=Decimal("0.01")),
        a_proposal("ADA-USD", conviction=0.8),
        a_proposal("BTC-USD", strategy=OTHER),
    ]

    review = a_risk_manager(strategies={RULES: once, OTHER: once}).check_all(proposals, a_portfolio(), CHOP)

    assert ["ADA-USD", "BTC-USD"] == [each.proposal.product_id for each in review.approvals]
    assert [DenialCode.NOTIONAL_BELOW_MIN] == codes(review)


def test_wish_for_what_is_being_bought_is_no_trade_more() -> None:
    """Two parents that are asked for again in each cycle leave both trades of the cycle to others."""
    parents = {ClientOrderId(name): a_parent(f"{name}-USD", parent_id=ClientOrderId(name)) for name in ("ETH", "ADA")}
    ledger = replace(a_ledger(), parents=parents)
    risk = a_risk_manager(strategies={RULES: strategy_settings(trades_per_cycle_max=2)})
    proposals = [
        *(a_proposal(each, conviction=0.9) for each in ("ETH-USD", "ADA-USD")),
        *(a_proposal(each, conviction=0.8 - n / 10) for n, each in enumerate(("SOL-USD", "BTC-USD", "XRP-USD"))),
    ]

    review = risk.check_all(proposals, a_portfolio(ledger), CHOP)

    assert ["ADA-USD", "ETH-USD", "SOL-USD", "BTC-USD"] == [each.proposal.product_id for each in review.approvals]
    assert [DenialCode.TRADES_EXCEED_MAX] == codes(review)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (OrderStatus.INTENDED, DenialCode.ORDER_IN_DOUBT),
        (OrderStatus.IN_DOUBT, DenialCode.ORDER_IN_DOUBT),
        (OrderStatus.PENDING, DenialCode.ORDER_WORKING),
        (OrderStatus.OPEN, DenialCode.ORDER_WORKING),
        (OrderStatus.CANCEL_QUEUED, DenialCode.ORDER_WORKING),
        (OrderStatus.CANCELLED, None),
        (OrderStatus.WITHHELD, None),
        (OrderStatus.ABANDONED, None),
    ],
)
def test_one_live_buy_per_asset(status: OrderStatus, expected: DenialCode | None) -> None:
    """Whoever's, by whichever door: SOL-USDC blocks SOL-USD."""
    working = an_intent(product_id="SOL-USDC", strategy=OTHER)

    assert expected is refusal(ledger=a_ledger(working=[an_order_record(working, status)]))


def test_live_sale_does_not_block_a_buy_of_the_same_asset() -> None:
    """One live order per product and side."""
    ledger = a_held_ledger(an_intent(product_id="SOL-USD", decided_at=Instant(NOW - 7200)))
    ledger = ledger.with_order(an_order_record(a_bracket_intent(product_id="SOL-USD")))

    assert refusal(ledger=ledger) is None


def test_strategy_enters_an_asset_once_in_a_review() -> None:
    """Two orders of one strategy for one product in one cycle would carry one id."""
    review = check(a_proposal(conviction=0.7), a_proposal(conviction=0.6))

    assert [DenialCode.ORDER_WORKING] == codes(review)
    assert [0.7] == [approval.proposal.conviction for approval in review.approvals]


@pytest.mark.parametrize(("limit", "expected"), [(3, None), (2, DenialCode.POSITIONS_EXCEED_MAX)])
def test_so_many_positions_are_open(limit: int, expected: DenialCode | None) -> None:
    """A lot, and a buy that may become one."""
    ledger = a_ledger(lots=[a_lot("BTC-USD")], working=[an_intent(product_id="ETH-USD")])

    assert expected is refusal(ledger=ledger, risk=a_risk_manager(open_positions_max=limit))


def test_more_of_a_position_is_no_new_position() -> None:
    """For its own strategy; for another one it is."""
    ledger = a_ledger(lots=[a_lot("SOL-USD")])
    risk = a_risk_manager(open_positions_max=1)

    assert () == check(a_proposal(), ledger=ledger, risk=risk).denials
    assert [DenialCode.POSITIONS_EXCEED_MAX] == codes(check(a_proposal(strategy=OTHER), ledger=ledger, risk=risk))


def test_entry_that_came_to_nothing_is_no_position() -> None:
    """It is over, and bought nothing."""
    ledger = a_ledger(working=[an_order_record(an_intent(), OrderStatus.EXPIRED)])

    assert refusal(ledger=ledger, risk=a_risk_manager(open_positions_max=1)) is None


def test_positions_opened_by_this_review_count() -> None:
    """The second of two is one too many."""
    review = check(a_proposal(), a_proposal("ETH-USD", conviction=0.1), risk=a_risk_manager(open_positions_max=1))

    assert [DenialCode.POSITIONS_EXCEED_MAX] == codes(review)


# --- 9: caps


def trimmed(review: RiskReview) -> tuple[Notional | None, DenialCode | None]:
    """What is left of a single wish, and which cap did it."""
    (approval,) = review.approvals
    assert [approval.notional] * len(review.trims) == [trim.notional for trim in review.trims]
    return approval.notional, review.trims[0].code if review.trims else None


@pytest.mark.parametrize(
    ("wish", "left", "code"),
    [
        ("299.99", "299.99", None),
        ("300", "300", None),
        ("300.01", "300", DenialCode.POSITION_EXCEEDS_MAX),
        ("5000", "300", DenialCode.POSITION_EXCEEDS_MAX),
    ],
)
def test_wish_is_trimmed_to_the_cap_and_not_below(wish: str, left: str, code: DenialCode | None) -> None:
    """Three percent of 10,000 are 300: the cap itself is allowed."""
    review = check(a_proposal(notional=wish), risk=a_risk_manager(position_pct_max=Decimal(3)))

    assert (Notional(left), code) == trimmed(review)


@pytest.mark.parametrize(("regime", "left"), [(Regime.BULL, "360.0"), (Regime.CHOP, "300"), (Regime.BEAR, "150.0")])
def test_regime_scales_the_cap_of_a_position_like_the_wish(regime: Regime, left: str) -> None:
    """Three percent become 3.6 or 1.5."""
    review = check(a_proposal(notional="900"), regime=regime, risk=a_risk_manager(position_pct_max=Decimal(3)))

    assert (Notional(left), DenialCode.POSITION_EXCEEDS_MAX) == trimmed(review)


def test_position_is_one_strategys_part_of_an_asset() -> None:
    """100 of our own count, 100 of another strategy's do not."""
    lots = [a_lot("SOL-USD"), a_lot("SOL-USDC", strategy=OTHER)]

    review = check(ledger=a_ledger(lots=lots), risk=a_risk_manager(position_pct_max=Decimal(3)))

    assert (Notional(200), DenialCode.POSITION_EXCEEDS_MAX) == trimmed(review)


def test_product_is_what_all_strategies_hold_and_want_of_an_asset() -> None:
    """A lot of 100 and a sold-off order's last fill of 50 leave 250 of 400; by any door."""
    late = an_order_record(
        an_intent("late", product_id="SOL-USDC", strategy=OTHER, limit_price=Decimal(50)),
        OrderStatus.CANCELLED,
    )
    ledger = a_ledger(lots=[a_lot("SOL-USDC", strategy=OTHER)], working=[late])
    doubtful = replace(late, reported_filled=Quantity(1))

    without = check(a_proposal(notional="900"), ledger=ledger, risk=a_risk_manager(product_pct_max=Decimal(4)))

    assert (Notional(300), DenialCode.PRODUCT_EXCEEDS_MAX) == trimmed(without)
    assert [DenialCode.ORDER_WORKING] == codes(check(a_proposal(), ledger=ledger.with_order(doubtful)))


def test_tier_has_a_cap_of_its_own() -> None:
    """Seven percent for the third tier; 600 of them are taken by its other members."""
    tiers = {SOL: TIER_3, ETH: TIER_3, BTC: TIER_2}
    ledger = a_ledger(working=[an_intent(notional="600"), an_intent("b", product_id="BTC-USD", notional="900")])

    review = check(ledger=ledger, view={"tiers": tiers})

    assert (Notional(100), DenialCode.TIER_EXCEEDS_MAX) == trimmed(review)


def test_cluster_has_a_cap_of_its_own() -> None:
    """Four percent for memes: DOGE held, and what was measured to move with them."""
    doge = Asset("DOGE")
    clusters = {SOL: ("MEME",), BTC: ("MEME",)}
    lots = [a_lot("DOGE-USD", base=doge), a_lot("BTC-USD", cost=Notional(120))]

    review = check(ledger=a_ledger(lots=lots), view={"clusters": clusters})

    assert (Notional(180), DenialCode.CLUSTER_EXCEEDS_MAX) == trimmed(review)


def test_tightest_of_several_clusters_counts() -> None:
    """Ten percent of one, four of the other."""
    review = check(a_proposal(notional="2000"), view={"clusters": {SOL: ("LAYER1", "MEME")}})

    assert (Notional(400), DenialCode.CLUSTER_EXCEEDS_MAX) == trimmed(review)


def test_twin_of_a_held_asset_shares_its_cap() -> None:
    """Of 500 for both, 350 are held in Bitcoin, which no cluster lists: 150 are left for what moves with it."""
    ledger = a_ledger(lots=[a_lot("BTC-USD", cost=Notional(350))])
    risk = a_risk_manager(correlated_pct_max=Decimal(5))
    twin, other = a_proposal("SOL-USD", conviction=0.9), a_proposal("ADA-USD")
    peers = {SOL: frozenset({Asset("BTC")}), Asset("ADA"): frozenset()}

    review = check(twin, other, ledger=ledger, risk=risk, view={"peers": peers})

    assert (Trim(twin, Notional(150), DenialCode.CORRELATED_EXCEEDS_MAX),) == review.trims
    assert 2 == len(review.approvals)


def test_parent_and_order_of_a_peer_count_like_a_lot() -> None:
    """What is being bought will be held: 100.20 of a parent, 200 of an order, of 500."""
    btc, eth = Asset("BTC"), Asset("ETH")
    ledger = a_ledger(working=[an_intent(product_id="BTC-USD", notional="200")])
    ledger = replace(ledger, parents={ClientOrderId("parent"): a_parent("ETH-USD")})
    risk = a_risk_manager(correlated_pct_max=Decimal(5))

    review = check(ledger=ledger, risk=risk, view={"peers": {SOL: frozenset({btc, eth})}})

    assert (Notional("199.80"), DenialCode.CORRELATED_EXCEEDS_MAX) == trimmed(review)


def test_ten_unknown_coins_share_one_cap() -> None:
    """All wanted in one cycle, nothing held: each may move with the others, so 1200 of 3000 are bought."""
    names = [Asset(f"COIN{number}") for number in range(10)]
    proposals = [a_proposal(f"{name}-USD") for name in names]
    peers = {name: frozenset(names) - {name} for name in names}
    risk = a_risk_manager(correlated_pct_max=Decimal(12), entries_per_hour_max=100)

    review = check(*proposals, risk=risk, view={"peers": peers})

    assert 1200 == sum(each.notional for each in review.approvals)
    assert {DenialCode.CORRELATED_EXCEEDS_MAX} == set(codes(review))


def test_strategy_has_its_weight_and_no_more() -> None:
    """Two percent are 200; what the other strategy leaves unused is not lent."""
    strategies = {RULES: strategy_settings(weight_pct=Decimal(2)), OTHER: strategy_settings(weight_pct=Decimal(98))}
    ledger = a_ledger(lots=[a_lot("ETH-USD", cost=Notional(50))], working=[an_intent(strategy=OTHER, notional="500")])

    review = check(ledger=ledger, risk=a_risk_manager(strategies=strategies))

    assert (Notional(150), DenialCode.STRATEGY_EXCEEDS_WEIGHT) == trimmed(review)


def test_total_counts_lots_working_and_doubtful_buys_together() -> None:
    """100 + 40 + 60 of 400 leave 200."""
    ledger = a_ledger(
        lots=[a_lot("BTC-USD")],
        working=[an_intent(notional="40"), an_order_record(an_intent("b", product_id="ADA-USD", notional="60"))],
    )

    review = check(ledger=ledger, risk=a_risk_manager(total_notional_max="400"))

    assert (Notional(200), DenialCode.EXPOSURE_EXCEEDS_MAX) == trimmed(review)


def test_lots_count_at_what_they_are_worth_now() -> None:
    """Bought for 100, worth 250."""
    ledger = a_ledger(lots=[a_lot()], accepted_marks={BTC: AcceptedMark(Price(250), NOW)})

    review = check(ledger=ledger, risk=a_risk_manager(total_notional_max="400"))

    assert (Notional(150), DenialCode.EXPOSURE_EXCEEDS_MAX) == trimmed(review)


def test_caps_are_shares_of_the_equity_not_of_the_capital() -> None:
    """With 20,000 a wish of three percent is 600."""
    ledger = a_ledger(equity_marks=some_marks("20000", "20000", "20000"))

    assert [("SOL-USD", Notional(600))] == amounts(check(equity="20000", ledger=ledger))


# --- trims by conviction


def test_better_of_two_gets_the_room_and_the_other_the_rest() -> None:
    """Accident 25: a cap of 25 % with 22.5 % taken: 200 for the better, 50 for the other."""
    better, other = a_proposal(notional="200", conviction=0.9), a_proposal("BTC-USD", notional="200", conviction=0.5)
    ledger = a_ledger(working=[an_intent(notional="2250")])

    review = check(other, better, ledger=ledger, risk=a_risk_manager(total_pct_max=Decimal(25)))

    assert [("SOL-USD", Notional(200)), ("BTC-USD", Notional(50))] == amounts(review)
    assert (Trim(other, Notional(50), DenialCode.EXPOSURE_EXCEEDS_MAX),) == review.trims


def test_rest_below_the_minimum_is_dropped_with_the_cap_that_did_it() -> None:
    """Accident 25: at 26 % a batch is not thrown away: the better gets its 245, the 5 left are too small."""
    better, other = a_proposal(notional="245", conviction=0.9), a_proposal("BTC-USD", notional="245", conviction=0.5)
    ledger = a_ledger(working=[an_intent(notional="2250")])

    review = check(other, better, ledger=ledger, risk=a_risk_manager(total_pct_max=Decimal(25)))

    assert [("SOL-USD", Notional(245))] == amounts(review)
    assert ([DenialCode.EXPOSURE_EXCEEDS_MAX], ()) == (codes(review), review.trims)
    assert (Decimal(5), Decimal(2495)) == (review.denials[0].details["room"], review.denials[0].details["used"])


def test_cap_that_is_overdrawn_leaves_no_room() -> None:
    """Prices rose beyond it: nothing is added, and nothing negative comes out."""
    review = check(ledger=a_ledger(working=[an_intent(notional="500")]), risk=a_risk_manager(total_notional_max="400"))

    assert [DenialCode.EXPOSURE_EXCEEDS_MAX] == codes(review)
    assert Decimal(0) == review.denials[0].details["room"]


def test_what_is_approved_counts_against_every_cap_of_those_that_follow() -> None:
    """Position, product, tier, cluster, weight and total: 100 left of 400 in each."""
    first, second = a_proposal(notional="300", conviction=0.9), a_proposal("BTC-USD", notional="300", conviction=0.5)
    weights = {RULES: strategy_settings(weight_pct=Decimal(4)), OTHER: strategy_settings()}
    worlds: list[tuple[DenialCode, Mapping[str, Any]]] = [
        (DenialCode.CLUSTER_EXCEEDS_MAX, {"view": {"clusters": {SOL: ("MEME",), BTC: ("MEME",)}}}),
        (DenialCode.STRATEGY_EXCEEDS_WEIGHT, {"risk": a_risk_manager(strategies=weights)}),
        (DenialCode.EXPOSURE_EXCEEDS_MAX, {"risk": a_risk_manager(total_notional_max="400")}),
    ]
    for code, world in worlds:
        review = check(first, second, **world)

        assert (Trim(second, Notional(100), code),) == review.trims


def test_two_strategies_share_the_cap_of_an_asset_within_a_review() -> None:
    """Each has its own position, both have one product."""
    second = a_proposal(notional="300", conviction=0.5, strategy=OTHER)

    review = check(a_proposal(), second, risk=a_risk_manager(product_pct_max=Decimal(4)))

    assert (Trim(second, Notional(100), DenialCode.PRODUCT_EXCEEDS_MAX),) == review.trims


def test_two_assets_share_the_cap_of_their_tier_within_a_review() -> None:
    """Seven percent: 500 and 200."""
    first, second = a_proposal(notional="500", conviction=0.9), a_proposal("ETH-USD", notional="500")

    review = check(first, second, view={"tiers": {SOL: TIER_3, ETH: TIER_3}})

    assert (Trim(second, Notional(200), DenialCode.TIER_EXCEEDS_MAX),) == review.trims


@pytest.mark.parametrize(
    ("limits", "view"),
    [
        ({"position_pct_max": Decimal(3)}, {}),
        ({"product_pct_max": Decimal(3)}, {}),
        ({}, {"tiers": {SOL: TIER_3, BTC: TIER_2}}),
        ({}, {"clusters": {SOL: ("MEME",), BTC: ("LAYER2",)}}),
    ],
)
def test_what_is_approved_counts_only_where_it_belongs(limits: dict[str, Any], view: dict[str, Any]) -> None:
    """Another asset, tier or cluster has its own room."""
    proposals = a_proposal(notional="300", conviction=0.9), a_proposal("BTC-USD", notional="300")
    wide = {SOL: Notional(300), BTC: Notional(300)}

    review = check(*proposals, risk=a_risk_manager(**limits), view=view, ledger=a_ledger(working=[an_intent()]))

    assert wide == {approval.proposal.base: approval.notional for approval in review.approvals}
    assert () == review.trims


# --- 10: minimum


@pytest.mark.parametrize(("wish", "expected"), [("10.10", None), ("10.08", DenialCode.NOTIONAL_BELOW_MIN)])
def test_purchase_must_be_worth_making_after_the_fee(wish: str, expected: DenialCode | None) -> None:
    """Ten are left of 10.10 after 0.9 %, and of 10.08 they are not."""
    review = check(a_proposal(notional=wish))

    assert expected is (review.denials[0].code if review.denials else None)


def test_minimum_itself_is_enough() -> None:
    """Exactly ten after the fee of a taker."""
    assert () == check(a_proposal(notional="20"), risk=a_risk_manager(notional_min=Decimal("19.82"))).denials


# --- the order of the checks


def test_first_check_that_fails_gives_the_code() -> None:
    """Everything is wrong at once; each repaired in turn shows the next: the order of the rule book."""
    everything: dict[str, Any] = {
        "trading_state": TradingState.HALT,
        "ledger_bytes": 60,
        "ledger_bytes_max": 60,
        "scheduled_at": Instant(NOW - 999),
        "data_complete": False,
        "pegs": {},
        "regime": Regime.UNKNOWN,
        "equity": None,
    }
    limits: dict[str, Any] = {
        "trades_per_day_max": 0,
        "entries_per_hour_max": 1,
        "entries_per_cycle_max": 0,
        "open_positions_max": 0,
        "total_pct_max": Decimal(0),
    }
    ledger_fields: dict[str, Any] = {
        "schema": SCHEMA + 1,
        "reduce_only": {SOL: "less"},
        "failure_streak": FailureStreak(0, Instant(NOW + 1)),
        "unbelieved": {ProductId("ETH-USD"): Instant(NOW - 900)},
        "drawdown_halt": True,
        "equity_marks": some_marks("20000", "20000", "20000"),
        "entry_pacing": EntryPacing(DAY, 0, (Instant(NOW - 1),), {SOL: Instant(NOW - 1)}),
        "cooldowns": {SOL: Cooldown(Instant(NOW + 1), "loss")},
        "loss_streak": LossStreak(0, Instant(NOW + 1)),
        "depegged": {USDC: NOW},
        "cash": {USD: "9000", USDC: "1000"},
        "working": [an_intent(product_id="SOL-USD")],
    }
    repairs: list[tuple[DenialCode, dict[str, Any], str, Any]] = [
        (DenialCode.SWITCH_NOT_RUN, everything, "trading_state", TradingState.RUN),
        (DenialCode.LEDGER_NEWER, ledger_fields, "schema", SCHEMA),
        (DenialCode.LEDGER_SIZE_EXCEEDS_MAX, everything, "ledger_bytes", 59),
        (DenialCode.PRODUCT_REDUCE_ONLY, ledger_fields, "reduce_only", {}),
        (DenialCode.TICK_STALE, everything, "scheduled_at", NOW),
        (DenialCode.DATA_INCOMPLETE, everything, "data_complete", True),
        (DenialCode.VENUE_UNHEALTHY, ledger_fields, "failure_streak", FailureStreak()),
        (DenialCode.REGIME_UNKNOWN, everything, "regime", CHOP),
        (DenialCode.EQUITY_UNKNOWN, everything, "equity", "10000"),
        (DenialCode.MARK_STALE, ledger_fields, "unbelieved", {}),
        (DenialCode.DAY_LOSS_EXCEEDS_MAX, ledger_fields, "equity_marks", some_marks("10000", "20000", "20000")),
        (DenialCode.WEEK_LOSS_EXCEEDS_MAX, ledger_fields, "equity_marks", some_marks("10000", "10000", "20000")),
        (DenialCode.DRAWDOWN_EXCEEDS_MAX, ledger_fields, "equity_marks", some_marks()),
        (DenialCode.DRAWDOWN_EXCEEDS_MAX, ledger_fields, "drawdown_halt", False),
        (DenialCode.DAY_TRADES_EXCEED_MAX, limits, "trades_per_day_max", 1000),
        (DenialCode.HOUR_ENTRIES_EXCEED_MAX, limits, "entries_per_hour_max", 2),
        (DenialCode.ENTRY_TOO_SOON, ledger_fields, "entry_pacing", EntryPacing(DAY, 0, (), {SOL: Instant(NOW - 1)})),
        (DenialCode.PRODUCT_ENTRY_TOO_SOON, ledger_fields, "entry_pacing", EntryPacing()),
        (DenialCode.PRODUCT_COOLING, ledger_fields, "cooldowns", {}),
        (DenialCode.LOSSES_COOLING, ledger_fields, "loss_streak", LossStreak()),
        (DenialCode.PEG_UNKNOWN, everything, "pegs", {USDC: Decimal("0.5")}),
        (DenialCode.PEG_BELOW_MIN, everything, "pegs", {USDC: Decimal(1)}),
        (DenialCode.PEG_BELOW_MIN, ledger_fields, "depegged", {}),
        (DenialCode.CYCLE_ENTRIES_EXCEED_MAX, limits, "entries_per_cycle_max", 1),
        (DenialCode.ORDER_IN_DOUBT, ledger_fields, "working", [an_order_record(an_intent(product_id="SOL-USD"))]),
        (DenialCode.ORDER_WORKING, ledger_fields, "working", []),
        (DenialCode.POSITIONS_EXCEED_MAX, limits, "open_positions_max", 1),
        (DenialCode.EXPOSURE_EXCEEDS_MAX, limits, "total_pct_max", Decimal(100)),
    ]

    for code, place, what, repaired in repairs:
        found = refusal(ledger=a_ledger(**ledger_fields), risk=a_risk_manager(**limits), **everything)
        assert code is found
        place[what] = repaired

    assert refusal(ledger=a_ledger(**ledger_fields), risk=a_risk_manager(**limits), **everything) is None


# --- sales


def a_holding(*more: Any, **over: Any) -> Ledger:
    """One lot of ETH, of which everything is at hand."""
    return a_held_ledger(None, *more, **over)


LOT = ClientOrderId(PREFIX + "entry")
#: Ten is left of it after the factories' fee of a taker.
BEFORE_FEE = {"min_before_fee": Decimal("10.10")}


def test_sale_is_approved_with_the_quantity_of_its_lot() -> None:
    """All of it, and no notional: what it brings is the market's business."""
    ledger = a_holding()
    sale = a_sale(ledger.lots[LOT])

    assert (Approval(sale, quantity=Quantity(1)),) == check(sale, ledger=ledger).approvals


@pytest.mark.parametrize("switch", [TradingState.RUN, TradingState.REDUCE_ONLY, TradingState.FLATTEN])
def test_sale_passes_every_guard_against_new_risk(switch: TradingState) -> None:
    """Reduce-only passes 4 to 9, and whatever else is wrong with the world."""
    ledger = a_holding(
        equity_marks=None,
        drawdown_halt=True,
        reduce_only={ETH: "less at the venue"},
        failure_streak=FailureStreak(0, Instant(NOW + 999)),
        entry_pacing=EntryPacing(DAY, 9999, (NOW,), {ETH: NOW}),
        cooldowns={ETH: Cooldown(Instant(NOW + 999), "loss")},
        loss_streak=LossStreak(0, Instant(NOW + 999)),
        depegged={USDC: NOW},
    )
    risk = a_risk_manager(**dict.fromkeys(WIDE, 0))

    review = check(
        a_sale(ledger.lots[LOT]),
        ledger=ledger,
        risk=risk,
        regime=Regime.UNKNOWN,
        equity=None,
        trading_state=switch,
        scheduled_at=Instant(NOW - 9999),
        data_complete=False,
        pegs={},
        ledger_bytes=10**6,
        ledger_bytes_max=204_800,
    )

    assert (1, ()) == (len(review.approvals), review.denials)


def test_halt_stops_sales_too() -> None:
    """Nothing is sent; protection stays at the venue."""
    ledger = a_holding()

    assert [DenialCode.SWITCH_NOT_RUN] == codes(
        check(a_sale(ledger.lots[LOT]), ledger=ledger, trading_state=TradingState.HALT)
    )


def test_nothing_is_sold_that_is_not_held() -> None:
    """No lot, an unknown one, another strategy's, an empty one: we never go short."""
    ledger = a_holding()
    lot = ledger.lots[LOT]
    proposals = [
        a_sale(lot, lot_id=None),
        a_sale(lot, lot_id=ClientOrderId("nobody")),
        a_sale(lot, strategy=OTHER),
    ]

    assert [DenialCode.POSITION_MISSING] * 3 == codes(check(*proposals, ledger=ledger))
    empty = ledger.with_lot(replace(lot, quantity=Quantity(0)))
    assert [DenialCode.POSITION_MISSING] == codes(check(a_sale(lot), ledger=empty))


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (OrderStatus.INTENDED, [DenialCode.ORDER_WORKING]),
        (OrderStatus.IN_DOUBT, [DenialCode.ORDER_WORKING]),
        (OrderStatus.OPEN, [DenialCode.ORDER_WORKING]),
        (OrderStatus.CANCELLED, []),
    ],
)
def test_lot_is_sold_by_one_order_at_a_time(status: OrderStatus, expected: list[DenialCode]) -> None:
    """A sale in doubt may be selling it right now."""
    ledger = a_holding(an_order_record(an_exit_intent(), status))

    assert expected == codes(check(a_sale(ledger.lots[LOT]), ledger=ledger))


def test_bracket_does_not_block_a_sale() -> None:
    """It is cancelled first."""
    ledger = a_holding(an_order_record(a_bracket_intent()))

    assert () == check(a_sale(ledger.lots[LOT]), ledger=ledger).denials


def test_sales_come_first() -> None:
    """Less risk before more, whatever the convictions."""
    ledger = a_holding()

    review = check(a_proposal(conviction=0.99), a_sale(ledger.lots[LOT], conviction=0.01), ledger=ledger)

    assert ["ETH-USD", "SOL-USD"] == [approval.proposal.product_id for approval in review.approvals]


# --- the review as a whole


def test_every_proposal_is_answered_exactly_once() -> None:
    """Approved or denied, a trim beside the approval; the same whatever order they come in."""
    ledger = a_holding()
    proposals = [
        a_proposal("SOL-USD", conviction=0.9, notional="900"),
        a_proposal("BTC-USD", conviction=0.5),
        a_proposal("ADA-USD", conviction=0.5),
        a_sale(ledger.lots[LOT]),
    ]
    risk = a_risk_manager(total_notional_max="1200")

    review = check(*proposals, ledger=ledger, risk=risk)

    answered = [a.proposal for a in review.approvals] + [d.proposal for d in review.denials]
    assert sorted(proposals, key=repr) == sorted(answered, key=repr)  # type: ignore[type-var]
    assert review == check(*reversed(proposals), ledger=ledger, risk=risk)


@pytest.mark.parametrize(("regime", "notional", "multiplier"), [(Regime.CHOP, "10", 1), (Regime.BEAR, "19", "0.5")])
def test_wish_too_small_names_the_multiplier_that_sized_it(regime: Regime, notional: str, multiplier: str) -> None:
    """In a bear market 19 are 9.50, in any other 10 are too little after fees."""
    (denial,) = check(a_proposal(notional=notional), regime=regime).denials

    assert (DenialCode.NOTIONAL_BELOW_MIN, Decimal(multiplier)) == (denial.code, denial.details["size_multiplier"])


@pytest.mark.parametrize(
    ("regime", "expected"),
    [
        (Regime.CHOP, Trim(a_proposal(notional="400"), Notional(350), DenialCode.POSITION_EXCEEDS_MAX)),
        (
            Regime.BEAR,
            Trim(
                a_proposal(notional="400"),
                Notional(175),
                DenialCode.POSITION_EXCEEDS_MAX,
                {"size_multiplier": Decimal("0.5")},
            ),
        ),
        (
            Regime.BULL,
            Trim(
                a_proposal(notional="400"),
                Notional(420),
                DenialCode.POSITION_EXCEEDS_MAX,
                {"size_multiplier": Decimal("1.2")},
            ),
        ),
    ],
)
def test_trim_names_the_multiplier_where_it_moved_the_cap(regime: Regime, expected: Trim) -> None:
    """Half of 350 in a bear market, a fifth more in a bull market; in a choppy one it changes nothing."""
    review = check(a_proposal(notional="400"), risk=a_risk_manager(position_pct_max=Decimal("3.5")), regime=regime)

    assert (expected,) == review.trims


def test_risk_never_enlarges() -> None:
    """A wish below every cap stays what it is."""
    portfolio: Portfolio = a_portfolio()

    review = a_risk_manager().check_all([a_proposal(notional="11")], portfolio, CHOP)

    assert [("SOL-USD", Notional(11))] == amounts(review)


def test_denial_names_its_stage_strategy_and_proposal() -> None:
    """Whoever reads it need not guess."""
    wish = a_proposal()

    (denial,) = check(wish, regime=Regime.UNKNOWN).denials

    assert ("risk", RULES, wish, "SOL-USD") == (denial.stage, denial.strategy, denial.proposal, denial.product_id)


@pytest.mark.parametrize(
    ("world", "numbers"),
    [
        ({"trading_state": TradingState.HALT}, {"trading_state": "HALT"}),
        ({"ledger_bytes": 70, "ledger_bytes_max": 60}, {"size_bytes": 70, "size_max_bytes": 60}),
        ({"ledger": a_ledger(reduce_only={SOL: "less"})}, {"why": "less"}),
        ({"scheduled_at": Instant(NOW - 150)}, {"age_seconds": 150, "limit": 120}),
        ({"ledger": a_ledger(failure_streak=FailureStreak(0, Instant(NOW + 7)))}, {"seconds_left": 7}),
        ({"regime": Regime.CRASH}, {"size_multiplier": 0}),
        (
            {"regime": Regime.CRASH, "reading": RegimeReading(Regime.CHOP, -4.0, 70.0)},
            {"size_multiplier": 0, "raw": "chop", "trend_pct": -4.0, "volatility_pct": 70.0},
        ),
        ({"regime": Regime.UNKNOWN}, {}),
        (
            {"regime": Regime.UNKNOWN, "reading": RegimeReading(Regime.BULL, 12.0, 50.0)},
            {"raw": "bull", "trend_pct": 12.0, "volatility_pct": 50.0},
        ),
        ({"equity": "9600"}, {"loss_pct": 4, "limit_pct": 3}),
        ({"ledger": a_ledger(drawdown_halt=True)}, {"until": "operator"}),
        (
            {"ledger": paced(today=7), "risk": a_risk_manager(trades_per_day_max=5)},
            {"trades": 7, "limit": 5},
        ),
        (
            {"ledger": paced(500, 600), "risk": a_risk_manager(entries_per_hour_max=2)},
            {"entries": 2, "limit": 2},
        ),
        ({"ledger": paced(30, 600)}, {"seconds": 30, "limit": 90}),
        ({"ledger": paced(product_ago=100)}, {"seconds": 100, "limit": 900}),
        (
            {"ledger": a_ledger(cooldowns={SOL: Cooldown(Instant(NOW + 40), "stop")})},
            {"after": "stop", "seconds_left": 40},
        ),
        ({"ledger": a_ledger(loss_streak=LossStreak(0, Instant(NOW + 50)))}, {"seconds_left": 50}),
        ({"ledger": a_ledger(cash={USDC: "1"}), "pegs": {}}, {"asset": USDC}),
        (
            {"ledger": a_ledger(cash={USDC: "1"}), "pegs": {USDC: Decimal("0.9")}},
            {"asset": USDC, "price": Decimal("0.9"), "limit": Decimal("0.985")},
        ),
        (
            {"ledger": a_ledger(cash={USDC: "1"}, depegged={USDC: Instant(NOW - 600)})},
            {"asset": USDC, "seconds_left": 3000},
        ),
        ({"risk": a_risk_manager(entries_per_cycle_max=0)}, {"limit": 0}),
        (
            {"ledger": a_ledger(working=[an_intent(product_id="SOL-USD")])},
            {"order": "t247-entry", "status": "IN_DOUBT"},
        ),
        (
            {"ledger": a_ledger(lots=[a_lot()]), "risk": a_risk_manager(open_positions_max=1)},
            {"positions": 1, "limit": 1},
        ),
        (
            {"ledger": a_ledger(lots=[a_lot()]), "risk": a_risk_manager(total_notional_max="105")},
            {"wish": 300, "room": 5, "limit": 105, "used": 100, "min": 10, **BEFORE_FEE},
        ),
        (
            {
                "ledger": a_ledger(lots=[a_lot()]),
                "risk": a_risk_manager(total_notional_max="105"),
                "regime": Regime.BEAR,
            },
            {
                "wish": 150,
                "room": 5,
                "limit": 105,
                "used": 100,
                "min": 10,
                **BEFORE_FEE,
                "size_multiplier": Decimal("0.5"),
            },
        ),
    ],
)
def test_refusal_carries_the_numbers_behind_it(world: dict[str, Any], numbers: dict[str, Any]) -> None:
    """How far it was from passing."""
    (denial,) = check(**world).denials

    assert numbers == denial.details


@pytest.mark.parametrize(("over", "is_approved"), [("0", True), ("-0.01", False)])
def test_room_that_a_refusal_asks_for_is_enough_and_a_cent_less_is_not(over: str, is_approved: bool) -> None:
    """After the fee, that is: the least notional itself would be refused again."""
    ledger = a_ledger(lots=[a_lot()])
    (denial,) = check(ledger=ledger, risk=a_risk_manager(total_notional_max="105")).denials
    needed = Decimal(str(denial.details["used"])) + Decimal(str(denial.details["min_before_fee"])) + Decimal(over)

    review = check(ledger=ledger, risk=a_risk_manager(total_notional_max=str(needed)))

    assert is_approved is bool(review.approvals)
    assert Decimal(str(denial.details["min"])) < Decimal(str(denial.details["min_before_fee"]))


def test_second_wish_is_told_what_the_first_used_up() -> None:
    """Its own review counts in the numbers too."""
    proposals = a_proposal("SOL-USD"), a_proposal("ETH-USD", conviction=0.5)

    (denial,) = check(*proposals, ledger=paced(500), risk=a_risk_manager(entries_per_hour_max=2)).denials

    assert {"entries": 2, "limit": 2} == denial.details


def test_sale_of_nothing_names_the_lot_it_looked_for() -> None:
    """Or that it named none."""
    sales = [a_sale(a_lot(), lot_id=lot_id) for lot_id in (None, ClientOrderId("gone"))]

    assert [{"lot": "none"}, {"lot": "gone"}] == [check(sale).denials[0].details for sale in sales]


# --- what a newer release left


@pytest.mark.parametrize(
    "changes",
    [
        {"purpose": OrderPurpose.keep("HEDGE")},
        {"configuration": OrderConfiguration.keep("PEGGED_GTC")},
    ],
)
def test_word_of_a_newer_release_denies_every_entry_and_no_sale(changes: Any) -> None:
    """In whatever asset its order is: what it does to the exposure nobody here knows."""
    newer = an_order_record(an_intent("newer", product_id="BTC-USD", **changes))
    ledger = a_holding(newer)

    (denial,) = check(a_proposal(), ledger=ledger).denials
    sale = check(a_sale(ledger.lots[LOT]), ledger=ledger)

    assert DenialCode.LEDGER_NEWER is denial.code
    assert f"orders.{newer.intent.client_order_id}.intent.{next(iter(changes))}" == denial.details["field"]
    assert 1 == len(sale.approvals)


def test_buy_of_an_unknown_purpose_counts_as_exposure() -> None:
    """In full, whatever it is for."""
    ledger = a_ledger(working=[an_order_record(an_intent(purpose=OrderPurpose.keep("HEDGE")))])

    assert Decimal(100) == sum(a_portfolio(ledger).exposures().values())
    assert Notional(9900) == a_portfolio(ledger).free_cash(USD)


def test_exit_of_a_newer_release_is_no_sale_of_ours() -> None:
    """It does not stand for the sale that is due: what is left beside it is sold."""
    newer = an_order_record(an_exit_intent(configuration=OrderConfiguration.keep("PEGGED_GTC")))
    ledger = a_holding(newer)

    assert 1 == len(check(a_sale(ledger.lots[LOT]), ledger=ledger).approvals)
