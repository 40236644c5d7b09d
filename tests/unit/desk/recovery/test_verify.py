"""What is taken for a forgery and what is explained: honest histories of every kind, and what a forger may try."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from desk.recovery.anchors import Anchored, Anchors, mark_lines, parse_anchors
from desk.recovery.evidence import DAY_SECONDS, Evidence, Finding
from desk.recovery.history import Version
from desk.recovery.ledger_item import StoredLedger
from desk.recovery.verify import verify_audit
from factories import a_ledger
from trader.model.checkpoints import Checkpoint
from trader.model.codec import sha256_hex
from trader.model.events import AuditEvent, AuditObject, EventKind
from trader.model.ids import CycleId, Instant, Scope, cycle_id_at, run_id_at
from trader.ports import name_audit_object

SCOPE = Scope("LIVE#main")
#: 2026-11-21T00:00:00Z.
BEGIN = Instant(1_795_219_200)
HOUR = 3600
FIRST_DAY, SECOND_DAY = "2026-11-21", "2026-11-22"


class Audit:
    """An audit of two days, an object each four hours; what a test does to it comes on top."""

    def __init__(self, hours: Sequence[int] = range(0, 48, 4)) -> None:
        self.history: dict[str, tuple[Version, ...]] = {}
        self.owed: dict[str, str] = {}
        self.days: dict[str, dict[str, Anchored]] = {}
        self.head, self.epoch = "", 0
        for hour in hours:
            self.write(hour)

    def write(self, hour: float, *, delay: int = 10, **over: Any) -> str:
        """Let a run write an object and its ledger stand on it; return the key."""
        self.epoch += 1
        key, text = make_object(hour, self.epoch, self.head, **over)
        self.history[key] = (Version(text, Instant(int(BEGIN + hour * HOUR + delay))),)
        self.head = sha256_hex(text)
        return key

    def put_in(self, hour: float, epoch: int, previous: str, *, now: float = 50, **over: Any) -> str:
        """Put an object in, as somebody does who may write the bucket; return the key."""
        key, text = make_object(hour, epoch, previous, **over)
        self.history[key] = (Version(text, Instant(int(BEGIN + now * HOUR))),)
        return key

    def digest(self, key: str) -> str:
        return sha256_hex(self.history[key][0].text or "")

    def write_down(self, *days: str) -> None:
        """Let the anchors have what lies there of these days now."""
        for day in days:
            texts = {key: row[0].text or "" for key, row in self.history.items() if f"dt={day}" in key}
            self.days[day] = {key: Anchored(sha256_hex(text), mark_lines(text)) for key, text in texts.items()}

    def judge(
        self, *, head: str | None = None, owed: tuple[str, ...] = (), unrecorded: int = 0, **over: Any
    ) -> tuple[list[Finding], list[Finding]]:
        """What is wrong, and what is explained."""
        ledger = a_ledger(audit_head=self.head if head is None else head, owed=owed, unrecorded=unrecorded)
        stored = StoredLedger("", "", self.epoch, 1, Instant(0), ledger)
        judged = verify_audit(Evidence(self.history, self.owed, Anchors(self.days), stored, **over))
        return list(judged.found), list(judged.explained)


def make_object(
    hour: float,
    epoch: int,
    previous: str,
    *,
    part: str = "decision",
    run: CycleId | None = None,
    at: float | None = None,
    events: Sequence[tuple[EventKind, dict[str, str]]] = (),
) -> tuple[str, str]:
    began = Instant(int(BEGIN + hour * HOUR))
    run = run or cycle_id_at(began)
    written = began if at is None else Instant(int(BEGIN + at * HOUR))
    event = AuditEvent(EventKind.CYCLE_SETTLED, run, written, "cycle", {"epoch": epoch})
    more = (AuditEvent(kind, run, written, "more", body) for kind, body in events)
    made = AuditObject(name_audit_object(SCOPE, run, epoch, part), previous, (event, *more))
    return made.key, made.text()


def said(findings: Sequence[Finding], key: str) -> str:
    """What is said of a key."""
    return "; ".join(each.what for each in findings if each.key == key)


# --- checkpoints


def with_checkpoint(audit: Audit) -> tuple[str, str]:
    """Let a run write a checkpoint and name it; return its key and its text."""
    made = Checkpoint("2026-11", a_ledger(audit_head=audit.head)).make_record()
    body = {"month": "2026-11", "key": made.key, "digest": sha256_hex(made.body)}
    audit.write(48, events=((EventKind.CHECKPOINT_WRITTEN, body),))
    return made.key, made.body


def test_checkpoint_that_a_record_names_is_sound() -> None:
    """Nothing is said of it."""
    audit = Audit()
    key, text = with_checkpoint(audit)

    assert ([], []) == audit.judge(checkpoints={key: text})


@pytest.mark.parametrize("change", ["gone", "edited", "nonsense"])
def test_checkpoint_that_is_not_what_its_record_says_is_found(change: str) -> None:
    """By its key, in its only line."""
    audit = Audit()
    key, text = with_checkpoint(audit)
    texts = {"gone": {}, "edited": {key: text.replace("1", "2", 1)}, "nonsense": {key: ""}}[change]

    (finding,), explained = audit.judge(checkpoints=texts)

    assert ((key, 1), []) == (finding[:2], explained)
    assert finding.what.startswith("gone; scope=LIVE#main/" if change == "gone" else "not as it was: scope=LIVE#main/")


def test_checkpoint_that_no_record_names_is_explained_if_it_is_what_its_name_says() -> None:
    """Its run died, or the record of its month has ended. One that differs from its name was put in or changed."""
    audit, made = Audit(), Checkpoint("2026-10", a_ledger()).make_record()

    found, explained = audit.judge(checkpoints={made.key: made.body})
    assert ([], [made.key]) == (found, [each.key for each in explained])
    (finding,), _ = audit.judge(checkpoints={made.key: made.body + " "})
    assert "not as it was: its own name has another digest" == finding.what


# --- what is honest


def test_two_days_as_they_were_written_are_sound() -> None:
    """With anchors and without; nothing needs an explanation."""
    audit = Audit()
    before = audit.judge()
    audit.write_down(FIRST_DAY, SECOND_DAY)

    assert ([], []) == before == audit.judge()


def test_what_was_owed_over_midnight_is_explained() -> None:
    """Its day was written down without it; the run that stored it wrote an object itself, in its time."""
    audit = Audit(range(0, 24, 4))
    audit.write_down(FIRST_DAY)
    owed = [audit.write(23 + part, delay=2 * HOUR) for part in (0.8, 0.9)]
    audit.write(25.9)
    audit.write(28)

    found, explained = audit.judge()

    assert [] == found
    assert ["after its day was written down" in said(explained, key) for key in owed] == [True, True]


@pytest.mark.parametrize("is_stored", [False, True], ids=["waits", "stored by a run that died"])
def test_what_is_owed_still_is_explained(is_stored: bool) -> None:
    """A run that stored it and died before its commit leaves it beside the ledger as well."""
    audit = Audit(range(0, 24, 4))
    audit.write_down(FIRST_DAY)
    key = audit.write(23.9, delay=5 * HOUR)
    audit.owed[key] = audit.history[key][0].text or ""
    if not is_stored:
        del audit.history[key]

    found, explained = audit.judge()

    assert [] == found
    assert "owed" in said(explained, key)


def test_what_is_stored_while_the_ledger_is_read_is_explained() -> None:
    """The ledger that was read names it as owed; since then a run stored it, and went on."""
    audit = Audit(range(0, 24, 4))
    audit.write_down(FIRST_DAY)
    key, head = audit.write(23.9, delay=3 * HOUR), audit.head
    audit.write(26.9)

    found, explained = audit.judge(head=head, owed=(key,))

    assert [] == found
    assert "no ledger stands on it yet" in said(explained, max(audit.history))


def test_records_that_nobody_could_keep_are_counted() -> None:
    """The chain has no gap where one was never begun; the ledger knows."""
    found, explained = Audit().judge(unrecorded=3)

    assert [] == found
    assert "3 records were never stored" in said(explained, "")


def test_run_that_lost_its_lease_at_any_point_is_explained() -> None:
    """Before its first commit, or after it: what it wrote last is what no ledger stood on."""
    audit = Audit(range(0, 24, 4))
    before, epoch = audit.head, audit.epoch
    first = audit.put_in(24, epoch + 1, before, now=24.01)
    audit.epoch += 1
    audit.write(24.1)
    after = audit.put_in(24.1, audit.epoch, audit.head, now=24.11, part="outcome")
    audit.write(24.2)
    newest = audit.put_in(24.3, audit.epoch + 1, audit.head, now=24.31)
    audit.write_down(FIRST_DAY, SECOND_DAY)

    found, explained = audit.judge()

    assert [] == found
    assert {first, after, newest} == {each.key for each in explained}


@pytest.mark.parametrize("is_newest", [True, False])
def test_record_that_was_written_again_without_its_bars_is_explained(is_newest: bool) -> None:
    """The answer to the put was lost; what was owed in its place has another name, and the ledger stands on it."""
    audit = Audit(range(0, 24, 4))
    whole = audit.put_in(24, audit.epoch + 1, audit.head, now=24.01)
    short = audit.write(24, part="decision-short", delay=2 * HOUR)
    if is_newest:
        audit.owed[short] = audit.history.pop(short)[0].text or ""
    else:
        audit.write(25.9)

    found, explained = audit.judge()

    assert [] == found
    assert "its run wrote it again without its bars" in said(explained, whole)


def test_books_that_were_opened_twice_are_sound() -> None:
    """The table was lost in an outage; what was stored late before is vouched for by what followed then."""
    audit = Audit(range(0, 20, 4))
    late = audit.write(20, delay=2 * HOUR)
    audit.write(22)
    audit.head, audit.epoch = "", 0
    for hour in (26, 30):
        audit.write(hour)
    audit.write_down(FIRST_DAY, SECOND_DAY)

    found, explained = audit.judge()

    assert [] == found
    assert [late] == [each.key for each in explained]


@pytest.mark.parametrize("kind", ["flatten", "switch"])
@pytest.mark.parametrize("is_committed", [True, False])
def test_command_that_waited_for_days_is_no_forgery(kind: str, is_committed: bool) -> None:
    """Its run is named after when it was said, and says itself when it wrote."""
    audit = Audit()
    audit.write_down(FIRST_DAY, SECOND_DAY)
    run = run_id_at(Instant(BEGIN + 5 * HOUR), kind, "event")
    if is_committed:
        audit.write(5, run=run, at=60, delay=55 * HOUR)
    else:
        audit.put_in(5, audit.epoch + 1, audit.head, run=run, at=60, now=60)
        audit.epoch += 1
        audit.write(61)

    found, _ = audit.judge()

    assert [] == found


def test_copy_of_an_audit_is_sound() -> None:
    """All of it was stored on the day of the copy; a run had died, and the copy went on."""
    audit = Audit(range(0, 24, 4))
    audit.put_in(24, audit.epoch + 1, audit.head, now=24.01)
    audit.epoch += 1
    audit.write(24.1)
    audit.write_down(FIRST_DAY, SECOND_DAY)
    filled = Instant(BEGIN + 100 * HOUR)
    audit.history = {key: (replace(row[0], at=filled),) for key, row in audit.history.items()}
    audit.write(101)

    found, explained = audit.judge()

    assert [] == found
    assert "the bucket was filled from another one on 2026-11-25T04:00:00Z" in said(explained, "")


@pytest.mark.parametrize("age", range(85, 260, 3))
def test_records_that_ended_by_their_age_are_explained(age: int) -> None:
    """First a deletion marker, later no version and for a while the marker alone, then nothing; anchors stay."""
    audit = Audit(range(0, 48, 4))
    audit.write_down(FIRST_DAY, SECOND_DAY)
    for day in range(2, age):
        audit.write(24 * day)
    now = Instant(BEGIN + age * DAY_SECONDS)
    for key, (version,) in list(audit.history.items()):
        assert version.at is not None
        ended = Instant((version.at // DAY_SECONDS + 91) * DAY_SECONDS)
        last = Instant(ended + 91 * DAY_SECONDS)
        rows = [each for each in (version if now < last else None, Version(None, ended)) if each is not None]
        if now >= last + DAY_SECONDS:
            del audit.history[key]
        elif now >= ended:
            audit.history[key] = tuple(rows)

    found, _ = audit.judge(retention_days=90, read_at=now)

    assert [] == found


# --- what a forger may try


@pytest.mark.parametrize("hour", [23, 20.5])
def test_object_put_at_the_end_of_a_day_that_was_written_down_is_found(hour: float) -> None:
    """Nothing ran since; the ledger was made to stand on it."""
    audit = Audit(range(0, 24, 4))
    audit.write_down(FIRST_DAY)
    key = audit.put_in(hour, 9, audit.head)

    found, _ = audit.judge(head=audit.digest(key))

    assert [key] == [each.key for each in found]


def test_opening_put_beside_the_chain_is_found() -> None:
    """It follows nothing, and so does what is put after it; what comes last bears today's date."""
    audit = Audit()
    audit.write_down(FIRST_DAY, SECOND_DAY)
    first = audit.put_in(9, 40, "")
    second = audit.put_in(10, 41, audit.digest(first))
    audit.put_in(50, 42, audit.digest(second))

    found, _ = audit.judge()

    assert {first, second} <= {each.key for each in found}


