"""Accidents 31, 36 and 43: what is not ours blinds nothing, and what is long over fills nothing.

The owner of the account trades too, and the venue corrects, reverses and migrates their rows. Told as whole cycles
through the adapter, over sockets, at the simulated Coinbase, beside a sale that is due.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from accidents.coinbase_venue import at_coinbase, change_answers
from accidents.hostile_venue import QUIET, holding_due, lot_of, refuse, show
from accidents.one_account import DIP, ETH, SOL, World, a_path, a_world, down
from desk.sandbox.foreign_rows import LISTINGS, make_foreign_rows
from factories import a_proposal, once
from trader.adapters.coinbase.http import Answer
from trader.cycle import CycleOutcome
from trader.model.codec import canonical_json
from trader.model.ids import Asset, ProductId
from trader.model.inputs import AccountListing
from trader.model.money import Quantity
from trader.model.orders import OrderPurpose
from trader.model.trading_state import TradingState

PATHS = {"orders": "/orders/historical/batch", "fills": "/orders/historical/fills", "accounts": "/accounts"}
POSITIONS: dict[str, Callable[[list[Any], list[Any]], list[Any]]] = {
    "before": lambda rows, foreign: [*foreign, *rows],
    "between": lambda rows, foreign: [*rows[: len(rows) // 2], *foreign, *rows[len(rows) // 2 :]],
    "after": lambda rows, foreign: [*rows, *foreign],
    "around": lambda rows, foreign: [each for row in (*rows, None) for each in (*foreign, *([row] if row else []))],
}


def with_rows(listing: str, foreign: Sequence[object], place: str) -> Callable[[Answer], Answer]:
    """The venue lists these rows too."""

    def change(answer: Answer) -> Answer:
        told = json.loads(answer.text)
        told[listing] = POSITIONS[place](told[listing], list(foreign))
        return replace(answer, text=json.dumps(told))

    return change


@pytest.fixture
def holding() -> Iterator[World]:
    """SOL with its bracket at the venue, and a sale that is due with the next cycle."""
    wish = a_proposal("SOL-USD", max_hold_hours=1)
    with at_coinbase(a_world(strategy=once(wish), paths={SOL: a_path(DIP, *QUIET)})) as world:
        world.cycles(3)
        world.clock.advance(3600)
        lot_of(world)
        yield world


def in_product(row: object, product_id: str) -> object:
    """The same row, in another product; one that names none, or an odd one, stays as it is."""
    is_plain = isinstance(row, dict) and row.get("product_id") == "DOGE-USD"
    return {**row, "product_id": product_id} if is_plain else row  # type: ignore[dict-item]


def every_third(listing: str) -> list[tuple[str, object]]:
    """Some thirty shapes of a listing, each with its number."""
    shapes = make_foreign_rows(listing)
    return [(f"{listing}-{number}", shapes[number]) for number in range(0, len(shapes), max(len(shapes) // 30, 1))]


# --- 36


@pytest.mark.parametrize("product_id", ["DOGE-USD", "SOL-USD", "SOL-USDC"])
@pytest.mark.parametrize("place", POSITIONS)
@pytest.mark.parametrize("listing", LISTINGS)
def test_all_odd_rows_of_the_owner_at_once_do_not_keep_a_lot(
    holding: World, listing: str, place: str, product_id: str
) -> None:
    """36: of another coin, of the very coin that is to be sold, and of its other order book."""
    foreign = [in_product(each, product_id) for each in make_foreign_rows(listing)]
    change_answers(holding.venue, PATHS[listing], with_rows(listing, foreign, place))  # type: ignore[arg-type]

    report = holding.cycle()

    assert (CycleOutcome.COMPLETED, {}, {}) == (report.outcome, holding.ledger.lots, holding.ledger.reduce_only)


@pytest.mark.parametrize(
    ("listing", "row"),
    [pytest.param(listing, row, id=name) for listing in LISTINGS for name, row in every_third(listing)],
)
def test_odd_row_of_the_owner_does_not_keep_a_lot(holding: World, listing: str, row: object) -> None:
    """36: one shape alone, at every position of its listing."""
    change_answers(holding.venue, PATHS[listing], with_rows(listing, [row], "around"))  # type: ignore[arg-type]

    report = holding.cycle()

    assert (CycleOutcome.COMPLETED, {}, {}) == (report.outcome, holding.ledger.lots, holding.ledger.reduce_only)


@pytest.mark.parametrize("word", [TradingState.FLATTEN, TradingState.REDUCE_ONLY])
def test_reversal_of_the_owner_keeps_no_lot_whatever_the_switch_says(holding: World, word: TradingState) -> None:
    """36: by name: a REVERSAL in another coin, in every cycle."""
    reversal = {**make_foreign_rows("fills")[0], "trade_type": "REVERSAL"}  # type: ignore[dict-item]
    change_answers(holding.venue, PATHS["fills"], with_rows("fills", [reversal], "around"))  # type: ignore[arg-type]
    holding.kill_switch.word = word

    assert CycleOutcome.COMPLETED is holding.cycle().outcome
    assert {} == holding.ledger.lots


def test_odd_row_of_ours_concerns_its_product_only() -> None:
    """36: the status of one bracket cannot be read: that coin is not bought; the other lot is sold as it is due."""
    proposals = [a_proposal("SOL-USD", max_hold_hours=1), a_proposal("ETH-USD", max_hold_hours=99)]
    paths = {SOL: a_path(DIP, *QUIET), ETH: a_path(DIP, *QUIET)}
    with at_coinbase(a_world(strategy=once(*proposals), paths=paths)) as world:
        world.cycles(3)
        world.clock.advance(3600)
        held = {lot.base for lot in world.ledger.lots.values()}

        def spoil(answer: Answer) -> Answer:
            told = json.loads(answer.text)
            for row in told["orders"]:
                row["side"] = "SHORT" if row["product_id"].startswith("ETH") else row["side"]
            return replace(answer, text=json.dumps(told))

        change_answers(world.venue, PATHS["orders"], spoil)  # type: ignore[arg-type]
        report = world.cycle()

        assert {"SOL", "ETH"} == held
        assert ({"ETH"}, ["ETH"]) == ({lot.base for lot in world.ledger.lots.values()}, list(world.ledger.reduce_only))
        assert CycleOutcome.COMPLETED is report.outcome


def test_wallet_of_ours_that_cannot_be_read_does_not_keep_its_lot(holding: World) -> None:
    """36: it tells nothing, however long it is looked at after the bracket is gone: the venue says what is free."""

    def spoil(answer: Answer) -> Answer:
        told = json.loads(answer.text)
        for row in told["accounts"]:
            row["hold"] = "much" if row["currency"] == "SOL" else row["hold"]
        return replace(answer, text=json.dumps(told))

    change_answers(holding.venue, PATHS["accounts"], spoil)  # type: ignore[arg-type]

    report = holding.cycle()

    assert (CycleOutcome.COMPLETED, {}) == (report.outcome, holding.ledger.lots)
    assert ["SOL"] == list(holding.ledger.reduce_only)


def test_fills_of_one_order_that_cannot_be_read_keep_no_other_lot() -> None:
    """36: what they are of is awaited; the other lot is sold as it is due."""
    proposals = [a_proposal("SOL-USD", max_hold_hours=1), a_proposal("ETH-USD", max_hold_hours=99)]
    world = a_world(strategy=once(*proposals), paths={SOL: a_path(DIP, *QUIET), ETH: a_path(DIP, *QUIET)})
    world.cycles(3)
    world.clock.advance(3600)
    bracket = next(each for each in world.ledger.active_orders if each.intent.base == "ETH")

    def grown(original: Callable[..., Any], *asked: Any) -> list[Any]:
        return [
            replace(each, filled_quantity=Quantity("0.1")) if each.venue_order_id == bracket.venue_order_id else each
            for each in original(*asked)
        ]

    def unread(original: Callable[..., Any], names: Sequence[Any]) -> Any:
        return down() if bracket.venue_order_id in names else original(names)

    for listing in ("exchange.orders", "exchange.known_orders"):
        world.meddlers[listing] = grown
    world.meddlers["exchange.order_fills"] = unread
    world.cycle()

    assert {"ETH"} == {lot.base for lot in world.ledger.lots.values()}


# --- 43


@pytest.mark.parametrize("state", [TradingState.RUN, TradingState.FLATTEN])
def test_key_of_another_portfolio_trades_nothing_and_says_so(holding: World, state: TradingState) -> None:
    """43: its coins are not ours to sell, its cash not ours to spend; with the right key it goes on."""

    def elsewhere(answer: Answer) -> Answer:
        told = json.loads(answer.text)
        for row in told["accounts"]:
            row["retail_portfolio_id"] = "another-portfolio"
        return replace(answer, text=json.dumps(told))

    before, original = holding.ledger, holding.venue._transport.attempt  # type: ignore[attr-defined]
    change_answers(holding.venue, PATHS["accounts"], elsewhere)  # type: ignore[arg-type]
    holding.kill_switch.word = state
    reports = holding.cycles(2)

    assert {CycleOutcome.ABSTAINED} == {each.outcome for each in reports}
    assert all(f"portfolio {before.portfolio}" in each.reason for each in reports)
    assert all("another-portfolio" in each.reason for each in reports)
    assert (before.lots, before.orders) == (holding.ledger.lots, holding.ledger.orders)
    holding.venue._transport.attempt = original  # type: ignore[attr-defined]
    holding.pass_bars()
    holding.cycle()
    assert {} == holding.ledger.lots


def test_portfolio_that_only_some_wallets_tell_is_believed() -> None:
    """43: old answers do not say; one more wallet of another kind does not change whose account it is."""
    world = holding_due()
    portfolio = {"told": frozenset({"ours"})}
    original = world.venue.account

    def account(*args: Any) -> AccountListing:
        return replace(original(*args), portfolios=portfolio["told"])

    world.venue.account = account  # type: ignore[method-assign]
    world.pass_bars()
    world.cycle()
    outcomes = []
    for told in ((), ("ours", "other")):
        portfolio["told"] = frozenset(told)
        world.pass_bars()
        outcomes.append(world.cycle().outcome)

    assert ("ours", [CycleOutcome.COMPLETED] * 2) == (world.ledger.portfolio, outcomes)


# --- 31


def a_lot_that_nothing_helps(**flags: Any) -> World:
    """A lot whose bracket is gone, in a product that takes no order any more."""
    world = holding_due(hours=99)
    show(world, SOL, **flags)
    world.venue.cancel(list(world.stored.active))
    return world


@pytest.mark.parametrize("flags", [{"cancel_only": True}, {"trading_disabled": True}, {"view_only": True}], ids=str)
def test_books_do_not_grow_over_a_lot_that_can_be_neither_sold_nor_protected(flags: dict[str, Any]) -> None:
    """31: 690 bytes a cycle, for ever, until no commit fitted any more."""
    world = a_lot_that_nothing_helps(**flags)
    sizes = []
    for _ in range(120):
        world.cycles(1)
        sizes.append(len(canonical_json(world.ledger)))

    assert max(sizes[60:]) - min(sizes[60:]) < 64
    assert 1 == len(world.ledger.lots)


@pytest.mark.parametrize("reason", ["INSUFFICIENT_FUND", "PERMISSION_DENIED", "COMMANDER_REJECTED_NEW_ORDER"])
def test_books_do_not_grow_over_a_lot_whose_every_order_is_refused(reason: str) -> None:
    """31: by other refusals: of the sale that is due, and of the bracket."""
    world = holding_due()
    refuse(world, reason)
    world.venue.cancel(list(world.stored.active))
    sizes = []
    for _ in range(120):
        world.cycles(1)
        sizes.append(len(canonical_json(world.ledger)))

    assert max(sizes[60:]) - min(sizes[60:]) < 64
    assert 1 == len(world.ledger.lots)


def test_books_do_not_grow_with_protections_that_come_and_go() -> None:
    """31: a healthy lot whose bracket somebody cancels in every cycle."""
    world = holding_due(hours=99)
    sizes, sent = [], refuse(world, "none", times=0)
    for _ in range(120):
        world.venue.cancel(list(world.stored.active))
        world.cycles(1)
        sizes.append(len(canonical_json(world.ledger)))

    assert len(sent.of(OrderPurpose.PROTECTION)) >= 100
    assert max(sizes[60:]) - min(sizes[60:]) < 64


def test_orders_of_an_open_lot_are_found_when_they_show_after_they_left() -> None:
    """31: what left the books is looked up, and counts once."""
    world = holding_due(hours=99)
    world.clock.advance(2 * 3600)
    world.cycle()
    lot = lot_of(world)

    assert lot.carried is not None
    assert [ProductId("SOL-USD")] == [each.intent.product_id for each in world.ledger.orders.values()]
    assert Asset("SOL") not in world.ledger.reduce_only
