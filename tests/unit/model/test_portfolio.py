"""What the ledger is worth, and what of it is exposed."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from factories import (
    NOW,
    OTHER,
    RULES,
    USD,
    USDC,
    USDT,
    a_bracket_intent,
    a_convert_intent,
    a_fill,
    a_held_ledger,
    a_ledger,
    a_lot,
    a_portfolio,
    an_exit_intent,
    an_intent,
    an_order_record,
    some_marks,
)
from trader.model.conversions import ConversionRecord, ConversionStatus
from trader.model.cycle_state import AcceptedMark, EquityMark, EquityMarks
from trader.model.fill_bounds import IMPLAUSIBLE
from trader.model.ids import Asset, Instant
from trader.model.lots import Dust
from trader.model.money import ZERO, Notional, Price, Quantity
from trader.model.order_life import OrderStatus
from trader.model.portfolio import Portfolio, advance_equity_marks, assess_equity, equity_of, loss_pct, record_flow

BTC, ETH, SOL = Asset("BTC"), Asset("ETH"), Asset("SOL")
MONDAY = Instant(NOW + 13 * 3600 + 45 * 60)


def last_marks(asset: Asset, price: str) -> dict[Asset, AcceptedMark]:
    """The last bid of it that was believed."""
    return {asset: AcceptedMark(Price(price), NOW)}


# --- exposure


def total(portfolio: Portfolio) -> Decimal:
    """All that is at risk."""
    return sum(portfolio.exposures().values(), ZERO)


def test_exposure_marks_lots_at_the_bid() -> None:
    """What it would fetch, not what it cost."""
    portfolio = a_portfolio(a_ledger(lots=[a_lot()], accepted_marks=last_marks(BTC, "120")))

    assert Notional(120) == total(portfolio)


def test_exposure_without_an_accepted_mark_is_what_was_paid() -> None:
    """Never less for want of a price; another asset's mark is not its own."""
    for marks in ({}, last_marks(ETH, "120")):
        assert Notional(100) == total(a_portfolio(a_ledger(lots=[a_lot()], accepted_marks=marks)))


@pytest.mark.parametrize("status", [OrderStatus.INTENDED, OrderStatus.IN_DOUBT, OrderStatus.OPEN])
def test_buy_counts_in_full_until_it_is_over(status: OrderStatus) -> None:
    """Perhaps unsent, unanswered or resting: it may be filling right now."""
    portfolio = a_portfolio(a_ledger(working=[an_order_record(status=status)]))

    assert Notional(100) == total(portfolio)


def test_partly_filled_buy_counts_once() -> None:
    """A quarter as a lot at the bid of 80, three quarters as an order at 100."""
    record = an_order_record(fills=(a_fill(quantity="0.25"),))
    lot = a_lot("ETH-USD", quantity=Quantity("0.25"))
    portfolio = a_portfolio(a_ledger(working=[record], lots=[lot], accepted_marks=last_marks(ETH, "80")))

    assert Notional(95) == total(portfolio)


def test_finished_buy_counts_for_the_fills_still_to_come() -> None:
    """Cancelled with 0.6 filled of which 0.4 are booked: 0.2 are under way."""
    record = an_order_record(
        status=OrderStatus.CANCELLED, reported_filled=Quantity("0.6"), fills=(a_fill(quantity="0.4"),)
    )

    assert Notional(20) == total(a_portfolio(a_ledger(working=[record])))


def test_sales_expose_nothing() -> None:
    """Neither an exit nor a bracket in doubt adds anything."""
    assert Notional(0) == total(a_portfolio(a_ledger(working=[an_exit_intent(), a_bracket_intent()])))


def test_exposure_is_told_apart_by_strategy_and_asset() -> None:
    """Lots and orders of one strategy in one asset are one entry; nothing else is mixed."""
    lots = [a_lot("SOL-USD"), a_lot("BTC-USD", strategy="mean_reversion", cost=Notional(7))]
    working = [an_intent(notional="40"), an_intent("b", strategy=OTHER, notional="3"), an_intent("c", notional="2")]

    assert a_portfolio(a_ledger(lots=lots, working=working)).exposures() == {
        (RULES, SOL): 100,
        (OTHER, BTC): 7,
        (RULES, ETH): 42,
        (OTHER, ETH): 3,
    }


# --- free cash


def test_cash_is_free_but_for_what_buys_may_still_take() -> None:
    """10,000 less a buy in doubt of 100 and its 0.9 %."""
    ledger = a_ledger(working=[an_intent(fee_rate_max=Decimal("0.009"))])

    assert Notional("9899.1") == a_portfolio(ledger).free_cash(USD)


