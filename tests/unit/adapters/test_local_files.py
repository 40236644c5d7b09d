"""What files can suffer that memory cannot: torn lines, other processes, bad names, a folder that is gone."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from desk.in_memory import ManualClock
from factories_venue import START, an_intent
from trader.adapters.local import lease
from trader.adapters.local.atomic_files import append_lines
from trader.adapters.local.clock import SystemClock
from trader.adapters.local.files import FileAuditLog, FileKillSwitch, FileSimAccountStore, FileStateStore
from trader.adapters.local.lease import read_ledger
from trader.errors import AuditError, LeaseHeld, LedgerCorrupt, StoreUnavailable
from trader.model.events import AuditObject
from trader.model.ids import Asset, ClientOrderId, Instant, Scope, TradeId, VenueOrderId
from trader.model.ledger import Ledger, open_ledger
from trader.model.money import Notional, Price, Quantity
from trader.model.orders import Fill, Side
from trader.model.trading_state import TradingState
from trader.sim.account import SimAccount

SCOPE = Scope("PAPER#main")
ORDER = ClientOrderId("t247-1")
LEDGER = open_ledger(SCOPE, Asset("USD"), Notional(1000))


def a_fill(number: int) -> Fill:
    return Fill(
        TradeId(f"trade-{number}"),
        VenueOrderId("order-1"),
        an_intent().product_id,
        Side.BUY,
        Price(100),
        Quantity(1),
        Notional(0),
        START,
    )


def test_ledger_is_decoded_only_where_another_process_wrote_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit and a release look at the lease; the next cycle of this process has the ledger in its hands."""
    store, decoded = FileStateStore(tmp_path), []

    def read(text: str, where: str) -> Ledger | None:
        decoded.append(where)
        return read_ledger(text, where)

    monkeypatch.setattr(lease, "read_ledger", read)
    grant = store.commit(store.acquire(SCOPE, "a", START, 60), LEDGER)
    store.release(store.commit(grant, LEDGER))

    assert LEDGER == store.acquire(SCOPE, "a", START, 60).ledger
    assert [] == decoded

    assert LEDGER == FileStateStore(tmp_path).ledger(SCOPE)
    assert [str(store.folder(SCOPE) / "ledger.json")] == decoded


@pytest.mark.parametrize("owner", ['a "quoted" name', "back\\slash", "ümlaut", "new\nline"])
def test_owner_may_have_any_name(owner: str, tmp_path: Path) -> None:
    """The item is put together as text, so its one free text is written as JSON."""
    store = FileStateStore(tmp_path)
    store.commit(store.acquire(SCOPE, owner, START, 60), LEDGER)

    with pytest.raises(LeaseHeld) as held:
        store.acquire(SCOPE, "b", START, 60)

    assert owner == held.value.owner
    assert LEDGER == store.ledger(SCOPE)


def test_link_that_leads_nowhere_is_no_empty_ledger(tmp_path: Path) -> None:
    """It cannot be read, which is another matter than that there is none: books are not opened over it."""
    store = FileStateStore(tmp_path)
    store.folder(SCOPE).mkdir(parents=True)
    (store.folder(SCOPE) / "ledger.json").symlink_to("ledger.json")

    with pytest.raises(StoreUnavailable):
        store.acquire(SCOPE, "a", START, 60)


def test_item_that_a_person_wrote_is_read(tmp_path: Path) -> None:
    """With other spaces, another order and nobody's lease."""
    store = FileStateStore(tmp_path)
    store.commit(store.acquire(SCOPE, "a", START, 60), LEDGER, release=True)
    path = store.folder(SCOPE) / "ledger.json"
    path.write_text(json.dumps(dict(reversed(json.loads(path.read_text()).items())), indent=2))

    grant = store.acquire(SCOPE, "b", START, 60)

    assert (LEDGER, 2, 1) == (grant.ledger, grant.epoch, grant.version)


def test_line_torn_by_a_crash_is_cut_off_and_written_again(tmp_path: Path) -> None:
    """The half line was never committed; the next commit must not be glued to it."""
    store = FileStateStore(tmp_path)
    grant = store.commit(store.acquire(SCOPE, "a", START, 60), LEDGER, fills=[a_fill(1)])
    path = store.folder(SCOPE) / "fills.jsonl"
    path.write_bytes(path.read_bytes() + b'{"trade_id":"tra')

    store.commit(grant, LEDGER, fills=[a_fill(2)])

    assert (a_fill(1), a_fill(2)) == store.fills(SCOPE)
    assert 2 == len(path.read_text().splitlines())


