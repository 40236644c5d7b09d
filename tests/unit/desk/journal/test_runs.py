"""The records run by run: in which order, what counts of them, and how little is read for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from desk.journal.decisions import iterate_decisions
from desk.journal.runs import Journal, RunRecord, Standing
from desk.recovery.chain import read_chain
from simulation.recovery_world import after_tick
from simulation.scenarios import ENTRY, SCENARIOS, STOPPED, WATCHED
from simulation.world import SCOPE, Scenario, tick_of
from trader.cycle import run_cycle
from trader.model.ids import CycleId, Instant, cycle_id_at
from unit.desk.journal.recorded import (
    FIRST,
    CountingReader,
    decision_notes,
    die_in,
    die_in_next_tick,
    journal_of,
    make_chain,
    make_object,
    write_texts,
)

REFUSED = {"SOL-USD": "TRIGGER_MISSING"}


def chain_journal(folder: Path, count: int, head: str | None = "the last", **over: Any) -> Journal:
    texts, last = make_chain([decision_notes(REFUSED)] * count)
    write_texts(folder, texts)
    return Journal(CountingReader(folder), SCOPE, head=last if head == "the last" else head, **over)


def cycle_at(number: int) -> CycleId:
    return cycle_id_at(Instant(FIRST + number * 300))


def standings(runs: list[RunRecord]) -> dict[str, Standing]:
    return {each.cycle_id: each.standing for each in runs}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
def test_what_counts_is_what_the_chain_says(scenario: Scenario, tmp_path: Path) -> None:
    """Of every kind of run each object is judged as by whoever reads the whole chain."""
    world = after_tick(scenario, len(scenario.beats) - 1)
    runs = list(journal_of(world, tmp_path).iterate_runs())
    chain = read_chain(world.audit_texts())

    assert {each.key for each in chain.objects} == {each.key for run in runs for each in run.objects}
    assert {Standing.COMMITTED} == {each.standing for each in runs}


def test_runs_come_newest_first_and_objects_in_the_order_of_writing(tmp_path: Path) -> None:
    """Ticks and watch runs alike, by the instant they are named after."""
    runs = list(journal_of(after_tick(WATCHED, len(WATCHED.beats) - 1), tmp_path).iterate_runs())

    assert sorted((each.cycle_id for each in runs), reverse=True) == [each.cycle_id for each in runs]
    assert all(each.objects[0].part == "decision" for each in runs)
    assert any("watch" in each.cycle_id for each in runs)


def test_run_that_died_before_its_commit_is_told_as_none_and_never_as_a_decision(tmp_path: Path) -> None:
    """What it wrote is there, and no ledger stood on it."""
    world = die_in_next_tick(ENTRY, 1)
    runs = list(journal_of(world, tmp_path).iterate_runs())
    died = cycle_id_at(ENTRY.beats[2].at)
    decisions = iterate_decisions(iter(runs))

    assert standings(runs)[died] is Standing.ORPHANED
    assert died not in {each.run.cycle_id for each in decisions}
    assert {each.key for each in read_chain(world.audit_texts()).orphaned} == {
        each.key for run in runs if run.standing is Standing.ORPHANED for each in run.objects
    }


def test_cycle_that_another_run_finished_is_one_decision(tmp_path: Path) -> None:
    """The first run decided, began to send, and died; the same tick was delivered again, and finished it."""
    world, beat = after_tick(ENTRY, -1), ENTRY.beats[0]
    die_in(world, ENTRY, beat, commits=1)
    world.free_the_lease()
    run_cycle(tick_of(beat, beat.at), ENTRY.pipeline, world.ports("run"))
    runs = list(journal_of(world, tmp_path).iterate_runs())
    (decision,) = iterate_decisions(iter(runs))

    assert [False, True] == [each.is_cycle for each in runs]
    assert "COMPLETED" == decision.outline().outcome
    assert all(fate for _, fate in decision.orders("SOL-USD"))
    assert {each.key for each in read_chain(world.audit_texts()).objects} == {
        each.key for run in runs for each in run.objects
    }


def test_run_that_died_last_is_open(tmp_path: Path) -> None:
    """Nobody knows yet: the run may be at work."""
    world = after_tick(ENTRY, 1)
    beat = ENTRY.beats[2]
    die_in(world, ENTRY, beat)

    newest = next(journal_of(world, tmp_path).iterate_runs())

    assert (cycle_id_at(beat.at), Standing.OPEN) == (newest.cycle_id, newest.standing)


def test_tick_that_died_is_not_told_when_it_is_asked_for_by_its_instant(tmp_path: Path) -> None:
    """The one before it is the newest decision then."""
    journal = journal_of(die_in_next_tick(ENTRY, 1), tmp_path)

    found = next(iterate_decisions(journal.iterate_runs(until=ENTRY.beats[2].at)))

    assert cycle_id_at(ENTRY.beats[1].at) == found.run.cycle_id


def test_what_is_owed_to_the_bucket_counts(tmp_path: Path) -> None:
    """It waits beside the ledger, and lies in no folder of the audit."""
    texts, head = make_chain([decision_notes(REFUSED)] * 5)
    owed = {key: texts.pop(key) for key in sorted(texts)[2:]}
    write_texts(tmp_path, texts)

    runs = list(Journal(CountingReader(tmp_path), SCOPE, owed, head).iterate_runs())

    assert [cycle_at(number) for number in (4, 3, 2, 1, 0)] == [each.cycle_id for each in runs]
    assert {Standing.COMMITTED} == {each.standing for each in runs}


def test_record_that_cannot_be_read_is_named_and_the_others_are_told(tmp_path: Path) -> None:
    """The one before it is followed by nobody any more."""
    journal = chain_journal(tmp_path, 6)
    broken = next(tmp_path.rglob(f"{cycle_at(3)}*"))
    broken.write_text(broken.read_text(encoding="utf-8").replace('"body"', '"boby"'), encoding="utf-8")

    runs = list(journal.iterate_runs())

    assert [cycle_at(number) for number in (5, 4, 2, 1, 0)] == [each.cycle_id for each in runs]
    assert [broken.name] == [each.key.rpartition("/")[2] for each in journal.broken]
    assert Standing.UNFOLLOWED is standings(runs)[cycle_at(2)]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"{}\n", b'{"event":"ObjectOpened"}\n', b"[" * 100_000])
def test_any_bytes_are_a_broken_record_and_no_traceback(content: bytes, tmp_path: Path) -> None:
    """Empty, no text, no head, half a head, too deep."""
    journal = chain_journal(tmp_path, 3)
    next(tmp_path.rglob(f"{cycle_at(2)}*")).write_bytes(content)

    assert 2 == len(list(journal.iterate_runs()))
    assert 1 == len(journal.broken)


def test_file_that_is_no_record_is_named(tmp_path: Path) -> None:
    """Whatever somebody puts there."""
    journal = chain_journal(tmp_path, 2)
    write_texts(tmp_path, {f"scope={SCOPE}/dt=2026-11-22/notes.jsonl": "x"})

    assert 2 == len(list(journal.iterate_runs()))
    assert ["notes.jsonl"] == [each.key.rpartition("/")[2] for each in journal.broken]


def test_newest_decision_of_thousands_costs_a_few_objects(tmp_path: Path) -> None:
    """And one day's list."""
    journal = chain_journal(tmp_path, 1500)

    decision = next(iterate_decisions(journal.iterate_runs()))

    assert cycle_at(1499) == decision.run.cycle_id
    assert 8 == journal.objects_read
    assert 1 == len(journal.reader.days)  # type: ignore[attr-defined]