@pytest.mark.parametrize("epoch", [1, 3, 40])
def test_object_put_beside_the_newest_is_named(epoch: int) -> None:
    """It is the one that the ledger does not stand on."""
    audit = Audit()
    newest = max(audit.history)
    previous = audit.digest(sorted(audit.history)[-2])
    key = audit.put_in(44.5, epoch, previous, now=44.6)

    found, explained = audit.judge()

    assert newest not in {each.key for each in found}
    assert key in {each.key for each in found} or (epoch < audit.epoch and key in {each.key for each in explained})


@pytest.mark.parametrize("leaves", ["version", "marker", "nothing"])
def test_record_that_was_deleted_before_its_age_is_found(leaves: str) -> None:
    """A stack keeps records for years unless it is told otherwise: a hundred days are no reason."""
    audit = Audit()
    audit.write_down(FIRST_DAY, SECOND_DAY)
    now = Instant(BEGIN + 300 * DAY_SECONDS)
    key = sorted(audit.history)[3]
    left = {"version": audit.history[key], "marker": (), "nothing": ()}[leaves]
    audit.history[key] = (*left, Version(None, Instant(BEGIN + 110 * DAY_SECONDS)))
    if leaves == "nothing":
        del audit.history[key]

    found, _ = audit.judge(read_at=now)

    assert [key] == [each.key for each in found]


