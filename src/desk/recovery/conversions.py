"""What the audit says of conversions, told again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from trader.model.codec import decode_told
from trader.model.conversions import ConversionIntent, ConversionRecord, ConversionReport, ConversionStatus
from trader.model.orders import Rejected
from trader.stages.submission import refuse_conversion

if TYPE_CHECKING:
    from desk.recovery.replay import Replay


def read_conversion_report(replay: Replay, body: Mapping[str, Any]) -> ConversionReport | None:
    """Retell one event about a conversion; return what the venue said of it, which the reconciliation books."""
    if "error" in body:
        intent: ConversionIntent = decode_told(ConversionIntent, body["conversion"])
        replay.doubtful[intent.conversion_id] = intent
        return None
    record: ConversionRecord = decode_told(ConversionRecord, body["conversion"])
    replay.doubtful.pop(record.intent.conversion_id, None)
    if body["report"] is None:
        # Given up without the venue's word, or refused: it never got as far as a quote.
        replay.ledger = replay.ledger.with_conversion(record)
        if "refused" in body and record.final_at is not None:
            refused, rules = decode_told(Rejected, body["refused"]), replay.settings.execution
            replay.ledger = refuse_conversion(replay.ledger, record, refused, record.final_at, rules)
        return None
    # Opened again, so that the venue's word on it moves the cash.
    replay.ledger = replay.ledger.with_conversion(replace(record, status=ConversionStatus.QUOTED, final_at=None))
    report: ConversionReport = decode_told(ConversionReport, body["report"])
    return report