def test_line_that_was_whole_and_is_damaged_stops_the_store(tmp_path: Path) -> None:
    """A damaged history is not silently shortened."""
    store = FileStateStore(tmp_path)
    grant = store.commit(store.acquire(SCOPE, "a", START, 60), LEDGER, fills=[a_fill(1)])
    (store.folder(SCOPE) / "fills.jsonl").write_text("{}\n")

    with pytest.raises(LedgerCorrupt):
        store.commit(grant, LEDGER, fills=[a_fill(2)])


@pytest.mark.parametrize(
    ("name", "line", "read"),
    [
        ("fills.jsonl", '{"venue_order_id":"order-1","trade_id":"trade-1"}', lambda store: store.fills(SCOPE)),
        ("fills.jsonl", "{}", lambda store: store.fills(SCOPE)),
        ("orders.jsonl", '{"intent":{"client_order_id":"t247-1"}}', lambda store: store.finished(SCOPE)),
        ("orders.jsonl", '{"intent":{"client_order_id":"t247-1"}}', lambda store: store.read_finished(SCOPE, [ORDER])),
        ("orders.jsonl", "nonsense", lambda store: store.read_finished(SCOPE, [ORDER])),
        ("owed/key", "\udcff", lambda store: store.read_owed(SCOPE, ["key"])),
        ("owed/another", "", lambda store: store.read_owed(SCOPE, ["key"])),
        ("ledger.json", "\udcff", lambda store: store.ledger(SCOPE)),
    ],
)
def test_what_cannot_be_read_is_named_by_its_file(
    tmp_path: Path, name: str, line: str, read: Callable[[FileStateStore], object]
) -> None:
    """Whoever has to look at it should not look into another one."""
    store = FileStateStore(tmp_path)
    path = store.folder(SCOPE) / name
    path.parent.mkdir(parents=True)
    path.write_bytes(f"{line}\n".encode(errors="surrogateescape"))

    with pytest.raises(LedgerCorrupt, match=re.escape(str(store.folder(SCOPE) / name.partition("/")[0]))):
        read(store)


def test_line_with_bytes_that_are_no_text_is_damage_and_half_a_letter_at_the_end_is_not(tmp_path: Path) -> None:
    """Nothing is put in the place of what cannot be read; a crash may cut between two bytes."""
    store = FileStateStore(tmp_path)
    store.commit(store.acquire(SCOPE, "a", START, 60), LEDGER, fills=[a_fill(1)])
    path = store.folder(SCOPE) / "fills.jsonl"
    whole = path.read_bytes()

    path.write_bytes(whole + '{"trade_id":"é'.encode()[:-1])
    cut = store.fills(SCOPE)
    path.write_bytes(whole.replace(b"trade-1", b"trade-\xff"))

    assert (a_fill(1),) == cut
    with pytest.raises(LedgerCorrupt, match=r"fills\.jsonl"):
        store.fills(SCOPE)


def test_nothing_but_the_named_files_is_left_behind(tmp_path: Path) -> None:
    """Temporary files are gone after each write."""
    store = FileStateStore(tmp_path)
    grant = store.commit(store.acquire(SCOPE, "a", START, 60), LEDGER, fills=[a_fill(1)])
    store.release(grant)

    assert {".lock", "ledger.json", "fills.jsonl"} == {path.name for path in store.folder(SCOPE).iterdir()}


def test_scope_cannot_lead_out_of_the_home_folder(tmp_path: Path) -> None:
    """A scope is a name, not a path."""
    store = FileStateStore(tmp_path / "home")

    store.acquire(Scope("../../elsewhere"), "a", START, 60)

    assert ["home"] == [path.name for path in tmp_path.iterdir()]


def test_of_many_rivals_one_gets_the_lease(tmp_path: Path) -> None:
    """The file lock makes reading and writing one step, for threads as for processes."""

    def try_to_acquire(owner: int) -> bool:
        try:
            FileStateStore(tmp_path).acquire(SCOPE, f"rival-{owner}", START, 60)
        except LeaseHeld:
            return False
        return True

    with ThreadPoolExecutor(8) as rivals:
        wins = list(rivals.map(try_to_acquire, range(32)))

    assert 1 == sum(wins)


