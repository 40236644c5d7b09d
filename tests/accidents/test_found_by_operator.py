"""A clumsy operator with real money: the wrong key, another setting, an order adopted twice, half an item restored."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from accidents.coinbase_venue import at_coinbase, change_answers
from accidents.hostile_venue import QUIET, entry_of, holding_due, lot_of
from accidents.one_account import DIP, ETH, SOL, Bar, World, a_path, a_world, with_settings
from desk.recovery.adopt import acknowledge_mismatch, adopt_order, forget_last_cycle
from desk.recovery.adopt_intents import AdoptionContext, AdoptionTerms
from desk.recovery.store import RebuildOptions, RecoveryStores, change_under_lease, rebuild, write_rebuilt
from factories import SCOPE, a_fill, a_proposal, once, scripted
from simulation.recovery_world import InMemoryLedgerItems
from trader.adapters.coinbase.http import Answer
from trader.adapters.local.archive import ArchiveFile
from trader.errors import AuditError, LedgerCorrupt, MissingData, TraderError
from trader.model.ids import Scope, TradeId
from trader.model.inputs import AccountListing
from trader.model.ledger import Ledger
from trader.model.money import Quantity
from trader.model.order_record import OrderRecord
from trader.model.orders import Fill, OrderPurpose

WEEK = 604_800
ACCOUNTS, ORDERS, FILLS = "/accounts", "/orders/historical/batch", "/orders/historical/fills"
WISH = a_proposal("SOL-USD", max_hold_hours=99, take_profit_pct=Decimal(60))


class _Reader:
    """The audit of a world."""

    def __init__(self, world: World) -> None:
        self._world = world

    def texts(self, _: Scope) -> Mapping[str, str]:
        return dict(self._world.audit.texts)

    def checkpoints(self, _: Scope) -> Mapping[str, str]:
        return {}


def stores_of(world: World) -> RecoveryStores:
    """Everything of a world that a recovery touches."""
    return RecoveryStores(
        settings=world.pipeline.settings,
        scope=SCOPE,
        owner="operator",
        store=world.store,
        items=InMemoryLedgerItems(world.store),  # type: ignore[arg-type]
        audit=world.audit,
        reader=_Reader(world),
        exchange=world.venue,
        clock=world.clock,
    )


def context_of(world: World, ledger: Ledger | None = None, epoch: int = 99) -> AdoptionContext:
    books = ledger or world.ledger
    return AdoptionContext(world.pipeline.settings, books, world.venue, world.clock.now(), epoch, world.store)


def hours_pass(world: World, hours: int = 6) -> None:
    """A look every two hours: whatever is over leaves the ledger."""
    for _ in range(hours // 2):
        world.clock.advance(2 * 3600)
        world.cycle()


def remembering_a_week(world: World) -> World:
    """The same books under an order memory of a week, and two looks."""
    longer = with_settings(world, strategy=scripted(), cycle__order_memory_seconds=WEEK)
    for _ in range(2):
        longer.pass_bars()
        longer.cycle()
    return longer


def held(ledger: Ledger, base: str = "SOL") -> Decimal:
    return Decimal(sum(lot.quantity for lot in ledger.lots.values() if lot.base == base))


def figures(ledger: Ledger) -> tuple[object, ...]:
    return held(ledger), ledger.cash, ledger.by_strategy, ledger.reduce_only


# --- orders that left the ledger although their lot is open


@pytest.mark.parametrize("venue", ["simulated", "coinbase"])
def test_longer_order_memory_books_no_fill_of_a_bracket_a_second_time(venue: str) -> None:
    """A bracket sold one of three, was cancelled by hand and left with its entry; then the operator sets a week."""
    thin = Bar(close=100, high=161, volume=10.0)
    made = a_world(strategy=once(WISH), paths={SOL: a_path(DIP, *[Bar()] * 4, thin, *QUIET)})
    with at_coinbase(made) if venue == "coinbase" else nullcontext(made) as world:
        world.cycles(3)
        world.clock.advance(3600)
        world.cycle()
        partly = [each for each in world.ledger.orders.values() if each.intent.purpose is OrderPurpose.PROTECTION]
        world.venue.cancel([each.venue_order_id for each in partly if each.venue_order_id])
        world.pass_bars()
        world.cycle()
        hours_pass(world)
        before = world.ledger

        after = remembering_a_week(world).ledger

        assert Decimal("1.994011") == held(before)
        assert figures(before) == figures(after)


@pytest.fixture
def sold_out() -> World:
    """SOL was bought and sold by its bracket hours ago, and is forgotten; ETH is held."""
    rise = Bar(close=100, high=161, volume=10_000.0)
    paths = {ETH: a_path(DIP, *QUIET), SOL: a_path(DIP, *[Bar()] * 4, rise, *QUIET)}
    wish = a_proposal("ETH-USD", max_hold_hours=99, take_profit_pct=Decimal(60))
    world = a_world(strategy=once(WISH, wish), paths=paths, risk__entry_spacing_seconds=0)
    world.cycles(3)
    world.clock.advance(3600)
    world.cycle()
    hours_pass(world)
    return world


def test_longer_order_memory_forbids_no_entry_into_what_was_sold_out(sold_out: World) -> None:
    """Its entry is looked up among those that ended; its bracket, which the venue lists as well, is known too."""
    before = sold_out.ledger

    after = remembering_a_week(sold_out).ledger

    assert (0, {}) == (held(before), before.reduce_only)
    assert figures(before) == figures(after)


def test_acknowledging_what_the_venue_still_shows_says_that_nothing_was_lifted() -> None:
    """The venue lists a fill beyond the intent, and reports it in every look."""
    world = holding_due(hours=99, minutes_old=20)
    entry = entry_of(world)
    extra = replace(entry.fills[0], trade_id=TradeId("extra"), time=world.clock.now(), quantity=Quantity(1))
    show_beyond(world, entry, Quantity("3.994011"), extra)
    world.cycle()

    with pytest.raises(MissingData, match="SOL: the venue still shows it, nothing was lifted: fill extra exceeds"):
        change_under_lease(
            stores_of(world),
            "adopt",
            lambda ledger, epoch: acknowledge_mismatch(context_of(world, ledger, epoch), ["SOL"], "looked at"),
        )

    assert {"SOL": "fill extra exceeds its intent"} == world.ledger.reduce_only


def test_fill_that_is_never_listed_does_not_make_every_later_look_read_more() -> None:
    """All that the owner trades from then on would be read in every cycle, until there are too many pages to end."""
    world = holding_due(hours=999, minutes_old=20)
    show_beyond(world, entry_of(world), Quantity("3.5"))
    world.cycle()
    hours_pass(world, 48)

    assert "SOL" in world.ledger.reduce_only
    assert world.clock.now() - world.ledger.fills_known_until <= 2 * world.pipeline.settings.cycle.order_memory_seconds


def show_beyond(world: World, record: OrderRecord, told: Quantity, *fills: Fill) -> None:
    """From now on the venue says that more of an order was filled, and lists these fills of it as well."""
    account, listed, by_order = world.venue.account, world.venue.fills, world.venue.order_fills

    def shown(*args: Any) -> AccountListing:
        listing = account(*args)
        orders = (
            replace(each, filled_quantity=told) if each.venue_order_id == record.venue_order_id else each
            for each in listing.orders
        )
        return replace(listing, orders=tuple(orders))

    world.venue.account = shown  # type: ignore[method-assign]
    world.venue.fills = lambda since: (  # type: ignore[method-assign]
        *listed(since), *(each for each in fills if each.time >= since)
    )  # fmt: skip
    world.venue.order_fills = lambda names: (  # type: ignore[method-assign]
        *by_order(names), *(each for each in fills if each.venue_order_id in names)
    )  # fmt: skip


def test_order_that_left_the_ledger_is_not_adopted_into_it_once_more() -> None:
    """Its fills are carried by the lot: booked again they buy the lot twice."""
    world = holding_due(hours=99)
    hours_pass(world)
    entry = lot_of(world).lot_id

    assert entry not in world.ledger.orders
    with pytest.raises(MissingData, match=entry):
        adopt_order(context_of(world), entry, stores_of(world).chain(), AdoptionTerms(), "is in no ledger")


def test_no_cycle_is_forgotten_without_a_reason() -> None:
    """It goes into the audit; blanks are none, as for an adoption."""
    with pytest.raises(MissingData, match="reason"):
        forget_last_cycle(holding_due(hours=99).ledger, "  ")


# --- the wrong key


@pytest.fixture
def holding() -> Iterator[World]:
    """A lot and its bracket at the simulated Coinbase; the books know the portfolio."""
    with at_coinbase(a_world(strategy=once(WISH), paths={SOL: a_path(DIP, *QUIET)})) as world:
        world.cycles(3)
        hours_pass(world)
        assert world.ledger.portfolio
        yield world


def take_the_wrong_key(world: World) -> Callable[[], None]:
    """From now on the key is another portfolio's, which is empty; what is returned takes the right one again."""
    original = world.venue._transport.attempt  # type: ignore[attr-defined]

    def elsewhere(answer: Answer) -> Answer:
        told = json.loads(answer.text)
        for row in told["accounts"]:
            row["retail_portfolio_id"] = "another-portfolio"
            row["available_balance"]["value"] = row["hold"]["value"] = "0"
        return replace(answer, text=json.dumps(told))

    def empty(answer: Answer) -> Answer:
        told = json.loads(answer.text)
        return replace(answer, text=json.dumps({**told, **{key: [] for key in ("orders", "fills") if key in told}}))

    change_answers(world.venue, ACCOUNTS, elsewhere)  # type: ignore[arg-type]
    change_answers(world.venue, ORDERS, empty)  # type: ignore[arg-type]
    change_answers(world.venue, FILLS, empty)  # type: ignore[arg-type]

    def back() -> None:
        world.venue._transport.attempt = original  # type: ignore[attr-defined]

    return back


