"""The order of the audit objects, those that no ledger stood on, and what is wrong with a chain."""

from __future__ import annotations

from pathlib import Path

import pytest

from desk.recovery.chain import Chain, FolderAuditReader, read_chain
from trader.errors import AuditError
from trader.model.codec import canonical_json, sha256_hex
from trader.model.events import AuditEvent, AuditObject, EventKind
from trader.model.ids import CycleId, Instant, Scope, cycle_id_at
from trader.ports import name_audit_object

BEGIN = Instant(1_795_348_800)


class Log:
    """An audit that is written object by object."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def write(self, minute: int, epoch: int, previous: str = "", part: str = "decision") -> str:
        """Write one object and return its digest."""
        at = Instant(BEGIN + 60 * minute)
        cycle: CycleId = cycle_id_at(at)
        event = AuditEvent(EventKind.CYCLE_SETTLED, cycle, at, "cycle", {"epoch": epoch})
        written = AuditObject(name_audit_object(Scope("PAPER#main"), cycle, epoch, part), previous, (event,))
        self.texts[written.key] = written.text()
        return written.digest

    def read(self) -> Chain:
        return read_chain(self.texts)


def epochs(chain: Chain) -> list[int]:
    return [each.epoch for each in chain.objects]


def test_objects_come_in_the_order_of_their_links() -> None:
    """Not in the order of their names, which two parts of one cycle would get wrong."""
    log = Log()
    first = log.write(0, 1)
    second = log.write(0, 1, first, part="outcome")
    third = log.write(5, 2, second, part="adopt")
    fourth = log.write(5, 3, third)

    chain = log.read()

    assert [first, second, third, fourth] == [each.digest for each in chain.objects]
    assert (fourth, 3, BEGIN, ()) == (chain.head, chain.epoch, chain.began_at, chain.problems)


def test_object_of_an_invocation_that_never_committed_is_put_aside() -> None:
    """Had it been committed, the next one would have followed it."""
    log = Log()
    first = log.write(0, 1)
    log.write(5, 2, first)
    third = log.write(5, 3, first)
    log.write(10, 4, third)

    chain = log.read()

    assert ([1, 3, 4], [2], ()) == (epochs(chain), [each.epoch for each in chain.orphaned], chain.problems)


def test_first_object_that_never_counted_is_put_aside() -> None:
    """The very first cycle crashed before its commit and was run again."""
    log = Log()
    log.write(0, 1)
    log.write(5, 3, log.write(0, 2))

    chain = log.read()

    assert ([2, 3], [1], 1) == (epochs(chain), [each.epoch for each in chain.orphaned], len(chain.openings))


def test_books_that_were_opened_twice_are_two_pieces_in_the_order_of_time() -> None:
    """Epochs began again at 1: the item was lost in between."""
    log = Log()
    log.write(5, 2, log.write(0, 1))
    log.write(15, 2, log.write(10, 1))

    chain = log.read()

    assert ([1, 2, 1, 2], (), 2) == (epochs(chain), chain.problems, len(chain.openings))


def test_one_quiet_cycle_before_the_loss_counts_as_well() -> None:
    """It has no follower, and no later epoch is higher."""
    log = Log()
    log.write(0, 4)
    log.write(10, 1)

    assert [4, 1] == epochs(log.read())


def test_missing_link_is_named() -> None:
    """The object after it, and the digest that nothing has."""
    log = Log()
    gone = sha256_hex("gone")
    log.write(0, 1)
    log.write(10, 3, gone)

    chain = log.read()

    assert [1, 3] == epochs(chain)
    assert (
        f"{name_audit_object(Scope('PAPER#main'), CycleId('20261122T121000Z'), 3, 'decision')} follows {gone[:12]}, "
        "which no object has as its digest",
    ) == chain.problems
    with pytest.raises(AuditError, match=r"is broken: scope=.*follows"):
        chain.verify()
    assert chain is chain.verify(broken_ok=True)


def test_two_that_both_have_followers_are_a_break() -> None:
    """Only one of them can have been committed."""
    log = Log()
    first = log.write(0, 1)
    log.write(10, 4, log.write(5, 2, first))
    log.write(10, 5, log.write(5, 3, first))

    assert ["both follow"] == [each[each.index("both") :][:11] for each in log.read().problems]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "cannot be read"),
        ("[]\n", "cannot be read"),
        ("{}\n", "cannot be read"),
        ('{"event":"ObjectOpened","key":"other","previous":""}\n', "says that it is other"),
        ("not json\n", "cannot be read"),
    ],
    ids=["empty", "no object", "no header", "another's", "no JSON"],
)
def test_object_that_is_none_is_named(text: str, said: str) -> None:
    """It is a problem, not a gap in silence."""
    key = name_audit_object(Scope("PAPER#main"), CycleId("20261122T120000Z"), 1, "decision")

    assert [said] == [said for each in read_chain({key: text}).problems if said in each]


@pytest.mark.parametrize("schema", ["", ',"schema":1', ',"schema":2'])
@pytest.mark.parametrize(
    "line", ['{"event":"VerdictGiven","at":1,"body":null}', '{"event":"X","at":1,"body":[1]}', "[]", "7"]
)
def test_object_with_a_line_that_is_no_event_is_named(line: str, schema: str) -> None:
    """Of whichever schema: one damaged object does not stand in the way of all recovery."""
    key = name_audit_object(Scope("PAPER#main"), CycleId("20261122T120000Z"), 1, "decision")
    header = f'{{"event":"ObjectOpened","key":"{key}","previous":""{schema}}}'

    assert [f"{key} cannot be read"] == [
        each[: len(key) + 15] for each in read_chain({key: f"{header}\n{line}\n"}).problems
    ]


def test_object_of_another_schema_is_named() -> None:
    """What it says could mean anything."""
    key = name_audit_object(Scope("PAPER#main"), CycleId("20261122T120000Z"), 1, "decision")
    header = f'{{"event":"ObjectOpened","key":"{key}","previous":"","schema":4}}'

    assert ["schema 4, this code reads 1 to 3"] == [each[-32:] for each in read_chain({key: f"{header}\n"}).problems]


def test_file_that_is_no_audit_object_is_named() -> None:
    """Somebody put it there."""
    assert ("notes.txt is not the name of an audit object",) == read_chain({"notes.txt": "x"}).problems


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\x85", "\r", "\x0b", "\x1c"], ids=ascii)
def test_what_is_a_line_end_to_python_alone_ends_no_line(mark: str) -> None:
    """A reason may have been copied from anywhere, and the venue writes what it likes."""
    at = Instant(BEGIN)
    event = AuditEvent(EventKind.CYCLE_SETTLED, cycle_id_at(at), at, "cycle", {"reason": f"sold{mark}by hand"})
    written = AuditObject(name_audit_object(Scope("PAPER#main"), cycle_id_at(at), 1, "adopt"), "", (event,))

    chain = read_chain({written.key: written.text()})

    assert ((), 1) == (chain.problems, len(chain.objects[0].events))


@pytest.mark.parametrize(
    "name",
    [
        "dt=2026-11-22/20269999T999999Z-00000001-decision",
        "dt=2026-11-22/20261122T120000Z-000000001-decision",
        "dt=2026-11-21/20261122T120000Z-00000001-decision",
        "dt=2026-11-22/\u0968\u0966\u0968\u096c1122T120000Z-00000001-decision",
        "dt=2026-11-22/20261122T120000Z-00000001-decision\n",
    ],
)
def test_object_has_one_name_and_it_is_of_its_day(name: str) -> None:
    """A record in another day's folder, or of a day that there is not, would be compared with nothing."""
    key = f"scope=PAPER#main/{name}.jsonl"
    header = {"event": "ObjectOpened", "schema": 2, "previous": "", "key": key}

    chain = read_chain({key: f"{canonical_json(header)}\n"})

    assert (f"{key} is not the name of an audit object",) == chain.problems[:1]


