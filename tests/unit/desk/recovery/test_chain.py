"""The order of the audit objects, those that no ledger stood on, and what is wrong with a chain."""

from __future__ import annotations

import pytest

from desk.recovery.chain import Chain, read_chain
from trader.errors import AuditError
from trader.model.codec import sha256_hex
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