@pytest.mark.parametrize("number", [0, 1, 287, 288, 700, 1498, 1499])
def test_decision_of_any_instant_costs_a_few_objects(number: int, tmp_path: Path) -> None:
    """Before and after midnight, too: then the next day's list is needed, to know what came after it."""
    journal = chain_journal(tmp_path, 1500)
    asked = Instant(FIRST + number * 300 + 299)

    decision = next(iterate_decisions(journal.iterate_runs(until=asked)))

    assert (cycle_at(number), Standing.COMMITTED) == (decision.run.cycle_id, decision.run.standing)
    assert journal.objects_read <= 8
    assert len(journal.reader.days) <= 3  # type: ignore[attr-defined]


def test_runs_since_an_instant_are_those_and_hardly_more_is_read(tmp_path: Path) -> None:
    """Two older ones judge the oldest."""
    journal = chain_journal(tmp_path, 1500)

    runs = list(journal.iterate_runs(since=Instant(FIRST + 1490 * 300)))

    assert [cycle_at(number) for number in range(1499, 1489, -1)] == [each.cycle_id for each in runs]
    assert journal.objects_read <= 24


def test_late_run_counts_that_wrote_after_a_newer_one(tmp_path: Path) -> None:
    """A tick that waited for the lease of a watch run follows it in the chain, and has the older name."""
    first = make_object(cycle_at(0), 1, "", decision_notes(REFUSED))
    watch = make_object(CycleId(f"{cycle_id_at(Instant(FIRST + 360))}-watch"), 2, first.digest, [])
    late = make_object(cycle_at(1), 3, watch.digest, decision_notes(REFUSED))
    write_texts(tmp_path, {each.key: each.text() for each in (first, watch, late)})

    runs = list(Journal(CountingReader(tmp_path), SCOPE, head=late.digest).iterate_runs())

    assert {Standing.COMMITTED} == {each.standing for each in runs}


def test_short_record_stands_in_for_the_whole_one(tmp_path: Path) -> None:
    """If only the answer was lost both are there, and one of them counts."""
    world = after_tick(STOPPED, 1)
    texts = dict(world.audit_texts())
    last = max(texts)
    short = last.replace(".jsonl", "-short.jsonl")
    texts[short] = texts[last].replace(f'"key":"{last}"', f'"key":"{short}"')
    write_texts(tmp_path, texts)
    head = read_chain({short: texts[short]}).objects[0].digest

    newest = next(Journal(CountingReader(tmp_path), SCOPE, head=head).iterate_runs())

    assert [short] == [each.key for each in newest.objects if each.part == newest.objects[-1].part]


def test_without_a_ledger_the_newest_is_not_taken_for_sure(tmp_path: Path) -> None:
    """Nothing names it."""
    runs = list(chain_journal(tmp_path, 3, head=None).iterate_runs())

    assert [Standing.UNFOLLOWED, Standing.COMMITTED, Standing.COMMITTED] == [each.standing for each in runs]


def test_empty_folder_has_no_runs(tmp_path: Path) -> None:
    """And no newest."""
    journal = Journal(CountingReader(tmp_path), SCOPE)

    assert [] == list(journal.iterate_runs())
    assert journal.find_newest() is None
