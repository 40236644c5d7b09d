"""Write the record of a run. What cannot be stored is owed: kept beside the ledger, stored by a later run.

No record, no new risk: a decision that only enters is not committed without it, and is made again. But a sale does not
wait for the bucket.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from trader.cycle.run_time import RunTime
from trader.errors import AuditConflict, AuditError, LedgerCorrupt
from trader.model.codec import sha256_hex
from trader.model.events import AuditNote, AuditObject, EventKind, OwedRecord
from trader.model.frozen import replace
from trader.model.ids import CycleId
from trader.model.ledger import Ledger
from trader.ports import AuditLog, LeaseGrant, Ports, name_audit_object
from trader.stages.audit_record import stamp_notes

#: More records than this are not kept, only counted.
_OWED_MAX = 200
#: So many bytes of a record are kept, packed.
_OWED_BYTES_MAX = 300_000
#: What the name of a record has at its end that is kept without its bars. The bucket may have the whole of it all the
#: same, if only the answer was lost: two records have two names.
_SHORT = "-short"
#: So many of before are stored in one run: it has its own work to do.
_REPAID_MAX = 20
#: So much is left for that when nothing of before is stored any more.
_SPARE_SECONDS = 30


@dataclass(slots=True)
class Records:
    """The audit objects of one run, and what the next commit must keep or may drop beside the ledger.

    ``trouble`` says why the last object could not be stored.
    """

    ports: Ports
    time: RunTime
    grant: LeaseGrant
    cycle_id: CycleId
    trouble: str = ""
    owed: list[OwedRecord] = field(default_factory=list)
    repaid: list[str] = field(default_factory=list)
    owed_bytes_max: int = _OWED_BYTES_MAX

    @property
    def is_owing(self) -> bool:
        """Whether an object of this run could not be stored."""
        return bool(self.trouble)

    def write(self, ledger: Ledger, part: str, notes: Sequence[AuditNote], *, urgent: bool, may_owe: bool) -> Ledger:
        """Store one object, or owe it if it *may* be owed; returns the ledger that names it as the head of the chain.

        Unless it is *urgent*, what is owed of before is stored first, in order. Where nobody keeps a record,
        none is made.
        Raises: StoreUnavailable if that cannot be read, AuditError for an object that may not be owed.
        """
        audit = self.ports.audit
        if audit is None:
            return ledger
        if not urgent and not self.is_owing:
            ledger, notes = self._repay(audit, ledger, notes)
        named = self.grant.scope, self.cycle_id, self.grant.epoch
        events = stamp_notes(notes, self.cycle_id, self.ports.clock.now())
        record = AuditObject(name_audit_object(*named, part), ledger.audit_head, events)
        if not self.is_owing:
            try:
                return replace(ledger, audit_head=audit.write(record, urgent=urgent))
            except AuditError as error:
                self.trouble = str(error)
        if not may_owe:
            raise AuditError(self.trouble)
        if len(ledger.owed) >= _OWED_MAX:
            return replace(ledger, unrecorded=ledger.unrecorded + 1, bars_on_record={})
        owed, ledger = self._make_owed(record, ledger, name_audit_object(*named, part + _SHORT))
        self.owed.append(owed)
        return replace(ledger, owed=(*ledger.owed, owed.key), audit_head=sha256_hex(owed.body))

    def take(self) -> tuple[Sequence[OwedRecord], Sequence[str]]:
        """Hand over what the next commit keeps, and what it drops."""
        taken = tuple(self.owed), tuple(self.repaid)
        self.owed, self.repaid = [], []
        return taken

    def _repay(self, audit: AuditLog, ledger: Ledger, notes: Sequence[AuditNote]) -> tuple[Ledger, Sequence[AuditNote]]:
        """Store what is owed, up to the first that cannot be stored, as long as the run has time to spare."""
        for key in ledger.owed[:_REPAID_MAX]:
            if not self.time.has_time(_SPARE_SECONDS):
                break
            try:
                for record in self.ports.store.read_owed(self.grant.scope, (key,)):
                    audit.write(record, urgent=True)
            except (AuditConflict, LedgerCorrupt) as error:
                # It can never be stored, and must not keep those after it waiting.
                notes = (*notes, AuditNote(EventKind.MISMATCH_FOUND, key, {"reason": str(error)}))
                ledger = replace(ledger, unrecorded=ledger.unrecorded + 1)
            except AuditError as error:
                self.trouble = str(error)
                break
            self.repaid.append(key)
            ledger = replace(ledger, owed=ledger.owed[1:])
        return ledger, notes

    def _make_owed(self, record: AuditObject, ledger: Ledger, short: str) -> tuple[OwedRecord, Ledger]:
        """Make the bytes that wait beside the ledger; if they are too many, what only a replay needs stays out.

        Then it has its *short* name, and the next cycle writes those bars down again.
        """
        body = record.text()
        if len(zlib.compress(body.encode())) <= self.owed_bytes_max:
            return OwedRecord(record.key, body), ledger
        kept = replace(record.without_bars(), key=short)
        return OwedRecord(short, kept.text()), replace(ledger, bars_on_record={})