@pytest.mark.parametrize("at", ["1e999", "NaN", "[" * 100_000, '"x"', "{}", "null"], ids=lambda each: each[:8])
def test_line_that_is_no_record_is_a_break(at: str) -> None:
    """Whatever somebody wrote there, there is an answer, and it names the line."""
    log = Log()
    log.write(0, 1)
    (key,) = log.texts
    log.texts[key] += f'{{"event":"CycleSettled","at":{at},"body":{{}}}}\n'

    (broken,) = log.read().breaks

    assert (key, 3) == (broken.key, broken.line)


def test_object_that_is_put_in_takes_no_committed_ones_place() -> None:
    """Its epoch may be as high as it likes: others follow the one that was committed."""
    log = Log()
    first = log.write(0, 1)
    second = log.write(5, 2, first)
    log.write(6, 9, first)
    third = log.write(10, 3, second)

    chain = log.read()

    assert [first, second, third] == [each.digest for each in chain.objects]
    (key,) = (key for key in log.texts if "-00000009-" in key)
    assert [key] == [each.key for each in chain.orphaned] == [each.key for each in chain.breaks]


@pytest.mark.parametrize("body", [b"a\r\nb\r\n", b"\xef\xbb\xbfa\n", b"a\n\xff\n", b"a", b""], ids=repr)
def test_folder_reads_what_lies_there_byte_for_byte(body: bytes, tmp_path: Path) -> None:
    """Other ends of lines are other bytes; what is no text is an object that cannot be read, and not the end of all."""
    path = tmp_path / "scope=PAPER#main" / "dt=2026-11-22" / "20261122T120000Z-00000001-decision.jsonl"
    path.parent.mkdir(parents=True)
    path.write_bytes(body)

    (text,) = FolderAuditReader(tmp_path).texts(Scope("PAPER#main")).values()

    assert text != "a\nb\n"
    assert text.encode() == body or text.startswith("no text: ")
