"""What a decision looks like on paper: the events of one cycle, in the order of the chain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from trader.errors import DataError
from trader.model.decisions import Decision
from trader.model.events import AuditEvent, EventKind
from trader.model.facts import Facts
from trader.model.ids import CycleId, Instant

#: kind, subject, body
Note = tuple[str, str, Mapping[str, Any]]


def events_of(notes: Iterable[Note], cycle_id: CycleId, at: Instant) -> tuple[AuditEvent, ...]:
    """Stamp notes with their cycle."""
    return tuple(AuditEvent(EventKind(kind), cycle_id, at, subject, body) for kind, subject, body in notes)


def decision_notes(facts: Facts, decision: Decision, config_digest: str, code_version: str) -> tuple[Note, ...]:
    """Write down the facts by digest, each stage's conclusion, every verdict and every intent.

    Orders are announced here, before any leaves: an order without such a line must not exist.
    """
    bars = {
        product_id: str(series) if isinstance(series, DataError) else series.digest
        for product_id, series in facts.bars.items()
    }
    review = decision.review
    notes: list[Note] = [
        *decision.notes,
        (
            EventKind.FACTS_GATHERED,
            "facts",
            {
                "config": config_digest,
                "code": code_version,
                "now": facts.now,
                "scheduled_at": facts.scheduled_at,
                "switch": facts.switch,
                "fees": facts.fees,
                "quotes": list(facts.quotes.values()),
                "bars": bars,
                "benchmark": facts.benchmark if isinstance(facts.benchmark, DataError) else facts.benchmark.digest,
                "depth": list(facts.depth.values()),
                "available": facts.available,
            },
        ),
        (EventKind.REGIME_ASSESSED, "regime", {"regime": decision.regime, "memory": decision.ledger.regime}),
        (EventKind.UNIVERSE_SELECTED, "universe", {"membership": decision.ledger.membership}),
        (EventKind.TRIGGERS_DETECTED, "triggers", {"triggers": decision.triggers}),
        (
            EventKind.STRATEGIES_PROPOSED,
            "strategies",
            {"proposals": decision.proposals, "runs": decision.ledger.strategy_runs},
        ),
        (
            EventKind.RISK_CHECKED,
            "risk",
            {
                "equity": decision.equity,
                "marks": decision.ledger.marks,
                "health": decision.ledger.health,
                "drawdown_halt": decision.ledger.drawdown_halt,
                "trims": review.trims,
            },
        ),
        (EventKind.EXECUTION_PLANNED, "execution", {"cancels": decision.plan.cancels, "trims": decision.plan.trims}),
    ]
    notes += [(EventKind.VERDICT_GIVEN, verdict.product_id, {"verdict": verdict}) for verdict in decision.verdicts]
    plan = decision.plan
    notes += [(EventKind.ORDER_INTENDED, convert.convert_id, {"convert": convert}) for convert in plan.converts]
    notes += [(EventKind.ORDER_INTENDED, intent.client_order_id, {"intent": intent}) for intent in plan.intents]
    return tuple(notes)