def test_home_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    """A file where a folder should be; the error is one of ours."""
    (tmp_path / "home").write_text("in the way")

    with pytest.raises(StoreUnavailable):
        FileStateStore(tmp_path / "home").acquire(SCOPE, "a", START, 60)
    with pytest.raises(StoreUnavailable):
        FileSimAccountStore(tmp_path / "home" / "book.json", SimAccount).save(SimAccount())
    with pytest.raises(StoreUnavailable):
        FileKillSwitch(tmp_path / "home" / "kill-switch").write(TradingState.RUN)
    with pytest.raises(AuditError):
        FileAuditLog(tmp_path / "home").write(AuditObject("scope=x/1.jsonl", "", ()))


@pytest.mark.parametrize("key", ["../outside.jsonl", "/outside.jsonl", "a/../../outside.jsonl"])
def test_audit_key_cannot_lead_out_of_the_log(tmp_path: Path, key: str) -> None:
    """It is refused before anything is written."""
    with pytest.raises(AuditError):
        FileAuditLog(tmp_path / "audit").write(AuditObject(key, "", ()))

    assert [] == list(tmp_path.iterdir())


def test_audit_file_holds_the_text_of_its_object(tmp_path: Path) -> None:
    """Anyone can check a digest with sha256sum."""
    written = AuditObject("scope=x/dt=2026-11-22/1.jsonl", "before", ())

    FileAuditLog(tmp_path).write(written)

    assert written.text() == (tmp_path / written.key).read_text(encoding="utf-8")


def test_switch_file_may_end_in_a_newline(tmp_path: Path) -> None:
    """An operator's echo adds one."""
    path = tmp_path / "kill-switch"
    path.write_text("REDUCE_ONLY\n", encoding="utf-8")

    assert TradingState.REDUCE_ONLY is FileKillSwitch(path).read()


@pytest.mark.parametrize("damage", ["", "{", '{"active":1}', "[]"])
def test_damaged_book_is_reported_and_left_as_it_is(tmp_path: Path, damage: str) -> None:
    """A paper account is not reset because its file cannot be read."""
    path = tmp_path / "book.json"
    path.write_text(damage, encoding="utf-8")

    with pytest.raises(LedgerCorrupt):
        FileSimAccountStore(path, SimAccount).load()

    assert damage == path.read_text(encoding="utf-8")


def test_clocks_tell_whole_seconds() -> None:
    """The machine's clock is floored; the manual one moves by what it is told."""
    manual = ManualClock(START)

    assert isinstance(SystemClock().now(), int)
    assert Instant(START + 5) == manual.advance(5) == manual.now()


def test_whoever_only_looks_makes_no_folder(tmp_path: Path) -> None:
    """Not even where one was a moment ago: an empty one would be taken for one that has its kill switch already."""
    store = FileStateStore(tmp_path / "gone")
    seen = store.look(SCOPE), store.ledger(SCOPE), store.read_finished(SCOPE, [ClientOrderId("t-1")])

    assert (None, None, ()) == (seen[0].ledger, *seen[1:])
    assert not (tmp_path / "gone").exists()


def test_file_of_lines_has_its_name_on_the_disk_before_any_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And once is enough: to add to it, the folder needs no other look."""
    real, synced, path = os.fsync, [], tmp_path / "fills.jsonl"

    def sync(handle: int) -> None:
        is_folder = os.fstat(handle).st_ino == tmp_path.stat().st_ino
        synced.append(("folder" if is_folder else "file", path.stat().st_size))
        real(handle)

    monkeypatch.setattr(os, "fsync", sync)

    append_lines(path, ["one"])
    append_lines(path, ["two"])

    assert [("folder", 0), ("file", 4), ("file", 8)] == synced
    assert "one\ntwo\n" == path.read_text(encoding="utf-8")


def test_torn_first_line_does_not_count_as_a_name_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a death left there may have been written before the folder was synced: it is, once more."""
    real, synced, path = os.fsync, [], tmp_path / "fills.jsonl"
    path.write_text("half", encoding="utf-8")
    monkeypatch.setattr(os, "fsync", lambda handle: (synced.append(os.fstat(handle).st_ino), real(handle)))

    append_lines(path, ["one"])

    assert [tmp_path.stat().st_ino, path.stat().st_ino] == synced
    assert "one\n" == path.read_text(encoding="utf-8")
