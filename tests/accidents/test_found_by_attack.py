"""What a hostile venue, a wrong clock and a long pause still do to the books: each test is a fault that was found."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import pytest

from accidents.coinbase_venue import at_coinbase
from accidents.hostile_venue import QUIET
from accidents.one_account import DIP, SOL, Bar, a_path, a_world, with_settings
from accidents.one_account import ETH as ETH_USD
from factories import (
    NOW,
    SCOPE,
    USD,
    a_bracket_intent,
    a_convert_intent,
    a_fill,
    a_held_ledger,
    a_ledger,
    a_proposal,
    a_view,
    an_exit_intent,
    an_intent,
    an_order_record,
    an_order_state,
    once,
    scripted,
    shipped_settings,
    venue_id_of,
)
from trader.adapters.coinbase.http import Answer
from trader.adapters.coinbase.wire.account import read_conversion
from trader.cycle import CycleOutcome
from trader.cycle.account import reconcile_account
from trader.entry.events import RunWatch
from trader.entry.perform import perform
from trader.errors import StoreUnavailable, VenueUnavailable
from trader.model.conversions import ConversionRecord, ConversionStatus
from trader.model.denials import DenialCode
from trader.model.ids import Asset, ClientOrderId, Instant, ProductId, VenueOrderId
from trader.model.inputs import AccountListing, OddRow
from trader.model.ledger import Ledger
from trader.model.market import Balance
from trader.model.order_life import OrderStatus
from trader.model.order_record import OrderRecord
from trader.model.orders import Fill, OrderStatusReport, Side
from trader.stages.reconcile.account import reconcile
from trader.stages.reconcile.ownership import find_fills_start, find_orders_start

SETTINGS = shipped_settings()
HOUR, TICK = 3600, 300
ETH = Asset("ETH")


@dataclass
class Venue:
    """A venue that lists what it is told to list, by the rules of its listings, and a store of finished orders."""

    orders: dict[VenueOrderId, OrderStatusReport | OddRow] = field(default_factory=dict)
    listed: list[Fill] = field(default_factory=list)
    finished: dict[ClientOrderId, OrderRecord] = field(default_factory=dict)
    at: int = NOW
    # Coins that the owner has beside ours, too: no balance tells that something of ours is missing.
    eth: str = "1000"

    def account(self, since: Instant | None, known: Sequence[VenueOrderId] = ()) -> AccountListing:
        balances = {
            Asset(asset): Balance(Asset(asset), Decimal(amount), Decimal(0))
            for asset, amount in (("USD", "100000"), ("ETH", self.eth))
        }
        if since is None:
            return AccountListing(balances)
        rows = [
            row
            for name, row in self.orders.items()
            if name in known or (isinstance(row, OrderStatusReport) and row.created_at >= since)
        ]
        return AccountListing(balances, tuple(rows))

    def fills(self, since: Instant) -> Sequence[Fill]:
        return tuple(fill for fill in self.listed if fill.time >= since)

    def order_fills(self, names: Sequence[VenueOrderId]) -> Sequence[Fill]:
        return tuple(fill for fill in self.listed if fill.venue_order_id in names)

    def order(self, name: VenueOrderId) -> OrderStatusReport:
        row = self.orders.get(name)
        if not isinstance(row, OrderStatusReport):
            raise VenueUnavailable("HTTP 404")
        return row

    def show(self, report: OrderStatusReport | OddRow) -> None:
        assert report.venue_order_id is not None
        self.orders[report.venue_order_id] = report

    # What a run needs beside the venue.

    def now(self) -> Instant:
        return Instant(self.at)

    def read_finished(self, _: object, wanted: Sequence[ClientOrderId]) -> Sequence[OrderRecord]:
        return [self.finished[each] for each in wanted if each in self.finished]

    def look(self, ledger: Ledger, at: int) -> Ledger:
        """One cycle's look at the account, booked."""
        self.at = at
        _, done = reconcile_account(self, ledger, _Ports(self), SETTINGS)  # type: ignore[arg-type]
        self.finished |= {each.intent.client_order_id: each for each in done.finished}
        return done.ledger

    def looks(self, ledger: Ledger, begin: int, end: int, step: int = TICK) -> Ledger:
        for at in range(begin, end, step):
            ledger = self.look(ledger, at)
        return ledger


