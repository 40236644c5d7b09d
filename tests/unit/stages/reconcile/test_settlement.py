"""What follows once fills are booked: results, rests, and conversions that move cash."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from factories import (
    NOW,
    PREFIX,
    RULES,
    USD,
    USDC,
    a_bracket_intent,
    a_convert_intent,
    a_fill,
    a_held_ledger,
    a_ledger,
    a_view,
    an_exit_intent,
    an_intent,
    an_order_record,
    risk_settings,
    shipped_settings,
)
from trader.model.booking import book_fill
from trader.model.capital import find_imbalance
from trader.model.conversions import ConversionRecord, ConversionReport, ConversionStatus
from trader.model.cycle_state import Cooldown, LossStreak
from trader.model.events import EventKind
from trader.model.ids import Asset, ClientOrderId, Instant
from trader.model.ledger import Ledger
from trader.model.money import Notional, Price, Quantity
from trader.model.order_life import OrderStatus
from trader.model.orders import OrderConfiguration, OrderIntent
from trader.model.portfolio import find_implausible
from trader.stages.reconcile.account import Reconciled, reconcile
from trader.stages.reconcile.settlement import AuditNote, close_lots

ENTRY = ClientOrderId(PREFIX + "entry")
ETH = Asset("ETH")
SETTINGS = shipped_settings()


def sold(intent: OrderIntent, price: str, **over: Any) -> Ledger:
    """A lot bought for 100.50 with its fee, sold out at a price for a fee of 0.50."""
    ledger = a_held_ledger(None, an_order_record(intent, OrderStatus.FILLED, reported_filled=Quantity(1)))
    return replace(book_fill(ledger, intent.client_order_id, a_fill(intent, price=price)), **over)


def closed(ledger: Ledger, **risk: Any) -> tuple[Ledger, list[AuditNote]]:
    notes: list[AuditNote] = []
    return close_lots(ledger, NOW, replace(SETTINGS, risk=risk_settings(**risk)), notes), notes


# --- results and rests


@pytest.mark.parametrize(
    ("intent", "price", "reason", "minutes"),
    [
        (an_exit_intent(), "102", "time", 10),
        (an_exit_intent(), "101.01", "time", 10),
        (an_exit_intent(), "101.00", "time", 60),
        (an_exit_intent(), "95", "time", 60),
        (an_exit_intent(reason="stop"), "95", "stop", 120),
        (an_exit_intent(reason="stop"), "102", "stop", 120),
        (a_bracket_intent(), "94", "stop", 120),
        (a_bracket_intent(), "93.50", "stop", 120),
        (a_bracket_intent(), "112", "target", 10),
        (a_bracket_intent(), "112.50", "target", 10),
    ],
)
def test_asset_rests_by_how_its_lot_ended(intent: OrderIntent, price: str, reason: str, minutes: int) -> None:
    """Ten minutes after a win, an hour after a loss, two after a stop; fees turn a win into a loss."""
    ledger, _ = closed(sold(intent, price))

    assert {ETH: Cooldown(Instant(NOW + minutes * 60), reason)} == ledger.cooldowns


@pytest.mark.parametrize(
    ("until", "intent", "price", "expected"),
    [
        (3599, an_exit_intent(), "102", Cooldown(Instant(NOW + 3599), "before")),
        (601, an_exit_intent(), "102", Cooldown(Instant(NOW + 601), "before")),
        (600, an_exit_intent(), "102", Cooldown(Instant(NOW + 600), "time")),
        (599, an_exit_intent(), "102", Cooldown(Instant(NOW + 600), "time")),
        (3599, an_exit_intent(), "90", Cooldown(Instant(NOW + 3600), "time")),
        (7199, a_bracket_intent(), "94", Cooldown(Instant(NOW + 7200), "stop")),
        (7201, a_bracket_intent(), "94", Cooldown(Instant(NOW + 7201), "before")),
        (-1, an_exit_intent(), "102", Cooldown(Instant(NOW + 600), "time")),
    ],
)
def test_longer_of_two_cooldowns_stands(until: int, intent: OrderIntent, price: str, expected: Cooldown) -> None:
    """To the second, with its own reason; the later result wins where both end at once."""
    before = Cooldown(Instant(NOW + until), "before")

    ledger, _ = closed(sold(intent, price, cooldowns={ETH: before}))

    assert {ETH: expected} == ledger.cooldowns


def test_cooldowns_of_other_assets_are_left_alone() -> None:
    """A lot of ETH says nothing about SOL."""
    before = {Asset("SOL"): Cooldown(Instant(NOW + 9999), "loss")}

    ledger, _ = closed(sold(an_exit_intent(), "102", cooldowns=before))

    assert {**before, ETH: Cooldown(Instant(NOW + 600), "time")} == ledger.cooldowns


@pytest.mark.parametrize(("price", "wins", "losses"), [("102", 1, 0), ("101", 0, 1), ("90", 0, 1)])
def test_result_counts_for_the_strategy(price: str, wins: int, losses: int) -> None:
    """Nothing gained after fees is no win."""
    ledger, _ = closed(sold(an_exit_intent(), price))

    assert (wins, losses) == (ledger.by_strategy[RULES].wins, ledger.by_strategy[RULES].losses)


def test_closed_lot_is_noted_with_its_result() -> None:
    """Which lot, whose, what came of it, and how it ended."""
    _, ((kind, subject, body),) = closed(sold(an_exit_intent(), "102"))

    assert (EventKind.LOT_CLOSED, ENTRY) == (kind, subject)
    assert (RULES, ETH, Notional("1.00"), "time") == tuple(body[key] for key in ("strategy", "base", "realized", "how"))


@pytest.mark.parametrize(
    ("before", "price", "after"),
    [
        (LossStreak(), "90", LossStreak(1)),
        (LossStreak(1), "90", LossStreak(2)),
        (LossStreak(2), "90", LossStreak(0, Instant(NOW + 3600))),
        (LossStreak(2), "102", LossStreak(0)),
        (LossStreak(1, Instant(NOW + 9)), "90", LossStreak(2, Instant(NOW + 9))),
    ],
)
def test_third_loss_in_a_row_rests_everything(before: LossStreak, price: str, after: LossStreak) -> None:
    """For an hour; a win begins anew, and so does the count after the rest."""
    ledger, _ = closed(sold(an_exit_intent(), price, loss_streak=before))

    assert after == ledger.loss_streak


def test_lot_stays_open_while_its_entry_may_still_fill() -> None:
    """Sold out is not over: more may come."""
    ledger = sold(an_exit_intent(), "102")
    ledger = ledger.with_order(replace(ledger.orders[ENTRY], status=OrderStatus.OPEN))

    assert (ledger, []) == closed(ledger)


def test_lot_that_is_held_stays_open() -> None:
    """There is nothing to settle."""
    ledger = a_held_ledger()

    assert (ledger, []) == closed(ledger)


def test_how_a_lot_ended_is_told_by_its_last_sale() -> None:
    """Half by the clock, the rest by the stop."""
    first = an_exit_intent(quantity=Quantity("0.5"))
    second = a_bracket_intent(quantity=Quantity("0.5"))
    ledger = a_held_ledger(None, *(an_order_record(each, OrderStatus.FILLED) for each in (first, second)))
    ledger = book_fill(ledger, first.client_order_id, a_fill(first, price="99", time=NOW + 10))
    ledger = book_fill(ledger, second.client_order_id, a_fill(second, price="93", time=NOW + 20))

    assert "stop" == closed(ledger)[0].cooldowns[ETH].reason


def test_lot_without_a_target_is_stopped_out_at_any_price_its_stop_sells_at() -> None:
    """The limit of such an order is below its stop: what it sells at or above that is no target reached."""
    kind = OrderConfiguration.STOP_LIMIT_GTC
    stop = replace(a_bracket_intent(), configuration=kind, stop_price=Price(94), limit_price=Price("89.3"))

    assert ["stop", "stop"] == [closed(sold(stop, price))[0].cooldowns[ETH].reason for price in ("93.9", "89.3")]


def test_rests_are_those_of_the_settings() -> None:
    """Each of its three."""
    rests = {"cooldown_win_minutes": 1, "cooldown_loss_minutes": 2, "cooldown_stop_minutes": 3}

    untils = [
        closed(sold(intent, price), **rests)[0].cooldowns[ETH].until
        for intent, price in ((an_exit_intent(), "102"), (an_exit_intent(), "90"), (a_bracket_intent(), "90"))
    ]

    assert [NOW + 60, NOW + 120, NOW + 180] == untils


# --- conversions


def settle(
    record: ConversionRecord, state: ConversionReport | None = None, *, at: int = NOW + 120, cash: str = "500"
) -> Reconciled:
    """Books with USDC and one conversion of 100 of it, after the venue was asked."""
    flows: dict[str, Any] = {"converted": {USDC: Notional(cash)}, "by_strategy": {}}
    ledger = a_ledger(cash={USD: "10000", USDC: cash}, conversions=[record], **flows)
    return reconcile(ledger, a_view(at=at, conversions=() if state is None else (state,)), SETTINGS)


QUOTED = ConversionRecord(a_convert_intent(), ConversionStatus.QUOTED, "venue-convert")


def told(status: ConversionStatus, received: str = "0") -> ConversionReport:
    return ConversionReport("venue-convert", status, Notional(received))


def test_conversion_that_is_done_moves_cash() -> None:
    """100 USDC out, what was received in; once, and the books balance."""
    done = settle(QUOTED, told(ConversionStatus.COMPLETED, "99.98"))
    again = reconcile(
        done.ledger, a_view(at=NOW + 200, conversions=(told(ConversionStatus.COMPLETED, "99.98"),)), SETTINGS
    )

    assert {USD: Notional("10099.98"), USDC: Notional(400)} == done.ledger.cash == again.ledger.cash
    assert {USD: 0, USDC: 0} == find_imbalance(done.ledger)
    assert ConversionStatus.COMPLETED is done.ledger.conversions["convert-1"].status


@pytest.mark.parametrize(
    ("received", "is_believed"),
    [("100", True), ("99.40", True), ("90", True), ("0", False), ("89", False), ("9e6", False)],
)
def test_conversion_that_cannot_be_is_booked_and_not_believed(received: str, is_believed: bool) -> None:
    """It is one to one: the venue says so and the cash follows, but a person must look before it is bought with."""
    done = settle(QUOTED, told(ConversionStatus.COMPLETED, received))

    assert Notional(Decimal(10000) + Decimal(received)) == done.ledger.cash[USD]
    assert is_believed is not bool(find_implausible(done.ledger))
    assert is_believed is not (EventKind.MISMATCH_FOUND in [kind for kind, _, _ in done.notes])


def test_conversion_that_failed_moves_nothing() -> None:
    """The venue says so: the money is free again."""
    done = settle(QUOTED, told(ConversionStatus.FAILED))

    assert Notional(500) == done.ledger.cash[USDC]
    assert (ConversionStatus.FAILED, NOW + 120) == (
        done.ledger.conversions["convert-1"].status,
        done.ledger.conversions["convert-1"].final_at,
    )


@pytest.mark.parametrize("state", [None, told(ConversionStatus.QUOTED)])
def test_conversion_that_was_quoted_stays_open_until_the_venue_says_how_it_ended(
    state: ConversionReport | None,
) -> None:
    """It may have been committed: committing again could do it twice."""
    done = settle(QUOTED, state)

    assert (QUOTED, Notional(500)) == (done.ledger.conversions["convert-1"], done.ledger.cash[USDC])


@pytest.mark.parametrize(("age", "expected"), [(3599, ConversionStatus.QUOTED), (3600, ConversionStatus.FAILED)])
def test_quote_that_is_long_dead_was_never_committed(age: int, expected: ConversionStatus) -> None:
    """If after an hour the venue still calls it a quote."""
    done = settle(QUOTED, told(ConversionStatus.QUOTED), at=NOW + age)

    assert expected is done.ledger.conversions["convert-1"].status


def test_silence_about_a_quoted_conversion_proves_nothing() -> None:
    """However long."""
    assert QUOTED == settle(QUOTED, None, at=NOW + 999_999).ledger.conversions["convert-1"]


@pytest.mark.parametrize(("age", "expected"), [(120, ConversionStatus.INTENDED), (121, ConversionStatus.FAILED)])
def test_conversion_that_was_never_quoted_moved_nothing(age: int, expected: ConversionStatus) -> None:
    """The venue's id is remembered before anything is committed; without one it may be tried while its order may."""
    done = settle(ConversionRecord(a_convert_intent()), at=NOW + age)

    assert (expected, Notional(500)) == (done.ledger.conversions["convert-1"].status, done.ledger.cash[USDC])


@pytest.mark.parametrize(("ago", "kept"), [(3599, True), (3600, False)])
def test_conversion_that_is_over_is_forgotten_after_an_hour(ago: int, kept: bool) -> None:
    """Like an order."""
    record = replace(QUOTED, status=ConversionStatus.COMPLETED, final_at=Instant(NOW))

    assert kept is ("convert-1" in settle(record, at=NOW + ago).ledger.conversions)


def test_change_of_a_conversion_is_noted_once() -> None:
    """And no change is no note."""
    kinds = [
        [kind for kind, _, _ in settle(QUOTED, state).notes]
        for state in (told(ConversionStatus.COMPLETED, "100"), None)
    ]

    assert [[EventKind.CONVERSION_OBSERVED], []] == kinds


def test_entry_and_its_bracket_close_together() -> None:
    """A lot the venue's own bracket sold is closed by the same reconciliation."""
    entry = an_intent()
    ledger = sold(a_bracket_intent(), "112")

    after, _ = closed(ledger)

    assert ([], [entry.lot_id]) == (list(after.lots), list(after.closed_lots))
