"""The books do not depend on how the news arrived: repeated, permuted, in pieces or late, the money is the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from desk.run import check_cash
from factories_market import NOW
from factories_settings import shipped_settings
from property.histories import CAPITAL, PATIENCE_SECONDS, History, histories
from trader.model.capital import find_imbalance
from trader.model.events import EventKind
from trader.model.ids import Asset, TradeId
from trader.model.inputs import AccountView
from trader.model.ledger import Ledger, SubLedger
from trader.model.lots import Lot
from trader.model.money import Quantity
from trader.model.orders import Fill, Side
from trader.stages.reconcile.account import reconcile

SETTINGS = shipped_settings()


def after(ledger: Ledger, *views: AccountView) -> Ledger:
    """The ledger once it has seen these views, in this order."""
    for view in views:
        ledger = reconcile(ledger, view, SETTINGS).ledger
    return ledger


def economy(ledger: Ledger) -> Mapping[str, object]:
    """Everything about money and ownership, and nothing about when we learnt of it."""
    lots = {**ledger.lots, **ledger.closed_lots}
    return {
        "cash": ledger.cash,
        "converted": ledger.converted,
        "by_strategy": {
            name: (book.cash_flow, book.realized, book.fees)
            for name, book in ledger.by_strategy.items()
            if book != SubLedger()
        },
        "open": sorted(ledger.lots),
        "lots": {
            key: (lot.quantity, lot.cost, lot.entry_fees, lot.realized, lot.opened_at) for key, lot in lots.items()
        },
        "orders": {
            key: (record.status, record.reported_filled, record.fills, record.venue_order_id)
            for key, record in ledger.orders.items()
        },
    }


@given(histories())
def test_books_do_not_depend_on_how_the_fills_arrived(history: History) -> None:
    """Any views before the one that shows everything end in the same books as that one alone."""
    at_once = after(history.ledger, history.full_view())

    in_pieces = after(history.ledger, *history.views, history.full_view())

    assert economy(at_once) == economy(in_pieces)


@given(histories(), st.randoms(use_true_random=False))
def test_books_do_not_depend_on_the_order_of_the_views(history: History, chance: object) -> None:
    """The same views in another order, and the same pages in another order, say the same."""
    views = list(history.views)
    chance.shuffle(views)  # type: ignore[attr-defined]
    full = history.full_view()
    turned = AccountView(full.read_at, full.balances, full.orders[::-1], full.fills[::-1], full.conversions[::-1])

    assert economy(after(history.ledger, *history.views, full)) == economy(after(history.ledger, *views, turned))


@given(histories())
def test_seeing_it_again_changes_nothing(history: History) -> None:
    """The same view twice in a row: the whole ledger is the same value, and nothing is news."""
    for view in (*history.views, history.full_view()):
        once = after(history.ledger, view)
        again = reconcile(once, view, SETTINGS)

        assert once == again.ledger
        assert () == again.new_fills
        assert EventKind.LOT_CLOSED not in {kind for kind, _, _ in again.notes}


@given(histories())
def test_every_fill_is_booked_once_and_only_ours(history: History) -> None:
    """In the end the records hold exactly the fills of our orders, each under one order."""
    ledger = after(history.ledger, *history.views, history.full_view())
    booked = [fill.trade_id for record in ledger.orders.values() for fill in record.fills]

    assert sorted(fill.trade_id for fill in history.fills) == sorted(booked)


@given(histories())
def test_cash_follows_from_the_fills_after_every_view(history: History) -> None:
    """Recomputed in exact fractions from what is booked: per asset, per strategy, and by the desk's own check."""
    ledger = history.ledger
    for view in (*history.views, history.full_view()):
        ledger = after(ledger, view)
        booked = [fill for record in ledger.orders.values() for fill in record.fills]

        assert not any(find_imbalance(ledger).values())
        assert check_cash(CAPITAL, booked, ledger).difference == 0
        assert nonzero(cash_by_fractions(ledger)) == nonzero(ledger.cash)
        for name, book in ledger.by_strategy.items():
            assert nonzero(flows(ledger, name)) == nonzero(book.cash_flow)
            assert Fraction(book.fees) == sum((Fraction(f.fee) for f in fills_of(ledger, name)), Fraction(0))


@given(histories())
def test_lots_hold_what_was_bought_and_not_sold(history: History) -> None:
    """Quantity is bought minus sold, never negative; all that was paid is in the lot or in its result, to the unit."""
    ledger = history.ledger
    for view in (*history.views, history.full_view()):
        ledger = after(ledger, view)

        for lot in (*ledger.lots.values(), *ledger.closed_lots.values()):
            fills = [fill for record in ledger.orders_of(lot.lot_id) for fill in record.fills]
            assert lot.quantity >= 0
            assert Fraction(lot.quantity) == sum((signed(fill) for fill in fills), Fraction(0))
            flow = sum((cash_of(fill) for fill in fills), Fraction(0))
            assert flow == Fraction(lot.realized) - Fraction(lot.cost) - Fraction(lot.entry_fees)
            assert lot.quantity > 0 or (lot.cost, lot.entry_fees) == (0, 0)