class _Ports:
    def __init__(self, venue: Venue) -> None:
        self.clock = self.store = venue
        self.identity = self
        self.scope = SCOPE


def held(ledger: Ledger) -> Decimal:
    return sum((lot.quantity for lot in ledger.lots.values()), Decimal(0))


def earned(ledger: Ledger) -> Decimal:
    return ledger.cash[USD]


BRACKET = a_bracket_intent(decided_at=NOW)
ENTRY = an_intent(decided_at=Instant(NOW - 1800), attach_bracket=False)


def part(number: int, at: int, quantity: str = "0.1", **over: Any) -> Fill:
    return a_fill(BRACKET, number, quantity=quantity, time=at, fee="0.01", **over)


def bracketed() -> Ledger:
    """One ETH with its bracket at the venue."""
    return replace(a_held_ledger(ENTRY, an_order_record(BRACKET)), fills_known_until=Instant(NOW))


# --- carried fills that swallow others


def test_clock_that_was_ahead_swallows_no_fill() -> None:
    """Two looks two hours ahead carry a bracket's fills up to an hour from now; what it sells next is not booked."""
    venue = Venue(listed=[part(1, NOW + 10)])
    venue.show(an_order_state(BRACKET, filled_quantity="0.1"))
    ledger = venue.looks(bracketed(), NOW + TICK, NOW + 3 * TICK)
    ledger = venue.look(ledger, NOW + 3 * TICK + 2 * HOUR)
    ledger = venue.look(ledger, NOW + 4 * TICK + 2 * HOUR)
    venue.listed.append(part(2, NOW + 5 * TICK - 20))
    venue.show(an_order_state(BRACKET, filled_quantity="0.2"))

    ledger = venue.looks(ledger, NOW + 5 * TICK, NOW + 8 * HOUR)

    assert held(ledger) == Decimal("0.8") or ledger.reduce_only


@pytest.mark.parametrize("after", [-5, 0, 90])
def test_fill_that_is_listed_long_after_its_neighbor_was_carried_is_booked_or_told(after: int) -> None:
    """Row odd and second fill late, both for two hours: the row is forgiven, and the fill is taken for a known one."""
    venue = Venue(listed=[part(1, NOW + 10)])
    venue.show(an_order_state(BRACKET, filled_quantity="0.1"))
    ledger = venue.look(bracketed(), NOW + TICK)
    good = an_order_state(BRACKET, filled_quantity="0.2")
    venue.show(OddRow("status: a word", good.venue_order_id, good.client_order_id, product_id=good.product_id))
    ledger = venue.looks(ledger, NOW + 2 * TICK, NOW + 2 * HOUR)
    venue.listed.append(part(2, NOW + 10 + after))
    venue.show(good)

    ledger = venue.looks(ledger, NOW + 2 * HOUR, NOW + 8 * HOUR)

    assert held(ledger) == Decimal("0.8") or ledger.reduce_only


def test_fill_of_a_resting_order_that_is_never_listed_is_told_of() -> None:
    """An order that is over rings after an hour; one that rests on may lack its fills for days without a word."""
    venue = Venue()
    venue.show(an_order_state(BRACKET, filled_quantity="0.5"))

    ledger = venue.looks(bracketed(), NOW + TICK, NOW + 24 * HOUR)

    assert ETH in ledger.reduce_only


# --- the growth of what is read


