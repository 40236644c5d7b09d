"""What schema 1 stored is read, means what it meant, and goes on: an account of before is not lost by an update.

The files in tests/fixtures/schema_1 were written by the last code of that schema; their README says how.
"""

import json
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from desk.in_memory import ManualClock
from desk.location import StoreLocation
from desk.markets import MarketSetup, set_up_synthetic
from desk.recovery.chain import FolderAuditReader, read_chain
from desk.recovery.diff import find_differences
from desk.recovery.event_handlers import EVENT_HANDLERS
from desk.recovery.locate import locate
from desk.recovery.store import RebuildOptions, rebuild
from desk.run import check_cash
from factories_settings import shipped_settings
from factories_venue import a_path, a_simulated_venue
from trader.adapters.config.validation import GONE, RENAMED
from trader.adapters.local.files import FileSimAccountStore, FileStateStore
from trader.adapters.local.lease import LeaseItem, read_lease_item, read_ledger
from trader.cycle import CycleOutcome, run_cycle
from trader.entry.wiring import VenueAccess, build_local_ports, build_pipeline
from trader.errors import LedgerCorrupt
from trader.model.capital import find_imbalance
from trader.model.codec import canonical_json
from trader.model.conversions import ConversionStatus
from trader.model.cycle_state import CyclePhase
from trader.model.decisions import TradeProposal
from trader.model.events import EventKind
from trader.model.ids import Asset, Instant, ProductId, Scope, cycle_id_at
from trader.model.inputs import Tick
from trader.model.ledger import Ledger
from trader.model.order_life import OrderStatus
from trader.model.orders import OrderConfiguration, OrderPurpose
from trader.model.schema import SCHEMA, upgrade_event, upgrade_stored
from trader.ports import Identity
from trader.settings import Settings
from trader.sim.account import SimAccount
from trader.sim.archive import load_whole
from trader.stages.allocation import Allocated, CapitalAllocator

FIXTURES = Path(__file__).parents[1] / "fixtures/schema_1"
PAPER = Scope("PAPER#main")
#: How an order of schema 1 says that it was withheld.
WITHHELD = (
    "no time left in this invocation",
    "the kill switch forbids it",
    "order ",
    "conversion ",
    "the lot became smaller than the order",
    "another order sells of its lot",
)

#: Kinds of order that schema 1 never sent.
_NEW_CONFIGURATIONS = {
    OrderConfiguration.LIMIT_GTC,
    OrderConfiguration.POST_ONLY_GTC,
    OrderConfiguration.STOP_LIMIT_GTC,
}


@cache
def told() -> Mapping[str, Any]:
    return json.loads((FIXTURES / "settings.json").read_text(encoding="utf-8"))


def the_settings() -> Settings:
    # What a strategy said of its own edge is no setting any more, and decides nothing here.
    told_then = {key: value for key, value in told()["settings"].items() if not key.endswith(".edge_multiple")}
    return shipped_settings({RENAMED.get(key, key): value for key, value in told_then.items() if key not in GONE})


def an_item(name: str) -> LeaseItem:
    return read_lease_item((FIXTURES / name).read_text(encoding="utf-8"), name)


def the_ledger(name: str) -> Ledger:
    ledger = read_ledger(an_item(name).ledger, name)
    assert ledger is not None
    return ledger


def requoted(setup: MarketSetup) -> MarketSetup:
    """Quote some products in another asset, as in the run that the fixtures are of."""
    names = told()["requoted"]
    products = tuple(
        replace(each, product_id=ProductId(other), quote=Asset(other.partition("-")[2]))
        if (other := names.get(each.product_id))
        else each
        for each in setup.products
    )
    series = {(ProductId(names.get(name, name)), length): rows for (name, length), rows in setup.series.items()}
    return replace(setup, products=products, series=series)


class NettingAllocator(CapitalAllocator):
    """The rule of then: a sale and another strategy's purchase of the same asset stopped each other.

    It is the one rule of the old code that the ticks of the fixtures meet and that has changed since. With it all the
    rest can still be compared to the byte.
    """

    __slots__ = ()

    def allocate(self, exits: Sequence[TradeProposal], proposals: Sequence[TradeProposal]) -> Allocated:
        leaving = {each.base for each in exits}
        wanted = {each.base for each in proposals if not each.reduces} - leaving
        sold = {each.lot_id for each in exits}
        offered = {each.base for each in proposals if each.reduces and each.lot_id not in sold}
        left = [each for each in proposals if each.base not in (wanted if each.reduces else offered)]
        return CapitalAllocator.allocate(self, exits, left)


