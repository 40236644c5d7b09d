"""What a run carries from the lease to the last write."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field

from trader.cycle.records import Records
from trader.cycle.report import CycleOutcome, CycleReport
from trader.cycle.run_time import RunTime
from trader.errors import StoreUnavailable
from trader.model.commands import StandingCommands
from trader.model.cycle_state import CycleMark, CyclePhase, RunMark
from trader.model.decisions import Decision
from trader.model.events import AuditNote
from trader.model.frozen import replace
from trader.model.ids import ClientOrderId, Instant
from trader.model.inputs import CycleInputs, Tick
from trader.model.ledger import Ledger
from trader.model.order_record import OrderRecord
from trader.model.orders import Fill
from trader.ports import LeaseGrant, Ports
from trader.stages.audit_record import record_bars, record_decision
from trader.stages.commands import find_over, mark_applied
from trader.stages.pipeline import Pipeline
from trader.stages.reconcile.account import Reconciled

#: So much is remembered of why a run ended as it did; the record has all of it.
_REASON_MAX = 200


@dataclass(slots=True)
class RunState:
    """The state of one cycle while it runs: what is ours by lease, and what is to be written down.

    ``commands`` are those that it decides by. Newer ones may keep it from sending something; they are not acted on
    until another run decides by them.
    """

    tick: Tick
    pipeline: Pipeline
    ports: Ports
    time: RunTime
    began_at: Instant
    grant: LeaseGrant
    before: Ledger
    ledger: Ledger
    records: Records
    commands: StandingCommands
    notes: list[AuditNote] = field(default_factory=list)
    pending_fills: list[Fill] = field(default_factory=list)
    all_fills: list[Fill] = field(default_factory=list)
    finished: list[OrderRecord] = field(default_factory=list)
    decision: Decision | None = None
    withheld_exits: dict[ClientOrderId, str] = field(default_factory=dict)
    exposed: dict[ClientOrderId, str] = field(default_factory=dict)
    strange: dict[ClientOrderId, str] = field(default_factory=dict)
    inputs: CycleInputs | None = None
    written: int = 0
    turns: int = 0

    def adopt(self, done: Reconciled) -> None:
        """Adopt what a reconciliation found."""
        self.ledger = done.ledger
        self.keep(done)
        self.notes += done.notes

    def keep(self, done: Reconciled) -> None:
        """Remember what must be stored beside the ledger."""
        self.pending_fills += done.new_fills
        self.all_fills += done.new_fills
        self.finished += done.finished

    def decide(self, inputs: CycleInputs, decision: Decision) -> None:
        """Adopt a decision, and note what it was made from where somebody keeps that."""
        self.decision, self.ledger = decision, decision.ledger
        if self.tick.decides:
            self.inputs = inputs
        if self.ports.audit is None:
            self.notes += decision.notes
        else:
            settings, version = self.pipeline.settings, self.ports.identity.code_version
            self.notes += record_decision(inputs, decision, settings.digest, version, settings.evidence.digest)

    def write_audit(self, part: str, *, urgent: bool = False, may_owe: bool = True) -> None:
        """Store what was noted since the last time as one audit object, or owe it, and make it the head of the chain.

        Raises: AuditError if it may not be owed.
        """
        notes, self.written = self.notes[self.written :], len(self.notes)
        self.ledger = self.records.write(self.ledger, part, notes, urgent=urgent, may_owe=may_owe)

    def note_bars(self) -> None:
        """Note the bars that a tick decided on: last of all, so that nothing that is sent waits for so many of them."""
        if self.inputs is not None and self.ports.audit is not None:
            notes, on_record = record_bars(self.inputs, self.before)
            self.notes += notes
            self.ledger = replace(self.ledger, bars_on_record=on_record)

    def announce(self, ledger: Ledger) -> Ledger:
        """Store what a turn noted, and the ledger that remembers what it is about to send; return it as committed.

        Raises: VersionConflict, StoreUnavailable.
        """
        self.ledger, self.turns = ledger, self.turns + 1
        self.write_audit(f"turn{self.turns}", urgent=True)
        self.commit(phase=CyclePhase.COMMITTED)
        return self.ledger

    def commit_turn(self, ledger: Ledger) -> None:
        """Store the ledger in the middle of acting. Raises: VersionConflict, StoreUnavailable."""
        self.ledger = ledger
        self.commit(phase=CyclePhase.COMMITTED)

    def apply_commands(self) -> None:
        """Remember which commands this run has acted on; empty the slots whose business is over."""
        is_cleared = self.decision is not None and self.decision.equity is not None
        self.ledger, notes = mark_applied(self.ledger, self.commands, self.tick.cycle_id, is_cleared=is_cleared)
        self.notes += notes
        if over := find_over(self.ledger, self.commands, self.ports.clock.now()):
            # What cannot be emptied now is emptied by a later run.
            with contextlib.suppress(StoreUnavailable):
                self.grant = self.ports.store.drop_commands(self.grant, over)
                self.commands = self.commands.without(over)

    def mark_finished(self, outcome: CycleOutcome, reason: str) -> None:
        """Remember this run as the last that finished, and how."""
        ended_at = self.ports.clock.now()
        mark = RunMark(self.tick.cycle_id, self.began_at, ended_at, outcome.value, reason[:_REASON_MAX])
        self.ledger = replace(self.ledger, last_run=mark, last_cycle=self._mark(CyclePhase.FINISHED))

    def _mark(self, phase: CyclePhase) -> CycleMark | None:
        # Only a tick decides; the mark of the last one stays.
        return CycleMark(self.tick.cycle_id, phase) if self.tick.decides else self.ledger.last_cycle

    def renew_commands(self) -> None:
        """Read the commands once more, before anything is sent; those that are known stand if that fails."""
        with contextlib.suppress(StoreUnavailable):
            self.grant = self.ports.store.renew_commands(self.grant)

    def commit(self, *, phase: CyclePhase, release: bool = False) -> None:
        """Store the ledger under our lease. Raises: VersionConflict, StoreUnavailable."""
        mark = self._mark(phase)
        if mark != self.ledger.last_cycle:
            self.ledger = replace(self.ledger, last_cycle=mark)
        owed, repaid = self.records.take()
        self.grant = self.ports.store.commit(
            self.grant,
            self.ledger,
            fills=self.pending_fills,
            finished=self.finished,
            owed=owed,
            repaid=repaid,
            release=release,
        )
        self.pending_fills, self.finished = [], []

    def report(self, outcome: CycleOutcome, reason: str = "") -> CycleReport:
        """Close the books of this invocation."""
        fills, notes = tuple(self.all_fills), tuple(self.notes)
        return CycleReport(
            tick=self.tick,
            outcome=outcome,
            reason=reason,
            before=self.before,
            after=self.ledger,
            decision=self.decision,
            new_fills=fills,
            notes=notes,
            withheld_exits=self.withheld_exits,
            exposed=self.exposed,
            ledger_bytes=self.grant.size_bytes,
            is_outdated=self.grant.is_outdated or self.grant.commands != self.commands,
        )