@pytest.mark.parametrize("is_over", [True, False])
def test_order_whose_fills_never_come_does_not_make_each_look_longer(is_over: bool) -> None:
    """§6: requests do not grow with the owner's business; the watermark stands still for ever instead."""
    venue = Venue()
    status = OrderStatus.CANCELLED if is_over else OrderStatus.OPEN
    venue.show(an_order_state(BRACKET, status, filled_quantity="0.5"))

    now = NOW + 72 * HOUR
    ledger = venue.looks(bracketed(), NOW + TICK, now, HOUR)

    since = find_orders_start(ledger, Instant(now), HOUR)
    assert since is not None
    assert now - find_fills_start(ledger, Instant(now)) <= 26 * HOUR
    assert now - since <= 26 * HOUR


def test_resting_order_that_reports_a_hair_more_than_its_fills_does_not_fill_the_books() -> None:
    """41 in an order that rests: rounding is forgiven to ended orders only, so nothing of this one is ever carried."""
    venue = Venue()
    ledger = bracketed()
    for number in range(1, 100):
        at = NOW + TICK * number
        venue.listed.append(part(number, at - 10, "0.001"))
        told = Decimal("0.001") * number + Decimal("0.000000001")
        venue.show(an_order_state(BRACKET, filled_quantity=told))
        ledger = venue.look(ledger, at)

    assert len(ledger.orders[BRACKET.client_order_id].fills) <= 14
    assert ledger.fills_known_until >= NOW + 90 * TICK


# --- one order blinds all


def test_order_whose_fills_the_venue_refuses_to_list_keeps_no_other_lot() -> None:
    """Law 7: one id that the fills listing refuses, and no cycle sees the account again: no sale leaves."""
    proposals = [a_proposal("SOL-USD", max_hold_hours=1), a_proposal("ETH-USD", max_hold_hours=99)]
    paths = {SOL: a_path(DIP, *QUIET), ETH_USD: a_path(DIP, *QUIET)}
    with at_coinbase(a_world(strategy=once(*proposals), paths=paths)) as world:
        world.cycles(3)
        world.clock.advance(HOUR)
        original = world.venue._transport.attempt  # type: ignore[attr-defined]

        def attempt(call: Any, *rest: Any, **named: Any) -> Any:
            answer = original(call, *rest, **named)
            if call.path == "/orders/historical/fills" and any(key == "order_ids" for key, _ in call.query):
                return Answer(400, '{"error":"INVALID_ARGUMENT","message":"order id","error_details":""}')
            if call.path == "/orders/historical/batch" and isinstance(answer, Answer):
                told = json.loads(answer.text)
                for row in told["orders"]:
                    is_cover = row["product_id"].startswith("ETH") and row["side"] == "SELL"
                    row["filled_size"] = "0.5" if is_cover else row["filled_size"]
                return replace(answer, text=json.dumps(told))
            return answer

        world.venue._transport.attempt = attempt  # type: ignore[attr-defined]
        reports = world.cycles(3)

        assert CycleOutcome.ABSTAINED not in {each.outcome for each in reports}
        assert {"ETH"} == {lot.base for lot in world.ledger.lots.values()}


# --- brackets


ATTACHED_ENTRY = an_intent(decided_at=Instant(NOW - 1800))


def child(name: str, status: OrderStatus = OrderStatus.OPEN, filled: str = "0") -> OrderStatusReport:
    return an_order_state(
        BRACKET,
        status,
        venue_order_id=VenueOrderId(name),
        client_order_id=ClientOrderId(f"by the venue {name}"),
        originating_order_id=venue_id_of(ATTACHED_ENTRY),
        filled_quantity=filled,
    )


