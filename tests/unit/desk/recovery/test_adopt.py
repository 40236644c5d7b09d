"""A difference settled on purpose: a trade of its own in the books, announced with its reason, never in silence."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

import pytest

from desk.recovery.adopt import acknowledge_mismatch, adopt_order, adopt_quantity, find_over_covered
from desk.recovery.adopt_intents import AdoptionContext, AdoptionTerms, Quantities
from desk.recovery.chain import Recorded
from desk.recovery.event_handlers import EVENT_HANDLERS
from desk.recovery.store import Change, RebuildOptions, change_under_lease, rebuild
from simulation.fault_run import Watch, fault_run_of, invoke, prepare_world
from simulation.nemesis import Nemesis
from simulation.recovery_world import after_tick, the_store, wipe
from simulation.scenarios import ENTRY
from simulation.world import SCOPE, World
from trader.errors import LeaseHeld, MissingData
from trader.model.capital import find_imbalance
from trader.model.codec import canonical_json
from trader.model.ids import Asset, ClientOrderId, Instant
from trader.model.ledger import Ledger
from trader.model.order_life import OrderStatus
from trader.model.orders import OrderConfiguration, OrderPurpose, Side
from trader.stages.reconcile.ownership import VANISHED

SOL, ETH = Asset("SOL"), Asset("ETH")
NEW_LOT = AdoptionTerms(strategy="rules_engine", stop=Decimal(90), target=Decimal(110), hold_hours=24)


@pytest.fixture
def world() -> World:
    """Three SOL in one lot, their bracket at the venue."""
    return after_tick(ENTRY, 2)


def books_of(world: World, ledger: Ledger | None = None, epoch: int = 99) -> AdoptionContext:
    found = ledger or world.ledger()
    assert found is not None
    return AdoptionContext(world.scenario.settings, found, world.exchange, world.clock.now(), epoch, world.store)


def quantity(
    world: World, change: str, price: str = "140", asset: Asset = SOL, terms: AdoptionTerms | None = None
) -> Change:
    wanted = Quantities(asset, Decimal(change), Decimal(price))
    return adopt_quantity(books_of(world), wanted, terms or AdoptionTerms(), "sold by hand")


def held(ledger: Ledger) -> Decimal:
    return Decimal(sum(lot.quantity for lot in ledger.lots.values()))


def lose(world: World, asset: str, amount: str) -> None:
    """Take coins out of the account behind the ledger's back, from under their bracket if need be."""
    book = world.book()
    changed = replace(book, active={}).with_change(Asset(asset), -Decimal(amount))
    world.books.save(changed, replaces=world.books.load())


# --- quantities


def test_sale_by_hand_is_booked_like_a_sale_of_ours(world: World) -> None:
    """Half a SOL less in the lot, 70 dollars more in cash, and the parts still add up."""
    before = world.ledger()
    assert before is not None

    after = quantity(world, "-0.5").ledger

    assert (held(before) - Decimal("0.5"), before.cash["USD"] + 70) == (held(after), after.cash["USD"])  # type: ignore[index]
    assert {"USD": 0} == find_imbalance(after)


def test_loss_is_a_sale_for_nothing(world: World) -> None:
    """What was stolen brought no cash, and its cost is a realized loss."""
    before = world.ledger()
    assert before is not None
    cost = next(iter(before.lots.values())).entry_price

    after = quantity(world, "-1", "0").ledger

    lot = next(iter(after.lots.values()))
    assert before.cash == after.cash
    assert -cost * Decimal("1.01") < lot.realized < -cost


def test_adoption_is_announced_with_its_reason_before_it_is_booked(world: World) -> None:
    """Adjustment, intent, order, fill: in this order, under ids that no venue gives."""
    change = quantity(world, "-0.5")

    kinds = [kind for kind, _, _ in change.notes]
    assert ["LedgerAdjusted", "OrderIntended", "OrderObserved", "FillApplied"] == kinds
    assert "sold by hand" == change.notes[0][2]["reason"]
    assert ["adopted-99"] == [fill.trade_id for fill in change.fills]


def test_difference_to_the_account_is_gone_after_the_adoption(world: World) -> None:
    """The account has 2 SOL, the ledger 3: one is taken out, and the asset is no longer reduce-only."""
    lose(world, "SOL", "1")
    fault_run = fault_run_of(ENTRY)
    prepare_world(world, fault_run.beats[3])
    invoke(world, fault_run.beats[3], "cycle", Nemesis(), Watch())
    before = world.ledger()
    assert before is not None
    assert "SOL" in before.reduce_only

    after = quantity(world, "-1").ledger

    assert {} == after.reduce_only


def test_purchase_by_hand_begins_a_lot_with_a_stop_and_a_target(world: World) -> None:
    """The next cycle protects it like any other."""
    change = quantity(world, "0.5", "100", ETH, NEW_LOT)

    lot = next(lot for lot in change.ledger.lots.values() if lot.base == "ETH")
    assert (Decimal("0.5"), Decimal(50), Decimal(90), Decimal(110)) == (
        lot.quantity,
        lot.cost,
        lot.bracket.stop_price,
        lot.bracket.target_price,
    )