def test_cash_set_aside_for_an_open_conversion_is_not_free() -> None:
    """Whether it was committed is not known; a finished one takes nothing more."""
    ledger = a_ledger(cash={USDC: "500"}, conversions=[ConversionRecord(a_convert_intent(amount="120"))])
    done = a_ledger(
        cash={USDC: "500"}, conversions=[ConversionRecord(a_convert_intent(amount="120"), ConversionStatus.COMPLETED)]
    )

    assert [Notional(380), Notional(500)] == [a_portfolio(each).free_cash(USDC) for each in (ledger, done)]


def test_orders_take_the_asset_they_are_paid_in() -> None:
    """A buy for USDC leaves the dollars free."""
    ledger = a_ledger(cash={USD: "500", USDC: "500"}, working=[an_intent(product_id="ETH-USDC")])

    assert [Notional(500), Notional(400)] == [a_portfolio(ledger).free_cash(each) for each in (USD, USDC)]


def test_free_cash_is_never_negative() -> None:
    """Overspent is nothing to spend; an asset we never had too."""
    ledger = a_ledger(cash="50", working=[an_intent()])

    assert [Notional(0), Notional(0)] == [a_portfolio(ledger).free_cash(each) for each in (USD, USDT)]


# --- equity


def test_equity_is_cash_and_lots_at_the_bid() -> None:
    """9,899.50 left and one worth 80."""
    equity = equity_of(a_held_ledger(accepted_marks=last_marks(ETH, "80")), {})

    assert Notional("9979.50") == equity


def test_equity_is_unknown_if_a_lot_was_never_marked() -> None:
    """Accident 6: nobody knows, and nobody says 10,000 instead; another asset's mark is not its own."""
    for marks in ({}, last_marks(ETH, "100")):
        assert equity_of(a_ledger(lots=[a_lot()], accepted_marks=marks), {}) is None


def test_equity_counts_stable_coins_at_their_price() -> None:
    """100 USDC at 0.97 are 97."""
    equity = equity_of(a_ledger(cash={USD: "10", USDC: "100"}), {USDC: Decimal("0.97")})

    assert Notional(107) == equity


def test_equity_is_unknown_if_a_stable_coin_has_no_price() -> None:
    """Accident 13: nobody assumes a dollar; of what we do not hold no price is needed."""
    assert equity_of(a_ledger(cash={USD: "10", USDC: "100"}), {}) is None
    assert Notional(10) == equity_of(a_ledger(cash={USD: "10", USDC: "0"}), {})


def test_equity_by_what_is_stored_takes_cash_at_its_last_price() -> None:
    """For people: a lot and a stablecoin alike; nobody assumes a dollar here either."""
    cash, marks = {USD: "10", USDC: "100"}, last_marks(USDC, "0.99")

    assert Notional(109) == assess_equity(a_ledger(cash=cash, accepted_marks=marks))
    assert assess_equity(a_ledger(cash=cash)) is None
    assert assess_equity(a_ledger(cash=cash, lots=[a_lot()], accepted_marks=marks)) is None


def test_dust_is_worth_nothing() -> None:
    """It cannot be sold, so it needs no price either."""
    ledger = a_ledger(dust=(Dust(RULES, SOL, Quantity(1), Notional(100)),))

    assert Notional(10_000) == equity_of(ledger, {})


def test_equity_is_unknown_while_a_fill_stands_whose_numbers_cannot_be() -> None:
    """The cash is in question; any other reason of reduce-only leaves it alone."""
    absurd = a_ledger(reduce_only={SOL: f"{IMPLAUSIBLE}: fee 1000000"})

    assert equity_of(absurd, {}) is None
    assert Notional(10_000) == equity_of(replace(absurd, reduce_only={SOL: "fill 1 exceeds its lot"}), {})


# --- marks


def test_first_equity_makes_all_marks() -> None:
    """Day, week and peak begin where we are."""
    ledger = advance_equity_marks(a_ledger(equity_marks=None), Notional(9_990), NOW)

    assert some_marks("9990", "9990", "9990", last="9990") == ledger.equity_marks


def test_marks_of_the_day_and_the_week_stay_while_they_last() -> None:
    """Only the peak follows a rise."""
    ledger = advance_equity_marks(a_ledger(), Notional(10_100), NOW)

    assert some_marks(peak="10100", last="10100") == ledger.equity_marks


def test_peak_does_not_fall() -> None:
    """A loss is measured from the best."""
    assert some_marks(last="9000") == advance_equity_marks(a_ledger(), Notional(9_000), NOW).equity_marks


@pytest.mark.parametrize("later", [0, 300, 3 * 86_400], ids=["midnight", "late", "after days"])
def test_new_day_and_week_begin_at_the_last_equity_before_them(later: int) -> None:
    """What was lost while nobody looked is lost on the day, and in the week, that sees it."""
    sunday = a_ledger(equity_marks=some_marks(last="9900", at=Instant(MONDAY - 300)))

    marks = advance_equity_marks(sunday, Notional(9_000), Instant(MONDAY + later)).equity_marks

    assert marks is not None
    assert (Notional(9_900), Notional(9_900), Notional(9_000)) == (
        marks.day_equity,
        marks.week_equity,
        marks.last.equity if marks.last is not None else None,
    )


