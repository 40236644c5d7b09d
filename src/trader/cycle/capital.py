"""The capital at the begin of a run: a change of the setting is a flow, a change of the stored number is none."""

from __future__ import annotations

from trader.cycle.run_state import RunState
from trader.model.events import AuditNote, EventKind
from trader.model.frozen import replace
from trader.model.money import Notional
from trader.model.portfolio import record_flow
from trader.stages.reconcile.cash import note_negative

UNPROVEN = "the books' cash is not what their fills and flows make it"


def record_capital_change(run: RunState) -> None:
    """Record a change of the configured capital as the flow it is.

    In books whose own sums do not agree no flow is recorded: it would turn a number that somebody changed into a
    payment, which every equity mark and the audit then follow. They wait until they are what they were, or made anew.
    """
    before, capital = run.ledger, Notional(run.pipeline.settings.app.capital)
    if before.capital == capital and before.recorded_capital != capital:
        # Books of a release that did not remember it, or one that has changed it since.
        run.ledger = replace(before, recorded_capital=capital)
    if (unproven := run.ledger.unproven) is not None:
        run.notes.append(AuditNote(EventKind.MISMATCH_FOUND, "books", {"reason": UNPROVEN, **unproven}))
        return
    if (change := Notional(capital - before.capital)) == 0:
        return
    run.notes.append(AuditNote(EventKind.FLOW_RECORDED, str(capital), {"change": change}))
    run.ledger = record_flow(run.ledger, change)
    run.notes += note_negative(before.cash, run.ledger)
