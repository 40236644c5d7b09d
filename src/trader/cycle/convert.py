"""Convert one quote asset into another, for the entries that need it: at most once each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trader.errors import VenueAuth, VenueError, VenueProtocol
from trader.model.conversions import ConversionRecord, ConversionStatus
from trader.model.events import AuditNote, EventKind
from trader.model.frozen import replace
from trader.model.orders import OrderPurpose, Rejected
from trader.model.refusals import RefusalClass
from trader.stages.submission import refuse_conversion

if TYPE_CHECKING:
    from trader.cycle.act import Executor


def convert_all(hands: Executor) -> None:
    """Quote, remember the venue's id, then commit: committing is not idempotent, so it happens at most once."""
    is_newer = hands.ledger.newer is not None
    for record in tuple(hands.ledger.conversions.values()):
        if record.status is not ConversionStatus.INTENDED or not hands.is_recorded or is_newer:
            continue
        if not (hands.may_send(OrderPurpose.ENTRY) and hands.time.has_time(hands.time.order_seconds())):
            continue
        _convert(hands, record)
    if any(record.is_open for record in hands.ledger.conversions.values()):
        hands.refresh()


def _convert(hands: Executor, record: ConversionRecord) -> None:
    subject = record.intent.conversion_id
    try:
        venue_id = hands.exchange.quote_conversion(record.intent)
    except VenueError as error:
        # Only a question was asked: nothing has moved, whatever became of it. The next entry asks for itself.
        is_no = isinstance(error, VenueProtocol | VenueAuth)
        kind = RefusalClass.PERMISSION if is_no else RefusalClass.EDGE
        now, refused = hands.ports.clock.now(), Rejected(str(error), kind)
        failed = replace(record, status=ConversionStatus.FAILED, final_at=now)
        hands.ledger = refuse_conversion(hands.ledger, failed, refused, now, hands.settings.execution)
        body = {"conversion": failed, "report": None, "refused": refused}
        hands.notes.append(AuditNote(EventKind.CONVERSION_OBSERVED, f"{subject}|{failed.status}", body))
        return
    try:
        hands.ledger = hands.ledger.with_conversion(
            replace(record, status=ConversionStatus.QUOTED, venue_conversion_id=venue_id)
        )
        hands.commit(hands.ledger)
        hands.exchange.commit_conversion(venue_id, record.intent)
    except VenueError as error:
        hands.notes.append(_doubt(record, error))


def _doubt(record: ConversionRecord, error: VenueError) -> AuditNote:
    body = {"conversion": record.intent, "error": str(error)}
    return AuditNote(EventKind.CONVERSION_OBSERVED, f"{record.intent.conversion_id}|doubt", body)