def test_sound_ledger_is_not_rebuilt_with_the_key_of_another_portfolio(holding: World) -> None:
    """It remembers whose it is: the rebuild is refused with one line, and the right key goes on trading."""
    before, back = holding.ledger, take_the_wrong_key(holding)

    with pytest.raises(TraderError, match="another-portfolio"):
        write_rebuilt(stores_of(holding), RebuildOptions())

    back()
    assert before.portfolio == holding.ledger.portfolio


def test_lost_ledger_is_not_rebuilt_for_another_portfolio(holding: World) -> None:
    """No order on record is listed there. The key is the wrong one, or the operator must say that it is not."""
    portfolio = holding.ledger.portfolio
    holding.store.texts.clear()
    take_the_wrong_key(holding)

    try:
        made = write_rebuilt(stores_of(holding), RebuildOptions())[0].ledger.portfolio
    except TraderError:
        made = ""

    assert made in ("", portfolio)


def test_books_of_before_take_no_portfolio_that_lists_none_of_their_open_orders(holding: World) -> None:
    """A release that knows portfolios is deployed with another key: afterwards the right one must not be refused."""
    grant = holding.store.acquire(SCOPE, "before", holding.clock.now(), 5)
    assert grant.ledger is not None
    holding.store.commit(grant, replace(grant.ledger, portfolio=""), release=True)
    back = take_the_wrong_key(holding)
    holding.pass_bars()
    holding.cycle()
    back()
    holding.pass_bars()
    report = holding.cycle()

    assert "another-portfolio" not in report.reason