def test_purchase_beside_a_lot_takes_what_is_unsaid_from_it(world: World) -> None:
    """Strategy, stop, target and time."""
    before = world.ledger()
    assert before is not None
    beside = next(iter(before.lots.values()))

    after = quantity(world, "0.5", "100").ledger

    lot = next(lot for key, lot in after.lots.items() if key not in before.lots)
    assert (beside.bracket, beside.max_hold_until, beside.strategy) == (lot.bracket, lot.max_hold_until, lot.strategy)


@pytest.mark.parametrize(("terms", "is_timed"), [(replace(NEW_LOT, hold_hours=0), False), (NEW_LOT, True)])
def test_lot_that_begins_may_have_no_time_limit(world: World, terms: AdoptionTerms, is_timed: bool) -> None:
    """And so may what is added beside it."""
    change = quantity(world, "0.5", "100", ETH, terms)
    (lot,) = (lot for lot in change.ledger.lots.values() if lot.base == "ETH")

    more = adopt_quantity(
        books_of(world, change.ledger, 100), Quantities(ETH, Decimal("0.1"), Decimal(100)), AdoptionTerms(), "more"
    )

    assert is_timed is (lot.max_hold_until is not None)
    assert {lot.max_hold_until} == {each.max_hold_until for each in more.ledger.lots.values() if each.base == "ETH"}


@pytest.mark.parametrize(
    ("change", "price", "asset", "terms", "said"),
    [
        ("0", "1", SOL, AdoptionTerms(), "quantity 0"),
        ("-1", "-1", SOL, AdoptionTerms(), "price -1"),
        ("-99", "1", SOL, AdoptionTerms(), "has 2.994 SOL, 99 was asked"),
        ("-1", "1", ETH, AdoptionTerms(), "the lots of ETH are: none"),
        ("-1", "1", SOL, AdoptionTerms(lot="other"), "--lot other; the lots of SOL are"),
        ("1", "1", ETH, AdoptionTerms(), "needs --strategy, --stop, --target, --hold-hours"),
        ("1", "1", ETH, replace(NEW_LOT, strategy="hunch"), "strategy 'hunch'; allowed are"),
        ("1", "1", ETH, replace(NEW_LOT, stop=Decimal(120)), "must be above zero and below target 110"),
        ("1", "1", ETH, replace(NEW_LOT, product="SOL-USD"), "does not trade ETH"),
        ("1", "99999", ETH, NEW_LOT, "99999 USD are needed, the ledger has"),
    ],
)
def test_what_cannot_be_adopted_says_why(
    world: World, change: str, price: str, asset: Asset, terms: AdoptionTerms, said: str
) -> None:
    """The thing, the value and what is allowed."""
    with pytest.raises(MissingData, match=said):
        quantity(world, change, price, asset, terms)


def test_adoption_needs_a_reason(world: World) -> None:
    """Blanks are none."""
    with pytest.raises(MissingData, match="needs a reason"):
        adopt_quantity(books_of(world), Quantities(SOL, Decimal(-1), Decimal(1)), AdoptionTerms(), "  ")


def test_bracket_that_sells_more_than_its_lot_has_is_named(world: World) -> None:
    """It could sell coins of the account's owner."""
    before = world.ledger()
    assert before is not None

    assert [] == find_over_covered(before)
    assert ["sells 2.994, its lot has 2.494"] == [
        line[line.index("sells") : line.index(":")] for line in find_over_covered(quantity(world, "-0.5").ledger)
    ]


# --- orders


def an_order_nobody_knows(world: World, **over: object) -> ClientOrderId:
    """An order at the venue under our prefix, of which no ledger and no record knows."""
    ledger = world.ledger()
    assert ledger is not None
    entry = next(record.intent for record in ledger.orders.values() if record.intent.purpose is OrderPurpose.ENTRY)
    name = ClientOrderId(f"{world.scenario.settings.execution.order_prefix}unknown")
    intent = replace(
        entry, client_order_id=name, lot_id=name, configuration=OrderConfiguration.LIMIT_IOC,
        limit_price=entry.limit_price * 2, attach_bracket=False, expires_at=None,
    )  # fmt: skip
    world.exchange.submit(replace(intent, **over))
    return name


def test_order_in_no_ledger_is_taken_in_with_its_own_fills(world: World) -> None:
    """As the venue shows it: its fills under the venue's own trade ids, its lot as the operator says."""
    name = an_order_nobody_knows(world)
    before = world.ledger()
    assert before is not None

    change = adopt_order(books_of(world), name, the_store(world).chain(), NEW_LOT, "left by another stack")

    record = change.ledger.orders[name]
    assert OrderStatus.FILLED is record.status
    assert {fill.trade_id for fill in world.book().fills} >= {fill.trade_id for fill in change.fills} != set()
    assert record.filled == change.ledger.lots[name].quantity
    assert {"USD": 0} == find_imbalance(change.ledger)