def test_day_begins_at_the_equity_of_now_where_no_last_one_is_kept() -> None:
    """Books of an older release keep none, and one that began a day in between left ours behind."""
    yesterdays = some_marks(last="9900", at=Instant(MONDAY - 2 * 86_400))

    for before in (some_marks(), yesterdays):
        marks = advance_equity_marks(a_ledger(equity_marks=before), Notional(9_000), MONDAY).equity_marks
        begun = EquityMarks("2026-11-23", Notional(9_000), "2026-W48", Notional(9_000), Notional(10_000))
        assert replace(begun, last=EquityMark(Notional(9_000), MONDAY)) == marks


def test_new_day_within_a_week_leaves_the_week_alone() -> None:
    """Tuesday begins a day only."""
    monday = a_ledger(equity_marks=replace(some_marks(), day="2026-11-23", week="2026-W48"))

    marks = advance_equity_marks(monday, Notional(9_000), Instant(MONDAY + 86_400)).equity_marks

    assert marks is not None
    assert ("2026-11-24", Notional(9_000)) == (marks.day, marks.day_equity)
    assert ("2026-W48", Notional(10_000)) == (marks.week, marks.week_equity)


def test_unknown_equity_writes_no_mark() -> None:
    """Accident 6: not on a new day either, and not the first."""
    assert some_marks() == advance_equity_marks(a_ledger(), None, MONDAY).equity_marks
    assert advance_equity_marks(a_ledger(equity_marks=None), None, NOW).equity_marks is None


# --- flows and losses


@pytest.mark.parametrize("amount", ["5000", "-5000"])
def test_flow_moves_cash_and_capital_at_once(amount: str) -> None:
    """The marks wait for an equity."""
    before = a_ledger(equity_marks=some_marks("10100", "10200", "10300"))

    ledger = record_flow(before, Notional(amount))

    moved = Notional(10_000 + int(amount))
    assert [moved, moved, before.equity_marks] == [ledger.cash[USD], ledger.capital, ledger.equity_marks]


@pytest.mark.parametrize("amount", ["5000", "-5000"])
def test_loss_in_percent_is_the_same_after_a_flow(amount: str) -> None:
    """Accident 5: a flow neither trips a stop, nor hides a loss."""
    before = a_ledger(equity_marks=some_marks("10000", "10500", "12500", last="10400"))
    equity = Notional(10_000)

    after = advance_equity_marks(
        record_flow(before, Notional(amount)), Notional(equity + int(amount)), NOW
    ).equity_marks

    assert before.equity_marks is not None
    assert after is not None
    for name in ("day_equity", "week_equity", "peak_equity"):
        expected = loss_pct(getattr(before.equity_marks, name), equity)
        assert expected == loss_pct(getattr(after, name), Notional(equity + int(amount)))


def test_new_day_begins_at_its_opening_less_what_was_paid_out() -> None:
    """Half is paid out over midnight, a tenth is lost: the day has lost a tenth."""
    sunday = a_ledger(equity_marks=some_marks(last="10000", at=Instant(MONDAY - 300)))

    marks = advance_equity_marks(record_flow(sunday, Notional(-4_500)), Notional(4_500), MONDAY).equity_marks

    assert marks is not None
    assert Decimal(10) == loss_pct(marks.day_equity, Notional(4_500))


def test_flow_is_marked_once() -> None:
    """The next cycle does not scale again."""
    ledger = advance_equity_marks(
        record_flow(a_ledger(equity_marks=some_marks()), Notional(5_000)), Notional(15_000), NOW
    )

    again = advance_equity_marks(ledger, Notional(15_000), NOW)

    assert (Notional(0), ledger.equity_marks) == (again.unmarked_flow, again.equity_marks)


def test_flow_waits_for_an_equity() -> None:
    """Accident 6: without one no mark moves, and the flow is not forgotten."""
    ledger = advance_equity_marks(record_flow(a_ledger(equity_marks=some_marks()), Notional(5_000)), None, NOW)

    assert (some_marks(), Notional(5_000)) == (ledger.equity_marks, ledger.unmarked_flow)


def test_flow_into_an_empty_ledger_begins_the_marks_anew() -> None:
    """What was nothing has no percentage."""
    empty = a_ledger(cash="0", equity_marks=some_marks())

    ledger = advance_equity_marks(record_flow(empty, Notional(5_000)), Notional(5_000), NOW)

    assert ledger.equity_marks is not None
    assert Notional(5_000) == ledger.equity_marks.peak_equity


def test_loss_is_a_percentage_of_the_start() -> None:
    """Zero or below without a loss; of nothing nothing is lost."""
    losses = [loss_pct(Notional(start), Notional(now)) for start, now in ((200, 190), (200, 210), (0, 10))]

    assert [Decimal(5), Decimal(-5), Decimal(0)] == losses