def go_on(home: Path) -> Counter[str]:
    """Run the ticks that the old code ran on a copy of the same folder."""
    settings = the_settings()
    setup = requoted(set_up_synthetic(settings, Instant(told()["end instant"]), told()["hours"], told()["seed"]))
    clock = ManualClock(Instant(0))
    market = setup.market(clock)
    ports = build_local_ports(settings, home, VenueAccess(market, market), clock)
    ports = replace(ports, identity=Identity(PAPER, told()["owner"], told()["code version"]))
    pipeline = build_pipeline(settings)
    pipeline = replace(pipeline, allocator=NettingAllocator(settings.allocation, settings.strategies))
    seen: Counter[str] = Counter()
    for number in range(told()["ticks"]):
        at = Instant(told()["first tick"] + number * told()["period"])
        clock.set(at)
        report = run_cycle(Tick(cycle_id_at(at), at, Instant(at + 10**9)), pipeline, ports)
        seen[report.outcome] += 1
        seen["fills"] += len(report.new_fills)
    return seen


@pytest.fixture(scope="module")
def continued(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Counter[str]]:
    """A home of schema 1, and what a hundred ticks of this code made of it."""
    home = a_copy("paper", tmp_path_factory)
    return home, go_on(home)


@pytest.fixture(scope="module")
def by_old_code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the old code made of the same home in the same ticks."""
    return a_copy("continued", tmp_path_factory)


def a_copy(name: str, folders: pytest.TempPathFactory) -> Path:
    home = folders.mktemp("schema") / name
    shutil.copytree(FIXTURES / name, home)
    return home


# --- reading


@pytest.mark.parametrize(
    "name", ["taken.json", "opened.json", "every_state.json", "paper/scope=PAPER#main/ledger.json"]
)
def test_every_item_of_schema_1_is_read_and_written_as_schema_2(name: str) -> None:
    """Read, written and read again it is the same, and nothing of it has an old name."""
    text = an_item(name).ledger
    ledger = read_ledger(text, name)

    assert ledger == read_ledger(canonical_json(ledger), name)
    assert ledger is None or ledger.schema == SCHEMA


def test_schema_after_the_next_is_left_alone() -> None:
    """An unknown schema is a ledger that a person must look at."""
    plain = json.loads((FIXTURES / "opened.json").read_text(encoding="utf-8"))
    plain["ledger"] = {**upgrade_stored(plain["ledger"]), "schema": SCHEMA + 2}

    with pytest.raises(LedgerCorrupt, match=f"schema {SCHEMA + 2}"):
        read_ledger(json.dumps(plain["ledger"]), "item")


@pytest.mark.parametrize("schema", [0, SCHEMA + 2, "2", None])
def test_simulated_account_of_another_schema_is_refused(schema: object, tmp_path: Path) -> None:
    """The same field names could mean something else there."""
    plain = json.loads((FIXTURES / "sim_account.json").read_text(encoding="utf-8"))
    (tmp_path / "account.json").write_text(json.dumps({**plain, "schema": schema}), encoding="utf-8")

    with pytest.raises(LedgerCorrupt, match=f"schema {schema!r}, this code reads 1 to {SCHEMA + 1}"):
        FileSimAccountStore(tmp_path / "account.json", SimAccount).load()


@pytest.mark.parametrize(
    "name", ["numbers", "measures", "against", "leg", "rest_until", "convert_id", "closed", "streak"]
)
def test_strategy_may_be_called_like_a_field_of_schema_1(name: str) -> None:
    """A strategy is named by whoever adds its file, and mappings by strategy are no fields."""
    text = (FIXTURES / "paper/scope=PAPER#main/ledger.json").read_text(encoding="utf-8")
    ledger = read_ledger(read_lease_item(text.replace('"rules_engine"', f'"{name}"'), "item").ledger, "item")
    assert ledger is not None

    assert name in ledger.by_strategy
    assert name in ledger.strategy_runs
    assert {lot.strategy for lot in ledger.lots.values()} <= ledger.by_strategy.keys()


def test_first_ledgers_of_schema_1_are_read_too() -> None:
    """They had no deposits that await their mark yet, and no schema was ever read by its newest field alone."""
    plain = json.loads(an_item("opened.json").ledger)
    whole = read_ledger(json.dumps(plain), "item")
    del plain["unmarked_flow"]

    assert whole == read_ledger(json.dumps(plain), "item")


def test_every_kind_and_state_of_an_order_is_read() -> None:
    """Nothing that an order or a conversion could be is lost; what is newer is nowhere in it."""
    ledger = the_ledger("every_state.json")
    intents = [record.intent for record in ledger.orders.values()]

    assert set(OrderStatus) - {OrderStatus.CONTINGENT} == {record.status for record in ledger.orders.values()}
    assert set(OrderPurpose) == {intent.purpose for intent in intents}
    assert set(OrderConfiguration) - _NEW_CONFIGURATIONS == {intent.configuration for intent in intents}
    assert set(ConversionStatus) == {record.status for record in ledger.conversions.values()}
    assert {True, False} == {intent.attach_bracket for intent in intents}
    assert any(intent.depends_on for intent in intents)
    assert {0} == set(find_imbalance(ledger).values())
    assert CyclePhase.COMMITTED is (ledger.last_cycle.phase if ledger.last_cycle else None)


def test_lapsed_order_was_withheld_only_if_it_says_so() -> None:
    """Without its own word for it, an order of schema 1 was given up after a doubt and may still come alive."""
    plain = json.loads((FIXTURES / "every_state.json").read_text(encoding="utf-8"))["ledger"]["orders"]
    orders = the_ledger("every_state.json").orders
    lapsed = {key: str(each["note"]) for key, each in plain.items() if each["status"] == "LAPSED"}
    withheld = {key for key, note in lapsed.items() if note.startswith(WITHHELD)}

    assert len(WITHHELD) <= len(withheld) < len(lapsed)
    assert withheld == {key for key, each in orders.items() if each.status is OrderStatus.WITHHELD}
    assert lapsed.keys() - withheld == {key for key, each in orders.items() if each.status is OrderStatus.ABANDONED}


def test_simulated_account_of_schema_1_is_read() -> None:
    """Orders of every configuration, their fills, conversions in every state, and no hold is lost."""
    account = FileSimAccountStore(FIXTURES / "sim_account.json", SimAccount).load()
    assert account is not None
    orders = [*account.active.values(), *account.finished.values()]

    assert set(OrderConfiguration) - _NEW_CONFIGURATIONS == {order.configuration for order in orders}
    assert account.active
    assert account.fills
    assert account.conversions
    assert any(order.final_at is not None for order in account.finished.values())


def test_simulated_account_of_schema_1_shrinks_to_what_is_open(tmp_path: Path) -> None:
    """At the first look some hours later; what it had of the past is in its archive, all of it."""
    path = tmp_path / "venue.json"
    shutil.copy(FIXTURES / "sim_account.json", path)
    store = FileSimAccountStore(path, SimAccount)
    before, size = store.load(), path.stat().st_size
    assert before is not None
    venue = a_simulated_venue(a_path(), accounts=store)
    venue.clock.advance(86_400)

    venue.exchange.balances()

    account, whole = store.load(), load_whole(FileSimAccountStore(path, SimAccount))
    assert account is not None
    assert whole is not None
    assert ((), set()) == (account.fills, account.finished.keys() & before.finished.keys())
    assert all(each.is_open for each in account.conversions.values())
    assert path.stat().st_size < size / 2
    assert (before.totals, before.conversions) == (whole.totals, whole.conversions)
    assert before.finished.items() <= whole.finished.items()
    assert set(before.fills) == set(whole.fills)


def test_ledger_is_rebuilt_from_an_audit_of_schema_1(tmp_path_factory: pytest.TempPathFactory) -> None:
    """All of it, but what the audit does not say: see the README of the fixtures."""
    home = a_copy("paper", tmp_path_factory)
    made, _ = rebuild(locate(the_settings(), StoreLocation(home=home), writes=False), RebuildOptions())
    lines = find_differences(the_ledger("paper/scope=PAPER#main/ledger.json"), made.ledger)

    # Three orders that nobody answered: how long a doubt lasts is told by today's rule, and by when its sender stopped.
    # What never left and what was refused leaves the ledger now, and gives its place in the pace back; one entry left
    # while its lot was open, which carried its fills. Schema 1 had neither accepted marks nor tallies nor round
    # trips, nor the capital a second time; the audit has the quotes, orders, fills and flows that they are made of.
    expected = {"conversions": 1, "reduce_only": 1, "orders": 3 + 8 + 1, "closed_lots": 1, "entry_pacing": 1}
    expected |= {"accepted_marks": len(priced(made.ledger)), "tallies": len(made.ledger.tallies)}
    expected |= {"round_trips": 1, "recorded_capital": 1}
    assert expected == Counter(line.what.partition(" ")[0] for line in lines)
    orders = [line for line in lines if line.what.startswith("orders")]
    doubts = [line.was for line in orders if line.becomes]
    assert all(was.endswith(("ABANDONED, filled 0", "IN_DOUBT, filled 0")) for was in doubts)
    gone = [line.was for line in orders if not line.becomes]
    carried = [was for was in gone if not was.endswith(("WITHHELD, filled 0", "REJECTED, filled 0"))]
    assert ["ENTRY BUY 33.73346847 XRP at 1.4228: FILLED, filled 33.73346847"] == carried


def test_audit_chain_of_schema_1_is_read_in_the_words_of_schema_2() -> None:
    """The chain holds, and what recovery takes out of its events is there under its new name."""
    chain = read_chain(FolderAuditReader(FIXTURES / "paper/audit").texts(PAPER))
    kinds = {event.kind for each in chain.objects for event in each.events}

    assert () == chain.problems
    assert kinds <= set(EventKind)
    assert {EventKind.INPUTS_GATHERED, EventKind.CONVERSION_OBSERVED} <= kinds


#: Kinds that schema 1 never wrote.
_NEW_KINDS = {
    EventKind.BARS_OMITTED,
    EventKind.BARS_READ,
    EventKind.CHECKPOINT_WRITTEN,
    EventKind.COMMAND_APPLIED,
    EventKind.COMMANDS_FORGOTTEN,
    EventKind.DRAWDOWN_CLEARED,
    EventKind.EVIDENCE_OVERRIDDEN,
    EventKind.LOT_EXPOSED,
    EventKind.PARENT_ENDED,
    EventKind.PARENT_PLANNED,
    EventKind.ORDER_RECALLED,
    EventKind.ORDER_ROUNDED,
    EventKind.PRODUCTS_UNLISTED,
    EventKind.SENDING_BEGUN,
    EventKind.STOP_CHANGED,
    EventKind.STRATEGY_FAILED,
    EventKind.TURN_MISSED,
}


def test_every_kind_of_event_of_schema_1_has_a_name_of_today() -> None:
    """Every kind that was ever written, and no body with a key that only old code knows."""
    groups = json.loads((FIXTURES / "audit_events.json").read_text(encoding="utf-8"))
    events = [json.loads(line) for lines in groups.values() for line in lines]
    upgraded = [upgrade_event(event["event"], event["body"]) for event in events]

    assert set(EventKind) - _NEW_KINDS == {kind for kind, _ in upgraded}
    assert set(EVENT_HANDLERS) - _NEW_KINDS <= {kind for kind, _ in upgraded}
    old = {"leg", "filled_claimed", "over_at", "convert_id", "rest_until", "against", "numbers", "measures"}
    assert old.isdisjoint(_keys([body for _, body in upgraded]))


def _keys(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*map(_keys, value.values()))
    return set().union(*map(_keys, value)) if isinstance(value, list) else set()


# --- going on


def test_what_the_old_code_had_begun_ends_as_it_would_have_ended_it(
    continued: tuple[Path, Counter[str]], by_old_code: Path
) -> None:
    """The orders, brackets and lots of before; what is bought from now on is bought by parents, in other sizes."""
    home, seen = continued
    begun = the_ledger("paper/scope=PAPER#main/ledger.json")
    ours, theirs = (
        {
            each.intent.client_order_id: (each.status, each.filled, each.spent)
            for each in FileStateStore(at).finished(PAPER)
        }
        for at in (home, by_old_code)
    )

    assert begun.lots
    assert 100 == seen[CycleOutcome.COMPLETED]
    assert begun.orders.keys() <= ours.keys() & theirs.keys()
    assert {key: ours[key] for key in begun.orders} == {key: theirs[key] for key in begun.orders}
    assert ours.keys() - theirs.keys()


def priced(ledger: Ledger) -> set[Asset]:
    """What has a price in a ledger: what is held, and cash that is not the asset it is kept in."""
    cash = {asset for asset, amount in ledger.cash.items() if amount and asset != ledger.accounting_asset}
    return {*ledger.held_bases(), *cash}


def test_cash_is_proven_over_both_schemas(continued: tuple[Path, Counter[str]]) -> None:
    """Opening cash and the fills of both codes give the cash, to the last unit."""
    home, _ = continued
    ledger = FileStateStore(home).ledger(PAPER)
    assert ledger is not None

    assert 0 == check_cash(ledger.capital, FileStateStore(home).fills(PAPER), ledger).difference
