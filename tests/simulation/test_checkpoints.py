"""Records end by their age and lots live on: once a month the books are written down, and a rebuild begins there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import pytest

from desk.drill.growth_world import SCOPE
from desk.recovery.chain import read_chain
from desk.recovery.checkpoints import Beginning, Found, assess_checkpoints, choose_beginning
from desk.recovery.diff import find_differences
from desk.recovery.rebuild import Rebuilt
from desk.recovery.store import RebuildOptions, rebuild, write_rebuilt
from simulation.checkpoint_world import (
    DAY_PERIODS,
    DAY_SECONDS,
    PLAYED,
    SET_UP,
    TRIP,
    CheckpointWorld,
    Death,
    KilledError,
    find_lot,
)
from trader.cycle import CycleOutcome
from trader.errors import AuditError
from trader.model.checkpoints import read_checkpoint
from trader.model.codec import encode
from trader.model.commands import Command, CommandKind
from trader.model.ids import Instant
from trader.model.ledger import Ledger
from trader.model.money import Notional

#: What a rebuild leaves to the next run.
CACHES = {"products", "fees", "fills_known_until", "last_run", "alarms", "bars_on_record", "cash_shortage"}
ALWAYS = "products, fees: caches; the next cycle reads them anew"
#: The day that is the first of December, the first of a month that the world sees begin.
DECEMBER = 9


@pytest.fixture(scope="module")
def aged() -> CheckpointWorld:
    """A lot of 400 days, with records of the last 90. Nobody changes it."""
    world = CheckpointWorld(401, 90)
    world.set_up()
    return world.play_days(0, 401)


def unlike(one: Ledger, other: Ledger) -> list[str]:
    """The fields in which two ledgers differ beyond the caches."""
    names = [each.name for each in fields(one) if each.name not in CACHES]
    return [name for name in names if getattr(one, name) != getattr(other, name)]


def rebuilt(world: CheckpointWorld, *, broken_ok: bool = False, **texts: Mapping[str, str]) -> Rebuilt:
    """The ledger made anew from records and checkpoints alone, with an empty table."""
    return rebuild(world.recovery(**texts), RebuildOptions(broken_ok=broken_ok))[0]


def names_in(world: CheckpointWorld) -> list[str]:
    """The checkpoints that a record of the last 90 days names, oldest first."""
    found, _ = assess_checkpoints(world.checkpoints(), read_chain(world.records()))
    return [each.key for each in found if each.named_by]


def begun(key: str) -> str:
    """What is told of where the books begin."""
    return f"before {key.rsplit('/', maxsplit=1)[-1][:7]}: not told again; the books begin with the checkpoint {key}"


def damage(texts: Mapping[str, str], key: str) -> dict[str, str]:
    """The same with one digit changed in one of them."""
    return {**texts, key: texts[key].replace('"capital":"1', '"capital":"2', 1)}


# --- what it is for


def test_lot_of_400_days_is_rebuilt_from_records_of_90_days(aged: CheckpointWorld) -> None:
    """Every field of the ledger, and nothing unexplained at the venue; the table is gone, and what lay beside it."""
    lot, now = find_lot(aged), aged.clock.now()
    chain = read_chain(aged.records())
    assert chain.began_at is not None
    assert lot.max_hold_until is None
    assert 400 * DAY_SECONDS <= now - lot.opened_at
    assert 89 * DAY_SECONDS < now - chain.began_at < 92 * DAY_SECONDS

    made = rebuilt(aged)

    assert ([], ()) == (unlike(aged.ledger(), made.ledger), find_differences(aged.ledger(), made.ledger))
    assert (begun(names_in(aged)[0]), ALWAYS) == made.unknown
    assert ((), ()) == (made.foreign.orders, made.foreign.fills)


def test_one_is_written_a_month_and_kept_while_records_end(aged: CheckpointWorld) -> None:
    """Of the first month the record had the beginning. None is larger than the ledger, and all can be read."""
    months = [key.split("/")[-1][:7] for key in aged.checkpoints()]

    assert ["2026-12", *(f"2027-{month:02d}" for month in range(1, 13))] == months
    assert len(months) == len(aged.audit.tries)
    for key, text in aged.checkpoints().items():
        checkpoint = read_checkpoint(text, key)
        assert find_lot(aged).lot_id in checkpoint.ledger.lots
        assert (None, None) == (checkpoint.ledger.products, checkpoint.ledger.fees)
    assert max(map(len, aged.checkpoints().values())) < len(aged.store.texts[SCOPE])


def test_system_goes_on_with_the_books_that_a_checkpoint_began() -> None:
    """The rebuild is on record with the checkpoint that it began with, and the next day is as any."""
    world = CheckpointWorld(130, 90)
    world.set_up()
    world.play_days(0, 125)
    lost, first = world.ledger(), names_in(world)[0]
    stores = world.recovery()

    made, _ = write_rebuilt(stores, RebuildOptions())
    world.store = stores.store  # type: ignore[assignment]
    world.play_days(125, 128)

    assert [] == unlike(lost, made.ledger)
    (record,) = (text for text in world.records().values() if '"LedgerRebuilt"' in text)
    assert json.loads(record.splitlines()[1])["body"]["checkpoint"] == first
    assert {CycleOutcome.COMPLETED} == set(world.outcomes)
    assert find_lot(world).quantity == made.ledger.lots[find_lot(world).lot_id].quantity
    assert [] == unlike(world.ledger(), rebuilt(world).ledger)


def test_record_that_is_whole_is_told_from_its_beginning() -> None:
    """Every checkpoint on the way is compared with the books as they are told by then, and they are the same."""
    world = CheckpointWorld(100, 3650)
    world.set_up()
    world.play_days(0, 100)

    made, beginning = rebuild(world.recovery(), RebuildOptions())

    assert (None, 4) == (beginning.start, len(beginning.witnesses))
    assert (ALWAYS,) == made.unknown
    assert [] == unlike(world.ledger(), made.ledger)


def test_books_that_are_not_those_of_a_checkpoint_are_told() -> None:
    """A witness says what it has, and what the records before it came to."""
    world = CheckpointWorld(20, 3650)
    world.set_up()
    world.play_days(0, 12)
    (key,) = world.checkpoints()
    found = Found(key, read_checkpoint(world.checkpoints()[key], key), "a record")
    other = replace(found.open_books(), capital=Notional(found.checkpoint.ledger.capital + 1))
    beginning = Beginning(read_chain({}), None, {found.head: found})

    told = list(beginning.compare(other))

    assert [] == list(beginning.compare(found.open_books()))
    assert [f"{key}: capital is 10000, and 10001 by the records before it"] == told


# --- what is missing, or not as it was


def test_without_a_checkpoint_old_records_are_missed_in_one_line(aged: CheckpointWorld) -> None:
    """It is the refusal of before, and says what would have helped."""
    with pytest.raises(AuditError) as refused:
        rebuilt(aged, checkpoints={})

    assert str(refused.value).startswith("the audit chain is broken: scope=PAPER#growth/")
    assert "there is no checkpoint from which it is sound: " in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("is_gone", [True, False], ids=["gone", "damaged"])
def test_newest_of_two_is_damaged_and_the_older_one_is_used(aged: CheckpointWorld, *, is_gone: bool) -> None:
    """Records between them are there: nothing is lost, and the damage is told."""
    *_, newest = names_in(aged)
    texts = dict(aged.checkpoints())
    texts = {key: text for key, text in texts.items() if key != newest} if is_gone else damage(texts, newest)

    made = rebuilt(aged, checkpoints=texts)

    assert [] == unlike(aged.ledger(), made.ledger)
    told, start, _ = made.unknown
    assert told.startswith(f"{newest}: gone; scope=" if is_gone else f"{newest}: not as it was: scope=")
    assert begun(names_in(aged)[0]) == start


def test_oldest_is_damaged_and_the_next_one_is_used(aged: CheckpointWorld) -> None:
    """Fewer records are told again, and the books are the same."""
    oldest, following, *_ = names_in(aged)

    made = rebuilt(aged, checkpoints=damage(aged.checkpoints(), oldest))

    assert [] == unlike(aged.ledger(), made.ledger)
    assert made.unknown[0].startswith(f"{oldest}: not as it was")
    assert begun(following) == made.unknown[1]


def test_only_the_older_one_is_sound_and_records_after_it_are_missing(aged: CheckpointWorld) -> None:
    """A refusal; told to go on, it begins there and names the break, and the peak does not fall."""
    *_, before, newest = names_in(aged)
    texts = damage(aged.checkpoints(), newest)
    records = dict(aged.records())
    named_by = next(key for key, text in records.items() if newest in text)
    missing = sorted(records)[sorted(records).index(named_by) - 3]
    assert next(key for key, text in records.items() if before in text) < missing
    del records[missing]

    with pytest.raises(AuditError, match="there is no checkpoint from which it is sound"):
        rebuilt(aged, records=records, checkpoints=texts)

    made = rebuilt(aged, records=records, checkpoints=texts, broken_ok=True)
    assert begun(before) in made.unknown
    assert any(" follows " in each for each in made.unknown)
    assert aged.ledger().lots == made.ledger.lots


def test_gap_before_a_checkpoint_is_told_and_needs_nothing(aged: CheckpointWorld) -> None:
    """Old records do not all end at the same instant: the first month after which nothing is missing is begun with."""
    first, second, *_ = names_in(aged)
    records = dict(aged.records())
    named_by = next(key for key, text in records.items() if first in text)
    missing = sorted(records)[sorted(records).index(named_by) + 3]
    del records[missing]

    made = rebuilt(aged, records=records)

    assert [] == unlike(aged.ledger(), made.ledger)
    assert begun(second) in made.unknown
    assert any(" follows " in each for each in made.unknown)


def test_damage_after_the_beginning_of_the_record_is_a_refusal_as_before() -> None:
    """As long as the first record is there nothing has ended; told to go on, it begins after the damage."""
    world = CheckpointWorld(60, 3650)
    world.set_up()
    world.play_days(0, 60)
    records = dict(world.records())
    del records[sorted(records)[8]]

    with pytest.raises(AuditError, match="the audit chain is broken"):
        rebuilt(world, records=records)

    made = rebuilt(world, records=records, broken_ok=True)
    assert begun(names_in(world)[0]) in made.unknown
    assert [] == unlike(world.ledger(), made.ledger)


def test_only_checkpoints_are_left(aged: CheckpointWorld) -> None:
    """No record says that the newest is one: only who takes breaks as they are gets its books."""
    with pytest.raises(AuditError, match="no audit object"):
        rebuilt(aged, records={})

    made = rebuilt(aged, records={}, broken_ok=True)

    newest = list(aged.checkpoints())[-1]
    assert begun(newest) in made.unknown
    assert any(each.startswith(f"{newest}: no record that is left names it") for each in made.unknown)
    assert aged.ledger().lots.keys() == made.ledger.lots.keys()


def test_venue_lists_other_fills_of_an_old_lot(aged: CheckpointWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are asked for by the orders that bought it, a year after: less than there should be is told, and none."""
    lot = find_lot(aged)
    assert lot.carried is not None
    asked, fills = [], aged.venue.order_fills(lot.carried.entries)
    assert [lot.quantity] == [each.quantity for each in fills]
    lists: list[Any] = [replace(fills[0], quantity=fills[0].quantity / 2)]
    monkeypatch.setattr(aged.venue, "order_fills", lambda names: asked.append(names) or lists, raising=False)

    less = rebuilt(aged).unknown
    lists.clear()
    none = rebuilt(aged).unknown

    assert [lot.carried.entries] * 2 == asked
    assert f"lot {lot.lot_id}: the checkpoint has {lot.quantity} of it, the venue {lot.quantity / 2}" in less
    assert f"lot {lot.lot_id}: the venue lists no buy of it any more; it is as the checkpoint has it" in none