@pytest.mark.parametrize(
    ("change", "line", "what"),
    [
        (lambda text: text.replace("\n", "\r\n"), 1, "the line was changed"),
        (lambda text: text.removesuffix("\n"), 2, "the end of the line was changed"),
        (lambda text: text + "\n", 3, "a line was put in, 1 in all"),
        (lambda text: "\ufeff" + text, 1, "the line was changed"),
        (lambda _: "", 1, "2 lines are gone from its end"),
        (lambda text: text.replace(",", ",\x00", 1), 1, "the line was changed"),
        (lambda text: text.replace(":", ": ", 1), 1, "the line was changed"),
    ],
)
@pytest.mark.parametrize("place", [0, 5, -1], ids=["first", "middle", "newest"])
def test_changed_bytes_are_found(change: Any, line: int, what: str, place: int) -> None:
    """Those that a reader of JSON would not notice, too; put over, or with the old version deleted."""
    audit = Audit()
    audit.write_down(FIRST_DAY, SECOND_DAY)
    key = sorted(audit.history)[place]
    (version,) = audit.history[key]
    changed = Version(change(version.text), Instant(BEGIN + 50 * HOUR))
    audit.history[key] = (version, changed)
    over, _ = audit.judge()
    audit.history[key] = (changed,)
    alone, _ = audit.judge()

    assert [(key, line)] == [(each.key, each.line) for each in over]
    assert over[0].what.startswith(f"{what}; put over")
    assert key in {each.key for each in alone}


