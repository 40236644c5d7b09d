"""What a decision looks like on paper: the events of one cycle, in the order of the chain."""

from __future__ import annotations

from collections.abc import Iterable

from trader.errors import DataError
from trader.model.decisions import Decision
from trader.model.events import AuditEvent, AuditNote, EventKind
from trader.model.ids import CycleId, Instant
from trader.model.inputs import CycleInputs


def stamp_notes(notes: Iterable[AuditNote], cycle_id: CycleId, at: Instant) -> tuple[AuditEvent, ...]:
    """Stamp notes with their cycle."""
    return tuple(AuditEvent(note.kind, cycle_id, at, note.subject, note.body) for note in notes)


def record_decision(
    inputs: CycleInputs, decision: Decision, config_digest: str, code_version: str
) -> tuple[AuditNote, ...]:
    """Write down the facts by digest, each stage's conclusion, every verdict and every intent.

    Orders are announced here, before any leaves: an order without such a line must not exist.
    """
    bars = {
        product_id: str(series) if isinstance(series, DataError) else series.digest
        for product_id, series in inputs.bars.items()
    }
    review = decision.review
    notes: list[AuditNote] = [
        *decision.notes,
        AuditNote(
            EventKind.INPUTS_GATHERED,
            "facts",
            {
                "config": config_digest,
                "code": code_version,
                "now": inputs.now,
                "scheduled_at": inputs.scheduled_at,
                "trading_state": inputs.trading_state,
                "fees": inputs.fees,
                "quotes": list(inputs.quotes.values()),
                "bars": bars,
                "benchmark": inputs.benchmark if isinstance(inputs.benchmark, DataError) else inputs.benchmark.digest,
                "depth": list(inputs.depth.values()),
                "available": inputs.available,
            },
        ),
        AuditNote(EventKind.REGIME_ASSESSED, "regime", {"regime": decision.regime, "state": decision.ledger.regime}),
        AuditNote(EventKind.UNIVERSE_SELECTED, "universe", {"membership": decision.ledger.membership}),
        AuditNote(EventKind.TRIGGERS_DETECTED, "triggers", {"triggers": decision.triggers}),
        AuditNote(
            EventKind.STRATEGIES_PROPOSED,
            "strategies",
            {"proposals": decision.proposals, "runs": decision.ledger.strategy_runs},
        ),
        AuditNote(
            EventKind.RISK_CHECKED,
            "risk",
            {
                "equity": decision.equity,
                "equity_marks": decision.ledger.equity_marks,
                "failure_streak": decision.ledger.failure_streak,
                "drawdown_halt": decision.ledger.drawdown_halt,
                "trims": review.trims,
            },
        ),
        AuditNote(
            EventKind.EXECUTION_PLANNED, "execution", {"cancels": decision.plan.cancels, "trims": decision.plan.trims}
        ),
    ]
    notes += [
        AuditNote(EventKind.VERDICT_GIVEN, verdict.product_id, {"verdict": verdict}) for verdict in decision.verdicts
    ]
    plan = decision.plan
    notes += [
        AuditNote(EventKind.ORDER_INTENDED, conversion.conversion_id, {"conversion": conversion})
        for conversion in plan.conversions
    ]
    notes += [
        AuditNote(EventKind.ORDER_INTENDED, intent.client_order_id, {"intent": intent}) for intent in plan.intents
    ]
    return tuple(notes)
