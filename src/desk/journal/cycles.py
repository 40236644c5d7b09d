"""How runs ended, a row each: what they sent, what was filled, what the equity was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from desk.journal.decisions import CycleOutline, RecordedDecision
from desk.journal.runs import STANDINGS, Journal, RunRecord, Standing
from trader.model.cycle_state import RunMark
from trader.model.events import EventKind
from trader.model.ids import Instant, rfc3339
from trader.settings import Settings


def describe_cycles(
    journal: Journal, since: Instant | None, settings: Settings, product: str = ""
) -> Iterator[dict[str, Any]]:
    """Tell every run that left a record, newest first; of the last one the ledger knows how it ended.

    With a *product*, or its base asset, also what each decided about it; then the others are left out.
    Ticks, watch runs, commands and repairs alike; those that died before their decision counted say so.
    """
    for run in journal.iterate_runs(since=since):
        decision = RecordedDecision(run)
        verdict = _find_verdict(decision, product)
        if product and verdict is None:
            continue
        outline = _outline(decision, journal.last_run, settings)
        submitted = [*run.list_events(EventKind.ORDER_SUBMITTED)]
        yield {
            "run": run.cycle_id,
            "at": rfc3339(run.at),
            "epoch": run.epoch,
            "outcome": outline.outcome,
            "reason": outline.reason,
            "orders_sent": len(submitted),
            "orders_refused": sum(event.body.get("as") == "Rejected" for event in submitted),
            "fills": sum(1 for _ in run.list_events(EventKind.FILL_APPLIED)),
            "equity": decision.risk.get("equity"),
            "regime": run.find_body(EventKind.REGIME_ASSESSED).get("regime"),
            "trading_state": decision.inputs.get("trading_state"),
            "standing": run.standing.value,
            "verdict": verdict,
        }


def _find_verdict(decision: RecordedDecision, product: str) -> str | None:
    wanted = product.strip().upper()
    for name, verdict in decision.verdicts().items() if wanted else ():
        if wanted in (name.upper(), name.upper().rpartition("-")[0]):
            return f"{verdict.get('outcome')} {verdict.get('code') or ''}".rstrip()
    return None


def _outline(decision: RecordedDecision, last: RunMark | None, settings: Settings) -> CycleOutline:
    run = decision.run
    if run.standing is Standing.ORPHANED:
        return CycleOutline("DIED", STANDINGS[Standing.ORPHANED])
    if last is not None and last.run_id == run.cycle_id and run.standing is Standing.COMMITTED:
        return CycleOutline(last.outcome, last.reason)
    if run.standing is Standing.OPEN:
        return CycleOutline("OPEN", STANDINGS[Standing.OPEN])
    if not decision.inputs and not any(run.list_events(EventKind.CYCLE_SETTLED)):
        return CycleOutline(_name_part(run), "")
    return decision.outline(settings)


def _name_part(run: RunRecord) -> str:
    """Name what a run wrote that decided nothing: the end of an earlier one, or an operator's repair."""
    part = run.objects[0].part
    return "RESUMED" if part in ("decision", "outcome") or part.startswith("turn") else part.upper()