def test_sale_in_no_ledger_belongs_to_the_lot_it_sells(world: World) -> None:
    """A limit order becomes an exit of the only lot there is."""
    world.exchange.cancel(tuple(world.book().active))
    name = an_order_nobody_knows(
        world, side=Side.SELL, configuration=OrderConfiguration.LIMIT_IOC, limit_price=Decimal(1), bracket=None
    )
    before = world.ledger()
    assert before is not None

    change = adopt_order(books_of(world), name, the_store(world).chain(), AdoptionTerms(), "sold by hand")

    assert (OrderPurpose.EXIT, next(iter(before.lots))) == (
        change.ledger.orders[name].intent.purpose,
        change.ledger.orders[name].intent.lot_id,
    )
    assert Decimal(0) == held(change.ledger)


def test_order_that_is_known_or_not_there_is_refused(world: World) -> None:
    """By its client id."""
    ledger = world.ledger()
    assert ledger is not None
    entry = next(key for key, record in ledger.orders.items() if record.intent.purpose is OrderPurpose.ENTRY)

    with pytest.raises(MissingData, match="is in the ledger already, FILLED"):
        adopt_order(books_of(world), entry, the_store(world).chain(), AdoptionTerms(), "why not")
    with pytest.raises(MissingData, match="lists no order of ours with this client id"):
        adopt_order(books_of(world), "t247-nobody", the_store(world).chain(), AdoptionTerms(), "why not")


# --- acknowledging, and writing


def test_reduce_only_that_was_looked_at_is_lifted(world: World) -> None:
    """One that waits for a person; what is still missing at the venue comes back at once."""
    ledger = world.ledger()
    assert ledger is not None
    waiting = replace(ledger, reduce_only={SOL: "fill 1 exceeds its intent", ETH: "fill 2 exceeds its intent"})

    change = acknowledge_mismatch(books_of(world, waiting), ["SOL"], "checked with the venue")

    assert {ETH: "fill 2 exceeds its intent"} == change.ledger.reduce_only
    with pytest.raises(MissingData, match="ADA is not reduce-only; allowed are ETH, SOL"):
        acknowledge_mismatch(books_of(world, waiting), ["ADA"], "checked")


def test_order_that_a_person_says_is_gone_is_given_up(world: World) -> None:
    """The venue has lost the bracket: acknowledged, it covers nothing any more, in books made anew as well."""
    before = world.book()
    world.books.save(replace(before, active={}), replaces=before)
    ledger = world.ledger()
    assert ledger is not None
    (bracket,) = ledger.active_orders
    lost = ledger.with_order(replace(bracket, note=VANISHED, missing_since=Instant(1)))
    lost = replace(lost, reduce_only={SOL: f"{VANISHED}: the bracket"})

    change = acknowledge_mismatch(books_of(world, lost), ["SOL"], "support says that it is gone")

    key = bracket.intent.client_order_id
    assert (OrderStatus.ABANDONED, {}) == (change.ledger.orders[key].status, change.ledger.reduce_only)
    told = Recorded(change.notes[0].kind, world.clock.now(), json.loads(canonical_json(change.notes[0].body)))
    anew = EVENT_HANDLERS[told.kind](ledger, told, world.scenario.settings)
    assert change.ledger.orders[key].status is anew.orders[key].status


def test_order_that_the_venue_shows_after_all_is_not_given_up(world: World) -> None:
    """What is at the venue counts for more than what a person says of it."""
    ledger = world.ledger()
    assert ledger is not None
    (bracket,) = ledger.active_orders
    lost = ledger.with_order(replace(bracket, note=VANISHED, missing_since=Instant(1)))

    change = acknowledge_mismatch(books_of(world, replace(lost, reduce_only={SOL: f"{VANISHED}: it"})), ["SOL"], "gone")

    assert bracket == change.ledger.orders[bracket.intent.client_order_id]


def test_adopted_quantity_survives_the_loss_of_the_ledger(world: World) -> None:
    """It is on record like everything else: a rebuild books it again, once."""
    wanted = Quantities(SOL, Decimal("-0.5"), Decimal(140))
    after = change_under_lease(
        the_store(world),
        "adopt",
        lambda ledger, epoch: adopt_quantity(books_of(world, ledger, epoch), wanted, AdoptionTerms(), "sold by hand"),
    )

    made, _ = rebuild(the_store(wipe(world)), RebuildOptions())

    assert (after.cash, after.lots, after.orders, after.by_strategy, after.audit_head) == (
        made.ledger.cash,
        made.ledger.lots,
        made.ledger.orders,
        made.ledger.by_strategy,
        made.ledger.audit_head,
    )


def test_adoption_waits_for_a_running_cycle(world: World) -> None:
    """And a failed one gives the lease back."""

    def fail(ledger: Ledger, epoch: int) -> Change:
        raise MissingData("no")

    with pytest.raises(MissingData):
        change_under_lease(the_store(world), "adopt", fail)
    assert "" == world.lease_owner()
    world.store.acquire(SCOPE, "cycle", world.clock.now(), 120)
    with pytest.raises(LeaseHeld, match="cycle"):
        change_under_lease(the_store(world), "adopt", fail)