def test_second_bracket_of_one_entry_does_not_make_the_fills_of_the_first_forgotten() -> None:
    """The venue, or the owner, replaces a bracket: each look makes its record anew, and books its fills once more."""
    venue = Venue(listed=[part(1, NOW + 10, "0.3", venue_order_id=VenueOrderId("one"))])
    venue.show(child("one", filled="0.3"))
    ledger = venue.look(a_held_ledger(ATTACHED_ENTRY, fills_known_until=Instant(NOW)), NOW + TICK)
    venue.show(child("one", OrderStatus.CANCELLED, "0.3"))
    venue.show(child("two"))
    before = earned(ledger)
    venue.listed.append(part(2, NOW + 2 * TICK - 30, "0.2", venue_order_id=VenueOrderId("two")))
    venue.show(child("two", filled="0.2"))

    ledger = venue.looks(ledger, NOW + 2 * TICK, NOW + 6 * TICK)

    sold = [fill.trade_id for record in ledger.orders.values() for fill in record.fills if fill.side is Side.SELL]
    assert sorted(sold) == sorted({fill.trade_id for fill in venue.listed}) or ledger.reduce_only
    assert (held(ledger), earned(ledger) - before) == (Decimal("0.5"), Decimal("0.2") * 112 - Decimal("0.01"))


@pytest.mark.parametrize("is_told", [True, False])
def test_bracket_that_is_listed_late_is_found_after_a_pause(is_told: bool) -> None:
    """Its entry waits for it in the books, and nobody asks: not by id, nor by time, for both are old."""
    name = VenueOrderId("one") if is_told else None
    venue = Venue(listed=[a_fill(ATTACHED_ENTRY, time=NOW + 30)])
    venue.show(an_order_state(ATTACHED_ENTRY, OrderStatus.FILLED, filled_quantity=1, attached_order_id=name))
    known = an_order_record(ATTACHED_ENTRY)
    ledger = venue.look(a_ledger(working=[known], fills_known_until=Instant(NOW)), NOW + TICK)
    venue.show(replace(child("one", filled="0.6"), created_at=Instant(NOW + 30)))
    venue.listed.append(part(1, NOW + HOUR, "0.6", venue_order_id=VenueOrderId("one")))

    ledger = venue.looks(ledger, NOW + 3 * HOUR, NOW + 6 * HOUR)

    assert held(ledger) == Decimal("0.4") or ETH in ledger.reduce_only


# --- rows


@pytest.mark.parametrize("client", ["", "somebody else"])
def test_row_with_the_venues_id_of_ours_that_speaks_of_something_else_is_odd(client: str) -> None:
    """4: whatever client id it bears, or none."""
    row = an_order_state(
        BRACKET,
        OrderStatus.FILLED,
        client_order_id=ClientOrderId(client),
        side=Side.BUY,
        product_id=ProductId("SOL-USD"),
        filled_quantity=1,
    )

    done = reconcile(bracketed(), a_view(orders=(row,)), SETTINGS)

    assert OrderStatus.OPEN is done.ledger.orders[BRACKET.client_order_id].status
    assert [ETH] == list(done.ledger.reduce_only)


def test_order_in_doubt_is_found_behind_many_fills_of_the_owner() -> None:
    """Twenty unknown orders are read in a look, the same twenty in each: the others never have their turn."""
    entry = an_intent(decided_at=NOW, attach_bracket=False)
    venue = Venue()
    for number in range(20):
        name = VenueOrderId(f"owner-{number}")
        venue.show(
            an_order_state(
                entry, venue_order_id=name, client_order_id=ClientOrderId("app"), created_at=Instant(NOW - 9 * HOUR)
            )
        )
        venue.listed.append(a_fill(entry, time=NOW + 1, venue_order_id=name, trade_id=f"owner-{number}"))
    row = an_order_state(entry, OrderStatus.FILLED, filled_quantity=1)
    # The listing of orders lags; the order itself can be read by its id.
    venue.show(replace(row, created_at=Instant(NOW - 9 * HOUR)))
    venue.listed.append(a_fill(entry, time=NOW + 2))
    ledger = a_ledger(working=[entry], fills_known_until=Instant(NOW))

    ledger = venue.looks(ledger, NOW + TICK, NOW + 3 * HOUR)

    assert held(ledger) == 1 or ETH in ledger.reduce_only


