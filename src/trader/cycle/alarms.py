"""What a run tells the alarms: the sales and protections that are missing, and what else a person should look at.

A number that was not zero is remembered in the ledger before it is told, and forgotten only after zero was told: a
process may die in between, and an alarm that was never told that it is over would ring for ever.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from trader.cycle.run_state import RunState
from trader.model.capital import why_not_fund
from trader.model.denials import DenialCode
from trader.model.events import EventKind
from trader.model.frozen import replace
from trader.model.ids import Instant, cycle_id_at
from trader.model.ledger import Ledger
from trader.model.money import plain
from trader.model.portfolio import find_unbelieved
from trader.model.trading_state import TradingState
from trader.ports import Ports
from trader.stages.reconcile.ownership import await_person

#: Names of what rings; each is a metric.
EXPOSED, ATTENTION = "Exposed", "Attention"
_NAMES = (EXPOSED, ATTENTION)

#: Zero is told until so long after it last was not: an alarm that looks at minutes must see one of zeros only.
_APART_SECONDS = 120
#: An order of which nobody knows for so long whether the venue has it is looked for by a person.
_DOUBT_SECONDS = 900
#: One run that could not read the switch may have met a hiccup; the second in a row has not.
_UNREAD_SWITCHES = 2
_LONG_AGO = Instant(0)
#: What ends a refusal that concerns the money of the books.
_MONEY_ENDS = {
    DenialCode.LEDGER_UNPROVEN: "the books are made anew (trader ledger rebuild), or are what they were",
    DenialCode.CASH_NEGATIVE: "a sale, or a raised app.capital, has covered it",
    DenialCode.CAPITAL_MISSING: "it is back, or app.capital is lowered by it",
}

Found = Mapping[str, Sequence[str]]


def give_report(ports: Ports, name: str, found: Sequence[str] = ()) -> None:
    """Tell how many there are of what rings under a name, where anybody listens."""
    if ports.report is not None:
        ports.report(name, found)


def count_unread(ledger: Ledger, switch: TradingState | None) -> Ledger:
    """Count a run that could not read the switch; one that could ends the row."""
    unread = ledger.alarms.unread_switches + 1 if switch is None else 0
    if unread == ledger.alarms.unread_switches:
        return ledger
    return replace(ledger, alarms=replace(ledger.alarms, unread_switches=unread))


def list_attention(run: RunState) -> list[str]:
    """List what nothing is lost by yet and only a person can mend, each with its numbers."""
    return [
        *_list_money(run),
        *_list_doubts(run),
        *_list_oddities(run),
        *_list_failures(run),
        *_list_limits(run),
    ]


def note_suspects(run: RunState) -> None:
    """Take for told what may have been and the books do not know: they were made anew, or a tick never had them.

    The zero that ends it is then owed by whichever run knows, whatever becomes of this one.
    """
    tick, mark, alarms = run.tick, run.before.last_cycle, run.ledger.alarms
    period = run.pipeline.settings.cycle.period_seconds
    if mark is not None and run.before.last_run is not None:
        is_gap = tick.decides and mark.cycle_id < cycle_id_at(Instant(tick.scheduled_at - period))
        if not is_gap:
            return
    ringing = {**dict.fromkeys(_NAMES, _LONG_AGO), **alarms.ringing}
    run.ledger = replace(run.ledger, alarms=replace(alarms, ringing=ringing))


def note_zeros(run: RunState, found: Found, *, is_blind: bool) -> None:
    """Tell what is zero again, and remember what is not: the commit that follows makes it so."""
    now, alarms = run.ports.clock.now(), run.ledger.alarms
    over = {} if is_blind else {name: at for name, at in alarms.ringing.items() if _is_zero(run, name, found)}
    for name in over:
        give_report(run.ports, name)
    ringing = {name: at for name, at in alarms.ringing.items() if name not in over or now - at < _APART_SECONDS}
    ringing |= {name: now for name in _NAMES if found[name]}
    if ringing != alarms.ringing:
        run.ledger = replace(run.ledger, alarms=replace(alarms, ringing=ringing))


def note_ringing(run: RunState, name: str) -> None:
    """Remember what is about to be told by a run that looked at nothing else; the commit that follows makes it so."""
    alarms = run.ledger.alarms
    run.ledger = replace(run.ledger, alarms=replace(alarms, ringing={**alarms.ringing, name: run.ports.clock.now()}))


def note_found(run: RunState, found: Found) -> None:
    """Tell what is not zero, once it is remembered."""
    for name in _NAMES:
        if found[name]:
            give_report(run.ports, name, found[name])


def _is_zero(run: RunState, name: str, found: Found) -> bool:
    """Whether there is none of it, and this run would have seen it.

    A run that resumes decides nothing, and a switch that cannot be read lets no sale be due. Of what calls for
    attention some is seen by ticks only: they ask the strategies, and are measured.
    """
    knows = run.decision is not None and not run.ledger.alarms.unread_switches
    return name in _NAMES and not found[name] and knows and (name != ATTENTION or run.tick.decides)


def _list_money(run: RunState) -> Iterator[str]:
    if (unfunded := why_not_fund(run.ledger)) is not None:
        code, numbers = unfunded
        told = ", ".join(
            f"{name} {plain(each) if isinstance(each, Decimal) else each}" for name, each in numbers.items()
        )
        yield f"{code.meaning} ({code}): {told}. Nothing is entered until {_MONEY_ENDS[code]}"


def _list_doubts(run: RunState) -> Iterator[str]:
    now = run.ports.clock.now()
    for record in run.ledger.active_orders:
        intent, age = record.intent, now - record.intent.decided_at
        if record.is_in_doubt and age > _DOUBT_SECONDS:
            yield f"order {intent.client_order_id} of {intent.product_id} is in doubt for {age} s: {record.note}"
    unread = run.ledger.alarms.unread_switches
    if unread >= _UNREAD_SWITCHES:
        yield f"the kill switch could not be read {unread} runs in a row, which counts as HALT"


def _list_oddities(run: RunState) -> Iterator[str]:
    for base, why in await_person(run.ledger).items():
        yield f"{base} takes no entries until a person has looked: {why}"
    for product_id, age in find_unbelieved(run.ledger, run.ports.clock.now()).items():
        yield f"{product_id} is held, and no price of it has been believed for {age} s{_explain(run, product_id)}"


def _explain(run: RunState, product_id: str) -> str:
    verdicts = run.decision.verdicts if run.decision is not None else ()
    told = (each.details for each in verdicts if each.product_id == product_id and "unbelieved" in each.details)
    return next((f": {details['unbelieved']}" for details in told), "")


def _list_failures(run: RunState) -> Iterator[str]:
    for note in run.notes:
        if note.kind is EventKind.STRATEGY_FAILED:
            yield f"strategy {note.body.get('strategy')} failed and was left out: {note.body.get('error')}"
    yield from run.strange.values()
    owed, unrecorded = len(run.ledger.owed), run.ledger.unrecorded - run.before.unrecorded
    if owed or unrecorded > 0:
        trouble = f": {run.records.trouble}" if run.records.trouble else ""
        yield f"{owed} records are owed to the bucket, {unrecorded} more are lost{trouble}"


def _list_limits(run: RunState) -> Iterator[str]:
    size, quarter = run.grant.size_bytes, run.grant.size_max // 4
    if quarter and size >= quarter:
        yield f"the ledger takes {size} bytes; from {2 * quarter} on nothing is entered"
    took, allowed = run.ports.clock.now() - run.began_at, run.tick.deadline - run.began_at
    if run.tick.decides and 5 * took >= 4 * allowed:
        yield f"the cycle took {took} s of the {allowed} s that it may take"