def test_change_that_is_found_hides_no_other() -> None:
    """Neither an object of another name, nor one that was put in, follows from a change at the beginning."""
    audit = Audit()
    first = min(audit.history)
    text = audit.history[first][0].text or ""
    audit.history[first] += (Version(text + "x", Instant(BEGIN + 50 * HOUR)),)
    odd = f"scope={SCOPE}/dt={SECOND_DAY}/20261122T090000Z-9-x.jsonl"
    audit.history[odd] = (Version("{}", Instant(BEGIN + 50 * HOUR)),)

    found, _ = audit.judge()

    assert [first, odd] == [each.key for each in found]


def test_name_of_an_object_moves_no_cursor() -> None:
    """What is printed is one line, whatever somebody named an object."""
    finding = Finding("x\n\x1b[2Kall of it is what was written\u202e", None, "deleted")

    assert r"x\n\x1b[2Kall of it is what was written\u202e: deleted" == str(finding)


# --- what was written down


def test_days_that_were_not_written_down_are_named() -> None:
    """Between two that were, and since the last one; the day before counts two hours after midnight."""
    audit = Audit(range(0, 24 * 9, 12))
    audit.write_down("2026-11-21", "2026-11-23", "2026-11-26")
    midnight = Instant(BEGIN + 9 * DAY_SECONDS)

    early, late = ([each.what for each in audit.judge(read_at=Instant(midnight + hours * HOUR))[1]] for hours in (1, 3))

    assert ["2026-11-22", "2026-11-24 to 2026-11-25", "2026-11-27 to 2026-11-28"] == [
        each.removesuffix(" was not written down") for each in early
    ]
    assert "2026-11-27 to 2026-11-29 was not written down" == late[-1]


def test_day_of_which_a_line_was_lost_vouches_for_what_it_has() -> None:
    """It says how many objects there were; of the others it says nothing, so that none of them was put in."""
    audit = Audit(range(0, 12, 4))
    dead = audit.put_in(11, audit.epoch + 1, audit.head, now=11.01)
    audit.epoch += 1
    for hour in (12, 16, 20):
        audit.write(hour)
    audit.write_down(FIRST_DAY)
    told = {"anchor": 1, "scope": SCOPE, "day": FIRST_DAY, "of": 7, "first": 0}
    rows = [[key, was.digest, "".join(was.lines) + "e3b"] for key, was in audit.days[FIRST_DAY].items() if key != dead]
    audit.days = {}
    stored = StoredLedger("", "", 9, 1, Instant(0), a_ledger(audit_head=audit.head))

    anchors = parse_anchors([json.dumps({**told, "objects": rows})], SCOPE)
    judged = verify_audit(Evidence(audit.history, anchors=anchors, stored=stored))

    assert () == judged.found
    assert f"of {FIRST_DAY} only 6 of 7 objects were written down" in [each.what for each in judged.explained]
