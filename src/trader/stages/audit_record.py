"""What a decision looks like on paper: the events of one cycle, in the order of the chain."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import Any

from trader.errors import DataError
from trader.model.cycle_state import ProductCache
from trader.model.decisions import Decision
from trader.model.events import AuditEvent, AuditNote, EventKind
from trader.model.frozen import replace
from trader.model.ids import Asset, CycleId, Instant, utc_day
from trader.model.inputs import CycleInputs
from trader.model.ledger import Ledger
from trader.model.market import Bars

#: Under this name the benchmark's series is on record; it may be that of a product, too.
BENCHMARK = "benchmark"
#: Between the product and the bars in the name of a series that strategies need of their own.
_MARK = " "
_DAY_LENGTH = len("20261122")


def stamp_notes(notes: Iterable[AuditNote], cycle_id: CycleId, at: Instant) -> tuple[AuditEvent, ...]:
    """Stamp notes with their cycle."""
    return tuple(AuditEvent(note.kind, cycle_id, at, note.subject, note.body) for note in notes)


def record_unlisted(before: ProductCache | None, after: ProductCache | None) -> tuple[AuditNote, ...]:
    """Name the assets that the venue does not list: when its list is read first on a day, or one is newly gone.

    They have no verdict, unless they are held.
    """
    if after is None or (before is not None and before.fetched_at == after.fetched_at):
        return ()
    told: tuple[Asset, ...] = ()
    if before is not None and utc_day(before.fetched_at) == utc_day(after.fetched_at):
        told = before.unlisted
    if set(after.unlisted) <= set(told):
        return ()
    return (AuditNote(EventKind.PRODUCTS_UNLISTED, "unlisted", {"bases": after.unlisted}),)


def open_day(ledger: Ledger, cycle_id: CycleId) -> Ledger:
    """Let a tick that begins a UTC day have no bars on record, so that each day's records can be replayed on their own.

    It is the ledger that forgets them, whatever comes of the tick: the next one, if that one writes none.
    """
    mark = ledger.last_cycle
    if mark is not None and mark.cycle_id[:_DAY_LENGTH] == cycle_id[:_DAY_LENGTH]:
        return ledger
    return replace(ledger, bars_on_record={})


def record_bars(inputs: CycleInputs, before: Ledger) -> tuple[tuple[AuditNote, ...], Mapping[str, Instant]]:
    """Write down the bars that the audit does not have yet, and say up to which bar of each series it has them then.

    What was not read is not on record any more: the series begins anew when it is read again. What strategies need of
    their own stays on record for the day, since they are not asked in every cycle.
    """
    known, own = before.bars_on_record, _name_strategy_bars(inputs)
    read: list[tuple[str, Bars | DataError]] = [*inputs.bars.items(), *own.items(), (BENCHMARK, inputs.benchmark)]
    series = {name: bars for name, bars in read if isinstance(bars, Bars)}
    notes = [
        AuditNote(EventKind.BARS_READ, name, _columns(name, bars, first))
        for name, bars in series.items()
        if (first := _count_known(bars, known.get(name))) < len(bars)
    ]
    kept = {name: last for name, last in known.items() if _MARK in name and name not in own}
    return tuple(notes), kept | {name: Instant(bars.start[-1]) for name, bars in series.items() if len(bars)}


def _name_strategy_bars(inputs: CycleInputs) -> Mapping[str, Bars | DataError]:
    """Name the bars that only some strategies need, as ``BTC-USD ONE_DAY x 160``: a product's id alone has no space."""
    return {
        f"{product_id}{_MARK}{need}": found
        for need, series in inputs.strategy_bars.items()
        for product_id, found in series.items()
    }


def _count_known(bars: Bars, last: Instant | None) -> int:
    """Count the bars up to the one that is on record; none if it is not among these, so that there would be a gap."""
    place = bisect_left(bars.start, last) if last is not None else len(bars)
    return place + 1 if place < len(bars) and bars.start[place] == last else 0