# --- where a month begins


def month_begins() -> CheckpointWorld:
    """The world on the eve of December."""
    world = CheckpointWorld(DECEMBER + 3, 3650)
    world.set_up()
    return world.play_days(0, DECEMBER)


@pytest.mark.parametrize("death", [Death.BEFORE, Death.AFTER, Death.BESIDE])
def test_run_that_dies_over_a_checkpoint_leaves_exactly_one(death: Death) -> None:
    """The same books are the same object, and of the record that names it only the one counts that was followed."""
    world = month_begins()
    begin = SET_UP + DECEMBER * DAY_PERIODS
    world.audit.death = death
    with pytest.raises(KilledError):
        world.play(begin)
    world.audit.death = Death.NOWHERE

    for period in (begin + 3, begin + 6, begin + 9):
        world.play(period)

    assert (1, 2) == (len(world.checkpoints()), len(world.audit.tries))
    assert list(world.checkpoints()) == names_in(world)
    december = {key: text for key, text in world.records().items() if "dt=2026-12" in key}
    made = rebuilt(world, records=december)
    assert (begun(names_in(world)[0]), ALWAYS) == made.unknown
    assert [] == unlike(world.ledger(), made.ledger)


def test_sale_does_not_wait_for_a_checkpoint_that_nobody_takes() -> None:
    """It is tried in each run, once and urgently, after all that the run sends; no run ends otherwise for it."""
    world = month_begins()
    world.audit.refuses = True
    begin, sold = SET_UP + DECEMBER * DAY_PERIODS + TRIP, 0
    for place in PLAYED:
        before, lots = world.venue.sent, len(world.ledger().lots)
        report = world.play(begin + place)
        assert CycleOutcome.COMPLETED is report.outcome
        assert (world.venue.sent, True) == world.audit.tries[-1]
        sold += world.venue.sent > before and len(world.ledger().lots) < lots
    assert (1, len(PLAYED), 0) == (sold, len(world.audit.tries), len(world.checkpoints()))
    assert [] == unlike(world.ledger(), rebuilt(world).ledger)

    world.audit.refuses = False
    world.play(begin + 30)

    assert list(world.checkpoints()) == names_in(world)
    assert "2026-12" == world.ledger().checkpoint


def test_command_that_arrives_meanwhile_does_not_wait_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that knows of one that it has not acted on gives its lease back at once."""
    world = month_begins()
    world.audit.refuses = True
    begin = SET_UP + DECEMBER * DAY_PERIODS + TRIP
    world.play(begin)
    account, tries = world.venue.account, len(world.audit.tries)

    def say_flatten(*asked: Any) -> Any:
        world.store.write_command(SCOPE, Command(CommandKind.FLATTEN, Instant(world.clock.now()), "said", "test"))
        return account(*asked)

    monkeypatch.setattr(world.venue, "account", say_flatten)
    world.audit.refuses = False
    # The entry of the first period is filled by now, so that this run has a bracket to send.
    sent = world.venue.sent
    world.play(begin + PLAYED[3])
    monkeypatch.undo()

    assert sent < world.venue.sent
    assert (tries, 0) == (len(world.audit.tries), len(world.checkpoints()))
    world.play(begin + 12)
    assert {} == world.ledger().lots
    assert 1 == len(world.checkpoints())


def test_commands_that_stand_are_in_it() -> None:
    """A pause that a run of before has acted on stands after the table is gone, though no record is left of it."""
    world = month_begins()
    until = Instant(world.clock.now() + 100 * DAY_SECONDS)
    pause = Command(CommandKind.PAUSE, world.clock.now(), "paused", "test", target="product ETH", until=until)
    world.store.write_command(SCOPE, pause)
    world.play(SET_UP + (DECEMBER - 1) * DAY_PERIODS + 5)
    world.play_days(DECEMBER, DECEMBER + 2)
    december = {key: text for key, text in world.records().items() if "dt=2026-12" in key}

    made = rebuilt(world, records=december)

    assert (pause,) == made.commands
    assert [] == unlike(world.ledger(), made.ledger)


def test_books_of_before_get_theirs_at_once() -> None:
    """A ledger that a release without checkpoints wrote has none: its next run writes the first."""
    world = month_begins()
    text = world.store.texts[SCOPE]
    assert '"checkpoint":"2026-11",' in text
    world.store.texts[SCOPE] = text.replace('"checkpoint":"2026-11",', '"checkpoint":"",')

    world.play(SET_UP + (DECEMBER - 1) * DAY_PERIODS + 5)

    (key,) = world.checkpoints()
    assert "/2026-11-" in key
    assert [key] == names_in(world)


def test_checkpoint_that_cannot_be_read_is_told() -> None:
    """One of a release that nobody can read is none, whatever its digest."""
    world = month_begins().play_days(DECEMBER, DECEMBER + 1)
    chain = read_chain(world.records())
    (key,) = world.checkpoints()
    plain = json.loads(world.checkpoints()[key])
    assert plain == encode(read_checkpoint(world.checkpoints()[key], key))

    beginning = choose_beginning(chain, {"checkpoints/scope=PAPER#growth/2026-10-nothing.json": "{}"})

    assert f"{key}: gone; " in beginning.told[1]
    assert "2026-10-nothing.json: not as it was: its own name has another digest" in beginning.told[0]