@given(histories())
def test_sub_ledgers_sum_to_the_ledger(history: History) -> None:
    """Cash flows and results of all strategies are those of the whole, to the smallest unit."""
    ledger = after(history.ledger, *history.views, history.full_view())
    lots: list[Lot] = [*ledger.lots.values(), *ledger.closed_lots.values()]

    total = sum((Fraction(amount) for amount in ledger.cash.values()), Fraction(0))
    parts = sum(
        (Fraction(each) for book in ledger.by_strategy.values() for each in book.cash_flow.values()), Fraction(0)
    )
    converted = sum((Fraction(each) for each in ledger.converted.values()), Fraction(0))
    assert total == Fraction(CAPITAL) + converted + parts
    for name, book in ledger.by_strategy.items():
        assert Fraction(book.realized) == sum(
            (Fraction(lot.realized) for lot in lots if lot.strategy == name), Fraction(0)
        )


@given(histories())
def test_long_forgotten_history_is_not_booked_again(history: History) -> None:
    """Hours later, when finished orders are out of memory, the same listing moves no money."""
    full = history.full_view()
    ledger = after(history.ledger, *history.views, full)

    later = after(ledger, history.full_view(NOW + 10_000), history.full_view(NOW + 20_000))

    assert nonzero(ledger.cash) == nonzero(later.cash)
    assert {key: lot.quantity for key, lot in ledger.lots.items()} == {
        key: lot.quantity for key, lot in later.lots.items()
    }
    assert not any(find_imbalance(later).values())
    assert PATIENCE_SECONDS < SETTINGS.cycle.order_memory_seconds


@given(histories(), st.integers(101, 10**9))
def test_fill_beyond_its_intent_is_never_booked(history: History, pct: int) -> None:
    """A size in quote currency read as base units is left out, and the rest of the books is as without it."""
    intent = history.orders[0].intent
    whole = history.full_view()
    bogus = replace(
        history.orders[0].fills[0], trade_id=TradeId("bogus"), quantity=Quantity(intent.quantity * pct / 100)
    )

    ledger = after(history.ledger, *history.views, replace(whole, fills=(bogus, *whole.fills)), whole)

    assert economy(after(history.ledger, *history.views, whole)) == economy(ledger)
    assert intent.base in ledger.reduce_only


@given(histories())
def test_every_round_trip_counts_once(history: History) -> None:
    """As many wins and losses as closed lots, however often the end of one was seen."""
    ledger = after(history.ledger, *history.views, history.full_view(), history.full_view())

    assert len(ledger.closed_lots) == sum(book.wins + book.losses for book in ledger.by_strategy.values())


def signed(fill: Fill) -> Fraction:
    """What a fill does to the quantity held."""
    return Fraction(fill.quantity) * (1 if fill.side is Side.BUY else -1)


def cash_of(fill: Fill) -> Fraction:
    """What a fill does to the cash."""
    return -signed(fill) * Fraction(fill.price) - Fraction(fill.fee)


def fills_of(ledger: Ledger, strategy: str) -> list[Fill]:
    """The booked fills of one strategy."""
    return [fill for record in ledger.orders.values() if record.intent.strategy == strategy for fill in record.fills]


def flows(ledger: Ledger, strategy: str | None = None) -> Mapping[Asset, Fraction]:
    """What the booked fills did to each quote asset."""
    found: dict[Asset, Fraction] = {}
    for record in ledger.orders.values():
        if strategy in (None, record.intent.strategy):
            quote = record.intent.quote
            found[quote] = found.get(quote, Fraction(0)) + sum(map(cash_of, record.fills), Fraction(0))
    return found


def cash_by_fractions(ledger: Ledger) -> Mapping[Asset, Fraction]:
    """Capital, conversions and fills, added up exactly."""
    found = dict(flows(ledger))
    for asset, amount in (*ledger.converted.items(), (ledger.accounting_asset, CAPITAL)):
        found[asset] = found.get(asset, Fraction(0)) + Fraction(amount)
    return found


def nonzero(amounts: Mapping[Asset, Decimal] | Mapping[Asset, Fraction]) -> Mapping[Asset, Fraction]:
    """Exact amounts, without the assets of which there is nothing."""
    return {asset: Fraction(amount) for asset, amount in amounts.items() if amount}
