"""Why a product was bought, kept, sold or left alone in one cycle: one object with all that the record has of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from desk.journal.checks import list_checks
from desk.journal.decisions import RecordedDecision, iterate_decisions
from desk.journal.reasons import choose_next, describe_need, find_code, list_limits
from desk.journal.runs import STANDINGS, Journal
from desk.journal.stages import describe_stages
from trader.errors import ConfigError, MissingData
from trader.model.codec import encode
from trader.model.denials import DenialCode
from trader.model.events import EventKind
from trader.model.ids import Instant, rfc3339
from trader.settings import Settings

#: So many cycles are looked through for the same reason.
LOOK_BACK = 12
_NAMES_SHOWN = 30


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: about which product, as of which instant; the newest cycle if none is given."""

    product: str
    at: Instant | None = None


def describe_decision(journal: Journal, question: Question, settings: Settings, now: Instant) -> dict[str, Any]:
    """Tell all that is on record about a product in the newest cycle, or in the one at or before an instant.

    Raises: MissingData if no cycle is on record then, ConfigError for a product that was not considered, AuditError.
    """
    recent = list(islice(iterate_decisions(journal.iterate_runs(question.at)), LOOK_BACK))
    if not recent:
        when = f" at or before {rfc3339(question.at)}" if question.at is not None else ""
        raise journal.explain_nothing(f"no cycle of {journal.scope}{when} is on record")
    decision = recent[0]
    outline = decision.outline(settings)
    product = find_product(question.product, recent)
    verdict = decision.verdicts().get(product)
    known = settings if decision.inputs.get("config") == settings.digest else None
    told: dict[str, Any] = {
        "scope": journal.scope,
        "cycle": decision.run.cycle_id,
        "at": rfc3339(decision.run.at),
        "age_seconds": (question.at if question.at is not None else now) - decision.run.at,
        "asked_at": rfc3339(question.at) if question.at is not None else None,
        "outcome": outline.outcome,
        "reason": outline.reason,
        "standing": decision.run.standing.value,
        "caution": STANDINGS[decision.run.standing],
        "code_version": decision.inputs.get("code"),
        "config": decision.inputs.get("config"),
        "is_config_of_now": known is not None,
        "product": product,
        "trading_state": decision.inputs.get("trading_state"),
        "equity": decision.risk.get("equity"),
        "quote": encode(decision.quote(product)),
    }
    regime = decision.run.find_body(EventKind.REGIME_ASSESSED)
    told["regime"] = {name: regime.get(name) for name in ("regime", "trend_pct", "volatility_pct")} if regime else None
    if verdict is None:
        told |= {"verdict": None, **_describe_absence(product, recent)}
    else:
        told |= _explain_verdict(decision, product, verdict, known)
        told["same_reason"] = _count_same(product, verdict, recent)
    told["broken"] = [each.told for each in journal.broken]
    return told


def _explain_verdict(
    decision: RecordedDecision, product: str, verdict: Mapping[str, Any], settings: Settings | None
) -> dict[str, Any]:
    code, details = verdict.get("code"), verdict.get("details") or {}
    meaning = find_code(code)
    limits = list_limits(code, details)
    return {
        "verdict": {**verdict, "meaning": meaning.meaning if meaning is not None else None},
        "stages": [
            {"stage": each.stage, "state": each.state, "lines": list(each.lines)}
            for each in describe_stages(decision, product, verdict, settings)
        ],
        "limits": [
            {**encode(each._asdict()), "holds": each.holds, "way_pct": encode(each.way_pct), "text": each.write()}
            for each in limits
        ],
        "checks": [
            {"code": each.code, "state": each.state, "numbers": each.numbers}
            for each in list_checks(decision, product, verdict, settings)
        ],
        "would_need": _describe_next_tick(decision, code, settings) or describe_need(code, details),
        "next": choose_next(product, str(verdict.get("outcome")), code),
    }


def _describe_next_tick(decision: RecordedDecision, code: str | None, settings: Settings | None) -> str:
    # No setting mends that the run of a tick began too late for it, as the first one of a loop does.
    now, tick = decision.inputs.get("now"), decision.inputs.get("scheduled_at")
    if code != DenialCode.TICK_STALE or not isinstance(now, int) or not isinstance(tick, int):
        return ""
    at = ""
    if settings is not None:
        period = settings.cycle.period_seconds
        at = f" at {rfc3339(Instant(now - (now - tick) % period + period))}"
    return f"the next tick{at}, which is fresh: this run started {now - tick} s after its own"


def find_product(asked: str, recent: Sequence[RecordedDecision]) -> str:
    """Find the product that is meant, in any case, or by its base asset alone.

    Raises: ConfigError, naming those that were considered.
    """
    wanted = asked.strip().upper()
    known = dict.fromkeys(name for each in recent for name in each.verdicts())
    by_name = [each for each in known if each.upper() == wanted]
    by_base = [each for each in known if each.upper().rpartition("-")[0] == wanted]
    found = by_name or by_base
    if len(found) == 1:
        return found[0]
    if found:
        raise ConfigError(f"{asked} may be {' or '.join(sorted(found))}; allowed is one of them")
    cycle = recent[0].run.cycle_id
    if not known:
        outline = recent[0].outline()
        raise MissingData(f"cycle {cycle} {outline.outcome} and considered no product: {outline.reason}")
    names = sorted(known)
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    raise ConfigError(f"{asked} was not considered by {cycle}; allowed are {', '.join(names[:_NAMES_SHOWN])}{more}")


def _describe_absence(product: str, recent: Sequence[RecordedDecision]) -> dict[str, Any]:
    """Say of a product that this cycle did not consider when one did, and what it said."""
    for each in recent:
        found = each.verdicts().get(product)
        if found is not None:
            last = {"cycle": each.run.cycle_id, "at": rfc3339(each.run.at), "verdict": found}
            return {"last_considered": last, "next": f"trader why {product} --at {rfc3339(each.run.at)}"}
    return {"last_considered": None, "next": "trader cycles"}


def _count_same(product: str, verdict: Mapping[str, Any], recent: Sequence[RecordedDecision]) -> dict[str, int]:
    reasons = [each.verdicts().get(product) for each in recent]
    mine = verdict.get("outcome"), verdict.get("code")
    same = sum(each is not None and (each.get("outcome"), each.get("code")) == mine for each in reasons)
    return {"count": same, "of": len(recent)}