# --- records that are owed


@pytest.mark.parametrize("left", ["sound", "lost", "corrupt"])
def test_ledger_is_made_anew_from_what_is_owed_too(left: str) -> None:
    """The audit bucket was down, a due lot was sold, its record waits beside the ledger, whatever became of that."""
    world = holding_due(hours=2)
    world.clock.advance(3600)

    def down(*_: Any, **__: Any) -> Any:
        raise AuditError("the bucket does not answer")

    world.meddlers["audit.write"] = down
    world.cycle()
    del world.meddlers["audit.write"]

    owed = {key: text for (_, key), text in world.store.owed.items()}
    if left == "lost":
        del world.store.texts[SCOPE]
    elif left == "corrupt":
        world.store.texts[SCOPE] = world.store.texts[SCOPE][:-50]
    stores = stores_of(world)

    dry = rebuild(stores, RebuildOptions())[0].ledger
    untouched = dict(world.audit.texts)
    made = write_rebuilt(stores, RebuildOptions())[0].ledger

    assert (2, Decimal(0), Decimal(0)) == (len(owed), held(dry), held(made))
    assert not owed.keys() & untouched.keys()
    assert owed.items() <= world.audit.texts.items()
    assert ((), {}, ()) == (world.ledger.owed, world.store.owed, stores.chain().problems)
    world.pass_bars()
    assert "COMPLETED" == world.cycle().outcome


# --- files and items


def test_archive_that_became_shorter_is_read_from_its_beginning(tmp_path: Path) -> None:
    """Truncated by hand while the process runs: what is kept from then on must be found, or an id counts as new."""
    path = tmp_path / "venue-main.jsonl"
    archive = ArchiveFile(path)
    archive.append({"ORDER#1": a_fill(number=1), "ORDER#2": a_fill(number=2)})
    archive.read("ORDER#1", Fill)
    path.write_bytes(b"")
    archive.append({"ORDER#3": a_fill(number=3)})

    assert a_fill(number=3) == archive.read("ORDER#3", Fill)


def test_damaged_line_of_the_archive_is_named_by_its_number(tmp_path: Path) -> None:
    """A person has to find it in a file of many."""
    path = tmp_path / "venue-main.jsonl"
    archive = ArchiveFile(path)
    archive.append({f"ORDER#{number}": a_fill(number=number) for number in (1, 2)})
    path.write_bytes(path.read_bytes() + b"garbage\n")

    with pytest.raises(LedgerCorrupt, match="line 3"):
        ArchiveFile(path).read("ORDER#1", Fill)