def _columns(name: str, bars: Bars, first: int) -> Mapping[str, Any]:
    # As text: a column is written at once, ten times as fast as number by number.
    columns = {
        column: " ".join(map(repr, getattr(bars, column)[first:]))
        for column in ("open", "high", "low", "close", "volume")
    }
    return {
        "series": name,
        "granularity": bars.granularity,
        "begins": bars.start[0],
        "from": bars.start[first],
        "filled": bars.filled,
        **columns,
    }


def record_decision(
    inputs: CycleInputs, decision: Decision, config_digest: str, code_version: str, evidence_digest: str = ""
) -> tuple[AuditNote, ...]:
    """Write down the inputs by digest, each stage's conclusion, every verdict and every intent.

    Orders are announced here, before any leaves: an order without such a line must not exist.
    """
    ledger, plan, reading = decision.ledger, decision.plan, decision.reading
    regime = {
        "regime": decision.regime,
        "state": ledger.regime,
        "raw": reading.raw,
        "trend_pct": reading.trend_pct,
        "volatility_pct": reading.volatility_pct,
    }
    risk = {
        "complete": decision.complete,
        "equity": decision.equity,
        "equity_marks": ledger.equity_marks,
        "old_marks": decision.old_marks,
        "failure_streak": ledger.failure_streak,
        "drawdown_halt": ledger.drawdown_halt,
        "size_multiplier": decision.size_multiplier,
        "trims": decision.review.trims,
    }
    proposed = {"proposals": decision.proposals, "runs": ledger.strategy_runs}
    planned = {"cancels": plan.cancels, "trims": plan.trims}
    announced: list[tuple[str, Mapping[str, Any]]] = [
        (conversion.conversion_id, {"conversion": conversion}) for conversion in plan.conversions
    ]
    announced += [(intent.client_order_id, {"intent": intent}) for intent in (*plan.intents, *plan.covers)]
    return (
        *decision.notes,
        AuditNote(EventKind.INPUTS_GATHERED, "inputs", _inputs(inputs, config_digest, code_version, evidence_digest)),
        AuditNote(EventKind.REGIME_ASSESSED, "regime", regime),
        AuditNote(EventKind.UNIVERSE_SELECTED, "universe", {"membership": ledger.membership}),
        AuditNote(EventKind.TRIGGERS_DETECTED, "triggers", {"triggers": decision.triggers}),
        AuditNote(EventKind.STRATEGIES_PROPOSED, "strategies", proposed),
        AuditNote(EventKind.RISK_CHECKED, "risk", risk),
        AuditNote(EventKind.EXECUTION_PLANNED, "execution", planned),
        *(AuditNote(EventKind.VERDICT_GIVEN, each.product_id, {"verdict": each}) for each in decision.verdicts),
        *(AuditNote(EventKind.PARENT_PLANNED, each.parent_id, {"parent": each}) for each in plan.parents),
        *(AuditNote(EventKind.ORDER_INTENDED, subject, body) for subject, body in announced),
    )


def _inputs(inputs: CycleInputs, config_digest: str, code_version: str, evidence_digest: str) -> Mapping[str, Any]:
    bars = {
        name: str(series) if isinstance(series, DataError) else series.digest
        for name, series in (*inputs.bars.items(), *_name_strategy_bars(inputs).items())
    }
    return {
        "config": config_digest,
        "evidence": evidence_digest,
        "portfolio": inputs.ledger.portfolio,
        "code": code_version,
        "now": inputs.now,
        "scheduled_at": inputs.scheduled_at,
        "trading_state": inputs.trading_state,
        "commands": {slot: each.text() for slot, each in inputs.commands.slots.items()},
        "fees": inputs.fees,
        "quotes": list(inputs.quotes.values()),
        "bars": bars,
        "benchmark": inputs.benchmark if isinstance(inputs.benchmark, DataError) else inputs.benchmark.digest,
        "depth": list(inputs.depth.values()),
        "available": inputs.available,
        "cash_shortage": inputs.ledger.cash_shortage,
        "failures": inputs.failures,
        "causes": inputs.causes,
        "ledger_bytes": inputs.ledger_bytes,
        "ledger_bytes_max": inputs.ledger_bytes_max,
    }
