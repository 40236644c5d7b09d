"""The checkpoint of a month: written by its first run that can, after all that is sent, and never owed.

Records end by their age, and a lot may live on. What a run writes here is kept, and a rebuild can begin with it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from trader.cycle.run_state import RunState
from trader.errors import AuditError
from trader.model.checkpoints import Checkpoint, find_month, leave_out_caches
from trader.model.commands import Command
from trader.model.events import AuditNote, EventKind
from trader.model.frozen import replace
from trader.model.ids import Instant
from trader.model.ledger import Ledger
from trader.ports import Ports

#: With less than this left, a later run writes it: it is a whole month early enough.
_SPARE_SECONDS = 30


def note_month(ledger: Ledger, ports: Ports, now: Instant) -> Ledger:
    """Note the month of books whose record begins with this very run: it can be told from its beginning."""
    if ports.audit is None or ledger.audit_head or ledger.checkpoint:
        return ledger
    return replace(ledger, checkpoint=find_month(now))


def write_checkpoint(run: RunState) -> None:
    """Store the books as this run found them, unless its month has a checkpoint, and note which object that is.

    They are what the run before committed, so nothing of this run waits for it. It is tried once and in a few seconds;
    if it fails, if records cannot be stored anyway, or somebody has asked for something meanwhile, the next run tries.
    """
    audit, before, month = run.ports.audit, run.before, find_month(run.began_at)
    if audit is None or run.ledger.checkpoint >= month:
        return
    is_disturbed = run.records.is_owing or run.grant.commands != run.commands
    if is_disturbed or not run.time.has_time(_SPARE_SECONDS):
        return
    record = Checkpoint(month, leave_out_caches(before), _list_commands(run)).make_record()
    with contextlib.suppress(AuditError):
        digest = audit.write(record, urgent=True)
        body = {
            "month": month,
            "key": record.key,
            "digest": digest,
            "bytes": len(record.body.encode()),
            "head": before.audit_head,
            "lots": sorted(before.lots),
        }
        run.notes.append(AuditNote(EventKind.CHECKPOINT_WRITTEN, month, body))
        run.ledger = replace(run.ledger, checkpoint=month)


def _list_commands(run: RunState) -> Mapping[str, Command]:
    """List the commands that stand and that runs before this one have acted on; newer ones are on record from now."""
    applied = run.before.applied_commands
    return {slot: each for slot, each in run.commands.slots.items() if not each.is_newer(applied.get(slot))}
