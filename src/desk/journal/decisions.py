"""What one cycle put on record about a product, read with care: a record may be of an older or a newer release."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from desk.journal.runs import RunRecord
from desk.journal.words import read_decimal
from trader.model.denials import DenialCode
from trader.model.events import EventKind
from trader.model.money import BPS
from trader.model.trading_state import TradingState
from trader.settings import Settings
from trader.stages.universe.checks import DATA_FAILURES


@dataclass(frozen=True, slots=True)
class CycleOutline:
    """How a cycle ended, as far as its record tells; ``reason`` says why where it did not simply complete."""

    outcome: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RecordedDecision:
    """The record of one cycle, and the runs that finished what it had decided, opened for questions."""

    run: RunRecord
    later: tuple[RunRecord, ...] = ()

    @property
    def inputs(self) -> Mapping[str, Any]:
        """What it was decided on."""
        return self.run.find_body(EventKind.INPUTS_GATHERED)

    @property
    def risk(self) -> Mapping[str, Any]:
        """What risk looked at."""
        return self.run.find_body(EventKind.RISK_CHECKED)

    def verdicts(self) -> dict[str, Mapping[str, Any]]:
        """Return the verdict on each product that was considered."""
        found = (_get(event.body, "verdict") for event in self.run.list_events(EventKind.VERDICT_GIVEN))
        return {str(each.get("product_id")): each for each in found if each}

    def quote(self, product: str) -> Mapping[str, Any]:
        """Return bid, ask, spread in basis points and age in seconds of a product's quote; nothing if none was read."""
        rows = self.inputs.get("quotes")
        found = next((row for row in _rows(rows) if row.get("product_id") == product), None)
        bid, ask = (read_decimal(found.get(name)) if found else None for name in ("bid", "ask"))
        if found is None or bid is None or ask is None:
            return {}
        told: dict[str, Any] = {"bid": bid, "ask": ask}
        if bid + ask > 0:
            told["spread_bps"] = (ask - bid) / ((ask + bid) / 2) * BPS
        if isinstance(found.get("time"), int) and isinstance(self.inputs.get("now"), int):
            told["age_seconds"] = self.inputs["now"] - found["time"]
        return told

    def triggers(self, product: str) -> list[Mapping[str, Any]]:
        """List the triggers that a product went on with."""
        rows = self.run.find_body(EventKind.TRIGGERS_DETECTED).get("triggers")
        return [row for row in _rows(rows) if row.get("product_id") == product]

    def proposals(self, product: str) -> list[Mapping[str, Any]]:
        """List the proposals for a product that went on to risk."""
        rows = self.run.find_body(EventKind.STRATEGIES_PROPOSED).get("proposals")
        return [row for row in _rows(rows) if row.get("product_id") == product]

    def trims(self, product: str) -> list[Mapping[str, Any]]:
        """List what was made smaller of them, by risk and then by execution."""
        rows = [*_rows(self.risk.get("trims"))]
        rows += _rows(self.run.find_body(EventKind.EXECUTION_PLANNED).get("trims"))
        return [row for row in rows if _get(row, "proposal").get("product_id") == product]

    def membership(self, product: str) -> Mapping[str, Any]:
        """Return whether a product is in the universe, and for how many cycles the checks have said otherwise."""
        return _get(_get(self.run.find_body(EventKind.UNIVERSE_SELECTED), "membership"), product)

    def orders(self, product: str) -> list[tuple[Mapping[str, Any], str]]:
        """List the orders that were announced for a product, each with what became of it by the end of the run."""
        told = []
        for run in (self.run, *self.later):
            for event in run.list_events(EventKind.ORDER_INTENDED):
                intent = _get(event.body, "intent")
                if intent.get("product_id") == product:
                    told.append((intent, self._fate(str(intent.get("client_order_id")))))
        return told

    def _fate(self, order_id: str) -> str:
        """Say what the record has of an order, the newest last."""
        kinds = EventKind.ORDER_WITHHELD, EventKind.ORDER_SUBMITTED, EventKind.ORDER_OBSERVED, EventKind.FILL_APPLIED
        fate, filled = "", Decimal(0)
        for run in (self.run, *self.later):
            for event in run.list_events(*kinds):
                if event.body.get("order") != order_id:
                    continue
                if event.kind == EventKind.ORDER_WITHHELD:
                    fate = f"not sent: {event.body.get('reason', '')}"
                elif event.kind == EventKind.ORDER_SUBMITTED:
                    why = _get(event.body, "submission").get("reason")
                    fate = f"{event.body.get('as')}" + (f": {why}" if why else "")
                elif event.kind == EventKind.ORDER_OBSERVED:
                    fate = str(event.body.get("is", fate))
                else:
                    filled += read_decimal(_get(event.body, "fill").get("quantity")) or 0
        return f"{fate}, filled {filled:f}" if filled else fate

    def outline(self, settings: Settings | None = None) -> CycleOutline:
        """Tell how the cycle ended: what it wrote says so, but for a sale that was due and did not leave.

        How many products' data may fail the *settings* say, if they are those of the record.
        """
        run = self.run
        for event in run.list_events(EventKind.CYCLE_SETTLED):
            return CycleOutline("ABSTAINED", str(event.body.get("reason", "")))
        if self.inputs.get("trading_state") == TradingState.HALT:
            return CycleOutline("HALTED", "the kill switch said HALT or could not be read")
        bare = [
            f"lot {event.body.get('lot')} is neither covered nor being sold: {event.body.get('reason')}"
            for each in (run, *self.later)
            for event in each.list_events(EventKind.LOT_EXPOSED)
        ]
        if bare:
            return CycleOutline("ABORTED", "; ".join(bare))
        began = any(True for _ in run.list_events(EventKind.SENDING_BEGUN))
        ended = any(each.part == "outcome" for every in (run, *self.later) for each in every.objects) or self.later
        if began and not ended:
            return CycleOutline("UNFINISHED", "it began to send, and no outcome of it is on record")
        if cause := self._find_missing(settings):
            return CycleOutline("ABSTAINED", f"too much market data is missing for any entry: {cause}")
        return CycleOutline("COMPLETED")

    def _find_missing(self, settings: Settings | None) -> str:
        """Say what was missing, if it was so much that nothing could be entered; else nothing."""
        is_complete = next((each.body.get("complete") for each in self.run.list_events(EventKind.RISK_CHECKED)), None)
        if is_complete:
            return ""
        for failure in self.inputs.get("failures") or ():
            return str(failure)
        codes = [(product, each.get("code")) for product, each in self.verdicts().items()]
        failed = [f"{product}: {code}" for product, code in codes if code in DATA_FAILURES]
        known = sum(code != DenialCode.PRODUCT_MISSING for _, code in codes)
        is_of_now = settings is not None and settings.digest == self.inputs.get("config")
        if settings is not None and is_of_now and known and len(failed) / known > settings.universe.failures_max_ratio:
            return failed[0]
        refused = (each for each in self.verdicts().values() if each.get("code") == DenialCode.DATA_INCOMPLETE)
        return next((str(_get(each, "details").get("cause", "nobody knows why")) for each in refused), "")


def iterate_decisions(runs: Iterator[RunRecord]) -> Iterator[RecordedDecision]:
    """Put the runs of each cycle together, newest cycle first: a run may have finished what another decided."""
    later: list[RunRecord] = []
    for run in runs:
        if not run.counts:
            continue
        later = [each for each in later if each.cycle_id == run.cycle_id]
        if run.is_cycle:
            yield RecordedDecision(run, tuple(reversed(later)))
            later = []
        else:
            later.append(run)


def _get(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = body.get(name)
    return found if isinstance(found, dict) else {}


def _rows(found: Any) -> list[Mapping[str, Any]]:
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []
