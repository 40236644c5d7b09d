"""Where a rebuild begins: with the first record, or once that has ended by its age, with a checkpoint.

A checkpoint stands beside the chain. A record of the run that wrote it names its digest, and the ledger in it names the
record before that run: so the chain from there on proves the checkpoint, and the checkpoint needs nothing older.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from desk.recovery.chain import Break, Chain, ChainObject
from desk.recovery.diff import find_differences
from desk.recovery.evidence import Finding, find_stamp
from desk.recovery.places import Judged
from desk.recovery.replay import ADOPTED
from trader.errors import AuditError, LedgerCorrupt
from trader.model.carried import ENTRIES_MAX
from trader.model.checkpoints import Checkpoint, name_digest, read_checkpoint
from trader.model.codec import sha256_hex
from trader.model.cycle_state import AlarmState
from trader.model.events import EventKind
from trader.model.ids import CycleId, Instant
from trader.model.ledger import Ledger
from trader.model.money import ZERO, plain
from trader.model.orders import Fill, Side
from trader.ports import ExchangeAdapter

_UNNAMED = "no record that is left names it: its run ended before the commit, or that record has ended by its age"


@dataclass(frozen=True, slots=True)
class Found:
    """A checkpoint that can be read. Without ``named_by``, the key of a record, only its own name vouches for it."""

    key: str
    checkpoint: Checkpoint
    named_by: str = ""

    @property
    def head(self) -> str:
        """Digest of the record after which its books were taken."""
        return self.checkpoint.ledger.audit_head

    def open_books(self) -> Ledger:
        """Return its ledger as a rebuild makes one: what is told of the last run comes from the next one."""
        return replace(self.checkpoint.ledger, last_run=None, alarms=AlarmState())


@dataclass(frozen=True, slots=True)
class Beginning:
    """The part of the chain that is to be told again; the checkpoint before it, if it does not begin with the books.

    ``witnesses`` are checkpoints on the way, by the digest of the record before them; ``told`` is what is wrong with
    checkpoints, and from where the books begin.
    """

    chain: Chain
    start: Found | None = None
    witnesses: Mapping[str, Found] = field(default_factory=dict)
    told: tuple[str, ...] = ()

    def compare(self, ledger: Ledger) -> Iterator[str]:
        """Say where the books, as told so far, are not those of a checkpoint of this place."""
        found = self.witnesses.get(ledger.audit_head)
        if found is not None and found is not self.start:
            for each in find_differences(found.open_books(), ledger):
                was, becomes = each.was or "none", each.becomes or "none"
                yield f"{found.key}: {each.what} is {was}, and {becomes} by the records before it"


def assess_checkpoints(texts: Mapping[str, str], chain: Chain) -> tuple[list[Found], list[Judged]]:
    """Read the checkpoints, oldest first, and compare them with what the records say of them."""
    named = {
        str(event.body.get("key")): (str(event.body.get("digest")), each.key)
        for each in chain.objects
        for event in each.events
        if event.kind == EventKind.CHECKPOINT_WRITTEN
    }
    found: list[Found] = []
    judged: list[Judged] = []
    for key in sorted(texts.keys() | named.keys()):
        digest, named_by = named.get(key, ("", ""))
        if key not in texts:
            judged.append((True, Finding(key, 1, f"gone; {named_by} names it")))
            continue
        is_same = sha256_hex(texts[key]) == digest if named_by else _is_its_name(key, texts[key])
        if not is_same:
            judged.append((True, Finding(key, 1, f"not as it was: {named_by or 'its own name'} has another digest")))
            continue
        try:
            found.append(Found(key, read_checkpoint(texts[key], key), named_by))
        except LedgerCorrupt as error:
            judged.append((True, Finding(key, 1, f"cannot be read: {str(error).removeprefix(f'{key}: ')}")))
            continue
        if not named_by:
            judged.append((False, Finding(key, None, _UNNAMED)))
    return found, judged


def _is_its_name(key: str, text: str) -> bool:
    return key.endswith(f"-{name_digest(text)}.json")


def choose_beginning(chain: Chain, texts: Mapping[str, str], *, broken_ok: bool = False) -> Beginning:
    """Choose with what to begin: with the first record as long as it is there, as then all is proved by records.

    Where older records have ended, with the oldest checkpoint that a record names and from which the chain is sound:
    so most is told again, and each newer checkpoint is a witness of it. If breaks are taken as they are, a checkpoint
    after them counts more than a record with gaps; and without a sound one the newest that can be read.
    """
    found, judged = assess_checkpoints(texts, chain)
    told = tuple(f"{finding.key}: {finding.what}" for is_wrong, finding in judged if is_wrong)
    named = [each for each in found if each.named_by]
    witnesses = {each.head: each for each in named}
    is_whole = bool(chain.objects) and chain.objects[0].key in chain.openings
    if is_whole and not (chain.problems and broken_ok):
        return Beginning(chain, None, witnesses, told)
    for each in named:
        part = _cut(chain, each.head)
        if part is not None and not part.problems and each.named_by in {known.key for known in part.objects}:
            return Beginning(part, each, witnesses, (*told, *_say_begun(each), *_list_before(chain, part)))
    if broken_ok and not is_whole and found:
        newest = found[-1]
        part = _cut(chain, newest.head, newest.checkpoint.ledger) or chain
        missing = () if newest.named_by else (f"{newest.key}: {_UNNAMED}",)
        return Beginning(part, newest, witnesses, (*told, *missing, *_say_begun(newest)))
    return Beginning(chain, None, witnesses, told)


def verify_beginning(beginning: Beginning, *, broken_ok: bool) -> None:
    """Refuse a chain with breaks unless they are taken as they are; say why no checkpoint helps. Raises: AuditError."""
    try:
        beginning.chain.verify(broken_ok=broken_ok)
    except AuditError as error:
        objects, openings = beginning.chain.objects, beginning.chain.openings
        if objects and objects[0].key in openings:
            raise
        why = f": {'; '.join(beginning.told)}" if beginning.told else ""
        raise AuditError(f"{error}; there is no checkpoint from which it is sound{why}") from None


def _say_begun(found: Found) -> tuple[str, ...]:
    return (f"before {found.checkpoint.month}: not told again; the books begin with the checkpoint {found.key}",)


def _list_before(chain: Chain, part: Chain) -> tuple[str, ...]:
    """Name the breaks before the part; that the oldest record has none before it goes without saying."""
    oldest = chain.objects[0].key
    return tuple(each.told for each in chain.breaks if each not in part.breaks and each.key != oldest)


def _cut(chain: Chain, head: str, books: Ledger | None = None) -> Chain | None:
    """Cut off what comes before a record's successor, and what is wrong with it; None if that is not there.

    With *books* it is cut by the time of their last run in that case.
    """
    places = [index for index, each in enumerate(chain.objects) if each.previous == head]
    if not places and books is None:
        return None
    after = books.last_run.run_id if books is not None and books.last_run is not None else CycleId("")
    objects = chain.objects[places[0] :] if places else tuple(each for each in chain.objects if each.cycle_id > after)
    digests = {head, *(each.digest for each in objects)}
    orphaned: list[ChainObject] = []
    for each in chain.orphaned:
        if each.previous in digests:
            orphaned.append(each)
            digests.add(each.digest)
    kept = {each.key for each in (*objects, *orphaned)}
    first = objects[0].key if objects else ""
    began = find_stamp(first) or Instant(0)
    breaks = [
        each
        for each in chain.breaks
        # That the first one follows nothing is what the checkpoint is for; what cannot be read may be of its time.
        if (each.key in kept and not (each.key == first and each.line is None and places))
        or (each.key not in {known.key for known in (*chain.objects, *chain.orphaned)} and _is_since(each, began))
    ]
    openings = tuple(key for key in chain.openings if key in kept)
    return Chain(objects, tuple(orphaned), openings, tuple(breaks))


def _is_since(each: Break, began: Instant) -> bool:
    stamp = find_stamp(each.key)
    return stamp is None or stamp >= began


def compare_with_venue(start: Found, exchange: ExchangeAdapter) -> list[str]:
    """Compare what a checkpoint says was bought of each open lot with the fills that the venue lists of its orders.

    They are asked for by the venue's ids, whatever their age. A lot of which an operator booked a part, or that does
    not name all of its orders, cannot be compared; of one of which some is sold, no less may have been bought than is
    left. Raises: VenueError.
    """
    told: list[str] = []
    ledger = start.checkpoint.ledger
    for lot_id, lot in sorted(ledger.lots.items()):
        fills = [fill for each in ledger.orders_of(lot_id) for fill in each.fills]
        carried = lot.carried.entries if lot.carried is not None else ()
        names = dict.fromkeys((*carried, *(fill.venue_order_id for fill in fills if fill.side is Side.BUY)))
        is_named = bool(carried) or lot.carried is None
        if not is_named or len(carried) == ENTRIES_MAX or any(each.startswith(ADOPTED) for each in names):
            continue
        rows = exchange.order_fills(tuple(names))
        bought = sum((row.quantity for row in rows if isinstance(row, Fill) and row.side is Side.BUY), ZERO)
        is_sold_from = bool(lot.realized) or any(fill.side is Side.SELL for fill in fills)
        if not bought:
            told.append(f"lot {lot_id}: the venue lists no buy of it any more; it is as the checkpoint has it")
        elif bought < lot.quantity or (bought > lot.quantity and not is_sold_from):
            told.append(f"lot {lot_id}: the checkpoint has {plain(lot.quantity)} of it, the venue {plain(bought)}")
    return told