def test_store_that_cannot_be_read_once_does_not_close_an_asset_for_good() -> None:
    """An order of ours that is among the finished is called "in no book", and stays so after it was found."""
    entry = an_intent("second", decided_at=NOW, attach_bracket=False)
    venue = Venue(finished={entry.client_order_id: an_order_record(entry, OrderStatus.REJECTED, venue_order_id=None)})
    venue.show(an_order_state(BRACKET))
    venue.show(an_order_state(entry, created_at=Instant(NOW + 60)))
    read, failures = venue.read_finished, [StoreUnavailable("throttled")]

    def read_finished(*args: Any) -> Sequence[OrderRecord]:
        if failures:
            raise failures.pop()
        return read(*args)

    venue.read_finished = read_finished  # type: ignore[method-assign]

    ledger = venue.looks(bracketed(), NOW + TICK, NOW + 4 * TICK)

    assert entry.client_order_id in ledger.orders
    assert {} == ledger.reduce_only


# --- pauses


def test_late_fill_of_an_order_that_ended_just_before_a_pause_is_booked() -> None:
    """Remembered for an hour: of the clock, in which nobody looked. Its last part was listed six minutes late."""
    entry = an_intent(decided_at=NOW, attach_bracket=False)
    first, late = (a_fill(entry, n, quantity="0.5", time=NOW + 60) for n in (1, 2))
    venue = Venue(listed=[first])
    venue.show(an_order_state(entry, OrderStatus.CANCELLED, filled_quantity="0.5"))
    ledger = venue.look(a_ledger(working=[an_order_record(entry)]), NOW + TICK)
    venue.listed.append(late)
    venue.show(an_order_state(entry, OrderStatus.FILLED, filled_quantity=1))

    ledger = venue.looks(ledger, NOW + TICK + 3 * HOUR, NOW + 6 * HOUR)

    assert held(ledger) == 1 or ETH in ledger.reduce_only


@pytest.mark.parametrize("status", [OrderStatus.ABANDONED, OrderStatus.REJECTED])
def test_buy_that_was_given_up_and_is_made_in_a_pause_is_known_again(status: OrderStatus) -> None:
    """It is listed, for the listing begins at the last look; and passed over, for it is more than an hour old."""
    entry = an_intent("second", decided_at=NOW, attach_bracket=False)
    venue = Venue(finished={entry.client_order_id: an_order_record(entry, status, venue_order_id=None)})
    venue.show(an_order_state(BRACKET))
    ledger = venue.look(bracketed(), NOW + 24 * HOUR)
    born = Instant(NOW + 24 * HOUR + 60)
    venue.show(an_order_state(entry, OrderStatus.FILLED, created_at=born, filled_quantity=1))
    venue.listed.append(a_fill(entry, time=born + 5))

    ledger = venue.looks(ledger, NOW + 27 * HOUR, NOW + 30 * HOUR)

    assert held(ledger) == 2 or ETH in ledger.reduce_only


def test_sale_that_was_refused_and_taken_all_the_same_before_a_pause_is_known_again() -> None:
    """The coins are gone, the lot stays: it is sold once more, out of what the owner has."""
    sale = an_exit_intent("second", decided_at=Instant(NOW + TICK))
    venue = Venue(finished={sale.client_order_id: an_order_record(sale, OrderStatus.REJECTED, venue_order_id=None)})
    venue.show(an_order_state(BRACKET))
    ledger = venue.look(bracketed(), NOW + TICK)
    venue.show(an_order_state(BRACKET, OrderStatus.CANCELLED))
    venue.show(an_order_state(sale, OrderStatus.FILLED, filled_quantity=1))
    venue.listed.append(a_fill(sale, time=NOW + TICK + 2))

    ledger = venue.looks(ledger, NOW + 3 * HOUR, NOW + 6 * HOUR)

    assert held(ledger) == 0 or ETH in ledger.reduce_only


def test_order_that_was_given_up_is_looked_for_in_empty_books_too() -> None:
    """Nothing is listed where no order and no count is left: an entry that rests for ever is never seen."""
    entry = an_intent(decided_at=NOW, attach_bracket=False)
    venue = Venue(finished={entry.client_order_id: an_order_record(entry, OrderStatus.ABANDONED, venue_order_id=None)})
    venue.show(an_order_state(entry, created_at=Instant(NOW + 24 * HOUR), filled_quantity=1))
    venue.listed.append(a_fill(entry, time=NOW + 24 * HOUR + 5))

    ledger = venue.looks(a_ledger(fills_known_until=NOW), NOW + 24 * HOUR + TICK, NOW + 26 * HOUR)

    assert held(ledger) == 1 or ETH in ledger.reduce_only


# --- conversions


@pytest.mark.parametrize("word", ["TRADE_STATUS_STARTED", "TRADE_STATUS_PENDING", "TRADE_STATUS_UNSPECIFIED"])
def test_conversion_that_was_begun_and_takes_its_time_is_not_given_up(word: str) -> None:
    """Only a quote dies of age. One that was committed, or whose word nobody knows, may be done in the second hour."""
    record = ConversionRecord(a_convert_intent(), ConversionStatus.QUOTED, "vc-1")
    amount = {"value": "100", "currency": "USD"}
    report = read_conversion({"trade": {"id": "vc-1", "status": word, "amount": amount}}, Asset("USDC"), USD)
    done = read_conversion({"trade": {"id": "vc-1", "status": "COMPLETED", "amount": amount}}, Asset("USDC"), USD)
    ledger = a_ledger(conversions=[record], cash={USD: "10000", Asset("USDC"): "100"})

    waited = reconcile(ledger, a_view(at=NOW + HOUR, conversions=(report,)), SETTINGS).ledger
    ledger = reconcile(waited, a_view(at=NOW + HOUR + TICK, conversions=(done,)), SETTINGS).ledger

    assert (10_100, 0) == (ledger.cash[USD], ledger.cash[Asset("USDC")])


def test_look_for_which_nothing_is_due_leaves_the_simulated_account_alone() -> None:
    """It has no lease: what it saved, an hour after the last save, would undo the order of a run beside it."""
    world = a_world(strategy=once(a_proposal(SOL, max_hold_hours=24)), paths={SOL: a_path(DIP, *QUIET)})
    world.cycles(3)
    before = world.book.load()
    world.clock.advance(HOUR + 60)

    report = perform(RunWatch(world.clock.now()), world.pipeline, world.ports(), 200)

    assert (CycleOutcome.SKIPPED, "nothing is due") == (report.outcome, report.reason)
    assert [SOL] == [lot.product_id for lot in world.ledger.lots.values()]
    assert before is world.book.load()


# --- the loss of the day


WIDE = {
    f"risk__{name}": 60 for name in ("position_pct_max", "product_pct_max", "correlated_pct_max", "total_pct_max")
} | {
    "universe__tiers__tier_1_core__allocation_max_pct": 60,
    "universe__clusters__LAYER1__allocation_max_pct": 60,
}


@pytest.mark.parametrize("hours", [0, 12, 20], ids=["same day", "at midnight", "after midnight"])
def test_fall_that_no_tick_saw_counts_on_the_day_that_sees_it(hours: int) -> None:
    """Half of the books are in a coin that falls by a tenth while nothing runs: nothing is entered after it."""
    wish = a_proposal("SOL-USD", notional="5000", stop_loss_pct=Decimal(40), take_profit_pct=Decimal(60))
    path = a_path(DIP, *[Bar()] * 11, *[Bar(90)] * 600)
    world = a_world(strategy=once(replace(wish, max_hold_hours=100)), paths={SOL: path}, **WIDE)
    world.cycles(4)
    assert world.ledger.lots
    world.clock.advance(hours * HOUR or 9 * TICK)
    later = with_settings(world, scripted(a_proposal("ETH-USD", notional="300")), **WIDE)

    report = later.cycle()

    assert report.decision is not None
    assert [DenialCode.DAY_LOSS_EXCEEDS_MAX] == [each.code for each in report.decision.review.denials]
    assert not report.decision.plan.intents
